//! Memory for the records of a loop's turns, and the error where they outgrow it.

use crate::base::records::{self, Endless, Outgrown};
use crate::error::{Caller, Error, Kind as ErrorKind, Result, count};
use crate::schedule::flow::Line;
use smallvec::SmallVec;
use std::cell::Cell;

thread_local! {
    /// Memory of earlier calls.
    static FREE: Cell<Vec<Vec<f64>>> = const { Cell::new(Vec::new()) };
}

/// The records of some sweeps, as elements that `f64` holds.
pub(super) struct Tapes {
    tapes: SmallVec<[Vec<f64>; 4]>,
    used: usize,
}

impl Tapes {
    /// So many empty tapes.
    pub(super) fn new(count: usize) -> Tapes {
        let mut free = FREE.take();
        let tapes = (0..count).map(|_| free.pop().unwrap_or_default()).collect();
        FREE.replace(free);
        Tapes { tapes, used: 0 }
    }

    /// Whether there is room for more records of so many elements; otherwise the thread's [`check`] fails.
    pub(super) fn grow(&mut self, elements: usize, record: usize) -> bool {
        let bytes = elements * size_of::<f64>();
        let may = records::may_grow(bytes, record * size_of::<f64>());
        self.used += if may { bytes } else { 0 };
        may
    }

    /// A tape that others can be read beside.
    pub(super) fn take(&mut self, tape: usize) -> Vec<f64> {
        std::mem::take(&mut self.tapes[tape])
    }

    pub(super) fn give(&mut self, tape: usize, taken: Vec<f64>) {
        self.tapes[tape] = taken;
    }

    pub(super) fn push(&mut self, tape: usize, element: f64) {
        self.tapes[tape].push(element);
    }

    /// The k-th of a tape's records of so many elements.
    pub(super) fn record(&self, tape: usize, len: usize, k: usize) -> &[f64] {
        &self.tapes[tape][k * len..][..len]
    }
}

impl Drop for Tapes {
    fn drop(&mut self) {
        records::less(self.used);
        self.tapes.iter_mut().for_each(Vec::clear);
        let mut free = FREE.take();
        free.extend(self.tapes.drain(..));
        FREE.replace(free);
    }
}

/// That no loop of the code that has run, whose loops these are, was stopped.
///
/// # Errors
/// If one was; it is about the loop's line.
pub(super) fn check_turns(loops: &[Line]) -> Result<()> {
    match loops {
        [] => Ok(()),
        loops => match records::take_stopped() {
            None => Ok(()),
            Some(Endless { turns, number }) => Err(endless(turns, loops.get(number).and_then(|line| line.0))),
        },
    }
}

/// The error of a loop that would make more turns than these.
pub(super) fn endless(turns: usize, at: Option<Caller>) -> Error {
    let turns = count(turns, "turn");
    let message = format!("while_loop: it has not ended after {turns}, the limit of `Options::turn_limit`");
    Error::new(ErrorKind::Limit, message).at(at)
}

/// That no records of this thread have outgrown their limit since this was asked.
///
/// # Errors
/// If some have; it is about the loop of this line.
pub(super) fn check(at: Option<Caller>) -> Result<()> {
    let Some(Outgrown { record, limit }) = records::take() else { return Ok(()) };
    let message = format!(
        "while_loop: its adjoint keeps {record} bytes of every turn, and those of all turns are more than {limit}, the limit of \
         `Options::memory_limit`; a body inside `remat` keeps only what it carries, and `While::checkpoints` few states"
    );
    Err(Error::new(ErrorKind::Limit, message).at(at))
}
