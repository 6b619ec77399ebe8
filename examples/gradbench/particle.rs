//! A charged particle falls past two others, the second of which is moved until the first hits the ground as near to the origin as it can:
//! a descent along the derivative of a path whose accelerations are a gradient.

use super::descent::{Gradient, Mode, Objective, argmin};
use super::prepared::{Prepared, Result, number};
use serde_json::Value;
use wengert::{Function, Real, lit, while_loop};

/// The potential at a place x, of charges at (10, 10 − w) and (10, 0).
pub struct Potential;

impl Objective<2, 1> for Potential {
    fn value<T: Real>(&self, [x, y]: [T; 2], [w]: [T; 1]) -> wengert::Result<T> {
        let at = |height: T| {
            let (dx, dy) = (x - lit(10.0), y - height);
            (dx * dx + dy * dy).sqrt().recip()
        };
        Ok(at(lit::<T>(10.0) - w) + at(lit(0.0)))
    }
}

/// The square of where the particle hits the ground, by Euler's method; the time to the ground in the last step is exact.
pub struct Impact {
    potential: Gradient<Potential, 2, 1>,
}

impl Impact {
    pub fn new(inner: Mode) -> wengert::Result<Impact> {
        Ok(Impact { potential: Gradient::new(Potential, inner)? })
    }
}

/// A step of time.
const STEP: f64 = 0.1;

/// Where a motion leads in a time.
fn moved<T: Real>(from: [T; 2], velocity: [T; 2], time: T) -> [T; 2] {
    [from[0] + velocity[0] * time, from[1] + velocity[1] * time]
}

impl Objective<1, 0> for Impact {
    fn value<T: Real>(&self, w: [T; 1], []: [T; 0]) -> wengert::Result<T> {
        let start: [[T; 2]; 2] = [[lit(0.0), lit(8.0)], [lit(0.75), lit(0.0)]];
        let stays_above = |[x, v]: [[T; 2]; 2]| moved(x, v, lit(STEP))[1].gt(lit(0.0));
        let [x, v] = while_loop(start, stays_above, |[x, v]| {
            let slope = self.potential.at(x, w)?;
            Ok([moved(x, v, lit(STEP)), moved(v, slope, lit(-STEP))])
        })?;
        let [x, y] = moved(x, v, lit(STEP));
        let [hit, _] = moved([x, y], v, -y / v[1]);
        Ok(hit * hit)
    }
}

/// Where the impact is nearest, from a start.
pub fn nearest<T: Real>(impact: &Gradient<Impact, 1, 0>, w: T) -> wengert::Result<T> {
    let [w] = argmin(|w| impact.of.value(w, []), |w| impact.at(w, []), [w])?;
    Ok(w)
}

/// All of it as one function.
pub fn program(outer: Mode, inner: Mode) -> wengert::Result<Function> {
    let impact = Gradient::new(Impact::new(inner)?, outer)?;
    Function::trace("w", |w| nearest(&impact, w))
}

fn prepare(input: &Value, outer: Mode, inner: Mode) -> Result<Prepared> {
    let w = input["w"].as_f64().ok_or("`w` is no number")?;
    Prepared::arrays(&program(outer, inner)?, vec![vec![w]], vec![1], number)
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
