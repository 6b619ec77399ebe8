//! Values that take a few instructions and no routine.

use crate::base::Machine;

/// NaN stays NaN.
#[inline(always)]
pub(crate) fn relu<M: Machine>(x: M) -> M {
    M::select(x.le(x.k(0.0)), x.k(0.0), x)
}

#[inline(always)]
pub(crate) fn leaky_relu<M: Machine>(x: M, alpha: M) -> M {
    M::select(x.le(x.k(0.0)), alpha * x, x)
}

#[inline(always)]
pub(crate) fn signum<M: Machine>(x: M) -> M {
    M::select(x.eq(x), x.k(1.0).copysign(x), x)
}

#[inline(always)]
pub(crate) fn copysign<M: Machine>(x: M, y: M) -> M {
    x.copysign(M::select(y.eq(y), y, x.k(1.0)))
}

#[inline(always)]
pub(crate) fn round<M: Machine>(x: M) -> M {
    let t = x.trunc();
    M::select((x - t).abs().lt(x.k(0.5)), t, t + x.k(1.0).copysign(x))
}

#[inline(always)]
pub(crate) fn min<M: Machine>(x: M, y: M) -> M {
    M::select(x.le(y) | !y.eq(y), x, y)
}

#[inline(always)]
pub(crate) fn max<M: Machine>(x: M, y: M) -> M {
    M::select(y.le(x) | !y.eq(y), x, y)
}

/// NaN stays NaN; where the bounds cross, the upper one wins.
#[inline(always)]
pub(crate) fn clamp<M: Machine>(x: M, lo: M, hi: M) -> M {
    M::select(hi.lt(x), hi, M::select(x.lt(lo), lo, x))
}

/// x / √(x² + y²) by the ratio r of the smaller number to the larger one: 1/√(1 + r²) or r/√(1 + r²), which neither over- nor underflow
/// before the result does.
#[inline(always)]
pub(crate) fn direction<M: Machine>(x: M, y: M) -> M {
    let (a, b) = (x.abs(), y.abs());
    let along = b.le(a);
    let r = M::select(along, b, a) / M::select(along, a, b);
    let w = r.fma(r, x.k(1.0)).sqrt();
    let part = M::select(along, x.k(1.0), r) / w;
    // The ratio at the origin is NaN, as that of infinities.
    let apart = !(a.eq(x.k(0.0)) & b.eq(x.k(0.0)));
    M::select(apart, part, x.k(0.0)).copysign(x)
}
