//! Values that are 0 by construction: what relu, max, clamp and `select` hold at 0, and what is made of it.
//!
//! In: a graph and its values. Out: for each node the mask outside of which its value is 0, where there is one.

use crate::base::Shape;
use crate::graph::{Graph, Kind, NodeId};
use crate::op::{ArrayOp, Link, Mask, Op, Real, Value, lit};

/// By node, the mask outside of which the value is 0. Nothing is looked for where all derivatives are finite.
#[track_caller]
pub(super) fn zeros<S: Real>(graph: &Graph, values: &[Value<S, S::Mask>], tame: &[bool]) -> Vec<Option<S::Mask>> {
    let mut masks: Vec<Option<S::Mask>> = vec![None; graph.len()];
    if tame.iter().all(|tame| *tame) {
        return masks;
    }
    for id in graph.ids() {
        masks[id.index()] = zero(graph, id, &|id| values[id.index()], &masks);
    }
    masks
}

/// That of one node, given the masks of those before.
#[track_caller]
pub(super) fn zero<S: Real>(
    graph: &Graph,
    id: NodeId,
    value: &dyn Fn(NodeId) -> Value<S, S::Mask>,
    masks: &[Option<S::Mask>],
) -> Option<S::Mask> {
    let operands = graph.operands_as(id, |operand| operand);
    let at = |k: usize| masks[operands[k].index()];
    let held = |k: usize| matches!(graph.node(operands[k]).kind(), Kind::Const(bits) if f64::from_bits(bits) == 0.0);
    let differs = || Some(value(id).num().ne(lit(0.0)));
    match graph.node(id).kind() {
        Kind::Apply(op) => match op {
            Op::Relu => differs(),
            Op::Max | Op::Min if held(0) || held(1) => differs(),
            Op::Clamp if held(1) || held(2) => differs(),
            Op::LeakyRelu if held(1) => differs(),
            Op::Select => {
                let m = value(operands[0]).truth();
                match [1, 2].map(|k| (held(k), at(k))) {
                    [(_, a), (true, _)] => Some(a.map_or(m, |a| a & m)),
                    [(true, _), (_, b)] => Some(b.map_or(!m, |b| b & !m)),
                    [(_, Some(a)), (_, Some(b))] => Some((a & m) | (b & !m)),
                    _ => None,
                }
            }
            Op::Add | Op::Sub => at(0).zip(at(1)).map(|(a, b)| a | b),
            Op::Mul => intersection([at(0), at(1)]),
            Op::Powi(n) if n > 0 => at(0),
            Op::Neg | Op::Div | Op::Abs | Op::Sqrt | Op::Cbrt | Op::Sin | Op::Tan | Op::Asin | Op::Atan => at(0),
            Op::Sinh | Op::Tanh | Op::Asinh | Op::Atanh | Op::ExpM1 | Op::Ln1p | Op::Erf => at(0),
            _ => None,
        },
        Kind::Array(op) if !operands.is_empty() => {
            let (from, to): (Shape, Shape) = (graph.node(operands[0]).shape(), graph.node(id).shape());
            let within = Some(at(0)?);
            let link: Link<S> = match op {
                ArrayOp::Gather { axis, batch } => {
                    Link::Gather { index: value(operands[1]).num(), axis: *axis, batch: *batch, from }
                }
                _ if op.is_linear() => Link::Op { op: op.clone(), from, to },
                _ => return None,
            };
            link.reached(within, from, to)
        }
        _ => None,
    }
}

/// Where all of those masks hold that there are.
pub(super) fn intersection<M: Mask>(masks: impl IntoIterator<Item = Option<M>>) -> Option<M> {
    masks.into_iter().flatten().reduce(|a, b| a & b)
}

/// Which values are constant by construction somewhere: inactive ones, those of guards, and what is made of them alone.
pub(super) fn held<M>(graph: &Graph, active: &[bool], zeros: &[Option<M>]) -> Vec<bool> {
    let mut held: Vec<bool> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let guard = zeros[id.index()].is_some() || node.op().is_some_and(Op::guards);
        let own = guard || graph.operands(id).len() > 0 && graph.operands(id).all(|operand| held[operand.index()]);
        held.push(!active[id.index()] || own);
    }
    held
}

/// The mask outside of which the edge to operand `k` is 0, given the operands' own.
pub(super) fn of_edge<S: Real>(op: Op, k: usize, partial: S, of: impl Fn(usize) -> Option<S::Mask>) -> Option<S::Mask> {
    match (op, k) {
        (Op::Mul | Op::MulAdd, 0) => of(1),
        (Op::Mul | Op::MulAdd | Op::Div, 1) => of(0),
        (Op::Powi(n), 0) if n > 1 => of(0),
        (Op::LeakyRelu, 0) => partial.guard(),
        _ => None,
    }
}
