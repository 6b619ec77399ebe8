//! Functions and conditions of expressions: what is known of them for all real numbers.

use super::number::Number;
use super::terms::{Id, ONE, Term, Terms, ZERO};
use crate::op::Op;

impl Terms {
    /// A function of expressions.
    pub(super) fn call(&mut self, op: Op, args: &[Id]) -> Id {
        let known = match *args {
            [x] => self.of_one(op, x),
            [x, y] => self.of_two(op, x, y),
            _ => self.choice(op, args),
        };
        known.unwrap_or_else(|| self.intern(Term::Call(op, args.into())))
    }

    pub(super) fn flag(&mut self, b: bool) -> Id {
        self.intern(Term::Flag(b))
    }

    fn is_negative(&self, id: Id) -> bool {
        match self.get(id) {
            Term::Number(n) => n.is_negative(),
            Term::Product(c, _) => c.is_negative(),
            Term::Sum(parts) => parts.iter().all(|(c, _)| c.is_negative()),
            _ => false,
        }
    }

    fn of_one(&mut self, op: Op, x: Id) -> Option<Id> {
        use Op::*;
        let is_odd = matches!(op, Sin | Tan | Asin | Atan | Sinh | Tanh | Asinh | Atanh | Erf | Signum);
        match op {
            Sin | Tan | Asin | Atan | Sinh | Tanh | Asinh | Atanh | Erf | Abs if x == ZERO => Some(ZERO),
            Cos | Cosh if x == ZERO => Some(ONE),
            Ln | Log2 | Log10 if x == ONE => Some(ZERO),
            Floor | Ceil | Round | Trunc if self.value(x).and_then(Number::whole).is_some() => Some(x),
            _ if is_odd && self.is_negative(x) => {
                let x = self.negated(x);
                let value = self.call(op, &[x]);
                Some(self.negated(value))
            }
            Cos | Cosh | Abs if self.is_negative(x) => {
                let x = self.negated(x);
                Some(self.call(op, &[x]))
            }
            Abs => self.value(x).map(|_| x),
            Ln => match self.get(x) {
                Term::E => Some(ONE),
                Term::Product(c, factors) if *c == Number::ONE => match **factors {
                    [(base, exponent)] if *self.get(base) == Term::E => Some(exponent),
                    _ => None,
                },
                _ => None,
            },
            Not => match *self.get(x) {
                Term::Flag(b) => Some(self.flag(!b)),
                Term::Call(Not, ref args) => Some(args[0]),
                Term::Call(op, ref args) => {
                    let args = args.clone();
                    opposite(op).map(|op| self.call(op, &args))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn of_two(&mut self, op: Op, x: Id, y: Id) -> Option<Id> {
        use Op::*;
        if let And | Or = op {
            let absorbing = op == Or;
            return match (self.get(x), self.get(y)) {
                _ if x == y => Some(x),
                (Term::Flag(b), _) => Some(if *b == absorbing { x } else { y }),
                (_, Term::Flag(b)) => Some(if *b == absorbing { y } else { x }),
                _ => None,
            };
        }
        if let Min | Max = op {
            return (x == y).then_some(x);
        }
        let (a, b) = (self.value(x), self.value(y));
        if x == y && a.is_none_or(|a| !a.value().is_nan()) {
            let known = match op {
                Eq | Le | Ge => true,
                Ne | Lt | Gt => false,
                _ => return None,
            };
            return Some(self.flag(known));
        }
        let known = match (op, a, b) {
            (Lt, Some(a), Some(b)) => a.value() < b.value(),
            (Le, Some(a), Some(b)) => a.value() <= b.value(),
            (Gt, Some(a), Some(b)) => a.value() > b.value(),
            (Ge, Some(a), Some(b)) => a.value() >= b.value(),
            (Eq, Some(a), Some(b)) => a.value() == b.value(),
            (Ne, Some(a), Some(b)) => a.value() != b.value(),
            // A real number is not infinite.
            (Eq, Some(n), None) | (Eq, None, Some(n)) if n.value().is_infinite() => false,
            (Ne, Some(n), None) | (Ne, None, Some(n)) if n.value().is_infinite() => true,
            (_, Some(_), None) => return mirrored(op).map(|op| self.call(op, &[y, x])),
            _ => return None,
        };
        Some(self.flag(known))
    }

    fn choice(&mut self, op: Op, args: &[Id]) -> Option<Id> {
        match (op, args) {
            (Op::Select, &[_, a, b]) if a == b => Some(a),
            (Op::Select, &[c, a, b]) => match self.get(c) {
                Term::Flag(holds) => Some(if *holds { a } else { b }),
                // The sign of 0 is 0.
                Term::Call(Op::Ne, compared) if b == ZERO && compared[1] == ZERO => {
                    let x = compared[0];
                    let sign = self.call(Op::Signum, &[x]);
                    let (_, sign) = self.split(sign);
                    let is_factor = match self.get(a) {
                        Term::Product(_, factors) => factors.iter().any(|(base, _)| *base == sign),
                        _ => a == sign,
                    };
                    is_factor.then_some(a)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The comparison that holds where another does not.
fn opposite(op: Op) -> Option<Op> {
    Some(match op {
        Op::Lt => Op::Ge,
        Op::Le => Op::Gt,
        Op::Gt => Op::Le,
        Op::Ge => Op::Lt,
        Op::Eq => Op::Ne,
        Op::Ne => Op::Eq,
        _ => return None,
    })
}

/// The comparison with its sides exchanged.
fn mirrored(op: Op) -> Option<Op> {
    Some(match op {
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        Op::Ge => Op::Le,
        Op::Eq => Op::Eq,
        Op::Ne => Op::Ne,
        _ => return None,
    })
}
