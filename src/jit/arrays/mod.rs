//! Native code for functions of arrays.
//!
//! In: a function of arrays. Out: stages that run one after the other. Elementwise work and sums over one shape are fused into a
//! native loop each, made from the same steps as a row map; matrix products go to a library; what only moves numbers is
//! copied. Code does not depend on lengths: where axes are open, a plan with addresses and counts is made for the
//! lengths at hand and kept.

mod axes;
mod control;
mod moves;
mod plan;
mod run;
mod stages;

pub(super) use run::ArrayCode;

use super::compiled::Report;
use crate::error::Result;
use crate::graph::Function;
use crate::schedule::{Options, Scalar};
use std::{fmt, sync::Arc};

/// A function of arrays as native code. `Send + Sync`, cheap to clone; the code is freed with the last clone.
///
/// A call takes a slice per input and per output, each in row-major order. Open axes get their lengths from the slices. Values
/// between are kept in a workspace of the thread, which is allocated once; a call otherwise allocates only a little for its lengths.
#[derive(Clone)]
pub struct CompiledArrays {
    code: Arc<ArrayCode>,
}

impl Function {
    /// Compiles a function of arrays to native code for this processor.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| {
    ///     let e = x.matmul(w) - y;
    ///     (e * e).mean(..)
    /// })?;
    /// let g = f.wrt(["w"])?.value_and_grad()?.compile_arrays()?;
    /// let (mut loss, mut dw) = ([0.0], [0.0; 2]);
    /// g.call_into(&[&[1.0, 1.0], &[1.0, 0.0, 0.0, 2.0], &[0.0, 2.0]], &mut [&mut loss, &mut dw])?;
    /// assert_eq!((loss, dw), ([0.5], [1.0, 0.0]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn compile_arrays(&self) -> Result<CompiledArrays> {
        self.compile_arrays_with(Options::default())
    }

    /// As [`Function::compile_arrays`], with options.
    ///
    /// # Errors
    /// As [`Function::compile_arrays`].
    pub fn compile_arrays_with(&self, options: Options) -> Result<CompiledArrays> {
        Ok(CompiledArrays { code: Arc::new(ArrayCode::new(self, options)?) })
    }
}

impl CompiledArrays {
    /// Evaluates: a slice per input, a slice per output.
    ///
    /// # Errors
    /// If a length or the width does not fit, an index is out of range, or the largest of no numbers is asked for.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        self.code.call(&[], inputs, outputs)
    }

    /// As [`CompiledArrays::call_into`], with lengths of open axes that the slices alone do not tell: of an input `x[n,t]` only the
    /// product is known.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x[n,t]"], |[x]| x.sum(1))?.compile_arrays()?;
    /// let mut y = [0.0; 2];
    /// f.call_with(&[("n", 2)], &[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], &mut [&mut y])?;
    /// assert_eq!(y, [6.0, 15.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`CompiledArrays::call_into`]; if no input has an open axis of such a name.
    pub fn call_with<T: Scalar>(&self, lengths: &[(&str, usize)], inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        self.code.call(lengths, inputs, outputs)
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::of_arrays(self.code.natives(), self.code.time)
    }
}

impl fmt::Debug for CompiledArrays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompiledArrays({})", self.report())
    }
}
