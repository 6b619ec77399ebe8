//! Tangents that are handles: one that a guard made 0 stays 0 behind an infinite edge.

use crate::op::{EdgeMap, Real, lit};

/// The mask outside of which all of them are 0; none where one of them has none.
#[track_caller]
pub(super) fn joint<'a, T: Real>(all: impl Iterator<Item = &'a T>) -> Option<T::Mask> {
    let mut found = None;
    for x in all {
        if !x.is_absent() {
            let guard = x.guard()?;
            found = Some(found.map_or(guard, |found| found | guard));
        }
    }
    found
}

/// Tangents of a result: sums over the operands of edges applied to tangents. What comes of guarded tangents alone is guarded again.
#[track_caller]
pub(super) fn push<T: Real, const A: usize, const N: usize>(edges: [EdgeMap<T>; A], tangents: [[T; N]; A]) -> [T; N] {
    let mut eps = [lit(0.0); N];
    for i in 0..N {
        let (mut sum, mut guard, mut open, mut changed): (Option<T>, Option<T::Mask>, _, _) = (None, None, false, false);
        for k in 0..A {
            let t = tangents[k][i];
            if t.is_absent() {
                continue;
            }
            let edge = edges[k].guarded();
            let Some(term) = edge.apply(t) else { continue };
            let own = match (t.guard(), edge) {
                (guard, EdgeMap::Where(m) | EdgeMap::ScaleWhere(m, _)) => Some(guard.map_or(m, |guard| guard & m)),
                (guard, _) => guard,
            };
            open |= own.is_none();
            guard = own.map_or(guard, |own| Some(guard.map_or(own, |guard| guard | own)));
            changed |= match edge {
                _ if sum.is_some() => true,
                EdgeMap::Id => false,
                EdgeMap::Where(_) | EdgeMap::ScaleWhere(..) => t.guard().is_some(),
                _ => true,
            };
            sum = Some(sum.map_or(term, |sum| sum + term));
        }
        let Some(sum) = sum else { continue };
        eps[i] = match guard {
            Some(guard) if changed && !open => T::select(guard, sum, lit(0.0)),
            _ => sum,
        };
    }
    eps
}
