//! What is known of numbers while they are computed: which way a comparison went, and which place an index names.

use crate::op::{Real, lit};

/// Whether a mask holds, in an arithmetic whose numbers are known.
#[inline(always)]
pub(crate) fn holds<T: Real>(mask: T::Mask) -> bool {
    T::select(mask, lit(1.0), lit(0.0)).known() == Some(1.0)
}

/// The number itself; NaN where it is not known.
#[inline(always)]
pub(crate) fn number<T: Real>(v: T) -> f64 {
    v.known().unwrap_or(f64::NAN)
}
