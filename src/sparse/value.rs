//! What is known of a value of known lengths.

use crate::base::sets::{Set, Sets};
use crate::base::{Axis, Shape};
use crate::eval::Array;

/// What is known of a value: the columns that its numbers depend on, and the numbers, if nothing unknown enters them.
#[derive(Clone, Default)]
pub(super) struct Flow {
    pub(super) sets: Sets,
    pub(super) known: Option<Array>,
}

/// The lengths of a shape without open axes.
pub(super) fn lengths(shape: Shape) -> Vec<usize> {
    let length = |axis: &Axis| Shape::new([*axis]).len().expect("open axes were replaced");
    shape.axes().iter().map(length).collect()
}

/// How many numbers a value has.
pub(super) fn count(shape: Shape) -> usize {
    shape.len().expect("open axes were replaced")
}

/// A set for each of some numbers.
pub(super) fn everywhere(set: Set, len: usize) -> Sets {
    if set.is_none() { Sets::new() } else { smallvec::smallvec![set; len] }
}
