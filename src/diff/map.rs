//! The maps of a graph's edges. Data only.

use crate::op::{Chain, EdgeMap, Real};

/// The linear map of an edge.
#[derive(Clone)]
pub(super) enum Map<S: Real> {
    /// Of an elementwise operation.
    Each(EdgeMap<S>),
    /// The same, 0 by construction where the mask does not hold.
    Zeroed(EdgeMap<S>, S::Mask),
    /// Of an array operation: links, one after the other.
    Chain(Chain<S>),
}
