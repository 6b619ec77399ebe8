//! Functions of numbers: traced, read, differentiated, looked into.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod custom;
mod diagnose;
mod ir;
mod matrices;
mod random;
mod random_programs;
mod sources;
mod text;
