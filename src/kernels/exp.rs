//! Exponentials: eˣ = 2ⁿ·eʳ with |r| ≤ ½ ln 2.

use super::parts::{Poly, exponent, fraction, pair, pick, rounder, two_product, two_sum};
use crate::base::{Bits, Lanes};
use std::f64::consts::{LN_2, LOG2_E};

/// (eʳ − 1 − r − r²/2) / r³ for |r| ≤ ½ ln 2.
const TAIL: Poly = Poly {
    wide: &[
        0.16666666666666685,
        0.04166666666666673,
        0.008333333333316685,
        0.0013888888888858439,
        0.00019841269897194185,
        2.480158737374864e-05,
        2.755723409945015e-06,
        2.7557233351300817e-07,
        2.5112288426010624e-08,
        2.0926946356372994e-09,
    ],
    narrow: &[0.16666515171527863, 0.041666582226753235, 0.008369309827685356, 0.0013921934878453612],
};
/// ln 2 − LN_2.
const LN_2_LOW: f64 = 2.3190468138462996e-17;

/// eˣ = 2ⁿ·(1 + high + low), where high + low is eʳ − 1 and low is small against high.
pub(super) struct Parts<L> {
    /// n as a number.
    pub(super) n: L,
    /// The same in the low bits.
    pub(super) t: L,
    pub(super) high: L,
    pub(super) low: L,
}

/// eˣ taken apart; where it overflows or is 0, anything.
#[inline(always)]
pub(super) fn parts<L: Lanes>(x: L) -> Parts<L> {
    let t = x.fma(x.k(LOG2_E), rounder(x));
    let n = t - rounder(x);
    let (near, r, ln2_low) = nearest(x, n);
    tail(n, t, r, (-n).fma(ln2_low, near - r))
}

/// e^(x + rest) taken apart, where the rest is a rounding error of x.
#[inline(always)]
pub(super) fn parts_of_sum<L: Lanes>(x: L, rest: L) -> Parts<L> {
    let t = x.fma(x.k(LOG2_E), rounder(x));
    let n = t - rounder(x);
    let (near, r, ln2_low) = nearest(x, n);
    // The rest may be large against a small r.
    let (r, rl) = two_sum(r, (-n).fma(ln2_low, near - r) + rest);
    tail(n, t, r, rl)
}

/// x − n·ln 2 with the high part of ln 2, with the whole of it, and the low part.
#[inline(always)]
fn nearest<L: Lanes>(x: L, n: L) -> (L, L, L) {
    let (ln2, ln2_low) = pair(x, LN_2, LN_2_LOW);
    // Exact, as the difference has few digits.
    let near = (-n).fma(ln2, x);
    (near, (-n).fma(ln2_low, near), ln2_low)
}

/// 2ⁿ·e^(r + rl).
#[inline(always)]
fn tail<L: Lanes>(n: L, t: L, r: L, rl: L) -> Parts<L> {
    let square = r * r;
    // rl counts as its product with eʳ.
    let low = square.fma(r.k(0.5), rl.fma(r, rl));
    Parts { n, t, high: r, low: TAIL.at(r).fma(square * r, low) }
}

impl<L: Lanes> Parts<L> {
    /// The value: ∞ for x above `limit`, 0 below `-limit`, between them without a second rounding where it is subnormal.
    #[inline(always)]
    pub(super) fn value(self, x: L, limit: L) -> L {
        let (sum, rest) = two_sum(x.k(1.0), self.high);
        let y = self.scaled(sum + (rest + self.low));
        L::select(x.lt(-limit), x.k(0.0), L::select(limit.lt(x), x.k(f64::INFINITY), y))
    }

    /// 2ⁿ·y, where 2ⁿ may overflow though the product does not: it is multiplied by in two halves.
    #[inline(always)]
    pub(super) fn scaled(&self, y: L) -> L {
        let half = self.n.fma(y.k(0.5), rounder(y)).bits();
        let (first, second) = (exponent(y, half), exponent(y, self.t.bits() - half));
        y * L::from_bits(first) * L::from_bits(second)
    }

    /// eʳ as a sum whose second part is a rounding error.
    #[inline(always)]
    pub(super) fn power(&self) -> (L, L) {
        let (sum, rest) = two_sum(self.n.k(1.0), self.high);
        two_sum(sum, rest + self.low)
    }

    /// eʳ − 1 as a sum whose second part is a rounding error.
    #[inline(always)]
    pub(super) fn normal(&self) -> (L, L) {
        two_sum(self.high, self.low)
    }

    /// 2ⁿ for small n.
    #[inline(always)]
    pub(super) fn twos(&self) -> L {
        L::from_bits(exponent(self.n, self.t.bits()))
    }

    /// 2ᵏ⁻ⁿ for n that are not larger than k + 1022 (126), where 2ᵏ is given.
    #[inline(always)]
    pub(super) fn inverse_power(&self, raised: L) -> L {
        L::from_bits(raised.bits() - self.t.bits().shl(fraction(self.n)))
    }

    /// 2ⁿ⁻² for n up to 1025.
    #[inline(always)]
    pub(super) fn quarter_power(&self) -> L {
        L::from_bits(self.t.bits().shl(fraction(self.n)) + self.n.k(0.25).bits())
    }
}

/// Beyond this, and its negative, the exponential is ∞ or 0.
#[inline(always)]
pub(super) fn exp_limit<L: Lanes>(x: L) -> L {
    pick(x, 800.0, 130.0)
}

#[inline(always)]
pub(super) fn exp<L: Lanes>(x: L) -> L {
    parts(x).value(x, exp_limit(x))
}

/// 2ˣ = 2ⁿ·e^(r ln 2).
#[inline(always)]
pub(super) fn exp2<L: Lanes>(x: L) -> L {
    let t = x + rounder(x);
    let n = t - rounder(x);
    let (ln2, ln2_low) = pair(x, LN_2, LN_2_LOW);
    let (r, rl) = two_product(x - n, ln2);
    tail(n, t, r, (x - n).fma(ln2_low, rl)).value(x, pick(x, 1100.0, 160.0))
}

/// Below this, eˣ − 1 is x.
#[inline(always)]
pub(super) fn tiny<L: Lanes>(x: L) -> L {
    pick(x, 1e-17, 1e-8)
}

/// 2ⁿ·((eʳ − 1) + (1 − 2⁻ⁿ)), with half of that power.
#[inline(always)]
pub(super) fn exp_m1<L: Lanes>(x: L) -> L {
    let p = parts(x);
    let (s, rest) = p.normal();
    let power = p.quarter_power() + p.quarter_power();
    let (shift, shift_lost) = two_sum(power, x.k(-0.5));
    let (sum, lost) = two_sum(shift, s * power);
    let y = sum + (lost + rest.fma(power, shift_lost));
    let y = y + y;
    let y = L::select(pick(x, 710.0, 89.0).lt(x), x.k(f64::INFINITY), y);
    let y = L::select(x.lt(pick(x, -40.0, -20.0)), x.k(-1.0), y);
    // Also the sign of a zero, and all digits of what is subnormal.
    L::select(x.abs().lt(tiny(x)), x, y)
}
