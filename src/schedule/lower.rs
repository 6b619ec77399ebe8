//! From a function to a program: rewritten as it is going to be computed, then put in order step by step.

use super::Settings;
use super::contract::{contract, undetached};
use super::inline::{bare, inlined};
use super::lanes::side_by_side;
use super::live::read;
use super::norms::{unrooted, unrooted_with_branches};
use super::open::opened;
use super::pack::pack;
use super::program::{Layout, Program, Step, StepKind, elements};
use super::sums::grouped;
use crate::graph::{Function, Kind, NodeId};
use crate::op::ArrayOp;
use crate::simplify::{Simplify, simplify};
use std::sync::Arc;

/// A body as values alone: rules and what is computed again inlined, norms as roots, nothing that only matters to derivatives.
pub(super) fn values_of(f: &Function) -> Function {
    read(&undetached(&unrooted_with_branches(&bare(f))))
}

/// The function as it is going to be computed.
pub(crate) fn prepared(f: &Function, options: Settings) -> Function {
    let mut f = read(&undetached(&unrooted(&inlined(f))));
    if options.simplify {
        f = simplify(&f, Simplify::EXACT);
    }
    if options.fuse {
        f = contract(&f);
    }
    // Last, so that nothing inside a kernel is fused: opened or not, it gives the same bits.
    if options.simplify {
        f = opened(&f);
    }
    f = unrepeated(&grouped(&f, options.fuse));
    debug_assert!(f.graph().verify().is_ok(), "{:?}", f.graph().verify());
    f
}

/// The function without broadcasts that repeat nothing: those are the same elements in another shape, or the same value. So a broadcast that is
/// left has more elements than its operand, and nobody can read the one where the other is.
fn unrepeated(f: &Function) -> Function {
    let graph = f.graph();
    let repeats_nothing = |id: NodeId| match graph.node(id).kind() {
        Kind::Array(ArrayOp::Broadcast(to)) => graph.operands(id).all(|x| graph.node(x).shape().volume() == to.volume()),
        _ => false,
    };
    if !graph.ids().any(repeats_nothing) {
        return f.clone();
    }
    f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        match node.kind() {
            Kind::Array(ArrayOp::Broadcast(to)) if repeats_nothing(id) => match new.graph().node(args[0]).shape() == *to {
                true => args[0],
                false => new.intern(Kind::Array(&ArrayOp::Reshape(*to)), args, node.location()),
            },
            kind => new.intern(kind, args, node.location()),
        }
    })
}

/// A function of numbers; `varying` says which inputs differ from row to row.
#[track_caller]
pub(crate) fn lowered(f: &Function, options: Settings, varying: &[bool]) -> Program {
    straight(&prepared(f, options), options, varying)
}

/// The same of a function that was [prepared].
pub(crate) fn straight(f: &Function, options: Settings, varying: &[bool]) -> Program {
    let program = apiece(f, options, varying);
    if varying.is_empty() && options.fuse { packed(program) } else { program }
}

/// Of arrays, whose elements the function has one by one: with our kernels, whose bits those of loops are, inputs and outputs where
/// the arrays are, and equal operations side by side.
pub(crate) fn lowered_arrays(f: &Function, options: Settings) -> Program {
    let program = packed(apiece(&prepared(f, options), options, &[])).with_kernels();
    let mut steps = program.steps.to_vec();
    side_by_side(&mut steps, program.width, &elements(&program.layout.inputs));
    Program { steps: steps.into(), apart: true, ..program }
}

/// Every step by itself.
fn apiece(f: &Function, options: Settings, varying: &[bool]) -> Program {
    let graph = f.graph();
    let mut varies = vec![false; graph.len()];
    for id in graph.ids() {
        varies[id.index()] = match graph.node(id).kind() {
            Kind::Input(slot) => varying.get(slot as usize).copied().unwrap_or(false),
            _ => graph.operands(id).any(|operand| varies[operand.index()]),
        };
    }
    // What does not depend on a row first; each part stays in topological order.
    let mut place = vec![0u32; graph.len()];
    let mut steps = Vec::with_capacity(graph.len());
    let mut invariant = 0;
    for part in [false, true] {
        for id in graph.ids().filter(|id| varies[id.index()] == part) {
            place[id.index()] = steps.len() as u32;
            let mut args = [0; 3];
            for (arg, operand) in args.iter_mut().zip(graph.operands(id)) {
                *arg = place[operand.index()];
            }
            let kind = match graph.node(id).kind() {
                Kind::Input(slot) => StepKind::Input(slot),
                Kind::Const(bits) => StepKind::Const(bits),
                Kind::Flag(b) => StepKind::Flag(b),
                Kind::Apply(op) => StepKind::Apply(op),
                Kind::Array(_) | Kind::Control(_) => unreachable!("a function of numbers has neither arrays nor bodies"),
            };
            steps.push(Step { kind, dtype: graph.node(id).dtype(), args, plain: varying.is_empty(), pack: 0 });
        }
        if !part {
            invariant = steps.len();
        }
    }
    Program {
        width: f.width(),
        steps: steps.into(),
        invariant,
        outputs: f.output_nodes().map(|id| place[id.index()]).collect(),
        layout: Arc::new(Layout::new(f)),
        options,
        apart: false,
        flow: None,
    }
}

/// The same with equal kernels next to each other, to be computed together.
fn packed(program: Program) -> Program {
    let mut steps = program.steps.to_vec();
    match pack(&mut steps, program.width) {
        Some(place) => {
            let outputs = program.outputs.iter().map(|&step| place[step as usize]).collect();
            Program { steps: steps.into(), outputs, ..program }
        }
        None => program,
    }
}
