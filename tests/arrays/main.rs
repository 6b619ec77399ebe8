//! Functions of arrays.

#[path = "../common/mod.rs"]
mod common;

mod arrays;
mod checkpoints;
mod flows;
mod indices;
mod jacobians;
mod linalg;
mod references;
mod scan;
mod strips;
mod sums;
mod turns;
mod updates;
mod views;
mod vmap;
