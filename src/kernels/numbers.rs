//! Plain numbers as machines: kernels run with hardware multiply-add where the processor has it.

use super::fused::{fused1, fused2};
use crate::base::{Bits, Kernel1, Kernel2, Lanes, Library1, Library2, Machine};

macro_rules! float_machine {
    ($($T:ident $U:ident $double:literal)*) => { $(
        impl Machine for $T {
            type Mask = bool;
            #[inline(always)]
            fn k(self, v: f64) -> $T { v as $T }
            #[inline(always)]
            fn fma(self, y: $T, z: $T) -> $T { $T::mul_add(self, y, z) }
            #[inline(always)]
            fn sqrt(self) -> $T { $T::sqrt(self) }
            #[inline(always)]
            fn abs(self) -> $T { $T::abs(self) }
            #[inline(always)]
            fn floor(self) -> $T { $T::floor(self) }
            #[inline(always)]
            fn ceil(self) -> $T { $T::ceil(self) }
            #[inline(always)]
            fn trunc(self) -> $T { $T::trunc(self) }
            #[inline(always)]
            fn copysign(self, y: $T) -> $T { $T::copysign(self, y) }
            #[inline(always)]
            fn lt(self, y: $T) -> bool { self < y }
            #[inline(always)]
            fn le(self, y: $T) -> bool { self <= y }
            #[inline(always)]
            fn eq(self, y: $T) -> bool { self == y }
            #[inline(always)]
            fn select(m: bool, a: $T, b: $T) -> $T { if m { a } else { b } }
            #[inline(always)]
            fn call1(self, f: &'static Library1) -> $T { (f.$T)(self) }
            #[inline(always)]
            fn call2(self, y: $T, f: &'static Library2) -> $T { (f.$T)(self, y) }
            #[inline(always)]
            fn library_exp(self) -> $T { self.exp() }
            #[inline(always)]
            fn kernel1<K: Kernel1>(self, _: K) -> $T { fused1::<K, $T>(self) }
            #[inline(always)]
            fn kernel2<K: Kernel2>(self, y: $T, _: K) -> $T { fused2::<K, $T>(self, y) }
        }
        impl Lanes for $T {
            type Bits = std::num::Wrapping<$U>;
            #[inline(always)]
            fn is_double(self) -> bool { $double }
            #[inline(always)]
            fn kbits(self, v: u64) -> Self::Bits { std::num::Wrapping(v as $U) }
            #[inline(always)]
            fn bits(self) -> Self::Bits { std::num::Wrapping(self.to_bits()) }
            #[inline(always)]
            fn from_bits(bits: Self::Bits) -> $T { $T::from_bits(bits.0) }
            #[inline(always)]
            fn rare(self, m: bool, x: $T, f: &'static Library1) -> $T { if m { (f.$T)(x) } else { self } }
            #[inline(always)]
            fn rare_of_two(self, m: bool, x: $T, f: &'static Library2) -> $T { if m { (f.$T)(x, self) } else { self } }
        }
        impl Bits for std::num::Wrapping<$U> {
            #[inline(always)]
            fn shl(self, n: u32) -> Self { std::num::Wrapping(self.0 << n) }
            #[inline(always)]
            fn shr(self, n: u32) -> Self { std::num::Wrapping(self.0 >> n) }
        }
    )* };
}
float_machine! { f32 u32 false f64 u64 true }
