//! The logistic function, its derivative and its integral, all of e^−|x|, which is kept as a sum of two numbers.

use super::elementary::relu;
use super::exp::{Parts, exp_limit, parts};
use super::ln::ln_1p_sum;
use super::parts::{pick, quotient_by, sum_of_any, two_product, two_sum};
use crate::base::Lanes;

/// e^−|x|: taken apart, without its power of two as a sum, and as a sum that is 0 where it does not count against 1.
struct Falling<L> {
    parts: Parts<L>,
    power: (L, L),
    value: (L, L),
    /// 1 + e^−|x| as a sum, and the inverse of its first number.
    below: (L, L),
    inverse: L,
}

/// A loss and its gradient take it of the same number, as a function and its derivative do.
#[inline(always)]
fn falling<L: Lanes>(x: L) -> Falling<L> {
    let [n, t, high, low, p, p_rest, e, e_rest, below, below_rest, inverse] = x.shared("e^-|x|", |x| {
        let (a, limit) = (-x.abs(), -exp_limit(x));
        let a = L::select(a.lt(limit), limit, a);
        let parts = parts(a);
        let (p, p_rest) = parts.power();
        let twos = L::select(a.lt(pick(x, -40.0, -20.0)), x.k(0.0), parts.twos());
        let (e, e_rest) = (p * twos, p_rest * twos);
        let (below, lost) = two_sum(x.k(1.0), e);
        [parts.n, parts.t, parts.high, parts.low, p, p_rest, e, e_rest, below, lost + e_rest, x.k(1.0) / below]
    });
    let parts = Parts { n, t, high, low };
    Falling { parts, power: (p, p_rest), value: (e, e_rest), below: (below, below_rest), inverse }
}

/// 1 / (1 + e), or e / (1 + e), whose power of two comes last.
#[inline(always)]
pub(super) fn sigmoid<L: Lanes>(x: L) -> L {
    let Falling { parts, power, below, inverse, .. } = falling(x);
    let negative = x.lt(x.k(0.0));
    let above = (L::select(negative, power.0, x.k(1.0)), L::select(negative, power.1, x.k(0.0)));
    let (y, rest) = quotient_by(inverse, above, below);
    let y = y + rest;
    L::select(negative, parts.scaled(y), y)
}

/// e / (1 + e)², whose power of two comes last.
#[inline(always)]
pub(super) fn density<L: Lanes>(x: L) -> L {
    let Falling { parts, power, below: (below, below_rest), inverse, .. } = falling(x);
    let (square, lost) = two_product(below, below);
    let (y, rest) = quotient_by(inverse * inverse, power, (square, (below + below).fma(below_rest, lost)));
    parts.scaled(y + rest)
}

/// max(x, 0) + ln(1 + e), where the logarithm is e in the tail.
#[inline(always)]
pub(super) fn softplus<L: Lanes>(x: L) -> L {
    let Falling { parts, power, value: (e, e_rest), .. } = falling(x);
    let (ln, ln_rest) = ln_1p_sum(e, e_rest);
    let (sum, lost) = sum_of_any(relu(x), ln);
    let y = sum + (lost + ln_rest);
    L::select(e.eq(x.k(0.0)), L::select(x.lt(x.k(0.0)), parts.scaled(power.0), x), y)
}
