//! Instructions on vectors and masks as text.

use super::Reader;

/// By opcode: a name without its ending, which says of what the numbers are, and operands.
///
/// Operands are in the order in which they are written: the register (`r`; `k` if it is a mask), the second register (`v`), the register or memory
/// (`m`; `y` if it is half of a vector, `h` if it has 128 bits, `n` if it is a number), a constant (`i`), a register in a constant's place (`b`).
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
const OTHERS: [(u8, u8, &str, &str); 10] = [
    (1, 0xd4, "vpaddq", "rvm"),
    (1, 0xfa, "vpsubd", "rvm"),
    (1, 0xfb, "vpsubq", "rvm"),
    (1, 0xfe, "vpaddd", "rvm"),
    (2, 0x18, "vbroadcastss", "rn"),
    (2, 0x19, "vbroadcastsd", "rn"),
    (3, 0x17, "vextractps", "nri"),
    (3, 0x21, "vinsertps", "rvni"),
    (1, 0x16, "vmovshdup", "rm"),
    (1, 0x17, "vmovhpd", "nr"),
];

/// Those of up to 256 bits, and those of 512.
const VEX: [(u8, u8, &str, &str); 8] = [
    (2, 0x0e, "vtestps", "rm"),
    (2, 0x0f, "vtestpd", "rm"),
    (3, 0x08, "vroundps", "rmi"),
    (3, 0x09, "vroundpd", "rmi"),
    (3, 0x18, "vinsertf128", "rvhi"),
    (3, 0x19, "vextractf128", "hri"),
    (3, 0x4a, "vblendvps", "rvmb"),
    (3, 0x4b, "vblendvpd", "rvmb"),
];
const EVEX: [(u8, u8, &str, &str); 7] = [
    (1, 0xc6, "vshufps", "rvmi"),
    (3, 0x08, "vrndscaleps", "rmi"),
    (3, 0x09, "vrndscalepd", "rmi"),
    (3, 0x18, "vinsertf32x4", "rvhi"),
    (3, 0x19, "vextractf32x4", "hri"),
    (3, 0x1a, "vinsertf64x4", "rvyi"),
    (3, 0x23, "vshuff32x4", "rvmi"),
];

/// Instructions on masks, by opcode, without their ending; the register or memory is `m`, a register of whole numbers `w`.
const MASKS: [(u8, &str, &str); 9] = [
    (0x41, "kand", "rvm"),
    (0x44, "knot", "rm"),
    (0x45, "kor", "rvm"),
    (0x46, "kxnor", "rvm"),
    (0x47, "kxor", "rvm"),
    (0x90, "kmov", "rm"),
    (0x91, "kmov", "mr"),
    (0x92, "kmov", "rw"),
    (0x99, "ktest", "rm"),
];

const HALVES: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

/// What comes before the opcode.
struct Prefix {
    map: u8,
    prefix: u8,
    long: bool,
    /// Bits beyond the lowest three of registers.
    reg: u8,
    rm: u8,
    second: u8,
    length: u8,
    /// Of 512 bits: whether a number is for every lane, and which lanes the instruction is for.
    evex: Option<(bool, u8, bool)>,
}

impl Reader<'_> {
    pub(super) fn vex_of_two(&mut self) -> Option<String> {
        let byte = self.byte()?;
        self.vex(1, !byte >> 7 & 1, 0, byte & 0x7f)
    }

    pub(super) fn vex_of_three(&mut self) -> Option<String> {
        let (first, last) = (self.byte()?, self.byte()?);
        self.vex(first & 31, !first >> 7 & 1, !first >> 5 & 1, last)
    }

    fn vex(&mut self, map: u8, reg: u8, rm: u8, last: u8) -> Option<String> {
        let (long, second, length, prefix) = (last >> 7 == 1, !last >> 3 & 15, last >> 2 & 1, last & 3);
        let opcode = self.byte()?;
        if (map, opcode) == (1, 0x77) {
            return Some("vzeroupper".into());
        }
        if let (1, Some(&(_, name, order))) = (map, MASKS.iter().find(|(of, ..)| *of == opcode)) {
            return self.mask(name, order, prefix, (reg, rm, second));
        }
        self.vector(opcode, Prefix { map, prefix, long, reg, rm, second, length, evex: None })
    }

    pub(super) fn evex(&mut self) -> Option<String> {
        let (first, second, last, opcode) = (self.byte()?, self.byte()?, self.byte()?, self.byte()?);
        let of = |byte: u8, bit: u8| !byte >> bit & 1;
        let prefix = Prefix {
            map: first & 7,
            prefix: second & 3,
            long: second >> 7 == 1,
            reg: of(first, 7) | of(first, 4) << 1,
            rm: of(first, 5) | of(first, 6) << 1,
            second: !second >> 3 & 15 | of(last, 3) << 4,
            length: last >> 5 & 3,
            evex: Some((last >> 4 & 1 == 1, last & 7, last >> 7 == 1)),
        };
        self.vector(opcode, prefix)
    }

    /// An instruction on masks, which are named by their lowest three bits.
    fn mask(&mut self, name: &str, order: &str, prefix: u8, (reg, rm, second): (u8, u8, u8)) -> Option<String> {
        let mut operands = self.operands(reg, rm, 1)?;
        self.put_distance(&mut operands);
        let operand = |letter: char| match letter {
            'r' => format!("k{}", operands.reg),
            'v' => format!("k{second}"),
            'w' => operands.rm.clone().map_or_else(|place| place, |r| HALVES[usize::from(r & 7)].to_owned()),
            _ => operands.rm.clone().map_or_else(|place| place, |r| format!("k{r}")),
        };
        let ending = if prefix == 1 { "b" } else { "w" };
        Some(format!("{name}{ending} {}", order.chars().map(operand).collect::<Vec<_>>().join(", ")))
    }

    fn vector(&mut self, opcode: u8, of: Prefix) -> Option<String> {
        let extension = self.bytes.get(self.at)? >> 3 & 7;
        let (name, order) = name(opcode, extension, &of)?;
        let number = if of.long { 8 } else { 4 };
        let (each, mask, zero) = of.evex.unwrap_or_default();
        // Of 512 bits a short offset counts in what is read or written.
        let scale = match of.evex {
            None => 1,
            Some((true, ..)) => number,
            Some(_) if order.contains('n') => number,
            Some(_) if order.contains('h') => 16,
            Some(_) => 16 << of.length,
        };
        let mut operands = self.operands(of.reg, of.rm, scale)?;
        let constant = if order.ends_with(['i', 'b']) { self.byte()? } else { 0 };
        self.put_distance(&mut operands);
        let vector = |r: u8, length: u8| format!("{}{r}", ["xmm", "ymm", "zmm"][usize::from(length.min(2))]);
        let in_memory = |place: String| if each { format!("{place}{{1to{}}}", (16 << of.length) / number) } else { place };
        let rm = |length: u8| operands.rm.clone().map_or_else(in_memory, |r| vector(r, length));
        let operand = |letter: char| match letter {
            'r' => vector(operands.reg, of.length),
            'k' => format!("k{}", operands.reg),
            'v' => vector(of.second, of.length),
            'i' if constant < 0x80 => format!("0x{constant:x}"),
            'i' => format!("-0x{:x}", constant.wrapping_neg()),
            'b' => vector(constant >> 4, of.length),
            'h' | 'n' => rm(0),
            'y' => rm(of.length - 1),
            _ => rm(of.length),
        };
        let mut texts: Vec<String> = order.chars().map(operand).collect();
        if mask > 0 {
            texts[0] += &format!("{{k{mask}}}{}", if zero { "{z}" } else { "" });
        }
        Some(format!("{name} {}", texts.join(", ")))
    }
}

/// The name of an instruction, and its operands. `extension` is a part of the opcode where the register's place is free.
fn name(opcode: u8, extension: u8, &Prefix { map, prefix, long, ref evex, .. }: &Prefix) -> Option<(String, &'static str)> {
    let float = FLOATS.iter().find(|(of, ..)| (map, *of) == (1, opcode));
    Some(match (map, prefix, opcode) {
        (1, 2 | 3, 0x10 | 0x11) => {
            (format!("vmov{}", ["ss", "sd"][usize::from(prefix - 2)]), if opcode == 0x10 { "rn" } else { "nr" })
        }
        (1, 1, 0x72 | 0x73) => {
            let kind = match extension {
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
        (2, 1, 0x65) if evex.is_some() => (format!("vblendm{}", if long { "pd" } else { "ps" }), "rvm"),
        (1, 0 | 1, _) if let Some(&(_, name, order)) = float => {
            let order = if evex.is_some() && opcode == 0xc2 { "kvmi" } else { order };
            (format!("{name}{}", if prefix == 1 { "pd" } else { "ps" }), order)
        }
        _ => {
            let own: &[(u8, u8, &str, &str)] = if evex.is_some() { &EVEX } else { &VEX };
            let &(_, _, name, order) = OTHERS.iter().chain(own).find(|(of, code, ..)| (*of, *code) == (map, opcode))?;
            (name.into(), order)
        }
    })
}
