//! Losses: functions of handles. In: what a model says and what is true, a row for each sample. Out: one number, the mean.
//!
//! A batch of no rows has no mean: its loss is NaN.

use super::layers::kept;
use super::same_shape;
use crate::base::{Axis, Shape, Width};
use crate::error::{Error, Kind as ErrorKind};
use crate::graph::{Expr, refuse, width};
use crate::op::{lit, select};

/// The mean over all numbers of what `each` makes of prediction and target.
#[track_caller]
fn mean(what: &str, prediction: Expr, target: Expr, each: impl FnOnce(Expr, Expr) -> Expr) -> Expr {
    let pair = same_shape(what, ["the prediction", "the target"], [prediction, target]);
    pair.map_or_else(|nan| nan, |[p, t]| each(p, t).mean(..))
}

/// The mean squared error over all numbers, (p − t)².
#[track_caller]
pub fn mse(prediction: Expr, target: Expr) -> Expr {
    mean("mse", prediction, target, |p, t| (p - t).powi(2))
}

/// The mean absolute error over all numbers, |p − t|.
#[track_caller]
pub fn mae(prediction: Expr, target: Expr) -> Expr {
    mean("mae", prediction, target, |p, t| (p - t).abs())
}

/// Huber's loss, the mean over all numbers: half the square of an error up to δ, δ·(|error| − δ/2) beyond, so that outliers pull
/// with a bounded force (P. J. Huber, 1964).
#[track_caller]
pub fn huber(prediction: Expr, target: Expr, delta: f64) -> Expr {
    if !(delta > 0.0 && delta.is_finite()) {
        return super::nan(Error::here(ErrorKind::Value, format!("huber: δ is {delta}, not positive and finite")));
    }
    mean("huber", prediction, target, |p, t| {
        let size = (p - t).abs();
        select(size.le(delta), 0.5 * size * size, delta * (size - 0.5 * delta))
    })
}

/// The binary cross-entropy, the mean over all numbers: −t·ln σ(x) − (1 − t)·ln(1 − σ(x)) of logits x and probabilities t, mostly
/// 0 or 1. It does not overflow, however sure the model is.
#[track_caller]
pub fn binary_cross_entropy(logits: Expr, target: Expr) -> Expr {
    mean("binary_cross_entropy", logits, target, |x, t| {
        // Who is sure, and right, loses nothing: ∞ − ∞ would be NaN.
        let right = (x.eq(f64::INFINITY) & t.eq(1.0)) | (x.eq(f64::NEG_INFINITY) & t.eq(0.0));
        select(right, 0.0, x.softplus() - t * x)
    })
}

/// The cross-entropy of softmax of logits `[…,classes]`, the mean over rows. The target is either the class of each row, indices
/// `[…]`, or a distribution for each, `[…,classes]`. A class out of range is an error of the call.
#[track_caller]
pub fn cross_entropy(logits: Expr, target: Expr) -> Expr {
    if target.rank() + 1 == logits.rank() {
        return (logits.log_sum_exp(-1) - of_class("cross_entropy", logits, target)).mean(..);
    }
    let pair = same_shape("cross_entropy", ["the logits", "the distribution"], [logits, target]);
    pair.map_or_else(|nan| nan, |[x, p]| x.cross_entropy(p).mean(..))
}

/// The Kullback–Leibler divergence Σ p·(ln p − ln softmax(x)) of a distribution p from logits, both `[…,classes]`, the mean over
/// rows. Where p is 0 a class adds nothing.
#[track_caller]
pub fn kl_divergence(logits: Expr, distribution: Expr) -> Expr {
    let pair = same_shape("kl_divergence", ["the logits", "the distribution"], [logits, distribution]);
    pair.map_or_else(|nan| nan, |[x, p]| select(p.eq(0.0), 0.0, p * (p.ln() - x.log_softmax(-1))).sum(-1).mean(..))
}

/// How many rows have their largest score, of `[…,classes]`, at the class `[…]` that is true. It counts, so there is nothing to
/// differentiate: give it as [`aux`](crate::aux).
#[track_caller]
pub fn hits(scores: Expr, class: Expr) -> Expr {
    let Some(classes) = classes("hits", scores, class) else { return lit(f64::NAN) };
    let said = scores.argmax(-1);
    if are_numbers(classes) {
        return select(number(said, classes).eq(number(class, classes)), 1.0, 0.0).sum(..);
    }
    // 1 at the class that is said, read at the one that is true.
    Expr::ones(said.shape()).scatter_rows(said, scores.shape()).gather_rows(class).sum(..)
}

/// Of each row of `x[…,classes]` the number at a class `[…]`.
#[track_caller]
fn of_class(what: &str, x: Expr, class: Expr) -> Expr {
    let Some(classes) = classes(what, x, class) else { return lit(f64::NAN) };
    if !are_numbers(classes) {
        return x.gather_rows(class);
    }
    let here = numbers(classes).eq(kept(number(class, classes)));
    select(here, x, 0.0).sum(-1)
}

/// Whether the width holds the number of each class, so that classes can be compared as numbers.
fn are_numbers(classes: Axis) -> bool {
    match (width().unwrap_or_default(), classes) {
        (Width::F64, _) => true,
        (Width::F32, Axis::Fixed(n)) => n <= 1 << 24,
        (Width::F32, Axis::Open(_)) => false,
    }
}

/// An index as a number, checked by the call to be of a class. (An identity matrix to choose rows of would take classes².)
#[track_caller]
fn number(class: Expr, classes: Axis) -> Expr {
    numbers(classes).gather(class, 0)
}

/// 0, 1, 2, …, below the number of classes.
#[track_caller]
fn numbers(classes: Axis) -> Expr {
    Expr::iota(Shape::new([classes]), 0)
}

/// The last axis of scores that have a row for each label.
#[track_caller]
fn classes(what: &str, scores: Expr, class: Expr) -> Option<Axis> {
    match scores.shape().axes() {
        [rows @ .., classes] if rows == class.shape().axes() => Some(*classes),
        _ => {
            let message = format!("{what}: labels {} do not fit scores {}, a row for each", class.shape(), scores.shape());
            refuse(Error::here(ErrorKind::Shape, message));
            None
        }
    }
}
