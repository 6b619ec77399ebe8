//! A graph's linearisation: every node's value, and the map of every edge that carries a derivative.
//!
//! In: a function and its inputs, in any arithmetic. Out: sweeps, in the same arithmetic: over handles of a trace they
//! build the derivative's graph, over numbers they differentiate at a point.

use super::groups::{Bodies, Group, Groups, is_part, refused};
use crate::base::Shape;
use crate::eval::{eval_but, outputs_at};
use crate::graph::{Args, Control, Function, Graph, Kind, Located, Nested, NodeId, Port};
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
        Linear::at(f, crate::eval::eval(f.graph(), x), bodies)
    }

    /// The same of a function whose parts were put aside; their values come about as if they had not been.
    pub(super) fn outlined(f: &'f Function, x: &[S], bodies: Bodies) -> Self {
        let graph = f.graph();
        let mut known: FxHashMap<(*const Control, Args), Vec<S>> = FxHashMap::default();
        let values = eval_but(graph, x, |id, values| {
            let Kind::Control(Nested { control, port: Port::Final(k) }) = graph.node(id).kind() else { return None };
            if !is_part(control) {
                return None;
            }
            let operands: Args = graph.operands(id).collect();
            let results = known.entry((std::ptr::from_ref(&**control), operands)).or_insert_with_key(|(_, operands)| {
                let operands: Vec<S> = operands.iter().map(|operand| values[operand.index()].num()).collect();
                outputs_at(control.body(), &operands).expect("as many as the part takes")
            });
            Some(results[k as usize])
        });
        Linear::at(f, values, bodies)
    }

    fn at(f: &'f Function, values: Vec<Value<S, S::Mask>>, bodies: Bodies) -> Self {
        let graph = f.graph();
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
        let mut back = Back::new(seeds);
        for id in (0..back.len()).rev().map(NodeId::new) {
            back.node(self, &located, id);
        }
        back.finished()
    }

    /// What a sweep backward adds to the operands of a node's.
    fn pull_node(&self, back: &mut Back<S>, id: NodeId) {
        let Some(Adjoint { value, branch, within }) = back.adjoints[id.index()] else { return };
        let node = self.graph.node(id);
        for (k, (operand, map)) in self.edges(id).iter().enumerate() {
            let operand = *operand;
            let term = match (node.op(), map) {
                (_, Map::Chain(chain)) => {
                    // Masks have the shape of this node, not of the operand.
                    let value = back.branches.leave(Adjoint { value, branch, within }, EVERYWHERE).value;
                    let Some(value) = apply_chain(&transposed(chain), value) else { continue };
                    Adjoint { value, branch: EVERYWHERE, within: None }
                }
                (Some(Op::Select), &Map::Each(EdgeMap::Where(mask))) => {
                    let choice: Args = self.graph.operands(id).collect();
                    let taken = k == 0 && operand == choice[1];
                    Adjoint { value, branch: back.branches.enter(branch, choice[0], taken, mask), within }
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
            back.add(operand, term);
        }
    }
}

/// A sweep backward on its way.
pub(super) struct Back<S: Real> {
    branches: Branches<S>,
    adjoints: Vec<Option<Adjoint<S>>>,
}

impl<S: Real> Back<S> {
    pub(super) fn new(seeds: impl IntoIterator<Item = (NodeId, S)>) -> Self {
        let mut back = Back { branches: Branches::default(), adjoints: Vec::new() };
        for (id, value) in seeds {
            if back.adjoints.len() <= id.index() {
                back.adjoints.resize(id.index() + 1, None);
            }
            back.add_value(id, value);
        }
        back
    }

    /// How many nodes it goes through, counted from the first one.
    pub(super) fn len(&self) -> usize {
        self.adjoints.len()
    }

    fn add(&mut self, id: NodeId, term: Adjoint<S>) {
        self.branches.accumulate(&mut self.adjoints[id.index()], term);
    }

    /// Adds to the adjoint of a node that stands before what the sweep has come to.
    pub(super) fn add_value(&mut self, id: NodeId, value: S) {
        self.add(id, Adjoint { value, branch: EVERYWHERE, within: None });
    }

    /// The adjoint of a node, as it is outside of branches.
    pub(super) fn of(&self, id: NodeId) -> Option<S> {
        let adjoint = self.adjoints.get(id.index()).copied().flatten()?;
        Some(self.branches.leave(adjoint, EVERYWHERE).value)
    }

    /// Adds to the operands of a node.
    pub(super) fn node(&mut self, linear: &Linear<S>, located: &Located, id: NodeId) {
        let Some(group) = linear.groups.of(id) else {
            if self.adjoints[id.index()].is_some() {
                linear.locate(located, id);
                linear.pull_node(self, id);
            }
            return;
        };
        // All results at once, when the first is come to: no other is used before it.
        if group.members[0].1 != id {
            return;
        }
        linear.locate(located, id);
        let given: FxHashMap<_, S> = group.members.iter().filter_map(|&(port, result)| Some((port, self.of(result)?))).collect();
        let pulled = if given.is_empty() { Ok(vec![]) } else { group.pull(&linear.operands(group), &given) };
        pulled.unwrap_or_else(refused).into_iter().for_each(|(operand, value)| self.add_value(operand, value));
    }

    pub(super) fn finished(self) -> Vec<Option<S>> {
        (0..self.adjoints.len()).map(|k| self.of(NodeId::new(k))).collect()
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
