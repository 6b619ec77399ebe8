//! What bodies take and give, and what depends on what.

use super::model::{Control, Function};
use super::node::Port;
use crate::base::Shape;
use crate::op::DType;

pub(crate) type Type = (Shape, DType);

/// The types of a body's inputs.
pub(crate) fn types_in(body: &Function) -> Vec<Type> {
    body.inputs().iter().map(|group| (group.shape(), group.dtype())).collect()
}

/// The types of a body's outputs.
pub(crate) fn types_out(body: &Function) -> Vec<Type> {
    body.output_nodes().map(|id| (body.graph().node(id).shape(), body.graph().node(id).dtype())).collect()
}

/// What marks reach: the inputs and outputs of a body.
pub(crate) struct Flow {
    pub(crate) inputs: Vec<bool>,
    pub(crate) outputs: Vec<bool>,
}

impl Flow {
    /// Whether a mark reaches a result.
    pub(crate) fn reaches(&self, control: &Control, port: Port) -> bool {
        match (control, port) {
            (_, Port::Final(k)) => self.outputs[k as usize],
            (Control::Scan { carries, .. }, Port::Each(k)) => self.outputs[carries + k as usize],
            (_, Port::Carried(k) | Port::Each(k)) => self.inputs[k as usize],
        }
    }
}

/// Which outputs depend on marked inputs.
pub(super) fn depends(f: &Function, marked: &[bool]) -> Vec<bool> {
    let graph = f.graph();
    let mut reached = marked.to_vec();
    for id in graph.ids().skip(marked.len()) {
        reached.push(graph.operands(id).any(|operand| reached[operand.index()]));
    }
    f.output_nodes().map(|id| reached[id.index()]).collect()
}
