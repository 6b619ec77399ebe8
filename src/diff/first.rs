//! First derivatives along a direction, and gradients: one sweep each.

use super::kept::keeping;
use super::traced::{Extra, adjoint_outputs, named, primal, seeds, tangents_of, the_output, transformed};
use crate::error::Result;
use crate::graph::{Function, NewOutput};
use crate::op::lit;

/// Values and the product of the Jacobian with a tangent; see [`Function::jvp`].
#[track_caller]
pub(crate) fn jvp(f: &Function) -> Result<Function> {
    transformed(f, Extra::Tangents, |linear, x, extra| {
        let tangents = linear.forward(&seeds(f, x.len(), extra));
        let mut outputs = primal(f, linear);
        outputs.extend(f.differentiable().map(|y| named("t_", y.name(), tangents_of(f, y, &tangents))));
        outputs
    })
}

/// Values and the product of the transposed Jacobian with a cotangent; see [`Function::vjp`].
#[track_caller]
pub(crate) fn vjp(f: &Function) -> Result<Function> {
    let f = keeping(f)?;
    transformed(&f, Extra::Cotangents, |linear, _, extra| {
        let nodes = f.differentiable().flat_map(|y| y.nodes().iter().copied());
        let adjoints = linear.reverse(nodes.zip(extra.iter().copied()));
        let mut outputs = primal(&f, linear);
        outputs.extend(adjoint_outputs(&f, &adjoints));
        outputs
    })
}

/// The gradient; see [`Function::grad`].
#[track_caller]
pub(crate) fn grad(f: &Function) -> Result<Function> {
    let f = keeping(f)?;
    let y = the_output(&f, "grad")?;
    transformed(&f, Extra::None, |linear, _, _| {
        let adjoints = linear.reverse([(y, lit(1.0))]);
        let mut outputs: Vec<NewOutput> = adjoint_outputs(&f, &adjoints).collect();
        outputs.extend(primal(&f, linear).into_iter().filter(|y| y.aux));
        outputs
    })
}

/// Values and gradient; see [`Function::value_and_grad`].
#[track_caller]
pub(crate) fn value_and_grad(f: &Function) -> Result<Function> {
    let f = keeping(f)?;
    let y = the_output(&f, "value_and_grad")?;
    transformed(&f, Extra::None, |linear, _, _| {
        let adjoints = linear.reverse([(y, lit(1.0))]);
        let mut outputs = primal(&f, linear);
        outputs.extend(adjoint_outputs(&f, &adjoints));
        outputs
    })
}
