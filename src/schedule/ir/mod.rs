//! The intermediate representation between functions and code: stages of a function, and plans for its lengths. Data without behaviour.

mod action;
mod buffer;
mod size;
mod stage;
mod strided;
mod view;

pub(crate) use action::{
    Action, Carried, Flow, MatMul, Origin, Plan, RunBack, RunControl, RunEach, RunLoop, RunRead, RunReplay, RunSource, RunSteps,
    RunSums, RunSweep, RunTurns, Tiles, Updates, addresses,
};
pub(crate) use buffer::{Buffer, Space, ValueId};
pub(crate) use size::bytes_of_plan;
pub(crate) use stage::{
    ControlStage, Loop, LoopInput, LoopOutput, Part, Piece, Replay, Schedule, Source, SourceCode, Stage, Straight, Turning,
};
pub(crate) use strided::{Strided, strides};
pub(crate) use view::View;
