//! Stands in for native code where the feature `jit` is off: there is none, and whoever asks learns why.
//!
//! It has the names that `codegen/mod.rs` has, so that nothing above asks for the feature.

mod made;

pub(crate) use made::{Vectors, failed};

use crate::base::host::Stop;
use crate::error::Result;
use crate::io::{Archive, Read};
use crate::schedule::Settings;
use crate::schedule::unit::{Needs, Unit};
use made::Stats;
use std::sync::Arc;

/// Whether native code can be made.
pub(crate) const AVAILABLE: bool = false;

const REASON: &str = "wengert was built without its feature `jit`";

/// The code of every unit, or why there can be none.
pub(crate) enum Compiled {
    Native(Vec<Arc<Native>>),
    Unsupported(String),
}

/// Native functions, of which there are none.
pub(crate) enum Native {}

impl Native {
    pub(crate) fn functions(&self) -> &[(*const u8, bool)] {
        match *self {}
    }

    pub(crate) fn stats(&self) -> &Stats {
        match *self {}
    }
}

/// The processor's mode for native code, which nothing asks for.
pub(crate) struct Flushing;

impl Flushing {
    pub(crate) fn start() -> Flushing {
        Flushing
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {}
}

/// Checks units as if they were compiled.
///
/// # Errors
/// If the options want what the interpreter does not do.
pub(crate) fn compile(_units: &[Arc<Unit>], options: Settings, stop: &Stop) -> Result<Compiled> {
    if options.flush_subnormals {
        return Err(failed(format!("`flush_subnormals` is not there in the interpreter, and {REASON}")));
    }
    stop.check()?;
    Ok(Compiled::Unsupported(REASON.into()))
}

pub(crate) fn clif(_unit: &Unit) -> Result<String> {
    Err(failed(REASON))
}

pub(crate) fn assembly(_unit: &Unit) -> Result<String> {
    Err(failed(REASON))
}

pub(crate) fn start(_what: &str) -> Read<Archive> {
    Err(format!("there is no native code to be saved: it is interpreted, since {REASON}"))
}

pub(crate) fn check(_archive: &Archive, _what: &str) -> Read<()> {
    Err(format!("native code is of no use here: {REASON}"))
}

pub(crate) fn put_native(_archive: &mut Archive, _name: &str, native: &Native, _needs: &Needs) {
    match *native {}
}

pub(crate) fn native(_archive: &Archive, _name: &str) -> Read<(Native, Needs)> {
    Err(REASON.into())
}
