//! The function over an axis, by a walk over its graph.

use super::arrays::array;
use super::control;
use super::mapped::{Handle, Mapped, spread, with_axis};
use crate::base::{Axis, check_room};
use crate::error::{Error, Kind as ErrorKind, Result, short};
use crate::graph::{Args, Cond, Control, Expr, Function, InputGroup, Kind, Located, NewOutput, open_axes, place, refuse};
use crate::op::{Real, Value};
use rustc_hash::FxHashMap;
use std::panic::Location;

/// The function over a new leading axis of the named inputs; see [`Function::vmap`].
#[track_caller]
pub(crate) fn vmap<S: AsRef<str>>(f: &Function, axis: impl Into<Axis>, names: impl IntoIterator<Item = S>) -> Result<Function> {
    let (axis, at) = (axis.into(), Location::caller());
    check_room().map_err(|error| error.at(Some(at)))?;
    let mut mapped = vec![false; f.inputs().len()];
    let fail = |kind, message: String| Err(Error::new(kind, message).at(Some(at)));
    for name in names {
        for at in f.inputs_named(name.as_ref())? {
            if std::mem::replace(&mut mapped[at], true) {
                return fail(ErrorKind::Name, format!("vmap: the input `{}` is named twice", short(f.inputs()[at].name())));
            }
        }
    }
    if !mapped.contains(&true) {
        return fail(ErrorKind::Name, "vmap needs an input to map over".into());
    }
    if axis.open().is_some_and(|name| open_axes(f).contains(&name)) {
        return fail(ErrorKind::Name, format!("vmap: the function has an open axis `{}` already", short(&axis.to_string())));
    }
    let over_axis = |group: &InputGroup| group.with_shape(with_axis(axis, group.shape())).with_batch(group.batch() + 1);
    let inputs = f.inputs().iter().zip(&mapped);
    let inputs = inputs.map(|(group, &mapped)| if mapped { over_axis(group) } else { group.clone() });
    let is_mapped: Vec<bool> =
        f.inputs().iter().zip(&mapped).flat_map(|(group, &m)| std::iter::repeat_n(m, group.len())).collect();
    Function::build(f.width(), inputs.collect(), at, |args| {
        let values = walk(f, args, &is_mapped, axis);
        let whole = |id: &crate::graph::NodeId| spread(values[id.index()], axis).num();
        let outputs = f.outputs().iter();
        outputs.map(|y| NewOutput::like(y, y.nodes().iter().map(whole).collect()).with_batch(y.batch() + 1)).collect()
    })
}

fn walk(f: &Function, args: &[Expr], mapped: &[bool], axis: Axis) -> Vec<Mapped> {
    let graph = f.graph();
    let located = Located::new();
    let mut values: Vec<Mapped> = Vec::with_capacity(graph.len());
    let mut batches: FxHashMap<(*const Control, Args), Option<control::Batch>> = FxHashMap::default();
    for id in graph.ids() {
        let node = graph.node(id);
        let operands: Args = graph.operands(id).collect();
        let operands: smallvec::SmallVec<[Mapped; 4]> = operands.iter().map(|operand| values[operand.index()]).collect();
        let handles: smallvec::SmallVec<[Handle; 4]> = operands.iter().map(|x| x.value).collect();
        let mut batched = operands.iter().any(|x| x.batched);
        located.at(node.location());
        let value = match node.kind() {
            Kind::Input(slot) => {
                values.push(Mapped {
                    value: Value::Num(args[slot as usize]),
                    batched: mapped[slot as usize],
                    shape: node.shape(),
                });
                continue;
            }
            Kind::Const(bits) => place(Value::Num(Expr::Const(f64::from_bits(bits)))),
            Kind::Flag(b) => place(Value::Mask(Cond::Const(b))),
            Kind::Apply(op) => {
                // Shapes without the axis are equal, so with it they broadcast; only a shared single number has no rank to do so.
                op.apply(&handles)
            }
            Kind::Control(nested) => {
                let key = (std::ptr::from_ref(&**nested.control), graph.operands(id).collect::<Args>());
                let batch = batches.entry(key).or_insert_with(|| {
                    control::control(nested.control, &operands, axis, walk)
                        .map_err(|error| refuse(error.at(node.location())))
                        .ok()
                });
                match batch {
                    Some(batch) => {
                        let (value, has_axis) = batch.result(nested);
                        batched = has_axis;
                        Value::Num(value)
                    }
                    None => Value::Num(control::nothing(node.shape(), axis)),
                }
            }
            Kind::Array(op) if !batched => Expr::array(op, &handles),
            Kind::Array(op) => array(op, &operands, axis, node.shape()),
        };
        values.push(Mapped { value, batched, shape: node.shape() });
    }
    values
}
