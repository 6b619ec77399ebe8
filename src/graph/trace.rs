//! Operations on handles, which become nodes of the innermost trace of this thread.

use super::control::DEPTH;
use super::handle::{Cond, Expr};
use super::model::{Graph, SharedControl};
use super::node::{Args, NodeId, Port};
use super::stack::STACK;
use super::view::{Kind, Nested};
use crate::base::{Shape, Width};
use crate::error::{Caller, Error, Kind as ErrorKind};
use crate::op::{ArrayOp, DType, Op, Value, constant};
use std::collections::VecDeque;
use std::panic::Location;

/// Applies an operation to handles, in the innermost trace of this thread.
pub(super) fn apply(op: Op, args: &[Value<Expr, Cond>], at: Caller) -> Value<Expr, Cond> {
    STACK.with_borrow_mut(|stack| {
        if let Some(known) = constants(args) {
            let width = stack.live.last().map_or(Width::F64, |trace| trace.width);
            return fold(op, &known, width);
        }
        let args = &*stack.import(args);
        let Some(trace) = stack.live.last_mut() else { no_trace(&stack.past, op.name(), args, at) };
        let mut ids: Args = args.iter().map(|&x| trace.operand(x, op.name(), at)).collect();
        if !trace.conform(op, &mut ids, at) {
            let nothing = (Value::Num(Expr::Const(f64::NAN)), Value::Mask(Cond::Const(false)));
            return if op.result() == DType::Mask { nothing.1 } else { nothing.0 };
        }
        let at = trace.at.unwrap_or(Some(at));
        let id = trace.builder.intern(Kind::Apply(op), &ids, at);
        trace.handle(id)
    })
}

/// Applies an array operation to handles, in the innermost trace of this thread.
pub(super) fn array(op: &ArrayOp, args: &[Value<Expr, Cond>], at: Caller) -> Value<Expr, Cond> {
    STACK.with_borrow_mut(|stack| {
        let args = &*stack.import(args);
        let Some(trace) = stack.live.last_mut() else { no_trace(&stack.past, op.name(), args, at) };
        let ids: Args = args.iter().map(|&x| trace.operand(x, op.name(), at)).collect();
        let types = trace.builder.graph().types(&ids);
        if let Err(reason) = op.infer(&types) {
            trace.fail(ErrorKind::Shape, at, format!("{}: {reason}", op.name()));
            return match types.first() {
                Some((_, DType::Mask)) => Value::Mask(Cond::Const(false)),
                _ => Value::Num(Expr::Const(f64::NAN)),
            };
        }
        if let Some(operand) = turned_back(trace.builder.graph(), op, &ids) {
            return trace.handle(operand);
        }
        let at = trace.at.unwrap_or(Some(at));
        let id = trace.builder.intern(Kind::Array(op), &ids, at);
        trace.handle(id)
    })
}

/// What a permutation was made of that another one takes back.
fn turned_back(graph: &Graph, op: &ArrayOp, args: &[NodeId]) -> Option<NodeId> {
    let (ArrayOp::Permute(second), Kind::Array(ArrayOp::Permute(first))) = (op, graph.node(*args.first()?).kind()) else {
        return None;
    };
    let back = second.iter().enumerate().all(|(k, &axis)| first[axis] == k);
    back.then(|| graph.operands(args[0]).next().expect("a permutation has an operand"))
}

/// A result of an operation with bodies, in the innermost trace of this thread.
pub(super) fn nested(control: &SharedControl, port: Port, args: &[Expr], at: Caller) -> Expr {
    STACK.with_borrow_mut(|stack| {
        let args: Vec<Value<Expr, Cond>> = args.iter().map(|&x| Value::Num(x)).collect();
        let args = &*stack.import(&args);
        let name = control.name();
        let Some(trace) = stack.live.last_mut() else { no_trace(&stack.past, name, args, at) };
        let mut ids: Args = args.iter().map(|&x| trace.operand(x, name, at)).collect();
        for (id, (shape, _)) in ids.iter_mut().zip(control.operands()) {
            // A known number fits every shape.
            if shape != Shape::SCALAR && trace.builder.graph().node(*id).kind().is_known() {
                *id = trace.builder.intern(Kind::Array(&ArrayOp::Broadcast(shape)), &[*id], Some(at));
            }
        }
        let types = trace.builder.graph().types(&ids);
        if control.0.depth > DEPTH {
            trace.fail(ErrorKind::Limit, at, format!("{name}: more than {DEPTH} operations in each other's bodies"));
            return Expr::Const(f64::NAN);
        }
        if let Err(reason) = control.infer(port, &types) {
            trace.fail(ErrorKind::Shape, at, format!("{name}: {reason}"));
            return Expr::Const(f64::NAN);
        }
        let at = trace.at.unwrap_or(Some(at));
        let id = trace.builder.intern(Kind::Control(Nested { control, port }), &ids, at);
        Expr::Node { trace: trace.id, id }
    })
}

/// The shape and kind of a handle's value.
pub(super) fn type_of(x: Expr) -> (Shape, DType) {
    STACK.with_borrow(|stack| match x {
        Expr::Node { trace, id } => match stack.live.iter().rev().find(|live| live.id == trace) {
            Some(live) => (live.builder.graph().node(id).shape(), live.builder.graph().node(id).dtype()),
            None => (Shape::SCALAR, DType::Float),
        },
        Expr::Const(_) => (Shape::SCALAR, DType::Float),
    })
}

/// Where a value of the innermost trace may differ from 0: the condition of a choice between something and 0, or of what is held at 0.
pub(super) fn guard(x: Expr) -> Option<Cond> {
    let Expr::Node { trace, id } = x else { return None };
    let (condition, holds) = STACK.with_borrow(|stack| {
        let live = stack.live.last().filter(|live| live.id == trace)?;
        let graph = live.builder.graph();
        let operands: Args = graph.operands(id).collect();
        let is_zero = |k: usize| matches!(graph.node(operands[k]).kind(), Kind::Const(bits) if f64::from_bits(bits) == 0.0);
        match graph.node(id).kind() {
            Kind::Apply(Op::Select) if is_zero(2) => Some((live.handle(operands[0]).mask(), true)),
            Kind::Apply(Op::Select) if is_zero(1) => Some((live.handle(operands[0]).mask(), false)),
            Kind::Apply(Op::Relu) => Some((None, true)),
            Kind::Apply(Op::Max | Op::Min) if is_zero(0) || is_zero(1) => Some((None, true)),
            Kind::Apply(Op::Clamp) if is_zero(1) || is_zero(2) => Some((None, true)),
            _ => None,
        }
    })?;
    let condition = condition.unwrap_or_else(|| x.ne(0.0));
    Some(if holds { condition } else { !condition })
}

/// The width of the innermost trace of this thread, if one is live.
pub(crate) fn width() -> Option<Width> {
    STACK.with_borrow(|stack| stack.live.last().map(|trace| trace.width))
}

/// Makes the node of what is known where the innermost trace stands, rather than where it is used first: a function that is rebuilt
/// keeps the order of its nodes.
pub(crate) fn place(known: Value<Expr, Cond>) -> Value<Expr, Cond> {
    STACK.with_borrow_mut(|stack| {
        if let Some(trace) = stack.live.last_mut() {
            trace.operand(known, "a constant", Location::caller());
        }
    });
    known
}

/// Records an error of the innermost trace.
pub(crate) fn refuse(error: Error) {
    STACK.with_borrow_mut(|stack| {
        if let Some(trace) = stack.live.last_mut() {
            trace.error.get_or_insert(error);
        }
    });
}

/// Records that an array method was asked for something impossible.
pub(super) fn fail(kind: ErrorKind, at: Caller, message: String) -> Expr {
    STACK.with_borrow_mut(|stack| {
        if let Some(trace) = stack.live.last_mut() {
            trace.fail(kind, at, message);
        }
    });
    Expr::Const(f64::NAN)
}

#[cold]
fn no_trace(past: &VecDeque<(u32, Caller)>, what: &str, args: &[Value<Expr, Cond>], at: Caller) -> ! {
    let origin = args.iter().find_map(|x| match *x {
        Value::Num(Expr::Node { trace, .. }) | Value::Mask(Cond::Node { trace, .. }) => Some(trace),
        _ => None,
    });
    let past = past.iter().find(|(id, _)| Some(*id) == origin);
    let from = past.map_or("an earlier trace".into(), |(_, at)| format!("the trace at {}:{}", at.file(), at.line()));
    panic!("{what} at {}:{}: the operand is a handle of {from}, and no trace is live", at.file(), at.line());
}

fn constants(args: &[Value<Expr, Cond>]) -> Option<arrayvec::ArrayVec<Value<f64, bool>, 3>> {
    args.iter()
        .map(|x| match *x {
            Value::Num(Expr::Const(v)) => Some(Value::Num(v)),
            Value::Mask(Cond::Const(b)) => Some(Value::Mask(b)),
            _ => None,
        })
        .collect()
}

fn fold(op: Op, args: &[Value<f64, bool>], width: Width) -> Value<Expr, Cond> {
    match constant(op, args, width) {
        Value::Num(v) => Value::Num(Expr::Const(v)),
        Value::Mask(b) => Value::Mask(Cond::Const(b)),
    }
}

/// Records that an unknown was compared as if it were a number.
pub(super) fn undecided(at: Caller) {
    STACK.with_borrow_mut(|stack| {
        if let Some(trace) = stack.live.last_mut() {
            trace.fail(
                ErrorKind::Trace,
                at,
                "`==` on two handles: whether they are equal is not known while tracing; use `.eq()` and `select`",
            );
        }
    });
}
