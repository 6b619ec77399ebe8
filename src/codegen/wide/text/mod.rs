//! Code as text: it reads what [`encode`](super::encode) writes, and nothing else.

mod vectors;

use super::super::memory::Call;
use super::isa::Isa;
use crate::base::Width;
use std::fmt::Write as _;

const WHOLE: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/// A function's instructions, a line for each, with their places; then its constants, of so many bytes each: the bits of a lane.
pub(super) fn text(isa: Isa, bytes: &[u8], end: usize, (width, size): (Width, usize), calls: &[Call]) -> String {
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
    let constants = end.next_multiple_of(isa.vector() as usize);
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
            0xc5 => self.vex_of_two(),
            0xc4 => self.vex_of_three(),
            0x62 => self.evex(),
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

    /// `scale` is what a short offset counts in.
    fn operands(&mut self, high_reg: u8, high_rm: u8, scale: i64) -> Option<Operands> {
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
        let offset = match mode {
            0 => 0,
            1 => self.number(1)? * scale,
            _ => self.number(4)?,
        };
        let place = match offset {
            0 => format!("[{base}]"),
            n if n < 0 => format!("[{base}-0x{:x}]", -n),
            n => format!("[{base}+0x{n:x}]"),
        };
        Some(Operands { reg, rm: Err(place), distance: None })
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
                0x4e => {
                    let operands = self.operands(high_reg, high_rm, 1)?;
                    format!("cmovle {}, {}", WHOLE[usize::from(operands.reg)], WHOLE[usize::from(operands.rm.ok()?)])
                }
                _ => return None,
            },
            _ => {
                let mut operands = self.operands(high_reg, high_rm, 1)?;
                let constant = match opcode {
                    0x83 | 0xc1 | 0xf6 => Some(self.number(1)?),
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
                    (0xf6, 0, Some(n)) => format!("test {rm}, {n}"),
                    (0xd3, 4, None) => format!("shl {rm}, cl"),
                    (0xc1, 4, Some(n)) => format!("shl {rm}, {n}"),
                    (0xc7, 0, Some(n)) => format!("mov {rm}, {n}"),
                    _ => return None,
                }
            }
        })
    }
}
