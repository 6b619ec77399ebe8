//! Sets of columns that a number depends on, shared wherever a number depends on what another one does.

use smallvec::SmallVec;
use std::rc::Rc;

/// Columns, ascending; `None` is the empty set.
pub(crate) type Set = Option<Rc<Vec<u32>>>;

/// The sets of a value's numbers, in order; none at all where no number depends on a column.
pub(crate) type Sets = SmallVec<[Set; 2]>;

/// The set of one column.
pub(crate) fn one(column: u32) -> Set {
    Some(Rc::new(vec![column]))
}

/// A set of columns that ascend.
pub(crate) fn of(columns: Vec<u32>) -> Set {
    if columns.is_empty() { None } else { Some(Rc::new(columns)) }
}

/// What a set has.
pub(crate) fn columns(set: &Set) -> &[u32] {
    set.as_ref().map_or(&[], |set| set)
}

/// How many times the smaller set must fit in the larger one to be looked up in it rather than merged.
const LOOK_UP: usize = 16;

/// Both sets together. A set that nobody else has grows where it is, so that a running sum over all columns takes linear time.
pub(crate) fn union(a: Set, b: Set) -> Set {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (a, b) => return a.or(b),
    };
    if Rc::ptr_eq(&a, &b) {
        return Some(a);
    }
    let (mut large, small) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    if small.len() * LOOK_UP < large.len() && small.iter().all(|column| large.binary_search(column).is_ok()) {
        return Some(large);
    }
    if large.last() < small.first()
        && let Some(own) = Rc::get_mut(&mut large)
    {
        own.extend_from_slice(&small);
        return Some(large);
    }
    let all = merged(&large, &small);
    Some(if all.len() == large.len() { large } else { Rc::new(all) })
}

fn merged(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a, b);
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        all.push(*x.min(y));
        (a, b) = (if x <= y { more_a } else { a }, if y <= x { more_b } else { b });
    }
    all.extend_from_slice(a);
    all.extend_from_slice(b);
    all
}

/// All sets together.
pub(crate) fn union_all<'a>(sets: impl IntoIterator<Item = &'a Set>) -> Set {
    let mut different: Vec<&Rc<Vec<u32>>> = Vec::new();
    for set in sets.into_iter().flatten() {
        if !different.last().is_some_and(|last| Rc::ptr_eq(last, set)) {
            different.push(set);
        }
    }
    match different[..] {
        [] => None,
        [only] => Some(only.clone()),
        [a, b] => union(Some(a.clone()), Some(b.clone())),
        _ => {
            let mut all: Vec<u32> = different.iter().flat_map(|set| set.iter().copied()).collect();
            all.sort_unstable();
            all.dedup();
            let whole = different.into_iter().find(|set| set.len() == all.len());
            Some(whole.cloned().unwrap_or_else(|| Rc::new(all)))
        }
    }
}
