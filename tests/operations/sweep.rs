//! Every operation at some 200 points, the extremes among them: value, first and second derivatives by duals, jets and graphs, forward and reverse,
//! against formulas in hundreds of bits.
//!
//! The bound is 1e-13 of the exact number (2e-6 in f32) wherever it is one. At most one number in a hundred may be farther off; docs/numerics.md lists
//! them. None is a silent 0 or NaN.

use crate::common::Rng;
use crate::exact::derivatives;
use std::fmt::Write;
use wengert::diff::Mode;
use wengert::jet::Jet;
use wengert::op::{DType, Op, Value};
use wengert::{Dual, Expr, Function, Real, Scalar, lit};

const POINTS: usize = 200;

/// The bounds in a width, and what numbers it has.
#[derive(Copy, Clone)]
struct Bounds {
    relative: f64,
    /// For the few that may be farther off.
    exception: f64,
    smallest_normal: f64,
    smallest: f64,
    largest: f64,
}

trait Float: Scalar + Real {
    const BOUNDS: Bounds;
    const MAGNITUDES: &'static [f64];
    const DIGITS: i32;
    fn of(v: f64) -> Self;
}

impl Float for f64 {
    const BOUNDS: Bounds =
        Bounds { relative: 1e-13, exception: 1e-8, smallest_normal: f64::MIN_POSITIVE, smallest: 5e-324, largest: f64::MAX };
    const MAGNITUDES: &'static [f64] = &[
        5e-324, 1e-310, 2.3e-308, 1e-300, 1e-200, 1e-160, 1e-100, 1e-81, 1e-30, 1e-16, 1e-12, 1e-10, 1e-8, 1e-5, 1e-3, 0.01, 0.1,
        0.25, 0.5, 0.75, 1.25, 1.5, 2.5, 3.25, 4.4, 5.5, 8.1, 13.3, 19.7, 20.0, 21.3, 25.1, 30.3, 36.7, 40.0, 50.2, 80.1, 100.3,
        300.4, 360.0, 500.7, 700.1, 709.7, 740.2, 1e3, 1e5, 1e8, 1e10, 1e15, 1e30, 1e81, 1e100, 1e154, 1e155, 1e200, 1e300,
        1.7e308,
    ];
    const DIGITS: i32 = 52;
    fn of(v: f64) -> f64 {
        v
    }
}

impl Float for f32 {
    const BOUNDS: Bounds = Bounds {
        relative: 2e-6,
        exception: 1e-3,
        smallest_normal: f32::MIN_POSITIVE as f64,
        smallest: 1.4e-45,
        largest: f32::MAX as f64,
    };
    const MAGNITUDES: &'static [f64] = &[
        1e-45, 1e-40, 1.2e-38, 1e-30, 1e-25, 1e-20, 1e-15, 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.25, 0.5, 0.75, 1.25,
        1.5, 2.5, 3.25, 4.4, 5.5, 8.1, 9.2, 10.4, 13.3, 19.7, 20.0, 30.3, 40.0, 50.2, 60.7, 80.1, 87.2, 88.0, 90.4, 100.3, 300.4,
        1e3, 1e5, 1e8, 1e11, 1e15, 1.8e19, 2e19, 1e25, 1e30, 1e38, 3.4e38,
    ];
    const DIGITS: i32 = 23;
    fn of(v: f64) -> f32 {
        v as f32
    }
}

fn operations() -> Vec<Op> {
    let differentiable = |op: &Op| {
        let masks = op.operands().contains(&DType::Mask);
        op.result() == DType::Float && !masks
    };
    let mut all: Vec<Op> = Op::ALL.iter().copied().filter(differentiable).collect();
    all.extend([-3, 2, 7, 16].map(Op::Powi));
    all.extend([2, 5].map(Op::Polygamma));
    all
}

/// The interval of an operand beyond which the value is not a number, or nothing but a limit.
fn domain(op: Op, operand: usize) -> (f64, f64) {
    use Op::*;
    match op {
        Exp | ExpM1 | Sinh | Cosh | Tanh | SechSquared | Sigmoid | LogisticDensity | Softplus => (-1e3, 1e3),
        LogAddExp => (-1e3, 1e3),
        Exp2 => (-1.2e3, 1.2e3),
        Sin | Cos | Tan => (-1e15, 1e15),
        Sqrt | Ln | Log2 | Log10 | Log => (0.0, f64::MAX),
        Xlogy if operand == 1 => (0.0, f64::MAX),
        Powf if operand == 0 => (0.0, f64::MAX),
        Powf => (-300.0, 300.0),
        Ln1p => (-1.0, f64::MAX),
        Asin | Acos | Atanh => (-1.0, 1.0),
        Acosh => (1.0, f64::MAX),
        Erf | Erfc => (-27.5, 27.5),
        NormCdf => (-38.6, 38.6),
        Lgamma | Digamma => (-20.0, f64::MAX),
        Polygamma(_) => (-20.0, f64::MAX),
        _ => (-f64::MAX, f64::MAX),
    }
}

/// Whether all derivatives that are asked for exist there, and a divisor that the table's edges have is not so small that 1 over it overflows.
fn inside(op: Op, x: &[f64], bounds: Bounds) -> bool {
    use Op::*;
    let (at, whole) = (x[0], |v: f64| v == v.trunc());
    let size = |x: &[f64]| x.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
    let within = x.iter().enumerate().all(|(k, &v)| {
        let (low, high) = domain(op, k);
        let open = low == 0.0 || matches!(op, Ln1p | Asin | Acos | Atanh | Acosh);
        if open { low < v && v < high } else { low <= v && v <= high }
    });
    within
        && x.iter().all(|v| v.is_finite())
        && match op {
            Recip | Powi(..=-1) | Cbrt | Abs | Relu | Signum => at != 0.0,
            Div => x[1] != 0.0,
            Rem => x[1] != 0.0 && (at / x[1]).abs() < 1e15 && !whole(at / x[1]),
            Log => x[1] != 1.0 && x[0].min(x[1]) > 4.0 * bounds.smallest_normal,
            Powf => at > 1e4 * bounds.smallest_normal,
            Hypot | Direction | Atan2 => size(x) > 4.0 * bounds.smallest_normal,
            LeakyRelu => at != 0.0,
            Copysign => at != 0.0 && x[1] != 0.0,
            Min | Max => at != x[1],
            Clamp => x[1] < x[2] && at != x[1] && at != x[2],
            Floor | Ceil | Trunc | Fract | Round => !whole(at * 2.0),
            Lgamma | Digamma | Polygamma(_) => !(at <= 0.0 && whole(at)),
            Xlogy => at != 0.0,
            _ => true,
        }
}

/// Numbers around which a derivative is steep.
fn specials(op: Op) -> &'static [f64] {
    use Op::*;
    match op {
        Lgamma | Digamma | Polygamma(_) => &[-1.0, -2.0, -7.0, 1.0, 2.0],
        Sin | Cos | Tan => &[std::f64::consts::FRAC_PI_2, std::f64::consts::PI],
        _ => &[1.0, -1.0],
    }
}

fn points<T: Float>(op: Op) -> Vec<Vec<f64>> {
    let mut rng = Rng((1000 + op.parameter().unwrap_or(0)) as u64);
    let arity = op.arity();
    let mut all: Vec<Vec<f64>> = Vec::new();
    let mut add = |x: Vec<f64>| {
        let x: Vec<f64> = x.into_iter().map(|v| T::of(v).to_f64()).collect();
        if inside(op, &x, T::BOUNDS) && all.len() < POINTS {
            all.push(x);
        }
        all.len()
    };
    if arity == 1 {
        add(vec![0.0]);
        T::MAGNITUDES.iter().for_each(|&m| _ = (add(vec![m]), add(vec![-m])));
        for &c in specials(op) {
            (2..T::DIGITS).step_by(7).for_each(|k| _ = (add(vec![c + 0.5f64.powi(k)]), add(vec![c - 0.5f64.powi(k)])));
        }
    }
    let one = |rng: &mut Rng, k: usize| {
        let (low, high) = domain(op, k);
        let v = match rng.below(4) {
            0 if arity > 1 => rng.pick(T::MAGNITUDES),
            1 if high - low < 100.0 => return low + (high - low) * rng.unit(),
            _ => 10f64.powf(-3.0 + 5.5 * rng.unit()),
        };
        if low < 0.0 && rng.chance(0.5) { -v } else { v }
    };
    while {
        let mut x: Vec<f64> = (0..arity).map(|k| one(&mut rng, k)).collect();
        if arity == 2 && rng.chance(0.3) {
            x[1] = x[0] * rng.pick(&[1e-9, 1e-8, 1e-4, 0.5, 0.99999, 1.00001, 3.0, 1e4, 1e8]);
        }
        add(x) < POINTS
    } {}
    all
}

fn apply<S: Real>(op: Op, x: &[S]) -> S {
    op.apply(&x.iter().map(|&v| Value::Num(v)).collect::<Vec<_>>()).number().expect("a number")
}

/// What a mode finds at every point, with which of the exact numbers it is to be.
struct Found {
    mode: String,
    which: Vec<usize>,
    numbers: Vec<Vec<f64>>,
}

/// The place of ∂²/∂xᵢ∂xⱼ.
fn second(n: usize, i: usize, j: usize) -> usize {
    let (i, j) = (i.min(j), i.max(j));
    1 + n + (0..i).map(|row| n - row).sum::<usize>() + j - i
}

/// By numbers, duals and jets.
fn by_numbers<T: Float>(op: Op, points: &[Vec<T>]) -> Vec<Found> {
    let n = op.arity();
    let unit = |i: usize, k: usize| lit::<T>(if i == k { 1.0 } else { 0.0 });
    let mut all = Vec::new();
    let mut add = |mode: String, which: Vec<usize>, of: &dyn Fn(&[T]) -> Vec<T>| {
        let numbers = points.iter().map(|x| of(x).into_iter().map(Scalar::to_f64).collect()).collect();
        all.push(Found { mode, which, numbers });
    };
    add("numbers".into(), vec![0], &|x| vec![apply(op, x)]);
    for i in 0..n {
        for j in i..n {
            let which = vec![0, 1 + i, second(n, i, j)];
            add(format!("duals along {i}, {j}"), which, &|x| {
                let x: Vec<Dual<Dual<T>>> =
                    (0..n).map(|k| Dual::new(Dual::new(x[k], unit(j, k)), Dual::constant(unit(i, k)))).collect();
                let z = apply(op, &x);
                vec![z.re.re, z.eps().re, z.eps().eps()]
            });
        }
        add(format!("jets along {i}"), vec![0, 1 + i, second(n, i, i)], &|x| {
            let x: Vec<Jet<T, 3>> = (0..n).map(|k| Jet::line(x[k], unit(i, k))).collect();
            let z = apply(op, &x);
            (0..3).map(|k| z.derivative(k)).collect()
        });
    }
    all
}

/// By graphs: of single points with the library's routines, and over rows with the kernels, in native code.
fn by_graphs<T: Float>(op: Op, points: &[Vec<T>]) -> Vec<Found> {
    let n = op.arity();
    let f = Function::trace_in(T::WIDTH, ("x", n), |x: Vec<Expr>| apply(op, &x)).unwrap();
    let (first, all_second): (Vec<usize>, Vec<usize>) =
        ((1..=n).collect(), (0..n * n).map(|k| second(n, k / n, k % n)).collect());
    let mut parts: Vec<(&str, Function, Vec<usize>)> = vec![("value", f.clone(), vec![0])];
    if op != Op::Detach {
        parts.push(("reverse", f.jacobian_in(Mode::Reverse).unwrap(), first.clone()));
        parts.push(("forward", f.jacobian_in(Mode::Forward).unwrap(), first));
        let grad = f.grad().unwrap();
        parts.push(("hessian", f.hessian().unwrap(), all_second.clone()));
        parts.push(("reverse twice", grad.jacobian_in(Mode::Reverse).unwrap(), all_second.clone()));
        parts.push(("forward twice", f.jacobian_in(Mode::Forward).unwrap().jacobian_in(Mode::Forward).unwrap(), all_second));
    }
    let parts_of = |x: &[Expr]| -> Vec<Expr> { parts.iter().flat_map(|(_, part, _)| part.eval(x).unwrap()).collect() };
    let together = Function::trace_in(T::WIDTH, ("x", n), |x: Vec<Expr>| parts_of(&x)).unwrap();
    let outputs: usize = parts.iter().map(|part| part.2.len()).sum();
    let single: Vec<Vec<T>> = points.iter().map(|x| together.eval(x).unwrap()).collect();
    let rows = together.vmap("n", ["x"]).unwrap().compile().unwrap();
    let mut out = vec![T::default(); outputs * points.len()];
    rows.call_into(&[&points.concat()], &mut [&mut out]).unwrap();
    let rows: Vec<Vec<T>> = out.chunks(outputs).map(<[T]>::to_vec).collect();
    let mut all = Vec::new();
    for (by, numbers) in [("single points", single), ("rows", rows)] {
        let mut from = 0;
        for (mode, _, which) in &parts {
            let own = |all: &Vec<T>| all[from..from + which.len()].iter().map(|v| v.to_f64()).collect();
            all.push(Found { mode: format!("{mode}, {by}"), which: which.clone(), numbers: numbers.iter().map(own).collect() });
            from += which.len();
        }
    }
    all
}

/// How far off a number is, relative to the exact one; not a number where one of them is not, or only one is infinite.
fn error(found: f64, exact: f64, bounds: Bounds) -> f64 {
    if found == exact || found.is_infinite() && found.signum() == exact.signum() && exact.abs() >= bounds.largest * (1.0 - 1e-6) {
        return 0.0;
    }
    let distance = (found - exact).abs();
    if found.is_infinite() || exact.is_infinite() {
        return f64::NAN;
    }
    // Numbers below the normal ones have fewer digits.
    if exact.abs() < bounds.smallest_normal && distance <= 0.05 * exact.abs() + 20.0 * bounds.smallest {
        0.0
    } else {
        distance / exact.abs()
    }
}

/// Whether the exact number is none, or is the sum of terms that are none.
fn overflows(op: Op, exact: &[f64], k: usize, bounds: Bounds) -> bool {
    let beyond = |k: usize| exact[k].abs() > bounds.largest;
    match op {
        Op::Direction | Op::Atan2 | Op::Log => beyond(k),
        Op::Powf => k > 2 && beyond(0),
        _ => false,
    }
}

/// The size of the terms whose sum a number is, where a derivative has roots beside the origin.
fn terms(op: Op, x: &[f64], k: usize) -> Option<f64> {
    let density = || {
        let e = (-x[0].abs()).exp();
        e / ((1.0 + e) * (1.0 + e))
    };
    let square = || x[0].hypot(x[1]).powi(2);
    Some(match (op, k) {
        (Op::LogisticDensity, 2) => density(),
        (Op::SechSquared, 2) => 1.0 / x[0].cosh().powi(2),
        (Op::Atan2 | Op::Direction, 3..) => 1.0 / square(),
        (Op::Log, 5) => x[0].ln() / (x[1] * x[1] * x[1].ln().powi(2)),
        (Op::Powf, 4) => x[0].powf(x[1] - 1.0),
        _ => return None,
    })
}

fn sweep<T: Float>() {
    let (mut faults, mut exceptions, mut all) = (String::new(), 0, 0);
    let bounds = T::BOUNDS;
    for op in operations() {
        let points = points::<T>(op);
        let exact: Vec<Vec<f64>> =
            points.iter().map(|x| derivatives(op, x).iter().map(|v| v.to_f64().value()).collect()).collect();
        let narrow: Vec<Vec<T>> = points.iter().map(|x| x.iter().map(|&v| T::of(v)).collect()).collect();
        let (mut few, mut largest) = (0, (0.0, String::new()));
        for Found { mode, which, numbers } in by_numbers(op, &narrow).into_iter().chain(by_graphs(op, &narrow)) {
            for ((x, exact), found) in points.iter().zip(&exact).zip(&numbers) {
                for (&k, &v) in which.iter().zip(found) {
                    all += 1;
                    let off = error(v, exact[k], bounds);
                    let beside_root =
                        terms(op, x, k).is_some_and(|terms| (v - exact[k]).abs() <= 4.0 * bounds.relative * terms.abs());
                    if off <= bounds.relative || beside_root || overflows(op, exact, k, bounds) {
                        continue;
                    }
                    let what = || format!("{mode} at {x:?}, number {k}: {v:e} for {:e}", exact[k]);
                    // Series cancel to 0 what is below the normal numbers.
                    let series =
                        mode.contains("jets") && exact[k].abs() < bounds.smallest_normal && v.abs() < bounds.smallest_normal;
                    if off <= bounds.exception || series {
                        few += 1;
                        if off > largest.0 {
                            largest = (off, what());
                        }
                    } else {
                        writeln!(faults, "{op} {}, {}", T::WIDTH, what()).unwrap();
                    }
                }
            }
        }
        exceptions += few;
        if few > 0 {
            println!("{op} {}: {few} beyond the bound, by {:.1e} at most: {}", T::WIDTH, largest.0, largest.1);
        }
    }
    println!("{exceptions} of {all} numbers");
    assert!(faults.is_empty(), "\n{faults}");
    assert!(100 * exceptions <= all, "{exceptions} of {all}");
}

#[test]
fn derivatives_of_every_operation() {
    sweep::<f64>();
}

#[test]
fn derivatives_of_every_operation_in_f32() {
    sweep::<f32>();
}
