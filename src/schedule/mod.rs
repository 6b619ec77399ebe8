//! From a function to a program: what to compute in which order, and whether once or per row.
//!
//! In: a [`Function`]. Out: a [`Program`], a flat list of steps that the interpreter runs and native code is made from. The
//! schedule never changes a value; fusing x·y + z into one rounding is the one exception, and is the caller's choice.

mod contract;
mod inline;
mod interpret;
mod lanes;
mod open;
mod options;
mod pack;
mod program;
mod rows;

pub use options::{Options, Tier};
pub use program::Program;
pub use rows::{Reduce, RowMap, RowProgram};

pub(crate) use inline::{inlined, kept};
pub(crate) use program::{Layout, Step, StepKind, prepared, wrong_width};
pub(crate) use rows::{RowCall, RowShape, places};
