//! The one evaluation: a walk over the graph in any arithmetic.
//!
//! Numbers interpret, duals differentiate forward, handles of a trace rebuild the graph there. Handles have axes of their own; in any other
//! arithmetic arrays are arrays of its numbers.

pub(crate) mod along;
mod arithmetic;
mod array;
mod arrays;
mod control;
mod elements;
mod fit;
mod groups;
mod indices;
mod inline;
mod kernels;
mod known;
pub(crate) mod linalg;
pub(crate) mod moves;
mod named;
mod opaque;
mod reals;
mod results;
mod run;
mod sizes;
mod then;
mod walk;

pub(crate) use arithmetic::Lengths;
pub use array::Array;
pub(crate) use arrays::{evaluated, index_error, lengths_of};
pub(crate) use groups::{joined, split};
pub(crate) use indices::{check_given, check_reach, gives_indices, to_numbers};
pub(crate) use inline::inlined;
pub use named::{Argument, Arguments, Element, Given};
pub(crate) use named::{Resolved, resolve, run};
pub(crate) use opaque::call_opaque;
pub use results::Results;
pub(crate) use sizes::{check_memory, check_sizes, too_large};
pub(crate) use then::then;
pub(crate) use walk::{eval, eval_but, outputs_at, result};

pub use crate::base::{memory_limit, set_memory_limit};
