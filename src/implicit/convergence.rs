//! How a solver fared.

use crate::error::{Error, Kind, Result};
use std::fmt;

/// Why a solver stopped.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The next step was shorter than the tolerance.
    Converged,
    /// All steps were taken.
    StepLimit,
    /// No step along the direction, however short, made it better.
    Stalled,
    /// The equation has no finite value.
    NotFinite,
    /// The Jacobian was singular to working precision on the way, or at the solution, where there is no derivative then.
    Singular,
}

impl Outcome {
    const ALL: [Outcome; 5] = [Outcome::Converged, Outcome::StepLimit, Outcome::Stalled, Outcome::NotFinite, Outcome::Singular];

    /// The outcome of a number in a report.
    fn of(number: f64) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|&outcome| outcome as u8 as f64 == number)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Converged => "converged",
            Outcome::StepLimit => "not converged: all steps were taken",
            Outcome::Stalled => "not converged: no step makes it better",
            Outcome::NotFinite => "not converged: a value is not finite",
            Outcome::Singular => "not converged: the Jacobian is singular",
        })
    }
}

/// What a solver reports: whether it converged, in how many steps, and what was left after each. `Display` makes a table of it.
///
/// ```
/// use wengert::{Function, implicit::{Convergence, newton}, aux};
/// let f = Function::trace("a", |a| {
///     let root = newton(a, |x| x * x - a);
///     (("x", root.x), aux(("report", root.report)))
/// })?;
/// let y = f.grad()?.run([9.0])?;
/// let report = Convergence::read(y["report"].data())?;
/// assert!(report.converged() && report.steps() == 7, "{report}");
/// assert_eq!(report.history()[0], 72.0); // 9² − 9
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Convergence {
    outcome: Outcome,
    steps: usize,
    history: Vec<f64>,
}

impl Convergence {
    /// From the numbers of [`Solution::report`](super::Solution::report).
    ///
    /// # Errors
    /// If they are no report.
    #[track_caller]
    pub fn read(numbers: &[f64]) -> Result<Convergence> {
        let read = || {
            let (&[status, steps], history) = numbers.split_first_chunk()?;
            let steps_taken = steps as usize;
            let fits = steps >= 0.0 && steps.fract() == 0.0 && steps_taken < history.len();
            let outcome = Outcome::of(status).filter(|_| fits)?;
            Some(Convergence { outcome, steps: steps_taken, history: history[..=steps_taken].to_vec() })
        };
        read().ok_or_else(|| Error::here(Kind::Value, "the numbers are not the report of a solver"))
    }

    /// Whether there is a solution.
    pub fn converged(&self) -> bool {
        self.outcome == Outcome::Converged
    }

    /// Why the solver stopped.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// How many steps were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// At first and after every step, of a root: the length √Σr² of the residuals; of a fixed point: that of g(x) − x; of a minimum and of
    /// least squares: that of the gradient.
    pub fn history(&self) -> &[f64] {
        &self.history
    }
}

impl fmt::Display for Convergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = crate::error::count(self.steps, "step");
        writeln!(f, "{} ({steps})", self.outcome)?;
        writeln!(f, "step  left")?;
        self.history.iter().enumerate().try_for_each(|(k, left)| writeln!(f, "{k:4}  {left:.3e}"))
    }
}
