//! What a loop carries, reads or keeps, as the user has it.

use super::handle::Expr;
use super::structure::Structure;

/// Handles that go together: what a loop carries, reads or keeps. An [`Expr`], a tuple, array or vector of them, `()`, or a
/// [`Structure`] of the user's own. (What a loop starts from is [`IntoValues`](super::IntoValues), which has plain numbers, too.)
pub trait Values: Clone {
    /// The handles, in order.
    fn parts(&self) -> Vec<Expr>;
    /// The same with other handles, taken in order.
    fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self;
}

/// Values in the place of those that could not be made.
pub(super) fn nothing_like<V: Values>(like: &V) -> V {
    like.with(&mut std::iter::repeat(Expr::Const(f64::NAN)))
}

impl<S: Structure<Leaf = Expr, With<Expr> = S> + Clone> Values for S {
    fn parts(&self) -> Vec<Expr> {
        self.flatten()
    }
    fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self {
        self.map(|_| parts.next().expect("as many handles as before"))
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
