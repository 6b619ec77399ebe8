//! Functions of numbers: traced, read, differentiated, looked into.

#[path = "../common/mod.rs"]
mod common;

mod any_arithmetic;
mod bad_input;
mod custom;
mod diagnose;
mod facts;
mod formulas;
mod formulas_textbook;
mod guesses;
mod inside;
mod ir;
mod layout;
mod matrices;
#[cfg(feature = "derive")]
mod parts;
#[cfg(feature = "pictures")]
mod pictures;
mod random;
mod random_programs;
mod sources;
#[cfg(feature = "derive")]
mod structure;
mod text;
mod then;
mod twice;
mod wrong_calls;
