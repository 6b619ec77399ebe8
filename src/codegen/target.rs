//! The processor that code is made for.

use super::made::failed;
use crate::error::Error;
use crate::schedule::Tier;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use std::sync::OnceLock;

/// Why there is no code.
pub(super) enum Failure {
    /// Cranelift has none for this processor.
    Unsupported(String),
    Error(Error),
}

/// A result, or why there is none.
pub(super) type Made<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Failure {
    pub(super) fn error(self) -> Error {
        match self {
            Failure::Unsupported(reason) => failed(reason),
            Failure::Error(error) => error,
        }
    }
}

/// The instruction set of this processor, with the settings of a tier.
pub(super) fn isa(tier: Tier) -> Made<OwnedTargetIsa> {
    static BEST: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    static FAST: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    let (cell, allocator) = if tier == Tier::Fast { (&FAST, "single_pass") } else { (&BEST, "backtracking") };
    cell.get_or_init(|| make(allocator, true)).clone().map_err(Failure::Unsupported)
}

/// `features` says whether to use those that this processor has beyond what all of its kind have.
fn make(allocator: &str, features: bool) -> Result<OwnedTargetIsa, String> {
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "none"),
        ("regalloc_algorithm", allocator),
        ("enable_verifier", verify),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        // Frames that are longer than a page touch each in turn: no stack is left by jumping over its guard.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ] {
        flags.set(name, value).map_err(|e| e.to_string())?;
    }
    let isa = cranelift_native::builder_with_options(features).map_err(str::to_owned)?;
    isa.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
}

/// A processor without any feature that not all of its kind have.
#[cfg(test)]
pub(super) fn plain_isa() -> OwnedTargetIsa {
    make("backtracking", false).expect("the processor is known")
}
