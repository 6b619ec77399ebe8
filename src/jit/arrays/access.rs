//! The slices of a call, lent to one thread or known to several.

use super::run::{Call, Slices};
use crate::jit::threads::Shared;

/// How a call gets at its slices.
pub(super) enum Access<'s, 'a, 'b, 'c, T> {
    Slices(&'s mut Slices<'a, 'b, 'c, T>),
    Shared(&'s SharedCall<'a, T>),
}

/// What several threads know of a call.
pub(super) struct SharedCall<'a, T> {
    inputs: &'a [&'a [T]],
    outputs: Vec<Shared<T>>,
    state: Vec<Shared<T>>,
    scratch: Shared<T>,
    kept: Shared<T>,
}

impl<'a, 'b, 'c, T> Access<'_, 'a, 'b, 'c, T> {
    /// The same for a shorter time.
    pub(super) fn again(&mut self) -> Access<'_, 'a, 'b, 'c, T> {
        match self {
            Access::Slices(slices) => Access::Slices(slices),
            Access::Shared(shared) => Access::Shared(shared),
        }
    }

    #[inline(always)]
    pub(super) fn input(&self, k: usize) -> *mut T {
        match self {
            Access::Slices(slices) => slices.inputs[k].as_ptr().cast_mut(),
            Access::Shared(shared) => shared.inputs[k].as_ptr().cast_mut(),
        }
    }

    #[inline(always)]
    pub(super) fn output(&mut self, k: usize) -> *mut T {
        match self {
            Access::Slices(slices) => slices.outputs[k].as_mut_ptr(),
            Access::Shared(shared) => shared.outputs[k].get(),
        }
    }

    #[inline(always)]
    pub(super) fn state(&mut self, k: usize) -> *mut T {
        match self {
            Access::Slices(slices) => slices.state[k].as_mut_ptr(),
            Access::Shared(shared) => shared.state[k].get(),
        }
    }
}

impl<'a, T> SharedCall<'a, T> {
    pub(super) fn new(slices: &mut Slices<'a, '_, '_, T>, scratch: *mut T, kept: *mut T) -> SharedCall<'a, T> {
        let shared = |slices: &mut [&mut [T]]| slices.iter_mut().map(|slice| Shared::new(slice.as_mut_ptr())).collect();
        SharedCall {
            inputs: slices.inputs,
            outputs: shared(slices.outputs),
            state: shared(slices.state),
            scratch: Shared::new(scratch),
            kept: Shared::new(kept),
        }
    }

    /// Makes it a call of this thread alone.
    pub(super) fn lend<R>(&self, f: impl FnOnce(&mut Call<T>) -> R) -> R {
        f(&mut Call::new(Access::Shared(self), (self.scratch.get(), self.kept.get(), std::ptr::null_mut()), 1))
    }
}
