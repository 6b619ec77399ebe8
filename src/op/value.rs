//! Values of graphs: numbers and masks, and what kinds of them there are.

/// What kind of value a node holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// A floating-point number; its width belongs to the function.
    Float,
    /// A truth value, from a comparison.
    Mask,
    /// A whole number that says where, in [`ArrayOp::Gather`](super::ArrayOp::Gather) and its like.
    Index,
}

/// A number or a mask, in one arithmetic.
#[derive(Copy, Clone, Debug)]
pub enum Value<N, M> {
    /// A number.
    Num(N),
    /// A truth value.
    Mask(M),
}

impl<N: Copy, M: Copy> Value<N, M> {
    /// The number, `None` of a truth value.
    ///
    /// ```
    /// use wengert::op::Value;
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| x * x)?;
    /// let at = f.linearize_at(&[3.0])?;
    /// assert_eq!(at.value(f.outputs()[0].nodes()[0]).number(), Some(9.0));
    /// assert_eq!(Value::<f64, bool>::Mask(true).number(), None);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[inline]
    pub fn number(self) -> Option<N> {
        match self {
            Value::Num(v) => Some(v),
            Value::Mask(_) => None,
        }
    }
    /// The truth value, `None` of a number.
    #[inline]
    pub fn mask(self) -> Option<M> {
        match self {
            Value::Mask(m) => Some(m),
            Value::Num(_) => None,
        }
    }
    /// The number. Graphs are verified, so a mask here is a broken invariant.
    #[inline(always)]
    pub(crate) fn num(self) -> N {
        match self {
            Value::Num(v) => v,
            Value::Mask(_) => unreachable!("a verified graph has a number here"),
        }
    }
    /// The mask, likewise.
    #[inline(always)]
    pub(crate) fn truth(self) -> M {
        match self {
            Value::Mask(m) => m,
            Value::Num(_) => unreachable!("a verified graph has a mask here"),
        }
    }
}
