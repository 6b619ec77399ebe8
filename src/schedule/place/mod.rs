//! Where values are and what is done with them. In: a schedule, lengths. Out: a [`Plan`](super::ir::Plan).

mod arena;
mod control;
mod library;
mod loops;
mod outputs;
mod plan;
mod planner;
mod sums;

pub(crate) use plan::{plan, workspace};
