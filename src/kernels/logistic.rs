//! The logistic function, its derivative and its integral, all of e^−|x|, which is kept as a sum of two numbers.

use super::elementary::relu;
use super::exp::{Parts, exp_limit, parts};
use super::ln::ln_1p_sum;
use super::parts::{pick, quotient, sum_of_any, two_product, two_sum};
use crate::base::Lanes;

/// e^−|x|: taken apart, without its power of two as a sum, and as a sum that is 0 where it does not count against 1.
struct Falling<L> {
    parts: Parts<L>,
    power: (L, L),
    value: (L, L),
}

/// A loss and its gradient take it of the same number.
#[inline(always)]
fn falling<L: Lanes>(x: L) -> Falling<L> {
    let [n, t, high, low, p, p_rest, e, e_rest] = x.shared("e^-|x|", |x| {
        let (a, limit) = (-x.abs(), -exp_limit(x));
        let a = L::select(a.lt(limit), limit, a);
        let parts = parts(a);
        let (p, p_rest) = parts.power();
        let twos = L::select(a.lt(pick(x, -40.0, -20.0)), x.k(0.0), parts.twos());
        [parts.n, parts.t, parts.high, parts.low, p, p_rest, p * twos, p_rest * twos]
    });
    Falling { parts: Parts { n, t, high, low }, power: (p, p_rest), value: (e, e_rest) }
}

/// 1 / (1 + e), or e / (1 + e), whose power of two comes last.
#[inline(always)]
pub(super) fn sigmoid<L: Lanes>(x: L) -> L {
    let Falling { parts, power, value: (e, e_rest), .. } = falling(x);
    let negative = x.lt(x.k(0.0));
    let above = (L::select(negative, power.0, x.k(1.0)), L::select(negative, power.1, x.k(0.0)));
    let (below, lost) = two_sum(x.k(1.0), e);
    let y = quotient(above, (below, lost + e_rest));
    L::select(negative, parts.scaled(y), y)
}

/// e / (1 + e)², whose power of two comes last.
#[inline(always)]
pub(super) fn density<L: Lanes>(x: L) -> L {
    let Falling { parts, power, value: (e, e_rest) } = falling(x);
    let (one, lost) = two_sum(x.k(1.0), e);
    let (square, square_lost) = two_product(one, one);
    let rest = (one + one).fma(lost + e_rest, square_lost);
    parts.scaled(quotient(power, (square, rest)))
}

/// max(x, 0) + ln(1 + e), where the logarithm is e in the tail.
#[inline(always)]
pub(super) fn softplus<L: Lanes>(x: L) -> L {
    let Falling { parts, power, value: (e, e_rest) } = falling(x);
    let (ln, ln_rest) = ln_1p_sum(e, e_rest);
    let (sum, lost) = sum_of_any(relu(x), ln);
    let y = sum + (lost + ln_rest);
    L::select(e.eq(x.k(0.0)), L::select(x.lt(x.k(0.0)), parts.scaled(power.0), x), y)
}
