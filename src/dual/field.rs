//! Duals as fields of nalgebra, so that its rotations, isometries, quaternions and decompositions differentiate.
//!
//! In: duals over a real field (`f32`, `f64`, or a dual of those). Out: simba's `RealField` and what it asks for.
//! As everywhere, comparisons (also approximate ones) and conversions to plain numbers see the primal alone, so that an
//! algorithm pivots, converges and stops as it does without derivatives.

use super::DualVec;
use super::num::delegate;
use crate::op::{Real, lit};
use approx::{AbsDiffEq, RelativeEq, UlpsEq};
use nalgebra::{ComplexField, RealField};
use simba::{
    scalar::{Field, SubsetOf, SupersetOf},
    simd::SimdValue,
};

/// Zero tangents one way; the other way the tangents are dropped.
macro_rules! plain_numbers {
    ($($L:ty)*) => { $(
        impl<T: Real + SupersetOf<$L>, const N: usize> SubsetOf<DualVec<T, N>> for $L {
            #[inline]
            fn to_superset(&self) -> DualVec<T, N> {
                DualVec::constant(T::from_subset(self))
            }
            #[inline]
            fn from_superset_unchecked(x: &DualVec<T, N>) -> Self {
                x.re.to_subset_unchecked()
            }
            #[inline]
            fn is_in_subset(x: &DualVec<T, N>) -> bool {
                x.re.is_in_subset()
            }
        }
    )* };
}
plain_numbers! { f32 f64 }

/// Duals of another width: value and tangents convert alike.
impl<U: SubsetOf<T>, T, const N: usize> SubsetOf<DualVec<T, N>> for DualVec<U, N> {
    #[inline]
    fn to_superset(&self) -> DualVec<T, N> {
        DualVec { re: self.re.to_superset(), eps: self.eps.each_ref().map(U::to_superset) }
    }
    #[inline]
    fn from_superset_unchecked(x: &DualVec<T, N>) -> Self {
        DualVec { re: U::from_superset_unchecked(&x.re), eps: x.eps.each_ref().map(U::from_superset_unchecked) }
    }
    #[inline]
    fn is_in_subset(x: &DualVec<T, N>) -> bool {
        U::is_in_subset(&x.re) && x.eps.iter().all(U::is_in_subset)
    }
}

/// One lane.
impl<T: Real, const N: usize> SimdValue for DualVec<T, N> {
    const LANES: usize = 1;
    type Element = Self;
    type SimdBool = bool;
    #[inline(always)]
    fn splat(x: Self) -> Self {
        x
    }
    #[inline(always)]
    fn extract(&self, _: usize) -> Self {
        *self
    }
    #[inline(always)]
    #[allow(unsafe_code, reason = "the trait's signature; the body is safe")]
    unsafe fn extract_unchecked(&self, _: usize) -> Self {
        *self
    }
    #[inline(always)]
    fn replace(&mut self, _: usize, x: Self) {
        *self = x
    }
    #[inline(always)]
    #[allow(unsafe_code, reason = "the trait's signature; the body is safe")]
    unsafe fn replace_unchecked(&mut self, _: usize, x: Self) {
        *self = x
    }
    #[inline(always)]
    fn select(self, first: bool, other: Self) -> Self {
        if first { self } else { other }
    }
}

impl<T: Real + RealField, const N: usize> Field for DualVec<T, N> {}

impl<T: Real + AbsDiffEq<Epsilon = T>, const N: usize> AbsDiffEq for DualVec<T, N> {
    type Epsilon = Self;
    delegate! { constant AbsDiffEq: default_epsilon }
    #[inline]
    fn abs_diff_eq(&self, y: &Self, epsilon: Self) -> bool {
        self.re.abs_diff_eq(&y.re, epsilon.re)
    }
}

impl<T: Real + RelativeEq<Epsilon = T>, const N: usize> RelativeEq for DualVec<T, N> {
    delegate! { constant RelativeEq: default_max_relative }
    #[inline]
    fn relative_eq(&self, y: &Self, epsilon: Self, max_relative: Self) -> bool {
        self.re.relative_eq(&y.re, epsilon.re, max_relative.re)
    }
}

impl<T: Real + UlpsEq<Epsilon = T>, const N: usize> UlpsEq for DualVec<T, N> {
    #[inline]
    fn default_max_ulps() -> u32 {
        T::default_max_ulps()
    }
    #[inline]
    fn ulps_eq(&self, y: &Self, epsilon: Self, max_ulps: u32) -> bool {
        self.re.ulps_eq(&y.re, epsilon.re, max_ulps)
    }
}

/// Σ (sign·x²)ᵏ/(2k + 1)!, which is sinc x for sign = −1 and sinh(x)/x for sign = 1.
///
/// The quotient's derivative at 0 is 0/0; the polynomial's is right, to every order. Within |x| ≤ 1 the first term left
/// out is below 1/27!, about 10⁻²⁸, so that tenfold derivatives are still exact to rounding.
fn cardinal_series<T: Real, const N: usize>(x: DualVec<T, N>, sign: f64) -> DualVec<T, N> {
    let square = x * x * sign;
    (1..=12).rev().fold(lit(1.0), |sum: DualVec<T, N>, k| square * sum / f64::from(2 * k * (2 * k + 1)) + 1.0)
}

impl<T: Real + RealField, const N: usize> ComplexField for DualVec<T, N> {
    type RealField = Self;
    delegate! { value
        floor() ceil() round() trunc() fract() abs() signum() recip() sqrt() cbrt() hypot(y) mul_add(y, a)
        exp() exp2() exp_m1() ln() ln_1p() log(base) log2() log10() powf(y)
        sin() cos() tan() asin() acos() atan() sinh() cosh() tanh() asinh() acosh() atanh()
    }
    delegate! { primal &ComplexField: is_finite -> bool }
    #[inline]
    fn powi(self, n: i32) -> Self {
        DualVec::powi(self, n)
    }
    #[inline]
    fn powc(self, y: Self) -> Self {
        DualVec::powf(self, y)
    }
    #[inline]
    fn sin_cos(self) -> (Self, Self) {
        (DualVec::sin(self), DualVec::cos(self))
    }
    #[inline]
    fn try_sqrt(self) -> Option<Self> {
        (self.re >= lit(0.0)).then(|| DualVec::sqrt(self))
    }
    #[inline]
    fn sinc(self) -> Self {
        if DualVec::abs(self) <= lit(1.0) { cardinal_series(self, -1.0) } else { DualVec::sin(self) / self }
    }
    #[inline]
    fn sinhc(self) -> Self {
        if DualVec::abs(self) <= lit(1.0) { cardinal_series(self, 1.0) } else { DualVec::sinh(self) / self }
    }
    #[inline]
    fn from_real(re: Self) -> Self {
        re
    }
    #[inline]
    fn real(self) -> Self {
        self
    }
    #[inline]
    fn imaginary(self) -> Self {
        lit(0.0)
    }
    #[inline]
    fn conjugate(self) -> Self {
        self
    }
    #[inline]
    fn modulus(self) -> Self {
        DualVec::abs(self)
    }
    #[inline]
    fn modulus_squared(self) -> Self {
        self * self
    }
    #[inline]
    fn norm1(self) -> Self {
        DualVec::abs(self)
    }
    #[inline]
    fn argument(self) -> Self {
        if self.re >= lit(0.0) { lit(0.0) } else { Self::pi() }
    }
    // The sign is a constant on either side of 0, where the quotient x/|x| would have an undefined tangent.
    #[inline]
    fn to_exp(self) -> (Self, Self) {
        if self.re >= lit(0.0) { (self, lit(1.0)) } else { (-self, lit(-1.0)) }
    }
    #[inline]
    fn scale(self, factor: Self) -> Self {
        self * factor
    }
    #[inline]
    fn unscale(self, factor: Self) -> Self {
        self / factor
    }
}

impl<T: Real + RealField, const N: usize> RealField for DualVec<T, N> {
    delegate! { value copysign(y) max(y) min(y) clamp(lo, hi) atan2(x) }
    delegate! { primal &RealField: is_sign_positive -> bool, is_sign_negative -> bool }
    delegate! { constant RealField:
        pi two_pi frac_pi_2 frac_pi_3 frac_pi_4 frac_pi_6 frac_pi_8 frac_1_pi frac_2_pi frac_2_sqrt_pi e log2_e log10_e ln_2 ln_10
    }
    #[inline]
    fn min_value() -> Option<Self> {
        T::min_value().map(DualVec::constant)
    }
    #[inline]
    fn max_value() -> Option<Self> {
        T::max_value().map(DualVec::constant)
    }
}

#[cfg(doctest)]
#[doc = include_str!("../../docs/duals-and-nalgebra.md")]
struct Page;
