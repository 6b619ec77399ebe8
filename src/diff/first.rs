//! First derivatives along a direction, and gradients: one sweep each.

use super::groups::Bodies;
use super::kept::keeping;
use super::linear::Linear;
use super::traced::{Extra, adjoint_outputs, extended, named, primal, seeds, tangents_of, the_output};
use crate::error::Result;
use crate::graph::{Expr, Function, NewOutput};
use crate::op::lit;

/// Bodies are differentiated as functions are.
pub(super) const BODIES: Bodies = Bodies { jvp: jvp_guarded, vjp };

/// Traces the derivative: the closure gets the linearised graph, the inputs, and the extra inputs.
#[track_caller]
pub(super) fn transformed(
    f: &Function,
    extra: Extra,
    body: impl FnOnce(&Linear<Expr>, &[Expr], &[Expr]) -> Vec<NewOutput>,
) -> Result<Function> {
    extended(f, extra, |x, extra| body(&Linear::new(f, x, BODIES), x, extra))
}

/// Values and the product of the Jacobian with a tangent; see [`Function::jvp`].
#[track_caller]
pub(crate) fn jvp(f: &Function) -> Result<Function> {
    jvp_guarded(f, &[])
}

/// The same, given which inputs' tangents may be a guard's zeros.
#[track_caller]
fn jvp_guarded(f: &Function, guarded: &[bool]) -> Result<Function> {
    transformed(f, Extra::Tangents, |linear, x, extra| {
        let tangents = linear.forward_guarded(&seeds(f, x.len(), extra), guarded);
        let mut outputs = primal(f, linear);
        outputs.extend(f.differentiable().map(|y| named("t_", y.name(), tangents_of(f, y, &tangents), y.batch())));
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
