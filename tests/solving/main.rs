//! Equations, fits, sparse derivatives, and the crates that solve with them.

#[path = "../common/mod.rs"]
mod common;

mod colours;
#[cfg(all(feature = "clarabel", feature = "faer", feature = "nalgebra", feature = "ndarray"))]
mod convert;
mod fit;
mod implicit;
mod ode;
#[cfg(all(feature = "argmin", feature = "nalgebra", feature = "ndarray"))]
mod solvers;
mod sparse;
mod terms;
