//! Loops over rows in wide vectors against those in 128 bits and the interpreter, bit by bit.

use super::random::Rng;
use super::{Code, Rows};
use crate::base::Width;
use crate::base::host::Stop;
use crate::base::sums::BLOCK;
use crate::codegen::{Vectors, in_few_registers};
use crate::graph::{Cond, Expr, Function, InputGroup, NewOutput};
use crate::op::{DType, Op, Scalar, Value, lit, select};
use crate::schedule::unit::{Interface, Unit};
use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};
use std::panic::Location;
use std::sync::Arc;

/// Mostly tame, some odd.
fn number(rng: &mut Rng) -> f64 {
    const ODD: [f64; 12] = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, 1e300, -1e300, 1e12, 0.5];
    match rng.below(8) {
        0 => ODD[rng.below(ODD.len())],
        1 => f64::from_bits(rng.next()),
        _ => rng.within(4.0),
    }
}

fn bits<T: Scalar>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| if x.to_f64().is_nan() { 1 } else { x.to_f64().to_bits() }).collect()
}

fn unit(f: &Function, varying: &[bool], reduce: &[Reduce], options: Settings) -> Arc<Unit> {
    let groups = f.inputs().iter().zip(varying);
    let each: Vec<bool> = groups.flat_map(|(group, &varies)| std::iter::repeat_n(varies, group.len())).collect();
    let program = lowered(f, options, &each);
    let call = RowCall::new(&program, &RowShape { varying: varying.to_vec(), reduce: reduce.to_vec() }, true);
    Arc::new(Unit::new(program, Some(call)))
}

fn compiled(unit: &Arc<Unit>) -> Arc<Code> {
    Code::of_units(std::slice::from_ref(unit), unit.program.options, &Stop::default()).unwrap().remove(0)
}

/// Whether this processor has vectors of so many bits, as code needs them.
fn has_vectors(bits: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let wide = cfg!(unix) && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let widest =
            is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl");
        if bits == 512 { wide && widest } else { wide }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = bits;
        false
    }
}

/// The widths that there are here, the widest first; it says which there are not.
fn widths() -> Vec<usize> {
    let (here, others): (Vec<usize>, Vec<usize>) = [512, 256].into_iter().partition(|&bits| has_vectors(bits));
    others.iter().for_each(|bits| eprintln!("skipped: this processor has no vectors of {bits} bits"));
    here
}

fn vectors_of(code: &Code) -> Vectors {
    code.as_native().expect("it is native").stats().vectors
}

/// In so many registers each.
fn in_registers(unit: &Arc<Unit>, bits: usize, registers: &[usize]) -> Vec<Arc<Code>> {
    let native = registers.iter().filter_map(|&n| in_few_registers(unit, bits as u16, n));
    native.map(|native| Arc::new(Code::native(Arc::new(native), unit.needs.clone()))).collect()
}

fn interpreted(unit: &Arc<Unit>) -> Arc<Code> {
    Arc::new(Code::interpreted(unit, "a test"))
}

/// A run of code: rows, how often there are places for them, whether outputs go where inputs are that are read before.
#[derive(Clone, Copy, Debug)]
struct How {
    rows: usize,
    times: usize,
    in_place: bool,
}

fn run<T: Scalar>(code: &Code, unit: &Unit, how: How, inputs: &[Vec<T>]) -> Vec<Vec<u64>> {
    let (call, interface) = (unit.rows.as_ref().unwrap(), Interface::new(unit));
    let mut inputs = inputs.to_vec();
    let room = |group: usize| call.output_len(group) * call.output_stride(group).map_or(1, |_| how.rows * how.times);
    let start = |group: usize| if call.is_reduced(group) { T::lit(-0.0) } else { T::lit(7.0) };
    let mut outputs: Vec<Vec<T>> = (0..call.shape.reduce.len()).map(|k| vec![start(k); room(k)]).collect();
    // The input that an output overwrites.
    let mut taken = vec![None; inputs.len()];
    if how.in_place {
        for output in (0..outputs.len()).filter(|&k| call.output_stride(k).is_some()) {
            let fits = |&input: &usize| {
                taken[input].is_none()
                    && call.input_stride(input) == call.output_stride(output)
                    && interface.is_read_before(input, output)
            };
            if let Some(input) = (0..inputs.len()).find(fits) {
                taken[input] = Some(output);
            }
        }
    }
    let mut tables: (Vec<*const u8>, Vec<*mut u8>) =
        (vec![], outputs.iter_mut().map(|output| output.as_mut_ptr().cast()).collect());
    for (input, output) in inputs.iter_mut().zip(&taken) {
        let address: *mut u8 = input.as_mut_ptr().cast();
        tables.0.push(address);
        if let Some(output) = *output {
            tables.1[output] = address;
        }
    }
    let strides: Vec<i64> = call.strides.iter().map(|&stride| (stride * how.rows * T::WIDTH.bytes()) as i64).collect();
    let mut scratch = vec![0u64; unit.needs.scratch];
    let addresses = (tables.0.as_mut_ptr(), tables.1.as_mut_ptr());
    // SAFETY: there is an address for every input and output, of as many rows as often, which move on by that much; the scratch memory is there.
    unsafe { code.run_rows::<T>(addresses, scratch.as_mut_ptr(), how.rows, (how.times, &strides)) };
    let overwritten = |output: usize| taken.iter().position(|&of| of == Some(output));
    (0..outputs.len()).map(|k| bits(overwritten(k).map_or(&outputs[k], |input| &inputs[input]))).collect()
}

fn random<T: Scalar>(f: &Function, varying: &[bool], rows: usize, rng: &mut Rng) -> Vec<Vec<T>> {
    let lens = f.inputs().iter().zip(varying).map(|(group, &varies)| group.len() * if varies { rows } else { 1 });
    lens.map(|len| (0..len).map(|_| T::lit(number(rng))).collect()).collect()
}

/// A call, which goes through its rows block by block.
fn call<T: Scalar>(code: &Arc<Code>, unit: &Unit, rows: usize, inputs: &[Vec<T>]) -> Vec<Vec<u64>> {
    let call = unit.rows.as_ref().unwrap();
    let room = |k: usize| call.output_len(k) * call.output_stride(k).map_or(1, |_| rows);
    let mut outputs: Vec<Vec<T>> = (0..call.shape.reduce.len()).map(|k| vec![T::lit(7.0); room(k)]).collect();
    let slices: Vec<&[T]> = inputs.iter().map(Vec::as_slice).collect();
    let mut results: Vec<&mut [T]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let of_rows = Rows { code: code.clone(), call: Arc::new(call.clone()), fixed: Some(rows) };
    of_rows.call_into(1, None, &slices, &mut results).unwrap();
    outputs.iter().map(|y| bits(y)).collect()
}

/// All codes do what the interpreter does, where outputs are apart from inputs and where they are in their place; once and some times.
fn check<T: Scalar>(what: &str, f: &Function, unit: &Arc<Unit>, codes: &[Arc<Code>], rows: &[usize], rng: &mut Rng) {
    let varying = &unit.rows.as_ref().unwrap().shape.varying;
    for &rows in rows {
        if rows > BLOCK {
            let inputs = random::<T>(f, varying, rows, rng);
            let wanted = call(&interpreted(unit), unit, rows, &inputs);
            codes.iter().for_each(|code| {
                assert_eq!(call(code, unit, rows, &inputs), wanted, "{what}: {:?}, {rows} rows", vectors_of(code))
            });
            continue;
        }
        for times in if rows == 13 && !unit.needs.cut { &[1, 3][..] } else { &[1] } {
            let how = How { rows, times: *times, in_place: false };
            let inputs = random::<T>(f, varying, rows * times, rng);
            let wanted = run(&interpreted(unit), unit, how, &inputs);
            for code in codes {
                assert_eq!(run(code, unit, how, &inputs), wanted, "{what}: {:?}, {how:?}", vectors_of(code));
                let how = How { in_place: true, ..how };
                assert_eq!(run(code, unit, how, &inputs), wanted, "{what}: {:?}, {how:?}", vectors_of(code));
            }
        }
    }
}

const ROWS: [usize; 12] = [0, 1, 2, 3, 4, 7, 8, 9, 13, 31, 40, 1029];

/// A value with its derivatives by all numbers, of groups of these lengths.
fn with_gradient(width: Width, lens: &[usize], body: impl FnOnce(&[Expr]) -> Expr) -> Function {
    let groups = lens.iter().enumerate().map(|(k, &len)| InputGroup::numbers(format!("x{k}"), len)).collect();
    let f = Function::build(width, groups, Location::caller(), |args| vec![NewOutput::new("y".to_owned(), vec![body(args)])]);
    f.unwrap().value_and_grad().unwrap()
}

/// An operation on some numbers; truth values are comparisons of them.
fn applied(op: Op, x: &[Expr]) -> Expr {
    let mut at = x.iter().cycle();
    let mut operand = |dtype: &DType| match dtype {
        DType::Mask => Value::Mask(at.next().unwrap().lt(0.5)),
        _ => Value::Num(*at.next().unwrap()),
    };
    let operands: Vec<Value<Expr, Cond>> = op.operands().iter().map(&mut operand).collect();
    match op.apply(&operands) {
        Value::Num(y) => y,
        Value::Mask(m) => select(m, x[0], lit::<Expr>(2.0)),
    }
}

/// All groups as columns, as rows of three and of five, and with what all rows share; each of the results, and their sums.
fn layouts<T: Scalar>(body: impl Fn(&[Expr]) -> Expr, mut check: impl FnMut(&Function, &[bool], &[Reduce])) {
    for (lens, varying) in
        [(vec![1, 1, 1], vec![true; 3]), (vec![3], vec![true]), (vec![5], vec![true]), (vec![1, 2], vec![true, false])]
    {
        let f = with_gradient(T::WIDTH, &lens, &body);
        for reduce in [Reduce::Each, Reduce::Sum] {
            check(&f, &varying, &vec![reduce; f.outputs().len()]);
        }
    }
}

#[test]
fn operations_with_gradients() {
    fn all<T: Scalar>(widths: &[usize], rng: &mut Rng) {
        for &op in Op::ALL {
            layouts::<T>(
                |x| applied(op, x),
                |f, varying, reduce| {
                    let of = |vectors: usize| unit(f, varying, reduce, Settings { vectors, ..Settings::default() });
                    let what = format!("{op:?} in {:?}", T::WIDTH);
                    let compiled = |&bits: &usize| {
                        let code = compiled(&of(bits));
                        match vectors_of(&code) {
                            Vectors::Wide { bits: has, .. } => assert_eq!(usize::from(has), bits, "{what}"),
                            other => assert!(bits == 128 && matches!(other, Vectors::Narrow(_)), "{what}: {other:?}"),
                        }
                        code
                    };
                    let codes: Vec<Arc<Code>> = widths.iter().chain(&[128]).map(compiled).collect();
                    check::<T>(&what, f, &of(512), &codes, &ROWS, rng);
                },
            );
        }
    }
    let (widths, mut rng) = (widths(), Rng(1));
    all::<f64>(&widths, &mut rng);
    all::<f32>(&widths, &mut rng);
}

/// As many operations on one another.
fn random_body(seed: u64, length: usize) -> impl Fn(&[Expr]) -> Expr {
    move |x| {
        let mut rng = Rng(seed);
        let mut numbers = x.to_vec();
        for _ in 0..length {
            let op = Op::ALL[rng.below(Op::ALL.len())];
            let of: Vec<Expr> = (0..3).map(|_| numbers[numbers.len() - 1 - rng.below(numbers.len().min(20))]).collect();
            numbers.push(applied(op, &of));
        }
        numbers.iter().skip(x.len()).step_by(3).fold(lit(0.0), |sum, &y| sum + y)
    }
}

#[test]
fn random_bodies_in_few_registers() {
    fn bodies<T: Scalar>(bits: usize, seeds: std::ops::Range<u64>, rng: &mut Rng) {
        for seed in seeds {
            // Some are more than one function of Cranelift's.
            let length = if seed % 8 == 7 { 250 } else { 10 + Rng(seed).below(60) };
            layouts::<T>(random_body(seed, length), |f, varying, reduce| {
                let unit = unit(f, varying, reduce, Settings::default());
                let codes = in_registers(&unit, bits, &[5, 8, 12, if bits == 512 { 32 } else { 16 }]);
                assert_eq!(codes.len(), 4, "body {seed}");
                let spilled = |code: &Arc<Code>| match vectors_of(code) {
                    Vectors::Wide { spilled, .. } => spilled,
                    other => panic!("{other:?}"),
                };
                assert!(
                    codes.windows(2).all(|codes| spilled(&codes[0]) >= spilled(&codes[1])),
                    "fewer registers, more in memory"
                );
                check::<T>(&format!("body {seed} in {:?}", T::WIDTH), f, &unit, &codes, &[1, 5, 13, 29], rng);
            });
        }
    }
    for bits in widths() {
        let mut rng = Rng(2);
        bodies::<f64>(bits, 0..8, &mut rng);
        bodies::<f32>(bits, 8..16, &mut rng);
    }
}

#[test]
fn any_number_of_rows() {
    fn body<T: Scalar>(seed: u64, rng: &mut Rng) {
        let rows: Vec<usize> = (0..=40).chain([4003]).collect();
        layouts::<T>(random_body(seed, 25), |f, varying, reduce| {
            let of = |vectors: usize| unit(f, varying, reduce, Settings { vectors, ..Settings::default() });
            let codes: Vec<Arc<Code>> = widths().iter().map(|&bits| compiled(&of(bits))).collect();
            check::<T>(&format!("body {seed}"), f, &of(512), &codes, &rows, rng);
        });
    }
    let mut rng = Rng(3);
    body::<f64>(100, &mut rng);
    body::<f32>(101, &mut rng);
}

/// Sums in registers and in memory, of which some go to neighbouring places.
#[test]
fn many_sums() {
    fn all<T: Scalar>(rng: &mut Rng) {
        for n in [1, 3, 7, 8, 9, 16, 17, 23, 40] {
            let body = |x: &[Expr]| x.windows(2).fold(x[0].sin(), |y, x| y * 0.5 + (x[0] - x[1]).tanh() * x[1]);
            let f = with_gradient(T::WIDTH, &[n, 2], body);
            let varying = [true; 2];
            for reduce in [[Reduce::Sum, Reduce::Sum, Reduce::Sum], [Reduce::Each, Reduce::Sum, Reduce::Each]] {
                let of = |vectors: usize| unit(&f, &varying, &reduce, Settings { vectors, ..Settings::default() });
                let codes: Vec<Arc<Code>> = widths().iter().chain(&[128]).map(|&bits| compiled(&of(bits))).collect();
                check::<T>(&format!("{n} sums"), &f, &of(512), &codes, &[0, 1, 7, 8, 13, 16, 33, 100, 1029], rng);
            }
        }
    }
    let mut rng = Rng(6);
    all::<f64>(&mut rng);
    all::<f32>(&mut rng);
}

/// A negation is a part of the instruction that reads it; its operand is in memory no more by then.
#[test]
fn what_is_read_late_is_kept_before_it_is_overwritten() {
    let f = Function::trace(["x", "z"], |[x, z]| {
        let negated = -x;
        let first = (z * z).sin();
        (first, (0..30).fold(negated, |y, k| (y * z + first).cos() + k as f64) + z + negated)
    });
    let f = f.unwrap();
    let mut rng = Rng(4);
    let unit = unit(&f, &[true; 2], &[Reduce::Each; 2], Settings { simplify: false, ..Settings::default() });
    assert!(Interface::new(&unit).is_read_before(0, 0), "the negation comes first");
    let codes = widths().into_iter().flat_map(|bits| in_registers(&unit, bits, &[5, 6, 16]));
    let codes: Vec<Arc<Code>> = std::iter::once(compiled(&unit)).chain(codes).collect();
    check::<f64>("a late read", &f, &unit, &codes, &ROWS, &mut rng);
}

/// Elements that end where a page ends that may not be touched.
#[cfg(unix)]
struct Guarded<T> {
    start: *mut libc::c_void,
    bytes: usize,
    elements: *mut T,
}

#[cfg(unix)]
impl<T: Scalar> Guarded<T> {
    fn new(elements: &[T]) -> Guarded<T> {
        // SAFETY: the system is asked for its page size; new pages are nobody else's, and as many elements lie in those that can be written.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let room = size_of_val(elements).next_multiple_of(page);
            let (read, none) = (libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE);
            let start = libc::mmap(std::ptr::null_mut(), room + page, read, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
            assert_ne!(start, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(start.byte_add(room), page, none), 0);
            let at: *mut T = start.byte_add(room - size_of_val(elements)).cast();
            std::ptr::copy_nonoverlapping(elements.as_ptr(), at, elements.len());
            Guarded { start, bytes: room + page, elements: at }
        }
    }
}

#[cfg(unix)]
impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: these pages are this value's.
        assert_eq!(unsafe { libc::munmap(self.start, self.bytes) }, 0);
    }
}

/// The rows that are left are fewer than a vector has: what lies behind the last one is nobody's.
#[cfg(unix)]
#[test]
fn nothing_behind_the_last_row_is_touched() {
    fn body<T: Scalar>(width: usize, rng: &mut Rng) {
        for lens in [vec![1, 1], vec![2], vec![3], vec![4], vec![5]] {
            let varying = vec![true; lens.len()];
            let f = with_gradient(T::WIDTH, &lens, |x| (x[0] * x[1]).sin() * x[x.len() - 1].exp());
            for reduce in [Reduce::Each, Reduce::Sum] {
                let reduce = vec![reduce; f.outputs().len()];
                let unit = unit(&f, &varying, &reduce, Settings { vectors: width, ..Settings::default() });
                let (code, call) = (compiled(&unit), unit.rows.as_ref().unwrap());
                for rows in 0..=2 * width / 8 / T::WIDTH.bytes() + 1 {
                    let inputs = random::<T>(&f, &varying, rows, rng);
                    let wanted = run(&code, &unit, How { rows, times: 1, in_place: false }, &inputs);
                    let room = |k: usize| call.output_len(k) * call.output_stride(k).map_or(1, |_| rows);
                    let start = |k: usize| if call.is_reduced(k) { T::lit(-0.0) } else { T::lit(7.0) };
                    let outputs: Vec<Vec<T>> = (0..reduce.len()).map(|k| vec![start(k); room(k)]).collect();
                    let [inputs, outputs] =
                        [&inputs, &outputs].map(|all| all.iter().map(|x| Guarded::new(x)).collect::<Vec<_>>());
                    let mut tables: (Vec<*const u8>, Vec<*mut u8>) = (
                        inputs.iter().map(|x| x.elements.cast_const().cast()).collect(),
                        outputs.iter().map(|y| y.elements.cast()).collect(),
                    );
                    let strides: Vec<i64> = call.strides.iter().map(|&n| (n * rows * T::WIDTH.bytes()) as i64).collect();
                    let mut scratch = vec![0u64; unit.needs.scratch];
                    let addresses = (tables.0.as_mut_ptr(), tables.1.as_mut_ptr());
                    // SAFETY: there is an address for every input and output, of as many rows; the scratch memory is there.
                    unsafe { code.run_rows::<T>(addresses, scratch.as_mut_ptr(), rows, (1, &strides)) };
                    let found = outputs.iter().enumerate().map(|(k, y)| {
                        // SAFETY: as many elements are there.
                        bits(unsafe { std::slice::from_raw_parts(y.elements, room(k)) })
                    });
                    assert_eq!(found.collect::<Vec<_>>(), wanted, "{width} bits, {lens:?}, {rows} rows");
                }
            }
        }
    }
    let mut rng = Rng(5);
    for bits in widths() {
        body::<f64>(bits, &mut rng);
        body::<f32>(bits, &mut rng);
    }
}
