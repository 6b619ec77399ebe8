//! Arithmetic side by side: in straight-line code that was made of arrays, equal operations on elements that are neighbours are
//! done in the lanes of a vector, as in the loops that it stands for.
//!
//! In: steps. Out: the same, with marks on those that go together. Steps stay where they are: what was one operation on an
//! array is a run of steps. Every lane gives the bits that its step would give alone.

use super::open::has_kernel;
use super::program::{Step, StepKind};
use crate::base::Width;
use crate::op::{DType, Op};
use rustc_hash::FxHashMap;

/// Marks runs of equal operations; `group` says which input a slot belongs to.
pub(super) fn side_by_side(steps: &mut [Step], width: Width, group: &[(u32, u32)]) {
    let lanes = 16 / width.bytes();
    let mut marks = Marks { pack_of: vec![0; steps.len()], group };
    let mut arithmetic = FxHashMap::<Op, bool>::default();
    let mut k = 0;
    while k < steps.len() {
        let Some(op) = steps[k].op() else {
            k += 1;
            continue;
        };
        let packed = steps[k].pack as usize;
        let is_arithmetic = *arithmetic.entry(op).or_insert_with(|| {
            op.result() == DType::Float && op.operands().iter().all(|&dtype| dtype == DType::Float) && !has_kernel(op)
        });
        let len = match packed {
            0 | 1 if is_arithmetic && marks.is_run(steps, k, lanes) => lanes,
            0 => 1,
            packed => packed,
        };
        if len > 1 {
            steps[k].pack = len as u8;
            marks.pack_of[k..k + len].fill(k as u32 + 1);
        }
        k += len;
    }
}

struct Marks<'a> {
    /// For every step the first of its pack, counted from 1; 0 for those that are alone.
    pack_of: Vec<u32>,
    group: &'a [(u32, u32)],
}

impl Marks<'_> {
    /// Whether some steps are one operation on operands that are there side by side.
    fn is_run(&self, steps: &[Step], first: usize, lanes: usize) -> bool {
        let Some(run) = steps.get(first..first + lanes) else { return false };
        let fits = |step: &Step| {
            step.kind == run[0].kind && step.pack <= 1 && step.operands().iter().all(|&operand| (operand as usize) < first)
        };
        run.iter().all(fits)
            && (0..run[0].operands().len()).all(|k| self.is_vector(steps, run.iter().map(move |step| step.args[k])))
    }

    /// Whether elements are neighbours in a vector or in memory, the same element, or all known.
    fn is_vector(&self, steps: &[Step], operands: impl Iterator<Item = u32> + Clone) -> bool {
        let kind = |step: u32| steps[step as usize].kind;
        let neighbours = |a: u32, b: u32| match (kind(a), kind(b)) {
            (StepKind::Input(a), StepKind::Input(b)) => b == a + 1 && self.group[a as usize].0 == self.group[b as usize].0,
            (StepKind::Apply(_), StepKind::Apply(_)) => {
                b == a + 1 && self.pack_of[a as usize] > 0 && self.pack_of[a as usize] == self.pack_of[b as usize]
            }
            _ => false,
        };
        let pairs = || operands.clone().zip(operands.clone().skip(1));
        pairs().all(|(a, b)| a == b)
            || operands.clone().all(|x| matches!(kind(x), StepKind::Const(_)))
            || pairs().all(|(a, b)| neighbours(a, b))
    }
}
