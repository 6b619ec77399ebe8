//! Steps that go together: in the lanes of a vector, or, where a kernel has many numbers, as a call of its routine over slices.
//!
//! A vector stays one: what uses its lanes side by side reads it as it is, and a number is taken out of it where one alone is used.

use super::{Any, Lowering, bare};
use crate::base::Width;
use crate::kernels::{block, slices_of};
use crate::op::Op;
use crate::schedule::StepKind;
use cranelift_codegen::ir::{ConstantData, InstBuilder, StackSlotData, StackSlotKind, Value, types};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// What is computed of steps that go together, of straight-line code.
#[derive(Default)]
pub(super) struct Packs {
    /// Vectors, by their first step.
    vectors: FxHashMap<u32, Value>,
    /// Results of routines over slices, which stay where they are on the stack: an address and an offset.
    slices: FxHashMap<u32, (Value, i32)>,
    /// Vectors that were loaded, and numbers in every lane, with the step before which they were made.
    loaded: FxHashMap<u32, (Value, usize)>,
    spread: FxHashMap<u32, (Value, usize)>,
    /// Output numbers that have been stored.
    pub(super) stored: FxHashSet<u32>,
}

type Steps = SmallVec<[u32; 4]>;

impl Lowering<'_, '_, '_> {
    /// Computes the equal operations that begin with a step.
    pub(super) fn compute_pack(&mut self, first: usize, op: Op) {
        let (count, lanes) = (self.program.steps[first].pack as usize, self.vector_lanes());
        self.now = first;
        if count > lanes {
            return self.compute_slices(first, count, op);
        }
        let mut args = [Any::Num(self.emitter.number(self.scratch)); 3];
        let mut operands: SmallVec<[Steps; 3]> = (0..op.arity()).map(|at| self.operands(first, at, 0, count)).collect();
        let is_known =
            |steps: &Steps| steps.iter().all(|&step| matches!(self.program.steps[step as usize].kind, StepKind::Const(_)));
        if op.is_commutative() && is_known(&operands[0]) {
            operands.swap(0, 1);
        }
        for (arg, steps) in args.iter_mut().zip(operands) {
            let v = self.vector(&steps);
            *arg = Any::Num(self.emitter.number(v));
        }
        let calls = self.emitter.calls.get();
        let found = bare(op.value(&args));
        if self.emitter.calls.get() != calls {
            self.called = first;
        }
        if count < lanes {
            let numbers: Vec<Value> = self.emitter.split(found).collect();
            return numbers.into_iter().take(count).enumerate().for_each(|(lane, v)| self.keep(first + lane, v));
        }
        self.packs.vectors.insert(first as u32, found);
        self.put_away(first as u32, found);
    }

    /// One operand of steps of a pack: as many as a vector has lanes, from one of them on; the last one again where there are no more.
    fn operands(&self, first: usize, at: usize, from: usize, count: usize) -> Steps {
        let step = |lane: usize| self.program.steps[first + (from + lane).min(count - 1)].args[at];
        (0..self.vector_lanes()).map(step).collect()
    }

    /// Operands are put together on the stack, and results read there.
    fn compute_slices(&mut self, first: usize, count: usize, op: Op) {
        let (size, lanes) = (self.size(), self.vector_lanes());
        let room = count.next_multiple_of(block(self.program.width));
        let stack = || {
            self.with(|b| {
                let slot =
                    b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, room as u32 * size as u32, 4));
                b.ins().stack_addr(types::I64, slot, 0)
            })
        };
        let (x, y) = (stack(), stack());
        for at in (0..room).step_by(lanes) {
            let v = self.vector(&self.operands(first, 0, at, count));
            self.store_at(v, x, at as i32 * size);
        }
        self.emitter.over_slices(
            op.library().and_then(slices_of).expect("many go together where there is a routine"),
            x,
            y,
            room,
        );
        self.called = first;
        self.packs.slices.extend((0..count as i32).map(|k| (first as u32 + k as u32, (y, k * size))));
        for at in (first..first + count).step_by(lanes) {
            let is_read = |k: usize| self.slot(k as u32).is_some() || self.results.contains_key(&(k as u32));
            let chunk = at..(at + lanes).min(first + count);
            if !chunk.clone().any(is_read) {
                continue;
            }
            if chunk.len() == lanes {
                let v = self.vector(&chunk.map(|k| k as u32).collect::<Steps>());
                self.put_away(at as u32, v);
            } else {
                for k in chunk {
                    let v = self.load_computed(k as u32);
                    self.keep(k, v);
                }
            }
        }
    }

    fn vector_lanes(&self) -> usize {
        self.emitter.lanes().lane_count() as usize
    }

    /// Whether a step has been computed with others.
    pub(super) fn is_packed(&self, k: usize) -> bool {
        self.packs.slices.contains_key(&(k as u32)) || self.lane(k).is_some()
    }

    /// The vector that a step is a lane of.
    fn lane(&self, k: usize) -> Option<(Value, u8)> {
        if self.packs.vectors.is_empty() {
            return None;
        }
        (0..self.vector_lanes().min(k + 1)).find_map(|lane| Some((*self.packs.vectors.get(&((k - lane) as u32))?, lane as u8)))
    }

    /// The value of a step in range, if a register may have it.
    pub(super) fn local(&mut self, k: usize) -> Option<Value> {
        let at = k - self.range.start;
        let copy = self.copy;
        if self.copies[copy].local[at].is_none()
            && let Some((v, lane)) = self.lane(k)
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

    /// Stores a vector where other segments read it, and in outputs that lie side by side.
    fn put_away(&mut self, first: u32, v: Value) {
        if let Some(offset) = self.slot(first) {
            self.store_at(v, self.scratch, offset);
        }
        let (results, size, lanes) = (self.results, self.size(), self.vector_lanes() as u32);
        for &k in results.get(&first).map_or(&[][..], Vec::as_slice) {
            let (base, offset, _) = self.output_place(k);
            let follows = |lane: u32| results.get(&(first + lane)).is_some_and(|all| all.contains(&(k + lane)));
            if !(1..lanes).all(follows) {
                continue;
            }
            let beside = |lane: u32, place: (Value, i32, _)| (place.0, place.1) == (base, offset + lane as i32 * size);
            if (1..lanes).all(|lane| beside(lane, self.output_place(k + lane))) {
                self.store_at(v, base, offset);
                self.packs.stored.extend(k..k + lanes);
            }
        }
    }

    /// Some steps' values as a vector.
    fn vector(&mut self, steps: &[u32]) -> Value {
        let first = steps[0];
        if steps.iter().all(|&step| step == first) {
            return self.everywhere(first);
        }
        let known = |&step: &u32| match self.program.steps[step as usize].kind {
            StepKind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        };
        if let Some(numbers) = steps.iter().map(known).collect::<Option<SmallVec<[f64; 4]>>>() {
            return self.constants(&numbers);
        }
        let follows = steps.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let made = self.packs.vectors.get(&first).copied().filter(|_| follows);
        if let Some(v) = made.filter(|_| self.is_near(first as usize) || self.slot(first).is_none()) {
            return v;
        }
        if let Some((base, offset)) = self.neighbours(steps) {
            return match self.packs.loaded.get(&first) {
                Some(&(v, at)) if self.is_near(at) => v,
                _ => {
                    let v = self.load(self.emitter.lanes(), base, offset);
                    self.packs.loaded.insert(first, (v, self.now));
                    v
                }
            };
        }
        let numbers: SmallVec<[Value; 4]> = steps.iter().map(|&step| bare(self.value(step))).collect();
        self.emitter.join(&numbers)
    }

    /// A step's value in every lane.
    fn everywhere(&mut self, step: u32) -> Value {
        if let StepKind::Const(bits) = self.program.steps[step as usize].kind {
            return self.emitter.constants(f64::from_bits(bits));
        }
        match self.packs.spread.get(&step) {
            Some(&(v, at)) if self.is_near(at) => v,
            _ => {
                let number = bare(self.value(step));
                let v = self.emitter.spread(number);
                self.packs.spread.insert(step, (v, self.now));
                v
            }
        }
    }

    /// A constant in each lane.
    fn constants(&self, numbers: &[f64]) -> Value {
        let bytes: Vec<u8> = match self.program.width {
            Width::F64 => numbers.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Width::F32 => numbers.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        };
        self.with(|b| {
            let data = b.func.dfg.constants.insert(ConstantData::from(bytes));
            b.ins().vconst(self.emitter.lanes(), data)
        })
    }

    /// Where some steps' values lie one after the other in memory.
    fn neighbours(&mut self, steps: &[u32]) -> Option<(Value, i32)> {
        let (base, offset) = self.memory(steps[0])?;
        let size = self.size();
        let beside = |this: &mut Self, lane: usize| this.memory(steps[lane]) == Some((base, offset + lane as i32 * size));
        (1..steps.len()).all(|lane| beside(self, lane)).then_some((base, offset))
    }

    /// Where a step's value is in memory.
    fn memory(&mut self, step: u32) -> Option<(Value, i32)> {
        match self.program.steps[step as usize].kind {
            StepKind::Input(slot) => Some(self.input_place(slot)),
            StepKind::Apply(_) => {
                let slice = self.packs.slices.get(&step).copied();
                slice.or_else(|| self.slot(step).map(|offset| (self.scratch, offset)))
            }
            _ => None,
        }
    }
}
