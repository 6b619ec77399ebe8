//! The entry of code for one point: inputs one after the other, outputs likewise.

use super::code::{Code, FlatFn};
use crate::base::Width;
use crate::op::Scalar;
use std::sync::Arc;

/// Code for one point, with what a call checks.
#[derive(Clone)]
pub(crate) struct Point {
    // What a call reads comes first, on one cache line.
    run: FlatFn,
    inputs: Room,
    outputs: Room,
    pub(crate) code: Arc<Code>,
}

/// How many elements of which width: one word, so that a call checks both in one comparison.
#[derive(Copy, Clone, PartialEq, Eq)]
struct Room(usize);

impl Room {
    const NARROW: usize = 1 << (usize::BITS - 1);

    #[inline(always)]
    fn new(len: usize, width: Width) -> Room {
        Room(if width == Width::F32 { len | Room::NARROW } else { len })
    }

    fn len(self) -> usize {
        self.0 & !Room::NARROW
    }
}

impl Point {
    /// `code` is that of a unit for one point, of this width and as many inputs and outputs, which are not apart.
    pub(crate) fn new(code: Arc<Code>, width: Width, inputs: usize, outputs: usize) -> Point {
        Point { run: code.run, inputs: Room::new(inputs, width), outputs: Room::new(outputs, width), code }
    }

    /// Runs the code; whether the lengths and the width fit.
    #[inline(always)]
    pub(crate) fn call_into<T: Scalar>(&self, x: &[T], y: &mut [T]) -> bool {
        if Room::new(x.len(), T::WIDTH) != self.inputs || Room::new(y.len(), T::WIDTH) != self.outputs {
            return false;
        }
        // SAFETY: the slices are as long as the code reads and writes, and of its width; the third argument is what all of these
        // functions want.
        unsafe { (self.run)(x.as_ptr().cast(), y.as_mut_ptr().cast(), Arc::as_ptr(&self.code).cast()) }
        true
    }

    /// How many elements the inputs have together.
    pub(crate) fn input_len(&self) -> usize {
        self.inputs.len()
    }

    /// How many elements the outputs have together.
    pub(crate) fn output_len(&self) -> usize {
        self.outputs.len()
    }
}
