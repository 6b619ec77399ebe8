//! The machine that this runs on: its clock, its processors, its memory. A browser's has no clock.

use crate::error::{Error, Kind as ErrorKind, Result};
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Whether the standard library has a clock here: asking for one that is not there is a panic.
const CLOCK: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// Measures how long something takes.
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(CLOCK.then(Instant::now))
    }

    /// The time since the start; none where there is no clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |start| start.elapsed())
    }
}

/// When work is to stop: once another thread says so, or after a time. By default never.
#[derive(Default)]
pub(crate) struct Stop {
    unwanted: AtomicBool,
    limit: Option<(Stopwatch, Duration)>,
}

impl Stop {
    /// After a time from now on, if there is one, and a clock.
    pub(crate) fn after(limit: Option<Duration>) -> Stop {
        Stop { limit: limit.map(|limit| (Stopwatch::start(), limit)), ..Stop::default() }
    }

    /// Now.
    pub(crate) fn set(&self) {
        self.unwanted.store(true, Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.unwanted.load(Relaxed) || self.is_late().is_some()
    }

    /// The time after which it was to stop, if that is over.
    pub(crate) fn is_late(&self) -> Option<Duration> {
        self.limit.as_ref().and_then(|(since, limit)| (since.elapsed() > *limit).then_some(*limit))
    }

    /// That work goes on.
    ///
    /// # Errors
    /// If it is to stop.
    pub(crate) fn check(&self) -> Result<()> {
        match self.is_late() {
            _ if !self.is_set() => Ok(()),
            Some(limit) => {
                let message = format!("compiling takes longer than {limit:?}, the limit of `Options::time_limit`");
                Err(Error::new(ErrorKind::Limit, message))
            }
            None => Err(Error::new(ErrorKind::Native, "native code: it is not wanted any more")),
        }
    }
}

/// How many threads this machine runs at once.
pub(crate) fn processors() -> usize {
    // Asking takes as long as compiling a small function.
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Where a machine does not say how much memory it has.
const ASSUMED: u64 = 1 << 36;

/// What a program has set; 0 where it has not.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// The most bytes of memory that a shape may cost this process at a time: all values of an evaluation by interpretation, the workspace of a compiled
/// call (unless [`Options::memory_limit`](crate::Options::memory_limit) says otherwise), a result of its
/// [`run`](crate::Compiled::run), the elements and the starts of columns of a sparse pattern. What needs more is an error
/// ([`Error::is_limit`](crate::Error::is_limit)), where the process would end for want of memory.
///
/// By default it is the memory of the machine where that is known (on Linux), and 64 GiB elsewhere.
pub fn memory_limit() -> usize {
    static MACHINE: OnceLock<usize> = OnceLock::new();
    match LIMIT.load(Relaxed) {
        0 => *MACHINE.get_or_init(|| usize::try_from(memory().unwrap_or(ASSUMED)).unwrap_or(isize::MAX as usize)),
        set => set,
    }
}

/// Sets what [`memory_limit`] says, for the whole process; 0 puts the default back.
pub fn set_memory_limit(bytes: usize) {
    LIMIT.store(bytes, Relaxed);
}

/// The bytes of memory that this machine has, if it says so.
fn memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024).filter(|&bytes| bytes > 0)
}
