//! The mathematics of the workloads, written once for every crate that is measured.

use aad::Variable;
use echidna::{BReverse, Reverse};
use num_dual::{Dual64, DualNum, DualSVec64};
use num_traits::Float;
use std::f64::consts::FRAC_1_SQRT_2;
use std::ops::{Add, Div, Mul, Neg, Sub};
use wengert::{DualVec, Expr, Real, lit};

/// What the workloads need of an arithmetic, so that one text serves this crate and its peers.
pub trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    fn lit(v: f64) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
    fn sin(self) -> Self;
}

macro_rules! numbers {
    ($([$($generics:tt)*] $T:ty: |$v:ident| $lit:expr, $Methods:tt($($by:tt)?);)*) => { $(
        impl<$($generics)*> Number for $T {
            #[inline(always)]
            fn lit($v: f64) -> Self { $lit }
            #[inline(always)]
            fn exp(self) -> Self { $Methods::exp($($by)? self) }
            #[inline(always)]
            fn ln(self) -> Self { $Methods::ln($($by)? self) }
            #[inline(always)]
            fn sqrt(self) -> Self { $Methods::sqrt($($by)? self) }
            #[inline(always)]
            fn sin(self) -> Self { $Methods::sin($($by)? self) }
        }
    )* };
}
numbers! {
    [] f64: |v| v, f64();
    [] Expr: |v| Expr::Const(v), Real();
    [const N: usize] DualVec<f64, N>: |v| wengert::lit(v), Real();
    [const N: usize] DualSVec64<N>: |v| DualSVec64::from(v), DualNum(&);
    [] Dual64: |v| Dual64::from(v), DualNum(&);
    [] Reverse<f64>: |v| Reverse::constant(v), Float();
    [] BReverse<f64>: |v| BReverse::constant(v), Float();
    ['a] Variable<'a, f64>: |v| Variable::constant(v), Self();
}

/// (a + b)·(b + 1)
#[inline(always)]
pub fn product<T: Number>([a, b]: [T; 2]) -> T {
    (a + b) * (b + T::lit(1.0))
}

/// x² + y²
#[inline(always)]
pub fn squares<T: Number>([x, y]: [T; 2]) -> T {
    x * x + y * y
}

/// The price of a call option, S·Φ(d₁) − K·exp(−rT)·Φ(d₂), for a distribution function Φ (F. Black and M. Scholes, 1973).
#[inline(always)]
fn option<T: Number>([s, k, r, v, t]: [T; 5], cdf: impl Fn(T) -> T) -> T {
    let vs = v * t.sqrt();
    let d1 = ((s / k).ln() + (r + v * v * T::lit(0.5)) * t) / vs;
    let d2 = d1 - vs;
    s * cdf(d1) - k * (-(r * t)).exp() * cdf(d2)
}

/// The option with a logistic Φ, which needs no erf.
#[inline(always)]
pub fn option_logistic<T: Number>(x: [T; 5]) -> T {
    // A function and no closure: one that is called twice may not be inlined, and duals would go through memory.
    #[inline(always)]
    fn cdf<T: Number>(x: T) -> T {
        T::lit(1.0) / (T::lit(1.0) + (-(x * (T::lit(1.5976) + T::lit(0.07056) * (x * x)))).exp())
    }
    option(x, cdf)
}

/// The option with the normal Φ.
#[inline(always)]
pub fn option_erf<T: Number + Real>(x: [T; 5]) -> T {
    #[inline(always)]
    fn cdf<T: Number + Real>(x: T) -> T {
        lit::<T>(0.5) * (lit::<T>(1.0) + (x * lit(FRAC_1_SQRT_2)).erf())
    }
    option(x, cdf)
}

/// Σ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)² (H. Rosenbrock, 1960)
pub fn rosenbrock<T: Number>(x: &[T]) -> T {
    let term = |i: usize| {
        let (a, b) = (x[i + 1] - x[i] * x[i], T::lit(1.0) - x[i]);
        T::lit(100.0) * (a * a) + b * b
    };
    (1..x.len() - 1).fold(term(0), |sum, i| sum + term(i))
}

/// At least `n` operations on eight numbers, and their sum.
pub fn network<T: Number>(x: [T; 8], n: usize) -> T {
    let mut v = x;
    let (mut k, mut operations) = (0, 0);
    while operations < n {
        let (i, j, l) = (k % 8, (3 * k + 1) % 8, (k + 3) % 8);
        (v[i], operations) = match i {
            7 => (v[j].sin(), operations + 1),
            _ => (T::lit(0.9) * v[i] + T::lit(0.1) * v[j] * v[l], operations + 4),
        };
        k += 1;
    }
    v[1..].iter().fold(v[0], |sum, &v| sum + v)
}

/// Logistic regression of one row: softplus(z) − y·z with z = w·x + b; the bias is the last weight.
pub fn logistic<T: Real>(w: &[T], x: &[T], y: T) -> T {
    let z = x.iter().zip(w).fold(w[x.len()], |z, (&x, &w)| z + w * x);
    z.softplus() - y * z
}

/// A network 2-8-1 with tanh and sigmoid: the squared error of one row of exclusive or.
pub fn exclusive_or_row<T: Real>(p: &[T], x: [T; 2], y: T) -> T {
    let h = (0..8).map(|k| (x[0] * p[k] + x[1] * p[8 + k] + p[16 + k]).tanh());
    let z = h.enumerate().fold(p[32], |z, (k, h)| z + h * p[24 + k]);
    let e = z.sigmoid() - y;
    e * e
}

/// The squared error of a cubic.
#[inline(always)]
pub fn cubic<T: Real>([a, b, c, d]: [T; 4], x: T, y: T) -> T {
    let e = a + b * x + c * (x * x) + d * (x * x * x) - y;
    e * e
}

pub const XOR: [([f64; 2], f64); 4] = [([0.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], 0.0)];
