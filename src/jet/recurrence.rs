//! The recurrences of operations whose derivative is written with their own value, or with that of an operation whose derivative leads
//! back: each coefficient from those before it (A. Griewank and A. Walther, Evaluating Derivatives, 2008, tables 13.1 and 13.2).
//!
//! In: an operation, its value, and the operands' series. Out: the result's series, in O(N²). The family of ln Γ satisfies no
//! algebraic differential equation (O. Hölder, 1887): its series is composed from the derivatives at the point, in O(N³), which is
//! O(N²) where the operand is a line. Where a recurrence would cancel, or divide by 0, the first coefficients are the op table's.

use super::convolution::{after, along, at, convolved, each_from, minus, or_zero, over, plus, scaled, slope};
use super::powers;
use super::series::{Series, Storage, first};
use crate::op::{EdgeMap, Op, Real, lit, rule};
use std::f64::consts::LN_2;

type Coefficients<T> = smallvec::SmallVec<[T; 32]>;

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
        // A logarithm's slope may overflow where the quotient's does not.
        Op::Log => {
            let [y, b] = [x[0].ln(), x[1].ln()];
            let series = replaced(y / b, z0);
            let edge = x[0].with(|x0| x[1].with(|b| first(rule::log(x0[0], b[0], z0), [x0, b])));
            series.with(|from| {
                Series::filled(from.len().max(n.min(2)), |z| {
                    z[..from.len()].copy_from_slice(from);
                    each_from(z, 1, || edge);
                })
            })
        }
        // z·z = x
        Op::Sqrt => filled(n, &|x, z| {
            let half = lit::<T>(0.5) / z[0];
            each_from(z, 1, || first(rule::sqrt(x[0], z0), [x]));
            for k in 2..z.len() {
                z[k] = scaled(minus(at(x, k), convolved(z, z, k, 1, k - 1)), half);
            }
        }),
        Op::Cbrt => filled(n, &|x, z| powers::cbrt(x, z)),
        Op::Powi(m) => {
            if m == 0 {
                return Some(Series::constant(z0));
            }
            if m < 0 {
                return Some(filled(n, &|x, z| powers::negative(x, m, z)));
            }
            let x = x[0];
            let mut p = x;
            for bit in (0..m.ilog2()).rev() {
                p = p * p;
                if m >> bit & 1 == 1 {
                    p *= x;
                }
            }
            replaced(p, z0)
        }
        Op::Powf if x[1].is_constant() => {
            let y = x[1].value();
            match y.known().filter(|y| y.fract() == 0.0 && y.abs() < 1e9) {
                // Products are right at 0, too.
                Some(m) => return of(Op::Powi(m as i32), z0, &x[..1]),
                None => filled(n, &|x, z| powers::of_constant(x, y, z)),
            }
        }
        Op::Powf => match x[0].value().known().filter(|&x0| x[0].is_constant() && x0 > 0.0) {
            Some(x0) => x[1].with(|y| filled(n, &|_, z| quadratic(y, z0 * lit(x0.ln()), [Some(x0.ln()), None], z))),
            None => with_second(n, &powers::of_series),
        },
        Op::Exp => filled(n, &|x, z| quadratic(x, z0, [Some(1.0), None], z)),
        Op::Exp2 => filled(n, &|x, z| quadratic(x, z0 * lit(LN_2), [Some(LN_2), None], z)),
        Op::Tan => filled(n, &|x, z| quadratic(x, partial(rule::tan(x[0], z0)), [None, Some(1.0)], z)),
        Op::Tanh => filled(n, &|x, z| quadratic(x, partial(rule::tanh(x[0], z0)), [None, Some(-1.0)], z)),
        // (1 + tanh(x/2))/2: the coefficients of z − z² cancel near 0.
        Op::Sigmoid => filled(n, &|x, z| {
            let half = lit::<T>(0.5);
            let x: Coefficients<T> = x.iter().map(|&x| scaled(x, half)).collect();
            let mut t: Coefficients<T> = smallvec::smallvec![x[0].tanh(); z.len()];
            quadratic(&x, partial(rule::tanh(x[0], t[0])), [None, Some(-1.0)], &mut t);
            z[1..].iter_mut().zip(&t[1..]).for_each(|(z, &t)| *z = scaled(t, half));
        }),
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
        Op::Hypot => with_second(n, &|x, y, z| {
            turned(x, y, z);
        }),
        Op::Direction => with_second(n, &|x, y, z| {
            let mut distance = Coefficients::from(&*z);
            distance[0] = x[0].hypot(y[0]);
            z[1..].copy_from_slice(&turned(x, y, &mut distance)[1..]);
        }),
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

/// The op table's partial derivative with respect to the one operand.
#[track_caller]
fn partial<T: Real>([edge]: [EdgeMap<T>; 1]) -> T {
    match edge {
        EdgeMap::Scale(p) => p,
        edge => edge.partial(),
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

/// z·y = x. The divisor's reciprocal may overflow where no quotient does.
#[track_caller]
fn quotient<T: Real>(x: &[T], y: &[T], z: &mut [T]) {
    for k in 1..z.len() {
        let rest = minus(at(x, k), after(y, z, k));
        z[k] = if rest.is_absent() { rest } else { rest / y[0] };
    }
}

/// z′ = (a + b·z + c·z²)·x′ for constants a, b, c. The factor at the point is the op table's, which may be written so that it does not
/// cancel; the rest of its coefficients do not.
#[track_caller]
fn quadratic<T: Real>(x: &[T], factor: T, [b, c]: [Option<f64>; 2], z: &mut [T]) {
    let dx = slope(x);
    let mut w: Coefficients<T> = smallvec::smallvec![factor];
    for k in 1..z.len() {
        z[k] = over(or_zero(along(&dx, &w, k - 1)), k);
        let linear = b.map_or(lit(0.0), |b| if b == 1.0 { z[k] } else { scaled(z[k], lit(b)) });
        let square = if c.is_some() && k + 1 < z.len() { convolved(z, z, k, 0, k) } else { None };
        w.push(if c == Some(-1.0) { minus(linear, square) } else { plus(linear, or_zero(square)) });
    }
}

/// z′ = w·x′ and w′ = ∓z·x′: sine and cosine, or (`circular` not) their hyperbolic relatives.
#[track_caller]
fn pair<T: Real>(x: &[T], z: &mut [T], w0: T, circular: bool) {
    let dx = slope(x);
    let mut w: Coefficients<T> = smallvec::smallvec![w0];
    for k in 1..z.len() {
        z[k] = over(or_zero(along(&dx, &w, k - 1)), k);
        let next = over(or_zero(along(&dx, z, k - 1)), k);
        w.push(if circular && !next.is_absent() { -next } else { next });
    }
}

/// z = √(x² + y²) with the cosine c and the sine s of the point's angle a, of which c is given back: z′ = c·x′ + s·y′,
/// a′ = (c·y′ − s·x′)/z, c′ = −s·a′, s′ = c·a′. Nothing cancels where x and y are of unequal size, nor overflows as x² would. Constant at the
/// origin, by the op table's convention.
#[track_caller]
fn turned<T: Real>(x: &[T], y: &[T], z: &mut [T]) -> Coefficients<T> {
    let (dx, dy) = (slope(x), slope(y));
    let certain = [x, y].iter().any(|x| x.len() == 1 && x[0].known().is_some_and(|x| x != 0.0));
    let [c, s] = rule::hypot(x[0], y[0], z[0]).map(|edge| match edge {
        EdgeMap::ScaleWhere(_, p) if certain => p,
        EdgeMap::ScaleWhere(apart, p) => T::select(apart, p, lit(0.0)),
        edge => edge.partial(),
    });
    let distance = if certain { z[0] } else { T::select(z[0].ne(lit(0.0)), z[0], lit(1.0)) };
    let (mut c, mut s, mut turn): (Coefficients<T>, Coefficients<T>, Coefficients<T>) =
        (smallvec::smallvec![c], smallvec::smallvec![s], smallvec::smallvec![]);
    for k in 1..z.len() {
        z[k] = over(plus(or_zero(along(&dx, &c, k - 1)), or_zero(along(&dy, &s, k - 1))), k);
        let across = minus(or_zero(along(&dy, &c, k - 1)), along(&dx, &s, k - 1));
        let rest = minus(across, after(z, &turn, k - 1));
        turn.push(if rest.is_absent() { rest } else { rest / distance });
        let [dc, ds] = [&s, &c].map(|of| over(or_zero(convolved(&turn, of, k - 1, 0, k - 1)), k));
        c.push(if dc.is_absent() { dc } else { -dc });
        s.push(ds);
    }
    c
}

/// f(x) from the derivatives f⁽ᵏ⁾ at the point, by Horner's scheme in x − x₀.
#[track_caller]
fn composed<T: Real, S: Storage<T>>(x: Series<T, S>, z0: T, derivative: &dyn Fn(T, usize) -> T) -> Series<T, S> {
    let mut factorial = 1.0;
    let coefficients: Vec<T> = (1..S::limit())
        .map(|k| {
            factorial *= k as f64;
            derivative(x.value(), k) / lit(factorial)
        })
        .collect();
    x.with(|x| {
        Series::filled(S::limit(), |z| {
            let mut sum = vec![lit(0.0); z.len()];
            for &c in coefficients.iter().rev() {
                sum[0] = c;
                // x₀ is left out, which may be a pole.
                z.iter_mut().enumerate().skip(1).for_each(|(k, z)| *z = or_zero(convolved(x, &sum, k, 1, k)));
                sum[1..].copy_from_slice(&z[1..]);
            }
            z[0] = z0;
        })
    })
}
