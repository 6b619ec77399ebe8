//! A rule and its state for a slice of parameters.

use super::Rule;
use crate::error::{Error, Kind, Result, count};
use crate::op::{Real, lit};

/// Takes gradient steps on a slice of parameters, holding what the [`Rule`] keeps for each.
///
/// A step of training is two lines: the gradient first, then the step. Declare the parameters as one input, so that their
/// gradient is one slice:
///
/// ```
/// use wengert::{Function, like, optim::{Adam, Optimizer}};
/// // a line through points: the parameters are slope and offset
/// let start = [0.0f64, 0.0];
/// let error = Function::trace((("line", like(&start)), ["x", "y"]), |([a, b], [x, y])| (a * x + b - y).powi(2))?;
/// let gradient = error.wrt(["line"])?.grad()?.vmap("n", ["x", "y"])?.mean("n")?.compile()?;
///
/// let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.0]);
/// let (mut line, mut d_line) = (start, [0.0; 2]);
/// let mut optimizer = Optimizer::new(Adam::new(0.1), line.len());
/// for _ in 0..1000 {
///     gradient.call_into(&[&line, &x, &y], &mut [&mut d_line])?;
///     optimizer.step(&mut line, &d_line)?;
/// }
/// assert!((line[0] - 2.0).abs() < 1e-3 && (line[1] - 1.0).abs() < 1e-3);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// With any other source of gradients it is the same:
///
/// ```
/// use wengert::{Function, optim::{Optimizer, Sgd}};
/// let grad = Function::trace(["x", "y"], |[x, y]| x * x + y * y)?.grad()?;
/// let mut p = [1.0f64, 3.0];
/// let mut optimizer = Optimizer::new(Sgd { rate: 0.02 }, p.len());
/// for _ in 0..100 {
///     let g = grad.eval(&p)?;
///     optimizer.step(&mut p, &g)?;
/// }
/// assert!((p[0] - 0.0168703193588).abs() < 1e-12 && (p[1] - 0.050610958076549).abs() < 1e-12);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Optimizer<R: Rule, T: Real = f64> {
    /// The rule; its constants, such as the learning rate, may change between steps.
    pub rule: R,
    state: Vec<R::State<T>>,
    steps: u64,
}

impl<R: Rule, T: Real> Optimizer<R, T> {
    /// An optimiser of `len` parameters, before its first step.
    pub fn new(rule: R, len: usize) -> Self {
        let state = vec![rule.start(); len];
        Optimizer { rule, state, steps: 0 }
    }

    /// One step, in place.
    ///
    /// # Errors
    /// If there are not as many parameters, or gradients, as the optimiser was made for.
    #[track_caller]
    pub fn step(&mut self, params: &mut [T], grads: &[T]) -> Result<()> {
        for (what, len) in [("parameters", params.len()), ("gradients", grads.len())] {
            if len != self.state.len() {
                let message = format!("the optimizer is for {}, not for {len} {what}", count(self.state.len(), "parameter"));
                return Err(Error::here(Kind::Length, message));
            }
        }
        self.steps += 1;
        let t = lit(self.steps as f64);
        for ((p, &g), state) in params.iter_mut().zip(grads).zip(&mut self.state) {
            (*p, *state) = self.rule.update(*p, g, *state, t);
        }
        Ok(())
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What the rule keeps for each parameter.
    pub fn state(&self) -> &[R::State<T>] {
        &self.state
    }

    /// Goes on from a state saved after some steps.
    ///
    /// # Errors
    /// If the state is not for as many parameters as the optimiser was made for.
    #[track_caller]
    pub fn resume(&mut self, state: &[R::State<T>], steps: u64) -> Result<()> {
        if state.len() != self.state.len() {
            let message = format!("the optimizer is for {}, not for {}", count(self.state.len(), "parameter"), state.len());
            return Err(Error::here(Kind::Length, message));
        }
        self.state.copy_from_slice(state);
        self.steps = steps;
        Ok(())
    }
}
