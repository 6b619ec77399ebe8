//! Running scans of which few states are in memory: forward for the first time, leaving states, and back over the steps, which run again from
//! there.

use super::call::{ActAll, Call, Lent};
use super::code::Code;
use super::records;
use crate::base::revolve::{Move, Moves};
use crate::error::{Caller, Result};
use crate::op::Scalar;
use crate::schedule::ir::{Buffer, RunBack, RunRead, RunReplay, RunSource, RunSteps};
use crate::schedule::unit::UnitRef;
use smallvec::SmallVec;
use std::sync::Arc;

type Buffers = SmallVec<[Buffer; 16]>;

/// Runs code of loops or branches: so many steps of a scan, or once.
pub(super) fn run_flow<T: Scalar>(
    code: &Code,
    (inputs, outputs): (&[Buffer], &[Buffer]),
    steps: usize,
    at: Option<Caller>,
    call: &mut Call<T>,
) -> Result<()> {
    let table = call.addresses(inputs.iter().chain(outputs));
    // SAFETY: `schedule::verify` found that the table has room for one address more, as many buffers as the unit has operands and results,
    // of their lengths and its width, as often as there are steps where they have elements for every step, within their spaces,
    // and every result apart from all operands and other results.
    unsafe {
        *table.add(inputs.len() + outputs.len()) = std::ptr::without_provenance_mut(steps);
        code.run_apart(table.cast(), table.add(inputs.len()).cast());
    }
    if code.needs.records { records::check(at) } else { Ok(()) }
}

/// Runs a scan that leaves states, or one that goes back over steps, whose actions `act_all` runs.
pub(super) fn run<T: Scalar>(codes: &[Arc<Code>], run: &RunReplay, call: &mut Call<T>, act_all: ActAll<T>) -> Result<()> {
    let running = Running { codes, run, act_all };
    match &run.back {
        None => run.sources.iter().try_for_each(|source| running.first(source, call)),
        Some(back) => running.back(back, call),
    }
}

struct Running<'r, T> {
    codes: &'r [Arc<Code>],
    run: &'r RunReplay,
    act_all: ActAll<T>,
}

/// Which run of a source it is.
#[derive(Copy, Clone, PartialEq)]
enum Time {
    First,
    Again,
}

impl<T: Scalar> Running<'_, T> {
    /// All steps, which leave the states that going back needs first.
    fn first(&self, source: &RunSource, call: &mut Call<T>) -> Result<()> {
        let run = self.run;
        if run.steps == 0 {
            source.init.iter().zip(&source.last).for_each(|(from, to)| call.copy(*from, *to));
            return Ok(());
        }
        let start = self.state(source, 0);
        source.init.iter().zip(&start).for_each(|(from, to)| call.copy(*from, *to));
        let (mut entry, mut step) = (0, 0);
        for one in Moves::new(run.steps, run.states) {
            let (at, from, steps, each) = match one {
                Move::Forward { entry, step, steps } => (entry, step, steps, false),
                Move::Each { entry, step, steps } => (entry, step, steps, true),
                Move::Back { .. } => break,
            };
            let (times, of_each) = if each { (steps, 1) } else { (1, steps) };
            for k in 0..times {
                let states = [self.state(source, at + k), self.state(source, at + k + 1)];
                self.forward(source, Time::First, [&states[0], &states[1]], (from + k * of_each, of_each), call)?;
            }
            (entry, step) = (at + times, from + steps);
        }
        let state = self.state(source, entry);
        self.forward(source, Time::First, [&state, &source.last], (step, run.steps - step), call)
    }

    /// Back over all steps, from the last to the first.
    fn back(&self, back: &RunBack, call: &mut Call<T>) -> Result<()> {
        let run = self.run;
        if run.steps == 0 {
            back.init.iter().zip(&back.last).for_each(|(from, to)| call.copy(*from, *to));
            return Ok(());
        }
        let of_steps = |k: usize| back.xs.iter().any(|x| matches!(x, RunRead::Step { source, .. } if *source == k));
        let read: SmallVec<[&RunSource; 2]> =
            run.sources.iter().enumerate().filter(|(k, _)| of_steps(*k)).map(|(_, source)| source).collect();
        let mut there = run.ready;
        let mut carried = Buffers::from_slice(&back.init);
        let mut odd = false;
        for one in Moves::new(run.steps, run.states) {
            match one {
                Move::Forward { .. } | Move::Each { .. } if there => {}
                Move::Forward { entry, step, steps } => {
                    for source in &run.sources {
                        let states = [self.state(source, entry), self.state(source, entry + 1)];
                        self.forward(source, Time::Again, [&states[0], &states[1]], (step, steps), call)?;
                    }
                }
                Move::Each { entry, step, steps } => {
                    run.sources.iter().try_for_each(|source| self.each(source, entry, (step, steps), call))?;
                }
                Move::Back { entry, step, steps } => {
                    there = false;
                    // What a step gives is there for one step at a time.
                    let (times, of_each) = if read.is_empty() { (1, steps) } else { (steps, 1) };
                    for k in (0..times).rev() {
                        let (entry, step) = (entry + k * of_each, step + k * of_each);
                        read.iter().try_for_each(|source| self.rest(source, entry, step, call))?;
                        self.back_over(back, (entry, step, of_each), (&mut carried, &mut odd), call)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn state(&self, source: &RunSource, entry: usize) -> Buffers {
        (0..source.states.len()).map(|k| self.run.states(source, k, entry, 1)).collect()
    }

    /// Runs steps, from one state to another.
    fn forward(
        &self,
        source: &RunSource,
        time: Time,
        [from, to]: [&[Buffer]; 2],
        (step, steps): (usize, usize),
        call: &mut Call<T>,
    ) -> Result<()> {
        match &source.code {
            RunSteps::Flow { first, forward, .. } => {
                let whole = source.each.iter().filter_map(|each| each.whole);
                let whole = whole.map(|all| self.run.of_steps(source, all, step, steps));
                let (unit, each): (_, Buffers) = match time {
                    Time::First => (first, whole.collect()),
                    Time::Again => (forward, Buffers::new()),
                };
                let outputs: Buffers = to.iter().copied().chain(each).collect();
                self.flow(unit.as_ref(), (source, from, &outputs), (step, steps), call)
            }
            RunSteps::Body(plan) => {
                let place = |k: usize| match k + 1 == steps {
                    true => Buffers::from_slice(to),
                    false => source.turns.iter().map(|turns| turns[k % 2]).collect(),
                };
                self.steps(*plan, source, time, (from, &place), (step, steps), call)
            }
        }
    }

    /// Runs steps, each of which leaves its state in a place of its own.
    fn each(&self, source: &RunSource, entry: usize, (step, steps): (usize, usize), call: &mut Call<T>) -> Result<()> {
        let from = self.state(source, entry);
        match &source.code {
            RunSteps::Flow { each, .. } => {
                let places = |k: usize| self.run.states(source, k, entry + 1, steps);
                let to: Buffers = (0..source.states.len()).map(places).collect();
                self.flow(each.as_ref(), (source, &from, &to), (step, steps), call)
            }
            RunSteps::Body(plan) => {
                let place = |k: usize| self.state(source, entry + 1 + k);
                self.steps(*plan, source, Time::Again, (&from, &place), (step, steps), call)
            }
        }
    }

    /// Runs one step for what it gives beside what it carries on.
    fn rest(&self, source: &RunSource, entry: usize, step: usize, call: &mut Call<T>) -> Result<()> {
        let from = self.state(source, entry);
        match &source.code {
            RunSteps::Flow { rest, .. } => {
                let to: Buffers = source.each.iter().filter_map(|each| each.step).collect();
                self.flow(rest.as_ref(), (source, &from, &to), (step, 1), call)
            }
            RunSteps::Body(plan) => {
                let place = |_| source.turns.iter().map(|turns| turns[0]).collect();
                self.steps(*plan, source, Time::Again, (&from, &place), (step, 1), call)
            }
        }
    }

    /// Runs code for steps, if there is any.
    fn flow(
        &self,
        unit: Option<&UnitRef>,
        (source, from, outputs): (&RunSource, &[Buffer], &[Buffer]),
        (step, steps): (usize, usize),
        call: &mut Call<T>,
    ) -> Result<()> {
        let Some(unit) = unit else { return Ok(()) };
        let xs = source.xs.iter().map(|&x| self.run.of_steps(source, x, step, steps));
        let inputs: Buffers = from.iter().copied().chain(xs).chain(source.shared.iter().copied()).collect();
        run_flow(&self.codes[unit.index()], (&inputs, outputs), steps, self.run.at, call)
    }

    /// Runs a body step by step; `place` says where the k-th leaves what it carries on.
    fn steps(
        &self,
        plan: usize,
        source: &RunSource,
        time: Time,
        (from, place): (&[Buffer], &dyn Fn(usize) -> Buffers),
        (step, steps): (usize, usize),
        call: &mut Call<T>,
    ) -> Result<()> {
        let mut carried = Buffers::from_slice(from);
        let mut lent = Lent::default();
        for k in 0..steps {
            let part = |all: Buffer| self.run.of_steps(source, all, step + k, 1);
            let next = place(k);
            let xs = source.xs.iter().map(|&x| part(x));
            let inputs: Buffers = carried.iter().copied().chain(xs).chain(source.shared.iter().copied()).collect();
            let each = source.each.iter().map(|each| match (time, each.whole, each.step) {
                (Time::First, Some(whole), _) => part(whole),
                (_, _, step) => step.expect("a body has memory for all that it gives"),
            });
            let outputs: Buffers = next.iter().copied().chain(each).collect();
            self.body(plan, (&inputs, &outputs), &mut lent, call)?;
            carried = next;
        }
        Ok(())
    }

    /// Goes back over steps whose states are there.
    fn back_over(
        &self,
        back: &RunBack,
        (entry, step, steps): (usize, usize, usize),
        (carried, odd): (&mut Buffers, &mut bool),
        call: &mut Call<T>,
    ) -> Result<()> {
        // All sources go the same way.
        let source = &self.run.sources[0];
        let (times, of_each) = if back.code.is_some() { (1, steps) } else { (steps, 1) };
        let mut lent = Lent::default();
        for k in (0..times).rev() {
            let (entry, step) = (entry + k * of_each, step + k * of_each);
            let next: Buffers = match step {
                0 => Buffers::from_slice(&back.last),
                _ => back.turns.iter().map(|turns| turns[usize::from(*odd)]).collect(),
            };
            let part = |all: Buffer| self.run.of_steps(source, all, step, of_each);
            let xs = back.xs.iter().map(|x| match *x {
                RunRead::Whole(all) => part(all),
                RunRead::State { source, carried } => self.run.states(&self.run.sources[source], carried, entry, of_each),
                RunRead::Step { source, each } => self.run.sources[source].each[each].step.expect("it is made again"),
            });
            let inputs: Buffers = carried.iter().copied().chain(xs).chain(back.shared.iter().copied()).collect();
            let outputs: Buffers = next.iter().copied().chain(back.each.iter().map(|&all| part(all))).collect();
            match &back.code {
                Some(unit) => run_flow(&self.codes[unit.index()], (&inputs, &outputs), of_each, self.run.at, call)?,
                None => self.body(self.run.plans.len() - 1, (&inputs, &outputs), &mut lent, call)?,
            }
            *carried = next;
            *odd = !*odd;
        }
        Ok(())
    }

    fn body<'x>(
        &self,
        plan: usize,
        (inputs, outputs): (&[Buffer], &[Buffer]),
        lent: &mut Lent<'x, T>,
        call: &mut Call<T>,
    ) -> Result<()>
    where
        T: 'x,
    {
        let run = self.run;
        call.within(inputs, outputs, run.scratch, lent, |call| (self.act_all)(self.codes, &run.plans[plan].actions, call))
    }
}
