//! Calls over rows: slices row by row, to a loop over them.

use super::code::Code;
use super::nest::Nest;
use crate::error::Result;
use crate::op::Scalar;
use crate::schedule::unit::Unit;
use crate::schedule::{Program, RowCall};
use smallvec::SmallVec;
use std::sync::Arc;

/// Code for rows, with what a call checks.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) code: Arc<Code>,
    pub(crate) call: Arc<RowCall>,
    /// Of a call, at most.
    pub(crate) threads: usize,
}

impl Rows {
    /// Rows by interpretation.
    pub(crate) fn interpreted(program: &Program, call: &Arc<RowCall>) -> Rows {
        let unit = Arc::new(Unit::new(program.clone(), Some((**call).clone())));
        Rows { code: Arc::new(Code::interpreted(&unit, "it was asked for")), call: call.clone(), threads: 1 }
    }

    /// Runs the code on slices of the code's width; the number of rows.
    ///
    /// # Errors
    /// If a length does not fit.
    pub(crate) fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<usize> {
        let call: &RowCall = &self.call;
        let rows = call.check(inputs, outputs)?;
        call.start(outputs);
        let mut addresses: SmallVec<[*mut T; 32]> = SmallVec::new();
        inputs.iter().for_each(|slice| addresses.push(slice.as_ptr().cast_mut()));
        outputs.iter_mut().for_each(|slice| addresses.push(slice.as_mut_ptr()));
        let nest = Nest {
            code: &self.code,
            addresses: &mut addresses,
            inputs: inputs.len(),
            rows,
            count: 1,
            row_strides: &call.strides,
            strides: &[],
            outer: &[],
            rest: None,
            sums: None,
        };
        // SAFETY: `RowCall::check` found every slice as long as the code reads and writes over these rows; slices that are written are apart
        // from all others, as `&mut` says.
        unsafe { nest.run(self.threads) };
        call.finish(outputs, rows);
        Ok(rows)
    }
}
