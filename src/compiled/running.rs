//! What runs calls: what is made, or what is being made.

use super::background::Background;
use super::engine::Engine;
use std::time::Duration;

pub(super) enum Running {
    /// With the time that making it took.
    Made(Engine, Duration),
    /// The interpreter, until a thread has made native code.
    Background(Background),
}

impl Running {
    /// What runs a call now.
    #[inline]
    pub(super) fn engine(&self) -> &Engine {
        match self {
            Running::Made(engine, _) => engine,
            Running::Background(background) => background.current(),
        }
    }

    /// What compiling took; none while it lasts.
    pub(super) fn time(&self) -> Duration {
        match self {
            Running::Made(_, time) => *time,
            Running::Background(background) => background.time(),
        }
    }
}
