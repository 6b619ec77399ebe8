//! Loops and branches: blocks of Cranelift's IR with parameters. What goes on from turn to turn is in registers; a scan's sequences are read, and
//! what its steps keep is written, at addresses that move on with the steps.

use super::super::emit::{Emit, EmitMask, Emitter};
use super::bare;
use super::early::early;
use super::places::flags;
use crate::op::{Op, Value as Any};
use crate::schedule::flow::{Block, BlockStep, Flow, FlowKind, FlowOutput, From, Most, Nested, Turns};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, StackSlot, Type, Value, types};
use rustc_hash::FxHashMap;

/// A loop with a condition of no more operations has it at its end, too, and so one jump a turn.
pub(super) const SHORT: usize = 40;
/// Numbers that a loop reads in front of its turns, at most: there are not more registers.
const MOST_READ: usize = 8;

/// `fn(inputs, outputs, _)`: tables of addresses; behind those of the outputs is the number of steps.
pub(in crate::codegen) fn flow(emitter: &Emitter<'_>, flow: &Flow, params: &[Value]) {
    let address = |table: Value, k: usize| {
        let mut builder = emitter.builder.borrow_mut();
        builder.ins().load(types::I64, flags(), table, 8 * k as i32)
    };
    let inputs = (0..flow.inputs.len()).map(|k| address(params[0], k)).collect();
    let outputs = (0..flow.outputs.len()).map(|k| address(params[1], k)).collect();
    let making = Making { emitter, flow, inputs, outputs, stopped: super::turned::stopped(emitter, flow) };
    match &flow.kind {
        FlowKind::Once(block) => making.last(&making.block(block, making.operands(0..flow.inputs.len()))),
        FlowKind::Branch(blocks) => {
            let holds = making.loaded(&making.operands(0..1));
            making.branch(holds[0], blocks, &making.operands(1..flow.inputs.len()), |made, results| {
                made.last(&results);
                vec![]
            });
        }
        FlowKind::While { carries, condition, body, most } => {
            let carried = making.loaded(&making.operands(0..*carries));
            let shared = making.operands(*carries..flow.inputs.len());
            let last = making.turns(carried, &shared, (condition, body), *most);
            making.last(&last);
        }
        FlowKind::Scan { carries, xs, reverse, body } => {
            let count = address(params[1], flow.outputs.len());
            making.scan(count, (*carries, *xs), *reverse, body);
        }
    }
}

/// Where a value is that a block is given.
#[derive(Copy, Clone)]
pub(super) enum Place {
    Value(Value),
    Memory(Value, i32),
}

pub(super) struct Making<'e, 'f, 'p> {
    pub(super) emitter: &'e Emitter<'f>,
    flow: &'p Flow,
    /// The addresses of operands and of results.
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    /// Whether a loop was stopped at its limit, where one has a limit.
    pub(super) stopped: Option<StackSlot>,
}

/// A block that is being made.
pub(super) struct Frame<'e, 'f, 'p> {
    pub(super) block: &'p Block,
    given: Vec<Place>,
    values: Vec<Option<Any<Emit<'e, 'f>, EmitMask<'e, 'f>>>>,
    /// The turns of loops that are recorded, by their step.
    turns: Vec<(u32, super::turned::Turned)>,
}

/// A step that another block before it has as well, with that block's step where its number is needed; see [`Block::shared`].
pub(super) type Shared = (u32, Option<u32>);

/// How many of them are needed.
pub(super) fn asked_for(shared: &[Shared]) -> usize {
    shared.iter().filter(|(_, own)| own.is_some()).count()
}

/// By the first of two steps that take kernels of the same number which share their work: the routine for both, and the steps.
fn pairs(block: &Block) -> FxHashMap<u32, (&'static str, [u32; 2])> {
    let mut kernels: FxHashMap<(Op, u32), u32> = FxHashMap::default();
    let mut firsts = vec![];
    for (step, at) in block.steps.iter().zip(0u32..) {
        if let BlockStep::Apply(op, [x, ..]) = *step
            && op.library().is_some()
        {
            kernels.entry((op, x)).or_insert(at);
            firsts.extend(op.companion().map(|(second, both)| (at, (second, x), both.alone)));
        }
    }
    let pair = |(at, second, routine): (u32, (Op, u32), &'static str)| {
        let second = *kernels.get(&second)?;
        Some((at.min(second), (routine, [at, second])))
    };
    firsts.into_iter().filter_map(pair).collect()
}

pub(super) fn args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().copied().map(BlockArg::from).collect()
}

impl<'e, 'f> Making<'e, 'f, '_> {
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut cranelift_frontend::FunctionBuilder<'f>) -> R) -> R {
        f(&mut self.emitter.builder.borrow_mut())
    }

    pub(super) fn size(&self) -> i32 {
        self.emitter.width.bytes() as i32
    }

    /// The elements of some operands, where they are.
    fn operands(&self, range: std::ops::Range<usize>) -> Vec<Place> {
        let elements = |k: usize| (0..self.flow.inputs[k]).map(move |at| (k, at));
        range.flat_map(elements).map(|(k, at)| Place::Memory(self.inputs[k], at as i32 * self.size())).collect()
    }

    fn load(&self, place: Place) -> Value {
        match place {
            Place::Value(v) => v,
            Place::Memory(base, offset) => {
                let number = self.with(|b| b.ins().load(self.emitter.float(), flags(), base, offset));
                self.emitter.spread(number)
            }
        }
    }

    pub(super) fn loaded(&self, places: &[Place]) -> Vec<Value> {
        places.iter().map(|&place| self.load(place)).collect()
    }

    /// What all turns of a loop are given, read in front of it where it is not much, so that what is made of it alone can be, too.
    pub(super) fn outside(&self, shared: &[Place]) -> Vec<Place> {
        self.outside_of(0, shared)
    }

    /// The same where so many numbers more are to stay in registers from turn to turn.
    pub(super) fn outside_of(&self, carried: usize, shared: &[Place]) -> Vec<Place> {
        match carried + shared.len() <= MOST_READ {
            true => self.loaded(shared).into_iter().map(Place::Value).collect(),
            false => shared.to_vec(),
        }
    }

    fn store(&self, output: &FlowOutput, base: Value, all: &[Value]) {
        for (k, &v) in all[output.first..output.first + output.len].iter().enumerate() {
            self.put(v, base, k);
        }
    }

    /// Stores a number as an element behind an address.
    pub(super) fn put(&self, v: Value, base: Value, at: usize) {
        let number = self.emitter.first(v);
        self.with(|b| b.ins().store(flags(), number, base, at as i32 * self.size()));
    }

    /// Stores results of the end.
    fn last(&self, results: &[Value]) {
        for (output, &base) in self.flow.outputs.iter().zip(&self.outputs) {
            if output.from == From::Last {
                self.store(output, base, results);
            }
        }
    }

    /// The code goes on in another block.
    pub(super) fn switch_to(&self, block: cranelift_codegen::ir::Block) {
        // What kernels share is of the block that was left.
        self.emitter.shared.borrow_mut().clear();
        self.with(|b| b.switch_to_block(block));
    }

    /// A block with parameters for so many numbers.
    pub(super) fn new_block(&self, numbers: usize) -> (cranelift_codegen::ir::Block, Vec<Value>) {
        self.new_block_of(&vec![self.emitter.lanes(); numbers])
    }

    pub(super) fn new_block_of(&self, types: &[Type]) -> (cranelift_codegen::ir::Block, Vec<Value>) {
        self.with(|b| {
            let block = b.create_block();
            (block, types.iter().map(|&ty| b.append_block_param(block, ty)).collect())
        })
    }

    /// The results of one block or the other, which `then` makes something of within it.
    fn branch(
        &self,
        holds: Value,
        blocks: &[Block; 2],
        given: &[Place],
        then: impl Fn(&Self, Vec<Value>) -> Vec<Value>,
    ) -> Vec<Value> {
        self.either(self.is_not_zero(holds), blocks, given, then)
    }

    fn either(
        &self,
        holds: Value,
        blocks: &[Block; 2],
        given: &[Place],
        then: impl Fn(&Self, Vec<Value>) -> Vec<Value>,
    ) -> Vec<Value> {
        let ways = [self.new_block(0).0, self.new_block(0).0];
        self.with(|b| b.ins().brif(holds, ways[0], &[], ways[1], &[]));
        let mut merged = None;
        for (block, way) in blocks.iter().zip(ways) {
            self.switch_to(way);
            let results = then(self, self.block(block, given.to_vec()));
            let (end, _) = merged.get_or_insert_with(|| self.new_block(results.len()));
            self.with(|b| b.ins().jump(*end, &args(&results)));
        }
        let (end, results) = merged.expect("there are two blocks");
        self.switch_to(end);
        results
    }

    /// What is carried in the end of a loop with a condition.
    fn turns(
        &self,
        carried: Vec<Value>,
        shared: &[Place],
        (condition, body): (&Block, &Block),
        most: Option<Most>,
    ) -> Vec<Value> {
        let shared = &self.outside(shared);
        let given = |carried: &[Value]| -> Vec<Place> {
            carried.iter().map(|&v| Place::Value(v)).chain(shared.iter().copied()).collect()
        };
        let n = carried.len();
        let (end, last) = self.new_block(n);
        // What is carried, and the number of turns where it has a limit.
        let state: Vec<Value> = carried.into_iter().chain(self.none_made(most)).collect();
        let is_short = condition.operations() <= SHORT && !condition.is_nested();
        let shared_steps = if is_short { condition.shared(body) } else { vec![] };
        let types = [vec![self.emitter.lanes(); n], vec![types::I64; state.len() - n]].concat();
        let (turn, inside) = self.new_block_of(&[&types[..], &vec![self.emitter.lanes(); asked_for(&shared_steps)]].concat());
        let (inside, known) = inside.split_at(state.len());
        let ask = |state: &[Value]| {
            let (holds, known) = self.asked(condition, given(&state[..n]), &shared_steps);
            self.with(|b| b.ins().brif(holds, turn, &args(&[state, &known].concat()), end, &args(&state[..n])));
        };
        if is_short {
            ask(&state);
            self.switch_to(turn);
        } else {
            self.with(|b| b.ins().jump(turn, &args(&state)));
            self.switch_to(turn);
            let holds = self.holds(condition, given(&inside[..n]));
            let (go_on, _) = self.new_block(0);
            self.with(|b| b.ins().brif(holds, go_on, &[], end, &args(&inside[..n])));
            self.switch_to(go_on);
        }
        let made = self.counted(most, inside.get(n).copied(), |this| this.with(|b| _ = b.ins().jump(end, &args(&inside[..n]))));
        let next = self.block_behind(body, given(&inside[..n]), &shared_steps, known);
        let state: Vec<Value> = next.into_iter().chain(made).collect();
        if is_short {
            ask(&state);
        } else {
            self.with(|b| b.ins().jump(turn, &args(&state)));
        }
        self.switch_to(end);
        last
    }

    /// What is carried after so many turns.
    fn repeated(&self, times: usize, carried: Vec<Value>, shared: &[Place], body: &Block) -> Vec<Value> {
        if times == 0 {
            return carried;
        }
        let shared = &self.outside(shared);
        let (turn, inside) = self.new_block(carried.len());
        let left = self.with(|b| b.append_block_param(turn, types::I64));
        let (end, last) = self.new_block(carried.len());
        let all = self.with(|b| b.ins().iconst(types::I64, times as i64));
        self.with(|b| b.ins().jump(turn, &args(&[&carried[..], &[all]].concat())));
        self.switch_to(turn);
        let given = inside.iter().map(|&v| Place::Value(v)).chain(shared.iter().copied()).collect();
        let next = self.block(body, given);
        self.with(|b| {
            let left = b.ins().iadd_imm_s(left, -1);
            b.ins().brif(left, turn, &args(&[&next[..], &[left]].concat()), end, &args(&next));
        });
        self.switch_to(end);
        last
    }

    fn scan(&self, count: Value, (carries, xs): (usize, usize), reverse: bool, body: &Block) {
        let flow = self.flow;
        let carried = self.loaded(&self.operands(0..carries));
        let shared = self.outside(&self.operands(carries + xs..flow.inputs.len()));
        // What moves on from step to step: sequences that are read, and such that are kept.
        let kept: Vec<usize> = (0..flow.outputs.len()).filter(|&k| flow.outputs[k].is_by_step()).collect();
        let read = (carries..carries + xs).map(|k| (self.inputs[k], flow.inputs[k]));
        let moving: Vec<(Value, usize)> = read.chain(kept.iter().map(|&k| (self.outputs[k], flow.outputs[k].len))).collect();
        let by = |len: usize| if reverse { -(len as i64) } else { len as i64 } * i64::from(self.size());
        let start = |&(base, len): &(Value, usize)| match reverse {
            false => base,
            true => self.with(|b| {
                let before = b.ins().iadd_imm_s(count, -1);
                let offset = b.ins().imul_imm_s(before, -by(len));
                b.ins().iadd(base, offset)
            }),
        };
        let starts: Vec<Value> = moving.iter().map(start).collect();
        let (turn, inside) = self.new_block(carried.len());
        let (end, last) = self.new_block(carried.len());
        let at: Vec<Value> = self.with(|b| (0..=moving.len()).map(|_| b.append_block_param(turn, types::I64)).collect());
        let (at, left) = at.split_at(moving.len());
        self.with(|b| {
            let some = b.ins().icmp_imm_s(IntCC::NotEqual, count, 0);
            b.ins().brif(some, turn, &args(&[&carried[..], &starts, &[count]].concat()), end, &args(&carried));
        });
        self.switch_to(turn);
        let step = |(k, &base): (usize, &Value)| {
            let elements = 0..flow.inputs[carries + k];
            elements.map(move |element| Place::Memory(base, element as i32 * self.size()))
        };
        let sequences = at[..xs].iter().enumerate().flat_map(step);
        let given: Vec<Place> = inside.iter().map(|&v| Place::Value(v)).chain(sequences).chain(shared).collect();
        let results = self.block(body, given);
        for (&output, &base) in kept.iter().zip(&at[xs..]) {
            let output = &flow.outputs[output];
            self.store(output, base, if output.from == From::Carried { &inside } else { &results });
        }
        let next = &results[..carried.len()];
        self.with(|b| {
            let moved: Vec<Value> = at.iter().zip(&moving).map(|(&at, &(_, len))| b.ins().iadd_imm_s(at, by(len))).collect();
            let left = b.ins().iadd_imm_s(left[0], -1);
            b.ins().brif(left, turn, &args(&[next, &moved, &[left]].concat()), end, &args(next));
        });
        self.switch_to(end);
        self.last(&last);
    }

    /// The results of a block.
    pub(super) fn block(&self, block: &Block, given: Vec<Place>) -> Vec<Value> {
        let mut frame = self.steps(block, given);
        block.results.iter().map(|&step| bare(self.value(&mut frame, step))).collect()
    }

    /// The results of a block behind another, of which some numbers are known.
    pub(super) fn block_behind(&self, block: &Block, given: Vec<Place>, shared: &[Shared], known: &[Value]) -> Vec<Value> {
        let mut frame = self.steps_behind(block, given, shared, known);
        block.results.iter().map(|&step| bare(self.value(&mut frame, step))).collect()
    }

    /// Whether a block gives a number that is not 0.
    pub(super) fn holds(&self, block: &Block, given: Vec<Place>) -> Value {
        self.asked(block, given, &[]).0
    }

    /// The same, and what a block behind it needs.
    pub(super) fn asked(&self, block: &Block, given: Vec<Place>, shared: &[Shared]) -> (Value, Vec<Value>) {
        let mut frame = self.steps(block, given);
        let holds = self.truth(&mut frame, block.results[0]);
        (holds, shared.iter().filter_map(|&(_, own)| Some(bare(self.value(&mut frame, own?)))).collect())
    }

    fn steps<'p>(&self, block: &'p Block, given: Vec<Place>) -> Frame<'e, 'f, 'p> {
        self.steps_behind(block, given, &[], &[])
    }

    /// Makes the steps of a block but those that it shares with another before it.
    fn steps_behind<'p>(&self, block: &'p Block, given: Vec<Place>, shared: &[Shared], known: &[Value]) -> Frame<'e, 'f, 'p> {
        debug_assert_eq!(block.given, given.len());
        let mut frame = Frame { block, given, values: vec![None; block.steps.len()], turns: vec![] };
        for (&(step, _), &v) in shared.iter().filter(|(_, own)| own.is_some()).zip(known) {
            frame.values[step as usize] = Some(Any::Num(self.emitter.number(v)));
        }
        let pairs = pairs(block);
        let early = early(block, |step| matches!(frame.given.get(step as usize), Some(Place::Value(_))));
        for k in early.into_iter().chain(block.given..block.steps.len()) {
            match &block.steps[k] {
                _ if frame.values[k].is_some() => {}
                _ if shared.binary_search_by_key(&(k as u32), |&(step, _)| step).is_ok() => {}
                BlockStep::Apply(_, [x, ..]) if let Some(&(routine, both)) = pairs.get(&(k as u32)) => {
                    let v = bare(self.value(&mut frame, *x));
                    for (step, v) in both.into_iter().zip(self.emitter.both(routine, v)) {
                        frame.values[step as usize] = Some(Any::Num(self.emitter.number(v)));
                    }
                }
                BlockStep::Apply(op, operands) => {
                    let mut values =
                        [Any::Num(self.emitter.number(self.inputs.first().copied().unwrap_or_else(|| self.outputs[0]))); 3];
                    for (value, &operand) in values.iter_mut().zip(&operands[..op.arity()]) {
                        *value = self.value(&mut frame, operand);
                    }
                    self.emitter.plain.set(false);
                    frame.values[k] = Some(op.value::<Emit>(&values));
                }
                BlockStep::Nested(nested) => {
                    for (at, v) in self.nested(&mut frame, k as u32, nested).into_iter().enumerate() {
                        frame.values[k + 1 + at] = Some(Any::Num(self.emitter.number(v)));
                    }
                }
                BlockStep::Same(step) => frame.values[k] = Some(self.value(&mut frame, *step)),
                BlockStep::Given | BlockStep::Const(_) | BlockStep::Flag(_) | BlockStep::Result(_) => {}
            }
        }
        frame
    }

    fn nested(&self, frame: &mut Frame<'e, 'f, '_>, at: u32, Nested { operands, turns }: &Nested) -> Vec<Value> {
        // What is in memory may stay there.
        let mut place = |operand: &u32| match frame.given.get(*operand as usize) {
            Some(&place) => place,
            None => Place::Value(bare(self.value(frame, *operand))),
        };
        match turns {
            Turns::Branch(blocks) => {
                let given: Vec<Place> = operands[1..].iter().map(&mut place).collect();
                let holds = self.truth(frame, operands[0]);
                self.either(holds, blocks, &given, |_, results| results)
            }
            Turns::While { carries, condition, body, most } => {
                let given: Vec<Place> = operands.iter().map(place).collect();
                let (carried, shared) = given.split_at(*carries);
                self.turns(self.loaded(carried), shared, (condition, body), *most)
            }
            Turns::Recorded { condition, sweep, most } => {
                let given: Vec<Place> = operands.iter().map(place).collect();
                let (carried, shared) = given.split_at(sweep.carries);
                let (last, turns) = self.forward(self.loaded(carried), shared, (condition, sweep), *most);
                frame.turns.push((at, turns));
                last
            }
            Turns::Back { of, sweeps, last } => {
                let given: Vec<Place> = operands.iter().map(place).collect();
                let block = frame.block;
                let BlockStep::Nested(loops) = &block.steps[*of as usize] else { unreachable!("it is a loop") };
                let Turns::Recorded { sweep, .. } = &loops.turns else { unreachable!("its turns are recorded") };
                let turns = frame.turns.iter().find(|(at, _)| at == of).expect("an earlier step").1;
                self.back(turns, sweep, &given, sweeps, *last)
            }
            Turns::Repeat { carries, times, body } => {
                let given: Vec<Place> = operands.iter().map(place).collect();
                let (carried, shared) = given.split_at(*carries);
                self.repeated(*times, self.loaded(carried), shared, body)
            }
        }
    }

    pub(super) fn value(&self, frame: &mut Frame<'e, 'f, '_>, step: u32) -> Any<Emit<'e, 'f>, EmitMask<'e, 'f>> {
        let k = step as usize;
        match frame.block.steps[k] {
            BlockStep::Given => {
                let v = self.load(frame.given[k]);
                frame.given[k] = Place::Value(v);
                Any::Num(self.emitter.number(v))
            }
            BlockStep::Const(bits) => Any::Num(self.emitter.number(self.emitter.constants(f64::from_bits(bits)))),
            BlockStep::Flag(holds) => Any::Mask(self.emitter.mask(self.emitter.flag(holds))),
            BlockStep::Apply(..) | BlockStep::Nested(_) | BlockStep::Result(_) | BlockStep::Same(_) => {
                frame.values[k].expect("an earlier step")
            }
        }
    }
}
