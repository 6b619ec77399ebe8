//! What bodies of loops and choices give, and what loops start from.

use super::handle::{Cond, Expr};
use super::trace;
use super::values::Values;
use crate::error::Result;
use std::convert::identity;

/// What a body gives: `V`, or a [`Result`] of it, so that `?` works within. Then the loop or choice gives a `Result`, too:
///
/// ```
/// use wengert::{Function, scan};
/// let step = Function::trace(["c", "x"], |[c, x]| (c * 0.5 + x).sin())?;
/// let f = Function::trace("x[n]", |x| {
///     let (last, _) = scan(0.0, x, |c, x| Ok((step.eval(&[c, x])?[0], ())))?;
///     Ok(last)
/// })?;
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// Where a body gives plain values, what is wrong with it (shapes that do not fit) is an error of the trace.
#[diagnostic::on_unimplemented(
    message = "a body gives `{Self}`, where `{V}` is wanted, or `Result<{V}, wengert::Error>`",
    note = "values are handles, and tuples, arrays, vectors and structures of them"
)]
pub trait BodyResult<V> {
    /// `W`, or a `Result` of it.
    type Of<W>;
    /// The values.
    fn values(self) -> Result<V>;
    /// What the loop gives: what was made, or, where an error goes to the trace, `instead`.
    fn of<W>(made: Result<W>, instead: impl FnOnce() -> W) -> Self::Of<W>;
}

/// An error goes to the trace.
fn traced<W>(made: Result<W>, instead: impl FnOnce() -> W) -> W {
    made.unwrap_or_else(|error| {
        trace::refuse(error);
        instead()
    })
}

/// What is given as it is, and as a result: how each becomes a result of values.
macro_rules! given {
    ($([$($V:ident: $bound:ident)?] $Given:ty as $Values:ty, $plain:expr, $result:expr;)*) => { $(
        impl<$($V: $bound)?> BodyResult<$Values> for $Given {
            type Of<W> = W;
            fn values(self) -> Result<$Values> {
                $plain(self)
            }
            fn of<W>(made: Result<W>, instead: impl FnOnce() -> W) -> W {
                traced(made, instead)
            }
        }
        impl<$($V: $bound)?> BodyResult<$Values> for Result<$Given> {
            type Of<W> = Result<W>;
            fn values(self) -> Result<$Values> {
                $result(self)
            }
            fn of<W>(made: Result<W>, _: impl FnOnce() -> W) -> Result<W> {
                made
            }
        }
    )* };
}
given! {
    [V: Values] V as V, Ok, identity;
    [] f64 as Expr, number, number_of;
    [] Cond as Cond, Ok, identity;
}

fn number(v: f64) -> Result<Expr> {
    Ok(v.into())
}

fn number_of(given: Result<f64>) -> Result<Expr> {
    given.map(Expr::from)
}

/// What a loop, a solver or an integrator starts from: [`Values`], with plain numbers among them, as in `scan(0.0, x, …)`,
/// `while_loop((x, 1), …)` or `newton([1.0, 0.5], …)`.
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
/// impl<T> IntoValues for Line<T> where Line<T>: Values {
///     type Values = Self;
///     fn into_values(self) -> Self { self }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a loop, a solver or an integrator starts from",
    note = "a start is a handle, a number (`f64`, `i32`), or a tuple, array or vector of these; a structure of handles has `#[derive(Structure)]`"
)]
pub trait IntoValues {
    /// What is carried.
    type Values: Values + IntoValues<Values = Self::Values>;
    /// The handles.
    fn into_values(self) -> Self::Values;
}

impl IntoValues for f64 {
    type Values = Expr;
    fn into_values(self) -> Expr {
        self.into()
    }
}

impl IntoValues for i32 {
    type Values = Expr;
    fn into_values(self) -> Expr {
        f64::from(self).into()
    }
}

impl IntoValues for Expr {
    type Values = Expr;
    fn into_values(self) -> Expr {
        self
    }
}

impl IntoValues for () {
    type Values = ();
    fn into_values(self) {}
}

// One for each kind of structure, not one for all: a literal is seen to be none of these, so that `scan(0.0, x, |c, x| …)` knows what c is.
macro_rules! structures {
    ($([$($parameter:tt)*] $S:ty as $Values:ty, |$x:ident| $into:expr;)*) => { $(
        impl<S: IntoValues $($parameter)*> IntoValues for $S where $Values: Values {
            type Values = $Values;
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
        impl<$($T: IntoValues),*> IntoValues for ($($T,)*) {
            type Values = ($($T::Values,)*);
            fn into_values(self) -> Self::Values {
                let ($($x,)*) = self;
                ($($x.into_values(),)*)
            }
        }
    )* };
}
tuples! { (A a) (A a, B b) (A a, B b, C c) (A a, B b, C c, D d) (A a, B b, C c, D d, E e) (A a, B b, C c, D d, E e, F f) }
