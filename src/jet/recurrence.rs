//! The recurrences of operations whose derivative is written with their own value, or with that of an operation whose derivative leads
//! back: each coefficient from those before it (A. Griewank and A. Walther, Evaluating Derivatives, 2008, tables 13.1 and 13.2).
//!
//! In: an operation, its value, and the operands' series. Out: the result's series, in O(N²). The family of ln Γ satisfies no
//! algebraic differential equation (O. Hölder, 1887): its series is composed from the derivatives at the point, in O(N³), which is
//! O(N²) where the operand is a line.

use super::series::{Series, Storage, plus};
use crate::op::{Op, Real, lit};
use std::f64::consts::LN_2;

/// Fills in a result's coefficients behind the first, from one operand's or two.
type Fill1<'f, T> = dyn Fn(&[T], &mut [T]) + 'f;
type Fill2<'f, T> = dyn Fn(&[T], &[T], &mut [T]) + 'f;

/// The series of the result, if the operation is one of those here; `z0` is its value.
#[track_caller]
pub(super) fn of<T: Real, S: Storage<T>>(op: Op, z0: T, x: &[Series<T, S>]) -> Option<Series<T, S>> {
    if x.iter().all(Series::is_constant) {
        return Some(Series::constant(z0));
    }
    let n = S::limit();
    let filled = |len: usize, fill: &Fill1<'_, T>| {
        x[0].with(|x| {
            Series::filled(len, |z| {
                z[0] = z0;
                fill(x, z)
            })
        })
    };
    let with_second = |len: usize, fill: &Fill2<'_, T>| x[1].with(|y| filled(len, &|x, z| fill(x, y, z)));
    let lengths = |k: usize| x[k].len();
    Some(match op {
        Op::Neg => filled(lengths(0), &|x, z| each(z, |k| if x[k].is_absent() { x[k] } else { -x[k] })),
        Op::Add => with_second(lengths(0).max(lengths(1)), &|x, y, z| each(z, |k| plus(at(x, k), at(y, k)))),
        Op::Sub => with_second(lengths(0).max(lengths(1)), &|x, y, z| {
            each(z, |k| {
                let (x, y) = (at(x, k), at(y, k));
                minus(x, (!y.is_absent()).then_some(y))
            })
        }),
        Op::Mul => with_second(n.min(lengths(0) + lengths(1) - 1), &|x, y, z| each(z, |k| or_zero(convolved(x, y, k, 0, k)))),
        Op::MulAdd => {
            let len = n.min(lengths(0) + lengths(1) - 1).max(lengths(2));
            x[2].with(|a| with_second(len, &|x, y, z| each(z, |k| plus(or_zero(convolved(x, y, k, 0, k)), at(a, k)))))
        }
        Op::Div if x[1].is_constant() => {
            let y = x[1].value();
            filled(lengths(0), &|x, z| each(z, |k| if x[k].is_absent() { x[k] } else { x[k] / y }))
        }
        Op::Div => with_second(n, &quotient),
        Op::Recip => filled(n, &|x, z| quotient(&[lit(1.0)], x, z)),
        Op::Log => {
            let [x, b] = [x[0].ln(), x[1].ln()];
            replaced(x / b, z0)
        }
        // z·z = x
        Op::Sqrt => filled(n, &|x, z| {
            let half = lit::<T>(0.5) / z[0];
            for k in 1..z.len() {
                z[k] = scaled(minus(at(x, k), convolved(z, z, k, 1, k - 1)), half);
            }
        }),
        Op::Cbrt => filled(n, &|x, z| power(x, lit(1.0 / 3.0), z)),
        Op::Powi(m) => {
            let (x, m) = (x[0], m.unsigned_abs());
            if m == 0 {
                return Some(Series::constant(z0));
            }
            let mut p = x;
            for bit in (0..m.ilog2()).rev() {
                p = p * p;
                if m >> bit & 1 == 1 {
                    p *= x;
                }
            }
            let Op::Powi(m) = op else { unreachable!("it was one") };
            replaced(if m < 0 { p.recip() } else { p }, z0)
        }
        Op::Powf if x[1].is_constant() => {
            let y = x[1].value();
            match y.known().filter(|y| y.fract() == 0.0 && y.abs() < 1e9) {
                // Products are right at 0, too.
                Some(m) => return of(Op::Powi(m as i32), z0, &x[..1]),
                None => filled(n, &|x, z| power(x, y, z)),
            }
        }
        Op::Powf if x[0].is_constant() => {
            let ln = x[0].value().ln();
            x[1].with(|y| filled(n, &|_, z| quadratic(y, [None, Some(ln), None], z)))
        }
        Op::Powf => {
            let exponent = x[1] * x[0].ln();
            exponent.with(|y| filled(n, &|_, z| quadratic(y, [None, Some(lit(1.0)), None], z)))
        }
        Op::Exp => filled(n, &|x, z| quadratic(x, [None, Some(lit(1.0)), None], z)),
        Op::Exp2 => filled(n, &|x, z| quadratic(x, [None, Some(lit(LN_2)), None], z)),
        Op::Tan => filled(n, &|x, z| quadratic(x, [Some(lit(1.0)), None, Some(lit(1.0))], z)),
        Op::Tanh => filled(n, &|x, z| quadratic(x, [Some(lit(1.0)), None, Some(lit(-1.0))], z)),
        Op::Sigmoid => filled(n, &|x, z| quadratic(x, [None, Some(lit(1.0)), Some(lit(-1.0))], z)),
        Op::Sin => filled(n, &|x, z| pair(x, z, x[0].cos(), true)),
        Op::Cos => filled(n, &|x, z| pair(x, z, -x[0].sin(), true)),
        Op::Sinh => filled(n, &|x, z| pair(x, z, x[0].cosh(), false)),
        Op::Cosh => filled(n, &|x, z| pair(x, z, x[0].sinh(), false)),
        // A sign is a constant; the op table's edge asks for the operation itself.
        Op::Copysign => {
            let sign = x[0].value().signum() * lit::<T>(1.0).copysign(x[1].value());
            filled(lengths(0), &|x, z| each(z, |k| scaled(x[k], sign)))
        }
        // x − q·y for a whole number q
        Op::Rem => {
            let q = ((x[0].value() - z0) / x[1].value()).round();
            replaced(x[0] - x[1] * Series::constant(q), z0)
        }
        Op::Hypot => with_second(n, &hypot),
        Op::Direction => {
            let apart = z0.ne(lit(0.0)) | x[1].value().ne(lit(0.0));
            replaced(Series::chosen(apart, x[0] / x[0].hypot(x[1]), Series::constant(lit(0.0))), z0)
        }
        Op::Lgamma => composed(x[0], z0, &|x, k| if k == 1 { x.digamma() } else { x.polygamma(k as i32 - 1) }),
        Op::Digamma => composed(x[0], z0, &|x, k| x.polygamma(k as i32)),
        Op::Polygamma(m) => composed(x[0], z0, &|x, k| x.polygamma(m.saturating_add(k as i32))),
        _ => return None,
    })
}

/// Fills in all but the first coefficient.
#[track_caller]
fn each<T: Real>(z: &mut [T], coefficient: impl Fn(usize) -> T) {
    for (k, z) in z.iter_mut().enumerate().skip(1) {
        *z = coefficient(k);
    }
}

/// The series with this first coefficient.
fn replaced<T: Real, S: Storage<T>>(series: Series<T, S>, z0: T) -> Series<T, S> {
    series.with(|from| {
        Series::filled(from.len(), |z| {
            z.copy_from_slice(from);
            z[0] = z0;
        })
    })
}

#[inline(always)]
fn at<T: Real>(x: &[T], k: usize) -> T {
    x.get(k).copied().unwrap_or(lit(0.0))
}

#[inline(always)]
fn or_zero<T: Real>(x: Option<T>) -> T {
    x.unwrap_or(lit(0.0))
}

/// x − y
#[inline(always)]
#[track_caller]
fn minus<T: Real>(x: T, y: Option<T>) -> T {
    match y {
        None => x,
        Some(y) if x.is_absent() => -y,
        Some(y) => x - y,
    }
}

/// x·y, and nothing of nothing.
#[inline(always)]
#[track_caller]
fn scaled<T: Real>(x: T, y: T) -> T {
    if x.is_absent() { x } else { x * y }
}

/// x / k
#[inline(always)]
#[track_caller]
fn over<T: Real>(x: T, k: usize) -> T {
    if k == 1 || x.is_absent() { x } else { x / lit(k as f64) }
}

/// Σ xⱼ·y₍ₖ₋ⱼ₎ over j from `first` to `last`; nothing if there is no term.
#[inline(always)]
#[track_caller]
pub(super) fn convolved<T: Real>(x: &[T], y: &[T], k: usize, first: usize, last: usize) -> Option<T> {
    let mut sum: Option<T> = None;
    let from = first.max((k + 1).saturating_sub(y.len()));
    for j in from..x.len().min(last + 1) {
        let (x, y) = (x[j], y[k - j]);
        if x.is_absent() || y.is_absent() {
            continue;
        }
        sum = Some(match sum {
            None => x * y,
            Some(sum) => sum + x * y,
        });
    }
    sum
}

/// The coefficients of x′.
fn slope<T: Real>(x: &[T]) -> smallvec::SmallVec<[T; 32]> {
    let times = |(k, &x): (usize, &T)| if k == 1 || x.is_absent() { x } else { x * lit(k as f64) };
    x.iter().enumerate().skip(1).map(times).collect()
}

/// z·y = x
#[track_caller]
fn quotient<T: Real>(x: &[T], y: &[T], z: &mut [T]) {
    let r = y[0].recip();
    for k in 1..z.len() {
        z[k] = scaled(minus(at(x, k), convolved(y, z, k, 1, k)), r);
    }
}

/// z = xʳ for a constant r: x·z′ = r·z·x′
#[track_caller]
fn power<T: Real>(x: &[T], r: T, z: &mut [T]) {
    let (dx, inverse) = (slope(x), x[0].recip());
    let mut dz: smallvec::SmallVec<[T; 32]> = smallvec::SmallVec::new();
    for k in 1..z.len() {
        let right = scaled(or_zero(convolved(&dx, z, k - 1, 0, k - 1)), r);
        dz.push(scaled(minus(right, convolved(x, &dz, k - 1, 1, k - 1)), inverse));
        z[k] = over(dz[k - 1], k);
    }
}

/// z′ = (a + b·z + c·z²)·x′ for constants a, b, c.
#[track_caller]
fn quadratic<T: Real>(x: &[T], [a, b, c]: [Option<T>; 3], z: &mut [T]) {
    let dx = slope(x);
    let mut w: smallvec::SmallVec<[T; 32]> = smallvec::SmallVec::new();
    for k in 1..z.len() {
        let mut next = a.filter(|_| k == 1).unwrap_or(lit(0.0));
        if let Some(b) = b {
            next = plus(next, if b.known() == Some(1.0) { z[k - 1] } else { scaled(z[k - 1], b) });
        }
        if let (Some(c), Some(square)) = (c, convolved(z, z, k - 1, 0, k - 1)) {
            next = if c.known() == Some(-1.0) { minus(next, Some(square)) } else { plus(next, scaled(square, c)) };
        }
        w.push(next);
        z[k] = over(or_zero(convolved(&dx, &w, k - 1, 0, k - 1)), k);
    }
}

/// z′ = w·x′ and w′ = ∓z·x′: sine and cosine, or (`circular` not) their hyperbolic relatives.
#[track_caller]
fn pair<T: Real>(x: &[T], z: &mut [T], w0: T, circular: bool) {
    let dx = slope(x);
    let mut w: smallvec::SmallVec<[T; 32]> = smallvec::smallvec![w0];
    for k in 1..z.len() {
        z[k] = over(or_zero(convolved(&dx, &w, k - 1, 0, k - 1)), k);
        let next = over(or_zero(convolved(&dx, z, k - 1, 0, k - 1)), k);
        w.push(if circular && !next.is_absent() { -next } else { next });
    }
}

/// z′ = (x/z)·x′ + (y/z)·y′, whose quotients do not overflow where x² would; constant at the origin, by the op table's convention.
#[track_caller]
fn hypot<T: Real>(x: &[T], y: &[T], z: &mut [T]) {
    let (dx, dy) = (slope(x), slope(y));
    let apart = z[0].ne(lit(0.0));
    let r = z[0].recip();
    let mut quotients: [smallvec::SmallVec<[T; 32]>; 2] = [x, y].map(|x| smallvec::smallvec![x[0] / z[0]]);
    for k in 1..z.len() {
        let [u, v] = &quotients;
        let sum = plus(or_zero(convolved(&dx, u, k - 1, 0, k - 1)), or_zero(convolved(&dy, v, k - 1, 0, k - 1)));
        z[k] = T::select(apart, over(sum, k), lit(0.0));
        for (x, u) in [x, y].into_iter().zip(&mut quotients) {
            let next = scaled(minus(at(x, k), convolved(z, u, k, 1, k)), r);
            u.push(next);
        }
    }
}

/// f(x) from the derivatives f⁽ᵏ⁾ at the point, by Horner's scheme in x − x₀.
#[track_caller]
fn composed<T: Real, S: Storage<T>>(x: Series<T, S>, z0: T, derivative: &dyn Fn(T, usize) -> T) -> Series<T, S> {
    let rest = replaced(x, lit(0.0));
    let mut factorial = 1.0;
    let coefficients: Vec<T> = (1..S::limit())
        .map(|k| {
            factorial *= k as f64;
            derivative(x.value(), k) / lit(factorial)
        })
        .collect();
    let series = coefficients.iter().rev().fold(Series::constant(lit(0.0)), |sum, &c| (sum + Series::constant(c)) * rest);
    replaced(series, z0)
}
