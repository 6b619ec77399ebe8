//! What is read and made by stages, and where: pure functions over a function's graph.

use super::ir::{Loop, LoopInput, Replay, Source, Stage, View};
use super::views::{factor, owner};
use crate::graph::{Control, Function, Kind, NodeId};
use crate::op::ArrayOp;

/// The nodes whose memory a stage reads.
pub(crate) fn reads(stage: &Stage, f: &Function) -> Vec<NodeId> {
    match stage {
        Stage::Loop(looped) => views_of(looped).map(|(_, view)| view.node).collect(),
        Stage::Straight(straight) => straight.piece.inputs.clone(),
        Stage::Library(node) => {
            let product = f.graph().node(*node).kind() == Kind::Array(&ArrayOp::MatMul);
            let read = |operand: NodeId| if product { matrix(f, operand).source.node } else { owner(f, operand) };
            f.graph().operands(*node).map(read).collect()
        }
        Stage::Control(stage) => {
            let own = f.graph().operands(stage.members[0].1).map(|id| owner(f, id));
            match &stage.replay {
                Some(Replay::Again(sources)) => {
                    let again = |id: &NodeId| sources.iter().any(|source| source.again.iter().any(|(_, other)| other == id));
                    let of_sources = sources.iter().flat_map(|source| source_reads(source, f));
                    own.filter(|id| !again(id)).chain(of_sources).collect()
                }
                _ => own.collect(),
            }
        }
    }
}

/// What steps that run again read: the states, what is read step by step, what is shared.
fn source_reads(source: &Source, f: &Function) -> Vec<NodeId> {
    let (Control::Scan { carries, .. }, states) = (&*source.control, source.again[0].1) else { unreachable!("it is a scan") };
    std::iter::once(states).chain(f.graph().operands(states).skip(*carries).map(|id| owner(f, id))).collect()
}

/// The nodes whose memory a stage writes.
pub(crate) fn made(stage: &Stage) -> Vec<NodeId> {
    match stage {
        Stage::Loop(looped) => looped.outputs.iter().map(|output| output.node).collect(),
        Stage::Straight(straight) => straight.piece.outputs.clone(),
        Stage::Library(node) => vec![*node],
        Stage::Control(control) => control.members.iter().map(|&(_, node)| node).collect(),
    }
}

/// Whether a stage writes a node's memory.
pub(crate) fn makes(stage: &Stage, id: NodeId) -> bool {
    made(stage).contains(&id)
}

/// What a loop reads of memory, by the number of the input.
fn views_of(looped: &Loop) -> impl Iterator<Item = (usize, View)> {
    looped.inputs.iter().enumerate().filter_map(|(k, input)| match input {
        LoopInput::View(view) => Some((k, *view)),
        LoopInput::Partial(_) => None,
    })
}

/// Whether an output of a loop may be written to the memory of an input: every element is read before it is overwritten, and not again.
pub(crate) fn may_overwrite(looped: &Loop, output: NodeId, input: NodeId) -> bool {
    let Some(k) = looped.outputs.iter().position(|other| other.node == output) else { return false };
    looped.outputs[k].summed.is_empty()
        && views_of(looped).filter(|(_, view)| view.node == input).all(|(slot, view)| {
            view.cut.is_none() && view.shape == looped.shape && looped.unit.interface().is_read_before(slot, k)
        })
}

/// Whether a permutation exchanges the last two axes.
pub(crate) fn is_transpose(order: &[usize]) -> bool {
    let n = order.len();
    n >= 2 && order[n - 2..] == [n - 1, n - 2] && order[..n - 2].iter().copied().eq(0..n - 2)
}

/// What a matrix product reads in place of an operand.
pub(crate) struct Factor {
    pub(crate) source: View,
    pub(crate) transposed: bool,
}

pub(crate) fn matrix(f: &Function, id: NodeId) -> Factor {
    let (id, transposed) = match f.graph().node(id).kind() {
        Kind::Array(ArrayOp::Permute(order)) if is_transpose(order) => {
            (f.graph().operands(id).next().expect("a permutation has an operand"), true)
        }
        _ => (id, false),
    };
    Factor { source: factor(f, id), transposed }
}
