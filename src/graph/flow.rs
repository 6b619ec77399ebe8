//! Loops and choices as operations of a trace. Their bodies are traced once, as functions of their own, and may use handles of the trace
//! around them.

use super::body::{Body, fitting, joined, ports};
use super::control::list;
use super::handle::{Cond, Expr};
use super::model::Control;
use super::trace;
use super::types::{Type, types_out};
use crate::base::Shape;
use crate::error::{Caller, Error, Kind as ErrorKind, Result, made};
use crate::op::{Turns, Values, select};

/// As many turns as a condition holds.
pub(super) fn turns<C: Values<Expr>>(
    how: Turns,
    init: &C,
    mut holds: impl FnMut(C) -> Result<Cond>,
    mut body: impl FnMut(C) -> Result<C>,
    at: Caller,
) -> Result<C> {
    let carries = init.parts();
    let n = carries.len();
    let types: Vec<Type> = carries.iter().map(|&c| trace::type_of(c)).collect();
    let condition = Body::trace("while_loop", &types, at, |args| {
        let holds = holds(init.with(&mut args.iter().copied()))?;
        Ok((true, vec![select(holds, 1.0, 0.0)]))
    })?;
    let body = Body::trace("while_loop", &types, at, |args| {
        let next = body(init.with(&mut args.iter().copied()))?.parts();
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
    let control = Control::While { condition: condition.f, body: body.f, carries: n, budget: how.budget };
    let last = ports(control, &[&carries[..], &body.captured].concat(), n, 0, at).0;
    Ok(init.with(&mut last.into_iter()))
}

/// A choice between two functions.
pub(super) fn either<C: Values<Expr>>(
    holds: Cond,
    then: impl FnOnce() -> Result<C>,
    otherwise: impl FnOnce() -> Result<C>,
    at: Caller,
) -> Result<C> {
    let mut like: Option<C> = None;
    let a = Body::trace("cond", &[], at, |_| Ok((true, like.insert(then()?).parts())))?;
    let b = Body::trace("cond", &[], at, |_| Ok((true, otherwise()?.parts())))?;
    let [types, others] = [&a, &b].map(|body| types_out(&body.f));
    if types != others {
        // Of the first result that differs, if both have one.
        let differs = types.iter().zip(&others).position(|(one, other)| one != other);
        let [one, other] = [&a, &b].map(|body| made(differs.and_then(|k| body.line(k))));
        let message = format!("cond: one branch gives {}{one}, the other {}{other}", list(&types), list(&others));
        return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
    }
    let [a, b] = joined([a, b], 0)?;
    let control = Control::Choice { bodies: [a.f, b.f] };
    let number = select(holds, 1.0, 0.0);
    let results = ports(control, &[&[number], &a.captured[..]].concat(), types.len(), 0, at).0;
    Ok(like.expect("a branch has been traced").with(&mut results.into_iter()))
}
