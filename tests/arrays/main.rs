//! Functions of arrays.

#[path = "../common/mod.rs"]
mod common;

mod arrays;
mod bodies;
mod checkpoints;
mod flows;
mod indices;
mod jacobians;
mod linalg;
mod online;
mod references;
mod scan;
mod strips;
mod sums;
mod turn_limit;
mod turns;
mod updates;
mod views;
mod vmap;
