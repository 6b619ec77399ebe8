//! How far kernels are from the exact value, what they give at special values, and that native code gives the interpreter's bits.
//!
//! `cargo test --release --features nalgebra --test operations ulp -- --ignored --nocapture` takes a million arguments a kernel and prints the table
//! of docs/numerics.md, and compares bits on ten million; it needs `cc` and glibc. The exact value is that of 113-bit arithmetic there, which is checked
//! against 256-bit arithmetic; `KERNELS=erf,erfc` measures these alone. The tests that always run take the latter for f64, and std's value in f64 for f32.

#[path = "../common/quad.rs"]
mod quad;

use crate::common::Rng;
use crate::common::big::{Big, big, reference, small};
use wengert::compiled::Form;
use wengert::op::{Op, Value};
use wengert::{Function, Options, Scalar, Width};

/// A kernel: its operation, ranges of its operands, and the errors that are allowed, in ulps.
struct Row {
    op: Op,
    ranges: &'static [(f64, f64)],
    second: &'static [(f64, f64)],
    allowed: f64,
}

const fn row(op: Op, ranges: &'static [(f64, f64)], allowed: f64) -> Row {
    Row { op, ranges, second: &[], allowed }
}

const SIGNED: &[(f64, f64)] = &[(-1e30, 1e30), (-1e3, 1e3), (-5.0, 5.0), (-1.0, 1.0), (0.9, 1.1)];
const LOGARITHM: &[(f64, f64)] = &[(0.0, 1e300), (0.0, 1e-300), (0.0, 100.0), (0.5, 2.0), (0.99, 1.01)];
const CIRCLE: &[(f64, f64)] = &[(-1e25, 1e25), (-1e9, 1e9), (-1e3, 1e3), (-4.0, 4.0), (1.57, 1.572), (3.139, 3.143)];
const PLANE: &[(f64, f64)] = &[(-1e300, 1e300), (-1e30, 1e30), (-5.0, 5.0), (0.9, 1.1), (-1e-30, 1e-30), (-1e-150, 1e-150)];
const UNIT: &[(f64, f64)] = &[(-1.0, 1.0), (-0.01, 0.01), (0.4, 0.6), (0.9, 1.0), (-1.0, -0.9)];
const SLOPE: &[(f64, f64)] = &[(-745.0, 40.0), (-90.0, 40.0), (-5.0, 5.0), (-1.0, 1.0)];

const ROWS: &[Row] = &[
    row(Op::Exp, &[(-745.1, 709.7), (-104.0, 88.0), (-20.0, 20.0), (-1.0, 1.0), (-745.1, -708.0)], 1.0),
    row(Op::Exp2, &[(-1074.0, 1023.9), (-149.0, 127.0), (-1.0, 1.0), (-1074.0, -1021.0)], 1.0),
    row(Op::ExpM1, &[(-40.0, 709.7), (-20.0, 88.0), (-5.0, 5.0), (-1.5, 1.5), (-0.36, 0.36)], 1.0),
    row(Op::Ln, LOGARITHM, 1.0),
    row(Op::Ln1p, &[(-1.0, 1e300), (-0.5, 1.0), (-1.0, -0.9), (-0.01, 0.01), (0.0, 100.0)], 1.0),
    row(Op::Log2, LOGARITHM, 1.0),
    row(Op::Log10, LOGARITHM, 1.0),
    row(Op::Sin, CIRCLE, 1.0),
    row(Op::Cos, CIRCLE, 1.0),
    row(Op::Tan, CIRCLE, 1.0),
    row(Op::Sinh, &[(-710.0, 710.0), (-88.0, 88.0), (-5.0, 5.0), (-1.0, 1.0), (-0.36, 0.36)], 1.0),
    row(Op::Cosh, &[(-710.0, 710.0), (-88.0, 88.0), (-5.0, 5.0), (-1.0, 1.0)], 1.0),
    row(Op::Tanh, &[(-20.0, 20.0), (-9.0, 9.0), (-1.0, 1.0), (-0.3, 0.3)], 1.0),
    row(Op::SechSquared, &[(-380.0, 380.0), (-54.0, 54.0), (-5.0, 5.0), (-1.0, 1.0)], 5.0),
    row(Op::Sigmoid, SLOPE, 1.0),
    row(Op::LogisticDensity, SLOPE, 1.0),
    row(Op::Softplus, SLOPE, 1.0),
    row(Op::Asin, UNIT, 1.0),
    row(Op::Acos, UNIT, 1.0),
    row(Op::Atan, SIGNED, 1.0),
    Row { op: Op::Atan2, ranges: SIGNED, second: SIGNED, allowed: 1.0 },
    Row { op: Op::Hypot, ranges: PLANE, second: PLANE, allowed: 0.6 },
    row(Op::Asinh, SIGNED, 1.0),
    row(Op::Acosh, &[(1.0, 1e30), (1.0, 1e6), (1.0, 3.0), (1.0, 1.1)], 1.0),
    row(Op::Atanh, UNIT, 1.0),
    row(Op::Cbrt, SIGNED, 1.0),
    Row {
        op: Op::Powf,
        ranges: LOGARITHM,
        second: &[(-5.0, 5.0), (-100.0, 100.0), (-1000.0, 1000.0), (-1.5, 1.5), (-70000.0, 70000.0)],
        allowed: 1.0,
    },
    row(Op::Erf, &[(-6.0, 6.0), (-1.0, 1.0), (0.7, 1.2), (-0.3, 0.3)], 1.0),
    row(Op::Erfc, &[(-6.0, 27.2), (-1.0, 1.0), (0.4, 0.6), (0.0, 10.0), (25.0, 26.5)], 1.2),
    row(Op::NormCdf, &[(-37.5, 8.0), (-5.0, 5.0), (-1.0, 1.0), (-37.5, -10.0)], 1.2),
];

/// What is made of kernels or comes from elsewhere, for the table.
const OTHERS: &[Row] = &[
    row(Op::Powi(2), SIGNED, 0.5),
    row(Op::Powi(3), SIGNED, 1.5),
    row(Op::Powi(5), SIGNED, 1.0),
    row(Op::Powi(4), SIGNED, 2.0),
    row(Op::Powi(16), SIGNED, 1.0),
    row(Op::Powi(-7), SIGNED, 1.0),
    row(Op::Powi(17), SIGNED, 1.0),
    row(Op::Lgamma, &[(0.0, 1e300), (0.0, 30.0), (0.9, 1.1), (1.9, 2.1)], 1.0),
];

/// A number of some width, with what is needed to count its ulps.
trait Float: Scalar {
    const SMALLEST: i32;
    const DIGITS: i32;
    fn of_bits(bits: u64) -> Self;
    fn of(v: f64) -> Self;
    /// The same bits, all NaNs being one.
    fn code(self) -> u64;
}
impl Float for f64 {
    const SMALLEST: i32 = -1022;
    const DIGITS: i32 = 52;
    fn of_bits(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
    fn of(v: f64) -> f64 {
        v
    }
    fn code(self) -> u64 {
        if self.is_nan() { u64::MAX } else { self.to_bits() }
    }
}
impl Float for f32 {
    const SMALLEST: i32 = -126;
    const DIGITS: i32 = 23;
    fn of_bits(bits: u64) -> f32 {
        f32::from_bits(bits as u32)
    }
    fn of(v: f64) -> f32 {
        v as f32
    }
    fn code(self) -> u64 {
        if self.is_nan() { u64::MAX } else { self.to_bits() as u64 }
    }
}

/// The operation over rows.
fn over_rows(op: Op, width: Width) -> Function {
    let one = op.arity() == 1;
    let f = Function::trace_in(width, ("x", "y"), |(x, y)| {
        let args = [Value::Num(x), Value::Num(y)];
        op.apply(&args[..op.arity()]).number().unwrap()
    });
    let f = f.unwrap();
    if one { f.vmap("n", ["x"]) } else { f.vmap("n", ["x", "y"]) }.unwrap()
}

fn std_value(op: Op, x: f64, y: f64) -> f64 {
    op.apply::<f64>(&[Value::Num(x), Value::Num(y)][..op.arity()]).number().unwrap()
}

/// By the interpreter.
fn interpreted<T: Float>(op: Op, x: &[T], y: &[T]) -> Vec<T> {
    let mut z = vec![T::default(); x.len()];
    let y = if op.arity() == 1 { &y[..1] } else { y };
    let rows = over_rows(op, T::WIDTH).compile_with(Options::new().interpreted(true)).unwrap();
    rows.call_into(&[x, y], &mut [&mut z]).unwrap();
    z
}

/// By native code, the kernel inlined.
fn native<T: Float>(op: Op, x: &[T], y: &[T]) -> Vec<T> {
    let mut z = vec![T::default(); x.len()];
    let y = if op.arity() == 1 { &y[..1] } else { y };
    let rows = over_rows(op, T::WIDTH).compile().unwrap();
    assert_eq!(rows.report().form, Form::Rows);
    rows.call_into(&[x, y], &mut [&mut z]).unwrap();
    z
}

/// Numbers from ranges, dense towards 0, and of random bits.
fn arguments<T: Float>(ranges: &[(f64, f64)], n: usize, rng: &mut Rng) -> Vec<T> {
    let least = ranges.iter().fold(0.0, |all: f64, range| all.min(range.0));
    let most = ranges.iter().fold(0.0, |all: f64, range| all.max(range.1));
    let mut one = |k: usize| {
        let (low, high) = ranges[k / 3 % ranges.len()];
        let v = match k % 3 {
            0 => T::of_bits(rng.next()).to_f64(),
            1 if low <= 0.0 => high * (-70.0 * rng.unit()).exp2() * if low < 0.0 && rng.chance(0.5) { -1.0 } else { 1.0 },
            _ => low + (high - low) * rng.unit(),
        };
        // What is so small that the reference would cancel has a test of its own.
        let fits = v >= least && v <= most && v.abs() > 2f64.powi(-90);
        T::of(if fits { v } else { low.max(-3.0) + (high.min(3.0 + low.max(-3.0)) - low.max(-3.0)) * rng.unit() })
    };
    (0..n).map(&mut one).collect()
}

/// 2ᵉ for any e.
fn scaled(v: Big, e: i32) -> Big {
    let half = e / 2;
    v * big(2f64.powi(half)) * big(2f64.powi(e - half))
}

/// The distance from the exact value in ulps of it.
fn error<T: Float>(got: T, exact: &Big) -> f64 {
    let nearest = small(exact).abs();
    // Rounded up to a power of two it has left its binade.
    let up = nearest.to_bits() << 12 == 0 && big(nearest) > if *exact < big(0.0) { -exact.clone() } else { exact.clone() };
    let exponent = (nearest.to_bits() >> 52) as i32 - 1023 - i32::from(up);
    let ulp = exponent.max(T::SMALLEST) - T::DIGITS;
    small(&scaled(big(got.to_f64()) - exact, -ulp)).abs()
}

/// The value, also where the reference would cancel.
fn exact(op: Op, x: f64, y: f64) -> Big {
    if op == Op::Softplus && x < -60.0 {
        let e = big(x).exp();
        return &e - &e * &e / big(2.0) + &e * &e * &e / big(3.0);
    }
    reference(op, &[big(x), big(y)][..op.arity()])
}

/// The largest error of the kernel, and its arguments.
fn largest<T: Float>(row: &Row, n: usize) -> (f64, [f64; 2]) {
    let mut rng =
        Rng(row.allowed.to_bits() ^ row.op.name().bytes().fold(0, |h: u64, b| h.wrapping_mul(31).wrapping_add(b as u64)));
    let x: Vec<T> = arguments(row.ranges, n, &mut rng);
    let y: Vec<T> = if row.op.arity() == 1 { x.clone() } else { arguments(row.second, n, &mut rng) };
    let (mut worst, mut at) = (0.0, [0.0; 2]);
    for (k, z) in interpreted(row.op, &x, &y).into_iter().enumerate() {
        let (x, y) = (x[k].to_f64(), y[k].to_f64());
        let std = std_value(row.op, x, y);
        if !T::of(std).to_f64().is_finite() || T::of(std).to_f64() == 0.0 || !z.to_f64().is_finite() {
            let near = (T::of(std).to_f64() - z.to_f64()).abs() <= 2f64.powi(T::SMALLEST - T::DIGITS);
            assert!(T::of(std).code() == z.code() || near, "{:?} at {x:e}, {y:e}: {z:?} for {std:e}", row.op);
            continue;
        }
        // Where kernel and std agree in f64 the kernel's error is std's, which is looked at now and then.
        let value = match T::WIDTH {
            Width::F32 => big(std),
            Width::F64 if z.to_f64() == std && k % 16 != 0 => continue,
            Width::F64 => exact(row.op, x, y),
        };
        let ours = error(z, &value);
        if ours > worst {
            (worst, at) = (ours, [x, y]);
        }
    }
    (worst, at)
}

#[test]
fn kernels_are_accurate() {
    for row in ROWS {
        let results = [("f64", largest::<f64>(row, 8_000)), ("f32", largest::<f32>(row, 8_000))];
        for (width, (worst, at)) in results {
            assert!(worst <= row.allowed, "{:?} in {width} at {at:?}: {worst:.3} ulps", row.op);
        }
    }
}

/// Dividends and divisors: of any bits, with quotients that are whole but for the last digits, and with none.
fn divisions<T: Float>(rng: &mut Rng) -> (Vec<T>, Vec<T>) {
    let special = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 5e-324, 1e-42, f64::MAX, 3e38];
    let pairs = special.iter().flat_map(|&x| special.iter().map(move |&y| (T::of(x), T::of(y))));
    let mut pairs: Vec<(T, T)> = pairs.collect();
    for k in 0..6000 {
        let y = if k % 2 == 0 { T::of_bits(rng.next()) } else { T::of(rng.unit() * 10.0 - 5.0) };
        let whole = (62.0 * rng.unit()).exp2().floor();
        let x = match k % 3 {
            0 => T::of_bits(rng.next()),
            1 => T::of(whole * y.to_f64()),
            _ => T::of(whole * y.to_f64() * (1.0 + rng.pick(&[1.0, -1.0]) * 2f64.powi(-T::DIGITS - 1))),
        };
        pairs.push((x, y));
    }
    pairs.into_iter().unzip()
}

#[test]
fn remainders_are_exact() {
    fn check<T: Float + std::ops::Rem<Output = T>>() {
        let (x, y) = divisions::<T>(&mut Rng(11));
        let interpreted = Options::new().interpreted(true);
        for options in [128, 256, 512].map(|bits| Options::new().vectors(bits)).into_iter().chain([interpreted]) {
            let mut z = vec![T::default(); x.len()];
            over_rows(Op::Rem, T::WIDTH).compile_with(options).unwrap().call_into(&[&x, &y], &mut [&mut z]).unwrap();
            for (k, z) in z.into_iter().enumerate() {
                assert_eq!(z.code(), (x[k] % y[k]).code(), "{:?} % {:?}: {z:?}", x[k], y[k]);
            }
        }
    }
    check::<f64>();
    check::<f32>();
}

/// As [`arguments`], and any bits, and what is next to numbers where reductions cancel or change.
fn hard_arguments<T: Float>(op: Op, ranges: &[(f64, f64)], n: usize, rng: &mut Rng) -> Vec<T> {
    let ordinary = arguments::<T>(ranges, n, rng);
    let turn = std::f64::consts::FRAC_PI_2;
    let hard = |(k, v): (usize, T)| {
        let whole = (60.0 * rng.unit()).exp2().round() * if rng.chance(0.5) { -1.0 } else { 1.0 };
        let tiny = (-55.0 * rng.unit()).exp2() * if rng.chance(0.5) { -1.0 } else { 1.0 };
        match (k % 4, op) {
            (0, _) => T::of_bits(rng.next()),
            (1, Op::Sin | Op::Cos | Op::Tan) => T::of(whole * turn),
            (1, Op::Exp | Op::ExpM1 | Op::Sinh | Op::Cosh | Op::Tanh) => {
                T::of((whole % 1024.0 + 0.5) * std::f64::consts::LN_2 * (1.0 + tiny))
            }
            (1, Op::Erf | Op::Erfc) => T::of(rng.pick(&[0.5, 0.75]) * (1.0 + tiny)),
            (1, Op::Lgamma) => T::of(rng.pick(&[1.0, 2.0]) * (1.0 + tiny)),
            (1, _) => T::of(rng.pick(&[0.5, std::f64::consts::SQRT_2, 1.0, -1.0]) * (1.0 + tiny)),
            _ => v,
        }
    };
    ordinary.into_iter().enumerate().map(hard).collect()
}

/// The largest errors of the kernel and of plain numbers, by 113-bit arithmetic, and the arguments of the former.
fn largest_of_many<T: Float>(row: &Row, n: usize) -> (f64, f64, [f64; 2]) {
    let mut rng = Rng(row.op.name().bytes().fold(1, |h, b| h * 31 + b as u64));
    let op = row.op;
    let mut x: Vec<T> = hard_arguments(op, row.ranges, n, &mut rng);
    if op == Op::Lgamma {
        // The library's loses digits next to zeros on the left.
        x.iter_mut().for_each(|x| *x = T::of(x.to_f64().abs()));
    }
    let y: Vec<T> = match op {
        Op::Powi(n) => vec![T::of(n as f64); x.len()],
        _ if op.arity() == 1 => x.clone(),
        _ => hard_arguments(op, row.second, n, &mut rng),
    };
    let ours = interpreted(op, &x, &y);
    let plain = |(&x, &y): (&T, &T)| op.apply::<T>(&[Value::Num(x), Value::Num(y)][..op.arity()]).number().unwrap();
    let theirs: Vec<T> = x.iter().zip(&y).map(plain).collect();
    let [x, y, ours, theirs] = [x, y, ours, theirs].map(|v| v.into_iter().map(T::to_f64).collect::<Vec<f64>>());
    let distances = |found: &[f64]| quad::distances(op, [&x, &y, found], T::DIGITS, T::SMALLEST);
    let errors = distances(&ours);
    let most = |errors: &[f64]| (0..errors.len()).fold(0, |most, k| if errors[k] > errors[most] { k } else { most });
    // Outside of the domain the `libm` crate's functions give numbers.
    let theirs: Vec<f64> = theirs.iter().zip(&ours).map(|(&theirs, &ours)| if ours.is_nan() { ours } else { theirs }).collect();
    let (at, of_std) = (most(&errors), distances(&theirs));
    // The reference has a reference.
    // Its series take x² terms.
    let limit = if matches!(op, Op::Erf | Op::Erfc | Op::NormCdf) { 30.0 } else { 1e6 };
    let fits = |v: f64| v.abs() > 2f64.powi(-90) && v.abs() < limit;
    let known = |&k: &usize| {
        let small = ours[k].abs() < 2f64.powi(T::SMALLEST) || !ours[k].is_finite();
        fits(x[k]) && fits(y[k]) && !small && (op != Op::Lgamma || x[k] < 1e3)
    };
    for k in (0..n).filter(known).take(200).chain(Some(at).filter(known)) {
        let check = error(T::of(ours[k]), &exact(op, x[k], y[k]));
        assert!((check - errors[k]).abs() < 1e-9, "{op:?} at {:e}, {:e}: {check} ulps, or {}", x[k], y[k], errors[k]);
    }
    (errors[at], of_std[most(&of_std)], [x[at], y[at]])
}

#[test]
#[ignore = "takes minutes"]
fn kernels_are_accurate_on_a_million_arguments() {
    println!("| function | f64 | std or `libm`, f64 | f32 | std or `libm`, f32 |\n|---|---|---|---|---|");
    let mut beyond = Vec::new();
    let only = std::env::var("KERNELS").unwrap_or_default();
    for row in ROWS.iter().chain(OTHERS).filter(|row| only.is_empty() || only.split(',').any(|name| name == row.op.name())) {
        let ((wide, std, at), (narrow, std32, at32)) = std::thread::scope(|scope| {
            let wide = scope.spawn(|| largest_of_many::<f64>(row, 1_000_000));
            let narrow = largest_of_many::<f32>(row, 1_000_000);
            (wide.join().unwrap(), narrow)
        });
        let power = row.op.parameter().map_or(String::new(), |n| format!(", n = {n}"));
        println!("| {}{power} | {wide:.2} | {std:.2} | {narrow:.2} | {std32:.2} |", row.op.name());
        for (width, worst, at) in [("f64", wide, at), ("f32", narrow, at32)] {
            if !only.is_empty() {
                println!("    {width}: {worst:.4} at {at:?}");
            }
            if worst > row.allowed {
                beyond.push(format!("{:?} in {width} at {at:?}: {worst:.3} ulps", row.op));
            }
        }
    }
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
}

/// By native code of a function of arrays, where kernels run over slices.
fn over_array<T: Float>(op: Op, x: &[T]) -> Vec<T> {
    let f = Function::trace_in(T::WIDTH, ["x[n]"], |[x]| op.apply(&[Value::Num(x)]).number().unwrap());
    let mut z = vec![T::default(); x.len()];
    f.unwrap().compile().unwrap().call_into(&[x], &mut [&mut z]).unwrap();
    z
}

fn same_bits<T: Float>(op: Op, n: usize) {
    let mut rng = Rng(7);
    let special =
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.0, -1.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, 709.8, 1e5];
    let number = |rng: &mut Rng| match rng.below(3) {
        0 => T::of_bits(rng.next()),
        1 => T::of(rng.pick(&special)),
        _ => T::of(rng.ordinary() * 2f64.powi(rng.below(12) as i32)),
    };
    let x: Vec<T> = (0..n).map(|_| number(&mut rng)).collect();
    let y: Vec<T> = (0..n).map(|_| number(&mut rng)).collect();
    let interpreted = interpreted(op, &x, &y);
    let others = [Some(native(op, &x, &y)), (op.arity() == 1).then(|| over_array(op, &x))];
    for native in others.into_iter().flatten() {
        for k in 0..n {
            let (z, wanted) = (native[k], interpreted[k]);
            assert!(z.code() == wanted.code(), "{op:?} at {:?}, {:?}: {z:?} for {wanted:?}", x[k], y[k]);
        }
    }
    // A program for single points takes the library's routine, interpreted or native.
    let f = Function::trace_in(T::WIDTH, ("x", "y"), |(x, y)| {
        op.apply(&[Value::Num(x), Value::Num(y)][..op.arity()]).number().unwrap()
    });
    let f = f.unwrap();
    let (code, program) = (f.compile().unwrap(), f.compile_with(Options::new().interpreted(true)).unwrap());
    for k in 0..n.min(2000) {
        let ([z], [wanted]): ([T; 1], [T; 1]) = (code.call([x[k], y[k]]).unwrap(), program.call([x[k], y[k]]).unwrap());
        assert_eq!(z.code(), wanted.code(), "{op:?} at {:?}, {:?}: {z:?} for {wanted:?}", x[k], y[k]);
    }
}

#[test]
fn native_kernels_give_the_interpreters_bits() {
    for row in ROWS {
        same_bits::<f64>(row.op, 5_000);
        same_bits::<f32>(row.op, 5_000);
    }
}

#[test]
#[ignore = "takes minutes"]
fn native_kernels_give_the_interpreters_bits_on_many_numbers() {
    for row in ROWS {
        std::thread::scope(|scope| {
            scope.spawn(|| same_bits::<f64>(row.op, 10_000_000));
            scope.spawn(|| same_bits::<f32>(row.op, 10_000_000));
        });
    }
}

/// At special values kernels give what std gives: NaN, infinities and zeros with their signs, and else the number as accurately as elsewhere.
fn specials<T: Float>() {
    let largest = if T::WIDTH == Width::F64 { f64::MAX } else { f32::MAX as f64 };
    let smallest = if T::WIDTH == Width::F64 { 5e-324 } else { 1e-45 };
    let all = [0.0, smallest, 1e-40, 2f64.powi(-100), 0.5, 1.0, 1.5, 2.0, 3.0, 1e4 + 1.0, 1e20, largest, f64::INFINITY];
    let all: Vec<f64> = all.into_iter().flat_map(|v| [v, -v]).chain([f64::NAN]).collect();
    let mut wrong = Vec::new();
    for row in ROWS {
        let pairs = all.iter().flat_map(|&x| all.iter().map(move |&y| (x, y)));
        let pairs: Vec<(f64, f64)> = if row.op.arity() == 1 { all.iter().map(|&x| (x, x)).collect() } else { pairs.collect() };
        let (x, y): (Vec<T>, Vec<T>) = pairs.iter().map(|&(x, y)| (T::of(x), T::of(y))).unzip();
        for (k, got) in interpreted(row.op, &x, &y).into_iter().enumerate() {
            // The `libm` crate gives numbers there.
            let outside = row.op == Op::Acosh && x[k].to_f64() < 1.0;
            let want = T::of(if outside { f64::NAN } else { std_value(row.op, x[k].to_f64(), y[k].to_f64()) });
            let exact = want.to_f64() == 0.0 || !want.to_f64().is_finite();
            let near = |a: f64, b: f64| (a - b).abs() <= (row.allowed + 0.5) * (b.abs() * 2f64.powi(-T::DIGITS)).max(smallest);
            let right = got.code() == want.code() || !exact && near(got.to_f64(), want.to_f64());
            if !right {
                wrong.push(format!("{:?} at {:?}, {:?}: {got:?} for {want:?}", row.op, x[k], y[k]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn special_values() {
    specials::<f64>();
    specials::<f32>();
}
