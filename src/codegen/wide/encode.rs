//! Machine code of x86-64 with AVX2 and fused multiply-add: the instructions that a loop over rows takes, and no others. An operand in memory is
//! a base and an offset, or a constant behind the code.
//!
//! Opcodes and forms are those of Intel's Software Developer's Manual, volume 2.

use crate::base::Width;
use rustc_hash::FxHashMap;

/// Which instruction: its map of opcodes (1: 0F, 2: 0F38, 3: 0F3A), its prefix (0: none, 1: 66, 2: F3, 3: F2), the bit W, its opcode.
#[derive(Copy, Clone, Debug)]
pub(super) struct Code {
    map: u8,
    prefix: u8,
    long: bool,
    opcode: u8,
}

const fn code(map: u8, prefix: u8, opcode: u8) -> Code {
    Code { map, prefix, long: false, opcode }
}

/// Instructions of both widths, in the bits of the number that an [`Asm`] is for.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Bin {
    Add,
    Sub,
    Mul,
    Div,
    And,
    /// The second operand without the bits of the first.
    AndNot,
    Or,
    Xor,
    /// Of whole numbers.
    WholeAdd,
    WholeSub,
    /// Numbers of both operands in turn, from the low halves of every 128 bits, or from the high ones.
    Low,
    High,
    /// The same of 64 bits each.
    LowPairs,
    HighPairs,
}

impl Bin {
    pub(super) fn commutes(self) -> bool {
        matches!(self, Bin::Add | Bin::Mul | Bin::And | Bin::Or | Bin::Xor | Bin::WholeAdd)
    }
}

pub(super) const RAX: u8 = 0;
pub(super) const RCX: u8 = 1;
pub(super) const RDX: u8 = 2;
pub(super) const RBX: u8 = 3;
pub(super) const RSP: u8 = 4;
pub(super) const RBP: u8 = 5;
pub(super) const RSI: u8 = 6;
pub(super) const RDI: u8 = 7;

/// Conditions of jumps, after a comparison of whole numbers with a sign.
pub(super) const EQUAL: u8 = 0x4;
pub(super) const NOT_EQUAL: u8 = 0x5;
pub(super) const LESS: u8 = 0xc;
pub(super) const GREATER_OR_EQUAL: u8 = 0xd;

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Base {
    Reg(u8),
    /// The constants behind the code.
    Constants,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Mem {
    pub(super) base: Base,
    pub(super) at: i32,
}

pub(super) fn mem(base: u8, at: i32) -> Mem {
    Mem { base: Base::Reg(base), at }
}

/// An operand that may be in memory.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Rm {
    Reg(u8),
    Mem(Mem),
}

/// Whole numbers of 64 bits: what is done with a register and an operand.
#[derive(Copy, Clone)]
pub(super) enum Whole {
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
pub(super) enum Constant {
    Add = 0,
    And = 4,
    Sub = 5,
    Compare = 7,
}

pub(super) struct Asm {
    pub(super) bytes: Vec<u8>,
    pub(super) width: Width,
    /// Whether vectors have 256 bits, or 128.
    pub(super) whole: bool,
    /// Bits of constants, each of which is in every lane of a vector; and where they are.
    constants: Vec<u64>,
    known: FxHashMap<u64, i32>,
    /// Where a distance to a constant belongs: its place, the end of its instruction, the constant.
    distances: Vec<(usize, usize, i32)>,
}

/// Bytes of a vector.
pub(super) const VECTOR: i32 = 32;

impl Asm {
    pub(super) fn new(width: Width) -> Asm {
        let (constants, known, distances) = (vec![], FxHashMap::default(), vec![]);
        Asm { bytes: vec![], width, whole: true, constants, known, distances }
    }

    /// A vector with these bits in every lane.
    pub(super) fn constant(&mut self, bits: u64) -> Mem {
        let constants = &mut self.constants;
        let at = *self.known.entry(bits).or_insert_with(|| {
            constants.push(bits);
            (constants.len() as i32 - 1) * VECTOR
        });
        Mem { base: Base::Constants, at }
    }

    /// The code with its constants, which wants an address that is a multiple of [`VECTOR`].
    pub(super) fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len().next_multiple_of(VECTOR as usize);
        self.bytes.resize(start, 0xcc);
        for &bits in &self.constants {
            let lane = &bits.to_le_bytes()[..self.width.bytes()];
            self.bytes.extend(lane.iter().cycle().take(VECTOR as usize));
        }
        for &(at, end, constant) in &self.distances {
            let distance = start as i32 + constant - end as i32;
            self.bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        self.bytes
    }

    fn byte(&mut self, b: u8) {
        self.bytes.push(b);
    }

    fn is_double(&self) -> bool {
        self.width == Width::F64
    }

    /// An instruction on vectors of floats: the prefix says of which.
    fn float(&self, opcode: u8) -> Code {
        code(1, u8::from(self.is_double()), opcode)
    }

    fn either(&self, map: u8, wide: u8, narrow: u8) -> Code {
        code(map, 1, if self.is_double() { wide } else { narrow })
    }

    /// A number alone, in or from memory.
    fn alone(&self, opcode: u8) -> Code {
        code(1, if self.is_double() { 3 } else { 2 }, opcode)
    }

    /// The bytes that name a register and an operand. `more` bytes of the instruction come behind them.
    fn operands(&mut self, reg: u8, rm: Rm, more: usize) {
        let reg = (reg & 7) << 3;
        let Mem { base, at } = match rm {
            Rm::Reg(r) => return self.byte(0xc0 | reg | r & 7),
            Rm::Mem(mem) => mem,
        };
        let Base::Reg(base) = base else {
            self.byte(reg | 5);
            let place = self.bytes.len();
            self.distances.push((place, place + 4 + more, at));
            return self.bytes.extend([0; 4]);
        };
        let short = i8::try_from(at).ok();
        // Without an offset the registers 5 and 13 would mean something else.
        let mode = if at == 0 && base & 7 != 5 { 0 } else { 2 - u8::from(short.is_some()) };
        self.byte(mode << 6 | reg | base & 7);
        if base & 7 == 4 {
            self.byte(0x24);
        }
        match (mode, short) {
            (0, _) => {}
            (_, Some(short)) => self.byte(short as u8),
            _ => self.bytes.extend(at.to_le_bytes()),
        }
    }

    fn high(rm: Rm) -> u8 {
        match rm {
            Rm::Reg(r) | Rm::Mem(Mem { base: Base::Reg(r), .. }) => r >> 3,
            Rm::Mem(_) => 0,
        }
    }

    /// An instruction on vectors, of 256 bits if `whole`.
    fn vex(&mut self, c: Code, whole: bool, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
        let (r, b) = (!(reg >> 3) & 1, Self::high(rm));
        let last = (!second & 15) << 3 | u8::from(whole) << 2 | c.prefix;
        if c.map == 1 && !c.long && b == 0 {
            self.bytes.extend([0xc5, r << 7 | last]);
        } else {
            self.bytes.extend([0xc4, r << 7 | 1 << 6 | (!b & 1) << 5 | c.map, u8::from(c.long) << 7 | last]);
        }
        self.byte(c.opcode);
        self.operands(reg, rm, usize::from(immediate.is_some()));
        self.bytes.extend(immediate);
    }

    /// dst = a op b
    pub(super) fn bin(&mut self, op: Bin, dst: u8, a: u8, b: Rm) {
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
            Bin::LowPairs => code(1, 1, 0x14),
            Bin::HighPairs => code(1, 1, 0x15),
        };
        self.vex(c, self.whole, dst, a, b, None);
    }

    pub(super) fn sqrt(&mut self, dst: u8, a: Rm) {
        self.vex(self.float(0x51), self.whole, dst, 0, a, None);
    }

    /// 9: down, 10: up, 11: towards 0.
    pub(super) fn round(&mut self, dst: u8, a: Rm, how: u8) {
        self.vex(self.either(3, 0x09, 0x08), self.whole, dst, 0, a, Some(how));
    }

    /// By so many bits, to the left or to the right.
    pub(super) fn shift(&mut self, left: bool, dst: u8, a: u8, bits: u8) {
        self.vex(self.either(1, 0x73, 0x72), self.whole, if left { 6 } else { 2 }, dst, Rm::Reg(a), Some(bits));
    }

    /// All bits of a lane where a condition holds.
    pub(super) fn compare(&mut self, condition: u8, dst: u8, a: u8, b: Rm) {
        self.vex(self.float(0xc2), self.whole, dst, a, b, Some(condition));
    }

    /// dst = mask ? a : b
    pub(super) fn blend(&mut self, dst: u8, mask: u8, a: Rm, b: u8) {
        self.vex(self.either(3, 0x4b, 0x4a), self.whole, dst, b, a, Some(mask << 4));
    }

    /// ±a·b ± c, one of them being `dst`: in the order 132, 213, 231.
    pub(super) fn fused(&mut self, (order, product, addend): (u8, bool, bool), dst: u8, second: u8, third: Rm) {
        let opcode = [0x98, 0xa8, 0xb8][usize::from(order)] + 4 * u8::from(product) + 2 * u8::from(addend);
        self.vex(Code { long: self.is_double(), ..code(2, 1, opcode) }, self.whole, dst, second, third, None);
    }

    pub(super) fn load(&mut self, dst: u8, from: Rm) {
        match from {
            Rm::Reg(r) if r == dst => {}
            Rm::Reg(_) => self.vex(self.float(0x28), self.whole, dst, 0, from, None),
            Rm::Mem(_) => self.vex(self.float(0x10), self.whole, dst, 0, from, None),
        }
    }

    pub(super) fn store(&mut self, v: u8, to: Mem) {
        self.vex(self.float(0x11), self.whole, v, 0, Rm::Mem(to), None);
    }

    /// A number in every lane.
    pub(super) fn broadcast(&mut self, dst: u8, from: Mem) {
        self.vex(self.either(2, 0x19, 0x18), true, dst, 0, Rm::Mem(from), None);
    }

    /// A number, and zeros.
    pub(super) fn load_one(&mut self, dst: u8, from: Mem) {
        self.vex(self.alone(0x10), false, dst, 0, Rm::Mem(from), None);
    }

    /// The first number.
    pub(super) fn store_one(&mut self, v: u8, to: Mem) {
        self.vex(self.alone(0x11), false, v, 0, Rm::Mem(to), None);
    }

    /// A lane of the first 128 bits.
    pub(super) fn store_lane(&mut self, v: u8, lane: u8, to: Mem) {
        match (self.is_double(), lane) {
            (_, 0) => self.store_one(v, to),
            (true, _) => self.vex(code(1, 1, 0x17), false, v, 0, Rm::Mem(to), None),
            (false, _) => self.vex(code(3, 1, 0x17), false, v, 0, Rm::Mem(to), Some(lane)),
        }
    }

    /// dst = a with a number of 32 bits at a lane of the first 128 bits.
    pub(super) fn insert_one(&mut self, dst: u8, a: u8, from: Mem, lane: u8) {
        self.vex(code(3, 1, 0x21), false, dst, a, Rm::Mem(from), Some(lane << 4));
    }

    /// 128 bits, and zeros.
    pub(super) fn load_half(&mut self, dst: u8, from: Mem) {
        self.vex(self.float(0x10), false, dst, 0, Rm::Mem(from), None);
    }

    pub(super) fn store_half(&mut self, v: u8, to: Mem) {
        self.vex(self.float(0x11), false, v, 0, Rm::Mem(to), None);
    }

    /// dst = the first 128 bits of a, and others above.
    pub(super) fn insert_half(&mut self, dst: u8, a: u8, from: Rm) {
        self.vex(code(3, 1, 0x18), true, dst, a, from, Some(1));
    }

    /// The upper 128 bits.
    pub(super) fn upper_half(&mut self, to: Rm, v: u8) {
        self.vex(code(3, 1, 0x19), true, v, 0, to, Some(1));
    }

    /// The flag of zero says whether a mask holds in no lane.
    pub(super) fn test(&mut self, mask: u8) {
        self.vex(self.either(2, 0x0f, 0x0e), self.whole, mask, 0, Rm::Reg(mask), None);
    }

    /// The second number of 32 bits goes to the first place.
    pub(super) fn second(&mut self, dst: u8, a: u8) {
        self.vex(code(1, 2, 0x16), false, dst, 0, Rm::Reg(a), None);
    }

    /// What comes after uses older instructions.
    pub(super) fn leave_vectors(&mut self) {
        self.bytes.extend([0xc5, 0xf8, 0x77]);
    }

    fn rex(&mut self, reg: u8, rm: Rm) {
        self.byte(0x48 | (reg >> 3) << 2 | Self::high(rm));
    }

    pub(super) fn whole(&mut self, what: Whole, reg: u8, rm: Rm) {
        self.rex(reg, rm);
        self.byte(match what {
            Whole::Load => 0x8b,
            Whole::Store => 0x89,
            Whole::Add => 0x03,
            Whole::And => 0x23,
            Whole::Compare => 0x3b,
            Whole::Address => 0x8d,
        });
        self.operands(reg, rm, 0);
    }

    pub(super) fn with_constant(&mut self, what: Constant, rm: Rm, n: i32) {
        let short = i8::try_from(n).ok();
        self.rex(0, rm);
        self.byte(if short.is_some() { 0x83 } else { 0x81 });
        self.operands(what as u8, rm, if short.is_some() { 1 } else { 4 });
        match short {
            Some(n) => self.byte(n as u8),
            None => self.bytes.extend(n.to_le_bytes()),
        }
    }

    /// A register times 2ⁿ.
    pub(super) fn double(&mut self, reg: u8, times: u8) {
        self.rex(0, Rm::Reg(reg));
        self.byte(0xc1);
        self.operands(4, Rm::Reg(reg), 1);
        self.byte(times);
    }

    /// A number of 32 bits in memory becomes this one.
    pub(super) fn put(&mut self, to: Mem, n: i32) {
        self.rex(0, Rm::Mem(to));
        self.byte(0xc7);
        self.operands(0, Rm::Mem(to), 4);
        self.bytes.extend(n.to_le_bytes());
    }

    /// The flag of zero says whether the lower bits of a number in memory, as many as this width has, are 0.
    pub(super) fn test_bits(&mut self, at: Mem) {
        if self.is_double() {
            return self.with_constant(Constant::Compare, Rm::Mem(at), 0);
        }
        if Self::high(Rm::Mem(at)) == 1 {
            self.byte(0x41);
        }
        self.byte(0x83);
        self.operands(7, Rm::Mem(at), 1);
        self.byte(0);
    }

    /// Makes sure that a page is there.
    pub(super) fn touch(&mut self, at: Mem) {
        self.whole(Whole::Store, RAX, Rm::Mem(at));
    }

    /// A constant of 64 bits; where its bytes are.
    pub(super) fn address(&mut self, reg: u8) -> usize {
        self.bytes.extend([0x48 | reg >> 3, 0xb8 | reg & 7]);
        self.bytes.extend([0; 8]);
        self.bytes.len() - 8
    }

    pub(super) fn push(&mut self, reg: u8) {
        self.stacked(0x50, reg);
    }

    pub(super) fn pop(&mut self, reg: u8) {
        self.stacked(0x58, reg);
    }

    fn stacked(&mut self, opcode: u8, reg: u8) {
        if reg >= 8 {
            self.byte(0x41);
        }
        self.byte(opcode | reg & 7);
    }

    pub(super) fn call(&mut self, at: Mem) {
        if Self::high(Rm::Mem(at)) == 1 {
            self.byte(0x41);
        }
        self.byte(0xff);
        self.operands(2, Rm::Mem(at), 0);
    }

    /// A call of what is somewhere in this code; where its distance is.
    pub(super) fn call_here(&mut self) -> usize {
        self.bytes.extend([0xe8, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    /// A jump where a condition holds; where its distance is.
    pub(super) fn jump_if(&mut self, condition: u8) -> usize {
        self.bytes.extend([0x0f, 0x80 | condition, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    pub(super) fn jump(&mut self) -> usize {
        self.bytes.extend([0xe9, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    /// Puts in the distance of a jump or a call.
    pub(super) fn land(&mut self, jump: usize, target: usize) {
        let distance = target as i32 - (jump as i32 + 4);
        self.bytes[jump..jump + 4].copy_from_slice(&distance.to_le_bytes());
    }

    pub(super) fn land_here(&mut self, jump: usize) {
        self.land(jump, self.bytes.len());
    }

    pub(super) fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// Instructions that do nothing, up to a multiple of 32 bytes.
    pub(super) fn align(&mut self) {
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
