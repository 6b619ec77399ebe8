//! Machine code of x86-64 with AVX2 and fused multiply-add, or with AVX-512: the instructions that a loop over rows takes, and no others. An operand
//! in memory is a base and an offset, or a constant behind the code.
//!
//! Opcodes and forms are those of Intel's Software Developer's Manual, volume 2.

mod vectors;
mod whole;

pub(super) use whole::{Constant, EQUAL, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL, NOT_EQUAL, Whole};

use super::isa::Isa;
use crate::base::Width;
use rustc_hash::FxHashMap;

/// Which instruction: its map of opcodes (1: 0F, 2: 0F38, 3: 0F3A), its prefix (0: none, 1: 66, 2: F3, 3: F2), its opcode.
#[derive(Copy, Clone, Debug)]
struct Code {
    map: u8,
    prefix: u8,
    opcode: u8,
    /// The bit W of an instruction of up to 256 bits, and of one of 512.
    long: bool,
    wide: bool,
    operand: Operand,
}

/// How much of memory an instruction reads or writes, in which it counts short offsets.
#[derive(Copy, Clone, Debug)]
enum Operand {
    Vector,
    Number,
    /// 128 bits.
    Part,
}

const fn code(map: u8, prefix: u8, opcode: u8) -> Code {
    Code { map, prefix, opcode, long: false, wide: false, operand: Operand::Vector }
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

/// What is chosen from two vectors by a constant: half of the result from each.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Pick {
    /// 128 bits at a time.
    Parts,
    /// Numbers of 32 bits, within every 128.
    Numbers,
}

/// What is done with two masks.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Logic {
    And,
    Or,
    /// The bits that differ, and those that do not.
    Differ,
    Agree,
}

/// The lanes that an instruction is for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Under {
    /// The register of their mask; 0 for all.
    mask: u8,
    /// Whether the others are 0, and not what they were.
    zero: bool,
}

impl Under {
    const ALL: Under = Under { mask: 0, zero: false };
}

pub(super) const RAX: u8 = 0;
pub(super) const RCX: u8 = 1;
pub(super) const RDX: u8 = 2;
pub(super) const RBX: u8 = 3;
pub(super) const RSP: u8 = 4;
pub(super) const RBP: u8 = 5;
pub(super) const RSI: u8 = 6;
pub(super) const RDI: u8 = 7;

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
    /// A number that is taken for every lane, which instructions of 512 bits do by themselves.
    Each(Mem),
}

pub(super) struct Asm {
    pub(super) bytes: Vec<u8>,
    pub(super) isa: Isa,
    pub(super) width: Width,
    /// Of the vectors at hand: 2 to its power times 128 bits.
    length: u8,
    /// Which lanes the next instruction is for.
    under: Under,
    /// Bits of constants, which are in every lane of a vector; and where they are.
    constants: Vec<u64>,
    /// How many bytes a constant has.
    constant_bytes: usize,
    known: FxHashMap<u64, i32>,
    /// Where a distance to a constant belongs: its place, the end of its instruction, the constant.
    distances: Vec<(usize, usize, i32)>,
}

impl Asm {
    pub(super) fn new(isa: Isa, width: Width) -> Asm {
        let (constants, known, distances) = (vec![], FxHashMap::default(), vec![]);
        let constant_bytes = Asm::constant_bytes(isa, width);
        Asm { bytes: vec![], isa, width, length: isa.length(), under: Under::ALL, constants, constant_bytes, known, distances }
    }

    /// From here on instructions are on so many bits: 2 to the power of this times 128.
    pub(super) fn set_length(&mut self, length: u8) {
        debug_assert!(length <= self.isa.length());
        self.length = length;
    }

    pub(super) fn length(&self) -> u8 {
        self.length
    }

    /// All instructions are on 128 bits, and constants have as many.
    pub(super) fn of_parts(isa: Isa, width: Width) -> Asm {
        Asm { length: 0, constant_bytes: 16, ..Asm::new(isa, width) }
    }

    /// How many 128 bits the vectors at hand have.
    pub(super) fn parts(&self) -> u8 {
        1 << self.length
    }

    /// Bytes of a constant, which is a vector where instructions cannot take one number for every lane.
    pub(super) fn constant_bytes(isa: Isa, width: Width) -> usize {
        match isa {
            Isa::Avx2 => isa.vector() as usize,
            Isa::Avx512 => width.bytes(),
        }
    }

    /// A vector with these bits in every lane.
    pub(super) fn constant(&mut self, bits: u64) -> Rm {
        let constants = &mut self.constants;
        let bytes = self.constant_bytes as i32;
        let at = *self.known.entry(bits).or_insert_with(|| {
            constants.push(bits);
            (constants.len() as i32 - 1) * bytes
        });
        let at = Mem { base: Base::Constants, at };
        match self.isa {
            Isa::Avx2 => Rm::Mem(at),
            Isa::Avx512 => Rm::Each(at),
        }
    }

    /// The code with its constants, which wants an address that is a multiple of a vector's bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len().next_multiple_of(self.isa.vector() as usize);
        self.bytes.resize(start, 0xcc);
        for &bits in &self.constants {
            let lane = &bits.to_le_bytes()[..self.width.bytes()];
            self.bytes.extend(lane.iter().cycle().take(self.constant_bytes));
        }
        for &(at, end, constant) in &self.distances {
            let distance = start as i32 + constant - end as i32;
            self.bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        self.bytes
    }

    /// What was emitted from a place on goes before everything else. By how many bytes all else is further now.
    pub(super) fn move_to_front(&mut self, from: usize) -> usize {
        let moved = self.bytes.len() - from;
        self.bytes.rotate_right(moved);
        debug_assert!(self.distances.iter().all(|&(place, ..)| place < from), "what goes to the front has no constants");
        for (place, end, _) in &mut self.distances {
            *place += moved;
            *end += moved;
        }
        moved
    }

    fn byte(&mut self, b: u8) {
        self.bytes.push(b);
    }

    fn is_double(&self) -> bool {
        self.width == Width::F64
    }

    /// The bytes that name a register and an operand. `more` bytes of the instruction come behind them; a short offset counts in `scale`.
    fn operands(&mut self, reg: u8, rm: Rm, more: usize, scale: i32) {
        let reg = (reg & 7) << 3;
        let Mem { base, at } = match rm {
            Rm::Reg(r) => return self.byte(0xc0 | reg | r & 7),
            Rm::Mem(mem) | Rm::Each(mem) => mem,
        };
        let Base::Reg(base) = base else {
            self.byte(reg | 5);
            let place = self.bytes.len();
            self.distances.push((place, place + 4 + more, at));
            return self.bytes.extend([0; 4]);
        };
        let short = if at % scale == 0 { i8::try_from(at / scale).ok() } else { None };
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

    /// The bit 8 of the number of an operand's register.
    fn high(rm: Rm) -> u8 {
        match rm {
            Rm::Reg(r) => r >> 3 & 1,
            Rm::Mem(Mem { base: Base::Reg(r), .. }) | Rm::Each(Mem { base: Base::Reg(r), .. }) => r >> 3,
            Rm::Mem(_) | Rm::Each(_) => 0,
        }
    }

    /// An instruction on vectors, of 256 bits if `whole`.
    fn vex(&mut self, c: Code, whole: bool, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
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

    /// The next instruction is for the lanes of a mask: others stay as they are, and are not read or written in memory.
    pub(super) fn under(&mut self, mask: u8) -> &mut Asm {
        debug_assert!((1..8).contains(&mask), "it is the register of a mask");
        self.under = Under { mask, zero: false };
        self
    }

    /// The same, where other lanes become 0.
    pub(super) fn under_or_zero(&mut self, mask: u8) -> &mut Asm {
        debug_assert!((1..8).contains(&mask), "it is the register of a mask");
        self.under = Under { mask, zero: true };
        self
    }

    /// An instruction on vectors of 2 to the power of `length` times 128 bits.
    fn evex(&mut self, c: Code, length: u8, reg: u8, second: u8, rm: Rm, immediate: Option<u8>) {
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
