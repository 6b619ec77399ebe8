//! Sums of products of coefficients.
//!
//! In: the coefficients of two series. Out: one of their product's, or nothing where no term is there.

use crate::op::{Real, lit};

#[inline(always)]
pub(super) fn or_zero<T: Real>(x: Option<T>) -> T {
    x.unwrap_or(lit(0.0))
}

/// The sum, of which what is absent is no part.
#[inline(always)]
#[track_caller]
pub(super) fn plus<T: Real>(x: T, y: T) -> T {
    match (x.is_absent(), y.is_absent()) {
        (true, _) => y,
        (_, true) => x,
        _ => x + y,
    }
}

#[inline(always)]
pub(super) fn at<T: Real>(x: &[T], k: usize) -> T {
    x.get(k).copied().unwrap_or(lit(0.0))
}

/// x − y
#[inline(always)]
#[track_caller]
pub(super) fn minus<T: Real>(x: T, y: Option<T>) -> T {
    match y {
        None => x,
        Some(y) if x.is_absent() => -y,
        Some(y) => x - y,
    }
}

/// x·y, and nothing of nothing.
#[inline(always)]
#[track_caller]
pub(super) fn scaled<T: Real>(x: T, y: T) -> T {
    if x.is_absent() { x } else { x * y }
}

/// The coefficient at a place, if there is room for it.
#[track_caller]
pub(super) fn each_from<T: Real>(z: &mut [T], k: usize, coefficient: impl FnOnce() -> T) {
    if let Some(z) = z.get_mut(k) {
        *z = coefficient();
    }
}

/// x / k
#[inline(always)]
#[track_caller]
pub(super) fn over<T: Real>(x: T, k: usize) -> T {
    if k == 1 || x.is_absent() { x } else { x / lit(k as f64) }
}

/// The coefficients of x′.
pub(super) fn slope<T: Real>(x: &[T]) -> smallvec::SmallVec<[T; 32]> {
    let times = |(k, &x): (usize, &T)| if k == 1 || x.is_absent() { x } else { x * lit(k as f64) };
    x.iter().enumerate().skip(1).map(times).collect()
}

/// Whether it is 0, as far as that is known while the function runs.
#[inline(always)]
pub(super) fn is_zero<T: Real>(x: &T) -> bool {
    x.is_absent() || x.known() == Some(0.0)
}

/// Σ xⱼ·y₍ₖ₋ⱼ₎ over j from `first` to `last`; nothing if there is no term. A coefficient of 0 behind the first is 0 beside an infinite one, too.
#[inline(always)]
#[track_caller]
pub(super) fn convolved<T: Real>(x: &[T], y: &[T], k: usize, first: usize, last: usize) -> Option<T> {
    let sum = product(x, y, k, first, last, |_, _| false);
    if is_nan(&sum) { product(x, y, k, first, last, |j, i| j > 0 && is_zero(&x[j]) || i > 0 && is_zero(&y[i])) } else { sum }
}

/// A coefficient of w·x′, where an infinite w makes nothing of a slope of 0.
#[inline(always)]
#[track_caller]
pub(super) fn along<T: Real>(slope: &[T], w: &[T], k: usize) -> Option<T> {
    let sum = product(slope, w, k, 0, k, |_, _| false);
    if is_nan(&sum) { dominant(slope, w, k, 0) } else { sum }
}

/// A coefficient of x·y, without x₀·yₖ.
#[inline(always)]
#[track_caller]
pub(super) fn after<T: Real>(x: &[T], y: &[T], k: usize) -> Option<T> {
    let sum = product(x, y, k, 1, k, |_, _| false);
    if is_nan(&sum) { dominant(x, y, k, 1) } else { sum }
}

#[inline(always)]
fn is_nan<T: Real>(sum: &Option<T>) -> bool {
    sum.and_then(|sum| sum.known()).is_some_and(f64::is_nan)
}

/// The same sum beside a singular point: coefficients xⱼ of 0 are left out, and the first infinite term is all, since beside the point
/// each coefficient of y is beyond all bounds larger than those before.
#[cold]
#[track_caller]
fn dominant<T: Real>(x: &[T], y: &[T], k: usize, first: usize) -> Option<T> {
    let mut sum: Option<T> = None;
    for j in first.max((k + 1).saturating_sub(y.len()))..x.len().min(k + 1) {
        if is_zero(&x[j]) || j < k && is_zero(&y[k - j]) {
            continue;
        }
        let term = x[j] * y[k - j];
        if term.known().is_some_and(f64::is_infinite) {
            return Some(term);
        }
        sum = Some(sum.map_or(term, |sum| sum + term));
    }
    sum
}

#[inline(always)]
#[track_caller]
fn product<T: Real>(x: &[T], y: &[T], k: usize, first: usize, last: usize, skipped: impl Fn(usize, usize) -> bool) -> Option<T> {
    let mut sum: Option<T> = None;
    let from = first.max((k + 1).saturating_sub(y.len()));
    for j in from..x.len().min(last + 1) {
        let (a, b) = (x[j], y[k - j]);
        if a.is_absent() || b.is_absent() || skipped(j, k - j) {
            continue;
        }
        sum = Some(match sum {
            None => a * b,
            Some(sum) => sum + a * b,
        });
    }
    sum
}

/// The product of two series' coefficients `p` and `t`, of which t is a slope.
#[track_caller]
pub(super) fn scaled_slope<T: Real>(p: &[T], t: &[T], z: &mut [T]) {
    for (k, z) in z.iter_mut().enumerate() {
        *z = plus(*z, or_zero(along(t, p, k)));
    }
}
