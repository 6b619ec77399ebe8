//! The code of a unit as it runs: native functions, or the interpreter in their place. Both run the same program, so that they give the same
//! bits.

use super::call::Call;
use super::flow;
use super::interpret::{Registers, interpret_rows};
use super::records;
use super::scratch::{with_gathered, with_scratch};
use crate::base::Width;
use crate::base::host::Stop;
use crate::base::sums::{halve, partials};
use crate::codegen::{self, Flushing, Native};
use crate::error::{Caller, Result};
use crate::op::Scalar;
use crate::schedule::Settings;
use crate::schedule::ir::Buffer;
use crate::schedule::unit::{Needs, Unit};
use std::sync::Arc;

/// `fn(x, y, scratch)` for one point: addresses of all inputs and of all outputs, or of tables of their addresses where they are apart.
pub(super) type FlatFn = unsafe extern "C" fn(*const u8, *mut u8, *const ());
/// `fn(inputs, outputs, scratch, rows, count, strides)` over rows, or `fn(inputs, outputs, scratch, row, _, _)` at a row.
type RowsFn = unsafe extern "C" fn(*mut *const u8, *mut *mut u8, *mut u64, i64, i64, *const i64);

/// The code of a unit.
pub(crate) struct Code {
    /// For a point; its third argument is this value's address.
    pub(super) run: FlatFn,
    pub(crate) needs: Needs,
    pub(crate) operations: usize,
    body: Body,
}

enum Body {
    Native(Arc<Native>),
    Interpreted {
        unit: Arc<Unit>,
        reason: String,
    },
    /// There is nothing to run.
    None,
}

impl Code {
    /// The code of every unit: native, or interpreted where the options say so or none can be made for this processor. An error soon after it is to
    /// stop.
    ///
    /// # Errors
    /// As [`codegen::compile`].
    pub(crate) fn of_units(units: &[Arc<Unit>], options: Settings, stop: &Stop) -> Result<Vec<Arc<Code>>> {
        let interpreted = |reason: &str| units.iter().map(|unit| Arc::new(Code::interpreted(unit, reason))).collect();
        if options.interpreted {
            return Ok(interpreted("the options say so"));
        }
        Ok(match codegen::compile(units, options, stop)? {
            codegen::Compiled::Native(natives) => {
                let code = |(native, unit): (Arc<Native>, &Arc<Unit>)| Arc::new(Code::native(native, unit.needs.clone()));
                natives.into_iter().zip(units).map(code).collect()
            }
            codegen::Compiled::Unsupported(reason) => interpreted(&reason),
        })
    }

    pub(crate) fn native(native: Arc<Native>, needs: Needs) -> Code {
        let needs = Needs { scratch: needs.scratch.max(native.stats().scratch), ..needs };
        let run: FlatFn = match native.functions() {
            _ if needs.flush => run_flushing,
            // SAFETY: `Lowering::flat` emitted this function with this signature; alone it needs no scratch memory. Code for rows is
            // never called through this address.
            &[(address, _)] if needs.scratch == 0 => unsafe { std::mem::transmute::<*const u8, FlatFn>(address) },
            _ => run_segments,
        };
        Code { run, needs, operations: native.stats().operations, body: Body::Native(native) }
    }

    pub(crate) fn interpreted(unit: &Arc<Unit>, reason: &str) -> Code {
        let run: FlatFn = match unit.program.width {
            Width::F32 => run_interpreted::<f32>,
            Width::F64 => run_interpreted::<f64>,
        };
        let body = Body::Interpreted { unit: unit.clone(), reason: reason.to_owned() };
        Code { run, needs: unit.needs.clone(), operations: unit.program.len(), body }
    }

    /// Of no unit.
    pub(crate) fn none() -> Code {
        Code { run: run_nothing, needs: Needs::default(), operations: 0, body: Body::None }
    }

    /// The native functions, if there are.
    pub(crate) fn as_native(&self) -> Option<&Arc<Native>> {
        match &self.body {
            Body::Native(native) => Some(native),
            Body::Interpreted { .. } | Body::None => None,
        }
    }

    /// Why it is interpreted, if it is.
    pub(crate) fn reason(&self) -> Option<&str> {
        match &self.body {
            Body::Interpreted { reason, .. } => Some(reason),
            Body::Native(_) | Body::None => None,
        }
    }

    /// Runs code of a unit whose inputs and outputs are apart.
    ///
    /// # Safety
    /// The tables have an address for every input and every output, each good for as many elements of the unit's width, and
    /// what is written lies apart from what is read.
    pub(super) unsafe fn run_apart(&self, inputs: *const *const u8, outputs: *mut *mut u8) {
        // SAFETY: as promised; the third argument is what all of these functions want.
        unsafe { (self.run)(inputs.cast(), outputs.cast(), std::ptr::from_ref(self).cast()) }
    }

    /// Runs code for rows. Sums are added to what is in the outputs.
    ///
    /// # Safety
    /// The unit is for rows of elements `T`. The tables have an address for every input and output, good for as many rows.
    /// If `count` is not 1 they are written to, and the addresses are good as often, moved on by the strides in bytes, which for a unit
    /// in turns are followed by a mask, the number of the first time, and the strides of a turn. There are as many words of scratch memory
    /// as the unit needs.
    pub(super) unsafe fn run_rows<T: Scalar>(
        &self,
        (inputs, outputs): (*mut *const u8, *mut *mut u8),
        scratch: *mut u64,
        rows: usize,
        (count, strides): (usize, &[i64]),
    ) {
        let functions = match &self.body {
            // SAFETY: as promised.
            Body::Interpreted { unit, .. } => unsafe {
                return interpreted_rows::<T>(unit, (inputs, outputs), rows, (count, strides));
            },
            Body::Native(native) => native.functions(),
            Body::None => return,
        };
        // SAFETY: `Lowering` emitted these functions with this signature; the rest is promised.
        let run = |address: *const u8, rows: usize| unsafe {
            let run = std::mem::transmute::<*const u8, RowsFn>(address);
            run(inputs, outputs, scratch, rows as i64, count as i64, strides.as_ptr());
        };
        let flushing = self.needs.flush.then(Flushing::start);
        if let [(address, _)] = functions[..] {
            return run(address, rows);
        }
        assert_eq!(count, 1, "segments have no loop");
        let parts = partials(T::WIDTH);
        let (at, count) = (self.needs.partials, self.needs.sums.len() * parts);
        let sums = || {
            // SAFETY: the scratch memory ends with the partial sums, elements of this width, which no code uses while they are borrowed.
            unsafe { std::slice::from_raw_parts_mut(scratch.add(at).cast::<T>(), count) }
        };
        sums().fill(T::lit(-0.0));
        functions.iter().filter(|(_, per_row)| !per_row).for_each(|&(address, _)| run(address, 0));
        for row in 0..rows {
            functions.iter().filter(|(_, per_row)| *per_row).for_each(|&(address, _)| run(address, row));
        }
        drop(flushing);
        for (&(group, k), parts) in self.needs.sums.iter().zip(sums().chunks_exact_mut(parts)) {
            // SAFETY: the output has room for as many sums.
            let sum = unsafe { &mut *(*outputs.add(group as usize)).cast::<T>().add(k as usize) };
            *sum += halve(parts, |a, b| a + b);
        }
    }
}

/// Runs a unit that was cut into several functions.
///
/// # Safety
/// `x` and `y` as the functions want them; `code` points to the [`Code`] that has them.
unsafe extern "C" fn run_segments(x: *const u8, y: *mut u8, code: *const ()) {
    // SAFETY: as promised.
    let code = unsafe { &*code.cast::<Code>() };
    let Body::Native(native) = &code.body else { unreachable!("it has native functions") };
    with_scratch(code.needs.scratch, |scratch| {
        for &(address, _) in native.functions() {
            // SAFETY: `Lowering::flat` emitted these functions with this signature; the scratch memory is as large as they need.
            unsafe { std::mem::transmute::<*const u8, FlatFn>(address)(x, y, scratch.cast()) }
        }
    });
}

/// Runs no unit.
///
/// # Safety
/// None is needed.
unsafe extern "C" fn run_nothing(_: *const u8, _: *mut u8, _: *const ()) {}

/// As [`run_segments`], with subnormal numbers as zeros.
///
/// # Safety
/// As [`run_segments`].
unsafe extern "C" fn run_flushing(x: *const u8, y: *mut u8, code: *const ()) {
    let _flushing = Flushing::start();
    // SAFETY: as promised.
    unsafe { run_segments(x, y, code) }
}

/// Runs a unit by interpretation.
///
/// # Safety
/// As [`run_segments`], of elements `T`.
unsafe extern "C" fn run_interpreted<T: Scalar>(x: *const u8, y: *mut u8, code: *const ()) {
    // SAFETY: as promised.
    let code = unsafe { &*code.cast::<Code>() };
    let Body::Interpreted { unit, .. } = &code.body else { unreachable!("it has no native functions") };
    let (program, layout) = (&unit.program, &unit.program.layout);
    if program.flow.is_some() {
        // SAFETY: as promised: such a unit gets tables of addresses.
        return unsafe { flow::run::<T>(program, x.cast(), y.cast_const().cast()) };
    }
    // SAFETY: as promised; the slices of a call do not overlap.
    let read = |x: *const u8, len: usize| unsafe { std::slice::from_raw_parts(x.cast::<T>(), len) };
    // SAFETY: as above.
    let write = |y: *mut u8, len: usize| unsafe { std::slice::from_raw_parts_mut(y.cast::<T>(), len) };
    Registers::with(program, |mut registers| {
        if !program.apart {
            let x = read(x, layout.input_len);
            registers.run(program, 0..program.steps.len(), |slot| x[slot]);
            // There may be no numbers yet where outputs go.
            let mut y = y.cast::<T>();
            for &step in &*program.outputs {
                // SAFETY: there is room for all outputs.
                unsafe {
                    y.write(registers.number(step));
                    y = y.add(1);
                }
            }
            return;
        }
        let (inputs, outputs) = (x.cast::<*const u8>(), y.cast::<*mut u8>());
        with_gathered(layout.input_len, T::default(), |all| {
            let mut at = 0;
            for (k, (_, len)) in layout.inputs.iter().enumerate() {
                // SAFETY: there is an address for every input.
                all[at..at + len].copy_from_slice(read(unsafe { *inputs.add(k) }, *len));
                at += len;
            }
            registers.run(program, 0..program.steps.len(), |slot| all[slot]);
        });
        let mut steps = program.outputs.iter();
        for (k, (_, len)) in layout.outputs.iter().enumerate() {
            // SAFETY: there is an address for every output.
            let own = write(unsafe { *outputs.add(k) }, *len);
            own.iter_mut().zip(steps.by_ref()).for_each(|(y, &step)| *y = registers.number(step));
        }
    });
}

/// # Safety
/// As [`Code::run_rows`].
unsafe fn interpreted_rows<T: Scalar>(
    unit: &Unit,
    (inputs, outputs): (*mut *const u8, *mut *mut u8),
    rows: usize,
    (count, strides): (usize, &[i64]),
) {
    let call = unit.rows.as_ref().expect("a unit for rows has the call");
    let (groups_in, groups_out) = (call.shape.varying.len(), call.shape.reduce.len());
    let on = |strides: &[i64]| {
        let (of_inputs, of_outputs) = strides.split_at(groups_in);
        // SAFETY: there is an address for every group.
        unsafe {
            (0..groups_in).for_each(|k| *inputs.add(k) = (*inputs.add(k)).wrapping_byte_offset(of_inputs[k] as isize));
            (0..groups_out).for_each(|k| *outputs.add(k) = (*outputs.add(k)).wrapping_byte_offset(of_outputs[k] as isize));
        }
    };
    for time in 0..count.max(1) {
        if time > 0 {
            let (each, turns) = strides.split_at(groups_in + groups_out);
            on(each);
            if call.in_turns && (turns[1] + time as i64) & turns[0] == 0 {
                on(&turns[2..]);
            }
        }
        // SAFETY: every place of every row is good to read; an input that is overwritten is read before, row by row.
        let read = |group: usize, at: usize| unsafe { *(*inputs.add(group)).cast::<T>().add(at) };
        interpret_rows(call, &unit.program, rows, read, |group, at, v, add| {
            // SAFETY: every place of every row is good to write.
            let place = unsafe { &mut *(*outputs.add(group)).cast::<T>().add(at) };
            *place = if add { *place + v } else { v };
        });
    }
}

/// Runs code of loops or branches: so many steps of a scan, or once.
pub(super) fn run_flow<T: Scalar>(
    code: &Code,
    (inputs, outputs): (&[Buffer], &[Buffer]),
    steps: usize,
    at: Option<Caller>,
    call: &mut Call<T>,
) -> Result<()> {
    let table = call.addresses(inputs.iter().chain(outputs));
    // SAFETY: `schedule::verify` found that the table has room for one address more, as many buffers as the unit has operands and results,
    // of their lengths and its width, as often as there are steps where they have elements for every step, within their spaces,
    // and every result apart from all operands and other results.
    unsafe {
        *table.add(inputs.len() + outputs.len()) = std::ptr::without_provenance_mut(steps);
        code.run_apart(table.cast(), table.add(inputs.len()).cast());
    }
    records::check_turns(&code.needs.loops)?;
    if code.needs.records { records::check(at) } else { Ok(()) }
}

#[cfg(all(test, feature = "jit"))]
mod tests {
    use super::*;
    use crate::base::Width;
    use crate::codegen::for_an_old_processor;
    use crate::graph::Function;
    use crate::op::select;
    use crate::schedule::{Reduce, RowCall, RowShape, lowered};

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

    /// By code that calls our routines, as there is neither multiply-add nor rounding; and by interpretation.
    fn both(unit: &Arc<Unit>) -> [Arc<Code>; 2] {
        let native = Arc::new(for_an_old_processor(unit));
        [Arc::new(Code::native(native, unit.needs.clone())), Arc::new(Code::interpreted(unit, "a test"))]
    }

    #[test]
    fn points_on_an_old_processor() {
        let program = lowered(&traced(Width::F64), Settings::default(), &[]);
        for program in [program.clone(), program.with_kernels()] {
            let unit = Arc::new(Unit::new(program, None));
            for x in [[0.3, -1.7, 2.5], [-0.0, 1e300, -1e300], [f64::NAN, 1.0, f64::INFINITY], [7.5, 0.1, -0.75]] {
                let [native, interpreted] = both(&unit).map(|code| {
                    let mut y = [0.0; 4];
                    assert!(super::super::Point::new(code, Width::F64, 3, 4).call_into(&x, &mut y));
                    bits(&y)
                });
                assert_eq!(native, interpreted);
            }
        }
    }

    #[test]
    fn rows_on_an_old_processor() {
        fn check<T: Scalar>() {
            let varying = [true, true, false];
            let program = lowered(&traced(T::WIDTH), Settings::default(), &varying);
            let reduce = vec![Reduce::Sum, Reduce::Each, Reduce::Each, Reduce::Each];
            let call = RowCall::new(&program, &RowShape { varying: varying.to_vec(), reduce }, true);
            let unit = Arc::new(Unit::new(program, Some(call.clone())));
            let wave = |s: f64| (0..19).map(|k| T::lit((k as f64 * s).sin() * 3.0)).collect::<Vec<T>>();
            let (a, b, c) = (wave(0.7), wave(1.3), [T::lit(0.4)]);
            let call = Arc::new(call);
            let [native, interpreted] = both(&unit).map(|code| {
                let mut y = [1, 19, 19, 19].map(|len| vec![T::default(); len]);
                let rows = super::super::Rows { code, call: call.clone(), fixed: None };
                rows.call_into(1, None, &[&a, &b, &c], &mut y.each_mut().map(Vec::as_mut_slice)).unwrap();
                bits(&y.concat().into_iter().map(T::to_f64).collect::<Vec<_>>())
            });
            assert_eq!(native, interpreted);
        }
        check::<f32>();
        check::<f64>();
    }
}
