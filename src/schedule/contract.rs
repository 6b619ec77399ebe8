//! Fusing: x·y + z as one operation with one rounding, where the product has no other use.

use crate::graph::{Args, Builder, Function, Kind, NodeId};
use crate::op::{ArrayOp, Op};
use std::panic::Location;

/// From this many products on, a sum is left as products and additions: each term waits for the one before, and an addition
/// takes less time than a fused multiply-add, whose product waits with it.
const LONG: u32 = 16;

/// Forms fused multiply-adds from additions and subtractions of products. Results differ from the unfused ones by the
/// rounding of the product, which is skipped.
pub(super) fn contract(f: &Function) -> Function {
    let sums = Sums::new(f);
    let fused = f.rebuild(|graph, new, id, args| {
        let (node, at) = (graph.node(id), graph.node(id).location());
        let Some(fused) = sums.product[id.index()].filter(|_| sums.terms[id.index()] < LONG) else {
            return match node.kind() {
                // As a product that is fused may be, or what is made beside it.
                Kind::Apply(Op::MulAdd | Op::Neg) | Kind::Const(_) => new.intern(node.kind(), args, at),
                kind => new.unlike(kind, args, at),
            };
        };
        let fused = fused as usize;
        let factors: Args = new.graph().operands(args[fused]).collect();
        let (mut x, y, mut z) = (factors[0], factors[1], args[1 - fused]);
        if node.op() == Some(Op::Sub) && fused == 0 {
            z = negated(new, z, at);
        } else if node.op() == Some(Op::Sub) {
            x = negated(new, x, at);
        }
        new.intern(Kind::Apply(Op::MulAdd), &[x, y, z], at)
    });
    fused.pruned()
}

/// −x; of a known number the number, which has no shape to pass on.
fn negated(new: &mut Builder, x: NodeId, at: Option<&'static Location<'static>>) -> NodeId {
    match new.graph().node(x).kind() {
        Kind::Const(bits) => new.intern(Kind::constant(-f64::from_bits(bits)), &[], None),
        _ => new.intern(Kind::Apply(Op::Neg), &[x], at),
    }
}

/// The sums of products in a graph.
struct Sums {
    /// For an addition or subtraction: which operand is a product that nothing else needs.
    product: Vec<Option<u8>>,
    /// For every node that adds a product: how many products the whole sum has.
    terms: Vec<u32>,
}

impl Sums {
    fn new(f: &Function) -> Sums {
        let graph = f.graph();
        let mut uses = vec![0u32; graph.len()];
        for id in graph.ids().flat_map(|id| graph.operands(id)).chain(f.output_nodes()) {
            uses[id.index()] += 1;
        }
        let mut sums = Sums { product: vec![None; graph.len()], terms: vec![0; graph.len()] };
        // Forward the number of products so far; backward that of the whole sum.
        let mut chains = Vec::new();
        for id in graph.ids().filter(|&id| matches!(graph.node(id).kind(), Kind::Apply(Op::Add | Op::Sub))) {
            let single = |id: NodeId| uses[id.index()] == 1 && graph.node(id).kind() == Kind::Apply(Op::Mul);
            let products = graph.operands(id).zip(0u8..).filter(|&(operand, _)| single(operand));
            // Of two products the later one is fused: the earlier one is ready sooner.
            let Some((_, product)) = products.max() else { continue };
            sums.product[id.index()] = Some(product);
            sums.terms[id.index()] = 1;
            let rest = graph.operands(id).nth(1 - product as usize).expect("both operations have two operands");
            if uses[rest.index()] == 1 && sums.terms[rest.index()] > 0 {
                sums.terms[id.index()] += sums.terms[rest.index()];
                chains.push((id, rest));
            }
        }
        for (id, rest) in chains.into_iter().rev() {
            sums.terms[rest.index()] = sums.terms[id.index()];
        }
        sums
    }
}

/// Drops what only matters to derivatives.
pub(super) fn undetached(f: &Function) -> Function {
    let is_value = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Apply(Op::Detach) | Kind::Array(ArrayOp::SlopeOf));
    if !f.graph().ids().any(is_value) {
        return f.clone();
    }
    let values = f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        if is_value(id) { args[0] } else { new.intern(node.kind(), args, node.location()) }
    });
    // What has lent its derivative is needed by nobody.
    values.pruned()
}
