//! Loops that ran while a function was traced, found again: the same bits with and without.

use crate::common::{Rng, cases};
use proptest::prelude::*;
use wengert::{Compiled, Expr, Function, Options, Real, Scalar, Width, lit};

/// All outputs for all inputs, as bits: a NaN is a NaN.
fn bits<T: Scalar + Into<f64>>(f: &Compiled, x: &[f64]) -> Vec<u64> {
    let mut x = x.iter().map(|&x| T::lit(x));
    let inputs: Vec<Vec<T>> = f.inputs().iter().map(|group| x.by_ref().take(group.len()).collect()).collect();
    let mut outputs: Vec<Vec<T>> = f.outputs().iter().map(|group| vec![T::lit(0.0); group.nodes().len()]).collect();
    let slices: Vec<&[T]> = inputs.iter().map(|x| &x[..]).collect();
    f.call_into(&slices, &mut outputs.iter_mut().map(|y| &mut y[..]).collect::<Vec<_>>()).unwrap();
    let bits = |y: T| if y.into().is_nan() { u64::MAX } else { y.into().to_bits() };
    outputs.into_iter().flatten().map(bits).collect()
}

/// The function rolled and not, native and interpreted: all of them give the same bits. Whether anything was rolled.
fn check(f: &Function, x: &[f64]) -> bool {
    let of = |options: Options| f.compile_with(options).unwrap();
    let (rolled, straight) = (of(always()), of(always().roll(false)));
    let interpreted = of(always().interpreted(true));
    assert!(straight.report().rolled.is_none());
    let bits = |g: &Compiled| if f.width() == Width::F64 { bits::<f64>(g, x) } else { bits::<f32>(g, x) };
    let expected = bits(&straight);
    assert_eq!(bits(&rolled), expected, "{rolled:?}");
    assert_eq!(bits(&interpreted), expected, "interpreted: {rolled:?}");
    rolled.report().rolled.is_some()
}

/// Whatever time loops take.
fn always() -> Options {
    Options::new().always_roll(true)
}

fn point(n: usize) -> Vec<f64> {
    (0..n).map(|k| 0.3 + (0.7 * k as f64 + 1.0).sin()).collect()
}

/// The function, and its gradient, in both widths. Whether all of them are rolled.
fn check_all(make: impl Fn(Width) -> Function) -> bool {
    [Width::F64, Width::F32].into_iter().map(make).fold(true, |all, f| {
        let x = point(f.input_len());
        // Both are compiled, whatever the first gives.
        check(&f, &x) & check(&f.value_and_grad().unwrap(), &x) & all
    })
}

#[test]
fn rosenbrock() {
    let make = |width| {
        let f = Function::trace_in(width, ("x", 1000), |x| {
            let term = |a: Expr, b: Expr| 100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2);
            (1..1000).fold(lit(0.0), |sum: Expr, k| sum + term(x[k - 1], x[k]))
        });
        f.unwrap()
    };
    assert!(check_all(make));
    let f = make(Width::F64);
    let report = f.value_and_grad().unwrap().compile_with(always()).unwrap().report();
    let rolled = report.rolled.as_ref().unwrap();
    assert!(rolled.operations > 50 * rolled.straight && rolled.sums == 1, "{report}");
    assert!(check(f.hessian_lower().unwrap().function().unwrap(), &point(1000)));
}

/// Routines for which straight-line code has others than loops have.
#[test]
fn routines_are_those_of_loops() {
    let make = |width| {
        let f = Function::trace_in(width, ("x", 400), |x| {
            let y = |x: &[Expr]| (x[0] * x[1]).sin().exp() * x[2].cos().tanh() + (1.0 + x[0] * x[0]).ln();
            let y: Vec<Expr> = x.windows(3).map(y).collect();
            y.iter().zip(y.iter().rev()).fold(lit(0.0), |sum: Expr, (&a, &b)| sum + (a - b).cosh() * a.atan())
        });
        f.unwrap()
    };
    assert!(check_all(make));
}

#[test]
fn a_shooting_problem() {
    let step = |x: &[Expr], u: Expr| {
        let force = |x: &[Expr]| vec![x[1], u * x[0].cos() - x[0].sin() - 0.1 * x[1] * (x[1] * x[1] + 0.01).sqrt()];
        let add = |a: &[Expr], k: &[Expr], h: f64| a.iter().zip(k).map(|(&a, &k)| a + h * k).collect::<Vec<_>>();
        let a = force(x);
        let b = force(&add(x, &a, 0.05));
        add(x, &force(&add(x, &b, 0.05)), 0.1)
    };
    let f = Function::trace(("z", 3 * 120 + 2), |z| {
        let mut gaps = vec![];
        for k in 0..120 {
            gaps.extend(step(&z[3 * k..3 * k + 2], z[3 * k + 2]).into_iter().zip(&z[3 * k + 3..]).map(|(next, &z)| z - next));
        }
        let cost = z.chunks(3).fold(lit(0.0), |sum: Expr, z| z.iter().fold(sum, |sum, &z| sum + z * z));
        (("cost", cost), ("gaps", gaps))
    });
    let hessian = f.unwrap().lagrangian("cost").unwrap().hessian_lower().unwrap();
    let hessian = hessian.function().unwrap();
    assert!(check(hessian, &point(hessian.input_len())));
}

/// Comparisons and selections go through memory as numbers, and back.
#[test]
fn truth_values() {
    let f = Function::trace(("x", 500), |x| {
        let larger: Vec<_> = x.windows(2).map(|x| x[0].lt(x[1])).collect();
        let y = larger.windows(2).zip(&x).map(|(m, &x)| Real::select(m[0] & !m[1], x * x, x.exp() - 0.5 * x.abs().sqrt() * 3.0));
        y.enumerate().map(|(k, y)| (y * (1.0 + k as f64 % 3.0)).max(y - 0.25)).collect::<Vec<_>>()
    });
    assert!(check(&f.unwrap(), &point(500)));
}

/// An output over an input, several threads, the cache and files know loops that were found.
#[test]
fn loops_that_were_found_are_like_any_other_stages() {
    let f = Function::trace((("x", 800), "s"), |(x, s)| {
        let next = (0..800).map(|k| x[k] - s * (x[k] * x[(k + 1) % 800].sin() + (x[k] * 0.5).exp())).collect::<Vec<_>>();
        (("next", next.clone()), ("sum", next.iter().fold(s, |sum, &y| sum + y * s)))
    });
    let f = f.unwrap();
    let x = point(801);
    assert!(check(&f, &x));
    let expected = bits::<f64>(&f.compile_with(always()).unwrap(), &x);
    let over = f.compile_with(always().overwrite([("next", "x")])).unwrap();
    assert!(over.report().rolled.is_some());
    let (mut next, mut sum) = (x[..800].to_vec(), [0.0]);
    over.call_into(&[&x[800..]], &mut [&mut next, &mut sum]).unwrap();
    assert_eq!(next.iter().chain(&sum).map(|y| y.to_bits()).collect::<Vec<_>>(), expected);
    let cached = f.compile_with(always().cached(true)).unwrap();
    assert_eq!(bits::<f64>(&cached, &x), expected);
    let path = std::env::temp_dir().join(format!("wengert-rolled-{}.code", std::process::id()));
    cached.save(&path).unwrap();
    // SAFETY: the file is the one just written.
    let loaded = unsafe { Compiled::load(&path).unwrap() };
    std::fs::remove_file(path).unwrap();
    assert_eq!(bits::<f64>(&loaded, &x), expected);
    let wrong = f.compile_with(always()).unwrap().call_into(&[&x[..799], &x[800..]], &mut [&mut next, &mut sum]).unwrap_err();
    assert!(wrong.to_string().contains("`x`"), "{wrong}");
}

/// A random program with planted repeats: loops over inputs, over constants, over what other loops gave, forward, backward and shifted, nested, with
/// ragged ends and with subexpressions that all iterations share.
fn planted(seed: u64, width: Width) -> Function {
    let mut random = Rng(seed);
    let n = 150 + random.below(100);
    let trace = Function::trace_in(width, (("x", n), ("p", 3)), |(x, p)| {
        let mut all: Vec<Vec<Expr>> = vec![x];
        let shared = [p[0] * p[1], (p[1] - p[2]).exp(), p[2]];
        for _ in 0..2 + random.below(3) {
            let (a, b) = (random.below(all.len()), random.below(all.len()));
            let (a, b) = (all[a].clone(), all[b].clone());
            let (shift, backward, inner) = (random.below(3), random.chance(0.3), 1 + random.below(2));
            let len = (a.len().min(b.len()) - shift) - random.below(3);
            let kinds: Vec<(usize, usize)> = (0..3 + random.below(4)).map(|_| (random.below(11), random.below(3))).collect();
            let few = [random.ordinary(), random.ordinary()];
            let (by_turns, many) = (random.chance(0.2), random.chance(0.05));
            let body = |k: usize| {
                let mut values = vec![a[k], if backward { b[len - 1 - k] } else { b[k + shift] }];
                for turn in 0..inner {
                    for &(kind, other) in &kinds {
                        let v = values[values.len() - 1];
                        let w = values[(other + turn) % values.len()];
                        values.push(match kind {
                            0 => v + w,
                            1 => v - w * shared[other],
                            2 => v * w,
                            3 => v * few[if by_turns { k % 2 } else { 0 }],
                            4 => v * few[0] + w * 0.25,
                            5 => (v * 0.5).sin(),
                            6 => (1.0 + w * w).sqrt() + v,
                            7 => v.max(w),
                            8 => Real::select(v.lt(w), v * 0.5, w),
                            9 if many => v + k as f64,
                            9 => v / (2.0 + w.abs()),
                            _ => shared[other] - v,
                        });
                    }
                }
                values[values.len() - 1] * 0.125
            };
            all.push((0..len).map(body).collect());
        }
        let last = all[all.len() - 1].clone();
        let every = 1 + random.below(3);
        let sum = all[1..].iter().flatten().fold(lit(0.0), |sum: Expr, &y| sum + y);
        let mut turn = 0;
        let mixed = last.iter().zip(&all[0]).fold(p[0], |sum, (&y, &x)| {
            turn += 1;
            if turn % every == 0 { sum - y } else { sum + x * y }
        });
        (("loss", sum + mixed), ("y", wengert::graph::aux(last)))
    });
    trace.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..cases(1) })]
    #[test]
    fn planted_repeats_have_the_bits_of_straight_line_code(seed in any::<u64>()) {
        check_all(|width| planted(seed, width));
    }
}

/// Loops are taken where straight-line code would take longer: not for what stays in the caches.
#[test]
fn loops_are_taken_where_they_pay() {
    let steps = |n: usize, m: usize| {
        let f = Function::trace(("x", n), |x| {
            let step = |x: &[Expr]| (0..m).fold(x[0], |y, _| (y * 0.5 + x[1]).sqrt() + x[1] * y);
            x.windows(2).map(step).collect::<Vec<_>>()
        });
        let report = |options: Options| f.as_ref().unwrap().compile_with(options.interpreted(true)).unwrap().report().rolled;
        (report(Options::new()).is_some(), report(always()).is_some())
    };
    assert_eq!(steps(1001, 2), (false, true));
    assert_eq!(steps(1001, 20), (true, true));
    assert_eq!(steps(101, 5), (false, false));
}

/// Most of them are found.
#[test]
fn planted_repeats_are_found() {
    let found = (0..8).filter(|&seed| {
        let f = planted(seed, Width::F64).value_and_grad().unwrap();
        f.compile_with(always().interpreted(true)).unwrap().report().rolled.is_some()
    });
    assert!(found.count() >= 4);
}
