//! Kernels over slices: the same arithmetic in vectors as wide as the processor has them, where native code has those of 128 bits. The
//! compiler makes vectors of a loop over single numbers, so that the bits are those of [`Kernel1::run`] for every width.

use super::fused::has_fma;
use super::trig;
use crate::base::{Kernel1, Lanes, Width};

/// A kernel of every number of a slice: where they are, where results go, and how many there are. Numbers are of the width that it was
/// made for, and the slices are apart.
type SliceRoutine = unsafe extern "C" fn(*const (), *mut (), usize);

/// Two kernels of every number of a slice: where they are, where the results of the one and of the other go, and how many there are.
type PairRoutine = unsafe extern "C" fn(*const (), *mut (), *mut (), usize);

/// Two kernels over slices for native code to call, for every processor. What they share is computed once.
pub(super) fn address_of_both<K: Kernel1, D: Kernel1>(width: Width) -> *const u8 {
    let routines: [[PairRoutine; 2]; 3] = [
        [plain_both::<K, D, f64>, plain_both::<K, D, f32>],
        [fast_both::<K, D, f64>, fast_both::<K, D, f32>],
        [wide_both::<K, D, f64>, wide_both::<K, D, f32>],
    ];
    let [f64, f32] = routines[usize::from(has_fma()) + usize::from(has_fma() && has_wide())];
    if width == Width::F64 { f64 as *const u8 } else { f32 as *const u8 }
}

/// A kernel over slices, the same.
pub(super) fn address<K: Kernel1>(width: Width) -> *const u8 {
    let routines: [[SliceRoutine; 2]; 3] =
        [[plain::<K, f64>, plain::<K, f32>], [fast::<K, f64>, fast::<K, f32>], [wide::<K, f64>, wide::<K, f32>]];
    let [f64, f32] = routines[usize::from(has_fma()) + usize::from(has_fma() && has_wide())];
    if width == Width::F64 { f64 as *const u8 } else { f32 as *const u8 }
}

/// How many numbers a vector of 512 bits has. What is left over after vectors is done one by one, which takes as long for each
/// number: slices that are whole blocks have nothing left over.
pub(crate) fn block(width: Width) -> usize {
    64 / width.bytes()
}

/// Whether the processor has vectors of 512 bits.
fn has_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))]
unsafe extern "C" fn wide<K: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), n: usize) {
    // SAFETY: the caller's.
    unsafe { over::<K, T>(x, y, n) }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
unsafe extern "C" fn fast<K: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), n: usize) {
    // SAFETY: the caller's.
    unsafe { over::<K, T>(x, y, n) }
}

unsafe extern "C" fn plain<K: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), n: usize) {
    // SAFETY: the caller's.
    unsafe { over::<K, T>(x, y, n) }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))]
unsafe extern "C" fn wide_both<K: Kernel1, D: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), z: *mut (), n: usize) {
    // SAFETY: the caller's.
    unsafe { over_both::<K, D, T>(x, y, z, n) }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
unsafe extern "C" fn fast_both<K: Kernel1, D: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), z: *mut (), n: usize) {
    // SAFETY: the caller's.
    unsafe { over_both::<K, D, T>(x, y, z, n) }
}

unsafe extern "C" fn plain_both<K: Kernel1, D: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), z: *mut (), n: usize) {
    // SAFETY: the caller's.
    unsafe { over_both::<K, D, T>(x, y, z, n) }
}

#[inline(always)]
unsafe fn over_both<K: Kernel1, D: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), z: *mut (), n: usize) {
    // SAFETY: there are `n` numbers of this type, and nothing writes to them.
    let x = unsafe { std::slice::from_raw_parts(x.cast::<T>(), n) };
    // SAFETY: there is room for as many, which nothing else reads or writes.
    let y = unsafe { std::slice::from_raw_parts_mut(y.cast::<T>(), n) };
    // SAFETY: the same.
    let z = unsafe { std::slice::from_raw_parts_mut(z.cast::<T>(), n) };
    let mut far = false;
    for ((&x, y), z) in x.iter().zip(&mut *y).zip(&mut *z) {
        (*y, *z) = (K::near(x), D::near(x));
        far |= trig::is_far(x);
    }
    if far {
        repaired::<K, T>(x, y);
        repaired::<D, T>(x, z);
    }
}

/// Results for numbers that are far from 0. A call in the loop over all numbers would leave no vectors.
#[inline(always)]
fn repaired<K: Kernel1, T: Lanes<Mask = bool>>(x: &[T], y: &mut [T]) {
    if let Some(routine) = K::FAR {
        for (&x, y) in x.iter().zip(y) {
            *y = y.rare(trig::is_far(x), x, routine);
        }
    }
}

#[inline(always)]
unsafe fn over<K: Kernel1, T: Lanes<Mask = bool>>(x: *const (), y: *mut (), n: usize) {
    // SAFETY: there are `n` numbers of this type, and nothing writes to them.
    let x = unsafe { std::slice::from_raw_parts(x.cast::<T>(), n) };
    // SAFETY: there is room for as many, which nothing else reads or writes.
    let y = unsafe { std::slice::from_raw_parts_mut(y.cast::<T>(), n) };
    let mut far = false;
    for (&x, y) in x.iter().zip(&mut *y) {
        *y = K::near(x);
        far |= trig::is_far(x);
    }
    if far {
        repaired::<K, T>(x, y);
    }
}
