//! Evaluation over arrays: the reference for every engine that comes after it. One array per node, element by element.

use super::along::{self, Along, Indices};
use super::arithmetic::{Arithmetic, Lengths, Truth};
use super::array::Array;
use super::indices::{check_given, check_reach, gives_indices, to_numbers};
use super::kernels::Kernels;
use super::linalg::Sizes;
use super::moves::{moved, reduce, sum};
use super::run::{Computed, Either, Run, num};
use super::sizes::check_memory;
use crate::base::squares::Window;
use crate::base::{Axis, Width, sums, wrong_width};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Function, Kind, NodeId};
use crate::op::{ArrayOp, DType, Op, Real, Scalar, Value, lit};
use std::ops::Range;
use std::panic::Location;

/// The outputs of a function, an array for each of their values, from an array for each value of the inputs.
#[track_caller]
pub(crate) fn evaluated<T: Scalar>(f: &Function, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
    let mut outputs = Run::<Kernels<T>>::new(f, lengths_of(f, inputs)?).all(inputs)?;
    if T::WIDTH == Width::F32 {
        let groups = f.outputs().iter().flat_map(|y| std::iter::repeat_n(y, y.nodes().len()));
        let indices = outputs.iter_mut().zip(groups).filter(|(_, y)| gives_indices(f, y));
        indices.for_each(|(y, _)| to_numbers(&mut y.data));
    }
    Ok(outputs)
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
    check_memory::<T>(f, &open)?;
    check_reach(f, &open)?;
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
    check_given(group, T::WIDTH, &input.data)
}

impl<A: Arithmetic> Run<'_, A> {
    /// The outputs.
    pub(super) fn all(&mut self, inputs: &[Array<A::Number>]) -> Result<Vec<Array<A::Number>>> {
        for id in self.f.graph().ids() {
            let value = self.node(id, inputs)?;
            self.values.push(value);
        }
        self.f.output_nodes().map(|id| Ok(self.values[id.index()].clone().num())).collect()
    }

    fn node(&self, id: NodeId, inputs: &[Array<A::Number>]) -> Result<Computed<A::Number>> {
        let node = self.f.graph().node(id);
        Ok(match node.kind() {
            Kind::Input(slot) => Either::Num(inputs[slot as usize].clone()),
            Kind::Const(bits) => Either::Num(Array::scalar(lit(f64::from_bits(bits)))),
            Kind::Flag(b) => Either::Mask(Array::scalar(flag::<A>(b))),
            Kind::Apply(op) => {
                let operands: Vec<&Computed<A::Number>> =
                    self.f.graph().operands(id).map(|operand| &self.values[operand.index()]).collect();
                each::<A>(op, &operands, self.lengths(node.shape())?)
            }
            Kind::Control(nested) => Either::Num(self.control(id, nested)?),
            Kind::Array(op) => {
                let lengths = self.lengths(node.shape())?;
                let operands: Vec<&Computed<A::Number>> =
                    self.f.graph().operands(id).map(|operand| &self.values[operand.index()]).collect();
                match operands.first() {
                    Some(Either::Mask(_)) => {
                        let masks: Vec<&Array<Truth<A>>> = operands.iter().filter_map(|x| mask(x)).collect();
                        let no = flag::<A>(false);
                        Either::Mask(match op {
                            ArrayOp::Gather { axis, batch } => self.gather(id, masks[0], (*axis, *batch), lengths, no)?,
                            _ => moved(op, &masks, lengths, no),
                        })
                    }
                    _ => Either::Num(self.array(id, op, &operands, lengths)?),
                }
            }
        })
    }

    /// The indices that a gather or scatter takes along an axis of a length, checked.
    fn index_of(&self, id: NodeId, len: usize) -> Result<&Array<A::Number>> {
        self.check_known(self.f.graph().node(id).location())?;
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

    /// The root of the sum of squares. Tangents would be out of range where the values are not: they go from element to element.
    fn norm(&self, x: &Array<A::Number>, axes: &[usize], groups: &[Range<usize>], shape: Vec<usize>) -> Array<A::Number> {
        if !A::PLAIN {
            return reduce(&x.map(|x| x.abs()), axes, shape, |a, b| a.hypot(b), lit(0.0));
        }
        let Window { least, most, up, down } = Window::of(self.f.width());
        let squares = |factor: f64| {
            let factor: A::Number = lit(factor);
            sum(&x.map(|&x| (x * factor) * (x * factor)), groups, A::total)
        };
        let [plain, of_small, of_large] = [1.0, up, down].map(squares);
        let root = |k: usize| {
            let moved = |square: A::Number, factor: f64| square.sqrt() * lit(1.0 / factor);
            let root = Real::select(plain.data[k].lt(lit(least)), moved(of_small.data[k], up), plain.data[k].sqrt());
            Real::select(plain.data[k].gt(lit(most)), moved(of_large.data[k], down), root)
        };
        Array { data: (0..plain.data.len()).map(root).collect(), shape }
    }

    fn array(
        &self,
        id: NodeId,
        op: &ArrayOp,
        operands: &[&Computed<A::Number>],
        lengths: Vec<usize>,
    ) -> Result<Array<A::Number>> {
        let (zero, at) = (lit(0.0), self.f.graph().node(id).location());
        let places: usize = lengths.iter().product();
        let first = operands.first().map(|x| num(x));
        Ok(match op {
            ArrayOp::Sum(axes) => {
                let operand = self.f.graph().operands(id).next().expect("a sum has an operand");
                let x = first.expect("an operand");
                let summed = sum(x, &sums::groups(self.f.graph().node(operand).shape(), axes), A::total);
                Array { shape: lengths, data: summed.data }
            }
            ArrayOp::Norm(axes) => {
                let operand = self.f.graph().operands(id).next().expect("a norm has an operand");
                let groups = sums::groups(self.f.graph().node(operand).shape(), axes);
                self.norm(first.expect("an operand"), axes, &groups, lengths)
            }
            ArrayOp::MaxOf(axes) => {
                let larger = |a: A::Number, b: A::Number| Real::select(b.gt(a) | b.ne(b), b, a);
                reduce(first.expect("an operand"), axes, lengths, larger, lit(f64::NEG_INFINITY))
            }
            ArrayOp::MinOf(axes) => {
                let smaller = |a: A::Number, b: A::Number| Real::select(b.lt(a) | b.ne(b), b, a);
                reduce(first.expect("an operand"), axes, lengths, smaller, lit(f64::INFINITY))
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
                        sum = x.mul_add(y, sum);
                    }
                    data.push(sum);
                }
                Array { data, shape: lengths }
            }
            ArrayOp::SlopeOf => {
                let (value, x) = (first.expect("two operands"), num(operands[1]));
                let each =
                    value.data.iter().zip(&x.data).map(|(&value, &x)| Real::array(op, &[Value::Num(value), Value::Num(x)]).num());
                Array { data: each.collect(), shape: lengths }
            }
            ArrayOp::Prod(axis)
            | ArrayOp::ArgMax(axis)
            | ArrayOp::CumSum { axis, .. }
            | ArrayOp::Shift { axis, .. }
            | ArrayOp::Recur { axis, .. }
            | ArrayOp::Iota(_, axis) => {
                if let ArrayOp::ArgMax(_) = op {
                    self.check_known(at)?;
                }
                let along = Along::new(first.map_or(&lengths, |x| &x.shape), *axis);
                let x = [0, 1].map(|k| operands.get(k).map_or(&[][..], |x| &num(x).data));
                let mut data = vec![zero; places];
                A::sweep(op, x, along, &mut data).map_err(|message| Error::new(ErrorKind::Value, message).at(at))?;
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
                self.check_known(at)?;
                let (a, b) = (first.expect("an operand"), operands.get(1).map(|b| num(b)));
                let sizes = Sizes::new(&a.shape, b.map(|b| &b.shape[..]), &lengths);
                let mut work = vec![zero; sizes.work()];
                let mut y = vec![zero; places];
                A::solve(op, sizes, [&a.data, b.map_or(&[], |b| &b.data)], &mut work, &mut y)
                    .map_err(|message| Error::new(ErrorKind::Value, message).at(at))?;
                Array { data: y, shape: lengths }
            }
            _ => {
                let arrays: Vec<&Array<A::Number>> = operands.iter().map(|x| num(x)).collect();
                moved(op, &arrays, lengths, zero)
            }
        })
    }
}

/// A truth value that is known.
fn flag<A: Arithmetic>(b: bool) -> Truth<A> {
    lit::<A::Number>(f64::from(b)).ne(lit(0.0))
}

fn mask<T: Real>(x: &Computed<T>) -> Option<&Array<T::Mask>> {
    match x {
        Either::Mask(x) => Some(x),
        Either::Num(_) => None,
    }
}

/// That an operation's index is out of range.
pub(crate) fn index_error(name: &str, at: Option<&'static Location<'static>>, index: f64, len: usize) -> Error {
    Error::new(ErrorKind::Value, format!("{name}: the index {index:?} is out of range for an axis of length {len}")).at(at)
}

/// A scalar operation, element by element; single numbers fit every shape.
fn each<A: Arithmetic>(op: Op, operands: &[&Computed<A::Number>], shape: Vec<usize>) -> Computed<A::Number> {
    let places: usize = shape.iter().product();
    let element = |at: usize| {
        let args: arrayvec::ArrayVec<Value<A::Number, Truth<A>>, 3> = operands
            .iter()
            .map(|x| match x {
                Either::Num(x) => Value::Num(x.data[if x.data.len() == 1 { 0 } else { at }]),
                Either::Mask(x) => Value::Mask(x.data[if x.data.len() == 1 { 0 } else { at }]),
            })
            .collect();
        A::apply(op, &args)
    };
    match op.result() {
        DType::Mask => Either::Mask(Array { data: (0..places).map(|at| element(at).truth()).collect(), shape }),
        _ => Either::Num(Array { data: (0..places).map(|at| element(at).num()).collect(), shape }),
    }
}
