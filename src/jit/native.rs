//! Native functions and the memory that they live in; where none can be made, the interpreter in their place.

use super::build::Job;
use super::code::{Call, Code, Memory};
use super::flush::Flushing;
use super::segment::Plan;
use super::target::{Failure, Made, failed, isa};
use super::{cache, lower};
use crate::base::sums::{halve, partials};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::Scalar;
use crate::schedule::{Program, RowCall, Tier};
use cranelift_codegen::isa::TargetIsa;
use std::sync::{Arc, atomic::AtomicBool};
use std::{cell::RefCell, thread::LocalKey, time::Duration, time::Instant};

/// Up to this many operations the better register allocator is worth its time.
const BEST_UP_TO: usize = 400_000;
/// Addresses are a base and an offset of 32 bits with a sign.
const MOST_BYTES: usize = i32::MAX as usize;

/// `fn(x, y, scratch)` for one point; see [`Lowering::flat`](lower::Lowering::flat).
pub(super) type FlatFn = unsafe extern "C" fn(*const u8, *mut u8, *const ());
/// `fn(inputs, outputs, scratch, rows, count, strides)` over rows, or `fn(inputs, outputs, scratch, row, _, _)` at a row; see
/// [`Lowering::row_loop`](lower::Lowering::row_loop).
type RowsFn = unsafe extern "C" fn(*mut *const u8, *mut *mut u8, *mut u64, i64, i64, *const i64);

/// Native functions and the memory that they live in.
pub(super) struct Native {
    body: Body,
    /// Addresses, with whether the function runs for every row.
    pub(super) functions: Vec<(*const u8, bool)>,
    pub(super) needs: Needs,
    pub(super) stats: Stats,
}

enum Body {
    Code { memory: Memory, calls: Vec<Call> },
    Interpreted(Box<Interpreted>),
}

/// What runs where there is no native code.
struct Interpreted {
    program: Program,
    rows: Option<RowCall>,
    reason: String,
}

/// What the code needs beside its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Needs {
    /// Words of scratch memory that a call needs.
    pub(super) scratch: usize,
    /// Of code for rows: where partial sums are in it, and the group and place of each sum.
    pub(super) partials: usize,
    pub(super) sums: Vec<(u32, u32)>,
    /// Whether subnormal numbers are zeros to it.
    pub(super) flush: bool,
}

/// What compiling took.
#[derive(Clone, Copy)]
pub(super) struct Stats {
    pub(super) tier: Tier,
    pub(super) operations: usize,
    /// The program's.
    pub(super) fingerprint: u64,
    pub(super) code_bytes: usize,
    pub(super) threads: usize,
    pub(super) time: Duration,
}

// SAFETY: the code is finished and never changes; it is freed with this value.
unsafe impl Send for Native {}
// SAFETY: as above, shared access only reads addresses.
unsafe impl Sync for Native {}

impl Native {
    /// Native code of a program, from those that were made before if its options say so.
    pub(super) fn shared(program: &Program, rows: Option<&RowCall>) -> Result<Arc<Native>> {
        Native::shared_unless(program, rows, &AtomicBool::new(false))
    }

    /// As [`Native::shared`]; an error soon after `stop` is set.
    pub(super) fn shared_unless(program: &Program, rows: Option<&RowCall>, stop: &AtomicBool) -> Result<Arc<Native>> {
        let make = || Native::new(program, rows, stop);
        if program.options.cached { cache::find_or(program, rows, make) } else { Ok(Arc::new(make()?)) }
    }

    fn new(program: &Program, rows: Option<&RowCall>, stop: &AtomicBool) -> Result<Native> {
        program.check_supported()?;
        if program.options.flush_subnormals && !Flushing::SUPPORTED {
            return Err(failed("`flush_subnormals` is there on x86-64 only"));
        }
        check_lengths(program, rows)?;
        match Native::compiled(program, rows, stop) {
            Err(Failure::Unsupported(reason)) if program.options.flush_subnormals => Err(failed(reason)),
            Err(Failure::Unsupported(reason)) => Ok(Native::interpreted(program, rows, reason)),
            Err(Failure::Error(error)) => Err(error),
            Ok(native) => Ok(native),
        }
    }

    fn compiled(program: &Program, rows: Option<&RowCall>, stop: &AtomicBool) -> Made<Native> {
        let tier = match program.options.tier {
            Tier::Auto if program.len() <= BEST_UP_TO => Tier::Best,
            Tier::Auto => Tier::Fast,
            tier => tier,
        };
        if program.options.strange_processor {
            return Err(Failure::Unsupported("the options pretend an unknown processor".into()));
        }
        Native::compiled_for(&*isa(tier)?, tier, program, rows, stop)
    }

    fn compiled_for(
        isa: &dyn TargetIsa,
        tier: Tier,
        program: &Program,
        rows: Option<&RowCall>,
        stop: &AtomicBool,
    ) -> Made<Native> {
        let start = Instant::now();
        let plan = Plan::new(program, rows.is_some());
        let places = sums(rows);
        let needs = Needs {
            scratch: plan.scratch + (places.len() * partials(program.width) * program.width.bytes()).div_ceil(8),
            partials: plan.scratch,
            sums: places,
            flush: program.options.flush_subnormals,
        };
        check_bytes("the scratch memory", needs.scratch, 8)?;
        let (code, threads) = Job::new(program, &plan, rows).compile(isa, stop)?;
        let (operations, fingerprint, code_bytes) = (program.len(), program.fingerprint(), code.bytes.len());
        let stats = Stats { tier, operations, fingerprint, code_bytes, threads, time: Duration::ZERO };
        let mut native = Native::of_code(code, needs, stats)?;
        native.stats.time = start.elapsed();
        Ok(native)
    }

    /// Code that was made for this processor.
    pub(super) fn of_code(mut code: Code, needs: Needs, stats: Stats) -> Made<Native> {
        let memory = Memory::new(isa(stats.tier)?, &mut code)?;
        let functions = code.functions.iter().map(|&(at, per_row)| (memory.function(at), per_row)).collect();
        Ok(Native { body: Body::Code { memory, calls: code.calls }, functions, needs, stats })
    }

    fn interpreted(program: &Program, rows: Option<&RowCall>, reason: String) -> Native {
        let (tier, operations, fingerprint) = (program.options.tier, program.len(), program.fingerprint());
        let stats = Stats { tier, operations, fingerprint, code_bytes: 0, threads: 0, time: Duration::ZERO };
        let body = Body::Interpreted(Box::new(Interpreted { program: program.clone(), rows: rows.cloned(), reason }));
        Native { body, functions: vec![], needs: Needs { sums: sums(rows), ..Needs::default() }, stats }
    }

    /// The code, which can go elsewhere; none where there is only the interpreter.
    pub(super) fn code(&self) -> Option<Code> {
        let Body::Code { memory, calls } = &self.body else { return None };
        let mut bytes = memory.bytes().to_vec();
        calls.iter().for_each(|call| call.put(&mut bytes, 0));
        let start = memory.function(0).addr();
        let functions = self.functions.iter().map(|&(address, per_row)| (address.addr() - start, per_row)).collect();
        Some(Code { bytes, functions, calls: calls.clone() })
    }

    /// Why it is interpreted, if it is.
    pub(super) fn reason(&self) -> Option<&str> {
        match &self.body {
            Body::Interpreted(interpreted) => Some(&interpreted.reason),
            Body::Code { .. } => None,
        }
    }

    /// Whether a loop around the rows is inside, so that it is not cut into segments.
    pub(super) fn is_whole(&self) -> bool {
        self.functions.len() <= 1
    }

    /// Runs code for one point.
    ///
    /// # Safety
    /// The code was made for one point of numbers `T`; the addresses are good for its inputs and outputs.
    pub(super) unsafe fn run_interpreted<T: Scalar>(&self, x: *const u8, y: *mut u8) {
        let Body::Interpreted(interpreted) = &self.body else { unreachable!("it is asked for where there is no code") };
        let (layout, program) = (&interpreted.program.layout, &interpreted.program);
        // SAFETY: as promised; the slices of a call do not overlap.
        let read = |x: *const u8, len: usize| unsafe { std::slice::from_raw_parts(x.cast::<T>(), len) };
        // SAFETY: as above.
        let write = |y: *mut u8, len: usize| unsafe { std::slice::from_raw_parts_mut(y.cast::<T>(), len) };
        if !program.apart {
            let (x, y) = (read(x, layout.input_len), write(y, layout.output_len));
            return program.call_into(x, y).expect("lengths and width were checked");
        }
        let (inputs, outputs) = (x.cast::<*const u8>(), y.cast::<*mut u8>());
        // SAFETY: there is an address for every input.
        let inputs = layout.inputs.iter().enumerate().map(|(k, (_, len))| read(unsafe { *inputs.add(k) }, *len));
        let results = program.call_vec(&inputs.collect::<Vec<_>>().concat()).expect("lengths and width were checked");
        let mut rest = &results[..];
        for (k, (_, len)) in layout.outputs.iter().enumerate() {
            let own;
            (own, rest) = rest.split_at(*len);
            // SAFETY: there is an address for every output.
            write(unsafe { *outputs.add(k) }, *len).copy_from_slice(own);
        }
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
        if let Body::Interpreted(interpreted) = &self.body {
            // SAFETY: as promised.
            return unsafe { interpreted.run_rows::<T>((inputs, outputs), rows, (count, strides)) };
        }
        // SAFETY: `Lowering` emitted these functions with this signature; the rest is promised.
        let run = |address: *const u8, rows: usize| unsafe {
            let run = std::mem::transmute::<*const u8, RowsFn>(address);
            run(inputs, outputs, scratch, rows as i64, count as i64, strides.as_ptr());
        };
        let flushing = self.needs.flush.then(Flushing::start);
        let segments = match self.functions[..] {
            [(address, _)] => return run(address, rows),
            ref segments => segments,
        };
        assert_eq!(count, 1, "segments have no loop");
        let parts = partials(T::WIDTH);
        let (at, count) = (self.needs.partials, self.needs.sums.len() * parts);
        let sums = || {
            // SAFETY: the scratch memory ends with the partial sums, numbers of this width, which no code uses while they are borrowed.
            unsafe { std::slice::from_raw_parts_mut(scratch.add(at).cast::<T>(), count) }
        };
        sums().fill(T::lit(-0.0));
        segments.iter().filter(|(_, per_row)| !per_row).for_each(|&(address, _)| run(address, 0));
        for row in 0..rows {
            segments.iter().filter(|(_, per_row)| *per_row).for_each(|&(address, _)| run(address, row));
        }
        drop(flushing);
        for (&(group, k), parts) in self.needs.sums.iter().zip(sums().chunks_exact_mut(parts)) {
            // SAFETY: the output has room for as many sums.
            let sum = unsafe { &mut *(*outputs.add(group as usize)).cast::<T>().add(k as usize) };
            *sum += halve(parts, |a, b| a + b);
        }
    }
}

/// The group and place of every sum.
fn sums(rows: Option<&RowCall>) -> Vec<(u32, u32)> {
    rows.map_or(vec![], |call| lower::reduced(call).into_iter().map(|k| call.places[k as usize]).collect())
}

impl Interpreted {
    /// # Safety
    /// As [`Native::run_rows`].
    unsafe fn run_rows<T: Scalar>(
        &self,
        (inputs, outputs): (*mut *const u8, *mut *mut u8),
        rows: usize,
        (count, strides): (usize, &[i64]),
    ) {
        let call = self.rows.as_ref().expect("code for rows has the call");
        let (groups_in, groups_out) = (call.shape.varying.len(), call.shape.reduce.len());
        for time in 0..count.max(1) {
            if time > 0 {
                let (of_inputs, of_outputs) = strides.split_at(groups_in);
                // SAFETY: there is an address and a stride for every group.
                unsafe {
                    (0..groups_in).for_each(|k| {
                        *inputs.add(k) = (*inputs.add(k)).wrapping_byte_offset(of_inputs[k] as isize);
                    });
                    (0..groups_out).for_each(|k| {
                        *outputs.add(k) = (*outputs.add(k)).wrapping_byte_offset(of_outputs[k] as isize);
                    });
                }
            }
            // SAFETY: every place of every row is good to read; an input that is overwritten is read before, row by row.
            let read = |group: usize, at: usize| unsafe { *(*inputs.add(group)).cast::<T>().add(at) };
            call.interpret(&self.program, rows, read, |group, at, v, add| {
                // SAFETY: every place of every row is good to write.
                let place = unsafe { &mut *(*outputs.add(group)).cast::<T>().add(at) };
                *place = if add { *place + v } else { v };
            });
        }
    }
}

/// Whether every number can be addressed.
fn check_lengths(program: &Program, rows: Option<&RowCall>) -> Result<()> {
    // What a loop reads or writes at once are the rows of all partial sums.
    let many = if rows.is_some() { 2 * partials(program.width) } else { 1 };
    let (width, layout) = (program.width.bytes(), &program.layout);
    for (what, groups, all) in [("input", &layout.inputs, layout.input_len), ("output", &layout.outputs, layout.output_len)] {
        match rows {
            None => check_bytes(&format!("the {what}s"), all, width)?,
            Some(_) => {
                groups
                    .iter()
                    .try_for_each(|(name, len)| check_bytes(&format!("a row of the {what} `{name}`"), *len, many * width))?;
            }
        }
    }
    Ok(())
}

fn check_bytes(what: &str, len: usize, each: usize) -> Result<()> {
    if len <= MOST_BYTES / each {
        return Ok(());
    }
    let message = format!("{what} cannot have {len} numbers in native code: the limit is {}", MOST_BYTES / each);
    Err(Error::new(ErrorKind::Limit, message))
}

thread_local! {
    static WORKSPACE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static ARRAYS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static SUMS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static STRIPS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
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

/// As [`with_scratch`], of a strip of a call's arrays.
pub(super) fn with_strips<R>(words: usize, f: impl FnOnce(*mut u64) -> R) -> R {
    lend(&STRIPS, words, f)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Width;
    use crate::graph::Function;
    use crate::jit::target::plain_isa;
    use crate::jit::{compiled::Compiled, rows::CompiledRows};
    use crate::op::select;

    /// For a processor without multiply-add and rounding: the code calls ours.
    fn on_an_old_processor(program: &Program, rows: Option<&RowCall>) -> Native {
        let native = Native::compiled_for(&*plain_isa(), Tier::Best, program, rows, &AtomicBool::new(false));
        native.map_err(Failure::error).unwrap()
    }

    fn traced(width: Width) -> Function {
        let f = Function::trace_in(width, ["a", "b", "c"], |[a, b, c]| {
            let (fused, down) = (a * b + c, a.floor() + b.ceil() * c.trunc());
            (fused.sin(), fused.exp(), select(a.lt(b), fused, down), down.abs().min(c).sqrt().copysign(a))
        });
        f.unwrap()
    }

    /// All NaNs are one.
    fn bits(v: &[f64]) -> Vec<u64> {
        v.iter().map(|v| if v.is_nan() { 0 } else { v.to_bits() }).collect()
    }

    #[test]
    fn points_on_an_old_processor() {
        for program in [traced(Width::F64).lower(), traced(Width::F64).lower().with_kernels()] {
            let native = Arc::new(on_an_old_processor(&program, None));
            let compiled = Compiled::new(native, program.width, program.layout.clone());
            for x in [[0.3, -1.7, 2.5], [-0.0, 1e300, -1e300], [f64::NAN, 1.0, f64::INFINITY], [7.5, 0.1, -0.75]] {
                assert_eq!(bits(&compiled.call_vec(&x).unwrap()), bits(&program.call_vec(&x).unwrap()));
            }
        }
    }

    #[test]
    fn rows_on_an_old_processor() {
        fn check<T: Scalar>() {
            let rows = traced(T::WIDTH).map_rows(["a", "b"]).unwrap().sum(["y0"]).unwrap().lower();
            let native = Arc::new(on_an_old_processor(&rows.program, Some(&rows.call)));
            let (call, layout) = (rows.call.clone(), rows.program.layout.clone());
            let compiled = CompiledRows { native, call, width: T::WIDTH, layout, threads: 1 };
            let wave = |s: f64| (0..19).map(|k| T::lit((k as f64 * s).sin() * 3.0)).collect::<Vec<T>>();
            let (a, b, c) = (wave(0.7), wave(1.3), [T::lit(0.4)]);
            let (x, mut y) = ([&a[..], &b, &c], [[1, 19, 19, 19]; 2].map(|lens| lens.map(|len| vec![T::default(); len])));
            compiled.call_into(&x, &mut y[0].each_mut().map(Vec::as_mut_slice)).unwrap();
            rows.call_into(&x, &mut y[1].each_mut().map(Vec::as_mut_slice)).unwrap();
            let [native, interpreted] = y.map(|y| bits(&y.concat().into_iter().map(T::to_f64).collect::<Vec<_>>()));
            assert_eq!(native, interpreted);
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn lengths_beyond_an_offset_are_refused() {
        assert!(check_bytes("x", MOST_BYTES / 8, 8).is_ok());
        let error = check_bytes("the inputs", MOST_BYTES / 8 + 1, 8).unwrap_err();
        assert!(error.is_limit());
        assert_eq!(error.to_string(), "the inputs cannot have 268435456 numbers in native code: the limit is 268435455");
    }
}
