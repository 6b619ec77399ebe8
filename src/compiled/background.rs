//! Code that is made while calls are interpreted. Both give the same bits, so nothing but the speed changes on the way.

use super::engine::Engine;
use super::options::Options;
use super::scheduled::Scheduled;
use crate::base::host::{Stop, Stopwatch, processors};
use crate::codegen::{self, failed};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::Code;
use crate::schedule::Settings;
use crate::schedule::ir::Updates;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{num::NonZero, panic, panic::AssertUnwindSafe, thread};

/// The interpreter, and the native code once it is there.
pub(super) struct Background {
    interpreted: Box<Engine>,
    shared: Arc<Shared>,
}

/// What the thread gives.
struct Shared {
    native: OnceLock<Result<Native>>,
    stop: Stop,
}

struct Native {
    engine: Engine,
    time: Duration,
}

/// Whether there is code to be made in a thread.
pub(super) fn is_worth(options: &Options) -> bool {
    options.background && !options.settings.interpreted && codegen::AVAILABLE
}

impl Background {
    /// # Errors
    /// If the function cannot run at all, or there is no thread to be had.
    pub(super) fn new(
        scheduled: Scheduled,
        options: &Options,
        updates: Box<Updates>,
        stop: Stop,
        watch: Stopwatch,
    ) -> Result<Background> {
        let limits = options.limits;
        // One processor is left to the caller.
        let threads = options.settings.threads.or(NonZero::new(processors().saturating_sub(1))).or(Some(NonZero::<usize>::MIN));
        let settings = Settings { threads, ..options.settings };
        let codes = Code::of_units(scheduled.units(), Settings { interpreted: true, ..settings }, &Stop::default())?;
        let interpreted = Box::new(scheduled.engine(codes, updates.clone(), limits));
        let shared = Arc::new(Shared { native: OnceLock::new(), stop });
        let given = shared.clone();
        let compile = move || {
            let make = || {
                let codes = Code::of_units(scheduled.units(), settings, &given.stop)?;
                Ok(Native { engine: scheduled.engine(codes, updates, limits), time: watch.elapsed() })
            };
            // Whoever waits is to learn that there will be no code.
            let made = panic::catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err(failed("the compiler panicked")));
            // Nobody else sets it.
            let _ = given.native.set(made);
        };
        let thread = thread::Builder::new().name("wengert compiles".into()).spawn(compile);
        thread.map_err(|error| Error::new(ErrorKind::Native, format!("there is no thread to compile in: {error}")))?;
        Ok(Background { interpreted, shared })
    }

    /// What runs a call now.
    #[inline]
    pub(super) fn current(&self) -> &Engine {
        match self.shared.native.get() {
            Some(Ok(native)) => &native.engine,
            _ => &self.interpreted,
        }
    }

    /// What compiling took; none while it lasts.
    pub(super) fn time(&self) -> Duration {
        match self.shared.native.get() {
            Some(Ok(native)) => native.time,
            _ => Duration::ZERO,
        }
    }

    /// Why calls are interpreted; nothing once they are not.
    pub(super) fn reason(&self) -> Option<String> {
        match self.shared.native.get() {
            None => Some("a thread is making native code".into()),
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(error.to_string()),
        }
    }

    /// Waits for the native code.
    ///
    /// # Errors
    /// If there will be none; calls are interpreted then.
    pub(super) fn wait(&self) -> Result<()> {
        self.shared.native.wait().as_ref().map(|_| ()).map_err(Clone::clone)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.shared.stop.set();
    }
}
