//! Sums of gathered terms as native code.

use super::engine::Engine;
use super::options::Options;
use super::scheduled::Scheduled;
use crate::base::host::Stop;
use crate::base::wrong_width;
use crate::error::{Error, Kind as ErrorKind, Result, count, listed, short};
use crate::exec::{Code, Rows};
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::{Reduce, RowForm, RowShape};
use crate::sparse::{Assembly, Piece, Sparsity, To};
use smallvec::SmallVec;
use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

impl Assembly {
    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// As [`Function::compile`](crate::Function::compile).
    #[track_caller]
    pub fn compile(&self) -> Result<CompiledTerms> {
        self.compile_with(Options::default())
    }

    /// As [`Assembly::compile`], with options.
    ///
    /// # Errors
    /// As [`Assembly::compile`].
    #[track_caller]
    pub fn compile_with(&self, options: Options) -> Result<CompiledTerms> {
        let at = Location::caller();
        if !options.overwrite.is_empty() {
            let message = "overwrite: a sum of terms has no output that could overwrite an input";
            return Err(Error::here(ErrorKind::Unsupported, message));
        }
        let code = match self.kernel.as_ref().filter(|_| self.plan.rows > 0) {
            Some((f, varying)) => Some(Arc::new(rows(f, varying, &options).map_err(|error| error.or_at(Some(at)))?)),
            None => None,
        };
        Ok(CompiledTerms { assembly: self.clone(), code, threads: options.threads })
    }
}

/// An [`Assembly`] as native code. `Send + Sync`, cheap to clone; what is gathered lies in memory of the thread, which later calls find there.
#[derive(Clone)]
pub struct CompiledTerms {
    assembly: Assembly,
    code: Option<Arc<Rows>>,
    /// Of a call, at most.
    threads: usize,
}

/// The code of a kernel over rows, of which the named inputs have a value for each.
fn rows(f: &Function, varying: &[String], options: &Options) -> Result<Rows> {
    options.check()?;
    let stop = Stop::after(options.time_limit);
    let varying = f.inputs().iter().map(|group| varying.iter().any(|name| name == group.name())).collect();
    let shape = RowShape { varying, reduce: vec![Reduce::Each; f.outputs().len()] };
    let scheduled = Scheduled::rows(RowForm { f: f.clone(), shape, rows: None }, options.settings, &stop)?;
    let codes = Code::of_units(scheduled.units(), options.settings, &stop)?;
    match scheduled.engine(codes, [].into(), options.limits) {
        Engine::Rows(rows) => Ok(rows),
        _ => unreachable!("rows are scheduled as rows"),
    }
}

/// Up to this many slices are collected on the stack.
const SLICES: usize = 32;

impl CompiledTerms {
    /// Computes all values: the slice of the variables and one for each of the other inputs, and one for the values.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    #[track_caller]
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        let at = Location::caller();
        let plan = &*self.assembly.plan;
        let results = outputs.len();
        let ([variables, others @ ..], [values]) = (inputs, outputs) else {
            let (x, y) = (count(inputs.len(), "input slice"), count(results, "output slice"));
            let message =
                format!("{x} and {y}, where there is one for the variables, one for each other input, and one for the values");
            return Err(Error::here(ErrorKind::Length, message));
        };
        self.check(variables, others, values).map_err(|error| error.or_at(Some(at)))?;
        plan.zeros.iter().for_each(|&(from, to)| values[from..to].fill(T::default()));
        let Some(code) = &self.code else { return Ok(()) };
        if T::WIDTH != plan.width {
            return Err(wrong_width(plan.width, T::WIDTH).at(Some(at)));
        }
        with_workspace(plan.workspace, |mut workspace: &mut [T]| {
            let mut inputs: SmallVec<[&[T]; SLICES]> = SmallVec::new();
            for piece in &plan.pieces {
                inputs.push(match piece {
                    Piece::Given(k) => others[*k],
                    Piece::Part(range) => &variables[range.clone()],
                    Piece::Gathered { starts, len } => {
                        let own;
                        (own, workspace) = std::mem::take(&mut workspace).split_at_mut(len * plan.rows);
                        gather(variables, starts, *len, own);
                        own
                    }
                });
            }
            let rows = plan.rows;
            let terms = &mut workspace[..plan.added.len() * rows];
            {
                let mut outputs: SmallVec<[&mut [T]; SLICES]> = SmallVec::new();
                outputs.extend(plan.direct.map(|(first, each)| &mut values[first..first + each * rows]));
                outputs.extend(terms.chunks_exact_mut(rows));
                code.call_into(self.threads, None, &inputs, &mut outputs).map_err(|error| error.or_at(Some(at)))?;
            }
            plan.added.iter().zip(terms.chunks_exact(rows)).for_each(|(to, terms)| add(to, terms, values));
            Ok(())
        })
    }

    fn check<T>(&self, variables: &[T], others: &[&[T]], values: &[T]) -> Result<()> {
        let plan = &*self.assembly.plan;
        let fail = |message: String| Err(Error::new(ErrorKind::Length, message));
        // Where all is zero, the variables are not read.
        if self.assembly.kernel.is_some() && variables.len() != plan.variables {
            return fail(format!("there are {}, not {}", count(plan.variables, "variable"), variables.len()));
        }
        if others.len() != plan.inputs.len() {
            let message = format!("{} beside the variables, for ({})", count(others.len(), "input slice"), listed(&plan.inputs));
            return fail(message);
        }
        if let Some((x, (name, len))) = others.iter().zip(&plan.inputs).find(|(x, (_, len))| x.len() != *len) {
            return fail(format!("the input `{}` has {}, not {}", short(name), count(*len, "number"), x.len()));
        }
        if values.len() != plan.len {
            return fail(format!("there are {} to write, and room for {}", count(plan.len, "number"), values.len()));
        }
        Ok(())
    }

    /// Of a matrix, where the entries are, and in which order their values.
    pub fn sparsity(&self) -> Option<&Sparsity> {
        self.assembly.sparsity()
    }
}

fn gather<T: Scalar>(variables: &[T], starts: &[u32], len: usize, to: &mut [T]) {
    if len == 1 {
        to.iter_mut().zip(starts).for_each(|(to, &from)| *to = variables[from as usize]);
        return;
    }
    for (to, &from) in to.chunks_exact_mut(len).zip(starts) {
        to.copy_from_slice(&variables[from as usize..from as usize + len]);
    }
}

fn add<T: Scalar>(to: &To, terms: &[T], values: &mut [T]) {
    match to {
        To::Line { first, step: 1 } => values[*first..].iter_mut().zip(terms).for_each(|(sum, &term)| *sum += term),
        To::Line { first, step: 0 } => terms.iter().for_each(|&term| values[*first] += term),
        To::Line { first, step: 2 } => {
            values[*first..].chunks_mut(2).zip(terms).for_each(|(sum, &term)| sum[0] += term);
        }
        To::Line { first, step } => {
            values[*first..].iter_mut().step_by(*step).zip(terms).for_each(|(sum, &term)| *sum += term);
        }
        To::Rows(entries) => entries.iter().zip(terms).for_each(|(&entry, &term)| values[entry as usize] += term),
        To::Some(places) => {
            places.iter().for_each(|&(row, place)| values[place as usize] += terms[row as usize]);
        }
    }
}

/// The vector of this type.
fn own<T: Scalar>(memory: &mut (Vec<f64>, Vec<f32>)) -> Option<&mut Vec<T>> {
    let all: [&mut dyn Any; 2] = [&mut memory.0, &mut memory.1];
    all.into_iter().find_map(|vector| vector.downcast_mut())
}

/// Memory of the thread's own.
fn with_workspace<T: Scalar, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    thread_local! {
        static MEMORY: RefCell<(Vec<f64>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }
    let mut memory = MEMORY.with_borrow_mut(|memory| own(memory).map(std::mem::take)).unwrap_or_default();
    if memory.len() < len {
        memory.resize(len, T::default());
    }
    let result = f(&mut memory[..len]);
    MEMORY.with_borrow_mut(|all| own(all).map(|place| *place = memory));
    result
}

impl fmt::Debug for CompiledTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompiledTerms({:?})", self.assembly)
    }
}
