//! What loops and branches carry, read and give: numbers of one arithmetic, in the user's structures.

use crate::base::Structure;

/// Numbers of an arithmetic that go together: what a loop carries, reads or keeps. A number or handle, a tuple, array or vector of them, `()`,
/// or a [`Structure`] of the user's own. (What a loop starts from is [`IntoValues`], which has plain numbers, too.)
pub trait Values<A>: Clone {
    /// The numbers, in order.
    fn parts(&self) -> Vec<A>;
    /// The same with other numbers, taken in order.
    fn with(&self, parts: &mut dyn Iterator<Item = A>) -> Self;
}

impl<A: Clone, S: Structure<Leaf = A, With<A> = S> + Clone> Values<A> for S {
    fn parts(&self) -> Vec<A> {
        self.flatten()
    }
    fn with(&self, parts: &mut dyn Iterator<Item = A>) -> Self {
        self.map(|_| parts.next().expect("as many parts as before"))
    }
}

impl<A> Values<A> for () {
    fn parts(&self) -> Vec<A> {
        vec![]
    }
    fn with(&self, _: &mut dyn Iterator<Item = A>) {}
}

/// What a loop, a solver or an integrator starts from in the arithmetic `A`: [`Values`], with plain numbers among them, as in
/// `scan(0.0, x, …)`, `while_loop((x, 1), …)` or `newton([1.0, 0.5], …)`.
///
/// `#[derive(Structure)]` implements it. A structure by hand, or values by hand, that a loop starts from, says so:
///
/// ```
/// use wengert::graph::{IntoValues, Values};
/// # use wengert::graph::Visit;
/// # use wengert::Structure;
/// # #[derive(Clone)]
/// # struct Line<T> { slope: T, offset: T }
/// # impl<T> Structure for Line<T> {
/// #     type Leaf = T;
/// #     type With<U> = Line<U>;
/// #     fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a T, U>) -> Line<U> {
/// #         Line { slope: at.leaf("slope", &self.slope), offset: at.leaf("offset", &self.offset) }
/// #     }
/// # }
/// impl<A, T> IntoValues<A> for Line<T> where Line<T>: Values<A> {
///     type Values = Self;
///     fn into_values(self) -> Self { self }
/// }
/// ```
///
/// A plain number says nothing of the arithmetic. Where all of a start is plain numbers, and nothing is read either, a closure's argument says it:
/// `while_loop(1.0, |p: Expr| p.gt(limit), |p| p * x)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a loop, a solver or an integrator starts from",
    note = "a start is a number or handle, a plain number (`f64`, `i32`), or a tuple, array or vector of these; a structure of them has `#[derive(Structure)]`"
)]
pub trait IntoValues<A> {
    /// What is carried.
    type Values: Values<A> + IntoValues<A, Values = Self::Values>;
    /// The numbers of the arithmetic.
    fn into_values(self) -> Self::Values;
}

/// A number is a start in its own arithmetic.
macro_rules! own_start {
    ([$($parameters:tt)*] $T:ty) => {
        impl<$($parameters)*> $crate::op::IntoValues<$T> for $T {
            type Values = $T;
            #[inline(always)]
            fn into_values(self) -> $T {
                self
            }
        }
    };
}
pub(crate) use own_start;

impl<A> IntoValues<A> for () {
    type Values = ();
    #[inline(always)]
    fn into_values(self) {}
}

// One for each kind of structure, not one for all: a literal is seen to be none of these, so that `scan(0.0, x, |c, x| …)` knows what c is.
macro_rules! structures {
    ($([$($parameter:tt)*] $S:ty as $Values:ty, |$x:ident| $into:expr;)*) => { $(
        impl<A, S: IntoValues<A> $($parameter)*> IntoValues<A> for $S where $Values: Values<A> {
            type Values = $Values;
            #[inline]
            fn into_values(self) -> $Values {
                let $x = self;
                $into
            }
        }
    )* };
}
structures! {
    [, const N: usize] [S; N] as [S::Values; N], |all| all.map(S::into_values);
    [] Vec<S> as Vec<S::Values>, |all| all.into_iter().map(S::into_values).collect();
    [] Option<S> as Option<S::Values>, |one| one.map(S::into_values);
    [] Box<S> as Box<S::Values>, |one| Box::new((*one).into_values());
}

macro_rules! tuples {
    ($(($($T:ident $x:ident),*))*) => { $(
        impl<A, $($T: Values<A>),*> Values<A> for ($($T,)*) {
            fn parts(&self) -> Vec<A> {
                let ($($x,)*) = self;
                let mut all = vec![];
                $(all.extend($x.parts());)*
                all
            }
            fn with(&self, parts: &mut dyn Iterator<Item = A>) -> Self {
                let ($($x,)*) = self;
                ($($x.with(parts),)*)
            }
        }
        impl<A, $($T: IntoValues<A>),*> IntoValues<A> for ($($T,)*) {
            type Values = ($($T::Values,)*);
            #[inline]
            fn into_values(self) -> Self::Values {
                let ($($x,)*) = self;
                ($($x.into_values(),)*)
            }
        }
    )* };
}
tuples! { (P p) (P p, Q q) (P p, Q q, R r) (P p, Q q, R r, S s) (P p, Q q, R r, S s, T t) (P p, Q q, R r, S s, T t, U u) }
