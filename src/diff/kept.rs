//! What the steps of a scan keep for its adjoint: results that take far longer to compute than to store and to load. They become
//! results of every step like those that the user keeps.

use crate::base::Axis;
use crate::error::Result;
use crate::eval::eval_but;
use crate::graph::{Control, Function, Kind, Nested, NodeId, SharedControl, make_body, types_in};
use crate::op::ArrayOp;
use rustc_hash::FxHashMap;
use std::panic::Location;

/// Up to this many numbers of a step are kept; a step of more works on arrays for which memory counts, too.
pub(super) const MOST: usize = 1024;

/// Up to this many of all steps, where it is known how many there are.
const MOST_IN_ALL: usize = 1 << 24;

/// Whether a value takes long to compute: a transcendental function, a product of matrices, linear algebra.
pub(super) fn is_costly(f: &Function, id: NodeId) -> bool {
    match f.graph().node(id).kind() {
        Kind::Apply(op) => op.library().is_some(),
        Kind::Array(op) => matches!(
            op,
            ArrayOp::MatMul
                | ArrayOp::Solve
                | ArrayOp::SolveOrNan
                | ArrayOp::SolveTriangular { .. }
                | ArrayOp::Inverse
                | ArrayOp::Det
                | ArrayOp::LogDet
                | ArrayOp::Cholesky
        ),
        _ => false,
    }
}

/// The costly values of a body that its results depend on and that depend on its inputs.
fn costly_values(body: &Function) -> Vec<NodeId> {
    let graph = body.graph();
    let live = graph.reachable(body.output_nodes());
    let mut varies: Vec<bool> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        varies.push(matches!(graph.node(id).kind(), Kind::Input(_)) || graph.operands(id).any(|operand| varies[operand.index()]));
    }
    graph.ids().filter(|&id| live[id.index()] && varies[id.index()] && is_costly(body, id)).collect()
}

/// These but those that are kept already: what the body gives beyond what it carries.
pub(super) fn costly(body: &Function, carries: usize) -> Vec<NodeId> {
    let kept: Vec<NodeId> = body.output_nodes().skip(carries).collect();
    costly_values(body).into_iter().filter(|id| !kept.contains(id)).collect()
}

/// The body with its costly values' companions as further results. An operation shares most of its work with its companion, which its edge is made of;
/// the adjoint alone would do that work again.
fn with_companions(body: &Function) -> Function {
    let costly = costly_values(body);
    let mut companions: Vec<NodeId> = vec![];
    let new = body.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let made = new.intern(node.kind(), args, node.location());
        if let Kind::Apply(op) = node.kind()
            && costly.binary_search(&id).is_ok()
            && let Some((companion, _)) = op.companion()
        {
            companions.push(new.intern(Kind::Apply(companion), args, node.location()));
        }
        made
    });
    let known: Vec<NodeId> = new.output_nodes().collect();
    companions.retain(|id| !known.contains(id));
    new.with_further_outputs(&companions)
}

/// The function with scans, of those that depend on an active input, that keep what is costly. Which of it is read, and so has
/// memory, the adjoint decides.
pub(super) fn keeping(f: &Function) -> Result<Function> {
    let graph = f.graph();
    let is_scan =
        |id: NodeId| matches!(graph.node(id).kind(), Kind::Control(nested) if matches!(**nested.control, Control::Scan { .. }));
    if !graph.ids().any(is_scan) {
        return Ok(f.clone());
    }
    let mut active = vec![false; graph.len()];
    f.active_slots().into_iter().for_each(|slot| active[slot] = true);
    let mut extended: FxHashMap<&SharedControl, SharedControl> = FxHashMap::default();
    for id in graph.ids() {
        active[id.index()] |= graph.operands(id).any(|operand| active[operand.index()]);
        if let Kind::Control(Nested { control, .. }) = graph.node(id).kind()
            && active[id.index()]
        {
            extended.entry(control).or_insert_with(|| extend(control));
        }
    }
    Ok(f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let kind = match node.kind() {
            Kind::Control(Nested { control, port }) if active[id.index()] => {
                Kind::Control(Nested { control: &extended[control], port })
            }
            kind => kind,
        };
        new.intern(kind, args, node.location())
    }))
}

/// A scan that keeps what is costly, and companions of that, if there is room for them.
fn extend(control: &SharedControl) -> SharedControl {
    let Control::Scan { body, carries, xs, length, reverse, states } = &**control else { return control.clone() };
    let steps = if let Axis::Fixed(steps) = length { *steps } else { 1 };
    let fits = |total: usize| total <= MOST && total.saturating_mul(steps) <= MOST_IN_ALL;
    let keeping = |with: Function| {
        let with = with.with_further_outputs(&costly(&with, *carries));
        let graph = with.graph();
        let total: Option<usize> = with.output_nodes().skip(body.output_len()).map(|id| graph.node(id).shape().len()).sum();
        total.is_some_and(fits).then_some(with)
    };
    match keeping(with_companions(body)).or_else(|| keeping(body.clone())) {
        Some(with) if with.output_len() > body.output_len() => {
            Control::Scan { body: with, carries: *carries, xs: *xs, length: *length, reverse: *reverse, states: *states }.into()
        }
        _ => control.clone(),
    }
}

/// The function with some of its values as further inputs, which are not computed any more.
pub(super) fn cut(f: &Function, given: &[NodeId], at: &'static Location<'static>) -> Result<Function> {
    if given.is_empty() {
        return Ok(f.clone());
    }
    let types: Vec<_> = types_in(f).into_iter().chain(f.graph().types(given)).collect();
    make_body(f.width(), &types, at, |args| {
        let (args, values) = args.split_at(f.input_len());
        let values = eval_but(f.graph(), args, |id, _| given.iter().position(|&other| other == id).map(|k| values[k]));
        f.output_nodes().map(|id| values[id.index()].num()).collect()
    })
}
