//! A training step as one function. In: a loss, which of its inputs are parameters, and a rule. Out: a function from parameters,
//! what the rule keeps, and a batch, to the loss and the next of both.

use super::{Params, Schedule, params::declare};
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::eval::Array;
use crate::graph::{Expr, Function, InputGroup};
use crate::op::Scalar;
use crate::op::{DType, lit, select};
use crate::optim::Rule;

/// What a training step does beside the rule's update. The defaults do nothing.
///
/// ```
/// use wengert::nn::{Clip, Schedule, Settings};
/// let settings = Settings { clip: Some(Clip::Norm(1.0)), schedule: Schedule::Constant.warm_up(100), ..Settings::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Settings {
    /// How the rule's learning rate changes.
    pub schedule: Schedule,
    /// How gradients are bounded.
    pub clip: Option<Clip>,
    /// L2 regularisation λ: λ·p is added to the (clipped) gradient of every parameter p, as if the loss had ½λ·Σp² more. For Adam
    /// the decoupled decay of [`AdamW`](crate::optim::AdamW) is the better choice.
    pub decay: f64,
    /// Whether a step whose loss, gradients or result have an infinity or NaN is an error that names the first of them, and leaves
    /// everything as it was before.
    pub finite: bool,
    /// What random numbers of the training start from; see [`Training::rng`](super::Training::rng).
    pub seed: u64,
}

/// A bound for gradients.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Clip {
    /// Every number is moved into ±this.
    Value(f64),
    /// All gradients are scaled by one factor where their norm together, √Σg², is more than this (R. Pascanu, T. Mikolov,
    /// Y. Bengio, 2013).
    Norm(f64),
}

impl Settings {
    #[track_caller]
    fn check(&self) -> Result<()> {
        let message = match self.clip {
            Some(Clip::Value(v) | Clip::Norm(v)) if !(v > 0.0 && v.is_finite()) => {
                format!("a bound for gradients is positive and finite, not {v}")
            }
            _ if !(self.decay >= 0.0 && self.decay.is_finite()) => {
                format!("a weight decay is 0 or more, and finite, not {}", self.decay)
            }
            _ => return Ok(()),
        };
        Err(Error::here(ErrorKind::Value, message))
    }

    /// The gradients as the rule gets them, and their norm where it is needed.
    fn adjust(&self, params: &[Expr], gradients: &[Expr]) -> (Vec<Expr>, Option<Expr>) {
        let (mut gradients, mut norm) = (gradients.to_vec(), None);
        match self.clip {
            None => {}
            Some(Clip::Value(most)) => gradients.iter_mut().for_each(|g| *g = g.clamp(-most, most)),
            Some(Clip::Norm(most)) => {
                let length = gradients.iter().map(|&g| (g * g).sum(..)).sum::<Expr>().sqrt();
                let factor = select(length.gt(most), most / length, 1.0);
                gradients.iter_mut().for_each(|g| *g *= factor);
                norm = Some(length);
            }
        }
        if self.decay > 0.0 {
            gradients.iter_mut().zip(params).for_each(|(g, &p)| *g += self.decay * p);
        }
        (gradients, norm)
    }
}

/// What an input of the loss is bound to.
#[derive(Copy, Clone, Debug)]
pub(super) enum Binding {
    /// The parameter of this number.
    Param(usize),
    /// The batch's part of this number.
    Batch(usize),
}

/// A training step as a function, and what to know to call it.
pub(super) struct Step {
    /// Inputs: parameters, what the rule keeps (for the first parameter, then for the next, …), the step's number from 1, the
    /// learning rate, the batch. Outputs: the loss and what comes with it, the gradients' norm if there is one, then the next of
    /// parameters and of what the rule keeps.
    pub(super) function: Function,
    /// The inputs of the loss to the loss, what comes with it, and the gradients of the parameters in `order`.
    pub(super) gradient: Function,
    /// What the inputs of the loss are bound to.
    pub(super) bindings: Vec<Binding>,
    /// The inputs of a batch.
    pub(super) batch: Vec<InputGroup>,
}

impl Step {
    #[track_caller]
    pub(super) fn new<R: Rule, T: Scalar>(loss: &Function, params: &Params<T>, rule: &R, settings: &Settings) -> Result<Step> {
        settings.check()?;
        if loss.width() != T::WIDTH {
            return Err(crate::base::wrong_width(loss.width(), T::WIDTH));
        }
        check_results(loss)?;
        let (bindings, batch) = bindings(loss, params)?;
        let gradient = loss.wrt(params.iter().map(|(name, _)| name))?.value_and_grad()?;

        let results = loss.outputs().len();
        let kept = rule.start::<f64>().as_ref().len();
        let of_param = |(name, array): (&str, &Array<T>)| {
            (0..kept).map(move |k| declare(&format!("kept{k}'.{name}"), array.shape())).collect::<Vec<_>>()
        };
        let inputs = (
            params,
            params.iter().flat_map(of_param).collect::<Vec<String>>(),
            ["step'", "rate'"],
            batch.iter().map(declared).collect::<Vec<String>>(),
        );
        let function = Function::trace_in(T::WIDTH, inputs, |(p, states, [t, rate], batch)| {
            let p: Vec<Expr> = p.iter().map(|(_, value)| value).collect();
            let arguments = bindings.iter().map(|binding| match *binding {
                Binding::Param(k) => p[k],
                Binding::Batch(k) => batch[k],
            });
            let values = gradient.eval(&arguments.collect::<Vec<Expr>>())?;
            // The gradients come in the order of the loss' inputs.
            let mut gradients = vec![lit(0.0); p.len()];
            let active = bindings.iter().filter_map(|binding| if let Binding::Param(k) = binding { Some(*k) } else { None });
            active.zip(&values[results..]).for_each(|(k, &g)| gradients[k] = g);
            let (gradients, norm) = settings.adjust(&p, &gradients);

            let mut all: Vec<(String, Expr)> = (0..results).map(|k| (format!("result{k}"), values[k])).collect();
            all.extend(norm.map(|norm| ("norm".into(), norm)));
            let mut next_states = vec![];
            for k in 0..p.len() {
                let mut state = rule.start::<Expr>();
                state.as_mut().copy_from_slice(&states[kept * k..kept * (k + 1)]);
                let (next, state) = rule.update_at(rate, p[k], gradients[k], state, t);
                all.push((format!("next{k}"), next));
                next_states.extend(state.as_ref().iter().enumerate().map(|(s, &v)| (format!("kept{s}_{k}"), v)));
            }
            all.extend(next_states);
            Ok(all)
        })?;
        Ok(Step { function, gradient, bindings, batch })
    }
}

/// A declaration as a trace reads it.
fn declared(input: &InputGroup) -> String {
    format!("{}{}{}", input.name(), input.shape(), if input.dtype() == DType::Index { ": index" } else { "" })
}

/// What a loss gives is what a step reports: single numbers, the loss first.
#[track_caller]
fn check_results(loss: &Function) -> Result<()> {
    for y in loss.outputs() {
        let single = matches!(y.nodes(), [node] if loss.graph().node(*node).shape() == Shape::SCALAR);
        if !single {
            let message = format!("a step reports numbers, and the output `{}` of the loss is not one", y.name());
            return Err(Error::here(ErrorKind::Shape, message));
        }
    }
    match &loss.outputs()[0] {
        y if y.is_aux() => {
            let message = format!("the first output, `{}`, is auxiliary, where the loss is to be", y.name());
            Err(Error::here(ErrorKind::Unsupported, message))
        }
        _ => Ok(()),
    }
}

/// Where the loss' inputs come from, and those that are of the batch.
#[track_caller]
fn bindings<T: Scalar>(loss: &Function, params: &Params<T>) -> Result<(Vec<Binding>, Vec<InputGroup>)> {
    for (name, array) in params.iter() {
        let (input, lengths) = (loss.input(name)?, array.shape());
        let same = input.shape().axes().iter().eq(lengths.iter().map(|&n| Axis::Fixed(n)).collect::<Vec<_>>().iter());
        if !same || input.dtype() != DType::Float {
            let message = format!("the loss declares `{}`, and the parameter has the shape {lengths:?}", declared(input));
            return Err(Error::here(ErrorKind::Shape, message));
        }
    }
    let (mut bindings, mut batch) = (vec![], vec![]);
    for input in loss.inputs() {
        if input.len() != 1 {
            let message = format!(
                "the input `{0}` has {1}: declare it as an array, `{0}[{2}]`",
                input.name(),
                count(input.len(), "number"),
                input.len()
            );
            return Err(Error::here(ErrorKind::Unsupported, message));
        }
        bindings.push(match params.iter().position(|(name, _)| name == input.name()) {
            Some(k) => Binding::Param(k),
            None => {
                batch.push(input.clone());
                Binding::Batch(batch.len() - 1)
            }
        });
    }
    Ok((bindings, batch))
}
