//! Powers with exponents that are not whole, which are singular at 0: there, and where lower coefficients are too small or too large for
//! numbers, a recurrence that starts from them says nothing.
//!
//! In: the coefficients of a base and of an exponent. Out: those of the power behind the first, which is its value.

use super::convolution::{along, convolved, each_from, is_zero, or_zero, over, plus, scaled, slope};
use super::series::{Jet, Series, first};
use crate::op::{EdgeMap, Real, lit, rule};

type Coefficients<T> = smallvec::SmallVec<[T; 32]>;

/// Whether it is known to be so far from 0 and ∞ that neither its quotients nor its products with others like it leave the numbers.
fn is_calm<T: Real>(x: T) -> bool {
    x.known().is_some_and(|x| (1e-9..1e9).contains(&x.abs()))
}

/// z = ∛x
#[track_caller]
pub(super) fn cbrt<T: Real>(x: &[T], z: &mut [T]) {
    let z0 = z[0];
    each_from(z, 1, || first(rule::cbrt(x[0], z0), [x]));
    let q = quotients(x);
    for k in 2..z.len() {
        z[k] = of_quotients(&q, lit(1.0 / 3.0), z, k);
    }
}

/// z = xᵐ for a whole m < 0. At 0 each coefficient is infinite, and the recurrence has the signs.
#[track_caller]
pub(super) fn negative<T: Real>(x: &[T], m: i32, z: &mut [T]) {
    let q = quotients(x);
    for k in 1..z.len() {
        z[k] = of_quotients(&q, lit(f64::from(m)), z, k);
    }
}

/// z = xʳ for a constant r.
#[track_caller]
pub(super) fn of_constant<T: Real>(x: &[T], r: T, z: &mut [T]) {
    let (q, z0) = (quotients(x), z[0]);
    let calm = is_calm(x[0]) && is_calm(z0);
    if !calm {
        lowest([x, &[r]], z);
    }
    let mut closed = Closed::new(x, r);
    for k in if calm { 1 } else { 3 }..z.len() {
        let next = of_quotients(&q, r, z, k);
        z[k] = match x[0].known() {
            Some(0.0) => closed.at_zero(k, 0.0),
            // Of a line a coefficient follows from the one before, and does not if that is lost.
            Some(_) if q.len() == 1 && z[k - 1].known().is_some_and(|z| z == 0.0 || z.is_infinite()) => {
                Some(closed.at(x[0], k)).filter(|c| !c.known().is_some_and(f64::is_nan)).unwrap_or(next)
            }
            Some(_) => next,
            // From an infinite coefficient on the recurrence has the signs.
            None if r.known().is_some_and(|r| k as f64 > r + 1.0) => next,
            None => T::select(x[0].eq(lit(0.0)), closed.at_zero(k, 0.0), next),
        };
    }
}

/// z = xʸ: with u = y·ln x, z′ = z·u′.
#[track_caller]
pub(super) fn of_series<T: Real>(x: &[T], y: &[T], z: &mut [T]) {
    lowest([x, y], z);
    if z.len() <= 3 {
        return;
    }
    // The logarithm at the point is a factor of y′ alone: of a negative base it is nothing to a constant exponent.
    let constant = T::select(x[0].eq(lit(0.0)), lit(1.0), x[0]).ln();
    let dx = slope(x);
    let mut dln: Coefficients<T> = smallvec::smallvec![];
    for k in 0..if x.len() > 1 { z.len() - 1 } else { 0 } {
        let own = dx.get(k).copied().unwrap_or(lit(0.0));
        let rest = match convolved(x, &dln, k, 1, k) {
            None => own,
            Some(sum) if own.is_absent() => -sum,
            Some(sum) => own - sum,
        };
        dln.push(if rest.is_absent() { rest } else { rest / x[0] });
    }
    // u′ = y·(ln x)′ + y′·ln x
    let ln: Coefficients<T> = std::iter::once(lit(0.0)).chain(dln.iter().enumerate().map(|(k, &d)| over(d, k + 1))).collect();
    let dy = slope(y);
    let du: Coefficients<T> = (0..z.len() - 1)
        .map(|k| {
            let of_base = plus(or_zero(convolved(y, &dln, k, 0, k)), or_zero(along(&dy, &ln, k)));
            let change = dy.get(k).copied().filter(|dy| !dy.is_absent());
            plus(of_base, or_zero(change.and_then(|dy| EdgeMap::Strong(constant).apply(dy))))
        })
        .collect();
    let mut closed = Closed::new(x, y[0]);
    for k in 3..z.len() {
        let next = over(or_zero(along(&du, z, k - 1)), k);
        z[k] = match x[0].known() {
            _ if x.len() == 1 => next,
            Some(0.0) => closed.at_zero(k, f64::NAN),
            Some(_) => next,
            None => T::select(x[0].eq(lit(0.0)), closed.at_zero(k, f64::NAN), next),
        };
    }
}

/// The first two coefficients behind the value, by the op table: its edges, over series of two coefficients.
#[track_caller]
fn lowest<T: Real>(x: [&[T]; 2], z: &mut [T]) {
    let z0 = z[0];
    each_from(z, 1, || first(rule::powf(x[0][0], x[1][0], z0), x));
    if z.len() < 3 {
        return;
    }
    let of = |x: &[T]| Jet::<T, 2>::from_slice(&x[..x.len().min(2)]);
    let edges = rule::powf(of(x[0]), of(x[1]), Jet::from_slice(&z[..2]));
    let mut sum = lit(0.0);
    for (edge, x) in edges.into_iter().zip(x) {
        if x.len() > 1 {
            let term = Series::passed(edge, Jet::<T, 2>::from_slice(&slope(x)));
            sum = plus(sum, term.map_or(lit(0.0), |term| term.coefficient(1)));
        }
    }
    z[2] = over(sum, 2);
}

/// xₖ / x₀ from k = 1 on.
fn quotients<T: Real>(x: &[T]) -> Coefficients<T> {
    x[1..].iter().map(|&c| if c.is_absent() { c } else { c / x[0] }).collect()
}

/// A coefficient of xʳ from those before, with qⱼ = xⱼ/x₀: Σ (j·r + j − k)/k·qⱼ·zₖ₋ⱼ. Where x₀ is 0 it has the sign of the limit, which is
/// the first term's.
#[track_caller]
fn of_quotients<T: Real>(q: &[T], r: T, z: &[T], k: usize) -> T {
    let mut sum = lit(0.0);
    for j in 1..=k.min(q.len()) {
        let (q, z) = (q[j - 1], z[k - j]);
        if is_zero(&q) || z.is_absent() {
            continue;
        }
        let weight = match r.known() {
            Some(r) => lit((j as f64 * r - (k - j) as f64) / k as f64),
            None => (lit::<T>(j as f64) * r - lit((k - j) as f64)) / lit(k as f64),
        };
        if is_zero(&weight) {
            continue;
        }
        let next = plus(sum, q * z * weight);
        if next.known().is_some_and(f64::is_nan) && sum.known().is_some_and(f64::is_infinite) {
            return sum;
        }
        sum = next;
    }
    sum
}

/// The k-th coefficient of a power of a line: C(r, k)·x₀ʳ⁻ᵏ·x₁ᵏ.
struct Closed<T> {
    r: T,
    slope: T,
    /// C(r, k) and x₁ᵏ, for the last k that was asked for.
    k: usize,
    ways: T,
    power: T,
}

impl<T: Real> Closed<T> {
    fn new(x: &[T], r: T) -> Self {
        let slope = x.get(1).copied().unwrap_or(lit(0.0));
        Closed { r, slope, k: 0, ways: lit(1.0), power: lit(1.0) }
    }

    fn go_to(&mut self, k: usize) {
        while self.k < k {
            let from = lit(self.k as f64);
            self.k += 1;
            self.ways = self.ways * (self.r - from) / lit(self.k as f64);
            self.power = scaled(self.slope, self.power);
        }
    }

    #[track_caller]
    fn at(&mut self, x: T, k: usize) -> T {
        self.go_to(k);
        self.ways * x.powf(self.r - lit(k as f64)) * self.power
    }

    /// At x₀ = 0, where curves are as their tangents; `whole` beyond a whole power.
    #[track_caller]
    fn at_zero(&mut self, k: usize, whole: f64) -> T {
        self.go_to(k);
        let order = lit(k as f64);
        if self.r.known().is_some_and(|r| r > k as f64) {
            return lit(0.0);
        }
        let infinite = self.ways * lit(f64::INFINITY);
        let beyond = if whole.is_nan() { infinite } else { T::select(self.ways.eq(lit(0.0)), lit(whole), infinite) };
        let factor = T::select(self.r.eq(order), lit(1.0), beyond);
        T::select(self.r.gt(order), lit(0.0), scaled(self.power, factor))
    }
}
