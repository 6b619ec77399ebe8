//! For the lengths of a call: where every value is, and what runs over how much.

use super::actions::{Action, Place, RunLoop, Space};
use super::axes;
use super::lengths::lengths;
use super::memory::Arena;
use super::moves::strides;
use super::stages::{Loop, LoopInput, LoopOutput, Stage, Stages, owner};
use super::strips::{Band, Strips};
use super::views::{self, Between, Source};
use crate::base::{Axis, Shape};
use crate::eval::Lengths;
use crate::graph::{Function, Kind, NodeId};
use rustc_hash::FxHashMap;

/// Outputs that overwrite an input, as numbers of groups: the output's, and the input's.
pub(super) type Updates = [(usize, usize)];

/// The actions for some lengths of the open axes.
pub(super) struct Plan {
    /// The lengths of the slices: of inputs that are overwritten, of other inputs, of outputs that overwrite none.
    pub(super) state: Vec<usize>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    /// What computes the values that depend on no input, once.
    pub(super) once: Vec<Action>,
    pub(super) actions: Vec<Action>,
    /// Elements of the workspace.
    pub(super) scratch: usize,
    /// Elements of the values that depend on no input.
    pub(super) kept: usize,
    /// Words for the addresses that a loop takes, in whole cache lines.
    pub(super) table: usize,
    /// Elements that a strip takes at most.
    strips: usize,
    /// Whether calls on several threads run it.
    pub(super) parallel: bool,
}

pub(super) struct Planner<'a> {
    pub(super) f: &'a Function,
    pub(super) open: &'a Lengths,
    pub(super) places: FxHashMap<NodeId, Place>,
    /// The last stage that reads a node.
    pub(super) last: FxHashMap<NodeId, usize>,
    pub(super) scratch: Arena,
    kept: Arena,
    /// Whether the stage at hand runs once.
    once: bool,
    pub(super) actions: Vec<Action>,
    /// Whether it is for calls on several threads.
    pub(super) parallel: bool,
    /// The band that the stage at hand belongs to.
    band: Option<Band>,
    /// The memory of its strips, and what happens before the first one.
    strip: Arena,
    before: Vec<Action>,
}

impl Plan {
    /// `once` is how many of the first stages run once only. A plan for several threads gives the bits of one for one thread.
    pub(super) fn new(stages: &Stages, once: usize, updates: &Updates, open: &Lengths, parallel: bool) -> Plan {
        let f = &stages.f;
        let mut planner = Planner {
            f,
            open,
            places: FxHashMap::default(),
            last: FxHashMap::default(),
            scratch: Arena::default(),
            kept: Arena::default(),
            once: false,
            actions: Vec::new(),
            parallel,
            band: None,
            strip: Arena::default(),
            before: Vec::new(),
        };
        planner.inputs(updates);
        let mut order = planner.arrange(stages, once);
        for (at, (_, stage)) in order.stages.iter().enumerate() {
            for node in stage.reads(f) {
                planner.last.insert(node, at);
            }
        }
        let pending = planner.outputs(&order, once, updates);
        // What a later stage reads of the values that are computed once is kept, as is what is copied to an output.
        for &(node, _) in &pending {
            planner.last.insert(owner(f, node), stages.stages.len());
        }
        let mut first = Vec::new();
        let mut strips = 0;
        let mut bands = std::mem::take(&mut order.bands).into_iter().peekable();
        let mut start = 0;
        for (at, &(k, stage)) in order.stages.iter().enumerate() {
            if at == once {
                first = std::mem::take(&mut planner.actions);
            }
            planner.once = at < once;
            if let Some(band) = bands.next_if(|band| band.at.start == at) {
                planner.band = Some(band);
                start = planner.actions.len();
            }
            match stage {
                Stage::Loop(looped) => planner.run_loop(k, at, looped),
                Stage::Straight(straight) => planner.straight(k, straight),
                Stage::Library(node) => planner.library(*node),
                Stage::Control(control) => planner.control(k, control),
            }
            planner.release(at, stage, once);
            if let Some(band) = planner.band.take_if(|band| band.at.end == at + 1) {
                strips = strips.max(planner.finish(&band, start));
                order.stages[band.at].iter().for_each(|(_, stage)| planner.release(at, stage, once));
            }
        }
        if stages.stages.len() == once {
            first = std::mem::take(&mut planner.actions);
        }
        planner.once = false;
        match stages.whole {
            Some(_) => planner.whole(updates),
            None => planner.copy_out(pending),
        }
        let size = |id: NodeId| planner.size(id);
        let of_inputs: Vec<usize> =
            f.inputs().iter().map(|group| group.range().map(|slot| size(NodeId::new(slot))).sum()).collect();
        let of_outputs: Vec<usize> = f.outputs().iter().map(|group| group.nodes().iter().map(|&id| size(id)).sum()).collect();
        let rest = |all: &[usize], taken: &dyn Fn(usize) -> bool| {
            all.iter().enumerate().filter(|(k, _)| !taken(*k)).map(|(_, &len)| len).collect()
        };
        let table = first.iter().chain(&planner.actions).map(Action::addresses).max().unwrap_or(0);
        Plan {
            state: updates.iter().map(|&(_, input)| of_inputs[input]).collect(),
            inputs: rest(&of_inputs, &|k| updates.iter().any(|&(_, input)| input == k)),
            outputs: rest(&of_outputs, &|k| updates.iter().any(|&(output, _)| output == k)),
            once: first,
            actions: planner.actions,
            scratch: planner.scratch.size(),
            kept: planner.kept.size(),
            table: table.next_multiple_of(8),
            strips,
            parallel,
        }
    }

    /// Elements of the memory that a call takes for itself, on one thread.
    pub(super) fn workspace(&self) -> usize {
        self.scratch + self.strips
    }
}

impl Planner<'_> {
    pub(super) fn size(&self, id: NodeId) -> usize {
        lengths(self.f.graph().node(id).shape(), self.open).iter().product()
    }

    fn inputs(&mut self, updates: &Updates) {
        let mut others = 0;
        for (g, group) in self.f.inputs().iter().enumerate() {
            let space = match updates.iter().position(|&(_, input)| input == g) {
                Some(k) => Space::State(k),
                None => {
                    others += 1;
                    Space::Input(others - 1)
                }
            };
            for (k, slot) in group.range().enumerate() {
                let id = NodeId::new(slot);
                let len = self.size(id);
                self.places.insert(id, Place::new(space, k * len, len));
            }
        }
    }

    /// The node's memory, which is taken from the workspace if it is no output.
    pub(super) fn claim(&mut self, id: NodeId) -> Place {
        if let Some(&place) = self.places.get(&id) {
            return place;
        }
        let place = match self.band.as_ref().filter(|band| band.inner.contains(&id)) {
            Some(band) => {
                let len = self.size(id) / band.units * band.strip;
                Place::new(Space::Strip, self.strip.take(len), len)
            }
            None => self.borrow(self.size(id)),
        };
        self.places.insert(id, place);
        place
    }

    /// The memory of a loop's output: where it may be, that of a value of the workspace that the loop is the last to read, so that less
    /// memory goes through the cache. Such a value has no memory of its own afterwards.
    fn claim_over(&mut self, stage: usize, looped: &Loop, output: NodeId, overwritten: &mut Vec<NodeId>) -> Place {
        if !self.once && !self.places.contains_key(&output) {
            let (len, inner) = (self.size(output), |id: NodeId| self.band.as_ref().is_some_and(|band| band.inner.contains(&id)));
            let whole = |id: NodeId| self.band.as_ref().is_some_and(|band| band.whole.contains(&id));
            let given_up = looped.inputs.iter().find_map(|input| match *input {
                LoopInput::Source(Source { node, .. })
                    if self.last.get(&node) == Some(&stage) && !overwritten.contains(&node) =>
                {
                    let place = *self.places.get(&node)?;
                    let fits = match place.space {
                        Space::Scratch => !inner(output) && !whole(node),
                        Space::Strip => inner(output),
                        _ => false,
                    };
                    (fits && self.size(node) == len && looped.may_overwrite(output, node)).then_some((node, place))
                }
                _ => None,
            });
            if let Some((node, place)) = given_up {
                overwritten.push(node);
                self.places.insert(output, place);
            }
        }
        self.claim(output)
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

    /// Some of the workspace, or of what is kept where that is computed.
    pub(super) fn borrow(&mut self, len: usize) -> Place {
        let (space, arena) = match self.once {
            true => (Space::Kept, &mut self.kept),
            false => (Space::Scratch, &mut self.scratch),
        };
        Place::new(space, arena.take(len), len)
    }

    /// Takes back what was borrowed.
    pub(super) fn give_back(&mut self, Place { space, offset, len, .. }: Place) {
        match space {
            Space::Scratch => self.scratch.give(offset, len),
            Space::Kept => self.kept.give(offset, len),
            Space::Strip => self.strip.give(offset, len),
            Space::Input(_) | Space::Output(_) | Space::State(_) => unreachable!("slices are not borrowed"),
        }
    }

    /// Makes strips of the actions from some place on; how many elements one takes.
    fn finish(&mut self, band: &Band, start: usize) -> usize {
        let all = self.actions.split_off(start);
        let scratch = std::mem::take(&mut self.strip).size();
        let strips = Strips::new(band, self.f.width(), scratch, &all);
        self.actions.append(&mut self.before);
        self.actions.push(Action::Strips(Box::new(strips)));
        scratch
    }

    /// Takes back what no later stage reads. Within a band the next strip comes: what is no strip's own is taken back at the end.
    fn release(&mut self, k: usize, stage: &Stage, once: usize) {
        let mut done: Vec<NodeId> = stage.reads(self.f);
        done.extend(stage.made());
        done.sort_unstable();
        done.dedup();
        for node in done {
            if self.last.get(&node).is_some_and(|&last| last > k) {
                continue;
            }
            match self.places.get(&node) {
                Some(&place @ Place { space: Space::Scratch, .. }) if self.band.is_none() => self.give_back(place),
                Some(&place @ Place { space: Space::Strip, .. }) => self.give_back(place),
                Some(&place @ Place { space: Space::Kept, .. }) if k < once => self.give_back(place),
                _ => continue,
            }
            self.places.remove(&node);
        }
    }

    /// The first number that is read of a source, and its stride along each axis of a loop over a shape.
    fn layout(&self, source: Source, shape: Shape) -> (usize, Vec<usize>) {
        let all = lengths(shape, self.open);
        let (offset, dense) = views::layout(self.f, source, self.open);
        let new = all.len() - dense.len();
        let stride = |k: usize| match k.checked_sub(new) {
            Some(j) if source.shape.axes()[j] != Axis::Fixed(1) || shape.axes()[k] == Axis::Fixed(1) => dense[j],
            _ => 0,
        };
        (offset, (0..all.len()).map(stride).collect())
    }

    /// The first number of every input and output of a loop over some lengths, and its stride along each axis.
    pub(super) fn loop_places(&self, looped: &Loop, all: &[usize]) -> Vec<(usize, Vec<usize>)> {
        let output = |output: &LoopOutput| {
            let kept: Vec<usize> = (0..all.len()).filter(|k| !output.summed.contains(k)).collect();
            let dense = strides(&kept.iter().map(|&k| all[k]).collect::<Vec<_>>());
            let mut own = vec![0; all.len()];
            kept.iter().zip(dense).for_each(|(&k, stride)| own[k] = stride);
            (0, own)
        };
        let input = |input: &LoopInput| match *input {
            LoopInput::Source(source) => self.layout(source, looped.shape),
            LoopInput::Partial(k) => output(&looped.outputs[k]),
        };
        looped.inputs.iter().map(input).chain(looped.outputs.iter().map(output)).collect()
    }

    fn run_loop(&mut self, stage: usize, at: usize, looped: &Loop) {
        let all = lengths(looped.shape, self.open);
        let total: usize = all.iter().product();
        let mut outputs = Vec::new();
        let mut overwritten = Vec::new();
        for output in &looped.outputs {
            let place = self.claim_over(at, looped, output.node, &mut overwritten);
            if !output.summed.is_empty() {
                // −0 leaves the first summand as it is.
                let fill = Action::Fill(place, if total == 0 { 0.0 } else { -0.0 });
                let goes_on = self.band.as_ref().is_some_and(|band| band.sums.contains(&output.node));
                if goes_on { self.before.push(fill) } else { self.actions.push(fill) }
            }
            outputs.push(place);
        }
        let mut cuts: Vec<(usize, Between)> = Vec::new();
        let mut starts: Vec<Place> = Vec::new();
        for (k, input) in looped.inputs.iter().enumerate() {
            starts.push(match input {
                LoopInput::Source(source) => {
                    cuts.extend(source.cut.and_then(|id| views::between(self.f, id)).map(|between| (k, between)));
                    self.places[&source.node]
                }
                LoopInput::Partial(k) => outputs[*k],
            });
        }
        starts.append(&mut outputs);
        let along = self.loop_places(looped, &all);
        let at = |(place, (offset, own)): (Place, (usize, Vec<usize>))| (Place { offset: place.offset + offset, ..place }, own);
        let places: Vec<(Place, Vec<usize>)> = starts.into_iter().zip(along).map(at).collect();
        for node in overwritten {
            self.places.remove(&node);
        }
        if total == 0 {
            return;
        }
        if cuts.is_empty() {
            return self.run_part(stage, looped, &all, places);
        }
        // From where numbers begin or end to where others do, they are all there or zeros in their stead.
        let axis = cuts[0].1.axis;
        let mut bounds: Vec<usize> = cuts.iter().flat_map(|(_, cut)| [cut.start, cut.end]).chain([0, all[axis]]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let each: usize = all[axis + 1..].iter().product();
        for part in bounds.windows(2) {
            let (start, end) = (part[0], part[1]);
            let mut places = places.clone();
            places.iter_mut().for_each(|(place, own)| place.offset += start * own[axis]);
            let (there, missing): (Vec<_>, Vec<_>) = cuts.iter().partition(|(_, cut)| (cut.start..cut.end).contains(&start));
            there.into_iter().for_each(|(k, cut)| places[k].0.offset -= cut.start * places[k].1[axis]);
            let zeros = if missing.is_empty() { 0 } else { (end - start) * each };
            let zeros = self.borrow(zeros);
            missing.iter().for_each(|(k, _)| places[*k].0 = zeros);
            if !missing.is_empty() {
                self.actions.push(Action::Fill(zeros, 0.0));
            }
            let mut lengths = all.clone();
            lengths[axis] = end - start;
            self.run_part(stage, looped, &lengths, places);
            self.give_back(zeros);
        }
    }

    /// A loop over some lengths, with places and their strides.
    fn run_part(&mut self, stage: usize, looped: &Loop, lengths: &[usize], places: Vec<(Place, Vec<usize>)>) {
        let (places, along): (Vec<Place>, Vec<Vec<usize>>) = places.into_iter().unzip();
        let ((inner, row_strides), mut axes) = axes::nest(looped, lengths, &along);
        let (count, strides) = match axes.pop() {
            Some(axis) if !looped.native.is_whole() => {
                axes.push(axis);
                (1, vec![])
            }
            around => around.unwrap_or((1, vec![])),
        };
        let bytes = self.f.width().bytes();
        let strides = strides.into_iter().map(|stride| (stride * bytes) as i64).collect();
        let run = RunLoop { stage, places, inputs: looped.inputs.len(), inner, row_strides, count, strides, outer: axes };
        self.actions.push(Action::Loop(run));
    }
}
