//! From a program's steps to Cranelift IR: the steps. Where their values are in memory is in `places`, the loop over
//! rows in `rows`; `packs` is straight-line code, which may compute some steps together.

mod asked;
mod early;
mod flow;
mod packed;
mod packs;
mod places;
mod rows;
mod sweeps;
mod turned;

use super::emit::{Emit, EmitMask, Emitter};
use crate::op::{DType, Op, Value as Any};
use crate::schedule::{Layout, NONE, Program, RowCall, Segments, StepKind, elements};
use cranelift_codegen::ir::{InstBuilder, Value};
pub(super) use flow::flow;
use packed::Packs;
pub(super) use packed::companions;
pub(super) use packs::straight;
use places::flags;
use rustc_hash::FxHashMap;
use std::ops::Range;
/// As many instructions, about, a copy is ahead of the next: few enough that the processor sees both and runs one where the other waits, and
/// enough that what a copy computes is used while it is in registers.
const STRETCH: usize = 48;
/// A value that is in memory anyway, in one piece (an input, or one that crosses segments), is read from there again when its register was
/// filled this many steps ago, or before the last call: kept for longer, it would be spilled, which is a store more.
const REACH: usize = 16;

/// Where inputs are read and outputs written.
#[derive(Copy, Clone)]
enum Frame<'p> {
    /// All inputs at one address, all outputs at another.
    Flat { x: Value, y: Value },
    /// An address per input and output.
    Apart { inputs: Value, outputs: Value, places: &'p Apart },
    /// An address per input and output, at a row.
    Rows { inputs: Value, outputs: Value, row: Value, call: &'p RowCall },
}

/// Per input slot and per output number: its group, and its index there.
pub(super) struct Apart {
    slots: Vec<(u32, u32)>,
    places: Vec<(u32, u32)>,
}

impl Apart {
    pub(super) fn new(layout: &Layout) -> Apart {
        Apart { slots: elements(&layout.inputs), places: elements(&layout.outputs) }
    }
}

/// Emits one native function.
///
/// A step's value is an element, or a vector with an element for each of some rows. A loop may have its body in several copies, each
/// for rows of its own, that go side by side from step to step.
pub(super) struct Lowering<'e, 'f, 'p> {
    emitter: &'e Emitter<'f>,
    program: &'p Program,
    segments: &'p Segments,
    range: Range<usize>,
    scratch: Value,
    frame: Frame<'p>,
    /// How many rows a value has.
    lanes: usize,
    /// The values of each copy.
    copies: Vec<Copy>,
    /// The copy at hand.
    copy: usize,
    /// What is made once per function, or before a loop: constants, shared inputs, what no row changes in every lane of a vector.
    kept: FxHashMap<u32, Value>,
    /// For the steps in range, the last step in range that reads them.
    last: Vec<usize>,
    /// The step at hand.
    now: usize,
    /// The last step that called a routine.
    called: usize,
    /// Addresses of input and output groups that this function has loaded, and at a row.
    starts: FxHashMap<(bool, u32), Value>,
    bases: FxHashMap<(bool, u32), Value>,
    /// Output numbers by the step that gives them.
    results: &'p FxHashMap<u32, Vec<u32>>,
    sums: rows::Sums,
    packs: Packs,
    /// Of a loop over rows: the steps of the inputs.
    input_steps: FxHashMap<u32, u32>,
    /// Of a loop over rows: the outputs that are stored together with their neighbours. The last one has the first one's number.
    squares: FxHashMap<u32, Option<u32>>,
}

/// The values of one copy of the steps.
#[derive(Default)]
struct Copy {
    /// Results of the steps in range.
    local: Vec<Option<Value>>,
    /// Values from elsewhere that have been loaded, with the step before which they were.
    loaded: FxHashMap<u32, (Value, usize)>,
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
        segments: &'p Segments,
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
            copies: vec![Copy { local: vec![None; range.len()], ..Copy::default() }],
            copy: 0,
            lanes: 1,
            last,
            emitter,
            program,
            segments,
            range,
            scratch,
            frame,
            kept: FxHashMap::default(),
            now: 0,
            called: 0,
            starts: FxHashMap::default(),
            bases: FxHashMap::default(),
            results,
            sums: rows::Sums::default(),
            packs: Packs::default(),
            input_steps: FxHashMap::default(),
            squares: FxHashMap::default(),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut cranelift_frontend::FunctionBuilder<'f>) -> R) -> R {
        f(&mut self.emitter.builder.borrow_mut())
    }

    /// Computes steps and stores the outputs among them at once, so that they need not be kept. Copies take turns, stretch by stretch.
    fn steps(&mut self, range: Range<usize>) {
        let mut left = range;
        while !left.is_empty() {
            let mut stretch = left.clone();
            for copy in 0..self.copies.len() {
                self.copy = copy;
                let start = self.instructions();
                for k in stretch.clone() {
                    self.compute(k);
                    self.store_step(k as u32);
                    // Where the first copy stops, all do.
                    if copy == 0 && self.instructions() - start >= STRETCH {
                        stretch.end = k + 1;
                        break;
                    }
                }
            }
            left.start = stretch.end;
        }
    }

    /// How many instructions there are so far.
    fn instructions(&self) -> usize {
        self.emitter.builder.borrow().func.dfg.num_insts()
    }

    fn compute(&mut self, k: usize) {
        let StepKind::Apply(op) = self.program.steps[k].kind else { return };
        if !self.packs.has(k, self.vector_lanes()) && self.copies[self.copy].local[k - self.range.start].is_none() {
            self.compute_alone(k, op);
        }
    }

    fn compute_alone(&mut self, k: usize, op: Op) {
        let step = self.program.steps[k];
        self.now = k;
        let mut operands = step.args;
        let is_constant = |step: u32| matches!(self.program.steps[step as usize].kind, StepKind::Const(_));
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
        self.emitter.plain.set(step.plain);
        let v = bare(op.value::<Emit>(&args));
        if self.emitter.calls.get() != calls {
            self.called = k;
        }
        self.keep(k, v);
    }

    /// Notes a step's value, and stores it where other segments read it.
    fn keep(&mut self, k: usize, v: Value) {
        self.copies[self.copy].local[k - self.range.start] = Some(v);
        if let Some(offset) = self.slot(k as u32) {
            let number = match self.program.steps[k].dtype() {
                DType::Mask => self.emitter.mask_to_number(v),
                DType::Float | DType::Index => v,
            };
            self.with(|b| b.ins().store(flags(), number, self.scratch, offset));
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
            match self.frame {
                _ if self.packs.stored.contains(&k) => {}
                Frame::Rows { call, .. } if call.is_reduced(call.places[k as usize].0 as usize) => self.add_to_sum(k, step),
                _ => {
                    let v = bare(self.value(step));
                    self.store_output(k, v);
                }
            }
        }
    }

    /// A step's value, wherever it is.
    fn value(&mut self, step: u32) -> Any<Emit<'e, 'f>, EmitMask<'e, 'f>> {
        let k = step as usize;
        let v = match self.program.steps[k].kind {
            // One value per function: where an instruction cannot read it from memory, it is made in a register once.
            StepKind::Const(bits) if self.lanes == 1 => {
                let make = || self.emitter.constant(f64::from_bits(bits));
                *self.kept.entry(step).or_insert_with(make)
            }
            StepKind::Const(bits) => self.kept_or_loaded(step, |this| this.emitter.constants(f64::from_bits(bits))),
            StepKind::Flag(b) => self.emitter.flag(b),
            StepKind::Input(slot) => self.kept_or_loaded(step, |this| this.load_input(step, slot)),
            StepKind::Apply(_) if self.lanes > 1 && k < self.program.invariant => self.spread(step),
            StepKind::Apply(_) => {
                let local = if self.range.contains(&k) { self.local(k) } else { None };
                let near = local.filter(|_| self.is_near(k) || self.slot(step).is_none());
                match near.or_else(|| self.recently_loaded(step)) {
                    Some(v) => v,
                    None => {
                        let v = self.load_computed(step);
                        self.copies[self.copy].loaded.insert(step, (v, self.now));
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

    /// The value of a step in range, if a register may have it.
    fn local(&mut self, k: usize) -> Option<Value> {
        let at = k - self.range.start;
        let copy = self.copy;
        if self.copies[copy].local[at].is_none()
            && let Some((v, lane)) = self.packs.lane(k, self.vector_lanes())
        {
            self.copies[copy].local[at] = Some(self.with(|b| b.ins().extractlane(v, lane)));
        }
        self.copies[copy].local[at]
    }

    /// The value of a step that is in no register.
    pub(super) fn load_computed(&mut self, step: u32) -> Value {
        match self.packs.slices.get(&step) {
            Some(&(base, offset)) => self.load(self.emitter.float(), base, offset),
            None => self.load_scratch(step),
        }
    }

    fn vector_lanes(&self) -> usize {
        self.emitter.lanes().lane_count() as usize
    }

    fn kept_or_loaded(&mut self, step: u32, load: impl FnOnce(&mut Self) -> Value) -> Value {
        match self.kept.get(&step).copied().or_else(|| self.recently_loaded(step)) {
            Some(v) => v,
            None => {
                let v = load(self);
                self.copies[self.copy].loaded.insert(step, (v, self.now));
                v
            }
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
        let known = self.copies[self.copy].loaded.get(&step);
        // To gather again takes longer than to spill.
        known.filter(|(_, at)| self.is_near(*at) || self.is_gathered(step)).map(|&(v, _)| v)
    }

    fn slot(&self, step: u32) -> Option<i32> {
        self.segments.slots.get(step as usize).filter(|&&slot| slot != NONE).map(|&slot| slot as i32)
    }
}

/// A value without its type.
fn bare(v: Any<Emit, EmitMask>) -> Value {
    let (Any::Num(Emit { v, .. }) | Any::Mask(EmitMask { v, .. })) = v;
    v
}
