//! Code as text: it reads what [`encode`](super::encode) writes, and nothing else.

use super::super::memory::Call;
use super::encode::Asm;
use super::isa::Isa;
use crate::base::Width;
use std::fmt::Write as _;

const WHOLE: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/// By opcode: a name without its ending, which says of what the numbers are, and operands.
///
/// Operands are in the order in which they are written: the register (`r`), the second register (`v`), the register or memory (`m`; `h` if it has 128
/// bits), a constant (`i`), a register in a constant's place (`b`).
const FLOATS: [(u8, &str, &str); 15] = [
    (0x10, "vmovu", "rm"),
    (0x11, "vmovu", "mr"),
    (0x14, "vunpckl", "rvm"),
    (0x15, "vunpckh", "rvm"),
    (0x28, "vmova", "rm"),
    (0x51, "vsqrt", "rm"),
    (0x54, "vand", "rvm"),
    (0x55, "vandn", "rvm"),
    (0x56, "vor", "rvm"),
    (0x57, "vxor", "rvm"),
    (0x58, "vadd", "rvm"),
    (0x59, "vmul", "rvm"),
    (0x5c, "vsub", "rvm"),
    (0x5e, "vdiv", "rvm"),
    (0xc2, "vcmp", "rvmi"),
];

/// By map and opcode: whole names, and operands.
const OTHERS: [(u8, u8, &str, &str); 16] = [
    (1, 0xd4, "vpaddq", "rvm"),
    (1, 0xfa, "vpsubd", "rvm"),
    (1, 0xfb, "vpsubq", "rvm"),
    (1, 0xfe, "vpaddd", "rvm"),
    (2, 0x0e, "vtestps", "rm"),
    (2, 0x0f, "vtestpd", "rm"),
    (2, 0x18, "vbroadcastss", "rm"),
    (2, 0x19, "vbroadcastsd", "rm"),
    (3, 0x08, "vroundps", "rmi"),
    (3, 0x09, "vroundpd", "rmi"),
    (3, 0x17, "vextractps", "mri"),
    (3, 0x18, "vinsertf128", "rvhi"),
    (3, 0x19, "vextractf128", "hri"),
    (3, 0x21, "vinsertps", "rvmi"),
    (3, 0x4a, "vblendvps", "rvmb"),
    (3, 0x4b, "vblendvpd", "rvmb"),
];

/// A function's instructions, a line for each, with their places; then its constants, of each the bits of a lane.
pub(super) fn text(isa: Isa, bytes: &[u8], end: usize, width: Width, calls: &[Call]) -> String {
    let (mut text, mut reader) = (String::new(), Reader { bytes: &bytes[..end], at: 0 });
    while reader.at < end {
        let at = reader.at;
        let line = reader.instruction().expect("all that is written is known");
        let _ = write!(text, "{at:6x}  {line}");
        if let Some(call) = calls.iter().find(|call| (at..reader.at).contains(&(call.at as usize))) {
            let _ = write!(text, "  ; {}", call.routine.name());
        }
        text.push('\n');
    }
    let (constants, size) = (end.next_multiple_of(isa.vector() as usize), Asm::constant_bytes(isa, width));
    for (vector, k) in bytes[constants..].chunks_exact(size).zip(0..) {
        let lane = vector[..width.bytes()].iter().rev().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let _ = writeln!(text, "{:6x}  0x{lane} in every lane", constants + k * size);
    }
    text
}

pub(super) struct Reader<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
}

/// What a byte that names operands says: a register, and a register or the text of a place in memory.
struct Operands {
    reg: u8,
    rm: Result<u8, String>,
    /// Where a distance from the end of the instruction is to be put in.
    distance: Option<i32>,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }

    fn number(&mut self, bytes: usize) -> Option<i64> {
        let all = self.bytes.get(self.at..self.at + bytes)?;
        self.at += bytes;
        let bits = all.iter().rev().fold(0, |bits: u64, &byte| bits << 8 | u64::from(byte));
        let unused = 64 - 8 * bytes as u32;
        Some(((bits << unused) as i64) >> unused)
    }

    /// The next instruction; none if it is not one of ours.
    pub(super) fn instruction(&mut self) -> Option<String> {
        match self.byte()? {
            0xc5 => {
                let byte = self.byte()?;
                self.vector(1, !byte >> 7 & 1, 0, byte & 0x7f)
            }
            0xc4 => {
                let (first, last) = (self.byte()?, self.byte()?);
                self.vector(first & 31, !first >> 7 & 1, !first >> 5 & 1, last)
            }
            rex @ 0x40..=0x4f => {
                let opcode = self.byte()?;
                self.whole(opcode, rex >> 2 & 1, rex & 1)
            }
            0x66 => {
                // A nop with a byte more.
                let opcode = self.byte()?;
                self.whole(opcode, 0, 0)
            }
            opcode => self.whole(opcode, 0, 0),
        }
    }

    fn operands(&mut self, high_reg: u8, high_rm: u8) -> Option<Operands> {
        let byte = self.byte()?;
        let (mode, reg, low) = (byte >> 6, byte >> 3 & 7 | high_reg << 3, byte & 7);
        if mode == 3 {
            return Some(Operands { reg, rm: Ok(low | high_rm << 3), distance: None });
        }
        if (mode, low) == (0, 5) {
            return Some(Operands { reg, rm: Err(String::new()), distance: Some(self.number(4)? as i32) });
        }
        if low == 4 && self.byte()? != 0x24 {
            return None;
        }
        let base = WHOLE[usize::from(low | high_rm << 3)];
        let offset = if mode == 0 { 0 } else { self.number(if mode == 1 { 1 } else { 4 })? };
        let place = match offset {
            0 => format!("[{base}]"),
            n if n < 0 => format!("[{base}-0x{:x}]", -n),
            n => format!("[{base}+0x{n:x}]"),
        };
        Some(Operands { reg, rm: Err(place), distance: None })
    }

    /// An instruction on vectors.
    fn vector(&mut self, map: u8, high_reg: u8, high_rm: u8, last: u8) -> Option<String> {
        let opcode = self.byte()?;
        if (map, opcode) == (1, 0x77) {
            return Some("vzeroupper".into());
        }
        let (long, second, whole, prefix) = (last >> 7 == 1, !last >> 3 & 15, last >> 2 & 1 == 1, last & 3);
        let mut operands = self.operands(high_reg, high_rm)?;
        let float = FLOATS.iter().find(|(of, ..)| (map, *of) == (1, opcode));
        let other = OTHERS.iter().find(|(of, code, ..)| (*of, *code) == (map, opcode));
        let (name, order): (String, &str) = match (map, prefix, opcode) {
            (1, 2, 0x16) => ("vmovshdup".into(), "rm"),
            (1, 1, 0x17) => ("vmovhpd".into(), "mr"),
            (1, 2 | 3, 0x10 | 0x11) => (format!("vmov{}", ["ss", "sd"][usize::from(prefix - 2)]), float?.2),
            (1, 1, 0x72 | 0x73) => {
                let kind = match operands.reg & 7 {
                    2 => "vpsrl",
                    6 => "vpsll",
                    _ => return None,
                };
                (format!("{kind}{}", if opcode == 0x72 { "d" } else { "q" }), "vmi")
            }
            (2, 1, 0x98..=0xbf) if opcode & 9 == 8 => {
                let kind = ["vfmadd", "vfmsub", "vfnmadd", "vfnmsub"][usize::from(opcode >> 1 & 3)];
                let order = ["132", "213", "231"][usize::from((opcode >> 4) - 9)];
                (format!("{kind}{order}{}", if long { "pd" } else { "ps" }), "rvm")
            }
            (1, 0 | 1, _) if let Some(&(_, name, order)) = float => {
                (format!("{name}{}", if prefix == 1 { "pd" } else { "ps" }), order)
            }
            _ => {
                let &(_, _, name, order) = other?;
                (name.into(), order)
            }
        };
        let constant = if order.ends_with(['i', 'b']) { self.byte()? } else { 0 };
        self.put_distance(&mut operands);
        let vector = |r: u8, whole: bool| format!("{}{r}", if whole { "ymm" } else { "xmm" });
        let operand = |letter: char| match letter {
            'r' => vector(operands.reg, whole),
            'v' => vector(second, whole),
            'i' => format!("0x{constant:x}"),
            'b' => vector(constant >> 4, whole),
            _ => operands.rm.clone().map_or_else(|place| place, |r| vector(r, whole && letter == 'm')),
        };
        Some(format!("{name} {}", order.chars().map(operand).collect::<Vec<_>>().join(", ")))
    }

    /// An address relative to the end of the instruction.
    fn put_distance(&self, operands: &mut Operands) {
        if let Some(distance) = operands.distance {
            operands.rm = Err(format!("[rel 0x{:x}]", self.at as i64 + i64::from(distance)));
        }
    }

    /// An instruction on whole numbers.
    fn whole(&mut self, opcode: u8, high_reg: u8, high_rm: u8) -> Option<String> {
        let register = |low: u8| WHOLE[usize::from(low & 7 | high_rm << 3)];
        Some(match opcode {
            0x50..=0x57 => format!("push {}", register(opcode)),
            0x58..=0x5f => format!("pop {}", register(opcode)),
            0x90 => "nop".into(),
            0xb8..=0xbf => format!("mov {}, 0x{:x}", register(opcode), self.number(8)?),
            0xc3 => "ret".into(),
            0xe8 | 0xe9 => {
                let target = self.number(4)? + self.at as i64;
                format!("{} 0x{target:x}", if opcode == 0xe8 { "call" } else { "jmp" })
            }
            0x0f => match self.byte()? {
                0x1f => {
                    let byte = self.byte()?;
                    self.at += [0, 1, 4][usize::from(byte >> 6).min(2)] + usize::from(byte & 7 == 4);
                    "nop".into()
                }
                condition @ 0x80..=0x8f => {
                    let name = match condition & 15 {
                        0x4 => "je",
                        0x5 => "jne",
                        0xc => "jl",
                        0xd => "jge",
                        _ => return None,
                    };
                    let target = self.number(4)? + self.at as i64;
                    format!("{name} 0x{target:x}")
                }
                _ => return None,
            },
            _ => {
                let mut operands = self.operands(high_reg, high_rm)?;
                let constant = match opcode {
                    0x83 | 0xc1 => Some(self.number(1)?),
                    0x81 | 0xc7 => Some(self.number(4)?),
                    _ => None,
                };
                self.put_distance(&mut operands);
                let rm = operands.rm.map_or_else(|place| place, |r| WHOLE[usize::from(r)].to_owned());
                let reg = WHOLE[usize::from(operands.reg)];
                let constant = constant.map(|n| format!("{}0x{:x}", if n < 0 { "-" } else { "" }, n.unsigned_abs()));
                match (opcode, operands.reg & 7, constant) {
                    (0x89, ..) => format!("mov {rm}, {reg}"),
                    (0x8b, ..) => format!("mov {reg}, {rm}"),
                    (0x03, ..) => format!("add {reg}, {rm}"),
                    (0x23, ..) => format!("and {reg}, {rm}"),
                    (0x3b, ..) => format!("cmp {reg}, {rm}"),
                    (0x8d, ..) => format!("lea {reg}, {rm}"),
                    (0xff, 2, _) => format!("call {rm}"),
                    (0x81 | 0x83, 0, Some(n)) => format!("add {rm}, {n}"),
                    (0x81 | 0x83, 4, Some(n)) => format!("and {rm}, {n}"),
                    (0x81 | 0x83, 5, Some(n)) => format!("sub {rm}, {n}"),
                    (0x81 | 0x83, 7, Some(n)) => format!("cmp {rm}, {n}"),
                    (0xc1, 4, Some(n)) => format!("shl {rm}, {n}"),
                    (0xc7, 0, Some(n)) => format!("mov {rm}, {n}"),
                    _ => return None,
                }
            }
        })
    }
}
