//! Derivatives of any order up to eight, by nesting duals at the level of types.
//!
//! In: a function of one variable over a nest of duals. Out: its value and derivatives. The depth is a const parameter, so
//! the nest is a concrete type and the closure's argument needs no annotation.

use super::Dual;
use crate::op::{Real, lit};
use std::marker::PhantomData;

/// A tower of duals over `T`; its height is a Peano number.
pub trait Tower<T: Real> {
    /// The arithmetic: `T` itself at the ground, `Dual` of the tower below elsewhere.
    type Number: Real;
    /// The variable: tangent 1 at every level.
    fn variable(x: T) -> Self::Number;
    /// Writes the derivatives from the first on into `out`, one per level, and returns the value.
    fn read(y: Self::Number, out: &mut [T]) -> T;
    /// The derivative of the tower's own order: the tangent of the tangent of ….
    fn top(y: Self::Number) -> T;
}

/// No dual: the value alone.
pub struct Ground;
/// A dual over the tower `B`.
pub struct Above<B>(PhantomData<B>);

impl<T: Real> Tower<T> for Ground {
    type Number = T;
    #[inline(always)]
    fn variable(x: T) -> T {
        x
    }
    #[inline(always)]
    fn read(y: T, _: &mut [T]) -> T {
        y
    }
    #[inline(always)]
    fn top(y: T) -> T {
        y
    }
}

impl<T: Real, B: Tower<T>> Tower<T> for Above<B> {
    type Number = Dual<B::Number>;
    #[inline(always)]
    fn variable(x: T) -> Self::Number {
        Dual::new(B::variable(x), lit(1.0))
    }
    #[inline(always)]
    fn read(y: Self::Number, out: &mut [T]) -> T {
        let (last, below) = out.split_last_mut().expect("one place per level");
        *last = Self::top(y);
        B::read(y.re, below)
    }
    #[inline(always)]
    fn top(y: Self::Number) -> T {
        B::top(y.eps())
    }
}

/// The order of a derivative, 1 to 8, as a type.
pub struct Order<const N: usize>;

/// The orders that exist.
pub trait Height {
    /// The tower of that height.
    type Tower;
}
type Two<B> = Above<Above<B>>;
type Four<B> = Two<Two<B>>;
impl Height for Order<1> {
    type Tower = Above<Ground>;
}
impl Height for Order<2> {
    type Tower = Two<Ground>;
}
impl Height for Order<3> {
    type Tower = Above<Two<Ground>>;
}
impl Height for Order<4> {
    type Tower = Four<Ground>;
}
impl Height for Order<5> {
    type Tower = Above<Four<Ground>>;
}
impl Height for Order<6> {
    type Tower = Two<Four<Ground>>;
}
impl Height for Order<7> {
    type Tower = Above<Two<Four<Ground>>>;
}
impl Height for Order<8> {
    type Tower = Four<Four<Ground>>;
}

/// `N` nested duals over `T`: `Nested<f64, 2>` is `Dual<Dual<f64>>`. `N` is 1 to 8.
pub type Nested<T, const N: usize> = <<Order<N> as Height>::Tower as Tower<T>>::Number;

impl<const N: usize> Order<N>
where
    Order<N>: Height,
{
    /// f(x) and [f′(x), f″(x), …, f⁽ᴺ⁾(x)], from one run of f.
    ///
    /// A value of the nest holds 2ᴺ numbers and a product costs about 3ᴺ multiplications, so orders beyond four or five
    /// are for short functions. Nothing is allocated.
    ///
    /// ```
    /// use wengert::dual::Order;
    /// let (y, d) = Order::<3>::derivatives(|x| x.powi(4), 2.0);
    /// assert_eq!((y, d), (16.0, [32.0, 48.0, 48.0]));
    /// ```
    #[inline(always)]
    pub fn derivatives<T: Real>(f: impl FnOnce(Nested<T, N>) -> Nested<T, N>, x: T) -> (T, [T; N])
    where
        <Order<N> as Height>::Tower: Tower<T>,
    {
        let y = f(<Order<N> as Height>::Tower::variable(x));
        let mut derivatives = [lit(0.0); N];
        let value = <Order<N> as Height>::Tower::read(y, &mut derivatives);
        (value, derivatives)
    }
}

/// f⁽ᴺ⁾(x), the N-th derivative, for N = 1 to 8; another N does not compile.
///
/// A value holds 2ᴺ numbers; see [`Order::derivatives`] for the cost, for all orders at once and for other numbers than
/// `f64`.
///
/// ```
/// use wengert::dual;
/// // (x·sin x)⁽⁵⁾ = x·cos x + 5·sin x
/// let x: f64 = 0.3;
/// let d5 = dual::nth_derivative::<5>(|x| x.sin() * x, x);
/// assert!((d5 - (x * x.cos() + 5.0 * x.sin())).abs() < 1e-14);
/// ```
#[inline(always)]
pub fn nth_derivative<const N: usize>(f: impl FnOnce(Nested<f64, N>) -> Nested<f64, N>, x: f64) -> f64
where
    Order<N>: Height,
    <Order<N> as Height>::Tower: Tower<f64>,
{
    <Order<N> as Height>::Tower::top(f(<Order<N> as Height>::Tower::variable(x)))
}
