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
/// Up to this many sums over rows have all of their partial sums in registers, where the body has up to this many steps: the rows are gone over
/// once, and the body is there for each half of the partial sums.
const AT_ONCE: usize = 3;
const SHORT: usize = 16;
/// Up to this many shared inputs (and as many constants) are loaded before the loop over rows; more are loaded where they are used.
const HOISTED: usize = 8;
/// A result is kept for this many steps at most, to be stored with its neighbours.
const KEPT: u32 = 32;

/// How many vectors of rows a turn has.
const COPIES: usize = 2;
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
        let parts = partials(self.program.width);
        let sums = call.reduced();
        let at_once = (1..=AT_ONCE).contains(&sums.len()) && body.len() <= SHORT;
        let carried = if sums.len() <= CARRIED { &sums[..] } else { &[] };

        // Before the rows: what no row changes.
        self.load_starts(call);
        (0..invariant).for_each(|k| self.compute(k));
        let minus_zero = self.emitter.constants(-0.0);
        // Of each sum, the vectors of the first half of the partial sums come before the others, which few rows do without.
        let vectors = |half: usize| (0..sums.len()).flat_map(move |s| (0..COPIES).map(move |k| (2 * s + half) * COPIES + k));
        let turn = lanes * COPIES;
        let are_many = |this: &Self| this.with(|b| b.ins().icmp_imm_s(IntCC::SignedGreaterThan, rows, turn as i64));
        if !sums.is_empty() && !at_once {
            vectors(0).for_each(|at| self.store_at(minus_zero, self.scratch, self.partial(at)));
            let many = are_many(self);
            self.when(many, |this| vectors(1).for_each(|at| this.store_at(minus_zero, this.scratch, this.partial(at))));
        }

        // Vectors of rows. What is kept for numbers is put aside.
        let kept = std::mem::take(&mut self.kept);
        let local = self.copies[0].local.clone();
        self.lanes = lanes;
        self.copies = copies(&local);
        self.hoist(body, call);
        self.squares = self.squares(call);
        let (none, whole) = self.with(|b| {
            let whole = b.ins().band_imm_s(rows, -(turn as i64));
            (b.ins().iconst(types::I64, 0), whole)
        });
        let zeros = vec![minus_zero; carried.len() * COPIES];
        let mut found = Vec::new();
        if carried.is_empty() {
            self.repeat(none..whole, turn, 1, &[], |this, row, _| this.vectors(row, &local, &[], &[]));
        } else if at_once {
            let both = [&zeros[..], &zeros].concat();
            found = self.repeat(none..whole, turn, 2, &both, |this, row, totals| this.vectors(row, &local, carried, totals));
        } else {
            // A turn has some of the partial sums: first come all rows of the first ones, then those of the next, so that few are carried.
            let most = self.with(|b| {
                let parts = b.ins().iconst(types::I64, parts as i64);
                b.ins().smin(whole, parts)
            });
            self.repeat(none..most, turn, 1, &[], |this, first, _| {
                let totals =
                    this.repeat(first..whole, parts, 1, &zeros, |this, row, totals| this.vectors(row, &local, carried, totals));
                this.bases.clear();
                let at = this.displaced(this.scratch, first, this.program.width.bytes());
                vectors(0).zip(totals).for_each(|(k, total)| this.store_at(total, at, this.partial(k)));
                vec![]
            });
        }

        // The rows that are left, one by one.
        self.kept = kept;
        self.lanes = 1;
        self.copy = 0;
        self.copies = vec![Copy { local, ..Copy::default() }];
        if at_once {
            return self.finish_at_once(whole..rows, turn, &found, carried);
        }
        self.left(whole..rows);

        let vector = |this: &Self, at: usize| this.load(this.emitter.lanes(), this.scratch, this.partial(at));
        if !sums.is_empty() {
            let many = are_many(self);
            self.when(many, |this| {
                for (low, high) in vectors(0).zip(vectors(1)) {
                    let both = this.add(vector(this, low), vector(this, high));
                    this.store_at(both, this.scratch, this.partial(low));
                }
            });
        }
        self.bases.clear();
        for (s, &k) in sums.iter().enumerate() {
            let total = self.total((0..COPIES).map(|k| vector(self, 2 * s * COPIES + k)).collect());
            self.add_total(k, total);
        }
    }

    /// The sums of partial sums that are all in registers, the first halves before the others. Where rows are left, these are added in memory,
    /// number by number, to the half that comes next, which is loaded as it was stored: a vector would wait until the numbers are there.
    fn finish_at_once(&mut self, rows: Range<Value>, turn: usize, found: &[Value], carried: &[u32]) {
        let (low, high) = found.split_at(carried.len() * COPIES);
        let (none, some, finish) = self.with(|b| (b.create_block(), b.create_block(), b.create_block()));
        let totals: Vec<Value> =
            carried.iter().map(|_| self.with(|b| b.append_block_param(finish, self.emitter.float()))).collect();
        self.with(|b| {
            let more = b.ins().icmp(IntCC::SignedLessThan, rows.start, rows.end);
            b.ins().brif(more, some, &[], none, &[]);
            b.switch_to_block(none);
        });
        let both: Vec<Value> = low.iter().zip(high).map(|(&low, &high)| self.add(low, high)).collect();
        let found: Vec<Value> = both.chunks(COPIES).map(|parts| self.total(parts.to_vec())).collect();
        self.with(|b| {
            b.ins().jump(finish, &arguments(&found));
            b.switch_to_block(some);
        });

        let place = |at: usize, half: usize| (2 * (at / COPIES) + half) * COPIES + at % COPIES;
        for (at, (&low, &high)) in low.iter().zip(high).enumerate() {
            self.store_at(low, self.scratch, self.partial(place(at, 0)));
            self.store_at(high, self.scratch, self.partial(place(at, 1)));
        }
        self.left(rows.clone());
        let size = self.size();
        let [own, other] = self.with(|b| {
            let own = b.ins().band_imm_s(rows.start, turn as i64);
            [own, b.ins().bxor_imm_s(own, turn as i64)]
        });
        let [own, other] = [own, other].map(|at| self.displaced(self.scratch, at, size as usize));
        let lanes = self.emitter.lanes();
        let both: Vec<Value> = (0..low.len())
            .map(|at| {
                let offset = self.partial(place(at, 0));
                let number = |lane: i32| self.load(self.emitter.float(), own, offset + lane * size);
                let numbers: Vec<Value> = (0..lanes.lane_count() as i32).map(number).collect();
                self.add(self.emitter.join(&numbers), self.load(lanes, other, offset))
            })
            .collect();
        let found: Vec<Value> = both.chunks(COPIES).map(|parts| self.total(parts.to_vec())).collect();
        self.with(|b| {
            b.ins().jump(finish, &arguments(&found));
            b.switch_to_block(finish);
        });
        self.bases.clear();
        carried.iter().zip(totals).for_each(|(&output, total)| self.add_total(output, total));
    }

    /// Rows one by one.
    fn left(&mut self, rows: Range<Value>) {
        let invariant = self.program.invariant;
        self.repeat(rows, 1, 1, &[], |this, row, _| {
            this.at_row(row);
            this.store(0..invariant);
            this.steps(invariant..this.program.steps.len());
            vec![]
        });
    }

    fn add(&self, a: Value, b: Value) -> Value {
        self.with(|builder| builder.ins().fadd(a, b))
    }

    /// The sum of vectors of partial sums. Halves of these are vectors, and then lanes.
    fn total(&self, mut vectors: Vec<Value>) -> Value {
        let add = |a: Value, b: Value| self.add(a, b);
        let mut lanes: Vec<Value> = self.emitter.split(halve(&mut vectors, add)).collect();
        halve(&mut lanes, add)
    }

    /// Adds a sum over the rows to what is in its place.
    fn add_total(&mut self, output: u32, total: Value) {
        let (base, offset, _) = self.output_place(output);
        let sum = self.add(self.load(self.emitter.float(), base, offset), total);
        self.store_at(sum, base, offset);
    }

    /// Vectors of rows, with what they carry along for sums.
    fn vectors(&mut self, row: Value, local: &[Option<Value>], carried: &[u32], totals: &[Value]) -> Vec<Value> {
        let invariant = self.program.invariant;
        // What another turn has computed is of other rows.
        self.copies = copies(local);
        self.at_row(row);
        self.sums.carried = carried.iter().copied().zip(totals.chunks(COPIES).map(<[Value]>::to_vec)).collect();
        for copy in 0..COPIES {
            self.copy = copy;
            self.store(0..invariant);
        }
        self.steps(invariant..self.program.steps.len());
        let mut totals = std::mem::take(&mut self.sums.carried);
        carried.iter().flat_map(|k| totals.remove(k).expect("every carried sum is there")).collect()
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

    /// A loop over rows, some at a time, from the first on as long as they are before the last; what it carries along. Some bodies take turns, each
    /// with a share of that.
    fn repeat(
        &mut self,
        rows: Range<Value>,
        step: usize,
        turns: usize,
        initial: &[Value],
        mut body: impl FnMut(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let (start, exit) = self.with(|b| (b.create_block(), b.create_block()));
        let first = self.with(|b| b.append_block_param(start, types::I64));
        let params = |block: Block| -> Vec<Value> {
            let param = |v: &Value| self.with(|b| b.append_block_param(block, b.func.dfg.value_type(*v)));
            initial.iter().map(param).collect()
        };
        let (mut carried, found) = (params(start), params(exit));
        let to_start = |row: Value, carried: &[Value]| [vec![BlockArg::from(row)], arguments(carried)].concat();
        self.with(|b| {
            let more = b.ins().icmp(IntCC::SignedLessThan, rows.start, rows.end);
            b.ins().brif(more, start, &to_start(rows.start, initial), exit, &arguments(initial));
            b.switch_to_block(start);
        });
        let (share, mut row) = (initial.len() / turns, first);
        for k in 1..=turns {
            let own = (k - 1) * share..k * share;
            // What was made elsewhere may not be there.
            self.emitter.shared.borrow_mut().clear();
            let next = body(self, row, &carried[own.clone()]);
            self.emitter.shared.borrow_mut().clear();
            carried.splice(own, next);
            self.with(|b| {
                row = b.ins().iadd_imm_s(first, (k * step) as i64);
                let more = b.ins().icmp(IntCC::SignedLessThan, row, rows.end);
                if k == turns {
                    b.ins().brif(more, start, &to_start(row, &carried), exit, &arguments(&carried));
                    b.switch_to_block(exit);
                } else {
                    let next = b.create_block();
                    b.ins().brif(more, next, &[], exit, &arguments(&carried));
                    b.switch_to_block(next);
                }
            });
        }
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

/// The copies of a body before its first step: they have what is known before the rows.
fn copies(local: &[Option<Value>]) -> Vec<Copy> {
    (0..COPIES).map(|_| Copy { local: local.to_vec(), ..Copy::default() }).collect()
}

fn arguments(values: &[Value]) -> Vec<BlockArg> {
    values.iter().map(|&v| v.into()).collect()
}
