//! Where outputs are: in slices of their own, in those of inputs that they overwrite, or elsewhere, to be copied at the end.

use super::planner::Planner;
use crate::graph::{InputGroup, Kind, NodeId, sweeps};
use crate::schedule::ir::{Action, Buffer, LoopInput, Space, Stage, Updates, View};
use crate::schedule::queries::{self, makes};
use crate::schedule::tile::Order;
use crate::schedule::unit::UnitRef;
use crate::schedule::views::owner;

/// What is known of the outputs before anything is planned.
pub(super) struct Outputs {
    /// Where each is in the end.
    pub(super) results: Vec<Buffer>,
    /// What has its memory elsewhere, to be copied at the end.
    pub(super) pending: Vec<(NodeId, Buffer)>,
}

/// Gives outputs their slices.
pub(super) fn outputs(planner: &mut Planner, order: &Order, once: usize, updates: &Updates) -> Outputs {
    let mut pending = Vec::new();
    let mut own = Vec::new();
    let places = output_places(planner, updates);
    let results = places.iter().map(|&(_, place, _)| place).collect();
    for (id, place, overwritten) in places {
        let made = owner(planner.f, id);
        let known = planner.f.graph().node(made).kind().is_known();
        // An output that is computed once may not lie in a slice of one call.
        let kept = order.stages[..once].iter().any(|(_, stage)| makes(stage, made));
        let elsewhere = known || planner.places.contains_key(&made) || kept;
        if elsewhere || overwritten.is_some_and(|input| made != id || !may_overwrite(planner, order, id, input)) {
            pending.push((id, place));
        } else {
            planner.places.insert(made, place);
            own.push((made, place));
        }
    }
    // A value between may be where an output will be that is computed over it.
    for (id, place) in own.into_iter().filter(|(_, place)| !is_overwritten(updates, *place)) {
        if let Some(input) = computed_over(planner, order, once, id) {
            let place = planner.taken_over(place);
            planner.places.insert(input, place);
        }
    }
    Outputs { results, pending }
}

/// Whether a buffer is in the slice of an output that overwrites an input.
fn is_overwritten(updates: &Updates, buffer: Buffer) -> bool {
    updates.iter().any(|&(output, _)| buffer.space == Space::Output(output))
}

/// What a loop reads last and overwrites with an output.
fn computed_over(planner: &Planner, order: &Order, once: usize, output: NodeId) -> Option<NodeId> {
    let made = order.stages.iter().position(|(_, stage)| makes(stage, output)).filter(|&made| made >= once)?;
    let Stage::Loop(looped) = order.stages[made].1 else { return None };
    looped.inputs.iter().find_map(|input| match *input {
        LoopInput::View(View { node, .. }) => {
            let between = order.stages[once..made].iter().any(|(_, stage)| makes(stage, node));
            let free = planner.last.get(&node) == Some(&made) && !planner.places.contains_key(&node);
            let fits = planner.size(node) == planner.size(output) && queries::may_overwrite(looped, output, node);
            (between && free && fits && !is_copied(planner, node) && !order.reads_whole(made, node)).then_some(node)
        }
        LoopInput::Partial(_) => None,
    })
}

/// The outputs' values, their places in the slices of a call, and the inputs that they overwrite.
fn output_places(planner: &mut Planner, updates: &Updates) -> Vec<(NodeId, Buffer, Option<NodeId>)> {
    let mut places = Vec::new();
    let f = planner.f;
    for (g, group) in f.outputs().iter().enumerate() {
        let update = updates.iter().position(|&(output, _)| output == g);
        let mut offset = 0;
        for (k, &id) in group.nodes().iter().enumerate() {
            let len = planner.size(id);
            let place = planner.buffer(Space::Output(g), offset, len);
            offset += len;
            let overwritten = update.map(|u| NodeId::new(f.inputs()[updates[u].1].range().start + k));
            places.push((id, place, overwritten));
        }
    }
    places
}

/// A small function, which is straight-line code for all its numbers. `results` says where each output is to be; the code sees groups of them.
pub(super) fn whole(planner: &mut Planner, unit: UnitRef, results: &[Buffer], updates: &Updates) -> Vec<Buffer> {
    let all = |places: &mut dyn Iterator<Item = Buffer>| places.reduce(|all, place| Buffer { len: all.len + place.len, ..all });
    let nowhere = planner.borrow(0);
    let input = |group: &InputGroup| all(&mut group.range().map(|slot| planner.places[&NodeId::new(slot)]));
    let inputs = planner.f.inputs().iter().map(|group| input(group).unwrap_or(nowhere)).collect();
    let mut places = results.iter().copied();
    let groups = planner.f.outputs().iter().map(|group| all(&mut places.by_ref().take(group.nodes().len())).unwrap_or(nowhere));
    let own: Vec<Buffer> = groups.collect();
    // The code reads inputs after it has written outputs.
    let aside = |place: Buffer, this: &mut Planner| match is_overwritten(updates, place) {
        true => this.borrow(place.len),
        false => place,
    };
    let outputs: Vec<Buffer> = own.iter().map(|&place| aside(place, planner)).collect();
    let copies = own.iter().zip(&outputs).filter(|(to, from)| !to.is_at(**from)).map(|(&to, &from)| Action::Copy { from, to });
    let copies: Vec<Action> = copies.collect();
    planner.actions.push(match unit.interface().flow.is_some() {
        true => Action::Flow { unit, inputs, outputs, steps: 1, at: sweeps::line(planner.f).flatten() },
        false => Action::Straight { unit, inputs, outputs },
    });
    planner.actions.extend(copies);
    own
}

/// Whether an output may be computed into the memory of an input: nobody needs the input any more.
fn may_overwrite(planner: &Planner, order: &Order, output: NodeId, input: NodeId) -> bool {
    let Some(made) = order.stages.iter().position(|(_, stage)| makes(stage, output)) else { return false };
    !is_copied(planner, input)
        && !order.reads_whole(made, input)
        && match (planner.last.get(&input), order.stages[made].1) {
            (None, _) => true,
            (Some(&last), _) if last < order.written(made, output) => true,
            (Some(&last), Stage::Loop(looped)) if last == made => queries::may_overwrite(looped, output, input),
            _ => false,
        }
}

/// Whether an output has its numbers in the memory of a value.
fn is_copied(planner: &Planner, id: NodeId) -> bool {
    planner.f.output_nodes().any(|output| owner(planner.f, output) == id)
}

/// Copies outputs that have their memory elsewhere to their slices.
pub(super) fn copy_out(planner: &mut Planner, Outputs { mut results, pending }: Outputs, updates: &Updates) -> Vec<Buffer> {
    let is_state = |place: Buffer| is_overwritten(updates, place);
    // First what is read of slices that are overwritten then.
    let mut copies = Vec::new();
    for &(node, to) in &pending {
        if planner.f.graph().node(node).kind().is_known() {
            continue;
        }
        let mut from = planner.memory(node);
        if from.is_at(to) {
            // What is given stays.
            results.iter_mut().filter(|result| **result == to).for_each(|result| *result = from);
            continue;
        }
        if is_state(from) && is_state(to) {
            let aside = planner.borrow(from.len);
            planner.actions.push(Action::Copy { from, to: aside });
            from = aside;
        }
        copies.push((from, to));
    }
    // What goes to slices of its own comes before what overwrites others' sources.
    copies.sort_by_key(|&(_, to)| is_state(to));
    planner.actions.extend(copies.into_iter().map(|(from, to)| Action::Copy { from, to }));
    for (node, to) in pending {
        if let Kind::Const(bits) = planner.f.graph().node(node).kind() {
            planner.actions.push(Action::Fill(to, f64::from_bits(bits)));
        }
    }
    results
}
