//! Products of matrices, for whatever vectors the processor has, without a byte of memory of their own.
//!
//! In: two factors with any strides. Out: the dense product. The order of additions is the kernels' own; they use fused
//! multiply-adds.

mod kernels;
mod lanes;

use crate::base::Width;
use crate::exec::threads::{self, Shared};
use crate::op::Scalar;
use crate::schedule::ir::MatMul;
use kernels::Block;
#[cfg(target_arch = "x86_64")]
use lanes::Lanes;
use lanes::Plain;

/// Rows and columns that one thread takes at least: whole tiles.
const ROWS: usize = 32;
const COLUMNS: usize = 64;
/// Fewer multiplications (some ten microseconds) are not shared out.
const WORTH: usize = 400_000;

impl MatMul {
    /// C = A·B for several products, one after the other in memory, on up to some threads. Every element of a result is computed in the
    /// same way whoever does it.
    pub(super) fn run<T: Scalar>(&self, threads: usize, count: usize, a: &[T], b: &[T], c: &mut [T]) {
        self.run_with(Vectors::here(), (threads, WORTH), count, a, b, c);
    }

    /// The same; what takes fewer multiplications than `worth` is not shared out.
    fn run_with<T: Scalar>(
        &self,
        vectors: Vectors,
        (threads, worth): (usize, usize),
        count: usize,
        a: &[T],
        b: &[T],
        c: &mut [T],
    ) {
        // A column is the row of the transposed product: the same elements at the same addresses.
        let MatMul { rows, m, k, n, a: (ra, ca), b: (rb, cb) } = *self;
        debug_assert!(rows == m || (count == 1 && n > 1), "a part of one product of matrices");
        let (size, a, b) = match n == 1 && m > 1 {
            true => (MatMul { rows: 1, m: 1, k, n: m, a: (cb, rb), b: (ca, ra) }, b, a),
            false => (*self, a, b),
        };
        let (of_a, of_b, of_c) = (size.rows * k, k * size.n, rows * n);
        // A factor of one product may be part of a larger matrix.
        let fits = |len: usize, each: usize, ends: [usize; 2], (row, column): (isize, isize)| {
            let last = |ends: [usize; 2]| (ends[0] - 1) * row.unsigned_abs() + (ends[1] - 1) * column.unsigned_abs();
            count == 0 || ends.contains(&0) || len > (count - 1) * each + last(ends)
        };
        let whole = fits(a.len(), of_a, [size.rows, k], size.a) && fits(b.len(), of_b, [k, size.n], size.b);
        assert!(whole && c.len() >= count * of_c, "whole matrices");
        if k == 0 {
            return c[..count * of_c].fill(T::default());
        }
        let shared = Shared::new(c.as_mut_ptr());
        let run = |product: usize, block: Block| {
            let (a, b) = (a[product * of_a..].as_ptr(), b[product * of_b..].as_ptr());
            // SAFETY: the slices reach to the last element of every matrix, and blocks that are computed at a time have no element of the
            // result in common.
            unsafe { size.block(block, a, b, shared.get().add(product * of_c), vectors) }
        };
        let whole = Block { rows: 0..size.rows, columns: 0..size.n };
        if threads == 1 || count.saturating_mul(rows * k * n) < worth {
            return (0..count).for_each(|product| run(product, whole.clone()));
        }
        if count >= threads {
            let tasks = count.min(4 * threads);
            return threads::each(threads, tasks, |task| {
                threads::share(count, 1, tasks, task).for_each(|product| run(product, whole.clone()));
            });
        }
        // Columns rather than rows: who has all rows of some columns packs these columns alone.
        let (rows, columns) = (size.rows.div_ceil(ROWS), size.n.div_ceil(COLUMNS));
        let by_columns = columns >= threads.min(rows);
        let tasks = (2 * threads).min(if by_columns { columns } else { rows });
        for product in 0..count {
            threads::each(threads, tasks, |task| {
                let block = match by_columns {
                    true => Block { columns: threads::share(size.n, COLUMNS, tasks, task), ..whole.clone() },
                    false => Block { rows: threads::share(size.rows, ROWS, tasks, task), ..whole.clone() },
                };
                run(product, block);
            });
        }
    }

    /// A block of the result.
    ///
    /// # Safety
    /// The addresses are those of matrices with these strides; the vectors are those of this processor.
    unsafe fn block<T: Scalar>(self, block: Block, a: *const T, b: *const T, c: *mut T, vectors: Vectors) {
        // SAFETY: as promised; the width is that of the elements.
        unsafe {
            match (T::WIDTH, vectors) {
                (Width::F32, Vectors::None) => kernels::product::<Plain<f32>>(self, block, a.cast(), b.cast(), c.cast()),
                (Width::F64, Vectors::None) => kernels::product::<Plain<f64>>(self, block, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F32, Vectors::Avx2) => avx2::<lanes::Avx2F32>(self, block, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F64, Vectors::Avx2) => avx2::<lanes::Avx2F64>(self, block, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F32, Vectors::Avx512) => avx512::<lanes::Avx512F32>(self, block, a.cast(), b.cast(), c.cast()),
                #[cfg(target_arch = "x86_64")]
                (Width::F64, Vectors::Avx512) => avx512::<lanes::Avx512F64>(self, block, a.cast(), b.cast(), c.cast()),
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
unsafe fn avx2<V: Lanes>(size: MatMul, block: Block, a: *const V::T, b: *const V::T, c: *mut V::T) {
    // SAFETY: as promised.
    unsafe { kernels::product::<V>(size, block, a, b, c) }
}

/// # Safety
/// As [`kernels::product`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<V: Lanes>(size: MatMul, block: Block, a: *const V::T, b: *const V::T, c: *mut V::T) {
    // SAFETY: as promised.
    unsafe { kernels::product::<V>(size, block, a, b, c) }
}

#[cfg(test)]
mod tests {
    use super::{MatMul, Vectors};
    use proptest::prelude::*;

    /// Whole numbers, so that every order of additions gives the same.
    fn numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7 + seed * 13) % 19) as f64 - 9.0).collect()
    }

    /// Miri takes a thousand times as long, and has no files.
    fn config() -> ProptestConfig {
        if cfg!(miri) {
            return ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3) };
        }
        ProptestConfig::default()
    }

    /// How far a length goes: an eighth as far under Miri.
    fn long(most: usize) -> usize {
        if cfg!(miri) { most.div_ceil(8) } else { most }
    }

    proptest! {
        #![proptest_config(config())]
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
            let size = MatMul { rows: m, m, k, n, a: strides(m, k, ta), b: strides(k, n, tb) };
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
                size.run_with(vectors, (1, 0), 1, &a, &b, &mut c);
                prop_assert_eq!(&c[..m * n], &expected, "{:?}", vectors);
                prop_assert!(c[m * n..].iter().all(|&v| v == 7.5));
                let mut c = vec![7.5f32; m * n + 40];
                size.run_with(vectors, (1, 0), 1, &narrow(&a), &narrow(&b), &mut c);
                prop_assert_eq!(&c[..m * n], &narrow(&expected), "{:?}, f32", vectors);
                prop_assert!(c[m * n..].iter().all(|&v| v == 7.5));
            }
        }

        /// Several products on any number of threads: the bits of one thread, whatever rows or columns each takes.
        #[test]
        fn threads_give_the_same_bits(
            (m, k, n) in prop_oneof![
                (1..long(200), 1..long(70), 1usize..10),
                (1usize..10, 1..long(70), 1..long(400)),
                (30..30 + long(110), 60..60 + long(20), 60..60 + long(80)),
                (1..long(80), 250usize..300, 1..long(80)),
                Just((1, 30, 1)),
            ],
            (ta, tb, seed, count, threads) in (any::<bool>(), any::<bool>(), 0usize..100, 1usize..6, 2usize..6),
        ) {
            let wave = |n: usize, seed: usize| -> Vec<f64> { (0..n).map(|i| ((i + seed) as f64).sin()).collect() };
            let (a, b) = (wave(count * m * k, seed), wave(count * k * n, seed + 1));
            let strides = |rows: usize, columns: usize, transposed: bool| {
                if transposed { (1, rows as isize) } else { (columns as isize, 1) }
            };
            let size = MatMul { rows: m, m, k, n, a: strides(m, k, ta), b: strides(k, n, tb) };
            for vectors in [Vectors::None, Vectors::here()] {
                let (mut one, mut many) = (vec![7.5; count * m * n], vec![7.5; count * m * n]);
                size.run_with(vectors, (1, 0), count, &a, &b, &mut one);
                size.run_with(vectors, (threads, 0), count, &a, &b, &mut many);
                let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&one), bits(&many), "{:?}", vectors);
            }
        }
    }
}
