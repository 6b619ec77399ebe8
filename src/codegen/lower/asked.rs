//! Truth values to jump by: flags of comparisons, without the masks that selections need.

use super::bare;
use super::flow::{Frame, Making};
use crate::op::Op;
use crate::schedule::flow::BlockStep;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value};

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
}
