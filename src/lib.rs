//! wip
pub mod dual;
mod error;
mod kernels;
mod op;
pub use dual::{Dual, DualVec};
pub use error::{Error, Result};
pub use op::{DType, EdgeMap, Machine, Mask, Op, Real, Value, lit, select};
