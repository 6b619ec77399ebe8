//! The graph: expressions as a petgraph DAG, built by tracing a function that is generic over [`Real`](crate::Real).
//!
//! In: the user's closure. Out: a [`Function`], which owns its [`Graph`] and knows nothing of threads, code or machines.

mod arrays;
mod body;
mod body_result;
mod builder;
mod call;
mod capture;
mod control;
mod expr;
mod fixed;
mod flow;
mod function;
mod handle;
mod handles;
mod leaf;
mod like;
mod loops;
mod model;
mod names;
mod node;
mod nothing;
mod opaque;
mod parse;
mod rules;
mod same;
mod scan;
mod session;
mod signature;
mod stack;
mod stacked;
mod text;
mod trace;
mod verify;
mod view;

pub use arrays::{Axes, Keep, keep};
pub(crate) use body::{Body, make_body};
pub use body_result::{BodyResult, Condition};
pub(crate) use builder::Builder;
pub(crate) use control::{Flow, NestedOp, Transpose, Type, numbers, stacked, types_in, types_out};
pub(crate) use fixed::{open_axes, renamed, with_lengths};
pub(crate) use function::NewOutput;
pub use handle::{Cond, Expr};
pub use handles::Handles;
pub use leaf::Leaf;
pub use like::{Like, like};
pub use loops::{cond, while_loop, while_loop_at_most};
pub(crate) use model::{Control, Derivative, SharedControl};
pub use model::{Function, Graph, InputGroup, OutputGroup};
pub(crate) use names::named;
pub(crate) use node::{Args, Port};
pub use node::{NodeId, NodeWeight};
pub use opaque::Opaque;
pub use rules::{custom_jvp, custom_vjp, remat, stop_gradient};
pub use scan::{Scan, Sequence, scan};
pub(crate) use session::{Located, by};
pub(crate) use signature::parse as parse_declaration;
pub use signature::{Aux, Binder, Collector, Inputs, Outputs, aux};
pub(crate) use text::{Line, Signature};
pub(crate) use trace::{place, refuse, width};
pub use view::{Kind, Nested, Node};

pub(crate) use crate::base::Path;
pub use crate::base::{Axis, IntoShape, Step, Structure, Visit, VisitMut};
pub use crate::op::{IntoValues, Values};
