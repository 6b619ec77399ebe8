//! The operations: one row each in the file `table.rs`, read by every engine.
//!
//! In: nothing. Out: [`Op`], the arithmetic traits [`Real`] (what users write over) and [`Machine`] (what hardware does),
//! and [`EdgeMap`], the linear map that a graph's edge stands for.

pub(crate) mod apart;
mod array;
mod bodied;
mod constant;
mod conventions;
mod custom;
mod edge;
pub(crate) mod flow;
mod library;
mod operation;
mod operators;
mod plain;
mod plain_starts;
mod primal;
mod real;
mod scalar;
mod table;
mod value;
mod values;

pub(crate) use apart::{Apart, flow_apart};
pub use array::{ArrayOp, Cut};
pub(crate) use array::{Chain, Link, anywhere, indicator, spread_over, transposed};
#[doc(hidden)]
pub use bodied::{Bodied, Expanded};
pub(crate) use constant::{constant, settled};
pub use custom::{custom_rule, straight_through};
pub use edge::EdgeMap;
#[doc(hidden)]
pub use flow::{Steps, Turns};
pub(crate) use library::op_of_library;
pub use operation::Op;
pub(crate) use operation::rule;
pub(crate) use operators::derived_operators;
#[doc(hidden)]
pub use real::ChosenBy;
pub use real::{Choose, CustomRule, Real, lit, select};
pub use scalar::Scalar;
pub(crate) use table::op_table;
pub use value::{DType, Value};
pub(crate) use values::own_start;
pub use values::{IntoValues, Values};

pub use crate::base::{Machine, Mask};
