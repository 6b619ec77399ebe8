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
    pub(crate) vectors: Vectors,
    /// Words of scratch memory beside what the unit needs.
    pub(crate) scratch: usize,
}

/// What a loop over rows works in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// It is no loop over rows.
    #[default]
    None,
    /// In so many bits, with so many values put in memory for want of registers; and why not in more, if the processor and the options allow more.
    Wide { bits: u16, spilled: usize, narrow: Option<&'static str> },
    /// In 128 bits, and why not in more.
    Narrow(&'static str),
}

pub(crate) fn failed(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Native, format!("native code could not be made: {reason}"))
}
