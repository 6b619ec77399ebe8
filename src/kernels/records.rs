//! Memory that grows while native code runs: for the records of a loop's turns, whose number comes out.
//!
//! Code starts with a few bytes of its own stack. Larger memory is kept by the thread for the next call.

use crate::base::records::{self, may_grow};
use std::cell::Cell;

/// Where records are: as native code has it in its stack, followed by bytes for the first few. Code writes all but the last field.
#[repr(C)]
pub(crate) struct Tape {
    start: *mut u8,
    end: *mut u8,
    /// Where there is room since `grow`; null where there is none.
    at: *mut u8,
    /// Bytes of a record.
    record: usize,
    /// Words of the memory, of which the tape may have a part.
    words: usize,
    _align: usize,
}

/// Bytes of a tape.
pub(crate) const HEAD: usize = size_of::<Tape>();

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
    /// The tape is one that [`make_room`] made or code began.
    unsafe fn taken(&self) -> Option<Box<[u64]>> {
        // SAFETY: `make_room` made it of a box of as many words.
        (!self.is_inline()).then(|| unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start.cast(), self.words)) })
    }
}

/// A routine that leaves all registers of its caller as they are: Cranelift's convention `PreserveAll`. So a loop that calls it, which it rarely does,
/// has its numbers in registers all the same. Elsewhere than on x86-64 the convention is the platform's.
macro_rules! preserving {
    ($name:ident($($arg:ident: $ty:ty),*) by $call:ident = $inner:ident) => {
        /// # Safety
        /// As what it calls.
        #[cfg(target_arch = "x86_64")]
        unsafe extern "sysv64" fn $call($($arg: $ty),*) {
            // SAFETY: as promised.
            unsafe { $inner($($arg),*) }
        }

        /// # Safety
        /// As what it calls.
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        pub(super) unsafe extern "sysv64" fn $name($($arg: $ty),*) {
            std::arch::naked_asm!(
                "push rbp", "mov rbp, rsp", "and rsp, -16", "sub rsp, 336",
                "movups [rsp], xmm0", "movups [rsp+16], xmm1", "movups [rsp+32], xmm2", "movups [rsp+48], xmm3",
                "movups [rsp+64], xmm4", "movups [rsp+80], xmm5", "movups [rsp+96], xmm6", "movups [rsp+112], xmm7",
                "movups [rsp+128], xmm8", "movups [rsp+144], xmm9", "movups [rsp+160], xmm10", "movups [rsp+176], xmm11",
                "movups [rsp+192], xmm12", "movups [rsp+208], xmm13", "movups [rsp+224], xmm14", "movups [rsp+240], xmm15",
                "mov [rsp+256], rax", "mov [rsp+264], rcx", "mov [rsp+272], rdx", "mov [rsp+280], rsi", "mov [rsp+288], rdi",
                "mov [rsp+296], r8", "mov [rsp+304], r9", "mov [rsp+312], r10", "mov [rsp+320], r11",
                "call {call}",
                "movups xmm0, [rsp]", "movups xmm1, [rsp+16]", "movups xmm2, [rsp+32]", "movups xmm3, [rsp+48]",
                "movups xmm4, [rsp+64]", "movups xmm5, [rsp+80]", "movups xmm6, [rsp+96]", "movups xmm7, [rsp+112]",
                "movups xmm8, [rsp+128]", "movups xmm9, [rsp+144]", "movups xmm10, [rsp+160]", "movups xmm11, [rsp+176]",
                "movups xmm12, [rsp+192]", "movups xmm13, [rsp+208]", "movups xmm14, [rsp+224]", "movups xmm15, [rsp+240]",
                "mov rax, [rsp+256]", "mov rcx, [rsp+264]", "mov rdx, [rsp+272]", "mov rsi, [rsp+280]", "mov rdi, [rsp+288]",
                "mov r8, [rsp+296]", "mov r9, [rsp+304]", "mov r10, [rsp+312]", "mov r11, [rsp+320]",
                "mov rsp, rbp", "pop rbp", "ret",
                call = sym $call
            )
        }

        /// # Safety
        /// As what it calls.
        #[cfg(not(target_arch = "x86_64"))]
        pub(super) unsafe extern "C" fn $name($($arg: $ty),*) {
            // SAFETY: as promised.
            unsafe { $inner($($arg),*) }
        }
    };
}
preserving! { grow(tape: *mut Tape, at: *mut u8, more: usize) by grow_call = make_room }
preserving! { give_back(tape: *mut Tape) by give_back_call = take_back }

preserving! { stop(turns: usize, number: usize) by stop_call = note_stopped }

/// Notes that a loop was stopped, by its number, after so many turns.
///
/// # Safety
/// None is needed.
unsafe fn note_stopped(turns: usize, number: usize) {
    records::stop(turns, number);
}

/// Makes room for as many bytes more from `at` on, and notes where they are; null where that is more than the limit.
///
/// # Safety
/// Native code began the tape, and nothing else uses it; `at` is within, and what is before was written.
unsafe fn make_room(tape: *mut Tape, at: *mut u8, more: usize) {
    // SAFETY: as promised.
    let tape = unsafe { &mut *tape };
    tape.at = std::ptr::null_mut();
    let (used, room) = (at.addr() - tape.start.addr(), tape.end.addr() - tape.start.addr());
    let words = (used + more).max(2 * room).div_ceil(size_of::<u64>());
    let own = if tape.is_inline() { 0 } else { room };
    let bytes = words * size_of::<u64>();
    if !may_grow(bytes - own, tape.record) {
        return;
    }
    let mut free = FREE.take();
    // The smallest that is large enough; what is beyond the words is not the tape's.
    let fitting = (0..free.len()).filter(|&k| free[k].len() >= words).min_by_key(|&k| free[k].len());
    let new = || {
        let mut memory = Vec::new();
        memory.try_reserve_exact(words).ok()?;
        memory.resize(words, 0);
        Some(memory.into_boxed_slice())
    };
    let Some(memory) = fitting.map(|k| free.swap_remove(k)).or_else(new) else {
        records::less(bytes - own);
        records::refuse(tape.record);
        FREE.replace(free);
        return;
    };
    let all = memory.len();
    let start = Box::into_raw(memory).cast::<u8>();
    // SAFETY: so many bytes were written, and the new memory is no shorter.
    unsafe { std::ptr::copy_nonoverlapping(tape.start, start, used) };
    // SAFETY: as promised.
    free.extend(unsafe { tape.taken() });
    FREE.replace(free);
    (tape.start, tape.end, tape.at, tape.words) = (start, start.wrapping_add(bytes), start.wrapping_add(used), all);
}

/// Gives the memory of a tape back.
///
/// # Safety
/// As [`make_room`]; the tape is not used any more.
unsafe fn take_back(tape: *mut Tape) {
    // SAFETY: as promised.
    let tape = unsafe { &*tape };
    // SAFETY: as promised.
    if let Some(memory) = unsafe { tape.taken() } {
        records::less(tape.end.addr() - tape.start.addr());
        let mut free = FREE.take();
        free.push(memory);
        FREE.replace(free);
    }
}
