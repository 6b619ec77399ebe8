//! Kernels in native code: a machine whose numbers are all lanes of a vector. A single number is computed in every lane, which takes
//! no longer than in one: bits, masks and numbers then are the same registers, and constants are read as they lie in memory.

use super::emit::Emitter;
use crate::graph::Width;
use crate::kernels::{Kernel1, Kernel2, Library1, Library2};
use crate::op::{Bits, Lanes, Machine};
use cranelift_codegen::ir::{BlockArg, ConstantData, InstBuilder, MemFlagsData, Type, Value, condcodes::FloatCC, types};
use cranelift_frontend::FunctionBuilder;
use std::ops;

/// Emits a kernel of single numbers.
pub(super) fn inlined<'e, 'f, const N: usize>(
    emitter: &'e Emitter<'f>,
    args: [Value; N],
    kernel: impl FnOnce([Packed<'e, 'f>; N]) -> Packed<'e, 'f>,
) -> Value {
    let lanes = emitter.lanes();
    let packed = args.map(|v| Packed { emitter, v: emitter.builder.borrow_mut().ins().splat(lanes, v), single: true });
    let result = kernel(packed);
    emitter.builder.borrow_mut().ins().extractlane(result.v, 0)
}

/// The numbers of a vector.
#[derive(Copy, Clone)]
pub(super) struct Packed<'e, 'f> {
    emitter: &'e Emitter<'f>,
    v: Value,
    /// Whether all lanes hold the same number.
    single: bool,
}

/// Truth values: all bits of a lane, or none.
#[derive(Copy, Clone)]
pub(super) struct PackedMask<'e, 'f> {
    emitter: &'e Emitter<'f>,
    v: Value,
}

/// The bits of numbers.
#[derive(Copy, Clone)]
pub(super) struct PackedBits<'e, 'f> {
    emitter: &'e Emitter<'f>,
    v: Value,
    single: bool,
}

impl<'e, 'f> Packed<'e, 'f> {
    fn with(self, f: impl FnOnce(&mut FunctionBuilder<'f>) -> Value) -> Self {
        Packed { v: f(&mut self.emitter.builder.borrow_mut()), ..self }
    }

    fn compare(self, condition: FloatCC, y: Self) -> PackedMask<'e, 'f> {
        let v = self.emitter.builder.borrow_mut().ins().fcmp(condition, self.v, y.v);
        PackedMask { emitter: self.emitter, v }
    }

    /// A vector of equal lanes, read from memory.
    fn constant(self, ty: Type, bits: u64) -> Value {
        let lane = &bits.to_le_bytes()[..ty.lane_bits() as usize / 8];
        let mut builder = self.emitter.builder.borrow_mut();
        let handle = builder.func.dfg.constants.insert(ConstantData::from(lane.repeat(ty.lane_count() as usize)));
        builder.ins().vconst(ty, handle)
    }

    /// A routine of single numbers, called for every lane.
    fn each<const N: usize>(self, args: [Self; N], f64: *const u8, f32: *const u8) -> Self {
        let emitter = self.emitter;
        let lane = |k: u8| {
            let args = args.map(|x| emitter.builder.borrow_mut().ins().extractlane(x.v, k));
            emitter.library(f64, f32, &args)
        };
        if self.single {
            let v = lane(0);
            return self.with(|b| b.ins().splat(emitter.lanes(), v));
        }
        (0..emitter.lanes().lane_count() as u8).fold(self, |all, k| {
            let v = lane(k);
            all.with(|b| b.ins().insertlane(all.v, v, k))
        })
    }
}

macro_rules! instructions {
    ($Self:ident: $($Trait:ident $method:ident $ins:ident;)*) => { $(
        impl ops::$Trait for $Self<'_, '_> {
            type Output = Self;
            fn $method(self, y: Self) -> Self {
                let v = self.emitter.builder.borrow_mut().ins().$ins(self.v, y.v);
                $Self { v, ..self }
            }
        }
    )* };
}
instructions! { Packed: Add add fadd; Sub sub fsub; Mul mul fmul; Div div fdiv; }
instructions! { PackedMask: BitAnd bitand band; BitOr bitor bor; }
instructions! { PackedBits: Add add iadd; Sub sub isub; BitAnd bitand band; BitOr bitor bor; BitXor bitxor bxor; }

impl ops::Neg for Packed<'_, '_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.with(|b| b.ins().fneg(self.v))
    }
}

impl ops::Not for PackedMask<'_, '_> {
    type Output = Self;
    fn not(self) -> Self {
        let v = self.emitter.builder.borrow_mut().ins().bnot(self.v);
        PackedMask { v, ..self }
    }
}

impl Bits for PackedBits<'_, '_> {
    fn shl(self, n: u32) -> Self {
        let mut builder = self.emitter.builder.borrow_mut();
        let n = builder.ins().iconst(types::I32, n as i64);
        PackedBits { v: builder.ins().ishl(self.v, n), ..self }
    }
    fn shr(self, n: u32) -> Self {
        let mut builder = self.emitter.builder.borrow_mut();
        let n = builder.ins().iconst(types::I32, n as i64);
        PackedBits { v: builder.ins().ushr(self.v, n), ..self }
    }
}

impl<'e, 'f> Machine for Packed<'e, 'f> {
    type Mask = PackedMask<'e, 'f>;
    fn k(self, v: f64) -> Self {
        let bits = if self.is_double() { v.to_bits() } else { (v as f32).to_bits() as u64 };
        Packed { v: self.constant(self.emitter.lanes(), bits), ..self }
    }
    fn fma(self, y: Self, z: Self) -> Self {
        self.with(|b| b.ins().fma(self.v, y.v, z.v))
    }
    fn sqrt(self) -> Self {
        self.with(|b| b.ins().sqrt(self.v))
    }
    fn abs(self) -> Self {
        self.with(|b| b.ins().fabs(self.v))
    }
    fn floor(self) -> Self {
        self.with(|b| b.ins().floor(self.v))
    }
    fn ceil(self) -> Self {
        self.with(|b| b.ins().ceil(self.v))
    }
    fn trunc(self) -> Self {
        self.with(|b| b.ins().trunc(self.v))
    }
    fn copysign(self, y: Self) -> Self {
        let sign = self.kbits(if self.is_double() { 1 << 63 } else { 1 << 31 });
        Self::from_bits(self.abs().bits() | (y.bits() & sign))
    }
    fn lt(self, y: Self) -> Self::Mask {
        self.compare(FloatCC::LessThan, y)
    }
    fn le(self, y: Self) -> Self::Mask {
        self.compare(FloatCC::LessThanOrEqual, y)
    }
    fn eq(self, y: Self) -> Self::Mask {
        self.compare(FloatCC::Equal, y)
    }
    fn select(m: Self::Mask, a: Self, b: Self) -> Self {
        a.with(|builder| {
            let mask = builder.ins().bitcast(a.emitter.lanes(), MemFlagsData::new(), m.v);
            builder.ins().bitselect(mask, a.v, b.v)
        })
    }
    fn call1(self, f: &'static Library1) -> Self {
        self.each([self], f.f64 as *const u8, f.f32 as *const u8)
    }
    fn call2(self, y: Self, f: &'static Library2) -> Self {
        self.each([self, y], f.f64 as *const u8, f.f32 as *const u8)
    }
    fn kernel1<K: Kernel1>(self, _: K) -> Self {
        K::run(self)
    }
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self {
        K::run(self, y)
    }
}

impl<'e, 'f> Lanes for Packed<'e, 'f> {
    type Bits = PackedBits<'e, 'f>;
    fn is_double(self) -> bool {
        self.emitter.width == Width::F64
    }
    fn kbits(self, v: u64) -> Self::Bits {
        PackedBits { emitter: self.emitter, v: self.constant(self.emitter.lanes().as_int(), v), single: self.single }
    }
    fn bits(self) -> Self::Bits {
        let lanes = self.emitter.lanes().as_int();
        let v = self.with(|b| b.ins().bitcast(lanes, MemFlagsData::new(), self.v)).v;
        PackedBits { emitter: self.emitter, v, single: self.single }
    }
    fn from_bits(bits: Self::Bits) -> Self {
        let emitter = bits.emitter;
        let v = emitter.builder.borrow_mut().ins().bitcast(emitter.lanes(), MemFlagsData::new(), bits.v);
        Packed { emitter, v, single: bits.single }
    }
    fn rare(self, m: Self::Mask, x: Self, f: &'static Library1) -> Self {
        let emitter = self.emitter;
        let (cold, join, joined) = {
            let builder = &mut *emitter.builder.borrow_mut();
            let (cold, join) = (builder.create_block(), builder.create_block());
            builder.set_cold_block(cold);
            let joined = builder.append_block_param(join, emitter.lanes());
            let any = builder.ins().vany_true(m.v);
            builder.ins().brif(any, cold, &[], join, &[BlockArg::from(self.v)]);
            builder.switch_to_block(cold);
            (cold, join, joined)
        };
        debug_assert_eq!(emitter.builder.borrow().current_block(), Some(cold));
        let chosen = Self::select(m, x.call1(f), self);
        let builder = &mut *emitter.builder.borrow_mut();
        builder.ins().jump(join, &[BlockArg::from(chosen.v)]);
        builder.switch_to_block(join);
        Packed { v: joined, ..self }
    }
}
