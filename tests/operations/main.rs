//! The table of operations, its kernels, the rewrites.

#[path = "../common/mod.rs"]
mod common;

mod branches;
mod exact;
mod lanes;
mod op_table;
mod packs;
mod page;
mod rules;
mod sharing;
mod sweep;
mod ulp;
