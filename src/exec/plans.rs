//! The plans that a compiled function of arrays keeps: one for the lengths of every call, until there are too many.

use super::call::Slices;
use crate::op::Scalar;
use crate::schedule::ir::{Plan, Updates, bytes_of_plan};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many plans are kept where nobody says how many.
const MOST: usize = 256;
/// So many of them are kept however large they are.
const FEW: usize = 9;
/// Up to so many bytes more are.
const MOST_BYTES: usize = 64 << 20;

/// A plan, and the values that depend on no input.
pub(super) struct Ready {
    /// The lengths of open axes that were given.
    pub(super) given: Vec<(String, usize)>,
    pub(super) plan: Plan,
    pub(super) kept: Vec<u64>,
}

impl Ready {
    pub(super) fn fits<T, S: AsRef<str>>(&self, threads: usize, given: &[(S, usize)], slices: &Slices<T>) -> bool {
        let same = |lengths: &[usize], slices: &mut dyn ExactSizeIterator<Item = usize>| {
            lengths.len() == slices.len() && lengths.iter().all(|&len| slices.next() == Some(len))
        };
        self.plan.parallel == (threads > 1)
            && same(&self.plan.inputs, &mut slices.inputs.iter().map(|slice| slice.len()))
            && self.plan.overwritten.iter().all(|&k| slices.outputs.get(k).map(|slice| slice.len()) == Some(self.plan.outputs[k]))
            && self.given.len() == given.len()
            && self.given.iter().zip(given).all(|((name, len), (other, n))| (name.as_str(), *len) == (other.as_ref(), *n))
    }

    fn bytes(&self) -> usize {
        bytes_of_plan(&self.plan) + 8 * self.kept.len()
    }
}

/// All plans of a function.
pub(super) struct Plans {
    /// That for the lengths of the first call, which needs no lock, and stays.
    first: OnceLock<Arc<Ready>>,
    others: Mutex<Others>,
    /// How many there are at most, if somebody said so.
    most: Option<usize>,
}

#[derive(Default)]
struct Others {
    all: Vec<Other>,
    /// Counts their uses.
    clock: u64,
}

struct Other {
    /// Of the lengths; equal ones are compared.
    hash: u64,
    used: u64,
    bytes: usize,
    ready: Arc<Ready>,
}

impl Plans {
    pub(super) fn new(most: Option<usize>) -> Plans {
        Plans { first: OnceLock::new(), others: Mutex::default(), most }
    }

    /// That for the lengths of the first call, if there was one.
    #[inline]
    pub(super) fn first(&self) -> Option<&Arc<Ready>> {
        self.first.get()
    }

    /// A plan that was made for a call like this one, but the first.
    pub(super) fn find<T: Scalar, S: AsRef<str>>(
        &self,
        updates: &Updates,
        threads: usize,
        given: &[(S, usize)],
        slices: &Slices<T>,
    ) -> Option<Arc<Ready>> {
        let hash = hash(updates, threads, given, slices);
        let others = &mut *self.others();
        let found = others.all.iter_mut().find(|other| other.hash == hash && other.ready.fits(threads, given, slices))?;
        others.clock += 1;
        found.used = others.clock;
        Some(found.ready.clone())
    }

    /// Keeps a plan for such calls; the least recently used ones go.
    pub(super) fn keep<T: Scalar, S: AsRef<str>>(
        &self,
        updates: &Updates,
        threads: usize,
        given: &[(S, usize)],
        slices: &Slices<T>,
        ready: &Arc<Ready>,
    ) {
        let fits = |ready: &Arc<Ready>| ready.fits(threads, given, slices);
        if self.first.set(ready.clone()).is_ok() || self.first.get().is_some_and(fits) {
            return;
        }
        let others = &mut *self.others();
        others.clock += 1;
        let hash = hash(updates, threads, given, slices);
        // Another thread may have made the same meanwhile.
        if others.all.iter().any(|other| other.hash == hash && fits(&other.ready)) {
            return;
        }
        others.all.push(Other { hash, used: others.clock, bytes: ready.bytes(), ready: ready.clone() });
        // One is the first.
        while others.all.len() >= self.most.unwrap_or(MOST).max(1) || self.most.is_none() && others.are_large() {
            let oldest = others.all.iter().enumerate().min_by_key(|(_, other)| other.used);
            let (at, _) = oldest.expect("there is the one that was just put there");
            others.all.swap_remove(at);
        }
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Others {
    fn are_large(&self) -> bool {
        self.all.len() >= FEW && self.all.iter().map(|other| other.bytes).sum::<usize>() > MOST_BYTES
    }
}

/// Of what a plan is found by.
fn hash<T: Scalar, S: AsRef<str>>(updates: &Updates, threads: usize, given: &[(S, usize)], slices: &Slices<T>) -> u64 {
    let mut hasher = FxHasher::default();
    (threads > 1).hash(&mut hasher);
    slices.inputs.iter().for_each(|slice| slice.len().hash(&mut hasher));
    updates.iter().for_each(|&(output, _)| slices.outputs.get(output).map(|slice| slice.len()).hash(&mut hasher));
    given.iter().for_each(|(_, len)| len.hash(&mut hasher));
    hasher.finish()
}
