//! A graph's linearisation: every node's value, and the map of every edge that carries a derivative.

use crate::graph::{Args, Cond, Expr, Function, Graph, Kind, Located, NodeId};
use crate::op::{EdgeMap, Op, Value, lit, select};

/// The graph inlined in the live trace, with its edges as linear maps there. Sweeps share it.
pub(super) struct Linear<'f> {
    graph: &'f Graph,
    pub(super) values: Vec<Value<Expr, Cond>>,
    /// Where each node's edges start; one more than there are nodes.
    starts: Vec<u32>,
    edges: Vec<(NodeId, EdgeMap<Expr>)>,
    /// Nodes with a partial that may be infinite or NaN at finite inputs; empty if there is none.
    wild: Vec<bool>,
}

/// The adjoint of a node, and where it counts if that is not everywhere: a node that only untaken branches of a `select` use
/// has adjoint 0, and no infinite partial below may turn that 0 into NaN.
#[derive(Copy, Clone)]
struct Adjoint {
    value: Expr,
    when: Option<Cond>,
}

impl<'f> Linear<'f> {
    /// Linearises with respect to the active inputs; edges to operands that do not depend on one are left out.
    pub(super) fn new(f: &'f Function, x: &[Expr]) -> Self {
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
        let wild = wild(graph);
        Linear { graph, values, starts, edges, wild }
    }

    fn edges(&self, id: NodeId) -> &[(NodeId, EdgeMap<Expr>)] {
        &self.edges[self.starts[id.index()] as usize..self.starts[id.index() + 1] as usize]
    }

    /// Tangents of all nodes: tangent(node) = Σ over operands of edge · tangent(operand). `None` is a structural zero.
    pub(super) fn forward(&self, seeds: &[Option<Expr>]) -> Vec<Option<Expr>> {
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
    pub(super) fn reverse(&self, seeds: impl IntoIterator<Item = (NodeId, Expr)>) -> Vec<Option<Expr>> {
        let located = Located::new();
        let mut adjoints: Vec<Option<Adjoint>> = Vec::new();
        for (id, seed) in seeds {
            if adjoints.len() <= id.index() {
                adjoints.resize(id.index() + 1, None);
            }
            Adjoint { value: seed, when: None }.add_to(&mut adjoints[id.index()]);
        }
        for id in (0..adjoints.len()).rev().map(NodeId::new) {
            let Some(adjoint) = adjoints[id.index()] else { continue };
            let node = self.graph.node(id);
            located.at(node.location());
            let wild = self.wild.get(id.index()).copied().unwrap_or(false);
            for &(operand, edge) in self.edges(id) {
                let Some(mut value) = edge.transpose().apply(adjoint.value) else { continue };
                let mut when = adjoint.when;
                if let (Some(when), true) = (when, wild) {
                    value = select(when, value, lit(0.0));
                }
                if let (Some(Op::Select), EdgeMap::Where(taken), false) = (node.op(), edge, self.wild.is_empty()) {
                    when = Some(when.map_or(taken, |when| when & taken));
                }
                Adjoint { value, when }.add_to(&mut adjoints[operand.index()]);
            }
        }
        adjoints.into_iter().map(|adjoint| adjoint.map(|adjoint| adjoint.value)).collect()
    }
}

impl Adjoint {
    fn add_to(self, sum: &mut Option<Adjoint>) {
        *sum = Some(match *sum {
            None => self,
            Some(sum) => Adjoint { value: sum.value + self.value, when: either(sum.when, self.when) },
        });
    }
}

/// Where one of two adjoints counts; `None` is everywhere.
fn either(a: Option<Cond>, b: Option<Cond>) -> Option<Cond> {
    let same = |a: Cond, b: Cond| matches!((a, b), (Cond::Node { id: a, .. }, Cond::Node { id: b, .. }) if a == b);
    let (a, b) = (a?, b?);
    if same(a, b) {
        return Some(a);
    }
    // Of both branches one is taken.
    if same(a, !b) || same(!a, b) { None } else { Some(a | b) }
}

/// Which nodes have a partial that may not be finite.
fn wild(graph: &Graph) -> Vec<bool> {
    let mut wild = vec![false; graph.len()];
    let (mut select, mut any) = (false, false);
    for id in graph.ids() {
        if let Some(op) = graph.node(id).op() {
            wild[id.index()] = !op.is_tame() || graph.operands(id).any(|operand| wild[operand.index()]);
            select |= op == Op::Select;
            any |= wild[id.index()];
        }
    }
    if select && any { wild } else { vec![] }
}

fn accumulate(sum: &mut Option<Expr>, term: Option<Expr>) {
    if let Some(term) = term {
        *sum = Some(sum.map_or(term, |sum| sum + term));
    }
}
