//! The turns of a loop while code is made: how many there are, where their records are, and whether it was stopped.

use super::super::emit::Emitter;
use crate::schedule::flow::Flow;
use cranelift_codegen::ir::{InstBuilder, StackSlot, StackSlotData, StackSlotKind, Value, types};

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

/// Where a loop says that it was stopped, if one has a limit; the code at hand begins.
pub(super) fn stopped(emitter: &Emitter<'_>, flow: &Flow) -> Option<StackSlot> {
    (!flow.lines().is_empty()).then(|| {
        let mut builder = emitter.builder.borrow_mut();
        let flag = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
        let none = builder.ins().iconst(types::I64, 0);
        builder.ins().stack_store(types::I64, none, flag, 0);
        flag
    })
}
