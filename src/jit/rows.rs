//! Compiled row maps.

use super::build;
use super::compiled::Report;
use super::native::Native;
use super::nest::Nest;
use super::threads;
use crate::base::Width;
use crate::error::Result;
use crate::op::Scalar;
use crate::schedule::{Layout, Options, RowCall, RowMap, RowProgram, wrong_width};
use smallvec::SmallVec;
use std::sync::Arc;

/// A row map as native code: the loop over the rows runs inside. See [`RowMap`].
#[derive(Clone)]
pub struct CompiledRows {
    pub(super) native: Arc<Native>,
    pub(super) call: Arc<RowCall>,
    pub(super) width: Width,
    pub(super) layout: Arc<Layout>,
    /// Of a call, at most.
    pub(super) threads: usize,
}

impl RowMap {
    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    #[track_caller]
    pub fn compile(&self) -> Result<CompiledRows> {
        self.lower().compile()
    }

    /// As [`RowMap::compile`], with options.
    ///
    /// # Errors
    /// As [`RowMap::compile`].
    #[track_caller]
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
        threads::check(self.program.options.call_threads)?;
        let native = Native::shared(&self.program, Some(&self.call))?;
        let (width, layout) = (self.program.width, self.program.layout.clone());
        Ok(CompiledRows { native, call: self.call.clone(), width, layout, threads: self.program.options.call_threads })
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
        let mut addresses: SmallVec<[*mut T; 32]> = SmallVec::new();
        inputs.iter().for_each(|slice| addresses.push(slice.as_ptr().cast_mut()));
        outputs.iter_mut().for_each(|slice| addresses.push(slice.as_mut_ptr()));
        let nest = Nest {
            native: &self.native,
            addresses: &mut addresses,
            inputs: inputs.len(),
            rows,
            count: 1,
            row_strides: &call.strides,
            strides: &[],
            outer: &[],
        };
        // SAFETY: every slice was checked to be as long as the code reads and writes over these rows, and to be of its width.
        unsafe { nest.run(self.threads) };
        call.finish(outputs, rows);
        Ok(rows)
    }

    /// The same code for calls on up to so many threads; see [`Options::call_threads`].
    ///
    /// # Errors
    /// If it is none, or more than one without the feature `threads`.
    pub fn with_threads(&self, most: usize) -> Result<CompiledRows> {
        threads::check(most)?;
        Ok(CompiledRows { threads: most, ..self.clone() })
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::new(&self.native, &self.layout)
    }
}

impl std::fmt::Debug for CompiledRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledRows({})", self.report())
    }
}
