//! For the lengths of a call: where every value is, and what runs over how much.

use super::actions::{Action, Place, RunLoop, Space};
use super::axes;
use super::moves::{MatMul, Strided, strides};
use super::stages::{Loop, LoopInput, Source, Stage, Stages, matrix, owner};
use crate::eval::along::{Along, Indices};
use crate::eval::linalg::Sizes;
use crate::graph::{Function, Kind, NodeId};
use crate::op::{ArrayOp, Axis, DType, Shape};
use rustc_hash::FxHashMap;

/// The actions for some lengths of the open axes.
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    /// Elements of the workspace.
    pub(super) scratch: usize,
}

/// Lengths of open axes.
pub(super) type Lengths = FxHashMap<&'static str, usize>;

pub(super) fn lengths(shape: Shape, open: &Lengths) -> Vec<usize> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => open[name],
    };
    shape.axes().iter().map(length).collect()
}

pub(super) struct Planner<'a> {
    pub(super) f: &'a Function,
    pub(super) open: &'a Lengths,
    pub(super) places: FxHashMap<NodeId, Place>,
    /// The last stage that reads a node.
    last: FxHashMap<NodeId, usize>,
    free: Vec<(usize, usize)>,
    scratch: usize,
    pub(super) actions: Vec<Action>,
}

impl Plan {
    pub(super) fn new(stages: &Stages, open: &Lengths) -> Plan {
        let f = &stages.f;
        let mut planner = Planner {
            f,
            open,
            places: FxHashMap::default(),
            last: FxHashMap::default(),
            free: Vec::new(),
            scratch: 0,
            actions: Vec::new(),
        };
        planner.inputs();
        let pending = planner.outputs();
        for (k, stage) in stages.stages.iter().enumerate() {
            for node in reads(f, stage) {
                planner.last.insert(node, k);
            }
        }
        // What is copied to an output at the end is read to the end.
        for &(node, _) in &pending {
            planner.last.insert(owner(f, node), stages.stages.len());
        }
        for (k, stage) in stages.stages.iter().enumerate() {
            match stage {
                Stage::Loop(looped) => planner.run_loop(k, looped),
                Stage::Library(node) => planner.library(*node),
                Stage::Control(control) => planner.control(k, control),
            }
            planner.release(k, stage);
        }
        for (node, to) in pending {
            match f.graph().node(node).kind() {
                Kind::Const(bits) => planner.actions.push(Action::Fill(to, f64::from_bits(bits))),
                _ => {
                    let from = planner.memory(node);
                    planner.actions.push(Action::Copy { from, to });
                }
            }
        }
        Plan { actions: planner.actions, scratch: planner.scratch }
    }
}

/// The nodes whose memory a stage reads.
fn reads(f: &Function, stage: &Stage) -> Vec<NodeId> {
    match stage {
        Stage::Loop(looped) => looped
            .inputs
            .iter()
            .filter_map(|input| match input {
                LoopInput::Source(source) => Some(source.node),
                LoopInput::Partial(_) => None,
            })
            .collect(),
        Stage::Library(node) => {
            let product = f.graph().node(*node).kind() == Kind::Array(&ArrayOp::MatMul);
            let read = |operand: NodeId| if product { matrix(f, operand).0 } else { operand };
            f.graph().operands(*node).map(|operand| owner(f, read(operand))).collect()
        }
        Stage::Control(control) => control.reads(f),
    }
}

impl Planner<'_> {
    fn size(&self, id: NodeId) -> usize {
        lengths(self.f.graph().node(id).shape(), self.open).iter().product()
    }

    fn inputs(&mut self) {
        for (g, group) in self.f.inputs().iter().enumerate() {
            for (k, slot) in group.range().enumerate() {
                let id = NodeId::new(slot);
                let len = self.size(id);
                self.places.insert(id, Place { space: Space::Input(g), offset: k * len, len });
            }
        }
    }

    /// Gives outputs their slices; what has its memory elsewhere is returned, to be copied at the end.
    fn outputs(&mut self) -> Vec<(NodeId, Place)> {
        let mut pending = Vec::new();
        for (g, group) in self.f.outputs().iter().enumerate() {
            let mut offset = 0;
            for &id in group.nodes() {
                let len = self.size(id);
                let place = Place { space: Space::Output(g), offset, len };
                offset += len;
                let known = self.f.graph().node(id).kind().is_known();
                if known || owner(self.f, id) != id || self.places.contains_key(&id) {
                    pending.push((id, place));
                } else {
                    self.places.insert(id, place);
                }
            }
        }
        pending
    }

    /// The node's memory, which is taken from the workspace if it is no output.
    pub(super) fn claim(&mut self, id: NodeId) -> Place {
        if let Some(&place) = self.places.get(&id) {
            return place;
        }
        let place = self.borrow(self.size(id));
        self.places.insert(id, place);
        place
    }

    /// Where a value is that is not read in a loop; what is known is put there first.
    pub(super) fn memory(&mut self, id: NodeId) -> Place {
        let owner = owner(self.f, id);
        if let Some(&place) = self.places.get(&owner) {
            return place;
        }
        let known = match self.f.graph().node(owner).kind() {
            Kind::Const(bits) => f64::from_bits(bits),
            Kind::Flag(holds) => f64::from(u8::from(holds)),
            kind => unreachable!("{kind:?} is computed before it is read"),
        };
        let place = self.claim(owner);
        self.actions.push(Action::Fill(place, known));
        place
    }

    /// Some of the workspace.
    pub(super) fn borrow(&mut self, len: usize) -> Place {
        // Whole cache lines, so that neighbours do not share one.
        let room = len.next_multiple_of(16);
        let fit = self.free.iter().position(|&(_, free)| free >= room);
        let (offset, free) = match fit {
            Some(k) => self.free.swap_remove(k),
            None => {
                self.scratch += room;
                (self.scratch - room, room)
            }
        };
        if free > room {
            self.free.push((offset + room, free - room));
        }
        Place { space: Space::Scratch, offset, len }
    }

    /// Takes back what was borrowed.
    pub(super) fn give_back(&mut self, place: Place) {
        self.free.push((place.offset, place.len.next_multiple_of(16)));
    }

    /// Takes back what no later stage reads.
    fn release(&mut self, k: usize, stage: &Stage) {
        let mut done: Vec<NodeId> = reads(self.f, stage);
        match stage {
            Stage::Loop(looped) => done.extend(looped.outputs.iter().map(|output| output.node)),
            Stage::Library(node) => done.push(*node),
            Stage::Control(control) => done.extend(control.members.iter().map(|(_, node)| *node)),
        }
        done.sort_unstable();
        done.dedup();
        for node in done {
            if self.last.get(&node).is_none_or(|&last| last <= k)
                && let Some(&place @ Place { space: Space::Scratch, .. }) = self.places.get(&node)
            {
                self.places.remove(&node);
                self.give_back(place);
            }
        }
    }

    /// A source's stride along each axis of a loop over a shape.
    fn strides(&self, source: Source, shape: Shape) -> Vec<usize> {
        let own = lengths(source.shape, self.open);
        let all = lengths(shape, self.open);
        let dense = strides(&own);
        let new = all.len() - own.len();
        let stride = |k: usize| match k.checked_sub(new) {
            Some(j) if source.shape.axes()[j] != Axis::Fixed(1) || shape.axes()[k] == Axis::Fixed(1) => dense[j],
            _ => 0,
        };
        (0..all.len()).map(stride).collect()
    }

    fn run_loop(&mut self, stage: usize, looped: &Loop) {
        let all = lengths(looped.shape, self.open);
        let rank = all.len();
        let total: usize = all.iter().product();
        let mut places = Vec::new();
        let mut along: Vec<Vec<usize>> = Vec::new();
        let mut outputs = Vec::new();
        for output in &looped.outputs {
            let place = self.claim(output.node);
            let kept: Vec<usize> = (0..rank).filter(|k| !output.summed.contains(k)).collect();
            let dense = strides(&kept.iter().map(|&k| all[k]).collect::<Vec<_>>());
            let mut own = vec![0; rank];
            kept.iter().zip(dense).for_each(|(&k, stride)| own[k] = stride);
            if !output.summed.is_empty() {
                // −0 leaves the first summand as it is.
                self.actions.push(Action::Fill(place, if total == 0 { 0.0 } else { -0.0 }));
            }
            outputs.push((place, own));
        }
        for input in &looped.inputs {
            let (place, own) = match input {
                LoopInput::Source(source) => (self.places[&source.node], self.strides(*source, looped.shape)),
                LoopInput::Partial(k) => outputs[*k].clone(),
            };
            places.push(place);
            along.push(own);
        }
        for (place, own) in outputs {
            places.push(place);
            along.push(own);
        }
        if total == 0 {
            return;
        }
        let (inner, mut axes) = axes::nest(looped, &all, &along);
        let (count, strides) = match axes.pop() {
            Some(axis) if !looped.native.is_whole() => {
                axes.push(axis);
                (1, vec![])
            }
            around => around.unwrap_or((1, vec![])),
        };
        let bytes = self.f.width().bytes();
        let strides = strides.into_iter().map(|stride| (stride * bytes) as i64).collect();
        let run = RunLoop { stage, places, inputs: looped.inputs.len(), inner, count, strides, outer: axes };
        self.actions.push(Action::Loop(run));
    }

    fn library(&mut self, id: NodeId) {
        let graph = self.f.graph();
        let Kind::Array(op) = graph.node(id).kind() else { unreachable!("a library stage is an array operation") };
        let operands: Vec<NodeId> = graph.operands(id).collect();
        let shape = |id: NodeId| lengths(graph.node(id).shape(), self.open);
        let own = shape(id);
        let first = operands.first().copied();
        let x_shape = first.map(&shape).unwrap_or_default();
        let sources: Vec<Place> = match op {
            ArrayOp::MatMul => operands.iter().map(|&operand| self.memory(matrix(self.f, operand).0)).collect(),
            _ => operands.iter().map(|&operand| self.memory(operand)).collect(),
        };
        let to = self.claim(id);
        let nothing = Place { len: 0, ..to };
        let two = |places: &[Place]| [0, 1].map(|k| places.get(k).copied().unwrap_or(nothing));
        let action = match op {
            ArrayOp::Permute(order) => {
                let dense = strides(&x_shape);
                let strides = order.iter().map(|&k| dense[k] as isize).collect();
                Action::Read { from: sources[0], places: Strided { lengths: own, strides, offset: 0 }, to }
            }
            ArrayOp::Slice(cuts) => Action::Read { from: sources[0], places: cut(&x_shape, cuts, &own), to },
            ArrayOp::Place(_, cuts) => Action::Write { from: sources[0], to, places: cut(&own, cuts, &x_shape), clear: true },
            ArrayOp::Concat(axis) => {
                let mut start = 0;
                for (&operand, from) in operands.iter().zip(sources) {
                    let part = shape(operand);
                    let mut places = Strided::contiguous(&own);
                    places.offset = start * places.strides[*axis] as usize;
                    start += part[*axis];
                    places.lengths = part;
                    self.actions.push(Action::Write { from, to, places, clear: false });
                }
                return;
            }
            ArrayOp::MatMul => {
                let rank = own.len();
                let (m, n) = (own[rank - 2], own[rank - 1]);
                let k = x_shape[rank - 1];
                let factor = |operand: NodeId, rows: usize, columns: usize| match matrix(self.f, operand).1 {
                    true => (1, rows as isize),
                    false => (columns as isize, 1),
                };
                let each = MatMul { m, k, n, a: factor(operands[0], m, k), b: factor(operands[1], k, n) };
                Action::MatMul { a: sources[0], b: sources[1], c: to, each, count: own[..rank - 2].iter().product() }
            }
            ArrayOp::Gather { axis, batch } => {
                self.actions.push(Action::Check { index: sources[1], len: x_shape[*axis], node: id });
                let indices = Indices::new(&x_shape, *axis, *batch, &shape(operands[1]));
                Action::Gather { x: sources[0], index: sources[1], to, along: Along::new(&x_shape, *axis), indices }
            }
            ArrayOp::ScatterAdd { axis, batch, .. } => {
                self.actions.push(Action::Check { index: sources[1], len: own[*axis], node: id });
                let indices = Indices::new(&own, *axis, *batch, &shape(operands[1]));
                Action::ScatterAdd { x: sources[0], index: sources[1], to, along: Along::new(&own, *axis), indices }
            }
            ArrayOp::Prod(axis)
            | ArrayOp::ArgMax(axis)
            | ArrayOp::CumSum { axis, .. }
            | ArrayOp::Shift { axis, .. }
            | ArrayOp::Recur { axis, .. }
            | ArrayOp::Iota(_, axis) => {
                let along = Along::new(if first.is_some() { &x_shape } else { &own }, *axis);
                Action::Sweep { op, operands: two(&sources), to, along, node: id }
            }
            ArrayOp::Solve
            | ArrayOp::SolveTriangular { .. }
            | ArrayOp::Inverse
            | ArrayOp::Det
            | ArrayOp::LogDet
            | ArrayOp::Cholesky => {
                let sizes = Sizes::new(&x_shape, operands.get(1).map(|&b| shape(b)).as_deref(), &own);
                let work = self.borrow(sizes.work());
                self.give_back(work);
                Action::Linalg { op, operands: two(&sources), to, work, sizes, node: id }
            }
            ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
                let mut places = Strided { lengths: x_shape.clone(), strides: vec![0; x_shape.len()], offset: 0 };
                let kept: Vec<usize> = (0..x_shape.len()).filter(|k| !axes.contains(k)).collect();
                let dense = strides(&own);
                kept.iter().zip(dense).for_each(|(&k, stride)| places.strides[k] = stride as isize);
                let largest = matches!(op, ArrayOp::MaxOf(_));
                Action::Extreme { x: sources[0], to, lengths: x_shape, places, largest }
            }
            ArrayOp::Broadcast(_) | ArrayOp::Reshape(_) | ArrayOp::Sum(_) => unreachable!("{op} is no library stage"),
        };
        debug_assert!(
            graph.node(id).dtype() != DType::Mask
                || matches!(action, Action::Read { .. } | Action::Write { .. } | Action::Gather { .. })
        );
        self.actions.push(action);
    }
}

/// The places that cuts leave of a shape.
fn cut(of: &[usize], cuts: &[crate::op::Cut], left: &[usize]) -> Strided {
    let dense = strides(of);
    let mut places = Strided { lengths: left.to_vec(), ..Strided::default() };
    for (cut, &stride) in cuts.iter().zip(&dense) {
        let step = match cut {
            crate::op::Cut::All => 1,
            crate::op::Cut::Range { step, .. } => *step,
        };
        places.offset += cut.at(0) * stride;
        places.strides.push(step * stride as isize);
    }
    places
}
