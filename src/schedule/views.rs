//! Values that loops read where other values are: slices of a value, and a value with zeros around it.

use super::ir::{Loop, LoopInput, LoopOutput, View, strides};
use super::lengths::{Extent, lengths};
use crate::base::{Axis, Shape};
use crate::eval::Lengths;
use crate::graph::{Function, Kind, NodeId};
use crate::op::{ArrayOp, Cut, DType};

/// The most zeros that a loop reads in place of elements that are not there.
const ZEROS: usize = 256;

/// Elements along one axis, as they lie in memory or among zeros.
#[derive(Copy, Clone)]
pub(crate) struct Between {
    pub(crate) axis: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The cuts and the operand of a slice that can be read where its operand is: it leaves elements next to each other along every
/// axis, and several of the last one that has several.
fn window(f: &Function, id: NodeId) -> Option<(&[Cut], NodeId)> {
    let Kind::Array(ArrayOp::Slice(cuts)) = f.graph().node(id).kind() else { return None };
    let operand = f.graph().operands(id).next().expect("a slice has an operand");
    let last = |id: NodeId| f.graph().node(id).shape().axes().iter().rposition(|axis| *axis != Axis::Fixed(1));
    let unit = |cut: &Cut| matches!(cut, Cut::All | Cut::Range { step: 1, .. });
    (cuts.iter().all(unit) && (last(id).is_none() || last(id) == last(operand))).then_some((cuts, operand))
}

pub(crate) fn is_window(f: &Function, id: NodeId) -> bool {
    window(f, id).is_some()
}

/// Whether a product of matrices reads a slice where its operand is.
pub(crate) fn is_factor(f: &Function, id: NodeId) -> bool {
    f.graph().node(id).shape().rank() == 2 && is_window(f, id)
}

/// The node whose memory holds all elements of a value, in the value's order.
pub(crate) fn owner(f: &Function, mut id: NodeId) -> NodeId {
    while let Kind::Array(ArrayOp::Reshape(_)) = f.graph().node(id).kind() {
        id = f.graph().operands(id).next().expect("it has an operand");
    }
    id
}

/// Where a product of matrices reads a factor.
pub(crate) fn factor(f: &Function, id: NodeId) -> View {
    let cut = is_factor(f, id).then_some(id);
    let mut source = View { node: id, shape: f.graph().node(id).shape(), cut };
    source.node = owner(f, windows(f, source).last().map_or(id, |(_, operand)| operand));
    source
}

/// Where the elements are that a place along the first long axis puts between few zeros.
pub(crate) fn between(f: &Function, id: NodeId) -> Option<Between> {
    let node = f.graph().node(id);
    let Kind::Array(ArrayOp::Pad(shape, cuts)) = node.kind() else { return None };
    let axis = shape.axes().iter().position(|axis| *axis != Axis::Fixed(1))?;
    let operand = f.graph().operands(id).next().expect("a place has an operand");
    if node.dtype() != DType::Float || f.graph().node(owner(f, operand)).kind().is_known() {
        return None;
    }
    let from = f.graph().node(operand).shape();
    let whole = |k: usize| from.axes()[k] == shape.axes()[k] && matches!(cuts[k], Cut::All | Cut::Range { step: 1, .. });
    let Cut::Range { start, step: 1, len } = cuts[axis] else { return None };
    if !(0..shape.rank()).all(|k| k == axis || whole(k)) {
        return None;
    }
    let fixed = |k: usize| if let Axis::Fixed(n) = shape.axes()[k] { Some(n) } else { None };
    let each: usize = (axis + 1..shape.rank()).map(fixed).product::<Option<usize>>()?;
    let zeros = start.max(fixed(axis)? - start - len) * each;
    (zeros <= ZEROS && len > 0).then_some(Between { axis, start, end: start + len })
}

/// The slices that a source is read through, the last one first: what they cut, and their operands.
fn windows(f: &Function, source: View) -> impl Iterator<Item = (&[Cut], NodeId)> {
    std::iter::successors(source.cut.and_then(|id| window(f, id)), |&(_, id)| window(f, id))
}

/// The last axis along which a slice reads less than there is: the axes from there on lie in memory as one.
pub(crate) fn dense_from(f: &Function, source: View) -> usize {
    let cut_along = |(cuts, operand): (&[Cut], NodeId)| {
        let axes = f.graph().node(operand).shape().axes();
        let less = |k: &usize| matches!(cuts[*k], Cut::Range { len, .. } if Axis::Fixed(len) != axes[*k]);
        (0..cuts.len()).rev().find(less).unwrap_or(0)
    };
    windows(f, source).map(cut_along).max().unwrap_or(0)
}

/// The element that is read first, and the distance between neighbours along each axis of what is read. What stands among zeros
/// starts with its own first element.
pub(crate) fn layout(f: &Function, source: View, open: &Lengths) -> (usize, Vec<usize>) {
    let whole = windows(f, source).last().map_or(source.shape, |(_, operand)| f.graph().node(operand).shape());
    let dense = strides(&lengths(whole, open));
    let start = |cuts: &[Cut]| cuts.iter().zip(&dense).map(|(cut, stride)| cut.at(0) * stride).sum::<usize>();
    (windows(f, source).map(|(cuts, _)| start(cuts)).sum(), dense)
}

/// The first element that a loop over a shape reads of a view, and its stride along each axis.
fn along(extent: Extent, view: View, shape: Shape) -> (usize, Vec<usize>) {
    let (offset, dense) = layout(extent.f, view, extent.open);
    let new = shape.rank() - dense.len();
    let stride = |k: usize| match k.checked_sub(new) {
        Some(j) if view.shape.axes()[j] != Axis::Fixed(1) || shape.axes()[k] == Axis::Fixed(1) => dense[j],
        _ => 0,
    };
    (offset, (0..shape.rank()).map(stride).collect())
}

/// The first element of every input and output of a loop over some lengths, and its stride along each axis.
pub(crate) fn of_loop(extent: Extent, looped: &Loop, all: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let output = |output: &LoopOutput| {
        let kept: Vec<usize> = (0..all.len()).filter(|k| !output.summed.contains(k)).collect();
        let dense = strides(&kept.iter().map(|&k| all[k]).collect::<Vec<_>>());
        let mut own = vec![0; all.len()];
        kept.iter().zip(dense).for_each(|(&k, stride)| own[k] = stride);
        (0, own)
    };
    let input = |input: &LoopInput| match *input {
        LoopInput::View(view) => along(extent, view, looped.shape),
        LoopInput::Partial(k) => output(&looped.outputs[k]),
    };
    looped.inputs.iter().map(input).chain(looped.outputs.iter().map(output)).collect()
}
