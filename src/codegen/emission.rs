//! Cranelift: from a unit's segments to machine code that may lie anywhere. Segments do not depend on each other, so several threads
//! make them; the code is the same with any number of threads.

use super::emit::Emitter;
use super::lower::{self, Apart, Lowering};
use super::made::{Vectors, failed};
use super::memory::{Call, Object};
use super::target::{Failure, Made};
use super::wide::{self, Wide};
use crate::base::{
    Width,
    host::{Stop, processors},
};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::kernels::Routine;
use crate::schedule::Tier;
use crate::schedule::unit::Unit;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{AbiParam, ExternalName, InstBuilder, LibCall, UserFuncName, types};
use cranelift_codegen::{CodegenError, Context, FinalizedRelocTarget, isa::TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A unit that becomes native code for a processor.
pub(super) struct Job<'u> {
    unit: &'u Unit,
    isa: &'u dyn TargetIsa,
    results: FxHashMap<u32, Vec<u32>>,
    apart: Option<Apart>,
    /// The most bits of the vectors of a loop over rows.
    bits: usize,
    /// Whether our own encoder may make one function of it.
    encoded: bool,
}

/// Up to this many operations code of our own encoder is one function, which is made in one go. Beyond, Cranelift's single pass takes less
/// time: the list of a million operations stays in no cache.
const ENCODED_UP_TO: usize = 400_000;

/// One native function of a job.
struct Piece {
    job: usize,
    segment: usize,
    bytes: Vec<u8>,
    align: usize,
    calls: Vec<Call>,
    vectors: Vectors,
    scratch: usize,
    encoded: bool,
}

impl Piece {
    fn of_wide(job: usize, wide: Wide) -> Piece {
        let (align, bits) = (wide.align(), wide.isa.bits());
        let in_rows = Vectors::Wide { bits, spilled: wide.spilled, narrow: wide.narrow };
        let vectors = if wide.of_rows { in_rows } else { Vectors::None };
        let Object { bytes, calls, .. } = wide.object;
        Piece { job, segment: 0, bytes, align, calls, vectors, scratch: wide.scratch, encoded: true }
    }
}

/// A unit as machine code.
#[derive(Default)]
pub(super) struct Emitted {
    pub(super) object: Object,
    pub(super) vectors: Vectors,
    /// Words of scratch memory beside what the unit needs.
    pub(super) scratch: usize,
    /// Whether it is our own encoder's, not Cranelift's.
    pub(super) encoded: bool,
}

/// The code of all jobs, made in one pass by several threads, and by how many. Emission stops with an error where there are more bytes than the limit,
/// and soon after it is to stop.
pub(super) fn emit(jobs: &[Job], threads: Option<NonZero<usize>>, limit: usize, stop: &Stop) -> Made<(Vec<Emitted>, usize)> {
    let work: Vec<(usize, Range<usize>)> =
        jobs.iter().enumerate().flat_map(|(k, job)| job.parts().map(move |segments| (k, segments))).collect();
    let (next, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let counted = |piece: Piece| {
        total.fetch_add(piece.bytes.len(), Relaxed);
        piece
    };
    let run = || {
        let (mut context, mut reused) = (Context::new(), FunctionBuilderContext::new());
        let mut pieces = Vec::new();
        loop {
            let at = next.fetch_add(1, Relaxed);
            if at >= work.len() || stop.is_set() || total.load(Relaxed) > limit {
                return Ok(pieces);
            }
            let (job, segments) = work[at].clone();
            let vectors = match jobs[job].wide() {
                Ok(wide) => {
                    pieces.push(counted(Piece::of_wide(job, wide)));
                    continue;
                }
                Err(vectors) => vectors,
            };
            for segment in segments {
                jobs[job].emit(&mut context, &mut reused, segment);
                // What one thread finds wrong stops the others.
                let made = piece(jobs[job].isa, &mut context, (job, segment)).inspect_err(|_| next.store(work.len(), Relaxed))?;
                pieces.push(counted(Piece { vectors, ..made }));
                if stop.is_set() || total.load(Relaxed) > limit {
                    break;
                }
            }
        }
    };
    let threads = threads.map_or_else(processors, NonZero::get).min(work.len());
    let made: Vec<Made<Vec<Piece>>> = std::thread::scope(|scope| {
        // Where the system gives no more threads, those that there are do the work.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, run).ok();
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        let own = run();
        let join =
            |other: std::thread::ScopedJoinHandle<'_, _>| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        std::iter::once(own).chain(others.into_iter().map(join)).collect()
    });
    let threads = made.len();
    if total.into_inner() > limit {
        let message = format!("the machine code has more than {limit} bytes, the limit of `Options::code_limit`");
        return Err(Error::new(ErrorKind::Limit, message).into());
    }
    let mut pieces = Vec::with_capacity(work.len());
    for part in made {
        pieces.append(&mut part?);
    }
    stop.check()?;
    pieces.sort_unstable_by_key(|piece| (piece.job, piece.segment));
    let mut all: Vec<Emitted> = jobs.iter().map(|_| Emitted::default()).collect();
    for piece in pieces {
        let (job, Emitted { object, vectors, scratch, encoded }) = (&jobs[piece.job], &mut all[piece.job]);
        (*vectors, *scratch, *encoded) = (piece.vectors, piece.scratch, piece.encoded);
        let align = job.isa.function_alignment().minimum.max(16) as usize;
        let at = object.bytes.len().next_multiple_of(align.max(piece.align));
        object.bytes.resize(at, 0);
        object.bytes.extend_from_slice(&piece.bytes);
        object.functions.push((at, job.unit.segments.segments[piece.segment].per_row));
        object.calls.extend(piece.calls.iter().map(|call| Call { at: call.at + at as u32, ..*call }));
    }
    Ok((all, threads))
}

impl<'u> Job<'u> {
    pub(super) fn new(unit: &'u Unit, tier: Tier, isa: &'u dyn TargetIsa) -> Job<'u> {
        let Unit { program, rows, .. } = unit;
        let (results, apart) = (lower::results(program), program.apart.then(|| Apart::new(&program.layout)));
        let (bits, asked) = (program.options.vectors, program.options.tier);
        // Whoever wants vectors of 128 bits wants Cranelift's code.
        let wanted = match rows {
            Some(_) => true,
            None => program.flow.is_none() && (tier == Tier::Fast || asked == Tier::Auto),
        };
        let can_be = bits.min(wide::most_bits(isa).into()) > 128 && program.len() <= ENCODED_UP_TO;
        let encoded = wanted && can_be;
        Job { unit, isa, results, apart, bits, encoded }
    }

    /// What threads do apart: every segment by itself, or all together where they may become one function.
    fn parts(&self) -> impl Iterator<Item = Range<usize>> {
        let (count, each) = (self.unit.segments.segments.len(), if self.encoded { usize::MAX } else { 1 });
        (0..count).step_by(each).map(move |start| start..count.min(start.saturating_add(each)))
    }

    /// What our own encoder makes: a loop over rows in vectors of more bits than Cranelift's have, or straight-line code. Or what Cranelift's loop works
    /// in.
    pub(super) fn wide(&self) -> std::result::Result<Wide, Vectors> {
        match &self.unit.rows {
            Some(_) if self.unit.program.len() > ENCODED_UP_TO => {
                Err(Vectors::Narrow("its body has more operations than fit a cache"))
            }
            Some(_) => wide::wide(self.unit, self.isa, self.bits).map_err(Vectors::Narrow),
            None if self.encoded => wide::straight(self.unit, self.isa).map_err(|_| Vectors::None),
            None => Err(Vectors::None),
        }
    }

    /// The IR of a segment.
    fn emit(&self, context: &mut Context, reused: &mut FunctionBuilderContext, k: usize) {
        let Unit { program, segments, rows, .. } = self.unit;
        let segment = &segments.segments[k];
        context.clear();
        let call_conv = self.isa.default_call_conv();
        let params = if rows.is_some() { 6 } else { 3 };
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
            repeats: program.flow.is_some(),
            calls: Default::default(),
            shared: Default::default(),
            routines: Default::default(),
        };
        match rows {
            _ if let Some(flow) = &program.flow => lower::flow(&emitter, flow, &params),
            None => lower::straight(&emitter, program, segments, segment, &self.results, self.apart.as_ref(), &params),
            Some(call) if segments.segments.len() == 1 => {
                Lowering::row_loop(&emitter, program, segments, call, &self.results, &params);
            }
            Some(call) => Lowering::row_segment(&emitter, program, segments, segment, call, &self.results, &params),
        }
        let mut builder = emitter.builder.into_inner();
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(self.isa.frontend_config());
    }

    /// Does something with the IR of every segment.
    pub(super) fn each(&self, mut done: impl FnMut(&mut Context) -> Result<()>) -> Result<()> {
        let (mut context, mut reused) = (Context::new(), FunctionBuilderContext::new());
        (0..self.unit.segments.segments.len()).try_for_each(|k| {
            self.emit(&mut context, &mut reused, k);
            done(&mut context)
        })
    }
}

/// The code of a function, and the places in it where addresses of routines belong.
fn piece(isa: &dyn TargetIsa, context: &mut Context, (job, segment): (usize, usize)) -> Made<Piece> {
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
    Ok(Piece { job, segment, bytes, align, calls, vectors: Vectors::None, scratch: 0, encoded: false })
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

#[cfg(test)]
mod tests {
    use super::super::target::isa;
    use super::*;
    use crate::graph::Function;
    use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};

    /// A body is one function, or every segment is a part of its own: never the whole body once for each segment.
    #[test]
    fn what_is_too_long_for_the_encoder_is_cut() {
        let Ok(isa) = isa(Tier::Best) else { return };
        for (operations, is_long) in [(1_000, false), (ENCODED_UP_TO + 1, true)] {
            let f = Function::trace("x", |x| (0..operations).fold(x, |y, _| y.sqrt())).unwrap();
            let program = lowered(&f, Settings { vectors: 512, ..Settings::default() }, &[true]);
            assert_eq!(program.len(), operations);
            let call = RowCall::new(&program, &RowShape { varying: vec![true], reduce: vec![Reduce::Each] }, true);
            let unit = Unit::new(program, Some(call));
            let job = Job::new(&unit, Tier::Best, &*isa);
            let segments = unit.segments.segments.len();
            assert!(segments > 1);
            match job.wide() {
                Ok(_) => assert!(!is_long && job.parts().eq(std::iter::once(0..segments))),
                Err(_) => assert!(job.parts().eq((0..segments).map(|k| k..k + 1))),
            }
        }
    }
}
