//! Calls over rows: slices row by row, to a loop over them.

use super::code::Code;
use super::nest::Nest;
use super::point::with_addresses;
use crate::error::Result;
use crate::op::Scalar;
use crate::schedule::RowCall;
use std::sync::Arc;

/// Code for rows, with what a call checks.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) code: Arc<Code>,
    pub(crate) call: Arc<RowCall>,
    /// How many rows there are, if that is known beforehand.
    pub(crate) fixed: Option<usize>,
}

impl Rows {
    /// Runs the code on slices of the code's width, on up to some threads. The call may say how many rows there are.
    ///
    /// # Errors
    /// If a length does not fit.
    pub(crate) fn call_into<T: Scalar>(
        &self,
        threads: usize,
        rows: Option<usize>,
        inputs: &[&[T]],
        outputs: &mut [&mut [T]],
    ) -> Result<()> {
        let call: &RowCall = &self.call;
        let rows = call.check(self.fixed.or(rows), inputs, outputs)?;
        call.start(outputs);
        let own = inputs.len();
        with_addresses(own + outputs.len(), |addresses| {
            let slices = inputs.iter().map(|slice| slice.as_ptr().cast_mut());
            let slices = slices.chain(outputs.iter_mut().map(|slice| slice.as_mut_ptr()));
            addresses.iter_mut().zip(slices).for_each(|(to, address)| *to = address);
            let nest = Nest {
                code: &self.code,
                addresses,
                inputs: own,
                rows,
                count: 1,
                row_strides: &call.strides,
                strides: &[],
                outer: &[],
                rest: None,
                sums: None,
            };
            // SAFETY: `RowCall::check` found every slice as long as the code reads and writes over these rows; slices that are written are
            // apart from all others, as `&mut` says.
            unsafe { nest.run(threads) };
        });
        call.finish(outputs, rows);
        Ok(())
    }
}
