//! Every edge is a linear map: what the edge from a node to one of its operands does to a tangent, and, transposed, to an
//! adjoint.

use super::real::{Real, lit, select};

/// The linear map of one edge, ∂node/∂operand, in the arithmetic `S`.
///
/// Forward mode applies it to the operand's tangent, reverse mode applies its transpose to the node's adjoint. Masked
/// maps select instead of multiplying by 0 or 1, so that an infinite or NaN tangent of a branch not taken cannot leak.
#[derive(Copy, Clone, Debug)]
pub enum EdgeMap<S: Real> {
    /// No derivative flows: t ↦ nothing (a step function's edge, a detached value's).
    Zero,
    /// t ↦ t
    Id,
    /// t ↦ −t
    Flip,
    /// t ↦ p·t
    Scale(S),
    /// t ↦ p·t, where p may overflow though the operand is finite, as 1/y for a small y. Among numbers as [`EdgeMap::Strong`], since
    /// there a tangent of 0 may be that of another input; among graph handles the plain product.
    Steep(S),
    /// t ↦ p·(q·t), in this order: where p·q over- or underflows and the tangent makes up for it. Otherwise as [`EdgeMap::Steep`].
    Twice(S, S),
    /// t ↦ t where the mask holds, 0 elsewhere
    Where(S::Mask),
    /// t ↦ p·t where the mask holds, 0 elsewhere (p may be NaN there)
    ScaleWhere(S::Mask, S),
    /// t ↦ p·t, but 0 for t = 0 where p is infinite or NaN: for operands that are constants in most uses, such as the
    /// exponent of a power with a negative base.
    Strong(S),
    /// t ↦ p·t, where p is infinite at points where the value is not, as √ at 0. Among numbers as [`EdgeMap::Strong`], since
    /// there a tangent of 0 may be that of another input; among graph handles, where what is absent is not multiplied at
    /// all, the plain product.
    Singular(S),
}

impl<S: Real> EdgeMap<S> {
    /// Applies the map; `None` where nothing flows.
    #[inline(always)]
    #[track_caller]
    pub fn apply(self, t: S) -> Option<S> {
        match self {
            EdgeMap::Zero => None,
            EdgeMap::Id => Some(t),
            EdgeMap::Flip => Some(-t),
            EdgeMap::Scale(p) => Some(p.scaled(t)),
            EdgeMap::Steep(p) | EdgeMap::Singular(p) if S::SYMBOLIC => Some(p * t),
            EdgeMap::Twice(p, q) if S::SYMBOLIC => Some(p * (q * t)),
            EdgeMap::Steep(p) => Some(p.strong_product(t)),
            EdgeMap::Twice(p, q) => Some(p.strong_product(q.strong_product(t))),
            EdgeMap::Where(m) => Some(select(m, t, lit(0.0))),
            EdgeMap::ScaleWhere(m, p) if S::SYMBOLIC => Some(select(m, p * t, lit(0.0))),
            EdgeMap::ScaleWhere(m, p) => Some(select(m, p.strong_product(t), lit(0.0))),
            EdgeMap::Strong(p) | EdgeMap::Singular(p) => Some(p.strong_product(t)),
        }
    }

    /// Whether it multiplies, by what may be infinite.
    pub(crate) fn multiplies(self) -> bool {
        match self {
            EdgeMap::Scale(_) | EdgeMap::Steep(_) | EdgeMap::Twice(..) | EdgeMap::ScaleWhere(..) => true,
            EdgeMap::Strong(_) | EdgeMap::Singular(_) => true,
            EdgeMap::Zero | EdgeMap::Id | EdgeMap::Flip | EdgeMap::Where(_) => false,
        }
    }

    /// The same where a 0 is none by construction, but may be one that a guard has made: an infinite factor leaves it 0.
    #[track_caller]
    pub(crate) fn apply_strong(self, t: S) -> Option<S> {
        match self {
            EdgeMap::Scale(p) | EdgeMap::Steep(p) | EdgeMap::Singular(p) | EdgeMap::Strong(p) => Some(p.strong_product(t)),
            EdgeMap::Twice(p, q) => Some(p.strong_product(q.strong_product(t))),
            edge => edge.apply(t),
        }
    }

    /// The same, masked where a guard has made the factor 0.
    #[track_caller]
    pub(crate) fn guarded(self) -> Self {
        match self {
            EdgeMap::Scale(p) | EdgeMap::Steep(p) => p.guard().map_or(self, |mask| EdgeMap::ScaleWhere(mask, p)),
            edge => edge,
        }
    }

    /// The transposed map. Elementwise maps are diagonal, hence their own transpose.
    pub fn transpose(self) -> Self {
        self
    }

    /// The partial derivative as a number: the map applied to 1, or 0 where nothing flows.
    pub fn partial(self) -> S {
        self.apply(lit(1.0)).unwrap_or(lit(0.0))
    }
}

impl<S: Real> From<S> for EdgeMap<S> {
    #[inline(always)]
    fn from(p: S) -> Self {
        EdgeMap::Scale(p)
    }
}
