//! The stages of a function, before its lengths are known. Data only.

use super::view::View;
use crate::base::Shape;
use crate::graph::{Function, NodeId, Port, SharedControl};
use crate::schedule::unit::UnitRef;
use std::panic::Location;
use std::sync::Arc;

/// The stages of a function, in order.
pub(crate) struct Schedule {
    pub(crate) f: Function,
    pub(crate) stages: Vec<Stage>,
    /// How many of them, the first ones, depend on no input: they run once.
    pub(crate) once: usize,
    /// All of a small function as straight-line code; then there are no stages.
    pub(crate) whole: Option<UnitRef>,
}

/// Something that runs at once.
pub(crate) enum Stage {
    /// A loop nest.
    Loop(Box<Loop>),
    /// Straight-line code for some of a function of few elements.
    Straight(Box<Straight>),
    /// An operation of a library, or a copy, into the node's memory.
    Library(NodeId),
    /// An operation with bodies.
    Control(ControlStage),
}

/// A loop nest over a shape.
pub(crate) struct Loop {
    pub(crate) shape: Shape,
    /// How many of its last axes (those with a fixed length of 1 apart) are the rows of the program.
    pub(crate) rows: usize,
    /// What it computes.
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) inputs: Vec<LoopInput>,
    pub(crate) outputs: Vec<LoopOutput>,
    /// The program of a row.
    pub(crate) unit: UnitRef,
}

pub(crate) enum LoopInput {
    /// A value that is there.
    View(View),
    /// The output of this number, so far: a sum over outer axes is added up in memory.
    Partial(usize),
}

pub(crate) struct LoopOutput {
    pub(crate) node: NodeId,
    /// The axes of the loop that are summed over.
    pub(crate) summed: Vec<usize>,
}

/// The nodes of a piece of straight-line code, in order, with the values that it reads and makes.
pub(crate) struct Piece {
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) inputs: Vec<NodeId>,
    pub(crate) outputs: Vec<NodeId>,
}

/// A piece with its program.
pub(crate) struct Straight {
    pub(crate) piece: Piece,
    pub(crate) unit: UnitRef,
}

/// An operation with bodies: the nodes of its results, and the bodies.
pub(crate) struct ControlStage {
    pub(crate) control: SharedControl,
    pub(crate) members: Vec<(Port, NodeId)>,
    pub(crate) bodies: Vec<Schedule>,
    /// All of it as code, where bodies are of few numbers; then there are no bodies.
    pub(crate) flow: Option<UnitRef>,
    pub(crate) replay: Option<Replay>,
    pub(crate) at: Option<&'static Location<'static>>,
}

/// A scan with checkpoints, or one that goes back over the steps of such scans.
pub(crate) enum Replay {
    /// It leaves states, from which its steps run again.
    First(Arc<Source>),
    /// It reads what steps of these scans give when they run again. Where it is code, this gives all that is carried, then what every step keeps.
    Again(Vec<Arc<Source>>),
}

/// A scan whose steps run again.
pub(crate) struct Source {
    pub(crate) control: SharedControl,
    /// Results that are made again step by step. The first has the memory of the states.
    pub(crate) again: Vec<(Port, NodeId)>,
    /// Which of the body's results, behind those that are carried, a step gives.
    pub(crate) each: Vec<u32>,
    pub(crate) code: SourceCode,
    /// The scans that run again together with it, itself included.
    pub(crate) together: Vec<SharedControl>,
}

/// What a step of a source is.
pub(crate) enum SourceCode {
    /// A function of arrays.
    Body(Schedule),
    /// Code for some steps; there is none for what has no results.
    Flow {
        /// It gives what is carried in the end, and what steps keep that is in memory as a whole.
        first: Option<UnitRef>,
        /// It gives what is carried in the end.
        forward: Option<UnitRef>,
        /// It gives what every step carries on.
        each: Option<UnitRef>,
        /// It gives what is made again of the rest.
        rest: Option<UnitRef>,
    },
}
