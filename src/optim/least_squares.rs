//! Fitting by least squares: over compiled residuals and their Jacobian, with error bars.

use super::qr::Triangular;
use crate::compiled::Compiled;
use crate::error::{Error, Kind, Result, count};
use crate::eval::Array;
use crate::graph::{Function, InputGroup, NewOutput, OutputGroup};
use crate::implicit::{Outcome, check_tolerances};
use std::{fmt, panic::Location};

/// The damping at first, and the least that is tried after none was too little.
const DAMPING: f64 = 1e-3;
/// The damping that is not raised further.
const LARGEST: f64 = 1e20;
/// By how much it is raised.
const RAISE: f64 = 2.0;

/// Fits the active inputs of a function of residuals (see [`Function::wrt`]), so that the sum of their squares is least: by the method
/// of K. Levenberg (1944) and D. Marquardt (1963) on triangular factors. Residuals and Jacobian are compiled once. Residuals that are divided
/// by the errors of measurement make it a weighted fit.
///
/// ```
/// use wengert::{Array, Function, optim::LeastSquares};
/// let residuals = Function::trace(["a", "b", "x[n]", "y[n]"], |[a, b, x, y]| a * (b * x).exp() - y)?.wrt(["a", "b"])?;
/// let fitter = LeastSquares::new(&residuals)?;
/// let x = Array::vector(vec![0.0, 1.0, 2.0, 3.0, 4.0]);
/// let y = Array::vector(vec![2.01, 1.20, 0.75, 0.43, 0.28]);
/// let fit = fitter.fit(&[1.0.into(), 0.0.into(), x, y])?;
/// assert!(fit.converged() && (fit.params()[0] - 2.0).abs() < 3.0 * fit.errors().unwrap()[0]);
/// println!("{fit}"); // the parameters with error bars, and every step
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LeastSquares {
    residuals: Compiled,
    /// The residuals, then the Jacobian.
    both: Compiled,
    /// How many values the residuals are.
    values: usize,
    unknowns: Vec<InputGroup>,
    /// Whether there is a block of the Jacobian for every pair of an output and an unknown.
    blocks: bool,
    steps: usize,
    tolerance: f64,
}

impl LeastSquares {
    /// Compiles residuals and Jacobian.
    ///
    /// # Errors
    /// If there is no active input, one with an open axis, or no output to differentiate; if the function is in `f32`.
    #[track_caller]
    pub fn new(residuals: &Function) -> Result<LeastSquares> {
        let f = residuals.without_aux();
        let unknowns: Vec<InputGroup> = f.inputs().iter().filter(|group| group.is_active()).cloned().collect();
        let jacobian = f.jacobian()?;
        let both = Function::build(f.width(), f.inputs().to_vec(), Location::caller(), |args| {
            let outputs = [(&f, "r_"), (&jacobian, "j_")].map(|(of, prefix)| {
                let mut values = of.eval(args).expect("the function's own inputs").into_iter();
                let output = move |y: &OutputGroup| {
                    let own = NewOutput::like(y, values.by_ref().take(y.nodes().len()).collect());
                    NewOutput { name: format!("{prefix}{}", y.name()), ..own }
                };
                of.outputs().iter().map(output).collect::<Vec<_>>()
            });
            outputs.into_iter().flatten().collect()
        })?;
        Ok(LeastSquares {
            residuals: f.compile()?,
            both: both.compile()?,
            values: f.output_len(),
            unknowns,
            blocks: !f.is_of_numbers(),
            steps: 200,
            tolerance: f64::EPSILON.powf(2.0 / 3.0),
        })
    }

    /// The largest number of steps; 200 otherwise.
    pub fn steps(self, steps: usize) -> Self {
        LeastSquares { steps, ..self }
    }

    /// How short a step ends the fit, relative to the unknowns in units of their columns' lengths; ε^⅔ otherwise. Positive and finite, or
    /// fits are errors.
    pub fn tolerance(self, relative: f64) -> Self {
        LeastSquares { tolerance: relative, ..self }
    }

    /// Fits, starting from the values that the unknowns have among the inputs.
    ///
    /// # Errors
    /// If the inputs do not fit the function, if there are fewer residuals than unknowns, if the residuals are not finite at the start, or if the
    /// tolerance is not positive and finite.
    #[track_caller]
    pub fn fit(&self, inputs: &[Array<f64>]) -> Result<Fit> {
        let here = Location::caller();
        check_tolerances("least_squares", &[("a tolerance", Some(self.tolerance))]).map_err(|error| error.at(Some(here)))?;
        let mut search = Search::new(self, inputs)?;
        let mut table = vec![search.row(0.0, 0.0)];
        let mut outcome = Outcome::StepLimit;
        let mut damping = DAMPING;
        for _ in 0..self.steps {
            let Some(step) = search.step(damping)? else {
                outcome = Outcome::Stalled;
                break;
            };
            table.push(search.row(step.length, step.damping));
            // Only a step without damping tells how near the minimum is, where the unknowns are determined.
            if step.short && (step.damping == 0.0 || !search.is_regular()) {
                outcome = Outcome::Converged;
                break;
            }
            // A short step is all there is, and without damping there is none.
            if step.short && damping == 0.0 {
                outcome = Outcome::Stalled;
                break;
            }
            damping = if step.short { 0.0 } else { step.damping * 0.1 };
        }
        Ok(search.finished(outcome, table))
    }
}

/// The point where a fit is, with residuals r and Jacobian J, row by row.
struct Search<'f> {
    fitter: &'f LeastSquares,
    inputs: Vec<Array<f64>>,
    n: usize,
    r: Vec<f64>,
    j: Vec<f64>,
    /// The largest length that each column of J has had.
    scale: Vec<f64>,
}

/// A step that was taken.
struct Step {
    damping: f64,
    length: f64,
    short: bool,
}

fn square(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum()
}

impl<'f> Search<'f> {
    #[track_caller]
    fn new(fitter: &'f LeastSquares, inputs: &[Array<f64>]) -> Result<Self> {
        let n = fitter.unknowns.iter().map(numbers).sum();
        let mut search = Search { fitter, inputs: inputs.to_vec(), n, r: vec![], j: vec![], scale: vec![0.0; n] };
        search.linearise()?;
        let m = search.r.len();
        if m < n {
            let message = format!("{} cannot determine {}", count(m, "residual"), count(n, "unknown"));
            return Err(Error::here(Kind::Length, message));
        }
        if !square(&search.r).is_finite() || search.j.iter().any(|v| !v.is_finite()) {
            return Err(Error::here(Kind::Value, "the residuals, or their derivatives, are not finite where the fit starts"));
        }
        Ok(search)
    }

    /// The residuals and the Jacobian where the search is.
    #[track_caller]
    fn linearise(&mut self) -> Result<()> {
        let mut results = self.fitter.both.call_arrays(&self.inputs)?;
        let jacobian: Vec<Array<f64>> = results.split_off(self.fitter.values);
        let columns: Vec<usize> = self.fitter.unknowns.iter().map(numbers).collect();
        self.r = results.iter().flat_map(Array::data).copied().collect();
        self.j = match self.fitter.blocks {
            false => jacobian.into_iter().flat_map(Array::into_data).collect(),
            true => {
                let rows = jacobian.chunks(columns.len()).flat_map(|blocks| {
                    let rows = blocks[0].data().len() / columns[0];
                    let row = |i: usize| blocks.iter().zip(&columns).flat_map(move |(b, n)| &b.data()[i * n..(i + 1) * n]);
                    (0..rows).flat_map(row).copied().collect::<Vec<f64>>()
                });
                rows.collect()
            }
        };
        for k in 0..self.n {
            let length = self.j.iter().skip(k).step_by(self.n).fold(0.0, |sum: f64, v| sum.hypot(*v));
            self.scale[k] = self.scale[k].max(length);
        }
        Ok(())
    }

    /// The numbers of the unknowns.
    fn x(&self) -> Vec<f64> {
        let ranges = self.fitter.unknowns.iter().flat_map(InputGroup::range);
        ranges.flat_map(|k| self.inputs[k].data().iter().copied()).collect()
    }

    fn moved(&self, by: &[f64]) -> Vec<Array<f64>> {
        let (mut inputs, mut by) = (self.inputs.clone(), by.iter());
        for k in self.fitter.unknowns.iter().flat_map(InputGroup::range) {
            inputs[k].data_mut().iter_mut().zip(by.by_ref()).for_each(|(x, d)| *x += d);
        }
        inputs
    }

    /// J, and below it a diagonal; with −r, and zeros.
    fn triangular(&self, damping: f64) -> Triangular {
        let (mut a, mut b) = (self.j.clone(), self.r.iter().map(|r| -r).collect::<Vec<_>>());
        if damping > 0.0 {
            for k in 0..self.n {
                let scale = if self.scale[k] > 0.0 { self.scale[k] } else { 1.0 };
                a.extend((0..self.n).map(|i| if i == k { damping.sqrt() * scale } else { 0.0 }));
                b.push(0.0);
            }
        }
        Triangular::of(self.n, a, b)
    }

    fn is_regular(&self) -> bool {
        self.triangular(0.0).is_regular()
    }

    /// Takes a step, with as much more damping as makes the sum of squares fall; `None` where none does.
    fn step(&mut self, mut damping: f64) -> Result<Option<Step>> {
        let cost = square(&self.r);
        let scaled = |x: &[f64]| x.iter().zip(&self.scale).fold(0.0, |sum: f64, (x, s)| sum.hypot(x * s));
        while damping < LARGEST {
            let factors = self.triangular(damping);
            if factors.is_regular() {
                let d = factors.solved();
                // −gᵀ·d is half of the slope of the sum of squares along d.
                let slope: f64 = (0..self.r.len()).map(|i| self.r[i] * dot(&self.j[i * self.n..(i + 1) * self.n], &d)).sum();
                let length = scaled(&d);
                let model = scaled(&self.x());
                let short = length <= self.fitter.tolerance * model || length == 0.0;
                // A model of this size is rounded, and its square with the residuals.
                let noise = 8.0 * f64::EPSILON * cost.sqrt() * (cost.sqrt() + model);
                let inputs = self.moved(&d);
                let residuals = self.fitter.residuals.call_arrays(&inputs)?;
                let now: f64 = residuals.iter().map(|r| square(r.data())).sum();
                if now <= cost + noise + 2e-4 * slope.min(0.0) || short && now.is_finite() {
                    self.inputs = inputs;
                    self.linearise()?;
                    return Ok(Some(Step { damping, length, short }));
                }
            }
            damping = (damping * RAISE).max(DAMPING);
        }
        Ok(None)
    }

    fn row(&self, step: f64, damping: f64) -> FitStep {
        let gradient = |k: usize| (0..self.r.len()).map(|i| self.j[i * self.n + k] * self.r[i]).sum::<f64>();
        let gradient = (0..self.n).fold(0.0, |sum: f64, k| sum.hypot(gradient(k)));
        FitStep { sum_of_squares: square(&self.r), gradient, step, damping }
    }

    fn finished(self, outcome: Outcome, table: Vec<FitStep>) -> Fit {
        let free = self.r.len() - self.n;
        let variance = square(&self.r) / free as f64;
        let factors = self.triangular(0.0);
        let covariance = (free > 0 && factors.is_regular())
            .then(|| factors.inverse_of_product().into_iter().map(|v| v * variance).collect::<Vec<f64>>());
        let names = self.fitter.unknowns.iter().flat_map(|group| {
            let n = numbers(group);
            (0..n).map(move |k| if n == 1 { group.name().to_owned() } else { format!("{}[{k}]", group.name()) })
        });
        Fit { names: names.collect(), params: self.x(), residuals: self.r, covariance, outcome, table, inputs: self.inputs }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// How many numbers an unknown is.
fn numbers(group: &InputGroup) -> usize {
    group.len() * group.shape().len().expect("an unknown has no open axis, or there is no Jacobian")
}

/// A row of a fit's table: the state after a step, and the step.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct FitStep {
    /// Σr²
    pub sum_of_squares: f64,
    /// The length of Jᵀ·r.
    pub gradient: f64,
    /// The length of the step in units of the columns of J.
    pub step: f64,
    /// The damping μ of the step.
    pub damping: f64,
}

/// The result of [`LeastSquares::fit`]. `Display` gives the parameters with error bars, and the table of steps.
#[derive(Clone, Debug)]
pub struct Fit {
    names: Vec<String>,
    params: Vec<f64>,
    inputs: Vec<Array<f64>>,
    residuals: Vec<f64>,
    covariance: Option<Vec<f64>>,
    outcome: Outcome,
    table: Vec<FitStep>,
}

impl Fit {
    /// Whether a minimum was found.
    pub fn converged(&self) -> bool {
        self.outcome == Outcome::Converged
    }

    /// Why the fit stopped.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The numbers of the unknowns, one input after the other.
    pub fn params(&self) -> &[f64] {
        &self.params
    }

    /// The inputs, with the unknowns as they were fitted.
    pub fn inputs(&self) -> &[Array<f64>] {
        &self.inputs
    }

    /// The residuals that are left.
    pub fn residuals(&self) -> &[f64] {
        &self.residuals
    }

    /// The sum of their squares.
    pub fn sum_of_squares(&self) -> f64 {
        square(&self.residuals)
    }

    /// How many more residuals there are than unknowns.
    pub fn degrees_of_freedom(&self) -> usize {
        self.residuals.len() - self.params.len()
    }

    /// The covariances of the unknowns, Σr² / (m − n)·(Jᵀ·J)⁻¹, row by row, for residuals that have one unknown variance. `None` if there are no more
    /// residuals than unknowns, or if the residuals do not determine all unknowns.
    pub fn covariance(&self) -> Option<&[f64]> {
        self.covariance.as_deref()
    }

    /// The standard errors of the unknowns: the roots of their variances.
    pub fn errors(&self) -> Option<Vec<f64>> {
        let n = self.params.len();
        self.covariance.as_ref().map(|c| (0..n).map(|k| c[k * n + k].sqrt()).collect())
    }

    /// The start, and every step.
    pub fn steps(&self) -> &[FitStep] {
        &self.table
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.outcome, count(self.table.len() - 1, "step"))?;
        let errors = self.errors();
        for (k, (name, x)) in self.names.iter().zip(&self.params).enumerate() {
            match &errors {
                Some(errors) => writeln!(f, "{name} = {x:.8e} ± {:.2e}", errors[k])?,
                None => writeln!(f, "{name} = {x:.8e}")?,
            }
        }
        writeln!(f, "step  sum of squares   gradient       step    damping")?;
        self.table.iter().enumerate().try_for_each(|(k, row)| {
            let FitStep { sum_of_squares, gradient, step, damping } = row;
            writeln!(f, "{k:4}  {sum_of_squares:14.8e}  {gradient:9.3e}  {step:9.3e}  {damping:9.3e}")
        })
    }
}
