//! Straight-line code, in which some steps go together: in the lanes of a vector, or, where a kernel has many elements, as a call of its
//! routine over slices.
//!
//! A vector stays one: what uses its lanes side by side reads it as it is, and an element is taken out of it where one alone is used.

use super::super::emit::Emitter;
use super::packed::companions;
use super::{Any, Apart, Frame, Lowering, bare};
use crate::base::Width;
use crate::kernels::{block, slices_of};
use crate::op::Op;
use crate::schedule::{Program, Segment, Segments, StepKind};
use cranelift_codegen::ir::{ConstantData, InstBuilder, StackSlotData, StackSlotKind, Value, types};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::ops::Range;

type Steps = SmallVec<[u32; 4]>;

/// The lowering of steps of which some go together.
struct Straight<'e, 'f, 'p> {
    low: Lowering<'e, 'f, 'p>,
}

/// `fn(x, y, scratch)`: one segment of a program that is called once. Where inputs and outputs are apart, `x` and `y` are tables of
/// their addresses.
pub(in crate::codegen) fn straight<'p>(
    emitter: &Emitter<'_>,
    program: &'p Program,
    segments: &'p Segments,
    segment: &Segment,
    results: &'p FxHashMap<u32, Vec<u32>>,
    apart: Option<&'p Apart>,
    params: &[Value],
) {
    let (x, y) = (params[0], params[1]);
    let frame = match apart {
        Some(places) => Frame::Apart { inputs: x, outputs: y, places },
        None => Frame::Flat { x, y },
    };
    let low = Lowering::new(emitter, program, segments, segment.steps.clone(), results, params[2], frame);
    let mut straight = Straight { low };
    for k in segment.steps.clone() {
        if let Some(op) = program.steps[k].op().filter(|_| program.steps[k].pack > 1) {
            // With its companion it may have been computed already.
            if !straight.low.packs.slices.contains_key(&(k as u32)) {
                straight.compute_pack(k, op);
            }
        }
        straight.low.compute(k);
        straight.low.store_step(k as u32);
    }
}

impl Straight<'_, '_, '_> {
    /// Computes the equal operations that begin with a step.
    fn compute_pack(&mut self, first: usize, op: Op) {
        let (count, lanes) = (self.low.program.steps[first].pack as usize, self.low.vector_lanes());
        self.low.now = first;
        if count > lanes {
            return self.compute_slices(first, count, op);
        }
        let mut args = [Any::Num(self.low.emitter.number(self.low.scratch)); 3];
        let mut operands: SmallVec<[Steps; 3]> = (0..op.arity()).map(|at| self.operands(first, at, 0, count)).collect();
        let is_known =
            |steps: &Steps| steps.iter().all(|&step| matches!(self.low.program.steps[step as usize].kind, StepKind::Const(_)));
        if op.is_commutative() && is_known(&operands[0]) {
            operands.swap(0, 1);
        }
        for (arg, steps) in args.iter_mut().zip(operands) {
            let v = self.vector(&steps);
            *arg = Any::Num(self.low.emitter.number(v));
        }
        let calls = self.low.emitter.calls.get();
        let found = bare(op.value(&args));
        if self.low.emitter.calls.get() != calls {
            self.low.called = first;
        }
        if count < lanes {
            let numbers: Vec<Value> = self.low.emitter.split(found).collect();
            return numbers.into_iter().take(count).enumerate().for_each(|(lane, v)| self.low.keep(first + lane, v));
        }
        self.low.packs.vectors.insert(first as u32, found);
        self.put_away(first as u32, found);
    }

    /// One operand of steps of a pack: as many as a vector has lanes, from one of them on; the last one again where there are no more.
    fn operands(&self, first: usize, at: usize, from: usize, count: usize) -> Steps {
        let step = |lane: usize| self.low.program.steps[first + (from + lane).min(count - 1)].args[at];
        (0..self.low.vector_lanes()).map(step).collect()
    }

    /// Operands are put together on the stack, and results read there.
    fn compute_slices(&mut self, first: usize, count: usize, op: Op) {
        let (size, lanes) = (self.low.size(), self.low.vector_lanes());
        let both = companions(&self.low.program.steps[..self.low.range.end], first, count, op);
        let second = both.map_or(0, |(next, _)| next);
        // The longer one has all operands.
        let (longer, most) = if second > count { (first + count, second) } else { (first, count) };
        let room = most.next_multiple_of(block(self.low.program.width));
        let (x, y) = (self.stack(room), self.stack(room));
        for at in (0..room).step_by(lanes) {
            let v = self.vector(&self.operands(longer, 0, at, most));
            self.low.store_at(v, x, at as i32 * size);
        }
        match both {
            Some((_, routine)) => {
                let z = self.stack(room);
                self.low.emitter.over_slices(routine, &[x, y, z], room);
                self.low.called = first;
                self.results(first + count..first + count + second, z);
            }
            None => {
                let routine = op.library().and_then(slices_of).expect("many go together where there is a routine");
                self.low.emitter.over_slices(routine, &[x, y], room);
                self.low.called = first;
            }
        }
        self.results(first..first + count, y);
    }

    /// Room for so many elements on the stack.
    fn stack(&self, room: usize) -> Value {
        let bytes = room as u32 * self.low.size() as u32;
        self.low.with(|b| {
            let slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4));
            b.ins().stack_addr(types::I64, slot, 0)
        })
    }

    /// Takes note of results on the stack, and puts away those that are read elsewhere.
    fn results(&mut self, steps: Range<usize>, from: Value) {
        let (size, lanes) = (self.low.size(), self.low.vector_lanes());
        self.low.packs.slices.extend(steps.clone().zip(0..).map(|(k, at)| (k as u32, (from, at * size))));
        for at in steps.clone().step_by(lanes) {
            let is_read = |k: usize| self.low.slot(k as u32).is_some() || self.low.results.contains_key(&(k as u32));
            let chunk = at..(at + lanes).min(steps.end);
            if !chunk.clone().any(is_read) {
                continue;
            }
            if chunk.len() == lanes {
                let v = self.vector(&chunk.map(|k| k as u32).collect::<Steps>());
                self.put_away(at as u32, v);
            } else {
                for k in chunk {
                    let v = self.low.load_computed(k as u32);
                    self.low.keep(k, v);
                }
            }
        }
    }

    /// Stores a vector where other segments read it, and in outputs that lie side by side.
    fn put_away(&mut self, first: u32, v: Value) {
        if let Some(offset) = self.low.slot(first) {
            self.low.store_at(v, self.low.scratch, offset);
        }
        let (results, size, lanes) = (self.low.results, self.low.size(), self.low.vector_lanes() as u32);
        for &k in results.get(&first).map_or(&[][..], Vec::as_slice) {
            let (base, offset, _) = self.low.output_place(k);
            let follows = |lane: u32| results.get(&(first + lane)).is_some_and(|all| all.contains(&(k + lane)));
            if !(1..lanes).all(follows) {
                continue;
            }
            let beside = |lane: u32, place: (Value, i32, _)| (place.0, place.1) == (base, offset + lane as i32 * size);
            if (1..lanes).all(|lane| beside(lane, self.low.output_place(k + lane))) {
                self.low.store_at(v, base, offset);
                self.low.packs.stored.extend(k..k + lanes);
            }
        }
    }

    /// Some steps' values as a vector.
    fn vector(&mut self, steps: &[u32]) -> Value {
        let first = steps[0];
        if steps.iter().all(|&step| step == first) {
            return self.everywhere(first);
        }
        let known = |&step: &u32| match self.low.program.steps[step as usize].kind {
            StepKind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        };
        if let Some(numbers) = steps.iter().map(known).collect::<Option<SmallVec<[f64; 4]>>>() {
            return self.constants(&numbers);
        }
        let follows = steps.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let made = self.low.packs.vectors.get(&first).copied().filter(|_| follows);
        if let Some(v) = made.filter(|_| self.low.is_near(first as usize) || self.low.slot(first).is_none()) {
            return v;
        }
        if let Some((base, offset)) = self.neighbours(steps) {
            return match self.low.packs.loaded.get(&first) {
                Some(&(v, at)) if self.low.is_near(at) => v,
                _ => {
                    let v = self.low.load(self.low.emitter.lanes(), base, offset);
                    self.low.packs.loaded.insert(first, (v, self.low.now));
                    v
                }
            };
        }
        if let Some((joined, v)) = &self.low.packs.joined
            && joined[..] == *steps
        {
            return *v;
        }
        let numbers: SmallVec<[Value; 4]> = steps.iter().map(|&step| bare(self.low.value(step))).collect();
        let v = self.low.emitter.join(&numbers);
        self.low.packs.joined = Some((steps.into(), v));
        v
    }

    /// A step's value in every lane.
    fn everywhere(&mut self, step: u32) -> Value {
        if let StepKind::Const(bits) = self.low.program.steps[step as usize].kind {
            return self.low.emitter.constants(f64::from_bits(bits));
        }
        match self.low.packs.spread.get(&step) {
            Some(&(v, at)) if self.low.is_near(at) => v,
            _ => {
                let number = bare(self.low.value(step));
                let v = self.low.emitter.spread(number);
                self.low.packs.spread.insert(step, (v, self.low.now));
                v
            }
        }
    }

    /// A constant in each lane.
    fn constants(&self, numbers: &[f64]) -> Value {
        let bytes: Vec<u8> = match self.low.program.width {
            Width::F64 => numbers.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Width::F32 => numbers.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        };
        self.low.with(|b| {
            let data = b.func.dfg.constants.insert(ConstantData::from(bytes));
            b.ins().vconst(self.low.emitter.lanes(), data)
        })
    }

    /// Where some steps' values lie one after the other in memory.
    fn neighbours(&mut self, steps: &[u32]) -> Option<(Value, i32)> {
        let (base, offset) = self.memory(steps[0])?;
        let size = self.low.size();
        let beside = |this: &mut Self, lane: usize| this.memory(steps[lane]) == Some((base, offset + lane as i32 * size));
        (1..steps.len()).all(|lane| beside(self, lane)).then_some((base, offset))
    }

    /// Where a step's value is in memory.
    fn memory(&mut self, step: u32) -> Option<(Value, i32)> {
        match self.low.program.steps[step as usize].kind {
            StepKind::Input(slot) => Some(self.low.input_place(slot)),
            StepKind::Apply(_) => {
                let slice = self.low.packs.slices.get(&step).copied();
                slice.or_else(|| self.low.slot(step).map(|offset| (self.low.scratch, offset)))
            }
            _ => None,
        }
    }
}
