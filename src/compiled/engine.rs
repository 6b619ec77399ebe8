//! The forms that a function can be compiled to.

use super::report::Form;
use crate::base::wrong_width;
use crate::error::Result;
use crate::exec::{Arrays, Code, Numbers, Rows, Slices};
use crate::graph::Function;
use crate::op::Scalar;
use std::sync::Arc;

/// What runs a call.
pub(super) enum Engine {
    /// Straight-line code of a function of numbers.
    Numbers(Numbers),
    /// One loop over rows.
    Rows(Rows),
    /// The stages of a function of arrays.
    Arrays(Arrays),
}

/// What a call says beside its slices.
pub(super) struct How<'a, S> {
    /// The function, whose names errors give.
    pub(super) f: &'a Function,
    pub(super) threads: usize,
    /// Lengths of open axes that the slices do not tell.
    pub(super) lengths: &'a [(S, usize)],
}

impl Engine {
    /// Runs a call. The slice of an input that is overwritten stands among the outputs.
    ///
    /// # Errors
    /// If a length or the width does not fit, or a value is found on the way that an operation refuses.
    pub(super) fn call<T: Scalar, S: AsRef<str>>(&self, how: &How<S>, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        match self {
            Engine::Numbers(numbers) if numbers.call_into(inputs, outputs) => Ok(()),
            Engine::Numbers(numbers) => Err(numbers.misfit(how.f, inputs, outputs)),
            Engine::Rows(_) if T::WIDTH != how.f.width() => Err(wrong_width(how.f.width(), T::WIDTH)),
            // Rows have one axis.
            Engine::Rows(rows) => rows.call_into(how.threads, how.lengths.first().map(|(_, n)| *n), inputs, outputs),
            Engine::Arrays(arrays) => arrays.call(how.threads, how.lengths, Slices { inputs, outputs }),
        }
    }

    /// The code of every unit.
    pub(super) fn codes(&self) -> &[Arc<Code>] {
        match self {
            Engine::Numbers(numbers) => std::slice::from_ref(&numbers.code),
            Engine::Rows(rows) => std::slice::from_ref(&rows.code),
            Engine::Arrays(arrays) => arrays.codes(),
        }
    }

    pub(super) fn form(&self) -> Form {
        match self {
            Engine::Rows(_) => Form::Rows,
            Engine::Arrays(arrays) if arrays.schedule().whole.is_none() => Form::Stages(arrays.schedule().stages.len()),
            _ => Form::StraightLine,
        }
    }
}
