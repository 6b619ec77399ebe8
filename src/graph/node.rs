//! What a graph stores of a node.

use crate::base::Shape;
use crate::error::Caller;
use crate::op::{DType, Op};
use std::fmt;

/// A node's number in its graph; operands have smaller numbers than their users. Printed as `%3`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) fn new(index: usize) -> Self {
        NodeId(u32::try_from(index).expect("a graph has fewer than 2^32 nodes"))
    }
    /// The number as an index into per-node tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// A node's operands.
pub(crate) type Args = smallvec::SmallVec<[NodeId; 4]>;

/// Which result of an operation with bodies.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Port {
    /// What is carried, in the end; a result of a choice.
    Final(u32),
    /// What every step keeps, along a new first axis.
    Each(u32),
    /// What every step was given to carry on, along a new first axis.
    Carried(u32),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Final(k) => write!(f, "final[{k}]"),
            Port::Each(k) => write!(f, "each[{k}]"),
            Port::Carried(k) => write!(f, "carried[{k}]"),
        }
    }
}

/// What a node does: a [`Kind`](super::Kind) whose operations are numbers in the graph's tables.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stored {
    Input(u32),
    Const(u64),
    Flag(bool),
    Apply(Op),
    Array(u32),
    Control(u32, Port),
}

/// What a graph stores of a node, see [`Graph::petgraph`](super::Graph::petgraph); [`Graph::node`](super::Graph::node) shows it.
#[derive(Copy, Clone, Debug)]
pub struct NodeWeight {
    pub(super) kind: Stored,
    pub(super) dtype: DType,
    pub(super) shape: Shape,
    pub(super) arity: u32,
    pub(super) first: u32,
    pub(super) at: Option<Caller>,
}
