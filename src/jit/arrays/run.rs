//! Running a function of arrays.

use super::moves;
use super::plan::{Action, Lengths, Place, Plan, RunLoop, Space};
use super::stages::{MAX_RANK, Stage, Stages};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::{along, index_error, linalg};
use crate::graph::{Function, NodeId, Width};
use crate::jit::native;
use crate::op::{Axis, DType, Shape};
use crate::schedule::{Options, Scalar};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A function of arrays, compiled.
pub(in crate::jit) struct ArrayCode {
    stages: Stages,
    /// Plans for the lengths of late, the last one first.
    plans: Mutex<Vec<(Vec<usize>, Arc<Plan>)>>,
    pub(in crate::jit) time: Duration,
}

/// How many plans are kept.
const PLANS: usize = 8;

/// The slices of a call.
pub(super) struct Call<'a, 'b, T> {
    inputs: &'a [&'a [T]],
    outputs: &'a mut [&'b mut [T]],
    scratch: *mut T,
}

impl ArrayCode {
    pub(in crate::jit) fn new(f: &Function, options: Options) -> Result<ArrayCode> {
        let start = Instant::now();
        let stages = Stages::new(crate::schedule::prepared(f, options), options)?;
        Ok(ArrayCode { stages, plans: Mutex::default(), time: start.elapsed() })
    }

    pub(in crate::jit) fn natives(&self) -> impl Iterator<Item = &native::Native> {
        self.stages.stages.iter().filter_map(|stage| match stage {
            Stage::Loop(looped) => Some(&looped.native),
            Stage::Library(_) | Stage::Control(_) => None,
        })
    }

    pub(super) fn stages(&self) -> &Stages {
        &self.stages
    }

    pub(super) fn act_all<T: Scalar>(&self, plan: &Plan, call: &mut Call<T>) -> Result<()> {
        plan.actions.iter().try_for_each(|action| self.act(action, call))
    }

    pub(in crate::jit) fn call<T: Scalar>(
        &self,
        lengths: &[(&str, usize)],
        inputs: &[&[T]],
        outputs: &mut [&mut [T]],
    ) -> Result<()> {
        let f = &self.stages.f;
        if T::WIDTH != f.width() {
            return Err(crate::schedule::wrong_width(f.width(), T::WIDTH));
        }
        let names = |names: Vec<&str>| names.join(", ");
        if inputs.len() != f.inputs().len() || outputs.len() != f.outputs().len() {
            let message = format!(
                "{} input and {} output slices for ({}) -> ({})",
                inputs.len(),
                outputs.len(),
                names(f.inputs().iter().map(|group| group.name()).collect()),
                names(f.outputs().iter().map(|group| group.name()).collect()),
            );
            return Err(Error::new(ErrorKind::Length, message));
        }
        let open = self.open_lengths(lengths, inputs)?;
        let plan = self.plan(&open);
        for (group, slice) in f.outputs().iter().zip(outputs.iter()) {
            let len = |id: &NodeId| super::plan::lengths(f.graph().node(*id).shape(), &open).iter().product::<usize>();
            let wanted: usize = group.nodes().iter().map(len).sum();
            if slice.len() != wanted {
                let message = format!("the output `{}` needs room for {wanted} numbers, not {}", group.name(), slice.len());
                return Err(Error::new(ErrorKind::Length, message));
            }
        }
        for (group, slice) in f.inputs().iter().zip(inputs) {
            let bad = |v: &&T| !(v.to_f64() >= 0.0 && v.to_f64().fract() == 0.0 && v.to_f64() < 9e15);
            if group.dtype() == DType::Index
                && let Some(bad) = slice.iter().find(bad)
            {
                return Err(Error::new(ErrorKind::Value, format!("the input `{}` has the index {bad:?}", group.name())));
            }
        }
        let words = match T::WIDTH {
            Width::F64 => plan.scratch,
            Width::F32 => plan.scratch.div_ceil(2),
        };
        native::with_arrays(words, |scratch| {
            let mut call = Call { inputs, outputs, scratch: scratch.cast() };
            self.act_all(&plan, &mut call)
        })
    }

    /// The lengths of the open axes, from those of the slices.
    fn open_lengths<T>(&self, given: &[(&str, usize)], inputs: &[&[T]]) -> Result<Lengths> {
        let f = &self.stages.f;
        let mut open = Lengths::default();
        for &(name, len) in given {
            let axes = f.inputs().iter().flat_map(|group| group.shape().axes());
            let names = axes.filter_map(|axis| if let Axis::Open(name) = axis { Some(*name) } else { None });
            let names: Vec<&'static str> = names.collect();
            let Some(known) = names.iter().find(|known| **known == name) else {
                return Err(crate::error::unknown_name("open axis", name, &names));
            };
            open.insert(known, len);
        }
        let fail = |name: &str, shape: Shape, len: usize, why: String| {
            let message = format!("the input `{name}` is declared as {shape} and has {len} numbers{why}");
            Err(Error::new(ErrorKind::Shape, message))
        };
        // A slice with one unknown axis tells its length; that may leave one unknown in another.
        let mut waiting: Vec<usize> = (0..inputs.len()).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut stuck = Vec::new();
            for &g in &waiting {
                let (group, len) = (&f.inputs()[g], inputs[g].len());
                let (mut known, mut unknown) = (group.len(), Vec::new());
                for axis in group.shape().axes() {
                    match axis {
                        Axis::Fixed(n) => known *= n,
                        Axis::Open(name) => match open.get(name) {
                            Some(n) => known *= n,
                            None => unknown.push(*name),
                        },
                    }
                }
                match unknown[..] {
                    [] if known == len => {}
                    [] => return fail(group.name(), group.shape(), len, format!(", not {known}")),
                    [name] if known > 0 && len.is_multiple_of(known) => {
                        open.insert(name, len / known);
                    }
                    [name] if known > 0 => {
                        return fail(group.name(), group.shape(), len, format!(": no whole `{name}`, at {known} each"));
                    }
                    _ => stuck.push(g),
                }
            }
            if stuck.len() == before {
                let group = &f.inputs()[stuck[0]];
                return fail(
                    group.name(),
                    group.shape(),
                    inputs[stuck[0]].len(),
                    ", which leaves its open axes undecided".into(),
                );
            }
            waiting = stuck;
        }
        Ok(open)
    }

    fn plan(&self, open: &Lengths) -> Arc<Plan> {
        let mut key: Vec<(&str, usize)> = open.iter().map(|(&name, &n)| (name, n)).collect();
        key.sort_unstable();
        let key: Vec<usize> = key.into_iter().map(|(_, n)| n).collect();
        let mut plans = self.plans.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(at) = plans.iter().position(|(known, _)| *known == key) {
            plans[..=at].rotate_right(1);
            return plans[0].1.clone();
        }
        let plan = Arc::new(Plan::new(&self.stages, open));
        plans.truncate(PLANS - 1);
        plans.insert(0, (key, plan.clone()));
        plan
    }

    fn act<T: Scalar>(&self, action: &Action, call: &mut Call<T>) -> Result<()> {
        match action {
            Action::Fill(to, v) => call.with([], *to, |[], to| to.fill(crate::op::lit(*v))),
            Action::Copy { from, to } => call.with([*from], *to, |[from], to| to.copy_from_slice(from)),
            Action::Loop(run) => self.run_loop(run, call),
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
                for k in 0..*count {
                    let part = |place: &Place, size: usize| Place { offset: place.offset + k * size, len: size, ..*place };
                    let factors = [part(a, each.m * each.k), part(b, each.k * each.n)];
                    call.with(factors, part(c, each.m * each.n), |[x, y], z| each.run(x, y, z));
                }
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
            Action::Extreme { x, to, lengths, places, largest } => {
                call.with([*x], *to, |[x], to| moves::extreme(x, lengths, places, *largest, to));
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
        let mut pointers: smallvec::SmallVec<[*mut T; 32]> = run.places.iter().map(|&place| call.address(place)).collect();
        let mut index = [0usize; MAX_RANK];
        native::with_scratch(looped.native.scratch, |scratch| {
            loop {
                // Native code moves them on.
                let mut table = pointers.clone();
                let inputs = table.as_mut_ptr();
                // SAFETY: there are as many places as inputs and outputs, and the outputs come last. The plan keeps every place
                // within its slice for `inner` rows, `count` times.
                unsafe {
                    let outputs = inputs.add(run.inputs);
                    looped.native.run_rows::<T>((inputs.cast(), outputs.cast()), scratch, run.inner, (run.count, &run.strides));
                }
                let mut k = run.outer.len();
                loop {
                    if k == 0 {
                        return;
                    }
                    k -= 1;
                    let (len, strides) = &run.outer[k];
                    index[k] += 1;
                    let wrapped = index[k] == *len;
                    for (pointer, &stride) in pointers.iter_mut().zip(strides) {
                        let back = if wrapped { stride * (len - 1) } else { 0 };
                        *pointer = if wrapped { pointer.wrapping_sub(back) } else { pointer.wrapping_add(stride) };
                    }
                    if !wrapped {
                        break;
                    }
                    index[k] = 0;
                }
            }
        });
    }
}

impl<T: Scalar> Call<'_, '_, T> {
    fn address(&mut self, place: Place) -> *mut T {
        let base = match place.space {
            Space::Input(k) => self.inputs[k].as_ptr().cast_mut(),
            Space::Output(k) => self.outputs[k].as_mut_ptr(),
            Space::Scratch => self.scratch,
        };
        base.wrapping_add(place.offset)
    }

    pub(super) fn copy(&mut self, from: Place, to: Place) {
        if from != to {
            self.with([from], to, |[from], to| to.copy_from_slice(from));
        }
    }

    /// A call of a body, with places of this call as its inputs, outputs and workspace.
    pub(super) fn within<R>(
        &mut self,
        inputs: &[Place],
        outputs: &[Place],
        scratch: Place,
        f: impl FnOnce(&mut Call<T>) -> R,
    ) -> R {
        let lend = |(address, len): (*mut T, usize)| {
            // SAFETY: as in `with`: the plan keeps what a body reads apart from what it writes, and both apart from its workspace.
            unsafe { std::slice::from_raw_parts(address.cast_const(), len) }
        };
        let lend_mut = |(address, len): (*mut T, usize)| {
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts_mut(address, len) }
        };
        let inputs: smallvec::SmallVec<[&[T]; 16]> = inputs.iter().map(|&place| lend((self.address(place), place.len))).collect();
        let mut outputs: smallvec::SmallVec<[&mut [T]; 16]> =
            outputs.iter().map(|&place| lend_mut((self.address(place), place.len))).collect();
        let scratch = self.address(scratch);
        f(&mut Call { inputs: &inputs, outputs: &mut outputs, scratch })
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
