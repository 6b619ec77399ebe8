//! Instructions on up to 256 bits.

use super::super::encode::{Asm, Bin, Rm};
use super::super::isa::Isa;
use super::{ARITHMETIC, named, places};
use crate::base::Width;

const REGISTERS: [u8; 6] = [0, 3, 7, 8, 12, 15];
const OFFSETS: [i32; 8] = [0, 8, -8, 127, -128, 128, -129, 1 << 30];

fn check(width: Width, whole: bool, wanted: &str, emit: impl FnOnce(&mut Asm)) {
    super::check(Isa::Avx2, width, whole, wanted, emit);
}

fn vector(whole: bool, r: u8) -> String {
    format!("{}{r}", if whole { "ymm" } else { "xmm" })
}

/// The operand as it is, and as it is named.
fn operands(whole: bool) -> Vec<(Rm, String)> {
    let registers = REGISTERS.map(|r| (Rm::Reg(r), vector(whole, r)));
    registers.into_iter().chain(places(&OFFSETS).into_iter().map(|m| (Rm::Mem(m), named(m)))).collect()
}

#[test]
fn arithmetic_of_vectors() {
    let pairs = [(Bin::LowPairs, "vunpcklpd", "vunpcklpd"), (Bin::HighPairs, "vunpckhpd", "vunpckhpd")];
    for (width, narrow) in [(Width::F64, false), (Width::F32, true)] {
        let of = |wide: &str, other: &str| if narrow { other.to_owned() } else { wide.to_owned() };
        for whole in [true, false] {
            for (rm, name) in operands(whole) {
                for (dst, a) in REGISTERS.into_iter().flat_map(|dst| REGISTERS.map(|a| (dst, a))) {
                    let [d, second] = [dst, a].map(|r| vector(whole, r));
                    for (op, wide, other) in ARITHMETIC.into_iter().chain(pairs) {
                        check(width, whole, &format!("{} {d},{second},{name}", of(wide, other)), |asm| asm.bin(op, dst, a, rm));
                    }
                    for (order, number) in [(0, "132"), (1, "213"), (2, "231")] {
                        let kinds = [
                            (false, false, "vfmadd"),
                            (false, true, "vfmsub"),
                            (true, false, "vfnmadd"),
                            (true, true, "vfnmsub"),
                        ];
                        for (product, addend, kind) in kinds {
                            let wanted = format!("{kind}{number}{} {d},{second},{name}", of("pd", "ps"));
                            check(width, whole, &wanted, |asm| asm.fused((order, product, addend), dst, a, rm));
                        }
                    }
                    let wanted = format!("{} {d},{second},{name},11h", of("vcmppd", "vcmpps"));
                    check(width, whole, &wanted, |asm| asm.compare(0x11, dst, a, rm));
                    let wanted = format!("{} {d},{second},{name},{}", of("vblendvpd", "vblendvps"), vector(whole, a));
                    check(width, whole, &wanted, |asm| asm.blend(dst, a, rm, a));
                }
            }
        }
    }
}

#[test]
fn vectors_of_one_operand_and_memory() {
    for (width, narrow) in [(Width::F64, false), (Width::F32, true)] {
        let of = |wide: &str, other: &str| if narrow { other.to_owned() } else { wide.to_owned() };
        for whole in [true, false] {
            for r in REGISTERS {
                let v = vector(whole, r);
                for (rm, name) in operands(whole) {
                    check(width, whole, &format!("{} {v},{name}", of("vsqrtpd", "vsqrtps")), |asm| asm.sqrt(r, rm));
                    let wanted = format!("{} {v},{name},0Bh", of("vroundpd", "vroundps"));
                    check(width, whole, &wanted.replace("0Bh", "Bh"), |asm| asm.round(r, rm, 11));
                    if rm != Rm::Reg(r) {
                        let load = if matches!(rm, Rm::Mem(_)) { of("vmovupd", "vmovups") } else { of("vmovapd", "vmovaps") };
                        check(width, whole, &format!("{load} {v},{name}"), |asm| asm.load(r, rm));
                    }
                }
                for a in REGISTERS {
                    let from = vector(whole, a);
                    let left = format!("{} {v},{from},17h", of("vpsllq", "vpslld"));
                    check(width, whole, &left, |asm| asm.shift(true, r, a, 0x17));
                    let right = format!("{} {v},{from},17h", of("vpsrlq", "vpsrld"));
                    check(width, whole, &right, |asm| asm.shift(false, r, a, 0x17));
                    check(width, whole, &format!("vinsertf128 ymm{r},ymm{a},xmm{a},1h"), |asm| asm.insert_part(r, a, Rm::Reg(a)));
                    check(width, whole, &format!("vextractf128 xmm{r},ymm{a},1h"), |asm| asm.part(Rm::Reg(r), a, 1));
                    check(width, whole, &format!("vmovshdup xmm{r},xmm{a}"), |asm| asm.second(r, a));
                }
                check(width, whole, &format!("{} {v},{v}", of("vtestpd", "vtestps")), |asm| asm.test(r));
                for m in places(&OFFSETS) {
                    let at = named(m);
                    let store = of("vmovupd", "vmovups");
                    check(width, whole, &format!("{store} {at},{v}"), |asm| asm.store(r, m));
                    check(width, whole, &format!("{store} {at},xmm{r}"), |asm| asm.store_first_part(r, m));
                    check(width, whole, &format!("{store} xmm{r},{at}"), |asm| asm.load_part(r, m));
                    let one = of("vmovsd", "vmovss");
                    check(width, whole, &format!("{one} {at},xmm{r}"), |asm| asm.store_one(r, m));
                    check(width, whole, &format!("{one} {at},xmm{r}"), |asm| asm.store_lane(r, 0, m));
                    check(width, whole, &format!("{one} xmm{r},{at}"), |asm| asm.load_one(r, m));
                    let lane = if narrow { format!("vextractps {at},xmm{r},1h") } else { format!("vmovhpd {at},xmm{r}") };
                    check(width, whole, &lane, |asm| asm.store_lane(r, 1, m));
                    let spread = of("vbroadcastsd", "vbroadcastss");
                    check(width, whole, &format!("{spread} ymm{r},{at}"), |asm| asm.broadcast(r, m));
                    check(width, whole, &format!("vinsertps xmm{r},xmm{r},{at},20h"), |asm| asm.insert_one(r, r, m, 2));
                    check(width, whole, &format!("vinsertf128 ymm{r},ymm{r},{at},1h"), |asm| asm.insert_part(r, r, Rm::Mem(m)));
                    check(width, whole, &format!("vextractf128 {at},ymm{r},1h"), |asm| asm.part(Rm::Mem(m), r, 1));
                }
            }
        }
    }
}
