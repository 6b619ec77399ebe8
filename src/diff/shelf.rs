//! Series of handles, whose order is a run-time number: their coefficients are kept by the thread as long as a function is transformed.

use crate::base::Shape;
use crate::graph::Expr;
use crate::jet::Series;
use crate::op::lit;
use std::cell::RefCell;

/// Coefficients that are kept by this thread as long as a [`Memory`] lives.
#[derive(Copy, Clone, Debug)]
pub(super) struct Kept {
    start: usize,
    len: usize,
}

/// A series of handles, of any order.
pub(super) type Coefficients = Series<Expr, Kept>;

#[derive(Default)]
struct Shelf {
    limit: usize,
    all: Vec<Expr>,
}

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::default();
}

/// Room for series; what was there before comes back when this is dropped.
pub(super) struct Memory(Shelf);

impl Memory {
    pub(super) fn new(order: usize) -> Memory {
        Memory(SHELF.replace(Shelf { limit: order + 1, all: vec![] }))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        SHELF.set(std::mem::take(&mut self.0));
    }
}

impl Kept {
    pub(super) fn limit() -> usize {
        SHELF.with_borrow(|shelf| shelf.limit)
    }
    pub(super) fn filled(len: usize, fill: impl FnOnce(&mut [Expr])) -> Kept {
        let mut coefficients = vec![lit(0.0); len];
        fill(&mut coefficients);
        // Trailing zeros are left out, as if the series had ended before.
        let len = coefficients.iter().skip(1).rposition(|c| !crate::op::Real::is_absent(c)).map_or(1, |last| last + 2);
        SHELF.with_borrow_mut(|shelf| {
            let start = shelf.all.len();
            shelf.all.extend_from_slice(&coefficients[..len]);
            Kept { start, len }
        })
    }
    pub(super) fn with<R>(&self, read: impl FnOnce(&[Expr]) -> R) -> R {
        let own: smallvec::SmallVec<[Expr; 24]> = SHELF.with_borrow(|shelf| shelf.all[self.start..][..self.len].into());
        read(&own)
    }
}

/// A coefficient of a value of a shape, which a known number fits.
pub(super) fn shaped(coefficient: Expr, shape: Shape) -> Expr {
    match coefficient {
        Expr::Const(v) => Expr::full(v, shape),
        c => c,
    }
}
