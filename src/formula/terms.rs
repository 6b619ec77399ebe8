//! Expressions as mathematics has them, for a reader: sums with like terms collected, products with powers of equal bases merged. Equal ones are
//! stored once. What is known of real numbers holds; rounding is left aside.

use super::number::Number;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::Op;
use std::collections::HashMap;

/// So many summands, factors and arguments there may be in all.
const MOST: usize = 1 << 21;

/// An expression's number; parts have smaller ones.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Term {
    Number(Number),
    Flag(bool),
    Pi,
    E,
    Input(u32),
    /// At least two summands, none of them a sum or with a coefficient of its own; a number is a multiple of 1.
    Sum(Box<[(Number, Id)]>),
    /// A coefficient, and bases with their exponents.
    Product(Number, Box<[(Id, Id)]>),
    Call(Op, Box<[Id]>),
}

pub(super) struct Terms {
    all: Vec<Term>,
    known: HashMap<Term, Id>,
    used: usize,
}

pub(super) const ZERO: Id = Id(0);
pub(super) const ONE: Id = Id(1);

impl Terms {
    pub(super) fn new() -> Terms {
        let mut terms = Terms { all: vec![], known: HashMap::new(), used: 0 };
        terms.number(Number::ZERO);
        terms.number(Number::ONE);
        terms
    }

    pub(super) fn get(&self, id: Id) -> &Term {
        &self.all[id.0 as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// That there are not too many.
    pub(super) fn check(&self) -> Result<()> {
        if self.used <= MOST {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Limit, format!("written for a reader, the function has more than {MOST} summands and factors")))
    }

    pub(super) fn intern(&mut self, term: Term) -> Id {
        if let Some(&id) = self.known.get(&term) {
            return id;
        }
        self.used += match &term {
            Term::Sum(parts) => parts.len(),
            Term::Product(_, parts) => parts.len(),
            Term::Call(_, parts) => parts.len(),
            _ => 1,
        };
        let id = Id(self.all.len() as u32);
        self.all.push(term.clone());
        self.known.insert(term, id);
        id
    }

    pub(super) fn number(&mut self, n: Number) -> Id {
        self.intern(Term::Number(n))
    }

    pub(super) fn whole(&mut self, n: i64) -> Id {
        self.number(Number::Ratio(n, 1))
    }

    pub(super) fn half(&mut self) -> Id {
        self.number(Number::Ratio(1, 2))
    }

    /// The number that an expression is.
    pub(super) fn value(&self, id: Id) -> Option<Number> {
        match self.get(id) {
            Term::Number(n) => Some(*n),
            _ => None,
        }
    }

    /// The coefficient of an expression, and the rest.
    pub(super) fn split(&mut self, id: Id) -> (Number, Id) {
        match self.get(id) {
            Term::Number(n) => (*n, ONE),
            Term::Product(c, _) if *c == Number::ONE => (Number::ONE, id),
            Term::Product(c, factors) => {
                let (c, factors) = (*c, factors.clone());
                (c, self.product(Number::ONE, factors))
            }
            _ => (Number::ONE, id),
        }
    }

    fn product(&mut self, c: Number, factors: Box<[(Id, Id)]>) -> Id {
        match &*factors {
            _ if c == Number::ZERO => ZERO,
            [] => self.number(c),
            [(base, ONE)] if c == Number::ONE => *base,
            _ => self.intern(Term::Product(c, factors)),
        }
    }

    /// A multiple. −1 goes into a sum; other numbers stand in front of it.
    pub(super) fn scaled(&mut self, c: Number, id: Id) -> Id {
        match self.get(id) {
            Term::Number(n) => {
                let n = c.times(*n);
                self.number(n)
            }
            Term::Sum(_) if c == Number::ONE.negated() => self.sum(&[(c, id)]),
            Term::Product(d, factors) => {
                let (c, factors) = (c.times(*d), factors.clone());
                match &*factors {
                    &[(sum, ONE)] if c == Number::ONE.negated() => self.sum(&[(c, sum)]),
                    _ => self.product(c, factors),
                }
            }
            _ => self.product(c, [(id, ONE)].into()),
        }
    }

    pub(super) fn negated(&mut self, id: Id) -> Id {
        self.scaled(Number::ONE.negated(), id)
    }

    pub(super) fn add(&mut self, a: Id, b: Id) -> Id {
        self.sum(&[(Number::ONE, a), (Number::ONE, b)])
    }

    pub(super) fn sub(&mut self, a: Id, b: Id) -> Id {
        self.sum(&[(Number::ONE, a), (Number::ONE.negated(), b)])
    }

    /// A sum of multiples, like terms collected.
    pub(super) fn sum(&mut self, parts: &[(Number, Id)]) -> Id {
        let mut flat: Vec<(Number, Id)> = vec![];
        for &(c, id) in parts {
            // A sum, or a multiple of one.
            let (c, inner) = match self.get(id) {
                Term::Product(d, factors) if matches!(&**factors, [(_, ONE)]) => (c.times(*d), factors[0].0),
                _ => (c, id),
            };
            match self.get(inner) {
                Term::Sum(parts) => flat.extend(parts.iter().map(|(d, id)| (c.times(*d), *id))),
                _ => {
                    let (d, rest) = self.split(inner);
                    flat.push((c.times(d), rest));
                }
            }
        }
        self.used += flat.len() / 8;
        let mut places: HashMap<Id, usize> = HashMap::new();
        let mut collected: Vec<(Number, Id)> = vec![];
        for (c, id) in flat {
            match places.get(&id) {
                Some(&at) => collected[at].0 = collected[at].0.plus(c),
                None => {
                    places.insert(id, collected.len());
                    collected.push((c, id));
                }
            }
        }
        self.join_choices(&mut collected);
        collected.retain(|(c, _)| *c != Number::ZERO);
        collected.sort_by_key(|(_, id)| *id);
        match &*collected {
            [] => ZERO,
            &[(c, id)] => self.scaled(c, id),
            _ => self.intern(Term::Sum(collected.into())),
        }
    }

    /// Makes one choice of two that are 0 where the other one is not.
    fn join_choices(&mut self, parts: &mut [(Number, Id)]) {
        let mut open: HashMap<Id, (usize, Id)> = HashMap::new();
        for k in 0..parts.len() {
            let (c, id) = parts[k];
            let &Term::Call(Op::Select, ref args) = self.get(id) else { continue };
            let &[condition, value, ZERO] = &**args else { continue };
            let opposite = self.call(Op::Not, &[condition]);
            match open.remove(&opposite) {
                Some((at, other)) => {
                    let (first, second) = (self.scaled(parts[at].0, other), self.scaled(c, value));
                    let strict = |id| matches!(self.get(id), Term::Call(Op::Gt | Op::Lt | Op::Eq, _));
                    let args = match strict(condition) && !strict(opposite) {
                        true => [condition, second, first],
                        false => [opposite, first, second],
                    };
                    parts[at] = (Number::ONE, self.call(Op::Select, &args));
                    parts[k].0 = Number::ZERO;
                }
                None => drop(open.insert(condition, (k, value))),
            }
        }
    }

    pub(super) fn mul(&mut self, a: Id, b: Id) -> Id {
        let mut c = Number::ONE;
        let mut factors = vec![];
        for id in [a, b] {
            match self.get(id) {
                Term::Number(n) => c = c.times(*n),
                Term::Product(d, more) => {
                    c = c.times(*d);
                    factors.extend_from_slice(more);
                }
                _ => factors.push((id, ONE)),
            }
        }
        if let [(base, ONE)] = *factors {
            return self.scaled(c, base);
        }
        self.merged(c, factors)
    }

    pub(super) fn div(&mut self, a: Id, b: Id) -> Id {
        let b = self.recip(b);
        self.mul(a, b)
    }

    pub(super) fn recip(&mut self, a: Id) -> Id {
        let minus_one = self.whole(-1);
        self.power(a, minus_one)
    }

    pub(super) fn sqrt(&mut self, a: Id) -> Id {
        let half = self.half();
        self.power(a, half)
    }

    /// eˣ
    pub(super) fn exp(&mut self, a: Id) -> Id {
        let e = self.intern(Term::E);
        self.power(e, a)
    }

    /// A product of powers; those of one base are merged.
    fn merged(&mut self, mut c: Number, mut factors: Vec<(Id, Id)>) -> Id {
        loop {
            self.used += factors.len() / 8;
            let mut places: HashMap<Id, usize> = HashMap::new();
            let mut merged: Vec<(Id, Id)> = vec![];
            for (base, exponent) in factors {
                match places.get(&base) {
                    Some(&at) => merged[at].1 = self.add(merged[at].1, exponent),
                    None => {
                        places.insert(base, merged.len());
                        merged.push((base, exponent));
                    }
                }
            }
            let mut opened = false;
            factors = vec![];
            for (base, exponent) in merged {
                let n = self.value(exponent).and_then(Number::whole);
                match (self.get(base).clone(), n) {
                    (_, Some(0)) => {}
                    (Term::Number(b), Some(n)) if b.power(n).is_some() => c = c.times(b.power(n).unwrap_or(b)),
                    (Term::Product(d, inner), Some(n)) if d.power(n).is_some() => {
                        opened = true;
                        c = c.times(d.power(n).unwrap_or(d));
                        for (base, e) in inner {
                            let exponent = self.mul(e, exponent);
                            factors.push((base, exponent));
                        }
                    }
                    _ => factors.push((base, exponent)),
                }
            }
            if !opened {
                factors.sort();
                return self.product(c, factors.into());
            }
        }
    }

    pub(super) fn power(&mut self, base: Id, exponent: Id) -> Id {
        let n = self.value(exponent);
        match (self.get(base), n) {
            (_, Some(n)) if n == Number::ZERO => ONE,
            (_, Some(n)) if n == Number::ONE => base,
            (Term::Number(b), _) if *b == Number::ONE => ONE,
            (Term::Number(b), Some(Number::Ratio(1, 2))) if b.root().is_some() => {
                let root = b.root().unwrap_or(*b);
                self.number(root)
            }
            // A power of a positive number has powers of its own.
            (Term::Product(c, factors), _) if *c == Number::ONE && factors.iter().all(|(base, _)| self.is_positive(*base)) => {
                let mut all = vec![];
                for (base, e) in factors.clone() {
                    let e = self.mul(e, exponent);
                    all.push((base, e));
                }
                self.merged(Number::ONE, all)
            }
            _ => self.merged(Number::ONE, vec![(base, exponent)]),
        }
    }

    fn is_positive(&self, id: Id) -> bool {
        match self.get(id) {
            Term::E | Term::Pi => true,
            Term::Number(n) => n.value() > 0.0,
            _ => false,
        }
    }
}
