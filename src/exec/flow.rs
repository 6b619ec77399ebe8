//! Loops and branches, interpreted: the steps that native code is made of, with the same bits.

use super::scratch::{with_gathered, with_registers};
use crate::kernels::{Walk, fused};
use crate::op::{Real, Scalar, Value};
use crate::schedule::Program;
use crate::schedule::flow::{Block, BlockStep, Flow, FlowKind, From, Nested, Turns};

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
            fused(Run { flow, inputs, outputs, given, registers })
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

impl<T: Scalar> Walk for Run<'_, T> {
    fn walk(mut self) {
        let flow = self.flow;
        let (_, all) = (self.read(|k| !flow.is_read_by_step(k), 0), self.given.len());
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
        debug_assert_eq!(all, self.given.len());
    }
}

impl<T: Scalar> Run<'_, T> {
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

fn run_block<T: Scalar>(block: &Block, given: &[T], registers: &mut Registers<T>) {
    registers.iter_mut().zip(given).for_each(|(register, &v)| *register = Value::Num(v));
    run_steps(block, registers);
}

/// Runs the steps of a block, whose registers have what it is given.
fn run_steps<T: Scalar>(block: &Block, registers: &mut Registers<T>) {
    let (own, inside) = registers.split_at_mut(block.steps.len());
    for (k, step) in block.steps.iter().enumerate().skip(block.given) {
        own[k] = match step {
            BlockStep::Const(bits) => Value::Num(<T as Real>::lit(f64::from_bits(*bits))),
            BlockStep::Flag(holds) => Value::Mask(*holds),
            BlockStep::Apply(op, args) => op.value::<T>(&args.map(|arg| own[arg as usize])),
            BlockStep::Nested(nested) => {
                run_nested(nested, k, own, inside);
                continue;
            }
            BlockStep::Given | BlockStep::Result(_) => continue,
        };
    }
}

/// Runs the blocks of a step, whose results are the steps behind it.
fn run_nested<T: Scalar>(Nested { operands, turns }: &Nested, at: usize, own: &mut Registers<T>, inside: &mut Registers<T>) {
    let give = |own: &Registers<T>, operands: &[u32], to: &mut Registers<T>| {
        to.iter_mut().zip(operands).for_each(|(to, &operand)| *to = own[operand as usize]);
    };
    let results = |block: &Block, from: &Registers<T>, to: &mut Registers<T>| {
        to.iter_mut().zip(&block.results).for_each(|(to, &step)| *to = from[step as usize]);
    };
    match turns {
        Turns::Branch(blocks) => {
            let block = &blocks[usize::from(own[operands[0] as usize].num() == T::default())];
            give(own, &operands[1..], inside);
            run_steps(block, inside);
            results(block, inside, &mut own[at + 1..]);
        }
        Turns::While { carries, condition, body } => {
            // What is carried is where the results go.
            let (carried, shared) = operands.split_at(*carries);
            for (k, &operand) in carried.iter().enumerate() {
                own[at + 1 + k] = own[operand as usize];
            }
            loop {
                let mut turn = |block: &Block, own: &Registers<T>| {
                    inside[..*carries].copy_from_slice(&own[at + 1..at + 1 + carries]);
                    give(own, shared, &mut inside[*carries..]);
                    run_steps(block, inside);
                };
                turn(condition, own);
                if inside[condition.results[0] as usize].num() == T::default() {
                    break;
                }
                let mut turn = |block: &Block, own: &Registers<T>| {
                    inside[..*carries].copy_from_slice(&own[at + 1..at + 1 + carries]);
                    give(own, shared, &mut inside[*carries..]);
                    run_steps(block, inside);
                };
                turn(body, own);
                results(body, inside, &mut own[at + 1..]);
            }
        }
        Turns::Repeat { carries, times, body } => {
            let (carried, shared) = operands.split_at(*carries);
            for (k, &operand) in carried.iter().enumerate() {
                own[at + 1 + k] = own[operand as usize];
            }
            for _ in 0..*times {
                inside[..*carries].copy_from_slice(&own[at + 1..at + 1 + carries]);
                give(own, shared, &mut inside[*carries..]);
                run_steps(body, inside);
                results(body, inside, &mut own[at + 1..]);
            }
        }
    }
}
