//! The derivative of what an equation defines, as a rule of the solver's loop.

use super::convergence::Outcome;
use super::method::{Run, call, in_unknowns};
use crate::base::Axis;
use crate::diff::{Mode, jacobian, vjp};
use crate::error::{Caller, Result};
use crate::graph::{Expr, Function, by, custom_vjp};
use crate::op::{DType, lit, select};

/// What a loop has found.
pub(super) struct Found {
    /// NaN where it did not converge.
    pub(super) x: Expr,
    pub(super) last: Expr,
    pub(super) report: Expr,
}

/// Runs the solver, as a function of the parameters whose adjoint at F(x, p) = 0 is c ↦ −F_pᵀ·(F_xᵀ)⁻¹·c. The rule takes x as the result
/// that it belongs to, so that a further derivative differentiates F where x stands, and x by this rule again: every order follows,
/// and forward mode, the transpose, is the linear equation the other way.
pub(super) fn attached(at: Caller, equation: &Function, x0: Expr, p: &[Expr], run: Run) -> Result<Found> {
    let results = |x0: Expr, p: &[Expr]| {
        let stopped = run(x0, p);
        let converged = stopped.status.eq(Outcome::Converged as u8 as f64);
        let one = |x: Expr| x.reshape([Axis::Fixed(1)]);
        let report = Expr::concat(&[one(stopped.status), one(stopped.steps), stopped.history], 0);
        [select(converged, stopped.x, f64::NAN), stopped.x, report]
    };
    let numbers: Vec<bool> = p.iter().map(|p| p.dtype() == DType::Float).collect();
    // Where the loop starts has no influence on where the solution is.
    let x0 = x0.detach();
    let [x, last, report] = if numbers.contains(&true) {
        let jacobian = jacobian(&in_unknowns(equation), Mode::Auto)?;
        let vjp = vjp(&equation.marked(&[&[false], &numbers[..]].concat(), &[true]))?;
        let value = |args: Vec<Expr>| results(args[0], &args[1..]).to_vec();
        let rule = |args: Vec<Expr>, found: Vec<Expr>, cotangents: Vec<Expr>| {
            let (x, p) = (found[0], &args[1..]);
            let adjoint = -call(&jacobian, x, p)[0].t().solve(cotangents[0]);
            let mut adjoints = call(&vjp, x, &[p, &[adjoint]].concat()).into_iter().skip(1);
            let mut of = |number: bool| if number { adjoints.next().expect("one for every number") } else { lit(0.0) };
            let parameters: Vec<Expr> = numbers.iter().map(|&number| of(number)).collect();
            [&[Expr::full(0.0, x.shape())], &parameters[..]].concat()
        };
        let found = by(at, || custom_vjp([&[x0], p].concat(), value, rule));
        let [x, last, report] = found[..] else { unreachable!("as many as the loop gives") };
        [x, last, report]
    } else {
        results(x0, p)
    };
    Ok(Found { x, last: last.detach(), report: report.detach() })
}
