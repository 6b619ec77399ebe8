//! From a function to data that says what to compute in which order: a [`Program`], a flat list of steps, for each piece of code; the stages of
//! a function of arrays; and, for the lengths of a call, a plan.
//!
//! Nothing here makes code or runs it. The schedule never changes a value; fusing x·y + z into one rounding is the one exception, and is
//! the caller's choice.

mod axes;
mod choose;
mod contract;
pub(crate) mod flow;
mod form;
mod inline;
pub(crate) mod ir;
mod lanes;
pub(crate) mod lengths;
mod live;
mod lower;
mod norms;
mod open;
mod pack;
mod place;
mod program;
mod queries;
mod remat;
mod roll;
mod rows;
mod segment;
mod settings;
mod show;
mod sums;
mod tile;
pub(crate) mod unit;
mod verify;
mod views;

pub use remat::RematCost;
pub(crate) use remat::remat_cost;
pub use settings::Tier;

pub(crate) use axes::Around;
pub(crate) use choose::{MOST, schedule};
pub(crate) use form::RowForm;
pub(crate) use inline::{inlined, kept};
use lower::values_of;
pub(crate) use lower::{lowered, lowered_arrays, prepared, straight};
pub(crate) use place::{plan, workspace};
pub(crate) use program::{Layout, Program, Step, StepKind, elements};
pub(crate) use roll::{Counts, rolled, takes_kernels};
pub(crate) use rows::{Reduce, RowCall, RowShape};
pub(crate) use segment::{NONE, Segment, Segments};
pub(crate) use settings::Settings;
pub(crate) use verify::verify;
