//! Second derivatives: forward over reverse.

use super::first::{grad, transformed};
use super::jacobian::{Mode, jacobian, jacobian_of_arrays};
use super::kept::keeping;
use super::traced::{Extra, adjoint_outputs, named, seeds, tangents_of};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, InputGroup, NewOutput, NodeId};

/// The Hessian; see [`Function::hessian`].
#[track_caller]
pub(crate) fn hessian(f: &Function) -> Result<Function> {
    let f = &f.without_aux().pruned();
    let gradient = grad(f)?;
    if !f.is_of_numbers() {
        let rows: Vec<&str> = f.inputs().iter().filter(|group| group.is_active()).map(InputGroup::name).collect();
        return jacobian_of_arrays(&gradient, "hessian", &rows, Mode::Forward);
    }
    let mut hessian = jacobian(&gradient, Mode::Forward)?;
    hessian.rename_output(0, "hessian");
    Ok(hessian)
}

/// The product of the Hessian with a direction; see [`Function::hvp`].
#[track_caller]
pub(crate) fn hvp(f: &Function) -> Result<Function> {
    let gradient = grad(&f.without_aux())?;
    transformed(&gradient, Extra::Directions, |linear, x, extra| {
        let tangents = linear.forward(&seeds(&gradient, x.len(), extra));
        let names = f.inputs().iter().filter(|group| group.is_active()).map(|group| group.name());
        names
            .zip(gradient.outputs())
            .map(|(name, y)| named("hv_", name, tangents_of(&gradient, y, &tangents), y.batch()))
            .collect()
    })
}

/// The product of JᵀJ with a direction; see [`Function::gauss_newton`].
#[track_caller]
pub(crate) fn gauss_newton(f: &Function) -> Result<Function> {
    curved(f, |_, tangents| tangents)
}

/// The product of JᵀHJ with a direction, where H is the Hessian of a loss; see [`Function::gauss_newton_of`].
#[track_caller]
pub(crate) fn gauss_newton_of(f: &Function, loss: &Function) -> Result<Function> {
    let hvp = hvp(loss)?;
    let shapes = |f: &Function, ids: &mut dyn Iterator<Item = NodeId>| {
        ids.map(|id| format!("[{}]", f.graph().node(id).shape())).collect::<Vec<_>>().join(", ")
    };
    let given = shapes(f, &mut f.differentiable().flat_map(|y| y.nodes().iter().copied()));
    let taken = shapes(loss, &mut (0..loss.input_len()).map(NodeId::new));
    if given != taken || loss.active_slots().len() != loss.input_len() {
        let message = format!("gauss_newton_of: the outputs have the shapes {given}; the loss is of {taken}, all of them active");
        return Err(Error::here(ErrorKind::Shape, message));
    }
    curved(f, |values, tangents| outputs_at(&hvp, &[values, tangents].concat()).expect("the lengths were checked"))
}

/// JᵀHJ·v, where `curvature` gives H·t at the values for a tangent t.
#[track_caller]
fn curved(f: &Function, curvature: impl FnOnce(Vec<Expr>, Vec<Expr>) -> Vec<Expr>) -> Result<Function> {
    let f = keeping(f)?;
    transformed(&f, Extra::Directions, |linear, x, extra| {
        let nodes: Vec<NodeId> = f.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
        let tangents = linear.forward(&seeds(&f, x.len(), extra));
        let tangents = f.differentiable().flat_map(|y| tangents_of(&f, y, &tangents)).collect();
        let values = nodes.iter().map(|id| linear.values[id.index()].num()).collect();
        let adjoints = linear.reverse(nodes.into_iter().zip(curvature(values, tangents)));
        let renamed = |y: NewOutput| NewOutput { name: y.name.replacen("d_", "gv_", 1), ..y };
        adjoint_outputs(&f, &adjoints).map(renamed).collect()
    })
}
