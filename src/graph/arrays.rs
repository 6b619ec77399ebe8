//! What handles of arrays can do beyond elementwise arithmetic. Everything here is made of the operations of [`ArrayOp`] and
//! of the scalar table.

use super::{
    expr::{Cond, Expr},
    trace,
};
use crate::error::Kind as ErrorKind;
use crate::op::{ArrayOp, Axis, Cut, DType, Shape, Value, lit, select};
use std::{ops, panic::Location};

/// Axes to reduce over: one (negative from the end), several, or `..` for all.
pub trait Axes {
    /// The axes, ascending, of a value of this rank; `None` if one does not exist or comes twice.
    fn of(self, rank: usize) -> Option<Vec<usize>>;
}

impl Axes for ops::RangeFull {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        Some((0..rank).collect())
    }
}

impl Axes for isize {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        [self].of(rank)
    }
}

impl<const N: usize> Axes for [isize; N] {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        let mut axes = self.map(|k| if k < 0 { k + rank as isize } else { k }).to_vec();
        axes.sort_unstable();
        let valid = axes.iter().all(|&k| (0..rank as isize).contains(&k)) && axes.windows(2).all(|pair| pair[0] != pair[1]);
        valid.then(|| axes.iter().map(|&k| k as usize).collect())
    }
}

fn run(op: ArrayOp, args: &[Expr], at: &'static Location<'static>) -> Expr {
    let args: Vec<_> = args.iter().map(|&x| Value::Num(x)).collect();
    trace::array(op.intern(), &args, at).num()
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

    #[track_caller]
    fn axes(self, axes: impl Axes, what: &str) -> Option<Vec<usize>> {
        let found = axes.of(self.rank());
        if found.is_none() {
            shape_error(
                Location::caller(),
                format!("{what}: an axis that the shape {} does not have, or one twice", self.shape()),
            );
        }
        found
    }

    /// The sum over axes, which disappear: `x.sum(0)`, `x.sum([0, -1])`, `x.sum(..)`. Over no numbers it is 0.
    #[track_caller]
    pub fn sum(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.axes(axes, "sum")
            .map_or(lit(f64::NAN), |axes| if axes.is_empty() { self } else { run(ArrayOp::Sum(axes), &[self], at) })
    }

    /// How many numbers there are along axes, as a number; also where they are open.
    #[track_caller]
    pub fn count(self, axes: impl Axes) -> Expr {
        let Some(axes) = self.axes(axes, "count") else { return lit(f64::NAN) };
        let shape = self.shape();
        let known: Option<usize> = axes.iter().map(|&k| Shape::new(&shape.axes()[k..=k]).len()).product();
        match known {
            Some(n) => lit(n as f64),
            None => {
                let lengths: Vec<Axis> = axes.iter().map(|&k| shape.axes()[k]).collect();
                let all = (0..lengths.len()).collect();
                run(ArrayOp::Sum(all), &[Expr::full(1.0, Shape::new(&lengths))], Location::caller())
            }
        }
    }

    /// The mean over axes, which disappear. Over no numbers it is NaN.
    #[track_caller]
    pub fn mean(self, axes: impl Axes) -> Expr {
        let Some(axes) = self.axes(axes, "mean") else { return lit(f64::NAN) };
        let signed: Vec<isize> = axes.iter().map(|&k| k as isize).collect();
        self.sum(List(&signed)) / self.count(List(&signed))
    }

    /// The largest value over axes, which disappear; −∞ over none. A tie shares the derivative evenly.
    #[track_caller]
    pub fn max_of(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.axes(axes, "max_of").map_or(lit(f64::NAN), |axes| run(ArrayOp::MaxOf(axes), &[self], at))
    }

    /// The smallest value over axes, which disappear; ∞ over none. A tie shares the derivative evenly.
    #[track_caller]
    pub fn min_of(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.axes(axes, "min_of").map_or(lit(f64::NAN), |axes| run(ArrayOp::MinOf(axes), &[self], at))
    }

    /// The index of the first largest value along an axis, which disappears.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Expr {
        let at = Location::caller();
        self.axes(axis, "argmax").map_or(lit(f64::NAN), |axes| run(ArrayOp::ArgMax(axes[0]), &[self], at))
    }

    /// The product over axes, which disappear; 1 over none. It is multiplied up in halves, so that its derivatives of every
    /// order are right also where factors are zero. The axes must not be open.
    #[track_caller]
    pub fn prod(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axes, "prod") else { return lit(f64::NAN) };
        let mut x = self;
        for &axis in axes.iter().rev() {
            let Axis::Fixed(mut n) = x.shape().axes()[axis] else {
                return shape_error(at, format!("prod: the axis {} of the shape {} is open", axis, x.shape()));
            };
            let cut = |x: Expr, start: usize, len: usize| {
                let mut cuts = vec![Cut::All; x.rank()];
                cuts[axis] = Cut::Range { start, step: 1, len };
                run(ArrayOp::Slice(cuts), &[x], at)
            };
            if n == 0 {
                x = Expr::full(1.0, x.shape().without(&[axis]));
                continue;
            }
            while n > 1 {
                let half = n / 2;
                let product = cut(x, 0, half) * cut(x, half, half);
                x = if n % 2 == 0 { product } else { run(ArrayOp::Concat(axis), &[product, cut(x, n - 1, 1)], at) };
                n = n.div_ceil(2);
            }
            x = x.reshape(x.shape().without(&[axis]).axes());
        }
        x
    }

    /// The axes that a reduction made disappear, put back with length 1, so that the result broadcasts against the original.
    #[track_caller]
    fn kept(self, like: Expr, axes: &[usize]) -> Expr {
        let mut shape = like.shape();
        for &k in axes {
            shape = shape.with_axis(k, Axis::Fixed(1));
        }
        run(ArrayOp::Reshape(shape), &[self], Location::caller())
    }

    /// ln Σ exp over axes, which disappear, without overflow.
    #[track_caller]
    pub fn log_sum_exp(self, axes: impl Axes) -> Expr {
        let Some(axes) = self.axes(axes, "log_sum_exp") else { return lit(f64::NAN) };
        let shift = self.shift(&axes);
        let signed: Vec<isize> = axes.iter().map(|&k| k as isize).collect();
        let sum = (self - shift.kept(self, &axes)).exp().sum(List(&signed));
        sum.ln() + shift
    }

    /// The maximum over axes as a constant, 0 where it is infinite.
    #[track_caller]
    fn shift(self, axes: &[usize]) -> Expr {
        let max = run(ArrayOp::MaxOf(axes.to_vec()), &[self], Location::caller()).detach();
        select(max.abs().lt(lit(f64::INFINITY)), max, lit(0.0))
    }

    /// exp(x) / Σ exp(x) along an axis, without overflow.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Expr {
        let Some(axes) = self.axes(axis, "softmax") else { return lit(f64::NAN) };
        let e = (self - self.shift(&axes).kept(self, &axes)).exp();
        e / e.sum(axis).kept(self, &axes)
    }

    /// x − ln Σ exp(x) along an axis, without overflow.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Expr {
        let Some(axes) = self.axes(axis, "log_softmax") else { return lit(f64::NAN) };
        self - self.log_sum_exp(axis).kept(self, &axes)
    }

    /// The cross-entropy −Σ pᵢ·ln softmax(x)ᵢ along the last axis, of logits x and a distribution p of the same shape; its
    /// gradient in x is softmax(x) − p.
    #[track_caller]
    pub fn cross_entropy(self, distribution: Expr) -> Expr {
        -(distribution * self.log_softmax(-1)).sum(-1)
    }

    /// 1 where the last axis has the index, 0 elsewhere: indices `[…]` become `[…,classes]`.
    #[track_caller]
    pub fn one_hot(self, classes: usize) -> Expr {
        let identity = Expr::eye(classes);
        identity.gather(self, 0)
    }

    /// The identity matrix.
    #[track_caller]
    pub fn eye(n: usize) -> Expr {
        let shape = Shape::new(&[Axis::Fixed(n), Axis::Fixed(n)]);
        select(Expr::iota(shape, 0).eq(Expr::iota(shape, 1)), lit(1.0), lit(0.0))
    }

    /// The elements on and below the k-th diagonal, 0 elsewhere (over the last two axes).
    #[track_caller]
    pub fn tril(self, k: isize) -> Expr {
        self.triangle(|row, column| column.le(row + k as f64))
    }

    /// The elements on and above the k-th diagonal, 0 elsewhere (over the last two axes).
    #[track_caller]
    pub fn triu(self, k: isize) -> Expr {
        self.triangle(|row, column| column.ge(row + k as f64))
    }

    #[track_caller]
    fn triangle(self, keep: impl Fn(Expr, Expr) -> Cond) -> Expr {
        let (shape, rank) = (self.shape(), self.rank());
        if rank < 2 {
            return shape_error(Location::caller(), format!("a triangle of the shape {shape}, which is no matrix"));
        }
        select(keep(Expr::iota(shape, rank - 2), Expr::iota(shape, rank - 1)), self, lit(0.0))
    }

    /// The matrix product: vectors `[k]`, matrices `[m,k]·[k,n]`, or stacks of matrices whose leading axes broadcast. A
    /// vector stands as a row on the left and as a column on the right, and loses that axis again.
    #[track_caller]
    pub fn matmul(self, other: Expr) -> Expr {
        let at = Location::caller();
        let (a, b) = (self.shape(), other.shape());
        let misfit = || shape_error(at, format!("matmul: the shapes {a} and {b} do not fit"));
        if a.rank() == 0 || b.rank() == 0 {
            return misfit();
        }
        let x = if a.rank() == 1 { self.reshape([Axis::Fixed(1), a.axes()[0]]) } else { self };
        let y = if b.rank() == 1 { other.reshape([b.axes()[0], Axis::Fixed(1)]) } else { other };
        let split = |shape: Shape| {
            let (batch, matrix) = shape.axes().split_at(shape.rank() - 2);
            (Shape::new(batch), [matrix[0], matrix[1]])
        };
        let ((p, m), (q, n)) = (split(x.shape()), split(y.shape()));
        if m[1] != n[0] {
            return misfit();
        }
        let Some(batch) = p.broadcast(q) else { return misfit() };
        let spread = |z: Expr, matrix: [Axis; 2]| {
            let to = Shape::new(&[batch.axes(), &matrix].concat());
            if z.shape() == to { z } else { run(ArrayOp::Broadcast(to), &[z], at) }
        };
        let product = run(ArrayOp::MatMul, &[spread(x, m), spread(y, n)], at);
        let mut axes = product.shape().axes().to_vec();
        if b.rank() == 1 {
            axes.pop();
        }
        if a.rank() == 1 {
            axes.remove(axes.len() - if b.rank() == 1 { 1 } else { 2 });
        }
        if axes.len() == product.rank() { product } else { run(ArrayOp::Reshape(Shape::new(&axes)), &[product], at) }
    }

    /// The inner product of two vectors.
    #[track_caller]
    pub fn dot(self, other: Expr) -> Expr {
        (self * other).sum(..)
    }

    /// The outer product of two vectors, `[m]` and `[n]` to `[m,n]`.
    #[track_caller]
    pub fn outer(self, other: Expr) -> Expr {
        let column = Shape::new(&[self.shape().axes(), &[Axis::Fixed(1)]].concat());
        run(ArrayOp::Reshape(column), &[self], Location::caller()) * other
    }

    /// The length √Σx² of a vector; its derivative at 0 is 0.
    #[track_caller]
    pub fn norm(self) -> Expr {
        let square = (self * self).sum(..);
        let zero = square.eq(lit(0.0));
        select(zero, lit(0.0), select(zero, lit(1.0), square).sqrt())
    }

    /// The cosine of the angle between two vectors.
    #[track_caller]
    pub fn cosine(self, other: Expr) -> Expr {
        self.dot(other) / (self.norm() * other.norm())
    }

    /// The elements of the main diagonal of a matrix.
    #[track_caller]
    pub fn diag(self) -> Expr {
        let at = Location::caller();
        match *self.shape().axes() {
            [Axis::Fixed(m), Axis::Fixed(n)] => {
                let flat = run(ArrayOp::Reshape(Shape::new(&[Axis::Fixed(m * n)])), &[self], at);
                let cut = Cut::Range { start: 0, step: n as isize + 1, len: m.min(n) };
                run(ArrayOp::Slice(vec![cut]), &[flat], at)
            }
            _ => shape_error(at, format!("diag: the shape {} is not that of a matrix of known size", self.shape())),
        }
    }

    /// The sum of the main diagonal of a matrix.
    #[track_caller]
    pub fn trace(self) -> Expr {
        self.diag().sum(..)
    }

    /// Partial sums along an axis.
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Expr {
        let at = Location::caller();
        let axes = self.axes(axis, "cumsum");
        axes.map_or(lit(f64::NAN), |axes| run(ArrayOp::CumSum { axis: axes[0], reverse: false }, &[self], at))
    }

    /// Slices along an axis, chosen by indices, whose axes take the axis' place: `x[n,d].gather(i[b], 0)` is `[b,d]`. An index out of
    /// range is an error of the call.
    #[track_caller]
    pub fn gather(self, index: Expr, axis: isize) -> Expr {
        let at = Location::caller();
        self.axes(axis, "gather").map_or(lit(f64::NAN), |axes| run(ArrayOp::Gather(axes[0]), &[self, index], at))
    }

    /// Zeros of a shape, with this value's slices added along an axis where the indices say: the transpose of a gather.
    #[track_caller]
    pub fn scatter_add(self, index: Expr, shape: impl AsRef<[Axis]>, axis: usize) -> Expr {
        run(ArrayOp::ScatterAdd(Shape::new(shape.as_ref()), axis), &[self, index], Location::caller())
    }

    /// `len` slices along an axis from `start` on, `step` apart (negative to go backward).
    #[track_caller]
    pub fn slice_by(self, axis: isize, start: usize, len: usize, step: isize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "slice") else { return lit(f64::NAN) };
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
        let Some(axes) = self.axes(axis, "at") else { return lit(f64::NAN) };
        let one = self.slice_by(axis, index, 1, 1);
        run(ArrayOp::Reshape(self.shape().without(&axes)), &[one], at)
    }

    /// Zeros around the value along an axis.
    #[track_caller]
    pub fn pad(self, axis: isize, before: usize, after: usize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "pad") else { return lit(f64::NAN) };
        let Axis::Fixed(len) = self.shape().axes()[axes[0]] else {
            return shape_error(at, format!("pad: the axis {} of the shape {} is open", axes[0], self.shape()));
        };
        let mut cuts = vec![Cut::All; self.rank()];
        cuts[axes[0]] = Cut::Range { start: before, step: 1, len };
        let to = self.shape().with_axis(axes[0], Axis::Fixed(before + len + after));
        run(ArrayOp::Place(to, cuts), &[self], at)
    }

    /// Values one after the other along an axis.
    #[track_caller]
    pub fn concat(values: &[Expr], axis: isize) -> Expr {
        let at = Location::caller();
        let Some(first) = values.first() else { return shape_error(at, "concat: no operands".into()) };
        first.axes(axis, "concat").map_or(lit(f64::NAN), |axes| run(ArrayOp::Concat(axes[0]), values, at))
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
            start += len;
        }
        pieces
    }
}

/// Axes that were looked up before.
struct List<'a>(&'a [isize]);

impl Axes for List<'_> {
    fn of(self, _: usize) -> Option<Vec<usize>> {
        Some(self.0.iter().map(|&k| k as usize).collect())
    }
}
