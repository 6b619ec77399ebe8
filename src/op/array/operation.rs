//! The operations on whole arrays, and their text.

use crate::base::{Axis, Shape};
use std::fmt;

/// An operation on whole arrays. Axes are counted from 0 and ascend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArrayOp {
    /// The operand repeated along new leading axes and along axes of length 1.
    Broadcast(Shape),
    /// The same numbers in the same order, in another shape.
    Reshape(Shape),
    /// Axis k of the result is axis `perm[k]` of the operand.
    Permute(Vec<usize>),
    /// The sum over axes, which disappear; 0 over none.
    Sum(Vec<usize>),
    /// The largest value over axes, which disappear; −∞ over none. A tie shares the derivative evenly.
    MaxOf(Vec<usize>),
    /// The smallest value over axes, which disappear; ∞ over none. A tie shares the derivative evenly.
    MinOf(Vec<usize>),
    /// The root √Σx² of the sum of squares over axes, which disappear; 0 over none. It over- and underflows where it does not fit the width, and no
    /// sooner, as do its derivatives; at 0 they are 0.
    Norm(Vec<usize>),
    /// The product along an axis, which disappears; 1 over none.
    Prod(usize),
    /// The index of the first largest value along an axis.
    ArgMax(usize),
    /// Some of the numbers along each axis.
    Slice(Vec<Cut>),
    /// Zeros of a shape, with the operand's elements where [`ArrayOp::Slice`] would read them: the transpose of a slice.
    Pad(Shape, Vec<Cut>),
    /// Operands one after the other along an axis.
    Concat(usize),
    /// The product of matrices, over equal leading axes: `[…,m,k]` with `[…,k,n]`.
    MatMul,
    /// Slices of the first operand along an axis, chosen by the second operand's indices, whose axes take the axis' place. The first
    /// `batch` axes are those of both operands, and each place of theirs has indices of its own.
    Gather {
        /// The axis.
        axis: usize,
        /// How many leading axes the operands share.
        batch: usize,
    },
    /// Zeros of a shape, with the first operand's slices added where the second operand's indices say: the transpose of a gather.
    ScatterAdd {
        /// The shape of the result.
        to: Shape,
        /// The axis.
        axis: usize,
        /// How many leading axes the operands share.
        batch: usize,
    },
    /// Partial sums along an axis, from its start or from its end.
    CumSum {
        /// The axis.
        axis: usize,
        /// Whether the sums start at the end.
        reverse: bool,
    },
    /// The operand moved by one place along an axis, away from its start, where a 0 comes in; or, reversed, from its end.
    Shift {
        /// The axis.
        axis: usize,
        /// Whether the numbers move towards the start.
        reverse: bool,
    },
    /// A linear recurrence along an axis, of factors a and terms b: yᵢ = aᵢ·yᵢ₋₁ + bᵢ from y₀ = b₀ on; or, reversed, yᵢ = aᵢ·yᵢ₊₁ + bᵢ.
    Recur {
        /// The axis.
        axis: usize,
        /// Whether it starts at the end.
        reverse: bool,
    },
    /// Each number's own index along an axis; no operand.
    Iota(Shape, usize),
    /// The first operand's value, with the derivative of the second, which has the same shape.
    SlopeOf,
    /// The X of A·X = B, over equal leading axes: `[…,n,n]` with `[…,n,m]`.
    Solve,
    /// As [`ArrayOp::Solve`], but NaN for a matrix that is singular to working precision.
    SolveOrNan,
    /// As [`ArrayOp::Solve`], of a triangular A; its other triangle is not read.
    SolveTriangular {
        /// Whether it is the lower triangle that counts.
        lower: bool,
    },
    /// The inverse of a matrix.
    Inverse,
    /// The determinant of a matrix.
    Det,
    /// The logarithm of a determinant's absolute value.
    LogDet,
    /// The lower triangular L with L·Lᵀ = A, of the symmetric part of a matrix, (A + Aᵀ)/2.
    Cholesky,
}

/// Which numbers along an axis.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// All of them.
    All,
    /// `len` numbers from `start` on, `step` apart.
    Range {
        /// The first.
        start: usize,
        /// The distance, negative to go backward.
        step: isize,
        /// How many.
        len: usize,
    },
}

impl Cut {
    /// The index of the k-th number that is cut out.
    pub(crate) fn at(self, k: usize) -> usize {
        match self {
            Cut::All => k,
            Cut::Range { start, step, .. } => start.wrapping_add_signed(step * k as isize),
        }
    }

    pub(super) fn len(self, axis: Axis) -> Axis {
        match self {
            Cut::All => axis,
            Cut::Range { len, .. } => Axis::Fixed(len),
        }
    }
}

impl ArrayOp {
    /// Whether value and partial derivatives are finite at every finite point, overflow of sums and products aside.
    pub(crate) fn is_tame(&self) -> bool {
        use ArrayOp::*;
        !matches!(self, Solve | SolveOrNan | SolveTriangular { .. } | Inverse | LogDet | Det | Cholesky)
    }

    /// Whether it is linear in one operand, and has no other.
    pub(crate) fn is_linear(&self) -> bool {
        use ArrayOp::*;
        matches!(self, Broadcast(_) | Reshape(_) | Permute(_) | Sum(_) | Slice(_) | Pad(..) | CumSum { .. } | Shift { .. })
    }

    /// The name in text.
    pub fn name(&self) -> &'static str {
        match self {
            ArrayOp::Broadcast(_) => "broadcast",
            ArrayOp::Reshape(_) => "reshape",
            ArrayOp::Permute(_) => "permute",
            ArrayOp::Sum(_) => "sum",
            ArrayOp::MaxOf(_) => "max_of",
            ArrayOp::MinOf(_) => "min_of",
            ArrayOp::Norm(_) => "norm",
            ArrayOp::Prod(_) => "prod",
            ArrayOp::ArgMax(_) => "argmax",
            ArrayOp::Slice(_) => "slice",
            ArrayOp::Pad(..) => "pad",
            ArrayOp::Concat(_) => "concat",
            ArrayOp::MatMul => "matmul",
            ArrayOp::Gather { .. } => "gather",
            ArrayOp::ScatterAdd { .. } => "scatter_add",
            ArrayOp::CumSum { .. } => "cumsum",
            ArrayOp::Shift { .. } => "shift",
            ArrayOp::Recur { .. } => "recur",
            ArrayOp::Iota(..) => "iota",
            ArrayOp::SlopeOf => "slope_of",
            ArrayOp::Solve => "solve",
            ArrayOp::SolveOrNan => "solve_or_nan",
            ArrayOp::SolveTriangular { .. } => "solve_triangular",
            ArrayOp::Inverse => "inverse",
            ArrayOp::Det => "det",
            ArrayOp::LogDet => "log_det",
            ArrayOp::Cholesky => "cholesky",
        }
    }
}

/// The name and its attributes.
impl fmt::Display for ArrayOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            ArrayOp::Broadcast(shape) | ArrayOp::Reshape(shape) => write!(f, "{shape}"),
            ArrayOp::Permute(list) | ArrayOp::Sum(list) | ArrayOp::MaxOf(list) | ArrayOp::MinOf(list) | ArrayOp::Norm(list) => {
                write!(f, "{list:?}")
            }
            ArrayOp::Prod(axis) | ArrayOp::ArgMax(axis) | ArrayOp::Concat(axis) => write!(f, "[{axis}]"),
            ArrayOp::Slice(cuts) => write!(f, "{}", Cuts(cuts)),
            ArrayOp::Pad(shape, cuts) => write!(f, "{shape}{}", Cuts(cuts)),
            ArrayOp::Gather { axis, batch } => write!(f, "[{axis}{}]", Batch(*batch)),
            ArrayOp::ScatterAdd { to, axis, batch } => write!(f, "{to}[{axis}{}]", Batch(*batch)),
            ArrayOp::Iota(shape, axis) => write!(f, "{shape}[{axis}]"),
            ArrayOp::CumSum { axis, reverse } | ArrayOp::Shift { axis, reverse } | ArrayOp::Recur { axis, reverse } => {
                write!(f, "[{axis}{}]", if *reverse { ",reverse" } else { "" })
            }
            ArrayOp::SolveTriangular { lower } => f.write_str(if *lower { "[lower]" } else { "[upper]" }),
            ArrayOp::MatMul | ArrayOp::SlopeOf | ArrayOp::Solve | ArrayOp::SolveOrNan => Ok(()),
            ArrayOp::Inverse | ArrayOp::Det | ArrayOp::LogDet | ArrayOp::Cholesky => Ok(()),
        }
    }
}

/// Shared leading axes, where there are any.
struct Batch(usize);

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, ",batch {}", self.0) }
    }
}

pub(super) struct Cuts<'a>(pub(super) &'a [Cut]);

impl fmt::Display for Cuts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (k, cut) in self.0.iter().enumerate() {
            let comma = if k == 0 { "" } else { "," };
            match cut {
                Cut::All => write!(f, "{comma}:")?,
                Cut::Range { start, step, len } => write!(f, "{comma}{start}+{step}*{len}")?,
            }
        }
        f.write_str("]")
    }
}
