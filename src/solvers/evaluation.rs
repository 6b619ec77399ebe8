//! A compiled function of one vector, which is the numbers of all active inputs; the other inputs have been given.

use crate::base::{Width, wrong_width};
use crate::compiled::{Compiled, Options, compile};
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::Function;
use crate::sparse::Method;
use smallvec::SmallVec;

#[derive(Clone, Debug)]
pub(super) struct Evaluation {
    code: Compiled,
    inputs: Vec<Input>,
    dimension: usize,
    results: usize,
}

#[derive(Clone, Debug)]
enum Input {
    /// So many numbers of the vector.
    Active(usize),
    Data(Vec<f64>),
}

/// Up to this many slices are collected on the stack.
pub(super) type Slices<'a> = SmallVec<[&'a [f64]; 8]>;

impl Evaluation {
    /// Of a function that the method has prepared.
    #[track_caller]
    pub(super) fn new(f: &Function, method: &Method) -> Result<Evaluation> {
        if f.width() != Width::F64 {
            return Err(wrong_width(f.width(), Width::F64));
        }
        let (mut inputs, mut dimension) = (vec![], 0);
        for group in f.inputs() {
            let len = group.len() * group.shape().len().expect("lengths are known");
            inputs.push(match method.data.iter().find(|(name, _)| name == group.name()) {
                Some((_, data)) => Input::Data(data.clone()),
                None if group.is_active() => {
                    dimension += len;
                    Input::Active(len)
                }
                None => {
                    let message = format!(
                        "the input `{}` is not differentiated by, and a solver does not know it: give it with `Method::data`",
                        group.name()
                    );
                    return Err(Error::here(ErrorKind::Name, message));
                }
            });
        }
        let len = |id| f.graph().node(id).shape().len().expect("lengths are known");
        let results = f.output_nodes().map(len).sum();
        Ok(Evaluation { code: compile(f, &Options::default())?, inputs, dimension, results })
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(super) fn results(&self) -> usize {
        self.results
    }

    /// The slices of all inputs, or of the active ones alone.
    fn slices<'a>(&'a self, point: &'a [f64], data: bool) -> Result<Slices<'a>> {
        if point.len() != self.dimension {
            let message = format!("the point has {}, and the function takes {}", count(point.len(), "number"), self.dimension);
            return Err(Error::new(ErrorKind::Length, message));
        }
        let mut rest = point;
        let mut slices = Slices::new();
        for input in &self.inputs {
            match input {
                Input::Active(len) => {
                    let (own, after) = rest.split_at(*len);
                    slices.push(own);
                    rest = after;
                }
                Input::Data(numbers) if data => slices.push(numbers),
                Input::Data(_) => {}
            }
        }
        Ok(slices)
    }

    /// The slice of each active input.
    pub(super) fn active<'a>(&'a self, point: &'a [f64]) -> Result<Slices<'a>> {
        self.slices(point, false)
    }

    /// Evaluates; `what` the results are is for the error where one is not finite.
    pub(super) fn call_into(&self, what: &str, point: &[f64], results: &mut [f64]) -> Result<()> {
        self.code.call_joined(&self.slices(point, true)?, results)?;
        check_finite(what, point, results)
    }

    pub(super) fn call(&self, what: &str, point: &[f64]) -> Result<Vec<f64>> {
        let mut results = vec![0.0; self.results];
        self.call_into(what, point, &mut results)?;
        Ok(results)
    }
}

/// What a solver can go on with. Comparisons with NaN are false, so that a line search that is given one may never end.
pub(super) fn check_finite(what: &str, point: &[f64], results: &[f64]) -> Result<()> {
    let Some(found) = results.iter().find(|v| !v.is_finite()) else { return Ok(()) };
    let (first, rest) = point.split_at(point.len().min(4));
    let more = if rest.is_empty() { "" } else { ", …" };
    let first = first.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    Err(Error::new(ErrorKind::Value, format!("the {what} at [{first}{more}] is not finite: {found}")))
}
