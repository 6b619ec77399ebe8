//! How much the records of loops may take, and whether they would have taken more. Records grow while code runs, which cannot give an error: it
//! stops the loop, and whoever called it asks here.

use super::host::memory_limit;
use std::cell::Cell;

/// Records that would have outgrown their limit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgrown {
    /// Bytes of a turn.
    pub(crate) record: usize,
    pub(crate) limit: usize,
}

thread_local! {
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

/// Records take so many bytes less.
pub(crate) fn less(bytes: usize) {
    USED.set(USED.get() - bytes);
}
