//! Operations that are no loops over numbers, planned for the lengths of a call.

use super::lengths::lengths;
use super::moves::{Along, Strided, strides};
use super::plan::{Action, Place, Planner};
use super::product::MatMul;
use super::stages::{matrix, owner};
use crate::graph::{Kind, NodeId};
use crate::op::{ArrayOp, DType};

impl Planner<'_> {
    pub(super) fn library(&mut self, id: NodeId) {
        let graph = self.f.graph();
        let Kind::Array(op) = graph.node(id).kind() else { unreachable!("a library stage is an array operation") };
        let operands: Vec<NodeId> = graph.operands(id).collect();
        let shape = |id: NodeId| lengths(graph.node(id).shape(), self.open);
        let own = shape(id);
        let first = operands.first().copied();
        let x_shape = first.map(&shape).unwrap_or_default();
        let read = |this: &Self, id: NodeId| this.places[&owner(this.f, id)];
        let sources: Vec<Place> = match op {
            ArrayOp::MatMul => operands.iter().map(|&operand| read(self, matrix(self.f, operand).0)).collect(),
            _ => operands.iter().map(|&operand| read(self, operand)).collect(),
        };
        let index_len = |axis: usize, of: &[usize]| of[axis];
        let to = self.claim(id);
        let action = match op {
            ArrayOp::Permute(order) => {
                let dense = strides(&x_shape);
                let strides = order.iter().map(|&k| dense[k] as isize).collect();
                Action::Read { from: sources[0], places: Strided { lengths: own, strides, offset: 0 }, to }
            }
            ArrayOp::Slice(cuts) => Action::Read { from: sources[0], places: cut(&x_shape, cuts, &own), to },
            ArrayOp::Place(_, cuts) => Action::Write { from: sources[0], to, places: cut(&own, cuts, &x_shape), clear: true },
            ArrayOp::Concat(axis) => {
                let mut start = 0;
                for (&operand, from) in operands.iter().zip(sources) {
                    let part = shape(operand);
                    let mut places = Strided::contiguous(&own);
                    places.offset = start * places.strides[*axis] as usize;
                    start += part[*axis];
                    places.lengths = part;
                    self.actions.push(Action::Write { from, to, places, clear: false });
                }
                return;
            }
            ArrayOp::MatMul => {
                let rank = own.len();
                let (m, n) = (own[rank - 2], own[rank - 1]);
                let k = x_shape[rank - 1];
                let factor = |operand: NodeId, rows: usize, columns: usize| match matrix(self.f, operand).1 {
                    true => (1, rows as isize),
                    false => (columns as isize, 1),
                };
                let each = MatMul { m, k, n, a: factor(operands[0], m, k), b: factor(operands[1], k, n) };
                Action::MatMul { a: sources[0], b: sources[1], c: to, each, count: own[..rank - 2].iter().product() }
            }
            ArrayOp::Gather(axis) => {
                self.actions.push(Action::Check { index: sources[1], len: index_len(*axis, &x_shape), node: id });
                Action::Gather { x: sources[0], index: sources[1], to, along: Along::new(&x_shape, *axis) }
            }
            ArrayOp::ScatterAdd(_, axis) => {
                self.actions.push(Action::Check { index: sources[1], len: index_len(*axis, &own), node: id });
                Action::ScatterAdd { x: sources[0], index: sources[1], to, along: Along::new(&own, *axis) }
            }
            ArrayOp::CumSum { axis, reverse } => {
                Action::CumSum { x: sources[0], to, along: Along::new(&own, *axis), reverse: *reverse }
            }
            ArrayOp::Iota(_, axis) => Action::Iota { to, along: Along::new(&own, *axis) },
            ArrayOp::ArgMax(axis) => Action::ArgMax { x: sources[0], to, along: Along::new(&x_shape, *axis), node: id },
            ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
                let largest = matches!(op, ArrayOp::MaxOf(_));
                let neighbours = axes.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                if let (Some(&first), true) = (axes.first(), neighbours) {
                    let (before, after) = x_shape.split_at(first);
                    let (over, after) = after.split_at(axes.len());
                    let [outer, len, inner] = [before, over, after].map(|axes| axes.iter().product());
                    self.actions.push(Action::Extreme { x: sources[0], to, along: Along { outer, len, inner }, largest });
                    return;
                }
                let mut places = Strided { lengths: x_shape.clone(), strides: vec![0; x_shape.len()], offset: 0 };
                let kept: Vec<usize> = (0..x_shape.len()).filter(|k| !axes.contains(k)).collect();
                let dense = strides(&own);
                kept.iter().zip(dense).for_each(|(&k, stride)| places.strides[k] = stride as isize);
                Action::ExtremeOver { x: sources[0], to, lengths: x_shape, places, largest }
            }
            ArrayOp::Broadcast(_) | ArrayOp::Reshape(_) | ArrayOp::Sum(_) => unreachable!("{op} is no library stage"),
        };
        debug_assert!(
            graph.node(id).dtype() != DType::Mask
                || matches!(action, Action::Read { .. } | Action::Write { .. } | Action::Gather { .. })
        );
        self.actions.push(action);
    }
}

/// The places that cuts leave of a shape.
fn cut(of: &[usize], cuts: &[crate::op::Cut], left: &[usize]) -> Strided {
    let dense = strides(of);
    let mut places = Strided { lengths: left.to_vec(), ..Strided::default() };
    for (cut, &stride) in cuts.iter().zip(&dense) {
        let step = match cut {
            crate::op::Cut::All => 1,
            crate::op::Cut::Range { step, .. } => *step,
        };
        places.offset += cut.at(0) * stride;
        places.strides.push(step * stride as isize);
    }
    places
}
