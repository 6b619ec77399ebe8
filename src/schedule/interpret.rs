//! The interpreter: a program's steps, one after the other, by the same kernels as native code.

use super::program::{Program, Step, StepKind};
use crate::error::Result;
use crate::kernels::{Walk, fused};
use crate::op::Scalar;
use crate::op::Value;

/// Registers of one run; reused from row to row.
pub(super) struct Registers<T> {
    values: Vec<Value<T, bool>>,
}

impl<T: Scalar> Registers<T> {
    pub(super) fn new(program: &Program) -> Self {
        Registers { values: vec![Value::Num(T::default()); program.steps.len()] }
    }

    pub(super) fn number(&self, step: u32) -> T {
        self.values[step as usize].num()
    }

    /// Runs steps of the program; `input` gives the number of an input slot.
    pub(super) fn run(&mut self, program: &Program, range: std::ops::Range<usize>, input: impl Fn(usize) -> T) {
        fused(Run { steps: &program.steps, range, values: &mut self.values, input });
    }
}

/// Some steps of a program.
struct Run<'r, T, I> {
    steps: &'r [Step],
    range: std::ops::Range<usize>,
    values: &'r mut [Value<T, bool>],
    input: I,
}

impl<T: Scalar, I: Fn(usize) -> T> Walk for Run<'_, T, I> {
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

impl Program {
    /// Evaluates by interpretation: `x` has the inputs one after the other, `y` gets the outputs likewise.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_into<T: Scalar>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        self.check_sound(T::WIDTH)?;
        self.layout.check(x.len(), y.len())?;
        let mut registers = Registers::new(self);
        registers.run(self, 0..self.steps.len(), |slot| x[slot]);
        for (y, &step) in y.iter_mut().zip(&*self.outputs) {
            *y = registers.number(step);
        }
        Ok(())
    }

    /// Evaluates by interpretation; the number of outputs is checked.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call<T: Scalar, const M: usize>(&self, x: impl AsRef<[T]>) -> Result<[T; M]> {
        let mut y = [T::default(); M];
        self.call_into(x.as_ref(), &mut y)?;
        Ok(y)
    }

    /// Evaluates by interpretation.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_vec<T: Scalar>(&self, x: &[T]) -> Result<Vec<T>> {
        let mut y = vec![T::default(); self.layout.output_len];
        self.call_into(x, &mut y)?;
        Ok(y)
    }
}
