//! Native code: how it is made, kept, shared between threads, and called for rows.

#[path = "../common/mod.rs"]
mod common;

mod compiling;
mod limits;
mod random_rows;
mod saved_code;
mod threads;
mod tiered;
