//! The bits of lanes in native code, which kernels work on. Vectors only.

use super::emit::{Emit, EmitMask, Emitter};
use crate::base::{Bits, Lanes, Library1, Library2, Machine, Width};
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use std::ops;

/// The bits of numbers.
#[derive(Copy, Clone)]
pub(super) struct EmitBits<'e, 'f> {
    emitter: &'e Emitter<'f>,
    v: Value,
}

macro_rules! instructions {
    ($($Trait:ident $method:ident $ins:ident;)*) => { $(
        impl ops::$Trait for EmitBits<'_, '_> {
            type Output = Self;
            fn $method(self, y: Self) -> Self {
                let v = self.emitter.builder.borrow_mut().ins().$ins(self.v, y.v);
                EmitBits { v, ..self }
            }
        }
    )* };
}
instructions! { Add add iadd; Sub sub isub; BitAnd bitand band; BitOr bitor bor; BitXor bitxor bxor; }

impl Bits for EmitBits<'_, '_> {
    fn shl(self, n: u32) -> Self {
        let mut builder = self.emitter.builder.borrow_mut();
        let n = builder.ins().iconst(types::I32, n as i64);
        EmitBits { v: builder.ins().ishl(self.v, n), ..self }
    }
    fn shr(self, n: u32) -> Self {
        let mut builder = self.emitter.builder.borrow_mut();
        let n = builder.ins().iconst(types::I32, n as i64);
        EmitBits { v: builder.ins().ushr(self.v, n), ..self }
    }
}

impl<'e, 'f> Lanes for Emit<'e, 'f> {
    type Bits = EmitBits<'e, 'f>;
    fn is_double(self) -> bool {
        self.emitter.width == Width::F64
    }
    fn kbits(self, v: u64) -> Self::Bits {
        EmitBits { emitter: self.emitter, v: self.emitter.repeated(self.emitter.lanes().as_int(), v) }
    }
    fn bits(self) -> Self::Bits {
        EmitBits { emitter: self.emitter, v: self.emitter.as_type(self.emitter.lanes().as_int(), self.v) }
    }
    fn from_bits(bits: Self::Bits) -> Self {
        Emit { emitter: bits.emitter, v: bits.emitter.as_type(bits.emitter.lanes(), bits.v) }
    }
    fn rare(self, m: EmitMask<'e, 'f>, x: Self, f: &'static Library1) -> Self {
        self.off_the_path(m, || x.call1(f))
    }
    fn rare_of_two(self, m: EmitMask<'e, 'f>, x: Self, f: &'static Library2) -> Self {
        self.off_the_path(m, || x.call2(self, f))
    }
    fn shared<const N: usize>(self, name: &'static str, make: impl FnOnce(Self) -> [Self; N]) -> [Self; N] {
        let key = (name, self.v);
        if let Some(values) = self.emitter.shared.borrow().get(&key) {
            return std::array::from_fn(|k| self.emitter.number(values[k]));
        }
        let made = make(self);
        self.emitter.shared.borrow_mut().insert(key, made.iter().map(|part| part.v).collect());
        made
    }
}

impl<'e, 'f> Emit<'e, 'f> {
    /// What calls give where a mask holds in any lane, in those lanes; the number itself in others.
    fn off_the_path(self, m: EmitMask<'e, 'f>, called: impl FnOnce() -> Self) -> Self {
        let (cold, join, joined) = {
            let builder = &mut *self.emitter.builder.borrow_mut();
            let (cold, join) = (builder.create_block(), builder.create_block());
            builder.set_cold_block(cold);
            let joined = builder.append_block_param(join, self.emitter.lanes());
            let any = builder.ins().vany_true(m.v);
            builder.ins().brif(any, cold, &[], join, &[BlockArg::from(self.v)]);
            (cold, join, joined)
        };
        let start = |block| self.emitter.builder.borrow_mut().switch_to_block(block);
        start(cold);
        let calls = self.emitter.calls.get();
        let chosen = Self::select(m, called(), self);
        // Off the path: registers keep their values.
        self.emitter.calls.set(calls);
        self.emitter.builder.borrow_mut().ins().jump(join, &[BlockArg::from(chosen.v)]);
        start(join);
        Emit { v: joined, ..self }
    }
}
