//! Sets of places: boxes with strides, in a form in which they can be compared.

use std::ops::Range;

/// A first place, and axes with their lengths and strides, the longest stride first. No axis has the length 1 or the stride 0, and no two
/// of them could be one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    pub(super) start: usize,
    axes: Vec<(usize, usize)>,
    /// Whether an axis along which nothing moves was left out.
    pub(super) stays: bool,
}

impl Places {
    /// Some neighbours.
    pub(super) fn run(start: usize, len: usize) -> Places {
        Places::new(start, &[(len, 1)])
    }

    /// A box of at least one place.
    pub(super) fn new(start: usize, axes: &[(usize, usize)]) -> Places {
        let stays = axes.iter().any(|&(len, stride)| len > 1 && stride == 0);
        let mut axes: Vec<(usize, usize)> = axes.iter().copied().filter(|&(len, stride)| len > 1 && stride > 0).collect();
        axes.sort_by_key(|&(_, stride)| std::cmp::Reverse(stride));
        for k in (1..axes.len()).rev() {
            let (len, stride) = axes[k];
            if axes[k - 1].1 == len * stride {
                axes[k - 1] = (axes[k - 1].0 * len, stride);
                axes.remove(k);
            }
        }
        Places { start, axes, stays }
    }

    /// The same, so much further on.
    pub(super) fn moved(&self, by: usize) -> Places {
        Places { start: self.start + by, ..self.clone() }
    }

    /// The same for `count` places of the whole, so far from each other.
    pub(super) fn repeated(&self, count: usize, step: usize) -> Places {
        let axes: Vec<(usize, usize)> = self.axes.iter().copied().chain([(count, step)]).collect();
        Places { stays: self.stays || (count > 1 && step == 0), ..Places::new(self.start, &axes) }
    }

    /// From the first place to the last one.
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.start + 1 + reach(&self.axes)
    }

    /// Whether no two indices are one place.
    pub(super) fn is_injective(&self) -> bool {
        (0..self.axes.len()).all(|k| self.axes[k].1 > reach(&self.axes[k + 1..]))
    }

    /// Neighbours, as many as there are, and the axes around them.
    fn around(&self) -> (usize, &[(usize, usize)]) {
        match self.axes.split_last() {
            Some((&(len, 1), around)) => (len, around),
            _ => (1, &self.axes),
        }
    }

    /// The length of the runs, how many there are, and how far apart, if they are in one row.
    pub(super) fn rows(&self) -> Option<(usize, usize, usize)> {
        match self.around() {
            (run, []) => Some((run, 1, run)),
            (run, &[(count, period)]) => Some((run, count, period)),
            _ => None,
        }
    }

    /// Every run of neighbours.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let (run, around) = self.around();
        let mut starts = vec![self.start];
        for &(len, stride) in around {
            starts = starts.iter().flat_map(|start| (0..len).map(move |k| start + k * stride)).collect();
        }
        starts.into_iter().map(|start| start..start + run).collect()
    }
}

/// How far the last index of all axes is from the first.
fn reach(axes: &[(usize, usize)]) -> usize {
    axes.iter().map(|&(len, stride)| (len - 1) * stride).sum()
}

#[cfg(test)]
mod tests {
    use super::Places;
    use proptest::prelude::*;

    fn all(start: usize, axes: &[(usize, usize)]) -> Vec<usize> {
        let mut places = vec![start];
        for &(len, stride) in axes {
            places = places.iter().flat_map(|at| (0..len).map(move |k| at + k * stride)).collect();
        }
        places.sort_unstable();
        places
    }

    proptest! {
        /// Against every place by itself. Injectivity is found where strides nest; elsewhere it may be denied.
        #[test]
        fn boxes_are_what_they_were(start in 0usize..9, axes in prop::collection::vec((1usize..4, 0usize..9), 0..4)) {
            let found = Places::new(start, &axes);
            let mut places = all(start, &axes);
            let total = places.len();
            places.dedup();
            let mut runs: Vec<usize> = found.runs().into_iter().flatten().collect();
            runs.sort_unstable();
            runs.dedup();
            prop_assert_eq!(&runs, &places);
            prop_assert_eq!(found.span(), places[0]..places[places.len() - 1] + 1);
            prop_assert_eq!(found.stays, axes.iter().any(|&(len, stride)| len > 1 && stride == 0));
            if found.is_injective() && !found.stays {
                prop_assert_eq!(places.len(), total);
            }
        }
    }

    #[test]
    fn dense_boxes_are_runs() {
        let dense = Places::new(5, &[(2, 12), (3, 4), (4, 1)]);
        assert_eq!((dense.rows(), dense.is_injective()), (Some((24, 1, 24)), true));
        let columns = Places::new(5, &[(2, 12), (3, 4), (2, 1)]);
        assert_eq!((columns.rows(), columns.is_injective()), (Some((2, 6, 4)), true));
        assert!(!Places::new(0, &[(3, 2), (3, 1)]).is_injective());
        assert!(Places::new(0, &[(3, 3), (3, 1)]).is_injective());
    }
}
