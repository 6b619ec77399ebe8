//! Where graphs live while the user's functions run.
//!
//! A thread has a stack of traces (a trace may be taken inside another), and handles say which one they belong to.

use super::builder::Builder;
use super::handle::{Cond, Expr};
use super::model::Graph;
use super::node::{Args, NodeId};
use super::view::Kind;
use crate::base::{Shape, Width};
use crate::error::{Caller, Error, Kind as ErrorKind};
use crate::op::{ArrayOp, DType, Op, Value};
use rustc_hash::FxHashMap;
use std::{cell::RefCell, collections::VecDeque};

pub(super) struct Trace {
    pub(super) id: u32,
    pub(super) width: Width,
    pub(super) builder: Builder,
    /// For the trace of a body: what it takes from the traces around.
    pub(super) captures: Option<Captures>,
    pub(super) error: Option<Error>,
    /// While a graph is rebuilt, the line that made the node at hand; otherwise the caller's line is taken.
    pub(super) at: Option<Option<Caller>>,
}

#[derive(Default)]
pub(super) struct Stack {
    pub(super) live: Vec<Trace>,
    /// Where the last traces were taken, to name a stale handle's origin.
    pub(super) past: VecDeque<(u32, Caller)>,
}

/// The handles that a body has taken from the trace around it, in order.
#[derive(Default)]
pub(super) struct Captures {
    pub(super) inner: FxHashMap<NodeId, NodeId>,
    pub(super) order: Vec<(Expr, NodeId)>,
}

impl Captures {
    pub(super) fn list(&self, graph: &Graph) -> Vec<(Expr, (Shape, DType))> {
        let ty = |id: NodeId| (graph.node(id).shape(), graph.node(id).dtype());
        self.order.iter().map(|&(outer, id)| (outer, ty(id))).collect()
    }
}

thread_local! {
    pub(super) static STACK: RefCell<Stack> = RefCell::default();
}

impl Trace {
    pub(super) fn fail(&mut self, kind: ErrorKind, at: Caller, message: impl Into<String>) {
        self.error.get_or_insert_with(|| Error::new(kind, message).at(Some(at)));
    }

    fn number(&mut self, x: Expr, what: &str, at: Caller) -> NodeId {
        match x {
            Expr::Const(v) => self.builder.intern(Kind::constant(self.width.round(v)), &[], None),
            Expr::Node { trace, id } => self.own(trace, id, what, at),
        }
    }

    pub(super) fn operand(&mut self, x: Value<Expr, Cond>, what: &str, at: Caller) -> NodeId {
        match x {
            Value::Num(x) => self.number(x, what, at),
            Value::Mask(Cond::Const(b)) => self.builder.intern(Kind::Flag(b), &[], None),
            Value::Mask(Cond::Node { trace, id }) => self.own(trace, id, what, at),
        }
    }

    pub(super) fn handle(&self, id: NodeId) -> Value<Expr, Cond> {
        match self.builder.graph().node(id).dtype() {
            DType::Mask => Value::Mask(Cond::Node { trace: self.id, id }),
            DType::Float | DType::Index => Value::Num(Expr::Node { trace: self.id, id }),
        }
    }

    /// Broadcasts the operands of an elementwise operation to one shape; what is known fits as it is. `false` where
    /// that cannot be.
    pub(super) fn conform(&mut self, op: Op, ids: &mut Args, at: Caller) -> bool {
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
