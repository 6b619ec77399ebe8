//! Products of matrices, for whatever vectors the processor has, without a byte of memory of their own.
//!
//! In: two factors with any strides. Out: the dense product. The order of additions is the kernels' own; they use fused
//! multiply-adds.

mod kernels;
mod lanes;

use crate::graph::Width;
use crate::schedule::Scalar;
use lanes::{Lanes, Plain};

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
    pub(super) fn run<T: Scalar>(&self, a: &[T], b: &[T], c: &mut [T]) {
        self.run_with(a, b, c, Vectors::here());
    }

    fn run_with<T: Scalar>(&self, a: &[T], b: &[T], c: &mut [T], vectors: Vectors) {
        let MatMul { m, k, n, .. } = *self;
        assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n, "whole matrices");
        if k == 0 {
            return c[..m * n].fill(T::default());
        }
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: the strides are those of dense matrices of these sizes, in either order, and the slices are as long; the width
        // is that of the numbers; the vectors are those of this processor.
        unsafe {
            match (T::WIDTH, vectors) {
                (Width::F32, Vectors::None) => kernels::product::<Plain<f32>>(*self, a.cast(), b.cast(), c.cast()),
                (Width::F64, Vectors::None) => kernels::product::<Plain<f64>>(*self, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F32, Vectors::Avx2) => avx2::<lanes::Avx2F32>(*self, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F64, Vectors::Avx2) => avx2::<lanes::Avx2F64>(*self, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F32, Vectors::Avx512) => avx512::<lanes::Avx512F32>(*self, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F64, Vectors::Avx512) => avx512::<lanes::Avx512F64>(*self, a.cast(), b.cast(), c.cast()),
            }
        }
    }
}

/// The vectors of a processor.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Vectors {
    None,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// The widest ones of this processor.
    #[cfg(target_arch = "x86_64")]
    fn here() -> Vectors {
        match () {
            () if is_x86_feature_detected!("avx512f") => Vectors::Avx512,
            () if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") => Vectors::Avx2,
            () => Vectors::None,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn here() -> Vectors {
        Vectors::None
    }
}

/// # Safety
/// As [`kernels::product`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<V: Lanes>(size: MatMul, a: *const V::T, b: *const V::T, c: *mut V::T) {
    // SAFETY: as promised.
    unsafe { kernels::product::<V>(size, a, b, c) }
}

/// # Safety
/// As [`kernels::product`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<V: Lanes>(size: MatMul, a: *const V::T, b: *const V::T, c: *mut V::T) {
    // SAFETY: as promised.
    unsafe { kernels::product::<V>(size, a, b, c) }
}

#[cfg(test)]
mod tests {
    use super::{MatMul, Vectors};
    use proptest::prelude::*;

    /// Whole numbers, so that every order of additions gives the same.
    fn numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7 + seed * 13) % 19) as f64 - 9.0).collect()
    }

    proptest! {
        /// Every size, both orders of either factor, every kind of vectors: the product by definition, and nothing beside it written.
        #[test]
        fn products_are_right(
            (m, k, n) in prop_oneof![
                (0usize..20, 0usize..40, 0usize..40),
                (1usize..40, 250usize..600, 1usize..40),
                (30usize..40, 60usize..80, 100usize..140),
            ],
            (ta, tb, seed) in (any::<bool>(), any::<bool>(), 0usize..100),
        ) {
            let (a, b) = (numbers(m * k, seed), numbers(k * n, seed + 1));
            let strides = |rows: usize, columns: usize, transposed: bool| {
                if transposed { (1, rows as isize) } else { (columns as isize, 1) }
            };
            let size = MatMul { m, k, n, a: strides(m, k, ta), b: strides(k, n, tb) };
            let at = |x: &[f64], (r, c): (isize, isize), i: usize, j: usize| x[i * r as usize + j * c as usize];
            let expected: Vec<f64> = (0..m * n)
                .map(|ij| (0..k).map(|p| at(&a, size.a, ij / n, p) * at(&b, size.b, p, ij % n)).sum())
                .collect();
            let narrow = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
            let mut kinds = vec![Vectors::None, Vectors::here()];
            #[cfg(target_arch = "x86_64")]
            kinds.extend((Vectors::here() > Vectors::Avx2).then_some(Vectors::Avx2));
            for vectors in kinds {
                let mut c = vec![7.5; m * n + 40];
                size.run_with(&a, &b, &mut c, vectors);
                prop_assert_eq!(&c[..m * n], &expected, "{:?}", vectors);
                prop_assert!(c[m * n..].iter().all(|&v| v == 7.5));
                let mut c = vec![7.5f32; m * n + 40];
                size.run_with(&narrow(&a), &narrow(&b), &mut c, vectors);
                prop_assert_eq!(&c[..m * n], &narrow(&expected), "{:?}, f32", vectors);
                prop_assert!(c[m * n..].iter().all(|&v| v == 7.5));
            }
        }
    }
}
