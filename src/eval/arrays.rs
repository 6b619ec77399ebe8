//! Evaluation over arrays: the reference for every engine that comes after it. One array per node, element by element.

use super::along::{self, Along, Indices};
use super::array::Array;
use super::linalg::{self, Sizes};
use super::moves::{moved, reduce, sum, total};
use super::run::{Computed, Either, Lengths, Run, num};
use crate::base::{Axis, sums, wrong_width};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Function, Kind, NodeId};
use crate::op::Scalar;
use crate::op::{ArrayOp, DType, Op, Value};
use std::panic::Location;

/// The outputs of a function of arrays; see [`Function::eval_arrays`].
#[track_caller]
pub(crate) fn eval_arrays<T: Scalar>(f: &Function, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
    Run::new(f, lengths_of(f, inputs)?).all(inputs)
}

/// Checks inputs against their declarations, and learns the lengths of open axes from them.
#[track_caller]
pub(crate) fn lengths_of<T: Scalar>(f: &Function, inputs: &[Array<T>]) -> Result<Lengths> {
    if T::WIDTH != f.width() {
        return Err(wrong_width(f.width(), T::WIDTH));
    }
    f.check_len("inputs", f.input_len(), inputs.len())?;
    let mut open = Lengths::default();
    for (slot, input) in inputs.iter().enumerate() {
        bind(f, &mut open, slot, input)?;
    }
    Ok(open)
}

/// Checks an input against its declaration, and learns the lengths of open axes from it.
fn bind<T: Scalar>(f: &Function, open: &mut Lengths, slot: usize, input: &Array<T>) -> Result<()> {
    let group = f.inputs().iter().find(|group| group.range().contains(&slot)).expect("every slot is of an input");
    let declared = group.shape();
    let fail = |why: String| {
        Error::new(
            ErrorKind::Shape,
            format!("the input `{}` is declared as {declared} and is given as {:?}{why}", group.name(), input.shape),
        )
    };
    if declared.rank() != input.shape.len() {
        return Err(fail(String::new()));
    }
    for (&axis, &len) in declared.axes().iter().zip(&input.shape) {
        match axis {
            Axis::Fixed(n) if n != len => return Err(fail(String::new())),
            Axis::Fixed(_) => {}
            Axis::Open(name) => {
                let known = *open.entry(name).or_insert(len);
                if known != len {
                    return Err(fail(format!(", where `{name}` is {known}")));
                }
            }
        }
    }
    if group.dtype() == DType::Index
        && let Some(bad) = input.data.iter().find(|v| v.to_f64() < 0.0 || v.to_f64().fract() != 0.0 || v.to_f64().is_nan())
    {
        return Err(Error::new(ErrorKind::Value, format!("the input `{}` has the index {bad:?}", group.name())));
    }
    Ok(())
}

impl<T: Scalar> Run<'_, T> {
    /// The outputs.
    pub(super) fn all(&mut self, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
        for id in self.f.graph().ids() {
            let value = self.node(id, inputs)?;
            self.values.push(value);
        }
        self.f.output_nodes().map(|id| Ok(self.values[id.index()].clone().num())).collect()
    }

    fn node(&self, id: NodeId, inputs: &[Array<T>]) -> Result<Computed<T>> {
        let node = self.f.graph().node(id);
        let number = |v: f64| <T as crate::op::Real>::lit(v);
        Ok(match node.kind() {
            Kind::Input(slot) => Either::Num(inputs[slot as usize].clone()),
            Kind::Const(bits) => Either::Num(Array::scalar(number(f64::from_bits(bits)))),
            Kind::Flag(b) => Either::Mask(Array::scalar(b)),
            Kind::Apply(op) => {
                let operands: Vec<&Computed<T>> =
                    self.f.graph().operands(id).map(|operand| &self.values[operand.index()]).collect();
                each(op, &operands, self.lengths(node.shape())?)
            }
            Kind::Control(nested) => Either::Num(self.control(id, nested)?),
            Kind::Array(op) => {
                let lengths = self.lengths(node.shape())?;
                let operands: Vec<&Computed<T>> =
                    self.f.graph().operands(id).map(|operand| &self.values[operand.index()]).collect();
                match operands.first() {
                    Some(Either::Mask(_)) => {
                        let masks: Vec<&Array<bool>> = operands.iter().filter_map(|x| mask(x)).collect();
                        Either::Mask(match op {
                            ArrayOp::Gather { axis, batch } => self.gather(id, masks[0], (*axis, *batch), lengths, false)?,
                            _ => moved(op, &masks, lengths, false),
                        })
                    }
                    _ => Either::Num(self.array(id, op, &operands, lengths)?),
                }
            }
        })
    }

    /// The indices that a gather or scatter takes along an axis of a length, checked.
    fn index_of(&self, id: NodeId, len: usize) -> Result<&Array<T>> {
        let index = self.f.graph().operands(id).nth(1).expect("it takes indices");
        let index = num(&self.values[index.index()]);
        match along::outside(&index.data, len) {
            Some(bad) => {
                let node = self.f.graph().node(id);
                let name = if let Kind::Array(op) = node.kind() { op.name() } else { "an array operation" };
                Err(index_error(name, node.location(), bad, len))
            }
            None => Ok(index),
        }
    }

    fn gather<U: Copy>(
        &self,
        id: NodeId,
        x: &Array<U>,
        (axis, batch): (usize, usize),
        shape: Vec<usize>,
        zero: U,
    ) -> Result<Array<U>> {
        let index = self.index_of(id, x.shape[axis])?;
        let mut data = vec![zero; shape.iter().product()];
        Indices::new(&x.shape, axis, batch, &index.shape).gather(&x.data, &index.data, Along::new(&x.shape, axis), &mut data);
        Ok(Array { data, shape })
    }

    fn array(&self, id: NodeId, op: &ArrayOp, operands: &[&Computed<T>], lengths: Vec<usize>) -> Result<Array<T>> {
        let zero = T::default();
        let places: usize = lengths.iter().product();
        let first = operands.first().map(|x| num(x));
        Ok(match op {
            ArrayOp::Sum(axes) => {
                let operand = self.f.graph().operands(id).next().expect("a sum has an operand");
                let x = first.expect("an operand");
                let summed = sum(x, &sums::groups(self.f.graph().node(operand).shape(), axes), total);
                Array { shape: lengths, data: summed.data }
            }
            ArrayOp::MaxOf(axes) => {
                let larger = |a: T, b: T| if b > a || crate::op::Real::ne(b, b) { b } else { a };
                reduce(first.expect("an operand"), axes, lengths, larger, crate::op::lit(f64::NEG_INFINITY))
            }
            ArrayOp::MinOf(axes) => {
                let smaller = |a: T, b: T| if b < a || crate::op::Real::ne(b, b) { b } else { a };
                reduce(first.expect("an operand"), axes, lengths, smaller, crate::op::lit(f64::INFINITY))
            }
            ArrayOp::MatMul => {
                let (a, b) = (first.expect("two operands"), num(operands[1]));
                let rank = lengths.len();
                let (m, n, k) = (lengths[rank - 2], lengths[rank - 1], a.shape[rank - 1]);
                let mut data = Vec::with_capacity(places);
                for at in 0..places {
                    let (batch, row, column) = (at / (m * n), at / n % m, at % n);
                    let term = |l: usize| (a.data[(batch * m + row) * k + l], b.data[(batch * k + l) * n + column]);
                    // Fused, from the first term on; nothing is 0.
                    let mut sum = if k == 0 { zero } else { term(0).0 * term(0).1 };
                    for (x, y) in (1..k).map(term) {
                        sum = crate::base::Machine::fma(x, y, sum);
                    }
                    data.push(sum);
                }
                Array { data, shape: lengths }
            }
            ArrayOp::Prod(axis)
            | ArrayOp::ArgMax(axis)
            | ArrayOp::CumSum { axis, .. }
            | ArrayOp::Shift { axis, .. }
            | ArrayOp::Recur { axis, .. }
            | ArrayOp::Iota(_, axis) => {
                let along = Along::new(first.map_or(&lengths, |x| &x.shape), *axis);
                let x = [0, 1].map(|k| operands.get(k).map_or(&[][..], |x| &num(x).data));
                let mut data = vec![zero; places];
                along::sweep(op, x, along, &mut data)
                    .map_err(|message| Error::new(ErrorKind::Value, message).at(self.f.graph().node(id).location()))?;
                Array { data, shape: lengths }
            }
            ArrayOp::Gather { axis, batch } => self.gather(id, first.expect("two operands"), (*axis, *batch), lengths, zero)?,
            ArrayOp::ScatterAdd { axis, batch, .. } => {
                let (x, along) = (first.expect("two operands"), Along::new(&lengths, *axis));
                let index = self.index_of(id, along.len)?;
                let indices = Indices::new(&lengths, *axis, *batch, &index.shape);
                let mut data = vec![zero; places];
                indices.scatter_add(&x.data, &index.data, along, &mut data);
                Array { data, shape: lengths }
            }
            ArrayOp::Solve
            | ArrayOp::SolveOrNan
            | ArrayOp::SolveTriangular { .. }
            | ArrayOp::Inverse
            | ArrayOp::Det
            | ArrayOp::LogDet
            | ArrayOp::Cholesky => {
                let (a, b) = (first.expect("an operand"), operands.get(1).map(|b| num(b)));
                let sizes = Sizes::new(&a.shape, b.map(|b| &b.shape[..]), &lengths);
                let mut work = vec![zero; sizes.work()];
                let mut y = vec![zero; places];
                linalg::run(op, sizes, &a.data, b.map_or(&[], |b| &b.data), &mut work, &mut y)
                    .map_err(|message| Error::new(ErrorKind::Value, message).at(self.f.graph().node(id).location()))?;
                Array { data: y, shape: lengths }
            }
            _ => {
                let arrays: Vec<&Array<T>> = operands.iter().map(|x| num(x)).collect();
                moved(op, &arrays, lengths, zero)
            }
        })
    }
}

fn mask<T>(x: &Computed<T>) -> Option<&Array<bool>> {
    match x {
        Either::Mask(x) => Some(x),
        Either::Num(_) => None,
    }
}

/// That an operation's index is out of range.
pub(crate) fn index_error<T: Scalar>(name: &str, at: Option<&'static Location<'static>>, index: T, len: usize) -> Error {
    Error::new(ErrorKind::Value, format!("{name}: the index {index:?} is out of range for an axis of length {len}")).at(at)
}

/// A scalar operation, element by element; single numbers fit every shape.
fn each<T: Scalar>(op: Op, operands: &[&Computed<T>], shape: Vec<usize>) -> Computed<T> {
    let places: usize = shape.iter().product();
    let element = |at: usize| {
        let args: arrayvec::ArrayVec<Value<T, bool>, 3> = operands
            .iter()
            .map(|x| match x {
                Either::Num(x) => Value::Num(x.data[if x.data.len() == 1 { 0 } else { at }]),
                Either::Mask(x) => Value::Mask(x.data[if x.data.len() == 1 { 0 } else { at }]),
            })
            .collect();
        op.value::<T>(&args)
    };
    match op.result() {
        DType::Mask => Either::Mask(Array { data: (0..places).map(|at| element(at).truth()).collect(), shape }),
        _ => Either::Num(Array { data: (0..places).map(|at| element(at).num()).collect(), shape }),
    }
}
