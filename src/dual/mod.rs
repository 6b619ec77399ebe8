//! Dual numbers: forward mode by operator overloading, without a graph and without allocation.
//!
//! In: any arithmetic [`Real`]. Out: the same arithmetic with N tangents beside each value; the rules are the op table's.
//! Duals nest for higher orders, and `Dual<Expr>` differentiates while it traces.

mod arrays;
mod drivers;
#[cfg(feature = "nalgebra")]
mod field;
mod guards;
mod num;
mod operators;
mod order;

pub use drivers::*;
pub use order::{Nested, Order, nth_derivative};

use crate::base::{Shape, leaf};
use crate::op::{
    Apart, ArrayOp, Bodied, Choose, ChosenBy, CustomRule, EdgeMap, Real, Value, derived_operators, flow_apart, lit, op_table,
    own_start, rule,
};
use std::ops;

/// A value with N tangents: re + Σ epsᵢ·εᵢ, where εᵢ·εⱼ = 0.
#[derive(Copy, Clone, Debug)]
pub struct DualVec<T, const N: usize> {
    /// The primal value.
    pub re: T,
    /// The tangents.
    pub eps: [T; N],
}

/// A value with one tangent: re + eps·ε, where ε² = 0.
///
/// ```
/// use wengert::Dual;
/// let x = Dual::new(3.0, 1.0);
/// assert_eq!((x * x).eps(), 6.0);
/// ```
pub type Dual<T> = DualVec<T, 1>;

impl<T> Dual<T> {
    /// A value and its tangent.
    #[inline(always)]
    pub fn new(re: T, eps: T) -> Self {
        DualVec { re, eps: [eps] }
    }
    /// The tangent.
    #[inline(always)]
    pub fn eps(self) -> T {
        let [eps] = self.eps;
        eps
    }
}

impl<T: Real, const N: usize> DualVec<T, N> {
    /// A value with no tangent.
    #[inline(always)]
    pub fn constant(re: T) -> Self {
        DualVec { re, eps: [lit(0.0); N] }
    }

    /// The k-th of N independent variables: tangent 1 in direction k.
    ///
    /// # Panics
    /// If `k >= N`.
    #[inline(always)]
    pub fn variable(re: T, k: usize) -> Self {
        let mut x = DualVec::constant(re);
        x.eps[k] = lit(1.0);
        x
    }

    /// Tangent of the result: the sum over operands of edge applied to the operand's tangent.
    #[inline(always)]
    #[track_caller]
    fn push<const A: usize>(re: T, edges: [EdgeMap<T>; A], tangents: [[T; N]; A]) -> Self {
        if T::SYMBOLIC {
            return DualVec { re, eps: guards::push(edges, tangents) };
        }
        // A loop rather than `from_fn`: a closure would hide the user's line from `track_caller`.
        let mut eps = [lit(0.0); N];
        for i in 0..N {
            let mut sum: Option<T> = None;
            for k in 0..A {
                if tangents[k][i].is_absent() {
                    continue;
                }
                if let Some(term) = edges[k].apply(tangents[k][i]) {
                    sum = Some(match sum {
                        None => term,
                        Some(sum) => sum + term,
                    });
                }
            }
            if let Some(sum) = sum {
                eps[i] = sum;
            }
        }
        DualVec { re, eps }
    }

    /// By the product rule, with `whole` for what the first factor is multiplied by, and `part` for the products of its tangents.
    #[inline(always)]
    #[track_caller]
    fn product(self, y: Self, whole: impl Fn(T, T) -> T, part: impl Fn(T, T) -> T) -> Self {
        let mut eps = [lit(0.0); N];
        for (i, eps) in eps.iter_mut().enumerate() {
            *eps = match (self.eps[i].is_absent(), y.eps[i].is_absent()) {
                (true, true) => continue,
                (true, false) => whole(self.re, y.eps[i]),
                (false, true) => part(self.eps[i], y.re),
                (false, false) => part(self.eps[i], y.re) + whole(self.re, y.eps[i]),
            };
        }
        DualVec { re: whole(self.re, y.re), eps }
    }
}

impl<T: Real, const N: usize> From<f64> for DualVec<T, N> {
    #[inline(always)]
    fn from(v: f64) -> Self {
        lit(v)
    }
}

impl<T: Real<Mask = bool>, const N: usize> Choose<DualVec<T, N>, f64> for bool {
    type Output = DualVec<T, N>;
    #[inline(always)]
    fn choose(self, a: DualVec<T, N>, b: f64) -> DualVec<T, N> {
        if self { a } else { b.into() }
    }
}

impl<T: Real<Mask = bool>, const N: usize> Choose<f64, DualVec<T, N>> for bool {
    type Output = DualVec<T, N>;
    #[inline(always)]
    fn choose(self, a: f64, b: DualVec<T, N>) -> DualVec<T, N> {
        if self { a.into() } else { b }
    }
}

macro_rules! dual_arithmetic {
    (
        operators { $($(#[$od:meta])* $Oper:ident $oper:ident($ox:ident $(, $oy:ident)*) = $oval:expr, |$oz:ident| [$($oedge:expr),+];)* }
        methods { $($(#[$md:meta])* $Meth:ident $({$mp:ident: $mpt:ty = $sample:literal})? $meth:ident($mx:ident $(, $my:ident)*) = $mval:expr, |$mz:ident| [$($medge:expr),+];)* }
        comparisons { $($(#[$cd:meta])* $Cmp:ident $cmp:ident($cx:ident, $cy:ident) = $cval:expr;)* }
    ) => {
        $(impl<T: Real, const N: usize> ops::$Oper for DualVec<T, N> {
            type Output = Self;
            #[inline]
            #[track_caller]
            fn $oper(self $(, $oy: Self)*) -> Self {
                let z = ops::$Oper::$oper(self.re $(, $oy.re)*);
                DualVec::push(z, rule::$oper(self.re $(, $oy.re)*, z), [self.eps $(, $oy.eps)*])
            }
        })*

        /// The op table's methods, without a trait to import. Where a second number is taken, a plain one will do: `x.max(0.0)`, `x.gt(y)`.
        impl<T: Real, const N: usize> DualVec<T, N> {
            $($(#[$cd])*
            #[inline(always)]
            #[track_caller]
            pub fn $cmp(self, y: impl Into<Self>) -> T::Mask {
                self.re.$cmp(y.into().re)
            })*
            $($(#[$md])*
            #[inline]
            #[track_caller]
            pub fn $meth(self $(, $my: impl Into<Self>)* $(, $mp: $mpt)?) -> Self {
                $(let $my: Self = $my.into();)*
                let z = T::$meth(self.re $(, $my.re)* $(, $mp)?);
                DualVec::push(z, rule::$meth(self.re $(, $my.re)* $(, $mp)?, z), [self.eps $(, $my.eps)*])
            })*
        }

        impl<M, T: Real<Mask = M>, const N: usize> ChosenBy<M> for DualVec<T, N> {}

        impl<T: Real, const N: usize> Real for DualVec<T, N> {
            type Mask = T::Mask;
            const SYMBOLIC: bool = T::SYMBOLIC;
            const ARRAYS: bool = T::ARRAYS;
            #[inline(always)]
            fn lit(v: f64) -> Self {
                DualVec::constant(lit(v))
            }
            #[inline(always)]
            #[track_caller]
            fn select(mask: T::Mask, a: Self, b: Self) -> Self {
                let mut eps = a.eps;
                for i in 0..N {
                    if !(a.eps[i].is_absent() && b.eps[i].is_absent()) {
                        eps[i] = T::select(mask, a.eps[i], b.eps[i]);
                    }
                }
                DualVec { re: T::select(mask, a.re, b.re), eps }
            }
            #[inline(always)]
            fn is_absent(&self) -> bool {
                self.re.is_absent() && self.eps.iter().all(T::is_absent)
            }
            #[inline(always)]
            #[track_caller]
            fn scaled(self, t: Self) -> Self {
                self.product(t, T::scaled, T::joint_product)
            }
            #[inline(always)]
            #[track_caller]
            fn strong_product(self, t: Self) -> Self {
                self.product(t, T::strong_product, if T::SYMBOLIC { T::strong_product } else { T::joint_product })
            }
            #[inline(always)]
            #[track_caller]
            fn joint_product(self, t: Self) -> Self {
                self.product(t, T::joint_product, T::joint_product)
            }
            #[track_caller]
            fn guard(&self) -> Option<T::Mask> {
                guards::joint(std::iter::once(&self.re).chain(&self.eps))
            }
            fn shape_of(&self) -> Shape {
                self.re.shape_of()
            }
            #[track_caller]
            fn array(op: &ArrayOp, args: &[Value<Self, T::Mask>]) -> Value<Self, T::Mask> {
                let point = |x: &Value<Self, T::Mask>| match *x {
                    Value::Num(x) => Value::Num(x.re),
                    Value::Mask(m) => Value::Mask(m),
                };
                let points: Vec<Value<T, T::Mask>> = args.iter().map(point).collect();
                let eps: Vec<[T; N]> = args.iter().map(|x| x.number().map_or([lit(0.0); N], |x| x.eps)).collect();
                match arrays::array(op, &points, &eps) {
                    Value::Num((re, eps)) => Value::Num(DualVec { re, eps }),
                    Value::Mask(m) => Value::Mask(m),
                }
            }
            #[track_caller]
            fn array_transpose(self) -> Self {
                let transposed = |eps: T| if eps.is_absent() { eps } else { eps.array_transpose() };
                DualVec { re: self.re.array_transpose(), eps: self.eps.map(transposed) }
            }
            #[track_caller]
            fn nested(op: &dyn Bodied, args: &[Self]) -> Self {
                let re: Vec<T> = args.iter().map(|x| x.re).collect();
                let eps: Vec<[T; N]> = args.iter().map(|x| x.eps).collect();
                let (re, eps) = arrays::nested(op, &re, &eps);
                DualVec { re, eps }
            }
            #[track_caller]
            fn ruled<R: CustomRule>(rule: &R, x: &[Self]) -> Vec<Self> {
                let re: Vec<T> = x.iter().map(|x| x.re).collect();
                let values = T::ruled(rule, &re);
                let mut results: Vec<Self> = values.iter().copied().map(DualVec::constant).collect();
                for i in 0..N {
                    let eps: Vec<T> = x.iter().map(|x| x.eps[i]).collect();
                    if eps.iter().all(T::is_absent) {
                        continue;
                    }
                    results.iter_mut().zip(rule.jvp(&re, &values, &eps)).for_each(|(y, eps)| y.eps[i] = eps);
                }
                results
            }
            #[inline(always)]
            fn known(&self) -> Option<f64> {
                self.re.known().filter(|_| self.eps.iter().all(|eps| eps.known() == Some(0.0)))
            }
            flow_apart! { T }
            $(#[inline(always)] #[track_caller] fn $meth(self $(, $my: Self)* $(, $mp: $mpt)?) -> Self { self.$meth($($my),* $($mp)?) })*
            $(#[inline(always)] #[track_caller] fn $cmp(self, y: Self) -> T::Mask { self.re.$cmp(y.re) })*
        }
    };
}
op_table! { dual_arithmetic }

derived_operators! { [T: Real, const N: usize] DualVec<T, N> }
leaf! { [T, const N: usize] DualVec<T, N>; }
own_start! { [T: Real, const N: usize] DualVec<T, N> }

impl<T: Real, const N: usize> Apart for DualVec<T, N> {
    type Part = T;
    fn parts() -> usize {
        N + 1
    }
    fn take_apart(self, parts: &mut Vec<T>) {
        parts.push(self.re);
        parts.extend(self.eps.map(|eps| if eps.is_absent() { arrays::zeros(self.re.shape_of()) } else { eps }));
    }
    fn join(parts: &mut dyn Iterator<Item = T>) -> Self {
        let mut next = || parts.next().expect("as many parts as before");
        DualVec { re: next(), eps: std::array::from_fn(|_| next()) }
    }
}

/// Operators with a plain `f64` on either side: the literal has no tangent, so only the dual's edge is taken.
///
/// There are none with `f32`: with a choice of two, the type of `x * 2.0` would be open until the literal's is, and
/// `(x * 2.0).sin()` in a closure would need annotations.
macro_rules! literal_operators {
    ($($Oper:ident $oper:ident)*) => { $(
        impl<T: Real, const N: usize> ops::$Oper<f64> for DualVec<T, N> {
            type Output = Self;
            #[inline(always)]
            #[track_caller]
            fn $oper(self, y: f64) -> Self {
                let y = T::lit(y);
                let z = ops::$Oper::$oper(self.re, y);
                let [edge, _] = rule::$oper(self.re, y, z);
                DualVec::push(z, [edge], [self.eps])
            }
        }
        impl<T: Real, const N: usize> ops::$Oper<DualVec<T, N>> for f64 {
            type Output = DualVec<T, N>;
            #[inline(always)]
            #[track_caller]
            fn $oper(self, y: DualVec<T, N>) -> DualVec<T, N> {
                let x = T::lit(self);
                let z = ops::$Oper::$oper(x, y.re);
                let [_, edge] = rule::$oper(x, y.re, z);
                DualVec::push(z, [edge], [y.eps])
            }
        }
    )* };
}
literal_operators! { Add add Sub sub Mul mul Div div Rem rem }
