//! What a graph shows: its nodes, what they do, and their operands.

use super::model::{Graph, SharedControl};
use super::node::{Args, NodeId, NodeWeight, Port, Stored};
use crate::base::Shape;
use crate::op::{ArrayOp, DType, Op};
use petgraph::graph::DiGraph;
use std::{fmt, panic::Location};

/// What a node does. Operations of arrays and operations with bodies are lent by the graph that owns them.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind<'g> {
    /// The function's input number so-and-so, counted over all groups.
    Input(u32),
    /// A number, by its bits (so that −0 and NaN differ from 0 and each other).
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

/// One result of an operation with bodies (a scan, a loop, a choice), which a graph lends.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub struct Nested<'g> {
    pub(crate) control: &'g SharedControl,
    pub(crate) port: Port,
}

/// A node of a graph: what it does, what it holds, and which line of the user's source made it. Its operands are its outgoing edges.
#[derive(Copy, Clone)]
pub struct Node<'g> {
    graph: &'g Graph,
    weight: &'g NodeWeight,
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

impl Graph {
    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A node.
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        Node { graph: self, weight: self.weight(id) }
    }

    pub(super) fn weight(&self, id: NodeId) -> &NodeWeight {
        &self.dag.raw_nodes()[id.index()].weight
    }

    fn kind(&self, kind: Stored) -> Kind<'_> {
        match kind {
            Stored::Input(slot) => Kind::Input(slot),
            Stored::Const(bits) => Kind::Const(bits),
            Stored::Flag(b) => Kind::Flag(b),
            Stored::Apply(op) => Kind::Apply(op),
            Stored::Array(op) => Kind::Array(&self.arrays[op as usize]),
            Stored::Control(control, port) => Kind::Control(Nested { control: &self.controls[control as usize], port }),
        }
    }

    /// All ids, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.len()).map(NodeId::new)
    }

    /// The operands of a node, in order.
    pub fn operands(&self, id: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + '_ {
        let NodeWeight { first, arity, .. } = *self.weight(id);
        self.dag.raw_edges()[first as usize..][..arity as usize].iter().map(|edge| NodeId::new(edge.target().index()))
    }

    /// What becomes of each operand of a node, as a list.
    pub(crate) fn operands_as(&self, id: NodeId, what: impl FnMut(NodeId) -> NodeId) -> Args {
        let operands = self.operands(id);
        let (mut few, n) = ([NodeId(0); 4], operands.len());
        if n > few.len() {
            return operands.map(what).collect();
        }
        // Most nodes by far; a list that grows element by element takes several times as long.
        few.iter_mut().zip(operands.map(what)).for_each(|(place, operand)| *place = operand);
        Args::from_buf_and_len(few, n)
    }

    /// The storage, for petgraph's algorithms. Node indices are [`NodeId::index`].
    pub fn petgraph(&self) -> &DiGraph<NodeWeight, ()> {
        &self.dag
    }

    /// Marks what the given nodes depend on, themselves included.
    pub(crate) fn reachable(&self, from: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut live = vec![false; self.len()];
        for id in from {
            live[id.index()] = true;
        }
        for id in self.ids().rev() {
            if live[id.index()] {
                for operand in self.operands(id) {
                    live[operand.index()] = true;
                }
            }
        }
        live
    }

    /// The shapes and kinds of nodes.
    pub(crate) fn types(&self, ids: &[NodeId]) -> smallvec::SmallVec<[(Shape, DType); 4]> {
        ids.iter().map(|&id| (self.weight(id).shape, self.weight(id).dtype)).collect()
    }
}

impl fmt::Debug for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.control.name(), self.port)
    }
}
