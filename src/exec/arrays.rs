//! Running a function of arrays: plans for the lengths of calls, and calls.

use super::call::{Access, Call, Slices};
use super::code::Code;
use super::plans::{Plans, Ready};
use super::point::check_counts;
use super::run::act_all;
use super::scratch::{may_lend_arrays, with_arrays};
use crate::base::records::limited;
use crate::base::{Width, memory_limit};
use crate::error::{Error, Kind as ErrorKind, Result, count, short};
use crate::eval::{check_given, check_reach, gives_indices, to_numbers};
use crate::graph::{Function, InputGroup, sweeps};
use crate::op::Scalar;
use crate::schedule::ir::{Plan, Schedule, Updates};
use crate::schedule::lengths::open_lengths;
use crate::schedule::{plan, workspace};
use std::ptr::NonNull;
use std::sync::Arc;

/// A function of arrays, compiled.
pub(crate) struct Arrays {
    schedule: Arc<Schedule>,
    codes: Vec<Arc<Code>>,
    /// Outputs that overwrite an input.
    updates: Box<Updates>,
    /// The most bytes of memory that a call may take.
    memory_limit: Option<usize>,
    /// Whether calls keep records of the turns of loops, which count, too.
    records: bool,
    plans: Plans,
}

/// What calls may take.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most bytes of memory beside the slices.
    pub(crate) memory: Option<usize>,
    /// How many plans are kept.
    pub(crate) plans: Option<usize>,
}

impl Arrays {
    /// `code` is that of the schedule's units.
    pub(crate) fn new(schedule: Arc<Schedule>, codes: Vec<Arc<Code>>, updates: Box<Updates>, limits: Limits) -> Arrays {
        let records = sweeps::line(&schedule.f).is_some();
        Arrays { schedule, codes, updates, memory_limit: limits.memory, records, plans: Plans::new(limits.plans) }
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
        self.plans.first().map(|ready| bytes(&ready.plan))
    }

    /// The inputs that no output overwrites.
    fn given_inputs(&self) -> impl Iterator<Item = &InputGroup> {
        let is_given = |k: usize| !self.updates.iter().any(|&(_, input)| input == k);
        self.schedule.f.inputs().iter().enumerate().filter(move |(k, _)| is_given(*k)).map(|(_, group)| group)
    }

    /// A call on up to some threads, with the lengths of open axes that the slices do not tell.
    pub(crate) fn call<T: Scalar, S: AsRef<str>>(
        &self,
        threads: usize,
        given: &[(S, usize)],
        mut slices: Slices<T>,
    ) -> Result<()> {
        let f = &self.schedule.f;
        if T::WIDTH != f.width() {
            return Err(crate::base::wrong_width(f.width(), T::WIDTH));
        }
        let other;
        let ready: &Ready = match self.plans.first() {
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
        for (group, slice) in self.given_inputs().zip(slices.inputs) {
            check_given(group, T::WIDTH, slice)?;
        }
        for &(output, input) in &*self.updates {
            check_given(&f.inputs()[input], T::WIDTH, slices.outputs[output])?;
        }
        let size = plan.table + words::<T>(plan.scratch);
        if !may_lend_arrays(size) {
            return Err(no_room(size));
        }
        let limit = self.memory_limit;
        let run = |memory: *mut u64| {
            // Nothing writes to what is kept any more.
            let kept = ready.kept.as_ptr().cast_mut().cast();
            let scratch = memory.wrapping_add(plan.table).cast();
            act_all(
                &self.codes,
                &plan.actions,
                &mut Call::new(Access::Slices(&mut slices), (scratch, kept, memory.cast()), threads),
            )
        };
        if self.records { limited(limit, || with_arrays(size, run)) } else { with_arrays(size, run) }?;
        if T::WIDTH == Width::F32 {
            let indices = f.outputs().iter().zip(slices.outputs.iter_mut()).filter(|(group, _)| gives_indices(f, group));
            indices.for_each(|(_, y)| to_numbers(y));
        }
        Ok(())
    }

    /// A plan for lengths that are not those of the first call.
    #[cold]
    fn other_plan<T: Scalar, S: AsRef<str>>(
        &self,
        threads: usize,
        given: &[(S, usize)],
        slices: &Slices<T>,
    ) -> Result<Arc<Ready>> {
        if let Some(ready) = self.plans.find(&self.updates, threads, given, slices) {
            return Ok(ready);
        }
        check_counts(&self.schedule.f, &self.updates, (slices.inputs.len(), slices.outputs.len()))?;
        let given: Vec<(&str, usize)> = given.iter().map(|(name, len)| (name.as_ref(), *len)).collect();
        let f = &self.schedule.f;
        // By the order of the function's inputs.
        let mut given_lengths = slices.inputs.iter().map(|slice| slice.len());
        let length = |input: usize| match self.updates.iter().find(|&&(_, overwritten)| overwritten == input) {
            Some(&(output, _)) => slices.outputs[output].len(),
            None => given_lengths.next().expect("the slices were counted"),
        };
        let lengths: Vec<usize> = (0..f.inputs().len()).map(length).collect();
        let open = open_lengths(f, &self.updates, &given, &lengths)?;
        check_reach(f, &open)?;
        let plan = plan(&self.schedule, self.schedule.once, &self.updates, &open, threads > 1);
        check_workspace(bytes(&plan), self.memory_limit)?;
        let mut kept = room(words::<T>(plan.kept))?;
        // What runs once has no workspace. What it names of it has no length, and an address nonetheless.
        let mut none = Slices { inputs: &[], outputs: &mut [] };
        let mut table = vec![std::ptr::null_mut(); plan.table];
        let (kept_at, table) = (kept.as_mut_ptr().cast::<T>(), table.as_mut_ptr());
        let mut call = Call::new(Access::Slices(&mut none), (NonNull::dangling().as_ptr(), kept_at, table), 1);
        act_all(&self.codes, &plan.once, &mut call)?;
        let ready = Arc::new(Ready { given: given.iter().map(|(name, len)| ((*name).to_owned(), *len)).collect(), plan, kept });
        self.plans.keep(&self.updates, threads, &given, slices, &ready);
        Ok(ready)
    }

    #[cold]
    fn wrong_outputs<T>(&self, plan: &Plan, slices: &Slices<T>) -> Error {
        if let Err(error) = check_counts(&self.schedule.f, &self.updates, (slices.inputs.len(), slices.outputs.len())) {
            return error;
        }
        let wrong =
            self.schedule.f.outputs().iter().zip(slices.outputs.iter()).zip(&plan.outputs).find(|((_, y), len)| y.len() != **len);
        let message = match wrong {
            Some(((group, y), len)) => {
                format!("the output `{}` needs room for {}, not {}", short(group.name()), count(*len, "number"), y.len())
            }
            None => "the output slices do not fit".into(),
        };
        Error::new(ErrorKind::Length, message)
    }
}

/// Bytes of memory that a call takes on one thread, beside its slices.
fn bytes(plan: &Plan) -> usize {
    (workspace(plan) + plan.kept) * plan.width.bytes() + plan.table * 8
}

/// That a call takes no more memory than it may.
pub(crate) fn check_workspace(bytes: usize, limit: Option<usize>) -> Result<()> {
    let limit = limit.unwrap_or_else(memory_limit);
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "a call takes {bytes} bytes of memory beside its slices, more than {limit}, the limit of `Options::memory_limit`"
    );
    Err(Error::new(ErrorKind::Limit, message))
}

/// So many words of memory.
///
/// # Errors
/// If the system has none.
fn room(words: usize) -> Result<Vec<u64>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(words).map_err(|_| no_room(words))?;
    memory.resize(words, 0);
    Ok(memory)
}

#[cold]
fn no_room(words: usize) -> Error {
    Error::new(ErrorKind::Limit, format!("a call takes {} bytes of memory, for which the system has no room", words * 8))
}

/// Words of memory that hold so many numbers.
fn words<T: Scalar>(len: usize) -> usize {
    match T::WIDTH {
        Width::F64 => len,
        Width::F32 => len.div_ceil(2),
    }
}
