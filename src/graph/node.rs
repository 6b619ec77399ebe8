//! What a node is.

use super::control::{Nested, Port};
use super::storage::Graph;
use crate::base::Shape;
use crate::op::{ArrayOp, DType, Op};
use std::{fmt, panic::Location};

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

/// What a node does. Operations of arrays and operations with bodies are lent by the graph that owns them.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind<'g> {
    /// The function's input number so-and-so, counted over all groups.
    Input(u32),
    /// A number, by its bits (so that −0 and NaN are told apart from 0 and each other).
    Const(u64),
    /// A truth value that is known.
    Flag(bool),
    /// A scalar operation on the operands, element by element.
    Apply(Op),
    /// An operation on whole arrays.
    Array(&'g ArrayOp),
    /// A result of an operation with bodies: a scan, a loop, a choice.
    Control(Nested<'g>),
}

impl Kind<'_> {
    pub(crate) fn constant(v: f64) -> Self {
        Kind::Const(v.to_bits())
    }

    /// Whether this is a number or truth value that is known. It has the shape of a scalar, and fits every shape in
    /// an elementwise operation.
    pub fn is_known(self) -> bool {
        matches!(self, Kind::Const(_) | Kind::Flag(_))
    }
}

/// A [`Kind`] as a graph stores it: operations are numbers in the graph's tables.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stored {
    Input(u32),
    Const(u64),
    Flag(bool),
    Apply(Op),
    Array(u32),
    Control(u32, Port),
}

/// What a graph stores of a node, see [`Graph::petgraph`]; [`Graph::node`] shows it.
#[derive(Copy, Clone, Debug)]
pub struct NodeWeight {
    pub(super) kind: Stored,
    pub(super) dtype: DType,
    pub(super) shape: Shape,
    pub(super) arity: u32,
    pub(super) first: u32,
    pub(super) at: Option<&'static Location<'static>>,
}

/// A node of a graph: what it does, what it holds, and which line of the user's source made it. Its operands are its outgoing edges.
#[derive(Copy, Clone)]
pub struct Node<'g> {
    pub(super) graph: &'g Graph,
    pub(super) weight: &'g NodeWeight,
}

impl<'g> Node<'g> {
    /// What the node does.
    pub fn kind(&self) -> Kind<'g> {
        self.graph.kind(self.weight.kind)
    }
    /// The shape of its value.
    pub fn shape(&self) -> Shape {
        self.weight.shape
    }
    /// What its value is.
    pub fn dtype(&self) -> DType {
        self.weight.dtype
    }
    /// The line of the user's source that made it, where one did.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.weight.at
    }
    /// The scalar operation, for a node that applies one.
    pub fn op(&self) -> Option<Op> {
        match self.weight.kind {
            Stored::Apply(op) => Some(op),
            _ => None,
        }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("kind", &self.kind()).field("dtype", &self.dtype()).field("shape", &self.shape()).finish()
    }
}
