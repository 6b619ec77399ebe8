//! The arithmetic of handles: every operation is a node of the trace.

use super::control::NestedOp;
use super::flow;
use super::handle::{Cond, Expr};
use super::rules::traced_rule;
use super::{stacked, trace};
use crate::base::{Shape, leaf};
use crate::error::{Caller, Error, Result};
use crate::op::{
    ArrayOp, Bodied, Choose, ChosenBy, CustomRule, DType, Op, Real, Steps, Turns, Value, Values, derived_operators, op_table,
    own_start,
};
use num_traits::{One, Zero};
use std::{ops, panic::Location};

#[inline]
fn number(op: Op, args: &[Value<Expr, Cond>], at: Caller) -> Expr {
    trace::apply(op, args, at).num()
}

#[inline]
fn mask(op: Op, args: &[Value<Expr, Cond>], at: Caller) -> Cond {
    trace::apply(op, args, at).truth()
}

macro_rules! expr_arithmetic {
    (
        operators { $($(#[$od:meta])* $Oper:ident $oper:ident($ox:ident $(, $oy:ident)*) = $oval:expr, |$oz:ident| [$($oedge:expr),+];)* }
        methods { $($(#[$md:meta])* $Meth:ident $({$mp:ident: $mpt:ty = $sample:literal})? $meth:ident($mx:ident $(, $my:ident)*) = $mval:expr, |$mz:ident| [$($medge:expr),+];)* }
        comparisons { $($(#[$cd:meta])* $Cmp:ident $cmp:ident($cx:ident, $cy:ident) = $cval:expr;)* }
    ) => {
        $(impl ops::$Oper for Expr {
            type Output = Self;
            #[inline]
            #[track_caller]
            fn $oper(self $(, $oy: Self)*) -> Self {
                number(Op::$Oper, &[Value::Num(self) $(, Value::Num($oy))*], Location::caller())
            }
        })*

        /// The op table's methods, without a trait to import. Where a second number is taken, a plain one will do: `x.max(0.0)`, `x.gt(y)`.
        impl Expr {
            $($(#[$md])*
            #[track_caller]
            pub fn $meth(self $(, $my: impl Into<Expr>)* $(, $mp: $mpt)?) -> Self {
                number(Op::$Meth $(($mp))?, &[Value::Num(self) $(, Value::Num($my.into()))*], Location::caller())
            })*
            $($(#[$cd])*
            #[track_caller]
            pub fn $cmp(self, y: impl Into<Expr>) -> Cond {
                mask(Op::$Cmp, &[Value::Num(self), Value::Num(y.into())], Location::caller())
            })*
        }

        impl ChosenBy<Cond> for Expr {}

        impl Real for Expr {
            type Mask = Cond;
            fn lit(v: f64) -> Self {
                Expr::Const(v)
            }
            #[track_caller]
            fn select(mask: Cond, a: Self, b: Self) -> Self {
                number(Op::Select, &[Value::Mask(mask), Value::Num(a), Value::Num(b)], Location::caller())
            }
            const ARRAYS: bool = true;
            #[track_caller]
            fn array(op: &ArrayOp, args: &[Value<Self, Cond>]) -> Value<Self, Cond> {
                trace::array(op, args, Location::caller())
            }
            #[track_caller]
            fn nested(op: &dyn Bodied, args: &[Self]) -> Self {
                let NestedOp { control, port } = op.as_any().downcast_ref().expect("the operation of a node");
                trace::nested(control, *port, args, Location::caller())
            }
            #[track_caller]
            fn array_transpose(self) -> Self {
                self.t()
            }
            #[track_caller]
            fn ruled<R: CustomRule>(rule: &R, x: &[Self]) -> Vec<Self> {
                traced_rule(rule, x)
            }
            fn is_absent(&self) -> bool {
                self.is_zero()
            }
            fn guard(&self) -> Option<Cond> {
                trace::guard(*self)
            }
            fn known(&self) -> Option<f64> {
                match self {
                    Expr::Const(v) => Some(*v),
                    Expr::Node { .. } => None,
                }
            }
            fn shape_of(&self) -> Shape {
                self.shape()
            }
            const SYMBOLIC: bool = true;
            fn is_float(&self) -> bool {
                self.dtype() == DType::Float
            }
            type Stacked<Y> = Y;
            #[track_caller]
            fn turns<C: Values<Self>>(
                how: Turns,
                init: C,
                holds: impl FnMut(C) -> Result<Cond>,
                body: impl FnMut(C) -> Result<C>,
            ) -> Result<C> {
                flow::turns(how, &init, holds, body, Location::caller())
            }
            #[track_caller]
            fn either<C: Values<Self>>(
                holds: Cond,
                then: impl FnOnce() -> Result<C>,
                otherwise: impl FnOnce() -> Result<C>,
            ) -> Result<C> {
                flow::either(holds, then, otherwise, Location::caller())
            }
            #[track_caller]
            fn scanned<C: Values<Self>, X: Values<Self>, Y: Values<Self>>(
                how: Steps,
                n: usize,
                x: impl Fn(usize) -> X,
                init: C,
                body: impl FnMut(C, X) -> Result<(C, Y)>,
            ) -> Result<(C, Vec<Y>)> {
                stacked::listed(how, n, x, init, body, Location::caller())
            }
            #[track_caller]
            fn counted<C: Values<Self>, Y: Values<Self>>(
                how: Steps,
                init: C,
                mut body: impl FnMut(C) -> Result<(C, Y)>,
            ) -> Result<(C, Y)> {
                stacked::scanned(how, init, &(), |c, ()| body(c), Location::caller())
            }
            fn together<Y>(mut each: Vec<Y>) -> Y {
                each.pop().expect("handles of all steps")
            }
            fn restacked<P, Q>(each: P, mut f: impl FnMut(P) -> Q) -> Q {
                f(each)
            }
            fn refuse(error: Error) {
                trace::refuse(error);
            }
            $(#[track_caller] fn $meth(self $(, $my: Self)* $(, $mp: $mpt)?) -> Self { self.$meth($($my),* $($mp)?) })*
            $(#[track_caller] fn $cmp(self, y: Self) -> Cond { self.$cmp(y) })*
        }
    };
}
op_table! { expr_arithmetic }
derived_operators! { [] Expr }
leaf! { [] Expr; }
own_start! { [] Expr }

/// Operators with a plain number on either side. Of integers there is `usize` alone, of numbers with a point `f64`: with a choice of two, the
/// type of `x * 2` would be open until the literal's is, and `(x * 2).sin()` would need annotations.
macro_rules! literal_operators {
    ($Plain:ty: $($Oper:ident $oper:ident)*) => { $(
        impl ops::$Oper<$Plain> for Expr {
            type Output = Expr;
            #[track_caller]
            fn $oper(self, y: $Plain) -> Expr { ops::$Oper::$oper(self, Expr::from(y)) }
        }
        impl ops::$Oper<Expr> for $Plain {
            type Output = Expr;
            #[track_caller]
            fn $oper(self, y: Expr) -> Expr { ops::$Oper::$oper(Expr::from(self), y) }
        }
    )* };
}
literal_operators! { f64: Add add Sub sub Mul mul Div div Rem rem }
literal_operators! { usize: Add add Sub sub Mul mul Div div Rem rem }

impl ops::BitAnd for Cond {
    type Output = Cond;
    #[track_caller]
    fn bitand(self, y: Cond) -> Cond {
        mask(Op::And, &[Value::Mask(self), Value::Mask(y)], Location::caller())
    }
}

impl ops::BitOr for Cond {
    type Output = Cond;
    #[track_caller]
    fn bitor(self, y: Cond) -> Cond {
        mask(Op::Or, &[Value::Mask(self), Value::Mask(y)], Location::caller())
    }
}

impl ops::Not for Cond {
    type Output = Cond;
    #[track_caller]
    fn not(self) -> Cond {
        mask(Op::Not, &[Value::Mask(self)], Location::caller())
    }
}

impl From<f64> for Expr {
    fn from(v: f64) -> Self {
        Expr::Const(v)
    }
}

impl From<usize> for Expr {
    fn from(v: usize) -> Self {
        Expr::Const(v as f64)
    }
}

/// Where a handle's truth value chooses, the result is a handle, also of plain numbers.
macro_rules! choices {
    ($($A:ty, $B:ty;)*) => { $(
        impl Choose<$A, $B> for Cond {
            type Output = Expr;
            #[track_caller]
            fn choose(self, a: $A, b: $B) -> Expr { <Expr as Real>::select(self, a.into(), b.into()) }
        }
    )* };
}
choices! { Expr, f64; f64, Expr; f64, f64; }

/// Structural: a known zero.
impl Zero for Expr {
    fn zero() -> Self {
        Expr::Const(0.0)
    }
    fn is_zero(&self) -> bool {
        matches!(self, Expr::Const(v) if *v == 0.0)
    }
}

impl One for Expr {
    fn one() -> Self {
        Expr::Const(1.0)
    }
}

/// Two constants, or the same node; anything else is not known while tracing, and is an error of the trace.
impl PartialEq for Expr {
    #[track_caller]
    fn eq(&self, y: &Expr) -> bool {
        match (*self, *y) {
            (Expr::Const(x), Expr::Const(y)) => x == y,
            (Expr::Node { trace: s, id: x }, Expr::Node { trace: t, id: y }) if s == t && x == y => true,
            _ => {
                trace::undecided(Location::caller());
                false
            }
        }
    }
}
