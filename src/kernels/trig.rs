//! Sine, cosine and tangent: x = n·π/2 + r with |r| ≤ π/4, π/2 being a sum of three numbers (W. Cody and W. Waite, 1980).
//!
//! Where n grows too large for that, a library's routine is called.

use super::parts::{Poly, pick, quotient, rounder, sign, two_product, two_sum};
use crate::base::{Bits, Lanes, Machine};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// (sin r − r) / r³ in r² for |r| ≤ π/4.
const SIN: Poly = Poly {
    wide: &[
        -0.16666666666666632,
        0.00833333333332237,
        -0.0001984126982977121,
        2.755731367868535e-06,
        -2.5050755964683582e-08,
        1.5896666692212326e-10,
    ],
    narrow: &[-0.16666655242443085, 0.008332191035151482, -0.00019518598855938762],
};
/// (cos r − 1 + r²/2) / r⁴ in r² for |r| ≤ π/4.
const COS: Poly = Poly {
    wide: &[
        0.0416666666666666,
        -0.0013888888888874064,
        2.480158728944363e-05,
        -2.7557314340703003e-07,
        2.087572162947096e-09,
        -1.1359559614172074e-11,
    ],
    narrow: &[0.04166664555668831, -0.00138873013202101, 2.4430670237052254e-05],
};

/// A number as a sum.
type Sum<L> = (L, L);

/// n in the low bits, sin r and cos r. A sine and its derivative take them of the same number.
#[inline(always)]
fn parts<L: Lanes>(x: L) -> (L::Bits, Sum<L>, Sum<L>) {
    let [t, sin, sin_low, cos, cos_low] = x.shared("sin and cos", reduced);
    (t.bits(), (sin, sin_low), (cos, cos_low))
}

#[inline(always)]
fn reduced<L: Lanes>(x: L) -> [L; 5] {
    let t = x.fma(x.k(FRAC_2_PI), rounder(x));
    let n = rounder(x) - t;
    // Exact, as the difference has few digits.
    let near = n.fma(pick(x, FRAC_PI_2, 1.5707963705062866), x);
    let (middle, middle_rest) = two_product(n, pick(x, 6.123233995736766e-17, -4.371138828673793e-08));
    // What is near may be smaller, but it has few digits.
    let (r, lost) = two_sum(near, middle);
    let rest = n.fma(pick(x, -1.4973849048591698e-33, -1.7151245100058819e-15), lost + middle_rest);
    let square = r * r;
    let half = square * x.k(0.5);
    let cos = x.k(1.0) - half;
    let lost = (x.k(1.0) - cos) - half;
    let sin_low = (r * square).fma(SIN.at(square), rest * cos);
    let cos_low = (square * square).fma(COS.at(square), (-r).fma(rest, lost));
    [t, r, sin_low, cos, cos_low]
}

/// Whether n is odd.
#[inline(always)]
fn is_odd<L: Lanes>(x: L, n: L::Bits) -> <L as Machine>::Mask {
    // The lowest bit becomes the sign of one.
    L::from_bits(n.shl(if x.is_double() { 63 } else { 31 }) | x.k(1.0).bits()).lt(x.k(0.0))
}

/// Where n is too large, and for ∞ and NaN.
#[inline(always)]
pub(super) fn is_far<L: Lanes>(x: L) -> <L as Machine>::Mask {
    !x.abs().le(pick(x, 1073741824.0, 65536.0))
}

/// Sine and cosine. Whoever needs one of them leaves the last steps of the other.
#[inline(always)]
fn both<L: Lanes>(x: L) -> [L; 2] {
    x.shared("sine and cosine", |x| {
        let (n, sin, cos) = parts(x);
        let (sin, cos) = (sin.0 + sin.1, cos.0 + cos.1);
        let odd = is_odd(x, n);
        // Negated in the second half of the circle.
        let turned = |y: L, n: L::Bits| {
            let flip = L::from_bits(n.shl(if x.is_double() { 62 } else { 30 }));
            L::from_bits(y.bits() ^ sign(flip))
        };
        // The sign of a zero.
        let sine = L::select(x.eq(x.k(0.0)), x, turned(L::select(odd, cos, sin), n));
        [sine, turned(L::select(odd, sin, cos), n + x.kbits(1))]
    })
}

#[inline(always)]
pub(super) fn sin<L: Lanes>(x: L) -> L {
    both(x)[0]
}

#[inline(always)]
pub(super) fn cos<L: Lanes>(x: L) -> L {
    both(x)[1]
}

/// sin r / cos r, or −cos r / sin r.
#[inline(always)]
pub(super) fn tan<L: Lanes>(x: L) -> L {
    let (n, sin, cos) = parts(x);
    let (sin, cos) = (two_sum(sin.0, sin.1), two_sum(cos.0, cos.1));
    let odd = is_odd(x, n);
    let above = (L::select(odd, cos.0, sin.0), L::select(odd, cos.1, sin.1));
    let below = (L::select(odd, sin.0, cos.0), L::select(odd, sin.1, cos.1));
    let y = quotient(above, below);
    let y = L::from_bits(y.bits() ^ n.shl(if x.is_double() { 63 } else { 31 }));
    L::select(x.eq(x.k(0.0)), x, y)
}
