//! The digamma function and its derivatives, by recurrence to large arguments and the asymptotic series there
//! (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, §6.3–6.4), with reflection on the left.

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
        // ψ(1−x) − ψ(x) = π cot πx; the fraction keeps cot accurate for large |x|.
        return digamma(1.0 - x) - PI / (PI * (x - x.floor())).tan();
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
    if !(n > 0.0 && n == n.floor() && n < 150.0) || x.is_nan() {
        return f64::NAN;
    }
    let order = n as i32;
    if x <= 0.0 {
        if x == x.floor() {
            return if order % 2 == 1 { f64::INFINITY } else { f64::NAN };
        }
        // (−1)ⁿ ψ⁽ⁿ⁾(1−x) − ψ⁽ⁿ⁾(x) = dⁿ/dxⁿ π cot πx
        let sign = if order % 2 == 0 { 1.0 } else { -1.0 };
        return sign * polygamma(n, 1.0 - x) - cot_derivative(order, x);
    }
    // ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹ n! Σ (x+k)^(−n−1), the head summed, the tail by Euler–Maclaurin, all scaled by n!.
    let factorial = libm::tgamma(n + 1.0);
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 + n {
        sum += x.powi(-order - 1);
        x += 1.0;
    }
    let power = x.powi(-order);
    let mut tail = power / n + 0.5 * power / x;
    // coefficient (2k+n−1)! / ((2k)! n!)
    let mut c = (n + 1.0) / 2.0;
    let mut p = power / (x * x);
    for (k, b) in BERNOULLI.iter().enumerate() {
        let k2 = 2.0 * (k + 1) as f64;
        tail += b * c * p;
        c *= (k2 + n) * (k2 + n + 1.0) / ((k2 + 1.0) * (k2 + 2.0));
        p /= x * x;
    }
    let sign = if order % 2 == 1 { 1.0 } else { -1.0 };
    sign * factorial * (sum + tail)
}

/// dⁿ/dxⁿ π cot πx = πⁿ⁺¹ Pₙ(cot πx), with P₀(c) = c and Pₖ₊₁(c) = −(1 + c²) Pₖ′(c).
fn cot_derivative(n: i32, x: f64) -> f64 {
    let c = 1.0 / (PI * (x - x.floor())).tan();
    let mut p = vec![0.0, 1.0];
    for _ in 0..n {
        let mut next = vec![0.0; p.len() + 1];
        for (k, a) in p.iter().enumerate().skip(1) {
            let d = -(k as f64) * a;
            next[k - 1] += d;
            next[k + 1] += d;
        }
        p = next;
    }
    PI.powi(n + 1) * p.iter().rev().fold(0.0, |s, a| s * c + a)
}
