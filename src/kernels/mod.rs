//! Values that take more than one instruction, written once over [`Machine`], or over [`Lanes`] where they need a number's bits.
//!
//! In loops and functions of arrays a kernel is inlined into native code or called, and called by the interpreter: the same arithmetic, so their
//! bits agree. Plain numbers of user code and programs for single points take the routine of the library instead, and so does every machine
//! where there is no kernel: from std (the platform's libm), from the `libm` crate where std has none, and from `gamma` where neither has.

mod arc;
mod erf;
mod exp;
#[allow(unsafe_code, reason = "the dispatch on the processor's features")]
mod fused;
mod gamma;
mod ln;
mod parts;
mod pow;
mod routines;
mod trig;

pub(crate) use fused::{Walk, fused, fused1, fused2};
pub(crate) use routines::Routine;

use crate::op::{EdgeMap, Lanes, Machine, Op, Real, lit};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// A routine of one argument, in both widths.
pub struct Library1 {
    /// What it is called among the [routines](Routine).
    pub(crate) name: &'static str,
    /// The operation that is nothing but a call of it.
    pub(crate) op: Option<Op>,
    pub(crate) f64: extern "C" fn(f64) -> f64,
    pub(crate) f32: extern "C" fn(f32) -> f32,
}

/// A routine of two arguments, in both widths.
pub struct Library2 {
    /// What it is called among the [routines](Routine).
    pub(crate) name: &'static str,
    /// The operation that is nothing but a call of it.
    pub(crate) op: Option<Op>,
    pub(crate) f64: extern "C" fn(f64, f64) -> f64,
    pub(crate) f32: extern "C" fn(f32, f32) -> f32,
}

macro_rules! library {
    (@of Kernel1) => { Library1 };
    (@of Kernel2) => { Library2 };
    ($($NAME:ident: $Library:ident($($x:ident),*) = $op:expr, $f64:expr, $f32:expr;)*) => {
        $(
        pub(crate) static $NAME: $Library = {
            extern "C" fn wide($($x: f64),*) -> f64 { ($f64)($($x),*) }
            extern "C" fn narrow($($x: f32),*) -> f32 { ($f32)($($x),*) }
            $Library { name: stringify!($NAME), op: $op, f64: wide, f32: narrow }
        };
        )*
        /// The names and addresses of all of these.
        fn libraries() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            [$(($NAME.name, [$NAME.f64 as *const u8, $NAME.f32 as *const u8])),*].into_iter()
        }
    };
}
library! {
    CEIL: Library1(x) = None, f64::ceil, f32::ceil;
    FLOOR: Library1(x) = None, f64::floor, f32::floor;
    TRUNC: Library1(x) = None, f64::trunc, f32::trunc;
    CBRT: Library1(x) = Some(Op::Cbrt), f64::cbrt, f32::cbrt;
    EXP: Library1(x) = Some(Op::Exp), f64::exp, f32::exp;
    EXP2: Library1(x) = Some(Op::Exp2), f64::exp2, f32::exp2;
    EXP_M1: Library1(x) = Some(Op::ExpM1), f64::exp_m1, f32::exp_m1;
    LN: Library1(x) = Some(Op::Ln), f64::ln, f32::ln;
    LN_1P: Library1(x) = Some(Op::Ln1p), f64::ln_1p, f32::ln_1p;
    LOG2: Library1(x) = Some(Op::Log2), f64::log2, f32::log2;
    LOG10: Library1(x) = Some(Op::Log10), f64::log10, f32::log10;
    SIN: Library1(x) = Some(Op::Sin), f64::sin, f32::sin;
    COS: Library1(x) = Some(Op::Cos), f64::cos, f32::cos;
    TAN: Library1(x) = Some(Op::Tan), f64::tan, f32::tan;
    SIN_FAR: Library1(x) = None, libm::sin, libm::sinf;
    COS_FAR: Library1(x) = None, libm::cos, libm::cosf;
    TAN_FAR: Library1(x) = None, libm::tan, libm::tanf;
    ASIN: Library1(x) = Some(Op::Asin), f64::asin, f32::asin;
    ACOS: Library1(x) = Some(Op::Acos), f64::acos, f32::acos;
    ATAN: Library1(x) = Some(Op::Atan), f64::atan, f32::atan;
    SINH: Library1(x) = Some(Op::Sinh), f64::sinh, f32::sinh;
    COSH: Library1(x) = Some(Op::Cosh), f64::cosh, f32::cosh;
    TANH: Library1(x) = Some(Op::Tanh), f64::tanh, f32::tanh;
    ASINH: Library1(x) = Some(Op::Asinh), libm::asinh, libm::asinhf;
    ACOSH: Library1(x) = Some(Op::Acosh), libm::acosh, libm::acoshf;
    ATANH: Library1(x) = Some(Op::Atanh), libm::atanh, libm::atanhf;
    ERF: Library1(x) = Some(Op::Erf), libm::erf, libm::erff;
    ERFC: Library1(x) = Some(Op::Erfc), libm::erfc, libm::erfcf;
    LGAMMA: Library1(x) = Some(Op::Lgamma), libm::lgamma, libm::lgammaf;
    DIGAMMA: Library1(x) = Some(Op::Digamma), gamma::digamma, |x| gamma::digamma(x as f64) as f32;
    POWF: Library2(x, y) = Some(Op::Powf), f64::powf, f32::powf;
    HYPOT: Library2(x, y) = Some(Op::Hypot), f64::hypot, f32::hypot;
    ATAN2: Library2(y, x) = Some(Op::Atan2), f64::atan2, f32::atan2;
    REM: Library2(x, y) = Some(Op::Rem), |x: f64, y: f64| x % y, |x: f32, y: f32| x % y;
    POLYGAMMA: Library2(n, x) = None, gamma::polygamma, |n, x| gamma::polygamma(n as f64, x as f64) as f32;
}

/// A value of one argument that is computed here.
pub trait Kernel1 {
    /// What its routine is called.
    const NAME: &'static str;
    /// The same from the library.
    const STD: &'static Library1;
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

macro_rules! kernels {
    (@routine Kernel1 $Name:ident $T:ident) => { fused::routine1::<$Name, $T>() };
    (@routine Kernel2 $Name:ident $T:ident) => { fused::routine2::<$Name, $T>() };
    ($($Name:ident: $Kernel:ident($($x:ident),*) = $value:expr, $STD:ident;)*) => {
        $(
        pub(crate) struct $Name;
        impl $Kernel for $Name {
            const NAME: &'static str = stringify!($Name);
            const STD: &'static library!(@of $Kernel) = &$STD;
            #[inline(always)]
            fn run<L: Lanes>($($x: L),*) -> L {
                $value
            }
        }
        )*
        /// The names and addresses of the routines of all of these.
        fn kernel_routines() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            [$(($Name::NAME, [kernels!(@routine $Kernel $Name f64), kernels!(@routine $Kernel $Name f32)])),*].into_iter()
        }
    };
}
kernels! {
    Exp: Kernel1(x) = exp::exp(x), EXP;
    Exp2: Kernel1(x) = exp::exp2(x), EXP2;
    ExpM1: Kernel1(x) = exp::exp_m1(x), EXP_M1;
    Tanh: Kernel1(x) = exp::tanh(x), TANH;
    Sinh: Kernel1(x) = exp::sinh(x), SINH;
    Cosh: Kernel1(x) = exp::cosh(x), COSH;
    Ln: Kernel1(x) = ln::ln(x), LN;
    Ln1p: Kernel1(x) = ln::ln_1p(x), LN_1P;
    Log2: Kernel1(x) = ln::log2(x), LOG2;
    Log10: Kernel1(x) = ln::log10(x), LOG10;
    Sin: Kernel1(x) = trig::sin(x), SIN;
    Cos: Kernel1(x) = trig::cos(x), COS;
    Tan: Kernel1(x) = trig::tan(x), TAN;
    Asin: Kernel1(x) = arc::asin(x), ASIN;
    Acos: Kernel1(x) = arc::acos(x), ACOS;
    Atan: Kernel1(x) = arc::atan(x), ATAN;
    Atan2: Kernel2(y, x) = arc::atan2(y, x), ATAN2;
    Asinh: Kernel1(x) = ln::asinh(x), ASINH;
    Acosh: Kernel1(x) = ln::acosh(x), ACOSH;
    Atanh: Kernel1(x) = ln::atanh(x), ATANH;
    Powf: Kernel2(x, y) = pow::powf(x, y), POWF;
    Cbrt: Kernel1(x) = pow::cbrt(x), CBRT;
    Erf: Kernel1(x) = erf::erf(x), ERF;
    Erfc: Kernel1(x) = erf::erfc(x), ERFC;
}

/// Below this exponent a power is a chain of products; from there on it is the library's power, which does not collect
/// a rounding error per product.
pub(crate) const POWI_CHAIN: u32 = 16;

/// xⁿ: by squaring from the most significant bit for |n| ≤ [`POWI_CHAIN`], 1/x^|n| for a negative n.
#[inline(always)]
pub(crate) fn powi<M: Machine>(x: M, n: i32) -> M {
    let m = n.unsigned_abs();
    if m > POWI_CHAIN {
        return x.kernel2(x.k(n as f64), Powf);
    }
    if m == 0 {
        return x.k(1.0);
    }
    let mut p = x;
    for bit in (0..m.ilog2()).rev() {
        p = p * p;
        if m >> bit & 1 == 1 {
            p = p * x;
        }
    }
    if n < 0 { x.k(1.0) / p } else { p }
}

/// The edge of xⁿ: n·xⁿ⁻¹, nothing for n = 0.
#[inline(always)]
#[track_caller]
pub(crate) fn powi_edge<S: Real>(x: S, n: i32) -> EdgeMap<S> {
    match n {
        0 => EdgeMap::Zero,
        1 => EdgeMap::Id,
        i32::MIN => EdgeMap::Scale(lit::<S>(n as f64) * x.powf(lit(n as f64 - 1.0))),
        _ => EdgeMap::Scale(lit::<S>(n as f64) * x.powi(n - 1)),
    }
}

#[inline(always)]
pub(crate) fn sigmoid<M: Machine>(x: M) -> M {
    let e = (-x.abs()).kernel1(Exp);
    let above = M::select(x.lt(x.k(0.0)), e, x.k(1.0));
    parts::quotient((above, x.k(0.0)), parts::two_sum(x.k(1.0), e))
}

#[inline(always)]
pub(crate) fn softplus<M: Machine>(x: M) -> M {
    relu(x) + (-x.abs()).kernel1(Exp).kernel1(Ln1p)
}

/// NaN stays NaN.
#[inline(always)]
pub(crate) fn relu<M: Machine>(x: M) -> M {
    M::select(x.le(x.k(0.0)), x.k(0.0), x)
}

#[inline(always)]
pub(crate) fn leaky_relu<M: Machine>(x: M, alpha: M) -> M {
    M::select(x.le(x.k(0.0)), alpha * x, x)
}

#[inline(always)]
pub(crate) fn signum<M: Machine>(x: M) -> M {
    M::select(x.eq(x), x.k(1.0).copysign(x), x)
}

#[inline(always)]
pub(crate) fn copysign<M: Machine>(x: M, y: M) -> M {
    x.copysign(M::select(y.eq(y), y, x.k(1.0)))
}

#[inline(always)]
pub(crate) fn round<M: Machine>(x: M) -> M {
    let t = x.trunc();
    M::select((x - t).abs().lt(x.k(0.5)), t, t + x.k(1.0).copysign(x))
}

#[inline(always)]
pub(crate) fn min<M: Machine>(x: M, y: M) -> M {
    M::select(x.le(y) | !y.eq(y), x, y)
}

#[inline(always)]
pub(crate) fn max<M: Machine>(x: M, y: M) -> M {
    M::select(y.le(x) | !y.eq(y), x, y)
}

/// The share of the derivative that each operand of min and max gets: half at a tie.
#[inline(always)]
#[track_caller]
pub(crate) fn tie<S: Real>(x: S, y: S) -> S {
    S::select(x.eq(y), lit(0.5), lit(1.0))
}

/// x − y, and 0 for equal infinities. At a finite tie it is the difference, so that the next order of derivatives sees it.
#[inline(always)]
#[track_caller]
pub(crate) fn gap<S: Real>(x: S, y: S) -> S {
    S::select(x.eq(y) & (x - y).ne(x - y), lit(0.0), x - y)
}

/// NaN stays NaN; where the bounds cross, the upper one wins.
#[inline(always)]
pub(crate) fn clamp<M: Machine>(x: M, lo: M, hi: M) -> M {
    M::select(hi.lt(x), hi, M::select(x.lt(lo), lo, x))
}

#[inline(always)]
pub(crate) fn log_add_exp<M: Machine>(x: M, y: M) -> M {
    let gap = M::select(x.eq(y), x.k(0.0), (x - y).abs());
    M::select(x.lt(y), y, x) + (-gap).kernel1(Exp).kernel1(Ln1p)
}

#[inline(always)]
pub(crate) fn xlogy<M: Machine>(x: M, y: M) -> M {
    M::select(x.eq(x.k(0.0)) & y.eq(y), x.k(0.0), x * y.kernel1(Ln))
}

/// ½·erfc(a) at the rounded a ≈ −x/√2, which in the left tail needs what the rounding left: with −x/√2 = a + b it is
/// erfc(a)·(1 − b·h), where h = −erfc′(a)/erfc(a) lies between a + √(a² + 4/π) and a + √(a² + 2) for a ≥ 0
/// (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, 7.1.13).
#[inline(always)]
pub(crate) fn norm_cdf<M: Machine>(x: M) -> M {
    /// 1/√2 in the precision of an f32, and the rest of it.
    const HIGH: f64 = FRAC_1_SQRT_2 as f32 as f64;
    const LOW: f64 = 1.210161710447897e-8;
    let a = x * x.k(-FRAC_1_SQRT_2);
    let e = a.kernel1(Erfc);
    let b = x.fma(x.k(-LOW), x.fma(x.k(-HIGH), -a));
    let h = a + a.fma(a, x.k(FRAC_2_SQRT_PI * FRAC_2_SQRT_PI)).sqrt();
    // Where erfc is 0, b and h may be infinite.
    let left = x.lt(x.k(0.0)) & x.k(0.0).lt(e);
    x.k(0.5) * M::select(left, e.fma(-(b * h), e), e)
}
