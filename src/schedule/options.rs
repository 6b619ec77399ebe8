//! How a function is lowered and compiled.

use std::num::NonZero;

/// How much time the native compiler may spend.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Tier {
    /// [`Tier::Best`] up to a size where it would take long, then [`Tier::Fast`].
    #[default]
    Auto,
    /// A register allocator of one pass: code in a third of the time that runs up to twice as long.
    Fast,
    /// The backtracking register allocator.
    Best,
}

/// How a function is lowered. The defaults are what [`Function::compile`](crate::Function::compile) takes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) simplify: bool,
    pub(crate) fuse: bool,
    pub(crate) tier: Tier,
    pub(crate) flush_subnormals: bool,
    pub(crate) unroll: bool,
    pub(crate) threads: Option<NonZero<usize>>,
    pub(crate) call_threads: usize,
    pub(crate) cached: bool,
    pub(crate) code_limit: usize,
    pub(crate) interpreted: bool,
    pub(crate) strange_processor: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            simplify: true,
            fuse: true,
            tier: Tier::Auto,
            flush_subnormals: false,
            unroll: true,
            threads: None,
            call_threads: 1,
            cached: false,
            code_limit: 1 << 30,
            interpreted: false,
            strange_processor: false,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Options::default()
    }
    /// Whether to simplify first, by exact rules. On by default.
    pub fn simplify(mut self, on: bool) -> Self {
        self.simplify = on;
        self
    }
    /// Whether x·y + z is computed with one rounding where the product has no other use: faster and closer to the exact value,
    /// but not to the bit what the unfused operations give. Long sums of products, where it would be slower, stay as they are.
    /// In a function of single numbers it also lets equal functions of different numbers be computed together, in the lanes of a
    /// vector: by our kernels, which may round otherwise than the platform's routines. On by default.
    pub fn fuse(mut self, on: bool) -> Self {
        self.fuse = on;
        self
    }
    /// Whether a function of arrays with up to a thousand operations on numbers (a step of a loop: three thousand), all shapes known, becomes straight-line code number
    /// by number, which then takes a fraction of the time of loops. On by default.
    pub fn unroll(mut self, on: bool) -> Self {
        self.unroll = on;
        self
    }
    /// Whether native code takes subnormal numbers (below 1.2e-38 in `f32`, 2.2e-308 in `f64`) for zeros, and gives zeros for them:
    /// many processors compute a hundred times more slowly with them, and the decaying averages of Adam and its like end there.
    /// The processor's mode is set for the native code of a call and put back after it. Matrix products, which are a library's, and
    /// the interpreter keep subnormal numbers. Off by default; on x86-64 and with the feature `jit` only, compiling is an error elsewhere.
    pub fn flush_subnormals(mut self, on: bool) -> Self {
        self.flush_subnormals = on;
        self
    }
    /// How much time the native compiler may spend.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }
    /// How many threads make native code of a program that is cut into several functions (of 500 operations each); the code is the same
    /// with any number. By default as many as the processor runs at once. 0 counts as 1.
    pub fn threads(mut self, n: usize) -> Self {
        self.threads = Some(NonZero::new(n).unwrap_or(NonZero::<usize>::MIN));
        self
    }
    /// How many threads a call of native code may take for what is large: loops over many rows, elementwise work, sums and matrix
    /// products over large arrays. 1 by default. More need the feature `threads`, which adds [rayon](https://docs.rs/rayon), and are an error
    /// of compiling without it. The threads are those of the pool that the call is made in, or of rayon's global one; the caller is one of
    /// them.
    ///
    /// No result depends on the number of threads, to the bit. What is too small to gain by it stays on the calling thread, as do
    /// functions of single numbers and the interpreter.
    ///
    /// ```
    /// # #[cfg(feature = "threads")] {
    /// use wengert::{Function, Options};
    /// let f = Function::trace(["x", "y"], |[x, y]| (x - y).powi(2))?;
    /// let map = f.wrt(["x"])?.value_and_grad()?.map_rows(["y"])?.mean_all();
    /// let y: Vec<f64> = (0..100_000).map(f64::from).collect();
    /// let (one, two) = (map.compile()?, map.compile_with(Options::new().call_threads(2))?);
    /// let (mut a, mut b) = ([[0.0], [0.0]], [[0.0], [0.0]]);
    /// one.call_into(&[&[1.0], &y], &mut a.each_mut().map(|a| &mut a[..]))?;
    /// two.call_into(&[&[1.0], &y], &mut b.each_mut().map(|b| &mut b[..]))?;
    /// assert_eq!(a, b);
    /// # }
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn call_threads(mut self, most: usize) -> Self {
        self.call_threads = most;
        self
    }
    /// Whether native code is looked for among that which this process made before, and kept there for the next time. It is found for
    /// the same lowered program, whatever its inputs and outputs are called, compared step by step, with the same tier. What is kept is bounded (64 MiB, of which
    /// the least recently used goes first) and is freed with the last that can call it. Off by default: a function that is compiled
    /// once would be kept for nothing.
    pub fn cached(mut self, on: bool) -> Self {
        self.cached = on;
        self
    }
    /// The most bytes of machine code that a function may become; compiling stops with an error there. 1 GiB by default, and at most
    /// 4 GiB.
    pub fn code_limit(mut self, bytes: usize) -> Self {
        self.code_limit = bytes.min(u32::MAX as usize);
        self
    }
    /// Whether the interpreter runs in place of native code: the same plans, with the same bits, and no time for compiling. Off by default.
    ///
    /// ```
    /// use wengert::{Function, Options};
    /// let f = Function::trace(["x[n]"], |[x]| (x.exp() * 2.0).sum(..))?;
    /// let (native, interpreted) = (f.compile_arrays()?, f.compile_arrays_with(Options::new().interpreted(true))?);
    /// let (mut a, mut b) = ([0.0], [0.0]);
    /// native.call_into(&[&[1.0, 2.0]], &mut [&mut a])?;
    /// interpreted.call_into(&[&[1.0, 2.0]], &mut [&mut b])?;
    /// assert_eq!(a, b);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn interpreted(mut self, on: bool) -> Self {
        self.interpreted = on;
        self
    }
    /// Compiles as on a processor for which no native code can be made.
    #[doc(hidden)]
    pub fn strange_processor(mut self, on: bool) -> Self {
        self.strange_processor = on;
        self
    }
}
