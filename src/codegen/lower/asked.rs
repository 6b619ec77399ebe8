//! Truth values to jump by: flags of comparisons, without the masks that selections need; and whether a loop has made all turns that it may.

use super::bare;
use super::flow::{Frame, Making};
use crate::op::Op;
use crate::schedule::flow::{BlockStep, Most};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// Comparisons that a condition is made of, at most, to be asked without a mask.
const ASKED: usize = 8;

impl<'e, 'f> Making<'e, 'f, '_> {
    /// Whether a number is not 0, as a flag to jump by.
    pub(super) fn is_not_zero(&self, v: Value) -> Value {
        self.compared(FloatCC::NotEqual, [v, self.emitter.constants(0.0)])
    }

    fn compared(&self, condition: FloatCC, operands: [Value; 2]) -> Value {
        let [a, b] = operands.map(|v| self.emitter.first(v));
        self.with(|builder| builder.ins().fcmp(condition, a, b))
    }

    /// Whether a number is not 0, as a flag to jump by.
    pub(super) fn truth(&self, frame: &mut Frame<'e, 'f, '_>, step: u32) -> Value {
        let one_or_zero = |frame: &Frame, step: u32, v: f64| frame.block.steps[step as usize] == BlockStep::Const(v.to_bits());
        match frame.block.steps[step as usize] {
            BlockStep::Apply(Op::Select, [mask, a, b]) if one_or_zero(frame, a, 1.0) && one_or_zero(frame, b, 0.0) => {
                self.mask(frame, mask, ASKED)
            }
            _ => {
                let v = bare(self.value(frame, step));
                self.is_not_zero(v)
            }
        }
    }

    /// Whether a mask holds, as a flag to jump by.
    fn mask(&self, frame: &mut Frame<'e, 'f, '_>, step: u32, asked: usize) -> Value {
        let both = |this: &Self, frame: &mut Frame<'e, 'f, '_>, a: u32, b: u32| {
            [this.mask(frame, a, asked / 2), this.mask(frame, b, asked / 2)]
        };
        match frame.block.steps[step as usize] {
            BlockStep::Apply(op @ (Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne), [a, b, _]) if asked > 0 => {
                let (condition, [a, b]) = match op {
                    Op::Lt => (FloatCC::LessThan, [a, b]),
                    Op::Le => (FloatCC::LessThanOrEqual, [a, b]),
                    Op::Gt => (FloatCC::LessThan, [b, a]),
                    Op::Ge => (FloatCC::LessThanOrEqual, [b, a]),
                    Op::Eq => (FloatCC::Equal, [a, b]),
                    _ => (FloatCC::NotEqual, [a, b]),
                };
                let operands = [a, b].map(|step| bare(self.value(frame, step)));
                self.compared(condition, operands)
            }
            BlockStep::Apply(Op::And, [a, b, _]) if asked > 1 => {
                let [a, b] = both(self, frame, a, b);
                self.with(|builder| builder.ins().band(a, b))
            }
            BlockStep::Apply(Op::Or, [a, b, _]) if asked > 1 => {
                let [a, b] = both(self, frame, a, b);
                self.with(|builder| builder.ins().bor(a, b))
            }
            BlockStep::Apply(Op::Not, [a, ..]) if asked > 1 => {
                let a = self.mask(frame, a, asked / 2);
                self.with(|builder| builder.ins().bxor_imm_s(a, 1))
            }
            _ => {
                let mask = bare(self.value(frame, step));
                self.with(|builder| {
                    let lane = builder.ins().extractlane(mask, 0);
                    builder.ins().icmp_imm_s(IntCC::NotEqual, lane, 0)
                })
            }
        }
    }

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
