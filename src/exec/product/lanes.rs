//! Vectors of the processor at hand, for products of matrices: what the kernels need of them, no more.

use crate::op::Real;

/// Several elements that are computed with at once.
///
/// # Safety
/// Methods may be called where the processor has the instructions of the type; pointers are valid for as many elements as are
/// read or written.
pub(super) unsafe trait Lanes: Copy {
    type T: Real;
    /// Which lanes of a vector are meant.
    type Part: Copy;
    /// How many elements.
    const N: usize;
    /// Rows of a tile of two vectors that the registers hold.
    const ROWS: usize;
    /// The first `n` lanes, up to all.
    unsafe fn first(n: usize) -> Self::Part;
    unsafe fn zero() -> Self;
    unsafe fn splat(v: Self::T) -> Self;
    unsafe fn load(from: *const Self::T) -> Self;
    /// Zeros in the other lanes.
    unsafe fn load_part(from: *const Self::T, part: Self::Part) -> Self;
    unsafe fn store(self, to: *mut Self::T);
    unsafe fn store_part(self, to: *mut Self::T, part: Self::Part);
    unsafe fn add(self, y: Self) -> Self;
    /// x·y + z
    unsafe fn fma(self, y: Self, z: Self) -> Self;
    unsafe fn sum(self) -> Self::T;
}

/// Without vector instructions of its own: what the compiler makes of four elements.
#[derive(Copy, Clone)]
pub(super) struct Plain<T>([T; 4]);

// SAFETY: there are no instructions that a processor may lack.
unsafe impl<T: Real + Copy> Lanes for Plain<T> {
    type T = T;
    type Part = usize;
    const N: usize = 4;
    const ROWS: usize = 4;
    #[inline(always)]
    unsafe fn first(n: usize) -> usize {
        n.min(4)
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        Plain([T::lit(0.0); 4])
    }
    #[inline(always)]
    unsafe fn splat(v: T) -> Self {
        Plain([v; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller vouches for four elements.
        Plain(unsafe { from.cast::<[T; 4]>().read() })
    }
    #[inline(always)]
    unsafe fn load_part(from: *const T, part: usize) -> Self {
        let mut v = [T::lit(0.0); 4];
        // SAFETY: the caller vouches for `part` elements, which are no more than four.
        unsafe { std::ptr::copy_nonoverlapping(from, v.as_mut_ptr(), part) };
        Plain(v)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller vouches for room for four elements.
        unsafe { to.cast::<[T; 4]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut T, part: usize) {
        // SAFETY: the caller vouches for room for `part` elements, which are no more than four.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, part) }
    }
    #[inline(always)]
    unsafe fn add(self, y: Self) -> Self {
        Plain(std::array::from_fn(|k| self.0[k] + y.0[k]))
    }
    #[inline(always)]
    unsafe fn fma(self, y: Self, z: Self) -> Self {
        Plain(std::array::from_fn(|k| self.0[k] * y.0[k] + z.0[k]))
    }
    #[inline(always)]
    unsafe fn sum(self) -> T {
        let [a, b, c, d] = self.0;
        (a + b) + (c + d)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2F32, Avx2F64, Avx512F32, Avx512F64};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    macro_rules! vectors {
        ($($(#[$note:meta])* $V:ident($v:ty) of $T:ty, $n:literal, $rows:literal, part $Part:ty = |$count:ident| $part:expr,
            $zero:ident $splat:ident $load:ident $store:ident $add:ident $fma:ident,
            |$from:ident, $mask:ident| $load_part:expr, |$x:ident, $to:ident, $of:ident| $store_part:expr, |$all:ident| $sum:expr;)*) => { $(
            $(#[$note])*
            #[derive(Copy, Clone)]
            pub(in super::super) struct $V($v);

            // SAFETY: the methods are the instructions that the type is named for, which the callers have.
            #[allow(clippy::undocumented_unsafe_blocks, unused_unsafe, reason = "each is one instruction; the trait says what is promised")]
            unsafe impl Lanes for $V {
                type T = $T;
                type Part = $Part;
                const N: usize = $n;
                const ROWS: usize = $rows;
                #[inline(always)]
                unsafe fn first($count: usize) -> $Part { unsafe { $part } }
                #[inline(always)]
                unsafe fn zero() -> Self { unsafe { $V($zero()) } }
                #[inline(always)]
                unsafe fn splat(v: $T) -> Self { unsafe { $V($splat(v)) } }
                #[inline(always)]
                unsafe fn load(from: *const $T) -> Self { unsafe { $V($load(from)) } }
                #[inline(always)]
                unsafe fn load_part($from: *const $T, $mask: $Part) -> Self { unsafe { $V($load_part) } }
                #[inline(always)]
                unsafe fn store(self, to: *mut $T) { unsafe { $store(to, self.0) } }
                #[inline(always)]
                unsafe fn store_part(self, $to: *mut $T, $of: $Part) { let $x = self.0; unsafe { $store_part } }
                #[inline(always)]
                unsafe fn add(self, y: Self) -> Self { unsafe { $V($add(self.0, y.0)) } }
                #[inline(always)]
                unsafe fn fma(self, y: Self, z: Self) -> Self { unsafe { $V($fma(self.0, y.0, z.0)) } }
                #[inline(always)]
                unsafe fn sum(self) -> $T { let $all = self.0; unsafe { $sum } }
            }
        )* };
    }
    vectors! {
        /// AVX-512F, singles.
        Avx512F32(__m512) of f32, 16, 8, part __mmask16 = |n| if n >= 16 { !0 } else { (1 << n) - 1 },
            _mm512_setzero_ps _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_fmadd_ps,
            |from, mask| _mm512_maskz_loadu_ps(mask, from), |x, to, mask| _mm512_mask_storeu_ps(to, mask, x),
            |x| _mm512_reduce_add_ps(x);
        /// AVX-512F, doubles.
        Avx512F64(__m512d) of f64, 8, 8, part __mmask8 = |n| if n >= 8 { !0 } else { (1 << n) - 1 },
            _mm512_setzero_pd _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_fmadd_pd,
            |from, mask| _mm512_maskz_loadu_pd(mask, from), |x, to, mask| _mm512_mask_storeu_pd(to, mask, x),
            |x| _mm512_reduce_add_pd(x);
        /// AVX2 and FMA, singles.
        Avx2F32(__m256) of f32, 8, 4,
            part __m256i = |n| _mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(8) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
            _mm256_setzero_ps _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_fmadd_ps,
            |from, mask| _mm256_maskload_ps(from, mask), |x, to, mask| _mm256_maskstore_ps(to, mask, x),
            |x| {
                let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
                let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
                _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
            };
        /// AVX2 and FMA, doubles.
        Avx2F64(__m256d) of f64, 4, 4,
            part __m256i = |n| _mm256_cmpgt_epi64(_mm256_set1_epi64x(n.min(4) as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
            _mm256_setzero_pd _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_fmadd_pd,
            |from, mask| _mm256_maskload_pd(from, mask), |x, to, mask| _mm256_maskstore_pd(to, mask, x),
            |x| {
                let x = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
                _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)))
            };
    }
}
