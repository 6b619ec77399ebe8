//! The hyperbolic functions: of eᵃ = 2ⁿ(1 + s) for a = |x|, with numerators and denominators divided by 2ⁿ, so that nothing overflows.

use super::exp::{parts, tiny};
use super::parts::{pick, quotient_by, quotient_parts, signed, two_sum};
use crate::base::Lanes;

/// Of e²ᵃ = 2ⁿ(1 + s): s as a sum, 2⁻ⁿ and 2⁶⁰⁻ⁿ (2³⁰⁻ⁿ), which is a normal number wherever the derivative is not 0, and 1 + 2⁻ⁿ + s as a sum with
/// the inverse of its first number.
struct Rising<L> {
    a: L,
    s: (L, L),
    power: L,
    raised: L,
    below: (L, L),
    inverse: L,
}

/// 2⁶⁰ and 2³⁰.
const RAISED: [f64; 2] = [(1u64 << 60) as f64, (1u64 << 30) as f64];

/// A function and its derivative take it of the same number.
#[inline(always)]
fn rising<L: Lanes>(x: L) -> Rising<L> {
    let [a, s, s_rest, power, raised, below, below_rest, inverse] = x.shared("e^|2x|", |x| {
        let a = x.abs();
        let p = parts(a + a);
        let (s, rest) = p.normal();
        let raised = p.inverse_power(pick(x, RAISED[0], RAISED[1]));
        let power = raised * pick(x, 1.0 / RAISED[0], 1.0 / RAISED[1]);
        let (below, lost) = one_more(power, s, rest);
        [a, s, rest, power, raised, below, lost, x.k(1.0) / below]
    });
    Rising { a, s: (s, s_rest), power, raised, below: (below, below_rest), inverse }
}

/// (e²ᵃ − 1) / (e²ᵃ + 1) with the sign of x.
#[inline(always)]
pub(super) fn tanh<L: Lanes>(x: L) -> L {
    let Rising { a, s: (s, rest), power, below, inverse, .. } = rising(x);
    let (y, error) = quotient_by(inverse, one_more(-power, s, rest), below);
    signed(L::select(pick(x, 20.0, 10.0).lt(a), x.k(1.0), y + error), x)
}

/// 4e²ᵃ / (e²ᵃ + 1)² to 4 ulps, rounded once where it is subnormal.
#[inline(always)]
pub(super) fn sech_squared<L: Lanes>(x: L) -> L {
    let Rising { a, s: (s, _), raised, inverse, .. } = rising(x);
    let four = pick(x, 4.0 / RAISED[0], 4.0 / RAISED[1]);
    let y = (inverse * inverse) * s.fma(four, four) * raised;
    L::select(pick(x, 374.5, 53.0).lt(a), x.k(0.0), y)
}

/// 1 + w + s + rest for |w| ≤ 1 and |s| ≤ ½, or w = −1.
#[inline(always)]
fn one_more<L: Lanes>(w: L, s: L, rest: L) -> (L, L) {
    let (shift, lost) = two_sum(w.k(1.0), w);
    let (sum, lost_too) = two_sum(shift, s);
    (sum, lost_too + (lost + rest))
}

/// With eᵃ = 2ⁿ(1 + s), 1/(1 + s) = 1 − g and w = 2⁻²ⁿ, the double of 2⁻ⁿ·sinh a is (1 − w) + s + w·g, that of 2⁻ⁿ·cosh a is
/// (1 + w) + s − w·g. Here 2ⁿ is still to be multiplied by.
#[inline(always)]
fn hyperbolic<L: Lanes>(a: L, sign: f64) -> (L, L) {
    let p = parts(a);
    let (s, rest) = p.normal();
    let (one, one_rest) = two_sum(a.k(1.0), s);
    let (g, g_rest) = quotient_parts((s, rest), (one, one_rest + rest));
    let power = L::select(pick(a, 40.0, 20.0).lt(a), a.k(0.0), p.inverse_power(a.k(1.0)));
    let w = power * power * a.k(-sign);
    let (sum, lost) = one_more(w, s, rest);
    let (sum, lost_too) = two_sum(sum, -w * g);
    let y = sum + (lost_too + (-w).fma(g_rest, lost));
    (y * p.quarter_power(), pick(a, 711.0, 90.0))
}

#[inline(always)]
pub(super) fn sinh<L: Lanes>(x: L) -> L {
    let a = x.abs();
    let (half, limit) = hyperbolic(a, 1.0);
    let y = L::select(a.lt(tiny(x)), a, half + half);
    signed(L::select(limit.lt(a), x.k(f64::INFINITY), y), x)
}

#[inline(always)]
pub(super) fn cosh<L: Lanes>(x: L) -> L {
    let a = x.abs();
    let (half, limit) = hyperbolic(a, -1.0);
    L::select(limit.lt(a), x.k(f64::INFINITY), half + half)
}
