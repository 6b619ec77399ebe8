//! Mapping over a new leading axis: a function of one sample becomes a function of a batch; and sums and means of its outputs over that axis.
//!
//! In: a [`Function`](crate::Function). Out: a `Function` whose chosen inputs, and whose outputs, have one axis more. Elementwise operations stay as
//! they are, by broadcasting; every array operation says here what an axis in front makes of it.

mod arrays;
mod bodies;
mod control;
mod function;
mod mapped;
mod packed;
mod reduce;
mod sweeps;
#[cfg(test)]
mod tests;

pub(crate) use function::vmap;
pub(crate) use packed::packed;
pub(crate) use reduce::{Over, reduced, reduced_of};
