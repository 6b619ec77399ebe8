//! The graph's storage: petgraph's `DiGraph`, append-only, every node after its operands, hash-consed while it is built.

use super::node::{Kind, Node, NodeId};
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::DType;
use hashbrown::{HashTable, hash_table::Entry};
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::FxHasher;
use std::{
    hash::{Hash, Hasher},
    panic::Location,
};

/// A directed acyclic graph of nodes; edges run from a node to its operands, in order, parallel edges included.
///
/// Creation order is a topological order, and the operands of a node are one contiguous run of edges.
#[derive(Clone, Default)]
pub struct Graph {
    dag: DiGraph<Node, ()>,
}

/// A node's operands.
pub(crate) type Args = smallvec::SmallVec<[NodeId; 4]>;

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
    pub fn node(&self, id: NodeId) -> &Node {
        &self.dag.raw_nodes()[id.index()].weight
    }

    /// All ids, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.len()).map(NodeId::new)
    }

    /// The operands of a node, in order.
    pub fn operands(&self, id: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + '_ {
        let node = self.node(id);
        let first = node.first as usize;
        self.dag.raw_edges()[first..first + node.arity as usize].iter().map(|edge| NodeId::new(edge.target().index()))
    }

    /// The storage, for petgraph's algorithms. Node indices are [`NodeId::index`].
    pub fn petgraph(&self) -> &DiGraph<Node, ()> {
        &self.dag
    }

    /// Checks every invariant that the passes rely on.
    ///
    /// # Errors
    /// Names the first node that breaks one.
    pub fn verify(&self) -> Result<()> {
        let fail = |id: NodeId, what: &str| Err(Error::new(ErrorKind::Shape, format!("node {id}: {what}")));
        let mut inputs_done = false;
        for id in self.ids() {
            let node = self.node(id);
            match node.kind {
                Kind::Input(slot) if inputs_done || slot as usize != id.index() => return fail(id, "an input out of place"),
                Kind::Input(_) => {}
                _ => inputs_done = true,
            }
            if self.operands(id).any(|operand| operand >= id) {
                return fail(id, "an operand that comes after its user");
            }
            let operands: Args = self.operands(id).collect();
            match node.kind {
                Kind::Apply(op) => {
                    if op.arity() != operands.len() {
                        return fail(id, "a wrong number of operands");
                    }
                    for (&operand, &dtype) in operands.iter().zip(op.operands()) {
                        let operand = self.node(operand);
                        if operand.dtype != dtype {
                            return fail(id, "an operand of the wrong kind");
                        }
                        if operand.shape != node.shape && !operand.kind.is_known() {
                            return fail(id, "operands of different shapes");
                        }
                    }
                }
                Kind::Array(op) if op.infer(&self.types(&operands)) != Ok((node.shape, node.dtype)) => {
                    return fail(id, "operands that do not fit the operation");
                }
                Kind::Array(_) => {}
                Kind::Control(nested)
                    if nested.control.infer(nested.port, &self.types(&operands)) != Ok((node.shape, node.dtype)) =>
                {
                    return fail(id, "operands that do not fit the operation's body");
                }
                Kind::Control(_) => {}
                _ if !operands.is_empty() => return fail(id, "an operand too many"),
                _ => {}
            }
        }
        Ok(())
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
        ids.iter().map(|&id| (self.node(id).shape, self.node(id).dtype)).collect()
    }

    /// An empty graph with room for as much as another has.
    fn like(other: &Graph) -> Graph {
        Graph { dag: DiGraph::with_capacity(other.dag.node_count(), other.dag.edge_count()) }
    }

    /// The nodes that are marked and the inputs, with what became of every old node. Different nodes stay different, so
    /// nothing is looked up.
    pub(crate) fn retain(&self, live: &[bool]) -> (Graph, Vec<NodeId>) {
        let mut new = Graph::like(self);
        let mut map = vec![NodeId(0); self.len()];
        for id in self.ids() {
            let node = self.node(id);
            if live[id.index()] || matches!(node.kind, Kind::Input(_)) {
                let args: Args = self.operands(id).map(|operand| map[operand.index()]).collect();
                map[id.index()] = new.push(node.kind, (node.shape, node.dtype), &args, node.at);
            }
        }
        (new, map)
    }

    /// The graph with late inputs behind the others and before all else, with what became of every old node.
    pub(crate) fn inputs_first(&self) -> (Graph, Vec<NodeId>) {
        let mut new = Graph::like(self);
        let mut map = vec![NodeId(0); self.len()];
        let is_input = |id: &NodeId| matches!(self.node(*id).kind, Kind::Input(_));
        for id in self.ids().filter(is_input).chain(self.ids().filter(|id| !is_input(id))) {
            let node = self.node(id);
            let kind = if is_input(&id) { Kind::Input(new.len() as u32) } else { node.kind };
            let args: Args = self.operands(id).map(|operand| map[operand.index()]).collect();
            map[id.index()] = new.push(kind, (node.shape, node.dtype), &args, node.at);
        }
        (new, map)
    }

    fn push(
        &mut self,
        kind: Kind,
        (shape, dtype): (Shape, DType),
        args: &[NodeId],
        at: Option<&'static Location<'static>>,
    ) -> NodeId {
        let first = self.dag.edge_count() as u32;
        let id = self.dag.add_node(Node { kind, dtype, shape, arity: args.len() as u32, first, at });
        for operand in args {
            self.dag.add_edge(id, NodeIndex::new(operand.index()), ());
        }
        NodeId::new(id.index())
    }
}

/// A graph under construction: equal nodes are made once, operands of commutative operations in a canonical order.
#[derive(Default)]
pub(crate) struct Builder {
    graph: Graph,
    /// With each node a part of its hash: to grow, the table need not look at the nodes.
    seen: HashTable<(u32, NodeId)>,
}

impl Builder {
    /// With room for as many nodes and edges as a graph has.
    pub(crate) fn like(graph: &Graph) -> Self {
        Builder { graph: Graph::like(graph), seen: HashTable::with_capacity(graph.len()) }
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn finish(self) -> Graph {
        self.graph
    }

    /// The node that does this to these operands, made if there is none.
    pub(crate) fn intern(&mut self, kind: Kind, args: &[NodeId], at: Option<&'static Location<'static>>) -> NodeId {
        let mut args: Args = args.iter().copied().collect();
        if matches!(kind, Kind::Apply(op) if op.is_commutative()) && args[1] < args[0] {
            args.swap(0, 1);
        }
        let graph = &self.graph;
        let part = hash(kind, &args);
        let same = |&(other, id): &(u32, NodeId)| {
            other == part && graph.node(id).kind == kind && graph.operands(id).eq(args.iter().copied())
        };
        match self.seen.entry(spread(part), same, |&(part, _)| spread(part)) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let id = NodeId::new(graph.len());
                entry.insert((part, id));
                let ty = type_of(&self.graph, kind, &args);
                self.graph.push(kind, ty, &args, at)
            }
        }
    }

    /// The next input, before any other node.
    pub(crate) fn input(&mut self, shape: Shape, dtype: DType) -> NodeId {
        self.late_input(self.graph.len() as u32, shape, dtype)
    }

    /// An input that is found to be needed while other nodes are there already; see [`Graph::inputs_first`].
    pub(crate) fn late_input(&mut self, slot: u32, shape: Shape, dtype: DType) -> NodeId {
        self.graph.push(Kind::Input(slot), (shape, dtype), &[], None)
    }
}

fn hash(kind: Kind, args: &[NodeId]) -> u32 {
    let mut hasher = FxHasher::default();
    kind.hash(&mut hasher);
    args.iter().for_each(|id| id.hash(&mut hasher));
    hasher.finish() as u32
}

/// A hash with all bits in use, as the table wants it.
fn spread(part: u32) -> u64 {
    u64::from(part).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a node will hold; its operands were checked.
fn type_of(graph: &Graph, kind: Kind, args: &[NodeId]) -> (Shape, DType) {
    match kind {
        Kind::Input(_) => unreachable!("inputs are made by Builder::input"),
        Kind::Const(_) => (Shape::SCALAR, DType::Float),
        Kind::Flag(_) => (Shape::SCALAR, DType::Mask),
        Kind::Apply(op) => {
            let shaped = args.iter().map(|&id| graph.node(id)).find(|node| !node.kind.is_known());
            (shaped.map_or(Shape::SCALAR, |node| node.shape), op.result())
        }
        Kind::Array(op) => op.infer(&graph.types(args)).unwrap_or_else(|e| panic!("{op}: {e}")),
        Kind::Control(nested) => nested.control.result(nested.port),
    }
}
