//! The stages of a function, before its lengths are known. Data only.

use super::view::View;
use crate::base::Shape;
use crate::graph::{Function, NodeId, Port, SharedControl};
use crate::schedule::unit::UnitRef;
use std::panic::Location;

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
    pub(crate) at: Option<&'static Location<'static>>,
}
