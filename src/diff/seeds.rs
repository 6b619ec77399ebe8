//! Seeds of sweeps that give all rows of a Jacobian at once.

use crate::base::{Axis, Shape};
use crate::graph::Expr;

/// A seed for every number of several values, along a leading axis: 1 for the number, 0 for the others.
pub(super) fn seeds(total: usize, shapes: impl Iterator<Item = Shape>) -> Vec<Expr> {
    let identity = Expr::eye(total);
    let mut first = 0;
    let seed = |shape: Shape| {
        let len = shape.len().expect("a seed's lengths are known");
        first += len;
        identity.slice(1, first - len..first).reshape([&[Axis::Fixed(total)], shape.axes()].concat())
    };
    shapes.map(seed).collect()
}
