//! Compiled functions.

use super::build;
use super::flush::Flushing;
use super::native::{self, FlatFn, Native};
use crate::base::Width;
use crate::error::{Error, Result};
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::{Layout, Options, Program, Tier, wrong_width};
use std::{fmt, sync::Arc, time::Duration};

/// A function as native code. `Send + Sync`, cheap to clone; the code is freed with the last clone.
///
/// Inputs are one slice with the inputs one after the other, outputs likewise. A call allocates nothing (after a thread's
/// first call of a large function) and gives the same bits every time.
#[derive(Clone)]
pub struct Compiled {
    // What a call reads comes first, on one cache line.
    run: FlatFn,
    inputs: Room,
    outputs: Room,
    pub(super) native: Arc<Native>,
    pub(super) width: Width,
    pub(super) layout: Arc<Layout>,
}

/// How many numbers of which width: one word, so that a call checks both in one comparison.
#[derive(Copy, Clone, PartialEq, Eq)]
struct Room(usize);

impl Room {
    const NARROW: usize = 1 << (usize::BITS - 1);

    #[inline(always)]
    fn new(len: usize, width: Width) -> Room {
        Room(if width == Width::F32 { len | Room::NARROW } else { len })
    }

    fn len(self) -> usize {
        self.0 & !Room::NARROW
    }
}

/// Native code of a function of single numbers; see [`Function::compile`].
#[track_caller]
pub(crate) fn compile(f: &Function, options: Options) -> Result<Compiled> {
    Program::new(f, options, &[]).compile()
}

impl Program {
    /// Compiles to native code that gives the same bits as the interpreter does on this program.
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    pub fn compile(&self) -> Result<Compiled> {
        Ok(Compiled::new(Native::shared(self, None)?, self.width, self.layout.clone()))
    }

    /// The Cranelift IR that the program becomes.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn clif(&self) -> Result<String> {
        build::clif(self, None)
    }

    /// The machine code that the program becomes, as text.
    ///
    /// # Errors
    /// If Cranelift does not support this processor.
    pub fn assembly(&self) -> Result<String> {
        build::assembly(self, None)
    }
}

impl Compiled {
    /// `native` is code for one point, of such numbers and as many of them.
    pub(super) fn new(native: Arc<Native>, width: Width, layout: Arc<Layout>) -> Compiled {
        let run: FlatFn = match (&native.functions[..], width) {
            ([], Width::F32) => run_interpreted::<f32>,
            ([], Width::F64) => run_interpreted::<f64>,
            _ if native.needs.flush => run_flushing,
            // SAFETY: `Lowering::flat` emitted this function with this signature; alone it needs no scratch memory.
            ([(address, _)], _) => unsafe { std::mem::transmute::<*const u8, FlatFn>(*address) },
            _ => run_segments,
        };
        let (inputs, outputs) = (Room::new(layout.input_len, width), Room::new(layout.output_len, width));
        Compiled { run, inputs, outputs, native, width, layout }
    }

    /// Evaluates into a slice.
    ///
    /// # Errors
    /// If a length or the width does not fit.
    #[inline]
    pub fn call_into<T: Scalar>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        if Room::new(x.len(), T::WIDTH) != self.inputs || Room::new(y.len(), T::WIDTH) != self.outputs {
            return Err(self.misfit(x.len(), y.len(), T::WIDTH));
        }
        // SAFETY: the slices are as long as the code reads and writes, and of its width; the third argument is what
        // `run_segments` wants, and one function alone does not read it.
        unsafe { (self.run)(x.as_ptr().cast(), y.as_mut_ptr().cast(), Arc::as_ptr(&self.native).cast()) }
        Ok(())
    }

    /// Runs code of a program whose inputs and outputs are [apart](Program::of_arrays).
    ///
    /// # Safety
    /// The tables have an address for every input and every output, each good for as many numbers of this function's width, and
    /// what is written lies apart from what is read.
    pub(super) unsafe fn call_apart(&self, inputs: *const *const u8, outputs: *mut *mut u8) {
        // SAFETY: as promised; the third argument is as in `call_into`.
        unsafe { (self.run)(inputs.cast(), outputs.cast(), Arc::as_ptr(&self.native).cast()) }
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
        let mut y = vec![T::default(); self.output_len()];
        self.call_into(x, &mut y)?;
        Ok(y)
    }

    #[cold]
    fn misfit(&self, inputs: usize, outputs: usize, width: Width) -> Error {
        self.layout.check(inputs, outputs).err().unwrap_or_else(|| wrong_width(self.width, width))
    }

    /// How many numbers the inputs have together.
    pub fn input_len(&self) -> usize {
        self.inputs.len()
    }

    /// How many numbers the outputs have together.
    pub fn output_len(&self) -> usize {
        self.outputs.len()
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        Report::new(&self.native, &self.layout)
    }
}

/// Runs a program that was cut into several functions.
///
/// # Safety
/// `x` and `y` as the functions want them; `native` points to the [`Native`] that has them.
unsafe extern "C" fn run_segments(x: *const u8, y: *mut u8, native: *const ()) {
    // SAFETY: as promised.
    let native = unsafe { &*native.cast::<Native>() };
    native::with_scratch(native.needs.scratch, |scratch| {
        for &(address, _) in &native.functions {
            // SAFETY: `Lowering::flat` emitted these functions with this signature; the scratch memory is as large as they need.
            unsafe { std::mem::transmute::<*const u8, FlatFn>(address)(x, y, scratch.cast()) }
        }
    });
}

/// Runs a program that there is no code for.
///
/// # Safety
/// As [`run_segments`], of numbers `T`.
unsafe extern "C" fn run_interpreted<T: Scalar>(x: *const u8, y: *mut u8, native: *const ()) {
    // SAFETY: as promised.
    unsafe { (*native.cast::<Native>()).run_interpreted::<T>(x, y) }
}

/// As [`run_segments`], with subnormal numbers as zeros.
///
/// # Safety
/// As [`run_segments`].
unsafe extern "C" fn run_flushing(x: *const u8, y: *mut u8, native: *const ()) {
    let _flushing = Flushing::start();
    // SAFETY: as promised.
    unsafe { run_segments(x, y, native) }
}

/// What compiling took and gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The tier that was taken.
    pub tier: Tier,
    /// Operations in the lowered program.
    pub operations: usize,
    /// Native functions that it was cut into.
    pub functions: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Bytes of scratch memory that a call uses.
    pub scratch_bytes: usize,
    /// Time from the lowered program to code that can be called, when it was made; none for code that was loaded.
    pub compile_time: Duration,
    /// Threads that made the code at the same time.
    pub threads: usize,
    /// Why the interpreter runs in place of native code, which Cranelift cannot make for this processor. The bits are the same.
    pub interpreted: Option<String>,
    /// Outputs that are zero whatever the inputs: derivatives with respect to inputs that nothing depends on.
    pub structural_zeros: Vec<String>,
}

impl Report {
    /// Of several natives that make one function.
    pub(super) fn of_arrays<'a>(natives: impl Iterator<Item = &'a Native>, compile_time: Duration) -> Report {
        let mut report = Report {
            tier: Tier::Best,
            operations: 0,
            functions: 0,
            code_bytes: 0,
            scratch_bytes: 0,
            compile_time,
            threads: 0,
            interpreted: None,
            structural_zeros: vec![],
        };
        for native in natives {
            report.operations += native.stats.operations;
            report.functions += native.functions.len();
            report.code_bytes += native.stats.code_bytes;
            report.scratch_bytes = report.scratch_bytes.max(native.needs.scratch * 8);
            report.threads = report.threads.max(native.stats.threads);
            report.interpreted = report.interpreted.or(native.reason().map(str::to_owned));
        }
        report
    }

    pub(super) fn new(native: &Native, layout: &Layout) -> Report {
        Report {
            tier: native.stats.tier,
            operations: native.stats.operations,
            functions: native.functions.len(),
            code_bytes: native.stats.code_bytes,
            scratch_bytes: native.needs.scratch * 8,
            compile_time: native.stats.time,
            threads: native.stats.threads,
            interpreted: native.reason().map(str::to_owned),
            structural_zeros: layout.structural_zeros.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} bytes of code in {} function{}, {} bytes of scratch, tier {:?}, compiled in {:.3} ms",
            self.operations,
            self.code_bytes,
            self.functions,
            if self.functions == 1 { "" } else { "s" },
            self.scratch_bytes,
            self.tier,
            self.compile_time.as_secs_f64() * 1e3,
        )?;
        if self.threads > 1 {
            write!(f, " by {} threads", self.threads)?;
        }
        if let Some(reason) = &self.interpreted {
            write!(f, "; interpreted: {reason}")?;
        }
        if !self.structural_zeros.is_empty() {
            write!(f, "; always zero: {}", self.structural_zeros.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compiled({})", self.report())
    }
}
