//! The Lagrangian of an objective and its constraints.

use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::eval;
use crate::graph::{Expr, Function, InputGroup, NewOutput, NodeId, OutputGroup};
use crate::op::DType;
use std::panic::Location;

/// An output plus all others, times multipliers; see [`Function::lagrangian`].
#[track_caller]
pub(crate) fn lagrangian(f: &Function, objective: &str) -> Result<Function> {
    let at = Location::caller();
    let (graph, y) = (f.graph(), f.output(objective)?);
    if y.is_aux() || !matches!(y.nodes(), [one] if graph.node(*one).shape() == Shape::SCALAR) {
        let message = format!("the objective `{objective}` is not one number that is differentiated");
        return Err(Error::here(ErrorKind::Shape, message));
    }
    let mut inputs = f.inputs().to_vec();
    let mut add = |group: InputGroup, name: String| {
        let mut name = name;
        while inputs.iter().any(|taken| taken.name() == name) {
            name.push('\'');
        }
        inputs.push(group.renamed(name).with_active(false));
    };
    add(InputGroup::value("s", Shape::SCALAR, DType::Float), "sigma".into());
    let constraints: Vec<&OutputGroup> = f.differentiable().filter(|y| y.name() != objective).collect();
    for y in &constraints {
        add(InputGroup::like_output(f, y), format!("lambda_{}", y.name()));
    }
    Function::build(f.width(), inputs, at, |args| {
        let (x, multipliers) = args.split_at(f.input_len());
        let values = eval(graph, x);
        let value = |id: &NodeId| values[id.index()].num();
        let weighted = |(&multiplier, id): (&Expr, &NodeId)| {
            let term = multiplier * value(id);
            if term.rank() == 0 { term } else { term.sum(..) }
        };
        let terms = multipliers[1..].iter().zip(constraints.iter().flat_map(|y| y.nodes()));
        let sum = terms.map(weighted).fold(multipliers[0] * value(&y.nodes()[0]), |sum, term| sum + term);
        vec![NewOutput::new("lagrangian", vec![sum])]
    })
}
