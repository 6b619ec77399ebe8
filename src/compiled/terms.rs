//! Sums of gathered terms as native code.

use super::rows::{CompiledRows, RowMap};
use crate::base::wrong_width;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::op::Scalar;
use crate::sparse::{Assembly, Piece, Sparsity, To};
use smallvec::SmallVec;
use std::any::Any;
use std::cell::RefCell;
use std::fmt;

impl Assembly {
    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn compile(&self) -> Result<CompiledTerms> {
        let kernel = self.kernel.as_ref().filter(|_| self.plan.rows > 0);
        let code = kernel.map(|(f, varying)| RowMap::new(f, varying)?.compile()).transpose()?;
        Ok(CompiledTerms { assembly: self.clone(), code })
    }
}

/// An [`Assembly`] as native code. `Send + Sync`, cheap to clone; what is gathered lies in memory of the thread, which later calls find there.
#[derive(Clone)]
pub struct CompiledTerms {
    assembly: Assembly,
    code: Option<CompiledRows>,
}

/// Up to this many slices are collected on the stack.
const SLICES: usize = 32;

impl CompiledTerms {
    /// Computes all numbers, from the variables and a slice for each of the other inputs.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_into<T: Scalar>(&self, variables: &[T], others: &[&[T]], values: &mut [T]) -> Result<()> {
        let plan = &*self.assembly.plan;
        self.check(variables, others, values)?;
        plan.zeros.iter().for_each(|&(from, to)| values[from..to].fill(T::default()));
        let Some(code) = &self.code else { return Ok(()) };
        if T::WIDTH != plan.width {
            return Err(wrong_width(plan.width, T::WIDTH));
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
                code.call_into(&inputs, &mut outputs)?;
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
            let names = plan.inputs.iter().map(|(name, len)| format!("{name}: {len}")).collect::<Vec<_>>().join(", ");
            return fail(format!("{} beside the variables, for ({names})", count(others.len(), "input slice")));
        }
        if let Some((x, (name, len))) = others.iter().zip(&plan.inputs).find(|(x, (_, len))| x.len() != *len) {
            return fail(format!("the input `{name}` has {}, not {}", count(*len, "number"), x.len()));
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
        write!(f, "CompiledTerms({:?}, {:?})", self.assembly, self.code)
    }
}
