//! Classes: from labels to distributions, and the loss that compares them with logits.

use super::{Expr, run, shape_error};
use crate::op::{ArrayOp, DType};
use std::panic::Location;

impl Expr {
    /// 1 where the last axis has the index, 0 elsewhere: indices `[…]` become `[…,classes]`. An index that is no class is an error of
    /// the call.
    #[track_caller]
    pub fn one_hot(self, classes: usize) -> Expr {
        let at = Location::caller();
        run(ArrayOp::Gather { axis: 0, batch: 0 }, &[Expr::eye(classes), self], at)
    }

    /// The cross-entropy −Σ pᵢ·ln softmax(x)ᵢ along the last axis, of logits x and what they should say: a distribution p of the
    /// same shape, or labels, which are class numbers, an axis less. The gradient in x is softmax(x) − p. A label that is no
    /// class is an error of the call.
    #[track_caller]
    pub fn cross_entropy(self, wanted: Expr) -> Expr {
        let at = Location::caller();
        let (logits, labels) = (self.shape(), wanted.shape());
        if wanted.dtype() != DType::Index {
            return -(wanted * self.log_softmax(-1)).sum(-1);
        }
        let batch = labels.rank();
        if logits.rank() != batch + 1 || logits.axes()[..batch] != *labels.axes() {
            return shape_error(at, format!("cross_entropy: labels of the shape {labels} for logits of the shape {logits}"));
        }
        self.log_sum_exp(-1) - run(ArrayOp::Gather { axis: batch, batch }, &[self, wanted], at)
    }
}
