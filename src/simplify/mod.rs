//! Simplification: the same function with fewer or cheaper operations.
//!
//! In and out: a [`Function`]. One walk in topological order; each node is made anew through `Rewriter::make`, which folds
//! constants, applies the rules of the table in `rules` to operands that are simplified already, and shares equal nodes. Nodes that
//! nothing needs any more are dropped at the end. Linear in the graph.

mod pattern;
mod rules;

pub use rules::{Licence, Rewrite};

use crate::base::Shape;
use crate::base::Width;
use crate::graph::{Args, Builder, Function, Kind, NodeId};
use crate::op::{ArrayOp, Op, Value};
use pattern::{Match, Pattern, Prepared};
use std::panic::Location;

/// Which rewrites are allowed; the default is those that hold for every float.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Simplify {
    rounding: bool,
    finite: bool,
}

impl Simplify {
    /// Only rewrites that keep every bit (all NaNs counting as equal).
    pub const EXACT: Simplify = Simplify { rounding: false, finite: false };

    /// Allows rewrites that change the rounding of a result (and with it what over- or underflows on the way).
    pub fn rounding(mut self, allow: bool) -> Self {
        self.rounding = allow;
        self
    }

    /// Allows rewrites that are wrong for NaN, ∞, or the sign of a zero.
    pub fn finite(mut self, allow: bool) -> Self {
        self.finite = allow;
        self
    }

    fn allows(self, licence: Licence) -> bool {
        match licence {
            Licence::Exact => true,
            Licence::Rounding => self.rounding,
            Licence::Finite => self.finite,
            Licence::Real => self.rounding && self.finite,
        }
    }
}

/// The same function, simplified by the rewrites that are allowed; see [`Function::simplify`].
pub(crate) fn simplify(f: &Function, allowed: Simplify) -> Function {
    let prepared = pattern::prepared();
    let width = f.width();
    let simple = f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        match node.kind() {
            Kind::Apply(op) => {
                let mut rewriter = Rewriter { new, prepared, allowed, width, at: node.location() };
                let mut args = Args::from_slice(args);
                args.iter_mut().for_each(|arg| *arg = rewriter.known_number(*arg));
                let simple = rewriter.make(op, &args, FUEL);
                rewriter.shaped(simple, node.shape())
            }
            Kind::Array(_) | Kind::Control(_) => new.intern(node.kind(), args, node.location()),
            kind => new.intern(kind, &[], node.location()),
        }
    });
    let simple = simple.pruned();
    debug_assert!(simple.graph().verify().is_ok(), "{:?}", simple.graph().verify());
    simple
}

/// How deep one rewrite may lead to another before the node is made as it is.
const FUEL: u32 = 16;

/// Makes nodes in their simplest form.
struct Rewriter<'a> {
    new: &'a mut Builder,
    prepared: &'static Prepared,
    allowed: Simplify,
    width: Width,
    at: Option<&'static Location<'static>>,
}

impl Rewriter<'_> {
    fn make(&mut self, op: Op, args: &[NodeId], fuel: u32) -> NodeId {
        if let Some(known) = self.fold(op, args) {
            return known;
        }
        if fuel > 0 {
            if let Some(simpler) = self.strength(op, args, fuel) {
                return simpler;
            }
            for rule in self.prepared.of(op) {
                if !self.allowed.allows(rule.licence) {
                    continue;
                }
                let mut found = Match::default();
                if rule.left.matches_node(self.new.graph(), op, args, &mut found) {
                    return self.instantiate(&rule.right, &found, fuel - 1);
                }
            }
        }
        self.new.intern(Kind::Apply(op), args, self.at)
    }

    /// A known number in place of an array of copies of it.
    fn known_number(&self, id: NodeId) -> NodeId {
        let graph = self.new.graph();
        let mut number = id;
        while let Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Reshape(_)) = graph.node(number).kind() {
            number = graph.operands(number).next().expect("it has an operand");
        }
        if graph.node(number).kind().is_known() { number } else { id }
    }

    /// What has become a known number has lost its shape, and gets it back.
    fn shaped(&mut self, id: NodeId, shape: Shape) -> NodeId {
        if self.new.graph().node(id).shape() == shape {
            return id;
        }
        self.new.intern(Kind::Array(&ArrayOp::Broadcast(shape)), &[id], self.at)
    }

    fn constant(&mut self, v: f64) -> NodeId {
        self.new.intern(Kind::constant(self.width.round(v)), &[], None)
    }

    /// Constant folding, by the interpreter, in the function's width, where every way to compute it gives the same bits.
    fn fold(&mut self, op: Op, args: &[NodeId]) -> Option<NodeId> {
        let known = args.iter().map(|&id| match self.new.graph().node(id).kind() {
            Kind::Const(bits) => Some(Value::Num(f64::from_bits(bits))),
            Kind::Flag(b) => Some(Value::Mask(b)),
            _ => None,
        });
        let known: arrayvec::ArrayVec<_, 3> = known.collect::<Option<_>>()?;
        Some(match crate::op::settled(op, &known, self.width)? {
            Value::Num(v) => self.constant(v),
            Value::Mask(b) => self.new.intern(Kind::Flag(b), &[], None),
        })
    }

    /// The rules that compute with numbers: integer powers as the products that their kernel makes, division by a power
    /// of two as a product, powers with a known integer exponent.
    fn strength(&mut self, op: Op, args: &[NodeId], fuel: u32) -> Option<NodeId> {
        let value = |this: &Self, id: NodeId| match this.new.graph().node(id).kind() {
            Kind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        };
        match op {
            Op::Powi(0) => Some(self.constant(1.0)),
            Op::Powi(n) if crate::kernels::POWI_PLAIN.contains(&n) => {
                let (x, m) = (args[0], n.unsigned_abs());
                let mut p = x;
                for bit in (0..m.ilog2()).rev() {
                    p = self.make(Op::Mul, &[p, p], fuel - 1);
                    if m >> bit & 1 == 1 {
                        p = self.make(Op::Mul, &[p, x], fuel - 1);
                    }
                }
                Some(if n < 0 { self.make(Op::Recip, &[p], fuel - 1) } else { p })
            }
            Op::Div => {
                let c = value(self, args[1]).filter(|c| is_power_of_two(*c, self.width))?;
                let inverse = self.constant(1.0 / c);
                Some(self.make(Op::Mul, &[args[0], inverse], fuel - 1))
            }
            // Doubling is exact, and overflows only where the product does.
            Op::Mul => {
                let (c, k) = (0..2).find_map(|k| value(self, args[k]).map(|c| (c, k))).filter(|(c, _)| c.abs() >= 1.0)?;
                let graph = self.new.graph();
                let inner: Args = match graph.node(args[1 - k]).kind() {
                    Kind::Apply(Op::Mul) => graph.operands(args[1 - k]).collect(),
                    _ => return None,
                };
                let (p, at) = (0..2).find_map(|k| value(self, inner[k]).map(|p| (p, k)))?;
                let product = self.width.round(p * c);
                let exact = p.abs() >= 1.0 && is_power_of_two(p, self.width) && product.is_finite();
                let product = exact.then(|| self.constant(product))?;
                Some(self.make(Op::Mul, &[inner[1 - at], product], fuel - 1))
            }
            // A mask that was made of ones and zeros, which arrays are moved as, is made ones and zeros again.
            Op::Select => {
                let graph = self.new.graph();
                if !self.is_one_and_zero(&args[1..]) || graph.node(args[0]).kind() != Kind::Apply(Op::Ne) {
                    return None;
                }
                let compared: Args = graph.operands(args[0]).collect();
                let k = (0..2).find(|&k| value(self, compared[k]) == Some(0.0))?;
                self.is_indicator(compared[1 - k]).then_some(compared[1 - k])
            }
            Op::Powf if self.allowed.rounding => {
                let n = value(self, args[1]).filter(|c| c.fract() == 0.0 && c.abs() <= crate::kernels::POWI_CHAIN as f64)?;
                Some(self.make(Op::Powi(n as i32), &args[..1], fuel - 1))
            }
            _ => None,
        }
    }

    /// Whether a value is 1 where a mask holds, and 0 elsewhere, moved about or not.
    fn is_indicator(&self, mut id: NodeId) -> bool {
        use ArrayOp::{Broadcast, Gather, Permute, Reshape, Slice};
        let graph = self.new.graph();
        while let Kind::Array(Broadcast(_) | Gather { .. } | Permute(_) | Reshape(_) | Slice(_)) = graph.node(id).kind() {
            id = graph.operands(id).next().expect("it has an operand");
        }
        let operands: Args = graph.operands(id).collect();
        graph.node(id).kind() == Kind::Apply(Op::Select) && self.is_one_and_zero(&operands[1..])
    }

    fn is_one_and_zero(&self, ids: &[NodeId]) -> bool {
        ids.iter().map(|&id| self.new.graph().node(id).kind()).eq([Kind::constant(1.0), Kind::constant(0.0)])
    }

    /// Builds a rule's right side; as deep as the rule is written.
    fn instantiate(&mut self, pattern: &Pattern, found: &Match, fuel: u32) -> NodeId {
        match pattern {
            Pattern::Any(k) | Pattern::AnyConst(k) => found.get(*k),
            Pattern::Const(v) => self.constant(*v),
            Pattern::Flag(b) => self.new.intern(Kind::Flag(*b), &[], None),
            Pattern::Node(op, operands) => {
                let args: Args = operands.iter().map(|operand| self.instantiate(operand, found, fuel)).collect();
                self.make(*op, &args, fuel)
            }
        }
    }
}

/// Whether 1/c is exact, and normal.
fn is_power_of_two(c: f64, width: Width) -> bool {
    let normal = match width {
        Width::F64 => c.is_normal() && (1.0 / c).is_normal(),
        Width::F32 => (c as f32).is_normal() && (1.0 / c as f32).is_normal(),
    };
    normal && c.to_bits() << 12 == 0
}
