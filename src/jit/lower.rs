//! From a program's steps to Cranelift IR.

use super::emit::{Emit, EmitMask, Emitter};
use super::segment::{NONE, Plan, Segment};
use crate::graph::Kind;
use crate::op::{DType, Op, Value as Any};
use crate::schedule::{Program, Reduce, RowCall};
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Type, Value, condcodes::IntCC, types};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Up to this many sums over rows are carried in registers; more are added up in memory.
const CARRIED: usize = 12;
/// Up to this many shared inputs are loaded before the loop over rows; more are loaded where they are used.
const HOISTED: usize = 8;
/// A value that is in memory anyway (an input, or one that crosses segments) is read from there again when its register was
/// filled this many steps ago, or before the last call: kept for longer, it would be spilled, which is a store more.
const REACH: usize = 16;

/// Where inputs are read and outputs written.
#[derive(Copy, Clone)]
enum Frame<'p> {
    /// All inputs at one address, all outputs at another.
    Flat { x: Value, y: Value },
    /// An address per input and output, at a row.
    Rows { inputs: Value, outputs: Value, row: Value, call: &'p RowCall },
}

/// Emits one native function.
pub(super) struct Lowering<'e, 'f, 'p> {
    emitter: &'e Emitter<'f>,
    program: &'p Program,
    plan: &'p Plan,
    range: Range<usize>,
    scratch: Value,
    frame: Frame<'p>,
    /// Results of the steps in range.
    local: Vec<Option<Value>>,
    /// Values from elsewhere that this function has loaded, with the step before which it did.
    loaded: FxHashMap<u32, (Value, usize)>,
    /// Constants that it has made, and shared inputs loaded before a loop.
    kept: FxHashMap<u32, Value>,
    /// For the steps in range, the last step in range that reads them.
    last: Vec<usize>,
    /// The step at hand.
    now: usize,
    /// The last step that called a routine.
    called: usize,
    /// Addresses of input and output groups that this function has computed.
    bases: FxHashMap<(bool, u32), Value>,
    /// Output numbers by the step that gives them.
    results: &'p FxHashMap<u32, Vec<u32>>,
    /// Sums that are carried in registers, by output number.
    carried: FxHashMap<u32, Value>,
}

/// Output numbers by the step that gives them.
pub(super) fn results(program: &Program) -> FxHashMap<u32, Vec<u32>> {
    let mut results: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (k, &step) in program.outputs.iter().enumerate() {
        results.entry(step).or_default().push(k as u32);
    }
    results
}

impl<'e, 'f, 'p> Lowering<'e, 'f, 'p> {
    fn new(
        emitter: &'e Emitter<'f>,
        program: &'p Program,
        plan: &'p Plan,
        range: Range<usize>,
        results: &'p FxHashMap<u32, Vec<u32>>,
        scratch: Value,
        frame: Frame<'p>,
    ) -> Self {
        let mut last = vec![0; range.len()];
        for k in range.clone() {
            for &operand in program.steps[k].operands() {
                if let Some(last) = (operand as usize).checked_sub(range.start).and_then(|at| last.get_mut(at)) {
                    *last = k;
                }
            }
        }
        Lowering {
            local: vec![None; range.len()],
            last,
            emitter,
            program,
            plan,
            range,
            scratch,
            frame,
            loaded: FxHashMap::default(),
            kept: FxHashMap::default(),
            now: 0,
            called: 0,
            bases: FxHashMap::default(),
            results,
            carried: FxHashMap::default(),
        }
    }

    /// `fn(x, y, scratch)`: one segment of a program that is called once.
    pub(super) fn flat(
        emitter: &'e Emitter<'f>,
        program: &'p Program,
        plan: &'p Plan,
        segment: &Segment,
        results: &'p FxHashMap<u32, Vec<u32>>,
        params: &[Value],
    ) {
        let frame = Frame::Flat { x: params[0], y: params[1] };
        let mut lowering = Lowering::new(emitter, program, plan, segment.steps.clone(), results, params[2], frame);
        lowering.steps(segment.steps.clone());
    }

    /// `fn(inputs, outputs, scratch, row, _)`: one segment of a program that does not fit in one function, at one row.
    pub(super) fn row_segment(
        emitter: &'e Emitter<'f>,
        program: &'p Program,
        plan: &'p Plan,
        segment: &Segment,
        call: &'p RowCall,
        results: &'p FxHashMap<u32, Vec<u32>>,
        params: &[Value],
    ) {
        let frame = Frame::Rows { inputs: params[0], outputs: params[1], row: params[3], call };
        let mut lowering = Lowering::new(emitter, program, plan, segment.steps.clone(), results, params[2], frame);
        lowering.compute(segment.steps.clone());
        if segment.per_row {
            lowering.store(segment.steps.clone());
        }
        // What is known before the rows is still an output of every row.
        let last = plan.segments.last().expect("a plan has a segment");
        if last.steps == segment.steps {
            lowering.store(0..program.invariant);
        }
    }

    /// `fn(inputs, outputs, scratch, from, to)`: the loop over rows around a program that fits in one function.
    pub(super) fn row_loop(
        emitter: &'e Emitter<'f>,
        program: &'p Program,
        plan: &'p Plan,
        call: &'p RowCall,
        results: &'p FxHashMap<u32, Vec<u32>>,
        params: &[Value],
    ) {
        let (from, to) = (params[3], params[4]);
        let frame = Frame::Rows { inputs: params[0], outputs: params[1], row: from, call };
        let mut lowering = Lowering::new(emitter, program, plan, 0..program.steps.len(), results, params[2], frame);

        // Before the loop: what no row changes.
        lowering.compute(0..program.invariant);
        lowering.hoist(call);
        let reduced: Vec<u32> = (0..call.places.len() as u32).filter(|&k| lowering.is_reduced(k)).collect();
        let reduced = if reduced.len() <= CARRIED { reduced } else { vec![] };
        let initial: Vec<Value> = reduced.iter().map(|&k| lowering.load_output(k)).collect();

        let (header, body, exit) = lowering.with(|b| (b.create_block(), b.create_block(), b.create_block()));
        let float = emitter.float();
        let row = lowering.with(|b| b.append_block_param(header, types::I64));
        let sums: Vec<Value> = reduced.iter().map(|_| lowering.with(|b| b.append_block_param(header, float))).collect();
        let arguments = |row: Value, sums: &[Value]| -> Vec<BlockArg> {
            std::iter::once(BlockArg::from(row)).chain(sums.iter().map(|&sum| BlockArg::from(sum))).collect()
        };
        lowering.with(|b| {
            b.ins().jump(header, &arguments(from, &initial));
            b.switch_to_block(header);
            let more = b.ins().icmp(IntCC::SignedLessThan, row, to);
            b.ins().brif(more, body, &[], exit, &[]);
            b.switch_to_block(body);
        });

        lowering.frame = Frame::Rows { inputs: params[0], outputs: params[1], row, call };
        lowering.carried = reduced.iter().copied().zip(sums.iter().copied()).collect();
        lowering.store(0..program.invariant);
        lowering.steps(program.invariant..program.steps.len());
        let next: Vec<Value> = reduced.iter().map(|k| lowering.carried[k]).collect();
        lowering.with(|b| {
            let row = b.ins().iadd_imm_s(row, 1);
            b.ins().jump(header, &arguments(row, &next));
            b.switch_to_block(exit);
        });
        lowering.bases.retain(|_, _| false);
        for (&k, &sum) in reduced.iter().zip(&sums) {
            let (base, offset) = lowering.output_place(k);
            lowering.with(|b| b.ins().store(flags(), sum, base, offset));
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut cranelift_frontend::FunctionBuilder<'f>) -> R) -> R {
        f(&mut self.emitter.builder.borrow_mut())
    }

    /// Computes steps and stores the outputs among them at once, so that they need not be kept.
    fn steps(&mut self, range: Range<usize>) {
        for k in range {
            self.compute(k..k + 1);
            self.store(k..k + 1);
        }
    }

    fn compute(&mut self, range: Range<usize>) {
        for k in range {
            let step = self.program.steps[k];
            let Kind::Apply(op) = step.kind else { continue };
            self.now = k;
            let mut operands = step.args;
            let is_constant = |step: u32| matches!(self.program.steps[step as usize].kind, Kind::Const(_));
            if op.is_commutative() && is_constant(operands[0]) {
                // As a second operand a constant is read from memory by the instruction itself.
                operands.swap(0, 1);
            } else if op == Op::MulAdd && self.lives(operands[0]) && !self.lives(operands[1]) {
                // The instruction overwrites its first operand: one that is needed again would be copied.
                operands.swap(0, 1);
            }
            let mut args = [Any::Num(self.emitter.number(self.scratch)); 3];
            for (arg, &operand) in args.iter_mut().zip(&operands[..op.arity()]) {
                *arg = self.value(operand);
            }
            let calls = self.emitter.calls.get();
            let (Any::Num(Emit { v, .. }) | Any::Mask(EmitMask { v, .. })) = op.value::<Emit>(&args);
            if self.emitter.calls.get() != calls {
                self.called = k;
            }
            self.local[k - self.range.start] = Some(v);
            if let Some(offset) = self.slot(k as u32) {
                let number = match step.dtype() {
                    DType::Mask => self.emitter.mask_to_number(v),
                    DType::Float | DType::Index => v,
                };
                self.with(|b| b.ins().store(flags(), number, self.scratch, offset));
            }
        }
    }

    /// Stores the outputs among the steps, or adds them to their sums.
    fn store(&mut self, range: Range<usize>) {
        let results = self.results;
        if results.len() < range.len() {
            let mut steps: Vec<u32> = results.keys().copied().filter(|&step| range.contains(&(step as usize))).collect();
            steps.sort_unstable();
            steps.into_iter().for_each(|step| self.store_step(step));
        } else {
            range.for_each(|k| self.store_step(k as u32));
        }
    }

    fn store_step(&mut self, step: u32) {
        let results = self.results;
        for &k in results.get(&step).map_or(&[][..], Vec::as_slice) {
            let (Any::Num(Emit { v, .. }) | Any::Mask(EmitMask { v, .. })) = self.value(step);
            if let Some(&sum) = self.carried.get(&k) {
                let sum = self.with(|b| b.ins().fadd(sum, v));
                self.carried.insert(k, sum);
                continue;
            }
            let total = if self.is_reduced(k) {
                let sum = self.load_output(k);
                self.with(|b| b.ins().fadd(sum, v))
            } else {
                v
            };
            let (base, offset) = self.output_place(k);
            self.with(|b| b.ins().store(flags(), total, base, offset));
        }
    }

    /// A step's value, wherever it is.
    fn value(&mut self, step: u32) -> Any<Emit<'e, 'f>, EmitMask<'e, 'f>> {
        let k = step as usize;
        let v = match self.program.steps[k].kind {
            // One value per function: where an instruction cannot read it from memory, it is made in a register once.
            Kind::Const(bits) => match self.kept.get(&step) {
                Some(&v) => v,
                None => {
                    let v = self.emitter.constant(f64::from_bits(bits));
                    self.kept.insert(step, v);
                    v
                }
            },
            Kind::Flag(b) => self.emitter.flag(b),
            Kind::Input(slot) => match self.kept.get(&step).copied().or_else(|| self.recently_loaded(step)) {
                Some(v) => v,
                None => {
                    let v = self.load_input(slot);
                    self.loaded.insert(step, (v, self.now));
                    v
                }
            },
            Kind::Array(_) | Kind::Control(_) => unreachable!("an array in a program of single numbers"),
            Kind::Apply(_) => {
                let local = if self.range.contains(&k) { self.local[k - self.range.start] } else { None };
                let near = local.filter(|_| self.is_near(k) || self.slot(step).is_none());
                match near.or_else(|| self.recently_loaded(step)) {
                    Some(v) => v,
                    None => {
                        let v = self.load_scratch(step);
                        self.loaded.insert(step, (v, self.now));
                        v
                    }
                }
            }
        };
        match self.program.steps[k].dtype() {
            DType::Float | DType::Index => Any::Num(self.emitter.number(v)),
            DType::Mask => Any::Mask(self.emitter.mask(v)),
        }
    }

    /// Whether a value that is computed here is needed after the step at hand.
    fn lives(&self, step: u32) -> bool {
        let k = step as usize;
        self.range.contains(&k) && self.last[k - self.range.start] > self.now
    }

    /// Whether a register that was filled at a step can be expected to hold its value still.
    fn is_near(&self, at: usize) -> bool {
        at + REACH >= self.now && at >= self.called
    }

    fn recently_loaded(&self, step: u32) -> Option<Value> {
        self.loaded.get(&step).filter(|(_, at)| self.is_near(*at)).map(|&(v, _)| v)
    }

    fn slot(&self, step: u32) -> Option<i32> {
        self.plan.slots.get(step as usize).filter(|&&slot| slot != NONE).map(|&slot| slot as i32 * 8)
    }

    fn load_scratch(&self, step: u32) -> Value {
        let offset = self.slot(step).expect("a value that crosses segments has a slot");
        let v = self.load(self.emitter.float(), self.scratch, offset);
        match self.program.steps[step as usize].dtype() {
            DType::Float | DType::Index => v,
            DType::Mask => self.emitter.number_to_mask(v),
        }
    }

    fn load(&self, ty: Type, base: Value, offset: i32) -> Value {
        self.with(|b| b.ins().load(ty, flags(), base, offset))
    }

    fn load_input(&mut self, slot: u32) -> Value {
        let size = self.program.width.bytes() as i32;
        let (base, offset) = match self.frame {
            Frame::Flat { x, .. } => (x, slot as i32 * size),
            Frame::Rows { inputs, row, call, .. } => {
                let (group, k) = call.slots[slot as usize];
                let stride = call.shape.varying[group as usize].then(|| call.input_len(group as usize));
                (self.base(false, group, inputs, row, stride), k as i32 * size)
            }
        };
        self.load(self.emitter.float(), base, offset)
    }

    fn output_place(&mut self, output: u32) -> (Value, i32) {
        let size = self.program.width.bytes() as i32;
        match self.frame {
            Frame::Flat { y, .. } => (y, output as i32 * size),
            Frame::Rows { outputs, row, call, .. } => {
                let (group, k) = call.places[output as usize];
                let each = call.shape.reduce[group as usize] == Reduce::Each;
                let stride = each.then(|| call.output_len(group as usize));
                (self.base(true, group, outputs, row, stride), k as i32 * size)
            }
        }
    }

    /// The address of an input or output group, at the row if it has rows.
    fn base(&mut self, output: bool, group: u32, table: Value, row: Value, stride: Option<usize>) -> Value {
        if let Some(&base) = self.bases.get(&(output, group)) {
            return base;
        }
        let start = self.load(types::I64, table, group as i32 * 8);
        let base = match stride {
            None => start,
            Some(len) => {
                let bytes = len * self.program.width.bytes();
                self.with(|b| {
                    // A shift goes into the address of a load or store.
                    let offset = if bytes.is_power_of_two() {
                        b.ins().ishl_imm_u(row, bytes.ilog2() as i64)
                    } else {
                        b.ins().imul_imm_s(row, bytes as i64)
                    };
                    b.ins().iadd(start, offset)
                })
            }
        };
        self.bases.insert((output, group), base);
        base
    }

    fn load_output(&mut self, output: u32) -> Value {
        let (base, offset) = self.output_place(output);
        self.load(self.emitter.float(), base, offset)
    }

    fn is_reduced(&self, output: u32) -> bool {
        match self.frame {
            Frame::Flat { .. } => false,
            Frame::Rows { call, .. } => call.shape.reduce[call.places[output as usize].0 as usize] != Reduce::Each,
        }
    }

    /// Loads shared inputs before the loop, if they are few.
    fn hoist(&mut self, call: &RowCall) {
        let shared = |step: &u32| match self.program.steps[*step as usize].kind {
            Kind::Input(slot) => !call.shape.varying[call.slots[slot as usize].0 as usize],
            _ => false,
        };
        let body = &self.program.steps[self.program.invariant..];
        let mut used: Vec<u32> = body.iter().flat_map(|step| step.operands()).copied().filter(shared).collect();
        used.sort_unstable();
        used.dedup();
        if used.len() <= HOISTED {
            for step in used {
                let (Any::Num(Emit { v, .. }) | Any::Mask(EmitMask { v, .. })) = self.value(step);
                self.kept.insert(step, v);
            }
        }
    }
}

fn flags() -> MemFlagsData {
    MemFlagsData::trusted()
}
