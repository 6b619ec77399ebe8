//! The emitter: a [`Machine`] whose numbers are values of Cranelift IR, so that kernels written once become native code. Every
//! instruction works on the type of its value: a number alone, or the lanes of a vector.

use crate::base::Machine;
use crate::base::Width;
use crate::base::{Kernel1, Kernel2, Library1, Library2};
use crate::kernels::{EXP, Routine};
use cranelift_codegen::ir::{
    AbiParam, ConstantData, Endianness, ExtFuncData, ExternalName, FuncRef, InstBuilder, InstructionData, MemFlagsData, Opcode,
    Signature, StackSlotData, StackSlotKind, Type, UserExternalName, Value, ValueDef, condcodes::FloatCC, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use rustc_hash::FxHashMap;
use std::{
    cell::{Cell, RefCell},
    ops,
};

/// The function that is being emitted.
pub(super) struct Emitter<'f> {
    pub(super) builder: RefCell<FunctionBuilder<'f>>,
    pub(super) width: Width,
    pub(super) call_conv: CallConv,
    /// Whether single numbers are given to the platform's routines rather than to our kernels'.
    pub(super) plain: Cell<bool>,
    /// How many routines have been called.
    pub(super) calls: Cell<usize>,
    /// Whether every number is a vector that has it in all lanes: so a selection, which works on the bits of lanes, needs no move. A routine is
    /// called once, for the first.
    pub(super) repeats: bool,
    /// What kernels share, by its name and the number that it is made of, in the body of the loop at hand.
    pub(super) shared: RefCell<FxHashMap<(&'static str, Value), Vec<Value>>>,
    /// Those that this function knows.
    pub(super) routines: RefCell<Vec<(&'static str, FuncRef)>>,
}

impl<'f> Emitter<'f> {
    pub(super) fn float(&self) -> Type {
        match self.width {
            Width::F32 => types::F32,
            Width::F64 => types::F64,
        }
    }

    /// A vector of numbers.
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
        let v = self.as_type(self.lanes(), mask);
        self.builder.borrow_mut().ins().extractlane(v, 0)
    }

    /// And back.
    pub(super) fn number_to_mask(&self, v: Value) -> Value {
        self.as_type(self.lanes().as_int(), self.spread(v))
    }

    /// A vector with a number in every lane.
    pub(super) fn spread(&self, v: Value) -> Value {
        self.builder.borrow_mut().ins().splat(self.lanes(), v)
    }

    /// The number in the first lane of a vector.
    pub(super) fn first(&self, v: Value) -> Value {
        self.builder.borrow_mut().ins().extractlane(v, 0)
    }

    /// The same bits as another vector type.
    pub(super) fn as_type(&self, ty: Type, v: Value) -> Value {
        self.builder.borrow_mut().ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), v)
    }

    /// The lanes of a vector.
    pub(super) fn split(&self, v: Value) -> impl Iterator<Item = Value> {
        (0..self.lanes().lane_count() as u8).map(move |lane| self.builder.borrow_mut().ins().extractlane(v, lane))
    }

    /// Lanes as a vector.
    pub(super) fn join(&self, lanes: &[Value]) -> Value {
        let mut builder = self.builder.borrow_mut();
        let start = builder.ins().scalar_to_vector(self.lanes(), lanes[0]);
        lanes.iter().zip(0u8..).skip(1).fold(start, |v, (&lane, at)| builder.ins().insertlane(v, lane, at))
    }

    /// Whether a value is a vector.
    pub(super) fn is_vector(&self, v: Value) -> bool {
        self.builder.borrow().func.dfg.value_type(v).is_vector()
    }

    /// The constant that a number is, if it is one.
    fn known(&self, v: Value) -> Option<f64> {
        let builder = self.builder.borrow();
        let dfg = &builder.func.dfg;
        let ValueDef::Result(inst, _) = dfg.value_def(v) else { return None };
        match dfg.insts[inst] {
            InstructionData::UnaryIeee32 { imm, .. } => Some(f32::from_bits(imm.bits()) as f64),
            InstructionData::UnaryIeee64 { imm, .. } => Some(f64::from_bits(imm.bits())),
            _ => None,
        }
    }

    /// Whether a value is the constant 0, and not −0.
    fn is_zero(&self, v: Value) -> bool {
        if let Some(number) = self.known(v) {
            return number.to_bits() == 0;
        }
        let builder = self.builder.borrow();
        let dfg = &builder.func.dfg;
        let ValueDef::Result(inst, _) = dfg.value_def(v) else { return false };
        match dfg.insts[inst] {
            InstructionData::UnaryConst { constant_handle, opcode: Opcode::Vconst } => {
                dfg.constants.get(constant_handle).as_slice().iter().all(|&byte| byte == 0)
            }
            _ => false,
        }
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

    /// A constant in every lane.
    pub(super) fn constants(&self, v: f64) -> Value {
        self.repeated(self.lanes(), if self.width == Width::F64 { v.to_bits() } else { (v as f32).to_bits() as u64 })
    }

    /// The lower bits of a constant in every lane.
    pub(super) fn repeated(&self, ty: Type, bits: u64) -> Value {
        let lane = &bits.to_le_bytes()[..ty.lane_bits() as usize / 8];
        let mut builder = self.builder.borrow_mut();
        let data = builder.func.dfg.constants.insert(ConstantData::from(lane.repeat(ty.lane_count() as usize)));
        builder.ins().vconst(ty, data)
    }

    /// A call of a scalar routine, lane by lane for vectors.
    fn library(&self, name: &'static str, args: &[Value]) -> Value {
        if self.repeats && self.is_vector(args[0]) {
            let args: Vec<Value> = args.iter().map(|&arg| self.first(arg)).collect();
            return self.spread(self.library(name, &args));
        }
        if self.is_vector(args[0]) {
            let args: Vec<Vec<Value>> = args.iter().map(|&arg| self.split(arg).collect()).collect();
            let call = |lane: usize| self.library(name, &args.iter().map(|arg| arg[lane]).collect::<Vec<_>>());
            return self.join(&(0..args[0].len()).map(call).collect::<Vec<_>>());
        }
        self.calls.set(self.calls.get() + 1);
        let routine = self.imported(name, &vec![self.float(); args.len()], Some(self.float()));
        let mut builder = self.builder.borrow_mut();
        let call = builder.ins().call(routine, args);
        builder.inst_results(call)[0]
    }

    /// A call of a routine that gives two numbers of one.
    pub(super) fn both(&self, name: &'static str, x: Value) -> [Value; 2] {
        self.calls.set(self.calls.get() + 1);
        let (x, float) = (self.first(x), self.float());
        let routine = self.imported(name, &[float, types::I64], Some(float));
        let [first, second] = {
            let mut builder = self.builder.borrow_mut();
            let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
            let place = builder.ins().stack_addr(types::I64, slot, 0);
            let call = builder.ins().call(routine, &[x, place]);
            [builder.inst_results(call)[0], builder.ins().stack_load(types::I64, float, slot, 0)]
        };
        [first, second].map(|v| self.spread(v))
    }

    /// A call of a routine over slices: where its numbers are, where results go, how many.
    pub(super) fn over_slices(&self, name: &'static str, places: &[Value], n: usize) {
        self.calls.set(self.calls.get() + 1);
        let routine = self.imported(name, &vec![types::I64; places.len() + 1], None);
        let mut builder = self.builder.borrow_mut();
        let n = builder.ins().iconst(types::I64, n as i64);
        builder.ins().call(routine, &[places, &[n]].concat());
    }

    /// Makes room for so many bytes more of records, from an address on; see [`records`](crate::kernels).
    pub(super) fn grow_records(&self, tape: Value, at: Value, more: Value) {
        self.preserving("GrowRecords", &[tape, at, more]);
    }

    pub(super) fn give_records_back(&self, tape: Value) {
        self.preserving("GiveBackRecords", &[tape]);
    }

    /// Notes that a loop was stopped after so many turns.
    pub(super) fn stop_loop(&self, turns: Value, number: Value) {
        self.preserving("StopLoop", &[turns, number]);
    }

    /// A call of a routine that leaves registers as they are, where there are such.
    fn preserving(&self, name: &'static str, args: &[Value]) {
        let convention = if cfg!(target_arch = "x86_64") { CallConv::PreserveAll } else { self.call_conv };
        let routine = self.imported_as(convention, name, &vec![types::I64; args.len()], None);
        self.builder.borrow_mut().ins().call(routine, args);
    }

    /// A routine in this function: by its number, as its address is only known where the code will run.
    fn imported(&self, name: &'static str, params: &[Type], result: Option<Type>) -> FuncRef {
        self.imported_as(self.call_conv, name, params, result)
    }

    fn imported_as(&self, convention: CallConv, name: &'static str, params: &[Type], result: Option<Type>) -> FuncRef {
        let mut routines = self.routines.borrow_mut();
        if let Some((_, routine)) = routines.iter().find(|(known, _)| *known == name) {
            return *routine;
        }
        let mut signature = Signature::new(convention);
        signature.params.extend(params.iter().copied().map(AbiParam::new));
        signature.returns.extend(result.map(AbiParam::new));
        let number = Routine::new(name, self.width).expect("libraries and kernels are routines").number();
        let mut builder = self.builder.borrow_mut();
        let signature = builder.import_signature(signature);
        let name_ref = builder.func.declare_imported_user_function(UserExternalName::new(0, number));
        let name_ref = ExternalName::user(name_ref);
        let routine = builder.import_function(ExtFuncData { name: name_ref, signature, colocated: false, patchable: false });
        routines.push((name, routine));
        routine
    }
}

/// A number in native code.
#[derive(Copy, Clone)]
pub(super) struct Emit<'e, 'f> {
    pub(super) emitter: &'e Emitter<'f>,
    pub(super) v: Value,
}

/// A truth value in native code: all bits of a lane, or none; for a number alone every lane has the same. A
/// selection is then arithmetic on bits, where one by a flag would be a branch, and a mispredicted one half of the time on data.
#[derive(Copy, Clone)]
pub(super) struct EmitMask<'e, 'f> {
    emitter: &'e Emitter<'f>,
    pub(super) v: Value,
}

impl<'e, 'f> Emit<'e, 'f> {
    pub(super) fn with(self, f: impl FnOnce(&mut FunctionBuilder<'f>) -> Value) -> Self {
        Emit { v: f(&mut self.emitter.builder.borrow_mut()), ..self }
    }

    /// The value as a vector: a number alone is in every lane.
    fn vector(self) -> Value {
        if self.emitter.is_vector(self.v) { self.v } else { self.emitter.spread(self.v) }
    }

    fn compare(self, condition: FloatCC, y: Self) -> EmitMask<'e, 'f> {
        let [x, y] = [self, y].map(Self::vector);
        self.emitter.mask(self.emitter.builder.borrow_mut().ins().fcmp(condition, x, y))
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
        let vector = self.emitter.is_vector(self.v);
        Emit { v: if vector { self.emitter.constants(v) } else { self.emitter.constant(v) }, ..self }
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
        if !self.emitter.is_vector(self.v) {
            return self.with(|b| b.ins().fcopysign(self.v, y.v));
        }
        // Cranelift has it for single numbers only.
        let sign = self.k(-0.0);
        self.with(|b| b.ins().bitselect(sign.v, y.v, self.v))
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
        let (emitter, whole) = (a.emitter, a.emitter.is_vector(a.v));
        let chosen = match (emitter.is_zero(a.v), emitter.is_zero(b.v)) {
            (false, false) => {
                let (mask, x, y) = (emitter.as_type(emitter.lanes(), m.v), a.vector(), b.vector());
                emitter.builder.borrow_mut().ins().bitselect(mask, x, y)
            }
            // A choice is three instructions in one; beside a zero one will do.
            (zero_first, _) => {
                let other = if zero_first { b } else { a };
                let bits = emitter.as_type(emitter.lanes().as_int(), other.vector());
                let mut builder = emitter.builder.borrow_mut();
                let ins = builder.ins();
                let kept = if zero_first { ins.band_not(bits, m.v) } else { ins.band(m.v, bits) };
                drop(builder);
                emitter.as_type(emitter.lanes(), kept)
            }
        };
        a.with(|builder| if whole { chosen } else { builder.ins().extractlane(chosen, 0) })
    }
    fn call1(self, f: &'static Library1) -> Self {
        Emit { v: self.emitter.library(f.name, &[self.v]), ..self }
    }
    fn call2(self, y: Self, f: &'static Library2) -> Self {
        Emit { v: self.emitter.library(f.name, &[self.v, y.v]), ..self }
    }
    fn library_exp(self) -> Self {
        self.call1(&EXP)
    }
    /// In lanes it is emitted where it is used; a number alone, also one that is in every lane, is given to a routine, of the same arithmetic where it
    /// is a loop's.
    fn kernel1<K: Kernel1>(self, _: K) -> Self {
        if self.emitter.is_vector(self.v) && !self.emitter.repeats {
            return K::run(self);
        }
        if self.emitter.plain.get() {
            return self.call1(K::STD);
        }
        Emit { v: self.emitter.library(K::NAME, &[self.v]), ..self }
    }
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self {
        if self.emitter.is_vector(self.v) && !self.emitter.repeats {
            return K::run(self, y);
        }
        if self.emitter.plain.get() {
            return self.call2(y, K::STD);
        }
        Emit { v: self.emitter.library(K::NAME, &[self.v, y.v]), ..self }
    }
}
