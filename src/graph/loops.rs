//! Loops whose number of steps comes out, and choices, in every arithmetic: on handles operations of the trace, on numbers loops of Rust.

use super::body_result::{BodyResult, Condition};
use super::nothing::nothing_like;
use super::trace;
use crate::base::Width;
use crate::base::revolve::Budget;
use crate::error::{Error, Kind, Result};
use crate::op::{IntoValues, Real, Turns, Values, lit};

/// A loop that runs as long as a condition holds, which is asked before each step.
///
/// ```
/// use wengert::{Dual, Function, Real, lit, while_loop};
/// // √a by Newton's method (Heron)
/// fn root<T: Real>(a: T) -> T {
///     while_loop(a, |x| (x * x - a).abs().gt(a * lit(1e-12)), |x| (x + a / x) * lit(0.5))
/// }
/// assert!((root(9.0) - 3.0f64).abs() < 1e-12);
/// assert!((root(Dual::new(9.0, 1.0)).eps() - 1.0 / 6.0f64).abs() < 1e-9);
/// let [y, t_y] = Function::trace("a", root)?.jvp()?.compile()?.call([9.0f64, 1.0])?;
/// assert!((y - 3.0).abs() < 1e-12 && (t_y - 1.0 / 6.0).abs() < 1e-9);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// On numbers, duals and jets it is a loop of Rust, and costs what one costs. On handles it is one operation of the trace: its closures are traced
/// once, compiled once, and may use handles of the trace around them. Reverse mode keeps a record of every turn: what the turn was given to carry,
/// as far as its adjoint reads it, and results that are costly. Records are in memory that grows with the turns, up to
/// [`Options::memory_limit`](crate::Options::memory_limit). That it ends is up to its condition: one that never fails is a call that never returns,
/// unless [`Options::turn_limit`](crate::Options::turn_limit) makes it an error. [`While`] has checkpoints instead of records, and a bound, whose result is a
/// number.
///
/// The condition is the outcome of a comparison, by `x.gt(y)`, `lt`, `ge`, `le`, `eq`, `ne`, and `&`, `|`, `!` of these; on handles `x > 1.0` does
/// not compile. What is carried may start from plain numbers, integers as well: `while_loop((x, 0), …)` (see [`IntoValues`]). Both closures may
/// give a [`Result`]; where the body does, so does the loop (see [`BodyResult`]).
///
/// # Errors
/// Of the trace: a body that gives another shape to carry on than it takes; a condition that is no single truth value.
#[inline]
#[track_caller]
pub fn while_loop<A, V, C, Q, R>(init: C, mut condition: impl FnMut(V) -> Q, mut body: impl FnMut(V) -> R) -> R::Of<V>
where
    A: Real,
    V: Values<A>,
    C: IntoValues<A, Values = V>,
    Q: Condition<A::Mask>,
    R: BodyResult<V, A>,
{
    let init = init.into_values();
    let like = A::SYMBOLIC.then(|| init.clone());
    let made = A::turns(Turns::default(), init, |c| condition(c).outcome(), |c| body(c).values());
    R::of(made, || nothing_like(&like))
}

/// A [`while_loop`] with settings: a bound on its turns, how much memory for its adjoint. What it carries is NaN, and so are its
/// derivatives, where the condition still holds at the bound.
///
/// ```
/// use wengert::{Function, While};
/// let f = Function::trace("a", |a| While::at_most(20).run(a, |x| (x * x - a).abs().gt(a * 1e-12), |x| (x + a / x) * 0.5))?;
/// let [y, d] = f.value_and_grad()?.compile()?.call([9.0f64])?;
/// assert!((y - 3.0).abs() < 1e-12 && (d - 1.0 / 6.0).abs() < 1e-9);
/// // Three turns are not enough.
/// let short = Function::trace("x", |x| While::at_most(3).run(x, |x| x.gt(1.0), |x| x * 0.5))?;
/// assert!(short.eval(&[100.0f64])?[0].is_nan() && short.grad()?.eval(&[100.0f64])?[0].is_nan());
/// assert_eq!(short.eval(&[5.0])?, [0.625]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// It costs the turns that are made, and one condition more; the bound costs nothing.
#[derive(Copy, Clone, Debug)]
pub struct While {
    most: Option<usize>,
    keep: bool,
    how: Turns,
}

/// How a bounded loop went.
#[derive(Clone)]
pub struct Looped<V, A: Real> {
    /// What is carried in the end.
    pub last: V,
    /// How many turns were made.
    pub turns: A,
    /// Whether it has ended by itself; without a bound it has.
    pub ended: A::Mask,
}

impl While {
    /// So many turns at most.
    pub fn at_most(turns: usize) -> While {
        While { most: Some(turns), ..While::unbounded() }
    }

    /// As many turns as the condition holds.
    pub fn unbounded() -> While {
        While { most: None, keep: false, how: Turns::default() }
    }

    /// For reverse mode: no more than so many of the states that turns are given to carry are in memory at a time, that at the start included, beside
    /// four to work in; nothing else of a turn is. Which ones are kept is decided while the loop runs, whose end nobody knows (Q. Wang, P. Moin and
    /// G. Iaccarino, Minimal repetition dynamic checkpointing algorithm for unsteady adjoint calculation, 2009; the question and its measure are P. Stumm
    /// and A. Walther's, New algorithms for optimal online checkpointing, 2010). Turns run again from there: with three states or more at most half as
    /// often again as the fewest runs for the number of turns that there were, which are those of [`Scan::checkpoints`](crate::Scan::checkpoints).
    /// Gradients have the bits that they have without.
    ///
    /// Memory for all of them is set aside, whether the loop makes as many turns or not. Costly results within a turn are not kept for its adjoint
    /// either, but computed once more. Forward mode over reverse mode keeps as many states, with their tangents; under
    /// [`vmap`](crate::Function::vmap) a state is that of all samples; reverse mode over reverse mode keeps records of all turns. It is a choice between
    /// memory and time: over a few numbers a loop with checkpoints is no longer one piece of native code.
    /// [`Function::remat_cost`](crate::Function::remat_cost) says what the states take.
    ///
    /// ```
    /// use wengert::{Expr, Function, While};
    /// let f = |how: While| Function::trace(["a", "x"], |[a, x]| {
    ///     how.run((x, 0.0), |(_, t): (Expr, Expr)| t.lt(1000.0), |(x, t)| ((x * a).sin(), t + 1.0)).0
    /// });
    /// let (all, few) = (f(While::unbounded())?, f(While::unbounded().checkpoints(10))?);
    /// let x = [("a", 1.5), ("x", 0.5)];
    /// assert_eq!(all.grad()?.compile()?.run(x)?["d_a"], few.grad()?.compile()?.run(x)?["d_a"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of a call: 0 states, where an adjoint wants them.
    pub fn checkpoints(mut self, states: usize) -> While {
        self.how.budget = Some(Budget::States(states));
        self
    }

    /// As [`checkpoints`](While::checkpoints), with as many states as take no more than so many bytes. In a derivative a state is all that is carried:
    /// tangents, and under [`vmap`](crate::Function::vmap) all samples.
    ///
    /// # Errors
    /// Of a call: fewer bytes than a state takes, where an adjoint wants one.
    pub fn checkpoint_bytes(mut self, bytes: usize) -> While {
        self.how.budget = Some(Budget::Bytes(bytes));
        self
    }

    /// Where the bound was hit, what is carried is as it was then, not NaN.
    pub fn keep_unfinished(self) -> While {
        While { keep: true, ..self }
    }

    /// Runs, as [`while_loop`].
    ///
    /// # Errors
    /// As [`while_loop`]; a bound that the arithmetic does not count up to (2²⁴ in `f32`).
    #[inline]
    #[track_caller]
    pub fn run<A, V, C, Q, R>(self, init: C, mut condition: impl FnMut(V) -> Q, mut body: impl FnMut(V) -> R) -> R::Of<V>
    where
        A: Real,
        V: Values<A>,
        C: IntoValues<A, Values = V>,
        Q: Condition<A::Mask>,
        R: BodyResult<V, A>,
    {
        let init = init.into_values();
        let like = A::SYMBOLIC.then(|| init.clone());
        let made = match self.most {
            None => A::turns(self.how, init, |c| condition(c).outcome(), |c| body(c).values()),
            Some(_) => self.looped(init, condition, |c| body(c).values()).map(|looped| looped.last),
        };
        R::of(made, || nothing_like(&like))
    }

    /// Runs, and says how it went.
    ///
    /// ```
    /// use wengert::{Function, While};
    /// let f = Function::trace("x", |x| {
    ///     let halved = While::at_most(9).report(x, |x| x.gt(1.0), |x| x * 0.5);
    ///     (halved.last, halved.turns)
    /// })?;
    /// assert_eq!(f.eval(&[5.0])?, [0.625, 3.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`While::run`].
    #[inline]
    #[track_caller]
    pub fn report<A, V, C, Q, R>(
        self,
        init: C,
        condition: impl FnMut(V) -> Q,
        mut body: impl FnMut(V) -> R,
    ) -> R::Of<Looped<V, A>>
    where
        A: Real,
        V: Values<A>,
        C: IntoValues<A, Values = V>,
        Q: Condition<A::Mask>,
        R: BodyResult<V, A>,
    {
        let init = init.into_values();
        let like = A::SYMBOLIC.then(|| init.clone());
        let made = self.looped(init, condition, |c| body(c).values());
        let nothing = || Looped { last: nothing_like(&like), turns: lit(f64::NAN), ended: lit::<A>(0.0).ne(lit(0.0)) };
        R::of(made, nothing)
    }

    #[inline]
    #[track_caller]
    fn looped<A: Real, V: Values<A>, Q: Condition<A::Mask>>(
        self,
        init: V,
        mut condition: impl FnMut(V) -> Q,
        mut body: impl FnMut(V) -> Result<V>,
    ) -> Result<Looped<V, A>> {
        let most = self.most.map(|most| counted::<A>("while_loop", most)).transpose()?;
        let goes = |(c, turns): (V, A)| {
            let goes = condition(c).outcome()?;
            Ok(most.map_or(goes, |most| goes & turns.lt(most)))
        };
        let (last, turns) = A::turns(self.how, (init, lit::<A>(0.0)), goes, |(c, turns)| Ok((body(c)?, turns + lit(1.0))))?;
        let ended = !condition(last.clone()).outcome()?;
        if self.keep || most.is_none() || !A::SYMBOLIC && A::holds(ended) {
            return Ok(Looped { last, turns, ended });
        }
        // As a factor it makes derivatives NaN, too.
        let factor = A::select(ended, lit(1.0), lit(f64::NAN));
        let parts = last.parts().into_iter().map(|x| if x.is_float() { x * factor } else { x });
        let last = last.with(&mut parts.collect::<Vec<A>>().into_iter());
        Ok(Looped { last, turns, ended })
    }
}

/// A number of turns or steps, up to which the arithmetic counts one by one.
#[inline]
#[track_caller]
pub(crate) fn counted<A: Real>(what: &str, turns: usize) -> Result<A> {
    let is_exact = |turns: usize| lit::<A>(turns as f64).known() == Some(turns as f64);
    let narrow = A::SYMBOLIC && trace::width() == Some(Width::F32) && turns > 1 << f32::MANTISSA_DIGITS;
    match is_exact(turns) && is_exact(turns.saturating_sub(1)) && !narrow {
        true => Ok(lit(turns as f64)),
        false => Err(Error::here(Kind::Limit, format!("{what}: this arithmetic does not count up to {turns}"))),
    }
}

/// The first function's results where a single truth value holds, else the second's; only that one is computed, forward and backward.
/// For a choice place by place see [`select`](crate::select).
///
/// ```
/// use wengert::{Dual, Real, cond, lit};
/// fn root_or_zero<T: Real>(x: T) -> T {
///     cond(x.gt(lit(0.0)), || x.sqrt(), || lit::<T>(0.0))
/// }
/// assert_eq!(root_or_zero(Dual::new(4.0, 1.0)).eps(), 0.25);
/// assert_eq!(root_or_zero(Dual::new(-4.0, 1.0)).eps(), 0.0);
/// ```
///
/// On handles both functions are traced, and take what they need from the trace around:
///
/// ```
/// use wengert::{Function, cond};
/// let f = Function::trace(["x[3]"], |[x]| cond(x.sum(..).gt(0.0), || x.ln().sum(..), || x.sum(..)))?;
/// let g = f.grad()?;
/// assert_eq!(g.run([("x", [1.0, 2.0, 4.0])])?[0].data(), [1.0, 0.5, 0.25]);
/// assert_eq!(g.run([("x", [-1.0, 0.0, 0.0])])?[0].data(), [1.0; 3]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// On handles either function may give a plain number; either may give a [`Result`], and where the first does, so does the choice (see
/// [`BodyResult`]).
///
/// # Errors
/// Of the trace: results of different shapes; a condition that is no single truth value.
#[inline]
#[track_caller]
pub fn cond<M, A, C, P, Q>(holds: M, then: impl FnOnce() -> P, otherwise: impl FnOnce() -> Q) -> P::Of<C>
where
    A: Real<Mask = M>,
    C: Values<A>,
    P: BodyResult<C, A, M>,
    Q: BodyResult<C, A, M>,
{
    let mut like: Option<C> = None;
    let first = || {
        let values = then().values()?;
        if A::SYMBOLIC {
            like = Some(values.clone());
        }
        Ok(values)
    };
    let made = A::either(holds, first, || otherwise().values());
    P::of(made, || nothing_like(&like))
}
