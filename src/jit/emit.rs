//! The emitter: a [`Machine`] whose numbers are values of Cranelift IR, so that kernels written once become native code.

use super::packed;
use crate::graph::Width;
use crate::kernels::{Kernel1, Kernel2, Library1, Library2, routine1, routine2};
use crate::op::Machine;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, Type, Value, condcodes::FloatCC, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use std::{
    cell::{Cell, RefCell},
    ops,
};

/// The function that is being emitted.
pub(super) struct Emitter<'f> {
    pub(super) builder: RefCell<FunctionBuilder<'f>>,
    pub(super) width: Width,
    pub(super) call_conv: CallConv,
    /// Whether kernels are emitted where they are used, or called.
    pub(super) inline: bool,
    /// How many routines have been called.
    pub(super) calls: Cell<usize>,
}

impl<'f> Emitter<'f> {
    pub(super) fn float(&self) -> Type {
        match self.width {
            Width::F32 => types::F32,
            Width::F64 => types::F64,
        }
    }

    /// The vector whose first lane a number is in.
    pub(super) fn lanes(&self) -> Type {
        match self.width {
            Width::F32 => types::F32X4,
            Width::F64 => types::F64X2,
        }
    }

    /// A known truth value.
    pub(super) fn flag(&self, holds: bool) -> Value {
        let lanes = self.lanes().as_int();
        let mut builder = self.builder.borrow_mut();
        let lane = builder.ins().iconst(lanes.lane_type(), if holds { -1 } else { 0 });
        builder.ins().splat(lanes, lane)
    }

    /// A truth value as bits of a number, to be stored.
    pub(super) fn mask_to_number(&self, mask: Value) -> Value {
        let mut builder = self.builder.borrow_mut();
        let v = builder.ins().bitcast(self.lanes(), MemFlagsData::new(), mask);
        builder.ins().extractlane(v, 0)
    }

    /// And back.
    pub(super) fn number_to_mask(&self, v: Value) -> Value {
        let mut builder = self.builder.borrow_mut();
        let v = builder.ins().splat(self.lanes(), v);
        builder.ins().bitcast(self.lanes().as_int(), MemFlagsData::new(), v)
    }

    pub(super) fn number(&self, v: Value) -> Emit<'_, 'f> {
        Emit { emitter: self, v }
    }

    pub(super) fn mask(&self, v: Value) -> EmitMask<'_, 'f> {
        EmitMask { emitter: self, v }
    }

    pub(super) fn constant(&self, v: f64) -> Value {
        match self.width {
            Width::F32 => self.builder.borrow_mut().ins().f32const(v as f32),
            Width::F64 => self.builder.borrow_mut().ins().f64const(v),
        }
    }

    pub(super) fn library(&self, f64: *const u8, f32: *const u8, args: &[Value]) -> Value {
        let address = match self.width {
            Width::F32 => f32,
            Width::F64 => f64,
        };
        self.calls.set(self.calls.get() + 1);
        let mut signature = Signature::new(self.call_conv);
        signature.params.extend(args.iter().map(|_| AbiParam::new(self.float())));
        signature.returns.push(AbiParam::new(self.float()));
        let mut builder = self.builder.borrow_mut();
        let signature = builder.import_signature(signature);
        let callee = builder.ins().iconst(types::I64, address as i64);
        let call = builder.ins().call_indirect(signature, callee, args);
        builder.inst_results(call)[0]
    }
}

/// A number in native code.
#[derive(Copy, Clone)]
pub(super) struct Emit<'e, 'f> {
    emitter: &'e Emitter<'f>,
    pub(super) v: Value,
}

/// A truth value in native code: all bits of the first lane of a vector, or none. A selection is then arithmetic on bits, where
/// one by a flag would be a branch, and a mispredicted one half of the time on data.
#[derive(Copy, Clone)]
pub(super) struct EmitMask<'e, 'f> {
    emitter: &'e Emitter<'f>,
    pub(super) v: Value,
}

impl<'e, 'f> Emit<'e, 'f> {
    fn with(self, f: impl FnOnce(&mut FunctionBuilder<'f>) -> Value) -> Self {
        Emit { v: f(&mut self.emitter.builder.borrow_mut()), ..self }
    }

    fn compare(self, condition: FloatCC, y: Self) -> EmitMask<'e, 'f> {
        let lanes = self.emitter.lanes();
        let mut builder = self.emitter.builder.borrow_mut();
        let x = builder.ins().splat(lanes, self.v);
        let y = builder.ins().splat(lanes, y.v);
        self.emitter.mask(builder.ins().fcmp(condition, x, y))
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
instructions! { Emit: Add add fadd; Sub sub fsub; Mul mul fmul; Div div fdiv; }
instructions! { EmitMask: BitAnd bitand band; BitOr bitor bor; }

impl ops::Neg for Emit<'_, '_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.with(|b| b.ins().fneg(self.v))
    }
}

impl ops::Not for EmitMask<'_, '_> {
    type Output = Self;
    fn not(self) -> Self {
        let mut builder = self.emitter.builder.borrow_mut();
        let v = builder.ins().bnot(self.v);
        EmitMask { v, ..self }
    }
}

impl<'e, 'f> Machine for Emit<'e, 'f> {
    type Mask = EmitMask<'e, 'f>;
    fn k(self, v: f64) -> Self {
        Emit { v: self.emitter.constant(v), ..self }
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
        self.with(|b| b.ins().fcopysign(self.v, y.v))
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
        let lanes = a.emitter.lanes();
        a.with(|builder| {
            let mask = builder.ins().bitcast(lanes, MemFlagsData::new(), m.v);
            let a = builder.ins().splat(lanes, a.v);
            let b = builder.ins().splat(lanes, b.v);
            let chosen = builder.ins().bitselect(mask, a, b);
            builder.ins().extractlane(chosen, 0)
        })
    }
    fn call1(self, f: &'static Library1) -> Self {
        Emit { v: self.emitter.library(f.f64 as *const u8, f.f32 as *const u8, &[self.v]), ..self }
    }
    fn call2(self, y: Self, f: &'static Library2) -> Self {
        Emit { v: self.emitter.library(f.f64 as *const u8, f.f32 as *const u8, &[self.v, y.v]), ..self }
    }
    fn kernel1<K: Kernel1>(self, _: K) -> Self {
        let v = match self.emitter.inline {
            true => packed::inlined(self.emitter, [self.v], |[x]| K::run(x)),
            false => self.emitter.library(routine1::<K, f64>(), routine1::<K, f32>(), &[self.v]),
        };
        Emit { v, ..self }
    }
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self {
        let v = match self.emitter.inline {
            true => packed::inlined(self.emitter, [self.v, y.v], |[x, y]| K::run(x, y)),
            false => self.emitter.library(routine2::<K, f64>(), routine2::<K, f32>(), &[self.v, y.v]),
        };
        Emit { v, ..self }
    }
}
