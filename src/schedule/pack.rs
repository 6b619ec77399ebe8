//! Equal functions side by side: in a program for single points, values that take a kernel and do not depend on each other are
//! computed together, in the lanes of a vector.
//!
//! In: steps. Out: the same steps in another order, with those that go together next to each other. A step's *depth* is the largest
//! number of kernels on a way to it, so that steps with kernels at one depth do not depend on each other.

use super::open::has_kernel;
use super::program::Step;
use crate::base::Width;
use crate::kernels::{block, slices_of};
use crate::op::Op;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// Steps that are ordered anew together: far enough to find neighbours, near enough that values do not wait long.
const WINDOW: usize = 1000;

/// An order is changed where at least one step among so many finds a neighbour.
const AMONG: usize = 32;

/// As many steps may go together.
const MOST: usize = 240;

/// Whether lanes pay: for two elements of 64 bits some of the platform's routines take no longer one after the other.
fn pays(op: Op, width: Width) -> bool {
    use Op::*;
    let slow = matches!(op, Powf | Powi(_));
    let even = matches!(op, Exp2 | Ln | Log2 | Atan | Asinh | Acosh | Erf | Erfc | NormCdf | Softplus | LogAddExp | Xlogy);
    !slow && (width == Width::F32 || !even) && has_kernel(op)
}

/// How many of so many equal steps go together: a call of the routine over slices for a block of elements and more, else the lanes
/// of a vector, where they pay.
fn together(op: Op, width: Width, count: usize) -> usize {
    match () {
        _ if count >= block(width) && op.library().and_then(slices_of).is_some() => MOST,
        _ if pays(op, width) => 16 / width.bytes(),
        _ => 1,
    }
}

/// Puts steps that go together next to each other; the first of each pack has their count. Gives every step's new position, or
/// nothing where all steps stay where they are.
pub(super) fn pack(steps: &mut Vec<Step>, width: Width) -> Option<Vec<u32>> {
    let kinds = kernels(steps, width);
    if kinds.iter().filter(|kind| **kind > 0).count() < 2 {
        return None;
    }
    let mut order: Vec<u32> = Vec::with_capacity(steps.len());
    let mut packs: Vec<Range<usize>> = Vec::new();
    for start in (0..steps.len()).step_by(WINDOW) {
        let window = start..steps.len().min(start + WINDOW);
        let depth = depths(steps, &kinds, &window);
        let key = |k: u32| (depth[k as usize - start], kinds[k as usize]);
        let mut sorted: Vec<u32> = window.clone().map(|k| k as u32).collect();
        sorted.sort_by_key(|&k| key(k));
        let mut found = Vec::new();
        let mut placed: Vec<u32> = Vec::with_capacity(sorted.len());
        let mut groups = sorted.chunk_by(|&a, &b| key(a) == key(b)).peekable();
        while let Some(equal) = groups.next() {
            let Some(op) = steps[equal[0] as usize].op().filter(|_| kinds[equal[0] as usize] > 0) else {
                placed.extend(equal);
                continue;
            };
            let follows = |next: &&[u32]| {
                let companion = op.companion().map(|(companion, _)| companion);
                steps[next[0] as usize].op() == companion && depth[next[0] as usize - start] == depth[equal[0] as usize - start]
            };
            let companions = groups.next_if(follows).unwrap_or_default();
            let each = together(op, width, equal.len().max(companions.len()));
            let both = beside(steps, equal, companions);
            for part in in_turns(&both, each) {
                if part.len() > 1 {
                    found.push(start + placed.len()..start + placed.len() + part.len());
                }
                placed.extend(part);
            }
        }
        let together: usize = found.iter().map(Range::len).sum();
        if together * AMONG >= window.len() {
            order.extend(placed);
            packs.extend(found);
        } else {
            order.extend(window.map(|k| k as u32));
        }
    }
    if packs.is_empty() {
        return None;
    }
    let mut place = vec![0u32; steps.len()];
    order.iter().zip(0..).for_each(|(&k, at)| place[k as usize] = at);
    let moved = |&k: &u32| Step { args: steps[k as usize].args.map(|arg| place[arg as usize]), ..steps[k as usize] };
    *steps = order.iter().map(moved).collect();
    for pack in packs {
        steps[pack.start].pack = pack.len() as u8;
        steps[pack].iter_mut().for_each(|step| step.plain = false);
    }
    Some(place)
}

/// Equal steps and equal companions of them, those first that have the same operand, in the same order.
fn beside(steps: &[Step], equal: &[u32], companions: &[u32]) -> [Vec<u32>; 2] {
    let operand = |k: &u32| steps[*k as usize].args[0];
    let place: FxHashMap<u32, usize> = equal.iter().map(operand).zip(0..).collect();
    let has_companion: FxHashSet<u32> = companions.iter().map(operand).collect();
    let (mut first, mut second) = (equal.to_vec(), companions.to_vec());
    first.sort_by_key(|k| !has_companion.contains(&operand(k)));
    second.sort_by_key(|k| place.get(&operand(k)).copied().unwrap_or(usize::MAX));
    [first, second]
}

/// Parts of so many of the one and of the other.
fn in_turns(both: &[Vec<u32>; 2], each: usize) -> impl Iterator<Item = &[u32]> {
    let turns = both.iter().map(|all| all.len().div_ceil(each)).max().unwrap_or(0);
    (0..turns).flat_map(move |turn| both.iter().filter_map(move |all| all.chunks(each).nth(turn)))
}

/// For every step a number: equal ones for equal operations that may be worth a vector, the next one for companions, 0 for all others.
fn kernels(steps: &[Step], width: Width) -> Vec<u32> {
    let (mut kinds, mut count) = (FxHashMap::<Op, u32>::default(), 0);
    let mut kind = |op: Op| match kinds.get(&op) {
        Some(&kind) => kind,
        None if pays(op, width) || op.library().and_then(slices_of).is_some() => {
            let first =
                Op::ALL.iter().copied().find(|first| first.companion().is_some_and(|(second, _)| second == op)).unwrap_or(op);
            kinds.insert(first, count + 1);
            if let Some((second, _)) = first.companion() {
                kinds.insert(second, count + 2);
            }
            count += 2;
            kinds[&op]
        }
        None => {
            kinds.insert(op, 0);
            0
        }
    };
    steps.iter().map(|step| step.op().map_or(0, &mut kind)).collect()
}

/// For the steps of a window, how many kernels of the window are behind them.
fn depths(steps: &[Step], kinds: &[u32], window: &Range<usize>) -> Vec<u32> {
    let mut depth = vec![0u32; window.len()];
    for k in window.clone() {
        let behind = |&operand: &u32| match (operand as usize).checked_sub(window.start) {
            Some(at) => depth[at] + u32::from(kinds[operand as usize] > 0),
            None => 0,
        };
        depth[k - window.start] = steps[k].operands().iter().map(behind).max().unwrap_or(0);
    }
    depth
}
