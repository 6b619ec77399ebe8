//! Values that take more than one instruction, written once over [`Machine`], or over [`Lanes`] where they need a number's bits.
//!
//! In loops and functions of arrays a kernel is inlined into native code or called, and called by the interpreter: the same arithmetic, so their
//! bits agree. Plain numbers of user code and programs for single points take the routine of the library instead, and so does every machine
//! where there is no kernel: from std (the platform's libm), from the `libm` crate where std has none, and from `gamma` where neither has.

mod arc;
mod composed;
mod distance;
mod elementary;
mod erf;
mod exp;
#[allow(unsafe_code, reason = "the dispatch on the processor's features")]
mod fused;
mod gamma;
mod hyperbolic;
mod lgamma;
mod library;
mod ln;
mod logistic;
mod numbers;
mod parts;
mod pow;
#[allow(unsafe_code, reason = "memory that native code writes to")]
mod records;
mod remainder;
mod routines;
#[allow(unsafe_code, reason = "the dispatch on the processor's features")]
mod slices;
mod trig;
mod types;

pub(crate) use composed::*;
pub(crate) use elementary::{clamp, copysign, direction, leaky_relu, max, min, relu, round, signum};
pub(crate) use fused::{Walk, fused};
pub(crate) use library::*;
pub(crate) use records::{HEAD as TAPE_HEAD, INLINE as TAPE_INLINE};
pub(crate) use routines::Routine;
pub(crate) use slices::block;
pub(crate) use types::*;
