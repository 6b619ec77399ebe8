//! Where outputs are: in slices of their own, in those of inputs that they overwrite, or elsewhere, to be copied at the end.

use super::actions::{Action, Place, Space};
use super::plan::{Planner, Updates};
use super::stages::{LoopInput, Stage, owner};
use super::strips::Order;
use super::views::Source;
use crate::graph::{InputGroup, Kind, NodeId};

impl Planner<'_> {
    /// Gives outputs their slices; what has its memory elsewhere is returned, to be copied at the end.
    pub(super) fn outputs(&mut self, order: &Order, once: usize, updates: &Updates) -> Vec<(NodeId, Place)> {
        let mut pending = Vec::new();
        let mut own = Vec::new();
        for (id, place, overwritten) in self.output_places(updates) {
            let made = owner(self.f, id);
            let known = self.f.graph().node(made).kind().is_known();
            // An output that is computed once may not lie in a slice of one call.
            let kept = order.stages[..once].iter().any(|(_, stage)| stage.makes(made));
            let elsewhere = known || self.places.contains_key(&made) || kept;
            if elsewhere || overwritten.is_some_and(|input| made != id || !self.may_overwrite(order, id, input)) {
                pending.push((id, place));
            } else {
                self.places.insert(made, place);
                own.push((made, place));
            }
        }
        // A value between may be where an output will be that is computed over it.
        for (id, place) in own.into_iter().filter(|(_, place)| matches!(place.space, Space::Output(_))) {
            if let Some(input) = self.computed_over(order, once, id) {
                self.places.insert(input, place);
            }
        }
        pending
    }

    /// What a loop reads last and overwrites with an output.
    fn computed_over(&self, order: &Order, once: usize, output: NodeId) -> Option<NodeId> {
        let made = order.stages.iter().position(|(_, stage)| stage.makes(output)).filter(|&made| made >= once)?;
        let Stage::Loop(looped) = order.stages[made].1 else { return None };
        looped.inputs.iter().find_map(|input| match *input {
            LoopInput::Source(Source { node, .. }) => {
                let between = order.stages[once..made].iter().any(|(_, stage)| stage.makes(node));
                let free = self.last.get(&node) == Some(&made) && !self.places.contains_key(&node);
                let fits = self.size(node) == self.size(output) && looped.may_overwrite(output, node);
                (between && free && fits && !self.is_copied(node) && !order.reads_whole(made, node)).then_some(node)
            }
            LoopInput::Partial(_) => None,
        })
    }

    /// The outputs' values, their places in the slices of a call, and the inputs that they overwrite.
    fn output_places(&self, updates: &Updates) -> Vec<(NodeId, Place, Option<NodeId>)> {
        let mut places = Vec::new();
        let mut others = 0;
        for (g, group) in self.f.outputs().iter().enumerate() {
            let update = updates.iter().position(|&(output, _)| output == g);
            let space = match update {
                Some(k) => Space::State(k),
                None => {
                    others += 1;
                    Space::Output(others - 1)
                }
            };
            let mut offset = 0;
            for (k, &id) in group.nodes().iter().enumerate() {
                let len = self.size(id);
                let place = Place::new(space, offset, len);
                offset += len;
                let overwritten = update.map(|u| NodeId::new(self.f.inputs()[updates[u].1].range().start + k));
                places.push((id, place, overwritten));
            }
        }
        places
    }

    /// A small function, which is straight-line code for all its numbers.
    pub(super) fn whole(&mut self, updates: &Updates) {
        let all = |places: &mut dyn Iterator<Item = Place>| places.reduce(|all, place| Place { len: all.len + place.len, ..all });
        let nowhere = Place::new(Space::Scratch, 0, 0);
        let input = |group: &InputGroup| all(&mut group.range().map(|slot| self.places[&NodeId::new(slot)]));
        let inputs = self.f.inputs().iter().map(|group| input(group).unwrap_or(nowhere)).collect();
        let mut places = self.output_places(updates).into_iter().map(|(_, place, _)| place);
        let groups = self.f.outputs().iter().map(|group| all(&mut places.by_ref().take(group.nodes().len())).unwrap_or(nowhere));
        let own: Vec<Place> = groups.collect();
        // The code reads inputs after it has written outputs.
        let aside = |place: Place, this: &mut Self| match place.space {
            Space::State(_) => this.borrow(place.len),
            _ => place,
        };
        let outputs: Vec<Place> = own.iter().map(|&place| aside(place, self)).collect();
        let copies = own.iter().zip(&outputs).filter(|(to, from)| to != from).map(|(&to, &from)| Action::Copy { from, to });
        let copies: Vec<Action> = copies.collect();
        self.actions.push(Action::Straight { stage: None, inputs, outputs });
        self.actions.extend(copies);
    }

    /// Whether an output may be computed into the memory of an input: nobody needs the input any more.
    fn may_overwrite(&self, order: &Order, output: NodeId, input: NodeId) -> bool {
        let Some(made) = order.stages.iter().position(|(_, stage)| stage.makes(output)) else { return false };
        !self.is_copied(input)
            && !order.reads_whole(made, input)
            && match (self.last.get(&input), order.stages[made].1) {
                (None, _) => true,
                (Some(&last), _) if last < order.written(made, output) => true,
                (Some(&last), Stage::Loop(looped)) if last == made => looped.may_overwrite(output, input),
                _ => false,
            }
    }

    /// Whether an output has its numbers in the memory of a value.
    fn is_copied(&self, id: NodeId) -> bool {
        self.f.output_nodes().any(|output| owner(self.f, output) == id)
    }

    /// Copies outputs that have their memory elsewhere to their slices.
    pub(super) fn copy_out(&mut self, pending: Vec<(NodeId, Place)>) {
        let is_state = |place: Place| matches!(place.space, Space::State(_));
        // First what is read of slices that are overwritten then.
        let mut copies = Vec::new();
        for &(node, to) in &pending {
            if self.f.graph().node(node).kind().is_known() {
                continue;
            }
            let mut from = self.memory(node);
            if from == to {
                continue;
            }
            if is_state(from) && is_state(to) {
                let aside = Place::new(Space::Scratch, self.scratch.take(from.len), from.len);
                self.actions.push(Action::Copy { from, to: aside });
                from = aside;
            }
            copies.push((from, to));
        }
        // What goes to slices of its own comes before what overwrites others' sources.
        copies.sort_by_key(|&(_, to)| is_state(to));
        self.actions.extend(copies.into_iter().map(|(from, to)| Action::Copy { from, to }));
        for (node, to) in pending {
            if let Kind::Const(bits) = self.f.graph().node(node).kind() {
                self.actions.push(Action::Fill(to, f64::from_bits(bits)));
            }
        }
    }
}
