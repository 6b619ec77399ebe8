//! Compiled functions of numbers.

use super::report::Report;
use crate::base::{Width, wrong_width};
use crate::codegen;
use crate::error::{Error, Result};
use crate::exec::{Code, Point};
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::unit::Unit;
use crate::schedule::{Layout, Options, Program, lowered};
use std::{fmt, sync::Arc, sync::atomic::AtomicBool};

/// A function as native code; interpreted where there can be none ([`Report::interpreted`] says why). `Send + Sync`, cheap to clone; the code is freed with the last clone.
///
/// Inputs are one slice with the inputs one after the other, outputs likewise. A call allocates nothing (after a thread's
/// first call of a large function) and gives the same bits every time.
#[derive(Clone)]
pub struct Compiled {
    // What a call reads comes first, on one cache line.
    pub(super) point: Point,
    pub(super) width: Width,
    pub(super) layout: Arc<Layout>,
}

/// Native code of a function of single numbers; see [`Function::compile`].
#[track_caller]
pub(crate) fn compile(f: &Function, options: Options) -> Result<Compiled> {
    lowered(f, options, &[]).compile()
}

impl Program {
    /// Compiles to native code that gives the same bits as the interpreter does on this program.
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    pub fn compile(&self) -> Result<Compiled> {
        self.compile_unless(&AtomicBool::new(false))
    }

    /// As [`Program::compile`]; an error soon after `stop` is set.
    pub(super) fn compile_unless(&self, stop: &AtomicBool) -> Result<Compiled> {
        let [code] = &Code::of_units(&[self.unit()], self.options, stop)?[..] else { unreachable!("one unit has one code") };
        Ok(Compiled::new(code.clone(), self.width, self.layout.clone()))
    }

    fn unit(&self) -> Arc<Unit> {
        Arc::new(Unit::new(self.clone(), None))
    }

    /// The Cranelift IR that the program becomes.
    ///
    /// # Errors
    /// If Cranelift does not support this processor, or is not there (without the feature `jit`).
    pub fn clif(&self) -> Result<String> {
        codegen::clif(&self.unit())
    }

    /// The machine code that the program becomes, as text.
    ///
    /// # Errors
    /// If Cranelift does not support this processor, or is not there (without the feature `jit`).
    pub fn assembly(&self) -> Result<String> {
        codegen::assembly(&self.unit())
    }
}

impl Compiled {
    /// `code` is that of a unit for one point, of such elements and as many of them.
    pub(super) fn new(code: Arc<Code>, width: Width, layout: Arc<Layout>) -> Compiled {
        Compiled { point: Point::new(code, width, layout.input_len, layout.output_len), width, layout }
    }

    /// Evaluates into a slice.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    #[inline]
    pub fn call_into<T: Scalar>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        if self.point.call_into(x, y) { Ok(()) } else { Err(self.misfit(x.len(), y.len(), T::WIDTH)) }
    }

    /// Evaluates; the number of outputs is known from the context and checked.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    #[inline]
    pub fn call<T: Scalar, const M: usize>(&self, x: impl AsRef<[T]>) -> Result<[T; M]> {
        let mut y = [T::default(); M];
        self.call_into(x.as_ref(), &mut y)?;
        Ok(y)
    }

    /// Evaluates into a new vector.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_vec<T: Scalar>(&self, x: &[T]) -> Result<Vec<T>> {
        let mut y = vec![T::default(); self.output_len()];
        self.call_into(x, &mut y)?;
        Ok(y)
    }

    #[cold]
    fn misfit(&self, inputs: usize, outputs: usize, width: Width) -> Error {
        self.layout.check(inputs, outputs).err().unwrap_or_else(|| wrong_width(self.width, width))
    }

    /// How many numbers the inputs have together.
    pub fn input_len(&self) -> usize {
        self.point.input_len()
    }

    /// How many numbers the outputs have together.
    pub fn output_len(&self) -> usize {
        self.point.output_len()
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::new(&self.point.code, &self.layout)
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compiled({})", self.report())
    }
}
