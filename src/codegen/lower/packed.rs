//! Where the values of steps that go together are: vectors, slices on the stack, outputs that have been stored.

use crate::op::Op;
use crate::schedule::Step;
use cranelift_codegen::ir::Value;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// What is computed of steps that go together, of straight-line code.
#[derive(Default)]
pub(super) struct Packs {
    /// Vectors, by their first step.
    pub(super) vectors: FxHashMap<u32, Value>,
    /// Results of routines over slices, which stay where they are on the stack: an address and an offset.
    pub(super) slices: FxHashMap<u32, (Value, i32)>,
    /// Vectors that were loaded, and elements in every lane, with the step before which they were made.
    pub(super) loaded: FxHashMap<u32, (Value, usize)>,
    pub(super) spread: FxHashMap<u32, (Value, usize)>,
    /// The vector that was last put together of single elements: companions have the same operands.
    pub(super) joined: Option<(SmallVec<[u32; 4]>, Value)>,
    /// Output numbers that have been stored.
    pub(super) stored: FxHashSet<u32>,
}

impl Packs {
    /// The vector that a step is a lane of; vectors have so many.
    pub(super) fn lane(&self, k: usize, lanes: usize) -> Option<(Value, u8)> {
        if self.vectors.is_empty() {
            return None;
        }
        (0..lanes.min(k + 1)).find_map(|lane| Some((*self.vectors.get(&((k - lane) as u32))?, lane as u8)))
    }

    /// Whether a step has been computed with others.
    pub(super) fn has(&self, k: usize, lanes: usize) -> bool {
        self.slices.contains_key(&(k as u32)) || self.lane(k, lanes).is_some()
    }
}

/// How many of a pack's companions follow, and the routine for both: where those of the one have the first operands of the other.
pub(in crate::codegen) fn companions(steps: &[Step], first: usize, count: usize, op: Op) -> Option<(usize, &'static str)> {
    let (companion, both) = op.companion()?;
    let next = steps.get(first + count).filter(|step| step.op() == Some(companion))?.pack as usize;
    let (own, others) = (&steps[first..first + count], steps.get(first + count..first + count + next)?);
    (next > 1 && own.iter().zip(others).all(|(a, b)| a.args[0] == b.args[0])).then_some((next, both.slices))
}
