//! The processor's mode for subnormal numbers.

/// While it lives, native code of this thread takes subnormal numbers for zeros and gives zeros for them. No Rust code may compute
/// with floats meanwhile: it counts on the default.
pub(crate) struct Flushing {
    before: u32,
}

impl Flushing {
    /// Whether this processor can do it.
    pub(crate) const SUPPORTED: bool = cfg!(target_arch = "x86_64");
    /// The bits of MXCSR: flush results to zero, and take operands for zero.
    const BITS: u32 = 1 << 15 | 1 << 6;

    pub(crate) fn start() -> Flushing {
        let before = control();
        set_control(before | Flushing::BITS);
        Flushing { before }
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        set_control(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
fn control() -> u32 {
    let mut word = 0u32;
    // SAFETY: the instruction stores the control word of the vector unit, four bytes, at its operand.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
    word
}

#[cfg(target_arch = "x86_64")]
fn set_control(word: u32) {
    // SAFETY: the word is one that was read, with two defined bits set or not.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &word, options(nostack, preserves_flags, readonly)) };
}

#[cfg(not(target_arch = "x86_64"))]
fn control() -> u32 {
    unreachable!("compiling refuses the option on this processor")
}

#[cfg(not(target_arch = "x86_64"))]
fn set_control(_: u32) {}
