//! How many elements the inputs and outputs of a function have: counted once, as an output of n numbers is n nodes to count.

use crate::graph::Function;

/// Of every input and every output; nothing where an axis is open.
pub(super) struct Sizes {
    inputs: Box<[Option<usize>]>,
    outputs: Box<[Option<usize>]>,
}

impl Sizes {
    pub(super) fn new(f: &Function) -> Sizes {
        let of_node = |&id: &_| f.graph().node(id).shape().len();
        Sizes {
            inputs: f.inputs().iter().map(|group| group.shape().len().map(|len| group.len() * len)).collect(),
            outputs: f.outputs().iter().map(|group| group.nodes().iter().map(of_node).sum()).collect(),
        }
    }

    /// Of every input, where no axis is open.
    pub(super) fn inputs(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().map(|len| len.expect("no axis is open"))
    }

    /// Of every output, where no axis is open.
    pub(super) fn outputs(&self) -> impl Iterator<Item = usize> {
        self.outputs.iter().map(|len| len.expect("no axis is open"))
    }

    /// Of all inputs together, and of all outputs, unless an axis is open.
    pub(super) fn together(&self) -> (Option<usize>, Option<usize>) {
        (self.inputs.iter().copied().sum(), self.outputs.iter().copied().sum())
    }
}
