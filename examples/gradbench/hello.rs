//! x² and its derivative.

use super::prepared::{Prepared, Result, number};
use serde_json::Value;
use wengert::{Function, Real};

fn square_of<T: Real>(x: T) -> T {
    x * x
}

fn compiled(input: &Value, f: &Function) -> Result<Prepared> {
    let x = input.as_f64().ok_or("the input is no number")?;
    let code = f.compile()?;
    Ok(Prepared::new(vec![1], number, move |y| {
        [y[0][0]] = code.call([x])?;
        Ok(())
    }))
}

pub fn square(input: &Value) -> Result<Prepared> {
    compiled(input, &Function::trace("x", square_of)?)
}

pub fn double(input: &Value) -> Result<Prepared> {
    compiled(input, &Function::trace("x", square_of)?.grad()?)
}
