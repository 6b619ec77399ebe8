//! A program that runs before its native code is there: the interpreter at once, native code as soon as a thread has made it. Both give
//! the same bits, so nothing but the speed changes in between.

use super::point::Compiled;
use crate::base::host::processors;
use crate::codegen::{self, failed};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::{Options, Program, lowered};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::{fmt, num::NonZero, panic, panic::AssertUnwindSafe, thread};

/// A function that can be called at once, and becomes native code on the way. `Send + Sync`, cheap to clone.
///
/// A thread compiles it; until it is done, calls are interpreted. Dropping the last clone stops the thread at the next of the
/// native functions that it makes.
#[derive(Clone)]
pub struct Tiered {
    program: Program,
    shared: Arc<Shared>,
    /// Set when the last clone is dropped.
    _unwanted: Arc<Unwanted>,
}

/// What the thread gives.
#[derive(Default)]
struct Shared {
    native: OnceLock<Result<Compiled>>,
    stop: AtomicBool,
}

struct Unwanted(Arc<Shared>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.stop.store(true, Relaxed);
    }
}

/// Lowers the function, and compiles it in a thread of its own; see [`Function::compile_tiered`].
#[track_caller]
pub(crate) fn compile_tiered(f: &Function, options: Options) -> Result<Tiered> {
    // One processor is left to the caller.
    let threads = options.threads.map_or_else(|| processors().saturating_sub(1), NonZero::get);
    let program = lowered(f, options.threads(threads), &[]);
    program.check_supported()?;
    if options.flush_subnormals {
        let message = "compile_tiered: the interpreter does not flush subnormal numbers, so that results would change on the way";
        return Err(Error::here(ErrorKind::Unsupported, message));
    }
    let shared = Arc::new(Shared::default());
    let (given, work) = (shared.clone(), program.clone());
    let tiered = Tiered { program, _unwanted: Arc::new(Unwanted(shared.clone())), shared };
    let compile = move || {
        let make = || work.compile_unless(&given.stop);
        // Whoever waits is to learn that there will be no code.
        let compiled = panic::catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err(failed("the compiler panicked")));
        // Nobody else sets it.
        let _ = given.native.set(compiled);
    };
    if options.interpreted || !codegen::AVAILABLE {
        // There is nothing to wait for, and maybe no thread.
        compile();
        return Ok(tiered);
    }
    let thread = thread::Builder::new().name("wengert compiles".into()).spawn(compile);
    thread.map_err(|error| Error::new(ErrorKind::Native, format!("there is no thread to compile in: {error}")))?;
    Ok(tiered)
}

impl Tiered {
    /// Evaluates into a slice.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    #[inline]
    pub fn call_into<T: Scalar>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        match self.shared.native.get() {
            Some(Ok(native)) => native.call_into(x, y),
            _ => self.program.call_into(x, y),
        }
    }

    /// Evaluates; the number of outputs is known from the context and checked.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    #[inline]
    pub fn call<T: Scalar, const M: usize>(&self, x: impl AsRef<[T]>) -> Result<[T; M]> {
        let mut y = [T::default(); M];
        self.call_into(x.as_ref(), &mut y)?;
        Ok(y)
    }

    /// Evaluates into a new vector.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    pub fn call_vec<T: Scalar>(&self, x: &[T]) -> Result<Vec<T>> {
        let mut y = vec![T::default(); self.program.layout.output_len];
        self.call_into(x, &mut y)?;
        Ok(y)
    }

    /// Whether calls run native code by now.
    pub fn is_native(&self) -> bool {
        matches!(self.shared.native.get(), Some(Ok(native)) if native.point.code.reason().is_none())
    }

    /// Waits for the native code.
    ///
    /// # Errors
    /// If there will be none, as [`Program::compile`]; calls are interpreted then.
    pub fn wait(&self) -> Result<Compiled> {
        self.shared.native.wait().clone()
    }
}

impl fmt::Debug for Tiered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shared.native.get() {
            Some(Ok(native)) => write!(f, "Tiered({})", native.report()),
            Some(Err(error)) => write!(f, "Tiered(interpreted: {error})"),
            None => write!(f, "Tiered({} operations, interpreted so far)", self.program.len()),
        }
    }
}
