//! Compiled row maps.

use super::compiled::Report;
use super::native::{self, Native};
use super::nest::Nest;
use super::threads;
use crate::error::Result;
use crate::schedule::{Options, RowCall, RowMap, RowProgram, Scalar};
use smallvec::SmallVec;
use std::sync::Arc;

/// A row map as native code: the loop over the rows runs inside. See [`RowMap`].
#[derive(Clone)]
pub struct CompiledRows {
    native: Arc<Native>,
    program: RowProgram,
    /// Of a call, at most.
    threads: usize,
}

impl RowMap {
    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
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
    /// If Cranelift does not support this processor.
    pub fn compile(&self) -> Result<CompiledRows> {
        let native = Arc::new(Native::new(&self.program, Some(&self.call))?);
        Ok(CompiledRows { native, program: self.clone(), threads: self.program.options.threads })
    }

    /// The Cranelift IR that the program becomes.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn clif(&self) -> Result<String> {
        native::clif(&self.program, Some(&self.call))
    }

    /// The machine code that the program becomes, as text.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn assembly(&self) -> Result<String> {
        native::assembly(&self.program, Some(&self.call))
    }
}

impl CompiledRows {
    /// Evaluates over rows: a slice per input (row by row for those that vary), a slice per output (row by row for those that are
    /// not reduced). Gives the number of rows.
    ///
    /// # Errors
    /// If a length or the width does not fit, or a mean is asked for over no rows.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<usize> {
        let call: &RowCall = &self.program.call;
        self.program.program.check_sound(T::WIDTH)?;
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
            strides: &[],
            outer: &[],
        };
        // SAFETY: every slice was checked to be as long as the code reads and writes over these rows, and to be of its width.
        unsafe { nest.run(self.threads) };
        call.finish(outputs, rows);
        Ok(rows)
    }

    /// The same code for calls on up to so many threads; see [`Options::threads`].
    ///
    /// # Errors
    /// If it is none, or more than one without the feature `threads`.
    pub fn with_threads(&self, most: usize) -> Result<CompiledRows> {
        threads::check(most)?;
        Ok(CompiledRows { threads: most, ..self.clone() })
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::new(&self.native, &self.program.program.layout)
    }
}

impl std::fmt::Debug for CompiledRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledRows({})", self.report())
    }
}
