//! How much the records of loops may take, and whether they would have taken more; whether a loop has made more turns than it may. Code that runs
//! cannot give an error: it stops the loop, and whoever called it asks here.

use super::host::memory_limit;
use std::cell::Cell;

/// Records that would have outgrown their limit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgrown {
    /// Bytes of a turn.
    pub(crate) record: usize,
    pub(crate) limit: usize,
}

/// A loop that would have made more turns than its limit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endless {
    pub(crate) turns: usize,
    /// Which of the loops of its code it is.
    pub(crate) number: usize,
}

thread_local! {
    static ENDLESS: Cell<Option<Endless>> = const { Cell::new(None) };
    static LIMIT: Cell<Option<usize>> = const { Cell::new(None) };
    static USED: Cell<usize> = const { Cell::new(0) };
    static OUTGROWN: Cell<Option<Outgrown>> = const { Cell::new(None) };
}

/// Runs with a limit, if there is one of its own.
pub(crate) fn limited<R>(limit: Option<usize>, run: impl FnOnce() -> R) -> R {
    OUTGROWN.set(None);
    let outer = LIMIT.replace(limit);
    let result = run();
    LIMIT.set(outer);
    result
}

/// What has outgrown its limit, if so, since this was asked.
pub(crate) fn take() -> Option<Outgrown> {
    OUTGROWN.take()
}

/// Whether records may take so many bytes more; then they do. If not, it is noted, with the bytes of a turn.
pub(crate) fn may_grow(bytes: usize, record: usize) -> bool {
    let limit = LIMIT.get().unwrap_or_else(memory_limit);
    let used = USED.get().saturating_add(bytes);
    if used > limit || OUTGROWN.get().is_some() {
        refuse(record);
        return false;
    }
    USED.set(used);
    true
}

/// Notes that records could not grow by a turn of so many bytes.
pub(crate) fn refuse(record: usize) {
    let limit = LIMIT.get().unwrap_or_else(memory_limit);
    OUTGROWN.set(OUTGROWN.get().or(Some(Outgrown { record, limit })));
}

/// Notes that a loop of the code at hand would make more turns than these; the first that says so counts.
pub(crate) fn stop(turns: usize, number: usize) {
    ENDLESS.set(ENDLESS.get().or(Some(Endless { turns, number })));
}

/// Whether a loop of the code at hand was stopped, so that those around it are to stop.
pub(crate) fn is_stopped() -> bool {
    ENDLESS.get().is_some()
}

/// The loop that was stopped, if so, since this was asked.
pub(crate) fn take_stopped() -> Option<Endless> {
    ENDLESS.take()
}

/// Records take so many bytes less.
pub(crate) fn less(bytes: usize) {
    USED.set(USED.get() - bytes);
}
