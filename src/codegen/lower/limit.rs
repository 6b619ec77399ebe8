//! Limits of turns: a loop that has one counts them. A flag of the function says that a loop was stopped, so that those around it stop, too.

use super::flow::Making;
use crate::schedule::flow::Most;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

impl Making<'_, '_, '_> {
    /// How many turns a loop with a limit has made at first.
    pub(super) fn none_made(&self, most: Option<Most>) -> Option<Value> {
        most.map(|_| self.with(|b| b.ins().iconst(types::I64, 0)))
    }

    /// In a turn of a loop, the first of which has none before it: how many there are with it. Where it is one too many, `fails` ends the block.
    pub(super) fn counted(&self, most: Option<Most>, made: Option<Value>, fails: impl FnOnce(&Self)) -> Option<Value> {
        let (most, made, flag) = (most?, made?, self.stopped?);
        let [(stops, _), (goes, _)] = [0; 2].map(|_| self.new_block(0));
        self.with(|b| {
            b.set_cold_block(stops);
            let stopped = b.ins().stack_load(types::I64, types::I64, flag, 0);
            let stopped = b.ins().icmp_imm_s(IntCC::NotEqual, stopped, 0);
            let all = b.ins().icmp_imm_s(IntCC::Equal, made, most.turns as i64);
            let ends = b.ins().bor(all, stopped);
            b.ins().brif(ends, stops, &[], goes, &[]);
        });
        self.switch_to(stops);
        let [turns, number] = [most.turns as i64, i64::from(most.number)].map(|v| self.with(|b| b.ins().iconst(types::I64, v)));
        self.emitter.stop_loop(turns, number);
        self.with(|b| {
            let holds = b.ins().iconst(types::I64, 1);
            b.ins().stack_store(types::I64, holds, flag, 0);
        });
        fails(self);
        self.switch_to(goes);
        Some(self.with(|b| b.ins().iadd_imm_s(made, 1)))
    }
}
