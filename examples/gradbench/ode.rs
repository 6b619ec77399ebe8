//! y′ = f(x, y), f₀ = x₀, fᵢ = xᵢ·yᵢ₋₁, from 0 over two units of time by the classical Runge–Kutta method; the derivative of its
//! last component.

use super::prepared::{Prepared, Result, check_len, list};
use serde::Deserialize;
use serde_json::Value;
use wengert::{Expr, Function, Scan};

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    s: usize,
}

fn rhs(x: Expr, y: Expr, n: usize) -> Expr {
    let one = Expr::ones(1);
    x * Expr::concat(&[one, y.slice(0, 0..n - 1)], 0)
}

fn solve(n: usize, steps: usize) -> wengert::Result<Function> {
    let h = 2.0 / steps as f64;
    Function::trace(vec![format!("x[{n}]")], |x| {
        let x = x[0];
        let start = Expr::full(0.0, x.shape());
        let (y, ()) = Scan::steps(steps).run(start, |y, ()| {
            let k1 = rhs(x, y, n);
            let k2 = rhs(x, y + k1 * (h / 2.0), n);
            let k3 = rhs(x, y + k2 * (h / 2.0), n);
            let k4 = rhs(x, y + k3 * h, n);
            (y + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0), ())
        });
        y
    })
}

fn read(input: &Value) -> Result<(Vec<f64>, usize)> {
    let Input { x, s } = Input::deserialize(input)?;
    check_len("x", x.len().min(1), 1)?;
    Ok((x, s))
}

pub fn primal(input: &Value) -> Result<Prepared> {
    let (x, s) = read(input)?;
    let n = x.len();
    Prepared::arrays(&solve(n, s)?, vec![x], vec![n], list)
}

pub fn gradient(input: &Value) -> Result<Prepared> {
    let (x, s) = read(input)?;
    let n = x.len();
    let solve = solve(n, s)?;
    let last = Function::trace(vec![format!("x[{n}]")], |x| Ok(solve.eval(&x)?[0].at(0, n - 1)))?;
    Prepared::arrays(&last.grad()?, vec![x], vec![n], list)
}
