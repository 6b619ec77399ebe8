//! Memory that a thread keeps for its calls, grown once to the largest size asked for.

use std::cell::Cell;
use std::thread::LocalKey;

thread_local! {
    static WORKSPACE: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static ARRAYS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static SUMS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static TILES: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static REGISTERS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static PARTIAL: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static GATHERED: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Lends this thread's scratch memory, grown once to the largest size asked for.
#[inline(always)]
pub(crate) fn with_scratch<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&WORKSPACE, words, f)
}

/// As [`with_scratch`], of the arrays of a call during which functions are called that need scratch memory themselves.
pub(crate) fn with_arrays<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&ARRAYS, words, f)
}

/// Whether there is room for so many words of [`with_arrays`].
pub(crate) fn may_lend_arrays(words: usize) -> bool {
    let mut memory = ARRAYS.take();
    let may = memory.try_reserve(words.saturating_sub(memory.len())).is_ok();
    ARRAYS.replace(memory);
    may
}

/// As [`with_scratch`], of sums that other threads add up.
pub(crate) fn with_sums<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&SUMS, words, f)
}

/// As [`with_scratch`], of a tile of a call's arrays.
pub(crate) fn with_tiles<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&TILES, words, f)
}

/// As [`with_scratch`], of an interpreted program's registers, all equal at first.
pub(super) fn with_registers<V: Copy, R>(len: usize, first: V, f: impl FnOnce(&mut [V]) -> R) -> R {
    values(&REGISTERS, len, first, f)
}

/// As [`with_scratch`], of the sums of interpreted rows.
pub(super) fn with_partial<V: Copy, R>(len: usize, first: V, f: impl FnOnce(&mut [V]) -> R) -> R {
    values(&PARTIAL, len, first, f)
}

/// As [`with_scratch`], of inputs that are put together.
pub(super) fn with_gathered<V: Copy, R>(len: usize, first: V, f: impl FnOnce(&mut [V]) -> R) -> R {
    values(&GATHERED, len, first, f)
}

fn values<V: Copy, R>(from: &'static LocalKey<Cell<Vec<u64>>>, len: usize, first: V, f: impl FnOnce(&mut [V]) -> R) -> R {
    const { assert!(align_of::<V>() <= align_of::<u64>()) };
    lend(from, (len * size_of::<V>()).div_ceil(8), |memory| {
        let memory = memory.cast::<V>();
        // SAFETY: there are as many words as the values need, nobody else has them, and all are written before they are lent.
        let values = unsafe {
            (0..len).for_each(|k| memory.add(k).write(first));
            std::slice::from_raw_parts_mut(memory, len)
        };
        f(values)
    })
}

/// Inlined, so that where the memory is noted is found by one call at most.
#[inline(always)]
fn lend<R>(from: &'static LocalKey<Cell<Vec<u64>>>, words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    if words == 0 {
        return f(std::ptr::NonNull::dangling().as_ptr());
    }
    from.with(|memory| {
        let mut workspace = memory.replace(Vec::new());
        if workspace.len() < words {
            workspace.resize(words, 0);
        }
        let result = f(workspace.as_mut_ptr());
        memory.replace(workspace);
        result
    })
}
