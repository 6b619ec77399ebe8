//! Groups of a batch as the arrays that they are in memory. In: a function. Out: the same to the bit, in which a group of several values
//! with a batch is one value, whose parts the graph reads, or puts together.

use crate::base::{Axis, Shape};
use crate::graph::{Args, Builder, Function, InputGroup, Kind, NodeId, OutputGroup};
use crate::op::{ArrayOp, Cut};

/// The function with every input and output as it lies in memory. Several values without a batch do already: one after the other.
pub(crate) fn packed(f: &Function) -> Function {
    let inputs: Vec<bool> = f.inputs().iter().map(|group| group.batch() > 0 && group.len() > 1).collect();
    let outputs: Vec<bool> = f.outputs().iter().map(|y| y.batch() > 0 && y.nodes().len() > 1).collect();
    if !inputs.contains(&true) && !outputs.contains(&true) {
        return f.clone();
    }
    let graph = f.graph();
    let mut new = Builder::like(graph);
    let whole = |(group, &packs): (&InputGroup, &bool)| match packs {
        true => InputGroup::value(group.name(), group.array_shape(), group.dtype()).with_active(group.is_active()),
        false => group.clone(),
    };
    let groups: Vec<InputGroup> = f.inputs().iter().zip(&inputs).map(whole).collect();
    let values = groups.iter().map(|group| (0..group.len()).map(|_| new.input(group.shape(), group.dtype())).collect());
    let values: Vec<Vec<NodeId>> = values.collect();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
    for ((group, &packs), values) in f.inputs().iter().zip(&inputs).zip(values) {
        match packs {
            true => map.extend(apart(&mut new, values[0], group)),
            false => map.extend(values),
        }
    }
    for id in graph.ids().skip(f.input_len()) {
        let args = graph.operands_as(id, |operand| map[operand.index()]);
        map.push(new.intern(graph.node(id).kind(), &args, graph.node(id).location()));
    }
    let output = |(y, &packs): (&OutputGroup, &bool)| {
        let nodes: Args = y.nodes().iter().map(|id| map[id.index()]).collect();
        match packs {
            true => OutputGroup { nodes: vec![together(&mut new, &nodes, y.batch())], batch: 0, ..y.clone() },
            false => OutputGroup { nodes: nodes.to_vec(), ..y.clone() },
        }
    };
    let results = f.outputs().iter().zip(&outputs).map(output).collect();
    Function::assemble(new.finish(), f.width(), groups, results).expect("the names are the function's own")
}

fn array(new: &mut Builder, op: ArrayOp, x: NodeId) -> NodeId {
    new.intern(Kind::Array(&op), &[x], None)
}

/// The values of an input that is one array: their index goes to the front, so that what is read of each lies together.
fn apart(new: &mut Builder, whole: NodeId, group: &InputGroup) -> Vec<NodeId> {
    let rank = group.shape().rank();
    let order = std::iter::once(group.batch()).chain((0..=rank).filter(|&k| k != group.batch()));
    let first = array(new, ArrayOp::Permute(order.collect()), whole);
    let value = |k: usize| {
        let mut cuts = vec![Cut::All; rank + 1];
        cuts[0] = Cut::Range { start: k, step: 1, len: 1 };
        let one = array(new, ArrayOp::Slice(cuts), first);
        array(new, ArrayOp::Reshape(group.shape()), one)
    };
    (0..group.len()).map(value).collect()
}

/// Values as one array, with their index behind the axes of the batch.
fn together(new: &mut Builder, values: &[NodeId], batch: usize) -> NodeId {
    let shape = new.graph().node(values[0]).shape();
    let one = Shape::new([&[Axis::Fixed(1)], shape.axes()].concat());
    let rows: Args = values.iter().map(|&value| array(new, ArrayOp::Reshape(one), value)).collect();
    let first = new.intern(Kind::Array(&ArrayOp::Concat(0)), &rows, None);
    let order = (1..=batch).chain([0]).chain(batch + 1..=shape.rank());
    array(new, ArrayOp::Permute(order.collect()), first)
}
