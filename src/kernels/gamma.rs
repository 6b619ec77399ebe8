//! The digamma function and its derivatives, by recurrence to large arguments and the asymptotic series there
//! (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, §6.3–6.4), on the left by the distances from the poles beside.

use super::lgamma::{Two, positive};
use std::f64::consts::PI;

/// Bernoulli numbers B₂, B₄, …, B₃₀.
const BERNOULLI: [f64; 15] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
    854513.0 / 138.0,
    -236364091.0 / 2730.0,
    8553103.0 / 6.0,
    -23749461029.0 / 870.0,
    8615841276005.0 / 14322.0,
];

/// ψ(x); NaN at the poles 0, −1, −2, … but ∓∞ at ±0.
pub(crate) fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -1.0 / x;
    }
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        // ψ(1−x) − ψ(x) = π cot πx; the distance from the pole, which is exact, keeps cot accurate beside it and for large |x|.
        return digamma(1.0 - x) - PI / (PI * (x - x.round())).tan();
    }
    // Near its positive zero ψ(x) = (x − x₀)·…, so the recurrence there would cancel.
    const ROOT_HI: f64 = 1.4616321449683623;
    const ROOT_LO: f64 = 4.133116309441443e-17;
    let d = (x - ROOT_HI) - ROOT_LO;
    if d.abs() < 0.05 {
        return near_root(d);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let mut power = r;
    let mut tail = 0.0;
    for (k, b) in BERNOULLI[..8].iter().enumerate() {
        tail += b / (2.0 * (k + 1) as f64) * power;
        power *= r;
    }
    sum + (x.ln() - 0.5 / x - tail)
}

/// Taylor series of ψ at its positive zero, from ψ⁽ᵏ⁾ there.
fn near_root(d: f64) -> f64 {
    const X0: f64 = 1.4616321449683623;
    let (mut term, mut sum) = (1.0, 0.0);
    for k in 1..12 {
        term *= d / k as f64;
        sum += term * polygamma(k as f64, X0);
    }
    sum
}

/// ψ⁽ⁿ⁾(x) for an integral n ≥ 0; NaN for another n, ±∞ or NaN at the poles.
pub(crate) fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if !(n > 0.0 && n == n.floor()) || x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    let odd = n % 2.0 == 1.0;
    if x > 0.0 {
        return if odd { sum_of_powers(n, x) } else { -sum_of_powers(n, x) };
    }
    // The exact distance from the nearest pole; from the others it need not be exact.
    let f = x - x.round();
    if f == 0.0 {
        return if odd { f64::INFINITY } else { f64::NAN };
    }
    let (right, left) = if f > 0.0 { (f, 1.0 - f) } else { (1.0 + f, -f) };
    // The poles to the left are at the distances right, right + 1, …, those to the right, which end at 0, at left, …, −x.
    let [of_left, of_right, beyond] = [right, left, 1.0 - x].map(|x| sum_of_powers(n, x));
    if odd { of_left + of_right - beyond } else { of_right - of_left - beyond }
}

/// n! Σ (x+k)^(−n−1) for x > 0, n ≥ 1, by (n−1)!/xⁿ, which it is next to for a large x, and a sum of ratios: its head is summed, the tail is
/// Euler's and Maclaurin's.
fn sum_of_powers(n: f64, x: f64) -> f64 {
    let first = first_power(n, x);
    if first == 0.0 || first.is_infinite() {
        return first;
    }
    let (mut from, mut sum, mut ratio) = (x, 0.0, 1.0);
    while from < 10.0 + n {
        sum += ratio;
        from += 1.0;
        // (x / from)ⁿ⁺¹, whose exponent is small where it counts.
        ratio = (-(n + 1.0) * ((from - x) / x).ln_1p()).exp();
        if ratio < 1e-18 * sum {
            return first * (sum / x * n);
        }
    }
    let mut tail = from / n + 0.5;
    // coefficient (2k+n−1)! / ((2k)! n!)
    let mut c = (n + 1.0) / 2.0;
    let mut p = 1.0 / from;
    for (k, b) in BERNOULLI.iter().enumerate() {
        let k2 = 2.0 * (k + 1) as f64;
        tail += b * c * p;
        c *= (k2 + n) * (k2 + n + 1.0) / ((k2 + 1.0) * (k2 + 2.0));
        p /= from * from;
    }
    first * ((sum + ratio * tail) / x * n)
}

/// (n−1)! / xⁿ for x > 0: by factors k/x, in an order that keeps the product near 1, or for a large n by logarithms.
fn first_power(n: f64, x: f64) -> f64 {
    if n > 150.0 {
        let power = x.is_finite().then(|| Two(-n, 0.0).times(Two(x, 0.0).ln()));
        return power.map_or(0.0, |power| {
            let Two(high, low) = positive(n).plus(power);
            let value = high.exp();
            if value.is_infinite() { value } else { value + value * low }
        });
    }
    let (mut product, mut small, mut large) = (1.0 / x, 1.0, n - 1.0);
    while small <= large {
        if product < 1.0 {
            product *= large / x;
            large -= 1.0;
        } else {
            product *= small / x;
            small += 1.0;
        }
    }
    product
}
