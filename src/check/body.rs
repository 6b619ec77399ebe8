//! What is checked.

use crate::graph::Function;
use crate::op::Real;

/// A function that runs in any arithmetic: implement it for a type of yours, or use a [`Function`].
pub trait Body {
    /// The results at `x`.
    fn call<T: Real>(&self, x: &[T]) -> Vec<T>;

    /// How many numbers it takes, where only one length fits.
    fn input_len(&self) -> Option<usize> {
        None
    }
}

impl Body for Function {
    #[track_caller]
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        self.eval(x).expect("the length was checked")
    }

    fn input_len(&self) -> Option<usize> {
        Some(self.input_len())
    }
}

impl<B: Body> Body for &B {
    #[track_caller]
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        B::call(self, x)
    }

    fn input_len(&self) -> Option<usize> {
        B::input_len(self)
    }
}
