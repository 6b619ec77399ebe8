//! Newton's method and iteration to a fixed point, as loops of a graph.

use super::convergence::Outcome;
use super::method::{
    Method, Solver, Stopped, call, check_square, epsilon, history, in_unknowns, is_finite_length, noted, runs, status,
};
use crate::diff::{Mode, jacobian};
use crate::error::{Caller, Result};
use crate::graph::{Expr, Function, by, make_body, types_in, while_loop};
use crate::op::{lit, select};

/// The part of the decrease that Newton's direction promises which a step has to give.
const DECREASE: f64 = 1e-4;
/// The shortest part of a step that is tried.
const SHORTEST: f64 = 1e-9;
/// Unknowns whose equations the scheduler solves number by number, at most.
const FEW: usize = 4;

pub(super) fn newton(solver: Solver, f: Function, at: Caller) -> Result<Method> {
    check_square("newton", &f)?;
    let jacobian = jacobian(&in_unknowns(&f), Mode::Auto)?;
    let limit = solver.steps.unwrap_or(50);
    let equation = f.clone();
    let few = f.inputs()[0].shape().len().is_some_and(|n| n <= FEW);
    let run = move |x: Expr, p: &[Expr]| {
        let residual = |x: Expr| call(&f, x, p)[0];
        // A Jacobian of few unknowns is computed along with the residuals, as it may share with them, and need not wait for what is made of them.
        let slopes = |x: Expr| call(&jacobian, x, p)[0];
        let beside = |x: Expr| if few { slopes(x) } else { lit(0.0) };
        let (r, j) = (residual(x), beside(x));
        let left = r.norm();
        let start = status(&[(!is_finite_length(left), Outcome::NotFinite)], lit(0.0), limit);
        let init = ([x, x, x, r, j, history(limit, left)], [left, lit(0.0), start]);
        let step = |([before, _, x0, r0, j, notes], [left, steps, _]): ([Expr; 6], [Expr; 3])| {
            let j = if few { j } else { slopes(x0) };
            // Where nothing is left there is nowhere to go, whatever the Jacobian.
            let direction = by(at, || select(left.eq(0.0), 0.0, j.solve_or_nan(r0)));
            let tried = |t: Expr| {
                let x = x0 - direction * t;
                let (r, j) = (residual(x), beside(x));
                [x, r, j, t, r.norm()]
            };
            let whole = tried(lit(1.0));
            let regular = is_finite_length(direction.norm());
            let short = direction.norm().le(solver.bound(x0));
            let better = |t: Expr, now: Expr| now.le(left * (1.0 - t * DECREASE)) | (short & is_finite_length(now));
            let goes = |[_, _, _, t, now]: [Expr; 5]| regular & !better(t, now) & t.gt(SHORTEST);
            let [x, r, j, t, now] = by(at, || while_loop(whole, goes, |[_, _, _, t, _]| tried(t * 0.5)));
            let steps = steps + 1.0;
            let found = regular & better(t, now);
            let rules = [
                (!regular, Outcome::Singular),
                (found & short, Outcome::Converged),
                (!is_finite_length(now), Outcome::NotFinite),
                (!found, Outcome::Stalled),
            ];
            // A part of a step may come to the root by chance, and says nothing.
            let from = select(t.eq(1.0), x0, x);
            let before = select(direction.norm().gt(0.0), from, before);
            let notes = noted(notes, steps, select(found, now, left));
            ([before, x0, x, r, j, notes], [now, steps, status(&rules, steps, limit)])
        };
        let last = by(at, || while_loop(init, |(_, [_, _, status])| runs(status), step));
        let ([other, x0, x, _, _, history], [_, steps, status]) = last;
        // The last step was not taken where it did not help. Only here, as the next turn of a loop that goes on need not wait for that.
        let taken = [Outcome::Converged, Outcome::StepLimit].map(|outcome| status.eq(outcome as u8 as f64));
        let x = select(taken[0] | taken[1], x, x0);
        Stopped { x, other, status, steps, history }
    };
    Ok(Method { equation, run: Box::new(run), is_slow: false })
}

pub(super) fn fixed_point(solver: Solver, g: Function, at: Caller) -> Result<Method> {
    check_square("fixed_point", &g)?;
    let equation = make_body(g.width(), &types_in(&g), at, |args| vec![args[0] - call(&g, args[0], &args[1..])[0]])?;
    let limit = solver.steps.unwrap_or(200);
    let smallest = 4.0 * epsilon();
    let run = move |x: Expr, p: &[Expr]| {
        let g = |x: Expr| call(&g, x, p)[0];
        let next = g(x);
        let left = (next - x).norm();
        let start = status(&[(!is_finite_length(left), Outcome::NotFinite)], lit(0.0), limit);
        let init = ([x, x, next, history(limit, left)], [left, lit(0.0), start]);
        let step = |([_, _, x, notes], [before, steps, _]): ([Expr; 4], [Expr; 3])| {
            let next = g(x);
            let left = (next - x).norm();
            // Steps that shrink by a factor leave this much of a geometric series.
            let rate = left / before;
            let part = rate / (1.0 - rate);
            let rest = left * part;
            let shrinks = rate.lt(1.0) & rest.le(solver.bound(x));
            let found = shrinks | left.le(x.norm() * smallest);
            let steps = steps + 1.0;
            let rules = [(found, Outcome::Converged), (!is_finite_length(left), Outcome::NotFinite)];
            let limit_of_steps = next + (next - x) * select(shrinks, part, 0.0);
            ([limit_of_steps, x, next, noted(notes, steps, left)], [left, steps, status(&rules, steps, limit)])
        };
        let last = by(at, || while_loop(init, |(_, [_, _, status])| runs(status), step));
        let ([other, _, x, history], [_, steps, status]) = last;
        Stopped { x, other, status, steps, history }
    };
    Ok(Method { equation, run: Box::new(run), is_slow: true })
}
