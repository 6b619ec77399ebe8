//! What a plan is made of: places in memory, and what happens there.

use super::control::RunControl;
use super::moves::Strided;
use super::product::MatMul;
use super::strips::Strips;
use crate::eval::along::{Along, Indices};
use crate::eval::linalg::Sizes;
use crate::graph::NodeId;
use crate::kernels::SliceRoutine;
use crate::op::ArrayOp;

/// A place in memory, by elements.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) space: Space,
    pub(super) offset: usize,
    pub(super) len: usize,
    /// How far it moves from one strip to the next.
    pub(super) step: usize,
}

impl Place {
    pub(super) fn new(space: Space, offset: usize, len: usize) -> Place {
        Place { space, offset, len, step: 0 }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// The slice of an input.
    Input(usize),
    /// The slice of an output.
    Output(usize),
    /// The slice of an input that an output overwrites.
    State(usize),
    /// The workspace.
    Scratch,
    /// What depends on no input and is kept with the plan.
    Kept,
    /// The memory of a strip, which each of the threads has for itself.
    Strip,
}

/// What happens, in order.
pub(super) enum Action {
    /// A number in every place.
    Fill(Place, f64),
    Copy {
        from: Place,
        to: Place,
    },
    Loop(RunLoop),
    /// A kernel of every number.
    Slice {
        routine: SliceRoutine,
        from: Place,
        to: Place,
    },
    /// The straight-line code of a stage, or of all of a small function: where its inputs are, and where its outputs go.
    Straight {
        stage: Option<usize>,
        inputs: Vec<Place>,
        outputs: Vec<Place>,
    },
    Control(Box<RunControl>),
    Strips(Box<Strips>),
    Read {
        from: Place,
        places: Strided,
        to: Place,
    },
    Write {
        from: Place,
        to: Place,
        places: Strided,
        clear: bool,
    },
    MatMul {
        a: Place,
        b: Place,
        c: Place,
        each: MatMul,
        count: usize,
    },
    /// Whether indices are in range.
    Check {
        index: Place,
        len: usize,
        node: NodeId,
    },
    Gather {
        x: Place,
        index: Place,
        to: Place,
        along: Along,
        indices: Indices,
    },
    ScatterAdd {
        x: Place,
        index: Place,
        to: Place,
        along: Along,
        indices: Indices,
    },
    /// What goes along an axis, with two operands at most, of which those that are not there have no length.
    Sweep {
        op: ArrayOp,
        operands: [Place; 2],
        to: Place,
        along: Along,
        node: NodeId,
    },
    /// Linear algebra; a second operand that is not there has no length.
    Linalg {
        op: ArrayOp,
        operands: [Place; 2],
        to: Place,
        work: Place,
        sizes: Sizes,
        node: NodeId,
    },
    Extreme {
        x: Place,
        to: Place,
        along: Along,
        largest: bool,
    },
    ExtremeOver {
        x: Place,
        to: Place,
        lengths: Vec<usize>,
        places: Strided,
        largest: bool,
    },
}

impl Action {
    /// How many addresses it takes at once.
    pub(super) fn addresses(&self) -> usize {
        match self {
            Action::Loop(run) => run.places.len(),
            Action::Straight { inputs, outputs, .. } => inputs.len() + outputs.len(),
            Action::Control(run) => run.table(),
            Action::Strips(strips) => strips.table,
            _ => 0,
        }
    }
}

/// A native loop with its surroundings.
#[derive(Clone)]
pub(super) struct RunLoop {
    pub(super) stage: usize,
    pub(super) places: Vec<Place>,
    /// How many of the places are inputs.
    pub(super) inputs: usize,
    /// The length of the native loop, and every place's stride along it.
    pub(super) inner: usize,
    pub(super) row_strides: Vec<usize>,
    /// The axis around it that is native too: its length, and every place's stride in bytes.
    pub(super) count: usize,
    pub(super) strides: Vec<i64>,
    /// The axes around that, from the outside: lengths, and every place's stride.
    pub(super) outer: Vec<(usize, Vec<usize>)>,
}
