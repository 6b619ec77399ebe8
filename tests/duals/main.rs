//! Dual numbers and jets.

#[path = "../common/mod.rs"]
mod common;

mod dual;
#[cfg(feature = "nalgebra")]
mod dual_nalgebra;
mod dual_num;
mod kinks;
mod taylor;
