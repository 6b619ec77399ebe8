//! The adjoint of a loop that goes on until a condition fails. Nobody knows how many turns it takes, so there is no place for what they would have to
//! keep: it is made of tangents, which the loop carries along, one for each number that the loop depends on.

use super::groups::{Group, apply, chosen};
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{Expr, Flow, NodeId, Port, make_body, types_in, types_out};
use crate::op::Real;
use crate::vmap::vmap;
use rustc_hash::FxHashMap;

/// Of so many numbers at most: a turn costs about as often what it costs without.
const MOST: usize = 128;

/// What a loop adds to its operands' adjoints, given those of its results.
pub(super) fn pulled<S: Real>(
    group: &Group,
    flow: &Flow,
    values: &[S],
    adjoints: &FxHashMap<Port, S>,
) -> Result<Vec<(NodeId, S)>> {
    let body = group.control.body();
    let (types, results) = (types_in(body), types_out(body));
    let given = |k: usize| adjoints.get(&Port::Final(k as u32)).filter(|_| flow.outputs[k]);
    let wanted: Vec<bool> = (0..results.len()).map(|k| given(k).is_some()).collect();
    let active: Vec<bool> = (0..types.len()).map(|k| flow.inputs[k] && group.active[k]).collect();
    if !wanted.contains(&true) || !active.contains(&true) {
        return Ok(vec![]);
    }
    let (of, from) = (chosen(&types, &active), chosen(&results, &wanted));
    let total = of.iter().map(|(shape, _)| shape.len()).sum::<Option<usize>>();
    let Some(total) = total.filter(|&total| total <= MOST) else {
        let what = total.map_or("numbers of an open axis".into(), |total| format!("{total} numbers, more than {MOST}"));
        let message = format!(
            "reverse mode through while_loop, whose number of steps is not known, carries a tangent for each number that the loop depends \
             on, and here there are {what}: use while_loop_at_most, scan, or jvp"
        );
        return Err(Error::new(ErrorKind::Unsupported, message).at(Some(group.at)));
    };
    let looped = make_body(body.width(), &types, group.at, |args| {
        let results = (0..results.len()).filter(|&k| wanted[k]);
        results.map(|k| apply(group.control, Port::Final(k as u32), args)).collect()
    })?;
    let sweep = (group.bodies.jvp)(&looped.marked(&active, &vec![true; from.len()]), &[])?.with_outputs(from.len()..);
    let seeded: Vec<String> = sweep.inputs()[types.len()..].iter().map(|group| group.name().to_owned()).collect();
    let sweep = vmap(&sweep, Axis::Fixed(total), seeded)?;
    // The loop's operands and the results' adjoints, to the operands' adjoints.
    let adjoint = make_body(body.width(), &[&types[..], &from].concat(), group.at, |args| {
        let (args, cotangents) = args.split_at(types.len());
        let tangents = outputs_at(&sweep, &[args, &seeds(total, of.iter().map(|(shape, _)| *shape))].concat());
        let tangents = tangents.expect("the loop's operands and their seeds");
        let product = |(&t, &c): (&Expr, &Expr)| {
            let behind: Vec<usize> = (1..t.rank()).collect();
            if behind.is_empty() { t * c } else { (t * c.broadcast_to(t.shape().axes())).sum(&behind[..]) }
        };
        let all = tangents.iter().zip(cotangents).map(product).reduce(|sum, term| sum + term).expect("a result is wanted");
        let mut first = 0;
        let part = |(shape, _): &(Shape, _)| {
            let len = shape.len().expect("it was summed up");
            first += len;
            all.slice(0, first - len..first).reshape(shape.axes())
        };
        of.iter().map(part).collect()
    })?;
    let cotangents = (0..results.len()).filter_map(given).copied();
    let found = outputs_at(&adjoint, &values.iter().copied().chain(cotangents).collect::<Vec<_>>());
    Ok(chosen(&group.operands, &active).into_iter().zip(found.expect("the loop's operands and adjoints")).collect())
}

/// A seed for every number of several values, along a leading axis: 1 for the number, 0 for the others.
pub(super) fn seeds(total: usize, shapes: impl Iterator<Item = Shape>) -> Vec<Expr> {
    let identity = Expr::eye(total);
    let mut first = 0;
    let seed = |shape: Shape| {
        let len = shape.len().expect("a seed's lengths are known");
        first += len;
        identity.slice(1, first - len..first).reshape([&[Axis::Fixed(total)], shape.axes()].concat())
    };
    shapes.map(seed).collect()
}
