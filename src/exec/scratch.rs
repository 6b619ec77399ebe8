//! Memory that a thread keeps for its calls, grown once to the largest size asked for.

use std::cell::RefCell;
use std::thread::LocalKey;

thread_local! {
    static WORKSPACE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static ARRAYS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static SUMS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static TILES: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Lends this thread's scratch memory, grown once to the largest size asked for.
pub(crate) fn with_scratch<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&WORKSPACE, words, f)
}

/// As [`with_scratch`], of the arrays of a call during which functions are called that need scratch memory themselves.
pub(crate) fn with_arrays<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&ARRAYS, words, f)
}

/// As [`with_scratch`], of sums that other threads add up.
pub(crate) fn with_sums<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&SUMS, words, f)
}

/// As [`with_scratch`], of a tile of a call's arrays.
pub(crate) fn with_tiles<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&TILES, words, f)
}

fn lend<R>(from: &'static LocalKey<RefCell<Vec<u64>>>, words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    if words == 0 {
        return f(std::ptr::NonNull::dangling().as_ptr());
    }
    let mut workspace = from.take();
    if workspace.len() < words {
        workspace.resize(words, 0);
    }
    let result = f(workspace.as_mut_ptr());
    from.set(workspace);
    result
}
