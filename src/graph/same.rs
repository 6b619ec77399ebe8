//! When operations with bodies are one: when their bodies do the same, whatever lines made them. They are found by a digest, and then compared.

use super::model::{Control, Derivative, Function, Graph, SharedControl, Summed};
use super::node::NodeId;
use super::types::types_in;
use rustc_hash::FxHasher;
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

impl From<Control> for SharedControl {
    fn from(control: Control) -> Self {
        let mut hasher = FxHasher::default();
        digest(&control, &mut hasher);
        let inside = control.bodies().into_iter().flat_map(|body| &body.graph.controls).map(|inside| inside.0.depth).max();
        let depth = 1 + inside.unwrap_or(0);
        SharedControl(Arc::new(Summed { digest: hasher.finish(), depth, control }))
    }
}

impl PartialEq for SharedControl {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.digest == other.0.digest && same(self, other)
    }
}

impl Eq for SharedControl {}

impl Hash for SharedControl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}

/// What an operation is besides its bodies.
fn attributes(control: &Control) -> impl Eq + Hash + use<> {
    let numbers = match *control {
        Control::Scan { carries, xs, length, reverse, states, .. } => (carries, xs, Some((length, states)), reverse),
        Control::While { carries, .. } => (carries, 0, None, false),
        Control::Rule { ref rule, .. } => (0, 0, None, matches!(rule, Derivative::Vjp(_))),
        Control::Choice { .. } | Control::Remat { .. } | Control::Opaque { .. } | Control::Sweeps { .. } => (0, 0, None, false),
    };
    let opaque = if let Control::Opaque { call, .. } = control { Some(call.number()) } else { None };
    let carries: Vec<usize> = match control {
        Control::Sweeps { sweeps, .. } => sweeps.iter().map(|sweep| sweep.carries).collect(),
        _ => vec![],
    };
    (std::mem::discriminant(control), numbers, opaque, carries)
}

fn same(a: &Control, b: &Control) -> bool {
    attributes(a) == attributes(b) && a.bodies().iter().zip(b.bodies()).all(|(a, b)| same_function(a, b))
}

/// Whether functions do the same in the same way.
pub(crate) fn is_same(a: &Function, b: &Function) -> bool {
    let types = |f: &Function| (types_in(f), f.output_nodes().collect::<Vec<NodeId>>());
    types(a) == types(b) && (Arc::ptr_eq(&a.graph, &b.graph) || same_graph(&a.graph, &b.graph))
}

fn same_function(a: &Function, b: &Function) -> bool {
    (a.width, &a.inputs, &a.outputs) == (b.width, &b.inputs, &b.outputs)
        && (Arc::ptr_eq(&a.graph, &b.graph) || same_graph(&a.graph, &b.graph))
}

fn same_graph(a: &Graph, b: &Graph) -> bool {
    let same = |id: NodeId| {
        let (x, y) = (a.node(id), b.node(id));
        (x.kind(), x.dtype(), x.shape()) == (y.kind(), y.dtype(), y.shape()) && a.operands(id).eq(b.operands(id))
    };
    a.len() == b.len() && a.ids().all(same)
}

/// Equal for operations that do the same.
fn digest(control: &Control, hasher: &mut FxHasher) {
    attributes(control).hash(hasher);
    for body in control.bodies() {
        (body.width, &body.inputs, &body.outputs).hash(hasher);
        for id in body.graph.ids() {
            let node = body.graph.node(id);
            (node.kind(), node.dtype(), node.shape()).hash(hasher);
            body.graph.operands(id).for_each(|operand| operand.hash(hasher));
        }
    }
}
