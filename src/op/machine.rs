//! What hardware does, as a trait: kernels are written once over it, and the interpreter (`f32`, `f64`) and the emitter of
//! native code give the same bits.

use super::Mask;
use crate::kernels::{Kernel1, Kernel2, Library1, Library2, fused1, fused2};
use std::ops;

/// A lane of floating-point hardware: a number, or a value of native code that is being emitted.
pub trait Machine:
    Copy
    + ops::Add<Output = Self>
    + ops::Sub<Output = Self>
    + ops::Mul<Output = Self>
    + ops::Div<Output = Self>
    + ops::Neg<Output = Self>
{
    /// The outcome of a comparison.
    type Mask: Mask;
    /// The constant `v`, rounded to this width.
    fn k(self, v: f64) -> Self;
    /// x·y + z with one rounding.
    fn fma(self, y: Self, z: Self) -> Self;
    /// √x, correctly rounded.
    fn sqrt(self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// ⌊x⌋
    fn floor(self) -> Self;
    /// ⌈x⌉
    fn ceil(self) -> Self;
    /// x without its fraction.
    fn trunc(self) -> Self;
    /// |x| with the sign bit of y.
    fn copysign(self, y: Self) -> Self;
    /// x < y
    fn lt(self, y: Self) -> Self::Mask;
    /// x ≤ y
    fn le(self, y: Self) -> Self::Mask;
    /// x = y
    fn eq(self, y: Self) -> Self::Mask;
    /// `a` where the mask holds, `b` elsewhere.
    fn select(m: Self::Mask, a: Self, b: Self) -> Self;
    /// A shared library routine of one argument.
    fn call1(self, f: &'static Library1) -> Self;
    /// A shared library routine of two arguments.
    fn call2(self, y: Self, f: &'static Library2) -> Self;
    /// A kernel of one argument.
    fn kernel1<K: Kernel1>(self, _: K) -> Self;
    /// A kernel of two arguments.
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self;
}

/// A machine whose numbers have bits: what kernels are written over. Several numbers may be computed at once, so a kernel has no
/// branches but for [`Lanes::rare`].
pub trait Lanes: Machine {
    /// The bits of a number, as a whole number without sign.
    type Bits: Bits;
    /// Whether a number has 64 bits, or 32: constants and shifts depend on it.
    fn is_double(self) -> bool;
    /// A constant of as many bits as a number has; the lower ones of `v`.
    fn kbits(self, v: u64) -> Self::Bits;
    /// The bits of a number.
    fn bits(self) -> Self::Bits;
    /// The number that has these bits.
    fn from_bits(bits: Self::Bits) -> Self;
    /// `f(x)` where the mask holds, the number itself elsewhere; for masks that hardly ever hold.
    fn rare(self, m: Self::Mask, x: Self, f: &'static Library1) -> Self;
    /// What several kernels make of a number, under a name: emitted once.
    #[inline(always)]
    fn shared<const N: usize>(self, _: &'static str, make: impl FnOnce(Self) -> [Self; N]) -> [Self; N] {
        make(self)
    }
}

/// The bits of a number: whole numbers that wrap around.
pub trait Bits:
    Copy
    + ops::Add<Output = Self>
    + ops::Sub<Output = Self>
    + ops::BitAnd<Output = Self>
    + ops::BitOr<Output = Self>
    + ops::BitXor<Output = Self>
{
    /// Towards the high bits.
    fn shl(self, n: u32) -> Self;
    /// Towards the low bits, zeros coming in.
    fn shr(self, n: u32) -> Self;
}

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
