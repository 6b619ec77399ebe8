//! Sparse derivatives of functions of numbers: every entry is traced, sharing what entries share; products are by sums of unit
//! vectors, so what is multiplied by 0 is not there. What uses arrays or loops inside is met as a whole.

use super::flow::carries;
use super::recover::{Read, Recovery};
use crate::base::sets;
use crate::base::sets::{Set, columns, union};
use crate::diff::{Products, products};
use crate::error::Result;
use crate::graph::{Function, Kind, NodeId};
use std::panic::Location;

/// The entries as the one output `values`.
pub(super) fn values(f: &Function, recovery: &Recovery, at: &'static Location<'static>) -> Result<Function> {
    let (mut forward, mut reverse) = (Vec::new(), Vec::new());
    let mut places = Vec::with_capacity(recovery.reads.len());
    for read in &recovery.reads {
        match *read {
            Read::Forward { row, group } => {
                places.push((false, forward.len()));
                forward.push((row, group));
            }
            Read::Reverse { group, column } => {
                places.push((true, reverse.len()));
                reverse.push((group, column));
            }
        }
    }
    let first_reverse = forward.len();
    let wanted = Products { columns: &recovery.columns, rows: &recovery.rows, forward: &forward, reverse: &reverse };
    products(f, "values", &wanted, at, |numbers| {
        let place = |&(reverse, k): &(bool, usize)| numbers[if reverse { first_reverse + k } else { k }];
        let mut values: Vec<_> = places.iter().map(place).collect();
        for &(to, of) in &recovery.subtract {
            values[to as usize] = values[to as usize] - values[of as usize];
        }
        values
    })
}

/// About how many products of partial derivatives and tangents a recovery takes, of a function whose parts were put aside.
pub(super) fn work(f: &Function, recovery: &Recovery) -> usize {
    let graph = f.graph();
    let slots = f.active_slots();
    let rows: Vec<NodeId> = f.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
    let mut active = vec![false; graph.len()];
    slots.iter().for_each(|&slot| active[slot] = true);
    // Edges that carry a derivative, by user.
    let mut edges: Vec<smallvec::SmallVec<[NodeId; 2]>> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let mut own = smallvec::SmallVec::new();
        let flows = match graph.node(id).kind() {
            Kind::Apply(op) => carries(op).to_vec(),
            Kind::Control(_) => vec![true; graph.operands(id).len()],
            _ => vec![],
        };
        own.extend(graph.operands(id).zip(flows).filter(|(x, flows)| *flows && active[x.index()]).map(|(x, _)| x));
        active[id.index()] |= !own.is_empty();
        edges.push(own);
    }
    let back = |seeds: Vec<(NodeId, Set)>| {
        let mut sets: Vec<Set> = vec![None; graph.len()];
        for (id, set) in seeds {
            sets[id.index()] = union(sets[id.index()].take(), set);
        }
        for id in graph.ids().rev() {
            let Some(own) = sets[id.index()].clone() else { continue };
            for operand in &edges[id.index()] {
                sets[operand.index()] = union(sets[operand.index()].take(), Some(own.clone()));
            }
        }
        sets
    };
    let mut work = 0;
    if recovery.forward > 0 {
        let mut wants: Vec<Vec<u32>> = vec![vec![]; rows.len()];
        for read in &recovery.reads {
            if let Read::Forward { row, group } = *read {
                wants[row].push(group);
            }
        }
        let wants = rows.iter().zip(wants).map(|(&id, mut keys)| {
            keys.sort_unstable();
            keys.dedup();
            (id, sets::of(keys))
        });
        let wanted = back(wants.collect());
        let mut there: Vec<Set> = vec![None; graph.len()];
        for (&slot, group) in slots.iter().zip(&recovery.columns) {
            there[slot] = group.and_then(sets::one);
        }
        for id in graph.ids() {
            let keep = columns(&wanted[id.index()]);
            let mut sum: Set = None;
            for operand in &edges[id.index()] {
                let kept: Vec<u32> =
                    columns(&there[operand.index()]).iter().copied().filter(|key| keep.binary_search(key).is_ok()).collect();
                work += kept.len();
                let whole = kept.len() == columns(&there[operand.index()]).len();
                sum = union(sum, if whole { there[operand.index()].clone() } else { sets::of(kept) });
            }
            if !edges[id.index()].is_empty() {
                there[id.index()] = sum;
            }
        }
    }
    if recovery.reverse > 0 {
        let seeds = rows.iter().zip(&recovery.rows).filter_map(|(&id, group)| Some((id, sets::one((*group)?))));
        let reached = back(seeds.collect());
        work += graph.ids().map(|id| columns(&reached[id.index()]).len() * edges[id.index()].len()).sum::<usize>();
    }
    work + recovery.subtract.len()
}
