//! What plans take themselves, about: they are kept, and not for ever.

use super::action::{Action, Flow, Plan, RunBack, RunLoop, RunReplay, RunSource};
use super::buffer::Buffer;

/// Bytes of a plan's actions, about.
pub(crate) fn bytes_of_plan(plan: &Plan) -> usize {
    size_of::<Plan>() + bytes_of_actions(&plan.once) + bytes_of_actions(&plan.actions)
}

fn bytes_of_actions(actions: &[Action]) -> usize {
    actions.iter().map(|action| size_of::<Action>() + beside(action)).sum()
}

/// What an action has elsewhere.
fn beside(action: &Action) -> usize {
    match action {
        Action::Loop(run) => bytes_of_loop(run),
        Action::Straight { inputs, outputs, .. } | Action::Flow { inputs, outputs, .. } => {
            (inputs.len() + outputs.len()) * size_of::<Buffer>()
        }
        Action::Control(run) => {
            let buffers = run.operands.len() + run.last.len() + 2 * run.carried.len() + run.each.len();
            let records = match &run.flow {
                Flow::Sweeps(sweeps) => sweeps.iter().map(|sweep| sweep.record.len()).sum(),
                _ => 0,
            };
            (buffers + records) * size_of::<Buffer>() + run.plans.iter().map(bytes_of_plan).sum::<usize>()
        }
        Action::Replay(run) => {
            let of_source = |source: &RunSource| {
                let RunSource { states, turns, xs, shared, each, init, last, .. } = source;
                states.len() + 2 * (turns.len() + each.len()) + xs.len() + shared.len() + init.len() + last.len()
            };
            let of_back = |back: &RunBack| {
                let RunBack { init, turns, last, xs, shared, each, .. } = back;
                init.len() + 2 * turns.len() + last.len() + xs.len() + shared.len() + each.len()
            };
            let buffers = run.sources.iter().map(of_source).chain(run.back.iter().map(of_back)).sum::<usize>();
            size_of::<RunReplay>() + buffers * size_of::<Buffer>() + run.plans.iter().map(bytes_of_plan).sum::<usize>()
        }
        Action::Tiles(tiles) => bytes_of_actions(&tiles.each) + tiles.rest.as_deref().map_or(0, bytes_of_actions),
        // A few lengths and strides.
        _ => 64,
    }
}

fn bytes_of_loop(run: &RunLoop) -> usize {
    let places = run.places.len();
    let axes = run.outer.len() + run.sums.as_ref().map_or(0, |sums| sums.along.len() + sums.within.len());
    places * (size_of::<Buffer>() + (axes + 2) * size_of::<usize>())
}
