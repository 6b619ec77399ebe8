//! What `particle` and `saddle` have in common: gradients by either mode, and the suite's descent along one, in every arithmetic.

use std::array;
use wengert::{DualVec, Function, Real, Result, cond, lit, select, while_loop};

/// How near to a minimum is near enough, in the gradient's length and in a step's.
const TOLERANCE: f64 = 1e-5;

/// Forward or reverse.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    Forward,
    Reverse,
}

/// A function of N variables, given P parameters.
pub trait Objective<const N: usize, const P: usize> {
    fn value<T: Real>(&self, x: [T; N], p: [T; P]) -> Result<T>;
}

/// An objective and its gradient by the variables, which can be differentiated in turn.
pub struct Gradient<O, const N: usize, const P: usize> {
    pub of: O,
    /// The gradient by reverse mode; without it forward mode is taken.
    reverse: Option<Function>,
}

impl<O: Objective<N, P>, const N: usize, const P: usize> Gradient<O, N, P> {
    pub fn new(of: O, mode: Mode) -> Result<Self> {
        let reverse = match mode {
            Mode::Forward => None,
            Mode::Reverse => {
                let f = Function::trace((("x", N), ("p", P)), |(x, p)| of.value(fixed(&x), fixed(&p)))?;
                Some(f.wrt(["x"])?.grad()?)
            }
        };
        Ok(Gradient { of, reverse })
    }

    pub fn at<T: Real>(&self, x: [T; N], p: [T; P]) -> Result<[T; N]> {
        if let Some(gradient) = &self.reverse {
            let point: Vec<T> = x.into_iter().chain(p).collect();
            return Ok(fixed(&gradient.eval(&point)?));
        }
        let variables = array::from_fn(|k| DualVec::<T, N>::variable(x[k], k));
        Ok(self.of.value(variables, p.map(DualVec::constant))?.eps)
    }
}

/// The numbers of a slice whose length is known.
fn fixed<T: Copy, const N: usize>(x: &[T]) -> [T; N] {
    array::from_fn(|k| x[k])
}

/// √Σxₖ²
fn length<T: Real, const N: usize>(x: [T; N]) -> T {
    x.into_iter().map(|x| x * x).sum::<T>().sqrt()
}

/// Goes down along the gradient. A step that does not lead down is made again at half the length; after ten that do, steps are twice as long.
pub fn argmin<T: Real, const N: usize>(
    f: impl Fn([T; N]) -> Result<T>,
    gradient: impl Fn([T; N]) -> Result<[T; N]>,
    start: [T; N],
) -> Result<[T; N]> {
    let next = |x: [T; N], g: [T; N], eta: T| array::from_fn(|k| x[k] - eta * g[k]);
    let moves = |(x, _, g, eta, _): (_, T, _, _, T)| {
        let to: [T; N] = next(x, g, eta);
        let step: [T; N] = array::from_fn(|k| x[k] - to[k]);
        length(g).gt(lit(TOLERANCE)) & length(step).gt(lit(TOLERANCE))
    };
    let (x, ..) = while_loop((start, f(start)?, gradient(start)?, 1e-5, 0), moves, |(x, fx, g, eta, downward)| {
        let to = next(x, g, eta);
        let f_to = f(to)?;
        let accepted = || {
            let downward = downward + lit(1.0);
            let is_tenth = downward.ge(lit(10.0));
            Ok((to, f_to, gradient(to)?, select(is_tenth, eta * lit(2.0), eta), select(is_tenth, lit(0.0), downward)))
        };
        cond(f_to.lt(fx), accepted, || Ok((x, fx, g, eta * lit(0.5), lit(0.0))))
    })?;
    Ok(x)
}

/// Goes up.
pub fn argmax<T: Real, const N: usize>(
    f: impl Fn([T; N]) -> Result<T>,
    gradient: impl Fn([T; N]) -> Result<[T; N]>,
    start: [T; N],
) -> Result<[T; N]> {
    argmin(|x| Ok(-f(x)?), |x| Ok(gradient(x)?.map(|g| -g)), start)
}
