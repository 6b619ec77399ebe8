//! What handles of arrays can do beyond elementwise arithmetic. Everything is made of the operations of [`ArrayOp`](crate::op::ArrayOp) and of
//! the scalar table.

mod axes;
mod elements;
mod matrix;
mod run;
pub(crate) mod scales;

pub use axes::{Axes, Keep, keep};
