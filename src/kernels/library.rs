//! The routines of the libraries: std's, those of the `libm` crate where std has none, and those of `gamma` and `lgamma` where neither is good.

use super::{gamma, lgamma};
use crate::base::{Library1, Library2};

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
        pub(super) fn libraries() -> impl Iterator<Item = (&'static str, [*const u8; 2])> {
            [$(($NAME.name, [$NAME.f64 as *const u8, $NAME.f32 as *const u8])),*].into_iter()
        }
    };
}
pub(super) use library;

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
    LGAMMA: Library1(x) = lgamma::lgamma, |x| lgamma::lgamma(x as f64) as f32;
    DIGAMMA: Library1(x) = gamma::digamma, |x| gamma::digamma(x as f64) as f32;
    POWF: Library2(x, y) = f64::powf, f32::powf;
    HYPOT: Library2(x, y) = f64::hypot, f32::hypot;
    ATAN2: Library2(y, x) = f64::atan2, f32::atan2;
    REM: Library2(x, y) = |x: f64, y: f64| x % y, |x: f32, y: f32| x % y;
    POLYGAMMA: Library2(n, x) = gamma::polygamma, |n, x| gamma::polygamma(n as f64, x as f64) as f32;
}
