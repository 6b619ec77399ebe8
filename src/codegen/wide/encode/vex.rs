//! The prefix of instructions on up to 256 bits, and of those on masks.

use super::{Asm, Code, Rm};

impl Asm {
    /// An instruction on vectors, of 256 bits if `whole`.
    pub(super) fn vex(&mut self, c: Code, whole: bool, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
        debug_assert!(!matches!(rm, Rm::Each(_)), "memory has a vector");
        let (r, b) = (!(reg >> 3) & 1, Self::high(rm));
        let last = (!second & 15) << 3 | u8::from(whole) << 2 | c.prefix;
        if c.map == 1 && !c.long && b == 0 {
            self.bytes.extend([0xc5, r << 7 | last]);
        } else {
            self.bytes.extend([0xc4, r << 7 | 1 << 6 | (!b & 1) << 5 | c.map, u8::from(c.long) << 7 | last]);
        }
        self.byte(c.opcode);
        self.operands(reg, rm, usize::from(immediate.is_some()), 1);
        self.bytes.extend(immediate);
    }
}
