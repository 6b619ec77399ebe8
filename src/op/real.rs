//! The arithmetic that users write over.

use super::array::ArrayOp;
use super::bodied::Bodied;
use super::flow::{self, Steps, Turns};
use super::plain::Plain;
use super::primal;
use super::table::op_table;
use super::value::Value;
use super::values::{IntoValues, Values, own_start};
use crate::base::{Mask, Shape, Structure, Whole};
use crate::error::{Error, Result};
use std::{fmt, iter, ops};

/// The number `v` in the arithmetic that the context asks for.
///
/// As a right-hand operand or an argument it needs no more than that. Where a literal stands first, or a method is called on
/// it, nothing says yet which arithmetic is meant: write `lit::<T>`. (With a type that is known there is no need of `lit`: handles
/// and duals of `f64` take plain numbers on the other side of an operator, as in `2.0 * x`.)
///
/// ```
/// use wengert::{lit, Real};
/// fn half<T: Real>(x: T) -> T { x * lit(0.5) }
/// fn logistic<T: Real>(x: T) -> T { lit::<T>(1.0) / (lit::<T>(1.0) + (-x).exp()) }
/// assert_eq!((half(3.0), logistic(0.0)), (1.5, 0.5));
/// ```
#[inline(always)]
pub fn lit<T: Real>(v: f64) -> T {
    T::lit(v)
}

/// `a` where the mask holds, `b` elsewhere; the derivative is that of the branch taken, whatever the other one does.
///
/// ```
/// use wengert::{lit, select, Real};
/// fn relu<T: Real>(x: T) -> T { select(x.gt(lit(0.0)), x, lit(0.0)) }
/// assert_eq!(relu(-2.0), 0.0);
/// ```
///
/// Beside handles and duals of `f64` plain numbers will do, on either side or on both; see [`Choose`].
///
/// ```
/// use wengert::{Function, select};
/// let f = Function::trace("x", |x| select(x.gt(0.0), x, 0.0) + select(x.lt(-1.0), 1.0, 0.0))?;
/// assert_eq!(f.eval(&[-2.0])?, [1.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[inline(always)]
#[track_caller]
pub fn select<M: Choose<A, B>, A, B>(mask: M, a: A, b: B) -> M::Output {
    mask.choose(a, b)
}

/// What [`select`] takes: the outcome of a comparison, and two numbers of the arithmetic that was compared in. Of a handle or a dual and a plain
/// `f64` the result is a handle or a dual; of two plain numbers it is a handle, where the mask is one.
#[diagnostic::on_unimplemented(
    message = "`select` by a `{Self}` does not choose between `{A}` and `{B}`",
    note = "both are numbers of the arithmetic that was compared in; beside a handle or a dual of `f64`, one may be a plain `f64`"
)]
pub trait Choose<A, B> {
    /// The number that is chosen.
    type Output;
    /// `a` where the mask holds, `b` elsewhere.
    #[track_caller]
    fn choose(self, a: A, b: B) -> Self::Output;
}

/// A number that a mask `M` chooses: of a [`Real`] the other way round. What the compiler does not know of a literal's type is thereby enough to
/// see that it is no handle, so that `select(c, 1.0, 0.0)` by a handle's mask has a type at once.
#[doc(hidden)]
pub trait ChosenBy<M> {}

impl<M, T: Real<Mask = M> + ChosenBy<M>> Choose<T, T> for M {
    type Output = T;
    #[inline(always)]
    #[track_caller]
    fn choose(self, a: T, b: T) -> T {
        T::select(self, a, b)
    }
}

/// A function with a derivative of its own, for bodies that are generic over [`Real`]; see [`custom_rule`](crate::rules::custom_rule).
pub trait CustomRule {
    /// The results.
    fn value<T: Real>(&self, x: &[T]) -> Vec<T>;
    /// The tangents of the results `y`, given the tangents `t` of `x`; linear in `t`.
    fn jvp<T: Real>(&self, x: &[T], y: &[T], t: &[T]) -> Vec<T>;
}

macro_rules! define_real {
    (
        operators { $($operators:tt)* }
        methods { $($(#[$md:meta])* $Meth:ident $({$mp:ident: $mpt:ty = $sample:literal})? $meth:ident($mx:ident $(, $my:ident)*) = $mval:expr, |$mz:ident| [$($medge:expr),+];)* }
        comparisons { $($(#[$cd:meta])* $Cmp:ident $cmp:ident($cx:ident, $cy:ident) = $cval:expr;)* }
    ) => {
        /// A real number in some arithmetic: `f32`, `f64`, a dual number, or a handle of a graph under construction.
        ///
        /// A function that is generic over `Real` runs on all of them. There is no ordering and no equality here: with a
        /// graph handle the outcome of a comparison is not known while the function runs, so a comparison gives a
        /// [`Mask`] and [`select`] chooses.
        pub trait Real:
            Copy
            + fmt::Debug
            + 'static
            + ops::Add<Output = Self>
            + ops::Sub<Output = Self>
            + ops::Mul<Output = Self>
            + ops::Div<Output = Self>
            + ops::Rem<Output = Self>
            + ops::Neg<Output = Self>
            + ops::AddAssign
            + ops::SubAssign
            + ops::MulAssign
            + ops::DivAssign
            + ops::RemAssign
            + iter::Sum
            + iter::Product
            + for<'a> iter::Sum<&'a Self>
            + for<'a> iter::Product<&'a Self>
            + ChosenBy<<Self as Real>::Mask>
            + Structure<Leaf = Self, With<Self> = Self>
            + IntoValues<Self, Values = Self>
        {
            /// The outcome of a comparison.
            type Mask: Mask;
            /// The number `v`, rounded to this arithmetic's width.
            fn lit(v: f64) -> Self;
            /// `a` where the mask holds, `b` elsewhere.
            #[track_caller]
            fn select(mask: Self::Mask, a: Self, b: Self) -> Self;
            /// Whether this is a zero by construction (an absent tangent), as opposed to one that came out.
            #[doc(hidden)]
            #[inline(always)]
            fn is_absent(&self) -> bool {
                false
            }
            /// The mask outside of which this is 0 by construction: of a handle of a choice between something and 0, or of what is held at 0.
            #[doc(hidden)]
            #[inline(always)]
            fn guard(&self) -> Option<Self::Mask> {
                None
            }
            /// Whether values are handles of a graph, in which what is absent is not multiplied at all.
            #[doc(hidden)]
            const SYMBOLIC: bool = false;
            /// Whether values have axes.
            #[doc(hidden)]
            const ARRAYS: bool = false;
            /// p·t of a partial derivative p, which is `self`, and a tangent t. What duals nested for a second order add to it is a tangent,
            /// too, and 0 where one of its factors is and the other is infinite.
            #[doc(hidden)]
            #[inline(always)]
            #[track_caller]
            fn scaled(self, t: Self) -> Self {
                self * t
            }
            /// The same, but 0 for t = 0 where p is infinite or NaN. (Among plain numbers it is +0 for every t = 0, whatever p's sign.)
            #[doc(hidden)]
            #[inline(always)]
            #[track_caller]
            #[allow(clippy::eq_op, reason = "p − p is 0 where p is finite, NaN elsewhere")]
            fn strong_product(self, t: Self) -> Self {
                // Only where p − p is not 0 is the product replaced: t may be zero and yet vary, which the next order of derivatives sees.
                Self::select(t.eq(lit(0.0)) & (self - self).ne(lit(0.0)), lit(0.0), self * t)
            }
            /// The product of two tangents: 0 where one is and the other is infinite or NaN, since a tangent of 0 may be that of another input.
            #[doc(hidden)]
            #[inline(always)]
            #[track_caller]
            fn joint_product(self, t: Self) -> Self {
                self * t
            }
            /// An array operation on values that have axes.
            #[doc(hidden)]
            #[track_caller]
            fn array(op: &ArrayOp, args: &[Value<Self, Self::Mask>]) -> Value<Self, Self::Mask> {
                match (op, args) {
                    (ArrayOp::SlopeOf, [value, _]) => *value,
                    _ => unreachable!("{op}: numbers have no axes"),
                }
            }
            /// A result of an operation with bodies, which belong to graphs.
            #[doc(hidden)]
            #[track_caller]
            fn nested(op: &dyn Bodied, args: &[Self]) -> Self {
                let _ = (op, args);
                unreachable!("numbers have no graphs")
            }
            /// A function with a derivative of its own.
            #[doc(hidden)]
            #[track_caller]
            fn ruled<R: CustomRule>(rule: &R, x: &[Self]) -> Vec<Self> {
                rule.value(x)
            }
            /// The number, where it is known while the function runs and depends on nothing. An arithmetic without has neither loops nor
            /// choices nor indices.
            #[doc(hidden)]
            #[inline(always)]
            fn known(&self) -> Option<f64> {
                None
            }
            /// An index in the place of a number, to the unit and in order. `None` if there is no room for all up to it.
            #[doc(hidden)]
            fn of_index(k: usize) -> Option<Self> {
                let exact = |k: usize| Some(Self::lit(k as f64)).filter(|v| v.known() == Some(k as f64));
                exact(k.saturating_sub(1)).and(exact(k))
            }
            /// The index in the place of a number, which is known.
            #[doc(hidden)]
            fn to_index(&self) -> i64 {
                self.known().map_or(-1, |v| v as i64)
            }
            /// Whether it is a floating-point number, and no index.
            #[doc(hidden)]
            #[inline(always)]
            fn is_float(&self) -> bool {
                true
            }
            /// Whether a mask holds, which is known.
            #[doc(hidden)]
            #[inline(always)]
            fn holds(mask: Self::Mask) -> bool {
                Self::select(mask, lit(1.0), lit(0.0)).known() == Some(1.0)
            }
            /// The turns of a loop as long as a condition holds.
            #[doc(hidden)]
            #[inline]
            #[track_caller]
            fn turns<C: Values<Self>>(
                _: Turns,
                init: C,
                mut holds: impl FnMut(C) -> Result<Self::Mask>,
                body: impl FnMut(C) -> Result<C>,
            ) -> Result<C> {
                flow::turns(init, |c| Ok(Self::holds(holds(c)?)), body)
            }
            /// The branch that a mask says.
            #[doc(hidden)]
            #[inline]
            #[track_caller]
            fn either<C: Values<Self>>(
                holds: Self::Mask,
                then: impl FnOnce() -> Result<C>,
                otherwise: impl FnOnce() -> Result<C>,
            ) -> Result<C> {
                if Self::holds(holds) { then() } else { otherwise() }
            }
            /// The steps of a scan that reads a list of `n` items, by their places; `n` is at least 1.
            #[doc(hidden)]
            #[inline]
            #[track_caller]
            fn scanned<C: Values<Self>, X: Values<Self>, Y: Values<Self>>(
                how: Steps,
                n: usize,
                x: impl Fn(usize) -> X,
                init: C,
                body: impl FnMut(C, X) -> Result<(C, Y)>,
            ) -> Result<(C, Vec<Y>)> {
                flow::scanned(how, n, x, init, body)
            }
            /// What the steps of a scan that reads nothing give: a list, or arrays with an axis for them.
            #[doc(hidden)]
            type Stacked<Y>;
            /// The steps of a scan that reads nothing.
            #[doc(hidden)]
            #[inline]
            #[track_caller]
            fn counted<C: Values<Self>, Y: Values<Self>>(
                how: Steps,
                init: C,
                body: impl FnMut(C) -> Result<(C, Y)>,
            ) -> Result<(C, Self::Stacked<Y>)> {
                match flow::counted(how, init, body) {
                    Ok((last, each)) => Ok((last, Self::together(each))),
                    Err(error) => Err(error),
                }
            }
            /// What numbers' steps give, or, of handles, the one that there is.
            #[doc(hidden)]
            fn together<Y>(each: Vec<Y>) -> Self::Stacked<Y>;
            /// The same in other structures.
            #[doc(hidden)]
            fn restacked<P, Q>(each: Self::Stacked<P>, f: impl FnMut(P) -> Q) -> Self::Stacked<Q>;
            /// What is done about an error where the user asks for no `Result`.
            #[doc(hidden)]
            #[cold]
            #[track_caller]
            fn refuse(error: Error) {
                panic!("{error}");
            }
            /// The shape of a value that has axes.
            #[doc(hidden)]
            fn shape_of(&self) -> Shape {
                Shape::SCALAR
            }
            /// The value with its last two axes exchanged.
            #[doc(hidden)]
            #[track_caller]
            fn array_transpose(self) -> Self {
                unreachable!("numbers have no axes")
            }
            $($(#[$md])* #[track_caller] fn $meth(self $(, $my: Self)* $(, $mp: $mpt)?) -> Self;)*
            $($(#[$cd])* #[track_caller] fn $cmp(self, $cy: Self) -> Self::Mask;)*
        }

        define_real! { @float f32 $($meth($($my),*)[$($mp: $mpt)?])* ; $($cmp)* }
        define_real! { @float f64 $($meth($($my),*)[$($mp: $mpt)?])* ; $($cmp)* }
    };
    (@float $T:ident $($meth:ident($($my:ident),*)[$($mp:ident: $mpt:ty)?])* ; $($cmp:ident)*) => {
        impl ChosenBy<bool> for $T {}
        impl Real for $T {
            type Mask = bool;
            #[inline(always)]
            fn lit(v: f64) -> Self { v as $T }
            #[inline(always)]
            fn known(&self) -> Option<f64> { Some(f64::from(*self)) }
            #[inline(always)]
            fn strong_product(self, t: Self) -> Self {
                // Not only where the product is NaN: that would be another comparison.
                if t == 0.0 { 0.0 } else { self * t }
            }
            #[inline(always)]
            fn joint_product(self, t: Self) -> Self {
                let product = self * t;
                if product.is_nan() && (self == 0.0 || t == 0.0) { 0.0 } else { product }
            }
            fn of_index(k: usize) -> Option<Self> { Whole::of_whole(k as i64) }
            #[inline(always)]
            fn to_index(&self) -> i64 { Whole::whole(*self) }
            #[inline(always)]
            fn select(mask: bool, a: Self, b: Self) -> Self { if mask { a } else { b } }
            #[inline(always)]
            fn holds(mask: bool) -> bool { mask }
            type Stacked<Y> = Vec<Y>;
            #[inline(always)]
            fn together<Y>(each: Vec<Y>) -> Vec<Y> { each }
            fn restacked<P, Q>(each: Vec<P>, f: impl FnMut(P) -> Q) -> Vec<Q> { each.into_iter().map(f).collect() }
            $(#[inline(always)] fn $meth(self $(, $my: Self)* $(, $mp: $mpt)?) -> Self { primal::$meth(Plain(self) $(, Plain($my))* $(, $mp)?).0 })*
            $(#[inline(always)] fn $cmp(self, y: Self) -> bool { primal::$cmp(Plain(self), Plain(y)) })*
        }
    };
}
op_table! { define_real }

// The other one is a start in every arithmetic.
own_start! { [] f32 }
