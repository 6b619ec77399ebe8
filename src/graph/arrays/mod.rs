//! What handles of arrays can do beyond elementwise arithmetic: here, taking them apart and putting them together. Everything is
//! made of the operations of [`ArrayOp`] and of the scalar table.

mod axes;
mod labels;
mod matrix;
mod reduce;

pub use axes::{Axes, Keep, keep};

use super::{expr::Expr, trace};
use crate::base::{Axis, Shape};
use crate::error::Kind as ErrorKind;
use crate::op::{ArrayOp, Cut, DType, Value, lit};
use std::{ops, panic::Location};

fn run(op: ArrayOp, args: &[Expr], at: &'static Location<'static>) -> Expr {
    let args: Vec<_> = args.iter().map(|&x| Value::Num(x)).collect();
    trace::array(&op, &args, at).num()
}

fn shape_error(at: &'static Location<'static>, message: String) -> Expr {
    trace::fail(ErrorKind::Shape, at, message)
}

/// Arrays. Axes are counted from 0, negative ones from the end.
impl Expr {
    /// The shape; that of a single number is empty.
    pub fn shape(self) -> Shape {
        trace::type_of(self).0
    }

    /// What it is: a number, or an index.
    pub(crate) fn dtype(self) -> DType {
        trace::type_of(self).1
    }

    /// The axes that are asked for, or `None`, with an error of the trace.
    fn axes(self, axes: impl Axes, what: &str, at: &'static Location<'static>) -> Option<Vec<usize>> {
        let found = axes.of(self.rank());
        if found.is_none() {
            shape_error(at, format!("{what}: an axis that the shape {} does not have, or one twice", self.shape()));
        }
        found
    }

    /// The number of axes.
    pub fn rank(self) -> usize {
        self.shape().rank()
    }

    /// A number in every place of a shape.
    #[track_caller]
    pub fn full(v: f64, shape: Shape) -> Expr {
        if shape == Shape::SCALAR { lit(v) } else { run(ArrayOp::Broadcast(shape), &[lit(v)], Location::caller()) }
    }

    /// Each place's own index along an axis of a shape.
    #[track_caller]
    pub fn iota(shape: Shape, axis: usize) -> Expr {
        run(ArrayOp::Iota(shape, axis), &[], Location::caller())
    }

    /// The value repeated to a shape by NumPy's rules.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl AsRef<[Axis]>) -> Expr {
        run(ArrayOp::Broadcast(Shape::new(shape.as_ref())), &[self], Location::caller())
    }

    /// The same numbers in the same order, in another shape of as many.
    #[track_caller]
    pub fn reshape(self, shape: impl AsRef<[Axis]>) -> Expr {
        run(ArrayOp::Reshape(Shape::new(shape.as_ref())), &[self], Location::caller())
    }

    /// The axes in another order: axis k of the result is axis `order[k]` of this.
    #[track_caller]
    pub fn permute(self, order: impl AsRef<[usize]>) -> Expr {
        run(ArrayOp::Permute(order.as_ref().to_vec()), &[self], Location::caller())
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn t(self) -> Expr {
        let rank = self.rank();
        if rank < 2 {
            return shape_error(Location::caller(), format!("t: the shape {} has no two axes to exchange", self.shape()));
        }
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(rank - 1, rank - 2);
        run(ArrayOp::Permute(order), &[self], Location::caller())
    }

    /// Slices along an axis, chosen by indices, whose axes take the axis' place: `x[n,d].gather(i[b], 0)` is `[b,d]`. An index out of
    /// range is an error of the call.
    #[track_caller]
    pub fn gather(self, index: Expr, axis: isize) -> Expr {
        let at = Location::caller();
        self.axes(axis, "gather", at)
            .map_or(lit(f64::NAN), |axes| run(ArrayOp::Gather { axis: axes[0], batch: 0 }, &[self, index], at))
    }

    /// Zeros of a shape, with this value's slices added along an axis where the indices say: the transpose of a gather.
    #[track_caller]
    pub fn scatter_add(self, index: Expr, shape: impl AsRef<[Axis]>, axis: usize) -> Expr {
        run(ArrayOp::ScatterAdd { to: Shape::new(shape.as_ref()), axis, batch: 0 }, &[self, index], Location::caller())
    }

    /// `len` slices along an axis from `start` on, `step` apart (negative to go backward).
    #[track_caller]
    pub fn slice_by(self, axis: isize, start: usize, len: usize, step: isize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "slice", at) else { return lit(f64::NAN) };
        let mut cuts = vec![Cut::All; self.rank()];
        cuts[axes[0]] = Cut::Range { start, step, len };
        run(ArrayOp::Slice(cuts), &[self], at)
    }

    /// The slices `range` along an axis.
    #[track_caller]
    pub fn slice(self, axis: isize, range: ops::Range<usize>) -> Expr {
        self.slice_by(axis, range.start, range.len(), 1)
    }

    /// One slice along an axis, which disappears.
    #[track_caller]
    pub fn at(self, axis: isize, index: usize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "at", at) else { return lit(f64::NAN) };
        let one = self.slice_by(axis, index, 1, 1);
        run(ArrayOp::Reshape(self.shape().without(&axes)), &[one], at)
    }

    /// Zeros around the value along an axis.
    #[track_caller]
    pub fn pad(self, axis: isize, before: usize, after: usize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "pad", at) else { return lit(f64::NAN) };
        let Axis::Fixed(len) = self.shape().axes()[axes[0]] else {
            return shape_error(at, format!("pad: the axis {} of the shape {} is open", axes[0], self.shape()));
        };
        let mut cuts = vec![Cut::All; self.rank()];
        cuts[axes[0]] = Cut::Range { start: before, step: 1, len };
        let to = self.shape().with_axis(axes[0], Axis::Fixed(before.saturating_add(len).saturating_add(after)));
        run(ArrayOp::Pad(to, cuts), &[self], at)
    }

    /// Values one after the other along an axis.
    #[track_caller]
    pub fn concat(values: &[Expr], axis: isize) -> Expr {
        let at = Location::caller();
        let Some(first) = values.first() else { return shape_error(at, "concat: no operands".into()) };
        let joined = |axis| if values.len() == 1 { *first } else { run(ArrayOp::Concat(axis), values, at) };
        first.axes(axis, "concat", at).map_or(lit(f64::NAN), |axes| joined(axes[0]))
    }

    /// Values of one shape side by side along a new axis, before axis `axis` of theirs.
    #[track_caller]
    pub fn stack(values: &[Expr], axis: usize) -> Expr {
        let at = Location::caller();
        let mut columns = Vec::with_capacity(values.len());
        for x in values {
            let mut axes = x.shape().axes().to_vec();
            if axis > axes.len() {
                return shape_error(at, format!("stack: axis {axis} beside the shape {}", x.shape()));
            }
            axes.insert(axis, Axis::Fixed(1));
            columns.push(run(ArrayOp::Reshape(Shape::new(&axes)), &[*x], at));
        }
        if columns.is_empty() { shape_error(at, "stack: no operands".into()) } else { run(ArrayOp::Concat(axis), &columns, at) }
    }

    /// The value cut into pieces of these lengths along an axis.
    #[track_caller]
    pub fn split(self, axis: isize, lengths: &[usize]) -> Vec<Expr> {
        let mut start = 0;
        let mut pieces = Vec::with_capacity(lengths.len());
        for &len in lengths {
            pieces.push(self.slice_by(axis, start, len, 1));
            start = start.saturating_add(len);
        }
        pieces
    }
}
