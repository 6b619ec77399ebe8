//! Memory for the records of a loop's turns, and the error where they outgrow it.

use crate::base::records::{self, Outgrown};
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use std::cell::Cell;

thread_local! {
    /// Memory of earlier calls.
    static FREE: Cell<Vec<Vec<f64>>> = const { Cell::new(Vec::new()) };
}

/// The records of some sweeps, as elements that `f64` holds.
pub(super) struct Tapes {
    tapes: Vec<Vec<f64>>,
    used: usize,
}

impl Tapes {
    /// So many empty tapes.
    pub(super) fn new(count: usize) -> Tapes {
        let mut free = FREE.take();
        let mut tapes = free.split_off(free.len().saturating_sub(count));
        FREE.replace(free);
        tapes.resize_with(count, Vec::new);
        Tapes { tapes, used: 0 }
    }

    /// Whether there is room for more records of so many elements; otherwise the thread's [`check`] fails.
    pub(super) fn grow(&mut self, elements: usize, record: usize) -> bool {
        let bytes = elements * size_of::<f64>();
        let may = records::may_grow(bytes, record * size_of::<f64>());
        self.used += if may { bytes } else { 0 };
        may
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
        free.append(&mut self.tapes);
        FREE.replace(free);
    }
}

/// That no records of this thread have outgrown their limit since this was asked.
///
/// # Errors
/// If some have; it is about the loop of this line.
pub(super) fn check(at: Option<Caller>) -> Result<()> {
    let Some(Outgrown { record, limit }) = records::take() else { return Ok(()) };
    let message = format!(
        "while_loop: its adjoint keeps {record} bytes of every turn, and those of all turns are more than {limit}, the limit of \
         `Options::memory_limit`; a body inside `remat` keeps only what it carries"
    );
    Err(Error::new(ErrorKind::Limit, message).at(at))
}
