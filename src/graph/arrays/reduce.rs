//! Reductions and sweeps along axes.

use super::{Axes, Expr, run, shape_error};
use crate::base::{Axis, Shape};
use crate::op::{ArrayOp, lit, select};
use std::panic::Location;

type Caller = &'static Location<'static>;

/// Reductions, over axes that disappear, or that stay with length 1: `x.sum(0)`, `x.sum([0, -1])`, `x.sum(..)`,
/// `x.sum(keep(0))`.
impl Expr {
    /// Looks the axes up, reduces, and puts them back where they are to stay.
    fn reduced(self, what: &str, axes: impl Axes, at: Caller, reduce: impl FnOnce(Expr, &[usize]) -> Expr) -> Expr {
        let stay = axes.stay();
        let Some(axes) = self.axes(axes, what, at) else { return lit(f64::NAN) };
        let result = reduce(self, &axes);
        if stay { result.put_back(self.shape(), &axes, at) } else { result }
    }

    /// The axes of a shape that a reduction made disappear, with length 1.
    fn put_back(self, like: Shape, axes: &[usize], at: Caller) -> Expr {
        let kept = axes.iter().fold(like, |shape, &k| shape.with_axis(k, Axis::Fixed(1)));
        if kept == self.shape() { self } else { run(ArrayOp::Reshape(kept), &[self], at) }
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

    /// The largest value; −∞ over none. A tie shares the derivative evenly.
    #[track_caller]
    pub fn max_of(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("max_of", axes, at, |x, axes| run(ArrayOp::MaxOf(axes.to_vec()), &[x], at))
    }

    /// The smallest value; ∞ over none. A tie shares the derivative evenly.
    #[track_caller]
    pub fn min_of(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("min_of", axes, at, |x, axes| run(ArrayOp::MinOf(axes.to_vec()), &[x], at))
    }

    /// The index of the first largest value. Over several axes it is counted through them in order, the last one running fastest;
    /// they must not be open then.
    #[track_caller]
    pub fn argmax(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("argmax", axes, at, |x, axes| {
            if let [axis] = *axes {
                return run(ArrayOp::ArgMax(axis), &[x], at);
            }
            let shape = x.shape();
            let others: Vec<usize> = (0..shape.rank()).filter(|k| !axes.contains(k)).collect();
            let lengths: Vec<Axis> = axes.iter().map(|&k| shape.axes()[k]).collect();
            let Some(n) = Shape::new(&lengths).len() else {
                return shape_error(at, format!("argmax: of several axes of the shape {shape} one is open"));
            };
            let flat = Shape::new(&[shape.without(axes).axes(), &[Axis::Fixed(n)]].concat());
            let last = run(ArrayOp::Permute([&others[..], axes].concat()), &[x], at);
            run(ArrayOp::ArgMax(others.len()), &[run(ArrayOp::Reshape(flat), &[last], at)], at)
        })
    }

    /// The product; 1 over none. Its derivatives of every order are right also where factors are zero.
    #[track_caller]
    pub fn prod(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("prod", axes, at, |x, axes| axes.iter().rev().fold(x, |x, &axis| run(ArrayOp::Prod(axis), &[x], at)))
    }

    /// ln Σ exp, without overflow. Where every number is −∞, and over none, it is −∞, with the derivative 0.
    #[track_caller]
    pub fn log_sum_exp(self, axes: impl Axes) -> Expr {
        let at = Location::caller();
        self.reduced("log_sum_exp", axes, at, |x, axes| {
            let shift = x.shift(axes, at);
            let sum = (x - shift.put_back(x.shape(), axes, at)).exp().total(axes, at);
            // The logarithm's slope would meet exponentials of 0.
            let none = sum.eq(lit(0.0));
            select(none, lit(f64::NEG_INFINITY), select(none, lit(1.0), sum).ln() + shift)
        })
    }

    /// The maximum over axes as a constant, 0 where it is infinite.
    fn shift(self, axes: &[usize], at: Caller) -> Expr {
        let max = run(ArrayOp::MaxOf(axes.to_vec()), &[self], at).detach();
        select(max.abs().lt(lit(f64::INFINITY)), max, lit(0.0))
    }

    /// exp(x) / Σ exp(x) along an axis, without overflow.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Expr {
        let at = Location::caller();
        let Some(axes) = self.axes(axis, "softmax", at) else { return lit(f64::NAN) };
        let e = (self - self.shift(&axes, at).put_back(self.shape(), &axes, at)).exp();
        e / e.total(&axes, at).put_back(self.shape(), &axes, at)
    }

    /// x − ln Σ exp(x) along an axis, without overflow.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Expr {
        self - self.log_sum_exp(super::keep(axis))
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
        let first = run(ArrayOp::Iota(self.shape(), axes[0]), &[], at).eq(lit(0.0));
        run(ArrayOp::Recur { axis: axes[0], reverse: false }, &[self, select(first, self, lit(0.0))], at)
    }

    /// The length √Σx² of a vector, or of all numbers of an array; its derivative at 0 is 0.
    #[track_caller]
    pub fn norm(self) -> Expr {
        let at = Location::caller();
        let all: Vec<usize> = (0..self.rank()).collect();
        self.norm_along(&all, at)
    }

    pub(super) fn norm_along(self, axes: &[usize], at: Caller) -> Expr {
        let square = (self * self).total(axes, at);
        let zero = square.eq(lit(0.0));
        select(zero, lit(0.0), select(zero, lit(1.0), square).sqrt())
    }
}
