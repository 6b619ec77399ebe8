//! Derivatives of a function that is given as a closure over duals.
//!
//! In: a function and a point. Out: values and derivatives. The drivers of fixed size allocate nothing; those over slices
//! hold one buffer. Seeds are exact ones, so a derivative carries the rounding of the rules and nothing else.

use super::{Dual, DualVec};
use crate::error::{Error, Kind, Result, count};
use crate::op::{Real, lit};
use std::array;

/// The number of tangents that [`gradient_into`] and [`jacobian_into`] carry at once.
pub const CHUNK: usize = 8;

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

/// f(x), f′(x) and f″(x).
///
/// ```
/// use wengert::dual;
/// let (y, dy, ddy) = dual::second_derivative(|x| x * x * x, 2.0);
/// assert_eq!((y, dy, ddy), (8.0, 12.0, 12.0));
/// ```
#[inline(always)]
pub fn second_derivative<T: Real>(f: impl FnOnce(Dual<Dual<T>>) -> Dual<Dual<T>>, x: T) -> (T, T, T) {
    let y = f(Dual::new(Dual::new(x, lit(1.0)), lit(1.0)));
    (y.re.re, y.re.eps(), y.eps().eps())
}

/// f(x) and the gradient gᵢ = ∂f/∂xᵢ, for f: ℝᴺ → ℝ; one run of f with N tangents.
///
/// ```
/// use wengert::dual;
/// let (y, g) = dual::gradient(|[x, y]| x * x * y, [3.0, 2.0]);
/// assert_eq!((y, g), (18.0, [12.0, 9.0]));
/// ```
#[inline(always)]
pub fn gradient<T: Real, const N: usize>(f: impl FnOnce([DualVec<T, N>; N]) -> DualVec<T, N>, x: [T; N]) -> (T, [T; N]) {
    let y = f(variables(x));
    (y.re, y.eps)
}

/// f(x), with the gradient gᵢ = ∂f/∂xᵢ written to `g`, for f: ℝⁿ → ℝ and any n.
///
/// f runs ⌈n/8⌉ times (once for n = 0), each time with [`CHUNK`] = 8 tangents; one buffer of n duals is allocated. For
/// many inputs, reverse mode is the better choice: its cost does not grow with n.
///
/// # Errors
/// `is_length()` if `g` is not as long as `x`; f does not run then.
///
/// ```
/// use wengert::dual;
/// let x: Vec<f64> = (1..=20).map(f64::from).collect();
/// let mut g = vec![0.0; 20];
/// let y = dual::gradient_into(|x| x.iter().map(|x| x * x).sum(), &x, &mut g)?;
/// assert_eq!(y, 2870.0);
/// assert!(x.iter().zip(&g).all(|(x, g)| *g == 2.0 * x));
/// # wengert::Result::Ok(())
/// ```
#[track_caller]
pub fn gradient_into<T: Real>(mut f: impl FnMut(&[DualVec<T, CHUNK>]) -> DualVec<T, CHUNK>, x: &[T], g: &mut [T]) -> Result<T> {
    same_length("gradient", g.len(), "point", x.len())?;
    let mut duals: Vec<_> = x.iter().copied().map(DualVec::constant).collect();
    if x.is_empty() {
        return Ok(f(&duals).re);
    }
    let mut value = x[0];
    for (c, g) in g.chunks_mut(CHUNK).enumerate() {
        let chunk = c * CHUNK..c * CHUNK + g.len();
        for (k, i) in chunk.clone().enumerate() {
            duals[i] = DualVec::variable(x[i], k);
        }
        let y = f(&duals);
        g.copy_from_slice(&y.eps[..g.len()]);
        value = y.re;
        for i in chunk {
            duals[i] = DualVec::constant(x[i]);
        }
    }
    Ok(value)
}

/// f(x) and the Jacobian Jᵢⱼ = ∂fᵢ/∂xⱼ, M rows of N, for f: ℝᴺ → ℝᴹ; one run of f with N tangents.
///
/// ```
/// use wengert::dual;
/// let (y, j) = dual::jacobian(|[x, y]| [x * y, x + y, x * x], [3.0, 2.0]);
/// assert_eq!(y, [6.0, 5.0, 9.0]);
/// assert_eq!(j, [[2.0, 3.0], [1.0, 1.0], [6.0, 0.0]]);
/// ```
#[inline(always)]
pub fn jacobian<T: Real, const N: usize, const M: usize>(
    f: impl FnOnce([DualVec<T, N>; N]) -> [DualVec<T, N>; M],
    x: [T; N],
) -> ([T; M], [[T; N]; M]) {
    let y = f(variables(x));
    (y.map(|y| y.re), y.map(|y| y.eps))
}

/// f(x), with the Jacobian Jᵢⱼ = ∂fᵢ/∂xⱼ written to `j`, row by row, for f: ℝⁿ → ℝᵐ of any n and m.
///
/// f runs ⌈n/8⌉ times (once for n = 0), each time with [`CHUNK`] = 8 tangents.
///
/// # Errors
/// `is_length()` if `j` has not m·n numbers, or f does not give the same number of results each time.
///
/// ```
/// use wengert::dual;
/// let mut j = [0.0; 6];
/// let y = dual::jacobian_into(|x| vec![x[0] * x[1], x[0] + x[1], x[0] * x[0]], &[3.0, 2.0], &mut j)?;
/// assert_eq!(y, [6.0, 5.0, 9.0]);
/// assert_eq!(j, [2.0, 3.0, 1.0, 1.0, 6.0, 0.0]);
/// # wengert::Result::Ok(())
/// ```
#[track_caller]
pub fn jacobian_into<T: Real>(
    mut f: impl FnMut(&[DualVec<T, CHUNK>]) -> Vec<DualVec<T, CHUNK>>,
    x: &[T],
    j: &mut [T],
) -> Result<Vec<T>> {
    let n = x.len();
    let mut duals: Vec<_> = x.iter().copied().map(DualVec::constant).collect();
    let mut values: Option<Vec<T>> = None;
    for first in (0..n.max(1)).step_by(CHUNK) {
        let chunk = first..n.min(first + CHUNK);
        for (k, i) in chunk.clone().enumerate() {
            duals[i] = DualVec::variable(x[i], k);
        }
        let y = f(&duals);
        match &values {
            Some(values) => same_length("result", y.len(), "result before", values.len())?,
            None if j.len() != y.len() * n => {
                let message = format!(
                    "the Jacobian has {} for {} of {}",
                    count(j.len(), "number"),
                    count(y.len(), "result"),
                    count(n, "input")
                );
                return Err(Error::here(Kind::Length, message));
            }
            None => {}
        }
        for (i, y) in y.iter().enumerate() {
            j[i * n + chunk.start..i * n + chunk.end].copy_from_slice(&y.eps[..chunk.len()]);
        }
        values.get_or_insert_with(|| y.iter().map(|y| y.re).collect());
        for i in chunk {
            duals[i] = DualVec::constant(x[i]);
        }
    }
    Ok(values.expect("f ran"))
}

/// f(x) and the directional derivative J·v (the jvp), for f: ℝᴺ → ℝᴹ; one run of f with one tangent.
///
/// ```
/// use wengert::dual;
/// let (y, jv) = dual::directional(|[x, y]| [x * y, x + y], [3.0, 2.0], [1.0, -1.0]);
/// assert_eq!((y, jv), ([6.0, 5.0], [-1.0, 0.0]));
/// ```
#[inline(always)]
pub fn directional<T: Real, const N: usize, const M: usize>(
    f: impl FnOnce([Dual<T>; N]) -> [Dual<T>; M],
    x: [T; N],
    v: [T; N],
) -> ([T; M], [T; M]) {
    let y = f(array::from_fn(|i| Dual::new(x[i], v[i])));
    (y.map(|y| y.re), y.map(Dual::eps))
}

/// f(x) and the directional derivative J·v (the jvp), for f: ℝⁿ → ℝᵐ of any n and m; one run of f with one tangent.
///
/// # Errors
/// `is_length()` if `v` is not as long as `x`; f does not run then.
///
/// ```
/// use wengert::{Dual, dual};
/// let f = |x: &[Dual<f64>]| vec![x[0] * x[1], x[0] + x[1]];
/// let (y, jv) = dual::directional_slice(f, &[3.0, 2.0], &[1.0, -1.0])?;
/// assert_eq!((y, jv), (vec![6.0, 5.0], vec![-1.0, 0.0]));
/// # wengert::Result::Ok(())
/// ```
#[track_caller]
pub fn directional_slice<T: Real>(f: impl FnOnce(&[Dual<T>]) -> Vec<Dual<T>>, x: &[T], v: &[T]) -> Result<(Vec<T>, Vec<T>)> {
    same_length("direction", v.len(), "point", x.len())?;
    let duals: Vec<_> = x.iter().zip(v).map(|(&x, &v)| Dual::new(x, v)).collect();
    Ok(f(&duals).into_iter().map(|y| (y.re, y.eps())).unzip())
}

/// f(x), its gradient and its Hessian Hᵢⱼ = ∂²f/∂xᵢ∂xⱼ, for f: ℝᴺ → ℝ; one run of f over N tangents of N tangents.
///
/// The Hessian is symmetric to the last bit. A value holds (N + 1)² numbers, on the stack. At a kink it is that of the convention for the first
/// derivative: of |x²| and ½·hypot² at 0 it is 0 (docs/numerics.md, "Second order at kinks").
///
/// ```
/// use wengert::dual;
/// let (y, g, h) = dual::hessian(|[x, y]| x * x * y, [3.0, 2.0]);
/// assert_eq!((y, g), (18.0, [12.0, 9.0]));
/// assert_eq!(h, [[4.0, 6.0], [6.0, 0.0]]);
/// ```
#[inline(always)]
pub fn hessian<T: Real, const N: usize>(
    f: impl FnOnce([DualVec<DualVec<T, N>, N>; N]) -> DualVec<DualVec<T, N>, N>,
    x: [T; N],
) -> (T, [T; N], [[T; N]; N]) {
    let y = f(variables(variables(x)));
    // The two halves differ in rounding, since one was differentiated in the other order: take one of them.
    let hessian = array::from_fn(|i| array::from_fn(|j| y.eps[i.max(j)].eps[i.min(j)]));
    (y.re.re, y.re.eps, hessian)
}

/// The N independent variables at x.
#[inline(always)]
fn variables<T: Real, const N: usize>(x: [T; N]) -> [DualVec<T, N>; N] {
    array::from_fn(|k| DualVec::variable(x[k], k))
}

#[track_caller]
fn same_length(what: &str, length: usize, of: &str, expected: usize) -> Result<()> {
    if length == expected {
        return Ok(());
    }
    Err(Error::here(Kind::Length, format!("the {what} has length {length}, but the {of} has length {expected}")))
}
