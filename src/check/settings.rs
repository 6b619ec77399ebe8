//! What is compared.

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
    pub(super) rounding: f64,
    pub(super) absolute: f64,
    pub(super) finite_differences: bool,
    pub(super) second_order: bool,
    pub(super) native: bool,
    pub(super) skip_non_finite: bool,
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
}
