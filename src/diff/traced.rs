//! Tracing a derivative: the inputs and outputs that it has beside the function's own, and their names.

use super::linear::Linear;
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Function, InputGroup, NewOutput, NodeId, OutputGroup};
use std::panic::Location;

/// What a derivative takes beside the function's inputs.
#[derive(Copy, Clone, PartialEq)]
pub(super) enum Extra {
    None,
    Tangents,
    Directions,
    Cotangents,
}

/// Traces a function of the inputs and of extra ones.
#[track_caller]
pub(super) fn extended(f: &Function, extra: Extra, body: impl FnOnce(&[Expr], &[Expr]) -> Vec<NewOutput>) -> Result<Function> {
    check_differentiable(f)?;
    let n = f.input_len();
    let mut inputs = f.inputs().to_vec();
    let groups: Vec<InputGroup> = match extra {
        Extra::None => vec![],
        Extra::Cotangents => {
            f.differentiable().map(|y| InputGroup::like_output(f, y).renamed(format!("c_{}", y.name()))).collect()
        }
        Extra::Tangents | Extra::Directions => {
            let prefix = if extra == Extra::Tangents { "t_" } else { "v_" };
            let active = f.inputs().iter().filter(|group| group.is_active());
            active.map(|group| group.renamed(format!("{prefix}{}", group.name()))).collect()
        }
    };
    for group in groups {
        let mut name = group.name().to_owned();
        while inputs.iter().any(|taken| taken.name() == name) {
            name.push('\'');
        }
        // A further derivative is taken with respect to the original inputs.
        inputs.push(group.renamed(name).with_active(false));
    }
    Function::build(f.width(), inputs, Location::caller(), |args| {
        let (x, extra) = args.split_at(n);
        distinct(body(x, extra))
    })
}

/// That there is something to differentiate, and something to do so with respect to.
#[track_caller]
pub(crate) fn check_differentiable(f: &Function) -> Result<()> {
    if f.active_slots().is_empty() {
        return Err(Error::here(ErrorKind::Unsupported, "there is no input to differentiate with respect to"));
    }
    if f.differentiable().next().is_none() {
        return Err(Error::here(ErrorKind::Unsupported, "there is no output to differentiate: all are auxiliary"));
    }
    Ok(())
}

/// The one number that is differentiated; `what` needs there to be no other.
#[track_caller]
pub(crate) fn the_output(f: &Function, what: &str) -> Result<NodeId> {
    let mut nodes = f.differentiable().flat_map(|y| y.nodes());
    match (nodes.next(), nodes.count()) {
        (Some(&node), 0) if f.graph().node(node).shape() == Shape::SCALAR => Ok(node),
        (Some(&node), 0) => {
            let is_of_batch = f.differentiable().any(|y| y.batch() > 0);
            let hint = if is_of_batch { "take it before `vmap`, or go on with `mean` or `sum`" } else { "use vjp" };
            let shape = f.graph().node(node).shape();
            let message = format!("{what} needs a function of one output number, not an array {shape}: {hint}");
            Err(Error::here(ErrorKind::Shape, message))
        }
        (first, more) => Err(Error::here(
            ErrorKind::Unsupported,
            format!(
                "{what} needs a function of one output number, not {}: mark others as auxiliary by `aux`, or use vjp or jacobian",
                first.map_or(0, |_| more + 1)
            ),
        )),
    }
}

/// Outputs with names of their own.
pub(super) fn distinct(mut outputs: Vec<NewOutput>) -> Vec<NewOutput> {
    for k in 1..outputs.len() {
        while outputs[..k].iter().any(|taken| taken.name == outputs[k].name) {
            outputs[k].name.push('\'');
        }
    }
    outputs
}

/// An output with the batch of the input or output that it is a derivative of, or by.
pub(super) fn named(prefix: &str, name: &str, values: Vec<Expr>, batch: usize) -> NewOutput {
    NewOutput::new(format!("{prefix}{name}"), values).with_batch(batch)
}

/// The outputs themselves.
pub(super) fn primal(f: &Function, linear: &Linear<Expr>) -> Vec<NewOutput> {
    let value = |id: &NodeId| linear.values[id.index()].num();
    f.outputs().iter().map(|y| NewOutput::like(y, y.nodes().iter().map(value).collect())).collect()
}

/// A tangent for every active input number.
pub(super) fn seeds(f: &Function, n: usize, tangents: &[Expr]) -> Vec<Option<Expr>> {
    let mut seeds = vec![None; n];
    for (slot, &t) in f.active_slots().into_iter().zip(tangents) {
        seeds[slot] = Some(t);
    }
    seeds
}

/// An output `d_x` for every active input `x`.
pub(super) fn adjoint_outputs<'a>(f: &'a Function, adjoints: &'a [Option<Expr>]) -> impl Iterator<Item = NewOutput> + 'a {
    f.inputs().iter().filter(|group| group.is_active()).map(|group| {
        let adjoint = |slot: usize| adjoints.get(slot).copied().flatten();
        let values = group.range().map(|slot| adjoint(slot).unwrap_or_else(|| Expr::full(0.0, group.shape())));
        named("d_", group.name(), values.collect(), group.batch())
    })
}

/// The tangents of an output's values.
pub(super) fn tangents_of(f: &Function, y: &OutputGroup, tangents: &[Option<Expr>]) -> Vec<Expr> {
    let zero = |id: &NodeId| Expr::full(0.0, f.graph().node(*id).shape());
    y.nodes().iter().map(|id| tangents[id.index()].unwrap_or_else(|| zero(id))).collect()
}
