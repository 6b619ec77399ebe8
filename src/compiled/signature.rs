//! What a function is called and given, without what it does.

use crate::base::Shape;
use crate::error::Result;
use crate::graph::{Builder, Function, Kind, NodeId, OutputGroup};
use crate::op::{ArrayOp, DType};

/// A function of the same inputs, whose outputs are zeros of the same shapes and kinds: what calls and files have to know of a function, without
/// its operations.
pub(super) fn signature(f: &Function) -> Result<Function> {
    let mut new = Builder::default();
    for group in f.inputs() {
        for _ in group.range() {
            new.input(group.shape(), group.dtype());
        }
    }
    let zero = new.intern(Kind::constant(0.0), &[], None);
    let mut zeros = |id: &NodeId| {
        let node = f.graph().node(*id);
        let mut spread = |shape: Shape| new.intern(Kind::Array(&ArrayOp::Broadcast(shape)), &[zero], None);
        match (node.dtype(), node.shape()) {
            (DType::Index, shape) => {
                // The place of the largest along an axis of length 1.
                let wide = spread(Shape::new([shape.axes(), &[1.into()]].concat()));
                new.intern(Kind::Array(&ArrayOp::ArgMax(shape.rank())), &[wide], None)
            }
            (_, Shape::SCALAR) => zero,
            (_, shape) => spread(shape),
        }
    };
    let mut group = |group: &OutputGroup| OutputGroup { nodes: group.nodes().iter().map(&mut zeros).collect(), ..group.clone() };
    let outputs = f.outputs().iter().map(&mut group).collect();
    Function::assemble(new.finish(), f.width(), f.inputs().to_vec(), outputs)
}
