//! The numbers of a formula for a reader: fractions as long as they are exact, else floats.

use super::writer;
use crate::base::Width;
use std::hash::{Hash, Hasher};

/// A fraction in lowest terms with a positive denominator, or a float.
#[derive(Copy, Clone, Debug)]
pub(super) enum Number {
    Ratio(i64, i64),
    Float(f64),
}

use Number::{Float, Ratio};

impl Number {
    pub(super) const ZERO: Number = Ratio(0, 1);
    pub(super) const ONE: Number = Ratio(1, 1);

    /// What a constant is meant as: a whole number, a simple fraction if its digits are not shorter, else as it is.
    pub(super) fn of(v: f64, width: Width) -> Number {
        let fraction = |q: i64, most: f64| {
            let p = (v * q as f64).round();
            (p.abs() <= most && width.round(p / q as f64) == v).then(|| Number::ratio(p as i64, q))
        };
        let digits = writer::number(v, width).chars().filter(char::is_ascii_digit).count();
        let thirds = || if digits > 6 { (3..=12).find_map(|q| fraction(q, 1e3)) } else { None };
        let halves = || [2, 4, 8, 16].into_iter().find_map(|q| fraction(q, 1e3));
        fraction(1, 1e15).or_else(halves).or_else(thirds).unwrap_or(Float(v))
    }

    fn ratio(p: i64, q: i64) -> Number {
        let (mut a, mut b) = (p.unsigned_abs(), q.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let a = a.max(1) as i64;
        if q < 0 { Ratio(-p / a, -q / a) } else { Ratio(p / a, q / a) }
    }

    /// A fraction whose parts are of a size that no sign is lost.
    fn checked(p: Option<i64>, q: Option<i64>) -> Option<Number> {
        let small = |v: i64| v.unsigned_abs() <= 1 << 53;
        let (p, q) = (p?, q?);
        (q != 0 && small(p) && small(q)).then(|| Number::ratio(p, q))
    }

    /// What comes out of floats, which may be whole.
    fn rounded(v: f64) -> Number {
        if v.fract() == 0.0 && v.abs() < 1e15 { Ratio(v as i64, 1) } else { Float(v) }
    }

    pub(super) fn value(self) -> f64 {
        match self {
            Ratio(p, q) => p as f64 / q as f64,
            Float(v) => v,
        }
    }

    pub(super) fn plus(self, other: Number) -> Number {
        let exact = match (self, other) {
            (Ratio(p, q), Ratio(r, s)) => {
                let sum = p.checked_mul(s).zip(r.checked_mul(q)).and_then(|(a, b)| a.checked_add(b));
                Number::checked(sum, q.checked_mul(s))
            }
            _ => None,
        };
        exact.unwrap_or_else(|| Number::rounded(self.value() + other.value()))
    }

    pub(super) fn times(self, other: Number) -> Number {
        let exact = match (self, other) {
            (Ratio(0, _), _) | (_, Ratio(0, _)) => Some(Number::ZERO),
            (Ratio(p, q), Ratio(r, s)) => Number::checked(p.checked_mul(r), q.checked_mul(s)),
            _ => None,
        };
        exact.unwrap_or_else(|| Number::rounded(self.value() * other.value()))
    }

    /// A power with a whole exponent; none of 0 with a negative one.
    pub(super) fn power(self, n: i64) -> Option<Number> {
        if n < 0 && self.value() == 0.0 {
            return None;
        }
        let exact = match self {
            Ratio(p, q) => u32::try_from(n.unsigned_abs()).ok().and_then(|m| {
                let (p, q) = (p.checked_pow(m), q.checked_pow(m));
                if n < 0 { Number::checked(q, p) } else { Number::checked(p, q) }
            }),
            Float(_) => None,
        };
        Some(exact.unwrap_or_else(|| Number::rounded(self.value().powf(n as f64))))
    }

    /// The square root, where it is a fraction.
    pub(super) fn root(self) -> Option<Number> {
        let Ratio(p, q) = self else { return None };
        let root = |v: i64| Some((v as f64).sqrt() as i64).filter(|r| v >= 0 && r * r == v);
        Some(Ratio(root(p)?, root(q)?))
    }

    pub(super) fn negated(self) -> Number {
        match self {
            Ratio(p, q) => Ratio(-p, q),
            Float(v) => Float(-v),
        }
    }

    pub(super) fn is_negative(self) -> bool {
        self.value() < 0.0
    }

    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Ratio(p, 1) => Some(p),
            _ => None,
        }
    }

    fn key(self) -> (i64, i64) {
        match self {
            Ratio(p, q) => (p, q),
            Float(v) => (v.to_bits() as i64, 0),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
