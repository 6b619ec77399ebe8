//! Instructions on vectors, with the prefix of either width; and on masks, of which a bit says of a lane whether something holds. Bits beyond the lanes
//! are 0 in what a comparison makes; a negation sets them.

use super::{Asm, Bin, Code, Isa, Logic, Mem, Operand, Pick, Rm, code};

impl Asm {
    /// An instruction on vectors of floats: the prefix says of which.
    fn float(&self, opcode: u8) -> Code {
        Code { wide: self.is_double(), ..code(1, u8::from(self.is_double()), opcode) }
    }

    fn either(&self, map: u8, wide: u8, narrow: u8) -> Code {
        Code { wide: self.is_double(), ..code(map, 1, if self.is_double() { wide } else { narrow }) }
    }

    /// A number alone, in or from memory.
    fn alone(&self, opcode: u8) -> Code {
        let prefix = if self.is_double() { 3 } else { 2 };
        Code { wide: self.is_double(), operand: Operand::Number, ..code(1, prefix, opcode) }
    }

    fn of_part(opcode: u8) -> Code {
        Code { operand: Operand::Part, ..code(3, 1, opcode) }
    }

    fn of_length(&mut self, c: Code, length: u8, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
        match self.isa {
            Isa::Avx2 => self.vex(c, length == 1, reg, second, rm, immediate),
            Isa::Avx512 => self.evex(c, length, reg, second, rm, immediate),
        }
    }

    fn vector(&mut self, c: Code, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
        self.of_length(c, self.length, reg, second, rm, immediate);
    }

    /// dst = a op b
    pub(in super::super) fn bin(&mut self, op: Bin, dst: u8, a: u8, b: Rm) {
        let c = match op {
            Bin::Add => self.float(0x58),
            Bin::Sub => self.float(0x5c),
            Bin::Mul => self.float(0x59),
            Bin::Div => self.float(0x5e),
            Bin::And => self.float(0x54),
            Bin::AndNot => self.float(0x55),
            Bin::Or => self.float(0x56),
            Bin::Xor => self.float(0x57),
            Bin::WholeAdd => self.either(1, 0xd4, 0xfe),
            Bin::WholeSub => self.either(1, 0xfb, 0xfa),
            Bin::Low => self.float(0x14),
            Bin::High => self.float(0x15),
            Bin::LowPairs => Code { wide: true, ..code(1, 1, 0x14) },
            Bin::HighPairs => Code { wide: true, ..code(1, 1, 0x15) },
        };
        self.vector(c, dst, a, b, None);
    }

    /// Two of a and two of b: a pair of bits for each says which. (Of parts of 128 bits where there are four.)
    pub(in super::super) fn pick(&mut self, of: Pick, dst: u8, a: u8, b: u8, which: u8) {
        let c = match of {
            Pick::Parts => code(3, 1, 0x23),
            Pick::Numbers => code(1, 0, 0xc6),
        };
        self.vector(c, dst, a, Rm::Reg(b), Some(which));
    }

    pub(in super::super) fn sqrt(&mut self, dst: u8, a: Rm) {
        self.vector(self.float(0x51), dst, 0, a, None);
    }

    /// 9: down, 10: up, 11: towards 0.
    pub(in super::super) fn round(&mut self, dst: u8, a: Rm, how: u8) {
        self.vector(self.either(3, 0x09, 0x08), dst, 0, a, Some(how));
    }

    /// By so many bits, to the left or to the right.
    pub(in super::super) fn shift(&mut self, left: bool, dst: u8, a: u8, bits: u8) {
        self.vector(self.either(1, 0x73, 0x72), if left { 6 } else { 2 }, dst, Rm::Reg(a), Some(bits));
    }

    /// Where a condition holds, as a truth value of the width.
    pub(in super::super) fn compare(&mut self, condition: u8, dst: u8, a: u8, b: Rm) {
        self.vector(self.float(0xc2), dst, a, b, Some(condition));
    }

    /// dst = mask ? a : b
    pub(in super::super) fn blend(&mut self, dst: u8, mask: u8, a: Rm, b: u8) {
        match self.isa {
            Isa::Avx2 => self.vector(self.either(3, 0x4b, 0x4a), dst, b, a, Some(mask << 4)),
            Isa::Avx512 => {
                let c = self.either(2, 0x65, 0x65);
                self.under(mask).vector(c, dst, b, a, None);
            }
        }
    }

    /// dst = mask ? a : 0, where masks have registers of their own.
    pub(in super::super) fn or_zero(&mut self, dst: u8, mask: u8, a: Rm) {
        let c = self.either(2, 0x65, 0x65);
        // The second operand is not used; that of the destination waits for nothing else.
        let second = if let Rm::Reg(r) = a { r } else { dst };
        self.under_or_zero(mask).vector(c, dst, second, a, None);
    }

    /// ±a·b ± c, one of them being `dst`: in the order 132, 213, 231.
    pub(in super::super) fn fused(&mut self, (order, product, addend): (u8, bool, bool), dst: u8, second: u8, third: Rm) {
        let opcode = [0x98, 0xa8, 0xb8][usize::from(order)] + 4 * u8::from(product) + 2 * u8::from(addend);
        let double = self.is_double();
        self.vector(Code { long: double, wide: double, ..code(2, 1, opcode) }, dst, second, third, None);
    }

    pub(in super::super) fn load(&mut self, dst: u8, from: Rm) {
        match from {
            Rm::Reg(r) if r == dst => {}
            Rm::Reg(_) => self.vector(self.float(0x28), dst, 0, from, None),
            Rm::Mem(_) => self.vector(self.float(0x10), dst, 0, from, None),
            Rm::Each(from) => self.broadcast(dst, from),
        }
    }

    pub(in super::super) fn store(&mut self, v: u8, to: Mem) {
        self.vector(self.float(0x11), v, 0, Rm::Mem(to), None);
    }

    /// A number in every lane.
    pub(in super::super) fn broadcast(&mut self, dst: u8, from: Mem) {
        let c = Code { operand: Operand::Number, ..self.either(2, 0x19, 0x18) };
        // There is none of two numbers.
        let length = self.length.max(1);
        self.of_length(c, length, dst, 0, Rm::Mem(from), None);
    }

    /// A number, and zeros.
    pub(in super::super) fn load_one(&mut self, dst: u8, from: Mem) {
        self.of_length(self.alone(0x10), 0, dst, 0, Rm::Mem(from), None);
    }

    /// The first number.
    pub(in super::super) fn store_one(&mut self, v: u8, to: Mem) {
        self.of_length(self.alone(0x11), 0, v, 0, Rm::Mem(to), None);
    }

    /// A lane of the first 128 bits.
    pub(in super::super) fn store_lane(&mut self, v: u8, lane: u8, to: Mem) {
        let of = |c: Code| Code { operand: Operand::Number, ..c };
        match (self.is_double(), lane) {
            (_, 0) => self.store_one(v, to),
            (true, _) => self.of_length(of(self.float(0x17)), 0, v, 0, Rm::Mem(to), None),
            (false, _) => self.of_length(of(code(3, 1, 0x17)), 0, v, 0, Rm::Mem(to), Some(lane)),
        }
    }

    /// dst = a with a number of 32 bits at a lane of the first 128 bits.
    pub(in super::super) fn insert_one(&mut self, dst: u8, a: u8, from: Mem, lane: u8) {
        let c = Code { operand: Operand::Number, ..code(3, 1, 0x21) };
        self.of_length(c, 0, dst, a, Rm::Mem(from), Some(lane << 4));
    }

    /// 128 bits, and zeros.
    pub(in super::super) fn load_part(&mut self, dst: u8, from: Mem) {
        self.of_length(self.float(0x10), 0, dst, 0, Rm::Mem(from), None);
    }

    pub(in super::super) fn store_first_part(&mut self, v: u8, to: Mem) {
        self.of_length(self.float(0x11), 0, v, 0, Rm::Mem(to), None);
    }

    /// dst = the first 128 bits of a, and others above.
    pub(in super::super) fn insert_part(&mut self, dst: u8, a: u8, from: Rm) {
        self.of_length(Asm::of_part(0x18), 1, dst, a, from, Some(1));
    }

    /// dst = the first 256 bits of a, and those of another above.
    pub(in super::super) fn insert_half(&mut self, dst: u8, a: u8, b: u8) {
        self.of_length(Code { wide: true, ..code(3, 1, 0x1a) }, 2, dst, a, Rm::Reg(b), Some(1));
    }

    /// The 128 bits of this number.
    pub(in super::super) fn part(&mut self, to: Rm, v: u8, part: u8) {
        self.of_length(Asm::of_part(0x19), self.isa.length(), v, 0, to, Some(part));
    }

    /// The flag of zero says whether a truth value that is a vector holds in no lane.
    pub(in super::super) fn test(&mut self, mask: u8) {
        self.vector(self.either(2, 0x0f, 0x0e), mask, 0, Rm::Reg(mask), None);
    }

    /// The second number of 32 bits goes to the first place.
    pub(in super::super) fn second(&mut self, dst: u8, a: u8) {
        self.of_length(code(1, 2, 0x16), 0, dst, 0, Rm::Reg(a), None);
    }

    /// What comes after uses older instructions.
    pub(in super::super) fn leave_vectors(&mut self) {
        self.bytes.extend([0xc5, 0xf8, 0x77]);
    }

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
