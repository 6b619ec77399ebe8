//! Running operations with bodies.

use super::call::{ActAll, Call, Lent};
use super::code::Code;
use super::records::{self, Tapes};
use crate::error::Result;
use crate::eval::call_opaque;
use crate::op::Scalar;
use crate::schedule::ir::{Buffer, Carried, Flow, RunControl, RunSweep, Space, ValueId};
use crate::schedule::unit::UnitRef;
use smallvec::SmallVec;
use std::sync::Arc;

/// The inputs of a body, or its outputs.
type Buffers = SmallVec<[Buffer; 16]>;

/// Runs an operation with bodies, whose actions `act_all` runs.
pub(super) fn run<T: Scalar>(codes: &[Arc<Code>], run: &RunControl, call: &mut Call<T>, act_all: ActAll<T>) -> Result<()> {
    Running { codes, run, act_all }.run(call)
}

struct Running<'r, T> {
    codes: &'r [Arc<Code>],
    run: &'r RunControl,
    act_all: ActAll<T>,
}

impl<T: Scalar> Running<'_, T> {
    fn run(&self, call: &mut Call<T>) -> Result<()> {
        let run = self.run;
        match &run.flow {
            Flow::Choice => {
                let holds = call.with([self.run.operands[0]], NOWHERE, |[holds], _| holds[0] != T::default());
                self.body(usize::from(!holds), (&self.run.operands[1..], &self.run.last), &mut Lent::default(), call)
            }
            Flow::Once => self.body(0, (&self.run.operands, &self.run.last), &mut Lent::default(), call),
            Flow::Opaque { call: function, indices } => {
                call.within(&self.run.operands, &self.run.last, self.run.scratch, &mut Lent::default(), |call| {
                    call.lend(|inputs, outputs| call_opaque(function, indices, inputs, outputs, run.at))
                })
            }
            &Flow::While { carries } => {
                // What is carried, then what is shared; the lists serve all steps.
                let mut inputs = Buffers::from_slice(&self.run.operands);
                let mut lent = Lent::default();
                let mut odd = false;
                loop {
                    let flag = self.flag();
                    self.body(0, (&inputs, &[flag]), &mut lent, call)?;
                    if !call.with([flag], NOWHERE, |[flag], _| flag[0] != T::default()) {
                        break;
                    }
                    let next: Buffers = self.run.carried.iter().map(|carried| turn(carried, odd)).collect();
                    self.body(1, (&inputs, &next), &mut lent, call)?;
                    inputs[..carries].copy_from_slice(&next);
                    odd = !odd;
                }
                inputs[..carries].iter().zip(&self.run.last).for_each(|(from, to)| call.copy(*from, *to));
                Ok(())
            }
            Flow::Sweeps(sweeps) => self.sweeps(sweeps, call),
            Flow::Scan { carries, xs, reverse, steps, whole } => {
                self.scan((*steps, whole.as_ref()), *carries, *xs, *reverse, call)
            }
        }
    }

    /// A loop, then sweeps over its turns. What later sweeps read of a turn is put aside, and brought back for each.
    fn sweeps(&self, sweeps: &[RunSweep], call: &mut Call<T>) -> Result<()> {
        let mut starts = &self.run.operands[..];
        let shared = &self.run.operands[self.run.last.len()..];
        let (mut carried, mut last) = (&self.run.carried[..], &self.run.last[..]);
        // Of each sweep, what is kept of its record, and how many elements that is.
        let kept: Vec<(Buffers, usize)> = sweeps
            .iter()
            .map(|sweep| chosen(&sweep.record, &sweep.kept))
            .map(|kept| (kept.iter().map(|buffer| buffer.len).sum(), kept))
            .map(|(len, kept)| (kept, len))
            .collect();
        let mut tapes = Tapes::new(sweeps.len());
        let mut count = 0;
        let mut records = Buffers::new();
        for (k, sweep) in sweeps.iter().enumerate() {
            let (own, turns, results);
            (own, starts) = starts.split_at(sweep.carries);
            (turns, carried) = carried.split_at(sweep.carries);
            (results, last) = last.split_at(sweep.carries);
            let record = kept[k].1;
            let (of_given, of_rest) = sweep.kept.split_at(sweep.carries);
            let mut lent = Lent::default();
            // The records before, what is carried, what is shared.
            let first = records.len();
            let mut inputs: Buffers = records.iter().chain(own).chain(shared).copied().collect();
            for turn in 0.. {
                if k == 0 {
                    let flag = self.flag();
                    self.body(0, (&inputs, &[flag]), &mut lent, call)?;
                    if !call.with([flag], NOWHERE, |[flag], _| flag[0] != T::default()) {
                        count = turn;
                        break;
                    }
                } else if turn == count {
                    break;
                }
                if !tapes.grow(record, record) {
                    records::check(self.run.at)?;
                }
                for (j, (kept, len)) in kept[..k].iter().enumerate() {
                    let turn = if (k - j) % 2 == 0 { turn } else { count - 1 - turn };
                    let mut from = tapes.record(j, *len, turn);
                    for &to in kept {
                        let own;
                        (own, from) = from.split_at(to.len);
                        call.with([], to, |[], to| to.iter_mut().zip(own).for_each(|(to, &v)| *to = T::lit(v)));
                    }
                }
                let next: Buffers = turns.iter().map(|carried| self::turn(carried, turn % 2 == 1)).collect();
                let outputs: Buffers = next.iter().chain(&sweep.record[sweep.carries..]).copied().collect();
                let given = Buffers::from_slice(&inputs[first..first + sweep.carries]);
                self.put_aside(k, &chosen(&given, of_given), &mut tapes, call);
                self.body(1 + k, (&inputs, &outputs), &mut lent, call)?;
                self.put_aside(k, &chosen(&outputs[sweep.carries..], of_rest), &mut tapes, call);
                inputs[first..first + sweep.carries].copy_from_slice(&next);
            }
            inputs[first..first + sweep.carries].iter().zip(results).for_each(|(from, to)| call.copy(*from, *to));
            records.extend_from_slice(&sweep.record);
        }
        Ok(())
    }

    fn put_aside(&self, tape: usize, buffers: &[Buffer], tapes: &mut Tapes, call: &mut Call<T>) {
        for &buffer in buffers {
            call.with([buffer], NOWHERE, |[from], _| from.iter().for_each(|v| tapes.push(tape, v.to_f64())));
        }
    }

    fn scan(
        &self,
        (n, whole): (usize, Option<&UnitRef>),
        carries: usize,
        xs: usize,
        reverse: bool,
        call: &mut Call<T>,
    ) -> Result<()> {
        let (init, rest) = self.run.operands.split_at(carries);
        let (xs, shared) = rest.split_at(xs);
        if n == 0 {
            init.iter().zip(&self.run.last).for_each(|(from, to)| call.copy(*from, *to));
            return Ok(());
        }
        let at = |step: usize| if reverse { n - 1 - step } else { step };
        // What a step is given and gives; the lists serve all steps.
        let (mut inputs, mut outputs) = (Buffers::new(), Buffers::new());
        for (k, &from) in init.iter().enumerate() {
            inputs.push(match self.run.carried[k] {
                Carried::Turns(_) => from,
                Carried::Kept(all) => {
                    let to = all.part(n, at(0));
                    call.copy(from, to);
                    to
                }
            });
            outputs.push(self.carried_on(k, n, 0, at));
        }
        inputs.extend(xs.iter().map(|&x| x.part(n, at(0))));
        inputs.extend_from_slice(shared);
        outputs.extend(self.run.each.iter().map(|&y| y.part(n, at(0))));
        if let Some(unit) = whole {
            return self.scan_whole(n, &self.codes[unit.index()], (&inputs, &outputs), (xs, at), call);
        }
        let mut lent = Lent::default();
        for step in 0..n {
            if step > 0 {
                inputs[..carries].copy_from_slice(&outputs[..carries]);
                (0..carries).for_each(|k| outputs[k] = self.carried_on(k, n, step, at));
                inputs[carries..].iter_mut().zip(xs).for_each(|(to, &x)| *to = x.part(n, at(step)));
                outputs[carries..].iter_mut().zip(&self.run.each).for_each(|(to, &y)| *to = y.part(n, at(step)));
            }
            self.body(0, (&inputs, &outputs), &mut lent, call)?;
        }
        Ok(())
    }

    /// A scan whose step is one piece of straight-line code. Such a step takes no longer than finding all of its operands would, so their
    /// addresses stay in a table, and only those that change from step to step are moved on.
    fn scan_whole(
        &self,
        n: usize,
        code: &Code,
        (first_inputs, first_outputs): (&[Buffer], &[Buffer]),
        (xs, at): (&[Buffer], impl Fn(usize) -> usize + Copy),
        call: &mut Call<T>,
    ) -> Result<()> {
        let carries = self.run.carried.len();
        let table = call.addresses(first_inputs.iter().chain(first_outputs));
        // SAFETY: as many addresses have just been written, and nobody else uses them meanwhile: the step has no actions of its own.
        let table = unsafe { std::slice::from_raw_parts_mut(table, first_inputs.len() + first_outputs.len()) };
        let (inputs, outputs) = table.split_at_mut(first_inputs.len());
        let reverse = at(0) > 0;
        let by = |from: *mut T, len: usize| if reverse { from.wrapping_sub(len) } else { from.wrapping_add(len) };
        for step in 0..n {
            if step > 0 {
                for (k, carried) in self.run.carried.iter().enumerate() {
                    let before = std::mem::replace(&mut inputs[k], outputs[k]);
                    outputs[k] = match carried {
                        _ if step == 1 || step + 1 == n => call.address(self.carried_on(k, n, step, at)),
                        Carried::Turns(_) => before,
                        Carried::Kept(all) => by(outputs[k], all.len / n),
                    };
                }
                inputs[carries..].iter_mut().zip(xs).for_each(|(x, all)| *x = by(*x, all.len / n));
                outputs[carries..].iter_mut().zip(&self.run.each).for_each(|(y, all)| *y = by(*y, all.len / n));
            }
            // SAFETY: `schedule::verify` found that the step is this one piece of code on its slices in order, that operands and results have as
            // many parts as there are steps, each as long as the code takes it, and that results and both places of what is carried are
            // apart from each other and from operands.
            unsafe { code.run_apart(inputs.as_ptr().cast(), outputs.as_mut_ptr().cast()) }
            if code.needs.records {
                records::check(self.run.at)?;
            }
        }
        Ok(())
    }

    /// Where the k-th of what is carried goes at a step of a scan.
    fn carried_on(&self, k: usize, n: usize, step: usize, at: impl Fn(usize) -> usize) -> Buffer {
        match self.run.carried[k] {
            _ if step + 1 == n => self.run.last[k],
            Carried::Turns(places) => places[step % 2],
            Carried::Kept(all) => all.part(n, at(step + 1)),
        }
    }

    /// One number at the end of the workspace.
    fn flag(&self) -> Buffer {
        Buffer { offset: self.run.scratch.offset + self.run.scratch.len - 1, len: 1, ..self.run.scratch }
    }

    fn body<'x>(
        &self,
        k: usize,
        (inputs, outputs): (&[Buffer], &[Buffer]),
        lent: &mut Lent<'x, T>,
        call: &mut Call<T>,
    ) -> Result<()>
    where
        T: 'x,
    {
        call.within(inputs, outputs, self.run.scratch, lent, |call| (self.act_all)(self.codes, &self.run.plans[k].actions, call))
    }
}

/// The buffers that are marked.
fn chosen(buffers: &[Buffer], marked: &[bool]) -> Buffers {
    buffers.iter().zip(marked).filter(|(_, marked)| **marked).map(|(&buffer, _)| buffer).collect()
}

/// What is carried goes to one of two places in turns.
fn turn(carried: &Carried, odd: bool) -> Buffer {
    match carried {
        Carried::Turns(places) => places[usize::from(odd)],
        Carried::Kept(_) => unreachable!("only a scan keeps what it carries"),
    }
}

const NOWHERE: Buffer = Buffer { space: Space::Scratch, offset: 0, len: 0, step: 0, value: ValueId(0) };
