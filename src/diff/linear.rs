//! A graph's linearisation: every node's value, and the map of every edge that carries a derivative.
//!
//! In: a function and its inputs, in any arithmetic. Out: sweeps, in the same arithmetic: over handles of a trace they
//! build the derivative's graph, over numbers they differentiate at a point.

use super::groups::{Bodies, Group, Groups, refused};
use crate::base::Shape;
use crate::graph::{Args, Function, Graph, Kind, Located, NodeId};
use crate::op::{ArrayOp, Chain, EdgeMap, Op, Real, Value, lit, select, transposed};
use rustc_hash::FxHashMap;

/// Values and edges in the arithmetic `S`; over handles, the graph is inlined in the live trace. Sweeps share it.
pub(super) struct Linear<'f, S: Real> {
    graph: &'f Graph,
    pub(super) values: Vec<Value<S, S::Mask>>,
    /// Where each node's edges start; one more than there are nodes.
    starts: Vec<u32>,
    edges: Vec<(NodeId, Map<S>)>,
    pub(super) groups: Groups<'f>,
    tame: Vec<bool>,
}

impl<'f, S: Real> Linear<'f, S> {
    /// Linearises with respect to the active inputs; edges to operands that do not depend on one are left out.
    pub(super) fn new(f: &'f Function, x: &[S], bodies: Bodies) -> Self {
        let graph = f.graph();
        let values = crate::eval::eval(graph, x);
        let mut active = vec![false; graph.len()];
        for slot in f.active_slots() {
            active[slot] = true;
        }
        let located = Located::new();
        let mut starts = Vec::with_capacity(graph.len() + 1);
        let mut edges = Vec::new();
        let mut groups = Groups::new(bodies);
        for id in graph.ids() {
            starts.push(edges.len() as u32);
            let kind = graph.node(id).kind();
            let operands: Args = graph.operands(id).collect();
            if !operands.iter().any(|operand| active[operand.index()]) {
                continue;
            }
            located.at(graph.node(id).location());
            let args: smallvec::SmallVec<[_; 4]> = operands.iter().map(|operand| values[operand.index()]).collect();
            if let Kind::Control(nested) = kind {
                active[id.index()] = groups.enter(graph, id, nested, &active);
                continue;
            }
            let mut add = |operand: NodeId, map: Map<S>| {
                if active[operand.index()] {
                    edges.push((operand, map));
                    active[id.index()] = true;
                }
            };
            match kind {
                Kind::Apply(op) => {
                    let maps = operands.iter().zip(op.edges(&args, values[id.index()]));
                    let flowing = maps.filter(|(_, edge)| !matches!(edge, EdgeMap::Zero));
                    flowing.for_each(|(&operand, edge)| add(operand, Map::Each(edge)));
                }
                Kind::Array(op) => {
                    let shapes: Vec<Shape> = operands.iter().map(|&operand| graph.node(operand).shape()).collect();
                    let chains = op.edges(&args, &shapes, values[id.index()], graph.node(id).shape());
                    for (&operand, chain) in operands.iter().zip(chains) {
                        chain.into_iter().for_each(|chain| add(operand, Map::Chain(chain)));
                    }
                }
                _ => {}
            }
        }
        starts.push(edges.len() as u32);
        Linear { graph, values, starts, edges, groups, tame: tame(graph) }
    }

    pub(super) fn edges(&self, id: NodeId) -> &[(NodeId, Map<S>)] {
        &self.edges[self.starts[id.index()] as usize..self.starts[id.index() + 1] as usize]
    }

    /// What is made from now on belongs to the node's line.
    pub(super) fn locate(&self, located: &Located, id: NodeId) {
        located.at(self.graph.node(id).location());
    }

    /// The tangent of parts that are put together: linear in all of them at once, so the tangents are put together, rather than each
    /// among zeros and then added.
    fn joined(&self, id: NodeId, op: &ArrayOp, tangents: &[Option<S>]) -> Option<S> {
        let operands: Args = self.graph.operands(id).collect();
        operands.iter().find(|operand| tangents[operand.index()].is_some())?;
        let part = |operand: &NodeId| {
            let zeros = || S::array(&ArrayOp::Broadcast(self.graph.node(*operand).shape()), &[Value::Num(lit(0.0))]);
            tangents[operand.index()].map_or_else(zeros, Value::Num)
        };
        Some(S::array(op, &operands.iter().map(part).collect::<Vec<_>>()).num())
    }

    pub(super) fn operands(&self, group: &Group) -> Vec<S> {
        group.operands.iter().map(|operand| self.values[operand.index()].num()).collect()
    }

    /// Tangents of all nodes: tangent(node) = Σ over operands of edge · tangent(operand). `None` is a structural zero.
    pub(super) fn forward(&self, seeds: &[Option<S>]) -> Vec<Option<S>> {
        let located = Located::new();
        let mut tangents = vec![None; self.graph.len()];
        tangents[..seeds.len()].copy_from_slice(seeds);
        for id in self.graph.ids().skip(seeds.len()) {
            located.at(self.graph.node(id).location());
            if let Some(group) = self.groups.of(id) {
                // All results at once, when the first is come to; a tangent that is there is not computed again.
                if group.members[0].1 == id {
                    let seeds: Vec<Option<S>> = group.operands.iter().map(|operand| tangents[operand.index()]).collect();
                    let pushed = group.push(&self.operands(group), &seeds).unwrap_or_else(refused);
                    pushed.into_iter().for_each(|(result, t)| tangents[result.index()] = Some(t));
                }
                continue;
            }
            if let Kind::Array(op @ ArrayOp::Concat(_)) = self.graph.node(id).kind() {
                tangents[id.index()] = self.joined(id, op, &tangents);
                continue;
            }
            for (operand, map) in self.edges(id) {
                if let Some(t) = tangents[operand.index()] {
                    accumulate(&mut tangents[id.index()], map.apply(t));
                }
            }
        }
        tangents
    }

    /// Adjoints of all nodes: adjoint(operand) = Σ over users of edgeᵀ · adjoint(user), each node visited once.
    ///
    /// What flows back into a branch of a `select` is masked only where it leaves the branch again: there the mask also
    /// stops what infinite or NaN partials made of the zero adjoint of a branch not taken. What branches of different
    /// `select`s share, and what the masks of relu, max and their like let through, is masked at once and selected again
    /// behind an edge that may be singular.
    pub(super) fn reverse(&self, seeds: impl IntoIterator<Item = (NodeId, S)>) -> Vec<Option<S>> {
        let located = Located::new();
        let mut branches = Branches::default();
        let mut adjoints: Vec<Option<Adjoint<S>>> = Vec::new();
        for (id, value) in seeds {
            if adjoints.len() <= id.index() {
                adjoints.resize(id.index() + 1, None);
            }
            branches.accumulate(&mut adjoints[id.index()], Adjoint { value, branch: EVERYWHERE, within: None });
        }
        for id in (0..adjoints.len()).rev().map(NodeId::new) {
            if let Some(group) = self.groups.of(id) {
                // All results at once, when the first is come to: no other is used before it.
                if group.members[0].1 == id {
                    located.at(self.graph.node(id).location());
                    let given = |&(port, result): &(_, NodeId)| {
                        let adjoint = adjoints.get(result.index()).copied().flatten()?;
                        Some((port, branches.leave(adjoint, EVERYWHERE).value))
                    };
                    let given: FxHashMap<_, S> = group.members.iter().filter_map(given).collect();
                    let pulled = if given.is_empty() { Ok(vec![]) } else { group.pull(&self.operands(group), &given) };
                    for (operand, value) in pulled.unwrap_or_else(refused) {
                        let term = Adjoint { value, branch: EVERYWHERE, within: None };
                        branches.accumulate(&mut adjoints[operand.index()], term);
                    }
                }
                continue;
            }
            let Some(Adjoint { value, branch, within }) = adjoints[id.index()] else { continue };
            let node = self.graph.node(id);
            located.at(node.location());
            for (k, (operand, map)) in self.edges(id).iter().enumerate() {
                let operand = *operand;
                let term = match (node.op(), map) {
                    (_, Map::Chain(chain)) => {
                        // Masks have the shape of this node, not of the operand.
                        let value = branches.leave(Adjoint { value, branch, within }, EVERYWHERE).value;
                        let Some(value) = apply_chain(&transposed(chain), value) else { continue };
                        Adjoint { value, branch: EVERYWHERE, within: None }
                    }
                    (Some(Op::Select), &Map::Each(EdgeMap::Where(mask))) => {
                        let choice: Args = self.graph.operands(id).collect();
                        let taken = k == 0 && operand == choice[1];
                        Adjoint { value, branch: branches.enter(branch, choice[0], taken, mask), within }
                    }
                    (_, Map::Each(edge)) => {
                        let edge = edge.transpose();
                        let Some(mut value) = edge.apply(value) else { continue };
                        if let Some(within) = within.filter(|_| !self.tame[id.index()]) {
                            value = select(within, value, lit(0.0));
                        }
                        let within = match edge {
                            EdgeMap::Where(m) | EdgeMap::ScaleWhere(m, _) => Some(within.map_or(m, |within| within & m)),
                            _ => within,
                        };
                        Adjoint { value, branch, within }
                    }
                };
                branches.accumulate(&mut adjoints[operand.index()], term);
            }
        }
        adjoints.into_iter().map(|adjoint| adjoint.map(|adjoint| branches.leave(adjoint, EVERYWHERE).value)).collect()
    }
}

/// The linear map of an edge.
#[derive(Clone)]
pub(super) enum Map<S: Real> {
    /// Of an elementwise operation.
    Each(EdgeMap<S>),
    /// Of an array operation: links, one after the other.
    Chain(Chain<S>),
}

impl<S: Real> Map<S> {
    pub(super) fn apply(&self, t: S) -> Option<S> {
        match self {
            Map::Each(edge) => edge.apply(t),
            Map::Chain(chain) => apply_chain(chain, t),
        }
    }
}

fn apply_chain<S: Real>(chain: &Chain<S>, t: S) -> Option<S> {
    chain.iter().try_fold(t, |t, link| link.apply(t))
}

/// Nodes that are finite, with finite partial derivatives, for all finite inputs (overflow aside).
fn tame(graph: &Graph) -> Vec<bool> {
    let mut tame: Vec<bool> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        tame.push(match graph.node(id).kind() {
            Kind::Const(bits) => f64::from_bits(bits).is_finite(),
            Kind::Input(_) | Kind::Flag(_) => true,
            Kind::Control(_) => false,
            Kind::Array(_) => graph.operands(id).all(|operand| tame[operand.index()]),
            Kind::Apply(op) => op.is_tame() && graph.operands(id).all(|operand| tame[operand.index()]),
        });
    }
    tame
}

fn accumulate<S: Real>(sum: &mut Option<S>, term: Option<S>) {
    if let Some(term) = term {
        *sum = Some(sum.map_or(term, |sum| sum + term));
    }
}

/// An adjoint within a branch: where the branch is not taken it is 0, whatever `value` is there.
#[derive(Copy, Clone)]
struct Adjoint<S: Real> {
    value: S,
    branch: u32,
    /// Where this does not hold, `value` itself is 0.
    within: Option<S::Mask>,
}

/// The branch of what flows through no `select`.
const EVERYWHERE: u32 = 0;

/// Branches of `select`s, nested ones included.
struct Branches<S: Real> {
    /// By number, from 1: the branch around it, which has a smaller number, and the mask that says where it is taken.
    all: Vec<(u32, S::Mask)>,
    /// The number of a branch, by the one around it, the condition, and whether it is the one where the condition holds.
    known: FxHashMap<(u32, NodeId, bool), u32>,
}

impl<S: Real> Default for Branches<S> {
    fn default() -> Self {
        Branches { all: Vec::new(), known: FxHashMap::default() }
    }
}

impl<S: Real> Branches<S> {
    fn enter(&mut self, outer: u32, condition: NodeId, taken: bool, mask: S::Mask) -> u32 {
        let all = &mut self.all;
        *self.known.entry((outer, condition, taken)).or_insert_with(|| {
            let mask = if outer == EVERYWHERE { mask } else { all[outer as usize - 1].1 & mask };
            all.push((outer, mask));
            all.len() as u32
        })
    }

    /// The adjoint as it is in a branch around its own.
    fn leave(&self, Adjoint { value, branch, within }: Adjoint<S>, to: u32) -> Adjoint<S> {
        if branch == to {
            return Adjoint { value, branch, within };
        }
        let mask = self.all[branch as usize - 1].1;
        let within = Some(within.map_or(mask, |within| within & mask));
        Adjoint { value: S::select(mask, value, lit(0.0)), branch: to, within }
    }

    /// The innermost branch around both.
    fn around(&self, mut x: u32, mut y: u32) -> u32 {
        while x != y {
            let inner = if x > y { &mut x } else { &mut y };
            *inner = self.all[*inner as usize - 1].0;
        }
        x
    }

    fn accumulate(&self, sum: &mut Option<Adjoint<S>>, term: Adjoint<S>) {
        *sum = Some(match *sum {
            None => term,
            Some(sum) => {
                let branch = self.around(sum.branch, term.branch);
                let (sum, term) = (self.leave(sum, branch), self.leave(term, branch));
                let within = sum.within.zip(term.within).map(|(a, b)| a | b);
                Adjoint { value: sum.value + term.value, branch, within }
            }
        });
    }
}
