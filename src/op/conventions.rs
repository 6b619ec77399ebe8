//! Parts of the table's edges: powers with whole exponents, and what becomes of a derivative where two numbers are equal.

use super::edge::EdgeMap;
use super::real::{Real, lit};

/// The edge of xⁿ: n·xⁿ⁻¹, nothing for n = 0.
#[inline(always)]
#[track_caller]
pub(super) fn powi_edge<S: Real>(x: S, n: i32) -> EdgeMap<S> {
    match n {
        0 => EdgeMap::Zero,
        1 => EdgeMap::Id,
        i32::MIN => EdgeMap::Scale(lit::<S>(n as f64) * x.powf(lit(n as f64 - 1.0))),
        _ => EdgeMap::Scale(lit::<S>(n as f64) * x.powi(n - 1)),
    }
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
