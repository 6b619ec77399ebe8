//! Making graphs: petgraph's `DiGraph`, append-only, every node after its operands, hash-consed while it is built.

use super::model::Graph;
use super::node::{Args, NodeId, NodeWeight, Stored};
use super::view::{Kind, Nested};
use crate::base::Shape;
use crate::error::Caller;
use crate::op::DType;
use hashbrown::{HashTable, hash_table::Entry};
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

impl Graph {
    /// An empty graph with room for as much as another has.
    fn like(other: &Graph) -> Graph {
        Graph { dag: DiGraph::with_capacity(other.dag.node_count(), other.dag.edge_count()), ..Graph::default() }
    }

    /// The nodes that are marked and the inputs, with what became of every old node. Different nodes stay different, so
    /// nothing is looked up. Operations that no node is left of are left out.
    pub(crate) fn retain(&self, live: &[bool]) -> (Graph, Vec<NodeId>) {
        let mut new = Graph::like(self);
        let mut map = vec![NodeId(0); self.len()];
        let (mut arrays, mut controls) = (vec![None; self.arrays.len()], vec![None; self.controls.len()]);
        for id in self.ids() {
            let node = self.weight(id);
            let kind = match node.kind {
                Stored::Input(_) => node.kind,
                _ if !live[id.index()] => continue,
                Stored::Array(op) => Stored::Array(moved(op, &mut arrays, &self.arrays, &mut new.arrays)),
                Stored::Control(op, port) => Stored::Control(moved(op, &mut controls, &self.controls, &mut new.controls), port),
                kind => kind,
            };
            let args = self.operands_as(id, |operand| map[operand.index()]);
            map[id.index()] = new.push(kind, (node.shape, node.dtype), &args, node.at);
        }
        (new, map)
    }

    /// The graph with late inputs behind the others and before all else, with what became of every old node.
    pub(crate) fn inputs_first(&self) -> (Graph, Vec<NodeId>) {
        let mut new = Graph { arrays: self.arrays.clone(), controls: self.controls.clone(), ..Graph::like(self) };
        let mut map = vec![NodeId(0); self.len()];
        let is_input = |id: &NodeId| matches!(self.weight(*id).kind, Stored::Input(_));
        for id in self.ids().filter(is_input).chain(self.ids().filter(|id| !is_input(id))) {
            let node = self.weight(id);
            let kind = if is_input(&id) { Stored::Input(new.len() as u32) } else { node.kind };
            let args = self.operands_as(id, |operand| map[operand.index()]);
            map[id.index()] = new.push(kind, (node.shape, node.dtype), &args, node.at);
        }
        (new, map)
    }

    fn push(&mut self, kind: Stored, (shape, dtype): (Shape, DType), args: &[NodeId], at: Option<Caller>) -> NodeId {
        let first = self.dag.edge_count() as u32;
        let id = self.dag.add_node(NodeWeight { kind, dtype, shape, arity: args.len() as u32, first, at });
        for operand in args {
            self.dag.add_edge(id, NodeIndex::new(operand.index()), ());
        }
        NodeId::new(id.index())
    }
}

/// An operation's number in the table of a new graph, where it goes when it is first met.
fn moved<T: Clone>(op: u32, known: &mut [Option<u32>], from: &[T], to: &mut Vec<T>) -> u32 {
    *known[op as usize].get_or_insert_with(|| {
        to.push(from[op as usize].clone());
        to.len() as u32 - 1
    })
}

/// A graph under construction: equal nodes are made once, operands of commutative operations in a canonical order.
#[derive(Default)]
pub(crate) struct Builder {
    graph: Graph,
    /// With each node a part of its hash: to grow, the table need not look at the nodes.
    seen: HashTable<(u32, NodeId)>,
    /// The graph's operations, by what they are.
    arrays: HashTable<u32>,
    controls: HashTable<u32>,
}

impl Builder {
    /// With room for as many nodes and edges as a graph has.
    pub(crate) fn like(graph: &Graph) -> Self {
        Builder { graph: Graph::like(graph), seen: HashTable::with_capacity(graph.len()), ..Builder::default() }
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn finish(self) -> Graph {
        self.graph
    }

    /// The node that does this to these operands, made if there is none. The operation may be of another graph.
    pub(crate) fn intern(&mut self, kind: Kind, args: &[NodeId], at: Option<Caller>) -> NodeId {
        let mut args = Args::from_slice(args);
        if matches!(kind, Kind::Apply(op) if op.is_commutative()) && args[1] < args[0] {
            args.swap(0, 1);
        }
        let stored = self.stored(kind);
        let graph = &self.graph;
        let part = hash(stored, &args);
        let same = |&(other, id): &(u32, NodeId)| {
            other == part && graph.weight(id).kind == stored && graph.operands(id).eq(args.iter().copied())
        };
        match self.seen.entry(spread(part), same, |&(part, _)| spread(part)) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let id = NodeId::new(graph.len());
                entry.insert((part, id));
                let ty = type_of(graph, kind, &args);
                self.graph.push(stored, ty, &args, at)
            }
        }
    }

    /// A node that is known to be unlike all that there are, and that no later one will be like: it is not looked up.
    pub(crate) fn unlike(&mut self, kind: Kind, args: &[NodeId], at: Option<Caller>) -> NodeId {
        let stored = self.stored(kind);
        let ty = type_of(&self.graph, kind, args);
        self.graph.push(stored, ty, args, at)
    }

    fn stored(&mut self, kind: Kind) -> Stored {
        match kind {
            Kind::Input(slot) => Stored::Input(slot),
            Kind::Const(bits) => Stored::Const(bits),
            Kind::Flag(b) => Stored::Flag(b),
            Kind::Apply(op) => Stored::Apply(op),
            Kind::Array(op) => Stored::Array(entered(op, &mut self.arrays, &mut self.graph.arrays)),
            Kind::Control(Nested { control, port }) => {
                Stored::Control(entered(control, &mut self.controls, &mut self.graph.controls), port)
            }
        }
    }

    /// The next input, before any other node.
    pub(crate) fn input(&mut self, shape: Shape, dtype: DType) -> NodeId {
        self.late_input(self.graph.len() as u32, shape, dtype)
    }

    /// An input that is found to be needed while other nodes are there already; see [`Graph::inputs_first`].
    pub(crate) fn late_input(&mut self, slot: u32, shape: Shape, dtype: DType) -> NodeId {
        self.graph.push(Stored::Input(slot), (shape, dtype), &[], None)
    }
}

/// An operation's number in the graph's table, where it goes if it is new.
fn entered<T: Clone + Eq + Hash>(op: &T, known: &mut HashTable<u32>, all: &mut Vec<T>) -> u32 {
    let hash = |op: &T| {
        let mut hasher = FxHasher::default();
        op.hash(&mut hasher);
        spread(hasher.finish() as u32)
    };
    match known.entry(hash(op), |&k| all[k as usize] == *op, |&k| hash(&all[k as usize])) {
        Entry::Occupied(entry) => *entry.get(),
        Entry::Vacant(entry) => {
            let k = all.len() as u32;
            entry.insert(k);
            all.push(op.clone());
            k
        }
    }
}

fn hash(kind: Stored, args: &[NodeId]) -> u32 {
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
            let shaped = args.iter().map(|&id| graph.node(id)).find(|node| !node.kind().is_known());
            (shaped.map_or(Shape::SCALAR, |node| node.shape()), op.result())
        }
        Kind::Array(op) => op.infer(&graph.types(args)).unwrap_or_else(|e| panic!("{op}: {e}")),
        Kind::Control(nested) => nested.control.result(nested.port),
    }
}
