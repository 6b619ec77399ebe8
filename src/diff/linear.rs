//! A graph's linearisation: every node's value, and the map of every edge that carries a derivative.
//!
//! In: a function and its inputs, in any arithmetic. Out: sweeps, in the same arithmetic: over handles of a trace they
//! build the derivative's graph, over numbers they differentiate at a point.

use super::branches::{Adjoint, Branches, EVERYWHERE};
use super::groups::{Bodies, Group, Groups, is_part, refused};
use super::map::Map;
use super::within::{Masked, anywhere_of, covers};
use super::zeros::{held, of_edge, zeros};
use crate::base::Shape;
use crate::eval::{eval_but, outputs_at};
use crate::graph::{Args, Control, Function, Graph, Kind, Located, Nested, NodeId, Port};
use crate::op::{ArrayOp, EdgeMap, Op, Real, Value, indicator, lit, transposed};
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
    /// Which values a guard may hold.
    held: Vec<bool>,
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
            let operands = graph.operands_as(id, |operand| operand);
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
        let tame = tame(graph);
        let zeros = zeros(graph, &values, &tame);
        let mut starts = Vec::with_capacity(graph.len() + 1);
        let mut edges = Vec::new();
        let mut groups = Groups::new(bodies);
        for id in graph.ids() {
            starts.push(edges.len() as u32);
            let kind = graph.node(id).kind();
            let operands = graph.operands_as(id, |operand| operand);
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
                    let maps = operands.iter().zip(op.edges(&args, values[id.index()])).enumerate();
                    let flowing = maps.filter(|(_, (_, edge))| !matches!(edge, EdgeMap::Zero));
                    for (k, (&operand, edge)) in flowing {
                        let zeroed = match edge {
                            EdgeMap::Scale(partial) | EdgeMap::Steep(partial) | EdgeMap::Twice(partial, _) => {
                                of_edge(op, k, partial, |k| zeros[operands[k].index()])
                            }
                            _ => None,
                        };
                        add(operand, zeroed.map_or(Map::Each(edge), |mask| Map::Zeroed(edge, mask)));
                    }
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
        let held = held(graph, &active, &zeros);
        Linear { graph, values, starts, edges, groups, tame, held }
    }

    pub(super) fn edges(&self, id: NodeId) -> &[(NodeId, Map<S>)] {
        &self.edges[self.starts[id.index()] as usize..self.starts[id.index() + 1] as usize]
    }

    /// What is made from now on belongs to the node's line.
    pub(super) fn locate(&self, located: &Located, id: NodeId) {
        located.at(self.graph.node(id).location());
    }

    fn shape(&self, id: NodeId) -> Shape {
        self.graph.node(id).shape()
    }

    /// The tangent of parts that are put together: linear in all of them at once, so the tangents are put together, rather than each
    /// among zeros and then added. What is put between them is 0 by construction.
    fn joined(&self, id: NodeId, op: &ArrayOp, tangents: &[Option<Masked<S>>]) -> Option<Masked<S>> {
        let operands = self.graph.operands_as(id, |operand| operand);
        operands.iter().find(|operand| tangents[operand.index()].is_some())?;
        let filled = |v: f64, shape: Shape| S::array(&ArrayOp::Broadcast(shape), &[Value::Num(lit(v))]).num();
        let together =
            |part: &dyn Fn(&NodeId) -> S| S::array(op, &operands.iter().map(|id| Value::Num(part(id))).collect::<Vec<_>>()).num();
        let value = together(&|id| tangents[id.index()].map_or_else(|| filled(0.0, self.shape(*id)), |t| t.value));
        let known = operands.iter().any(|id| tangents[id.index()].is_none_or(|t| t.within.is_some()));
        let within = known.then(|| {
            let part = |id: &NodeId| match tangents[id.index()] {
                None => filled(0.0, self.shape(*id)),
                Some(Masked { within: None, .. }) => filled(1.0, self.shape(*id)),
                Some(Masked { within: Some(within), .. }) => indicator(within, self.shape(*id)),
            };
            together(&part).ne(lit(0.0))
        });
        Some(Masked { within, ..Masked::free(value) })
    }

    /// The tangent of a node of which no result of an operation with bodies is made, in one direction.
    pub(super) fn tangent(&self, id: NodeId, tangents: &[Option<Masked<S>>]) -> Option<Masked<S>> {
        if let Kind::Array(op @ ArrayOp::Concat(_)) = self.graph.node(id).kind() {
            return self.joined(id, op, tangents);
        }
        let given = self.edges(id).iter().map(|(operand, map)| (*operand, map, tangents[operand.index()]));
        self.combined(id, given)
    }

    /// Whether the edge may be infinite where a guard holds the operand.
    fn may_jump(&self, id: NodeId, operand: NodeId) -> bool {
        !self.tame[id.index()] && self.held[operand.index()]
    }

    /// The sum over a node's edges, given the operands' tangents.
    pub(super) fn combined<'a>(
        &self,
        id: NodeId,
        given: impl Iterator<Item = (NodeId, &'a Map<S>, Option<Masked<S>>)>,
    ) -> Option<Masked<S>> {
        let (mut sum, mut terms, mut known): (Option<Masked<S>>, _, _) = (None, 0, false);
        for (operand, map, t) in given {
            let Some(t) = t else { continue };
            let Some(term) = t.through(map, self.shape(operand), self.tame[id.index()]) else { continue };
            let term = term.past(self.may_jump(id, operand));
            known |= t.within.is_some();
            terms += 1;
            sum = Some(sum.map_or(term, |sum| sum.plus(term)));
        }
        if covers(self.graph.node(id).op(), terms, known) {
            return sum.map(|sum| Masked::free(sum.value));
        }
        sum
    }

    /// What an operation with bodies makes of tangents: 0 where all of them are, and of a choice where the other branch is a constant.
    pub(super) fn pushed(&self, group: &Group, tangents: &[Option<Masked<S>>], result: NodeId, t: S) -> Masked<S> {
        let given = group.operands.iter().zip(tangents);
        let given = given.filter_map(|(operand, t)| Some(((*t)?.within, self.shape(*operand))));
        let reached = anywhere_of::<S>(given);
        let chosen = group.where_it_varies(result, tangents.iter().map(Option::is_some)).map(|holds| {
            let condition = self.values[group.operands[0].index()].num();
            if holds { condition.ne(lit(0.0)) } else { condition.eq(lit(0.0)) }
        });
        let guarded = tangents.iter().flatten().any(|t| t.is_guarded());
        let t = Masked { guarded, ..Masked::free(t) };
        let t = reached.map_or(t, |mask| t.masked(mask));
        let within = match (t.within, chosen) {
            (Some(a), Some(b)) => Some(a & b),
            (a, b) => a.or(b),
        };
        Masked { within, ..t }
    }

    pub(super) fn operands(&self, group: &Group) -> Vec<S> {
        group.operands.iter().map(|operand| self.values[operand.index()].num()).collect()
    }

    /// Tangents of all nodes: tangent(node) = Σ over operands of edge · tangent(operand). `None` is a structural zero.
    pub(super) fn forward(&self, seeds: &[Option<S>]) -> Vec<Option<S>> {
        self.forward_guarded(seeds, &[])
    }

    /// The same where zeros of some seeds may be guards'.
    pub(super) fn forward_guarded(&self, seeds: &[Option<S>], guarded: &[bool]) -> Vec<Option<S>> {
        let located = Located::new();
        let seed = |(k, seed): (usize, &Option<S>)| {
            let guarded = guarded.get(k).copied().unwrap_or(false);
            seed.map(|value| Masked { guarded, ..Masked::free(value) })
        };
        let mut tangents: Vec<Option<Masked<S>>> = seeds.iter().enumerate().map(seed).collect();
        tangents.resize(self.graph.len(), None);
        for id in self.graph.ids().skip(seeds.len()) {
            located.at(self.graph.node(id).location());
            let Some(group) = self.groups.of(id) else {
                tangents[id.index()] = self.tangent(id, &tangents);
                continue;
            };
            // All results at once, when the first is come to; a tangent that is there is not computed again.
            if group.members[0].1 == id {
                let given: Vec<Option<Masked<S>>> = group.operands.iter().map(|operand| tangents[operand.index()]).collect();
                let seeds: Vec<Option<S>> = given.iter().map(|t| t.map(|t| t.value)).collect();
                let guarded: Vec<bool> = given.iter().map(|t| t.is_some_and(Masked::is_guarded)).collect();
                let pushed = group.push(&self.operands(group), &seeds, &guarded).unwrap_or_else(refused);
                let pushed = pushed.into_iter().map(|(result, t)| (result, self.pushed(group, &given, result, t)));
                pushed.for_each(|(result, t)| tangents[result.index()] = Some(t));
            }
        }
        tangents.into_iter().map(|t| t.map(|t| t.value)).collect()
    }

    /// Adjoints of all nodes: adjoint(operand) = Σ over users of edgeᵀ · adjoint(user), each node visited once.
    ///
    /// What flows back into a branch of a `select` is masked where it [leaves](Branches) the branch again. What branches of different
    /// `select`s share, and what the masks of relu, max and their like let through, is masked at once and [again](Masked) behind an
    /// edge that may be infinite.
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
        let Some(adjoint) = back.adjoints[id.index()] else { return };
        let (node, tame) = (self.graph.node(id), self.tame[id.index()]);
        for (k, (operand, map)) in self.edges(id).iter().enumerate() {
            let operand = *operand;
            let term = match (node.op(), map) {
                (_, Map::Chain(chain)) => {
                    // Masks have the shape of this node, not of the operand.
                    back.branches.cross(adjoint, (id, k), &transposed(chain), node.shape(), tame)
                }
                (Some(Op::Select), &Map::Each(EdgeMap::Where(mask))) => {
                    let choice = self.graph.operands_as(id, |operand| operand);
                    let taken = k == 0 && operand == choice[1];
                    Some(Adjoint { branch: back.branches.enter(adjoint.branch, choice[0], taken, mask), ..adjoint })
                }
                (_, Map::Zeroed(edge, mask)) => {
                    adjoint.own.through_zeroed(edge.transpose(), *mask).map(|own| Adjoint { own, ..adjoint })
                }
                (_, Map::Each(edge)) => adjoint.own.through_edge(edge.transpose(), tame).map(|own| Adjoint { own, ..adjoint }),
            };
            let jumps = self.may_jump(id, operand);
            term.into_iter().for_each(|term| back.add(operand, Adjoint { own: term.own.past(jumps), ..term }));
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
        self.add(id, Adjoint { own: Masked::free(value), branch: EVERYWHERE });
    }

    /// The adjoint of a node, as it is outside of branches.
    pub(super) fn of(&self, id: NodeId) -> Option<S> {
        Some(self.masked(id)?.value)
    }

    fn masked(&self, id: NodeId) -> Option<Masked<S>> {
        let adjoint = self.adjoints.get(id.index()).copied().flatten()?;
        Some(self.branches.leave(adjoint, EVERYWHERE).own)
    }

    /// The branch where one of an operation's results has an adjoint that is not 0 by construction.
    pub(super) fn branch_of(&mut self, linear: &Linear<S>, group: &Group) -> u32 {
        let given = group.members.iter().filter_map(|&(_, id)| Some((self.masked(id)?.within, linear.shape(id))));
        anywhere_of::<S>(given.collect::<Vec<_>>()).map_or(EVERYWHERE, |mask| self.branches.apart(mask))
    }

    /// Adds what an operation with bodies gives, which came about in a branch.
    pub(super) fn add_from(&mut self, branch: u32, id: NodeId, value: S) {
        self.add(id, Adjoint { own: Masked::free(value), branch });
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
        let branch = self.branch_of(linear, group);
        pulled.unwrap_or_else(refused).into_iter().for_each(|(operand, value)| self.add_from(branch, operand, value));
    }

    pub(super) fn finished(self) -> Vec<Option<S>> {
        (0..self.adjoints.len()).map(|k| self.of(NodeId::new(k))).collect()
    }
}

/// Nodes that are finite, with finite partial derivatives, for all finite inputs (overflow aside).
pub(super) fn tame(graph: &Graph) -> Vec<bool> {
    let mut tame: Vec<bool> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        tame.push(match graph.node(id).kind() {
            Kind::Const(bits) => f64::from_bits(bits).is_finite(),
            Kind::Input(_) | Kind::Flag(_) => true,
            Kind::Control(_) => false,
            Kind::Array(op) => op.is_tame() && graph.operands(id).all(|operand| tame[operand.index()]),
            Kind::Apply(op) => op.is_tame() && graph.operands(id).all(|operand| tame[operand.index()]),
        });
    }
    tame
}
