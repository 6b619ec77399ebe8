//! Derivatives that the user gives, and functions that are computed again instead of kept, as operations of a trace.

use super::body::{Body, fitting, given, ports};
use super::body_result::BodyResult;
use super::control::numbers;
use super::handle::Expr;
use super::model::{Control, Derivative};
use super::nothing::nothing_like;
use super::trace;
use super::types::{Type, types_out};
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::op::{CustomRule, DType, Values, lit};
use std::{cell::RefCell, panic::Location};

/// A function that brings its derivative along, in a trace; see [`custom_rule`](crate::rules::custom_rule).
#[track_caller]
pub(super) fn traced_rule(rule: &impl CustomRule, x: &[Expr]) -> Vec<Expr> {
    let mut count = 1;
    let value = |x: &[Expr]| {
        let y = rule.value(x);
        count = y.len();
        Ok(y)
    };
    let made = ruled(("custom_rule", true), x, value, |[x, y, t]| Ok(rule.jvp(x, y, t)), Location::caller());
    given(made, count)
}

/// A function with a forward derivative of its own: `jvp(x, y, t)` gives the tangents of the results y for tangents `t` of `x`, and is
/// linear in `t`. Reverse mode transposes it. Second derivatives differentiate it in turn.
///
/// Neither function may use other handles of the trace: their derivative would be lost. Parameters go into `x`. Both may give a [`Result`]; where
/// `f` does, so does this (see [`BodyResult`]).
///
/// ```
/// use wengert::rules::custom_jvp;
/// use wengert::Function;
/// // rounding that passes derivatives on
/// let f = Function::trace(["x[n]"], |[x]| custom_jvp(x, |x| x.round(), |_, _, t| t).powi(2).sum(..))?;
/// assert_eq!(f.grad()?.run([("x", [0.4, 1.6])])?["d_x"].data(), [0.0, 4.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: tangents of other shapes than the results; a handle of the trace around.
#[track_caller]
pub fn custom_jvp<X: Values<Expr>, Y: Values<Expr>, F: BodyResult<Y>, D: BodyResult<Y>>(
    x: X,
    f: impl FnOnce(X) -> F,
    jvp: impl FnOnce(X, Y, X) -> D,
) -> F::Of<Y> {
    let rule =
        |inputs: &As<X>, results: &As<Y>, [x, y, t]: [&[Expr]; 3]| Ok(jvp(inputs(x), results(y), inputs(t)).values()?.parts());
    custom(("custom_jvp", true), x, f, rule, Location::caller())
}

/// A function with a reverse derivative of its own: `vjp(x, y, c)` gives the adjoints of `x` for the results y and their cotangents
/// `c`, and is linear in `c`. Forward mode transposes it.
///
/// Neither function may use other handles of the trace: their derivative would be lost. Parameters go into `x`. Both may give a [`Result`]; where
/// `f` does, so does this (see [`BodyResult`]).
///
/// ```
/// use wengert::rules::custom_vjp;
/// use wengert::Function;
/// // the identity, whose gradient is clipped
/// let f = Function::trace("x", |x| custom_vjp(x * 10.0, |x| x, |_, _, c| c.clamp(-1.0, 1.0)).powi(2))?;
/// assert_eq!(f.grad()?.eval(&[3.0])?, [10.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: adjoints of other shapes than `x`; a handle of the trace around.
#[track_caller]
pub fn custom_vjp<X: Values<Expr>, Y: Values<Expr>, F: BodyResult<Y>, D: BodyResult<X>>(
    x: X,
    f: impl FnOnce(X) -> F,
    vjp: impl FnOnce(X, Y, Y) -> D,
) -> F::Of<Y> {
    let rule =
        |inputs: &As<X>, results: &As<Y>, [x, y, c]: [&[Expr]; 3]| Ok(vjp(inputs(x), results(y), results(c)).values()?.parts());
    custom(("custom_vjp", false), x, f, rule, Location::caller())
}

/// A function whose values inside are not kept for reverse mode, but computed again from `x` and what it takes from the trace around: memory for
/// operations. Forward mode and values are as without; in functions of single numbers, whose values are registers, it does nothing.
/// [`Function::remat_cost`](crate::Function::remat_cost) says what it takes and saves.
///
/// ```
/// use wengert::rules::remat;
/// use wengert::Function;
/// let f = Function::trace(["w[3,3]", "x[3]"], |[w, x]| {
///     let layer = |x: wengert::Expr| remat(x, |x| w.matmul(x).tanh().exp().sin());
///     layer(layer(x)).sum(..)
/// })?;
/// assert!(f.grad()?.compile().is_ok());
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// The function may give a [`Result`]; then so does this (see [`BodyResult`]).
#[track_caller]
pub fn remat<X: Values<Expr>, Y: Values<Expr>, R: BodyResult<Y>>(x: X, f: impl FnOnce(X) -> R) -> R::Of<Y> {
    let at = Location::caller();
    let parts = x.parts();
    let types: Vec<Type> = parts.iter().map(|&x| trace::type_of(x)).collect();
    let mut like: Option<Y> = None;
    let body = Body::trace("remat", &types, at, |args| {
        let y = f(x.with(&mut args.iter().copied())).values()?;
        Ok((true, like.insert(y).parts()))
    });
    let made = body.map(|body| {
        let like = like.as_ref().expect("a function that gives values has been traced");
        let control = Control::Remat { body: body.f };
        let results = ports(control, &[&parts[..], &body.captured].concat(), like.parts().len(), 0, at).0;
        like.with(&mut results.into_iter())
    });
    R::of(made, || nothing_like(&like))
}

/// The same values, but constants to every derivative.
///
/// ```
/// use wengert::rules::stop_gradient;
/// use wengert::Function;
/// let f = Function::trace("x", |x| x * stop_gradient(x))?;
/// assert_eq!(f.grad()?.eval(&[3.0])?, [3.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[track_caller]
pub fn stop_gradient<X: Values<Expr>>(x: X) -> X {
    let mut parts = x.parts();
    for x in &mut parts {
        if x.dtype() == DType::Float {
            *x = x.detach();
        }
    }
    x.with(&mut parts.into_iter())
}

/// Handles in the user's structure.
type As<'a, V> = dyn Fn(&[Expr]) -> V + 'a;

/// Values with a rule, in the user's structures.
fn custom<X: Values<Expr>, Y: Values<Expr>, F: BodyResult<Y>>(
    what: (&str, bool),
    x: X,
    f: impl FnOnce(X) -> F,
    rule: impl FnOnce(&As<X>, &As<Y>, [&[Expr]; 3]) -> Result<Vec<Expr>>,
    at: Caller,
) -> F::Of<Y> {
    let inputs = |parts: &[Expr]| x.with(&mut parts.iter().copied());
    let like: RefCell<Option<Y>> = RefCell::new(None);
    let like_results = || like.borrow().clone().expect("a function that gives values has been traced");
    let results = |parts: &[Expr]| like_results().with(&mut parts.iter().copied());
    let value = |args: &[Expr]| {
        let y = f(inputs(args)).values()?;
        like.replace(Some(y.clone()));
        Ok(y.parts())
    };
    let made = ruled(what, &x.parts(), value, |args| rule(&inputs, &results, args), at);
    F::of(made.map(|parts| results(&parts)), || nothing_like(&like.borrow()))
}

/// One handle for each type: those given for numbers, in order, and 0 in the place of others.
fn filled(types: &[Type], given: &[Expr]) -> Vec<Expr> {
    let mut given = given.iter().copied();
    types.iter().map(|&(_, dtype)| if dtype == DType::Float { given.next().unwrap_or(lit(0.0)) } else { lit(0.0) }).collect()
}

/// Those values that are numbers by these types.
fn chosen(types: &[Type], values: Vec<Expr>) -> Vec<Expr> {
    let known = types.iter().map(|&(_, dtype)| dtype == DType::Float).chain(std::iter::repeat(true));
    values.into_iter().zip(known).filter(|(_, number)| *number).map(|(x, _)| x).collect()
}

/// The results of an operation with a rule: of the inputs, the results, and tangents if it goes forward, else cotangents.
fn ruled(
    (what, forward): (&str, bool),
    x: &[Expr],
    value: impl FnOnce(&[Expr]) -> Result<Vec<Expr>>,
    rule: impl FnOnce([&[Expr]; 3]) -> Result<Vec<Expr>>,
    at: Caller,
) -> Result<Vec<Expr>> {
    let inputs: Vec<Type> = x.iter().map(|&x| trace::type_of(x)).collect();
    let body = Body::trace(what, &inputs, at, |args| Ok((true, value(args)?)))?;
    let outputs = types_out(&body.f);
    let (from, to) = if forward { (&inputs, &outputs) } else { (&outputs, &inputs) };
    let types = [&inputs[..], &outputs, &numbers(from)].concat();
    let derivative = Body::trace(what, &types, at, |args| {
        let (args, rest) = args.split_at(inputs.len());
        let (y, seeds) = rest.split_at(outputs.len());
        Ok((true, fitting(chosen(to, rule([args, y, &filled(from, seeds)])?), &numbers(to))))
    })?;
    if !body.captured.is_empty() || !derivative.captured.is_empty() {
        let message =
            format!("{what}: it uses a handle of the trace around it, whose derivative would be lost: make it an argument");
        return Err(Error::new(ErrorKind::Trace, message).at(Some(at)));
    }
    let rule = if forward { Derivative::Jvp(derivative.f) } else { Derivative::Vjp(derivative.f) };
    let control = Control::Rule { body: body.f, rule };
    control.check().map_err(|reason| Error::new(ErrorKind::Shape, format!("{what}: {reason}")).at(Some(at)))?;
    Ok(ports(control, x, outputs.len(), 0, at).0)
}
