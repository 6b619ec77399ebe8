//! Arrays and sparse matrices of other crates, each behind the feature of its name.
//!
//! In: an [`Array`](crate::Array) or a [`Sparsity`](crate::sparse::Sparsity) with values. Out: what the other crate's algorithms take, and back.

#[cfg(feature = "clarabel")]
mod clarabel;
#[cfg(feature = "faer")]
mod faer;
#[cfg(feature = "nalgebra")]
mod nalgebra;
#[cfg(feature = "ndarray")]
mod ndarray;
