//! Functions of few numbers, number by number: in straight-line code they cost a fraction of what a loop per operation would.
//!
//! In: a function of arrays. Out: one of single numbers that gives the same bits, if it is small and does nothing that depends on
//! numbers at hand.

use crate::base::sums::{self, BLOCK, halve, partials};
use crate::base::{Axis, Shape};
use crate::error::Result;
use crate::eval::moves::{moved, reduce, sum};
use crate::eval::{Array, along::Along};
use crate::graph::{
    Builder, Control, Function, InputGroup, Kind, Nested, NodeId, OutputGroup, Port, SharedControl, Sweep, types_in,
};
use crate::op::{ArrayOp, DType, Op};
use crate::schedule::values_of;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::panic::Location;

/// Up to this many operations on numbers.
pub(crate) const MOST: usize = 1000;

/// The same of what is called many times in a call.
pub(crate) const MOST_OF_STEP: usize = 3000;

/// The function of single numbers, if the function has no more than so many operations on them. Every input and output has its numbers one after the other.
pub(super) fn unrolled(f: &Function, most: usize) -> Result<Option<Function>> {
    // A function of single numbers gives at least one.
    if f.output_nodes().all(|id| f.graph().node(id).shape().is_empty()) {
        return Ok(None);
    }
    let mut total = 0;
    for id in f.graph().ids() {
        match cost(f, id).filter(|cost| *cost <= most) {
            Some(cost) => total += cost,
            None => return Ok(None),
        }
        if total > most {
            return Ok(None);
        }
    }
    numbers(f).map(Some)
}

/// The function of single numbers.
pub(super) fn numbers(f: &Function) -> Result<Function> {
    let mut unrolling =
        Unrolling { f, builder: RefCell::default(), values: Vec::with_capacity(f.graph().len()), controls: RefCell::default() };
    for id in f.graph().ids() {
        let value = unrolling.node(id);
        unrolling.values.push(value);
    }
    let numbers = |ids: &mut dyn Iterator<Item = NodeId>| -> Vec<NodeId> {
        ids.flat_map(|id| unrolling.values[id.index()].data().iter().copied()).collect()
    };
    let input = |group: &InputGroup| {
        let len = numbers(&mut group.range().map(NodeId::new)).len();
        InputGroup::numbers(group.name(), len)
    };
    let output = |group: &OutputGroup| {
        let nodes = numbers(&mut group.nodes().iter().copied());
        OutputGroup { aux: group.is_aux(), ..OutputGroup::new(group.name(), nodes) }
    };
    let inputs: Vec<InputGroup> = f.inputs().iter().map(input).collect();
    let outputs: Vec<OutputGroup> = f.outputs().iter().map(output).collect();
    let graph = unrolling.builder.into_inner().finish();
    Function::assemble(graph, f.width(), inputs, outputs)
}

/// A function of numbers that takes and gives each of them by itself, as bodies do.
pub(super) fn apart(f: &Function) -> Result<Function> {
    let inputs = (0..f.input_len()).map(|k| InputGroup::value(format!("a{k}"), Shape::SCALAR, DType::Float)).collect();
    let outputs = f.output_nodes().enumerate().map(|(k, id)| OutputGroup::new(format!("y{k}"), vec![id])).collect();
    Function::assemble(f.graph().clone(), f.width(), inputs, outputs)
}

/// An operation with bodies as one of single numbers.
fn of_numbers(control: &Control) -> Result<SharedControl> {
    let body = |body: &Function| apart(&numbers(&values_of(body))?);
    let numbers_of = |types: &[(Shape, DType)]| types.iter().filter_map(|(shape, _)| shape.len()).sum::<usize>();
    Ok(SharedControl::from(match control {
        Control::Choice { bodies: [a, b] } => Control::Choice { bodies: [body(a)?, body(b)?] },
        Control::While { condition, body: step, carries } => {
            let carried = numbers_of(&types_in(step)[..*carries]);
            Control::While { condition: body(condition)?, body: body(step)?, carries: carried }
        }
        Control::Sweeps { condition, sweeps } => {
            let sweep = |sweep: &Sweep| Ok(Sweep { body: body(&sweep.body)?, carries: numbers_of(&sweep.carried()) });
            Control::Sweeps { condition: body(condition)?, sweeps: sweeps.iter().map(sweep).collect::<Result<_>>()? }
        }
        Control::Scan { body: step, carries, length, reverse, states, .. } => {
            let carried = numbers_of(&types_in(step)[..*carries]);
            let step = body(step)?.with_outputs(..carried);
            Control::Scan { body: step, carries: carried, xs: 0, length: *length, reverse: *reverse, states: *states }
        }
        Control::Rule { .. } | Control::Remat { .. } | Control::Opaque { .. } => unreachable!("it is not of few numbers"),
    }))
}

/// How many operations on numbers a node is; `None` if it cannot be unrolled, or should not be.
pub(super) fn cost(f: &Function, id: NodeId) -> Option<usize> {
    let node = f.graph().node(id);
    let len = node.shape().len()?;
    let mut operands = f.graph().operands(id).map(|operand| f.graph().node(operand).shape());
    let cost = match node.kind() {
        Kind::Const(_) | Kind::Flag(_) => 0,
        Kind::Input(_) if node.dtype() == DType::Index => return None,
        Kind::Input(_) => 0,
        Kind::Apply(_) => len,
        Kind::Array(op) => match op {
            ArrayOp::Broadcast(_)
            | ArrayOp::Reshape(_)
            | ArrayOp::Permute(_)
            | ArrayOp::Slice(_)
            | ArrayOp::Pad(..)
            | ArrayOp::Concat(_)
            | ArrayOp::Iota(..) => 0,
            ArrayOp::Sum(axes) => {
                let shape = operands.next()?;
                let blocks = |group| Shape::new(&shape.axes()[group]).len().is_none_or(|summands| summands > BLOCK);
                if sums::groups(shape, axes).into_iter().any(blocks) {
                    return None;
                }
                shape.len()?
            }
            ArrayOp::MaxOf(_) | ArrayOp::MinOf(_) => operands.next()?.len()?,
            ArrayOp::SolveOrNan => {
                let n = Shape::new(operands.next()?.axes().last().map(std::slice::from_ref)?).len()?;
                (len > 0 && n <= MOST_ROWS).then_some(len * n * n)?
            }
            ArrayOp::MatMul => len * Shape::new(operands.next()?.axes().last().map(std::slice::from_ref)?).len()?,
            _ => return None,
        },
        Kind::Control(_) => return None,
    };
    (len <= MOST_OF_STEP).then_some(cost)
}

/// Equations that are solved number by number, at most: exchanges of rows are selections.
const MOST_ROWS: usize = 4;

struct Unrolling<'f> {
    f: &'f Function,
    builder: RefCell<Builder>,
    values: Vec<Array<NodeId>>,
    /// Operations with bodies, as those of single numbers.
    controls: RefCell<FxHashMap<*const Control, SharedControl>>,
}

/// The lengths of a shape without open axes.
fn lengths(shape: Shape) -> Vec<usize> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => unreachable!("the axis {name} is open"),
    };
    shape.axes().iter().map(length).collect()
}

impl Unrolling<'_> {
    fn constant(&self, v: f64) -> NodeId {
        self.builder.borrow_mut().intern(Kind::constant(v), &[], None)
    }

    fn apply(&self, op: Op, args: &[NodeId], at: Option<&'static Location<'static>>) -> NodeId {
        self.builder.borrow_mut().intern(Kind::Apply(op), args, at)
    }

    fn node(&self, id: NodeId) -> Array<NodeId> {
        let node = self.f.graph().node(id);
        let (shape, at) = (lengths(node.shape()), node.location());
        let places: usize = shape.iter().product();
        let operands: Vec<&Array<NodeId>> = self.f.graph().operands(id).map(|operand| &self.values[operand.index()]).collect();
        let data = match node.kind() {
            Kind::Input(_) => (0..places).map(|_| self.builder.borrow_mut().input(Shape::SCALAR, node.dtype())).collect(),
            Kind::Const(_) | Kind::Flag(_) => vec![self.builder.borrow_mut().intern(node.kind(), &[], at)],
            Kind::Apply(op) => {
                // What is known fits every shape.
                let number = |x: &Array<NodeId>, k: usize| x.data()[if x.shape().is_empty() { 0 } else { k }];
                let each = |k: usize| self.apply(op, &operands.iter().map(|x| number(x, k)).collect::<Vec<_>>(), at);
                (0..places).map(each).collect()
            }
            Kind::Array(op) => return self.array(id, op, &operands, shape),
            Kind::Control(nested) => self.control(nested, &operands, places, at),
        };
        Array::new(&shape, data).expect("as many numbers as places")
    }

    /// The numbers of a result of an operation with bodies.
    fn control(
        &self,
        Nested { control, port }: Nested,
        operands: &[&Array<NodeId>],
        places: usize,
        at: Option<&'static Location<'static>>,
    ) -> Vec<NodeId> {
        let Port::Final(k) = port else { unreachable!("what is kept step by step is not unrolled") };
        let before = control.gives()[..k as usize].iter().map(|(shape, _)| shape.len().unwrap_or(0)).sum::<usize>();
        let mut controls = self.controls.borrow_mut();
        let control =
            controls.entry(std::ptr::from_ref(&**control)).or_insert_with(|| of_numbers(control).expect("the names are new"));
        // What is known fits every shape.
        let types = control.operands();
        let given: Vec<NodeId> = operands.iter().flat_map(|x| x.data().iter().copied()).collect();
        debug_assert_eq!(given.len(), types.len(), "known operands have the shape that is carried");
        let result = |k: usize| Kind::Control(Nested { control, port: Port::Final((before + k) as u32) });
        (0..places).map(|k| self.builder.borrow_mut().intern(result(k), &given, at)).collect()
    }

    fn array(&self, id: NodeId, op: &ArrayOp, operands: &[&Array<NodeId>], shape: Vec<usize>) -> Array<NodeId> {
        let at = self.f.graph().node(id).location();
        let add = |a: NodeId, b: NodeId| self.apply(Op::Add, &[a, b], at);
        match op {
            ArrayOp::Sum(axes) => {
                // In the order that is laid down for all engines.
                let operand = self.f.graph().operands(id).next().expect("a sum has an operand");
                let groups = sums::groups(self.f.graph().node(operand).shape(), axes);
                let join = |a: Option<NodeId>, b: Option<NodeId>| a.zip(b).map(|(a, b)| add(a, b)).or(a).or(b);
                let total = |summands: &mut dyn Iterator<Item = NodeId>| {
                    let mut parts: Vec<Option<NodeId>> = vec![None; partials(self.f.width())];
                    for (k, v) in summands.enumerate() {
                        debug_assert!(k < BLOCK, "a sum of several blocks is not unrolled");
                        let part = k % parts.len();
                        parts[part] = join(parts[part], Some(v));
                    }
                    halve(&mut parts, join).unwrap_or_else(|| self.constant(0.0))
                };
                let summed = sum(operands[0], &groups, total);
                Array::new(shape, summed.data().to_vec()).expect("as many numbers as places")
            }
            ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
                let largest = matches!(op, ArrayOp::MaxOf(_));
                let better = |a: NodeId, b: NodeId| {
                    let less = if largest { self.apply(Op::Lt, &[a, b], at) } else { self.apply(Op::Lt, &[b, a], at) };
                    let nan = self.apply(Op::Ne, &[b, b], at);
                    self.apply(Op::Select, &[self.apply(Op::Or, &[less, nan], at), b, a], at)
                };
                let empty = self.constant(if largest { f64::NEG_INFINITY } else { f64::INFINITY });
                reduce(operands[0], axes, shape, better, empty)
            }
            ArrayOp::MatMul => {
                let (a, b, rank) = (operands[0], operands[1], shape.len());
                let (m, n, k) = (shape[rank - 2], shape[rank - 1], a.shape()[rank - 1]);
                let factors = |at_place: usize, l: usize| {
                    let (batch, row, column) = (at_place / (m * n), at_place / n % m, at_place % n);
                    [a.data()[(batch * m + row) * k + l], b.data()[(batch * k + l) * n + column]]
                };
                // Term by term, so that what is one operation on neighbours is made one after the other.
                let places: usize = shape.iter().product();
                let mut data: Vec<NodeId> = match k {
                    0 => vec![self.constant(0.0); places],
                    _ => (0..places).map(|place| self.apply(Op::Mul, &factors(place, 0), at)).collect(),
                };
                for l in 1..k {
                    for (place, sum) in data.iter_mut().enumerate() {
                        let [x, y] = factors(place, l);
                        *sum = self.apply(Op::MulAdd, &[x, y, *sum], at);
                    }
                }
                Array::new(shape, data).expect("as many numbers as places")
            }
            ArrayOp::SolveOrNan => {
                let (n, m) = (shape[shape.len() - 2], shape[shape.len() - 1]);
                let systems = operands[0].data().chunks(n * n).zip(operands[1].data().chunks(n * m));
                let data = systems.flat_map(|(a, b)| self.solved(n, a.to_vec(), m, b.to_vec(), at)).collect();
                Array::new(shape, data).expect("as many numbers as places")
            }
            ArrayOp::Iota(_, axis) => {
                let along = Along::new(&shape, *axis);
                let data = (0..shape.iter().product()).map(|k| self.constant((k / along.inner % along.len) as f64)).collect();
                Array::new(shape, data).expect("as many numbers as places")
            }
            _ => moved(op, operands, shape, self.constant(0.0)),
        }
    }

    /// A⁻¹·y for m columns, by elimination with partial pivoting; NaN where a pivot has no digit that counts. As the routine of `eval::linalg`.
    fn solved(
        &self,
        n: usize,
        mut a: Vec<NodeId>,
        m: usize,
        mut y: Vec<NodeId>,
        at: Option<&'static Location<'static>>,
    ) -> Vec<NodeId> {
        let op = |op: Op, operands: &[NodeId]| self.apply(op, operands, at);
        let zero = self.constant(0.0);
        let mut fails = op(Op::Ne, &[zero, zero]);
        for k in 0..n {
            for i in k + 1..n {
                // The largest comes first.
                let larger = op(Op::Gt, &[op(Op::Abs, &[a[i * n + k]]), op(Op::Abs, &[a[k * n + k]])]);
                let exchange = |all: &mut [NodeId], p: usize, q: usize| {
                    let [x, y] = [all[p], all[q]];
                    (all[p], all[q]) = (op(Op::Select, &[larger, y, x]), op(Op::Select, &[larger, x, y]));
                };
                (0..n).for_each(|j| exchange(&mut a, k * n + j, i * n + j));
                (0..m).for_each(|j| exchange(&mut y, k * m + j, i * m + j));
            }
            let pivot = a[k * n + k];
            fails = op(Op::Or, &[fails, op(Op::Eq, &[pivot, zero])]);
            for i in k + 1..n {
                let l = op(Op::Div, &[a[i * n + k], pivot]);
                a[i * n + k] = l;
                let less = |x: NodeId, u: NodeId| op(Op::Sub, &[x, op(Op::Mul, &[l, u])]);
                (k + 1..n).for_each(|j| a[i * n + j] = less(a[i * n + j], a[k * n + j]));
                (0..m).for_each(|j| y[i * m + j] = less(y[i * m + j], y[k * m + j]));
            }
        }
        let epsilon = self.constant(self.f.width().epsilon());
        for k in 0..n {
            let term = |i: usize| op(Op::Abs, &[op(Op::Mul, &[a[k * n + i], a[i * n + k]])]);
            let terms = (0..k).map(term).reduce(|sum, term| op(Op::Add, &[sum, term])).unwrap_or(zero);
            let lost = op(Op::Le, &[op(Op::Abs, &[a[k * n + k]]), op(Op::Mul, &[terms, epsilon])]);
            fails = op(Op::Or, &[fails, lost]);
        }
        for k in (0..n).rev() {
            for j in 0..m {
                let x = op(Op::Div, &[y[k * m + j], a[k * n + k]]);
                y[k * m + j] = x;
                (0..k).for_each(|i| y[i * m + j] = op(Op::Sub, &[y[i * m + j], op(Op::Mul, &[a[i * n + k], x])]));
            }
        }
        let nan = self.constant(f64::NAN);
        y.into_iter().map(|x| op(Op::Select, &[fails, nan, x])).collect()
    }
}
