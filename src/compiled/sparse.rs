//! Sparse derivatives as native code.

use super::call::Compiled;
use super::compile::compile;
use super::options::Options;
use crate::base::{Width, wrong_width};
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::op::Scalar;
use crate::sparse::{Argument, SparseDerivative, Sparsity};
use smallvec::SmallVec;
use std::any::Any;
use std::{fmt, panic::Location, sync::Arc};

/// A sparse derivative as native code: one call writes all values. `Send + Sync`, cheap to clone.
#[derive(Clone)]
pub struct CompiledSparse {
    derivative: Arc<SparseDerivative>,
    code: Option<Compiled>,
    /// By input of the function, the data that it is given: a vector of its width.
    data: Arc<Vec<Option<Box<dyn Any + Send + Sync>>>>,
}

/// Up to this many slices are collected on the stack.
const SLICES: usize = 16;

impl SparseDerivative {
    /// Compiles to native code for this processor.
    ///
    /// # Errors
    /// As [`Function::compile`](crate::Function::compile).
    #[track_caller]
    pub fn compile(&self) -> Result<CompiledSparse> {
        self.compile_with(Options::default())
    }

    /// As [`SparseDerivative::compile`], with options.
    ///
    /// # Errors
    /// As [`SparseDerivative::compile`].
    #[track_caller]
    pub fn compile_with(&self, options: Options) -> Result<CompiledSparse> {
        let narrow = self.f.as_ref().is_some_and(|f| f.width() == Width::F32);
        if !options.overwrite.is_empty() {
            return Err(Error::here(
                ErrorKind::Unsupported,
                "overwrite: a sparse derivative has no output that could overwrite an input",
            ));
        }
        let data = |argument: &Argument| match argument {
            Argument::Call(_) => None,
            Argument::Data(data) if narrow => {
                Some(Box::new(data.iter().map(|&v| v as f32).collect::<Vec<f32>>()) as Box<dyn Any + Send + Sync>)
            }
            Argument::Data(data) => Some(Box::new(data.clone()) as Box<dyn Any + Send + Sync>),
        };
        Ok(CompiledSparse {
            code: match &self.f {
                Some(f) => Some(compile(f, &options)?),
                None => None,
            },
            data: Arc::new(self.arguments.iter().map(data).collect()),
            derivative: Arc::new(self.clone()),
        })
    }
}

impl CompiledSparse {
    /// Computes the values, in the order of the entries: a slice per input, and one for the values.
    ///
    /// # Errors
    /// If a length or the width does not fit, or an index is out of range.
    #[track_caller]
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        let at = Location::caller();
        let derivative = &*self.derivative;
        let [values] = outputs else {
            let message = format!("{}, where there is one, for the values of all entries", count(outputs.len(), "output slice"));
            return Err(Error::here(ErrorKind::Length, message));
        };
        derivative.check(inputs, values.len()).map_err(|error| error.or_at(Some(at)))?;
        let (Some(code), Some(f)) = (&self.code, &derivative.f) else { return Ok(()) };
        if T::WIDTH != f.width() {
            return Err(wrong_width(f.width(), T::WIDTH).at(Some(at)));
        }
        let mut slices: SmallVec<[&[T]; SLICES]> = SmallVec::new();
        for (argument, data) in derivative.arguments.iter().zip(&*self.data) {
            slices.push(match (argument, data) {
                (Argument::Call(k), _) => inputs[*k],
                (_, data) => data.as_ref().and_then(|data| data.downcast_ref::<Vec<T>>()).expect("data has the function's width"),
            });
        }
        code.call_joined(&slices, values)?;
        derivative.subtract(values);
        Ok(())
    }

    /// Where the entries are, and in which order their values.
    pub fn sparsity(&self) -> &Sparsity {
        self.derivative.sparsity()
    }

    /// The names of the inputs of a call, and how many numbers each has.
    pub fn inputs(&self) -> &[(String, usize)] {
        self.derivative.inputs()
    }
}

impl fmt::Debug for CompiledSparse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "CompiledSparse({:?}, {code:?})", self.derivative),
            None => write!(f, "CompiledSparse({:?})", self.derivative),
        }
    }
}
