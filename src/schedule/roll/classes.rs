//! Which nodes are equal: by what they are made of, and by what is made of them.
//!
//! Nodes of one class have the same operation on operands of the same classes, so all of them are equally high above the inputs, and none
//! depends on another one.

use super::flat::{Flat, NONE, What};
use crate::op::Op;
use rustc_hash::{FxHashMap, FxHashSet};

/// As many members a class has that is worth a loop.
pub(super) const FEWEST: usize = 8;
/// A class whose operand is a known number of up to so many values, with enough members for each, is a class for each of them.
const MOST_VALUES: usize = 8;
/// How often classes are split by the uses of their members.
const ROUNDS: usize = 2;

/// The class of inputs and that of what is known; others have larger numbers.
const INPUT: u32 = 0;
const KNOWN: u32 = 1;

/// Nodes that are computed at once: the members of a class, in the order of the graph, or a node by itself.
#[derive(Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) members: Vec<u32>,
}

/// All operations of a graph in units, each after those that it reads. Operands of commutative operations are put in the order of their classes.
/// None where more than so many operations, sums apart, would be by themselves.
pub(super) fn units(flat: &mut Flat, most_single: usize) -> Option<Vec<Unit>> {
    let mut by_value = vec![false; flat.len()];
    let (mut classes, mut sizes) = upward(flat, None, &by_value, most_single)?;
    if mark_values(flat, &classes, &mut by_value) {
        match upward(flat, None, &by_value, most_single) {
            Some(finer) => (classes, sizes) = finer,
            None => by_value.fill(false),
        }
    }
    // A split that would leave too much by itself is undone.
    for _ in 0..ROUNDS {
        let used = downward(flat, &classes);
        let finer = upward(flat, Some(&used), &by_value, most_single);
        let Some(finer) = finer.filter(|(_, more)| more.len() > sizes.len()) else { break };
        (classes, sizes) = finer;
    }
    Some(in_order(flat, &classes, &sizes))
}

/// How many members every class has.
fn sizes_of(flat: &Flat, classes: &[u32], count: u32, most_single: usize) -> Option<Vec<usize>> {
    let mut sizes = vec![0usize; count as usize];
    (0..flat.len()).filter(|&k| is_made(flat, k)).for_each(|k| sizes[classes[k] as usize] += 1);
    let single: usize = sizes.iter().filter(|&&size| size < FEWEST).sum();
    (single <= most_single + flat.sums.len()).then_some(sizes)
}

fn is_made(flat: &Flat, k: usize) -> bool {
    matches!(flat.what[k], What::Apply(_) | What::Sum(_))
}

/// Operands before users: the classes, and how many members each has. `within` are classes that are split further. None where more than so many
/// operations, sums apart, would be by themselves.
fn upward(flat: &mut Flat, within: Option<&[u32]>, by_value: &[bool], most_single: usize) -> Option<(Vec<u32>, Vec<usize>)> {
    // With more classes there are more small ones than may be, however large the others are: most functions are done with after a part.
    let most = most_single + flat.sums.len() + flat.len() / FEWEST + KNOWN as usize + 1;
    let mut classes = vec![NONE; flat.len()];
    let mut known: FxHashMap<(Op, u32, [u32; 3]), u32> = FxHashMap::default();
    let mut next = KNOWN + 1;
    for k in 0..flat.len() {
        if next as usize > most {
            return None;
        }
        classes[k] = match flat.what[k] {
            What::Input => INPUT,
            What::Known => KNOWN,
            What::Inside => continue,
            What::Sum(_) => {
                next += 1;
                next - 1
            }
            What::Apply(op) => {
                let args = &mut flat.args[k];
                if op.is_commutative() && classes[args[0] as usize] > classes[args[1] as usize] {
                    args.swap(0, 1);
                }
                let mut key = [NONE; 3];
                for (key, &x) in key.iter_mut().zip(&args[..op.arity()]) {
                    let class = classes[x as usize];
                    // Complements of nodes are larger than any class.
                    *key = if by_value[k] && class == KNOWN { !x } else { class };
                }
                let within = within.map_or(0, |classes| classes[k]);
                *known.entry((op, within, key)).or_insert_with(|| {
                    next += 1;
                    next - 1
                })
            }
        };
    }
    let sizes = sizes_of(flat, &classes, next, most_single)?;
    Some((classes, sizes))
}

/// Users before operands: equal classes that are used in equal ways. That an output shows a node is no difference.
fn downward(flat: &Flat, classes: &[u32]) -> Vec<u32> {
    let mut used = vec![0u64; flat.len()];
    let mut finer = vec![NONE; flat.len()];
    let mut known: FxHashMap<(u32, u64), u32> = FxHashMap::default();
    for k in (0..flat.len()).rev() {
        if !is_made(flat, k) {
            continue;
        }
        let next = known.len() as u32;
        let own = *known.entry((classes[k], used[k])).or_insert(next);
        finer[k] = own;
        let mut add = |x: u32, place: usize| {
            let used = &mut used[x as usize];
            *used = used.wrapping_add(mixed(u64::from(own), place as u64));
        };
        match flat.what[k] {
            What::Sum(sum) => {
                let sum = &flat.sums[sum as usize];
                add(sum.first, 0);
                for link in &sum.links {
                    let place = match link.op {
                        Op::Add => 0,
                        Op::Sub => 1,
                        _ => 2,
                    };
                    link.terms().iter().for_each(|&x| add(x, place));
                }
            }
            _ => {
                let operands = flat.operands(k);
                // Operands that may be exchanged are used alike where their classes are the same.
                let same =
                    flat.op(k).is_some_and(Op::is_commutative) && classes[operands[0] as usize] == classes[operands[1] as usize];
                operands.iter().enumerate().for_each(|(place, &x)| add(x, if same && place == 1 { 0 } else { place }));
            }
        }
    }
    finer
}

/// A hash of a use, which is added to those of other uses.
fn mixed(user: u64, place: u64) -> u64 {
    let x = ((user << 3 | place) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 29
}

/// Marks the members of classes that are split by the values of an operand that is known. Whether there are any.
fn mark_values(flat: &Flat, classes: &[u32], by_value: &mut [bool]) -> bool {
    /// Values and how often each is there; none where there are too many.
    type Values = Option<Vec<(u32, usize)>>;
    let mut values: FxHashMap<(u32, usize), Values> = FxHashMap::default();
    for (k, &class) in classes.iter().enumerate() {
        for (place, &x) in flat.operands(k).iter().enumerate().filter(|(_, x)| flat.what[**x as usize] == What::Known) {
            let of = values.entry((class, place)).or_insert_with(|| Some(vec![]));
            let Some(list) = of else { continue };
            match list.iter_mut().find(|(value, _)| *value == x) {
                Some((_, count)) => *count += 1,
                None => list.push((x, 1)),
            }
            if list.len() > MOST_VALUES {
                *of = None;
            }
        }
    }
    let are_several = |list: &[(u32, usize)]| list.len() > 1 && list.iter().all(|&(_, count)| count >= FEWEST);
    let split: FxHashSet<u32> =
        values.into_iter().filter(|(_, list)| list.as_deref().is_some_and(are_several)).map(|((class, _), _)| class).collect();
    by_value.iter_mut().zip(classes).for_each(|(by_value, class)| *by_value = split.contains(class));
    !split.is_empty()
}

/// Units in the order of their heights, each of which only reads lower ones.
fn in_order(flat: &Flat, classes: &[u32], sizes: &[usize]) -> Vec<Unit> {
    let mut height = vec![0u32; flat.len()];
    let mut unit_of: Vec<Option<usize>> = vec![None; sizes.len()];
    let mut units: Vec<Unit> = Vec::new();
    for k in (0..flat.len()).filter(|&k| is_made(flat, k)) {
        let above = |x: &u32| height[*x as usize] + 1;
        height[k] = match flat.what[k] {
            What::Sum(sum) => {
                let sum = &flat.sums[sum as usize];
                let terms = sum.links.iter().flat_map(|link| link.terms()).chain([&sum.first]);
                terms.map(above).max().unwrap_or(0)
            }
            _ => flat.operands(k).iter().map(above).max().unwrap_or(0),
        };
        let class = classes[k] as usize;
        match unit_of[class].filter(|_| sizes[class] >= FEWEST) {
            Some(unit) => units[unit].members.push(k as u32),
            None => {
                unit_of[class] = Some(units.len());
                units.push(Unit { members: vec![k as u32] });
            }
        }
    }
    units.sort_by_key(|unit| height[unit.members[0] as usize]);
    units
}
