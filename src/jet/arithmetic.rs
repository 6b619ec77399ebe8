//! The arithmetic of series: a recurrence of its own, or the op table's edges.

use super::arrays;
use super::recurrence;
use super::series::{Series, Storage, zeros};
use crate::base::{Shape, leaf};
use crate::op::{
    Apart, ArrayOp, Bodied, Choose, ChosenBy, CustomRule, Op, Real, Value, derived_operators, flow_apart, lit, op_table,
    own_start, rule,
};
use std::ops;

/// Whether a word occurs in a text of Rust.
const fn mentions(text: &str, word: &str) -> bool {
    const fn in_name(text: &[u8], at: usize) -> bool {
        at < text.len() && (text[at].is_ascii_alphanumeric() || text[at] == b'_')
    }
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let mut start = 0;
    while start + word.len() <= text.len() {
        let mut same = 0;
        while same < word.len() && text[start + same] == word[same] {
            same += 1;
        }
        let apart = (start == 0 || !in_name(text, start - 1)) && !in_name(text, start + word.len());
        if same == word.len() && apart {
            return true;
        }
        start += 1;
    }
    false
}

impl<T: Real, S: Storage<T>> From<f64> for Series<T, S> {
    fn from(v: f64) -> Self {
        lit(v)
    }
}

impl<T: Real<Mask = bool>, S: Storage<T>> Choose<Series<T, S>, f64> for bool {
    type Output = Series<T, S>;
    fn choose(self, a: Series<T, S>, b: f64) -> Series<T, S> {
        if self { a } else { b.into() }
    }
}

impl<T: Real<Mask = bool>, S: Storage<T>> Choose<f64, Series<T, S>> for bool {
    type Output = Series<T, S>;
    fn choose(self, a: f64, b: Series<T, S>) -> Series<T, S> {
        if self { a.into() } else { b }
    }
}

macro_rules! jet_arithmetic {
    (
        operators { $($(#[$od:meta])* $Oper:ident $oper:ident($ox:ident $(, $oy:ident)*) = $oval:expr, |$oz:ident| [$($oedge:expr),+];)* }
        methods { $($(#[$md:meta])* $Meth:ident $({$mp:ident: $mpt:ty = $sample:literal})? $meth:ident($mx:ident $(, $my:ident)*) = $mval:expr, |$mz:ident| [$($medge:expr),+];)* }
        comparisons { $($(#[$cd:meta])* $Cmp:ident $cmp:ident($cx:ident, $cy:ident) = $cval:expr;)* }
    ) => {
        $(impl<T: Real, S: Storage<T>> ops::$Oper for Series<T, S> {
            type Output = Self;
            #[track_caller]
            fn $oper(self $(, $oy: Self)*) -> Self {
                let z = ops::$Oper::$oper(self.value() $(, $oy.value())*);
                const IMPLICIT: bool = mentions(stringify!($($oedge),+), stringify!($oz));
                match recurrence::of(Op::$Oper, z, &[self $(, $oy)*]) {
                    Some(series) => series,
                    None => Series::derived(z, |z| rule::$oper(self $(, $oy)*, z), [self $(, $oy)*], IMPLICIT),
                }
            }
        })*

        /// The op table's methods, without a trait to import. Where a second number is taken, a plain one will do: `x.max(0.0)`, `x.gt(y)`.
        impl<T: Real, S: Storage<T>> Series<T, S> {
            $($(#[$cd])*
            #[track_caller]
            pub fn $cmp(self, y: impl Into<Self>) -> T::Mask {
                self.value().$cmp(y.into().value())
            })*
            $($(#[$md])*
            #[track_caller]
            pub fn $meth(self $(, $my: impl Into<Self>)* $(, $mp: $mpt)?) -> Self {
                $(let $my: Self = $my.into();)*
                let z = T::$meth(self.value() $(, $my.value())* $(, $mp)?);
                const IMPLICIT: bool = mentions(stringify!($($medge),+), stringify!($mz));
                match recurrence::of(Op::$Meth $(($mp))?, z, &[self $(, $my)*]) {
                    Some(series) => series,
                    None => Series::derived(z, |z| rule::$meth(self $(, $my)* $(, $mp)?, z), [self $(, $my)*], IMPLICIT),
                }
            })*
        }

        impl<M, T: Real<Mask = M>, S: Storage<T>> ChosenBy<M> for Series<T, S> {}

        impl<T: Real, S: Storage<T>> Real for Series<T, S> {
            type Mask = T::Mask;
            const SYMBOLIC: bool = T::SYMBOLIC;
            const ARRAYS: bool = T::ARRAYS;
            fn lit(v: f64) -> Self {
                Series::constant(lit(v))
            }
            #[track_caller]
            fn select(mask: T::Mask, a: Self, b: Self) -> Self {
                Series::chosen(mask, a, b)
            }
            fn is_absent(&self) -> bool {
                self.with(|z| z.iter().all(T::is_absent))
            }
            fn known(&self) -> Option<f64> {
                if self.is_constant() { self.value().known() } else { None }
            }
            fn shape_of(&self) -> Shape {
                self.value().shape_of()
            }
            #[track_caller]
            fn array(op: &ArrayOp, args: &[Value<Self, T::Mask>]) -> Value<Self, T::Mask> {
                arrays::array(op, args)
            }
            #[track_caller]
            fn nested(op: &dyn Bodied, args: &[Self]) -> Self {
                arrays::nested(op, args)
            }
            #[track_caller]
            fn ruled<R: CustomRule>(rule: &R, x: &[Self]) -> Vec<Self> {
                let values: Vec<T> = x.iter().map(Series::value).collect();
                Series::solved(&T::ruled(rule, &values), x, |y, t| rule.jvp(x, y, t), true)
            }
            #[track_caller]
            fn array_transpose(self) -> Self {
                arrays::each(self, T::array_transpose)
            }
            flow_apart! { T }
            $(#[track_caller] fn $meth(self $(, $my: Self)* $(, $mp: $mpt)?) -> Self { self.$meth($($my),* $($mp)?) })*
            $(#[track_caller] fn $cmp(self, y: Self) -> T::Mask { self.value().$cmp(y.value()) })*
        }
    };
}
op_table! { jet_arithmetic }
derived_operators! { [T: Real, S: Storage<T>] Series<T, S> }
leaf! { [T, S] Series<T, S>; }
own_start! { [T: Real, S: Storage<T>] Series<T, S> }

impl<T: Real, S: Storage<T>> Apart for Series<T, S> {
    type Part = T;
    fn parts() -> usize {
        S::limit()
    }
    fn take_apart(self, parts: &mut Vec<T>) {
        let coefficient = |k: usize| Some(self.coefficient(k)).filter(|c| k == 0 || !c.is_absent());
        parts.extend((0..S::limit()).map(|k| coefficient(k).unwrap_or_else(|| zeros(self.value()))));
    }
    fn join(parts: &mut dyn Iterator<Item = T>) -> Self {
        let all: Vec<T> = parts.take(S::limit()).collect();
        Series::from_slice(&all)
    }
}

/// Operators with a plain number on either side.
macro_rules! literal_operators {
    ($($Oper:ident $oper:ident)*) => { $(
        impl<T: Real, S: Storage<T>> ops::$Oper<f64> for Series<T, S> {
            type Output = Self;
            #[track_caller]
            fn $oper(self, y: f64) -> Self { ops::$Oper::$oper(self, Series::lit(y)) }
        }
        impl<T: Real, S: Storage<T>> ops::$Oper<Series<T, S>> for f64 {
            type Output = Series<T, S>;
            #[track_caller]
            fn $oper(self, y: Series<T, S>) -> Series<T, S> { ops::$Oper::$oper(Series::lit(self), y) }
        }
    )* };
}
literal_operators! { Add add Sub sub Mul mul Div div Rem rem }
