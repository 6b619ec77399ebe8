//! What every layer speaks of: widths, shapes, structures of leaves, the machine that kernels are written over, the order of sums, sets of
//! columns, the machine that this runs on.
//!
//! Knows nothing of operations, graphs or code.

pub(crate) mod host;
mod interner;
mod machine;
mod path;
pub(crate) mod records;
pub(crate) mod revolve;
pub(crate) mod sets;
mod shape;
pub(crate) mod squares;
mod structure;
pub(crate) mod sums;
mod whole;
mod width;

pub use host::{memory_limit, set_memory_limit};
pub(crate) use machine::{Bits, Lanes};
pub use machine::{Kernel1, Kernel2, Library1, Library2, Machine, Mask};
pub(crate) use path::Path;
pub use path::Step;
pub(crate) use shape::check_room;
pub use shape::{Axis, IntoShape, Shape};
pub(crate) use structure::leaf;
pub use structure::{Structure, Visit, VisitMut};
pub use whole::Whole;
pub use width::Width;
pub(crate) use width::wrong_width;
