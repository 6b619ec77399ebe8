//! What a loop carries, reads or keeps, as the user has it.

use super::handle::Expr;
use super::structure::Structure;

/// Handles that go together: what a loop carries, reads or keeps. An [`Expr`], a tuple, array or vector of them, `()`, or a
/// [`Structure`] of the user's own.
pub trait Values: Clone {
    /// The handles, in order.
    fn parts(&self) -> Vec<Expr>;
    /// The same with other handles, taken in order.
    fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self;
}

impl Values for Expr {
    fn parts(&self) -> Vec<Expr> {
        vec![*self]
    }
    fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self {
        parts.next().expect("as many handles as before")
    }
}

impl<S: Structure<Expr, With<Expr> = S> + Clone> Values for S {
    fn parts(&self) -> Vec<Expr> {
        self.clone().flatten()
    }
    fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self {
        self.clone().map(&mut |_| parts.next().expect("as many handles as before"))
    }
}

impl Values for () {
    fn parts(&self) -> Vec<Expr> {
        vec![]
    }
    fn with(&self, _: &mut dyn Iterator<Item = Expr>) {}
}

macro_rules! tuples {
    ($(($($T:ident $x:ident),*))*) => { $(
        impl<$($T: Values),*> Values for ($($T,)*) {
            fn parts(&self) -> Vec<Expr> {
                let ($($x,)*) = self;
                [$($x.parts()),*].concat()
            }
            fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self {
                let ($($x,)*) = self;
                ($($x.with(parts),)*)
            }
        }
    )* };
}
tuples! { (A a) (A a, B b) (A a, B b, C c) (A a, B b, C c, D d) (A a, B b, C c, D d, E e) (A a, B b, C c, D d, E e, F f) }
