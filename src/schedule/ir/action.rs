//! What a plan does with its buffers. Data only.

use super::buffer::Buffer;
use super::strided::Strided;
use crate::base::Width;
use crate::base::revolve::Budget;
use crate::eval::along::{Along, Indices};
use crate::eval::linalg::Sizes;
use crate::graph::Opaque;
use crate::op::ArrayOp;
use crate::schedule::unit::UnitRef;
use std::panic::Location;

/// The operation that an error at run time is about, and the user's line that made it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) name: &'static str,
    pub(crate) at: Option<&'static Location<'static>>,
}

/// A step of a plan.
#[derive(Clone)]
pub(crate) enum Action {
    /// A number in every element.
    Fill(Buffer, f64),
    Copy {
        from: Buffer,
        to: Buffer,
    },
    Loop(RunLoop),
    /// Straight-line code: where its inputs are, and where its outputs go.
    Straight {
        unit: UnitRef,
        inputs: Vec<Buffer>,
        outputs: Vec<Buffer>,
    },
    /// A loop or a branch that is code: its operands, its results, and how many steps a scan has.
    Flow {
        unit: UnitRef,
        inputs: Vec<Buffer>,
        outputs: Vec<Buffer>,
        steps: usize,
        at: Option<&'static Location<'static>>,
    },
    Control(Box<RunControl>),
    Replay(Box<RunReplay>),
    Tiles(Box<Tiles>),
    Read {
        from: Buffer,
        places: Strided,
        to: Buffer,
    },
    /// With `clear`, zeros are written elsewhere.
    Write {
        from: Buffer,
        to: Buffer,
        places: Strided,
        clear: bool,
    },
    MatMul {
        a: Buffer,
        b: Buffer,
        c: Buffer,
        each: MatMul,
        count: usize,
    },
    /// Whether indices are in range.
    Check {
        index: Buffer,
        len: usize,
        origin: Origin,
    },
    Gather {
        x: Buffer,
        index: Buffer,
        to: Buffer,
        along: Along,
        indices: Indices,
    },
    ScatterAdd {
        x: Buffer,
        index: Buffer,
        to: Buffer,
        along: Along,
        indices: Indices,
    },
    /// What goes along an axis, with two operands at most, of which those that are not there have no length.
    Sweep {
        op: ArrayOp,
        operands: [Buffer; 2],
        to: Buffer,
        along: Along,
        origin: Origin,
    },
    /// Linear algebra; a second operand that is not there has no length.
    Linalg {
        op: ArrayOp,
        operands: [Buffer; 2],
        to: Buffer,
        work: Buffer,
        sizes: Sizes,
        origin: Origin,
    },
    Extreme {
        x: Buffer,
        to: Buffer,
        along: Along,
        largest: bool,
    },
    ExtremeOver {
        x: Buffer,
        to: Buffer,
        lengths: Vec<usize>,
        places: Strided,
        largest: bool,
    },
}

/// A loop over rows with the axes around it.
#[derive(Clone, Debug)]
pub(crate) struct RunLoop {
    pub(crate) unit: UnitRef,
    pub(crate) places: Vec<Buffer>,
    /// How many of the places are inputs.
    pub(crate) inputs: usize,
    /// How many rows there are.
    pub(crate) inner: usize,
    /// Every place's stride from row to row.
    pub(crate) row_strides: Vec<usize>,
    /// The axis around it that code goes along by itself: its length, and every place's stride in bytes.
    pub(crate) count: usize,
    pub(crate) strides: Vec<i64>,
    /// The axes around that, from the outside: lengths, and every place's stride.
    pub(crate) outer: Vec<(usize, Vec<usize>)>,
    /// Inputs that an output is written over, element by element, as numbers of the input and of the output.
    pub(crate) overwrites: Vec<(usize, usize)>,
    /// What rounding has lost of each sum over the rows, where that goes on from one tile to the next.
    pub(crate) rest: Option<Buffer>,
    /// Sums over axes around the rows. Then there is no other axis that code goes along by itself.
    pub(crate) sums: Option<Box<RunSums>>,
}

/// Sums over outer axes of a loop. Elements are added to partial sums in memory, which have places of the sums themselves.
#[derive(Clone, Debug)]
pub(crate) struct RunSums {
    /// The places of each sum: as an input and as an output.
    pub(crate) places: Vec<(usize, usize)>,
    /// The axes that are summed over, within those of the loop, from the outside: lengths, and every place's stride, which is 0 for sums.
    pub(crate) along: Vec<(usize, Vec<usize>)>,
    /// The axes within those and around the rows.
    pub(crate) within: Vec<(usize, Vec<usize>)>,
    /// So much of the first of these, or of the rows, has its partial sums in memory at once.
    pub(crate) piece: usize,
    /// How many summands there are in all, and how many of them come from one tile to the next, where they are cut.
    pub(crate) all: usize,
    pub(crate) tile: usize,
    /// The partial sums, where they last from one tile to the next; otherwise each thread has its own for a while.
    pub(crate) parts: Option<Buffer>,
}

/// A product of matrices: rows, terms, columns; the distances between rows and columns of both factors.
#[derive(Copy, Clone, Debug)]
pub(crate) struct MatMul {
    /// How many rows are computed, the first ones, each as in the whole product.
    pub(crate) rows: usize,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) a: (isize, isize),
    pub(crate) b: (isize, isize),
}

/// An operation with bodies, for the lengths at hand.
#[derive(Clone)]
pub(crate) struct RunControl {
    pub(crate) flow: Flow,
    /// Of each body.
    pub(crate) plans: Vec<Plan>,
    /// The bodies' workspace; the last element is a condition's.
    pub(crate) scratch: Buffer,
    pub(crate) operands: Vec<Buffer>,
    /// Where what is carried in the end goes.
    pub(crate) last: Vec<Buffer>,
    /// For what is carried: memory for every other step's, or for what every step was given.
    pub(crate) carried: Vec<Carried>,
    /// Where what every step keeps goes.
    pub(crate) each: Vec<Buffer>,
    /// Turns of a loop whose end comes out, at most.
    pub(crate) most: Option<usize>,
    pub(crate) at: Option<&'static Location<'static>>,
}

/// In which order bodies run.
#[derive(Clone)]
pub(crate) enum Flow {
    /// The first body if the first operand is not 0, else the second.
    Choice,
    /// The body, once.
    Once,
    Opaque {
        call: Opaque,
        /// Which operands are indices.
        indices: Box<[bool]>,
    },
    /// The second body as long as the first gives a number that is not 0.
    While { carries: usize },
    /// The second body as long as the first gives a number that is not 0, then the others over its turns.
    Sweeps(Vec<RunSweep>),
    Scan {
        carries: usize,
        /// How many operands, behind those that are carried, are read step by step.
        xs: usize,
        reverse: bool,
        steps: usize,
        /// The step, where it is nothing but straight-line code.
        whole: Option<UnitRef>,
    },
}

/// A sweep over the turns of a loop.
#[derive(Clone, Debug)]
pub(crate) struct RunSweep {
    pub(crate) carries: usize,
    /// A record: what a turn was given to carry, then what else its body gives. Its memory is that of the turn at hand.
    pub(crate) record: Vec<Buffer>,
    /// Whether later sweeps read it.
    pub(crate) kept: Vec<bool>,
}

#[derive(Copy, Clone, Debug)]
pub(crate) enum Carried {
    Turns([Buffer; 2]),
    Kept(Buffer),
}

/// A scan that leaves states, or one that goes back over the steps of such scans; see [`Moves`](crate::base::revolve::Moves). Or a loop that does.
#[derive(Clone)]
pub(crate) struct RunReplay {
    /// How many steps there are, but of a loop.
    pub(crate) steps: usize,
    pub(crate) turns: Option<RunTurns>,
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

/// What a loop has whose number of turns comes out; see [`Online`](crate::base::online::Online).
#[derive(Clone)]
pub(crate) struct RunTurns {
    /// The plan of its condition, and memory for the number that this gives, where it runs for the first time.
    pub(crate) condition: Option<(usize, Buffer)>,
    /// The number of turns, in [`DIGITS`](RunTurns::DIGITS).
    pub(crate) count: Buffer,
    /// Bytes of a state, where the budget has no room for one.
    pub(crate) short: Option<(usize, Budget)>,
    /// Turns at most.
    pub(crate) most: Option<usize>,
}

impl RunTurns {
    /// Digits of a number of turns, each below [`BASE`](RunTurns::BASE): elements of either width hold them.
    pub(crate) const DIGITS: usize = 3;
    pub(crate) const BASE: usize = 1 << 21;
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
    /// What a step gives beside what it carries on, and whether whoever goes back over a step reads any of it.
    pub(crate) each: Vec<RunEach>,
    pub(crate) rest: bool,
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
    /// Whether what is read step by step comes first, before what is carried.
    pub(crate) reads_first: bool,
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

    /// The places of a whole state.
    pub(crate) fn state(&self, source: &RunSource, entry: usize) -> impl Iterator<Item = Buffer> {
        (0..source.states.len()).map(move |carried| self.states(source, carried, entry, 1))
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

/// Actions that run tile by tile.
#[derive(Clone)]
pub(crate) struct Tiles {
    /// How many tiles there are, with the one that is left over.
    pub(crate) count: usize,
    pub(crate) each: Vec<Action>,
    /// Those of the last one, which is shorter, if there is one.
    pub(crate) rest: Option<Vec<Action>>,
    /// Elements of a tile's memory.
    pub(crate) scratch: usize,
    /// Words for the addresses that an action takes.
    pub(crate) table: usize,
}

/// Outputs that overwrite an input, as numbers of groups: the output's, and the input's.
pub(crate) type Updates = [(usize, usize)];

/// The actions for some lengths of the open axes.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    pub(crate) width: Width,
    /// The lengths of the slices: of inputs that are not overwritten, and of outputs.
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
    /// Outputs whose slices have an input before, which they overwrite.
    pub(crate) overwritten: Vec<usize>,
    /// Where the values of the outputs are in the end.
    pub(crate) results: Vec<Buffer>,
    /// What computes the values that depend on no input, once.
    pub(crate) once: Vec<Action>,
    pub(crate) actions: Vec<Action>,
    /// Elements of the workspace.
    pub(crate) scratch: usize,
    /// Elements of the values that depend on no input.
    pub(crate) kept: usize,
    /// Words for the addresses that an action takes, in whole cache lines.
    pub(crate) table: usize,
    /// Elements that a tile takes at most.
    pub(crate) tiles: usize,
    /// Whether calls on several threads run it.
    pub(crate) parallel: bool,
}

/// How many addresses an action takes at once.
pub(crate) fn addresses(action: &Action) -> usize {
    match action {
        Action::Loop(run) => run.places.len(),
        Action::Straight { inputs, outputs, .. } => inputs.len() + outputs.len(),
        // Behind them is the number of steps.
        Action::Flow { inputs, outputs, .. } => inputs.len() + outputs.len() + 1,
        // Those of the bodies, or of a step that is one piece of code.
        Action::Control(run) => run.plans.iter().map(|plan| plan.table).max().unwrap_or(0),
        Action::Replay(run) => {
            let of_code = |unit: &UnitRef| unit.interface().inputs.len() + unit.interface().outputs.len() + 1;
            run.plans.iter().map(|plan| plan.table).chain(run.units().map(of_code)).max().unwrap_or(0)
        }
        Action::Tiles(tiles) => tiles.table,
        _ => 0,
    }
}
