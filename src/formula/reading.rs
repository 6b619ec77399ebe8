//! A function as expressions for a reader. What the op table's derivatives have for the sake of floats and of single points is left out: guards
//! against overflow, and what holds at a kink or at a pole.

use super::number::Number;
use super::terms::{Id, ONE, Term, Terms, ZERO};
use super::writer::unsayable;
use crate::base::{Shape, Width};
use crate::error::Result;
use crate::graph::{Function, Graph, Kind, NodeId};
use crate::op::Op;
use std::f64::consts;

pub(super) struct Reading<'f> {
    graph: &'f Graph,
    width: Width,
    pub(super) terms: Terms,
    /// What has become of each node.
    map: Vec<Id>,
}

impl<'f> Reading<'f> {
    pub(super) fn new(f: &'f Function) -> Result<Reading<'f>> {
        let graph = f.graph();
        let mut reading = Reading { graph, width: f.width(), terms: Terms::new(), map: vec![ZERO; graph.len()] };
        let live = graph.reachable(f.output_nodes());
        for id in graph.ids().filter(|id| live[id.index()]) {
            let node = graph.node(id);
            reading.map[id.index()] = match node.kind() {
                Kind::Input(slot) => reading.terms.intern(Term::Input(slot)),
                Kind::Const(bits) => reading.constant(f64::from_bits(bits)),
                Kind::Flag(b) => reading.terms.flag(b),
                Kind::Apply(op) if node.shape() == Shape::SCALAR => reading.operation(op, id),
                kind => return Err(unsayable(kind, node.shape()).at(node.location())),
            };
            reading.terms.check()?;
        }
        Ok(reading)
    }

    pub(super) fn of(&self, id: NodeId) -> Id {
        self.map[id.index()]
    }

    /// A number, or the irrational one that its digits are of.
    fn constant(&mut self, v: f64) -> Id {
        let is = |known: f64| v.abs() == self.width.round(known);
        let terms = &mut self.terms;
        let found = if is(consts::E) {
            terms.intern(Term::E)
        } else if is(consts::LN_2) {
            let two = terms.whole(2);
            terms.call(Op::Ln, &[two])
        } else if is(consts::LN_10) {
            let ten = terms.whole(10);
            terms.call(Op::Ln, &[ten])
        } else if is(consts::LOG2_E) || is(consts::LOG10_E) {
            let base = terms.whole(if is(consts::LOG2_E) { 2 } else { 10 });
            let ln = terms.call(Op::Ln, &[base]);
            terms.recip(ln)
        } else if is(consts::SQRT_2) || is(consts::FRAC_1_SQRT_2) {
            let two = terms.whole(2);
            let root = terms.sqrt(two);
            if is(consts::SQRT_2) { root } else { terms.recip(root) }
        } else if is(consts::FRAC_2_SQRT_PI) {
            let (two, pi) = (terms.whole(2), terms.intern(Term::Pi));
            let root = terms.sqrt(pi);
            terms.div(two, root)
        } else if is(0.5 * consts::FRAC_2_SQRT_PI * consts::FRAC_1_SQRT_2) {
            let (two, pi) = (terms.whole(2), terms.intern(Term::Pi));
            let both = terms.mul(two, pi);
            let root = terms.sqrt(both);
            terms.recip(root)
        } else if let Some(n) = multiple_of_pi(v.abs(), self.width) {
            let pi = terms.intern(Term::Pi);
            terms.scaled(n, pi)
        } else {
            return terms.number(Number::of(v, self.width));
        };
        if v < 0.0 { self.terms.negated(found) } else { found }
    }

    fn operation(&mut self, op: Op, id: NodeId) -> Id {
        if let Some(found) = self.convention(op, id) {
            return found;
        }
        let args: Vec<Id> = self.graph.operands(id).map(|operand| self.of(operand)).collect();
        let terms = &mut self.terms;
        match (op, &*args) {
            (Op::Add, &[x, y]) => terms.add(x, y),
            (Op::Sub, &[x, y]) => terms.sub(x, y),
            (Op::Mul, &[x, y]) => terms.mul(x, y),
            (Op::Div, &[x, y]) => terms.div(x, y),
            (Op::Neg, &[x]) => terms.negated(x),
            (Op::Detach, &[x]) => x,
            (Op::Recip, &[x]) => terms.recip(x),
            (Op::MulAdd, &[x, y, a]) => {
                let product = terms.mul(x, y);
                terms.add(product, a)
            }
            (Op::Powi(n), &[x]) => {
                let n = terms.whole(i64::from(n));
                terms.power(x, n)
            }
            (Op::Powf, &[x, y]) => terms.power(x, y),
            (Op::Sqrt, &[x]) => terms.sqrt(x),
            (Op::Cbrt, &[x]) => {
                let third = terms.number(Number::Ratio(1, 3));
                terms.power(x, third)
            }
            (Op::Hypot, &[x, y]) => distance(terms, x, y),
            (Op::Direction, &[x, y]) => {
                let distance = distance(terms, x, y);
                terms.div(x, distance)
            }
            (Op::Exp, &[x]) => terms.exp(x),
            (Op::Exp2, &[x]) => {
                let two = terms.whole(2);
                terms.power(two, x)
            }
            (Op::ExpM1, &[x]) => {
                let exp = terms.exp(x);
                terms.sub(exp, ONE)
            }
            (Op::Ln1p, &[x]) => {
                let sum = terms.add(ONE, x);
                terms.call(Op::Ln, &[sum])
            }
            (Op::Log, &[x, b]) => {
                let (x, b) = (terms.call(Op::Ln, &[x]), terms.call(Op::Ln, &[b]));
                terms.div(x, b)
            }
            (Op::SechSquared, &[x]) => {
                let (cosh, minus_two) = (terms.call(Op::Cosh, &[x]), terms.whole(-2));
                terms.power(cosh, minus_two)
            }
            (Op::LogisticDensity, &[x]) => {
                let sigma = terms.call(Op::Sigmoid, &[x]);
                let rest = terms.sub(ONE, sigma);
                terms.mul(sigma, rest)
            }
            (Op::Softplus, &[x]) => {
                let exp = terms.exp(x);
                let sum = terms.add(ONE, exp);
                terms.call(Op::Ln, &[sum])
            }
            (Op::LogAddExp, &[x, y]) => {
                let (x, y) = (terms.exp(x), terms.exp(y));
                let sum = terms.add(x, y);
                terms.call(Op::Ln, &[sum])
            }
            (Op::Xlogy, &[x, y]) => {
                let ln = terms.call(Op::Ln, &[y]);
                terms.mul(x, ln)
            }
            (Op::Relu, &[x]) => terms.call(Op::Max, &[x, ZERO]),
            (Op::LeakyRelu, &[x, alpha]) => {
                let (positive, small) = (terms.call(Op::Gt, &[x, ZERO]), terms.mul(alpha, x));
                terms.call(Op::Select, &[positive, x, small])
            }
            (Op::Fract, &[x]) => {
                let whole = terms.call(Op::Trunc, &[x]);
                terms.sub(x, whole)
            }
            (op, args) => terms.call(op, args),
        }
    }

    /// What the derivatives of the op table write as a choice, though for a reader there is none.
    fn convention(&mut self, op: Op, id: NodeId) -> Option<Id> {
        let operands: Vec<NodeId> = self.graph.operands(id).collect();
        match (op, &*operands) {
            (Op::Select, &[c, a, b]) if self.of(b) == ZERO => {
                let (condition, parts) = self.op(c)?;
                match condition {
                    Op::Ne => self.is_distance(self.not_zero(c)?).then(|| self.of(a)),
                    // What else the choice depends on.
                    Op::And => {
                        let is_guard = |part: &NodeId| self.not_zero(*part).is_some_and(|x| self.is_distance(x));
                        let guard = parts.iter().position(is_guard)?;
                        let args = [self.of(parts[1 - guard]), self.of(a), ZERO];
                        Some(self.terms.call(Op::Select, &args))
                    }
                    Op::Or => {
                        let [one, other] = parts[..] else { return None };
                        let is_power = [one, other].iter().any(|&part| self.is_size_over_zero(part));
                        let is_quotient = self.not_zero(one).is_some()
                            && self.not_zero(other).is_some()
                            && matches!(self.op(a), Some((Op::Div, _)));
                        (is_power || is_quotient).then(|| self.of(a))
                    }
                    _ => None,
                }
            }
            // The logarithm in the derivative of a power, which is that of 1 for a base of 0.
            (Op::Ln, &[x]) => {
                let (Op::Select, parts) = self.op(x)? else { return None };
                let is_zero =
                    matches!(self.op(parts[0]), Some((Op::Eq, compared)) if self.beside(&compared, 0.0) == Some(parts[2]));
                let base = self.of(parts[2]);
                (is_zero && self.is_number(parts[1], 1.0)).then(|| self.terms.call(Op::Ln, &[base]))
            }
            _ => None,
        }
    }

    fn op(&self, id: NodeId) -> Option<(Op, Vec<NodeId>)> {
        Some((self.graph.node(id).op()?, self.graph.operands(id).collect()))
    }

    fn is_number(&self, id: NodeId, v: f64) -> bool {
        matches!(self.graph.node(id).kind(), Kind::Const(bits) if f64::from_bits(bits) == v)
    }

    /// The other one of two operands, of which one is a number.
    fn beside(&self, operands: &[NodeId], v: f64) -> Option<NodeId> {
        match *operands {
            [a, b] if self.is_number(a, v) => Some(b),
            [a, b] if self.is_number(b, v) => Some(a),
            _ => None,
        }
    }

    /// x of `x ≠ 0`.
    fn not_zero(&self, id: NodeId) -> Option<NodeId> {
        let (Op::Ne, compared) = self.op(id)? else { return None };
        self.beside(&compared, 0.0)
    }

    fn is_distance(&self, id: NodeId) -> bool {
        self.graph.node(id).op() == Some(Op::Hypot)
    }

    /// Whether it is `|x| > 0`.
    fn is_size_over_zero(&self, id: NodeId) -> bool {
        let size = |compared: &[NodeId]| matches!(self.op(compared[0]), Some((Op::Abs, _))) && self.is_number(compared[1], 0.0);
        matches!(self.op(id), Some((Op::Gt, compared)) if size(&compared))
    }
}

/// √(x² + y²)
fn distance(terms: &mut Terms, x: Id, y: Id) -> Id {
    let two = terms.whole(2);
    let (x, y) = (terms.power(x, two), terms.power(y, two));
    let sum = terms.add(x, y);
    terms.sqrt(sum)
}

/// The simple fraction of π that a number is.
fn multiple_of_pi(v: f64, width: Width) -> Option<Number> {
    (1..=12).find_map(|q| {
        let p = (v * q as f64 / consts::PI).round();
        let is = |w: f64| width.round(w) == v;
        let found = (1.0..=24.0).contains(&p) && (is(p * consts::PI / q as f64) || is(consts::PI / q as f64 * p));
        found.then(|| Number::Ratio(p as i64, 1).times(Number::Ratio(1, q)))
    })
}
