//! What an action does with memory.

use super::fault::Kind;
use super::places::Places;
use crate::schedule::ir::Buffer;

/// What is done with some places.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Read,
    Write,
    /// What is there is read, and what takes its place is the same value: a sum so far.
    Add,
    /// What is there does not count, before and after.
    Work,
}

/// Some places of a buffer, and what is done with them.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) buffer: Buffer,
    pub(super) places: Places,
    pub(super) role: Role,
}

/// All that an action does.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    pub(super) all: Vec<Access>,
    /// Pairs of accesses: what is read, and what is written over it in the same places.
    pub(super) over: Vec<(usize, usize)>,
}

impl Footprint {
    /// All of some buffers is read, and all of others is written.
    pub(super) fn of(read: &[Buffer], written: &[Buffer]) -> Footprint {
        let mut footprint = Footprint::default();
        read.iter().for_each(|&buffer| footprint.whole(buffer, Role::Read));
        written.iter().for_each(|&buffer| footprint.whole(buffer, Role::Write));
        footprint
    }

    /// Some places of a buffer.
    pub(super) fn place(&mut self, buffer: Buffer, places: Places, role: Role) {
        self.all.push(Access { buffer, places, role });
    }

    /// All of a buffer, if it has elements.
    pub(super) fn whole(&mut self, buffer: Buffer, role: Role) {
        if buffer.len > 0 {
            self.all.push(Access { buffer, places: Places::run(buffer.offset, buffer.len), role });
        }
    }
}

/// That a buffer has so many elements.
pub(super) fn has(buffer: Buffer, wanted: usize) -> Result<(), Kind> {
    if buffer.len == wanted { Ok(()) } else { Err(Kind::Length { buffer, wanted }) }
}

/// That there are as many as there must be.
pub(super) fn count(what: &'static str, given: usize, wanted: usize) -> Result<(), Kind> {
    if given == wanted { Ok(()) } else { Err(Kind::Count { what, given, wanted }) }
}

/// That an action which goes so many elements into a buffer stays there.
pub(super) fn reaches(buffer: Buffer, reach: usize) -> Result<(), Kind> {
    if reach <= buffer.len { Ok(()) } else { Err(Kind::TooFar { buffer, reach }) }
}
