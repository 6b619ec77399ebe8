//! The one dispatch on the processor's features: kernels and the interpreter's walk in a version with hardware multiply-add, without
//! which `mul_add` is a call of a slow routine. Both versions give the same bits.

use crate::base::{Kernel1, Kernel2, Lanes};

/// Whether the processor has what the fast versions are compiled for.
#[inline(always)]
pub(super) fn has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Something that takes long and can be inlined whole.
pub(crate) trait Walk {
    /// Mark this `#[inline(always)]`.
    fn walk(self);
}

/// Walks with hardware multiply-add, if there is one.
pub(crate) fn fused(walk: impl Walk) {
    if has_fma() {
        // SAFETY: the processor has the features.
        return unsafe { with_fma(walk) };
    }
    walk.walk()
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
unsafe fn with_fma(walk: impl Walk) {
    walk.walk()
}

macro_rules! routines {
    ($fused:ident $routine:ident $slow:ident $fast:ident $Kernel:ident($($x:ident)*)) => {
        /// The kernel on single numbers.
        #[inline(always)]
        pub(crate) fn $fused<K: $Kernel, T: Lanes>($($x: T),*) -> T {
            if has_fma() {
                // SAFETY: the processor has the features.
                return unsafe { $fast::<K, T>($($x),*) };
            }
            $slow::<K, T>($($x),*)
        }

        /// The address of the same, to be called from native code.
        pub(crate) fn $routine<K: $Kernel, T: Lanes>() -> *const u8 {
            if has_fma() { $fast::<K, T> as *const u8 } else { $slow::<K, T> as *const u8 }
        }

        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
        unsafe extern "C" fn $fast<K: $Kernel, T: Lanes>($($x: T),*) -> T {
            K::run($($x),*)
        }

        extern "C" fn $slow<K: $Kernel, T: Lanes>($($x: T),*) -> T {
            K::run($($x),*)
        }
    };
}
routines! { fused1 routine1 slow1 fast1 Kernel1(x) }
routines! { fused2 routine2 slow2 fast2 Kernel2(x y) }

/// The address of two kernels of a number, to be called from native code: the first one's value is the result, the second one's goes to a place.
/// What they share is computed once.
pub(super) fn routine_of_both<K: Kernel1, D: Kernel1, T: Lanes>() -> *const u8 {
    if has_fma() { fast_both::<K, D, T> as *const u8 } else { slow_both::<K, D, T> as *const u8 }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
unsafe extern "C" fn fast_both<K: Kernel1, D: Kernel1, T: Lanes>(x: T, second: *mut T) -> T {
    // SAFETY: native code gives a place for a number.
    unsafe { second.write(D::run(x)) };
    K::run(x)
}

unsafe extern "C" fn slow_both<K: Kernel1, D: Kernel1, T: Lanes>(x: T, second: *mut T) -> T {
    // SAFETY: native code gives a place for a number.
    unsafe { second.write(D::run(x)) };
    K::run(x)
}
