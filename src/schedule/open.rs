//! Sharing what kernels have in common. In: a function. Out: the same to the bit, with some operations replaced by the steps of
//! their kernels.
//!
//! x·ln y and the logarithms to any base of y both need ln y, and the gradient of the first has it, too. No kernel is written a
//! second time here: [`Lay`] is a [`Machine`] whose numbers are nodes, so that running an operation's value makes the nodes.

use crate::base::Width;
use crate::base::{Kernel1, Kernel2, Library1, Library2};
use crate::base::{Machine, Shape};
use crate::graph::{Args, Builder, Function, Kind, NodeId};
use crate::kernels::EXP;
use crate::op::{DType, Op, Value, op_of_library};
use rustc_hash::FxHashMap;
use std::{
    cell::{Cell, RefCell},
    ops,
    panic::Location,
};

/// Lays open the kernels that call a routine on what another operation calls it on, too.
pub(super) fn opened(f: &Function) -> Function {
    let graph = f.graph();
    let mut kernels = FxHashMap::default();
    let mut kernel =
        |id: NodeId| graph.node(id).op().map_or(Kernel::Plain, |op| *kernels.entry(op).or_insert_with(|| Kernel::of(op)));
    let callers: Vec<(NodeId, Kernel)> = graph.ids().map(|id| (id, kernel(id))).filter(|(_, k)| *k != Kernel::Plain).collect();
    if !callers.iter().any(|(_, kernel)| *kernel == Kernel::Composite) {
        return f.clone();
    }
    // All of them side by side, operands that are not known being inputs: a call that several make is one node.
    let mut trial = Builder::default();
    let mut places = FxHashMap::default();
    for operand in callers.iter().flat_map(|(id, _)| graph.operands(*id)) {
        let node = graph.node(operand);
        places.entry(operand).or_insert_with(|| trial.input(node.shape(), node.dtype()));
    }
    let mut callers_of: FxHashMap<NodeId, u32> = FxHashMap::default();
    let mut calls = Vec::with_capacity(callers.len());
    for &(id, _) in &callers {
        let place = |operand: NodeId| match graph.node(operand).kind() {
            known if known.is_known() => trial.intern(known, &[], None),
            _ => places[&operand],
        };
        let args: Args = graph.operands(id).map(place).collect();
        let (_, made) = lay(&mut trial, f.width(), graph.node(id).op().expect("it has a kernel"), &args, None);
        made.iter().for_each(|call| *callers_of.entry(*call).or_default() += 1);
        calls.push(made);
    }
    let mut open = vec![false; graph.len()];
    for ((id, kernel), made) in callers.iter().zip(calls) {
        open[id.index()] = *kernel == Kernel::Composite && made.iter().any(|call| callers_of[call] > 1);
    }
    if !open.contains(&true) {
        return f.clone();
    }
    f.rebuild(|graph, new, id, args| match graph.node(id).kind() {
        Kind::Apply(op) if open[id.index()] => lay(new, f.width(), op, args, graph.node(id).location()).0,
        kind => new.intern(kind, args, graph.node(id).location()),
    })
}

/// What an operation's kernel does.
#[derive(Copy, Clone, PartialEq)]
enum Kernel {
    /// It calls no routine, or one that no node stands for.
    Plain,
    /// It is one call.
    Call,
    /// It calls a routine on the way.
    Composite,
}

impl Kernel {
    fn of(op: Op) -> Kernel {
        let mut new = Builder::default();
        let args: Args = op.operands().iter().map(|&dtype| new.input(Shape::SCALAR, dtype)).collect();
        let (result, calls) = lay(&mut new, Width::F64, op, &args, None);
        match calls[..] {
            [] => Kernel::Plain,
            [call] if call == result && new.graph().node(result).op() == Some(op) => Kernel::Call,
            _ => Kernel::Composite,
        }
    }
}

/// Whether an operation's value takes a kernel of ours, all of whose operands are numbers.
pub(super) fn has_kernel(op: Op) -> bool {
    let mut new = Builder::default();
    let args: Args = op.operands().iter().map(|&dtype| new.input(Shape::SCALAR, dtype)).collect();
    let ground = Ground::new(&mut new, Width::F64, None);
    ground.run(op, &args);
    ground.kernels.get() && op.operands().iter().all(|&dtype| dtype == DType::Float)
}

/// Makes the nodes of an operation's kernel: the result, and the calls of routines. No calls, and the operation as it is, where a
/// routine is not an operation by itself.
fn lay(new: &mut Builder, width: Width, op: Op, args: &[NodeId], at: Option<&'static Location<'static>>) -> (NodeId, Args) {
    let ground = Ground::new(new, width, at);
    let result = ground.run(op, args);
    if ground.unknown.get() {
        return (ground.node(Kind::Apply(op), args), Args::new());
    }
    (result, ground.calls.take())
}

/// Where nodes are laid.
struct Ground<'b> {
    new: RefCell<&'b mut Builder>,
    width: Width,
    at: Option<&'static Location<'static>>,
    calls: RefCell<Args>,
    unknown: Cell<bool>,
    /// Whether a kernel of ours was met.
    kernels: Cell<bool>,
}

impl<'b> Ground<'b> {
    fn new(new: &'b mut Builder, width: Width, at: Option<&'static Location<'static>>) -> Self {
        let (calls, unknown, kernels) = Default::default();
        Ground { new: RefCell::new(new), width, at, calls, unknown, kernels }
    }

    /// Runs the value of an operation.
    fn run(&self, op: Op, args: &[NodeId]) -> NodeId {
        let operands = args.iter().zip(op.operands()).map(|(&id, dtype)| match dtype {
            DType::Mask => Value::Mask(Lay(self, id)),
            DType::Float | DType::Index => Value::Num(Lay(self, id)),
        });
        let operands: arrayvec::ArrayVec<_, 3> = operands.collect();
        let (Value::Num(result) | Value::Mask(result)) = op.value(&operands);
        result.1
    }

    fn node(&self, kind: Kind, args: &[NodeId]) -> NodeId {
        self.new.borrow_mut().intern(kind, args, self.at)
    }
}

/// A number, or a truth value, that is a node.
#[derive(Copy, Clone)]
struct Lay<'g, 'b>(&'g Ground<'b>, NodeId);

impl Lay<'_, '_> {
    fn apply<const N: usize>(self, op: Op, rest: [Self; N]) -> Self {
        let args: Args = std::iter::once(self.1).chain(rest.map(|x| x.1)).collect();
        Lay(self.0, self.0.node(Kind::Apply(op), &args))
    }

    fn call<const N: usize>(self, op: Option<Op>, rest: [Self; N]) -> Self {
        let Some(op) = op else {
            self.0.unknown.set(true);
            return self;
        };
        let result = self.apply(op, rest);
        let mut calls = self.0.calls.borrow_mut();
        if !calls.contains(&result.1) {
            calls.push(result.1);
        }
        result
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident)*) => { $(
        impl ops::$Trait for Lay<'_, '_> {
            type Output = Self;
            fn $method(self, y: Self) -> Self {
                self.apply(Op::$Trait, [y])
            }
        }
    )* };
}
operators! { Add add Sub sub Mul mul Div div }

impl ops::BitAnd for Lay<'_, '_> {
    type Output = Self;
    fn bitand(self, y: Self) -> Self {
        self.apply(Op::And, [y])
    }
}

impl ops::BitOr for Lay<'_, '_> {
    type Output = Self;
    fn bitor(self, y: Self) -> Self {
        self.apply(Op::Or, [y])
    }
}

impl ops::Not for Lay<'_, '_> {
    type Output = Self;
    fn not(self) -> Self {
        self.apply(Op::Not, [])
    }
}

impl ops::Neg for Lay<'_, '_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.apply(Op::Neg, [])
    }
}

impl Machine for Lay<'_, '_> {
    type Mask = Self;
    fn k(self, v: f64) -> Self {
        Lay(self.0, self.0.node(Kind::constant(self.0.width.round(v)), &[]))
    }
    fn fma(self, y: Self, z: Self) -> Self {
        self.apply(Op::MulAdd, [y, z])
    }
    fn sqrt(self) -> Self {
        self.apply(Op::Sqrt, [])
    }
    fn abs(self) -> Self {
        self.apply(Op::Abs, [])
    }
    fn floor(self) -> Self {
        self.apply(Op::Floor, [])
    }
    fn ceil(self) -> Self {
        self.apply(Op::Ceil, [])
    }
    fn trunc(self) -> Self {
        self.apply(Op::Trunc, [])
    }
    /// The operation differs from the machine's in the sign that a NaN gives.
    fn copysign(self, y: Self) -> Self {
        self.0.unknown.set(true);
        self.apply(Op::Copysign, [y])
    }
    fn lt(self, y: Self) -> Self {
        self.apply(Op::Lt, [y])
    }
    fn le(self, y: Self) -> Self {
        self.apply(Op::Le, [y])
    }
    fn eq(self, y: Self) -> Self {
        self.apply(Op::Eq, [y])
    }
    fn select(m: Self, a: Self, b: Self) -> Self {
        m.apply(Op::Select, [a, b])
    }
    fn call1(self, f: &'static Library1) -> Self {
        self.call(op_of_library(f.name), [])
    }
    fn call2(self, y: Self, f: &'static Library2) -> Self {
        self.call(op_of_library(f.name), [y])
    }
    fn library_exp(self) -> Self {
        self.call1(&EXP)
    }
    fn kernel1<K: Kernel1>(self, _: K) -> Self {
        self.0.kernels.set(true);
        self.call(op_of_library(K::STD.name), [])
    }
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self {
        self.0.kernels.set(true);
        self.call(op_of_library(K::STD.name), [y])
    }
}
