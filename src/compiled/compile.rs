//! From a function to what runs its calls.

use super::background::{self, Background};
use super::call::{Body, Compiled};
use super::options::Options;
use super::overwrite::overwrites;
use super::running::Running;
use super::scheduled::Scheduled;
use super::signature::signature;
use super::sizes::Sizes;
use crate::base::host::{Stop, Stopwatch};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::{Code, check_workspace};
use crate::graph::Function;
use crate::schedule::ir::Updates;
use std::panic::Location;

/// Compiles a function; see [`Function::compile_with`].
#[track_caller]
pub(crate) fn compile(f: &Function, options: &Options) -> Result<Compiled> {
    let at = Location::caller();
    made(f, options).map_err(|error| error.or_at(Some(at)))
}

#[track_caller]
fn made(f: &Function, options: &Options) -> Result<Compiled> {
    options.check()?;
    let updates: Box<Updates> = overwrites(f, &options.overwrite)?.into();
    let watch = Stopwatch::start();
    let stop = Stop::after(options.time_limit);
    let later = background::is_worth(options);
    if options.background && options.settings.flush_subnormals {
        let message = "background: the interpreter does not flush subnormal numbers, so that results would change on the way";
        return Err(Error::here(ErrorKind::Unsupported, message));
    }
    // What is late in the background is interpreted, for which it has to be scheduled all the same.
    let never = Stop::default();
    let most = if options.background { &never } else { &stop };
    let scheduled = Scheduled::new(f, options.settings, &updates, most)?;
    let (units, rolled) = (scheduled.units().into(), scheduled.rolled());
    let running = if later {
        Running::Background(Background::new(scheduled, options, updates.clone(), stop, watch)?)
    } else {
        let codes = Code::of_units(scheduled.units(), options.settings, most)?;
        Running::Made(scheduled.engine(codes, updates.clone(), options.limits), watch.elapsed())
    };
    let zeros = f.structural_zeros().into_iter().map(str::to_owned).collect();
    let sizes = Sizes::new(f);
    let body = Body { running, f: signature(f)?, sizes, settings: options.settings, updates, zeros, rolled, units };
    let compiled = Compiled::new(body, options.threads);
    // Straight-line code and a loop over rows take the same for every call.
    compiled.workspace_bytes().map_or(Ok(()), |bytes| check_workspace(bytes, options.limits.memory))?;
    Ok(compiled)
}
