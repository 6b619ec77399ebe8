//! The turns of a loop while code is made: how many there are, and where their records are.

use cranelift_codegen::ir::{StackSlot, Value};

/// The records of a sweep.
#[derive(Copy, Clone)]
pub(super) struct Records {
    pub(super) slot: StackSlot,
    /// Bytes of one.
    pub(super) bytes: i64,
}

/// The turns of a loop: how many, and their records.
#[derive(Copy, Clone)]
pub(super) struct Turned {
    pub(super) count: Value,
    pub(super) records: Option<Records>,
}
