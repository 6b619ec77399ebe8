//! Native functions and the memory that they live in.

use super::made::Stats;
use super::memory::{Call, Memory, Object};
use super::target::{Made, isa};

/// The native functions of a unit, in the memory that they live in.
pub(crate) struct Native {
    memory: Memory,
    calls: Vec<Call>,
    functions: Vec<(*const u8, bool)>,
    pub(super) stats: Stats,
}

// SAFETY: the code is finished and never changes; it is freed with this value.
unsafe impl Send for Native {}
// SAFETY: as above, shared access only reads addresses.
unsafe impl Sync for Native {}

impl Native {
    /// Code that was made for this processor.
    pub(super) fn new(mut object: Object, stats: Stats) -> Made<Native> {
        let memory = Memory::new(isa(stats.tier)?, &mut object)?;
        let functions = object.functions.iter().map(|&(at, per_row)| (memory.function(at), per_row)).collect();
        Ok(Native { memory, calls: object.calls, functions, stats })
    }

    /// Addresses, with whether the function runs for every row.
    pub(crate) fn functions(&self) -> &[(*const u8, bool)] {
        &self.functions
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes of memory, about: pages of code, and what finds and frees it.
    pub(super) fn bytes(&self) -> usize {
        let lists = size_of_val(&self.calls[..]) + size_of_val(&self.functions[..]);
        size_of::<Native>() + lists + self.memory.resident()
    }

    /// The code, which can go elsewhere.
    pub(super) fn object(&self) -> Object {
        let mut bytes = self.memory.bytes().to_vec();
        self.calls.iter().for_each(|call| call.put(&mut bytes, 0));
        let start = self.memory.function(0).addr();
        let functions = self.functions.iter().map(|&(address, per_row)| (address.addr() - start, per_row)).collect();
        Object { bytes, functions, calls: self.calls.clone() }
    }
}
