//! Routines that are put together of the libraries' others, where these have none.

use super::elementary::relu;
use super::library::{ERFC, LN_1P, library};
use super::parts::{quotient, two_sum};
use crate::base::{Library1, Machine};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

library! {
    NORM_CDF: Library1(x) = norm_cdf, norm_cdf;
    SIGMOID: Library1(x) = sigmoid, sigmoid;
    LOGISTIC_DENSITY: Library1(x) = logistic_density, logistic_density;
    SOFTPLUS: Library1(x) = softplus, softplus;
    SECH_SQUARED: Library1(x) = sech_squared, sech_squared;
}

/// The normal distribution function by the library: ½·erfc(a) at the rounded a ≈ −x/√2, which in the left tail needs what the rounding
/// left: with −x/√2 = a + b it is erfc(a)·(1 − b·h), where h = −erfc′(a)/erfc(a) lies between a + √(a² + 4/π) and a + √(a² + 2) for a ≥ 0
/// (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, 7.1.13).
#[inline(always)]
pub(super) fn norm_cdf<M: Machine>(x: M) -> M {
    /// 1/√2 in the precision of an f32, and the rest of it.
    const HIGH: f64 = FRAC_1_SQRT_2 as f32 as f64;
    const LOW: f64 = 1.210161710447897e-8;
    let a = x * x.k(-FRAC_1_SQRT_2);
    let e = a.call1(&ERFC);
    let b = x.fma(x.k(-LOW), x.fma(x.k(-HIGH), -a));
    let h = a + a.fma(a, x.k(FRAC_2_SQRT_PI * FRAC_2_SQRT_PI)).sqrt();
    // Where erfc is 0, b and h may be infinite.
    let left = x.lt(x.k(0.0)) & x.k(0.0).lt(e);
    x.k(0.5) * M::select(left, e.fma(-(b * h), e), e)
}

/// Of the library's exponential, rounded.
#[inline(always)]
pub(super) fn sigmoid<M: Machine>(x: M) -> M {
    let (one, e) = (x.k(1.0), (-x.abs()).library_exp());
    quotient((M::select(x.lt(x.k(0.0)), e, one), x.k(0.0)), two_sum(one, e))
}

/// The same.
#[inline(always)]
pub(super) fn logistic_density<M: Machine>(x: M) -> M {
    let e = (-x.abs()).library_exp();
    let below = x.k(1.0) + e;
    e / (below * below)
}

/// The same.
#[inline(always)]
pub(super) fn softplus<M: Machine>(x: M) -> M {
    relu(x) + (-x.abs()).library_exp().call1(&LN_1P)
}

/// (2e⁻ᵃ / (1 + e⁻²ᵃ))² for a = |x|, by the library's exponential, rounded: e⁻²ᵃ may be too small for a number where the value is not.
#[inline(always)]
pub(super) fn sech_squared<M: Machine>(x: M) -> M {
    let e = (-x.abs()).library_exp();
    let sech = (e + e) / e.fma(e, x.k(1.0));
    sech * sech
}
