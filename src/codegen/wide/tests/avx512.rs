//! Instructions on 512 bits, and on masks.

use super::super::encode::{Asm, Bin, Logic, Mem, Pick, Rm};
use super::super::isa::Isa;
use super::{ARITHMETIC, named, places};
use crate::base::Width;

const REGISTERS: [u8; 6] = [0, 7, 8, 15, 16, 31];
const MASKS: [u8; 3] = [1, 4, 7];
/// Short offsets count in 64, 32, 16, 8 or 4 bytes.
const OFFSETS: [i32; 17] =
    [0, 4, 8, -8, 16, 64, -64, 63, 127 * 8, 128 * 8, 127 * 16, 128 * 16, 127 * 64, 128 * 64, -128 * 64, -129 * 64, 1 << 30];
const WIDTHS: [Width; 2] = [Width::F64, Width::F32];

fn check(width: Width, wanted: &str, emit: impl FnOnce(&mut Asm)) {
    super::check(Isa::Avx512, width, true, wanted, emit);
}

/// By the width: of two texts one.
fn of(width: Width, double: &str, single: &str) -> String {
    if width == Width::F64 { double } else { single }.to_owned()
}

fn in_memory(width: Width) -> Vec<(Rm, String)> {
    let lanes = 64 / width.bytes();
    let both = |m: Mem| [(Rm::Mem(m), named(m)), (Rm::Each(m), format!("{}{{1to{lanes}}}", named(m)))];
    places(&OFFSETS).into_iter().flat_map(both).collect()
}

/// Two registers and an operand: all registers, and operands in memory with some.
fn triples(width: Width) -> Vec<(u8, u8, Rm, String)> {
    let pairs = || REGISTERS.into_iter().flat_map(|dst| REGISTERS.map(|a| (dst, a)));
    let registers = pairs().flat_map(|(dst, a)| REGISTERS.map(|b| (dst, a, Rm::Reg(b), format!("zmm{b}"))));
    let others = REGISTERS.into_iter().zip(REGISTERS.into_iter().cycle().skip(2));
    let memory = others.flat_map(|(dst, a)| in_memory(width).into_iter().map(move |(rm, name)| (dst, a, rm, name)));
    registers.chain(memory).collect()
}

#[test]
fn arithmetic() {
    for width in WIDTHS {
        for (dst, a, rm, name) in triples(width) {
            for (op, double, single) in ARITHMETIC {
                let wanted = format!("{} zmm{dst},zmm{a},{name}", of(width, double, single));
                check(width, &wanted, |asm| asm.bin(op, dst, a, rm));
            }
            for (order, number) in [(0, "132"), (1, "213"), (2, "231")] {
                let kinds =
                    [(false, false, "vfmadd"), (false, true, "vfmsub"), (true, false, "vfnmadd"), (true, true, "vfnmsub")];
                for (product, addend, kind) in kinds {
                    let wanted = format!("{kind}{number}{} zmm{dst},zmm{a},{name}", of(width, "pd", "ps"));
                    check(width, &wanted, |asm| asm.fused((order, product, addend), dst, a, rm));
                }
            }
            for k in MASKS {
                let wanted = format!("{} k{k},zmm{a},{name},11h", of(width, "vcmppd", "vcmpps"));
                check(width, &wanted, |asm| asm.compare(0x11, k, a, rm));
                let blend = of(width, "vblendmpd", "vblendmps");
                check(width, &format!("{blend} zmm{dst}{{k{k}}},zmm{a},{name}"), |asm| asm.blend(dst, k, rm, a));
                let second = if let Rm::Reg(r) = rm { r } else { dst };
                check(width, &format!("{blend} zmm{dst}{{k{k}}}{{z}},zmm{second},{name}"), |asm| asm.or_zero(dst, k, rm));
                let wanted = format!("{} zmm{dst}{{k{k}}},zmm{a},{name}", of(width, "vaddpd", "vaddps"));
                check(width, &wanted, |asm| asm.under(k).bin(Bin::Add, dst, a, rm));
                let wanted = format!("vfmadd231{} zmm{dst}{{k{k}}},zmm{a},{name}", of(width, "pd", "ps"));
                check(width, &wanted, |asm| asm.under(k).fused((2, false, false), dst, a, rm));
            }
            check(width, &format!("{} zmm{dst},{name}", of(width, "vsqrtpd", "vsqrtps")), |asm| asm.sqrt(dst, rm));
            let wanted = format!("{} zmm{dst},{name},Bh", of(width, "vrndscalepd", "vrndscaleps"));
            check(width, &wanted, |asm| asm.round(dst, rm, 11));
        }
    }
}

#[test]
fn registers_alone() {
    for width in WIDTHS {
        for (r, a) in REGISTERS.into_iter().flat_map(|r| REGISTERS.map(|a| (r, a))) {
            check(width, &format!("{} zmm{r},zmm{a},17h", of(width, "vpsllq", "vpslld")), |asm| asm.shift(true, r, a, 0x17));
            check(width, &format!("{} zmm{r},zmm{a},17h", of(width, "vpsrlq", "vpsrld")), |asm| asm.shift(false, r, a, 0x17));
            if r != a {
                check(width, &format!("{} zmm{r},zmm{a}", of(width, "vmovapd", "vmovaps")), |asm| asm.load(r, Rm::Reg(a)));
            }
            check(width, &format!("vinsertf32x4 ymm{r},ymm{a},xmm{r},1h"), |asm| asm.insert_part(r, a, Rm::Reg(r)));
            check(width, &format!("vinsertf64x4 zmm{r},zmm{a},ymm{r},1h"), |asm| asm.insert_half(r, a, r));
            for part in 1..4 {
                check(width, &format!("vextractf32x4 xmm{r},zmm{a},{part}h"), |asm| asm.part(Rm::Reg(r), a, part));
            }
            let picked = [(Pick::Parts, "vshuff32x4"), (Pick::Numbers, "vshufps")];
            for (of, name) in picked {
                check(width, &format!("{name} zmm{r},zmm{a},zmm{r},DDh"), |asm| asm.pick(of, r, a, r, 0xdd));
            }
            let (add, pairs) = (of(width, "vaddpd", "vaddps"), "vunpckhpd");
            check(width, &format!("{add} ymm{r},ymm{a},ymm{r}"), |asm| {
                asm.set_length(1);
                asm.bin(Bin::Add, r, a, Rm::Reg(r));
            });
            check(width, &format!("{pairs} xmm{r},xmm{a},xmm{r}"), |asm| {
                asm.set_length(0);
                asm.bin(Bin::HighPairs, r, a, Rm::Reg(r));
            });
            check(width, &format!("vunpcklpd zmm{r},zmm{a},zmm{r}"), |asm| asm.bin(Bin::LowPairs, r, a, Rm::Reg(r)));
            check(width, &format!("vmovshdup xmm{r},xmm{a}"), |asm| asm.second(r, a));
        }
    }
}

#[test]
fn memory() {
    for width in WIDTHS {
        for (r, m) in REGISTERS.into_iter().flat_map(|r| places(&OFFSETS).into_iter().map(move |m| (r, m))) {
            let (at, full, one) = (named(m), of(width, "vmovupd", "vmovups"), of(width, "vmovsd", "vmovss"));
            check(width, &format!("{full} zmm{r},{at}"), |asm| asm.load(r, Rm::Mem(m)));
            check(width, &format!("{full} {at},zmm{r}"), |asm| asm.store(r, m));
            for k in MASKS {
                check(width, &format!("{full} zmm{r}{{k{k}}}{{z}},{at}"), |asm| asm.under_or_zero(k).load(r, Rm::Mem(m)));
                check(width, &format!("{full} {at}{{k{k}}},zmm{r}"), |asm| asm.under(k).store(r, m));
            }
            let spread = of(width, "vbroadcastsd", "vbroadcastss");
            check(width, &format!("{spread} zmm{r},{at}"), |asm| asm.load(r, Rm::Each(m)));
            check(width, &format!("{full} xmm{r},{at}"), |asm| asm.load_part(r, m));
            check(width, &format!("{full} {at},xmm{r}"), |asm| asm.store_first_part(r, m));
            check(width, &format!("{one} xmm{r},{at}"), |asm| asm.load_one(r, m));
            check(width, &format!("{one} {at},xmm{r}"), |asm| asm.store_one(r, m));
            let lane = of(width, &format!("vmovhpd {at},xmm{r}"), &format!("vextractps {at},xmm{r},1h"));
            check(width, &lane, |asm| asm.store_lane(r, 1, m));
            if width == Width::F32 {
                check(width, &format!("vinsertps xmm{r},xmm{r},{at},20h"), |asm| asm.insert_one(r, r, m, 2));
            }
            check(width, &format!("vinsertf32x4 ymm{r},ymm{r},{at},1h"), |asm| asm.insert_part(r, r, Rm::Mem(m)));
            check(width, &format!("vextractf32x4 {at},zmm{r},2h"), |asm| asm.part(Rm::Mem(m), r, 2));
        }
    }
}

#[test]
fn masks() {
    for width in WIDTHS {
        let bits = of(width, "b", "w");
        for (a, b) in (0..8).flat_map(|a| (0..8).map(move |b| (a, b))) {
            for (op, name) in [(Logic::And, "kand"), (Logic::Or, "kor"), (Logic::Differ, "kxor"), (Logic::Agree, "kxnor")] {
                for dst in 0..8 {
                    check(width, &format!("{name}{bits} k{dst},k{a},k{b}"), |asm| asm.logic(op, dst, a, b));
                }
            }
            check(width, &format!("knot{bits} k{a},k{b}"), |asm| asm.not(a, b));
            check(width, &format!("ktest{bits} k{a},k{b}"), |asm| asm.test_masks(a, b));
            if a != b {
                check(width, &format!("kmov{bits} k{a},k{b}"), |asm| asm.load_mask(a, Rm::Reg(b)));
            }
            let whole = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"][usize::from(b)];
            check(width, &format!("kmov{bits} k{a},{whole}"), |asm| asm.mask_of(a, b));
        }
        for (k, m) in (0..8).flat_map(|k| places(&OFFSETS).into_iter().map(move |m| (k, m))) {
            check(width, &format!("kmov{bits} k{k},{}", named(m)), |asm| asm.load_mask(k, Rm::Mem(m)));
            check(width, &format!("kmov{bits} {},k{k}", named(m)), |asm| asm.store_mask(k, m));
        }
    }
}
