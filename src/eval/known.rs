//! What is known of numbers while they are computed.

use crate::op::Real;

/// The number itself; NaN where it is not known.
#[inline(always)]
pub(crate) fn number<T: Real>(v: T) -> f64 {
    v.known().unwrap_or(f64::NAN)
}
