//! Where values are and what is done with them. In: a schedule, lengths. Out: a [`Plan`](super::ir::Plan).

mod arena;
mod control;
mod library;
mod loops;
mod outputs;
mod plan;
mod planner;
mod replay;
mod sums;

pub(crate) use plan::{plan, workspace};
pub(super) use replay::{state, states};
