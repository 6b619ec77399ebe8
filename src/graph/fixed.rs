//! Functions whose open axes are given their lengths.

use super::builder::Builder;
use super::model::{Control, Derivative, Function, SharedControl};
use super::node::{Args, NodeId};
use super::view::{Kind, Nested};
use crate::base::{Axis, Shape, check_room};
use crate::error::{Error, Kind as ErrorKind, Result, unknown_name};
use crate::op::ArrayOp;
use std::panic::Location;

/// The same function with lengths in the place of open axes; see [`Function::with_lengths`].
#[track_caller]
pub(crate) fn with_lengths<S: AsRef<str>>(f: &Function, lengths: impl IntoIterator<Item = (S, usize)>) -> Result<Function> {
    let at = Location::caller();
    check_room().map_err(|error| error.at(Some(at)))?;
    let mut open: Vec<&str> = Vec::new();
    for axis in f.inputs.iter().flat_map(|group| group.shape.axes()) {
        if let Axis::Open(name) = axis {
            open.push(name);
        }
    }
    open.sort_unstable();
    open.dedup();
    let mut given: Vec<(&str, usize)> = Vec::new();
    for (name, len) in lengths {
        let Some(&known) = open.iter().find(|known| **known == name.as_ref()) else {
            return Err(unknown_name("open axis", name.as_ref(), &open));
        };
        if given.iter().any(|&(other, already)| other == known && already != len) {
            return Err(Error::here(ErrorKind::Shape, format!("the open axis `{known}` is given two lengths")));
        }
        given.push((known, len));
    }
    Ok(if given.is_empty() { f.clone() } else { fixed(f, &given) })
}

fn fixed(f: &Function, given: &[(&str, usize)]) -> Function {
    let graph = f.graph();
    let mut new = Builder::like(graph);
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let args: Args = graph.operands(id).map(|operand| map[operand.index()]).collect();
        map.push(match node.kind() {
            Kind::Input(_) => new.input(shape(node.shape(), given), node.dtype()),
            Kind::Array(op) => new.intern(Kind::Array(&operation(op, given)), &args, node.location()),
            Kind::Control(Nested { control, port }) => {
                let control = SharedControl::from(bodies(control, given));
                new.intern(Kind::Control(Nested { control: &control, port }), &args, node.location())
            }
            kind => new.intern(kind, &args, node.location()),
        });
    }
    let mut f = f.moved(new.finish(), &map);
    f.inputs.iter_mut().for_each(|group| group.shape = shape(group.shape, given));
    debug_assert!(f.graph().verify().is_ok(), "{:?}", f.graph().verify());
    f
}

fn axis(axis: Axis, given: &[(&str, usize)]) -> Axis {
    match axis {
        Axis::Open(name) => given.iter().find(|(known, _)| *known == name).map_or(axis, |&(_, len)| Axis::Fixed(len)),
        Axis::Fixed(_) => axis,
    }
}

fn shape(shape: Shape, given: &[(&str, usize)]) -> Shape {
    Shape::new(shape.axes().iter().map(|&own| axis(own, given)).collect::<Vec<_>>())
}

fn operation(op: &ArrayOp, given: &[(&str, usize)]) -> ArrayOp {
    let new = |own: &Shape| shape(*own, given);
    match op {
        ArrayOp::Broadcast(to) => ArrayOp::Broadcast(new(to)),
        ArrayOp::Reshape(to) => ArrayOp::Reshape(new(to)),
        ArrayOp::Pad(to, cuts) => ArrayOp::Pad(new(to), cuts.clone()),
        ArrayOp::ScatterAdd { to, axis, batch } => ArrayOp::ScatterAdd { to: new(to), axis: *axis, batch: *batch },
        ArrayOp::Iota(to, axis) => ArrayOp::Iota(new(to), *axis),
        other => other.clone(),
    }
}

fn bodies(control: &Control, given: &[(&str, usize)]) -> Control {
    match control {
        Control::Scan { body, carries, xs, length, reverse } => Control::Scan {
            body: fixed(body, given),
            carries: *carries,
            xs: *xs,
            length: axis(*length, given),
            reverse: *reverse,
        },
        Control::While { condition, body, carries } => {
            Control::While { condition: fixed(condition, given), body: fixed(body, given), carries: *carries }
        }
        Control::Choice { bodies: [a, b] } => Control::Choice { bodies: [fixed(a, given), fixed(b, given)] },
        Control::Rule { body, rule } => {
            let rule = match rule {
                Derivative::Jvp(f) => Derivative::Jvp(fixed(f, given)),
                Derivative::Vjp(f) => Derivative::Vjp(fixed(f, given)),
            };
            Control::Rule { body: fixed(body, given), rule }
        }
        Control::Remat { body } => Control::Remat { body: fixed(body, given) },
        Control::Opaque { call, body } => Control::Opaque { call: call.clone(), body: fixed(body, given) },
    }
}
