//! Loops whose number of steps comes out, and choices, in every arithmetic: on handles operations of the trace, on numbers loops of Rust.

use super::body_result::{BodyResult, Condition};
use super::nothing::nothing_like;
use crate::op::{IntoValues, Real, Values};

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
/// once, compiled once, and may use handles of the trace around them. Nobody knows how many steps reverse mode would have to keep, so
/// it carries a tangent for each number that the loop depends on; of more than 128 it is an error: see [`while_loop_at_most`].
///
/// The condition is the outcome of a comparison, by `x.gt(y)`, `lt`, `ge`, `le`, `eq`, `ne`, and `&`, `|`, `!` of these; on handles `x > 1.0` does
/// not compile. What is carried may start from plain numbers, integers as well: `while_loop((x, 0), …)` (see [`IntoValues`]). Both closures may
/// give a [`Result`]; where the body does, so does the loop (see [`BodyResult`]).
///
/// # Errors
/// Of the trace: a body that gives another shape to carry on than it takes; a condition that is no single truth value.
#[inline]
#[track_caller]
pub fn while_loop<A, V, C, Q, R>(init: C, condition: impl FnMut(V) -> Q, body: impl FnMut(V) -> R) -> R::Of<V>
where
    A: Real,
    V: Values<A>,
    C: IntoValues<A, Values = V>,
    Q: Condition<A::Mask>,
    R: BodyResult<V, A>,
{
    looped(None, init.into_values(), condition, body)
}

/// As [`while_loop`], with a bound on the number of steps, which makes reverse mode possible. On handles it is a [`scan`](crate::scan) over `steps`
/// steps, which leaves what is carried as it is from where the condition does not hold.
///
/// # Errors
/// As [`while_loop`].
#[inline]
#[track_caller]
pub fn while_loop_at_most<A, V, C, Q, R>(
    steps: usize,
    init: C,
    condition: impl FnMut(V) -> Q,
    body: impl FnMut(V) -> R,
) -> R::Of<V>
where
    A: Real,
    V: Values<A>,
    C: IntoValues<A, Values = V>,
    Q: Condition<A::Mask>,
    R: BodyResult<V, A>,
{
    looped(Some(steps), init.into_values(), condition, body)
}

#[inline]
#[track_caller]
fn looped<A: Real, V: Values<A>, Q: Condition<A::Mask>, R: BodyResult<V, A>>(
    most: Option<usize>,
    init: V,
    mut condition: impl FnMut(V) -> Q,
    mut body: impl FnMut(V) -> R,
) -> R::Of<V> {
    let like = A::SYMBOLIC.then(|| init.clone());
    let made = A::turns(most, init, |c| condition(c).outcome(), |c| body(c).values());
    R::of(made, || nothing_like(&like))
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
