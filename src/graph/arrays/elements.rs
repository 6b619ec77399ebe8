//! Handles of arrays are taken apart, put together and reduced.

use super::axes::Axes;
use super::run::{run, shape_error};
use super::scales::{self, put_back};
use crate::base::{Axis, IntoShape, Shape};
use crate::error::Caller;
use crate::graph::handle::Expr;
use crate::graph::trace;
use crate::op::{ArrayOp, Cut, DType, lit, select};
use std::{ops, panic::Location};

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
    fn axes(self, axes: impl Axes, what: &str, at: Caller) -> Option<Vec<usize>> {
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

    /// A number in every place of a shape: `Expr::full(0.5, [3, 4])`, `Expr::full(0.5, ("n", 3))`.
    #[track_caller]
    pub fn full(v: f64, shape: impl IntoShape) -> Expr {
        let shape = shape.into_shape();
        if shape == Shape::SCALAR { lit(v) } else { run(ArrayOp::Broadcast(shape), &[lit(v)], Location::caller()) }
    }

    /// Zeros of a shape.
    #[track_caller]
    pub fn zeros(shape: impl IntoShape) -> Expr {
        Expr::full(0.0, shape)
    }

    /// Ones of a shape.
    #[track_caller]
    pub fn ones(shape: impl IntoShape) -> Expr {
        Expr::full(1.0, shape)
    }

    /// Each place's own index along an axis of a shape, as a number.
    #[track_caller]
    pub fn iota(shape: impl IntoShape, axis: isize) -> Expr {
        let (shape, at) = (shape.into_shape(), Location::caller());
        match axis.of(shape.rank()) {
            Some(axes) => run(ArrayOp::Iota(shape, axes[0]), &[], at),
            None => shape_error(at, format!("iota: the shape {shape} has no axis {axis}")),
        }
    }

    /// The value repeated to a shape by NumPy's rules.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl IntoShape) -> Expr {
        run(ArrayOp::Broadcast(shape.into_shape()), &[self], Location::caller())
    }

    /// The same numbers in the same order, in another shape of as many: `x.reshape([3, 4])`, `x.reshape(("n", 4))`, `x.reshape(12)`.
    #[track_caller]
    pub fn reshape(self, shape: impl IntoShape) -> Expr {
        run(ArrayOp::Reshape(shape.into_shape()), &[self], Location::caller())
    }

    /// The value with a new axis of length 1, before axis `axis` of it; −1 is behind all others.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x[n]", "y[m]"], |[x, y]| (x.unsqueeze(-1) - y.unsqueeze(0)).abs().max_of(..))?;
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[track_caller]
    pub fn unsqueeze(self, axis: isize) -> Expr {
        let (at, shape) = (Location::caller(), self.shape());
        match axis.of(shape.rank() + 1) {
            Some(axes) => run(ArrayOp::Reshape(with_new_axis(shape, axes[0])), &[self], at),
            None => shape_error(at, format!("unsqueeze: no axis {axis} can be added to the shape {shape}")),
        }
    }

    /// The value without axes of length 1; with `..` without every one.
    #[track_caller]
    pub fn squeeze(self, axes: impl Axes) -> Expr {
        let (at, shape, all) = (Location::caller(), self.shape(), axes.all());
        let Some(mut axes) = self.axes(axes, "squeeze", at) else { return lit(f64::NAN) };
        let is_long = |&k: &usize| shape.axes()[k] != Axis::Fixed(1);
        if all {
            axes.retain(|k| !is_long(k));
        } else if let Some(k) = axes.iter().find(|&k| is_long(k)) {
            return shape_error(at, format!("squeeze: axis {k} of the shape {shape} has not the length 1"));
        }
        if axes.is_empty() { self } else { run(ArrayOp::Reshape(shape.without(&axes)), &[self], at) }
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
    pub fn scatter_add(self, index: Expr, shape: impl IntoShape, axis: isize) -> Expr {
        let (to, at) = (shape.into_shape(), Location::caller());
        match axis.of(to.rank()) {
            Some(axes) => run(ArrayOp::ScatterAdd { to, axis: axes[0], batch: 0 }, &[self, index], at),
            None => shape_error(at, format!("scatter_add: the shape {to} has no axis {axis}")),
        }
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

    /// Values of one shape side by side along a new axis, before axis `axis` of theirs; −1 is behind all others.
    #[track_caller]
    pub fn stack(values: &[Expr], axis: isize) -> Expr {
        let at = Location::caller();
        let Some(first) = values.first() else { return shape_error(at, "stack: no operands".into()) };
        let Some(axes) = axis.of(first.rank() + 1) else {
            return shape_error(at, format!("stack: axis {axis} beside the shape {}", first.shape()));
        };
        let mut columns = Vec::with_capacity(values.len());
        for x in values {
            if x.shape() != first.shape() {
                return shape_error(at, format!("stack: the shapes {} and {} differ", first.shape(), x.shape()));
            }
            columns.push(run(ArrayOp::Reshape(with_new_axis(x.shape(), axes[0])), &[*x], at));
        }
        run(ArrayOp::Concat(axes[0]), &columns, at)
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

/// Reductions, over axes that disappear, or that stay with length 1: `x.sum(0)`, `x.sum([0, -1])`, `x.sum(..)`,
/// `x.sum(keep(0))`.
impl Expr {
    /// Looks the axes up, reduces, and puts them back where they are to stay.
    fn reduced(self, what: &str, axes: impl Axes, at: Caller, reduce: impl FnOnce(Expr, &[usize]) -> Expr) -> Expr {
        let stay = axes.stay();
        let Some(axes) = self.axes(axes, what, at) else { return lit(f64::NAN) };
        let result = reduce(self, &axes);
        if stay { put_back(result, self.shape(), &axes, at) } else { result }
    }

    /// The sum; over no numbers it is 0.
    #[track_caller]
    pub fn sum(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("sum", axes, at, |x, axes| x.total(axes, at))
    }

    pub(super) fn total(self, axes: &[usize], at: Caller) -> Expr {
        if axes.is_empty() { self } else { run(ArrayOp::Sum(axes.to_vec()), &[self], at) }
    }

    /// How many numbers there are along axes, as a number; also where they are open.
    #[track_caller]
    pub fn count(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.axes(axes, "count", at).map_or(lit(f64::NAN), |axes| self.count_along(&axes, at))
    }

    fn count_along(self, axes: &[usize], at: Caller) -> Expr {
        let lengths: Vec<Axis> = axes.iter().map(|&k| self.shape().axes()[k]).collect();
        let lengths = Shape::new(&lengths);
        match lengths.len() {
            Some(n) => lit(n as f64),
            None => {
                let ones = run(ArrayOp::Broadcast(lengths), &[lit(1.0)], at);
                run(ArrayOp::Sum((0..lengths.rank()).collect()), &[ones], at)
            }
        }
    }

    /// The mean; over no numbers it is NaN.
    #[track_caller]
    pub fn mean(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("mean", axes, at, |x, axes| x.total(axes, at) / x.count_along(axes, at))
    }

    /// The largest value; −∞ over none. A tie shares the derivative evenly. A NaN counts as larger than all else: the largest is NaN then, and NaNs
    /// share the derivative.
    #[track_caller]
    pub fn max_of(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("max_of", axes, at, |x, axes| run(ArrayOp::MaxOf(axes.to_vec()), &[x], at))
    }

    /// The smallest value; ∞ over none. A tie shares the derivative evenly. A NaN counts as smaller than all else, otherwise as in
    /// [`Expr::max_of`].
    #[track_caller]
    pub fn min_of(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("min_of", axes, at, |x, axes| run(ArrayOp::MinOf(axes.to_vec()), &[x], at))
    }

    /// The index of the first largest value; of the first NaN, if there is one, as [`Expr::max_of`] gives that. Over several axes it is counted
    /// through them in order, the last one running fastest; they must not be open then.
    #[track_caller]
    pub fn argmax(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("argmax", axes, at, |x, axes| x.arg("argmax", x, axes, at))
    }

    /// The index of the first smallest value, otherwise as [`Expr::argmax`].
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x[n]", |x| x.argmin(0))?;
    /// assert_eq!(f.run([("x", [2.0, -1.0, 3.0, -1.0])])?[0].data(), [1.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[track_caller]
    pub fn argmin(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("argmin", axes, at, |x, axes| x.arg("argmin", -x, axes, at))
    }

    /// The index of the first largest of `values`, which have this one's shape.
    fn arg(self, what: &str, values: Expr, axes: &[usize], at: Caller) -> Expr {
        let shape = self.shape();
        let lengths: Vec<Axis> = axes.iter().map(|&k| shape.axes()[k]).collect();
        if lengths.contains(&Axis::Fixed(0)) {
            return shape_error(at, format!("{what}: no value over the axes {axes:?} of {shape}, which are empty"));
        }
        if let [axis] = *axes {
            return run(ArrayOp::ArgMax(axis), &[values], at);
        }
        let others: Vec<usize> = (0..shape.rank()).filter(|k| !axes.contains(k)).collect();
        let Some(n) = Shape::new(&lengths).len() else {
            return shape_error(at, format!("{what}: of several axes of the shape {shape} one is open"));
        };
        let flat = Shape::new([shape.without(axes).axes(), &[Axis::Fixed(n)]].concat());
        let last = run(ArrayOp::Permute([&others[..], axes].concat()), &[values], at);
        run(ArrayOp::ArgMax(others.len()), &[run(ArrayOp::Reshape(flat), &[last], at)], at)
    }

    /// The product; 1 over none. Its derivatives of every order are right also where factors are zero.
    #[track_caller]
    pub fn prod(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("prod", axes, at, |x, axes| axes.iter().rev().fold(x, |x, &axis| run(ArrayOp::Prod(axis), &[x], at)))
    }

    /// ln Σ exp, without overflow. Where every number is −∞, and over none, it is −∞, with the derivative 0; infinities share the derivative evenly.
    #[track_caller]
    pub fn log_sum_exp(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("log_sum_exp", axes, at, |x, axes| scales::log_sum_exp(x, axes, at))
    }

    /// exp(x) / Σ exp(x) along an axis, without overflow; infinities share the 1 evenly.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "softmax", at) else { return lit(f64::NAN) };
        let e = scales::below_maximum(self, &axes, at).0.exp();
        e / put_back(e.total(&axes, at), self.shape(), &axes, at)
    }

    /// x − ln Σ exp(x) along an axis, without overflow.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "log_softmax", at) else { return lit(f64::NAN) };
        let below = scales::below_maximum(self, &axes, at).0;
        below - put_back(below.exp().total(&axes, at).ln(), self.shape(), &axes, at)
    }

    /// Partial sums along an axis.
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Expr {
        let at = Location::caller();
        let axes = self.axes(axis, "cumsum", at);
        axes.map_or(lit(f64::NAN), |axes| run(ArrayOp::CumSum { axis: axes[0], reverse: false }, &[self], at))
    }

    /// Partial products along an axis.
    #[track_caller]
    pub fn cumprod(self, axis: isize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "cumprod", at) else { return lit(f64::NAN) };
        let first = run(ArrayOp::Iota(self.shape(), axes[0]), &[], at).eq(0.0);
        run(ArrayOp::Recur { axis: axes[0], reverse: false }, &[self, select(first, self, 0.0)], at)
    }

    /// The length √Σx² of a vector, or of all numbers of an array; its derivative at 0 is 0. It over- and underflows where the length itself does, and
    /// no sooner.
    #[track_caller]
    pub fn norm(self) -> Expr {
        let at = Location::caller();
        let all: Vec<usize> = (0..self.rank()).collect();
        scales::norm(self, &all, at)
    }
}

/// Classes: from labels to distributions, and the loss that compares them with logits.
impl Expr {
    /// 1 where the last axis has the index, 0 elsewhere: indices `[…]` become `[…,classes]`. An index that is no class is an error of
    /// the call.
    #[track_caller]
    pub fn one_hot(self, classes: usize) -> Expr {
        let at = Location::caller();
        run(ArrayOp::Gather { axis: 0, batch: 0 }, &[Expr::eye(classes), self], at)
    }

    /// The cross-entropy −Σ pᵢ·ln softmax(x)ᵢ along the last axis, of logits x and what they should say: a distribution p of the
    /// same shape, or labels, which are class numbers, an axis less. The gradient in x is softmax(x) − p. Where a logit is −∞ and p is 0, a class adds
    /// nothing, to no derivative either. A label that is no class is an error of the call.
    #[track_caller]
    pub fn cross_entropy(self, wanted: Expr) -> Expr {
        let at = Location::caller();
        let (logits, labels) = (self.shape(), wanted.shape());
        if wanted.dtype() != DType::Index {
            let logarithm = self.log_softmax(-1);
            // A class that is impossible, and not wanted either, adds nothing: 0·(−∞) would be NaN.
            let neither = wanted.eq(0.0) & logarithm.eq(f64::NEG_INFINITY);
            return -(wanted * select(neither, 0.0, logarithm)).sum(-1);
        }
        let batch = labels.rank();
        if logits.rank() != batch + 1 || logits.axes()[..batch] != *labels.axes() {
            return shape_error(at, format!("cross_entropy: labels of the shape {labels} for logits of the shape {logits}"));
        }
        self.log_sum_exp(-1) - self.gather_rows(wanted)
    }

    /// Of each row of `[…,n]` the element at an index `[…]`.
    #[track_caller]
    pub(crate) fn gather_rows(self, index: Expr) -> Expr {
        let batch = index.rank();
        run(ArrayOp::Gather { axis: batch, batch }, &[self, index], Location::caller())
    }

    /// Rows of zeros `[…,n]`, with an element `[…]` of each at an index.
    #[track_caller]
    pub(crate) fn scatter_rows(self, index: Expr, to: Shape) -> Expr {
        let batch = index.rank();
        run(ArrayOp::ScatterAdd { to, axis: batch, batch }, &[self, index], Location::caller())
    }
}

/// The shape with an axis of length 1 before axis k.
fn with_new_axis(shape: Shape, k: usize) -> Shape {
    let (before, after) = shape.axes().split_at(k);
    Shape::new([before, &[Axis::Fixed(1)], after].concat())
}
