//! From a function to a program: what to compute in which order, and whether once or per row.
//!
//! In: a [`Function`]. Out: a [`Program`], a flat list of steps that the interpreter runs and native code is made from. The
//! schedule never changes a value; fusing x·y + z into one rounding is the one exception, and is the caller's choice.

mod contract;
mod interpret;
mod open;
mod program;
mod rows;
mod scalar;
pub(crate) mod sums;

pub use program::{Options, Program, Tier};
pub use rows::{Reduce, RowMap, RowProgram};
pub use scalar::Scalar;

pub(crate) use open::has_kernel;
pub(crate) use program::{Layout, prepared, wrong_width};
pub(crate) use rows::{RowCall, RowShape};
