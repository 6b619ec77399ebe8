//! Duals as `num_traits` numbers, so that third-party code that is generic over `Float` differentiates.
//!
//! In: an arithmetic with order and constants (`f32`, `f64`, or a dual of those). Out: `Float` and its relatives.
//! Comparisons and classification see the primal alone, so a branch goes the way it goes without derivatives; whatever
//! returns a number carries the tangents, by the op table's rules.

use super::DualVec;
use crate::op::Real;
use num_traits::{
    Bounded, Euclid, Float, FloatConst, FromPrimitive, Inv, MulAdd, MulAddAssign, Num, NumCast, One, Pow, Signed, ToPrimitive,
    Zero,
};
use std::{cmp::Ordering, num::FpCategory};

/// Methods of a foreign trait: `value`s are the inherent method of the same name, `constant`s and `primal` queries are
/// those of `T`.
macro_rules! delegate {
    (value $($meth:ident($($y:ident),*))*) => { $(
        #[inline(always)]
        fn $meth(self $(, $y: Self)*) -> Self {
            DualVec::$meth(self $(, $y)*)
        }
    )* };
    (constant $Trait:ident: $($name:ident)*) => { $(
        #[inline(always)]
        fn $name() -> Self {
            DualVec::constant(<T as $Trait>::$name())
        }
    )* };
    (primal $Trait:ident: $($name:ident -> $Output:ty),*) => { $(
        #[inline(always)]
        fn $name(self) -> $Output {
            <T as $Trait>::$name(self.re)
        }
    )* };
    (primal &$Trait:ident: $($name:ident -> $Output:ty),*) => { $(
        #[inline(always)]
        fn $name(&self) -> $Output {
            <T as $Trait>::$name(&self.re)
        }
    )* };
    (convert $Trait:ident: $($name:ident($From:ty))*) => { $(
        #[inline(always)]
        fn $name(v: $From) -> Option<Self> {
            <T as $Trait>::$name(v).map(DualVec::constant)
        }
    )* };
}
#[cfg(feature = "nalgebra")]
pub(super) use delegate;

/// Equal primals. Two duals that are equal may differ in their tangents.
impl<T: PartialEq, const N: usize> PartialEq for DualVec<T, N> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.re == other.re
    }
}

/// The order of the primals.
impl<T: PartialOrd, const N: usize> PartialOrd for DualVec<T, N> {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.re.partial_cmp(&other.re)
    }
}

/// Zero with every tangent zero: only then may a product or a sum be left out.
impl<T: Real + Zero, const N: usize> Zero for DualVec<T, N> {
    #[inline(always)]
    fn zero() -> Self {
        DualVec::constant(T::zero())
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.re.is_zero() && self.eps.iter().all(T::is_zero)
    }
}

/// One with every tangent zero: only then may a factor be left out.
impl<T: Real + One + Zero, const N: usize> One for DualVec<T, N> {
    #[inline(always)]
    fn one() -> Self {
        DualVec::constant(T::one())
    }
    #[inline(always)]
    fn is_one(&self) -> bool {
        // Not `self.re.is_one()`: that is an equality, and equality of nested duals does not see their tangents.
        (self.re - T::one()).is_zero() && self.eps.iter().all(T::is_zero)
    }
}

impl<T: Real + Num, const N: usize> Num for DualVec<T, N> {
    type FromStrRadixErr = T::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        T::from_str_radix(text, radix).map(DualVec::constant)
    }
}

/// The primal's conversions; the tangents are dropped.
impl<T: ToPrimitive, const N: usize> ToPrimitive for DualVec<T, N> {
    delegate! { primal &ToPrimitive:
        to_isize -> Option<isize>, to_i8 -> Option<i8>, to_i16 -> Option<i16>, to_i32 -> Option<i32>, to_i64 -> Option<i64>,
        to_i128 -> Option<i128>, to_usize -> Option<usize>, to_u8 -> Option<u8>, to_u16 -> Option<u16>, to_u32 -> Option<u32>,
        to_u64 -> Option<u64>, to_u128 -> Option<u128>, to_f32 -> Option<f32>, to_f64 -> Option<f64>
    }
}

impl<T: Real + FromPrimitive, const N: usize> FromPrimitive for DualVec<T, N> {
    delegate! { convert FromPrimitive:
        from_isize(isize) from_i8(i8) from_i16(i16) from_i32(i32) from_i64(i64) from_i128(i128)
        from_usize(usize) from_u8(u8) from_u16(u16) from_u32(u32) from_u64(u64) from_u128(u128)
        from_f32(f32) from_f64(f64)
    }
}

impl<T: Real + NumCast, const N: usize> NumCast for DualVec<T, N> {
    #[inline(always)]
    fn from<P: ToPrimitive>(v: P) -> Option<Self> {
        <T as NumCast>::from(v).map(DualVec::constant)
    }
}

impl<T: Real + Bounded, const N: usize> Bounded for DualVec<T, N> {
    delegate! { constant Bounded: min_value max_value }
}

/// x − y for x > y, 0 elsewhere.
#[inline(always)]
fn positive_difference<T: Real + PartialOrd, const N: usize>(x: DualVec<T, N>, y: DualVec<T, N>) -> DualVec<T, N> {
    if x <= y { DualVec::default() } else { x - y }
}

impl<T: Real + Signed + PartialOrd, const N: usize> Signed for DualVec<T, N> {
    #[inline(always)]
    fn abs(&self) -> Self {
        DualVec::abs(*self)
    }
    #[inline(always)]
    fn abs_sub(&self, other: &Self) -> Self {
        positive_difference(*self, *other)
    }
    #[inline(always)]
    fn signum(&self) -> Self {
        DualVec::signum(*self)
    }
    delegate! { primal &Signed: is_positive -> bool, is_negative -> bool }
}

impl<T: Real + Float, const N: usize> Float for DualVec<T, N> {
    delegate! { constant Float: nan infinity neg_infinity neg_zero min_value min_positive_value epsilon max_value }
    delegate! { primal Float:
        is_nan -> bool, is_infinite -> bool, is_finite -> bool, is_normal -> bool, is_subnormal -> bool,
        is_sign_positive -> bool, is_sign_negative -> bool, classify -> FpCategory, integer_decode -> (u64, i16, i8)
    }
    delegate! { value
        floor() ceil() round() trunc() fract() abs() signum() copysign(y) recip() sqrt() cbrt() hypot(y) mul_add(y, a)
        exp() exp2() exp_m1() ln() ln_1p() log(base) log2() log10() powf(y)
        sin() cos() tan() asin() acos() atan() atan2(x) sinh() cosh() tanh() asinh() acosh() atanh()
        max(y) min(y) clamp(lo, hi)
    }
    #[inline(always)]
    fn powi(self, n: i32) -> Self {
        DualVec::powi(self, n)
    }
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        (DualVec::sin(self), DualVec::cos(self))
    }
    #[inline(always)]
    fn abs_sub(self, other: Self) -> Self {
        positive_difference(self, other)
    }
    // A change of unit is linear: the tangents change unit with the primal.
    #[inline(always)]
    fn to_degrees(self) -> Self {
        DualVec { re: self.re.to_degrees(), eps: self.eps.map(Float::to_degrees) }
    }
    #[inline(always)]
    fn to_radians(self) -> Self {
        DualVec { re: self.re.to_radians(), eps: self.eps.map(Float::to_radians) }
    }
}

impl<T: Real + FloatConst, const N: usize> FloatConst for DualVec<T, N> {
    delegate! { constant FloatConst:
        E PI TAU SQRT_2 FRAC_1_PI FRAC_1_SQRT_2 FRAC_2_PI FRAC_2_SQRT_PI FRAC_PI_2 FRAC_PI_3 FRAC_PI_4 FRAC_PI_6 FRAC_PI_8
        LN_2 LN_10 LOG2_E LOG2_10 LOG10_E LOG10_2
    }
}

impl<T: Real, const N: usize> MulAdd for DualVec<T, N> {
    type Output = Self;
    delegate! { value mul_add(y, a) }
}

impl<T: Real, const N: usize> MulAddAssign for DualVec<T, N> {
    #[inline(always)]
    fn mul_add_assign(&mut self, y: Self, a: Self) {
        *self = DualVec::mul_add(*self, y, a)
    }
}

impl<T: Real, const N: usize> Inv for DualVec<T, N> {
    type Output = Self;
    #[inline(always)]
    fn inv(self) -> Self {
        DualVec::recip(self)
    }
}

impl<T: Real, const N: usize> Pow<i32> for DualVec<T, N> {
    type Output = Self;
    #[inline(always)]
    fn pow(self, n: i32) -> Self {
        DualVec::powi(self, n)
    }
}

impl<T: Real, const N: usize> Pow<Self> for DualVec<T, N> {
    type Output = Self;
    #[inline(always)]
    fn pow(self, y: Self) -> Self {
        DualVec::powf(self, y)
    }
}

/// The quotient is a step function: it has no tangent, and the remainder x − q·y has those of x less q times those of y.
impl<T: Real + Euclid, const N: usize> Euclid for DualVec<T, N> {
    #[inline(always)]
    fn div_euclid(&self, y: &Self) -> Self {
        DualVec::constant(T::div_euclid(&self.re, &y.re))
    }
    #[inline(always)]
    fn rem_euclid(&self, y: &Self) -> Self {
        let re = T::rem_euclid(&self.re, &y.re);
        // Not `div_euclid`, whose division may round up to the next integer.
        let quotient = ((self.re - re) / y.re).round();
        DualVec { re, eps: std::array::from_fn(|i| self.eps[i] - quotient * y.eps[i]) }
    }
}
