//! Norms, angles and sums of exponentials, which neither over- nor underflow where their result does not.

use super::run::run;
use crate::base::{Axis, Shape};
use crate::error::Caller;
use crate::graph::handle::Expr;
use crate::op::{ArrayOp, select};

/// The value with the derivative of another one of the same shape, which is not computed for it.
pub(super) fn slope_of(value: Expr, x: Expr, at: Caller) -> Expr {
    run(ArrayOp::SlopeOf, &[value, x], at)
}

/// The axes of a shape that a reduction made disappear, with length 1.
pub(super) fn put_back(x: Expr, like: Shape, axes: &[usize], at: Caller) -> Expr {
    let kept = axes.iter().fold(like, |shape, &k| shape.with_axis(k, Axis::Fixed(1)));
    if kept == x.shape() { x } else { run(ArrayOp::Reshape(kept), &[x], at) }
}

fn total(x: Expr, axes: &[usize], at: Caller) -> Expr {
    run(ArrayOp::Sum(axes.to_vec()), &[x], at)
}

/// √Σx² over axes; its derivative at 0 is 0.
pub(super) fn norm(x: Expr, axes: &[usize], at: Caller) -> Expr {
    if axes.is_empty() { x.abs() } else { run(ArrayOp::Norm(axes.to_vec()), &[x], at) }
}

/// The cosine of the angle between vectors along the last axis of each: the product of vectors of length 1, as that of any lengths may not be a
/// number.
pub(super) fn cosine(a: Expr, b: Expr, at: Caller) -> Expr {
    let [a, b] = [a, b].map(|x| {
        let last: Vec<usize> = (x.rank().saturating_sub(1)..x.rank()).collect();
        x / put_back(norm(x, &last, at), x.shape(), &last, at)
    });
    let products = a * b;
    match products.rank() {
        0 => products,
        rank => total(products, &[rank - 1], at),
    }
}

/// x − max x over axes, and what is taken away: the maximum, or 0 where it is −∞. The distance of a maximum from itself is 0, be it infinite.
pub(super) fn below_maximum(x: Expr, axes: &[usize], at: Caller) -> (Expr, Expr) {
    let max = run(ArrayOp::MaxOf(axes.to_vec()), &[x], at).detach();
    let max = select(max.gt(f64::NEG_INFINITY), max, 0.0);
    let level = put_back(max, x.shape(), axes, at);
    (slope_of(select(x.eq(level), 0.0, x - level), x, at), max)
}

/// ln Σ exp over axes; −∞ where every number is, and over none, with the derivative 0.
pub(super) fn log_sum_exp(x: Expr, axes: &[usize], at: Caller) -> Expr {
    let (below, max) = below_maximum(x, axes, at);
    let sum = total(below.exp(), axes, at);
    // The logarithm's slope would meet exponentials of 0.
    let none = sum.eq(0.0);
    select(none, f64::NEG_INFINITY, select(none, 1.0, sum).ln() + max)
}
