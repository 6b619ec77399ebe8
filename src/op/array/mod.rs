//! Array operations: what they do to shapes, and the linear maps of their edges.
//!
//! Elementwise operations are the scalar table's; this is what is left: moving, reducing, contracting. Each linear one states its
//! transpose once, in the private module `link`.

mod infer;
mod link;
mod operation;
mod reach;

pub(crate) use link::{Chain, Link, spread_over, transposed};
pub use operation::{ArrayOp, Cut};
pub(crate) use reach::{anywhere, indicator};
