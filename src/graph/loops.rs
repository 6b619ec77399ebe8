//! Loops whose number of steps comes out, and choices, as operations of a trace. Their bodies are traced once, as functions of their
//! own, and may use handles of the trace around them.

use super::body::{Body, fitting, given, joined, ports};
use super::control::{Type, types_out};
use super::handle::{Cond, Expr};
use super::model::Control;
use super::scan::Scan;
use super::trace;
use super::values::Values;
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind};
use crate::op::{lit, select};
use std::panic::Location;

/// A loop that runs as long as a condition holds, which is asked before each step. Forward mode works; reverse mode, which would
/// have to keep a number of steps that nobody knows, is an error: see [`while_loop_at_most`].
///
/// ```
/// use wengert::{Array, Function, while_loop};
/// // √a by Newton's method (Heron)
/// let f = Function::trace("a", |a| while_loop(a, |x| (x * x - a).abs().gt(a * 1e-12), |x| (x + a / x) * 0.5))?;
/// let y = f.jvp()?.eval_arrays(&[Array::scalar(9.0), Array::scalar(1.0)])?;
/// assert!((y[0].data()[0] - 3.0f64).abs() < 1e-12 && (y[1].data()[0] - 1.0f64 / 6.0).abs() < 1e-9);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: a body that gives another shape to carry on than it takes; a condition that is no single truth value.
#[track_caller]
pub fn while_loop<C: Values>(init: C, condition: impl FnOnce(C) -> Cond, body: impl FnOnce(C) -> C) -> C {
    let at = Location::caller();
    let carries = init.parts();
    let n = carries.len();
    let types: Vec<Type> = carries.iter().map(|&c| trace::type_of(c)).collect();
    let made = (|| {
        let condition = Body::trace("while", &types, at, |args| {
            (true, vec![select(condition(init.with(&mut args.iter().copied())), lit(1.0), lit(0.0))])
        })?;
        let body = Body::trace("while", &types, at, |args| {
            let next = body(init.with(&mut args.iter().copied())).parts();
            (next.len() == n, fitting(next, &types))
        })?;
        body.check_carried("while", &types, at)?;
        let [condition, body] = joined([condition, body], n)?;
        if let [(shape, _)] = types_out(&condition.f)[..]
            && shape != Shape::SCALAR
        {
            return Err(Error::new(ErrorKind::Shape, format!("while: the condition has the shape {shape}")).at(Some(at)));
        }
        let control = Control::While { condition: condition.f, body: body.f, carries: n };
        Ok(ports(control, &[&carries[..], &body.captured].concat(), n, 0, at).0)
    })();
    init.with(&mut given(made, n).into_iter())
}

/// As [`while_loop`], with a bound on the number of steps, which makes reverse mode possible: it is a [`scan`](crate::scan) over `steps` steps,
/// which leaves what is carried as it is from where the condition does not hold.
///
/// # Errors
/// As [`while_loop`].
#[track_caller]
pub fn while_loop_at_most<C: Values>(steps: usize, init: C, condition: impl FnOnce(C) -> Cond, body: impl FnOnce(C) -> C) -> C {
    let run = |c: C, (): ()| {
        let holds = condition(c.clone());
        let next = body(c.clone()).parts();
        let kept = c.parts().into_iter().zip(next).map(|(old, new)| select(holds, new, old)).collect::<Vec<_>>();
        (c.with(&mut kept.into_iter()), ())
    };
    Scan::default().length(steps).run(init, (), run).0
}

/// The first function's results where a single truth value holds, else the second's; only that one is computed, forward and backward.
/// The functions take what they need from the trace around. For a choice place by place see [`select`].
///
/// ```
/// use wengert::{Array, Function, cond};
/// let f = Function::trace(["x[3]"], |[x]| cond(x.sum(..).gt(wengert::lit(0.0)), || x.ln().sum(..), || x.sum(..)))?;
/// let g = f.grad()?;
/// assert_eq!(g.eval_arrays(&[Array::vector(vec![1.0, 2.0, 4.0])])?[0].data(), [1.0, 0.5, 0.25]);
/// assert_eq!(g.eval_arrays(&[Array::vector(vec![-1.0, 0.0, 0.0])])?[0].data(), [1.0; 3]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: results of different shapes; a condition that is no single truth value.
#[track_caller]
pub fn cond<C: Values>(holds: Cond, then: impl FnOnce() -> C, otherwise: impl FnOnce() -> C) -> C {
    let at = Location::caller();
    let mut results: [Option<C>; 2] = [None, None];
    let [first, second] = &mut results;
    let made = (|| {
        let trace = |f: &mut dyn FnMut() -> Vec<Expr>| Body::trace("cond", &[], at, |_| (true, f()));
        let (mut then, mut otherwise) = (Some(then), Some(otherwise));
        let a = trace(&mut || first.insert(then.take().expect("once")()).parts())?;
        let b = trace(&mut || second.insert(otherwise.take().expect("once")()).parts())?;
        let [types, others] = [&a, &b].map(|body| types_out(&body.f));
        if types != others {
            let list = |types: &[Type]| types.iter().map(|(shape, _)| format!("[{shape}]")).collect::<Vec<_>>().join(", ");
            let message = format!("cond: one branch gives {}, the other {}", list(&types), list(&others));
            return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
        }
        let [a, b] = joined([a, b], 0)?;
        let control = Control::Choice { bodies: [a.f, b.f] };
        let number = select(holds, lit(1.0), lit(0.0));
        Ok(ports(control, &[&[number], &a.captured[..]].concat(), types.len(), 0, at).0)
    })();
    let [first, second] = results;
    let like = first.or(second).expect("a branch has been traced");
    let parts = given(made, like.parts().len());
    like.with(&mut parts.into_iter())
}
