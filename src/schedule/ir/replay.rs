//! Scans of which few states are in memory, for the lengths at hand.

use super::action::{Buffer, Plan};
use crate::schedule::unit::UnitRef;
use std::panic::Location;

/// A scan that leaves states, or one that goes back over the steps of such scans; see [`Moves`](crate::base::revolve::Moves).
#[derive(Clone)]
pub(crate) struct RunReplay {
    pub(crate) steps: usize,
    /// How many states of each source are kept, and how many places there are.
    pub(crate) states: usize,
    pub(crate) entries: usize,
    /// The scans whose steps run again, side by side.
    pub(crate) sources: Vec<RunSource>,
    /// The scan that goes back; without one a source runs for the first time.
    pub(crate) back: Option<RunBack>,
    /// Whether the first states that are needed are there since the first run.
    pub(crate) ready: bool,
    /// Of each body.
    pub(crate) plans: Vec<Plan>,
    /// The bodies' workspace.
    pub(crate) scratch: Buffer,
    pub(crate) at: Option<&'static Location<'static>>,
}

/// A scan whose steps run again. The parts of what is read and given lie in the order of the axis; so do places of states.
#[derive(Clone)]
pub(crate) struct RunSource {
    pub(crate) code: RunSteps,
    pub(crate) reverse: bool,
    /// For each value that is carried: its places.
    pub(crate) states: Vec<Buffer>,
    /// For each value that is carried, where steps are a body: memory for every other step's.
    pub(crate) turns: Vec<[Buffer; 2]>,
    /// What is read step by step, and what all steps share.
    pub(crate) xs: Vec<Buffer>,
    pub(crate) shared: Vec<Buffer>,
    /// What a step gives beside what it carries on.
    pub(crate) each: Vec<RunEach>,
    /// What is carried at the start and in the end, where it runs for the first time.
    pub(crate) init: Vec<Buffer>,
    pub(crate) last: Vec<Buffer>,
}

/// How steps run.
#[derive(Clone)]
pub(crate) enum RunSteps {
    /// By the plan of this number.
    Body(usize),
    /// As [`SourceCode::Flow`](super::SourceCode::Flow) says; there is no code for what has no results.
    Flow { first: Option<UnitRef>, forward: Option<UnitRef>, each: Option<UnitRef>, rest: Option<UnitRef> },
}

/// What a step gives.
#[derive(Clone)]
pub(crate) struct RunEach {
    /// Memory of all steps, which the first run writes.
    pub(crate) whole: Option<Buffer>,
    /// Memory of the step at hand.
    pub(crate) step: Option<Buffer>,
}

/// A scan that goes back over steps.
#[derive(Clone)]
pub(crate) struct RunBack {
    /// Code for some steps; else it is the last of the plans that runs.
    pub(crate) code: Option<UnitRef>,
    pub(crate) init: Vec<Buffer>,
    /// For each value that is carried: memory for every other time.
    pub(crate) turns: Vec<[Buffer; 2]>,
    pub(crate) last: Vec<Buffer>,
    pub(crate) xs: Vec<RunRead>,
    pub(crate) shared: Vec<Buffer>,
    pub(crate) each: Vec<Buffer>,
}

/// What is read step by step.
#[derive(Copy, Clone)]
pub(crate) enum RunRead {
    /// What is in memory as a whole.
    Whole(Buffer),
    /// What a source was given to carry.
    State { source: usize, carried: usize },
    /// What a step of a source gives.
    Step { source: usize, each: usize },
}

impl RunReplay {
    /// The place of a state, as a part of them all, and of so many from it on: they lie in the order of the axis.
    pub(crate) fn states(&self, source: &RunSource, carried: usize, entry: usize, count: usize) -> Buffer {
        let first = if source.reverse { self.entries - entry - count } else { entry };
        parts(source.states[carried], self.entries, first, count)
    }

    /// What belongs to so many steps of a source from one on.
    pub(crate) fn of_steps(&self, source: &RunSource, all: Buffer, step: usize, count: usize) -> Buffer {
        let first = if source.reverse { self.steps - step - count } else { step };
        parts(all, self.steps, first, count)
    }

    /// All code that runs.
    pub(crate) fn units(&self) -> impl Iterator<Item = &UnitRef> {
        let of_sources = self.sources.iter().flat_map(|source| match &source.code {
            RunSteps::Body(_) => vec![],
            RunSteps::Flow { first, forward, each, rest } => {
                [first, forward, each, rest].into_iter().flatten().collect::<Vec<&UnitRef>>()
            }
        });
        of_sources.chain(self.back.iter().filter_map(|back| back.code.as_ref()))
    }
}

/// So many of `n` equal parts, from one on.
fn parts(all: Buffer, n: usize, first: usize, count: usize) -> Buffer {
    let len = all.len / n.max(1);
    Buffer { offset: all.offset + first * len, len: count * len, ..all }
}
