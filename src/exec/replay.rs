//! Running scans and loops of which few states are in memory: forward for the first time, leaving states, and back over the steps, which run again
//! from there.

use super::bodies::{ActAll, Bodies, Buffers};
use super::call::{Call, Lent};
use super::code::{Code, run_flow};
use super::turns;
use crate::base::online::Online;
use crate::base::revolve::{Move, Moves};
use crate::error::Result;
use crate::op::Scalar;
use crate::schedule::ir::{Buffer, RunBack, RunRead, RunReplay, RunSource, RunSteps};
use crate::schedule::unit::UnitRef;
use smallvec::SmallVec;
use std::sync::Arc;

/// Runs a scan or a loop that leaves states, or what goes back over steps, whose actions `act_all` runs.
pub(super) fn run<T: Scalar>(codes: &[Arc<Code>], run: &RunReplay, call: &mut Call<T>, act_all: ActAll<T>) -> Result<()> {
    let bodies = Bodies { codes, plans: &run.plans, scratch: run.scratch, act_all };
    let running = Running { codes, run, bodies };
    match (&run.back, &run.turns) {
        (None, None) => run.sources.iter().try_for_each(|source| running.first(source, call)),
        (None, Some(turns)) => turns::run(&running.bodies, run, turns, call),
        (Some(back), _) => running.back(back, call),
    }
}

struct Running<'r, T> {
    codes: &'r [Arc<Code>],
    run: &'r RunReplay,
    bodies: Bodies<'r, T>,
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
        let steps = run.turns.as_ref().map_or(run.steps, |turns| turns::count(turns, call));
        if steps == 0 {
            back.init.iter().zip(&back.last).for_each(|(from, to)| call.copy(*from, *to));
            return Ok(());
        }
        let read: SmallVec<[&RunSource; 2]> = run.sources.iter().filter(|source| source.rest).collect();
        // A scan's first states are those that these moves begin with.
        let mut there = run.ready && run.turns.is_none();
        let moves = match run.turns {
            Some(_) if run.ready => Moves::from(&Online::after(steps, run.states).turns(), steps, run.states),
            _ => Moves::new(steps, run.states),
        };
        let mut carried = Buffers::from_slice(&back.init);
        let mut odd = false;
        for one in moves {
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
        self.run.state(source, entry).collect()
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
            self.bodies.run(plan, (&inputs, &outputs), &mut lent, call)?;
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
            let mut inputs: Buffers = carried.iter().copied().chain(xs).collect();
            if back.reads_first {
                inputs.rotate_left(carried.len());
            }
            inputs.extend_from_slice(&back.shared);
            let outputs: Buffers = next.iter().copied().chain(back.each.iter().map(|&all| part(all))).collect();
            match &back.code {
                Some(unit) => run_flow(&self.codes[unit.index()], (&inputs, &outputs), of_each, self.run.at, call)?,
                None => self.bodies.run(self.run.plans.len() - 1, (&inputs, &outputs), &mut lent, call)?,
            }
            *carried = next;
            *odd = !*odd;
        }
        Ok(())
    }
}
