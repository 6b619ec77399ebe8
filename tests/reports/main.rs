//! What public bug reports of other libraries led to, by kind, each with its right value in every mode that has it. docs/numerics.md has the
//! table of the kinds.
#![allow(clippy::type_complexity, reason = "lists of functions")]

mod along;
mod duals;
mod edges;
mod every;
mod guards;
mod indices;
mod jax;
mod jets;
mod kinks;
mod limits;
mod names;
mod solvers;
