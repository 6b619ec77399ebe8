//! Work over several threads, those of rayon's pool, with the feature `threads`.
//!
//! What is shared out is a matter of lengths; who does it is not. So no result depends on the number of threads.

use crate::error::{Error, Kind as ErrorKind, Result};

/// Whether a call may have so many threads.
pub(crate) fn check(threads: usize) -> Result<()> {
    match threads {
        0 => Err(Error::new(ErrorKind::Value, "0 threads: a call runs on one at least")),
        1 => Ok(()),
        _ if cfg!(feature = "threads") => Ok(()),
        n => {
            let message = format!("{n} threads: more than one for a call needs wengert's feature `threads`, which is off");
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// Calls `f` with every number below `tasks`, on this thread and up to `threads` − 1 others. A panic on any of them is one of this call,
/// after all have ended.
pub(super) fn each(threads: usize, tasks: usize, f: impl Fn(usize) + Sync) {
    #[cfg(feature = "threads")]
    if threads.min(tasks) > 1 {
        use std::sync::atomic::{AtomicUsize, Ordering};
        // Whoever is free takes the next task: threads may start late, or be held up by others.
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(task) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&task| task < tasks) {
                f(task);
            }
        };
        return rayon::in_place_scope(|scope| {
            (1..threads.min(tasks)).for_each(|_| scope.spawn(|_| work()));
            work();
        });
    }
    let _ = threads;
    (0..tasks).for_each(f);
}

/// The numbers that belong to one of several tasks that share them out in whole pieces of some size.
pub(super) fn share(len: usize, piece: usize, tasks: usize, task: usize) -> std::ops::Range<usize> {
    let pieces = len.div_ceil(piece);
    let start = |task: usize| (pieces * task / tasks * piece).min(len);
    start(task)..start(task + 1)
}

/// An address that several threads know. Those who use it see to it that what is written by one is not touched by another.
pub(super) struct Shared<T>(*mut T);

// SAFETY: to know an address is no access; every access is in a block that vouches for it.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(address: *mut T) -> Self {
        Shared(address)
    }
    pub(super) fn get(&self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{check, each, share};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_task_runs_once() {
        for (threads, tasks) in [(1, 0), (4, 0), (1, 7), (2, 1), (2, 100), (3, 2), (8, 1000)] {
            let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            each(threads, tasks, |task| {
                counts[task].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{threads} threads, {tasks} tasks");
        }
    }

    #[test]
    fn a_panic_is_the_callers_and_the_next_call_works() {
        for threads in [1, 2, 4] {
            let panicked = std::panic::catch_unwind(|| each(threads, 64, |task| assert!(task != 40, "task 40")));
            assert!(panicked.is_err());
            let count = AtomicUsize::new(0);
            each(threads, 64, |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), 64);
        }
    }

    #[test]
    fn shares_are_whole_pieces_and_everything() {
        for (len, piece, tasks) in [(0, 4, 3), (1, 4, 3), (10, 4, 2), (1000, 7, 13), (1024, 256, 4)] {
            let shares: Vec<_> = (0..tasks).map(|task| share(len, piece, tasks, task)).collect();
            assert_eq!(shares.iter().map(|share| share.len()).sum::<usize>(), len);
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(shares.iter().all(|share| share.start % piece == 0 || share.start == len));
        }
    }

    #[test]
    fn a_number_of_threads_is_checked() {
        assert!(check(1).is_ok());
        assert!(check(0).unwrap_err().is_value());
        assert_eq!(check(2).is_ok(), cfg!(feature = "threads"));
        assert!(check(2).err().is_none_or(|error| error.is_unsupported()));
    }
}
