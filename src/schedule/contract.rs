//! Fusing: x·y + z as one operation with one rounding, where the product has no other use.

use crate::graph::{Function, Kind, NodeId};
use crate::op::Op;

/// Forms fused multiply-adds from additions and subtractions of products. Results differ from the unfused ones by the
/// rounding of the product, which is skipped.
pub(super) fn contract(f: &Function) -> Function {
    let graph = f.graph();
    let mut uses = vec![0u32; graph.len()];
    for id in graph.ids().flat_map(|id| graph.operands(id)).chain(f.output_nodes()) {
        uses[id.index()] += 1;
    }
    let fused = f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let Kind::Apply(op) = node.kind() else { return new.intern(node.kind(), &[], None) };
        let at = node.location();
        // Of two products the later one is fused: the earlier one is ready sooner.
        let product = |k: usize| {
            let operand = graph.operands(id).nth(k).expect("both operations have two operands");
            let single = uses[operand.index()] == 1 && graph.node(operand).kind() == Kind::Apply(Op::Mul);
            single.then_some(operand)
        };
        let last = |a: Option<NodeId>, b: Option<NodeId>| if b > a { (1, 0) } else { (0, 1) };
        if op != Op::Add && op != Op::Sub {
            return new.intern(node.kind(), args, at);
        }
        let products = (product(0), product(1));
        let (fused, other) = last(products.0, products.1);
        if products == (None, None) {
            return new.intern(node.kind(), args, at);
        }
        let factors: crate::graph::Args = new.graph().operands(args[fused]).collect();
        let (mut x, y, mut z) = (factors[0], factors[1], args[other]);
        if op == Op::Sub && fused == 0 {
            z = new.intern(Kind::Apply(Op::Neg), &[z], at);
        } else if op == Op::Sub {
            x = new.intern(Kind::Apply(Op::Neg), &[x], at);
        }
        new.intern(Kind::Apply(Op::MulAdd), &[x, y, z], at)
    });
    fused.pruned()
}

/// Lays open softplus and sigmoid of the same number, as their kernels are written, so that they share the exponential: a
/// logistic loss and its gradient have both.
pub(super) fn opened(f: &Function) -> Function {
    const BOTH: u8 = 3;
    let graph = f.graph();
    let mut applied = vec![0u8; graph.len()];
    for id in graph.ids() {
        let bit = match graph.node(id).kind() {
            Kind::Apply(Op::Softplus) => 1,
            Kind::Apply(Op::Sigmoid) => 2,
            _ => continue,
        };
        graph.operands(id).for_each(|operand| applied[operand.index()] |= bit);
    }
    if !applied.contains(&BOTH) {
        return f.clone();
    }
    f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let mut make = |kind: Kind, args: &[NodeId]| new.intern(kind, args, node.location());
        let (Kind::Apply(op @ (Op::Softplus | Op::Sigmoid)), &[x]) = (node.kind(), args) else { return make(node.kind(), args) };
        if graph.operands(id).any(|operand| applied[operand.index()] != BOTH) {
            return make(node.kind(), args);
        }
        let size = make(Kind::Apply(Op::Abs), &[x]);
        let minus = make(Kind::Apply(Op::Neg), &[size]);
        let e = make(Kind::Apply(Op::Exp), &[minus]);
        if op == Op::Softplus {
            let (relu, ln) = (make(Kind::Apply(Op::Relu), &[x]), make(Kind::Apply(Op::Ln1p), &[e]));
            return make(Kind::Apply(Op::Add), &[relu, ln]);
        }
        let (zero, one) = (make(Kind::constant(0.0), &[]), make(Kind::constant(1.0), &[]));
        let negative = make(Kind::Apply(Op::Lt), &[x, zero]);
        let above = make(Kind::Apply(Op::Select), &[negative, e, one]);
        let below = make(Kind::Apply(Op::Add), &[one, e]);
        make(Kind::Apply(Op::Div), &[above, below])
    })
}

/// Drops what only matters to derivatives.
pub(super) fn undetached(f: &Function) -> Function {
    let is_detach = |id: NodeId| f.graph().node(id).kind() == Kind::Apply(Op::Detach);
    if !f.graph().ids().any(is_detach) {
        return f.clone();
    }
    f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        if is_detach(id) { args[0] } else { new.intern(node.kind(), args, node.location()) }
    })
}
