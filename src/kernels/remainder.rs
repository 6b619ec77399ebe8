//! The remainder of a division, which is exact.

use super::library::REM;
use super::parts::pick;
use crate::base::Lanes;

/// x − n·y for n = trunc(x/y), with the sign of x. A fused multiply-add takes off n·y, which leaves a multiple of the last digit of y that is no larger than
/// y, and so no error. Where the quotient was rounded up to a whole number, n is one too large, and the remainder has the other sign: y goes back on.
/// The library computes where n may be wrong by more, or there is none (y = 0, infinities, NaN).
#[inline(always)]
pub(super) fn rem<L: Lanes>(x: L, y: L) -> L {
    let zero = x.k(0.0);
    let n = (x / y).trunc();
    let r = (-n).fma(y, x);
    let is_past = (x.lt(zero) & zero.lt(r)) | (zero.lt(x) & r.lt(zero));
    let r = L::select(is_past, r + y.abs().copysign(x), r).copysign(x);
    // Below, a rounded quotient is less than one from the true one.
    let exact = n.abs().lt(pick(x, 2f64.powi(52), 2f64.powi(23))) & y.abs().lt(x.k(f64::INFINITY));
    L::select(exact, r, y).rare_of_two(!exact, x, &REM)
}
