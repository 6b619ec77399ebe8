//! The log-likelihood of a mixture of Gaussians with a Wishart prior, and its gradient.

use super::prepared::{Prepared, Result, check_len, joined, number, rows};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::f64::consts::{LN_2, PI};
use std::ops::Range;
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

/// The rows of every Qₖ in blocks: as Qₖ is triangular, a block needs the first numbers of a point only, up to its last row.
fn blocks(d: usize) -> Vec<Range<usize>> {
    let count = (d / 16).max(1);
    (0..count).map(|b| b * d / count..(b + 1) * d / count).collect()
}

/// Where the numbers of a block of rows of all Qₖ are among 0, exp q and l, side by side as the columns of one matrix: (Qₖ)ⱼᵢ in
/// row i, row j's columns before those of the next, for all k. Below the diagonal, l runs column by column.
fn places(d: usize, k: usize, rows: Range<usize>) -> Vec<f64> {
    let below = d * (d - 1) / 2;
    let mut places = Vec::with_capacity(rows.end * rows.len() * k);
    for i in 0..rows.end {
        // Where column i starts in l.
        let column = i * (2 * d - i - 1) / 2;
        for j in rows.clone() {
            places.extend((0..k).map(|c| match j.cmp(&i) {
                Ordering::Less => 0.0,
                Ordering::Equal => (1 + c * d + j) as f64,
                Ordering::Greater => (1 + k * d + c * below + column + j - i - 1) as f64,
            }));
        }
    }
    places
}

/// Every point is given with a 1 before its numbers.
fn likelihood(d: usize, k: usize, m: f64, gamma: f64) -> wengert::Result<Function> {
    let below = d * (d - 1) / 2;
    let mut inputs = vec![
        format!("alpha[{k}]"),
        format!("mu[{k},{d}]"),
        format!("q[{k},{d}]"),
        format!("l[{k},{below}]"),
        format!("x[n,{}]", d + 1),
    ];
    inputs.extend(blocks(d).iter().map(|rows| format!("places{}[{},{}]: index", rows.end, rows.end, rows.len() * k)));
    Function::trace(inputs, |inputs| {
        let [alpha, mu, q, l, x, ref places @ ..] = inputs[..] else { unreachable!("six inputs at least") };
        let diagonal = q.exp();
        let zero = Expr::zeros(1);
        let numbers = Expr::concat(&[zero, diagonal.reshape(k * d), l.reshape(k * below)], 0);
        // Qₖ·(xᵢ − μₖ) for all i and k, as one product of matrices for each block: the 1 before xᵢ meets −Qₖ·μₖ.
        let squares = blocks(d).into_iter().zip(places).map(|(rows, &places)| {
            let (j, end) = (rows.len(), rows.end);
            let all = numbers.gather(places, 0);
            let center = mu.t().slice(0, 0..end).reshape([end, 1, k]);
            let shift = (all.reshape([end, j, k]) * center).sum(0);
            let all = Expr::concat(&[-shift.reshape([1, j * k]), all], 0);
            let y = x.slice(1, 0..end + 1).matmul(all).reshape(("n", j, k));
            (y * y).sum(1)
        });
        let squares = squares.reduce(|a, b| a + b).expect("there is a block");
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
    let x = joined("x", &x, d)?.chunks(d).flat_map(|x| std::iter::once(&1.0).chain(x)).copied().collect();
    let mut inputs = vec![alpha, joined("mu", &mu, d)?, joined("q", &q, d)?, joined("l", &l, below)?, x];
    inputs.extend(blocks(d).into_iter().map(|rows| places(d, k, rows)));
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
