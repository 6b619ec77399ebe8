//! Loops whose number of steps comes out, and choices, as operations of a trace. Their bodies are traced once, as functions of their
//! own, and may use handles of the trace around them.

use super::body::{Body, fitting, joined, ports};
use super::body_result::{BodyResult, IntoValues};
use super::control::{Type, list, types_out};
use super::handle::{Cond, Expr};
use super::model::Control;
use super::scan::Scan;
use super::trace;
use super::values::{Values, nothing_like};
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind};
use crate::op::select;
use std::panic::Location;

/// A loop that runs as long as a condition holds, which is asked before each step. Nobody knows how many steps reverse mode would have to keep, so
/// it carries a tangent for each number that the loop depends on; of more than 128 it is an error: see [`while_loop_at_most`].
///
/// ```
/// use wengert::{Function, while_loop};
/// // √a by Newton's method (Heron)
/// let f = Function::trace("a", |a| while_loop(a, |x| (x * x - a).abs().gt(a * 1e-12), |x| (x + a / x) * 0.5))?;
/// let [y, t_y] = f.jvp()?.compile()?.call([9.0f64, 1.0])?;
/// assert!((y - 3.0).abs() < 1e-12 && (t_y - 1.0 / 6.0).abs() < 1e-9);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// The condition is a [`Cond`], by `x.gt(1.0)`, `lt`, `ge`, `le`, `eq`, `ne`, and `&`, `|`, `!` of these; `x > 1.0` does not compile. What
/// is carried may start from plain numbers, integers as well: `while_loop((x, 0), …)`. Both closures may give a [`Result`]; where the
/// body does, so does the loop (see [`BodyResult`]).
///
/// # Errors
/// Of the trace: a body that gives another shape to carry on than it takes; a condition that is no single truth value.
#[track_caller]
pub fn while_loop<C: IntoValues, Q: BodyResult<Cond>, R: BodyResult<C::Values>>(
    init: C,
    condition: impl FnOnce(C::Values) -> Q,
    body: impl FnOnce(C::Values) -> R,
) -> R::Of<C::Values> {
    let at = Location::caller();
    let init = init.into_values();
    let carries = init.parts();
    let n = carries.len();
    let types: Vec<Type> = carries.iter().map(|&c| trace::type_of(c)).collect();
    let made = (|| {
        let condition = Body::trace("while_loop", &types, at, |args| {
            let holds = condition(init.with(&mut args.iter().copied())).values()?;
            Ok((true, vec![select(holds, 1.0, 0.0)]))
        })?;
        let body = Body::trace("while_loop", &types, at, |args| {
            let next = body(init.with(&mut args.iter().copied())).values()?.parts();
            Ok((next.len() == n, fitting(next, &types)))
        })?;
        body.check_carried("while_loop", &types, at)?;
        let [condition, body] = joined([condition, body], n)?;
        if let [(shape, _)] = types_out(&condition.f)[..]
            && shape != Shape::SCALAR
        {
            let message = format!("while_loop: the condition has the shape {shape}, and is to be one truth value");
            return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
        }
        let control = Control::While { condition: condition.f, body: body.f, carries: n };
        Ok(ports(control, &[&carries[..], &body.captured].concat(), n, 0, at).0)
    })();
    R::of(made.map(|last| init.with(&mut last.into_iter())), || nothing_like(&init))
}

/// As [`while_loop`], with a bound on the number of steps, which makes reverse mode possible: it is a [`scan`](crate::scan) over `steps` steps,
/// which leaves what is carried as it is from where the condition does not hold.
///
/// # Errors
/// As [`while_loop`].
#[track_caller]
pub fn while_loop_at_most<C: IntoValues, Q: BodyResult<Cond>, R: BodyResult<C::Values>>(
    steps: usize,
    init: C,
    condition: impl FnOnce(C::Values) -> Q,
    body: impl FnOnce(C::Values) -> R,
) -> R::Of<C::Values> {
    let (at, init) = (Location::caller(), init.into_values());
    let run = |c: C::Values, (): ()| {
        let holds = condition(c.clone()).values()?;
        let (old, next) = (c.parts(), body(c.clone()).values()?.parts());
        if next.len() != old.len() {
            let message = "while_loop_at_most: the body gives another number of values to carry on than it takes";
            return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
        }
        let kept = old.into_iter().zip(next).map(|(old, new)| select(holds, new, old)).collect::<Vec<_>>();
        Ok((c.with(&mut kept.into_iter()), ()))
    };
    let made = Scan::steps(steps).called("while_loop_at_most").run(init.clone(), run);
    R::of(made.map(|(last, ())| last), || nothing_like(&init))
}

/// The first function's results where a single truth value holds, else the second's; only that one is computed, forward and backward.
/// The functions take what they need from the trace around. For a choice place by place see [`select`].
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
/// Either function may give a plain number, or a [`Result`]; where the first does, so does the choice (see [`BodyResult`]).
///
/// # Errors
/// Of the trace: results of different shapes; a condition that is no single truth value.
#[track_caller]
pub fn cond<C: Values, A: BodyResult<C>, B: BodyResult<C>>(
    holds: Cond,
    then: impl FnOnce() -> A,
    otherwise: impl FnOnce() -> B,
) -> A::Of<C> {
    let at = Location::caller();
    let mut like: Option<C> = None;
    let made = (|| {
        let a = Body::trace("cond", &[], at, |_| Ok((true, like.insert(then().values()?).parts())))?;
        let b = Body::trace("cond", &[], at, |_| Ok((true, otherwise().values()?.parts())))?;
        let [types, others] = [&a, &b].map(|body| types_out(&body.f));
        if types != others {
            let message = format!("cond: one branch gives {}, the other {}", list(&types), list(&others));
            return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
        }
        let [a, b] = joined([a, b], 0)?;
        let control = Control::Choice { bodies: [a.f, b.f] };
        let number = select(holds, 1.0, 0.0);
        Ok(ports(control, &[&[number], &a.captured[..]].concat(), types.len(), 0, at).0)
    })();
    let of = |parts: Vec<Expr>| like.as_ref().expect("a branch has been traced").with(&mut parts.into_iter());
    A::of(made.map(of), || nothing_like(like.as_ref().expect("a branch that gives values has been traced")))
}
