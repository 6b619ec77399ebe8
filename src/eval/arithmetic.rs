//! What elements of arrays are computed in: the kernels that programs run, or any arithmetic at all.

use super::along::Along;
use super::array::Array;
use super::linalg::Sizes;
use crate::error::Result;
use crate::graph::{Derivative, Function, Opaque};
use crate::op::{ArrayOp, Op, Real, Value};
use rustc_hash::FxHashMap;
use std::panic::Location;

/// Lengths of open axes.
pub(crate) type Lengths = FxHashMap<&'static str, usize>;

/// How elements of arrays are computed. Operations that only move elements need nothing of it.
pub(super) trait Arithmetic {
    /// What the elements are.
    type Number: Real;

    /// Whether elements are numbers and nothing else, without tangents.
    const PLAIN: bool = false;

    /// A scalar operation.
    fn apply(op: Op, args: &[Value<Self::Number, Truth<Self>>]) -> Value<Self::Number, Truth<Self>>;

    /// The sum of summands, in the order that is laid down.
    fn total(summands: &mut dyn Iterator<Item = Self::Number>) -> Self::Number;

    /// An operation along an axis, or what is wrong.
    fn sweep(
        op: &ArrayOp,
        operands: [&[Self::Number]; 2],
        along: Along,
        y: &mut [Self::Number],
    ) -> std::result::Result<(), &'static str>;

    /// An operation of linear algebra, or which matrix fails.
    fn solve(
        op: &ArrayOp,
        sizes: Sizes,
        operands: [&[Self::Number]; 2],
        work: &mut [Self::Number],
        y: &mut [Self::Number],
    ) -> std::result::Result<(), String>;

    /// The results of a function that brings its derivative along.
    fn ruled(
        body: &Function,
        rule: &Derivative,
        open: &Lengths,
        operands: &[Array<Self::Number>],
    ) -> Result<Vec<Array<Self::Number>>>;

    /// Calls a closure of doubles; `indices` says which operands are indices.
    fn call(
        call: &Opaque,
        indices: &[bool],
        inputs: &[&[Self::Number]],
        outputs: &mut [&mut [Self::Number]],
        at: Option<&'static Location<'static>>,
    ) -> Result<()>;
}

/// A truth value of an arithmetic.
pub(super) type Truth<A> = <<A as Arithmetic>::Number as Real>::Mask;
