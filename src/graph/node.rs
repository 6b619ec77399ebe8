//! What a node is.

use crate::op::{DType, Op};
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

/// The width of a function's floating-point numbers, chosen once, before anything is folded.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Width {
    /// 32 bits.
    F32,
    /// 64 bits.
    #[default]
    F64,
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Width::F32 => "f32",
            Width::F64 => "f64",
        })
    }
}

impl Width {
    /// The nearest number of this width.
    pub(crate) fn round(self, v: f64) -> f64 {
        match self {
            Width::F32 => v as f32 as f64,
            Width::F64 => v,
        }
    }
}

/// The shape of a node's value: the lengths of its axes. A scalar has none.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    rank: u8,
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Shape = Shape { rank: 0 };

    /// The number of axes.
    pub fn rank(self) -> usize {
        self.rank as usize
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
    /// An operation on the operands.
    Apply(Op),
}

impl Kind {
    pub(crate) fn constant(v: f64) -> Self {
        Kind::Const(v.to_bits())
    }

    /// What the node holds.
    pub fn dtype(self) -> DType {
        match self {
            Kind::Input(_) | Kind::Const(_) => DType::Float,
            Kind::Flag(_) => DType::Mask,
            Kind::Apply(op) => op.result(),
        }
    }
}

/// A node: what it does, what it holds, and which line of the user's source made it. Its operands are its outgoing edges.
#[derive(Copy, Clone, Debug)]
pub struct Node {
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    pub(super) arity: u8,
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
        self.kind.dtype()
    }
    /// The line of the user's source that made it, where one did.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.at
    }
    /// The operation, for a node that applies one.
    pub fn op(&self) -> Option<Op> {
        match self.kind {
            Kind::Apply(op) => Some(op),
            _ => None,
        }
    }
}
