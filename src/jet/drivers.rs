//! Derivatives of high order of a function that is given as a closure over jets.

use super::series::Jet;
use crate::error::{Error, Kind, Result, count};
use crate::op::{Real, lit};
use std::array;

/// f(x), f′(x), …, f⁽ᴺ⁻¹⁾(x), from one run of f.
///
/// ```
/// use wengert::jet;
/// let d = jet::derivatives::<21, f64>(|x| x.sin(), 0.5);
/// assert!((d[20] - 0.5f64.sin()).abs() < 1e-12); // sin⁽²⁰⁾ = sin
/// ```
pub fn derivatives<const N: usize, T: Real>(f: impl FnOnce(Jet<T, N>) -> Jet<T, N>, x: T) -> [T; N] {
    let y = f(Jet::variable(x));
    array::from_fn(|k| y.derivative(k))
}

/// The Taylor coefficients of t ↦ f(x + v·t), N of them for every result, from one run of f.
///
/// ```
/// use wengert::jet;
/// // (1 + t)·(2 − t)² = 4 − 3t² + t³
/// let [y] = jet::taylor::<4, f64, 2, 1>(|[x, y]| [x * y * y], [1.0, 2.0], [1.0, -1.0]);
/// assert_eq!(y, [4.0, 0.0, -3.0, 1.0]);
/// ```
pub fn taylor<const N: usize, T: Real, const A: usize, const B: usize>(
    f: impl FnOnce([Jet<T, N>; A]) -> [Jet<T, N>; B],
    x: [T; A],
    v: [T; A],
) -> [[T; N]; B] {
    f(array::from_fn(|i| Jet::line(x[i], v[i]))).map(Jet::coefficients)
}

/// As [`taylor`], for any number of inputs and results.
///
/// # Errors
/// `is_length()` if `v` is not as long as `x`; f does not run then.
///
/// ```
/// use wengert::jet::{self, Jet};
/// let y = jet::taylor_slice(|x: &[Jet<f64, 3>]| vec![x[0].exp()], &[0.0], &[2.0])?;
/// assert_eq!(y, [[1.0, 2.0, 2.0]]);
/// # wengert::Result::Ok(())
/// ```
#[track_caller]
pub fn taylor_slice<const N: usize, T: Real>(
    f: impl FnOnce(&[Jet<T, N>]) -> Vec<Jet<T, N>>,
    x: &[T],
    v: &[T],
) -> Result<Vec<[T; N]>> {
    if x.len() != v.len() {
        let message = format!("the direction has length {}, but the point has length {}", v.len(), x.len());
        return Err(Error::here(Kind::Length, message));
    }
    let line: Vec<_> = x.iter().zip(v).map(|(&x, &v)| Jet::line(x, v)).collect();
    Ok(f(&line).into_iter().map(Jet::coefficients).collect())
}

/// The mixed partial derivative ∂ᵈf/∂x₁^α₁…∂xₙ^αₙ of the order d = Σαᵢ < N, interpolated from Π(αᵢ + 1) − 1 runs of f along
/// lines (A. Griewank, J. Utke and A. Walther, Evaluating higher derivative tensors by forward propagation of univariate Taylor series,
/// 2000). Terms of alternating signs are added up, so that about d digits of each of them are lost by the order d.
///
/// ```
/// use wengert::jet;
/// // ∂³/∂x²∂y of x³·y² is 12·x·y
/// let d = jet::partial::<4, f64>(|x| x[0].powi(3) * x[1] * x[1], &[2.0, 3.0], &[2, 1])?;
/// assert!((d - 72.0).abs() < 1e-12);
/// # wengert::Result::Ok(())
/// ```
///
/// # Errors
/// If `alpha` is not as long as `x`, or the order is not below N.
#[track_caller]
pub fn partial<const N: usize, T: Real>(f: impl Fn(&[Jet<T, N>]) -> Jet<T, N>, x: &[T], alpha: &[usize]) -> Result<T> {
    let order: usize = alpha.iter().sum();
    if alpha.len() != x.len() {
        let message = format!("the orders are for {}, but the point has length {}", count(alpha.len(), "input"), x.len());
        return Err(Error::here(Kind::Length, message));
    }
    if order >= N {
        return Err(Error::here(
            Kind::Length,
            format!("jets of {} have no derivative of the order {order}", count(N, "coefficient")),
        ));
    }
    let along = |direction: &[usize]| {
        let line: Vec<Jet<T, N>> = x.iter().zip(direction).map(|(&x, &v)| Jet::line(x, lit(v as f64))).collect();
        f(&line).coefficient(order)
    };
    Ok(interpolated(alpha, along))
}

/// ∂^α f = Σ over 0 ≤ k ≤ α of (−1)^(d−|k|)·Π C(αᵢ, kᵢ)·c(k), where c(k) is the d-th Taylor coefficient along the direction k:
/// the polarisation of the form c.
pub(crate) fn interpolated<T: Real>(alpha: &[usize], mut along: impl FnMut(&[usize]) -> T) -> T {
    let order: usize = alpha.iter().sum();
    let mut direction = vec![0; alpha.len()];
    let mut sum: Option<T> = None;
    loop {
        let steps: usize = direction.iter().sum();
        if steps > 0 || order == 0 {
            let ways: f64 = alpha.iter().zip(&direction).map(|(&n, &k)| binomial(n, k)).product();
            let weight = if (order - steps).is_multiple_of(2) { ways } else { -ways };
            let term = along(&direction) * lit(weight);
            sum = Some(sum.map_or(term, |sum| sum + term));
        }
        // The next of all directions up to α.
        let Some(k) = (0..alpha.len()).find(|&k| direction[k] < alpha[k]) else {
            return sum.unwrap_or(lit(0.0));
        };
        direction[..k].fill(0);
        direction[k] += 1;
    }
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |b, i| b * (n - i) as f64 / (i + 1) as f64)
}
