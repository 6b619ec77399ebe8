//! Logarithms: x = 2ᵏ·(1 + f) with √½ ≤ 1 + f < √2, and ln(1 + f) = 2·artanh s for s = f / (2 + f).

use super::parts::{Poly, fraction, pair, pick, quotient_parts, signed, sum_of_any, two_product, two_sum};
use crate::base::{Bits, Lanes};
use std::f64::consts::{LOG2_E, LOG10_E};

/// (2·artanh s − 2s) / s³ in s² for |s| ≤ 0.1716.
const ARTANH: Poly = Poly {
    wide: &[
        0.6666666666666734,
        0.3999999999941439,
        0.2857142874246114,
        0.22222198564899578,
        0.18183564790565637,
        0.15314037877454773,
        0.14796083927210388,
    ],
    narrow: &[0.6666677594184875, 0.39977580308914185, 0.29870927333831787],
};
/// What LOG2_E and LOG10_E lack.
const LOG2_E_LOW: f64 = 2.0355273740931033e-17;
const LOG10_E_LOW: f64 = 1.098319650216765e-17;

/// u = 2ᵏ·(1 + f) for a normal u > 0: k, f, and 2⁻ᵏ (for k < 1023).
#[inline(always)]
pub(super) fn split<L: Lanes>(u: L) -> (L, L, L) {
    let one = u.k(1.0).bits();
    let root = u.kbits(if u.is_double() { 0x3fe6a09e667f3bcd } else { 0x3f3504f3 });
    let shifted = u.bits() + (one - root);
    let exponent = shifted.shr(fraction(u)) | pick(u, 4503599627370496.0, 8388608.0).bits();
    let k = L::from_bits(exponent) - pick(u, 4503599627371519.0, 8388735.0);
    let m = (shifted & u.kbits(if u.is_double() { (1 << 52) - 1 } else { (1 << 23) - 1 })) + root;
    (k, L::from_bits(m) - u.k(1.0), L::from_bits(one + m - u.bits()))
}

/// ln(1 + f) as a sum whose second part is small.
#[inline(always)]
pub(super) fn near_one<L: Lanes>(f: L) -> (L, L) {
    let half = f * f.k(-0.5);
    let high = half.fma(f, f);
    // Exact: what rounding lost.
    let low = half.fma(f, f - high);
    let s = f / (f.k(2.0) + f);
    let square = s * s;
    let rest = s * square.fma(ARTANH.at(square), -(half * f));
    (high, low + rest)
}

/// k·ln 2 + high + low as a sum whose second part is small.
#[inline(always)]
fn with_power<L: Lanes>(k: L, (high, low): (L, L)) -> (L, L) {
    // The first part has zeros at the end, so that its product with k is exact.
    let power = k * pick(k, 0.6931471805598903, 0.693145751953125);
    let (sum, lost) = two_sum(power, high);
    (sum, lost + k.fma(pick(k, 5.497923018708371e-14, 1.4286068203094173e-06), low))
}

/// The sum of two parts.
#[inline(always)]
fn total<L: Lanes>((high, low): (L, L)) -> L {
    high + low
}

/// Where u is not positive and finite: ∞ and NaN as they are, −∞ at 0, and NaN below.
#[inline(always)]
fn at_the_ends<L: Lanes>(y: L, u: L) -> L {
    let y = L::select(u.lt(u.k(f64::INFINITY)), y, u);
    let y = L::select(u.eq(u.k(0.0)), u.k(f64::NEG_INFINITY), y);
    L::select(u.lt(u.k(0.0)), u.k(f64::NAN), y)
}

/// k and f of any positive x, subnormal ones too.
#[inline(always)]
pub(super) fn split_any<L: Lanes>(x: L) -> (L, L) {
    let subnormal = x.lt(pick(x, f64::MIN_POSITIVE, f32::MIN_POSITIVE as f64));
    let (k, f, _) = split(L::select(subnormal, x * pick(x, 18014398509481984.0, 33554432.0), x));
    (k - L::select(subnormal, pick(x, 54.0, 25.0), x.k(0.0)), f)
}

#[inline(always)]
pub(super) fn ln<L: Lanes>(x: L) -> L {
    let (k, f) = split_any(x);
    at_the_ends(total(with_power(k, near_one(f))), x)
}

/// ln(2ᵗ·(u + rest)) as a sum, for a normal u, where the rest is a rounding error of u.
#[inline(always)]
fn ln_sum<L: Lanes>(u: L, rest: L, twos: L) -> (L, L) {
    let (k, f, scale) = split(u);
    // Of a large u it does not matter, and the power would overflow.
    let rest = L::select(u.lt(pick(u, 1e17, 1e9)), rest * scale, u.k(0.0));
    let g = f + rest;
    let lost = rest - (g - f);
    let (high, low) = near_one(g);
    // The derivative is 1 / (1 + g).
    let slope = g.fma(g - u.k(1.0), u.k(1.0));
    with_power(k + twos, (high, lost.fma(slope, low)))
}

/// ln(u) for u = 1 + x, with what rounding lost.
#[inline(always)]
pub(super) fn ln_1p<L: Lanes>(x: L) -> L {
    let (u, rest) = sum_of_any(x.k(1.0), x);
    let y = at_the_ends(total(ln_sum(u, rest, x.k(0.0))), u);
    // The sign of a zero.
    L::select(x.eq(x.k(0.0)), x, y)
}

/// k + (high + low)·factor.
#[inline(always)]
fn in_base<L: Lanes>(high_power: L, low_power: L, (high, low): (L, L), factor: (L, L)) -> L {
    let (product, rest) = two_product(high, factor.0);
    let rest = high.fma(factor.1, low.fma(factor.0, rest));
    let (sum, lost) = two_sum(high_power, product);
    sum + (lost + (rest + low_power))
}

#[inline(always)]
pub(super) fn log2<L: Lanes>(x: L) -> L {
    let (k, f) = split_any(x);
    let factor = pair(x, LOG2_E, LOG2_E_LOW);
    at_the_ends(in_base(k, x.k(0.0), near_one(f), factor), x)
}

#[inline(always)]
pub(super) fn log10<L: Lanes>(x: L) -> L {
    let (k, f) = split_any(x);
    let factor = pair(x, LOG10_E, LOG10_E_LOW);
    let (high, low) = (pick(x, 0.30102999566395283, 0.301025390625), pick(x, 2.8363394551044964e-14, 4.605038981195214e-06));
    at_the_ends(in_base(k * high, k * low, near_one(f), factor), x)
}

/// ln(1 + x + rest) as a sum.
#[inline(always)]
pub(super) fn ln_1p_sum<L: Lanes>(x: L, rest: L) -> (L, L) {
    let (u, lost) = sum_of_any(x.k(1.0), x);
    ln_sum(u, lost + rest, x.k(0.0))
}

/// √(x + rest) as a sum, also where it is 0.
#[inline(always)]
fn root<L: Lanes>(x: L, rest: L) -> (L, L) {
    let root = x.sqrt();
    let lost = ((-root).fma(root, x) + rest) * x.k(0.5) / root;
    (root, L::select(root.eq(x.k(0.0)), root, lost))
}

/// Beyond this 1 is lost in x².
#[inline(always)]
fn is_large<L: Lanes>(x: L) -> L::Mask {
    pick(x, 1e9, 1e5).lt(x)
}

/// ln(a + √(a² + 1)) = ln(1 + a + a² / (1 + √(a² + 1))) for a = |x|.
#[inline(always)]
pub(super) fn asinh<L: Lanes>(x: L) -> L {
    let (a, one) = (x.abs(), x.k(1.0));
    let (square, square_rest) = two_product(a, a);
    let (sum, lost) = sum_of_any(one, square);
    let (w, w_rest) = root(sum, lost + square_rest);
    let (below, lost) = two_sum(w, one);
    let (q, q_rest) = quotient_parts((square, square_rest), (below, lost + w_rest));
    let (y, lost) = two_sum(a, q);
    let y = total(ln_1p_sum(y, lost + q_rest));
    let y = L::select(is_large(a), at_the_ends(total(ln_sum(a, x.k(0.0), one)), a), y);
    // As they are: what is tiny, and NaN, whose bits have been taken apart.
    let same = a.lt(pick(x, 1e-10, 1e-5)) | !x.eq(x);
    signed(L::select(same, a, y), x)
}

/// ln(1 + t + √(t² + 2t)) for t = x − 1.
#[inline(always)]
pub(super) fn acosh<L: Lanes>(x: L) -> L {
    let one = x.k(1.0);
    let (t, t_rest) = two_sum(x, -one);
    let (square, lost) = two_product(t, t);
    let (sum, lost_too) = sum_of_any(t + t, square);
    let rest = lost + lost_too + (t_rest + t_rest) * x;
    let (w, w_rest) = root(sum, rest);
    let (y, lost) = sum_of_any(t, w);
    let y = total(ln_1p_sum(y, lost + (w_rest + t_rest)));
    let y = L::select(is_large(x), at_the_ends(total(ln_sum(x, x.k(0.0), one)), x), y);
    L::select(one.le(x), y, x.k(f64::NAN))
}

/// ½·ln(1 + 2a / (1 − a)) for a = |x|.
#[inline(always)]
pub(super) fn atanh<L: Lanes>(x: L) -> L {
    let (a, one) = (x.abs(), x.k(1.0));
    let (below, lost) = two_sum(one, -a);
    let (q, q_rest) = quotient_parts((a + a, x.k(0.0)), (below, lost));
    let y = total(ln_1p_sum(q, q_rest)) * x.k(0.5);
    let y = L::select(a.lt(pick(x, 1e-10, 1e-5)), a, y);
    let y = L::select(a.lt(one), y, L::select(a.eq(one), x.k(f64::INFINITY), x.k(f64::NAN)));
    signed(y, x)
}
