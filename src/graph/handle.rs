//! Handles of a graph under construction.

use super::node::NodeId;
use std::fmt;

/// A number of a graph under construction: a plain constant, or a node of a trace. Small and `Copy`; the graph lives with
/// the trace, so a handle outside its trace is of no use.
#[derive(Copy, Clone)]
pub enum Expr {
    /// A number that is known; it needs no trace.
    Const(f64),
    /// A node.
    #[doc(hidden)]
    Node { trace: u32, id: NodeId },
}

const _: () = assert!(size_of::<Expr>() == 16, "handles are passed in two registers");

/// A truth value of a graph under construction; combine with `&`, `|`, `!` and use with [`select`](crate::select).
#[derive(Copy, Clone)]
pub enum Cond {
    /// A truth value that is known.
    Const(bool),
    /// A node.
    #[doc(hidden)]
    Node { trace: u32, id: NodeId },
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Const(v) => write!(f, "{v:?}"),
            Expr::Node { id, .. } => write!(f, "{id}"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cond::Const(b) => write!(f, "{b}"),
            Cond::Node { id, .. } => write!(f, "{id}"),
        }
    }
}
