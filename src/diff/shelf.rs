//! Taylor coefficients of a function along a direction: its graph is evaluated over jets of handles. The order is a run-time number.

use crate::base::Shape;
use crate::graph::{Expr, Function, NodeId};
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

/// The coefficients of all outputs along a series of every input; at k those of tᵏ.
pub(super) fn coefficients(f: &Function, order: usize, x: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let _memory = Memory::new(order);
    let x: Vec<Coefficients> = x.iter().map(|x| Series::from_slice(x)).collect();
    let values = super::guarded::series(f.graph(), &x);
    let of = |id: NodeId| {
        let series = values[id.index()].num();
        let shape = f.graph().node(id).shape();
        (0..=order).map(|k| shaped(series.coefficient(k), shape)).collect()
    };
    f.output_nodes().map(of).collect()
}

/// A coefficient of a value of a shape, which a known number fits.
pub(super) fn shaped(coefficient: Expr, shape: Shape) -> Expr {
    match coefficient {
        Expr::Const(v) => Expr::full(v, shape),
        c => c,
    }
}
