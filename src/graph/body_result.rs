//! What bodies of loops and choices give.

use super::handle::Expr;
use crate::error::Result;
use crate::op::{Mask, Real, Values};

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
/// Where a body gives plain values, what is wrong with it (shapes that do not fit) is an error of the trace. `A` is the
/// arithmetic that the values are of, `M` what its comparisons give.
#[diagnostic::on_unimplemented(
    message = "a body gives `{Self}`, where `{V}` is wanted, or `Result<{V}, wengert::Error>`",
    note = "values are numbers or handles, and tuples, arrays, vectors and structures of them"
)]
pub trait BodyResult<V, A: Real = Expr, M = <A as Real>::Mask> {
    /// `W`, or a `Result` of it.
    type Of<W>;
    /// The values.
    fn values(self) -> Result<V>;
    /// What the loop gives: what was made, or, where an error goes to the trace, `instead`. Among plain numbers there is no trace, and it panics.
    #[track_caller]
    fn of<W>(made: Result<W>, instead: impl FnOnce() -> W) -> Self::Of<W>;
}

impl<A: Real, V: Values<A>> BodyResult<V, A, A::Mask> for V {
    type Of<W> = W;
    #[inline(always)]
    fn values(self) -> Result<V> {
        Ok(self)
    }
    #[inline(always)]
    #[track_caller]
    fn of<W>(made: Result<W>, instead: impl FnOnce() -> W) -> W {
        match made {
            Ok(made) => made,
            Err(error) => {
                A::refuse(error);
                instead()
            }
        }
    }
}

impl<A: Real, V: Values<A>> BodyResult<V, A, A::Mask> for Result<V> {
    type Of<W> = Result<W>;
    #[inline(always)]
    fn values(self) -> Result<V> {
        self
    }
    #[inline(always)]
    fn of<W>(made: Result<W>, _: impl FnOnce() -> W) -> Result<W> {
        made
    }
}

impl BodyResult<Expr> for f64 {
    type Of<W> = W;
    fn values(self) -> Result<Expr> {
        Ok(self.into())
    }
    fn of<W>(made: Result<W>, instead: impl FnOnce() -> W) -> W {
        <Expr as BodyResult<Expr>>::of(made, instead)
    }
}

impl BodyResult<Expr> for Result<f64> {
    type Of<W> = Result<W>;
    fn values(self) -> Result<Expr> {
        self.map(Expr::from)
    }
    fn of<W>(made: Result<W>, _: impl FnOnce() -> W) -> Result<W> {
        made
    }
}

/// What a loop's condition gives: the outcome of a comparison, or a [`Result`] of it.
#[diagnostic::on_unimplemented(
    message = "a condition gives `{Self}`, where `{M}` is wanted, or `Result<{M}, wengert::Error>`",
    note = "a condition compares, as in `x.gt(y)`; conditions are joined by `&`, `|` and `!`"
)]
pub trait Condition<M> {
    /// The outcome.
    fn outcome(self) -> Result<M>;
}

impl<M: Mask> Condition<M> for M {
    #[inline(always)]
    fn outcome(self) -> Result<M> {
        Ok(self)
    }
}

impl<M: Mask> Condition<M> for Result<M> {
    #[inline(always)]
    fn outcome(self) -> Result<M> {
        self
    }
}
