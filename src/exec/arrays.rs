//! Running a function of arrays: plans for the lengths of calls, and calls.

use super::call::{Access, Call, Slices};
use super::code::Code;
use super::run::act_all;
use super::scratch::with_arrays;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Function, InputGroup, OutputGroup};
use crate::op::{DType, Scalar};
use crate::schedule::ir::{Plan, Schedule};
use crate::schedule::lengths::open_lengths;
use crate::schedule::{plan, workspace};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// A function of arrays, compiled.
pub(crate) struct Arrays {
    schedule: Arc<Schedule>,
    codes: Arc<[Arc<Code>]>,
    /// Outputs that overwrite an input.
    updates: Vec<(usize, usize)>,
    /// The plan for the lengths of the first call, which needs no lock.
    first: OnceLock<Arc<Ready>>,
    /// Plans for other lengths, those of late first.
    others: Mutex<Vec<Arc<Ready>>>,
    pub(crate) time: Duration,
}

/// How many plans are kept beside the first.
const PLANS: usize = 8;

/// A plan, and the values that depend on no input.
struct Ready {
    /// The lengths of open axes that were given.
    given: Vec<(String, usize)>,
    plan: Plan,
    kept: Vec<u64>,
}

impl Ready {
    fn fits<T>(&self, threads: usize, given: &[(&str, usize)], slices: &Slices<T>) -> bool {
        let same = |lengths: &[usize], slices: &mut dyn ExactSizeIterator<Item = usize>| {
            lengths.len() == slices.len() && lengths.iter().all(|&len| slices.next() == Some(len))
        };
        self.plan.parallel == (threads > 1)
            && same(&self.plan.inputs, &mut slices.inputs.iter().map(|slice| slice.len()))
            && same(&self.plan.state, &mut slices.state.iter().map(|slice| slice.len()))
            && self.given.len() == given.len()
            && self.given.iter().zip(given).all(|((name, len), other)| (name.as_str(), *len) == *other)
    }
}

impl Arrays {
    /// `code` is that of the schedule's units.
    pub(crate) fn new(schedule: Arc<Schedule>, codes: Arc<[Arc<Code>]>, updates: Vec<(usize, usize)>, time: Duration) -> Arrays {
        Arrays { schedule, codes, updates, first: OnceLock::new(), others: Mutex::default(), time }
    }

    /// The same code, with outputs that overwrite inputs.
    pub(crate) fn updating(&self, updates: Vec<(usize, usize)>) -> Arrays {
        Arrays::new(self.schedule.clone(), self.codes.clone(), updates, self.time)
    }

    pub(crate) fn function(&self) -> &Function {
        &self.schedule.f
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The code of the schedule's units, in their order.
    pub(crate) fn codes(&self) -> &[Arc<Code>] {
        &self.codes
    }

    /// Bytes of memory that a call with the lengths of the first one uses beside its slices.
    pub(crate) fn workspace_bytes(&self) -> Option<usize> {
        let number = self.schedule.f.width().bytes();
        self.first.get().map(|ready| (workspace(&ready.plan) + ready.plan.kept) * number + ready.plan.table * 8)
    }

    /// The inputs that are given as inputs, or else those that are overwritten.
    fn input_groups(&self, overwritten: bool) -> impl Iterator<Item = &InputGroup> {
        let is_state = |k: usize| self.updates.iter().any(|&(_, input)| input == k);
        self.schedule.f.inputs().iter().enumerate().filter(move |(k, _)| is_state(*k) == overwritten).map(|(_, group)| group)
    }

    /// The outputs that are given slices of their own.
    fn output_groups(&self) -> impl Iterator<Item = &OutputGroup> {
        let is_update = |k: usize| self.updates.iter().any(|&(output, _)| output == k);
        self.schedule.f.outputs().iter().enumerate().filter(move |(k, _)| !is_update(*k)).map(|(_, group)| group)
    }

    /// A call on up to some threads, with the lengths of open axes that the slices do not tell.
    pub(crate) fn call<T: Scalar>(&self, threads: usize, given: &[(&str, usize)], mut slices: Slices<T>) -> Result<()> {
        let f = &self.schedule.f;
        if T::WIDTH != f.width() {
            return Err(crate::base::wrong_width(f.width(), T::WIDTH));
        }
        let other;
        let ready: &Ready = match self.first.get() {
            Some(first) if first.fits(threads, given, &slices) => first,
            _ => {
                other = self.other_plan(threads, given, &slices)?;
                &other
            }
        };
        let plan = &ready.plan;
        if slices.outputs.len() != plan.outputs.len() || slices.outputs.iter().zip(&plan.outputs).any(|(y, &len)| y.len() != len)
        {
            return Err(self.wrong_outputs(plan, &slices));
        }
        for (group, slice) in self.input_groups(false).zip(slices.inputs).filter(|(group, _)| group.dtype() == DType::Index) {
            let bad = |v: &&T| !(v.to_f64() >= 0.0 && v.to_f64() < 9e15 && v.to_f64() as i64 as f64 == v.to_f64());
            if let Some(bad) = slice.iter().find(bad) {
                return Err(Error::new(ErrorKind::Value, format!("the input `{}` has the index {bad:?}", group.name())));
            }
        }
        with_arrays(plan.table + words::<T>(plan.scratch), |memory| {
            // Nothing writes to what is kept any more.
            let kept = ready.kept.as_ptr().cast_mut().cast();
            let scratch = memory.wrapping_add(plan.table).cast();
            act_all(
                &self.codes,
                &plan.actions,
                &mut Call::new(Access::Slices(&mut slices), (scratch, kept, memory.cast()), threads),
            )
        })
    }

    /// A plan for lengths that are not those of the first call.
    #[cold]
    fn other_plan<T: Scalar>(&self, threads: usize, given: &[(&str, usize)], slices: &Slices<T>) -> Result<Arc<Ready>> {
        {
            let mut others = self.others.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(at) = others.iter().position(|ready| ready.fits(threads, given, slices)) {
                others[..=at].rotate_right(1);
                return Ok(others[0].clone());
            }
        }
        self.check_counts(slices)?;
        let f = &self.schedule.f;
        // By the order of the function's inputs.
        let (mut state, mut others) = (slices.state.iter().map(|s| s.len()), slices.inputs.iter().map(|s| s.len()));
        let mut lengths = vec![0; f.inputs().len()];
        for &(_, input) in &self.updates {
            lengths[input] = state.next().unwrap_or(0);
        }
        for (k, len) in lengths.iter_mut().enumerate() {
            if !self.updates.iter().any(|&(_, input)| input == k) {
                *len = others.next().unwrap_or(0);
            }
        }
        let open = open_lengths(f, given, &lengths)?;
        let plan = plan(&self.schedule, self.schedule.once, &self.updates, &open, threads > 1);
        let mut kept = vec![0u64; words::<T>(plan.kept)];
        // What runs once has no workspace. What it names of it has no length, and an address nonetheless.
        let mut none = Slices { state: &mut [], inputs: &[], outputs: &mut [] };
        let mut table = vec![std::ptr::null_mut(); plan.table];
        let (kept_at, table) = (kept.as_mut_ptr().cast::<T>(), table.as_mut_ptr());
        let mut call = Call::new(Access::Slices(&mut none), (NonNull::dangling().as_ptr(), kept_at, table), 1);
        act_all(&self.codes, &plan.once, &mut call)?;
        let ready = Arc::new(Ready { given: given.iter().map(|&(name, len)| (name.to_owned(), len)).collect(), plan, kept });
        if self.first.set(ready.clone()).is_err() {
            let mut others = self.others.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            others.truncate(PLANS - 1);
            others.insert(0, ready.clone());
        }
        Ok(ready)
    }

    fn check_counts<T>(&self, slices: &Slices<T>) -> Result<()> {
        let inputs = |overwritten| self.input_groups(overwritten).map(InputGroup::name).collect::<Vec<_>>();
        let outputs: Vec<&str> = self.output_groups().map(OutputGroup::name).collect();
        let (state, inputs) = (inputs(true), inputs(false));
        let given = [slices.state.len(), slices.inputs.len(), slices.outputs.len()];
        if given == [state.len(), inputs.len(), outputs.len()] {
            return Ok(());
        }
        let (before, of_state) = match &state[..] {
            [] => (String::new(), String::new()),
            names => (format!("{} to update, ", given[0]), format!("[{}] ", names.join(", "))),
        };
        let message = format!(
            "{before}{} input and {} output slices for {of_state}({}) -> ({})",
            given[1],
            given[2],
            inputs.join(", "),
            outputs.join(", ")
        );
        Err(Error::new(ErrorKind::Length, message))
    }

    #[cold]
    fn wrong_outputs<T>(&self, plan: &Plan, slices: &Slices<T>) -> Error {
        if let Err(error) = self.check_counts(slices) {
            return error;
        }
        let wrong = self.output_groups().zip(slices.outputs.iter()).zip(&plan.outputs).find(|((_, y), len)| y.len() != **len);
        let message = match wrong {
            Some(((group, y), len)) => format!("the output `{}` needs room for {len} numbers, not {}", group.name(), y.len()),
            None => "the output slices do not fit".into(),
        };
        Error::new(ErrorKind::Length, message)
    }
}

/// Words of memory that hold so many numbers.
fn words<T: Scalar>(len: usize) -> usize {
    match T::WIDTH {
        Width::F64 => len,
        Width::F32 => len.div_ceil(2),
    }
}
