//! Sparse derivatives: where a Jacobian or Hessian has entries, and one function that computes them.
//!
//! In: a [`Function`](crate::Function). Out: a [`Sparsity`], which holds for every point, and a [`SparseDerivative`], which compiles. Sets of columns flow
//! through the graph; colourings put together columns or rows that do not meet; sweeps give the products; every entry is read off them. Functions
//! that are sums of equal terms need no colouring: see [`Terms`].

mod arrays;
mod assembly;
mod colour;
mod derivative;
mod flow;
mod known;
mod lagrangian;
mod loops;
mod method;
mod order;
mod pattern;
mod recover;
mod sweeps;
mod symbolic;
mod terms;
mod value;

pub use assembly::Assembly;
pub(crate) use assembly::{Piece, To};
pub(crate) use derivative::Argument;
pub use derivative::SparseDerivative;
pub(crate) use lagrangian::lagrangian;
pub use method::{Compress, Method, Symmetric};
pub use order::Order;
pub use pattern::{ByRows, Sparsity};
pub use terms::Terms;
