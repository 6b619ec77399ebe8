//! Registers of masks, of which a bit says of a lane whether something holds. Bits beyond the lanes are 0.

use super::{Asm, Code, Mem, Rm, code};

/// What is done with two masks.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(in super::super) enum Logic {
    And,
    Or,
    /// The bits that differ, and those that do not.
    Differ,
    Agree,
}

impl Asm {
    /// An instruction on as many bits as there are lanes: 8, or 16.
    fn mask(&self, opcode: u8) -> Code {
        code(1, u8::from(self.is_double()), opcode)
    }

    /// dst = a op b
    pub(in super::super) fn logic(&mut self, op: Logic, dst: u8, a: u8, b: u8) {
        let opcode = match op {
            Logic::And => 0x41,
            Logic::Or => 0x45,
            Logic::Agree => 0x46,
            Logic::Differ => 0x47,
        };
        self.vex(self.mask(opcode), true, dst, a, Rm::Reg(b), None);
    }

    /// The lanes where a mask does not hold.
    pub(in super::super) fn not(&mut self, dst: u8, a: u8) {
        self.vex(self.mask(0x44), false, dst, 0, Rm::Reg(a), None);
    }

    pub(in super::super) fn load_mask(&mut self, dst: u8, from: Rm) {
        if from != Rm::Reg(dst) {
            self.vex(self.mask(0x90), false, dst, 0, from, None);
        }
    }

    pub(in super::super) fn store_mask(&mut self, mask: u8, to: Mem) {
        self.vex(self.mask(0x91), false, mask, 0, Rm::Mem(to), None);
    }

    /// The lowest bits of a register of whole numbers.
    pub(in super::super) fn mask_of(&mut self, dst: u8, whole: u8) {
        self.vex(self.mask(0x92), false, dst, 0, Rm::Reg(whole), None);
    }

    /// The flag of zero says whether two masks hold together in no lane.
    pub(in super::super) fn test_masks(&mut self, a: u8, b: u8) {
        self.vex(self.mask(0x99), false, a, 0, Rm::Reg(b), None);
    }
}
