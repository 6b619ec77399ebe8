//! Sums over one group of axes at a time, and short ones written out. In: a function. Out: the same to the bit, in which every sum is along
//! neighbouring axes.

use crate::base::sums::{groups, halve, partials};
use crate::base::{Axis, Shape};
use crate::graph::{Builder, Function, Kind, NodeId};
use crate::op::{ArrayOp, Cut, Op};
use std::panic::Location;

/// Splits sums over several groups of axes, the last group first. Few summands that are around other axes become additions of slices: a loop over
/// the elements of the sum then adds them in registers.
pub(super) fn grouped(f: &Function) -> Function {
    let most = partials(f.width());
    let is_sum = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Array(ArrayOp::Sum(_)));
    if !f.graph().ids().any(is_sum) {
        return f.clone();
    }
    f.rebuild(|graph, new, id, args| {
        let (node, at) = (graph.node(id), graph.node(id).location());
        let Kind::Array(ArrayOp::Sum(summed)) = node.kind() else { return new.intern(node.kind(), args, at) };
        let shape = new.graph().node(args[0]).shape();
        groups(shape, summed).into_iter().rev().fold(args[0], |x, group| {
            let axes: Vec<usize> = group.filter(|k| summed.contains(k)).collect();
            short(new, x, &axes, most, at).unwrap_or_else(|| new.intern(Kind::Array(ArrayOp::Sum(axes).intern()), &[x], at))
        })
    })
}

/// A sum of up to so many summands, which are around other axes, as additions.
fn short(new: &mut Builder, x: NodeId, axes: &[usize], most: usize, at: Option<&'static Location<'static>>) -> Option<NodeId> {
    let shape = new.graph().node(x).shape();
    let (first, last) = (*axes.first()?, *axes.last()?);
    let is_around = shape.axes()[last + 1..].iter().any(|axis| *axis != Axis::Fixed(1));
    let n = Shape::new(&shape.axes()[first..=last]).len().filter(|n| (1..=most).contains(n))?;
    // What is repeated is not read as a slice.
    let is_there = !matches!(new.graph().node(x).kind(), Kind::Array(ArrayOp::Broadcast(_)) | Kind::Const(_));
    if !is_around || !is_there {
        return None;
    }
    let summand = |new: &mut Builder, mut k: usize| {
        let mut cuts = vec![Cut::All; shape.rank()];
        for axis in (first..=last).rev() {
            let Axis::Fixed(len) = shape.axes()[axis] else { unreachable!("the length is known") };
            cuts[axis] = Cut::Range { start: k % len, step: 1, len: 1 };
            k /= len;
        }
        new.intern(Kind::Array(ArrayOp::Slice(cuts).intern()), &[x], at)
    };
    let mut parts: Vec<Option<NodeId>> = (0..most).map(|k| (k < n).then(|| summand(new, k))).collect();
    let sum = halve(&mut parts, |a, b| match (a, b) {
        (Some(a), Some(b)) => Some(new.intern(Kind::Apply(Op::Add), &[a, b], at)),
        (one, other) => one.or(other),
    });
    Some(new.intern(Kind::Array(ArrayOp::Reshape(shape.without(axes)).intern()), &[sum?], at))
}
