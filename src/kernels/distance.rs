//! The length of a vector of two numbers.

use super::parts::pick;
use crate::base::Lanes;

/// √(x² + y²) of the larger and the smaller of |x| and |y|: a root, less half its error, which comes from the squares and what their rounding
/// lost (C. F. Borges, 2021). Where a square might overflow or lose digits, both are scaled by a power of two first.
#[inline(always)]
pub(super) fn hypot<L: Lanes>(x: L, y: L) -> L {
    let (a, b) = (x.abs(), y.abs());
    let swapped = a.lt(b);
    let (large, small) = (L::select(swapped, b, a), L::select(swapped, a, b));

    let one = x.k(1.0);
    let huge = pick(x, 2f64.powi(500), 2f64.powi(60)).lt(large);
    let tiny = large.lt(pick(x, 2f64.powi(-400), 2f64.powi(-50)));
    let scale = |down, up| L::select(huge, down, L::select(tiny, up, one));
    let (down, up) = (pick(x, 2f64.powi(-600), 2f64.powi(-100)), pick(x, 2f64.powi(600), 2f64.powi(100)));
    let by = scale(down, up);
    let (a, b) = (large * by, small * by);

    let root = a.fma(a, b * b).sqrt();
    let (square, a_square) = (root * root, a * a);
    let of_squares = (-b).fma(b, square - a_square);
    let lost = root.fma(root, -square) - a.fma(a, -a_square);
    let length = (root - (of_squares + lost) / (root + root)) * scale(up, down);

    // Beside 0 are 0 and NaN, and 0 has no quotient. NaN beside ∞ counts for nothing.
    let infinity = x.k(f64::INFINITY);
    let is_infinite = large.eq(infinity) | small.eq(infinity);
    L::select(is_infinite, infinity, L::select(large.eq(x.k(0.0)), large + small, length))
}
