//! Values of operations on constants, with the rounding of a width.

use super::operation::Op;
use super::value::Value;
use crate::base::Width;

/// The value of an operation on constants, with the rounding of the width, by our kernels.
pub(crate) fn constant(op: Op, args: &[Value<f64, bool>], width: Width) -> Value<f64, bool> {
    in_width(args, width, |args| op.value(args), |args| op.value(args))
}

/// The same where it is what std's functions give, too: a program may come to take either.
pub(crate) fn settled(op: Op, args: &[Value<f64, bool>], width: Width) -> Option<Value<f64, bool>> {
    let [ours, std] = [constant(op, args, width), in_width(args, width, |args| op.apply(args), |args| op.apply(args))];
    let same = match (ours, std) {
        (Value::Num(a), Value::Num(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Value::Mask(a), Value::Mask(b)) => a == b,
        _ => false,
    };
    same.then_some(ours)
}

type Numbers<T> = Value<T, bool>;

fn in_width(
    args: &[Numbers<f64>],
    width: Width,
    wide: impl FnOnce(&[Numbers<f64>]) -> Numbers<f64>,
    narrow: impl FnOnce(&[Numbers<f32>]) -> Numbers<f32>,
) -> Numbers<f64> {
    match width {
        Width::F64 => wide(args),
        Width::F32 => {
            let rounded: arrayvec::ArrayVec<Numbers<f32>, 3> = args
                .iter()
                .map(|x| match *x {
                    Value::Num(v) => Value::Num(v as f32),
                    Value::Mask(b) => Value::Mask(b),
                })
                .collect();
            match narrow(&rounded) {
                Value::Num(v) => Value::Num(v as f64),
                Value::Mask(b) => Value::Mask(b),
            }
        }
    }
}
