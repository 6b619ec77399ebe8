//! Running what was scheduled, by native code or by interpretation. The raw pointers are here: beside it, only code memory, the matrix products
//! and the kernels' dispatch have unsafe code.
//!
//! In: plans and code. Out: results in the slices of a call. What makes the pointers good is checked by
//! [`schedule::verify`](crate::schedule::verify), plan by plan.

mod arrays;
#[cfg(test)]
mod batches;
mod bodies;
mod call;
mod code;
mod control;
mod flow;
mod interpret;
mod moves;
mod nest;
mod plans;
mod point;
mod product;
#[cfg(test)]
mod random;
mod records;
mod replay;
mod rows;
mod run;
mod scratch;
mod sums;
#[cfg(test)]
mod tests;
mod threads;
mod tiles;
mod turns;
#[cfg(all(test, feature = "jit"))]
mod wide_tests;

pub(crate) use arrays::{Arrays, Limits, check_workspace};
pub(crate) use call::Slices;
pub(crate) use code::Code;
pub(crate) use point::{Numbers, ON_STACK, Point, signature_of_calls};
pub(crate) use rows::Rows;
pub(crate) use threads::check as check_threads;
