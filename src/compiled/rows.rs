//! Row maps: one function over many rows, as a program and as native code.

use super::report::Report;
use crate::base::{Width, wrong_width};
use crate::codegen;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::{Code, Rows, check_threads};
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::unit::Unit;
use crate::schedule::{Layout, Options, Program, Reduce, RowCall, RowShape, lowered};
use std::sync::{Arc, atomic::AtomicBool};

/// A function that is mapped over rows: some inputs have a value per row, the others are shared, and outputs are kept per row or
/// reduced. The number of rows is a run-time number.
///
/// ```
/// use wengert::Function;
/// // the squared error of a line, its mean and the mean of its gradient over all points
/// let f = Function::trace((["a", "b"], ["x", "y"]), |([a, b], [x, y])| (a * x + b - y).powi(2))?;
/// let g = f.wrt(["a", "b"])?.value_and_grad()?.map_rows(["x", "y"])?.mean_all().compile()?;
/// let (mut loss, mut da, mut db) = ([0.0], [0.0], [0.0]);
/// g.call_into(&[&[1.0], &[0.0], &[1.0, 2.0], &[1.0, 4.0]], &mut [&mut loss, &mut da, &mut db])?;
/// assert_eq!((loss[0], da[0], db[0]), (2.0, -4.0, -2.0));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// For an [`Optimizer`](crate::optim::Optimizer), make the parameters one input, as `("p", 2)` or `("model", like(&model))`: their
/// gradient then is one slice.
#[derive(Clone)]
pub struct RowMap {
    f: Function,
    shape: RowShape,
}

impl RowMap {
    /// The function over rows, with a value per row for the named inputs; see [`Function::map_rows`].
    #[track_caller]
    pub(crate) fn new<S: AsRef<str>>(f: &Function, names: impl IntoIterator<Item = S>) -> Result<RowMap> {
        let mut varying = vec![false; f.inputs().len()];
        for name in names {
            let group = f.input(name.as_ref())?;
            let at = f.inputs().iter().position(|other| other == group).expect("the group is one of the inputs");
            if std::mem::replace(&mut varying[at], true) {
                return Err(Error::here(ErrorKind::Name, format!("the input `{}` is named twice", name.as_ref())));
            }
        }
        if !varying.contains(&true) {
            return Err(Error::here(ErrorKind::Name, "map_rows needs an input that varies from row to row"));
        }
        Ok(RowMap { f: f.clone(), shape: RowShape { varying, reduce: vec![Reduce::Each; f.outputs().len()] } })
    }

    #[track_caller]
    fn reduce<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>, reduce: Reduce) -> Result<RowMap> {
        for name in names {
            let output = self.f.output(name.as_ref())?;
            let at = self.f.outputs().iter().position(|other| other.name() == output.name()).expect("the output is one of them");
            self.shape.reduce[at] = reduce;
        }
        Ok(self)
    }

    /// Sums the named outputs over the rows.
    ///
    /// # Errors
    /// If a name is unknown.
    #[track_caller]
    pub fn sum<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Result<RowMap> {
        self.reduce(names, Reduce::Sum)
    }

    /// Averages the named outputs over the rows.
    ///
    /// # Errors
    /// If a name is unknown.
    #[track_caller]
    pub fn mean<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Result<RowMap> {
        self.reduce(names, Reduce::Mean)
    }

    /// Sums every output over the rows.
    pub fn sum_all(mut self) -> RowMap {
        self.shape.reduce.fill(Reduce::Sum);
        self
    }

    /// Averages every output over the rows.
    pub fn mean_all(mut self) -> RowMap {
        self.shape.reduce.fill(Reduce::Mean);
        self
    }

    /// Lowers to a program for the interpreter.
    #[track_caller]
    pub fn lower(&self) -> RowProgram {
        self.lower_with(Options::default())
    }

    /// As [`RowMap::lower`], with options.
    #[track_caller]
    pub fn lower_with(&self, options: Options) -> RowProgram {
        let groups = self.f.inputs().iter().zip(&self.shape.varying);
        let varying: Vec<bool> = groups.flat_map(|(group, &varying)| std::iter::repeat_n(varying, group.len())).collect();
        let program = lowered(&self.f, options, &varying);
        RowProgram { call: Arc::new(RowCall::new(&program, &self.shape, options.fuse)), program }
    }

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

/// A row map lowered to steps; see [`Program`].
#[derive(Clone)]
pub struct RowProgram {
    pub(crate) program: Program,
    pub(crate) call: Arc<RowCall>,
}

impl RowProgram {
    /// Evaluates by interpretation: a slice per input (row by row for those that vary), a slice per output (row by row for those
    /// that are not reduced). Gives the number of rows.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<usize> {
        self.program.check_sound(T::WIDTH)?;
        Rows::interpreted(&self.program, &self.call).call_into(inputs, outputs)
    }

    /// Compiles to native code that gives the same bits as the interpreter does on this program.
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    pub fn compile(&self) -> Result<CompiledRows> {
        let options = self.program.options;
        check_threads(options.call_threads)?;
        let units = [self.unit()];
        let [code] = &Code::of_units(&units, options, &AtomicBool::new(false))?[..] else {
            unreachable!("one unit has one code")
        };
        let (width, layout) = (self.program.width, self.program.layout.clone());
        let rows = Rows { code: code.clone(), call: self.call.clone(), threads: options.call_threads };
        Ok(CompiledRows { rows, width, layout })
    }

    fn unit(&self) -> Arc<Unit> {
        Arc::new(Unit::new(self.program.clone(), Some((*self.call).clone())))
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

/// A row map as native code: the loop over the rows runs inside. See [`RowMap`].
#[derive(Clone)]
pub struct CompiledRows {
    pub(super) rows: Rows,
    pub(super) width: Width,
    pub(super) layout: Arc<Layout>,
}

impl CompiledRows {
    /// Evaluates over rows: a slice per input (row by row for those that vary), a slice per output (row by row for those that are
    /// not reduced). Gives the number of rows.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<usize> {
        if self.width != T::WIDTH {
            return Err(wrong_width(self.width, T::WIDTH));
        }
        self.rows.call_into(inputs, outputs)
    }

    /// The same code for calls on up to so many threads; see [`Options::call_threads`].
    ///
    /// # Errors
    /// If it is none, or more than one without the feature `threads`.
    pub fn with_threads(&self, most: usize) -> Result<CompiledRows> {
        check_threads(most)?;
        Ok(CompiledRows { rows: Rows { threads: most, ..self.rows.clone() }, ..self.clone() })
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::new(&self.rows.code, &self.layout)
    }
}

impl std::fmt::Debug for CompiledRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompiledRows({})", self.report())
    }
}
