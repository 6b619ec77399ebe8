//! Actions within actions: running the plans of bodies.

use super::call::{Call, Lent};
use super::code::Code;
use crate::error::Result;
use crate::op::Scalar;
use crate::schedule::ir::{Action, Buffer, Plan};
use smallvec::SmallVec;
use std::sync::Arc;

/// What runs actions in order: for those whose actions have actions within.
pub(super) type ActAll<T> = fn(&[Arc<Code>], &[Action], &mut Call<T>) -> Result<()>;

/// The inputs of a body, or its outputs.
pub(super) type Buffers = SmallVec<[Buffer; 16]>;

/// The bodies of an action.
pub(super) struct Bodies<'r, T> {
    pub(super) codes: &'r [Arc<Code>],
    pub(super) plans: &'r [Plan],
    pub(super) scratch: Buffer,
    pub(super) act_all: ActAll<T>,
}

impl<T: Scalar> Bodies<'_, T> {
    /// Runs one of them.
    pub(super) fn run<'x>(
        &self,
        body: usize,
        (inputs, outputs): (&[Buffer], &[Buffer]),
        lent: &mut Lent<'x, T>,
        call: &mut Call<T>,
    ) -> Result<()>
    where
        T: 'x,
    {
        call.within(inputs, outputs, self.scratch, lent, |call| (self.act_all)(self.codes, &self.plans[body].actions, call))
    }
}
