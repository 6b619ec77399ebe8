//! Running a function of arrays.

use super::access::{Access, SharedCall};
use super::actions::{Action, Place, RunLoop, Space};
use super::lengths::open_lengths;
use super::moves;
use super::plan::Plan;
use super::saved::Supply;
use super::small;
use super::stages::{Stage, Stages};
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::{along, index_error, linalg};
use crate::graph::{Function, InputGroup, NodeId, OutputGroup};
use crate::jit::compiled::{Compiled, Report};
use crate::jit::native;
use crate::jit::nest::Nest;
use crate::op::DType;
use crate::op::Scalar;
use crate::schedule::Options;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A function of arrays, compiled.
pub(super) struct ArrayCode {
    stages: Arc<Stages>,
    /// Outputs that overwrite an input.
    updates: Vec<(usize, usize)>,
    /// The plan for the lengths of the first call, which needs no lock.
    first: OnceLock<Arc<Ready>>,
    /// Plans for other lengths, those of late first.
    others: Mutex<Vec<Arc<Ready>>>,
    pub(super) time: Duration,
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

/// The slices of a call.
pub(super) struct Slices<'a, 'b, 'c, T> {
    /// Of inputs that outputs overwrite.
    pub(super) state: &'a mut [&'b mut [T]],
    pub(super) inputs: &'a [&'a [T]],
    pub(super) outputs: &'a mut [&'c mut [T]],
}

/// Room for the slices of a body's call, which the next step's uses again.
pub(super) struct Lent<'x, T> {
    inputs: SmallVec<[&'x [T]; 16]>,
    outputs: SmallVec<[&'x mut [T]; 16]>,
}

impl<T> Default for Lent<'_, T> {
    fn default() -> Self {
        Lent { inputs: SmallVec::new(), outputs: SmallVec::new() }
    }
}

/// A call: slices, and memory of its own.
pub(super) struct Call<'s, 'a, 'b, 'c, T> {
    slices: Access<'s, 'a, 'b, 'c, T>,
    scratch: *mut T,
    kept: *mut T,
    /// Room for the addresses that a loop takes.
    table: *mut *mut T,
    /// The memory of the strip at hand, and its number.
    strips: *mut T,
    pub(super) strip: usize,
    /// How many threads it may take.
    pub(super) threads: usize,
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

impl ArrayCode {
    pub(super) fn new(f: &Function, options: Options, supply: &Supply) -> Result<ArrayCode> {
        ArrayCode::straight(f, options, supply, small::MOST)
    }

    /// Of what is called many times.
    pub(super) fn of_body(f: &Function, options: Options, supply: &Supply) -> Result<ArrayCode> {
        ArrayCode::straight(f, options, supply, small::MOST_OF_STEP)
    }

    fn straight(f: &Function, options: Options, supply: &Supply, most: usize) -> Result<ArrayCode> {
        crate::jit::threads::check(options.call_threads)?;
        let start = Instant::now();
        let stages = Arc::new(Stages::new(crate::schedule::prepared(f, options), options, supply, most)?);
        Ok(ArrayCode { time: start.elapsed(), ..ArrayCode::of(stages, vec![]) })
    }

    pub(super) fn of(stages: Arc<Stages>, updates: Vec<(usize, usize)>) -> ArrayCode {
        ArrayCode { stages, updates, first: OnceLock::new(), others: Mutex::default(), time: Duration::ZERO }
    }

    /// The same code, with outputs that overwrite inputs.
    pub(super) fn updating(&self, updates: Vec<(usize, usize)>) -> ArrayCode {
        ArrayCode { time: self.time, ..ArrayCode::of(self.stages.clone(), updates) }
    }

    pub(super) fn function(&self) -> &Function {
        &self.stages.f
    }

    /// The code of all of it, if it is one piece of straight-line code.
    pub(super) fn whole(&self) -> Option<&Compiled> {
        self.stages.whole.as_ref()
    }

    pub(super) fn stages(&self) -> &Stages {
        &self.stages
    }

    pub(super) fn report(&self) -> Report {
        let natives = self.stages.stages.iter().filter_map(|stage| match stage {
            Stage::Loop(looped) => Some(&*looped.native),
            Stage::Straight(straight) => Some(&*straight.code.native),
            Stage::Library(_) | Stage::Control(_) => None,
        });
        match &self.stages.whole {
            Some(whole) => Report { compile_time: self.time, ..whole.report() },
            None => Report::of_arrays(natives, self.time),
        }
    }

    /// Bytes of memory that a call with the lengths of the first one uses beside its slices.
    pub(super) fn workspace_bytes(&self) -> Option<usize> {
        let number = self.stages.f.width().bytes();
        self.first.get().map(|ready| (ready.plan.workspace() + ready.plan.kept) * number + ready.plan.table * 8)
    }

    /// The inputs that are given as inputs, or else those that are overwritten.
    fn input_groups(&self, overwritten: bool) -> impl Iterator<Item = &InputGroup> {
        let is_state = |k: usize| self.updates.iter().any(|&(_, input)| input == k);
        self.stages.f.inputs().iter().enumerate().filter(move |(k, _)| is_state(*k) == overwritten).map(|(_, group)| group)
    }

    /// The outputs that are given slices of their own.
    fn output_groups(&self) -> impl Iterator<Item = &OutputGroup> {
        let is_update = |k: usize| self.updates.iter().any(|&(output, _)| output == k);
        self.stages.f.outputs().iter().enumerate().filter(move |(k, _)| !is_update(*k)).map(|(_, group)| group)
    }

    pub(super) fn act_all<T: Scalar>(&self, plan: &Plan, call: &mut Call<T>) -> Result<()> {
        plan.actions.iter().try_for_each(|action| self.act(action, call))
    }

    /// A call on up to some threads, with the lengths of open axes that the slices do not tell.
    pub(super) fn call<T: Scalar>(&self, threads: usize, given: &[(&str, usize)], mut slices: Slices<T>) -> Result<()> {
        let f = &self.stages.f;
        if T::WIDTH != f.width() {
            return Err(crate::schedule::wrong_width(f.width(), T::WIDTH));
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
        native::with_arrays(plan.table + words::<T>(plan.scratch), |memory| {
            // Nothing writes to what is kept any more.
            let kept = ready.kept.as_ptr().cast_mut().cast();
            let scratch = memory.wrapping_add(plan.table).cast();
            self.act_all(plan, &mut Call::new(Access::Slices(&mut slices), (scratch, kept, memory.cast()), threads))
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
        let f = &self.stages.f;
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
        let plan = Plan::new(&self.stages, self.stages.once, &self.updates, &open, threads > 1);
        let mut kept = vec![0u64; words::<T>(plan.kept)];
        let mut none = Slices { state: &mut [], inputs: &[], outputs: &mut [] };
        let mut table = vec![std::ptr::null_mut(); plan.table];
        let (kept_at, table) = (kept.as_mut_ptr().cast::<T>(), table.as_mut_ptr());
        let mut call = Call::new(Access::Slices(&mut none), (std::ptr::null_mut(), kept_at, table), 1);
        plan.once.iter().try_for_each(|action| self.act(action, &mut call))?;
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

    pub(super) fn act<T: Scalar>(&self, action: &Action, call: &mut Call<T>) -> Result<()> {
        match action {
            Action::Fill(to, v) => call.with([], *to, |[], to| to.fill(crate::op::lit(*v))),
            Action::Copy { from, to } => call.with([*from], *to, |[from], to| to.copy_from_slice(from)),
            Action::Loop(run) => self.run_loop(run, call),
            Action::Slice { routine, from, to } => call.with([*from], *to, |[from], to| {
                // SAFETY: the routine is of the function's width, which is that of `T`, and the slices have the same length.
                unsafe { routine(from.as_ptr().cast(), to.as_mut_ptr().cast(), to.len()) }
            }),
            Action::Straight { stage, inputs, outputs } => {
                let code = match stage.map(|stage| &self.stages.stages[stage]) {
                    Some(Stage::Straight(straight)) => &straight.code,
                    _ => self.stages.whole.as_ref().expect("a stage of straight-line code, or all of a small function"),
                };
                let table = call.addresses(inputs.iter().chain(outputs));
                // SAFETY: the plan has places of the lengths that the code was made for, and puts what is written apart.
                unsafe { code.call_apart(table.cast(), table.add(inputs.len()).cast()) }
            }
            Action::Strips(strips) => self.run_strips(strips, call)?,
            Action::Control(run) => {
                let Stage::Control(stage) = &self.stages.stages[run.stage] else { unreachable!("the stage has bodies") };
                run.run(stage, call)?;
            }
            Action::Read { from, places, to } => call.with([*from], *to, |[from], to| moves::read(from, places, to)),
            Action::Write { from, to, places, clear } => call.with([*from], *to, |[from], to| {
                if *clear {
                    to.fill(T::default());
                }
                moves::write(from, to, places);
            }),
            Action::MatMul { a, b, c, each, count } => {
                let threads = call.threads;
                call.with([*a, *b], *c, |[x, y], z| each.run(threads, *count, x, y, z));
            }
            Action::Check { index, len, node } => {
                let nowhere = Place { len: 0, ..*index };
                if let Some(bad) = call.with([*index], nowhere, |[index], _| along::outside(index, *len)) {
                    return Err(index_error(&self.stages.f, *node, bad, *len));
                }
            }
            Action::Gather { x, index, to, along, indices } => {
                call.with([*x, *index], *to, |[x, index], to| indices.gather(x, index, *along, to))
            }
            Action::ScatterAdd { x, index, to, along, indices } => {
                call.with([*x, *index], *to, |[x, index], to| indices.scatter_add(x, index, *along, to))
            }
            Action::Sweep { op, operands, to, along, node } => call
                .with(*operands, *to, |operands, to| along::sweep(op, operands, *along, to))
                .map_err(|message| self.failure(*node, message))?,
            Action::Linalg { op, operands, to, work, sizes, node } => call
                .with_work(*operands, *to, *work, |[a, b], to, work| linalg::run(op, *sizes, a, b, work, to))
                .map_err(|message| self.failure(*node, message))?,
            Action::Extreme { x, to, along, largest } => call.with([*x], *to, |[x], to| moves::extreme(x, *along, *largest, to)),
            Action::ExtremeOver { x, to, lengths, places, largest } => {
                call.with([*x], *to, |[x], to| moves::extreme_over(x, lengths, places, *largest, to));
            }
        }
        Ok(())
    }

    /// That the numbers at hand do not suit a node's operation.
    fn failure(&self, node: NodeId, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Value, message).at(self.stages.f.graph().node(node).location())
    }

    fn run_loop<T: Scalar>(&self, run: &RunLoop, call: &mut Call<T>) {
        let Stage::Loop(looped) = &self.stages.stages[run.stage] else { unreachable!("the stage is a loop") };
        // SAFETY: as many addresses have been written there, and nobody else uses them.
        let addresses = unsafe { std::slice::from_raw_parts_mut(call.addresses(run.places.iter()), run.places.len()) };
        let nest = Nest {
            native: &looped.native,
            addresses,
            inputs: run.inputs,
            rows: run.inner,
            row_strides: &run.row_strides,
            count: run.count,
            strides: &run.strides,
            outer: &run.outer,
        };
        // SAFETY: there are as many places as inputs and outputs, and the outputs come last. The plan keeps every place within its slice
        // along all axes, and what is written apart from what is read, but where a number is read in the same place before.
        unsafe { nest.run(call.threads) };
    }
}

impl<'s, 'a, 'b, 'c, T> Call<'s, 'a, 'b, 'c, T> {
    pub(super) fn new(
        slices: Access<'s, 'a, 'b, 'c, T>,
        (scratch, kept, table): (*mut T, *mut T, *mut *mut T),
        threads: usize,
    ) -> Self {
        Call { slices, scratch, kept, table, strips: std::ptr::null_mut(), strip: 0, threads }
    }

    /// The same call for what runs strip by strip, with room for addresses and for a strip.
    pub(super) fn of_strips(&mut self, table: *mut *mut T, strips: *mut T) -> Call<'_, 'a, 'b, 'c, T> {
        Call { strips, ..Call::new(self.slices.again(), (self.scratch, self.kept, table), self.threads) }
    }

    /// What several threads need to know.
    pub(super) fn share(&mut self) -> SharedCall<'a, T> {
        let Access::Slices(slices) = &mut self.slices else { unreachable!("one of several threads does not share what it does") };
        SharedCall::new(slices, self.scratch, self.kept)
    }
}

impl<T: Scalar> Call<'_, '_, '_, '_, T> {
    pub(super) fn address(&mut self, place: Place) -> *mut T {
        self.first_address(place).wrapping_add(place.step * self.strip)
    }

    /// The address for the first of all strips.
    #[inline]
    fn first_address(&mut self, place: Place) -> *mut T {
        let base = match place.space {
            Space::Input(k) => self.slices.input(k),
            Space::Output(k) => self.slices.output(k),
            Space::State(k) => self.slices.state(k),
            Space::Scratch => self.scratch,
            Space::Kept => self.kept,
            Space::Strip => self.strips,
        };
        base.wrapping_add(place.offset)
    }

    /// Writes addresses to the table.
    pub(super) fn addresses<'p>(&mut self, places: impl Iterator<Item = &'p Place> + Clone) -> *mut *mut T {
        let table = self.table;
        for (k, &place) in places.clone().enumerate() {
            // SAFETY: the plan has room for the addresses of every action, and nothing else lies there.
            unsafe { *table.add(k) = self.first_address(place) }
        }
        if self.strip > 0 {
            for (k, place) in places.enumerate() {
                // SAFETY: as above; the address has just been written.
                unsafe { *table.add(k) = (*table.add(k)).wrapping_add(place.step * self.strip) }
            }
        }
        table
    }

    pub(super) fn copy(&mut self, from: Place, to: Place) {
        if from != to {
            self.with([from], to, |[from], to| to.copy_from_slice(from));
        }
    }

    /// Lends the slices of the call.
    pub(super) fn lend<R>(&mut self, f: impl FnOnce(&[&[T]], &mut [&mut [T]]) -> R) -> R {
        let Access::Slices(slices) = &mut self.slices else { unreachable!("slices are lent on the call's own thread") };
        f(slices.inputs, slices.outputs)
    }

    /// A call of a body, with places of this call as its inputs, outputs and workspace.
    pub(super) fn within<'x, R>(
        &mut self,
        inputs: &[Place],
        outputs: &[Place],
        scratch: Place,
        lent: &mut Lent<'x, T>,
        f: impl FnOnce(&mut Call<T>) -> R,
    ) -> R
    where
        T: 'x,
    {
        let lend = |(address, len): (*mut T, usize)| {
            // SAFETY: as in `with`: the plan keeps what a body reads apart from what it writes, and both apart from its workspace.
            unsafe { std::slice::from_raw_parts(address.cast_const(), len) }
        };
        let lend_mut = |(address, len): (*mut T, usize)| {
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts_mut(address, len) }
        };
        lent.inputs.extend(inputs.iter().map(|&place| lend((self.address(place), place.len))));
        lent.outputs.extend(outputs.iter().map(|&place| lend_mut((self.address(place), place.len))));
        let (scratch, kept, table, threads) = (self.address(scratch), self.kept, self.table, self.threads);
        let mut slices = Slices { state: &mut [], inputs: &lent.inputs, outputs: &mut lent.outputs };
        let result = f(&mut Call::new(Access::Slices(&mut slices), (scratch, kept, table), threads));
        lent.inputs.clear();
        lent.outputs.clear();
        result
    }

    /// Lends the numbers at some places to be read, and those at another to be written.
    pub(super) fn with<R, const N: usize>(&mut self, from: [Place; N], to: Place, f: impl FnOnce([&[T]; N], &mut [T]) -> R) -> R {
        self.with_work(from, to, Place { len: 0, ..to }, |sources, target, _| f(sources, target))
    }

    /// The same with a further place to work in.
    fn with_work<R, const N: usize>(
        &mut self,
        from: [Place; N],
        to: Place,
        work: Place,
        f: impl FnOnce([&[T]; N], &mut [T], &mut [T]) -> R,
    ) -> R {
        let sources = from.map(|place| (self.address(place), place.len));
        let (target, room) = (self.address(to), self.address(work));
        // SAFETY: the plan keeps places within their slices, and what an action reads apart from what it writes: live values of
        // the workspace do not overlap, and inputs are never written to.
        let sources = sources.map(|(address, len)| unsafe { std::slice::from_raw_parts(address.cast_const(), len) });
        // SAFETY: as above.
        let target = unsafe { std::slice::from_raw_parts_mut(target, to.len) };
        // SAFETY: as above; a place to work in is none of the others, or has no length.
        f(sources, target, unsafe { std::slice::from_raw_parts_mut(room, work.len) })
    }
}

/// Words of memory that hold so many numbers.
fn words<T: Scalar>(len: usize) -> usize {
    match T::WIDTH {
        Width::F64 => len,
        Width::F32 => len.div_ceil(2),
    }
}
