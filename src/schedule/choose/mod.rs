//! What is computed together, and how. In: a function, prepared. Out: its [`Schedule`](super::ir::Schedule), and the programs of its stages.

mod driver;
mod flatten;
mod levels;
mod pieces;
mod replays;
mod unroll;

pub(crate) use driver::schedule;
pub(crate) use replays::Replays;
pub(crate) use unroll::MOST;
