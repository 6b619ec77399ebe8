//! ln |Γ(x)| to an ulp, every step as a sum of two numbers: near 2 by its series there, to the right by the recurrence and Stirling's series
//! (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, 6.1.33, 6.1.15 and 6.1.40), on the left by reflection (6.1.17).

use super::parts::{quotient_parts, sum_of_any, two_product, two_sum};
use super::pow::ln_parts;

/// The sum of two numbers, of which the second is what rounding the sum loses.
#[derive(Copy, Clone)]
pub(super) struct Two(pub(super) f64, pub(super) f64);

impl Two {
    pub(super) fn plus(self, y: Two) -> Two {
        let (sum, lost) = sum_of_any(self.0, y.0);
        let (sum, lost) = two_sum(sum, lost + (self.1 + y.1));
        Two(sum, lost)
    }
    pub(super) fn times(self, y: Two) -> Two {
        let (product, lost) = two_product(self.0, y.0);
        let (product, lost) = two_sum(product, self.0.mul_add(y.1, self.1.mul_add(y.0, lost)));
        Two(product, lost)
    }
    fn over(self, y: f64) -> Two {
        let (q, rest) = quotient_parts((self.0, self.1), (y, 0.0));
        let (q, rest) = two_sum(q, rest);
        Two(q, rest)
    }
    fn negative(self) -> Two {
        Two(-self.0, -self.1)
    }
    /// Its logarithm, where it is positive.
    pub(super) fn ln(self) -> Two {
        let (ln, rest) = ln_parts(self.0);
        Two(ln, rest).plus(Two(self.1 / self.0, 0.0))
    }
}

/// 1 − γ and (ζ(2) − 1)/2.
const FIRST: Two = Two(0.42278433509846713, 4.942915152430645e-18);
const SECOND: Two = Two(0.3224670334241132, 1.520336175199238e-17);
/// (−1)ᵏ·(ζ(k) − 1)/k for k = 3, 4, …
const LATER: [f64; 28] = [
    -0.0673523010531981,
    0.020580808427784546,
    -0.007385551028673986,
    0.0028905103307415234,
    -0.001192753911703261,
    0.0005096695247430425,
    -0.00022315475845357939,
    9.945751278180853e-05,
    -4.492623673813314e-05,
    2.050721277567069e-05,
    -9.439488275268397e-06,
    4.374866789907488e-06,
    -2.039215753801366e-06,
    9.55141213040742e-07,
    -4.492469198764566e-07,
    2.1207184805554665e-07,
    -1.0043224823968099e-07,
    4.7698101693639804e-08,
    -2.2711094608943164e-08,
    1.0838659214896955e-08,
    -5.183475041970047e-09,
    2.4836745438024785e-09,
    -1.1921401405860912e-09,
    5.731367241678862e-10,
    -2.7595228851242334e-10,
    1.330476437424449e-10,
    -6.4229645638381e-11,
    3.1044247747322276e-11,
];

/// ½·ln 2π, ln π and π.
const HALF_LN_TAU: Two = Two(0.9189385332046728, -3.8782941580672414e-17);
const LN_PI: Two = Two(1.1447298858494002, 1.0265951162707826e-17);
const PI: Two = Two(std::f64::consts::PI, 1.2246467991473532e-16);

/// Coefficients of Stirling's series: B₂ₖ / (2k·(2k − 1)).
const STIRLING: [f64; 9] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360360.0,
    1.0 / 156.0,
    -3617.0 / 122400.0,
    43867.0 / 244188.0,
];

/// ln Γ(2 + d) for |d| ≤ ½.
fn near_two(d: f64) -> Two {
    let later = LATER.iter().rev().fold(0.0, |sum: f64, &c| sum.mul_add(d, c));
    let (tail, lost) = two_product(d, later);
    let slope = FIRST.plus(Two(d, 0.0).times(SECOND.plus(Two(tail, lost))));
    Two(d, 0.0).times(slope)
}

/// ln Γ(x) for a positive finite x whose result is finite.
pub(super) fn positive(x: f64) -> Two {
    if x < 0.5 {
        let (one, lost) = two_sum(1.0, x);
        let logarithms = Two(x, 0.0).ln().plus(Two(one, lost).ln());
        return near_two(x).plus(logarithms.negative());
    }
    if x <= 1.5 {
        return near_two(x - 1.0).plus(Two(x, 0.0).ln().negative());
    }
    if x < 12.0 {
        let steps = (x - 2.0).round();
        let mut product = Two(1.0, 0.0);
        for k in 1..=steps as i32 {
            product = product.times(Two(x - f64::from(k), 0.0));
        }
        let value = near_two(x - 2.0 - steps);
        return if steps > 0.0 { value.plus(product.ln()) } else { value };
    }
    // (x − ½)·(ln x − 1) − ½ + ½·ln 2π + the series
    let r = 1.0 / x;
    let series = STIRLING.iter().rev().fold(0.0, |sum: f64, &c| sum.mul_add(r * r, c)) * r;
    let ln = Two(x, 0.0).ln().plus(Two(-1.0, 0.0));
    let (half_less, lost) = sum_of_any(x, -0.5);
    let rest = HALF_LN_TAU.plus(Two(-0.5, 0.0)).plus(Two(series, 0.0));
    Two(half_less, lost).times(ln).plus(rest)
}

/// sin πf for |f| ≤ ½, by its series.
fn sine(f: f64) -> Two {
    let y = PI.times(Two(f, 0.0));
    let square = y.times(y).negative();
    let (mut term, mut sum) = (y, y);
    for k in 1..15 {
        let k = f64::from(2 * k);
        term = term.times(square).over(k * (k + 1.0));
        sum = sum.plus(term);
    }
    sum
}

/// ln |Γ(x)|; ∞ at the poles 0, −1, −2, … and at ±∞.
pub(super) fn lgamma(x: f64) -> f64 {
    const LARGEST: f64 = 2.5563481638716904e305;
    if x.is_nan() {
        return x;
    }
    if x > LARGEST || x == f64::NEG_INFINITY {
        return f64::INFINITY;
    }
    if x > 0.0 {
        return positive(x).0;
    }
    let f = x - x.round();
    if f == 0.0 {
        return f64::INFINITY;
    }
    if x > -1e-20 {
        return -(-x).ln();
    }
    // Γ(x)·Γ(−x) = −π / (x·sin πx)
    let sine = sine(f.abs());
    let below = sine.times(Two(-x, 0.0));
    LN_PI.plus(below.ln().plus(positive(-x)).negative()).0
}
