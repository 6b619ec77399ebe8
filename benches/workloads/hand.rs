//! Values and gradients written by hand: what the crate is measured against.

use std::f64::consts::FRAC_1_SQRT_2;

/// The signature of a compiled function, behind a pointer.
pub type Call = fn(&[f64], &mut [f64]);

pub fn product(x: &[f64], y: &mut [f64]) {
    let (&[a, b], [e, da, db]) = (x, y) else { unreachable!() };
    (*e, *da, *db) = ((a + b) * (b + 1.0), b + 1.0, (b + 1.0) + (a + b));
}

pub fn squares(x: &[f64], out: &mut [f64]) {
    let (&[x, y], [e, dx, dy]) = (x, out) else { unreachable!() };
    (*e, *dx, *dy) = (x * x + y * y, 2.0 * x, 2.0 * y);
}

/// The option's price and its five partial derivatives, given Φ and its density.
#[inline(always)]
fn option([s, k, r, v, t]: [f64; 5], cdf: impl Fn(f64) -> (f64, f64)) -> [f64; 6] {
    let root = t.sqrt();
    let vs = v * root;
    let d1 = ((s / k).ln() + (r + 0.5 * v * v) * t) / vs;
    let d2 = d1 - vs;
    let discount = (-r * t).exp();
    let ((n1, p1), (n2, p2)) = (cdf(d1), cdf(d2));
    let ke = k * discount;
    let a2 = -ke * p2;
    let a1 = s * p1 + a2;
    let inverse = 1.0 / vs;
    let a_vs = -a2 - a1 * d1 * inverse;
    let a_ln = a1 * inverse;
    [
        s * n1 - ke * n2,
        n1 + a_ln / s,
        -discount * n2 - a_ln / k,
        ke * n2 * t + a_ln * t,
        a_ln * v * t + a_vs * root,
        ke * n2 * r + a_ln * (r + 0.5 * v * v) + a_vs * v * 0.5 / root,
    ]
}

#[inline(always)]
pub fn option_logistic_at(x: [f64; 5]) -> [f64; 6] {
    const C: [f64; 2] = [1.5976, 0.07056];
    option(x, |d| {
        let n = 1.0 / (1.0 + (-d * (C[0] + C[1] * d * d)).exp());
        (n, n * (1.0 - n) * (C[0] + 3.0 * C[1] * d * d))
    })
}

#[inline(always)]
pub fn option_erf_at(x: [f64; 5]) -> [f64; 6] {
    option(x, |d| (0.5 * (1.0 + libm::erf(d * FRAC_1_SQRT_2)), 0.3989422804014327 * (-0.5 * d * d).exp()))
}

pub fn option_logistic(x: &[f64], y: &mut [f64]) {
    y.copy_from_slice(&option_logistic_at(x.try_into().unwrap()));
}

pub fn option_erf(x: &[f64], y: &mut [f64]) {
    y.copy_from_slice(&option_erf_at(x.try_into().unwrap()));
}

/// The option over columns: five of inputs, six of results.
#[inline(always)]
fn option_rows(x: &[&[f64]; 5], y: [&mut [f64]; 6], at: impl Fn([f64; 5]) -> [f64; 6]) {
    let [s, k, r, v, t] = x;
    let n = s.len();
    assert!(x.iter().all(|column| column.len() == n) && y.iter().all(|column| column.len() == n));
    let [p, ds, dk, dr, dv, dt] = y;
    for i in 0..n {
        [p[i], ds[i], dk[i], dr[i], dv[i], dt[i]] = at([s[i], k[i], r[i], v[i], t[i]]);
    }
}

#[inline(never)]
pub fn option_logistic_rows(x: &[&[f64]; 5], y: [&mut [f64]; 6]) {
    option_rows(x, y, option_logistic_at);
}

#[inline(never)]
pub fn option_erf_rows(x: &[&[f64]; 5], y: [&mut [f64]; 6]) {
    option_rows(x, y, option_erf_at);
}

/// Value, then gradient, in one pass.
pub fn rosenbrock(x: &[f64], y: &mut [f64]) {
    let (f, g) = y.split_first_mut().unwrap();
    let n = x.len();
    assert!(g.len() == n);
    let mut before = 0.0;
    *f = 0.0;
    for i in 0..n - 1 {
        let (t, u) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
        *f += 100.0 * t * t + u * u;
        g[i] = -400.0 * t * x[i] - 2.0 * u + 200.0 * before;
        before = t;
    }
    g[n - 1] = 200.0 * before;
}

/// Mean loss and gradient of logistic regression over rows of `d` features; the last weight is the bias.
#[inline(never)]
pub fn logistic(x: &[f64], y: &[f64], w: &[f64], g: &mut [f64]) -> f64 {
    let d = w.len() - 1;
    let mut f = 0.0;
    g.fill(0.0);
    let (g, gb) = g.split_at_mut(d);
    for (x, &y) in x.chunks_exact(d).zip(y) {
        let z = x.iter().zip(w).fold(w[d], |z, (x, w)| z + x * w);
        let e = (-z.abs()).exp();
        f += z.max(0.0) + e.ln_1p() - y * z;
        let q = (if z > 0.0 { 1.0 } else { e }) / (1.0 + e) - y;
        gb[0] += q;
        g.iter_mut().zip(x).for_each(|(g, x)| *g += q * x);
    }
    let n = y.len() as f64;
    g.iter_mut().for_each(|g| *g /= n);
    gb[0] /= n;
    f / n
}

/// Steps of gradient descent on exclusive or; the loss before the last one.
#[inline(never)]
pub fn exclusive_or(steps: usize, p: &mut [f64; 33], rate: f64) -> f64 {
    let mut f = 0.0;
    for _ in 0..steps {
        let mut g = [0.0; 33];
        f = 0.0;
        for (x, y) in super::formulas::XOR {
            let mut h = [0.0; 8];
            for k in 0..8 {
                h[k] = (x[0] * p[k] + x[1] * p[8 + k] + p[16 + k]).tanh();
            }
            let z = (0..8).fold(p[32], |z, k| z + h[k] * p[24 + k]);
            let o = 1.0 / (1.0 + (-z).exp());
            let e = o - y;
            f += e * e;
            let dz = 0.5 * e * o * (1.0 - o);
            g[32] += dz;
            for k in 0..8 {
                g[24 + k] += dz * h[k];
                let da = dz * p[24 + k] * (1.0 - h[k] * h[k]);
                g[k] += da * x[0];
                g[8 + k] += da * x[1];
                g[16 + k] += da;
            }
        }
        f *= 0.25;
        p.iter_mut().zip(g).for_each(|(p, g)| *p -= rate * g);
    }
    f
}

/// Steps of gradient descent of a cubic on all points.
#[inline(never)]
pub fn cubic_full(steps: usize, x: &[f64], y: &[f64], p: &mut [f64; 4], rate: f64) -> f64 {
    let mut f = 0.0;
    for _ in 0..steps {
        let mut g = [0.0; 4];
        f = 0.0;
        for (&x, &y) in x.iter().zip(y) {
            let (x2, x3) = (x * x, x * x * x);
            let e = p[0] + p[1] * x + p[2] * x2 + p[3] * x3 - y;
            f += e * e;
            g[0] += e;
            g[1] += e * x;
            g[2] += e * x2;
            g[3] += e * x3;
        }
        p.iter_mut().zip(g).for_each(|(p, g)| *p -= 2.0 * rate * g);
    }
    f
}

/// Steps of gradient descent of a cubic on one point each.
#[inline(never)]
pub fn cubic_single(steps: usize, x: &[f64], y: &[f64], p: &mut [f64; 4], rate: f64) {
    for s in 0..steps {
        let (x, y) = (x[s % x.len()], y[s % x.len()]);
        let (x2, x3) = (x * x, x * x * x);
        let q = 2.0 * rate * (p[0] + p[1] * x + p[2] * x2 + p[3] * x3 - y);
        p[0] -= q;
        p[1] -= q * x;
        p[2] -= q * x2;
        p[3] -= q * x3;
    }
}

/// The product of numbers and its gradient: what is before times what is after.
#[inline(never)]
pub fn product_of(x: &[f64], g: &mut [f64]) -> f64 {
    let mut before = 1.0;
    for (g, &x) in g.iter_mut().zip(x) {
        *g = before;
        before *= x;
    }
    let mut after = 1.0;
    for (g, &x) in g.iter_mut().zip(x).rev() {
        *g *= after;
        after *= x;
    }
    before
}

/// ln Σ exp(A·x + b) and its gradient in x.
#[inline(never)]
pub fn log_sum_exp(a: &[f64], b: &[f64], x: &[f64], g: &mut [f64]) -> f64 {
    let rows = || a.chunks_exact(x.len());
    let mut z: Vec<f64> = rows().zip(b).map(|(a, &b)| a.iter().zip(x).fold(b, |z, (a, x)| z + a * x)).collect();
    let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for z in &mut z {
        *z = (*z - most).exp();
        total += *z;
    }
    g.fill(0.0);
    for (a, z) in rows().zip(&z) {
        let share = z / total;
        g.iter_mut().zip(a).for_each(|(g, a)| *g += share * a);
    }
    most + total.ln()
}
