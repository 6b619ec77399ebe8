//! What the trace of a body takes from the traces around it: such a handle becomes an input of the body, and an operand of the
//! node that has the body.

use super::handle::{Cond, Expr};
use super::node::{Args, NodeId};
use super::stack::Stack;
use super::view::Kind;
use crate::op::{ArrayOp, DType, Op, Value};
use std::borrow::Cow;

type Handle = Value<Expr, Cond>;

/// Late inputs are numbered from here on, until they are put behind the others.
const LATE: u32 = 1 << 31;

impl Stack {
    /// Operands as handles of the innermost trace, if it is that of a body and they are of traces around it.
    pub(super) fn import<'a>(&mut self, args: &'a [Handle]) -> Cow<'a, [Handle]> {
        let Some(top) = self.live.last().filter(|top| top.captures.is_some()).map(|top| top.id) else {
            return Cow::Borrowed(args);
        };
        let is_own = |x: &Handle| match *x {
            Value::Num(Expr::Node { trace, .. }) | Value::Mask(Cond::Node { trace, .. }) => trace == top,
            _ => true,
        };
        if args.iter().all(is_own) {
            return Cow::Borrowed(args);
        }
        Cow::Owned(args.iter().map(|&x| self.captured(x)).collect())
    }

    fn captured(&mut self, x: Handle) -> Handle {
        let (Value::Num(Expr::Node { trace, id }) | Value::Mask(Cond::Node { trace, id })) = x else { return x };
        let Some(origin) = self.live.iter().position(|live| live.id == trace) else { return x };
        let mut at = id;
        // From body to body, inward; what is no body's trace is a trace of its own, and the handle stays foreign.
        if self.live[origin + 1..].iter().any(|live| live.captures.is_none()) {
            return x;
        }
        for depth in origin..self.live.len() - 1 {
            at = self.capture(depth, at);
        }
        let trace = self.live[self.live.len() - 1].id;
        match x {
            Value::Num(_) => Value::Num(Expr::Node { trace, id: at }),
            Value::Mask(_) => Value::Mask(Cond::Node { trace, id: at }),
        }
    }

    /// The node, in the trace of the body within, that stands for a node of the trace at a depth.
    fn capture(&mut self, depth: usize, id: NodeId) -> NodeId {
        let (around, within) = self.live.split_at_mut(depth + 1);
        let (outer, inner) = (&mut around[depth], &mut within[0]);
        let node = outer.builder.graph().node(id);
        // What is known, known numbers all over a shape and counted places are made again.
        let operands: Args = outer.builder.graph().operands(id).collect();
        let known = |id: &NodeId| outer.builder.graph().node(*id).kind().is_known();
        match node.kind() {
            kind if kind.is_known() => return inner.builder.intern(kind, &[], None),
            Kind::Array(ArrayOp::Broadcast(_)) if known(&operands[0]) => {
                let number = inner.builder.intern(outer.builder.graph().node(operands[0]).kind(), &[], None);
                return inner.builder.intern(node.kind(), &[number], node.location());
            }
            Kind::Array(ArrayOp::Iota(..)) => return inner.builder.intern(node.kind(), &[], node.location()),
            _ => {}
        }
        let captures = inner.captures.as_ref().expect("the trace is that of a body");
        if let Some(&known) = captures.inner.get(&id) {
            return known;
        }
        let slot = LATE + captures.order.len() as u32;
        let (shape, dtype, at) = (node.shape(), node.dtype(), node.location());
        // Operands are numbers: a truth value goes in as 1 or 0.
        let (number, made) = if dtype == DType::Mask {
            let [one, zero] = [1.0, 0.0].map(|v| outer.builder.intern(Kind::constant(v), &[], None));
            let number = outer.builder.intern(Kind::Apply(Op::Select), &[id, one, zero], at);
            let input = inner.builder.late_input(slot, shape, DType::Float);
            let zero = inner.builder.intern(Kind::constant(0.0), &[], None);
            (number, (input, inner.builder.intern(Kind::Apply(Op::Ne), &[input, zero], at)))
        } else {
            let input = inner.builder.late_input(slot, shape, dtype);
            (id, (input, input))
        };
        let captures = inner.captures.as_mut().expect("the trace is that of a body");
        captures.inner.insert(id, made.1);
        captures.order.push((Expr::Node { trace: outer.id, id: number }, made.0));
        made.1
    }
}
