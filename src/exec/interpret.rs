//! The interpreter: a program's steps, one after the other, by the same kernels as native code.

use super::scratch::{with_partial, with_registers};
use crate::base::sums::Sum;
use crate::kernels::{Walk, fused};
use crate::op::Scalar;
use crate::op::Value;
use crate::schedule::{Program, RowCall, Step, StepKind};

/// Registers of one run, in memory of the thread; reused from row to row.
pub(super) struct Registers<'m, T> {
    values: &'m mut [Value<T, bool>],
}

impl<T: Scalar> Registers<'_, T> {
    pub(super) fn with<R>(program: &Program, f: impl FnOnce(Registers<'_, T>) -> R) -> R {
        with_registers(program.steps.len(), Value::Num(T::default()), |values| f(Registers { values }))
    }

    pub(super) fn number(&self, step: u32) -> T {
        self.values[step as usize].num()
    }

    /// Runs steps of the program; `input` gives the number of an input slot.
    pub(super) fn run(&mut self, program: &Program, range: std::ops::Range<usize>, input: impl Fn(usize) -> T) {
        fused(Run { steps: &program.steps, range, values: self.values, input: &input });
    }
}

/// Some steps of a program.
struct Run<'r, T> {
    steps: &'r [Step],
    range: std::ops::Range<usize>,
    values: &'r mut [Value<T, bool>],
    /// By reference, so that there is one walk for all who run programs: every kernel is a part of it.
    input: &'r dyn Fn(usize) -> T,
}

impl<T: Scalar> Walk for Run<'_, T> {
    #[inline(always)]
    fn walk(self) {
        let values = self.values;
        for k in self.range {
            let step = &self.steps[k];
            values[k] = match step.kind {
                StepKind::Input(slot) => Value::Num((self.input)(slot as usize)),
                StepKind::Const(bits) => Value::Num(<T as crate::op::Real>::lit(f64::from_bits(bits))),
                StepKind::Flag(b) => Value::Mask(b),
                StepKind::Apply(op) if step.plain => op.apply::<T>(&step.args.map(|arg| values[arg as usize])),
                StepKind::Apply(op) => op.value::<T>(&step.args.map(|arg| values[arg as usize])),
            };
        }
    }
}

/// Runs the program over rows by interpretation. `read` gives the number at a place of an input group; `write` takes an output
/// group, a place, a number, and whether it is added to what is there.
pub(super) fn interpret_rows<T: Scalar>(
    call: &RowCall,
    program: &Program,
    rows: usize,
    read: impl Fn(usize, usize) -> T,
    mut write: impl FnMut(usize, usize, T, bool),
) {
    let read = |row: usize, slot: usize| {
        let (group, k) = call.slots[slot];
        read(group as usize, row * call.input_stride(group as usize).unwrap_or(0) + k as usize)
    };
    Registers::with(program, |mut registers| {
        with_partial(call.places.len(), Sum::new(), |sums| {
            registers.run(program, 0..program.invariant, |slot| read(0, slot));
            for row in 0..rows {
                registers.run(program, program.invariant..program.steps.len(), |slot| read(row, slot));
                for (output, (&(group, k), &step)) in call.places.iter().zip(&*program.outputs).enumerate() {
                    let (group, k) = (group as usize, k as usize);
                    match call.products[output] {
                        Some([x, y]) => sums[output].add_product(row, registers.number(x), registers.number(y)),
                        None if call.is_reduced(group) => sums[output].add(row, registers.number(step)),
                        None => write(group, row * call.output_len(group) + k, registers.number(step), false),
                    }
                }
            }
            for (&(group, k), sum) in call.places.iter().zip(sums).filter(|((group, _), _)| call.is_reduced(*group as usize)) {
                write(group as usize, k as usize, sum.total(), true);
            }
        });
    });
}
