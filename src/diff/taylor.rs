//! Series go through operations with bodies: what jets and duals of handles ask for, and what jets ask for of their storage.

use super::control;
use super::first::BODIES;
use super::shelf::Kept;
use crate::graph::{Expr, NestedOp, refuse};
use crate::jet::Storage;
use crate::op::{Bodied, Expanded};
use std::any::Any;

impl Storage<Expr> for Kept {
    fn limit() -> usize {
        Kept::limit()
    }
    fn filled(len: usize, fill: impl FnOnce(&mut [Expr])) -> Kept {
        Kept::filled(len, fill)
    }
    fn with<R>(&self, read: impl FnOnce(&[Expr]) -> R) -> R {
        Kept::with(self, read)
    }
}

impl Bodied for NestedOp {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn expanded(&self, marked: &[bool], order: usize) -> Option<Expanded> {
        control::expanded(self, marked, order, BODIES).unwrap_or_else(|error| {
            refuse(error);
            None
        })
    }
}
