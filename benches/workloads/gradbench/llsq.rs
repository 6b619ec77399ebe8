//! A polynomial's squared distance from the sign by hand, powers by their recurrence.

use std::iter;

/// t with its sign.
fn places(n: usize) -> impl Iterator<Item = (f64, f64)> {
    (0..n).map(move |i| {
        let t = -1.0 + 2.0 * i as f64 / (n - 1) as f64;
        (t, if t == 0.0 { 0.0 } else { t.signum() })
    })
}

fn powers(t: f64) -> impl Iterator<Item = f64> {
    iter::successors(Some(1.0), move |power| Some(power * t))
}

fn residual(x: &[f64], t: f64, sign: f64) -> f64 {
    sign - x.iter().zip(powers(t)).map(|(x, power)| x * power).sum::<f64>()
}

pub fn objective(x: &[f64], n: usize) -> f64 {
    0.5 * places(n).map(|(t, sign)| residual(x, t, sign).powi(2)).sum::<f64>()
}

pub fn derivative(x: &[f64], n: usize, g: &mut [f64]) {
    g.fill(0.0);
    for (t, sign) in places(n) {
        let r = residual(x, t, sign);
        g.iter_mut().zip(powers(t)).for_each(|(g, power)| *g -= r * power);
    }
}
