//! Where what a linear map gives may differ from 0, given where its operand may. In: masks and links. Out: masks.
//!
//! A zero behind a guard is one by construction. It stays one when arrays are moved, and a sum of such zeros is one again. A mask may be smaller than
//! what it is the mask of, and broadcasts to it: one per row stays one per row, whatever is made of the row.

use super::link::{Link, run};
use super::operation::ArrayOp;
use crate::base::{Axis, Shape};
use crate::op::{EdgeMap, Real, lit, select};

/// 1 where the mask holds, 0 elsewhere, of a shape that the mask broadcasts to.
#[track_caller]
pub(crate) fn indicator<S: Real>(mask: S::Mask, shape: Shape) -> S {
    let ones: S = select(mask, lit(1.0), lit(0.0));
    if ones.shape_of() == shape { ones } else { run(&ArrayOp::Broadcast(shape), &[ones]) }
}

/// Whether the mask holds anywhere.
#[track_caller]
pub(crate) fn anywhere<S: Real>(mask: S::Mask, shape: Shape) -> S::Mask {
    if shape == Shape::SCALAR {
        return mask;
    }
    let ones: S = indicator(mask, shape);
    run::<S>(&ArrayOp::Sum((0..shape.rank()).collect()), &[ones]).ne(lit(0.0))
}

impl<S: Real> Link<S> {
    /// Whether each number of the result is one number of the operand times another, or 0.
    pub(crate) fn moves(&self) -> bool {
        match self {
            Link::Op { op, .. } => !matches!(op, ArrayOp::Sum(_) | ArrayOp::CumSum { .. }),
            Link::Gather { .. } | Link::Each(_) => true,
            _ => false,
        }
    }

    /// Whether it merges or splits axes, so that a loop over what it is given ends there.
    pub(crate) fn regroups(&self) -> bool {
        let long = |shape: Shape| shape.axes().iter().filter(|axis| **axis != Axis::Fixed(1)).collect::<Vec<_>>();
        matches!(self, Link::Op { op: ArrayOp::Reshape(_), from, to } if long(*from) != long(*to))
    }

    /// Whether it multiplies by what may be infinite.
    pub(crate) fn multiplies(&self) -> bool {
        match self {
            Link::Each(edge) => edge.multiplies(),
            Link::Left { .. } | Link::Right { .. } | Link::Solve { .. } | Link::Recur { .. } => true,
            _ => false,
        }
    }

    /// The mask outside of which the result is 0, given that of the operand; none where nothing is known. `from` and `to` are the
    /// operand's and the result's shapes, which masks broadcast to.
    #[track_caller]
    pub(crate) fn reached(&self, within: Option<S::Mask>, from: Shape, to: Shape) -> Option<S::Mask> {
        let Some(mask) = within else {
            // What is filled up is filled up with zeros.
            let filled = matches!(self, Link::Scatter { .. } | Link::Op { op: ArrayOp::Pad(..), .. });
            return filled.then(|| self.apply(run(&ArrayOp::Broadcast(from), &[lit(1.0)])).expect("a move").ne(lit(0.0)));
        };
        let ones = || indicator::<S>(mask, from);
        // Of the mask's own shape, with as many axes as the operand has.
        let own = || {
            let ones: S = select(mask, lit(1.0), lit(0.0));
            let shape = ones.shape_of().with_rank(from.rank());
            (if ones.shape_of() == shape { ones } else { run(&ArrayOp::Reshape(shape), &[ones]) }, shape)
        };
        let along = |axis: usize| {
            let (ones, shape) = own();
            let sum = run(&ArrayOp::Sum(vec![axis]), &[ones]);
            run::<S>(&ArrayOp::Reshape(shape.with_axis(axis, Axis::Fixed(1))), &[sum])
        };
        let reached = match *self {
            Link::Each(EdgeMap::Where(m) | EdgeMap::ScaleWhere(m, _)) => return Some(mask & m),
            Link::Each(_) => return within,
            Link::Op { op: ArrayOp::Broadcast(_), .. } => return within,
            Link::Op { op: ref op @ ArrayOp::Sum(_), .. } => run(op, &[own().0]),
            Link::Op { op: ArrayOp::Reshape(_), .. } => {
                // Axes in front that stay are all that the mask has, or it is spread out.
                let (ones, shape) = own();
                let stay = from.axes().iter().zip(to.axes()).take_while(|(a, b)| a == b).count();
                if shape.axes()[stay..].iter().all(|axis| *axis == Axis::Fixed(1)) {
                    let kept = (stay..to.rank()).fold(to, |to, k| to.with_axis(k, Axis::Fixed(1)));
                    let kept = (0..stay).fold(kept, |kept, k| kept.with_axis(k, shape.axes()[k]));
                    if kept == shape { ones } else { run(&ArrayOp::Reshape(kept), &[ones]) }
                } else {
                    self.apply(indicator(mask, from))?
                }
            }
            Link::Left { .. } | Link::Solve { .. } => along(from.rank() - 2),
            Link::Right { .. } => along(from.rank() - 1),
            Link::Recur { axis, reverse, transposed, .. } => {
                run(&ArrayOp::CumSum { axis, reverse: reverse != transposed }, &[ones()])
            }
            Link::Op { .. } | Link::Symmetric | Link::Gather { .. } | Link::Scatter { .. } => self.apply(ones())?,
        };
        Some(reached.ne(lit(0.0)))
    }
}
