//! wip
mod diagnose;
mod diff;
pub mod dual;
mod error;
mod eval;
mod graph;
mod kernels;
mod op;
pub mod optim;
pub use diagnose::{Cost, GradientCost, NonFinite};
pub use diff::{Linearization, Mode};
pub use dual::{Dual, DualVec};
pub use error::{Error, Result};
pub use graph::{
    Aux, Binder, Collector, Cond, Expr, Function, Graph, InputGroup, Inputs, Kind, Like, Node, NodeId, OutputGroup, Outputs,
    Shape, Structure, Width, aux, like,
};
pub use op::{DType, EdgeMap, Machine, Mask, Op, Real, Value, lit, select};
