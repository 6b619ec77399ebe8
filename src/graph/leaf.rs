//! What structures that are inputs consist of.

use crate::base::Structure;
use crate::op::Scalar;

/// What a structure consists of that is an input of a function: numbers, or arrays of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no leaf of a structure that is an input or a result",
    label = "a leaf is `f64`, `f32`, or an `Array` of these",
    note = "a list of numbers is wrapped: `Array::from(vec)`, so that the structure is one of arrays"
)]
pub trait Leaf: Structure<Leaf = Self> + Sized {
    /// `f64` or `f32`.
    type Number: Scalar;
    /// Whether each is an input of its own.
    #[doc(hidden)]
    const IS_ARRAY: bool;
    /// The lengths of its axes.
    #[doc(hidden)]
    fn lengths(&self) -> &[usize];
    /// Its numbers.
    #[doc(hidden)]
    fn numbers(&self) -> &[Self::Number];
    /// The same with other numbers.
    #[doc(hidden)]
    fn with(&self, numbers: &[Self::Number]) -> Self;
}

macro_rules! numbers {
    ($($L:ty)*) => { $(
        impl Leaf for $L {
            type Number = $L;
            const IS_ARRAY: bool = false;
            fn lengths(&self) -> &[usize] {
                &[]
            }
            fn numbers(&self) -> &[$L] {
                std::slice::from_ref(self)
            }
            fn with(&self, numbers: &[$L]) -> $L {
                numbers[0]
            }
        }
    )* };
}
numbers! { f64 f32 }
