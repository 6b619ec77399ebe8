//! What compiling took, or why it failed.

use crate::error::{Error, Kind as ErrorKind};
use crate::schedule::Tier;
use std::time::Duration;

/// What compiling took.
#[derive(Clone, Copy)]
pub(crate) struct Stats {
    pub(crate) tier: Tier,
    pub(crate) operations: usize,
    /// The program's.
    pub(crate) fingerprint: u64,
    pub(crate) code_bytes: usize,
    pub(crate) threads: usize,
    pub(crate) time: Duration,
}

pub(crate) fn failed(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Native, format!("native code could not be made: {reason}"))
}
