//! Every edge is a linear map: what the edge from a node to one of its operands does to a tangent, and, transposed, to an
//! adjoint.

use super::{Real, lit, select};

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
    /// t ↦ t where the mask holds, 0 elsewhere
    Where(S::Mask),
    /// t ↦ p·t where the mask holds, 0 elsewhere (p may be NaN there)
    ScaleWhere(S::Mask, S),
    /// t ↦ p·t, but 0 for t = 0 where p is infinite or NaN: for operands that are constants in most uses, such as the exponent of
    /// a power with a negative base. Where p is finite it is the plain product, so that a t that happens to be 0 keeps its own
    /// derivative.
    Strong(S),
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
            EdgeMap::Scale(p) => Some(p * t),
            EdgeMap::Where(m) => Some(select(m, t, lit(0.0))),
            EdgeMap::ScaleWhere(m, p) => Some(select(m, p * t, lit(0.0))),
            EdgeMap::Strong(p) => {
                let product = p * t;
                Some(select(t.eq(lit(0.0)) & product.ne(product), lit(0.0), product))
            }
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
