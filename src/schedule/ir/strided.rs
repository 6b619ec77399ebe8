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
        if self.len() == 0 {
            return;
        }
        // Axes around the runs that go on in the step of the one within are one loop with it.
        let mut around = self.lengths.len().saturating_sub(1);
        let (mut count, mut step) = (1, 0);
        while around > 0 && (count == 1 || self.strides[around - 1] == step * count as isize) {
            around -= 1;
            if count == 1 {
                step = self.strides[around];
            }
            count *= self.lengths[around];
        }
        let mut index = [0usize; MAX_RANK];
        let mut start = self.offset;
        loop {
            let mut at = start;
            for _ in 0..count {
                f(at);
                at = at.wrapping_add_signed(step);
            }
            let mut k = around;
            loop {
                if k == 0 {
                    return;
                }
                k -= 1;
                index[k] += 1;
                start = start.wrapping_add_signed(self.strides[k]);
                if index[k] < self.lengths[k] {
                    break;
                }
                start = start.wrapping_add_signed(-self.strides[k] * self.lengths[k] as isize);
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

#[cfg(test)]
mod tests {
    use super::Strided;
    use proptest::prelude::*;

    proptest! {
        /// A run for every index of the axes around it, in order, whichever of these are gone through as one.
        #[test]
        fn runs_are_those_of_all_indices(
            lengths in prop::collection::vec(0usize..4, 0..5),
            factors in prop::collection::vec((0isize..3, any::<bool>()), 4),
            offset in 0usize..10,
        ) {
            // Strides of elements in order, some of them made others.
            let mut strides = Strided::contiguous(&lengths).strides;
            strides.iter_mut().zip(factors).filter(|(_, (_, other))| *other).for_each(|(stride, (by, _))| *stride *= by);
            let places = Strided { lengths, strides, offset };
            let outer = places.lengths.len().saturating_sub(1);
            let mut expected = vec![places.offset as isize];
            for (&length, &stride) in places.lengths[..outer].iter().zip(&places.strides) {
                expected = expected.iter().flat_map(|at| (0..length as isize).map(move |i| at + i * stride)).collect();
            }
            if places.len() == 0 {
                expected.clear();
            }
            let mut found = Vec::new();
            places.runs(|start| found.push(start as isize));
            prop_assert_eq!(found, expected);
        }
    }
}
