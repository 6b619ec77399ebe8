//! Operators beside the plain ones: compound assignment with plain numbers, operands by reference, and how a dual prints.
//!
//! In: the plain operators of `DualVec`. Out: what generic code writes besides them (`x += 1.0`, `&a * &b`, `{x:.3}`).

use super::DualVec;
use crate::op::{Real, lit};
use std::{fmt, ops};

macro_rules! more_operators {
    ($($Oper:ident $oper:ident, $Assign:ident $assign:ident;)*) => { $(
        impl<T: Real, const N: usize> ops::$Assign<f64> for DualVec<T, N> {
            #[inline(always)]
            #[track_caller]
            fn $assign(&mut self, y: f64) {
                *self = ops::$Oper::$oper(*self, y)
            }
        }
        impl<T: Real, const N: usize> ops::$Assign<&DualVec<T, N>> for DualVec<T, N> {
            #[inline(always)]
            #[track_caller]
            fn $assign(&mut self, y: &DualVec<T, N>) {
                *self = ops::$Oper::$oper(*self, *y)
            }
        }
        impl<T: Real, const N: usize> ops::$Oper<&DualVec<T, N>> for DualVec<T, N> {
            type Output = DualVec<T, N>;
            #[inline(always)]
            #[track_caller]
            fn $oper(self, y: &DualVec<T, N>) -> DualVec<T, N> {
                ops::$Oper::$oper(self, *y)
            }
        }
        impl<T: Real, const N: usize> ops::$Oper<DualVec<T, N>> for &DualVec<T, N> {
            type Output = DualVec<T, N>;
            #[inline(always)]
            #[track_caller]
            fn $oper(self, y: DualVec<T, N>) -> DualVec<T, N> {
                ops::$Oper::$oper(*self, y)
            }
        }
        impl<T: Real, const N: usize> ops::$Oper<&DualVec<T, N>> for &DualVec<T, N> {
            type Output = DualVec<T, N>;
            #[inline(always)]
            #[track_caller]
            fn $oper(self, y: &DualVec<T, N>) -> DualVec<T, N> {
                ops::$Oper::$oper(*self, *y)
            }
        }
    )* };
}
more_operators! {
    Add add, AddAssign add_assign;
    Sub sub, SubAssign sub_assign;
    Mul mul, MulAssign mul_assign;
    Div div, DivAssign div_assign;
    Rem rem, RemAssign rem_assign;
}

impl<T: Real, const N: usize> ops::Neg for &DualVec<T, N> {
    type Output = DualVec<T, N>;
    #[inline(always)]
    #[track_caller]
    fn neg(self) -> DualVec<T, N> {
        -*self
    }
}

/// Zero, without a tangent.
impl<T: Real, const N: usize> Default for DualVec<T, N> {
    #[inline(always)]
    fn default() -> Self {
        lit(0.0)
    }
}

/// `re + [eps₀, eps₁, …]ε`; the format's precision, sign and width hold for every number.
impl<T: fmt::Display, const N: usize> fmt::Display for DualVec<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.re.fmt(f)?;
        f.write_str(" + [")?;
        for (i, eps) in self.eps.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            eps.fmt(f)?;
        }
        f.write_str("]ε")
    }
}
