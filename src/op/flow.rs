//! Loops and branches in arithmetics whose comparisons are known: loops of Rust, which take only the branch at hand.

use crate::base::Axis;
use crate::base::revolve::Checkpoints;
use crate::error::{Error, Kind as ErrorKind, Result};

/// How a scan runs.
#[derive(Copy, Clone, Debug)]
pub struct Steps {
    /// What errors call it.
    pub(crate) what: &'static str,
    pub(crate) reverse: bool,
    pub(crate) length: Option<Axis>,
    pub(crate) checkpoints: Option<Checkpoints>,
}

impl Default for Steps {
    fn default() -> Steps {
        Steps { what: "scan", reverse: false, length: None, checkpoints: None }
    }
}

/// As many turns as the condition holds.
#[inline]
pub(crate) fn turns<C: Clone>(
    init: C,
    mut holds: impl FnMut(C) -> Result<bool>,
    mut body: impl FnMut(C) -> Result<C>,
) -> Result<C> {
    let mut carried = init;
    while holds(carried.clone())? {
        carried = body(carried)?;
    }
    Ok(carried)
}

/// A step for each of `n` places.
#[inline]
pub(crate) fn scanned<C, X, Y>(
    how: Steps,
    n: usize,
    x: impl Fn(usize) -> X,
    init: C,
    mut body: impl FnMut(C, X) -> Result<(C, Y)>,
) -> Result<(C, Vec<Y>)> {
    let (mut carried, mut each) = (init, Vec::with_capacity(n));
    for step in 0..n {
        let (next, y) = body(carried, x(if how.reverse { n - 1 - step } else { step }))?;
        carried = next;
        each.push(y);
    }
    if how.reverse {
        each.reverse();
    }
    Ok((carried, each))
}

/// So many steps, which read nothing.
#[inline]
#[track_caller]
pub(crate) fn counted<C, Y>(how: Steps, init: C, mut body: impl FnMut(C) -> Result<(C, Y)>) -> Result<(C, Vec<Y>)> {
    match how.length {
        Some(Axis::Fixed(n)) => scanned(how, n, |_| (), init, |carried, ()| body(carried)),
        _ => Err(unknown_length(how)),
    }
}

#[cold]
#[track_caller]
fn unknown_length(how: Steps) -> Error {
    let message = match how.length {
        Some(Axis::Open(name)) => format!("{}: nothing tells how long the axis `{name}` is among plain numbers", how.what),
        _ => format!("{}: nothing tells how many steps there are: `Scan::steps` does", how.what),
    };
    Error::here(ErrorKind::Unsupported, message)
}
