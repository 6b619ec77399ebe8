//! Repeats, found again: a loop that ran while a function was traced has left its operations one after the other. Equal ones become an operation on
//! arrays, long sums become scans, and what is left stays by itself.
//!
//! In: a function of numbers, prepared. Out: a function of arrays with the same slices and the same bits, if enough of it repeats.

mod build;
mod classes;
mod columns;
mod flat;
#[cfg(test)]
mod tests;

use super::open::has_kernel;
use crate::graph::Function;
use crate::op::DType;
use build::Build;
pub(crate) use build::Counts;
use flat::{Flat, Sums};

/// Below so many operations straight-line code fits into the caches and stays.
const FEWEST_OPERATIONS: usize = 4000;
/// Of so many operations one may stay by itself.
const AMONG: usize = 50;
/// Operations that a class has on an average, at least.
const FEWEST_EACH: usize = 32;

/// The function as one of arrays. None where it is small, too little of it repeats, or straight-line code takes less time; but `always` leaves
/// time out of account.
pub(crate) fn rolled(f: &Function, always: bool) -> Option<(Function, Counts)> {
    if f.graph().len() < FEWEST_OPERATIONS || f.inputs().iter().any(|group| group.dtype() != DType::Float) {
        return None;
    }
    if f.output_nodes().any(|id| f.graph().node(id).dtype() != DType::Float) {
        return None;
    }
    of_at_least(f, FEWEST_OPERATIONS).filter(|(_, counts)| always || takes_less(counts))
}

/// The same where a function has so many operations.
fn of_at_least(f: &Function, fewest: usize) -> Option<(Function, Counts)> {
    let all = Flat::new(f, Sums::All);
    let sums = all.sums.len();
    attempt(f, fewest, all).or_else(|| {
        let longest = Flat::new(f, Sums::Longest);
        if longest.sums.len() < sums { attempt(f, fewest, longest) } else { None }
    })
}

fn attempt(f: &Function, fewest: usize, mut flat: Flat) -> Option<(Function, Counts)> {
    let operations = flat.operations();
    if operations < fewest {
        return None;
    }
    let most_single = operations / AMONG;
    let units = classes::units(&mut flat, most_single)?;
    if units.iter().filter(|unit| unit.members.len() > 1).count() * FEWEST_EACH > operations {
        return None;
    }
    Build::new(f, &flat, most_single).build(&units)
}

/// Whether loops compute some of a function otherwise than straight-line code does by itself: by our kernels.
pub(crate) fn takes_kernels(f: &Function) -> bool {
    let mut known = rustc_hash::FxHashMap::default();
    f.graph().ids().filter_map(|id| f.graph().node(id).op()).any(|op| *known.entry(op).or_insert_with(|| has_kernel(op)))
}

/// Costs in picoseconds, as measured on one machine: of an operation; of a term of a sum, which waits for the one before; of an element that is copied; of a
/// loop over what is by itself, of which there are a few.
const OPERATION: usize = 200;
const TERM: usize = 1400;
const COPY: usize = 1000;
const ALONE: usize = 50_000;
const FEW: usize = 10;
/// Straight-line code of so many operations stays in a cache. Beyond, each of them takes a picosecond longer for so many more.
const IN_CACHE: usize = 15_000;
const PER_PICOSECOND: usize = 100;

/// Whether loops take less time than straight-line code.
fn takes_less(counts: &Counts) -> bool {
    let operations = counts.rolled + counts.straight;
    let straight = (OPERATION + operations.saturating_sub(IN_CACHE) / PER_PICOSECOND).saturating_mul(operations);
    let alone = ALONE * counts.straight.min(FEW);
    OPERATION * operations + TERM * counts.added + COPY * counts.copied + alone < straight
}
