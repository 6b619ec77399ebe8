//! Native code: units through Cranelift into functions of this process.
//!
//! In: units. Out: [`Native`] functions that own their memory and free it. Nothing here knows of graphs or of rules; every value
//! comes from the op table through the emitter, so interpreter and native code give the same bits.
//!
//! Without the feature `jit` this module is `none.rs`, which has the same names and makes no code.

mod bits;
mod cache;
mod compile;
mod emission;
mod emit;
mod files;
mod flush;
mod lower;
mod made;
mod memory;
mod native;
mod target;
mod text;
mod wide;

pub(crate) use compile::{Compiled, compile};
#[cfg(test)]
pub(crate) use compile::{for_an_old_processor, in_few_registers};
pub(crate) use files::{check, native, put_native, start};
pub(crate) use flush::Flushing;
pub(crate) use made::{Vectors, failed};
pub(crate) use native::Native;
pub(crate) use text::{assembly, clif};

/// Whether native code can be made.
pub(crate) const AVAILABLE: bool = true;
