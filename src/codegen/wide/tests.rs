//! Instructions, and our texts of them, as an independent disassembler reads them.

use super::encode::{Asm, Bin, Constant, EQUAL, GREATER_OR_EQUAL, LESS, Mem, NOT_EQUAL, Rm, Whole, mem};
use super::isa::Isa;
use super::text::Reader;
use crate::base::Width;
use crate::graph::{Cond, Expr, Function};
use crate::op::{DType, Op, Value, lit, select};
use crate::schedule::unit::Unit;
use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};
use iced_x86::{Decoder, DecoderOptions, Formatter, NasmFormatter};

const REGISTERS: [u8; 6] = [0, 3, 7, 8, 12, 15];
const OFFSETS: [i32; 8] = [0, 8, -8, 127, -128, 128, -129, 1 << 30];
const WHOLE: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

fn places() -> Vec<Mem> {
    (0..16).flat_map(|base| OFFSETS.map(|at| mem(base, at))).collect()
}

fn named(m: Mem) -> String {
    let super::encode::Base::Reg(base) = m.base else { panic!("a register") };
    let base = WHOLE[base as usize];
    match m.at {
        0 => format!("[{base}]"),
        at if at < 0 => format!("[{base}-{:X}h]", -at),
        at => format!("[{base}+{at:X}h]"),
    }
}

/// The instruction, which has no byte besides, is this one.
fn check(width: Width, whole: bool, wanted: &str, emit: impl FnOnce(&mut Asm)) {
    let mut asm = Asm::new(Isa::Avx2, width);
    asm.set_whole(whole);
    emit(&mut asm);
    let mut decoder = Decoder::with_ip(64, &asm.bytes, 0, DecoderOptions::NONE);
    let instruction = decoder.decode();
    let (mut text, mut formatter) = (String::new(), NasmFormatter::new());
    let options = formatter.options_mut();
    options.set_memory_size_options(iced_x86::MemorySizeOptions::Never);
    options.set_space_after_operand_separator(false);
    options.set_leading_zeros(false);
    options.set_add_leading_zero_to_hex_numbers(false);
    options.set_small_hex_numbers_in_decimal(false);
    options.set_use_pseudo_ops(false);
    formatter.format(&instruction, &mut text);
    assert_eq!((text.as_str(), instruction.len()), (wanted, asm.bytes.len()), "{:02x?}", asm.bytes);
    reads(&asm.bytes);
}

/// Our texts of some instructions are those of the disassembler.
fn reads(bytes: &[u8]) {
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let mut formatter = NasmFormatter::new();
    let options = formatter.options_mut();
    options.set_memory_size_options(iced_x86::MemorySizeOptions::Never);
    options.set_space_after_operand_separator(true);
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(false);
    options.set_signed_immediate_operands(true);
    options.set_use_pseudo_ops(false);
    options.set_show_branch_size(false);
    options.set_branch_leading_zeros(false);
    let mut reader = Reader { bytes, at: 0 };
    while decoder.can_decode() {
        let (instruction, mut text) = (decoder.decode(), String::new());
        formatter.format(&instruction, &mut text);
        // What does nothing has operands for its length.
        let does_nothing = text.starts_with("nop") || text == "xchg ax, ax";
        let wanted = if does_nothing { "nop" } else { text.as_str() };
        let start = reader.at;
        let read = reader.instruction();
        assert_eq!(read.as_deref(), Some(wanted), "{:02x?}", &bytes[start..]);
        assert_eq!(reader.at - start, instruction.len(), "{wanted}");
    }
}

fn vector(whole: bool, r: u8) -> String {
    format!("{}{r}", if whole { "ymm" } else { "xmm" })
}

/// The operand as it is, and as it is named.
fn operands(whole: bool) -> Vec<(Rm, String)> {
    let registers = REGISTERS.map(|r| (Rm::Reg(r), vector(whole, r)));
    registers.into_iter().chain(places().into_iter().map(|m| (Rm::Mem(m), named(m)))).collect()
}

#[test]
fn arithmetic_of_vectors() {
    let ops = [
        (Bin::Add, "vaddpd", "vaddps"),
        (Bin::Sub, "vsubpd", "vsubps"),
        (Bin::Mul, "vmulpd", "vmulps"),
        (Bin::Div, "vdivpd", "vdivps"),
        (Bin::And, "vandpd", "vandps"),
        (Bin::AndNot, "vandnpd", "vandnps"),
        (Bin::Or, "vorpd", "vorps"),
        (Bin::Xor, "vxorpd", "vxorps"),
        (Bin::WholeAdd, "vpaddq", "vpaddd"),
        (Bin::WholeSub, "vpsubq", "vpsubd"),
        (Bin::Low, "vunpcklpd", "vunpcklps"),
        (Bin::High, "vunpckhpd", "vunpckhps"),
        (Bin::LowPairs, "vunpcklpd", "vunpcklpd"),
        (Bin::HighPairs, "vunpckhpd", "vunpckhpd"),
    ];
    for (width, narrow) in [(Width::F64, false), (Width::F32, true)] {
        let of = |wide: &str, other: &str| if narrow { other.to_owned() } else { wide.to_owned() };
        for whole in [true, false] {
            for (rm, name) in operands(whole) {
                for (dst, a) in REGISTERS.into_iter().flat_map(|dst| REGISTERS.map(|a| (dst, a))) {
                    let [d, second] = [dst, a].map(|r| vector(whole, r));
                    for (op, wide, other) in ops {
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
                    check(width, whole, &format!("vinsertf128 ymm{r},ymm{a},xmm{a},1h"), |asm| asm.insert_part(r, a, Rm::Reg(a), 1));
                    check(width, whole, &format!("vextractf128 xmm{r},ymm{a},1h"), |asm| asm.part(Rm::Reg(r), a, 1));
                    check(width, whole, &format!("vmovshdup xmm{r},xmm{a}"), |asm| asm.second(r, a));
                }
                check(width, whole, &format!("{} {v},{v}", of("vtestpd", "vtestps")), |asm| asm.test(r));
                for m in places() {
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
                    check(width, whole, &format!("vinsertf128 ymm{r},ymm{r},{at},1h"), |asm| asm.insert_part(r, r, Rm::Mem(m), 1));
                    check(width, whole, &format!("vextractf128 {at},ymm{r},1h"), |asm| asm.part(Rm::Mem(m), r, 1));
                }
            }
        }
    }
}

#[test]
fn whole_numbers() {
    let width = Width::F64;
    for m in places() {
        let at = named(m);
        for (r, name) in WHOLE.into_iter().enumerate().map(|(r, name)| (r as u8, name)) {
            for (what, kind) in
                [(Whole::Load, "mov"), (Whole::Add, "add"), (Whole::And, "and"), (Whole::Compare, "cmp"), (Whole::Address, "lea")]
            {
                check(width, true, &format!("{kind} {name},{at}"), |asm| asm.whole(what, r, Rm::Mem(m)));
            }
            check(width, true, &format!("mov {at},{name}"), |asm| asm.whole(Whole::Store, r, Rm::Mem(m)));
        }
        for (what, kind) in [(Constant::Add, "add"), (Constant::And, "and"), (Constant::Sub, "sub"), (Constant::Compare, "cmp")] {
            for n in [1, 127, 128, 1 << 20] {
                check(Width::F64, true, &format!("{kind} {at},{n:X}h"), |asm| asm.with_constant(what, Rm::Mem(m), n));
            }
        }
        check(Width::F64, true, &format!("mov {at},11h"), |asm| asm.put(Rm::Mem(m), 17));
        check(Width::F64, true, &format!("call {at}"), |asm| asm.call(m));
        check(Width::F32, true, &format!("cmp {at},0h"), |asm| asm.test_bits(m));
    }
    for (r, name) in WHOLE.into_iter().enumerate().map(|(r, name)| (r as u8, name)) {
        check(width, true, &format!("push {name}"), |asm| asm.push(r));
        check(width, true, &format!("pop {name}"), |asm| asm.pop(r));
        check(width, true, &format!("shl {name},3h"), |asm| asm.double(r, 3));
        check(width, true, &format!("sub {name},100h"), |asm| asm.with_constant(Constant::Sub, Rm::Reg(r), 256));
        check(width, true, &format!("mov {name},0h"), |asm| _ = asm.address(r));
    }
}

#[test]
fn constants_are_behind_the_code() {
    for width in [Width::F64, Width::F32] {
        let mut asm = Asm::new(Isa::Avx2, width);
        for bits in [7, 9, 7] {
            let at = asm.constant(bits);
            // A byte of the instruction comes behind the distance.
            asm.compare(0, 1, 2, at);
            asm.bin(Bin::Add, 1, 2, at);
        }
        let bytes = asm.finish();
        let mut decoder = Decoder::with_ip(64, &bytes, 0, DecoderOptions::NONE);
        for bits in [7u64, 7, 9, 9, 7, 7] {
            let at = decoder.decode().ip_rel_memory_address() as usize;
            assert!(at.is_multiple_of(Isa::Avx2.vector() as usize) && at + Isa::Avx2.vector() as usize <= bytes.len());
            for lane in bytes[at..at + Isa::Avx2.vector() as usize].chunks(width.bytes()) {
                assert_eq!(lane, &bits.to_le_bytes()[..width.bytes()]);
            }
        }
    }
}

#[test]
fn jumps_and_what_does_nothing() {
    for length in 0..32 {
        let mut asm = Asm::new(Isa::Avx2, Width::F64);
        (0..length).for_each(|_| asm.ret());
        asm.align();
        assert!(asm.bytes.len().is_multiple_of(32));
        let top = asm.bytes.len();
        for condition in [EQUAL, NOT_EQUAL, LESS, GREATER_OR_EQUAL] {
            let jump = asm.jump_if(condition);
            asm.land(jump, top);
        }
        let (jump, call) = (asm.jump(), asm.call_here());
        asm.leave_vectors();
        asm.land_here(jump);
        asm.land_here(call);
        asm.ret();
        reads(&asm.bytes);
    }
}

/// Whole functions: every operation with its derivatives, over rows of some layouts.
#[test]
fn functions_as_text() {
    for width in [Width::F64, Width::F32] {
        for &op in Op::ALL {
            let f = Function::trace_in(width, ("x", 3), |x| {
                let mut at = x.iter().cycle();
                let operands: Vec<Value<Expr, Cond>> = (op.operands().iter())
                    .map(|dtype| match dtype {
                        DType::Mask => Value::Mask(at.next().unwrap().lt(0.5)),
                        DType::Float | DType::Index => Value::Num(*at.next().unwrap()),
                    })
                    .collect();
                match op.apply(&operands) {
                    Value::Num(y) => y,
                    Value::Mask(m) => select(m, x[0], lit::<Expr>(2.0)),
                }
            });
            let f = f.unwrap().value_and_grad().unwrap();
            let program = lowered(&f, Settings::default(), &[true; 3]);
            let shape = RowShape { varying: vec![true], reduce: vec![Reduce::Sum, Reduce::Each] };
            let call = RowCall::new(&program, &shape, true);
            let unit = Unit::new(program, Some(call));
            let made = super::function::function(Isa::Avx2, &unit, unit.rows.as_ref().unwrap(), 7).unwrap();
            reads(&made.bytes[..made.end]);
        }
    }
}
