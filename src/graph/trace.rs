//! Traces: where a graph lives while the user's function runs.
//!
//! A thread has a stack of them (a trace may be taken inside another), and handles say which one they belong to.

use super::capture::Captures;
use super::control::{Nested, Port, SharedControl};
use super::expr::{Cond, Expr};
use super::node::{Kind, NodeId};
use super::storage::{Args, Builder, Graph};
use crate::base::Shape;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::{ArrayOp, DType, Op, Value};
use std::{
    cell::RefCell,
    collections::VecDeque,
    panic::Location,
    sync::atomic::{AtomicU32, Ordering},
};

type Caller = &'static Location<'static>;

pub(super) struct Trace {
    pub(super) id: u32,
    width: Width,
    pub(super) builder: Builder,
    /// For the trace of a body: what it takes from the traces around.
    pub(super) captures: Option<Captures>,
    error: Option<Error>,
    /// While a graph is rebuilt, the line that made the node at hand; otherwise the caller's line is taken.
    at: Option<Option<Caller>>,
}

#[derive(Default)]
pub(super) struct Stack {
    pub(super) live: Vec<Trace>,
    /// Where the last traces were taken, to name a stale handle's origin.
    past: VecDeque<(u32, Caller)>,
}

thread_local! {
    static STACK: RefCell<Stack> = RefCell::default();
}
static NEXT_ID: AtomicU32 = AtomicU32::new(1);
const REMEMBERED: usize = 64;

impl Trace {
    fn fail(&mut self, kind: ErrorKind, at: Caller, message: impl Into<String>) {
        self.error.get_or_insert_with(|| Error::new(kind, message).at(Some(at)));
    }

    fn number(&mut self, x: Expr, what: &str, at: Caller) -> NodeId {
        match x {
            Expr::Const(v) => self.builder.intern(Kind::constant(self.width.round(v)), &[], None),
            Expr::Node { trace, id } => self.own(trace, id, what, at),
        }
    }

    fn operand(&mut self, x: Value<Expr, Cond>, what: &str, at: Caller) -> NodeId {
        match x {
            Value::Num(x) => self.number(x, what, at),
            Value::Mask(Cond::Const(b)) => self.builder.intern(Kind::Flag(b), &[], None),
            Value::Mask(Cond::Node { trace, id }) => self.own(trace, id, what, at),
        }
    }

    fn handle(&self, id: NodeId) -> Value<Expr, Cond> {
        match self.builder.graph().node(id).dtype() {
            DType::Mask => Value::Mask(Cond::Node { trace: self.id, id }),
            DType::Float | DType::Index => Value::Num(Expr::Node { trace: self.id, id }),
        }
    }

    /// Broadcasts the operands of an elementwise operation to one shape; what is known fits as it is. `false` where
    /// that cannot be.
    fn conform(&mut self, op: Op, ids: &mut Args, at: Caller) -> bool {
        let mut shape = Shape::SCALAR;
        for &id in ids.iter() {
            let node = self.builder.graph().node(id);
            if node.dtype() == DType::Index {
                self.fail(ErrorKind::Shape, at, format!("{}: an operand is an index, not a number", op.name()));
                return false;
            }
            let own = node.shape();
            match shape.broadcast(own) {
                Some(joint) => shape = joint,
                None => {
                    self.fail(ErrorKind::Shape, at, format!("{}: the shapes {shape} and {own} do not fit", op.name()));
                    return false;
                }
            }
        }
        for id in ids {
            let node = self.builder.graph().node(*id);
            if node.shape() != shape && !node.kind().is_known() {
                *id = self.builder.intern(Kind::Array(&ArrayOp::Broadcast(shape)), &[*id], self.at.unwrap_or(Some(at)));
            }
        }
        true
    }

    fn own(&mut self, trace: u32, id: NodeId, what: &str, at: Caller) -> NodeId {
        if trace == self.id {
            return id;
        }
        self.fail(ErrorKind::Trace, at, format!("{what}: an operand is a handle of another trace"));
        self.builder.intern(Kind::constant(f64::NAN), &[], None)
    }
}

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
        let at = trace.at.unwrap_or(Some(at));
        let id = trace.builder.intern(Kind::Array(op), &ids, at);
        trace.handle(id)
    })
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

/// The width of the innermost trace of this thread, if one is live.
pub(crate) fn width() -> Option<Width> {
    STACK.with_borrow(|stack| stack.live.last().map(|trace| trace.width))
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
    match crate::op::constant(op, args, width) {
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

/// A trace that this code holds open; dropped without [`Session::finish`] (a panic in the user's closure), it is undone.
pub(crate) struct Session {
    id: u32,
    depth: usize,
}

impl Session {
    pub(crate) fn open(width: Width, at: Caller) -> Session {
        Session::push(width, at, None)
    }

    /// A trace of a body, which may use handles of the traces around it.
    pub(super) fn open_body(width: Width, at: Caller) -> Session {
        Session::push(width, at, Some(Captures::default()))
    }

    fn push(width: Width, at: Caller, captures: Option<Captures>) -> Session {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        STACK.with_borrow_mut(|stack| {
            stack.live.push(Trace { id, width, builder: Builder::default(), captures, error: None, at: None });
            if stack.past.len() == REMEMBERED {
                stack.past.pop_front();
            }
            stack.past.push_back((id, at));
            Session { id, depth: stack.live.len() - 1 }
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Trace) -> R) -> R {
        STACK.with_borrow_mut(|stack| f(&mut stack.live[self.depth]))
    }

    /// The next input, before any other node.
    pub(crate) fn input(&self, shape: Shape, dtype: DType) -> Expr {
        self.with(|trace| Expr::Node { trace: self.id, id: trace.builder.input(shape, dtype) })
    }

    /// The nodes of the results.
    pub(crate) fn outputs(&self, results: &[Expr], at: Caller) -> Vec<NodeId> {
        let results: Vec<Value<Expr, Cond>> = results.iter().map(|&x| Value::Num(x)).collect();
        let results = STACK.with_borrow_mut(|stack| stack.import(&results));
        self.with(|trace| results.iter().map(|&x| trace.operand(x, "the function's result", at)).collect())
    }

    /// What a body takes from the trace around it, with the shapes and kinds.
    pub(super) fn captured(&self) -> Vec<(Expr, (Shape, DType))> {
        self.with(|trace| trace.captures.as_ref().map_or(vec![], |captures| captures.list(trace.builder.graph())))
    }

    /// The trace cannot become a function. What went wrong first is what is told.
    pub(crate) fn fail(&self, error: Error) {
        self.with(|trace| {
            trace.error.get_or_insert(error);
        });
    }

    pub(crate) fn finish(self) -> Result<Graph> {
        let trace = STACK.with_borrow_mut(|stack| stack.live.pop().expect("an open session has a trace"));
        std::mem::forget(self);
        match trace.error {
            Some(error) => Err(error),
            None => Ok(trace.builder.finish()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| stack.live.truncate(self.depth));
    }
}

/// While this lives, new nodes of the innermost trace are attributed to the lines that [`Located::at`] gives.
pub(crate) struct Located {
    live: bool,
}

impl Located {
    pub(crate) fn new() -> Self {
        Located { live: STACK.with_borrow(|stack| stack.live.last().is_some_and(|trace| trace.at.is_none())) }
    }

    #[inline]
    pub(crate) fn at(&self, at: Option<Caller>) {
        if self.live {
            STACK.with_borrow_mut(|stack| {
                if let Some(trace) = stack.live.last_mut() {
                    trace.at = Some(at);
                }
            });
        }
    }
}

impl Drop for Located {
    fn drop(&mut self) {
        if self.live {
            STACK.with_borrow_mut(|stack| {
                if let Some(trace) = stack.live.last_mut() {
                    trace.at = None;
                }
            });
        }
    }
}

/// Nodes that belong to the line of the user's call.
pub(crate) fn by<R>(at: Caller, body: impl FnOnce() -> R) -> R {
    let located = Located::new();
    located.at(Some(at));
    body()
}
