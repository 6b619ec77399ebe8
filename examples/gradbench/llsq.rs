//! A polynomial's squared distance from the sign, ½·Σᵢ (sign tᵢ − Σⱼ xⱼ·tᵢʲ)² at n places from −1 to 1, and its gradient.

use super::prepared::{Prepared, Result, list, number};
use serde::Deserialize;
use serde_json::Value;
use wengert::{Function, Real, lit, select};

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    n: usize,
}

/// What one place adds; the polynomial by Horner's rule.
fn term<T: Real>(x: &[T], t: T) -> T {
    let p = x.iter().rev().fold(lit(0.0), |p: T, &x| p * t + x);
    let sign = select(t.ne(lit(0.0)), t.signum(), lit(0.0));
    (sign - p).powi(2) * lit(0.5)
}

/// The value at every place, or the gradient, summed over the places.
fn over_places(m: usize, derive: impl FnOnce(Function) -> wengert::Result<Function>) -> wengert::Result<Function> {
    let at_one = Function::trace((("x", m), "t"), |(x, t)| term(&x, t))?;
    derive(at_one.wrt(["x"])?)?.vmap("n", ["t"])?.sum("n")
}

fn read(input: &Value) -> Result<[Vec<f64>; 2]> {
    let Input { x, n } = Input::deserialize(input)?;
    if n < 2 {
        return Err(format!("`n` is {n}, and there are two ends").into());
    }
    Ok([x, (0..n).map(|i| -1.0 + 2.0 * i as f64 / (n - 1) as f64).collect()])
}

pub fn primal(input: &Value) -> Result<Prepared> {
    let [x, t] = read(input)?;
    Prepared::arrays(&over_places(x.len(), Ok)?, vec![x, t], vec![1], number)
}

pub fn gradient(input: &Value) -> Result<Prepared> {
    let [x, t] = read(input)?;
    let m = x.len();
    Prepared::arrays(&over_places(m, |f| f.grad())?, vec![x, t], vec![m], list)
}
