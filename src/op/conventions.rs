//! Parts of the table's edges: powers with whole exponents, and what becomes of a derivative where two numbers are equal.

use super::edge::EdgeMap;
use super::real::{Real, lit};

/// The edge of xⁿ: n·xⁿ⁻¹, nothing for n = 0. Of a negative power it is n·xⁿ·x⁻¹, in two steps, since xⁿ⁻¹ may be too small for a number
/// where the tangent is large.
#[inline(always)]
#[track_caller]
pub(super) fn powi_edge<S: Real>(x: S, n: i32, z: S) -> EdgeMap<S> {
    match n {
        0 => EdgeMap::Zero,
        1 => EdgeMap::Id,
        ..0 => EdgeMap::Twice(lit::<S>(n as f64).joint_product(z), x.recip()),
        _ => EdgeMap::Steep(lit::<S>(n as f64).joint_product(x.powi(n - 1))),
    }
}

/// The edges of x / √(x² + y²): the turn of the point's angle by what is across, which is the tangent over the distance. 0 at the origin.
#[inline(always)]
#[track_caller]
pub(super) fn turn<S: Real>(x: S, y: S, part: S) -> EdgeMap<S> {
    let distance = x.hypot(y);
    EdgeMap::ScaleWhere(distance.ne(lit(0.0)), part * (y.direction(x) / distance))
}

/// The edge of arctan, 1 / (1 + x²), by q = 1/x where |x| > 1: q² / (1 + q²), so that no square overflows and ±∞ has the derivatives 0.
#[inline(always)]
#[track_caller]
pub(super) fn atan_edge<S: Real>(x: S) -> S {
    let far = x.abs().gt(lit(1.0));
    let q = S::select(far, x.recip(), x);
    let square = q * q;
    S::select(far, square, lit(1.0)) * (lit::<S>(1.0) + square).recip()
}

/// e^(−k·x²) for k = 1 or ½, with what rounding x² lost: without it the relative error would be x² ulps. 0 where x² overflows.
#[inline(always)]
#[track_caller]
pub(super) fn bell<S: Real>(x: S, k: f64) -> S {
    let square = x * x;
    let lost = x.mul_add(x, -square) * lit(-k);
    let e = (square * lit(-k)).exp();
    S::select(square.eq(lit(f64::INFINITY)), lit(0.0), e.mul_add(lost, e))
}

/// The share of the derivative that each operand of min and max gets: half at a tie.
#[inline(always)]
#[track_caller]
pub(super) fn tie<S: Real>(x: S, y: S) -> S {
    S::select(x.eq(y), lit(0.5), lit(1.0))
}

/// x − y, and 0 for equal infinities. At a finite tie it is the difference, so that the next order of derivatives sees it.
#[inline(always)]
#[track_caller]
pub(super) fn gap<S: Real>(x: S, y: S) -> S {
    S::select(x.eq(y) & (x - y).ne(x - y), lit(0.0), x - y)
}
