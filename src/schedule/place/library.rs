//! Operations that are no loops over rows, planned for the lengths of a call.

use super::planner::Planner;
use crate::eval::along::{Along, Indices};
use crate::eval::linalg::Sizes;
use crate::graph::{Kind, NodeId};
use crate::op::{ArrayOp, Cut, DType};
use crate::schedule::axes::are_neighbours;
use crate::schedule::ir::{Action, Buffer, MatMul, Origin, Strided, strides};
use crate::schedule::queries::{Factor, matrix};
use crate::schedule::views::layout;

pub(super) fn library(planner: &mut Planner, id: NodeId) {
    let (f, extent) = (planner.f, planner.extent);
    let graph = f.graph();
    let operands: Vec<NodeId> = graph.operands(id).collect();
    let op = match graph.node(id).kind() {
        Kind::Array(op) => op,
        kind => unreachable!("{kind:?} is no library stage"),
    };
    let origin = Origin { name: op.name(), at: graph.node(id).location() };
    let shape = |id: NodeId| extent.lengths(graph.node(id).shape());
    let own = shape(id);
    let first = operands.first().copied();
    let x_shape = first.map(&shape).unwrap_or_default();
    let sources: Vec<Buffer> = match op {
        ArrayOp::MatMul => operands.iter().map(|&operand| factor_of(planner, operand)).collect(),
        _ => operands.iter().map(|&operand| planner.memory(operand)).collect(),
    };
    let to = planner.claim(id);
    let nothing = to.empty();
    let two = |places: &[Buffer]| [0, 1].map(|k| places.get(k).copied().unwrap_or(nothing));
    let action = match op {
        ArrayOp::Permute(order) => {
            let dense = strides(&x_shape);
            let strides = order.iter().map(|&k| dense[k] as isize).collect();
            Action::Read { from: sources[0], places: Strided { lengths: own, strides, offset: 0 }, to }
        }
        ArrayOp::Slice(cuts) => Action::Read { from: sources[0], places: cut(&x_shape, cuts, &own), to },
        ArrayOp::Pad(_, cuts) => Action::Write { from: sources[0], to, places: cut(&own, cuts, &x_shape), clear: true },
        ArrayOp::Concat(axis) => {
            let mut start = 0;
            for (&operand, from) in operands.iter().zip(sources) {
                let part = shape(operand);
                let mut places = Strided::contiguous(&own);
                places.offset = start * places.strides[*axis] as usize;
                start += part[*axis];
                places.lengths = part;
                let places = places.without_ones();
                planner.actions.push(Action::Write { from, to, places, clear: false });
            }
            return;
        }
        ArrayOp::MatMul => {
            let rank = own.len();
            let (m, n) = (own[rank - 2], own[rank - 1]);
            let k = x_shape[rank - 1];
            let factor = |operand: NodeId| {
                let factor = matrix(planner.f, operand);
                let (_, dense) = layout(planner.f, factor.source, planner.extent.open);
                let row = dense[dense.len() - 2] as isize;
                if factor.transposed { (1, row) } else { (row, 1) }
            };
            let each = MatMul { rows: m, m, k, n, a: factor(operands[0]), b: factor(operands[1]) };
            Action::MatMul { a: sources[0], b: sources[1], c: to, each, count: own[..rank - 2].iter().product() }
        }
        ArrayOp::Gather { axis, batch } => {
            planner.actions.push(Action::Check { index: sources[1], len: x_shape[*axis], origin });
            let indices = Indices::new(&x_shape, *axis, *batch, &shape(operands[1]));
            Action::Gather { x: sources[0], index: sources[1], to, along: Along::new(&x_shape, *axis), indices }
        }
        ArrayOp::ScatterAdd { axis, batch, .. } => {
            planner.actions.push(Action::Check { index: sources[1], len: own[*axis], origin });
            let indices = Indices::new(&own, *axis, *batch, &shape(operands[1]));
            Action::ScatterAdd { x: sources[0], index: sources[1], to, along: Along::new(&own, *axis), indices }
        }
        ArrayOp::Prod(axis)
        | ArrayOp::ArgMax(axis)
        | ArrayOp::CumSum { axis, .. }
        | ArrayOp::Shift { axis, .. }
        | ArrayOp::Recur { axis, .. }
        | ArrayOp::Iota(_, axis) => {
            let along = Along::new(if first.is_some() { &x_shape } else { &own }, *axis);
            Action::Sweep { op: op.clone(), operands: two(&sources), to, along, origin }
        }
        ArrayOp::Solve
        | ArrayOp::SolveOrNan
        | ArrayOp::SolveTriangular { .. }
        | ArrayOp::Inverse
        | ArrayOp::Det
        | ArrayOp::LogDet
        | ArrayOp::Cholesky => {
            let sizes = Sizes::new(&x_shape, operands.get(1).map(|&b| shape(b)).as_deref(), &own);
            let work = planner.borrow(sizes.work());
            planner.give_back(work);
            Action::Linalg { op: op.clone(), operands: two(&sources), to, work, sizes, origin }
        }
        ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
            let largest = matches!(op, ArrayOp::MaxOf(_));
            if are_neighbours(axes) {
                let (before, after) = x_shape.split_at(axes.first().copied().unwrap_or(x_shape.len()));
                let (over, after) = after.split_at(axes.len());
                let [outer, len, inner] = [before, over, after].map(|axes| axes.iter().product());
                planner.actions.push(Action::Extreme { x: sources[0], to, along: Along { outer, len, inner }, largest });
                return;
            }
            if own.contains(&0) {
                return;
            }
            let mut places = Strided { lengths: x_shape.clone(), strides: vec![0; x_shape.len()], offset: 0 };
            let kept: Vec<usize> = (0..x_shape.len()).filter(|k| !axes.contains(k)).collect();
            let dense = strides(&own);
            kept.iter().zip(dense).for_each(|(&k, stride)| places.strides[k] = stride as isize);
            Action::ExtremeOver { x: sources[0], to, lengths: x_shape, places, largest }
        }
        ArrayOp::Broadcast(_) | ArrayOp::Reshape(_) | ArrayOp::Sum(_) | ArrayOp::Norm(_) | ArrayOp::SlopeOf => {
            unreachable!("{op} is no library stage")
        }
    };
    debug_assert!(
        graph.node(id).dtype() != DType::Mask
            || matches!(action, Action::Read { .. } | Action::Write { .. } | Action::Gather { .. })
    );
    planner.actions.push(action);
}

/// The memory of a factor of a product.
fn factor_of(planner: &mut Planner, operand: NodeId) -> Buffer {
    let Factor { source, .. } = matrix(planner.f, operand);
    let (first, _) = layout(planner.f, source, planner.extent.open);
    planner.memory(source.node).after(first)
}

/// The places that cuts leave of a shape.
fn cut(of: &[usize], cuts: &[Cut], left: &[usize]) -> Strided {
    let dense = strides(of);
    let mut places = Strided { lengths: left.to_vec(), ..Strided::default() };
    for (cut, &stride) in cuts.iter().zip(&dense) {
        let step = match cut {
            Cut::All => 1,
            Cut::Range { step, .. } => *step,
        };
        places.offset += cut.at(0) * stride;
        places.strides.push(step * stride as isize);
    }
    places
}
