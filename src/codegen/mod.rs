//! Native code: units through Cranelift into functions of this process.
//!
//! In: units. Out: [`Native`] functions that own their memory and free it. Nothing here knows of graphs or of rules; every value
//! comes from the op table through the emitter, so interpreter and native code give the same bits.

mod bits;
mod cache;
mod compile;
mod emission;
mod emit;
mod files;
mod flush;
mod lower;
mod memory;
mod native;
mod target;
mod text;

#[cfg(test)]
pub(crate) use compile::for_an_old_processor;
pub(crate) use compile::{Compiled, compile};
pub(crate) use emission::processors;
pub(crate) use files::{Read, check, exactly, native, numbers, put_native, put_numbers, start, text};
pub(crate) use flush::Flushing;
pub(crate) use native::Native;
pub(crate) use target::failed;
pub(crate) use text::{assembly, clif};
