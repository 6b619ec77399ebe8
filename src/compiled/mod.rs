//! Compiled functions: of numbers, over rows, of arrays; what compiling took; files with their code.
//!
//! In: functions. Out: what is called. Functions are scheduled, all of their units become code in one pass, and calls check what they are given.

mod any;
mod arrays;
#[allow(unsafe_code, reason = "to run the code of a file is unsafe, which callers promise")]
mod files;
mod point;
mod report;
mod rows;
mod sparse;
mod terms;
mod tiered;
mod update;

#[cfg_attr(not(feature = "argmin"), allow(unused_imports))]
pub(crate) use any::AnyCompiled;
pub use arrays::CompiledArrays;
pub(crate) use arrays::compile_arrays;
pub use point::Compiled;
pub(crate) use point::compile;
pub use report::Report;
pub use rows::{CompiledRows, RowMap, RowProgram};
pub use sparse::CompiledSparse;
pub use terms::CompiledTerms;
pub use tiered::Tiered;
pub(crate) use tiered::compile_tiered;
pub use update::CompiledUpdate;
