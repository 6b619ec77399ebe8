//! Numbers of user code: kernels are std's functions, which are fast without hardware multiply-add, too.

use crate::base::{Kernel1, Kernel2, Library1, Library2, Machine};
use std::ops;

/// An `f32` or `f64` that computes as std does; kernels differ from it by an ulp or two.
#[derive(Copy, Clone)]
pub(super) struct Plain<T>(pub(super) T);

macro_rules! operators {
    ($($Trait:ident $method:ident)*) => { $(
        impl<T: Machine> ops::$Trait for Plain<T> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, y: Self) -> Self {
                Plain(self.0.$method(y.0))
            }
        }
    )* };
}
operators! { Add add Sub sub Mul mul Div div }

impl<T: Machine> ops::Neg for Plain<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Plain(-self.0)
    }
}

impl<T: Machine> Machine for Plain<T> {
    type Mask = T::Mask;
    #[inline(always)]
    fn k(self, v: f64) -> Self {
        Plain(self.0.k(v))
    }
    #[inline(always)]
    fn fma(self, y: Self, z: Self) -> Self {
        Plain(self.0.fma(y.0, z.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Plain(self.0.sqrt())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Plain(self.0.abs())
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Plain(self.0.floor())
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        Plain(self.0.ceil())
    }
    #[inline(always)]
    fn trunc(self) -> Self {
        Plain(self.0.trunc())
    }
    #[inline(always)]
    fn copysign(self, y: Self) -> Self {
        Plain(self.0.copysign(y.0))
    }
    #[inline(always)]
    fn lt(self, y: Self) -> T::Mask {
        self.0.lt(y.0)
    }
    #[inline(always)]
    fn le(self, y: Self) -> T::Mask {
        self.0.le(y.0)
    }
    #[inline(always)]
    fn eq(self, y: Self) -> T::Mask {
        self.0.eq(y.0)
    }
    #[inline(always)]
    fn select(m: T::Mask, a: Self, b: Self) -> Self {
        Plain(T::select(m, a.0, b.0))
    }
    #[inline(always)]
    fn call1(self, f: &'static Library1) -> Self {
        Plain(self.0.call1(f))
    }
    #[inline(always)]
    fn call2(self, y: Self, f: &'static Library2) -> Self {
        Plain(self.0.call2(y.0, f))
    }
    #[inline(always)]
    fn library_exp(self) -> Self {
        Plain(self.0.library_exp())
    }
    #[inline(always)]
    fn kernel1<K: Kernel1>(self, _: K) -> Self {
        K::std(self)
    }
    #[inline(always)]
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self {
        self.call2(y, K::STD)
    }
}
