//! What kernels are made of: polynomials, and numbers kept as a sum of two.
//!
//! Every polynomial was fitted by the exchange algorithm (E. Remez, 1934) in 45 digits to the least maximal error relative to the value that
//! it becomes a part of; for single precision the coefficients were rounded one by one, the rest being fitted again.

use crate::base::{Bits, Lanes, Machine};

/// A polynomial: coefficients from the constant one on, for numbers of 64 bits and of 32.
pub(super) struct Poly {
    pub(super) wide: &'static [f64],
    pub(super) narrow: &'static [f64],
}

impl Poly {
    /// The value, by two chains of Horner's scheme, for even powers and odd ones.
    #[inline(always)]
    pub(super) fn at<L: Lanes>(&self, x: L) -> L {
        if x.is_double() { chains(self.wide, x) } else { chains(self.narrow, x) }
    }

    /// The same with the lowest `steps` powers one after the other, which takes longer: for coefficients of alternating signs, whose chains
    /// would cancel.
    #[inline(always)]
    pub(super) fn after<L: Lanes>(&self, steps: usize, x: L) -> L {
        let c = if x.is_double() { self.wide } else { self.narrow };
        let start = chains(&c[steps..], x);
        c[..steps].iter().rev().fold(start, |sum, &c| sum.fma(x, x.k(c)))
    }
}

#[inline(always)]
fn chains<L: Lanes>(c: &[f64], x: L) -> L {
    let square = x * x;
    let top = c.len() - 1;
    let mut sums = [x.k(c[top - 1]), x.k(c[top])];
    for k in (0..top - 1).rev() {
        let chain = (k + top + 1) % 2;
        sums[chain] = sums[chain].fma(square, x.k(c[k]));
    }
    let [a, b] = sums;
    // The chain of odd powers.
    if top % 2 == 1 { b.fma(x, a) } else { a.fma(x, b) }
}

/// A constant that depends on the width.
#[inline(always)]
pub(super) fn pick<L: Lanes>(x: L, wide: f64, narrow: f64) -> L {
    x.k(if x.is_double() { wide } else { narrow })
}

/// The constant high + low in two numbers of the width.
#[inline(always)]
pub(super) fn pair<L: Lanes>(x: L, high: f64, low: f64) -> (L, L) {
    if x.is_double() {
        (x.k(high), x.k(low))
    } else {
        let narrow = high as f32 as f64;
        (x.k(narrow), x.k(high - narrow + low))
    }
}

/// x + y and what rounding lost, where |x| ≥ |y| or x = 0.
#[inline(always)]
pub(super) fn two_sum<L: Machine>(x: L, y: L) -> (L, L) {
    let sum = x + y;
    (sum, y - (sum - x))
}

/// The same for any x and y (D. Knuth, 1969).
#[inline(always)]
pub(super) fn sum_of_any<L: Machine>(x: L, y: L) -> (L, L) {
    let sum = x + y;
    let back = sum - x;
    (sum, (x - (sum - back)) + (y - back))
}

/// x·y and what rounding lost.
#[inline(always)]
pub(super) fn two_product<L: Machine>(x: L, y: L) -> (L, L) {
    let product = x * y;
    (product, x.fma(y, -product))
}

/// (x + xl) / (y + yl) with the error of hardly more than one rounding.
#[inline(always)]
pub(super) fn quotient<L: Machine>((x, xl): (L, L), (y, yl): (L, L)) -> L {
    let (q, rest) = quotient_parts((x, xl), (y, yl));
    q + rest
}

/// The same as a sum.
#[inline(always)]
pub(super) fn quotient_parts<L: Machine>(x: (L, L), y: (L, L)) -> (L, L) {
    quotient_by(y.0.k(1.0) / y.0, x, y)
}

/// The same, where 1/y is known but for a few roundings.
#[inline(always)]
pub(super) fn quotient_by<L: Machine>(inverse: L, (x, xl): (L, L), (y, yl): (L, L)) -> (L, L) {
    let q = x * inverse;
    let rest = (-q).fma(yl, (-q).fma(y, x) + xl);
    (q, rest * inverse)
}

/// The bit of the sign.
#[inline(always)]
pub(super) fn sign<L: Lanes>(x: L) -> L::Bits {
    x.bits() & x.kbits(if x.is_double() { 1 << 63 } else { 1 << 31 })
}

/// |y| with the sign of x, for a y that is not negative.
#[inline(always)]
pub(super) fn signed<L: Lanes>(y: L, x: L) -> L {
    L::from_bits(y.bits() | sign(x))
}

/// 1.5·2⁵² or 1.5·2²³: the sum with a smaller number is rounded to the nearest whole one, which stands in its low bits.
#[inline(always)]
pub(super) fn rounder<L: Lanes>(x: L) -> L {
    pick(x, 6755399441055744.0, 12582912.0)
}

/// The number of bits behind the exponent.
#[inline(always)]
pub(super) fn fraction<L: Lanes>(x: L) -> u32 {
    if x.is_double() { 52 } else { 23 }
}

/// The bits of 2ⁿ, where n stands in the low bits of a number.
#[inline(always)]
pub(super) fn exponent<L: Lanes>(x: L, n: L::Bits) -> L::Bits {
    n.shl(fraction(x)) + x.k(1.0).bits()
}
