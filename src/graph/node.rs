//! What a node is.

use super::control::Nested;
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

/// What a node does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The function's input number so-and-so, counted over all groups.
    Input(u32),
    /// A number, by its bits (so that −0 and NaN are told apart from 0 and each other).
    Const(u64),
    /// A truth value that is known.
    Flag(bool),
    /// A scalar operation on the operands, element by element.
    Apply(Op),
    /// An operation on whole arrays.
    Array(&'static ArrayOp),
    /// A result of an operation with bodies: a scan, a loop, a choice.
    Control(Nested),
}

impl Kind {
    pub(crate) fn constant(v: f64) -> Self {
        Kind::Const(v.to_bits())
    }

    /// Whether this is a number or truth value that is known. It has the shape of a scalar, and fits every shape in
    /// an elementwise operation.
    pub fn is_known(self) -> bool {
        matches!(self, Kind::Const(_) | Kind::Flag(_))
    }
}

/// A node: what it does, what it holds, and which line of the user's source made it. Its operands are its outgoing edges.
#[derive(Copy, Clone, Debug)]
pub struct Node {
    pub(super) kind: Kind,
    pub(super) dtype: DType,
    pub(super) shape: Shape,
    pub(super) arity: u32,
    pub(super) first: u32,
    pub(super) at: Option<&'static Location<'static>>,
}

impl Node {
    /// What the node does.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// The shape of its value.
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// What its value is.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
    /// The line of the user's source that made it, where one did.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.at
    }
    /// The scalar operation, for a node that applies one.
    pub fn op(&self) -> Option<Op> {
        match self.kind {
            Kind::Apply(op) => Some(op),
            _ => None,
        }
    }
}
