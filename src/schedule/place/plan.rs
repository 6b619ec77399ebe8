//! For the lengths of a call: where every value is, and what runs over how much.

use super::planner::Planner;
use super::{control, library, loops, outputs};
use crate::eval::Lengths;
use crate::graph::NodeId;
use crate::schedule::ir::{Action, Buffer, Plan, Schedule, Stage, Straight, Updates, addresses};
use crate::schedule::lengths::Extent;
use crate::schedule::queries::reads;
use crate::schedule::tile::arrange;
use crate::schedule::verify;
use crate::schedule::views::owner;

/// The plan of a schedule. `once` is how many of the first stages run once only. A plan for several threads gives the bits of one for one
/// thread.
pub(crate) fn plan(stages: &Schedule, once: usize, updates: &Updates, open: &Lengths, parallel: bool) -> Plan {
    let plan = unverified(stages, once, updates, open, parallel);
    if cfg!(debug_assertions)
        && let Err(fault) = verify(&plan)
    {
        panic!("a plan is unsound: {fault}");
    }
    plan
}

fn unverified(stages: &Schedule, once: usize, updates: &Updates, open: &Lengths, parallel: bool) -> Plan {
    let f = &stages.f;
    let extent = Extent { f, open };
    let mut planner = Planner::new(extent);
    planner.inputs(updates);
    let mut order = arrange(extent, stages, once, parallel);
    for (at, (_, stage)) in order.stages.iter().enumerate() {
        for node in reads(stage, f) {
            planner.last.insert(node, at);
        }
    }
    let known = outputs::outputs(&mut planner, &order, once, updates);
    // What a later stage reads of the values that are computed once is kept, as is what is copied to an output.
    for &(node, _) in &known.pending {
        planner.last.insert(owner(f, node), stages.stages.len());
    }
    let of_body = |body: &Schedule| unverified(body, 0, &[], open, parallel);
    let mut first = Vec::new();
    let mut tiles = 0;
    let mut bands = std::mem::take(&mut order.bands).into_iter().peekable();
    let mut start = 0;
    for (at, &(_, stage)) in order.stages.iter().enumerate() {
        if at == once {
            first = std::mem::take(&mut planner.actions);
        }
        planner.once = at < once;
        if let Some(band) = bands.next_if(|band| band.at.start == at) {
            planner.band = Some(band);
            start = planner.actions.len();
        }
        match stage {
            Stage::Loop(looped) => loops::run(&mut planner, at, looped),
            Stage::Straight(piece) => straight(&mut planner, piece),
            Stage::Library(node) => library::library(&mut planner, *node),
            Stage::Control(stage) => control::run(&mut planner, stage, &of_body),
        }
        planner.release(at, stage, once);
        if let Some(band) = planner.band.take_if(|band| band.at.end == at + 1) {
            tiles = tiles.max(planner.finish(&band, start));
            order.stages[band.at].iter().for_each(|(_, stage)| planner.release(at, stage, once));
        }
    }
    if stages.stages.len() == once {
        first = std::mem::take(&mut planner.actions);
    }
    planner.once = false;
    let results = match stages.whole.clone() {
        Some(unit) => outputs::whole(&mut planner, unit, &known.results, updates),
        None => outputs::copy_out(&mut planner, known, updates),
    };
    let size = |id: NodeId| extent.size(id);
    let of_inputs: Vec<usize> = f.inputs().iter().map(|group| group.range().map(|slot| size(NodeId::new(slot))).sum()).collect();
    let of_outputs: Vec<usize> = f.outputs().iter().map(|group| group.nodes().iter().map(|&id| size(id)).sum()).collect();
    let is_given = |k: &usize| !updates.iter().any(|(_, input)| input == k);
    let table = first.iter().chain(&planner.actions).map(addresses).max().unwrap_or(0);
    Plan {
        width: f.width(),
        overwritten: updates.iter().map(|&(output, _)| output).collect(),
        inputs: (0..of_inputs.len()).filter(is_given).map(|k| of_inputs[k]).collect(),
        outputs: of_outputs,
        results,
        once: first,
        actions: planner.actions,
        scratch: planner.scratch.size(),
        kept: planner.kept.size(),
        table: table.next_multiple_of(8),
        tiles,
        parallel,
    }
}

/// Elements of the memory that a call takes for itself, on one thread.
pub(crate) fn workspace(plan: &Plan) -> usize {
    plan.scratch + plan.tiles
}

fn straight(planner: &mut Planner, Straight { piece, unit }: &Straight) {
    let inputs: Vec<Buffer> = piece.inputs.iter().map(|&id| planner.memory(id)).collect();
    let outputs = piece.outputs.iter().map(|&id| planner.claim(id)).collect();
    planner.actions.push(Action::Straight { unit: unit.clone(), inputs, outputs });
}
