//! Native code: a program's steps through Cranelift into functions of this process.
//!
//! In: a [`Program`](crate::Program). Out: a [`Compiled`] that owns its code and frees it. Nothing here knows of handles or of rules; every value
//! comes from the op table through the emitter, so interpreter and native code give the same bits.

mod any;
mod arrays;
mod bits;
mod build;
mod cache;
mod code;
mod compiled;
mod emit;
mod flush;
mod lower;
mod native;
mod nest;
mod rows;
mod saved;
mod segment;
mod target;
mod threads;
mod tiered;

pub(crate) use any::AnyCompiled;
pub use arrays::{CompiledArrays, CompiledUpdate, RematCost};
pub(crate) use arrays::{compile_arrays, remat_cost};
pub(crate) use compiled::compile;
pub use compiled::{Compiled, Report};
pub use rows::CompiledRows;
pub use tiered::Tiered;
pub(crate) use tiered::compile_tiered;
