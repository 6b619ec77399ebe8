//! A graph's linearisation: every node's value, and the map of every edge that carries a derivative.
//!
//! In: a function and its inputs, in any arithmetic. Out: sweeps, in the same arithmetic: over handles of a trace they
//! build the derivative's graph, over numbers they differentiate at a point.

use crate::graph::{Args, Function, Graph, Kind, Located, NodeId};
use crate::op::{EdgeMap, Real, Value};

/// Values and edges in the arithmetic `S`; over handles, the graph is inlined in the live trace. Sweeps share it.
pub(super) struct Linear<'f, S: Real> {
    graph: &'f Graph,
    pub(super) values: Vec<Value<S, S::Mask>>,
    /// Where each node's edges start; one more than there are nodes.
    starts: Vec<u32>,
    edges: Vec<(NodeId, EdgeMap<S>)>,
}

impl<'f, S: Real> Linear<'f, S> {
    /// Linearises with respect to the active inputs; edges to operands that do not depend on one are left out.
    pub(super) fn new(f: &'f Function, x: &[S]) -> Self {
        let graph = f.graph();
        let values = crate::eval::eval(graph, x);
        let mut active = vec![false; graph.len()];
        for slot in f.active_slots() {
            active[slot] = true;
        }
        let located = Located::new();
        let mut starts = Vec::with_capacity(graph.len() + 1);
        let mut edges = Vec::new();
        for id in graph.ids() {
            starts.push(edges.len() as u32);
            let Kind::Apply(op) = graph.node(id).kind() else { continue };
            let operands: Args = graph.operands(id).collect();
            if !operands.iter().any(|operand| active[operand.index()]) {
                continue;
            }
            located.at(graph.node(id).location());
            let args: arrayvec::ArrayVec<_, 3> = operands.iter().map(|operand| values[operand.index()]).collect();
            for (&operand, edge) in operands.iter().zip(op.edges(&args, values[id.index()])) {
                if active[operand.index()] && !matches!(edge, EdgeMap::Zero) {
                    edges.push((operand, edge));
                    active[id.index()] = true;
                }
            }
        }
        starts.push(edges.len() as u32);
        Linear { graph, values, starts, edges }
    }

    pub(super) fn edges(&self, id: NodeId) -> &[(NodeId, EdgeMap<S>)] {
        &self.edges[self.starts[id.index()] as usize..self.starts[id.index() + 1] as usize]
    }

    /// Tangents of all nodes: tangent(node) = Σ over operands of edge · tangent(operand). `None` is a structural zero.
    pub(super) fn forward(&self, seeds: &[Option<S>]) -> Vec<Option<S>> {
        let located = Located::new();
        let mut tangents = vec![None; self.graph.len()];
        tangents[..seeds.len()].copy_from_slice(seeds);
        for id in self.graph.ids().skip(seeds.len()) {
            located.at(self.graph.node(id).location());
            for &(operand, edge) in self.edges(id) {
                if let Some(t) = tangents[operand.index()] {
                    accumulate(&mut tangents[id.index()], edge.apply(t));
                }
            }
        }
        tangents
    }

    /// Adjoints of all nodes: adjoint(operand) = Σ over users of edgeᵀ · adjoint(user), each node visited once.
    pub(super) fn reverse(&self, seeds: impl IntoIterator<Item = (NodeId, S)>) -> Vec<Option<S>> {
        let located = Located::new();
        let mut adjoints: Vec<Option<S>> = Vec::new();
        for (id, seed) in seeds {
            if adjoints.len() <= id.index() {
                adjoints.resize(id.index() + 1, None);
            }
            accumulate(&mut adjoints[id.index()], Some(seed));
        }
        for id in (0..adjoints.len()).rev().map(NodeId::new) {
            let Some(adjoint) = adjoints[id.index()] else { continue };
            located.at(self.graph.node(id).location());
            for &(operand, edge) in self.edges(id) {
                accumulate(&mut adjoints[operand.index()], edge.transpose().apply(adjoint));
            }
        }
        adjoints
    }
}

fn accumulate<S: Real>(sum: &mut Option<S>, term: Option<S>) {
    if let Some(term) = term {
        *sum = Some(sum.map_or(term, |sum| sum + term));
    }
}
