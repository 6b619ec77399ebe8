//! The derivative of what an equation defines, as a rule of the solver's loop.

use super::convergence::Outcome;
use super::failed::spoilt;
use super::method::{Method, call, epsilon, in_unknowns};
use crate::base::Axis;
use crate::diff::{Mode, jacobian, jvp, vjp};
use crate::error::{Caller, Result};
use crate::graph::{Cond, Expr, by, custom_vjp};
use crate::op::{DType, lit, select};

/// What a loop has found.
pub(super) struct Found {
    /// NaN where it did not converge.
    pub(super) x: Expr,
    pub(super) last: Expr,
    pub(super) status: Expr,
    pub(super) report: Expr,
}

/// Runs the solver, as a function of the parameters whose adjoint at F(x, p) = 0 is c ↦ −F_pᵀ·(F_xᵀ)⁻¹·c. The rule takes x as the result
/// that it belongs to, so that a further derivative differentiates F where x stands, and x by this rule again: every order follows,
/// and forward mode, the transpose, is the linear equation the other way. It takes x where the solver stopped, whatever came of it: so the Jacobian
/// is the one that [`is_regular`] looks at.
pub(super) fn attached(at: Caller, method: Method, x0: Expr, p: &[Expr]) -> Result<Found> {
    let Method { equation, run, is_slow } = method;
    let numbers: Vec<bool> = p.iter().map(|p| p.dtype() == DType::Float).collect();
    let in_parameters = equation.marked(&[&[false], &numbers[..]].concat(), &[true]);
    let jacobian = jacobian(&in_unknowns(&equation), Mode::Auto)?;
    let moved = if is_slow && numbers.contains(&true) { Some(jvp(&in_parameters)?) } else { None };
    let is = |status: Expr, outcome: Outcome| status.eq(outcome as u8 as f64);
    let results = |x0: Expr, p: &[Expr]| {
        let stopped = run(x0, p);
        let found = is(stopped.status, Outcome::Converged);
        // What the equation gains where all parameters grow alike.
        let gain = moved.as_ref().map(|moved| {
            let ones = p.iter().filter(|p| p.dtype() == DType::Float).map(|p| Expr::ones(p.shape()));
            let args: Vec<Expr> = p.iter().copied().chain(ones).collect();
            move |x: Expr| call(moved, x, &args)[1]
        });
        let regular = is_regular(|x| call(&jacobian, x, p)[0], gain, stopped.x, stopped.other);
        let status = select(found & !regular, Outcome::Singular as u8 as f64, stopped.status);
        let converged = is(status, Outcome::Converged);
        let one = |x: Expr| x.reshape([Axis::Fixed(1)]);
        let report = Expr::concat(&[one(status), one(stopped.steps), stopped.history], 0);
        // The status is a result of its own, so that a loop whose report nobody reads keeps no history.
        [select(converged, stopped.x, f64::NAN), stopped.x, status, report]
    };
    // Where the loop starts has no influence on where the solution is.
    let x0 = x0.detach();
    let [x, last, status, report] = if numbers.contains(&true) {
        let vjp = vjp(&in_parameters)?;
        let value = |args: Vec<Expr>| results(args[0], &args[1..]).to_vec();
        let rule = |args: Vec<Expr>, found: Vec<Expr>, cotangents: Vec<Expr>| {
            let (x, p) = (found[1], &args[1..]);
            let converged = is(found[2], Outcome::Converged);
            let cotangent = cotangents[0] + cotangents[1];
            let valid = select(converged, 1.0, f64::NAN);
            let adjoint = -(call(&jacobian, x, p)[0].t().solve_or_nan(cotangent) * valid);
            // Where there is no solution a parameter's adjoint is NaN, also where nothing of the equation leads to it.
            let spoilt = spoilt(converged, cotangent, p);
            let adjoints = call(&vjp, x, &[p, &[adjoint]].concat()).into_iter().skip(1);
            let mut adjoints = adjoints.map(|adjoint| select(converged, adjoint, spoilt));
            let mut of = |number: bool| if number { adjoints.next().expect("one for every number") } else { lit(0.0) };
            let parameters: Vec<Expr> = numbers.iter().map(|&number| of(number)).collect();
            [&[Expr::full(0.0, x.shape())], &parameters[..]].concat()
        };
        let found = by(at, || custom_vjp([&[x0], p].concat(), value, rule));
        let [x, last, status, report] = found[..] else { unreachable!("as many as the loop gives") };
        [x, last, status, report]
    } else {
        results(x0, p)
    };
    Ok(Found { x, last: last.detach(), status: status.detach(), report: report.detach() })
}

/// Whether the equation says how the solution moves, at a solution `x` that might as well be at `other`:
///
/// - An inverse of the Jacobian has digits that count: Σₖ |J⁻¹|ᵢₖ·|J|ₖᵢ stays below 1/(16 ε). This changes with the scale of no equation and of no
///   unknown (after F. L. Bauer, 1966).
/// - It is the same matrix where the solution cannot be distinguished from x: at the other point, and within √ε of x along the direction that the
///   equation determines least. At a root of order m, of which a step of Newton's method leaves the part 1 − 1/m, it is not:
///   for m = 2 the trace of J⁻¹·J(there) differs from that of the identity by 1, however near the root is.
/// - Where `gain` says what the equation gains in a direction of the parameters, the derivative along it is not both huge and another there.
fn is_regular(jacobian: impl Fn(Expr) -> Expr, gain: Option<impl Fn(Expr) -> Expr>, x: Expr, other: Expr) -> Cond {
    let n = x.shape().len().expect("unknowns have no open axis");
    let j = jacobian(x);
    // Of the transpose, which the derivative needs.
    let columns = j.t().solve_or_nan(Expr::eye(n));
    let inverse = columns.t();
    let least = inverse.matmul(j.abs().matmul(x.abs()));
    let there = other + x.abs() * least.signum() * epsilon().sqrt();
    let counts = (columns * j).abs().sum(0).max_of(..).lt(1.0 / (16.0 * epsilon()));
    let keeps = (columns * (jacobian(there) - j)).sum(..).abs().lt(0.5);
    let Some(gain) = gain else { return counts & keeps };
    let (here, there) = (inverse.matmul(gain(x)), inverse.matmul(gain(there)));
    let is_huge = !(here.norm() * epsilon().sqrt()).lt(x.norm() + 1.0);
    let differs = !(there - here).norm().lt(here.norm() * 0.5);
    counts & keeps & !(is_huge & differs)
}
