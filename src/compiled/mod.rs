//! The one compiled function: straight-line code, a loop over rows, or the stages of an array program, native or interpreted, behind one call.
//!
//! In: functions. Out: what is called. Functions are scheduled, all of their units become code in one pass, and calls check what they are given.

mod background;
mod call;
mod compile;
mod engine;
#[allow(unsafe_code, reason = "to run the code of a file is unsafe, which callers promise")]
mod files;
mod options;
mod overwrite;
mod report;
mod running;
mod scheduled;
mod signature;
mod sizes;
mod slices;
mod sparse;
mod terms;

pub use call::Compiled;
pub(crate) use compile::compile;
pub use options::Options;
pub use report::{Form, Report, Rolled, RolledLoop, RowLoop};
pub use sparse::CompiledSparse;
pub use terms::CompiledTerms;

pub use crate::schedule::{RematCost, Tier};
