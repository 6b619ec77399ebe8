//! How a stage goes along the outermost of its axes.

use crate::base::sums::partials;
use crate::graph::{Kind, NodeId};
use crate::op::ArrayOp;
use crate::schedule::axes;
use crate::schedule::ir::{Loop, LoopInput, LoopOutput, Stage};
use crate::schedule::lengths::{Extent, lengths};
use crate::schedule::queries::matrix;
use crate::schedule::views::{self, owner};

/// Rows that a product of matrices has at least: those of a tile share what is packed of the second factor.
const ROWS: usize = 32;
/// Elements of partial sums that last from tile to tile, at most: a quarter of a second-level cache.
const MOST: usize = 32 * 1024;

/// The outermost axis of what a stage goes through, as a whole with those that lie in memory as one with it.
pub(super) struct Walk {
    pub(super) len: usize,
    pub(super) reads: Vec<Track>,
    pub(super) makes: Vec<Track>,
    /// Whether it is that of rows which are added up in blocks.
    pub(super) sums_rows: bool,
    /// The shortest part of it that is worth its while.
    pub(super) least: usize,
}

/// A value that is read or made: how far its place moves from one index to the next, and how many numbers there are in all.
#[derive(Copy, Clone)]
pub(super) struct Track {
    pub(super) id: NodeId,
    pub(super) stride: usize,
    pub(super) len: usize,
}

fn track(extent: Extent, id: NodeId, stride: usize) -> Track {
    Track { id, stride, len: extent.size(id) }
}

/// A stage's walk, if it is one that can be cut.
pub(super) fn walk(extent: Extent, stage: &Stage) -> Option<Walk> {
    let walk = match stage {
        Stage::Loop(looped) => loop_walk(extent, looped)?,
        Stage::Library(id) => library_walk(extent, *id)?,
        Stage::Straight(_) | Stage::Control(_) => return None,
    };
    let is_known = |track: &Track| extent.f.graph().node(track.id).kind().is_known();
    (walk.len > 1 && !walk.reads.iter().any(is_known)).then_some(walk)
}

fn loop_walk(extent: Extent, looped: &Loop) -> Option<Walk> {
    let all = lengths(looped.shape, extent.open);
    if all.contains(&0) {
        return None;
    }
    let (_, strides): (Vec<usize>, Vec<Vec<usize>>) = views::of_loop(extent, looped, &all).into_iter().unzip();
    let (rows, around) = axes::nest(looped, &all, &strides);
    let sums_rows = around.is_empty() && axes::is_sum(looped);
    let inner: usize = around.iter().skip(1).map(|(len, _)| len).product::<usize>() * rows.0;
    let (len, moves) = around.into_iter().next().unwrap_or(rows);
    let mut reads = Vec::new();
    for (input, &stride) in looped.inputs.iter().zip(&moves) {
        if let LoopInput::View(source) = input {
            if source.cut.is_some_and(|id| views::between(extent.f, id).is_some()) {
                return None;
            }
            let len = lengths(source.shape, extent.open).into_iter().product();
            reads.push(Track { id: source.node, stride, len });
        }
    }
    let made = looped.outputs.iter().zip(&moves[looped.inputs.len()..]);
    let makes: Vec<Track> = made.map(|(output, &stride)| track(extent, output.node, stride)).collect();
    // Partial sums last from tile to tile.
    let lasts = |(made, output): (&Track, &LoopOutput)| made.stride == 0 && !axes::is_sum_of_rows(&output.summed, looped.shape);
    let lasting = makes.iter().zip(&looped.outputs).filter(|&(made, output)| lasts((made, output))).count();
    if lasting > 0 && lasting * partials(extent.f.width()) * inner > MOST {
        return None;
    }
    Some(Walk { len, reads, makes, sums_rows, least: 1 })
}

fn library_walk(extent: Extent, id: NodeId) -> Option<Walk> {
    let graph = extent.f.graph();
    let operands: Vec<NodeId> = graph.operands(id).collect();
    let shape = |id: NodeId| lengths(graph.node(id).shape(), extent.open);
    let plain = |len: usize, from: usize, to: usize| {
        let reads = vec![track(extent, owner(extent.f, operands[0]), from)];
        Some(Walk { len, reads, makes: vec![track(extent, id, to)], sums_rows: false, least: 1 })
    };
    match graph.node(id).kind() {
        Kind::Apply(_) => plain(extent.size(id), 1, 1),
        Kind::Array(ArrayOp::MaxOf(over) | ArrayOp::MinOf(over)) if axes::are_neighbours(over) => {
            let x = shape(operands[0]);
            let (before, rest) = x.split_at(over[0]);
            let after: usize = rest[over.len()..].iter().product();
            plain(before.iter().product(), rest.iter().product(), after)
        }
        Kind::Array(ArrayOp::ArgMax(axis)) => {
            let x = shape(operands[0]);
            let (before, rest) = x.split_at(*axis);
            plain(before.iter().product(), rest.iter().product(), rest[1..].iter().product())
        }
        Kind::Array(ArrayOp::MatMul) => {
            let (own, [a, b]) = (shape(id), [0, 1].map(|k| matrix(extent.f, operands[k])));
            if a.source.cut.is_some() || b.source.cut.is_some() {
                return None;
            }
            let (m, n, k) = (own[own.len() - 2], own[own.len() - 1], shape(operands[0]).pop()?);
            let count: usize = own[..own.len() - 2].iter().product();
            let (len, moves, least) = match count {
                // One row or column has kernels of its own.
                1 if a.transposed || m == 1 || n == 1 => return None,
                1 => (m, [k, 0, n], ROWS),
                _ => (count, [m * k, k * n, m * n], 1),
            };
            let reads = vec![track(extent, a.source.node, moves[0]), track(extent, b.source.node, moves[1])];
            Some(Walk { len, reads, makes: vec![track(extent, id, moves[2])], sums_rows: false, least })
        }
        _ => None,
    }
}
