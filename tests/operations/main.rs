//! The table of operations, its kernels, the rewrites.

#[path = "../common/mod.rs"]
mod common;

mod branches;
mod lanes;
mod op_table;
mod packs;
mod rules;
mod sharing;
mod ulp;
