//! The loop over rows around a program: vectors of rows, then the rows that are left over one by one, then the sums; and all of that
//! as often as there are places for it along an axis around.

use super::super::emit::Emitter;
use super::{Copy, Frame, Lowering, bare};
use crate::base::sums::{halve, partials};
use crate::op::DType;
use crate::schedule::{Program, RowCall, Segment, Segments, StepKind};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, condcodes::IntCC, types};
use cranelift_frontend::FunctionBuilder;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Up to this many sums over rows are carried in registers; more are added up in memory.
const CARRIED: usize = 5;
/// Up to this many shared inputs (and as many constants) are loaded before the loop over rows; more are loaded where they are used.
const HOISTED: usize = 8;
/// A result is kept for this many steps at most, to be stored with its neighbours.
const KEPT: u32 = 32;

/// Bytes of a vector.
const VECTOR: i32 = 16;

/// What is added up over the rows.
#[derive(Default)]
pub(super) struct Sums {
    /// By output number: which of the sums it is.
    index: FxHashMap<u32, usize>,
    /// The offset of the partial sums in the scratch memory, in bytes; those of a sum lie one after the other.
    offset: i32,
    /// The address there that belongs to the row.
    at_row: Option<Value>,
    /// By output number, for every copy: partial sums that are carried in registers.
    carried: FxHashMap<u32, Vec<Value>>,
}

impl Sums {
    fn new(call: &RowCall, segments: &Segments) -> Sums {
        let index = call.reduced().into_iter().zip(0..).collect();
        Sums { index, offset: segments.scratch as i32 * 8, ..Sums::default() }
    }
}

impl<'e, 'f, 'p> Lowering<'e, 'f, 'p> {
    /// `fn(inputs, outputs, scratch, row, _, _)`: one segment of a program that does not fit in one function, at one row. Sums are
    /// added to partial sums in the scratch memory.
    pub(in crate::codegen) fn row_segment(
        emitter: &'e Emitter<'f>,
        program: &'p Program,
        segments: &'p Segments,
        segment: &Segment,
        call: &'p RowCall,
        results: &'p FxHashMap<u32, Vec<u32>>,
        params: &[Value],
    ) {
        let frame = Frame::Rows { inputs: params[0], outputs: params[1], row: params[3], call };
        let mut lowering = Lowering::new(emitter, program, segments, segment.steps.clone(), results, params[2], frame);
        lowering.sums = Sums::new(call, segments);
        segment.steps.clone().for_each(|k| lowering.compute(k));
        lowering.at_row(params[3]);
        if segment.per_row {
            lowering.store(segment.steps.clone());
        }
        // What is known before the rows is still an output of every row.
        let last = segments.segments.last().expect("a program has a segment");
        if last.steps == segment.steps {
            lowering.store(0..program.invariant);
        }
    }

    /// `fn(inputs, outputs, scratch, rows, count, strides)`: the loop over rows around a program that fits in one function, `count`
    /// times. From one time to the next the addresses of the inputs, then those of the outputs, move on by their strides in bytes; of a call
    /// in turns, further ones once in a turn, which come behind a mask and the number of the first time: a time ends a turn if the number of
    /// the next one has no bit in common with the mask.
    pub(in crate::codegen) fn row_loop(
        emitter: &'e Emitter<'f>,
        program: &'p Program,
        segments: &'p Segments,
        call: &'p RowCall,
        results: &'p FxHashMap<u32, Vec<u32>>,
        params: &[Value],
    ) {
        let &[inputs, outputs, scratch, rows, count, strides] = params else { unreachable!("six parameters") };
        let frame = Frame::Rows { inputs, outputs, row: rows, call };
        let mut lowering = Lowering::new(emitter, program, segments, 0..program.steps.len(), results, scratch, frame);
        lowering.sums = Sums::new(call, segments);

        let (time, done) = lowering.with(|b| (b.create_block(), b.create_block()));
        let index = lowering.with(|b| {
            let zero = b.ins().iconst(types::I64, 0);
            b.ins().jump(time, &[BlockArg::from(zero)]);
            let index = b.append_block_param(time, types::I64);
            b.switch_to_block(time);
            index
        });
        lowering.rows(rows, call);
        lowering.with(|b| {
            let again = b.create_block();
            let index = b.ins().iadd_imm_s(index, 1);
            let more = b.ins().icmp(IntCC::SignedLessThan, index, count);
            b.ins().brif(more, again, &[], done, &[]);
            b.switch_to_block(again);
            let [groups_in, groups_out] = [call.shape.varying.len(), call.shape.reduce.len()];
            let on = |b: &mut FunctionBuilder, first: i32| {
                let groups = [(inputs, groups_in), (outputs, groups_out)];
                let places = groups.into_iter().flat_map(|(table, n)| (0..n as i32).map(move |k| (table, k * 8)));
                for ((table, offset), k) in places.zip(first..) {
                    let address = b.ins().load(types::I64, super::flags(), table, offset);
                    let stride = b.ins().load(types::I64, super::flags(), strides, k * 8);
                    let next = b.ins().iadd(address, stride);
                    b.ins().store(super::flags(), next, table, offset);
                }
            };
            on(b, 0);
            if call.in_turns {
                let n = (groups_in + groups_out) as i32;
                let [mask, first] = [n, n + 1].map(|k| b.ins().load(types::I64, super::flags(), strides, k * 8));
                let number = b.ins().iadd(index, first);
                let bits = b.ins().band(number, mask);
                let turn = b.create_block();
                b.ins().brif(bits, time, &[BlockArg::from(index)], turn, &[]);
                b.switch_to_block(turn);
                on(b, n + 2);
            }
            b.ins().jump(time, &[BlockArg::from(index)]);
            b.switch_to_block(done);
        });
    }

    /// All rows, at the addresses of the tables.
    fn rows(&mut self, rows: Value, call: &'p RowCall) {
        let invariant = self.program.invariant;
        let body = invariant..self.program.steps.len();
        let lanes = self.emitter.lanes().lane_count() as usize;
        let (copies, parts) = (2, partials(self.program.width));
        let sums = call.reduced();
        let carried = if sums.len() <= CARRIED { &sums[..] } else { &[] };

        // Before the rows: what no row changes.
        self.load_starts(call);
        (0..invariant).for_each(|k| self.compute(k));
        let minus_zero = self.emitter.constants(-0.0);
        // Of each sum, the vectors of the first half of the partial sums come before the others, which few rows do without.
        let vectors = |half: usize| (0..sums.len()).flat_map(move |s| (0..copies).map(move |k| (2 * s + half) * copies + k));
        vectors(0).for_each(|at| self.store_at(minus_zero, self.scratch, self.partial(at)));
        let turn = lanes * copies;
        let are_many = |this: &Self| this.with(|b| b.ins().icmp_imm_s(IntCC::SignedGreaterThan, rows, turn as i64));
        if !sums.is_empty() {
            let many = are_many(self);
            self.when(many, |this| vectors(1).for_each(|at| this.store_at(minus_zero, this.scratch, this.partial(at))));
        }

        // Vectors of rows. What is kept for numbers is put aside.
        let kept = std::mem::take(&mut self.kept);
        let local = self.copies[0].local.clone();
        self.lanes = lanes;
        self.copies = (0..copies).map(|_| Copy { local: local.clone(), ..Copy::default() }).collect();
        self.hoist(body.clone(), call);
        self.squares = self.squares(call);
        let (none, whole) = self.with(|b| {
            let whole = b.ins().band_imm_s(rows, -(turn as i64));
            (b.ins().iconst(types::I64, 0), whole)
        });
        let turns = |this: &mut Self, first: Value, step: usize| {
            let initial = vec![minus_zero; carried.len() * copies];
            this.repeat(first..whole, step, &initial, |this, row, totals| {
                this.at_row(row);
                this.sums.carried = carried.iter().copied().zip(totals.chunks(copies).map(<[Value]>::to_vec)).collect();
                for copy in 0..copies {
                    this.copy = copy;
                    this.store(0..invariant);
                }
                this.steps(body.clone());
                let mut totals = std::mem::take(&mut this.sums.carried);
                carried.iter().flat_map(|k| totals.remove(k).expect("every carried sum is there")).collect()
            })
        };
        if sums.is_empty() {
            turns(self, none, turn);
        } else {
            // A turn has some of the partial sums: first come all rows of the first ones, then those of the next, so that few are carried.
            let most = self.with(|b| {
                let parts = b.ins().iconst(types::I64, parts as i64);
                b.ins().smin(whole, parts)
            });
            self.repeat(none..most, turn, &[], |this, first, _| {
                let totals = turns(this, first, parts);
                this.bases.clear();
                let at = this.displaced(this.scratch, first, this.program.width.bytes());
                for (k, &total) in totals.iter().enumerate() {
                    let (sum, copy) = (k / copies, k % copies);
                    this.store_at(total, at, this.partial(sum * parts / lanes + copy));
                }
                vec![]
            });
        }

        // The rows that are left, one by one.
        self.kept = kept;
        self.lanes = 1;
        self.copy = 0;
        self.copies = vec![Copy { local, ..Copy::default() }];
        self.repeat(whole..rows, 1, &[], |this, row, _| {
            this.at_row(row);
            this.store(0..invariant);
            this.steps(body);
            vec![]
        });

        let vector = |this: &Self, at: usize| this.load(this.emitter.lanes(), this.scratch, this.partial(at));
        if !sums.is_empty() {
            let many = are_many(self);
            self.when(many, |this| {
                for (low, high) in vectors(0).zip(vectors(1)) {
                    let (a, b) = (vector(this, low), vector(this, high));
                    let both = this.with(|builder| builder.ins().fadd(a, b));
                    this.store_at(both, this.scratch, this.partial(low));
                }
            });
        }
        self.bases.clear();
        for (s, &k) in sums.iter().enumerate() {
            let mut parts: Vec<Value> = (0..copies).map(|k| vector(self, 2 * s * copies + k)).collect();
            let (base, offset, _) = self.output_place(k);
            let add = |a: Value, b: Value| self.with(|builder| builder.ins().fadd(a, b));
            // Halves of these are vectors, and then lanes.
            let mut parts: Vec<Value> = self.emitter.split(halve(&mut parts, add)).collect();
            let total = halve(&mut parts, add);
            let sum = add(self.load(self.emitter.float(), base, offset), total);
            self.store_at(sum, base, offset);
        }
    }

    /// Does something where a condition holds.
    fn when(&mut self, condition: Value, body: impl FnOnce(&mut Self)) {
        let (then, after) = self.with(|b| (b.create_block(), b.create_block()));
        self.with(|b| {
            b.ins().brif(condition, then, &[], after, &[]);
            b.switch_to_block(then);
        });
        body(self);
        self.with(|b| {
            b.ins().jump(after, &[]);
            b.switch_to_block(after);
        });
    }

    /// A loop over rows, some at a time, from the first on as long as they are before the last; what it carries along.
    fn repeat(
        &mut self,
        rows: Range<Value>,
        step: usize,
        initial: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let (start, exit) = self.with(|b| (b.create_block(), b.create_block()));
        let row = self.with(|b| b.append_block_param(start, types::I64));
        let params = |block: Block| -> Vec<Value> {
            let param = |v: &Value| self.with(|b| b.append_block_param(block, b.func.dfg.value_type(*v)));
            initial.iter().map(param).collect()
        };
        let (carried, found) = (params(start), params(exit));
        let to_start = |row: Value, carried: &[Value]| [vec![BlockArg::from(row)], arguments(carried)].concat();
        self.with(|b| {
            let more = b.ins().icmp(IntCC::SignedLessThan, rows.start, rows.end);
            b.ins().brif(more, start, &to_start(rows.start, initial), exit, &arguments(initial));
            b.switch_to_block(start);
        });
        // What was made elsewhere may not be there.
        self.emitter.shared.borrow_mut().clear();
        let next = body(self, row, &carried);
        self.emitter.shared.borrow_mut().clear();
        self.with(|b| {
            let row = b.ins().iadd_imm_s(row, step as i64);
            let more = b.ins().icmp(IntCC::SignedLessThan, row, rows.end);
            b.ins().brif(more, start, &to_start(row, &next), exit, &arguments(&next));
            b.switch_to_block(exit);
        });
        found
    }

    /// Puts the loop at a row.
    fn at_row(&mut self, row: Value) {
        let Frame::Rows { row: at, .. } = &mut self.frame else { unreachable!("there are rows") };
        *at = row;
        self.bases.clear();
        let size = self.program.width.bytes();
        let part = self.with(|b| b.ins().band_imm_s(row, partials(self.program.width) as i64 - 1));
        self.sums.at_row = Some(self.displaced(self.scratch, part, size));
    }

    /// Adds a step's value to a sum over the rows.
    pub(super) fn add_to_sum(&mut self, output: u32, step: u32) {
        let Frame::Rows { call, .. } = self.frame else { unreachable!("there are rows") };
        let (v, factor) = match call.products[output as usize] {
            Some([x, y]) => (bare(self.value(x)), Some(bare(self.value(y)))),
            None => (bare(self.value(step)), None),
        };
        let add = |this: &Self, part: Value| {
            this.with(|b| match factor {
                Some(factor) => b.ins().fma(v, factor, part),
                None => b.ins().fadd(part, v),
            })
        };
        if let Some(totals) = self.sums.carried.get(&output) {
            let total = add(self, totals[self.copy]);
            self.sums.carried.entry(output).and_modify(|totals| totals[self.copy] = total);
            return;
        }
        let offset = self.sums.offset + (self.sums.index[&output] * partials(self.program.width)) as i32 * self.size();
        let base = self.sums.at_row.expect("sums are added to at a row");
        let offset = offset + self.first() as i32 * self.size();
        let ty = if self.lanes > 1 { self.emitter.lanes() } else { self.emitter.float() };
        let part = add(self, self.load(ty, base, offset));
        self.store_at(part, base, offset);
    }

    /// Where a vector of partial sums is in the scratch memory.
    fn partial(&self, vector: usize) -> i32 {
        self.sums.offset + vector as i32 * VECTOR
    }

    /// Loads the addresses of all groups.
    fn load_starts(&mut self, call: &RowCall) {
        let Frame::Rows { inputs, outputs, .. } = self.frame else { unreachable!("there are rows") };
        for (output, table, groups) in [(false, inputs, call.shape.varying.len()), (true, outputs, call.shape.reduce.len())] {
            for group in 0..groups as u32 {
                let start = self.load(types::I64, table, group as i32 * 8);
                self.starts.insert((output, group), start);
            }
        }
        for (k, step) in self.program.steps.iter().enumerate() {
            if let StepKind::Input(slot) = step.kind {
                self.input_steps.insert(slot, k as u32);
            }
        }
    }

    /// Neighbouring columns of an output, as many as a vector has lanes, that are computed soon after each other: as vectors they are
    /// transposed, and stored row by row.
    fn squares(&self, call: &RowCall) -> FxHashMap<u32, Option<u32>> {
        let outputs = &self.program.outputs;
        let is_made =
            |step: u32| (self.program.invariant..).contains(&(step as usize)) && self.program.steps[step as usize].op().is_some();
        let mut squares = FxHashMap::default();
        let mut at = 0;
        while at + self.lanes <= outputs.len() {
            let square = at..at + self.lanes;
            let made = || outputs[square.clone()].iter().copied().filter(|&step| is_made(step));
            let age = made().max().unwrap_or(0) - made().min().unwrap_or(0);
            let (first, last) = (call.places[at].0, call.places[square.end - 1].0);
            if first != last || call.is_reduced(first as usize) || age > KEPT {
                at += 1;
                continue;
            }
            let end = square.clone().max_by_key(|&k| outputs[k]).expect("a vector has lanes");
            squares.extend(square.map(|k| (k as u32, (k == end).then_some(at as u32))));
            at += self.lanes;
        }
        squares
    }

    /// Makes vectors before the loop: of what no row changes, and of shared inputs and constants, if they are few.
    fn hoist(&mut self, body: Range<usize>, call: &RowCall) {
        let mut used: Vec<u32> = self.program.steps[body.clone()].iter().flat_map(|step| step.operands()).copied().collect();
        used.sort_unstable();
        used.dedup();
        let of = |kind: fn(StepKind, &RowCall) -> bool| -> Vec<u32> {
            used.iter().copied().filter(|&step| kind(self.program.steps[step as usize].kind, call)).collect()
        };
        let computed: Vec<u32> = of(|kind, _| matches!(kind, StepKind::Apply(_)));
        let shared = of(
            |kind, call| matches!(kind, StepKind::Input(slot) if call.input_stride(call.slots[slot as usize].0 as usize).is_none()),
        );
        let constants = of(|kind, _| matches!(kind, StepKind::Const(_)));
        let few = [shared, constants].into_iter().filter(|steps| steps.len() <= HOISTED).flatten();
        for step in computed.into_iter().filter(|&step| (step as usize) < body.start).chain(few) {
            let v = bare(self.value(step));
            self.kept.insert(step, v);
        }
    }

    /// What no row changes, in every lane.
    pub(super) fn spread(&mut self, step: u32) -> Value {
        if let Some(&v) = self.kept.get(&step) {
            return v;
        }
        let v = self.copies[self.copy].local[step as usize].expect("it was computed before the rows");
        match self.program.steps[step as usize].dtype() {
            // A truth value of one number is in every lane.
            DType::Mask => v,
            DType::Float | DType::Index => self.emitter.spread(v),
        }
    }
}

fn arguments(values: &[Value]) -> Vec<BlockArg> {
    values.iter().map(|&v| v.into()).collect()
}
