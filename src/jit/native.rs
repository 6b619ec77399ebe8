//! Cranelift: from IR to memory that can be called, and back to the system when it is no longer needed.

use super::emit::Emitter;
use super::lower::{self, Lowering};
use super::segment::Plan;
use super::threads;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::schedule::sums::{halve, partials};
use crate::schedule::{Options, Program, RowCall, Scalar, Tier};
use cranelift_codegen::ir::{AbiParam, UserFuncName, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module};
use std::thread::LocalKey;
use std::{cell::RefCell, fmt::Write as _, sync::OnceLock, time::Duration, time::Instant};

/// Up to this many operations the better register allocator is worth its time.
const BEST_UP_TO: usize = 400_000;

/// `fn(x, y, scratch)` for one point; see [`Lowering::flat`].
pub(super) type FlatFn = unsafe extern "C" fn(*const u8, *mut u8, *const ());
/// `fn(inputs, outputs, scratch, rows, count, strides)` over rows, or `fn(inputs, outputs, scratch, row, _, _)` at a row; see
/// [`Lowering::row_loop`].
type RowsFn = unsafe extern "C" fn(*mut *const u8, *mut *mut u8, *mut u64, i64, i64, *const i64);

/// Native functions and the memory that they live in.
pub(super) struct Native {
    module: Option<JITModule>,
    /// Addresses, with whether the function runs for every row.
    pub(super) functions: Vec<(*const u8, bool)>,
    /// Words of scratch memory that a call needs.
    pub(super) scratch: usize,
    /// Of code for rows: where partial sums are in it, and the group and place of each sum.
    partials: usize,
    pub(super) sums: Vec<(u32, u32)>,
    /// Of code for rows: how far apart the rows of every input and output are, 0 for what all rows share.
    pub(super) row_strides: Vec<usize>,
    /// Whether subnormal numbers are zeros to code for rows.
    pub(super) flush: bool,
    pub(super) stats: Stats,
}

/// What compiling took.
#[derive(Clone, Copy)]
pub(super) struct Stats {
    pub(super) tier: Tier,
    pub(super) operations: usize,
    pub(super) code_bytes: usize,
    pub(super) time: Duration,
}

// SAFETY: the code is finished and never changes; the module is not touched again before it is dropped, which needs `&mut`.
unsafe impl Send for Native {}
// SAFETY: as above, shared access only reads addresses.
unsafe impl Sync for Native {}

impl Drop for Native {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: whoever can call the functions holds a reference to this value, and there is none left.
            unsafe { module.free_memory() }
        }
    }
}

impl Native {
    pub(super) fn new(program: &Program, rows: Option<&RowCall>) -> Result<Native> {
        program.check_supported()?;
        check_options(program.options)?;
        let start = Instant::now();
        let operations = program.len();
        let tier = match program.options.tier {
            Tier::Auto if operations <= BEST_UP_TO => Tier::Best,
            Tier::Auto => Tier::Fast,
            tier => tier,
        };
        let mut module = JITModule::new(JITBuilder::with_isa(isa(tier)?, cranelift_module::default_libcall_names()));
        let mut ids = Vec::new();
        let mut code_bytes = 0;
        let plan = Plan::new(program, rows.is_some());
        emit(program, &plan, rows, &mut module, |module, context, k| {
            let name = format!("segment{k}");
            let id = module.declare_function(&name, Linkage::Local, &context.func.signature).map_err(failed)?;
            module.define_function(id, context).map_err(failed)?;
            code_bytes += context.compiled_code().map_or(0, |code| code.code_buffer().len());
            ids.push((id, plan.segments[k].per_row));
            Ok(())
        })?;
        module.finalize_definitions().map_err(failed)?;
        let functions = ids.iter().map(|&(id, per_row)| (module.get_finalized_function(id), per_row)).collect();
        let stats = Stats { tier, operations, code_bytes, time: start.elapsed() };
        let sums: Vec<(u32, u32)> =
            rows.map_or(vec![], |call| lower::reduced(call).into_iter().map(|k| call.places[k as usize]).collect());
        let scratch = plan.scratch + (sums.len() * partials(program.width) * program.width.bytes()).div_ceil(8);
        Ok(Native {
            functions,
            module: Some(module),
            scratch,
            partials: plan.scratch,
            sums,
            row_strides: rows.map_or(vec![], RowCall::strides),
            flush: program.options.flush_subnormals,
            stats,
        })
    }

    /// Whether it is one function, and not cut into segments.
    pub(super) fn is_whole(&self) -> bool {
        self.functions.len() == 1
    }

    /// Runs code for rows. Sums are added to what is in the outputs.
    ///
    /// # Safety
    /// The code was made for rows of numbers `T`. The tables have an address for every input and output, good for as many rows.
    /// If `count` is not 1 they are written to, and the addresses are good as often, moved on by the strides in bytes. There
    /// are `scratch` words of scratch memory.
    pub(super) unsafe fn run_rows<T: Scalar>(
        &self,
        (inputs, outputs): (*mut *const u8, *mut *mut u8),
        scratch: *mut u64,
        rows: usize,
        (count, strides): (usize, &[i64]),
    ) {
        // SAFETY: `Lowering` emitted these functions with this signature; the rest is promised.
        let run = |address: *const u8, rows: usize| unsafe {
            let run = std::mem::transmute::<*const u8, RowsFn>(address);
            run(inputs, outputs, scratch, rows as i64, count as i64, strides.as_ptr());
        };
        let flushing = self.flush.then(Flushing::start);
        let segments = match self.functions[..] {
            [(address, _)] => return run(address, rows),
            ref segments => segments,
        };
        assert_eq!(count, 1, "segments have no loop");
        let parts = partials(T::WIDTH);
        let sums = || {
            // SAFETY: the scratch memory ends with the partial sums, numbers of this width, which no code uses while they are borrowed.
            unsafe { std::slice::from_raw_parts_mut(scratch.add(self.partials).cast::<T>(), self.sums.len() * parts) }
        };
        sums().fill(T::lit(-0.0));
        segments.iter().filter(|(_, per_row)| !per_row).for_each(|&(address, _)| run(address, 0));
        for row in 0..rows {
            segments.iter().filter(|(_, per_row)| *per_row).for_each(|&(address, _)| run(address, row));
        }
        drop(flushing);
        for (&(group, k), parts) in self.sums.iter().zip(sums().chunks_exact_mut(parts)) {
            // SAFETY: the output has room for as many sums.
            let sum = unsafe { &mut *(*outputs.add(group as usize)).cast::<T>().add(k as usize) };
            *sum += halve(parts, |a, b| a + b);
        }
    }
}

/// The Cranelift IR that the program becomes.
pub(super) fn clif(program: &Program, rows: Option<&RowCall>) -> Result<String> {
    program.check_supported()?;
    let mut module = JITModule::new(JITBuilder::with_isa(isa(Tier::Best)?, cranelift_module::default_libcall_names()));
    let mut text = String::new();
    emit(program, &Plan::new(program, rows.is_some()), rows, &mut module, |_, context, _| {
        let _ = write!(text, "{}", context.func.display());
        Ok(())
    })?;
    Ok(text)
}

/// The machine code that the program becomes, as assembly.
pub(super) fn assembly(program: &Program, rows: Option<&RowCall>) -> Result<String> {
    program.check_supported()?;
    let mut module = JITModule::new(JITBuilder::with_isa(isa(Tier::Best)?, cranelift_module::default_libcall_names()));
    let mut text = String::new();
    emit(program, &Plan::new(program, rows.is_some()), rows, &mut module, |module, context, _| {
        context.set_disasm(true);
        let code = context.compile(module.isa(), &mut Default::default()).map_err(|e| failed(format!("{:?}", e.inner)))?;
        text.push_str(code.vcode.as_deref().unwrap_or_default());
        Ok(())
    })?;
    Ok(text)
}

fn emit(
    program: &Program,
    plan: &Plan,
    rows: Option<&RowCall>,
    module: &mut JITModule,
    mut done: impl FnMut(&mut JITModule, &mut cranelift_codegen::Context, usize) -> Result<()>,
) -> Result<()> {
    let results = lower::results(program);
    let mut context = module.make_context();
    let mut reused = FunctionBuilderContext::new();
    for (k, segment) in plan.segments.iter().enumerate() {
        module.clear_context(&mut context);
        let params = if rows.is_some() { 6 } else { 3 };
        context.func.signature.params.extend((0..params).map(|_| AbiParam::new(types::I64)));
        context.func.name = UserFuncName::user(0, k as u32);
        let call_conv = context.func.signature.call_conv;
        let mut builder = FunctionBuilder::new(&mut context.func, &mut reused);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let params = builder.block_params(entry).to_vec();
        let emitter = Emitter {
            builder: RefCell::new(builder),
            width: program.width,
            call_conv,
            plain: program.plain,
            calls: Default::default(),
        };
        match rows {
            None => Lowering::flat(&emitter, program, plan, segment, &results, &params),
            Some(call) if plan.segments.len() == 1 => Lowering::row_loop(&emitter, program, plan, call, &results, &params),
            Some(call) => Lowering::row_segment(&emitter, program, plan, segment, call, &results, &params),
        }
        let mut builder = emitter.builder.into_inner();
        use cranelift_codegen::ir::InstBuilder as _;
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(module.target_config());
        done(module, &mut context, k)?;
    }
    Ok(())
}

/// The instruction set of this processor, with the settings of a tier.
fn isa(tier: Tier) -> Result<OwnedTargetIsa> {
    static BEST: OnceLock<std::result::Result<OwnedTargetIsa, String>> = OnceLock::new();
    static FAST: OnceLock<std::result::Result<OwnedTargetIsa, String>> = OnceLock::new();
    let (cell, allocator) = if tier == Tier::Fast { (&FAST, "single_pass") } else { (&BEST, "backtracking") };
    let make = || {
        let verify = if cfg!(debug_assertions) { "true" } else { "false" };
        let mut flags = settings::builder();
        for (name, value) in [
            ("opt_level", "none"),
            ("regalloc_algorithm", allocator),
            ("enable_verifier", verify),
            ("is_pic", "false"),
            ("unwind_info", "false"),
            ("enable_probestack", "false"),
        ] {
            flags.set(name, value).map_err(|e| e.to_string())?;
        }
        let isa = cranelift_native::builder().map_err(str::to_owned)?;
        isa.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
    };
    cell.get_or_init(make).clone().map_err(failed)
}

fn failed(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Native, format!("native code could not be made: {reason}"))
}

thread_local! {
    static WORKSPACE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static ARRAYS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static SUMS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Lends this thread's scratch memory, grown once to the largest size asked for.
pub(super) fn with_scratch<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&WORKSPACE, words, f)
}

/// As [`with_scratch`], of the arrays of a call during which functions are called that need scratch memory themselves.
pub(super) fn with_arrays<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&ARRAYS, words, f)
}

/// As [`with_scratch`], of sums that other threads add up.
pub(super) fn with_sums<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&SUMS, words, f)
}

fn lend<R>(from: &'static LocalKey<RefCell<Vec<u64>>>, words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    if words == 0 {
        return f(std::ptr::NonNull::dangling().as_ptr());
    }
    let mut workspace = from.take();
    if workspace.len() < words {
        workspace.resize(words, 0);
    }
    let result = f(workspace.as_mut_ptr());
    from.set(workspace);
    result
}

/// While it lives, native code of this thread takes subnormal numbers for zeros and gives zeros for them. No Rust code may compute
/// with floats meanwhile: it counts on the default.
pub(super) struct Flushing {
    before: u32,
}

impl Flushing {
    /// Whether this processor can do it.
    pub(super) const SUPPORTED: bool = cfg!(target_arch = "x86_64");
    /// The bits of MXCSR: flush results to zero, and take operands for zero.
    const BITS: u32 = 1 << 15 | 1 << 6;

    pub(super) fn start() -> Flushing {
        let before = control();
        set_control(before | Flushing::BITS);
        Flushing { before }
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        set_control(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
fn control() -> u32 {
    let mut word = 0u32;
    // SAFETY: the instruction stores the control word of the vector unit, four bytes, where it is told.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
    word
}

#[cfg(target_arch = "x86_64")]
fn set_control(word: u32) {
    // SAFETY: the word is one that was read, with two defined bits set or not.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &word, options(nostack, preserves_flags, readonly)) };
}

#[cfg(not(target_arch = "x86_64"))]
fn control() -> u32 {
    unreachable!("compiling refuses the option on this processor")
}

#[cfg(not(target_arch = "x86_64"))]
fn set_control(_: u32) {}

/// An option that this processor, or this build, does not have.
pub(super) fn check_options(options: Options) -> Result<()> {
    threads::check(options.threads)?;
    if options.flush_subnormals && !Flushing::SUPPORTED {
        return Err(failed("`flush_subnormals` is there on x86-64 only"));
    }
    Ok(())
}
