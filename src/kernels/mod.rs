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
mod logistic;
mod numbers;
mod parts;
mod pow;
mod routines;
#[allow(unsafe_code, reason = "the dispatch on the processor's features")]
mod slices;
mod trig;

pub(crate) use fused::{Walk, fused, fused1, fused2};
pub(crate) use routines::Routine;
pub(crate) use slices::{SliceRoutine, block};

use crate::base::{Kernel1, Kernel2, Lanes, Library1, Library2, Machine, Width};

macro_rules! library {
    (@of Kernel1) => { Library1 };
    (@of Kernel2) => { Library2 };
    ($($NAME:ident: $Library:ident($($x:ident),*) = $f64:expr, $f32:expr;)*) => {
        $(
        pub(crate) static $NAME: $Library = {
            extern "C" fn wide($($x: f64),*) -> f64 { ($f64)($($x),*) }
            extern "C" fn narrow($($x: f32),*) -> f32 { ($f32)($($x),*) }
            $Library { name: stringify!($NAME), f64: wide, f32: narrow }
        };
        )*
        /// The names and addresses of all of these.
        fn libraries() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            [$(($NAME.name, [$NAME.f64 as *const u8, $NAME.f32 as *const u8])),*].into_iter()
        }
    };
}
library! {
    CEIL: Library1(x) = f64::ceil, f32::ceil;
    FLOOR: Library1(x) = f64::floor, f32::floor;
    TRUNC: Library1(x) = f64::trunc, f32::trunc;
    CBRT: Library1(x) = f64::cbrt, f32::cbrt;
    EXP: Library1(x) = f64::exp, f32::exp;
    EXP2: Library1(x) = f64::exp2, f32::exp2;
    EXP_M1: Library1(x) = f64::exp_m1, f32::exp_m1;
    LN: Library1(x) = f64::ln, f32::ln;
    LN_1P: Library1(x) = f64::ln_1p, f32::ln_1p;
    LOG2: Library1(x) = f64::log2, f32::log2;
    LOG10: Library1(x) = f64::log10, f32::log10;
    SIN: Library1(x) = f64::sin, f32::sin;
    COS: Library1(x) = f64::cos, f32::cos;
    TAN: Library1(x) = f64::tan, f32::tan;
    SIN_FAR: Library1(x) = libm::sin, libm::sinf;
    COS_FAR: Library1(x) = libm::cos, libm::cosf;
    TAN_FAR: Library1(x) = libm::tan, libm::tanf;
    ASIN: Library1(x) = f64::asin, f32::asin;
    ACOS: Library1(x) = f64::acos, f32::acos;
    ATAN: Library1(x) = f64::atan, f32::atan;
    SINH: Library1(x) = f64::sinh, f32::sinh;
    COSH: Library1(x) = f64::cosh, f32::cosh;
    TANH: Library1(x) = f64::tanh, f32::tanh;
    ASINH: Library1(x) = libm::asinh, libm::asinhf;
    ACOSH: Library1(x) = libm::acosh, libm::acoshf;
    ATANH: Library1(x) = libm::atanh, libm::atanhf;
    ERF: Library1(x) = libm::erf, libm::erff;
    ERFC: Library1(x) = libm::erfc, libm::erfcf;
    NORM_CDF: Library1(x) = erf::by_library, erf::by_library;
    SIGMOID: Library1(x) = logistic::sigmoid_by_library, logistic::sigmoid_by_library;
    SOFTPLUS: Library1(x) = logistic::softplus_by_library, logistic::softplus_by_library;
    LGAMMA: Library1(x) = libm::lgamma, libm::lgammaf;
    DIGAMMA: Library1(x) = gamma::digamma, |x| gamma::digamma(x as f64) as f32;
    POWF: Library2(x, y) = f64::powf, f32::powf;
    HYPOT: Library2(x, y) = f64::hypot, f32::hypot;
    ATAN2: Library2(y, x) = f64::atan2, f32::atan2;
    REM: Library2(x, y) = |x: f64, y: f64| x % y, |x: f32, y: f32| x % y;
    POLYGAMMA: Library2(n, x) = gamma::polygamma, |n, x| gamma::polygamma(n as f64, x as f64) as f32;
}

macro_rules! kernels {
    ($($Name:ident(x) = $value:path, $STD:ident $(, far $FAR:ident)?;)*) => {
        $(
            pub(crate) struct $Name;
            impl Kernel1 for $Name {
                const NAME: &'static str = stringify!($Name);
                const STD: &'static Library1 = &$STD;
                const FAR: Option<&'static Library1> = [$(Some(&$FAR),)? None][0];
                #[inline(always)]
                fn near<L: Lanes>(x: L) -> L {
                    $value(x)
                }
                #[inline(always)]
                fn run<L: Lanes>(x: L) -> L {
                    match Self::FAR {
                        Some(routine) => Self::near(x).rare(trig::is_far(x), x, routine),
                        None => Self::near(x),
                    }
                }
            }
        )*
        /// Over slices an operation that is nothing but a kernel of one number.
        pub(crate) fn over_slices(library: &str, width: Width) -> Option<SliceRoutine> {
            match library {
                $(name if $Name::STD.name == name => slices::routine::<$Name>(width),)*
                _ => None,
            }
        }
        /// What native code calls the routine over slices of such an operation.
        pub(crate) fn slices_of(library: &str) -> Option<&'static str> {
            match library {
                $(name if $Name::STD.name == name => Some(concat!(stringify!($Name), "Slices")),)*
                _ => None,
            }
        }
        /// The names and addresses of these.
        fn slice_routines() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            let of = |name: &'static str, of: fn(Width) -> *const u8| (name, [Width::F64, Width::F32].map(of));
            [$(of(concat!(stringify!($Name), "Slices"), slices::address::<$Name>)),*].into_iter()
        }
        /// The names and addresses of the routines of all of these, and of the kernels of two numbers.
        fn kernel_routines() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            let one = [$(($Name::NAME, [fused::routine1::<$Name, f64>(), fused::routine1::<$Name, f32>()])),*];
            let two = [
                (Powf::NAME, [fused::routine2::<Powf, f64>(), fused::routine2::<Powf, f32>()]),
                (Atan2::NAME, [fused::routine2::<Atan2, f64>(), fused::routine2::<Atan2, f32>()]),
            ];
            one.into_iter().chain(two)
        }
    };
}
kernels! {
    Exp(x) = exp::exp, EXP;
    Exp2(x) = exp::exp2, EXP2;
    ExpM1(x) = exp::exp_m1, EXP_M1;
    Tanh(x) = exp::tanh, TANH;
    Sinh(x) = exp::sinh, SINH;
    Cosh(x) = exp::cosh, COSH;
    Ln(x) = ln::ln, LN;
    Ln1p(x) = ln::ln_1p, LN_1P;
    Log2(x) = ln::log2, LOG2;
    Log10(x) = ln::log10, LOG10;
    Sin(x) = trig::sin, SIN, far SIN_FAR;
    Cos(x) = trig::cos, COS, far COS_FAR;
    Tan(x) = trig::tan, TAN, far TAN_FAR;
    Asin(x) = arc::asin, ASIN;
    Acos(x) = arc::acos, ACOS;
    Atan(x) = arc::atan, ATAN;
    Asinh(x) = ln::asinh, ASINH;
    Acosh(x) = ln::acosh, ACOSH;
    Atanh(x) = ln::atanh, ATANH;
    Cbrt(x) = pow::cbrt, CBRT;
    Erf(x) = erf::erf, ERF;
    Erfc(x) = erf::erfc, ERFC;
    NormCdf(x) = erf::norm_cdf, NORM_CDF;
    Sigmoid(x) = logistic::sigmoid, SIGMOID;
    Softplus(x) = logistic::softplus, SOFTPLUS;
}

pub(crate) struct Powf;
impl Kernel2 for Powf {
    const NAME: &'static str = "Powf";
    const STD: &'static Library2 = &POWF;
    #[inline(always)]
    fn run<L: Lanes>(x: L, y: L) -> L {
        pow::powf(x, y)
    }
}

pub(crate) struct Atan2;
impl Kernel2 for Atan2 {
    const NAME: &'static str = "Atan2";
    const STD: &'static Library2 = &ATAN2;
    #[inline(always)]
    fn run<L: Lanes>(y: L, x: L) -> L {
        arc::atan2(y, x)
    }
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
