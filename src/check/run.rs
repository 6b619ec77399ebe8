//! The call that compares everything.

use super::body::Body;
use super::modes;
use super::report::Report;
use super::settings::Check;
use crate::error::{Error, Kind as ErrorKind, Result, count};

/// Compares all modes at a point, with the default options of [`Check`].
///
/// ```
/// use wengert::{Real, check};
///
/// struct Polar;
/// impl check::Body for Polar {
///     fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
///         vec![x[0] * x[1].cos(), x[0] * x[1].sin()]
///     }
/// }
///
/// let report = check::gradients(&Polar, &[2.0, 0.5])?;
/// assert!(report.compared() > 50);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// If two modes disagree ([`Error::is_disagreement`]); if the function cannot be traced or compiled.
#[track_caller]
pub fn gradients(body: &impl Body, x: &[f64]) -> Result<Report> {
    Check::new().run(body, x)
}

impl Check {
    /// Compares the modes at a point.
    ///
    /// # Errors
    /// As [`gradients`].
    #[track_caller]
    pub fn run(&self, body: &impl Body, x: &[f64]) -> Result<Report> {
        if let Some(n) = body.input_len().filter(|&n| n != x.len()) {
            let message = format!("the function takes {}, and the point has {}", count(n, "number"), x.len());
            return Err(Error::here(ErrorKind::Length, message));
        }
        let mut report = Report::new(*self);
        modes::run(body, x, &mut report)?;
        report.conclude()
    }
}
