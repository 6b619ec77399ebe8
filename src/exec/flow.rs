//! Loops and branches, interpreted: the steps that native code is made of, with the same bits.

use super::records::Tapes;
use super::scratch::{with_gathered, with_registers};
use crate::kernels::{Walk, fused};
use crate::op::{Real, Scalar, Value};
use crate::schedule::Program;
use crate::schedule::flow::{Block, BlockStep, Flow, FlowKind, From, Nested, SweepBlock, Turns};
use smallvec::SmallVec;

type Registers<T> = [Value<T, bool>];

/// Runs a program of loops and branches: `count` steps of a scan.
///
/// # Safety
/// There is an address for every operand and every result, good for as many elements `T`, times the number of steps where they have elements for
/// every step; what is written is apart from all else.
pub(super) unsafe fn run<T: Scalar>(program: &Program, inputs: *const *const T, outputs: *const *mut T) {
    let flow = program.flow.as_deref().expect("a program of loops and branches");
    let blocks: usize = flow.blocks().map(|block| block.registers).sum();
    let carried: usize = flow.inputs.iter().sum::<usize>();
    with_gathered(carried, T::default(), |given| {
        with_registers(blocks, Value::Num(T::default()), |registers| {
            // SAFETY: as promised.
            Run { flow, inputs, outputs, given, registers }.walk()
        })
    });
}

struct Run<'r, T> {
    flow: &'r Flow,
    inputs: *const *const T,
    outputs: *const *mut T,
    /// The elements of the operands, those of the step at hand where they have some for every step.
    given: &'r mut [T],
    registers: &'r mut Registers<T>,
}

impl<T: Scalar> Run<'_, T> {
    fn walk(mut self) {
        let flow = self.flow;
        self.read(|k| !flow.is_read_by_step(k), 0);
        match &flow.kind {
            FlowKind::Once(block) => {
                run_block(block, self.given, self.registers);
                self.write(From::Last, 0, |this, k| result(block, this.registers, k));
            }
            FlowKind::Branch(blocks) => {
                let block = &blocks[usize::from(self.given[0] == T::default())];
                run_block(block, &self.given[1..], self.registers);
                self.write(From::Last, 0, |this, k| result(block, this.registers, k));
            }
            FlowKind::While { carries, condition, body } => {
                let carried: usize = flow.inputs[..*carries].iter().sum();
                loop {
                    run_block(condition, self.given, self.registers);
                    if result(condition, self.registers, 0) == T::default() {
                        break;
                    }
                    run_block(body, self.given, self.registers);
                    (0..carried).for_each(|k| self.given[k] = result(body, self.registers, k));
                }
                self.write(From::Last, 0, |this, k| this.given[k]);
            }
            FlowKind::Scan { carries, xs, reverse, body } => {
                let carried: usize = flow.inputs[..*carries].iter().sum();
                // SAFETY: the number of steps is behind the addresses of the results.
                let count = unsafe { *self.outputs.add(flow.outputs.len()) }.addr();
                for step in 0..count {
                    let step = if *reverse { count - 1 - step } else { step };
                    self.read(|k| (*carries..carries + xs).contains(&k), step);
                    run_block(body, self.given, self.registers);
                    self.write(From::Carried, step, |this, k| this.given[k]);
                    self.write(From::Each, step, |this, k| result(body, this.registers, k));
                    (0..carried).for_each(|k| self.given[k] = result(body, self.registers, k));
                }
                self.write(From::Last, 0, |this, k| this.given[k]);
            }
        }
    }

    /// Reads the elements of some operands at a step.
    fn read(&mut self, which: impl Fn(usize) -> bool, step: usize) {
        let mut at = 0;
        for (k, &len) in self.flow.inputs.iter().enumerate() {
            if which(k) && len > 0 {
                // SAFETY: as `run` says.
                let own = unsafe { std::slice::from_raw_parts((*self.inputs.add(k)).add(step * len), len) };
                self.given[at..at + len].copy_from_slice(own);
            }
            at += len;
        }
    }

    /// Writes some results at a step.
    fn write(&self, from: From, step: usize, element: impl Fn(&Self, usize) -> T) {
        for (k, output) in self.flow.outputs.iter().enumerate().filter(|(_, output)| output.from == from) {
            for at in 0..output.len {
                // SAFETY: as `run` says.
                unsafe { *(*self.outputs.add(k)).add(step * output.len + at) = element(self, output.first + at) }
            }
        }
    }
}

fn result<T: Scalar>(block: &Block, registers: &Registers<T>, k: usize) -> T {
    registers[block.results[k] as usize].num()
}

/// Runs a block on what it is given. One walk for all blocks: every kernel is a part of it.
fn run_block<T: Scalar>(block: &Block, given: &[T], registers: &mut Registers<T>) {
    registers.iter_mut().zip(given).for_each(|(register, &v)| *register = Value::Num(v));
    fused(Steps { block, registers });
}

/// Runs the steps of a block, whose registers have what it is given.
#[inline(always)]
fn run_steps<T: Scalar>(block: &Block, registers: &mut Registers<T>) {
    let (own, inside) = registers.split_at_mut(block.steps.len());
    // The turns of loops that are recorded.
    let mut turned = AllTurned::new();
    for (k, step) in block.steps.iter().enumerate().skip(block.given) {
        own[k] = match step {
            BlockStep::Const(bits) => Value::Num(<T as Real>::lit(f64::from_bits(*bits))),
            BlockStep::Flag(holds) => Value::Mask(*holds),
            BlockStep::Apply(op, args) => op.value::<T>(&args.map(|arg| own[arg as usize])),
            BlockStep::Nested(nested) => {
                Inside { nested, at: k, own, inside }.run(block, &mut turned);
                continue;
            }
            BlockStep::Same(step) => own[*step as usize],
            BlockStep::Given | BlockStep::Result(_) => continue,
        };
    }
}

/// The steps of a block inside another.
struct Steps<'r, T> {
    block: &'r Block,
    registers: &'r mut Registers<T>,
}

impl<T: Scalar> Walk for Steps<'_, T> {
    #[inline(always)]
    fn walk(self) {
        run_steps(self.block, self.registers);
    }
}

/// The turns of a loop, with what is kept of each.
struct Turned {
    count: usize,
    tapes: Tapes,
}

/// Those of the loops of a block, by their step.
type AllTurned = SmallVec<[(u32, Turned); 1]>;

/// A record in full, with zeros where nothing was kept.
fn with_record(to: &mut Vec<f64>, sweep: &SweepBlock, kept: &[f64]) {
    let first = to.len();
    to.resize(first + sweep.body.results.len(), 0.0);
    sweep.kept.iter().zip(kept).for_each(|(&entry, &v)| to[first + entry as usize] = v);
}

/// A step with blocks, whose results are the steps behind it.
struct Inside<'r, T> {
    nested: &'r Nested,
    at: usize,
    own: &'r mut Registers<T>,
    inside: &'r mut Registers<T>,
}

impl<'r, T: Scalar> Inside<'r, T> {
    #[inline(never)]
    fn run(mut self, block: &Block, turned: &mut AllTurned) {
        let Nested { operands, turns } = self.nested;
        match turns {
            Turns::Branch(blocks) => {
                let block = &blocks[usize::from(self.own[operands[0] as usize].num() == T::default())];
                self.block(block, 0, &operands[1..]);
                self.keep(block);
            }
            Turns::While { carries, condition, body } => {
                let shared = self.start(*carries);
                loop {
                    self.block(condition, *carries, shared);
                    if self.inside[condition.results[0] as usize].num() == T::default() {
                        break;
                    }
                    self.block(body, *carries, shared);
                    self.keep(body);
                }
            }
            Turns::Recorded { condition, sweep } => {
                let shared = self.start(sweep.carries);
                let mut tapes = Tapes::new(1);
                let count = self.forward(condition, sweep, shared, &mut tapes);
                turned.push((self.at as u32, Turned { count, tapes }));
            }
            Turns::Back { of, sweeps, .. } => {
                let BlockStep::Nested(loops) = &block.steps[*of as usize] else { unreachable!("it is a loop") };
                let Turns::Recorded { sweep, .. } = &loops.turns else { unreachable!("its turns are recorded") };
                let turned = &turned.iter().find(|(at, _)| at == of).expect("an earlier step").1;
                self.back(sweep, turned, sweeps);
            }
            Turns::Repeat { carries, times, body } => {
                let shared = self.start(*carries);
                for _ in 0..*times {
                    self.block(body, *carries, shared);
                    self.keep(body);
                }
            }
        }
    }

    /// A loop whose turns are recorded: how many there are.
    fn forward(&mut self, condition: &Block, sweep: &SweepBlock, shared: &[u32], tapes: &mut Tapes) -> usize {
        let record = sweep.kept.len();
        for turn in 0.. {
            self.block(condition, sweep.carries, shared);
            let goes = self.inside[condition.results[0] as usize].num() != T::default();
            if !goes || !tapes.grow(record, record) {
                return turn;
            }
            self.turn(sweep, &[], (self.at + 1, shared), |v| tapes.push(0, v));
        }
        unreachable!("a loop ends by its condition")
    }

    /// Further sweeps over the turns of a loop.
    fn back(&mut self, of: &SweepBlock, turned: &Turned, sweeps: &[SweepBlock]) {
        let shared = self.start(sweeps.iter().map(|sweep| sweep.carries).sum());
        let mut tapes = Tapes::new(sweeps.len() + 1);
        let (mut count, mut first) = (turned.count, self.at + 1);
        let mut given = tapes.take(sweeps.len());
        for (k, sweep) in sweeps.iter().enumerate() {
            let record = sweep.kept.len();
            if !tapes.grow(count * record, record) {
                count = 0;
            }
            for turn in 0..count {
                given.clear();
                let other = count - 1 - turn;
                let of_loop = turned.tapes.record(0, of.kept.len(), if k % 2 == 0 { other } else { turn });
                with_record(&mut given, of, of_loop);
                for (j, earlier) in sweeps[..k].iter().enumerate() {
                    let turn = if (k - j) % 2 == 0 { turn } else { other };
                    with_record(&mut given, earlier, tapes.record(j, earlier.kept.len(), turn));
                }
                self.turn(sweep, &given, (first, shared), |v| tapes.push(k, v));
            }
            first += sweep.carries;
        }
        tapes.give(sweeps.len(), given);
    }

    /// A turn of a sweep, of the records before it, what it carries, which is at `first`, and what is shared; what later sweeps read goes to `keep`.
    fn turn(&mut self, sweep: &SweepBlock, records: &[f64], (first, shared): (usize, &[u32]), mut keep: impl FnMut(f64)) {
        let carries = sweep.carries;
        for (to, &v) in self.inside.iter_mut().zip(records) {
            *to = Value::Num(T::lit(v));
        }
        let (carried, rest) = self.inside[records.len()..].split_at_mut(carries);
        carried.copy_from_slice(&self.own[first..first + carries]);
        rest.iter_mut().zip(shared).for_each(|(to, &operand)| *to = self.own[operand as usize]);
        fused(Steps { block: &sweep.body, registers: self.inside });
        for &entry in &sweep.kept {
            let v = match (entry as usize) < carries {
                true => self.own[first + entry as usize],
                false => self.inside[sweep.body.results[entry as usize] as usize],
            };
            keep(v.num().to_f64());
        }
        let results = self.own[first..first + carries].iter_mut().zip(&sweep.body.results);
        results.for_each(|(to, &step)| *to = self.inside[step as usize]);
    }

    /// What is carried goes where the results will be. Gives the operands that all turns share.
    fn start(&mut self, carries: usize) -> &'r [u32] {
        let (carried, shared) = self.nested.operands.split_at(carries);
        for (k, &operand) in carried.iter().enumerate() {
            self.own[self.at + 1 + k] = self.own[operand as usize];
        }
        shared
    }

    /// Runs a block on so many of the results so far, and on operands.
    fn block(&mut self, block: &Block, carries: usize, operands: &[u32]) {
        self.inside[..carries].copy_from_slice(&self.own[self.at + 1..][..carries]);
        let given = self.inside[carries..].iter_mut().zip(operands);
        given.for_each(|(to, &operand)| *to = self.own[operand as usize]);
        fused(Steps { block, registers: self.inside });
    }

    /// The results of a block, which are those of the step.
    fn keep(&mut self, block: &Block) {
        let results = self.own[self.at + 1..].iter_mut().zip(&block.results);
        results.for_each(|(to, &step)| *to = self.inside[step as usize]);
    }
}
