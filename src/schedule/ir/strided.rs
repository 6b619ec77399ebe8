//! Boxes of elements in memory.

use crate::schedule::lengths::MAX_RANK;

/// A box of elements in memory: lengths, and the distance between neighbours along each axis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strided {
    pub(crate) lengths: Vec<usize>,
    pub(crate) strides: Vec<isize>,
    pub(crate) offset: usize,
}

impl Strided {
    /// Offsets of the elements in order.
    pub(crate) fn contiguous(lengths: &[usize]) -> Self {
        Strided { lengths: lengths.to_vec(), strides: strides(lengths).into_iter().map(|s| s as isize).collect(), offset: 0 }
    }

    /// The same elements without axes of length 1, so that a run is as long as it can be.
    pub(crate) fn without_ones(self) -> Self {
        let (lengths, strides) = self.lengths.iter().zip(&self.strides).filter(|(len, _)| **len != 1).unzip();
        Strided { lengths, strides, ..self }
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.lengths.iter().product()
    }

    /// Calls `f` with the start of every run along the last axis.
    pub(crate) fn runs(&self, mut f: impl FnMut(usize)) {
        let outer = self.lengths.len().saturating_sub(1);
        if self.len() == 0 {
            return;
        }
        let mut index = [0usize; MAX_RANK];
        let mut at = self.offset;
        loop {
            f(at);
            let mut k = outer;
            loop {
                if k == 0 {
                    return;
                }
                k -= 1;
                index[k] += 1;
                at = at.wrapping_add_signed(self.strides[k]);
                if index[k] < self.lengths[k] {
                    break;
                }
                at = at.wrapping_add_signed(-self.strides[k] * self.lengths[k] as isize);
                index[k] = 0;
            }
        }
    }

    /// The last axis: its length and stride.
    pub(crate) fn run(&self) -> (usize, isize) {
        (self.lengths.last().copied().unwrap_or(1), self.strides.last().copied().unwrap_or(1))
    }
}

/// The distance between neighbours along each axis, for elements in order.
pub(crate) fn strides(lengths: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; lengths.len()];
    for k in (1..lengths.len()).rev() {
        strides[k - 1] = strides[k] * lengths[k];
    }
    strides
}
