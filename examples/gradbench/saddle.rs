//! minₓ maxᵧ |x|² − |y|² in the plane: a descent along the derivative of what an ascent finds.

use super::descent::{Gradient, Mode, Objective, argmax, argmin};
use super::prepared::{Prepared, Result, list};
use serde::Deserialize;
use serde_json::Value;
use wengert::{Function, Real};

#[derive(Deserialize)]
struct Input {
    start: [f64; 2],
}

/// |x|² − |y|² as a function of y.
pub struct Difference;

impl Objective<2, 2> for Difference {
    fn value<T: Real>(&self, y: [T; 2], x: [T; 2]) -> wengert::Result<T> {
        Ok((x[0] * x[0] + x[1] * x[1]) - (y[0] * y[0] + y[1] * y[1]))
    }
}

/// The largest value for an x, of which the ascent begins at a start.
pub struct Largest {
    pub difference: Gradient<Difference, 2, 2>,
}

impl Largest {
    pub fn new(inner: Mode) -> wengert::Result<Largest> {
        Ok(Largest { difference: Gradient::new(Difference, inner)? })
    }

    /// Where it is.
    fn place<T: Real>(&self, x: [T; 2], start: [T; 2]) -> wengert::Result<[T; 2]> {
        argmax(|y| self.difference.of.value(y, x), |y| self.difference.at(y, x), start)
    }
}

impl Objective<2, 2> for Largest {
    fn value<T: Real>(&self, x: [T; 2], start: [T; 2]) -> wengert::Result<T> {
        self.difference.of.value(self.place(x, start)?, x)
    }
}

/// The saddle: x, then y.
pub fn saddle<T: Real>(largest: &Gradient<Largest, 2, 2>, start: [T; 2]) -> wengert::Result<[T; 4]> {
    let x = argmin(|x| largest.of.value(x, start), |x| largest.at(x, start), start)?;
    let y = largest.of.place(x, start)?;
    Ok([x[0], x[1], y[0], y[1]])
}

/// All of it as one function.
pub fn program(outer: Mode, inner: Mode) -> wengert::Result<Function> {
    let largest = Gradient::new(Largest::new(inner)?, outer)?;
    Function::trace(("start", 2), |start| saddle(&largest, [start[0], start[1]]))
}

fn prepare(input: &Value, outer: Mode, inner: Mode) -> Result<Prepared> {
    let Input { start } = Input::deserialize(input)?;
    Prepared::arrays(&program(outer, inner)?, vec![start.to_vec()], vec![4], list)
}

pub fn rr(input: &Value) -> Result<Prepared> {
    prepare(input, Mode::Reverse, Mode::Reverse)
}

pub fn rf(input: &Value) -> Result<Prepared> {
    prepare(input, Mode::Reverse, Mode::Forward)
}

pub fn fr(input: &Value) -> Result<Prepared> {
    prepare(input, Mode::Forward, Mode::Reverse)
}

pub fn ff(input: &Value) -> Result<Prepared> {
    prepare(input, Mode::Forward, Mode::Forward)
}
