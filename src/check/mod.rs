//! One call that compares every mode of differentiation against every other, for your own functions too.
//!
//! In: a function and a point. Out: a [`Report`] of what was compared, or an error that names the modes that disagree, the
//! entry, both values and how far apart they are.
//!
//! Values are computed with plain numbers, with dual numbers, through the graph, by the interpreter and by native code. The
//! Jacobian is computed with [`Dual`], with [`DualVec`], by tracing over duals, by the symbolic transforms forward and
//! in reverse, each interpreted and native, and by finite differences. Second derivatives are those of a weighted sum of the outputs:
//! the Hessian against its transpose, against nested duals and against its products with a vector.
//!
//! What ought to be the same to the bit must be: native code and the interpreter on one program, the simplified program and the
//! plain one, the values inside duals and the plain values. What differs by rounding (programs from plain numbers, as kernels are not std's
//! functions) may differ by what rounding explains: the sum, over all operations, of their result times the sensitivity of the answer to it (F. L. Bauer, Computational Graphs and
//! Rounding Error, 1974). Finite differences are extrapolated and come with an error estimate of their own (C. J. F. Ridders,
//! Accurate computation of F′(x) and F′(x)F″(x), 1982); where it is too large to decide anything they are counted as undecided.

mod difference;
mod modes;
mod report;
mod rounding;
mod rules;

pub use report::Report;
pub use rules::rules;

use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::Function;
use crate::op::Real;

#[allow(unused_imports, reason = "the documentation links them")]
use crate::dual::{Dual, DualVec};

/// A function that runs in any arithmetic: implement it for a type of yours, or use a [`Function`].
pub trait Body {
    /// The results at `x`.
    fn call<T: Real>(&self, x: &[T]) -> Vec<T>;

    /// How many numbers it takes, where only one length fits.
    fn input_len(&self) -> Option<usize> {
        None
    }
}

impl Body for Function {
    #[track_caller]
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        self.eval(x).expect("the length was checked")
    }

    fn input_len(&self) -> Option<usize> {
        Some(self.input_len())
    }
}

impl<B: Body> Body for &B {
    #[track_caller]
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        B::call(self, x)
    }

    fn input_len(&self) -> Option<usize> {
        B::input_len(self)
    }
}

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

/// What to compare, and how closely.
///
/// ```
/// use wengert::{check::Check, Function};
/// // `detach` hides a dependence from every mode but finite differences
/// let f = Function::trace("x", |x| x.detach() * x)?;
/// let error = Check::new().run(&f, &[3.0]).unwrap_err();
/// assert!(error.is_disagreement() && error.to_string().contains("finite differences"));
/// assert!(Check::new().finite_differences(false).second_order(false).run(&f, &[3.0]).is_ok());
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Check {
    rounding: f64,
    absolute: f64,
    finite_differences: bool,
    second_order: bool,
    native: bool,
    skip_non_finite: bool,
}

impl Default for Check {
    fn default() -> Self {
        Check {
            rounding: 256.0 * f64::EPSILON,
            absolute: 1e-290,
            finite_differences: true,
            second_order: true,
            native: true,
            skip_non_finite: false,
        }
    }
}

impl Check {
    /// The defaults: everything, as closely as rounding allows.
    pub fn new() -> Self {
        Check::default()
    }
    /// How much relative error each operation may have made; 256 · 2⁻⁵² if not said otherwise.
    pub fn rounding(mut self, relative: f64) -> Self {
        self.rounding = relative;
        self
    }
    /// A difference that is never reported; 10⁻²⁹⁰ if not said otherwise, for results that underflow.
    pub fn absolute(mut self, difference: f64) -> Self {
        self.absolute = difference;
        self
    }
    /// Whether to compare with finite differences. Off for functions with `detach`, and at kinks.
    pub fn finite_differences(mut self, on: bool) -> Self {
        self.finite_differences = on;
        self
    }
    /// Whether to compare second derivatives.
    pub fn second_order(mut self, on: bool) -> Self {
        self.second_order = on;
        self
    }
    /// Whether to compile.
    pub fn native(mut self, on: bool) -> Self {
        self.native = on;
        self
    }
    /// Whether to pass over entries that are not finite in one of the modes. Otherwise ∞ agrees with the same ∞ and NaN with NaN;
    /// where modes multiply in different orders, one may have the one and one the other. Bits are compared in any case.
    pub fn skip_non_finite(mut self, on: bool) -> Self {
        self.skip_non_finite = on;
        self
    }

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

#[cfg(test)]
mod tests;
