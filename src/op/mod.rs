//! The operations: one row each in the private module `table`, read by every engine.
//!
//! In: nothing. Out: [`Op`], the arithmetic traits [`Real`] (what users write over) and [`Machine`] (what hardware does),
//! and [`EdgeMap`], the linear map that a graph's edge stands for.

mod array;
mod custom;
mod edge;
mod machine;
mod operators;
mod plain;
mod real;
mod shape;
mod table;

pub use array::{ArrayOp, Cut};
pub(crate) use array::{Chain, transposed};
pub use custom::{CustomRule, custom_rule, straight_through};
pub use edge::EdgeMap;
pub use machine::Machine;
pub(crate) use machine::{Bits, Lanes};
pub(crate) use operators::derived_operators;
pub use real::{Mask, Real, lit, select};
pub use shape::{Axis, Shape};
pub(crate) use table::op_table;
pub(crate) use table::rule;
pub use table::{DType, Op, Value};
