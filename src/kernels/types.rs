//! The kernels as types, each with the routine of the library that stands for it, and values that take them.

use super::composed::{LOGISTIC_DENSITY, NORM_CDF, SECH_SQUARED, SIGMOID, SOFTPLUS};
use super::library::{
    ACOS, ACOSH, ASIN, ASINH, ATAN, ATAN2, ATANH, CBRT, COS, COS_FAR, COSH, ERF, ERFC, EXP, EXP_M1, EXP2, HYPOT, LN, LN_1P, LOG2,
    LOG10, POWF, REM, SIN, SIN_FAR, SINH, TAN, TAN_FAR, TANH,
};
use super::parts::two_product;
use super::{arc, composed, distance, erf, exp, fused, hyperbolic, ln, logistic, pow, remainder, slices, trig};
use crate::base::{Kernel1, Kernel2, Lanes, Library1, Library2, Machine, Width};

macro_rules! kernels {
    (@std $x:ident $STD:ident) => { $x.call1(&$STD) };
    (@std $x:ident $STD:ident $std:ident) => { composed::$std($x) };
    ($($Name:ident(x) = $value:path, $STD:ident $(of $std:ident)? $(, far $FAR:ident)?;)*) => {
        $(
            pub(crate) struct $Name;
            impl Kernel1 for $Name {
                const NAME: &'static str = stringify!($Name);
                const STD: &'static Library1 = &$STD;
                const FAR: Option<&'static Library1> = [$(Some(&$FAR),)? None][0];
                #[inline(always)]
                fn std<M: Machine>(x: M) -> M {
                    kernels!(@std x $STD $($std)?)
                }
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
        /// What native code calls the routine over slices of such an operation.
        pub(crate) fn slices_of(library: &str) -> Option<&'static str> {
            match library {
                $(name if $Name::STD.name == name => Some(concat!(stringify!($Name), "Slices")),)*
                _ => None,
            }
        }
        /// The names and addresses of these.
        pub(super) fn slice_routines() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            let of = |name: &'static str, of: fn(Width) -> *const u8| (name, [Width::F64, Width::F32].map(of));
            [$(of(concat!(stringify!($Name), "Slices"), slices::address::<$Name>)),*].into_iter()
        }
        /// The names and addresses of the routines of all of these, and of the kernels of two numbers.
        pub(super) fn kernel_routines() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            let one = [$(($Name::NAME, [fused::routine1::<$Name, f64>(), fused::routine1::<$Name, f32>()])),*];
            one.into_iter().chain(routines_of_two())
        }
    };
}

macro_rules! companions {
    ($($First:ident $Second:ident;)*) => {
        /// For an operation that is nothing but a kernel, the one that shares most of its work, and what native code calls the routines of both.
        pub(crate) fn companion(library: &str) -> Option<(&'static str, Both)> {
            match library {
                $(name if $First::STD.name == name => {
                    let slices = concat!(stringify!($First), stringify!($Second), "Slices");
                    Some(($Second::STD.name, Both { slices, alone: concat!(stringify!($First), stringify!($Second)) }))
                })*
                _ => None,
            }
        }
        /// The names and addresses of these routines.
        pub(super) fn companion_routines() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            let slices = [$((
                concat!(stringify!($First), stringify!($Second), "Slices"),
                [Width::F64, Width::F32].map(slices::address_of_both::<$First, $Second>),
            )),*];
            slices.into_iter().chain([$((
                concat!(stringify!($First), stringify!($Second)),
                [fused::routine_of_both::<$First, $Second, f64>(), fused::routine_of_both::<$First, $Second, f32>()],
            )),*])
        }
    };
}
/// Routines of two kernels, which share what both compute: over slices, and `fn(x, second) -> first` of a number.
#[derive(Copy, Clone)]
pub(crate) struct Both {
    pub(crate) slices: &'static str,
    pub(crate) alone: &'static str,
}

companions! {
    Tanh SechSquared;
    Sigmoid LogisticDensity;
    Sin Cos;
}
kernels! {
    Exp(x) = exp::exp, EXP;
    Exp2(x) = exp::exp2, EXP2;
    ExpM1(x) = exp::exp_m1, EXP_M1;
    Tanh(x) = hyperbolic::tanh, TANH;
    SechSquared(x) = hyperbolic::sech_squared, SECH_SQUARED of sech_squared;
    Sinh(x) = hyperbolic::sinh, SINH;
    Cosh(x) = hyperbolic::cosh, COSH;
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
    NormCdf(x) = erf::norm_cdf, NORM_CDF of norm_cdf;
    Sigmoid(x) = logistic::sigmoid, SIGMOID of sigmoid;
    LogisticDensity(x) = logistic::density, LOGISTIC_DENSITY of logistic_density;
    Softplus(x) = logistic::softplus, SOFTPLUS of softplus;
}

macro_rules! kernels_of_two {
    ($($Name:ident($x:ident, $y:ident) = $value:path, $STD:ident;)*) => {
        $(
            pub(crate) struct $Name;
            impl Kernel2 for $Name {
                const NAME: &'static str = stringify!($Name);
                const STD: &'static Library2 = &$STD;
                #[inline(always)]
                fn run<L: Lanes>($x: L, $y: L) -> L {
                    $value($x, $y)
                }
            }
        )*
        fn routines_of_two() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            [$(($Name::NAME, [fused::routine2::<$Name, f64>(), fused::routine2::<$Name, f32>()])),*].into_iter()
        }
    };
}
kernels_of_two! {
    Powf(x, y) = pow::powf, POWF;
    Atan2(y, x) = arc::atan2, ATAN2;
    Hypot(x, y) = distance::hypot, HYPOT;
    Rem(x, y) = remainder::rem, REM;
}

/// Below this exponent a power is a chain of products; from there on it is the library's power, which does not collect
/// a rounding error per product.
pub(crate) const POWI_CHAIN: u32 = 16;

/// For these exponents the products of the chain are rounded, to 2 ulps at most; for others what rounding loses is carried along, which costs
/// three times as much where there is hardware multiply-add, and as much as the library's power where there is not.
pub(crate) const POWI_PLAIN: std::ops::RangeInclusive<i32> = -2..=4;

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
    if !POWI_PLAIN.contains(&n) {
        return powi_to_an_ulp(x, n);
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

/// The same with the power as a sum of two numbers.
#[inline(always)]
fn powi_to_an_ulp<M: Machine>(x: M, n: i32) -> M {
    let m = n.unsigned_abs();
    let (mut p, mut rest) = two_product(x, x);
    let mut times = |bit: u32| {
        if m >> bit & 1 == 1 {
            let (product, lost) = two_product(p, x);
            (p, rest) = (product, rest.fma(x, lost));
        }
        if bit > 0 {
            let (square, lost) = two_product(p, p);
            (p, rest) = (square, (p + p).fma(rest, lost));
        }
    };
    (0..m.ilog2()).rev().for_each(&mut times);
    if n > 0 {
        let power = p + rest;
        // Where the power overflows, nothing is lost.
        return M::select(power.eq(power), power, p);
    }
    let inverse = x.k(1.0) / p;
    let error = (-inverse).fma(rest, (-inverse).fma(p, x.k(1.0)));
    let power = inverse.fma(error, inverse);
    M::select(power.eq(power), power, inverse)
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
