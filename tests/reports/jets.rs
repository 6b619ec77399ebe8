//! Jets and Taylor graphs keep the op table's conventions, and have the coefficients that exist where a recurrence would divide by 0,
//! overflow on the way or cancel.

use super::every::body;
use wengert::check::Body;
use wengert::dual::{Nested, Order};
use wengert::jet::Jet;
use wengert::op::{DType, Op, Value};
use wengert::{Dual, Function, Options, Real, Scalar, lit};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

// ---- every operation against duals ----

#[derive(Copy, Clone)]
struct One(Op);

impl Body for One {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        let args: Vec<Value<T, T::Mask>> = x.iter().map(|&x| Value::Num(x)).collect();
        vec![self.0.apply(&args).number().expect("a number")]
    }
}

/// Every operation of numbers, powers with several exponents.
fn operations() -> impl Iterator<Item = Op> {
    let powers = [-17, -3, -2, -1, 0, 1, 2, 5, 16].map(Op::Powi);
    let all = Op::ALL.iter().copied().filter(|op| op.operands().iter().all(|&dtype| dtype == DType::Float));
    all.filter(|op| op.result() == DType::Float).chain(powers)
}

const ORDINARY: [f64; 6] = [0.3, 0.8, 1.7, 2.6, -0.4, -1.3];
const EXTREME: [f64; 23] = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.0, -3.0, 20.0, -20.0, 40.0, 710.5, 1e8, 1e-8, 1e20, 1e-20, 1e160, 1e-160, 1e300,
    1e-310, INF, -INF,
];

/// All points of the operation with coordinates of these, each with directions: along every axis, and across.
fn places(op: Op, of: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let (n, len) = (op.arity(), of.len());
    // Two operands meet in every way; a third goes with them.
    let points = (0..if n == 1 { len } else { len * len }).map(|k| {
        let all = [of[k % len], of[k / len % len], of[(k * 7 + 3) % len]];
        all[..n].to_vec()
    });
    let axis = |k: usize| (0..n).map(|i| if i == k { 1.0 } else { 0.0 }).collect::<Vec<_>>();
    let mut directions: Vec<Vec<f64>> = (0..n).map(axis).collect();
    if n > 1 {
        directions.push((0..n).map(|i| 0.75 - 1.25 * i as f64).collect());
    }
    points.flat_map(|x| directions.iter().map(move |v| (x.clone(), v.clone())).collect::<Vec<_>>()).collect()
}

fn close(a: f64, b: f64, relative: f64, absolute: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || b.is_finite() && (a - b).abs() <= relative * b.abs() + absolute
}

fn jets<T: Scalar, const N: usize>(body: impl Body, x: &[f64], v: &[f64]) -> [f64; N] {
    let line: Vec<Jet<T, N>> = x.iter().zip(v).map(|(&x, &v)| Jet::line(lit(x), lit(v))).collect();
    body.call(&line)[0].coefficients().map(|c| c.to_f64())
}

fn slope<T: Scalar>(body: impl Body, x: &[f64], v: &[f64]) -> f64 {
    let line: Vec<Dual<T>> = x.iter().zip(v).map(|(&x, &v)| Dual::new(lit(x), lit(v))).collect();
    body.call(&line)[0].eps().to_f64()
}

/// Beside these a partial derivative in one of the modes is a number that another rounds differently: x^y for a negative x and a y so large that it is
/// y − 1, where the sign of a power is that of an even one; x^y and the direction for an x whose reciprocal overflows; and operands, of several, that are infinite, where the difference of terms may be NaN.
fn is_meaningless<T: Scalar>(op: Op, x: &[f64]) -> bool {
    let infinite = |x: &f64| lit::<T>(*x).to_f64().is_infinite();
    op == Op::Powf && x[0] < 0.0 && x[1].abs() > 1e7
        || matches!(op, Op::Powf | Op::Direction) && x[0].abs() == 1e-310
        || x.len() > 1 && x.iter().any(infinite)
}

/// The first coefficient is the dual's tangent; where that is NaN, a jet may know better.
#[test]
fn first_coefficients_are_the_tables() {
    let mut faults = vec![];
    for op in operations() {
        for (x, v) in [places(op, &ORDINARY), places(op, &EXTREME)].concat() {
            let (found, wanted) = (jets::<f64, 3>(One(op), &x, &v)[1], slope::<f64>(One(op), &x, &v));
            // Towards the origin a direction stays: two terms cancel.
            let absolute = if op == Op::Direction { 2e-17 } else { f64::MIN_POSITIVE };
            if !close(found, wanted, 1e-14, absolute) && !wanted.is_nan() && !is_meaningless::<f64>(op, &x) {
                faults.push(format!("{op} at {x:?} along {v:?}: {found:e}, not {wanted:e}"));
            }
            let (found, wanted) = (jets::<f32, 3>(One(op), &x, &v)[1], slope::<f32>(One(op), &x, &v));
            if !close(found, wanted, 2e-6, f32::MIN_POSITIVE.into()) && !wanted.is_nan() && !is_meaningless::<f32>(op, &x) {
                faults.push(format!("{op} in f32 at {x:?} along {v:?}: {found:e}, not {wanted:e}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults[..faults.len().min(60)].join("\n"));
}

/// The next two are those of nested duals, at ordinary points and at kinks, where these are finite.
#[test]
fn higher_coefficients_are_those_of_nested_duals() {
    let mut faults = vec![];
    for op in operations() {
        for (x, v) in [places(op, &ORDINARY), places(op, &EXTREME[..9])].concat() {
            // Where base and exponent leave 0ʸ, the derivative is infinite that duals take for finite from the third order on.
            if op == Op::Powf && x[0] == 0.0 && v[0] != 0.0 && v[1] != 0.0 {
                continue;
            }
            let found = jets::<f64, 4>(One(op), &x, &v);
            let along = |t: Nested<f64, 3>| {
                let line: Vec<_> = x.iter().zip(&v).map(|(&x, &v)| if v == 0.0 { lit(x) } else { t * v + x }).collect();
                One(op).call(&line)[0]
            };
            let (_, wanted) = Order::<3>::derivatives(along, 0.0);
            for (k, factorial) in [(2, 2.0), (3, 6.0)] {
                let wanted = wanted[k - 1] / factorial;
                let scale = found[..=k].iter().fold(1.0, |s: f64, c| s.max(c.abs()));
                if wanted.is_finite() && !close(found[k], wanted, 1e-12, 1e-12 * scale) {
                    faults.push(format!("{op} at {x:?} along {v:?}, coefficient {k}: {:e}, not {wanted:e}", found[k]));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults[..faults.len().min(60)].join("\n"));
}

/// A function of coefficients has those of jets. NaN are products of an infinite edge with a direction that is 0, and differences of
/// infinities, since handles do not know either.
#[test]
fn graphs_are_as_jets() {
    let mut faults = vec![];
    for op in operations() {
        let f = Function::trace(("x", op.arity()), |x| One(op).call(&x)[0]).unwrap();
        let f = f.taylor(3).unwrap();
        for ((x, v), extreme) in places(op, &ORDINARY)
            .into_iter()
            .zip([false].repeat(99))
            .chain(places(op, &EXTREME).into_iter().zip([true].repeat(9999)))
        {
            let wanted = jets::<f64, 4>(One(op), &x, &v);
            let found = f.eval(&[&x[..], &v].concat()).unwrap();
            let known = wanted[0].is_finite() && wanted.iter().all(|c| !c.is_infinite());
            for k in 0..if op == Op::Powf && extreme { 3 } else { 4 } {
                let unknown = found[k].is_nan() && (!known || v.contains(&0.0)) || is_meaningless::<f64>(op, &x);
                if !unknown && !close(found[k], wanted[k], 1e-12, 1e-320) {
                    faults.push(format!("{op} at {x:?} along {v:?}, coefficient {k}: {:e}, not {:e}", found[k], wanted[k]));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults[..faults.len().min(60)].join("\n"));
}

// ---- values ----

fn factorial(k: usize) -> f64 {
    (1..=k).map(|i| i as f64).product()
}

/// The first four derivatives along a direction, by jets in both widths.
#[track_caller]
fn by_jets(body: impl Body + Copy, x: &[f64], v: &[f64], wanted: [f64; 4], relative: f64) {
    let derivatives = |coefficients: [f64; 4]| std::array::from_fn::<f64, 4, _>(|k| coefficients[k] * factorial(k));
    let hold = |mode: &str, found: [f64; 4], relative: f64, absolute: f64| {
        let same = found.iter().zip(wanted).all(|(&a, b)| {
            close(a, b, relative, absolute) || mode == "f32" && b.abs() > 3e38 && a.is_infinite() && a.signum() == b.signum()
        });
        assert!(same, "{mode} at {x:?} along {v:?}: {found:?}, not {wanted:?}");
    };
    hold("f64", derivatives(jets::<f64, 4>(body, x, v)), relative, 0.0);
    if x.iter().all(|&x| x == 0.0 || x.is_infinite() || (1e-18..1e18).contains(&x.abs())) {
        hold("f32", derivatives(jets::<f32, 4>(body, x, v)), relative.max(2e-6), 1e-38);
    }
}

/// The same by functions of coefficients, in every engine.
#[track_caller]
fn by_all(body: impl Body + Copy, x: &[f64], v: &[f64], wanted: [f64; 4], relative: f64) {
    by_jets(body, x, v, wanted, relative);
    let f = Function::trace(("x", x.len()), |x| body.call(&x)[0]).unwrap().taylor(3).unwrap();
    let at = [x, v].concat();
    let compiled = |options: Options| {
        let mut found = [0.0; 4];
        let compiled = f.compile_with(options).unwrap();
        compiled.call_into(&[x, v], &mut found.each_mut().map(std::slice::from_mut)).unwrap();
        found.to_vec()
    };
    let engines = [
        ("evaluated", f.eval(&at).unwrap()),
        ("interpreted", compiled(Options::new().interpreted(true))),
        ("native", compiled(Options::new())),
    ];
    for (engine, found) in engines {
        let found: Vec<f64> = found.iter().enumerate().map(|(k, c)| c * factorial(k)).collect();
        let same = found.iter().zip(wanted).all(|(&a, b)| close(a, b, relative, 0.0));
        assert!(same, "taylor, {engine}, at {x:?} along {v:?}: {found:?}, not {wanted:?}");
    }
}

#[test]
fn powers_at_zero() {
    by_all(body!(|[x]| x.sqrt()), &[0.0], &[1.0], [0.0, INF, -INF, INF], 0.0);
    by_all(body!(|[x]| x.cbrt()), &[0.0], &[1.0], [0.0, INF, -INF, INF], 0.0);
    by_all(body!(|[x]| x.powf(lit(0.5))), &[0.0], &[1.0], [0.0, INF, -INF, INF], 0.0);
    by_all(body!(|[x]| x.powf(lit(1.5))), &[0.0], &[1.0], [0.0, 0.0, INF, -INF], 0.0);
    by_all(body!(|[x]| x.powf(lit(2.5))), &[0.0], &[1.0], [0.0, 0.0, 0.0, INF], 0.0);
    by_all(body!(|[x]| x.powf(lit(3.5))), &[0.0], &[2.0], [0.0; 4], 0.0);
    by_all(body!(|[x]| x.powf(lit(-0.5))), &[0.0], &[1.0], [INF, -INF, INF, -INF], 0.0);
    by_all(body!(|[x]| x.powf(lit(3.0))), &[0.0], &[1.0], [0.0, 0.0, 0.0, 6.0], 0.0);
    by_all(body!(|[x]| x.powf(lit(0.0))), &[0.0], &[1.0], [1.0, 0.0, 0.0, 0.0], 0.0);
    by_all(body!(|[x]| x.powi(-3)), &[0.0], &[1.0], [INF, -INF, INF, -INF], 0.0);
    by_all(body!(|[x]| x.recip()), &[0.0], &[1.0], [INF, -INF, INF, -INF], 0.0);
    by_all(body!(|[x]| x.ln()), &[0.0], &[1.0], [-INF, INF, -INF, INF], 0.0);
    // along a constant exponent that is an input
    by_all(body!(|[x, y]| x.powf(y)), &[0.0, 1.5], &[1.0, 0.0], [0.0, 0.0, INF, -INF], 0.0);
    by_all(body!(|[x, y]| x.powf(y)), &[0.0, 3.0], &[1.0, 0.0], [0.0, 0.0, 0.0, 6.0], 0.0);
    by_jets(body!(|[x, y]| x.powf(y)), &[0.0, 2.0], &[0.0, 1.0], [0.0; 4], 0.0);
}

/// A curve is beside 0 as its tangent, and the derivative of the highest order decides.
#[test]
fn curves_through_zero() {
    by_jets(body!(|[x]| x.sin().sqrt()), &[0.0], &[1.0], [0.0, INF, -INF, INF], 0.0);
    by_jets(body!(|[x]| x.sin().powf(lit(1.5))), &[0.0], &[1.0], [0.0, 0.0, INF, -INF], 0.0);
    by_jets(body!(|[x]| x.sin().ln()), &[0.0], &[1.0], [-INF, INF, -INF, INF], 0.0);
    by_jets(body!(|[x]| (x + x * x).ln()), &[0.0], &[1.0], [-INF, INF, -INF, INF], 0.0);
    by_jets(body!(|[x]| (x + x * x).recip()), &[0.0], &[1.0], [INF, -INF, INF, -INF], 0.0);
    by_jets(body!(|[x]| x.exp_m1().cbrt()), &[0.0], &[1.0], [0.0, INF, -INF, INF], 0.0);
    by_jets(body!(|[x]| (x * x).xlogy(x)), &[0.0], &[1.0], [0.0, 0.0, -INF, INF], 0.0);
}

#[test]
fn powers_of_negative_numbers() {
    by_all(body!(|[x, y]| x.powf(y)), &[-2.0, 3.0], &[1.0, 0.0], [-8.0, 12.0, -12.0, 6.0], 1e-14);
    by_all(body!(|[x, y]| x.powf(y)), &[-2.0, -1.0], &[1.0, 0.0], [-0.5, -0.25, -0.25, -0.375], 1e-14);
    by_jets(body!(|[x, y]| x.powf(y)), &[-2.0, 3.0], &[0.0, 1.0], [-8.0, NAN, NAN, NAN], 0.0);
    by_jets(body!(|[x]| x.powf(lit(2.5))), &[-2.0], &[1.0], [NAN; 4], 0.0);
    by_all(body!(|[x]| x.powi(-2)), &[-2.0], &[1.0], [0.25, 0.25, 0.375, 0.75], 1e-14);
}

/// Lower coefficients, or what a recurrence divides by, are too small or too large for a number.
#[test]
fn nothing_overflows_on_the_way() {
    by_all(body!(|[x]| x.powi(-17)), &[1e20], &[1.0], [0.0; 4], 0.0);
    by_all(body!(|[x]| x.powi(-2)), &[1e-100], &[1.0], [1e200, -2e300, INF, -INF], 1e-14);
    by_all(body!(|[x]| x.powf(lit(2.5))), &[1e-160], &[1.0], [0.0, 2.5e-240, 3.75e-80, 1.875e80], 1e-13);
    by_jets(body!(|[x]| x.powf(lit(3.5))), &[1e-200], &[1.0], [0.0, 0.0, 8.75e-300, 1.3125e-99], 1e-13);
    by_jets(body!(|[x]| x.powf(lit(3.5))), &[1e-240], &[1.0], [0.0, 0.0, 0.0, 1.3125e-119], 1e-13);
    by_all(body!(|[x]| x.powf(lit(1.5))), &[1e240], &[1.0], [INF, 1.5e120, 7.5e-121, 0.0], 1e-13);
    by_jets(body!(|[x, y]| x / y), &[1.0, 1e-310], &[1.0, 0.0], [INF, 1.0 / 1e-310, 0.0, 0.0], 0.0);
    by_all(body!(|[x, y]| x / y), &[1.0, 1e-200], &[1.0, 0.0], [1e200, 1e200, 0.0, 0.0], 1e-15);
    by_jets(body!(|[x, y]| x / y), &[1e-310, 1e-310], &[1.0, 1.0], [1.0, 0.0, 0.0, 0.0], 0.0);
    by_jets(body!(|[x, y]| x * y.ln()), &[1.0, 1e-160], &[0.0, 1.0], [1e-160f64.ln(), 1e160, -INF, INF], 1e-15);
    by_jets(body!(|[x, y]| x.exp() * y), &[710.0, 1.0], &[0.0, 1.0], [INF, INF, 0.0, 0.0], 0.0);
    by_jets(body!(|[x]| x.exp()), &[710.0], &[1.0], [INF; 4], 0.0);
    by_jets(body!(|[x]| x.sinh() + x.cosh()), &[720.0], &[1.0], [INF; 4], 0.0);
    by_jets(
        body!(|[x]| x.log(lit(1e160))),
        &[1e-310],
        &[1.0],
        [1e-310f64.ln() / 1e160f64.ln(), 2.714340511895332e307, -INF, INF],
        1e-12,
    );
    // f32: 1 / (x·6.02e23)
    let found = jets::<f32, 3>(body!(|[x]| lit::<T>(1.0) / (x * lit(6.02e23))), &[1.0], &[1.0]);
    assert!(close(found[1], -1.661_129_6e-24, 1e-6, 0.0) && close(found[2], 1.661_129_6e-24, 1e-6, 0.0), "{found:?}");
    assert_eq!(jets::<f32, 2>(body!(|[x, y]| x / y), &[1.0, 1e-20], &[1.0, 0.0])[1], f64::from(1.0 / 1e-20f32));
}

#[test]
fn edges_of_domains() {
    by_all(body!(|[x]| x.asin()), &[1.0], &[1.0], [std::f64::consts::FRAC_PI_2, INF, INF, INF], 1e-15);
    by_all(body!(|[x]| x.acos()), &[1.0], &[1.0], [0.0, -INF, -INF, -INF], 0.0);
    by_all(body!(|[x]| x.acosh()), &[1.0], &[1.0], [0.0, INF, -INF, INF], 0.0);
    by_jets(body!(|[x]| x.asin()), &[1.0], &[0.0], [std::f64::consts::FRAC_PI_2, 0.0, 0.0, 0.0], 1e-6);
    by_jets(body!(|[x, y]| x.xlogy(y)), &[1.0, 0.0], &[1.0, 0.0], [-INF, -INF, 0.0, 0.0], 0.0);
    by_jets(body!(|[x]| x.xlogy(x)), &[0.0], &[1.0], [0.0, -INF, INF, -INF], 0.0);
    by_all(body!(|[x, y]| x.atan2(y)), &[0.0, 0.0], &[1.0, -1.0], [0.0; 4], 0.0);
    by_all(body!(|[x, y]| x.hypot(y)), &[0.0, 0.0], &[1.0, -1.0], [0.0; 4], 0.0);
}

/// √(x² + y²) of unequal sizes: f″ = y²/r³, f‴ = −3xy²/r⁵.
#[test]
fn distances_do_not_cancel() {
    let (x, y) = (1e8, 1.0);
    let second = |x: f64, y: f64| y * y / x.hypot(y).powi(3);
    by_all(body!(|[x, y]| x.hypot(y)), &[x, y], &[1.0, 0.0], [x, 1.0, second(x, y), -3.0 * x * second(x, y) / 1e16], 1e-14);
    by_all(body!(|[x, y]| x.hypot(y)), &[x, y], &[0.0, 1.0], [x, 1e-8, second(y, x), -3e-24], 1e-14);
    let found = jets::<f32, 3>(body!(|[x, y]| x.hypot(y)), &[3000.0, 1.0], &[1.0, 0.0]);
    assert!(close(2.0 * found[2], second(3000.0, 1.0), 1e-6, 0.0), "{found:?}");
}

#[test]
fn saturated_functions_keep_their_slope() {
    let decay = |x: f64| (-x).exp();
    let t = 4.0 * decay(40.0);
    by_all(body!(|[x]| x.tanh()), &[20.0], &[1.0], [1.0, t, -2.0 * t, 4.0 * t], 1e-13);
    by_all(body!(|[x]| x.tanh()), &[-20.0], &[1.0], [-1.0, t, 2.0 * t, 4.0 * t], 1e-13);
    let s = decay(40.0);
    by_all(body!(|[x]| x.sigmoid()), &[40.0], &[1.0], [1.0, s, -s, s], 1e-13);
    by_all(body!(|[x]| x.softplus()), &[40.0], &[1.0], [40.0, 1.0, s, -s], 1e-13);
    by_all(body!(|[x, y]| x.log_add_exp(y)), &[40.0, 0.0], &[1.0, 0.0], [40.0, 1.0, s, -s], 1e-13);
}

/// What does not vary is a constant to a singular operation behind it.
#[test]
fn guards_are_constants() {
    by_jets(body!(|[x]| x * x.max(lit(0.0)).sqrt()), &[-1.0], &[1.0], [0.0; 4], 0.0);
    by_jets(body!(|[x]| x * x.relu().powf(lit(0.3))), &[-1.0], &[1.0], [0.0; 4], 0.0);
    by_jets(body!(|[x, y]| y * x.clamp(lit(0.0), lit(1.0)).sqrt() + y * y), &[-1.0, 2.0], &[1.0, 1.0], [4.0, 4.0, 2.0, 0.0], 0.0);
    by_jets(body!(|[x]| x + x.clamp(lit(0.0), lit(1.0)).acos()), &[2.0], &[1.0], [2.0, 1.0, 0.0, 0.0], 0.0);
    by_jets(body!(|[x]| x * x.min(lit(0.0)).abs().ln_1p().cbrt()), &[3.0], &[1.0], [0.0; 4], 0.0);
    by_jets(body!(|[x]| x.sqrt() + x.detach().sqrt()), &[4.0], &[1.0], [4.0, 0.25, -0.03125, 3.0 / 256.0], 1e-15);
    // A slope of 0 among others: 0 by the convention, as by duals.
    by_jets(body!(|[x]| (x * x).sqrt()), &[0.0], &[1.0], [0.0, 0.0, INF, NAN], 0.0);
}
