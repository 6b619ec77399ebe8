//! How a function is lowered and becomes code: what a user chooses by [`Options`](crate::Options), as far as it is known down here.

use std::num::NonZero;

/// How much time making native code may take. What differs is straight-line code, and loops with an end that depends on data; the bits are the same.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Tier {
    /// Straight-line code by the crate's own encoder where there is one for the processor (x86-64 with AVX2 and fused multiply-add), everything else as in
    /// [`Tier::Best`] up to a size where that would take long, then as in [`Tier::Fast`].
    #[default]
    Auto,
    /// The encoder, or Cranelift's register allocator of one pass: code in a third of the time that runs up to twice as long.
    Fast,
    /// Cranelift's backtracking register allocator.
    Best,
}

/// Each is described where it is chosen, at [`Options`](crate::Options).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) simplify: bool,
    pub(crate) fuse: bool,
    pub(crate) tier: Tier,
    pub(crate) flush_subnormals: bool,
    pub(crate) unroll: bool,
    pub(crate) roll: bool,
    /// Whether loops are worth it wherever they are found.
    pub(crate) always_roll: bool,
    /// Threads that make code.
    pub(crate) threads: Option<NonZero<usize>>,
    pub(crate) cached: bool,
    pub(crate) code_limit: usize,
    /// Turns of a loop whose end comes out, at most.
    pub(crate) turn_limit: Option<usize>,
    pub(crate) interpreted: bool,
    pub(crate) strange_processor: bool,
    /// The most bits of the vectors of loops over rows.
    pub(crate) vectors: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            simplify: true,
            fuse: true,
            tier: Tier::Auto,
            flush_subnormals: false,
            unroll: true,
            roll: true,
            always_roll: false,
            threads: None,
            cached: false,
            code_limit: 1 << 30,
            turn_limit: None,
            interpreted: false,
            strange_processor: false,
            vectors: 512,
        }
    }
}

impl Settings {
    /// With vectors of up to so many bits.
    pub(crate) fn with_vectors(self, bits: usize) -> Self {
        Settings { vectors: [512, 256].into_iter().find(|&n| n <= bits).unwrap_or(128), ..self }
    }
}
