//! The graph: expressions as a petgraph DAG, built by tracing a function that is generic over [`Real`](crate::Real).
//!
//! In: the user's closure. Out: a [`Function`], which owns its [`Graph`] and knows nothing of threads, code or machines.

mod arrays;
mod body;
mod capture;
mod control;
mod expr;
mod fixed;
mod function;
mod loops;
mod node;
mod opaque;
mod parse;
mod rules;
mod scan;
mod signature;
mod storage;
mod structure;
mod text;
mod trace;
mod values;

pub use arrays::{Axes, Keep, keep};
pub(crate) use body::{Body, Caller};
pub use control::Nested;
pub(crate) use control::{
    Control, Derivative, Flow, NestedOp, Port, SharedControl, Transpose, Type, make_body, numbers, stacked, types_in, types_out,
};
pub use expr::{Cond, Expr};
pub(crate) use fixed::with_lengths;
pub(crate) use function::NewOutput;
pub use function::{Function, InputGroup, OutputGroup};
pub use loops::{cond, while_loop, while_loop_at_most};
pub use node::{Kind, Node, NodeId, NodeWeight};
pub use opaque::Opaque;
pub use rules::{custom_jvp, custom_vjp, remat, stop_gradient};
pub use scan::{Scan, scan};
pub(crate) use signature::parse as parse_declaration;
pub use signature::{Aux, Binder, Collector, Inputs, Like, Outputs, aux, like};
pub use storage::Graph;
pub(crate) use storage::{Args, Builder};
pub use structure::Structure;
pub(crate) use text::{Line, Signature};
pub(crate) use trace::{Located, by, refuse, width};
pub use values::Values;
