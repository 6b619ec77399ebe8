//! Cranelift: from a program's segments to machine code that may lie anywhere. Segments do not depend on each other, so several threads
//! make them; the code is the same with any number of threads.

use super::code::{Call, Code};
use super::emit::Emitter;
use super::lower::{self, Apart, Lowering};
use super::segment::Plan;
use super::target::{Failure, Made, failed, isa};
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::kernels::Routine;
use crate::schedule::{Program, RowCall, Tier};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{AbiParam, ExternalName, InstBuilder, LibCall, UserFuncName, types};
use cranelift_codegen::{CodegenError, Context, FinalizedRelocTarget, isa::TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rustc_hash::FxHashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::{cell::RefCell, fmt::Write as _, sync::OnceLock};

/// A program that becomes native code.
pub(super) struct Job<'p> {
    program: &'p Program,
    plan: &'p Plan,
    rows: Option<&'p RowCall>,
    results: FxHashMap<u32, Vec<u32>>,
    apart: Option<Apart>,
}

/// One native function.
struct Piece {
    segment: usize,
    bytes: Vec<u8>,
    align: usize,
    calls: Vec<Call>,
}

impl<'p> Job<'p> {
    pub(super) fn new(program: &'p Program, plan: &'p Plan, rows: Option<&'p RowCall>) -> Job<'p> {
        Job { program, plan, rows, results: lower::results(program), apart: program.apart.then(|| Apart::new(&program.layout)) }
    }

    /// All of the code, and how many threads made it. It stops with an error soon after `stop` is set.
    pub(super) fn compile(&self, isa: &dyn TargetIsa, stop: &AtomicBool) -> Made<(Code, usize)> {
        let (next, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (segments, limit) = (&self.plan.segments, self.program.options.code_limit);
        let work = || {
            let (mut context, mut reused) = (Context::new(), FunctionBuilderContext::new());
            let mut pieces = Vec::new();
            loop {
                let k = next.fetch_add(1, Relaxed);
                if k >= segments.len() || stop.load(Relaxed) || total.load(Relaxed) > limit {
                    return Ok(pieces);
                }
                self.emit(isa, &mut context, &mut reused, k);
                // What one thread finds wrong stops the others.
                let piece = piece(isa, &mut context, k).inspect_err(|_| next.store(segments.len(), Relaxed))?;
                total.fetch_add(piece.bytes.len(), Relaxed);
                pieces.push(piece);
            }
        };
        let threads = self.program.options.threads.map_or_else(processors, NonZero::get).min(segments.len());
        let made: Vec<Made<Vec<Piece>>> = std::thread::scope(|scope| {
            // Where the system gives no more threads, those that there are do the work.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
            let others: Vec<_> = (1..threads).map_while(spawn).collect();
            let own = work();
            let join = |other: std::thread::ScopedJoinHandle<'_, _>| {
                other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            std::iter::once(own).chain(others.into_iter().map(join)).collect()
        });
        let threads = made.len();
        if total.into_inner() > limit {
            let message = format!("the machine code has more than {limit} bytes, the limit of `Options::code_limit`");
            return Err(Error::new(ErrorKind::Limit, message).into());
        }
        let mut pieces = Vec::with_capacity(segments.len());
        for part in made {
            pieces.append(&mut part?);
        }
        if stop.load(Relaxed) {
            return Err(failed("it is not wanted any more").into());
        }
        pieces.sort_unstable_by_key(|piece| piece.segment);
        let align = isa.function_alignment().minimum.max(16) as usize;
        let mut code = Code::default();
        for piece in pieces {
            let at = code.bytes.len().next_multiple_of(align.max(piece.align));
            code.bytes.resize(at, 0);
            code.bytes.extend_from_slice(&piece.bytes);
            code.functions.push((at, segments[piece.segment].per_row));
            code.calls.extend(piece.calls.iter().map(|call| Call { at: call.at + at as u32, ..*call }));
        }
        Ok((code, threads))
    }

    /// The IR of a segment.
    fn emit(&self, isa: &dyn TargetIsa, context: &mut Context, reused: &mut FunctionBuilderContext, k: usize) {
        let (program, plan, segment) = (self.program, self.plan, &self.plan.segments[k]);
        context.clear();
        let call_conv = isa.default_call_conv();
        let params = if self.rows.is_some() { 6 } else { 3 };
        context.func.signature.call_conv = call_conv;
        context.func.signature.params.extend((0..params).map(|_| AbiParam::new(types::I64)));
        context.func.name = UserFuncName::user(0, k as u32);
        let mut builder = FunctionBuilder::new(&mut context.func, reused);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let params = builder.block_params(entry).to_vec();
        let emitter = Emitter {
            builder: RefCell::new(builder),
            width: program.width,
            call_conv,
            plain: Default::default(),
            calls: Default::default(),
            shared: Default::default(),
            routines: Default::default(),
        };
        match self.rows {
            None => Lowering::flat(&emitter, program, plan, segment, &self.results, self.apart.as_ref(), &params),
            Some(call) if plan.segments.len() == 1 => Lowering::row_loop(&emitter, program, plan, call, &self.results, &params),
            Some(call) => Lowering::row_segment(&emitter, program, plan, segment, call, &self.results, &params),
        }
        let mut builder = emitter.builder.into_inner();
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
    }

    fn each(&self, isa: &dyn TargetIsa, mut done: impl FnMut(&mut Context) -> Result<()>) -> Result<()> {
        let (mut context, mut reused) = (Context::new(), FunctionBuilderContext::new());
        (0..self.plan.segments.len()).try_for_each(|k| {
            self.emit(isa, &mut context, &mut reused, k);
            done(&mut context)
        })
    }
}

/// How many threads this machine runs at once.
pub(super) fn processors() -> usize {
    // Asking takes as long as compiling a small function.
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// The code of a function, and the places in it where addresses of routines belong.
fn piece(isa: &dyn TargetIsa, context: &mut Context, segment: usize) -> Made<Piece> {
    let compiled = context.compile(isa, &mut Default::default()).map_err(|error| match error.inner {
        CodegenError::Unsupported(what) => Failure::Unsupported(what),
        other => failed(format!("{other:?}")).into(),
    })?;
    let buffer = &compiled.buffer;
    let (mut bytes, align) = (buffer.data().to_vec(), buffer.alignment as usize);
    let relocations: Vec<_> = buffer.relocs().to_vec();
    let call = |relocation: &cranelift_codegen::FinalizedMachReloc| {
        let routine = match &relocation.target {
            FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                Routine::of_number(context.func.params.user_named_funcs()[*name].index)
            }
            FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => library(*call),
            _ => None,
        };
        match routine {
            Some(routine) if relocation.kind == Reloc::Abs8 && relocation.addend == 0 => {
                Ok(Call { at: relocation.offset, routine })
            }
            _ => Err(Failure::Unsupported(format!("the code refers to {:?} by {}", relocation.target, relocation.kind))),
        }
    };
    let calls: Vec<Call> = relocations.iter().map(call).collect::<Made<_>>()?;
    let is_x86 = cfg!(target_arch = "x86_64");
    if is_x86 && calls.is_empty() && context.func.layout.blocks().nth(1).is_none() {
        unframe(&mut bytes);
    }
    Ok(Piece { segment, bytes, align, calls })
}

/// Leaves out the frame of an x86-64 function of one block without calls that keeps nothing on the stack: Cranelift always makes one, which in
/// a function of ten instructions is a fifth of the time. What comes after it stays where it is, since code refers to its constants by
/// their distance.
fn unframe(bytes: &mut [u8]) {
    /// push rbp; mov rbp, rsp
    const ENTER: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
    /// mov rsp, rbp; pop rbp; ret
    const LEAVE: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];
    /// sub rsp, by a byte or by four
    const RESERVE: [[u8; 3]; 2] = [[0x48, 0x83, 0xec], [0x48, 0x81, 0xec]];
    let Some(body) = bytes.strip_prefix(&ENTER) else { return };
    // The bytes may be a constant's, too; then it is not known which ones are the end.
    let mut ends = body.windows(LEAVE.len()).enumerate().filter(|(_, bytes)| *bytes == LEAVE);
    let (Some((end, _)), None) = (ends.next(), ends.next()) else { return };
    if RESERVE.iter().any(|reserve| body.starts_with(reserve)) {
        return;
    }
    // A nop of four bytes; ret, and traps.
    bytes[..ENTER.len()].copy_from_slice(&[0x0f, 0x1f, 0x40, 0x00]);
    bytes[ENTER.len() + end..][..LEAVE.len()].copy_from_slice(&[0xc3, 0xcc, 0xcc, 0xcc, 0xcc]);
}

/// What Cranelift calls where the processor has no instruction for it.
fn library(call: LibCall) -> Option<Routine> {
    let (name, width) = match call {
        LibCall::CeilF32 => ("CEIL", Width::F32),
        LibCall::CeilF64 => ("CEIL", Width::F64),
        LibCall::FloorF32 => ("FLOOR", Width::F32),
        LibCall::FloorF64 => ("FLOOR", Width::F64),
        LibCall::TruncF32 => ("TRUNC", Width::F32),
        LibCall::TruncF64 => ("TRUNC", Width::F64),
        LibCall::FmaF32 => ("FMA", Width::F32),
        LibCall::FmaF64 => ("FMA", Width::F64),
        _ => return None,
    };
    Routine::new(name, width)
}

/// The Cranelift IR that the program becomes.
pub(super) fn clif(program: &Program, rows: Option<&RowCall>) -> Result<String> {
    program.check_supported()?;
    let mut text = String::new();
    Job::new(program, &Plan::new(program, rows.is_some()), rows).each(&*isa(Tier::Best).map_err(Failure::error)?, |context| {
        let _ = write!(text, "{}", context.func.display());
        Ok(())
    })?;
    Ok(text)
}

/// The machine code that the program becomes, as assembly.
pub(super) fn assembly(program: &Program, rows: Option<&RowCall>) -> Result<String> {
    program.check_supported()?;
    let isa = isa(Tier::Best).map_err(Failure::error)?;
    let mut text = String::new();
    Job::new(program, &Plan::new(program, rows.is_some()), rows).each(&*isa, |context| {
        context.set_disasm(true);
        let code = context.compile(&*isa, &mut Default::default()).map_err(|e| failed(format!("{:?}", e.inner)))?;
        text.push_str(code.vcode.as_deref().unwrap_or_default());
        Ok(())
    })?;
    Ok(text)
}
