//! The kernels that programs run: the arithmetic of the reference for every engine.

use super::along::{Along, sweep};
use super::arithmetic::{Arithmetic, Lengths};
use super::array::Array;
use super::linalg::{self, Sizes};
use super::opaque::call_opaque;
use super::run::Run;
use crate::base::sums::Sum;
use crate::error::Result;
use crate::graph::{Derivative, Function, Opaque};
use crate::op::{ArrayOp, Op, Scalar, Value, lit};
use std::{marker::PhantomData, panic::Location};

/// Numbers of the machine.
pub(super) struct Kernels<T>(PhantomData<T>);

impl<T: Scalar> Arithmetic for Kernels<T> {
    type Number = T;

    const PLAIN: bool = true;

    fn apply(op: Op, args: &[Value<T, bool>]) -> Value<T, bool> {
        op.value::<T>(args)
    }

    fn total(summands: &mut dyn Iterator<Item = T>) -> T {
        let mut summands = summands.enumerate().peekable();
        if summands.peek().is_none() {
            return lit(0.0);
        }
        let mut sum = Sum::new();
        summands.for_each(|(k, v)| sum.add(k, v));
        sum.total()
    }

    fn sweep(op: &ArrayOp, operands: [&[T]; 2], along: Along, y: &mut [T]) -> std::result::Result<(), &'static str> {
        sweep(op, operands, along, y)
    }

    fn solve(op: &ArrayOp, sizes: Sizes, [a, b]: [&[T]; 2], work: &mut [T], y: &mut [T]) -> std::result::Result<(), String> {
        linalg::run(op, sizes, a, b, work, y)
    }

    /// A rule says how its body differentiates, and nothing of its value.
    fn ruled(body: &Function, _: &Derivative, open: &Lengths, operands: &[Array<T>]) -> Result<Vec<Array<T>>> {
        Run::<Self>::new(body, open.clone()).all(operands)
    }

    fn call(
        call: &Opaque,
        indices: &[bool],
        inputs: &[&[T]],
        outputs: &mut [&mut [T]],
        at: Option<&'static Location<'static>>,
    ) -> Result<()> {
        call_opaque(call, indices, inputs, outputs, at)
    }
}
