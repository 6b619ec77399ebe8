//! How an integration fared.

use crate::error::{Error, Kind, Result, count};
use std::fmt;

/// How an integration ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// At the last time that was asked for.
    AtTheEnd,
    /// When all steps had been taken.
    StepLimit,
    /// When a step would have had to be too short to move the time: at a singularity, or where f is not finite.
    StepTooShort,
}

impl Ended {
    const ALL: [Ended; 3] = [Ended::AtTheEnd, Ended::StepLimit, Ended::StepTooShort];
}

/// What an integration reports: how it ended, when, and in how many steps. `Display` says it in a line.
///
/// ```
/// use wengert::{Expr, Function, lit, ode::{DormandPrince, Ended, Integration}};
/// // y′ = y² has a pole at t = 1
/// let f = Function::trace("t", |t| {
///     let course = DormandPrince::new().relative(1e-4).solve([lit(0.0), t], 1.0, |_, y| y * y);
///     (("y", course.y), ("report", course.report))
/// })?;
/// let y = f.run([2.0f64])?;
/// let report = Integration::read(y["report"].data())?;
/// assert_eq!(report.ended(), Ended::StepTooShort);
/// assert!((report.time() - 1.0).abs() < 1e-3 && y["y"].data()[0].is_nan());
/// assert!(report.to_string().contains("too short"));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    ended: Ended,
    time: f64,
    accepted: usize,
    rejected: usize,
}

impl Integration {
    /// From the numbers of [`Trajectory::report`](super::Trajectory::report).
    ///
    /// # Errors
    /// If they are no report.
    #[track_caller]
    pub fn read(numbers: &[f64]) -> Result<Integration> {
        let whole = |v: f64| (v >= 0.0 && v.fract() == 0.0).then_some(v as usize);
        let read = || {
            let &[status, time, accepted, rejected] = numbers else { return None };
            let ended = *Ended::ALL.get(whole(status)?)?;
            Some(Integration { ended, time, accepted: whole(accepted)?, rejected: whole(rejected)? })
        };
        read().ok_or_else(|| Error::here(Kind::Value, "the numbers are not the report of an integration"))
    }

    /// How it ended.
    pub fn ended(&self) -> Ended {
        self.ended
    }

    /// Whether it came to the last time that was asked for.
    pub fn is_complete(&self) -> bool {
        self.ended == Ended::AtTheEnd
    }

    /// The time that was reached.
    pub fn time(&self) -> f64 {
        self.time
    }

    /// How many steps were taken.
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// How many steps were tried whose error was too large.
    pub fn rejected(&self) -> usize {
        self.rejected
    }
}

impl fmt::Display for Integration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = count(self.accepted, "step");
        let why = match self.ended {
            Ended::AtTheEnd => "as asked for",
            Ended::StepLimit => "all steps were taken",
            Ended::StepTooShort => "the next step is too short to move the time",
        };
        write!(f, "ended at t = {} after {steps} ({} rejected): {why}", self.time, self.rejected)
    }
}
