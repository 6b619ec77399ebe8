//! Mapping over a new leading axis: a function of one sample becomes a function of a batch.
//!
//! In: a [`Function`]. Out: a `Function` whose chosen inputs, and whose outputs, have one axis more. Elementwise operations stay as
//! they are, by broadcasting; every array operation says here what an axis in front makes of it.

mod control;

use crate::base::{Axis, Shape, check_room};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Args, Cond, Control, Expr, Function, Kind, Located, NewOutput, refuse};
use crate::op::{ArrayOp, Cut, Real, Value};
use rustc_hash::FxHashMap;
use std::panic::Location;

type Handle = Value<Expr, Cond>;

/// A value, and whether it has the new axis.
#[derive(Copy, Clone)]
struct Mapped {
    value: Handle,
    batched: bool,
    /// Without the new axis.
    shape: Shape,
}

/// The function over a new leading axis of the named inputs; see [`Function::vmap`].
#[track_caller]
pub(crate) fn vmap<S: AsRef<str>>(f: &Function, axis: impl Into<Axis>, names: impl IntoIterator<Item = S>) -> Result<Function> {
    let (axis, at) = (axis.into(), Location::caller());
    check_room().map_err(|error| error.at(Some(at)))?;
    let mut mapped = vec![false; f.inputs().len()];
    for name in names {
        f.input(name.as_ref())?;
        f.inputs().iter().zip(&mut mapped).filter(|(group, _)| group.name() == name.as_ref()).for_each(|(_, m)| *m = true);
    }
    let fail = |kind, message: String| Err(Error::new(kind, message).at(Some(at)));
    if !mapped.contains(&true) {
        return fail(ErrorKind::Name, "vmap needs an input to map over".into());
    }
    let taken = |shape: Shape| matches!(axis, Axis::Open(_)) && shape.axes().contains(&axis);
    if f.graph().ids().any(|id| taken(f.graph().node(id).shape())) {
        return fail(ErrorKind::Name, format!("vmap: the function has an open axis `{axis}` already"));
    }
    let with_axis = |shape: Shape| with_axis(axis, shape);
    let inputs = f.inputs().iter().zip(&mapped);
    let inputs = inputs.map(|(group, &mapped)| if mapped { group.with_shape(with_axis(group.shape())) } else { group.clone() });
    let is_mapped: Vec<bool> =
        f.inputs().iter().zip(&mapped).flat_map(|(group, &m)| std::iter::repeat_n(m, group.len())).collect();
    Function::build(f.width(), inputs.collect(), at, |args| {
        let values = walk(f, args, &is_mapped, axis);
        let whole = |id: &crate::graph::NodeId| spread(values[id.index()], axis).num();
        let outputs = f.outputs().iter();
        outputs
            .map(|y| NewOutput { name: y.name().into(), values: y.nodes().iter().map(whole).collect(), aux: y.is_aux() })
            .collect()
    })
}

/// A shape with the axis in front.
fn with_axis(axis: Axis, shape: Shape) -> Shape {
    Shape::new(&[&[axis], shape.axes()].concat())
}

fn run(op: ArrayOp, args: &[Handle]) -> Handle {
    Expr::array(&op, args)
}

/// The value with the new axis, repeated along it if it had none.
fn spread(x: Mapped, axis: Axis) -> Handle {
    if x.batched {
        return x.value;
    }
    run(ArrayOp::Broadcast(Shape::new(&[&[axis], x.shape.axes()].concat())), &[x.value])
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
            Kind::Const(bits) => Value::Num(Expr::Const(f64::from_bits(bits))),
            Kind::Flag(b) => Value::Mask(Cond::Const(b)),
            Kind::Apply(op) => {
                // Shapes without the axis are equal, so with it they broadcast; only a shared single number has no rank to do so.
                op.apply(&handles)
            }
            Kind::Control(nested) => {
                let key = (std::ptr::from_ref(&**nested.control), graph.operands(id).collect::<Args>());
                let batch = batches.entry(key).or_insert_with(|| {
                    control::control(nested.control, &operands, axis).map_err(|error| refuse(error.at(node.location()))).ok()
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

/// A product of matrices of which one is the same for all samples, as one product: the samples' rows below each other, or their
/// columns side by side. None where a length that this takes is not known.
fn shared_factor(x: Mapped, y: Mapped, axis: Axis, to: Shape) -> Option<Handle> {
    let (&[m, n], Axis::Fixed(samples)) = (to.axes(), axis) else { return None };
    let reshape = |axes: [Axis; 2], x: Handle| run(ArrayOp::Reshape(Shape::new(&axes)), &[x]);
    let unfolded = |axes: [Axis; 3], x: Handle| run(ArrayOp::Reshape(Shape::new(&axes)), &[x]);
    let swapped = |x: Handle| run(ArrayOp::Permute(vec![1, 0, 2]), &[x]);
    match (x.batched, y.batched, m, n) {
        (true, false, Axis::Fixed(rows), _) => {
            let rows = reshape([Axis::Fixed(samples * rows), x.shape.axes()[1]], x.value);
            Some(unfolded([axis, m, n], run(ArrayOp::MatMul, &[rows, y.value])))
        }
        (false, true, _, Axis::Fixed(columns)) => {
            let columns = reshape([y.shape.axes()[0], Axis::Fixed(samples * columns)], swapped(y.value));
            Some(swapped(unfolded([m, axis, n], run(ArrayOp::MatMul, &[x.value, columns]))))
        }
        _ => None,
    }
}

/// An array operation with the axis in front.
fn array(op: &ArrayOp, operands: &[Mapped], axis: Axis, to: Shape) -> Handle {
    let with_axis = |shape: Shape| with_axis(axis, shape);
    let shift = |axes: &[usize]| axes.iter().map(|k| k + 1).collect::<Vec<_>>();
    let cuts = |cuts: &[Cut]| [&[Cut::All], cuts].concat();
    let x = operands[0];
    match op {
        ArrayOp::Broadcast(to) => {
            // Axes of length 1 between the new one and the old ones, so that these stay the last.
            let mut axes = vec![axis];
            axes.extend(std::iter::repeat_n(Axis::Fixed(1), to.rank() - x.shape.rank()));
            axes.extend(x.shape.axes());
            let aligned =
                if axes.len() == x.shape.rank() + 1 { x.value } else { run(ArrayOp::Reshape(Shape::new(&axes)), &[x.value]) };
            run(ArrayOp::Broadcast(with_axis(*to)), &[aligned])
        }
        ArrayOp::Reshape(to) => run(ArrayOp::Reshape(with_axis(*to)), &[x.value]),
        ArrayOp::Permute(order) => run(ArrayOp::Permute([&[0], &shift(order)[..]].concat()), &[x.value]),
        ArrayOp::Sum(axes) => run(ArrayOp::Sum(shift(axes)), &[x.value]),
        ArrayOp::MaxOf(axes) => run(ArrayOp::MaxOf(shift(axes)), &[x.value]),
        ArrayOp::MinOf(axes) => run(ArrayOp::MinOf(shift(axes)), &[x.value]),
        ArrayOp::ArgMax(k) => run(ArrayOp::ArgMax(k + 1), &[x.value]),
        ArrayOp::Slice(c) => run(ArrayOp::Slice(cuts(c)), &[x.value]),
        ArrayOp::Place(shape, c) => run(ArrayOp::Place(with_axis(*shape), cuts(c)), &[x.value]),
        ArrayOp::CumSum { axis: k, reverse } => run(ArrayOp::CumSum { axis: k + 1, reverse: *reverse }, &[x.value]),
        ArrayOp::Prod(k) => run(ArrayOp::Prod(k + 1), &[x.value]),
        ArrayOp::Shift { axis: k, reverse } => run(ArrayOp::Shift { axis: k + 1, reverse: *reverse }, &[x.value]),
        ArrayOp::Recur { axis: k, reverse } => {
            run(ArrayOp::Recur { axis: k + 1, reverse: *reverse }, &[spread(x, axis), spread(operands[1], axis)])
        }
        ArrayOp::Inverse | ArrayOp::Det | ArrayOp::LogDet | ArrayOp::Cholesky => run(op.clone(), &[x.value]),
        ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } => solve(op, x, operands[1], axis),
        ArrayOp::Concat(k) => {
            let all: Vec<Handle> = operands.iter().map(|&x| spread(x, axis)).collect();
            run(ArrayOp::Concat(k + 1), &all)
        }
        ArrayOp::MatMul => match operands {
            // A row per sample and one matrix for all: one product of matrices.
            [x, y] if x.batched && !y.batched && x.shape.rank() == 2 && x.shape.axes()[0] == Axis::Fixed(1) => {
                let rows = run(ArrayOp::Reshape(Shape::new(&[axis, x.shape.axes()[1]])), &[x.value]);
                run(ArrayOp::Reshape(with_axis(to)), &[run(ArrayOp::MatMul, &[rows, y.value])])
            }
            [x, y] => {
                shared_factor(*x, *y, axis, to).unwrap_or_else(|| run(ArrayOp::MatMul, &[spread(*x, axis), spread(*y, axis)]))
            }
            _ => unreachable!("a product has two factors"),
        },
        ArrayOp::Gather { axis: k, batch: 0 } if !operands[1].batched => {
            run(ArrayOp::Gather { axis: k + 1, batch: 0 }, &[x.value, operands[1].value])
        }
        ArrayOp::Gather { axis: k, batch: 0 } if !x.batched => {
            // The axis comes out where the indices are, and goes to the front.
            let gathered = run(op.clone(), &[x.value, operands[1].value]);
            let order: Vec<usize> = std::iter::once(*k).chain((0..to.rank() + 1).filter(|axis| axis != k)).collect();
            if *k == 0 { gathered } else { run(ArrayOp::Permute(order), &[gathered]) }
        }
        ArrayOp::ScatterAdd { to, axis: k, batch: 0 } if !operands[1].batched => {
            run(ArrayOp::ScatterAdd { to: with_axis(*to), axis: k + 1, batch: 0 }, &[x.value, operands[1].value])
        }
        // The new axis is one more that array and indices share.
        ArrayOp::Gather { axis: k, batch } => {
            run(ArrayOp::Gather { axis: k + 1, batch: batch + 1 }, &[spread(x, axis), spread(operands[1], axis)])
        }
        ArrayOp::ScatterAdd { to, axis: k, batch } => {
            let op = ArrayOp::ScatterAdd { to: with_axis(*to), axis: k + 1, batch: batch + 1 };
            run(op, &[spread(x, axis), spread(operands[1], axis)])
        }
        ArrayOp::Iota(..) => unreachable!("it has no operand"),
    }
}

/// A solution for every sample: with one matrix for all, the right-hand sides stand side by side as columns where they can.
fn solve(op: &ArrayOp, a: Mapped, b: Mapped, axis: Axis) -> Handle {
    let columns = match (axis, b.shape.axes()) {
        (_, [_, Axis::Fixed(1)]) => Some(axis),
        (Axis::Fixed(samples), [_, Axis::Fixed(columns)]) => Some(Axis::Fixed(samples * columns)),
        _ => None,
    };
    let Some(columns) = columns.filter(|_| !a.batched) else {
        return run(op.clone(), &[spread(a, axis), spread(b, axis)]);
    };
    let [rows, own] = *b.shape.axes() else { unreachable!("it is a matrix") };
    let turned = run(ArrayOp::Permute(vec![1, 0, 2]), &[b.value]);
    let wide = run(ArrayOp::Reshape(Shape::new(&[rows, columns])), &[turned]);
    let solved = run(op.clone(), &[a.value, wide]);
    run(ArrayOp::Permute(vec![1, 0, 2]), &[run(ArrayOp::Reshape(Shape::new(&[rows, axis, own])), &[solved])])
}
