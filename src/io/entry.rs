//! One thing in a file.

use crate::base::Width;

/// Entries by name, in order.
pub(super) type Entries = Vec<(String, Entry)>;

/// What is kept under a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    Text(String),
    Count(u64),
    /// Lengths of the axes, and the numbers as they lie in the file.
    Array(Width, Vec<usize>, Vec<u8>),
    Bytes(Vec<u8>),
}

impl Entry {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Entry::Text(_) => "a text",
            Entry::Count(_) => "a count",
            Entry::Array(Width::F32, ..) => "an array of f32",
            Entry::Array(Width::F64, ..) => "an array of f64",
            Entry::Bytes(_) => "a run of bytes",
        }
    }
}
