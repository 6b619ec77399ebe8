//! wip
pub mod check;
mod diff;
pub mod dual;
mod error;
mod eval;
mod graph;
mod jit;
mod kernels;
mod op;
mod schedule;
mod simplify;
pub use diff::Mode;
pub use dual::{Dual, DualVec};
pub use error::{Error, Result};
pub use graph::{
    Aux, Binder, Collector, Cond, Expr, Function, Graph, InputGroup, Inputs, Kind, Like, Node, NodeId, OutputGroup, Outputs,
    Shape, Structure, Width, aux, like,
};
pub use jit::{Compiled, CompiledRows, Report};
pub use op::{DType, EdgeMap, Machine, Mask, Op, Real, Value, lit, select};
pub use schedule::{Options, Program, Reduce, RowMap, RowProgram, Scalar, Tier};
pub use simplify::{Licence, Rule, Simplify};
