//! What hardware does, as a trait: kernels are written once over it, and the interpreter (`f32`, `f64`) and the emitter of
//! native code give the same bits.

use super::Mask;
use crate::kernels::{Library1, Library2};
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
}

macro_rules! float_machine {
    ($($T:ident)*) => { $(
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
        }
    )* };
}
float_machine! { f32 f64 }
