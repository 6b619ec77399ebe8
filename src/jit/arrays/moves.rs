//! What is not a loop over numbers: copies along strides, gathers, partial sums, extremes, matrix products.

use super::stages::MAX_RANK;
use crate::schedule::Scalar;

/// A box of places in memory: lengths, and the distance between neighbours along each axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Strided {
    pub(super) lengths: Vec<usize>,
    pub(super) strides: Vec<isize>,
    pub(super) offset: usize,
}

impl Strided {
    /// Places in order.
    pub(super) fn contiguous(lengths: &[usize]) -> Self {
        Strided { lengths: lengths.to_vec(), strides: strides(lengths).into_iter().map(|s| s as isize).collect(), offset: 0 }
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.lengths.iter().product()
    }

    /// Calls `f` with the start of every run along the last axis.
    fn runs(&self, mut f: impl FnMut(usize)) {
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
    fn run(&self) -> (usize, isize) {
        (self.lengths.last().copied().unwrap_or(1), self.strides.last().copied().unwrap_or(1))
    }
}

/// The distance between neighbours along each axis, for numbers in order.
pub(super) fn strides(lengths: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; lengths.len()];
    for k in (1..lengths.len()).rev() {
        strides[k - 1] = strides[k] * lengths[k];
    }
    strides
}

/// Reads places of `x` in order into `y`.
pub(super) fn read<T: Copy>(x: &[T], from: &Strided, y: &mut [T]) {
    let (n, stride) = from.run();
    let mut rows = y.chunks_exact_mut(n.max(1));
    from.runs(|start| {
        let row = rows.next().expect("as many runs as rows");
        for (k, y) in row.iter_mut().enumerate() {
            *y = x[start.wrapping_add_signed(stride * k as isize)];
        }
    });
}

/// Writes `x`, in order, to places of `y`.
pub(super) fn write<T: Copy>(x: &[T], y: &mut [T], to: &Strided) {
    let (n, stride) = to.run();
    let mut rows = x.chunks_exact(n.max(1));
    to.runs(|start| {
        let row = rows.next().expect("as many runs as rows");
        for (k, x) in row.iter().enumerate() {
            y[start.wrapping_add_signed(stride * k as isize)] = *x;
        }
    });
}

/// The largest or smallest value over the axes whose stride in the result is 0; NaN if there is one.
pub(super) fn extreme<T: Scalar>(x: &[T], lengths: &[usize], to: &Strided, largest: bool, y: &mut [T]) {
    let empty = if largest { f64::NEG_INFINITY } else { f64::INFINITY };
    if x.is_empty() {
        return y.fill(crate::op::lit(empty));
    }
    let mut index = [0usize; MAX_RANK];
    let mut at = 0isize;
    for &v in x {
        let first = index[..lengths.len()].iter().zip(&to.strides).all(|(&i, &stride)| stride != 0 || i == 0);
        let best = &mut y[at as usize];
        let better = if largest { v > *best } else { v < *best };
        if first || better || crate::op::Real::ne(v, v) {
            *best = v;
        }
        for k in (0..lengths.len()).rev() {
            index[k] += 1;
            at += to.strides[k];
            if index[k] < lengths[k] {
                break;
            }
            at -= to.strides[k] * lengths[k] as isize;
            index[k] = 0;
        }
    }
}

/// A product of matrices: rows, terms, columns; the distances between rows and columns of both factors.
#[derive(Copy, Clone, Debug)]
pub(super) struct MatMul {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) a: (isize, isize),
    pub(super) b: (isize, isize),
}

impl MatMul {
    /// C = A·B; each slice has the whole matrix.
    #[allow(unsafe_code, reason = "the library takes pointers")]
    pub(super) fn run<T: Scalar>(&self, a: &[T], b: &[T], c: &mut [T]) {
        let MatMul { m, k, n, .. } = *self;
        assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n, "whole matrices");
        if k == 0 {
            return c[..m * n].fill(T::default());
        }
        let ((ra, ca), (rb, cb)) = (self.a, self.b);
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: the strides are those of dense matrices of these sizes, in either order, and the slices are as long.
        unsafe {
            match T::WIDTH {
                crate::graph::Width::F64 => {
                    matrixmultiply::dgemm(m, k, n, 1.0, a.cast(), ra, ca, b.cast(), rb, cb, 0.0, c.cast(), n as isize, 1)
                }
                crate::graph::Width::F32 => {
                    matrixmultiply::sgemm(m, k, n, 1.0, a.cast(), ra, ca, b.cast(), rb, cb, 0.0, c.cast(), n as isize, 1)
                }
            }
        }
    }
}
