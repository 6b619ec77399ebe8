//! Minima by damped Newton steps, as a loop of a graph.

use super::convergence::Outcome;
use super::method::{Method, Solver, Stopped, call, check_square, epsilon, history, in_unknowns, is_finite, noted, runs, status};
use crate::diff::{Mode, grad, jacobian};
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Function, by, make_body, types_in, types_out, while_loop};
use crate::op::{lit, select};

/// The damping at first, and the least that is tried after none was too little.
const DAMPING: f64 = 1e-3;
/// The part of the decrease which the quadratic model promises that a step has to give. (By the slope alone, a step across a nearly singular
/// matrix would do, to wherever it leads.)
const DECREASE: f64 = 0.1;
/// By how much the damping is raised within a step, and how often.
const RAISE: f64 = 2.0;
const RAISES: f64 = 70.0;

/// The matrix in the place of the Hessian, at unknowns and parameters.
type Curvature = Box<dyn Fn(Expr, &[Expr]) -> Expr>;

pub(super) fn newton(solver: Solver, f: Function, at: Caller) -> Result<Method> {
    // The closure gives one number, which has become a vector.
    let shape = types_out(&f)[0].0;
    if shape.len() != Some(1) {
        return Err(Error::new(ErrorKind::Shape, format!("minimize: the function gives {shape}, not a number")));
    }
    let value = make_body(f.width(), &types_in(&f), at, |args| vec![call(&f, args[0], &args[1..])[0].reshape(())])?;
    let gradient = grad(&in_unknowns(&value))?;
    let hessian = jacobian(&in_unknowns(&gradient), Mode::Auto)?;
    descent("minimize", solver, value, gradient, Box::new(move |x, p| call(&hessian, x, p)[0]), at)
}

pub(super) fn gauss_newton(solver: Solver, r: Function, at: Caller) -> Result<Method> {
    let jacobian = jacobian(&in_unknowns(&r), Mode::Auto)?;
    let value = make_body(r.width(), &types_in(&r), at, |args| {
        let r = call(&r, args[0], &args[1..])[0];
        vec![r.dot(r) * 0.5]
    })?;
    let gradient = grad(&in_unknowns(&value))?;
    let curvature = move |x: Expr, p: &[Expr]| {
        let j = call(&jacobian, x, p)[0];
        j.t().matmul(j)
    };
    descent("least_squares", solver, value, gradient, Box::new(curvature), at)
}

/// Steps d = −(B + μ·diag|B|)⁻¹·g, with more damping μ until the value falls, and less after every step. A short step with damping is followed by
/// one without: only that one says how near the minimum is.
fn descent(what: &str, solver: Solver, value: Function, gradient: Function, curvature: Curvature, at: Caller) -> Result<Method> {
    check_square(what, &gradient)?;
    let limit = solver.steps.unwrap_or(200);
    let noise = 8.0 * epsilon();
    let equation = gradient.clone();
    let run = move |x: Expr, p: &[Expr]| {
        let (value, gradient) = (|x: Expr| call(&value, x, p)[0], |x: Expr| call(&gradient, x, p)[0]);
        let (f, g) = (value(x), gradient(x));
        let left = g.norm();
        let start = status(&[(!is_finite(f + left), Outcome::NotFinite)], lit(0.0), limit);
        let init = ([x, x, g, history(limit, left)], [f, left, lit(DAMPING), lit(0.0), start]);
        let step = |([before, x0, g, notes], [f, left, damping, steps, _]): ([Expr; 4], [Expr; 5])| {
            let x = x0;
            let b = curvature(x, p);
            let diagonal = b.diag().abs();
            let scale = select(diagonal.gt(0.0), diagonal, 1.0);
            let tried = |(_, [_, damping, _, _, singular, raises]): ([Expr; 2], [Expr; 6])| {
                // Raised where the last try was not good.
                let raised = (damping * RAISE).max(DAMPING);
                let damping = select(raises.gt(0.0), raised, damping);
                let d = by(at, || -(b + (scale * damping).diag_matrix()).solve_or_nan(g));
                let x_new = x + d;
                let (f_new, g_new) = (value(x_new), gradient(x_new));
                // Without damping it is the matrix itself that has no inverse.
                let singular = select(damping.eq(0.0) & !is_finite(d.norm()), 1.0, singular);
                let short = d.norm().le(solver.bound(x_new)) & is_finite(f_new);
                let slope = g.dot(d);
                let promised = -slope - 0.5 * d.dot(b.matmul(d));
                let falls = (f - f_new).ge(promised * DECREASE - f.abs() * noise);
                // Where the decrease drowns in rounding, the gradient tells.
                let nears = (f_new - f).le(f.abs() * noise.sqrt()) & g_new.norm().lt(left);
                let fine = short | (slope.le(0.0) & (falls | nears));
                let number = |holds| select(holds, 1.0, 0.0);
                let point = [select(fine, x_new, x), select(fine, g_new, g)];
                (point, [select(fine, f_new, f), damping, number(short), number(fine), singular, raises + 1.0])
            };
            let first = ([x, g], [f, damping, lit(0.0), lit(0.0), lit(0.0), lit(0.0)]);
            let goes = |(_, [_, _, _, fine, _, raises]): ([Expr; 2], [Expr; 6])| fine.eq(0.0) & raises.le(RAISES);
            let ([x, g], [f, used, short, fine, singular, _]) = by(at, || while_loop(first, goes, tried));
            let (short, fine) = (short.ne(0.0), fine.ne(0.0));
            let left = g.norm();
            let steps = steps + 1.0;
            let rules = [
                (short & used.eq(0.0), Outcome::Converged),
                (!is_finite(f + left), Outcome::NotFinite),
                (short & singular.ne(0.0), Outcome::Singular),
                // Also where a short step is all there is, and without damping there is none.
                (!fine | (short & damping.eq(0.0)), Outcome::Stalled),
            ];
            let next = select(short, 0.0, used * 0.1);
            // With damping it may come to the minimum by chance, and says nothing.
            let from = select(used.eq(0.0), x0, x);
            let before = select((x - x0).norm().gt(0.0), from, before);
            ([before, x, g, noted(notes, steps, left)], [f, left, next, steps, status(&rules, steps, limit)])
        };
        let last = by(at, || while_loop(init, |(_, [.., status])| runs(status), step));
        let ([other, x, _, history], [.., steps, status]) = last;
        Stopped { x, other, status, steps, history }
    };
    Ok(Method { equation, run: Box::new(run), is_slow: false })
}
