//! Bodies over samples: functions of their own, with the axis where it reaches.

use super::mapped::{Walk, spread, with_axis};
use crate::base::Axis;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Function, NodeId, Type, make_body, types_in, types_out};
use crate::op::{DType, select};
use std::panic::Location;

pub(super) fn condition_varies(condition: &Function, marked: &[bool]) -> bool {
    let graph = condition.graph();
    let live = graph.reachable(condition.output_nodes());
    marked.iter().zip(live).any(|(&marked, live)| marked && live)
}

/// One value per sample where a number per sample is not 0, else the other.
pub(super) fn chosen(what: &str, holds: Expr, a: Expr, b: Expr) -> Result<Expr> {
    if a.dtype() != DType::Float {
        let message = format!("vmap of {what}: samples go different ways, and an index cannot be selected");
        return Err(Error::here(ErrorKind::Unsupported, message));
    }
    let mut axes = holds.shape().axes().to_vec();
    axes.resize(a.rank(), Axis::Fixed(1));
    let holds = if axes.len() > 1 { holds.reshape(axes) } else { holds };
    Ok(select(holds.ne(0.0), a, b))
}

pub(super) fn types(types: &[Type], marked: &[bool], axis: Axis) -> Vec<Type> {
    let with = |(&(shape, dtype), &marked): (&Type, &bool)| (if marked { with_axis(axis, shape) } else { shape }, dtype);
    types.iter().zip(marked).map(with).collect()
}

/// All outputs of a body, with the axis.
pub(super) fn outputs(body: &Function, args: &[Expr], marked: &[bool], axis: Axis, walk: Walk) -> Vec<Expr> {
    let values = walk(body, args, marked, axis);
    body.output_nodes().map(|id| spread(values[id.index()], axis).num()).collect()
}

/// The body over samples: marked inputs have the axis, and marked outputs are given it.
pub(super) fn mapped(body: &Function, inputs: &[bool], results: &[bool], axis: Axis, walk: Walk) -> Result<Function> {
    debug_assert_eq!(results.len(), types_out(body).len());
    let types = types(&types_in(body), inputs, axis);
    make_body(body.width(), &types, Location::caller(), |args| {
        let values = walk(body, args, inputs, axis);
        let result = |(id, &marked): (NodeId, &bool)| match marked {
            true => spread(values[id.index()], axis).num(),
            false => values[id.index()].value.num(),
        };
        body.output_nodes().zip(results).map(result).collect()
    })
}
