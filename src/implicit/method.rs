//! What ways to solve an equation have in common: bounds, what a loop keeps, and why it stops.

use super::convergence::Outcome;
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{Cond, Expr, Function, types_out, width};
use crate::op::select;

/// How equations are solved. The methods do what the functions of this module do, with other bounds.
///
/// A method of Newton's kind has converged when its next step is shorter than a tolerance: the relative one times the length of the unknowns,
/// plus the absolute one. That step is taken, so that the error left is of the order of the step's square.
///
/// ```
/// use wengert::{Function, implicit::{Convergence, Outcome, Solver}};
/// let f = Function::trace(["a"], |[a]| {
///     let root = Solver::new().steps(3).root(a, |x| x * x - a);
///     (("x", root.x), ("last", root.last), ("report", root.report))
/// })?;
/// let y = f.run([1e6f64])?;
/// assert_eq!(Convergence::read(y["report"].data())?.outcome(), Outcome::StepLimit);
/// assert!(y["x"].data()[0].is_nan() && y["last"].data()[0] > 1e3);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Copy, Clone, Debug, Default)]
pub struct Solver {
    pub(super) steps: Option<usize>,
    pub(super) tolerance: Option<(f64, f64)>,
}

impl Solver {
    /// Bounds that fit the float width: ε^⅔ relative and 64 ε absolute; 50 steps of Newton's method, 200 of the others.
    pub fn new() -> Self {
        Solver::default()
    }

    /// The largest number of steps.
    pub fn steps(self, steps: usize) -> Self {
        Solver { steps: Some(steps), ..self }
    }

    /// The tolerance: `relative` times the length of the unknowns, plus `absolute`. Both are positive and finite, or the trace has an error.
    pub fn tolerance(self, relative: f64, absolute: f64) -> Self {
        Solver { tolerance: Some((relative, absolute)), ..self }
    }

    /// How short a step is that ends the loop at some unknowns.
    pub(super) fn bound(self, x: Expr) -> Expr {
        let (relative, absolute) = self.tolerance.unwrap_or((epsilon().powf(2.0 / 3.0), 64.0 * epsilon()));
        x.norm() * relative + absolute
    }
}

/// The distance from 1 to the next number of the trace's width.
pub(super) fn epsilon() -> f64 {
    width().unwrap_or_default().epsilon()
}

/// A way to solve an equation of a vector and of parameters.
pub(super) struct Method {
    /// What is 0 at the solution, as many numbers as unknowns.
    pub(super) equation: Function,
    pub(super) run: Run,
    /// Whether the Jacobian says nothing of how fast the loop converges, so that the derivative in parameters is looked at, too.
    pub(super) is_slow: bool,
}

/// From the first guess and the parameters to the solution.
pub(super) type Run = Box<dyn FnOnce(Expr, &[Expr]) -> Stopped>;

/// Where a loop has stopped, and why.
pub(super) struct Stopped {
    pub(super) x: Expr,
    /// Where the solution might as well be: where the last whole step came from, or where the steps seem to lead.
    pub(super) other: Expr,
    pub(super) status: Expr,
    pub(super) steps: Expr,
    pub(super) history: Expr,
}

/// The value of a function of unknowns and parameters.
pub(super) fn call(f: &Function, x: Expr, p: &[Expr]) -> Vec<Expr> {
    outputs_at(f, &[&[x], p].concat()).expect("as many as the equation takes")
}

/// The function, to be differentiated in the unknowns.
pub(super) fn in_unknowns(f: &Function) -> Function {
    let active: Vec<bool> = (0..f.input_len()).map(|k| k == 0).collect();
    f.marked(&active, &[true])
}

/// What is measured at every step: at first one number, and room for as many as there are steps.
pub(super) fn history(steps: usize, first: Expr) -> Expr {
    let shape = Shape::new([Axis::Fixed(steps.saturating_add(1))]);
    select(Expr::iota(shape, 0).eq(0.0), first, f64::NAN)
}

/// The history with one number more.
pub(super) fn noted(history: Expr, step: Expr, value: Expr) -> Expr {
    select(Expr::iota(history.shape(), 0).eq(step), value, history)
}

/// The status of a loop that goes on.
const RUNNING: f64 = -1.0;

/// The status after a step.
pub(super) fn status(rules: &[(Cond, Outcome)], steps: Expr, limit: usize) -> Expr {
    let running = select(steps.ge(limit as f64), Outcome::StepLimit as u8 as f64, RUNNING);
    rules.iter().rev().fold(running, |rest, &(holds, outcome)| select(holds, outcome as u8 as f64, rest))
}

pub(super) fn runs(status: Expr) -> Cond {
    status.eq(RUNNING)
}

pub(super) fn is_finite(x: Expr) -> Cond {
    x.abs().lt(f64::INFINITY)
}

/// As [`is_finite`], of what is never negative.
pub(super) fn is_finite_length(x: Expr) -> Cond {
    x.lt(f64::INFINITY)
}

/// Another number of equations than of unknowns.
pub(super) fn check_square(what: &str, f: &Function) -> Result<()> {
    let (n, m) = (f.inputs()[0].shape(), types_out(f)[0].0);
    if n == m {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Shape, format!("{what}: unknowns of the shape {n} together, and equations of the shape {m}")))
}
