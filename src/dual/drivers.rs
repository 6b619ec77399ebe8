//! Derivatives of a function that is given as a closure over duals.

use super::Dual;
use crate::op::{Real, lit};

/// f(x) and f′(x).
///
/// ```
/// use wengert::dual;
/// let (y, dy) = dual::derivative(|x| x * x * x, 2.0);
/// assert_eq!((y, dy), (8.0, 12.0));
/// ```
#[inline(always)]
pub fn derivative<T: Real>(f: impl FnOnce(Dual<T>) -> Dual<T>, x: T) -> (T, T) {
    let y = f(Dual::new(x, lit(1.0)));
    (y.re, y.eps())
}
