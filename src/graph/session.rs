//! Taking a trace: it is opened, gets its inputs, and becomes a graph.

use super::builder::Builder;
use super::handle::{Cond, Expr};
use super::model::Graph;
use super::node::NodeId;
use super::stack::{Captures, STACK, Trace};
use crate::base::{Shape, Width};
use crate::error::{Caller, Error, Result};
use crate::op::{DType, Value};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT_ID: AtomicU32 = AtomicU32::new(1);
/// So many traces are remembered, to name the origin of a handle that is used too late.
const REMEMBERED: usize = 64;

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

    /// The trace cannot become a function. The first error is the one that is reported.
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
