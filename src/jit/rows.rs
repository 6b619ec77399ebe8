//! Compiled row maps.

use super::build;
use super::compiled::Report;
use super::native::{self, Native};
use crate::error::Result;
use crate::graph::Width;
use crate::schedule::{Layout, Options, RowCall, RowMap, RowProgram, Scalar, wrong_width};
use std::sync::Arc;

/// A row map as native code: the loop over the rows runs inside. See [`RowMap`].
#[derive(Clone)]
pub struct CompiledRows {
    pub(super) native: Arc<Native>,
    pub(super) call: Arc<RowCall>,
    pub(super) width: Width,
    pub(super) layout: Arc<Layout>,
}

impl RowMap {
    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    pub fn compile(&self) -> Result<CompiledRows> {
        self.lower().compile()
    }

    /// As [`RowMap::compile`], with options.
    ///
    /// # Errors
    /// As [`RowMap::compile`].
    pub fn compile_with(&self, options: Options) -> Result<CompiledRows> {
        self.lower_with(options).compile()
    }
}

impl RowProgram {
    /// Compiles to native code that gives the same bits as the interpreter does on this program.
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    pub fn compile(&self) -> Result<CompiledRows> {
        let native = Native::shared(&self.program, Some(&self.call))?;
        let (width, layout) = (self.program.width, self.program.layout.clone());
        Ok(CompiledRows { native, call: self.call.clone(), width, layout })
    }

    /// The Cranelift IR that the program becomes.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn clif(&self) -> Result<String> {
        build::clif(&self.program, Some(&self.call))
    }

    /// The machine code that the program becomes, as text.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn assembly(&self) -> Result<String> {
        build::assembly(&self.program, Some(&self.call))
    }
}

/// Pointers to up to this many slices are collected on the stack.
const ON_STACK: usize = 16;

impl CompiledRows {
    /// Evaluates over rows: a slice per input (row by row for those that vary), a slice per output (row by row for those that are
    /// not reduced). Gives the number of rows.
    ///
    /// # Errors
    /// If a length or the width does not fit, or a mean is asked for over no rows.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<usize> {
        let call: &RowCall = &self.call;
        if self.width != T::WIDTH {
            return Err(wrong_width(self.width, T::WIDTH));
        }
        let rows = call.check(inputs, outputs)?;
        call.start(outputs);
        let (mut stack_in, mut stack_out) = ([std::ptr::null(); ON_STACK], [std::ptr::null_mut(); ON_STACK]);
        let (mut heap_in, mut heap_out) = (Vec::new(), Vec::new());
        let x = pointers(&mut stack_in, &mut heap_in, inputs.iter().map(|slice| slice.as_ptr().cast()));
        let y = pointers(&mut stack_out, &mut heap_out, outputs.iter_mut().map(|slice| slice.as_mut_ptr().cast()));
        native::with_scratch(self.native.needs.scratch, |scratch| {
            // SAFETY: every slice was checked to be as long as the code reads and writes over these rows, and to be of its width.
            unsafe { self.native.run_rows::<T>((x, y), scratch, rows, (1, &[])) }
        });
        call.finish(outputs, rows);
        Ok(rows)
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::new(&self.native, &self.layout)
    }
}

fn pointers<P: Copy>(stack: &mut [P; ON_STACK], heap: &mut Vec<P>, all: impl ExactSizeIterator<Item = P>) -> *mut P {
    if all.len() > ON_STACK {
        heap.extend(all);
        return heap.as_mut_ptr();
    }
    for (place, pointer) in stack.iter_mut().zip(all) {
        *place = pointer;
    }
    stack.as_mut_ptr()
}

impl std::fmt::Debug for CompiledRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledRows({})", self.report())
    }
}
