//! The one evaluation: a walk over the graph in any arithmetic.
//!
//! Numbers interpret, duals differentiate forward, handles of a trace rebuild the graph there.

pub(crate) mod along;
mod array;
mod arrays;
mod control;
pub(crate) mod linalg;
pub(crate) mod moves;
mod run;
mod walk;

pub use array::Array;
pub(crate) use arrays::{eval_arrays, index_error, lengths_of};
pub(crate) use control::call_opaque;
pub(crate) use run::Lengths;
pub(crate) use walk::{eval, eval_but, outputs_at, result};
