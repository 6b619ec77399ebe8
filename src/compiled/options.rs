//! What a user chooses about compiling and calling.

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::{Limits, check_threads};
use crate::schedule::{Settings, Tier};
use std::num::NonZero;
use std::sync::OnceLock;
use std::time::Duration;

/// How a function is compiled and called; see [`Function::compile_with`](crate::Function::compile_with). The defaults are what
/// [`Function::compile`](crate::Function::compile) takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) settings: Settings,
    /// Of a call, at most.
    pub(super) threads: usize,
    pub(super) background: bool,
    /// Pairs of an output's name and an input's.
    pub(super) overwrite: Vec<(String, String)>,
    pub(super) time_limit: Option<Duration>,
    pub(super) limits: Limits,
}

/// The environment variable of what [`Options::vectors`] is by default.
const VECTORS: &str = "WENGERT_VECTORS";

/// What the environment says of vectors, read once.
fn vectors_by_default() -> std::result::Result<usize, &'static str> {
    static SAID: OnceLock<std::result::Result<usize, String>> = OnceLock::new();
    let said = SAID.get_or_init(|| match std::env::var_os(VECTORS) {
        None => Ok(512),
        Some(said) => said.to_str().and_then(|bits| bits.parse().ok()).ok_or_else(|| said.to_string_lossy().into_owned()),
    });
    said.as_ref().map(|&bits| bits).map_err(String::as_str)
}

impl Default for Options {
    fn default() -> Self {
        let settings = Settings::default();
        Options {
            settings: vectors_by_default().map_or(settings, |bits| settings.with_vectors(bits)),
            threads: 1,
            background: false,
            overwrite: vec![],
            time_limit: None,
            limits: Limits::default(),
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Options::default()
    }

    /// Whether they can be taken as they are.
    pub(super) fn check(&self) -> Result<()> {
        check_threads(self.threads)?;
        vectors_by_default().map(|_| ()).map_err(|said| {
            let message = format!("the environment variable {VECTORS} is `{said}`, which is no number of bits: 128, 256 or 512");
            Error::new(ErrorKind::Value, message)
        })
    }

    /// Whether to simplify first, by exact rules. On by default.
    pub fn simplify(mut self, on: bool) -> Self {
        self.settings.simplify = on;
        self
    }
    /// Whether x·y + z is computed with one rounding where the product has no other use: faster and closer to the exact value,
    /// but not to the bit what the unfused operations give. Long sums of products, where it would be slower, stay as they are.
    /// In a function of single numbers it also lets equal functions of different numbers be computed together, in the lanes of a
    /// vector: by our kernels, which may round otherwise than the platform's routines. On by default.
    pub fn fuse(mut self, on: bool) -> Self {
        self.settings.fuse = on;
        self
    }
    /// Whether a function of arrays with up to a thousand operations on elements (a step of a loop: three thousand), all shapes known,
    /// becomes straight-line code element by element, which then takes a fraction of the time of loops. On by default.
    pub fn unroll(mut self, on: bool) -> Self {
        self.settings.unroll = on;
        self
    }
    /// Whether repeats in a function of numbers become loops: what a Rust `for` has left in a trace, one operation after the other, is found again. Equal
    /// operations on equal operands are classes; a class of 8 members and more is computed as one operation on arrays, in loops over rows with
    /// vectors, and a sum of 32 terms and more is added up in a loop, in the order of the trace. So the bits are those of straight-line code.
    ///
    /// The function stays straight-line code where it has fewer than 4,000 nodes, where more than one operation of 50 would stay by itself, where a class has
    /// fewer than 32 operations on an average, and with [`flush_subnormals`](Options::flush_subnormals). It also stays where loops would take longer:
    /// straight-line code of n operations is taken for 0.2 ns an operation, and 0.01 ns more for every 1,000 beyond 15,000, as it leaves the caches;
    /// loops for 0.2 ns an operation, 1.4 ns a term of a sum, and 1 ns an element that is copied. So some 20,000 operations are needed. Known numbers that
    /// differ from iteration to iteration keep a loop from being found, if they have more than 8 values: data are better inputs. So does what
    /// goes on from one iteration to the next, but for sums. [`Report::rolled`](crate::Report::rolled) says what was found. On by default.
    ///
    /// ```
    /// use wengert::{Expr, Function, Options};
    /// let f = Function::trace(("x", 2000), |x| {
    ///     let step = |x: &[Expr]| (0..10).fold(x[0], |y, _| (y * 0.5 + x[1]).sqrt() + x[1] * y);
    ///     x.windows(2).map(step).collect::<Vec<_>>()
    /// })?;
    /// let (rolled, straight) = (f.compile()?, f.compile_with(Options::new().roll(false))?);
    /// assert!(rolled.report().rolled.is_some_and(|rolled| rolled.operations > 50 * rolled.straight));
    /// let (x, mut a, mut b) = ([0.5; 2000], [0.0; 1999], [0.0; 1999]);
    /// rolled.call_into(&[&x], &mut [&mut a])?;
    /// straight.call_into(&[&x], &mut [&mut b])?;
    /// assert_eq!(a, b);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn roll(mut self, on: bool) -> Self {
        self.settings.roll = on;
        self
    }
    /// Whether native code takes subnormal numbers (below 1.2e-38 in `f32`, 2.2e-308 in `f64`) for zeros, and gives zeros for them:
    /// many processors compute a hundred times more slowly with them, and the decaying averages of Adam and its like end there.
    /// The processor's mode is set for the native code of a call and put back after it. Matrix products, which are a library's, and
    /// the interpreter keep subnormal numbers. Off by default; on x86-64 and with the feature `jit` only, compiling is an error elsewhere, and
    /// with [`Options::background`].
    pub fn flush_subnormals(mut self, on: bool) -> Self {
        self.settings.flush_subnormals = on;
        self
    }
    /// The most bits of the vectors that loops over rows work in: 128, 256 or 512. Another number counts as the next of these below it, and less as
    /// 128. What is not there is the widest that is: 512 bits take AVX-512 (F, DQ and VL) on x86-64, 256 bits AVX2 and fused multiply-add; for
    /// both the crate makes code itself. With 128 all code is Cranelift's, also straight-line code. The results have the same bits in any of them.
    /// [`Report::loops`](crate::Report::loops) says which a loop has. By default what the environment variable `WENGERT_VECTORS` says when the
    /// process first asks, and 512 where it is not set; compiling is an error if it is no number.
    ///
    /// ```
    /// use wengert::{Function, Options};
    /// let f = Function::trace("x", |x| x.exp())?.vmap("n", ["x"])?;
    /// let (wide, narrow) = (f.compile()?, f.compile_with(Options::new().vectors(128))?);
    /// let (mut a, mut b) = ([0.0; 3], [0.0; 3]);
    /// wide.call_into(&[&[0.5, 1.0, 2.0]], &mut [&mut a])?;
    /// narrow.call_into(&[&[0.5, 1.0, 2.0]], &mut [&mut b])?;
    /// assert_eq!(a, b);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn vectors(mut self, bits: usize) -> Self {
        self.settings = self.settings.with_vectors(bits);
        self
    }
    /// Who makes native code, and in how much time: see [`Tier`]. The results have the same bits in any tier.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.settings.tier = tier;
        self
    }
    /// How many threads make native code of a program that is cut into several functions (of 500 operations each); the code is the same
    /// with any number. By default as many as the processor runs at once, less one with [`Options::background`]. 0 counts as 1.
    pub fn compile_threads(mut self, n: usize) -> Self {
        self.settings.threads = Some(NonZero::new(n).unwrap_or(NonZero::<usize>::MIN));
        self
    }
    /// How many threads a call may take for what is large: loops over many rows, elementwise work, sums and matrix
    /// products over large arrays. 1 by default. More need the feature `threads`, which adds [rayon](https://docs.rs/rayon), and are an error
    /// of compiling without it. The threads are those of the pool that the call is made in, or of rayon's global one; the caller is one of
    /// them.
    ///
    /// No result depends on the number of threads, to the bit. What is too small to gain by it stays on the calling thread, as does
    /// straight-line code.
    ///
    /// ```
    /// # #[cfg(feature = "threads")] {
    /// use wengert::{Function, Options};
    /// let f = Function::trace(["x", "y"], |[x, y]| (x - y).powi(2))?;
    /// let mean = f.wrt(["x"])?.value_and_grad()?.vmap("n", ["y"])?.mean("n")?;
    /// let y: Vec<f64> = (0..100_000).map(f64::from).collect();
    /// let (one, two) = (mean.compile()?, mean.compile_with(Options::new().threads(2))?);
    /// let (mut a, mut b) = ([[0.0], [0.0]], [[0.0], [0.0]]);
    /// one.call_into(&[&[1.0], &y], &mut a.each_mut().map(|a| &mut a[..]))?;
    /// two.call_into(&[&[1.0], &y], &mut b.each_mut().map(|b| &mut b[..]))?;
    /// assert_eq!(a, b);
    /// # }
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn threads(mut self, most: usize) -> Self {
        self.threads = most;
        self
    }
    /// Whether a thread compiles while calls are interpreted already. They run native code as soon as it is there, with the same bits.
    /// [`Compiled::wait`](crate::Compiled::wait) waits for it. Dropping the last clone stops the thread at the next of the native functions that it
    /// makes. Off by default.
    ///
    /// ```
    /// use wengert::{Function, Options};
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?.value_and_grad()?;
    /// let g = f.compile_with(Options::new().background(true))?;
    /// let before: [f64; 3] = g.call([2.0, 1.0])?; // interpreted, or not any more
    /// g.wait()?;
    /// assert_eq!((before, g.call([2.0, 1.0])?), ([6.0, 2.0, 5.0], before));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn background(mut self, on: bool) -> Self {
        self.background = on;
        self
    }
    /// Outputs that overwrite inputs of the same shape, as pairs of an output's name and an input's: a step of training moves its parameters
    /// and an optimiser's averages where they are, without a second copy of them. A call is given the slice of such an input once, among the
    /// outputs. The names of two structures stand for the pairs of all their leaves.
    ///
    /// A result is written straight to its input where nothing reads the input any more; otherwise it is kept in the workspace and
    /// copied at the end, so that every output is computed from what the inputs were before the call. After an error about lengths or given
    /// indices the slices are as they were; after one about values on the way (an index that was computed, a singular matrix) some may
    /// have been overwritten.
    ///
    /// ```
    /// use wengert::{Function, Options};
    /// let step = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| {
    ///     let e = x.matmul(w) - y;
    ///     (("loss", (e * e).mean(..)), ("next_w", w - 0.5 * x.t().matmul(e)))
    /// })?;
    /// let step = step.compile_with(Options::new().overwrite([("next_w", "w")]))?;
    /// let (mut w, mut loss) = ([0.0f64, 0.0], [0.0]);
    /// for _ in 0..100 {
    ///     step.call_into(&[&[1.0, 0.0, 0.0, 1.0], &[2.0, -1.0]], &mut [&mut loss, &mut w])?;
    /// }
    /// assert!((w[0] - 2.0).abs() < 1e-9 && (w[1] + 1.0).abs() < 1e-9);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// Compiling is an error if a name is unknown or stands in two pairs, or if the shapes or kinds of a pair differ.
    pub fn overwrite<O: Into<String>, I: Into<String>>(mut self, pairs: impl IntoIterator<Item = (O, I)>) -> Self {
        self.overwrite.extend(pairs.into_iter().map(|(output, input)| (output.into(), input.into())));
        self
    }
    /// Whether native code is looked for among that which this process made before, and kept there for the next time. It is found for
    /// the same lowered program, whatever its inputs and outputs are called, compared step by step, with the same tier. What is kept is bounded (64 MiB, of which
    /// the least recently used goes first) and is freed with the last that can call it. Off by default: a function that is compiled
    /// once would be kept for nothing.
    pub fn cached(mut self, on: bool) -> Self {
        self.settings.cached = on;
        self
    }
    /// The most bytes of machine code that a function may become; compiling stops with an error there. 1 GiB by default, and at most
    /// 4 GiB.
    pub fn code_limit(mut self, bytes: usize) -> Self {
        self.settings.code_limit = bytes.min(u32::MAX as usize);
        self
    }
    /// The most turns that a loop may make whose end depends on what it computes: a [`while_loop`](crate::while_loop), also in a body, in a derivative, and
    /// of a batch, where the sample that takes longest counts; and the loops of solvers and integrators. A call in which one would go on is an error,
    /// which names the loop's line. No limit by default: a loop that never ends keeps the call, and costs nothing more than it computes.
    ///
    /// ```
    /// use wengert::{Function, Options, while_loop};
    /// let f = Function::trace("x", |x| while_loop(x, |x| x.ne(1.0), |x| x * 0.5))?;
    /// let f = f.compile_with(Options::new().turn_limit(100))?;
    /// let [y] = f.call([8.0f64])?;
    /// assert_eq!(y, 1.0);
    /// let error = f.call([3.0f64]).map(|[y]: [f64; 1]| y).unwrap_err(); // 1.5, 0.75, …
    /// assert!(error.to_string().contains("100 turns"), "{error}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn turn_limit(mut self, most: usize) -> Self {
        self.settings.turn_limit = Some(most);
        self
    }
    /// The longest time that compiling may take. Once it is over, compiling stops with an error, at the next stage or native function
    /// (of up to 500 operations); with [`Options::background`] the function stays interpreted. None by default, and none where there is no
    /// clock (in a browser).
    pub fn time_limit(mut self, most: Duration) -> Self {
        self.time_limit = Some(most);
        self
    }
    /// The most bytes of memory that a call may take beside its slices. A call that needs more for its lengths is an error; compiling is one
    /// where every call would be. By default what [`eval::memory_limit`](crate::eval::memory_limit) says.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory = Some(bytes);
        self
    }
    /// How many plans a compiled function of arrays keeps. Each combination of lengths needs one, which takes a hundred times as long to make as a
    /// short call takes, and allocates; a call for which there is one allocates nothing. The least recently used goes, but that of the first call,
    /// which stays. By default 256; of these, those beyond ten go earlier where they take more than 64 MiB together. 0 counts as 1. Straight-line code
    /// and loops over rows need no plans.
    ///
    /// ```
    /// use wengert::{Function, Options};
    /// let f = Function::trace(["x[n]"], |[x]| x.log_sum_exp(..))?;
    /// // sentences of up to a thousand words, in any order
    /// let f = f.compile_with(Options::new().plans(1000))?;
    /// let mut y = [0.0];
    /// f.call_into(&[&[0.0; 4]], &mut [&mut y])?;
    /// assert_eq!(y, [4f64.ln()]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn plans(mut self, most: usize) -> Self {
        self.limits.plans = Some(most);
        self
    }
    /// Whether the interpreter runs in place of native code: the same plans, with the same bits, and no time for compiling. Off by default.
    ///
    /// ```
    /// use wengert::{Function, Options};
    /// let f = Function::trace(["x[n]"], |[x]| (x.exp() * 2.0).sum(..))?;
    /// let (native, interpreted) = (f.compile()?, f.compile_with(Options::new().interpreted(true))?);
    /// let (mut a, mut b) = ([0.0], [0.0]);
    /// native.call_into(&[&[1.0, 2.0]], &mut [&mut a])?;
    /// interpreted.call_into(&[&[1.0, 2.0]], &mut [&mut b])?;
    /// assert_eq!(a, b);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn interpreted(mut self, on: bool) -> Self {
        self.settings.interpreted = on;
        self
    }
    /// Takes loops for worth it wherever they are found.
    #[doc(hidden)]
    pub fn always_roll(mut self, on: bool) -> Self {
        self.settings.always_roll = on;
        self
    }
    /// Compiles as on a processor for which no native code can be made.
    #[doc(hidden)]
    pub fn strange_processor(mut self, on: bool) -> Self {
        self.settings.strange_processor = on;
        self
    }
}
