//! Scans in every arithmetic: loops whose number of steps is known when the function is called.

use super::body_result::BodyResult;
use super::handle::Expr;
use super::nothing::nothing_like;
use super::stacked;
use crate::base::revolve::{Budget, Checkpoints};
use crate::base::{Axis, Structure};
use crate::error::Result;
use crate::op::{IntoValues, Real, Steps, Values};
use std::panic::Location;

/// A loop over `xs`, whose steps carry a value: (c, xₜ) ↦ (c′, yₜ), c₀ = `init`. Gives the last c and all y. See [`Scan`] for the
/// other direction, for a number of steps and for fewer values in memory.
///
/// Over a slice, in every arithmetic, a step reads an item, and the y are a `Vec`:
///
/// ```
/// use wengert::{Dual, Real, lit, scan};
/// // an exponential moving average
/// fn average<T: Real>(a: T, x: &[T]) -> (T, Vec<T>) {
///     scan(0.0, x, |c, x| {
///         let c = a * x + (lit::<T>(1.0) - a) * c;
///         (c, c)
///     })
/// }
/// assert_eq!(average(0.5, &[4.0, 4.0, 8.0]), (5.5, vec![2.0, 3.0, 5.5]));
/// assert_eq!(average(Dual::new(0.5, 1.0), &[4.0, 4.0, 8.0].map(Dual::constant)).0.eps(), 7.0);
/// ```
///
/// Over an array of a trace it goes along the first axis, and the y are stacked along a new first axis. The body is traced once, and compiled once
/// whatever the length, which may be open. It may use handles of the trace around it. Derivatives: forward mode carries tangents along;
/// reverse mode keeps what each step was given to carry, and runs the steps' adjoints from the last to the first.
///
/// ```
/// use wengert::{Function, scan};
/// let f = Function::trace(["a", "x[n]"], |[a, x]| {
///     let (last, all) = scan(0.0, x, |c, x| {
///         let c = a * x + (1.0 - a) * c;
///         (c, c)
///     });
///     (("last", last), ("all", all))
/// })?;
/// let y = f.run((("a", 0.5), ("x", [4.0, 4.0, 8.0])))?;
/// assert_eq!((y["last"].data(), y["all"].data()), (&[5.5][..], &[2.0, 3.0, 5.5][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// The body may give a `Result`; then so does the scan (see [`BodyResult`]).
///
/// # Errors
/// Of the trace: first axes of different lengths; items of a slice with different shapes; a body that gives another shape to carry on than it takes.
#[inline]
#[track_caller]
pub fn scan<A, V, C, X, Y, R>(init: C, xs: X, body: impl FnMut(V, X::Item) -> R) -> R::Of<(V, X::Each<Y>)>
where
    A: Real,
    V: Values<A>,
    C: IntoValues<A, Values = V>,
    X: Sequence<A>,
    Y: Values<A>,
    R: BodyResult<(V, Y), A>,
{
    Scan::over(xs).run(init, body)
}

/// A [`scan`] with settings: over what, or how many steps; in which direction; with how much memory.
///
/// ```
/// use wengert::{Expr, Function, Scan};
/// // what each step sees of those after it, and a power whose exponent comes with the call
/// let f = Function::trace(["x", "w[n]"], |[x, w]| {
///     let (_, after) = Scan::over(w).reverse().run(0.0, |sum, w| (sum + w, sum));
///     let (power, ()) = Scan::steps("n").run(1.0, |power: Expr, ()| (power * x, ()));
///     (after, power)
/// })?;
/// let y = f.run((("x", 3.0), ("w", [1.0, 2.0, 4.0])))?;
/// assert_eq!((y[0].data(), y[1].data()), (&[6.0, 4.0, 0.0][..], &[27.0][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Scan<X = ()> {
    xs: X,
    how: Steps,
}

impl Scan {
    /// So many steps, which read nothing: the body's second argument is `()`. A name makes as many steps as the open axis of that name is long, in a
    /// trace. What the steps give is stacked in a trace, and a `Vec` among numbers.
    ///
    /// ```
    /// use wengert::{Real, Scan};
    /// fn power<T: Real>(x: T, n: usize) -> T {
    ///     Scan::steps(n).run((1.0, x), |(power, x), ()| ((power * x, x), ())).0.0
    /// }
    /// assert_eq!(power(3.0, 4), 81.0);
    /// ```
    pub fn steps(length: impl Into<Axis>) -> Scan {
        Scan { xs: (), how: Steps { length: Some(length.into()), ..Steps::default() } }
    }
}

impl<X> Scan<X> {
    /// A step for each item of a slice, or for each place of the first axis of an array, or of several of the same length that are read together.
    pub fn over(xs: X) -> Scan<X> {
        Scan { xs, how: Steps::default() }
    }

    /// From the last place to the first. What a step gives stands where it has read, so that yₜ belongs to xₜ in either direction; the last c is
    /// that of the step that ran last, which has read x₀.
    pub fn reverse(mut self) -> Self {
        self.how.reverse = true;
        self
    }

    /// For reverse mode: no more than so many of the states that steps are given to carry are in memory at a time, that at the start included, beside
    /// the one at hand. Steps run again from there, as few as can be (A. Griewank and A. Walther, Algorithm 799: revolve, 2000): for n steps and s
    /// states, the steps before others run r·n − (s + r choose s + 1) times in all, the first run included, where r is the smallest number with
    /// (s + r choose s) ≥ n. So 20 states serve 231 steps where none runs more
    /// than twice, 1,771 where none runs more than three times, 10,626 where none runs more than four times. Values and
    /// derivatives have the bits that they have without.
    ///
    /// Costly results within a step (of transcendental functions, products of matrices, linear algebra) are not kept for its adjoint either, but
    /// computed once more. What the steps give is in memory where anything but the adjoint reads it. Forward mode over reverse mode keeps as many states, with their tangents; reverse mode over
    /// reverse mode keeps all. [`Function::remat_cost`](crate::Function::remat_cost) says what is saved and what is spent.
    ///
    /// ```
    /// use wengert::{Expr, Function, Scan};
    /// let loss = |over: fn(Expr) -> Scan<Expr>| Function::trace(["w[64]", "x[t,64]"], |[w, x]| {
    ///     over(x).run(Expr::zeros(64), |h, x| ((h * w + x) * 0.5, ())).0.sum(..)
    /// });
    /// let (all, some) = (loss(Scan::over)?, loss(|x| Scan::over(x).checkpoints(20))?);
    /// let cost = some.remat_cost(&[("t", 1771)])?;
    /// assert_eq!((cost.checkpoint_bytes, cost.steps_again), (20 * 64 * 8, 3290));
    /// assert!(cost.saved() > 1700 * 64 * 8);
    /// let inputs = [("w", vec![0.3; 64]), ("x", vec![0.1; 64 * 99])];
    /// assert_eq!(all.grad()?.run(inputs.clone())?["d_w"], some.grad()?.run(inputs)?["d_w"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn checkpoints(mut self, states: usize) -> Self {
        self.how.checkpoints = Some(Checkpoints::Within(Budget::States(states)));
        self
    }

    /// As [`checkpoints`](Scan::checkpoints), with as many states as take no more than so many bytes; one at least, that at the start. In a
    /// derivative a state is all that is carried: tangents, and under [`vmap`](crate::Function::vmap) all samples.
    pub fn checkpoint_bytes(mut self, bytes: usize) -> Self {
        self.how.checkpoints = Some(Checkpoints::Within(Budget::Bytes(bytes)));
        self
    }

    /// As [`checkpoints`](Scan::checkpoints), with as few states as suffice for running each step once more: about √(2n) of n steps.
    pub fn segments(mut self) -> Self {
        self.how.checkpoints = Some(Checkpoints::Twice);
        self
    }

    /// Runs; see [`scan`].
    ///
    /// # Errors
    /// As [`scan`]; if there is nothing to read and no number of steps.
    #[inline]
    #[track_caller]
    pub fn run<A, V, C, Y, R>(self, init: C, mut body: impl FnMut(V, X::Item) -> R) -> R::Of<(V, X::Each<Y>)>
    where
        A: Real,
        V: Values<A>,
        C: IntoValues<A, Values = V>,
        X: Sequence<A>,
        Y: Values<A>,
        R: BodyResult<(V, Y), A>,
    {
        let init = init.into_values();
        let mut like = A::SYMBOLIC.then(|| (init.clone(), None));
        let step = |c, x| {
            let (c, y) = body(c, x).values()?;
            if let Some((_, each)) = &mut like {
                *each = Some(y.clone());
            }
            Ok((c, y))
        };
        let made = self.xs.run(self.how, init, step);
        R::of(made, || {
            let (c, y) = like.unzip();
            (nothing_like(&c), X::nothing_like(&y.flatten()))
        })
    }
}

/// What a [`scan`] reads: a slice of [`Values`], or in a trace arrays that are read along their first axis: an [`Expr`], a tuple, array, vector or
/// [`Structure`] of them. [`Scan::steps`] reads `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a scan reads",
    note = "a scan reads a slice, as in `&x[..]`, or arrays of a trace: a handle, or a tuple, array, vector or structure of them"
)]
pub trait Sequence<A: Real> {
    /// What a step reads.
    type Item;
    /// What the steps give together, of which each gives a `Y`.
    type Each<Y>;
    /// Runs the steps.
    #[doc(hidden)]
    #[track_caller]
    fn run<C: Values<A>, Y: Values<A>>(
        self,
        how: Steps,
        init: C,
        body: impl FnMut(C, Self::Item) -> Result<(C, Y)>,
    ) -> Result<(C, Self::Each<Y>)>;
    /// What stands for that where it could not be made.
    #[doc(hidden)]
    fn nothing_like<Y: Values<A>>(like: &Option<Y>) -> Self::Each<Y>;
}

macro_rules! lists {
    ($([$($parameter:tt)*] $List:ty;)*) => { $(
        impl<A: Real, S: Values<A> $($parameter)*> Sequence<A> for &$List {
            type Item = S;
            type Each<Y> = Vec<Y>;
            #[inline]
            #[track_caller]
            fn run<C: Values<A>, Y: Values<A>>(
                self,
                how: Steps,
                init: C,
                body: impl FnMut(C, S) -> Result<(C, Y)>,
            ) -> Result<(C, Vec<Y>)> {
                match self.len() {
                    0 => Ok((init, vec![])),
                    n => A::scanned(how, n, |k| self[k].clone(), init, body),
                }
            }
            fn nothing_like<Y: Values<A>>(_: &Option<Y>) -> Vec<Y> {
                vec![]
            }
        }
    )* };
}
lists! { [] [S]; [] Vec<S>; [, const N: usize] [S; N]; }

impl<A: Real> Sequence<A> for () {
    type Item = ();
    type Each<Y> = A::Stacked<Y>;
    #[inline]
    #[track_caller]
    fn run<C: Values<A>, Y: Values<A>>(
        self,
        how: Steps,
        init: C,
        mut body: impl FnMut(C, ()) -> Result<(C, Y)>,
    ) -> Result<(C, A::Stacked<Y>)> {
        A::counted(how, init, |c| body(c, ()))
    }
    fn nothing_like<Y: Values<A>>(like: &Option<Y>) -> A::Stacked<Y> {
        A::together(vec![nothing_like(like)])
    }
}

macro_rules! arrays {
    ($([$($parameters:tt)*] $X:ty;)*) => { $(
        impl<$($parameters)*> Sequence<Expr> for $X {
            type Item = Self;
            type Each<Y> = Y;
            #[track_caller]
            fn run<C: Values<Expr>, Y: Values<Expr>>(
                self,
                how: Steps,
                init: C,
                body: impl FnMut(C, Self) -> Result<(C, Y)>,
            ) -> Result<(C, Y)> {
                stacked::scanned(how, init, &self, body, Location::caller())
            }
            fn nothing_like<Y: Values<Expr>>(like: &Option<Y>) -> Y {
                nothing_like(like)
            }
        }
    )* };
}
arrays! {
    [X: Structure<Leaf = Expr, With<Expr> = X> + Clone] X;
    [P: Values<Expr>] (P,);
    [P: Values<Expr>, Q: Values<Expr>] (P, Q);
    [P: Values<Expr>, Q: Values<Expr>, R: Values<Expr>] (P, Q, R);
    [P: Values<Expr>, Q: Values<Expr>, R: Values<Expr>, S: Values<Expr>] (P, Q, R, S);
    [P: Values<Expr>, Q: Values<Expr>, R: Values<Expr>, S: Values<Expr>, T: Values<Expr>] (P, Q, R, S, T);
    [P: Values<Expr>, Q: Values<Expr>, R: Values<Expr>, S: Values<Expr>, T: Values<Expr>, U: Values<Expr>] (P, Q, R, S, T, U);
}
