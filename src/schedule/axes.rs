//! The axes of a loop: along which of them a place goes on, and how many of the last ones run as one.

use super::ir::Loop;
use crate::base::{Axis, Shape};

/// The axes of a shape that have a length other than 1 by declaration. The others are no loops.
fn long(shape: Shape) -> impl DoubleEndedIterator<Item = usize> {
    (0..shape.rank()).filter(move |&k| shape.axes()[k] != Axis::Fixed(1))
}

/// A place of a loop over a shape.
pub(crate) struct Pattern {
    /// For each of the shape's axes, whether the place is another one at the next index.
    goes_on: Vec<bool>,
    /// The axes from this one on lie in memory as one.
    dense_from: usize,
}

/// A value of some shape, broadcast, whose axes from `dense_from` on lie in memory as one.
pub(crate) fn read(source: Shape, dense_from: usize, shape: Shape) -> Pattern {
    let new = shape.rank() - source.rank();
    let goes_on = |k: usize| k >= new && (source.axes()[k - new] != Axis::Fixed(1) || shape.axes()[k] == Axis::Fixed(1));
    Pattern { goes_on: (0..shape.rank()).map(goes_on).collect(), dense_from: new + dense_from }
}

/// A sum over some axes, or what is stored whole if there are none.
pub(crate) fn written(summed: &[usize], shape: Shape) -> Pattern {
    Pattern { goes_on: (0..shape.rank()).map(|k| !summed.contains(&k)).collect(), dense_from: 0 }
}

/// How many of a shape's last axes with a length are as one for all places: each of them goes on along all of these, or along none.
pub(crate) fn rows<'a>(places: impl Iterator<Item = &'a Pattern> + Clone, shape: Shape) -> usize {
    let Some(last) = long(shape).next_back() else { return 0 };
    let as_one = |place: &Pattern, k: usize| {
        place.goes_on[k] == place.goes_on[last] && (k == last || k >= place.dense_from || !place.goes_on[k])
    };
    long(shape).rev().take_while(|&k| places.clone().all(|place| as_one(place, k))).count()
}

/// Whether a place goes on along the last axis with a length.
pub(crate) fn varies(pattern: &Pattern, shape: Shape) -> bool {
    long(shape).next_back().is_some_and(|last| pattern.goes_on[last])
}

/// Whether a sum is over the last axis with a length, so that the rows of a loop are added up.
pub(crate) fn is_sum_of_rows(summed: &[usize], shape: Shape) -> bool {
    long(shape).next_back().is_some_and(|last| summed.contains(&last))
}

/// How many of a shape's last axes with a length a sum is over, without one that is kept between them.
pub(crate) fn run(summed: &[usize], shape: Shape) -> usize {
    long(shape).rev().take_while(|k| summed.contains(k)).count()
}

/// Whether axes are next to each other, so that a value goes through them as through one.
pub(crate) fn are_neighbours(axes: &[usize]) -> bool {
    !axes.is_empty() && axes.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

/// An axis: its length, and every place's stride along it.
pub(crate) type Around = (usize, Vec<usize>);

/// For the lengths of a loop's axes and every place's strides along them: the length of the native code's rows, and the axes
/// around, from the outside, with their lengths and every place's strides. Axes that are as one for every place become one, but for
/// the run of a sum, which stays what it is.
pub(crate) fn nest(looped: &Loop, lengths: &[usize], strides: &[Vec<usize>]) -> (Around, Vec<Around>) {
    let axis = |k: usize| (lengths[k], strides.iter().map(|own| own[k]).collect());
    let mut around: Vec<(usize, Vec<usize>)> = long(looped.shape).map(axis).collect();
    let mut rows = around.split_off(around.len() - looped.rows);
    join(&mut rows);
    debug_assert!(rows.len() <= 1, "the axes of the rows are as one");
    if !is_sum(looped) {
        around.append(&mut rows);
    }
    join(&mut around);
    around.append(&mut rows);
    let one = (1, vec![0; strides.len()]);
    let inner = if looped.rows == 0 { one } else { around.pop().unwrap_or(one) };
    (inner, around)
}

/// Makes one of neighbouring axes where every place goes on from one to the next as along the inner one.
fn join(axes: &mut Vec<(usize, Vec<usize>)>) {
    for k in (1..axes.len()).rev() {
        let (len, inner) = (axes[k].0, axes[k].1.clone());
        let joins = axes[k - 1].1.iter().zip(&inner).all(|(&outer, &inner)| outer == inner * len);
        if joins || axes[k - 1].0 == 1 {
            let outer = axes.remove(k - 1).0;
            axes[k - 1].0 *= outer;
        }
    }
}

/// Whether the program of a loop adds up rows.
pub(crate) fn is_sum(looped: &Loop) -> bool {
    looped.outputs.iter().any(|output| is_sum_of_rows(&output.summed, looped.shape))
}
