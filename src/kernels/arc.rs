//! Inverse trigonometric functions, by series in the square of a number up to 1 (arctangent) or ½ (arcsine).

use super::parts::{Poly, pair, pick, quotient_parts, sign, signed, two_sum};
use crate::base::Lanes;
use std::f64::consts::{FRAC_PI_2, PI, SQRT_2};

/// (arctan t − t) / t³ in t² for t ≤ √2 − 1.
const ATAN: Poly = Poly {
    wide: &[
        -0.333333333333332,
        0.19999999999953666,
        -0.14285714280204193,
        0.11111110783819858,
        -0.09090897767179859,
        0.07692060363015484,
        -0.06663105466130594,
        0.05847897455027586,
        -0.05039331084545531,
        0.0380649611478203,
        -0.017907350570008324,
    ],
    narrow: &[-0.33333316445350647, 0.1999852955341339, -0.14244423806667328, 0.10599379986524582, -0.06090442091226578],
};

/// (arcsin s − s) / s³ in s² for s ≤ ½.
const ASIN: Poly = Poly {
    wide: &[
        0.16666666666666763,
        0.07499999999970049,
        0.04464285717533444,
        0.030381942672902503,
        0.022372215974526828,
        0.017351594238305727,
        0.013981034001934218,
        0.011397163769104195,
        0.010790060940999066,
        0.0036693335136246605,
        0.02179772439446572,
        -0.02112693151042823,
        0.032708671386719144,
    ],
    narrow: &[
        0.16666659712791443,
        0.07500521093606949,
        0.04451363906264305,
        0.03183596208691597,
        0.01432989351451397,
        0.037671469151973724,
    ],
};

/// What π/2 as a number lacks.
const HALF_PI_LOW: f64 = 6.123233995736766e-17;

/// π/2 as a sum.
#[inline(always)]
fn half_pi<L: Lanes>(x: L) -> (L, L) {
    pair(x, FRAC_PI_2, HALF_PI_LOW)
}

/// base + (high + low).
#[inline(always)]
fn from_base<L: Lanes>((base, base_low): (L, L), high: L, low: L) -> L {
    let (sum, lost) = two_sum(base, high);
    sum + (lost + (low + base_low))
}

/// The arctangent of above / below, which is at most 1, as a sum of a multiple of π/4 (in two numbers), a number, and a small one. Beyond
/// √2 − 1 it is π/4 + arctan((above − below) / (above + below)).
#[inline(always)]
fn octant<L: Lanes>(above: L, below: L) -> (L, L, L, L) {
    let zero = above.k(0.0);
    let middle = (below * above.k(SQRT_2 - 1.0)).lt(above);
    let (difference, difference_rest) = two_sum(below, -above);
    let (sum, sum_rest) = two_sum(below, above);
    let above = (L::select(middle, -difference, above), L::select(middle, -difference_rest, zero));
    let below = (L::select(middle, sum, below), L::select(middle, sum_rest, zero));
    let (t, rest) = quotient_parts(above, below);
    let square = t * t;
    // The derivative is nearly 1 − t².
    let low = (ATAN.at(square) * square).fma(t, (-rest).fma(square, rest));
    let (half, half_low) = half_pi(t);
    let quarter = L::select(middle, t.k(0.5), zero);
    (half * quarter, half_low * quarter, t, low)
}

#[inline(always)]
pub(super) fn atan<L: Lanes>(x: L) -> L {
    let (a, one) = (x.abs(), x.k(1.0));
    let outside = one.lt(a);
    let (base, base_low, high, low) = octant(L::select(outside, one, a), L::select(outside, a, one));
    let (half, half_low) = half_pi(x);
    let turned = from_base((half - base, half_low - base_low), -high, -low);
    let y = L::select(outside, turned, from_base((base, base_low), high, low));
    signed(L::select(pick(x, 1e17, 1e9).lt(a), x.k(FRAC_PI_2), y), x)
}

/// The angle of (x, y): that of the smaller of |x| and |y| over the larger, turned and mirrored.
#[inline(always)]
pub(super) fn atan2<L: Lanes>(y: L, x: L) -> L {
    let (zero, one, infinity) = (x.k(0.0), x.k(1.0), x.k(f64::INFINITY));
    let (a, b) = (x.abs(), y.abs());
    let steep = a.lt(b);
    let (above, below) = (L::select(steep, a, b), L::select(steep, b, a));
    // Scaled, so that nothing on the way is subnormal or overflows; 0/0 is as 0/1, ∞/∞ as 1/1.
    let large = pick(x, 3.273390607896142e150, 1.152921504606847e18);
    let small = pick(x, 3.054936363499605e-151, 8.673617379884035e-19);
    let middle = pick(x, 1.6069380442589903e60, 1073741824.0);
    let scale = L::select(below.lt(middle), large, L::select(large.lt(below), small, one));
    let (endless, nothing) = (below.eq(infinity), below.eq(zero));
    let above = L::select(endless, L::select(above.eq(infinity), one, zero), above * scale);
    let below = L::select(endless | nothing, one, below * scale);
    let (base, base_low, high, low) = octant(above, below);
    // Up: π/2 ∓ the angle. To the left: π − the angle.
    let (half, half_low) = half_pi(x);
    let flip = sign_of(x);
    let left = flip.lt(zero);
    let turn = L::select(steep, half, L::select(left, half + half, zero));
    let turn_low = L::select(steep, half_low, L::select(left, half_low + half_low, zero));
    let flip = L::select(steep, -flip, flip);
    let (turn, lost) = two_sum(turn, base * flip);
    let angle = from_base((turn, base_low.fma(flip, turn_low + lost)), high * flip, low * flip);
    signed(L::select(x.eq(x) & y.eq(y), angle, x + y), y)
}

/// 1 with the sign of x.
#[inline(always)]
fn sign_of<L: Lanes>(x: L) -> L {
    L::from_bits(x.k(1.0).bits() | sign(x))
}

/// arcsin s + its rest, for s = |x| up to ½ and for s = √((1 − |x|)/2) beyond, and whether it is beyond.
#[inline(always)]
fn asin_parts<L: Lanes>(a: L) -> (L, L, L::Mask) {
    let (half, zero) = (a.k(0.5), a.k(0.0));
    let beyond = half.lt(a);
    let square = L::select(beyond, (a.k(1.0) - a) * half, a * a);
    let root = square.sqrt();
    let rest = (-root).fma(root, square) * half / root;
    let s = L::select(beyond, root, a);
    let rest = L::select(beyond & zero.lt(square), rest, zero);
    (s, (ASIN.at(square) * square).fma(s, rest), beyond)
}

#[inline(always)]
pub(super) fn asin<L: Lanes>(x: L) -> L {
    let (high, low, beyond) = asin_parts(x.abs());
    let turned = from_base(half_pi(x), -(high + high), -(low + low));
    signed(L::select(beyond, turned, high + low), x)
}

#[inline(always)]
pub(super) fn acos<L: Lanes>(x: L) -> L {
    let (high, low, beyond) = asin_parts(x.abs());
    let (high2, low2) = (high + high, low + low);
    let flip = sign_of(x);
    let middle = from_base(half_pi(x), -(high * flip), -(low * flip));
    let left = from_base(pair(x, PI, HALF_PI_LOW + HALF_PI_LOW), -high2, -low2);
    L::select(beyond, L::select(x.lt(x.k(0.0)), left, high2 + low2), middle)
}
