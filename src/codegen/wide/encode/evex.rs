//! The prefix of instructions on 512 bits, with 32 registers and masks.

use super::{Asm, Code, Operand, Rm};

/// The lanes that an instruction is for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Under {
    /// The register of their mask; 0 for all.
    mask: u8,
    /// Whether the others are 0, and not what they were.
    zero: bool,
}

impl Under {
    pub(super) const ALL: Under = Under { mask: 0, zero: false };
}

impl Asm {
    /// The next instruction is for the lanes of a mask: others stay as they are, and are not read or written in memory.
    pub(in super::super) fn under(&mut self, mask: u8) -> &mut Asm {
        debug_assert!((1..8).contains(&mask), "it is the register of a mask");
        self.under = Under { mask, zero: false };
        self
    }

    /// The same, where other lanes become 0.
    pub(in super::super) fn under_or_zero(&mut self, mask: u8) -> &mut Asm {
        debug_assert!((1..8).contains(&mask), "it is the register of a mask");
        self.under = Under { mask, zero: true };
        self
    }

    /// An instruction on vectors of 2 to the power of `length` times 128 bits.
    pub(super) fn evex(&mut self, c: Code, length: u8, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
        let Under { mask, zero } = std::mem::replace(&mut self.under, Under::ALL);
        let number = self.width.bytes() as i32;
        let (each, scale) = match (rm, c.operand) {
            (Rm::Each(_), _) => (1, number),
            (_, Operand::Vector) => (0, 16 << length),
            (_, Operand::Number) => (0, number),
            (_, Operand::Part) => (0, 16),
        };
        let x = if let Rm::Reg(r) = rm { r >> 4 } else { 0 };
        let high = (reg >> 3 & 1) << 7 | x << 6 | Self::high(rm) << 5 | (reg >> 4) << 4;
        self.bytes.extend([
            0x62,
            !high & 0xf0 | c.map,
            u8::from(c.wide) << 7 | (!second & 15) << 3 | 1 << 2 | c.prefix,
            u8::from(zero) << 7 | length << 5 | each << 4 | (!second >> 4 & 1) << 3 | mask,
            c.opcode,
        ]);
        self.operands(reg, rm, usize::from(immediate.is_some()), scale);
        self.bytes.extend(immediate);
    }
}
