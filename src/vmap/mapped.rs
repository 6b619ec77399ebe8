//! A value, mapped or not.

use crate::base::{Axis, Shape};
use crate::graph::{Cond, Expr, Function};
use crate::op::{ArrayOp, Real, Value};

pub(super) type Handle = Value<Expr, Cond>;

/// A value, and whether it has the new axis.
#[derive(Copy, Clone)]
pub(super) struct Mapped {
    pub(super) value: Handle,
    pub(super) batched: bool,
    /// Without the new axis.
    pub(super) shape: Shape,
}

/// A shape with the axis in front.
pub(super) fn with_axis(axis: Axis, shape: Shape) -> Shape {
    Shape::new([&[axis], shape.axes()].concat())
}

pub(super) fn run(op: ArrayOp, args: &[Handle]) -> Handle {
    Expr::array(&op, args)
}

/// The value with the new axis, repeated along it if it had none.
pub(super) fn spread(x: Mapped, axis: Axis) -> Handle {
    if x.batched {
        return x.value;
    }
    run(ArrayOp::Broadcast(Shape::new([&[axis], x.shape.axes()].concat())), &[x.value])
}

/// The walk over a function, which maps bodies like functions: every node's value.
pub(super) type Walk = fn(&Function, &[Expr], &[bool], Axis) -> Vec<Mapped>;
