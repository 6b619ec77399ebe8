//! Functions of few numbers that have operations which straight-line code cannot do (loops, linear algebra): straight-line code in pieces,
//! before, between and behind these.
//!
//! In: a function of arrays. Out: for each piece its nodes, what it reads and what it makes. A node's *depth* is the largest number of such
//! operations on a way to it; a piece has all nodes of a depth. What only moves numbers is done anew in each piece that uses it.

use super::unroll::{cost, numbers};
use crate::error::Result;
use crate::graph::{Args, Builder, Function, InputGroup, Kind, NodeId, OutputGroup};
use crate::op::{ArrayOp, DType, Op};
use crate::schedule::ir::{Piece, Straight};
use crate::schedule::unit::Units;
use crate::schedule::views::owner;
use crate::schedule::{Settings, lowered_arrays};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Operations on longer arrays are better done in loops.
const LONGEST: usize = 64;

#[derive(Copy, Clone, PartialEq)]
enum Role {
    /// An input, or known.
    Given,
    /// It moves numbers.
    Free,
    Computed,
    /// It is done between pieces.
    Barrier,
}

/// What is done at a depth: a piece, and then operations that are not part of one.
pub(super) type Depths = Vec<(Piece, Vec<NodeId>)>;

/// The pieces of a function that has no more than so many operations on numbers in them.
pub(super) fn pieces(f: &Function, most: usize) -> Option<Depths> {
    let graph = f.graph();
    let (mut roles, mut depth, mut total) = (Vec::with_capacity(graph.len()), vec![0usize; graph.len()], 0);
    for id in graph.ids() {
        let node = graph.node(id);
        // Of a size that is known, and numbers or truth values.
        let len = node.shape().len().filter(|&len| len > 0 && node.dtype() != DType::Index)?;
        let role = match (node.kind(), cost(f, id)) {
            (Kind::Input(_) | Kind::Const(_) | Kind::Flag(_), _) => Role::Given,
            (Kind::Control(_), _) => Role::Barrier,
            // These are never by themselves, or read their operands where other operations have them.
            (Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Reshape(_) | ArrayOp::Sum(_) | ArrayOp::MatMul), None) => return None,
            (Kind::Array(_), None) => Role::Barrier,
            (_, None) => return None,
            _ if len > LONGEST => return None,
            (_, Some(0)) => Role::Free,
            (_, Some(cost)) => {
                total += cost;
                Role::Computed
            }
        };
        let behind = |operand: NodeId| depth[operand.index()] + usize::from(roles[operand.index()] == Role::Barrier);
        depth[id.index()] = graph.operands(id).map(behind).max().unwrap_or(0);
        roles.push(role);
    }
    if total > most {
        return None;
    }
    let deepest = depth.iter().copied().max()?;
    let mut made: Vec<BTreeSet<NodeId>> = vec![BTreeSet::new(); deepest + 1];
    let mut barriers: Vec<Vec<NodeId>> = vec![Vec::new(); deepest + 1];
    let is_made = |id: NodeId| matches!(roles[id.index()], Role::Free | Role::Computed);
    let mut want = |id: NodeId| {
        let id = owner(f, id);
        if is_made(id) {
            made[depth[id.index()]].insert(id);
        }
    };
    f.output_nodes().for_each(&mut want);
    for id in graph.ids().filter(|id| roles[id.index()] == Role::Barrier) {
        graph.operands(id).for_each(&mut want);
        barriers[depth[id.index()]].push(id);
    }
    let mut depths = Vec::new();
    // What a piece reads of another one is made by that.
    for at in (0..=deepest).rev() {
        let mut wanted = made[at].clone();
        let (mut nodes, mut inputs) = (Vec::new(), Vec::new());
        while let Some(id) = wanted.pop_last() {
            match roles[id.index()] {
                Role::Given if graph.node(id).kind().is_known() => {}
                Role::Given | Role::Barrier => inputs.push(id),
                Role::Computed if depth[id.index()] < at => {
                    made[depth[id.index()]].insert(id);
                    inputs.push(id);
                }
                Role::Free | Role::Computed => {
                    wanted.extend(graph.operands(id));
                    nodes.push(id);
                }
            }
        }
        nodes.reverse();
        inputs.reverse();
        let outputs = made[at].iter().copied().collect();
        depths.push((Piece { nodes, inputs, outputs }, std::mem::take(&mut barriers[at])));
    }
    depths.reverse();
    Some(depths)
}

/// A piece with its program, in which inputs and outputs are apart.
pub(super) fn straight(f: &Function, piece: Piece, options: Settings, units: &mut Units) -> Result<Straight> {
    let graph = f.graph();
    let mut builder = Builder::default();
    let inputs: Vec<NodeId> = piece.inputs.iter().map(|&id| builder.input(graph.node(id).shape(), DType::Float)).collect();
    let (zero, one) = (builder.intern(Kind::constant(0.0), &[], None), builder.intern(Kind::constant(1.0), &[], None));
    let mut values: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for (&id, number) in piece.inputs.iter().zip(inputs) {
        // Masks are stored as numbers, 1 where they hold.
        let value = match graph.node(id).dtype() {
            DType::Mask => builder.intern(Kind::Apply(Op::Ne), &[number, zero], None),
            DType::Float | DType::Index => number,
        };
        values.insert(id, value);
    }
    for &id in &piece.nodes {
        let value = |operand: NodeId| match graph.node(operand).kind() {
            known if known.is_known() => builder.intern(known, &[], None),
            _ => values[&operand],
        };
        let args: Args = graph.operands(id).map(value).collect();
        let node = graph.node(id);
        values.insert(id, builder.intern(node.kind(), &args, node.location()));
    }
    let number = |id: &NodeId| match graph.node(*id).dtype() {
        DType::Mask => builder.intern(Kind::Apply(Op::Select), &[values[id], one, zero], None),
        DType::Float | DType::Index => values[id],
    };
    let outputs: Vec<NodeId> = piece.outputs.iter().map(number).collect();
    let shapes = piece.inputs.iter().map(|&id| graph.node(id).shape()).enumerate();
    let groups = shapes.map(|(k, shape)| InputGroup::value(format!("x{k}"), shape, DType::Float)).collect();
    let results = outputs.into_iter().enumerate();
    let results = results.map(|(k, id)| OutputGroup::new(format!("y{k}"), vec![id])).collect();
    let whole = Function::assemble(builder.finish(), f.width(), groups, results)?;
    let program = lowered_arrays(&numbers(&whole)?, options);
    Ok(Straight { piece, unit: units.add(program, None) })
}
