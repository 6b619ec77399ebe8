//! Memory that grows while native code runs: for the records of a loop's turns, whose number comes out.
//!
//! Code starts with a few bytes of its own stack. Larger memory is kept by the thread for the next call.

use crate::base::records::{self, may_grow};
use std::cell::Cell;

/// Where records are: as native code has it in its stack, followed by bytes for the first few.
#[repr(C)]
pub(crate) struct Tape {
    start: *mut u8,
    end: *mut u8,
}

/// Bytes behind a tape.
pub(crate) const INLINE: usize = 1024;

thread_local! {
    /// Memory that no tape has.
    static FREE: Cell<Vec<Box<[u64]>>> = const { Cell::new(Vec::new()) };
}

impl Tape {
    fn is_inline(&self) -> bool {
        self.start.cast_const() == std::ptr::from_ref(self).wrapping_add(1).cast()
    }

    /// The memory, if it is not the stack's.
    ///
    /// # Safety
    /// The tape is one that [`grow`] made or code began.
    unsafe fn taken(&self) -> Option<Box<[u64]>> {
        let words = (self.end.addr() - self.start.addr()) / size_of::<u64>();
        // SAFETY: `grow` made it of a box of as many words.
        (!self.is_inline()).then(|| unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start.cast(), words)) })
    }
}

/// Makes room for as many bytes more from `at` on, and gives where they are; null where that is more than the limit.
///
/// # Safety
/// Native code began the tape, and nothing else uses it; `at` is within, and what is before was written.
pub(super) unsafe extern "C" fn grow(tape: *mut Tape, at: *mut u8, more: usize) -> *mut u8 {
    // SAFETY: as promised.
    let tape = unsafe { &mut *tape };
    let (used, room) = (at.addr() - tape.start.addr(), tape.end.addr() - tape.start.addr());
    let words = (used + more).max(2 * room).div_ceil(size_of::<u64>());
    let own = if tape.is_inline() { 0 } else { room };
    if !may_grow(words * size_of::<u64>() - own, more) {
        return std::ptr::null_mut();
    }
    let mut free = FREE.take();
    let fitting = free.iter().position(|memory| memory.len() >= words).map(|k| free.swap_remove(k));
    let new = || {
        let mut memory = Vec::new();
        memory.try_reserve_exact(words).ok()?;
        memory.resize(words, 0);
        Some(memory.into_boxed_slice())
    };
    let Some(memory) = fitting.or_else(new) else {
        records::less(words * size_of::<u64>() - own);
        records::refuse(more);
        FREE.replace(free);
        return std::ptr::null_mut();
    };
    // What another has grown to counts, too.
    records::more((memory.len() - words) * size_of::<u64>());
    let len = size_of_val(&*memory);
    let start = Box::into_raw(memory).cast::<u8>();
    // SAFETY: so many bytes were written, and the new memory is no shorter.
    unsafe { std::ptr::copy_nonoverlapping(tape.start, start, used) };
    // SAFETY: as promised.
    free.extend(unsafe { tape.taken() });
    FREE.replace(free);
    (tape.start, tape.end) = (start, start.wrapping_add(len));
    start.wrapping_add(used)
}

/// Gives the memory of a tape back.
///
/// # Safety
/// As [`grow`]; the tape is not used any more.
pub(super) unsafe extern "C" fn give_back(tape: *mut Tape) {
    // SAFETY: as promised.
    if let Some(memory) = unsafe { (*tape).taken() } {
        records::less(size_of_val(&*memory));
        let mut free = FREE.take();
        free.push(memory);
        FREE.replace(free);
    }
}
