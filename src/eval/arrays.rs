//! Evaluation over arrays: the reference for every engine that comes after it. One array per node, element by element.

use super::control::Nests;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::{Function, Kind, NodeId};
use crate::op::{ArrayOp, Axis, DType, Op, Shape, Value};
use crate::schedule::{
    Scalar,
    sums::{self, Sum},
};
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// Numbers in a shape, the last axis running fastest.
///
/// ```
/// use wengert::Array;
/// let a = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(a.shape(), [2, 3]);
/// assert_eq!(a.data()[4], 5.0);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T = f64> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T> Array<T> {
    /// Numbers in a shape.
    ///
    /// # Errors
    /// If there are not as many as the shape has places.
    #[track_caller]
    pub fn new(shape: impl AsRef<[usize]>, data: Vec<T>) -> Result<Self> {
        let shape = shape.as_ref().to_vec();
        let places: usize = shape.iter().product();
        if places != data.len() {
            let (given, places) = (count(data.len(), "number"), count(places, "place"));
            return Err(Error::here(ErrorKind::Shape, format!("{given} for the shape {shape:?}, which has {places}")));
        }
        Ok(Array { shape, data })
    }

    /// A single number.
    pub fn scalar(v: T) -> Self {
        Array { shape: vec![], data: vec![v] }
    }

    /// A vector.
    pub fn vector(data: Vec<T>) -> Self {
        Array { shape: vec![data.len()], data }
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The numbers, to write to.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The numbers themselves.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }
}

impl<T> From<T> for Array<T> {
    fn from(v: T) -> Self {
        Array::scalar(v)
    }
}

impl Function {
    /// Evaluates a function of arrays by interpretation. A call's open axes get their lengths from the arrays; indices are
    /// given as whole numbers.
    ///
    /// ```
    /// use wengert::{Array, Function};
    /// let f = Function::trace(["w[3]", "x[n,3]"], |[w, x]| x.matmul(w).tanh().sum(..))?;
    /// let g = f.wrt(["w"])?.value_and_grad()?;
    /// let x = Array::new([2, 3], vec![0.0; 6])?;
    /// let y = g.eval_arrays(&[Array::vector(vec![1.0, 2.0, 3.0]), x])?;
    /// assert_eq!(y[0].data(), [0.0]);
    /// assert_eq!(y[1].shape(), [3]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the number of arrays, a shape or the width does not fit, or an index is out of range.
    #[track_caller]
    pub fn eval_arrays<T: Scalar>(&self, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
        Run::new(self, self.lengths_of(inputs)?).all(inputs)
    }

    /// Checks inputs against their declarations, and learns the lengths of open axes from them.
    #[track_caller]
    pub(crate) fn lengths_of<T: Scalar>(&self, inputs: &[Array<T>]) -> Result<Lengths> {
        if T::WIDTH != self.width() {
            return Err(crate::schedule::wrong_width(self.width(), T::WIDTH));
        }
        self.check_len("inputs", self.input_len(), inputs.len())?;
        let mut open = Lengths::default();
        for (slot, input) in inputs.iter().enumerate() {
            bind(self, &mut open, slot, input)?;
        }
        Ok(open)
    }
}

/// Lengths of open axes.
pub(crate) type Lengths = FxHashMap<&'static str, usize>;

type Computed<T> = Either<Array<T>, Array<bool>>;

#[derive(Clone)]
enum Either<N, M> {
    Num(N),
    Mask(M),
}

impl<N, M> Either<N, M> {
    fn num(self) -> N {
        match self {
            Either::Num(x) => x,
            Either::Mask(_) => unreachable!("a verified graph has numbers here"),
        }
    }
}

pub(super) struct Run<'f, T> {
    pub(super) f: &'f Function,
    pub(super) open: Lengths,
    values: Vec<Computed<T>>,
    pub(super) nested: RefCell<Nests<T>>,
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

impl<'f, T: Scalar> Run<'f, T> {
    pub(super) fn new(f: &'f Function, open: Lengths) -> Self {
        Run { f, open, values: Vec::with_capacity(f.graph().len()), nested: RefCell::default() }
    }

    /// The outputs.
    pub(super) fn all(&mut self, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
        for id in self.f.graph().ids() {
            let value = self.node(id, inputs)?;
            self.values.push(value);
        }
        self.f.output_nodes().map(|id| Ok(self.values[id.index()].clone().num())).collect()
    }

    /// A number's value.
    pub(super) fn array_of(&self, id: NodeId) -> &Array<T> {
        num(&self.values[id.index()])
    }

    pub(super) fn lengths(&self, shape: Shape) -> Result<Vec<usize>> {
        let length = |axis: &Axis| match *axis {
            Axis::Fixed(n) => Ok(n),
            Axis::Open(name) => self.open.get(name).copied().ok_or_else(|| {
                Error::new(ErrorKind::Shape, format!("the length of the open axis `{name}` is not known: no input has it"))
            }),
        };
        shape.axes().iter().map(length).collect()
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
                        let masks: Vec<&Array<bool>> = operands.iter().map(|x| mask(x)).collect();
                        Either::Mask(moved(op, &masks, lengths, false, &self.index_of(id)?)?)
                    }
                    _ => Either::Num(self.array(id, op, &operands, lengths)?),
                }
            }
        })
    }

    /// The indices that a gather or scatter takes, checked.
    fn index_of(&self, id: NodeId) -> Result<Vec<usize>> {
        let node = self.f.graph().node(id);
        let operands: crate::graph::Args = self.f.graph().operands(id).collect();
        let (axis, of) = match node.kind() {
            Kind::Array(ArrayOp::Gather(axis)) => (*axis, self.f.graph().node(operands[0]).shape()),
            Kind::Array(ArrayOp::ScatterAdd(to, axis)) => (*axis, *to),
            _ => return Ok(vec![]),
        };
        let (len, index) = (self.lengths(of)?[axis], operands[1]);
        let Either::Num(index) = &self.values[index.index()] else { unreachable!("indices are numbers") };
        let check = |v: &T| {
            let k = v.to_f64() as usize;
            if k < len {
                return Ok(k);
            }
            let message = format!("an index is {v:?}, and the axis has the length {len}");
            Err(Error::new(ErrorKind::Value, message).at(node.location()))
        };
        index.data.iter().map(check).collect()
    }

    fn array(&self, id: NodeId, op: &ArrayOp, operands: &[&Computed<T>], lengths: Vec<usize>) -> Result<Array<T>> {
        let zero = T::default();
        let places: usize = lengths.iter().product();
        let first = operands.first().map(|x| num(x));
        Ok(match op {
            ArrayOp::Sum(axes) => {
                let operand = self.f.graph().operands(id).next().expect("a sum has an operand");
                let run = sums::run(self.f.graph().node(operand).shape(), axes);
                sum(first.expect("an operand"), axes, run, lengths)
            }
            ArrayOp::MaxOf(axes) => {
                let larger = |a: T, b: T| if b > a || crate::op::Real::ne(b, b) { b } else { a };
                reduce(first.expect("an operand"), axes, lengths, larger, crate::op::lit(f64::NEG_INFINITY))
            }
            ArrayOp::MinOf(axes) => {
                let smaller = |a: T, b: T| if b < a || crate::op::Real::ne(b, b) { b } else { a };
                reduce(first.expect("an operand"), axes, lengths, smaller, crate::op::lit(f64::INFINITY))
            }
            ArrayOp::ArgMax(axis) => {
                let x = first.expect("an operand");
                let (outer, len, inner) = around(&x.shape, *axis);
                if len == 0 {
                    return Err(Error::new(ErrorKind::Value, "argmax over no numbers").at(self.f.graph().node(id).location()));
                }
                let best = |o: usize, i: usize| {
                    let at = |k: usize| x.data[(o * len + k) * inner + i];
                    (1..len).fold(0, |best, k| if at(k) > at(best) { k } else { best })
                };
                let data = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i)));
                Array { data: data.map(|(o, i)| crate::op::lit(best(o, i) as f64)).collect(), shape: lengths }
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
                        sum = crate::op::Machine::fma(x, y, sum);
                    }
                    data.push(sum);
                }
                Array { data, shape: lengths }
            }
            ArrayOp::CumSum { axis, reverse } => {
                let mut x = first.expect("an operand").clone();
                let (outer, len, inner) = around(&x.shape, *axis);
                for o in 0..outer {
                    for k in 1..len {
                        let (from, to) = if *reverse { (len - k, len - k - 1) } else { (k - 1, k) };
                        for i in 0..inner {
                            let before = x.data[(o * len + from) * inner + i];
                            x.data[(o * len + to) * inner + i] += before;
                        }
                    }
                }
                x
            }
            ArrayOp::Iota(_, axis) => {
                let (_, len, inner) = around(&lengths, *axis);
                Array { data: (0..places).map(|at| crate::op::lit((at / inner % len) as f64)).collect(), shape: lengths }
            }
            ArrayOp::ScatterAdd(_, axis) => {
                let (updates, index) = (first.expect("two operands"), self.index_of(id)?);
                let (outer, len, inner) = around(&lengths, *axis);
                let mut data = vec![zero; places];
                for o in 0..outer {
                    for (k, &to) in index.iter().enumerate() {
                        for i in 0..inner {
                            data[(o * len + to) * inner + i] += updates.data[(o * index.len() + k) * inner + i];
                        }
                    }
                }
                Array { data, shape: lengths }
            }
            _ => {
                let arrays: Vec<&Array<T>> = operands.iter().map(|x| num(x)).collect();
                moved(op, &arrays, lengths, zero, &self.index_of(id)?)?
            }
        })
    }
}

fn num<T>(x: &Computed<T>) -> &Array<T> {
    match x {
        Either::Num(x) => x,
        Either::Mask(_) => unreachable!("a verified graph has numbers here"),
    }
}

fn mask<T>(x: &Computed<T>) -> &Array<bool> {
    match x {
        Either::Mask(x) => x,
        Either::Num(_) => unreachable!("a verified graph has masks here"),
    }
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

/// Places before an axis, along it, and after it.
fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// Sums over axes, of which the last ones are the run.
fn sum<T: Scalar>(x: &Array<T>, axes: &[usize], run: usize, shape: Vec<usize>) -> Array<T> {
    let (outer, inner) = x.shape.split_at(x.shape.len() - run);
    let run: usize = inner.iter().product();
    let sums = x.data.chunks(run.max(1)).map(|run| {
        let mut sum = Sum::new();
        run.iter().enumerate().for_each(|(k, &v)| sum.add(k, v));
        sum.total()
    });
    let sums = Array { shape: outer.to_vec(), data: sums.collect() };
    let axes: Vec<usize> = axes.iter().copied().filter(|&axis| axis < outer.len()).collect();
    reduce(&sums, &axes, shape, |a, b| a + b, T::default())
}

/// Combines over axes, from the first element on in the order of the elements.
fn reduce<T: Copy>(x: &Array<T>, axes: &[usize], shape: Vec<usize>, combine: impl Fn(T, T) -> T, empty: T) -> Array<T> {
    let mut results: Vec<Option<T>> = vec![None; shape.iter().product()];
    for (at, &v) in x.data.iter().enumerate() {
        let (mut rest, mut to, mut stride) = (at, 0, 1);
        for k in (0..x.shape.len()).rev() {
            let index = rest % x.shape[k];
            rest /= x.shape[k];
            if !axes.contains(&k) {
                to += index * stride;
                stride *= x.shape[k];
            }
        }
        results[to] = Some(results[to].map_or(v, |sum| combine(sum, v)));
    }
    Array { data: results.into_iter().map(|v| v.unwrap_or(empty)).collect(), shape }
}

/// The operations that only move numbers.
fn moved<T: Copy>(op: &ArrayOp, operands: &[&Array<T>], shape: Vec<usize>, zero: T, index: &[usize]) -> Result<Array<T>> {
    let x = operands[0];
    let places: usize = shape.iter().product();
    // The index along every axis of the result, and where that is in a source of some strides.
    let indices = |mut at: usize| {
        let mut indices = vec![0; shape.len()];
        for k in (0..shape.len()).rev() {
            indices[k] = at % shape[k];
            at /= shape[k];
        }
        indices
    };
    let flat = |indices: &[usize], lengths: &[usize]| indices.iter().zip(lengths).fold(0, |at, (i, n)| at * n + i);
    let data = match op {
        ArrayOp::Reshape(_) => x.data.clone(),
        ArrayOp::Broadcast(_) => {
            let new = shape.len() - x.shape.len();
            let source = |at: usize| {
                let indices = indices(at);
                let own = indices[new..].iter().zip(&x.shape).map(|(&i, &n)| if n == 1 { 0 } else { i });
                flat(&own.collect::<Vec<_>>(), &x.shape)
            };
            (0..places).map(|at| x.data[source(at)]).collect()
        }
        ArrayOp::Permute(order) => {
            let source = |at: usize| {
                let mut own = vec![0; order.len()];
                for (&axis, i) in order.iter().zip(indices(at)) {
                    own[axis] = i;
                }
                flat(&own, &x.shape)
            };
            (0..places).map(|at| x.data[source(at)]).collect()
        }
        ArrayOp::Slice(cuts) => {
            let source = |at: usize| {
                let own: Vec<usize> = indices(at).iter().zip(cuts).map(|(&i, cut)| cut.at(i)).collect();
                flat(&own, &x.shape)
            };
            (0..places).map(|at| x.data[source(at)]).collect()
        }
        ArrayOp::Place(_, cuts) => {
            let mut data = vec![zero; places];
            for (at, &v) in x.data.iter().enumerate() {
                let (mut rest, mut own) = (at, vec![0; x.shape.len()]);
                for k in (0..x.shape.len()).rev() {
                    own[k] = cuts[k].at(rest % x.shape[k]);
                    rest /= x.shape[k];
                }
                data[flat(&own, &shape)] = v;
            }
            data
        }
        ArrayOp::Concat(axis) => {
            let (outer, _, inner) = around(&shape, *axis);
            let mut data = Vec::with_capacity(places);
            for o in 0..outer {
                for x in operands {
                    let run = x.shape[*axis] * inner;
                    data.extend_from_slice(&x.data[o * run..(o + 1) * run]);
                }
            }
            data
        }
        ArrayOp::Gather(axis) => {
            let (outer, len, inner) = around(&x.shape, *axis);
            let mut data = Vec::with_capacity(places);
            for o in 0..outer {
                for &k in index {
                    data.extend_from_slice(&x.data[(o * len + k) * inner..(o * len + k + 1) * inner]);
                }
            }
            data
        }
        _ => unreachable!("{op} does not only move numbers"),
    };
    Ok(Array { data, shape })
}
