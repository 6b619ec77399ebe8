//! Mapping over a new leading axis: a function of one sample becomes a function of a batch.
//!
//! In: a [`Function`](crate::Function). Out: a `Function` whose chosen inputs, and whose outputs, have one axis more. Elementwise operations stay as
//! they are, by broadcasting; every array operation says here what an axis in front makes of it.

mod arrays;
mod control;
mod function;
mod mapped;

pub(crate) use function::vmap;
