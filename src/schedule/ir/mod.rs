//! The intermediate representation between functions and code: stages of a function, and plans for its lengths. Data without behaviour.

mod action;
mod size;
mod stage;
mod strided;
mod view;

pub(crate) use action::{
    Action, Buffer, Carried, Flow, MatMul, Origin, Plan, RunBack, RunControl, RunEach, RunLoop, RunRead, RunReplay, RunSource,
    RunSteps, RunSums, RunSweep, Space, Tiles, Updates, ValueId, addresses,
};
pub(crate) use size::bytes_of_plan;
pub(crate) use stage::{ControlStage, Loop, LoopInput, LoopOutput, Piece, Replay, Schedule, Source, SourceCode, Stage, Straight};
pub(crate) use strided::{Strided, strides};
pub(crate) use view::View;
