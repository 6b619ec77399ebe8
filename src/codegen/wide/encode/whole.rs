//! Instructions on whole numbers, jumps, and calls.

use super::{Asm, Mem, RAX, Rm};

/// Conditions of jumps and moves, after a comparison of whole numbers with a sign.
pub(in super::super) const EQUAL: u8 = 0x4;
pub(in super::super) const NOT_EQUAL: u8 = 0x5;
pub(in super::super) const LESS: u8 = 0xc;
pub(in super::super) const GREATER_OR_EQUAL: u8 = 0xd;
pub(in super::super) const LESS_OR_EQUAL: u8 = 0xe;

/// Whole numbers of 64 bits: what is done with a register and an operand.
#[derive(Copy, Clone)]
pub(in super::super) enum Whole {
    /// Into the register.
    Load,
    /// Into the operand.
    Store,
    /// The operand is added to the register.
    Add,
    /// The register's bits that the operand has, too.
    And,
    /// The register against the operand.
    Compare,
    /// The operand's address, into the register.
    Address,
}

/// Of an operand and a constant.
#[derive(Copy, Clone)]
pub(in super::super) enum Constant {
    Add = 0,
    And = 4,
    Sub = 5,
    Compare = 7,
}

impl Asm {
    fn rex(&mut self, reg: u8, rm: Rm) {
        self.byte(0x48 | (reg >> 3) << 2 | Self::high(rm));
    }

    pub(in super::super) fn whole(&mut self, what: Whole, reg: u8, rm: Rm) {
        self.rex(reg, rm);
        self.byte(match what {
            Whole::Load => 0x8b,
            Whole::Store => 0x89,
            Whole::Add => 0x03,
            Whole::And => 0x23,
            Whole::Compare => 0x3b,
            Whole::Address => 0x8d,
        });
        self.operands(reg, rm, 0, 1);
    }

    pub(in super::super) fn with_constant(&mut self, what: Constant, rm: Rm, n: i32) {
        let short = i8::try_from(n).ok();
        self.rex(0, rm);
        self.byte(if short.is_some() { 0x83 } else { 0x81 });
        self.operands(what as u8, rm, if short.is_some() { 1 } else { 4 }, 1);
        match short {
            Some(n) => self.byte(n as u8),
            None => self.bytes.extend(n.to_le_bytes()),
        }
    }

    /// A register times 2ⁿ.
    pub(in super::super) fn double(&mut self, reg: u8, times: u8) {
        self.rex(0, Rm::Reg(reg));
        self.byte(0xc1);
        self.operands(4, Rm::Reg(reg), 1, 1);
        self.byte(times);
    }

    /// A register times 2 to the power of the lowest bits of `rcx`.
    pub(in super::super) fn double_by_count(&mut self, reg: u8) {
        self.rex(0, Rm::Reg(reg));
        self.byte(0xd3);
        self.operands(4, Rm::Reg(reg), 0, 1);
    }

    /// A register or a number in memory becomes this one.
    pub(in super::super) fn put(&mut self, to: Rm, n: i32) {
        self.rex(0, to);
        self.byte(0xc7);
        self.operands(0, to, 4, 1);
        self.bytes.extend(n.to_le_bytes());
    }

    /// The flag of zero says whether the lower bits of a number in memory, as many as this width has, are 0.
    pub(in super::super) fn test_bits(&mut self, at: Mem) {
        if self.is_double() {
            return self.with_constant(Constant::Compare, Rm::Mem(at), 0);
        }
        if Self::high(Rm::Mem(at)) == 1 {
            self.byte(0x41);
        }
        self.byte(0x83);
        self.operands(7, Rm::Mem(at), 1, 1);
        self.byte(0);
    }

    /// The flag of zero says whether a bit of some bytes in memory is 0.
    pub(in super::super) fn test_bit(&mut self, Mem { base, at }: Mem, bit: usize) {
        let byte = Rm::Mem(Mem { base, at: at + bit as i32 / 8 });
        if Self::high(byte) == 1 {
            self.byte(0x41);
        }
        self.byte(0xf6);
        self.operands(0, byte, 1, 1);
        self.byte(1 << (bit % 8));
    }

    /// A register becomes another one where a condition holds.
    pub(in super::super) fn choose(&mut self, condition: u8, reg: u8, other: u8) {
        self.rex(reg, Rm::Reg(other));
        self.bytes.extend([0x0f, 0x40 | condition]);
        self.operands(reg, Rm::Reg(other), 0, 1);
    }

    /// Makes sure that a page is there.
    pub(in super::super) fn touch(&mut self, at: Mem) {
        self.whole(Whole::Store, RAX, Rm::Mem(at));
    }

    /// A constant of 64 bits; where its bytes are.
    pub(in super::super) fn address(&mut self, reg: u8) -> usize {
        self.bytes.extend([0x48 | reg >> 3, 0xb8 | reg & 7]);
        self.bytes.extend([0; 8]);
        self.bytes.len() - 8
    }

    pub(in super::super) fn push(&mut self, reg: u8) {
        self.stacked(0x50, reg);
    }

    pub(in super::super) fn pop(&mut self, reg: u8) {
        self.stacked(0x58, reg);
    }

    fn stacked(&mut self, opcode: u8, reg: u8) {
        if reg >= 8 {
            self.byte(0x41);
        }
        self.byte(opcode | reg & 7);
    }

    /// A call of what is at the address in an operand.
    pub(in super::super) fn call(&mut self, address: Rm) {
        if Self::high(address) == 1 {
            self.byte(0x41);
        }
        self.byte(0xff);
        self.operands(2, address, 0, 1);
    }

    /// A call of what is somewhere in this code; where its distance is.
    pub(in super::super) fn call_here(&mut self) -> usize {
        self.bytes.extend([0xe8, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    /// A jump where a condition holds; where its distance is.
    pub(in super::super) fn jump_if(&mut self, condition: u8) -> usize {
        self.bytes.extend([0x0f, 0x80 | condition, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    pub(in super::super) fn jump(&mut self) -> usize {
        self.bytes.extend([0xe9, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    /// Puts in the distance of a jump or a call.
    pub(in super::super) fn land(&mut self, jump: usize, target: usize) {
        let distance = target as i32 - (jump as i32 + 4);
        self.bytes[jump..jump + 4].copy_from_slice(&distance.to_le_bytes());
    }

    pub(in super::super) fn land_here(&mut self, jump: usize) {
        self.land(jump, self.bytes.len());
    }

    pub(in super::super) fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// Instructions that do nothing, up to a multiple of 32 bytes.
    pub(in super::super) fn align(&mut self) {
        const NOPS: [&[u8]; 8] = [
            &[0x90],
            &[0x66, 0x90],
            &[0x0f, 0x1f, 0x00],
            &[0x0f, 0x1f, 0x40, 0x00],
            &[0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
            &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        ];
        while !self.bytes.len().is_multiple_of(32) {
            let n = (32 - self.bytes.len() % 32).min(NOPS.len());
            self.bytes.extend(NOPS[n - 1]);
        }
    }
}
