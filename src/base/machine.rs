//! What hardware does, as a trait: kernels are written once over it, and the interpreter (`f32`, `f64`) and the emitter of
//! native code give the same bits.

use std::ops;

/// A truth value of some arithmetic: `bool` for numbers, a node for graph handles. Combine with `&`, `|`, `!`.
pub trait Mask: Copy + ops::BitAnd<Output = Self> + ops::BitOr<Output = Self> + ops::Not<Output = Self> {}
impl<M: Copy + ops::BitAnd<Output = M> + ops::BitOr<Output = M> + ops::Not<Output = M>> Mask for M {}

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
    /// eˣ by the library: in plain numbers without a call through an address, so that of two of the same number one is left.
    fn library_exp(self) -> Self;
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
    /// `f(x, y)` where the mask holds, for the `y` that the number is there; the number itself elsewhere. For masks that hardly ever hold.
    fn rare_of_two(self, m: Self::Mask, x: Self, f: &'static Library2) -> Self;
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

/// A routine of one argument, in both widths.
pub struct Library1 {
    /// What it is called among the routines of `kernels`.
    pub(crate) name: &'static str,
    pub(crate) f64: extern "C" fn(f64) -> f64,
    pub(crate) f32: extern "C" fn(f32) -> f32,
}

/// A routine of two arguments, in both widths.
pub struct Library2 {
    /// What it is called among the routines of `kernels`.
    pub(crate) name: &'static str,
    pub(crate) f64: extern "C" fn(f64, f64) -> f64,
    pub(crate) f32: extern "C" fn(f32, f32) -> f32,
}

/// A value of one argument that is computed here.
pub trait Kernel1 {
    /// What its routine is called.
    const NAME: &'static str;
    /// The same from the library.
    const STD: &'static Library1;
    /// What that routine computes, where it is put together of others; a call of it elsewhere.
    fn std<M: Machine>(x: M) -> M;
    /// The routine for arguments that are far from 0, if it takes one.
    const FAR: Option<&'static Library1>;
    /// The value at other arguments.
    fn near<L: Lanes>(x: L) -> L;
    /// The value.
    fn run<L: Lanes>(x: L) -> L;
}

/// A value of two arguments that is computed here.
pub trait Kernel2 {
    /// What its routine is called.
    const NAME: &'static str;
    /// The same from the library.
    const STD: &'static Library2;
    /// The value.
    fn run<L: Lanes>(x: L, y: L) -> L;
}
