//! ln Σ exp xᵢ and its gradient.

use super::prepared::{Prepared, Result, list, number};
use serde::Deserialize;
use serde_json::Value;
use wengert::Function;

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
}

fn log_sum_exp() -> wengert::Result<Function> {
    Function::trace(["x[n]"], |[x]| {
        let largest = x.max_of(..).detach();
        (x - largest).exp().sum(..).ln() + largest
    })
}

fn read(input: &Value) -> Result<Vec<f64>> {
    Ok(Input::deserialize(input)?.x)
}

pub fn primal(input: &Value) -> Result<Prepared> {
    Prepared::arrays(&log_sum_exp()?, vec![read(input)?], vec![1], number)
}

pub fn gradient(input: &Value) -> Result<Prepared> {
    let x = read(input)?;
    let n = x.len();
    Prepared::arrays(&log_sum_exp()?.grad()?, vec![x], vec![n], list)
}
