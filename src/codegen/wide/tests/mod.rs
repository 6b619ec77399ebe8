//! Instructions, and our texts of them, as an independent disassembler reads them.

mod avx2;
mod avx512;

use super::encode::{Asm, Bin, Constant, EQUAL, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL, Mem, NOT_EQUAL, Rm, Whole, mem};
use super::isa::Isa;
use super::text::Reader;
use crate::base::Width;
use crate::graph::{Cond, Expr, Function};
use crate::op::{DType, Op, Value, lit, select};
use crate::schedule::unit::Unit;
use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};
use iced_x86::{Decoder, DecoderOptions, Formatter, NasmFormatter};

const WHOLE: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/// What both encodings have, by what it is called in f64 and in f32.
const ARITHMETIC: [(Bin, &str, &str); 12] = [
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
];

fn places(offsets: &[i32]) -> Vec<Mem> {
    (0..16).flat_map(|base| offsets.iter().map(move |&at| mem(base, at))).collect()
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
fn check(isa: Isa, width: Width, whole: bool, wanted: &str, emit: impl FnOnce(&mut Asm)) {
    let mut asm = Asm::new(isa, width);
    asm.set_length(if whole { isa.length() } else { 0 });
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

const ISAS: [Isa; 2] = Isa::ALL;

#[test]
fn whole_numbers() {
    let check = |width: Width, wanted: &str, emit: &dyn Fn(&mut Asm)| check(Isa::Avx2, width, true, wanted, emit);
    let width = Width::F64;
    for m in places(&[0, 8, -8, 127, -128, 128, -129, 1 << 30]) {
        let at = named(m);
        for (r, name) in WHOLE.into_iter().enumerate().map(|(r, name)| (r as u8, name)) {
            for (what, kind) in
                [(Whole::Load, "mov"), (Whole::Add, "add"), (Whole::And, "and"), (Whole::Compare, "cmp"), (Whole::Address, "lea")]
            {
                check(width, &format!("{kind} {name},{at}"), &|asm| asm.whole(what, r, Rm::Mem(m)));
            }
            check(width, &format!("mov {at},{name}"), &|asm| asm.whole(Whole::Store, r, Rm::Mem(m)));
        }
        for (what, kind) in [(Constant::Add, "add"), (Constant::And, "and"), (Constant::Sub, "sub"), (Constant::Compare, "cmp")] {
            for n in [1, 127, 128, 1 << 20] {
                check(Width::F64, &format!("{kind} {at},{n:X}h"), &|asm| asm.with_constant(what, Rm::Mem(m), n));
            }
        }
        check(Width::F64, &format!("mov {at},11h"), &|asm| asm.put(Rm::Mem(m), 17));
        check(Width::F64, &format!("call {at}"), &|asm| asm.call(Rm::Mem(m)));
        for bit in [0, 7] {
            check(width, &format!("test {at},{:X}h", 1 << bit), &|asm| asm.test_bit(m, bit));
        }
        check(Width::F32, &format!("cmp {at},0h"), &|asm| asm.test_bits(m));
    }
    for (r, name) in WHOLE.into_iter().enumerate().map(|(r, name)| (r as u8, name)) {
        check(width, &format!("mov {name},11h"), &|asm| asm.put(Rm::Reg(r), 17));
        check(width, &format!("shl {name},cl"), &|asm| asm.double_by_count(r));
        for (other, from) in WHOLE.into_iter().enumerate().map(|(r, name)| (r as u8, name)) {
            check(width, &format!("cmovle {name},{from}"), &|asm| asm.choose(LESS_OR_EQUAL, r, other));
        }
        check(width, &format!("call {name}"), &|asm| asm.call(Rm::Reg(r)));
        check(width, &format!("push {name}"), &|asm| asm.push(r));
        check(width, &format!("pop {name}"), &|asm| asm.pop(r));
        check(width, &format!("shl {name},3h"), &|asm| asm.double(r, 3));
        check(width, &format!("sub {name},100h"), &|asm| asm.with_constant(Constant::Sub, Rm::Reg(r), 256));
        check(width, &format!("mov {name},0h"), &|asm| _ = asm.address(r));
    }
    // A bit of the next byte.
    check(width, "test [rsp+9h],2h", &|asm| asm.test_bit(mem(4, 8), 9));
}

#[test]
fn constants_are_behind_the_code() {
    for (isa, width) in ISAS.into_iter().flat_map(|isa| [(isa, Width::F64), (isa, Width::F32)]) {
        let mut asm = Asm::new(isa, width);
        for bits in [7, 9, 7] {
            let at = asm.constant(bits);
            // A byte of the instruction comes behind the distance.
            asm.compare(0, 1, 2, at);
            asm.bin(Bin::Add, 1, 2, at);
        }
        let bytes = asm.finish();
        let mut decoder = Decoder::with_ip(64, &bytes, 0, DecoderOptions::NONE);
        let size = Asm::constant_bytes(isa, width);
        assert_eq!(size, if isa == Isa::Avx2 { 32 } else { width.bytes() });
        for bits in [7u64, 7, 9, 9, 7, 7] {
            let instruction = decoder.decode();
            let at = instruction.ip_rel_memory_address() as usize;
            assert_eq!(instruction.is_broadcast(), isa == Isa::Avx512);
            assert!(at.is_multiple_of(size) && at + size <= bytes.len());
            for lane in bytes[at..at + size].chunks(width.bytes()) {
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
            for isa in ISAS {
                for registers in [7, isa.registers()] {
                    let made = super::function::function(isa, &unit, unit.rows.as_ref().unwrap(), registers).unwrap();
                    reads(&made.bytes[..made.end]);
                }
            }
        }
    }
}

/// Where fewer rows are left than a vector has, other lanes have the first row once more; what is rare is asked, and called, under the mask of rows.
#[test]
fn lanes_without_a_row_call_nothing() {
    let f = Function::trace(("x", 3), |x| x[0].sin() + x[1] * x[2]).unwrap();
    let program = lowered(&f, Settings::default(), &[true; 3]);
    let call = RowCall::new(&program, &RowShape { varying: vec![true], reduce: vec![Reduce::Each] }, true);
    let unit = Unit::new(program, Some(call));
    let made = super::function::function(Isa::Avx512, &unit, unit.rows.as_ref().unwrap(), 32).unwrap();
    let (mut reader, mut texts) = (Reader { bytes: &made.bytes[..made.end], at: 0 }, vec![]);
    while reader.at < made.end {
        texts.push(reader.instruction().unwrap());
    }
    let count = |start: &str, end: &str| texts.iter().filter(|text| text.starts_with(start) && text.ends_with(end)).count();
    // Vectors, and two lists under the mask.
    assert_eq!((count("ktestb", "") > 2, count("ktestb", ", k7")), (true, 2));
    assert_eq!(count("kandb k0, ", ", k7"), 2);
}

/// A chain that is longer than what the processor sees of a turn wants a second one beside it; what is side by side already does not.
#[test]
fn chains_take_two_vectors_a_turn() {
    let instructions = |width: usize, length: usize| {
        let f = Function::trace(("x", width), |x| {
            x.iter().map(|&x| (0..length).fold(x, |y, k| y * y + k as f64)).reduce(|a, b| a + b).unwrap()
        });
        let program = lowered(&f.unwrap(), Settings::default(), &vec![true; width]);
        let call = RowCall::new(&program, &RowShape { varying: vec![true], reduce: vec![Reduce::Each] }, true);
        let unit = Unit::new(program, Some(call));
        let made = super::function::function(Isa::Avx512, &unit, unit.rows.as_ref().unwrap(), 32).unwrap();
        let (mut reader, mut fused) = (Reader { bytes: &made.bytes[..made.end], at: 0 }, 0);
        while reader.at < made.end {
            fused += usize::from(reader.instruction().unwrap().starts_with("vfmadd"));
        }
        fused
    };
    // One chain of 200; and twenty of ten. Beside the loop there are three lists for fewer rows, or all of a vector and two.
    assert_eq!((instructions(1, 200), instructions(20, 10)), (5 * 200, 3 * 200));
}
