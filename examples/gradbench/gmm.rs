//! The log-likelihood of a mixture of Gaussians with a Wishart prior, and its gradient.

use super::prepared::{Prepared, Result, check_len, joined, number, rows};
use serde::Deserialize;
use serde_json::{Value, json};
use std::f64::consts::{LN_2, PI};
use wengert::{Expr, Function, Real};

#[derive(Deserialize)]
struct Input {
    d: usize,
    k: usize,
    n: usize,
    x: Vec<Vec<f64>>,
    m: f64,
    gamma: f64,
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
}

/// Where the numbers of all Qₖ are among 0, exp q and l, side by side as the columns of one matrix `[d, k·d]`: (Qₖ)ⱼᵢ in row i,
/// column k·d + j. Below the diagonal, l runs column by column.
fn places(d: usize, k: usize) -> Vec<f64> {
    let below = d * (d - 1) / 2;
    let mut places = Vec::with_capacity(d * k * d);
    for i in 0..d {
        // Where column i starts in l.
        let column = i * (2 * d - i - 1) / 2;
        for c in 0..k {
            places.extend((0..d).map(|j| match j.cmp(&i) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => (1 + c * d + j) as f64,
                std::cmp::Ordering::Greater => (1 + k * d + c * below + column + j - i - 1) as f64,
            }));
        }
    }
    places
}

fn likelihood(d: usize, k: usize, m: f64, gamma: f64) -> wengert::Result<Function> {
    let below = d * (d - 1) / 2;
    let inputs = vec![
        format!("alpha[{k}]"),
        format!("mu[{k},{d}]"),
        format!("q[{k},{d}]"),
        format!("l[{k},{below}]"),
        format!("x[n,{d}]"),
        format!("places[{d},{}]: index", k * d),
    ];
    Function::trace(inputs, |inputs| {
        let [alpha, mu, q, l, x, places] = inputs[..] else { unreachable!("six inputs") };
        let diagonal = q.exp();
        let zero = Expr::full(0.0, wengert::Shape::new(&[1.into()]));
        let numbers = Expr::concat(&[zero, diagonal.reshape([(k * d).into()]), l.reshape([(k * below).into()])], 0);
        let all = numbers.gather(places, 0);
        // Qₖ·(xᵢ − μₖ) for all i and k, as one product of matrices.
        let shift = (all.reshape([d.into(), k.into(), d.into()]) * mu.t().reshape([d.into(), k.into(), 1.into()])).sum(0);
        let y = x.matmul(all) - shift.reshape([(k * d).into()]);
        let squares = (y * y).reshape(["n".into(), k.into(), d.into()]).sum(2);
        let beta = alpha + q.sum(1) - squares * 0.5;
        let n = x.at(1, 0).count(..);
        let prior = ((diagonal * diagonal).sum(..) + (l * l).sum(..)) * (gamma * gamma / 2.0) - q.sum(..) * m;
        let constant = k as f64 * wishart(d, m, gamma);
        beta.log_sum_exp(1).sum(..) - n * alpha.log_sum_exp(..) - n * (0.5 * d as f64 * (2.0 * PI).ln()) + constant - prior
    })
}

/// The prior's constant: N·d·(ln γ − ½ ln 2) − ln Γ_d(N/2), N = d + m + 1.
fn wishart(d: usize, m: f64, gamma: f64) -> f64 {
    let (d, n) = (d as f64, d as f64 + m + 1.0);
    let terms = (1..=d as usize).map(|j| Real::lgamma(0.5 * n + 0.5 * (1.0 - j as f64))).sum::<f64>();
    n * d * (gamma.ln() - 0.5 * LN_2) - (0.25 * d * (d - 1.0) * PI.ln() + terms)
}

fn prepare(input: &Value, gradient: bool) -> Result<Prepared> {
    let Input { d, k, n, x, m, gamma, alpha, mu, q, l } = Input::deserialize(input)?;
    for (name, got, wanted) in
        [("x", x.len(), n), ("alpha", alpha.len(), k), ("mu", mu.len(), k), ("q", q.len(), k), ("l", l.len(), k)]
    {
        check_len(name, got, wanted)?;
    }
    if d == 0 || k == 0 {
        return Err("`d` and `k` must be at least 1".into());
    }
    let below = d * (d - 1) / 2;
    let inputs =
        vec![alpha, joined("mu", &mu, d)?, joined("q", &q, d)?, joined("l", &l, below)?, joined("x", &x, d)?, places(d, k)];
    let f = likelihood(d, k, m, gamma)?;
    if !gradient {
        return Prepared::arrays(&f, inputs, vec![1], number);
    }
    let lengths = inputs[..4].iter().map(Vec::len).collect();
    let named = move |y: &[Vec<f64>]| {
        let l = if below == 0 { json!(vec![[0.0; 0]; k]) } else { rows(&y[3], below) };
        json!({"alpha": y[0], "mu": rows(&y[1], d), "q": rows(&y[2], d), "l": l})
    };
    Prepared::arrays(&f.wrt(["alpha", "mu", "q", "l"])?.grad()?, inputs, lengths, named)
}

pub fn objective(input: &Value) -> Result<Prepared> {
    prepare(input, false)
}

pub fn jacobian(input: &Value) -> Result<Prepared> {
    prepare(input, true)
}
