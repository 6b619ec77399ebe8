//! Powers xʸ = e^(y·ln x), with ln x as a sum of two numbers, and cube roots.

use super::exp::{exp_limit, parts_of_sum};
use super::ln::{split, split_any};
use super::parts::{Poly, exponent, pair, pick, quotient_parts, rounder, sign, signed, two_product, two_sum};
use crate::base::Lanes;

/// ((2·artanh s − 2s) / s³ − 2/3) / s² in s² for |s| ≤ 0.1716.
const ARTANH: Poly = Poly {
    wide: &[
        0.4,
        0.28571428571428376,
        0.22222222222290616,
        0.18181818169247346,
        0.15384616753713468,
        0.1333324040904086,
        0.1176867464826164,
        0.10422889334592694,
        0.11013419535301833,
    ],
    narrow: &[0.3999999761581421, 0.28571972250938416, 0.22179730236530304, 0.1955634355545044],
};

/// ln x as a sum, for a positive finite x.
#[inline(always)]
pub(super) fn ln_parts<L: Lanes>(x: L) -> (L, L) {
    let (k, f) = split_any(x);
    let (below, below_rest) = two_sum(x.k(2.0), f);
    let (s, s_rest) = quotient_parts((f, x.k(0.0)), (below, below_rest));
    let (s, s_rest) = two_sum(s, s_rest);
    let (square, lost) = two_product(s, s);
    let square_rest = (s + s).fma(s_rest, lost);
    // 2/3 + s²·(…)
    let (third, third_low) = pair(x, 0.6666666666666666, 3.700743415417188e-17);
    let (factor, lost) = two_sum(third, square * ARTANH.at(square));
    let factor_rest = lost + third_low;
    let (cube, lost) = two_product(s, square);
    let cube_rest = s.fma(square_rest, s_rest.fma(square, lost));
    let (tail, lost) = two_product(cube, factor);
    let tail_rest = cube.fma(factor_rest, cube_rest.fma(factor, lost));
    // k·ln 2 + 2s + tail
    let power = k * pick(x, 0.6931471805598903, 0.693145751953125);
    let (sum, lost) = two_sum(power, s + s);
    let (sum, lost_too) = two_sum(sum, tail);
    let rest = k.fma(pick(x, 5.497923018708371e-14, 1.4286068203094173e-06), s_rest + s_rest) + (tail_rest + (lost + lost_too));
    two_sum(sum, rest)
}

#[inline(always)]
pub(super) fn powf<L: Lanes>(x: L, y: L) -> L {
    let (zero, one, infinity) = (x.k(0.0), x.k(1.0), x.k(f64::INFINITY));
    let a = x.abs();
    let (ln, ln_rest) = ln_parts(a);
    let ln = L::select(a.eq(zero), -infinity, L::select(a.lt(infinity), ln, a));
    let (product, lost) = two_product(y, ln);
    let r = parts_of_sum(product, y.fma(ln_rest, lost)).value(product, exp_limit(x));
    let r = L::select(a.eq(one), one, r);
    // A negative x: the sign of an odd power, and nothing for what is no whole number.
    let half = y * x.k(0.5);
    let whole = y.trunc().eq(y);
    let odd = whole & !half.trunc().eq(half);
    let r = L::select(odd, L::from_bits(r.bits() | sign(x)), r);
    let outside = x.lt(zero) & a.lt(infinity) & !whole;
    L::select(y.eq(zero), one, L::select(outside, x.k(f64::NAN), r))
}

/// m^(−1/3) for ½√½ ≤ m ≤ 2√2, to 0.001 of it.
const START: Poly = Poly { wide: &ROOT, narrow: &ROOT };
const ROOT: [f64; 8] = [
    2.1930292087328778,
    -3.5433945674897322,
    5.159147491659865,
    -4.739713733434861,
    2.685147293743574,
    -0.9091719878042165,
    0.16840879167160766,
    -0.013110891957517424,
];

/// ∛(8ⁿ·m) = 2ⁿ·∛m with ½√½ ≤ m ≤ 2√2, by Newton's iteration for 1/∛m, which has no division.
#[inline(always)]
pub(super) fn cbrt<L: Lanes>(x: L) -> L {
    let a = x.abs();
    let subnormal = a.lt(pick(x, f64::MIN_POSITIVE, f32::MIN_POSITIVE as f64));
    let scaled = L::select(subnormal, a * pick(x, 18014398509481984.0, 134217728.0), a);
    let t = split(scaled).0.fma(x.k(1.0 / 3.0), rounder(x));
    let n = t.bits();
    // 2⁻³ⁿ as 2⁻ⁿ·2⁻ⁿ·2⁻ⁿ, each of which is a number.
    let one = x.k(1.0).bits();
    let shrink = L::from_bits(one + one - exponent(x, n));
    let m = scaled * shrink * shrink * shrink;
    let mut r = START.at(m);
    for _ in 0..2 {
        let cube = r * r * r;
        r = r.fma((-m).fma(cube, x.k(1.0)) * x.k(1.0 / 3.0), r);
    }
    let root = m * (r * r);
    let (square, lost) = two_product(root, root);
    let error = (-lost).fma(root, (-square).fma(root, m));
    let root = root + error * (r * r * x.k(1.0 / 3.0));
    let grow = L::from_bits(exponent(x, n)) * L::select(subnormal, pick(x, 3.814697265625e-06, 0.001953125), x.k(1.0));
    // 0, ∞ and NaN are their own roots.
    let plain = x.k(0.0).lt(a) & a.lt(x.k(f64::INFINITY));
    signed(L::select(plain, root * grow, a), x)
}
