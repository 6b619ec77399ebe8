//! The machine that this runs on: its clock, its processors. A browser's has neither.

use std::num::NonZero;
use std::sync::OnceLock;
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

/// How many threads this machine runs at once.
pub(crate) fn processors() -> usize {
    // Asking takes as long as compiling a small function.
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}
