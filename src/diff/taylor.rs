//! Series of handles go through operations with bodies: what jets ask for of their storage.

use super::control;
use super::first::BODIES;
use super::shelf::{Coefficients, Kept};
use crate::graph::Expr;
use crate::jet::Storage;
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
    #[track_caller]
    fn nested(op: &dyn Any, operands: &[Coefficients]) -> Coefficients {
        control::series(op.downcast_ref().expect("the operation of a node"), operands, BODIES)
    }
}
