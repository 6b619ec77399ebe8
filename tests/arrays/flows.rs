//! Loops and branches over few numbers are code of their own: the bits of the interpreter, and the numbers of loops whose turns are called one by one.

use crate::common::{Rng, cases};
use proptest::prelude::*;
use wengert::diff::Mode;
use wengert::{Compiled, Error, Expr, Function, Options, Result, Scan, While, cond, lit, scan, select, while_loop};

/// Random programs: how deep loops and branches are nested, and whether loops have a bound, which none of them reaches.
#[derive(Copy, Clone)]
struct Nests {
    depth: usize,
    bounded: bool,
}

/// Two numbers from those at hand.
fn nest(rng: &mut Rng, nests: Nests, at_hand: &[Expr]) -> [Expr; 2] {
    let mut all = at_hand.to_vec();
    for _ in 0..1 + rng.below(3) {
        let [x, y] = [0, 1].map(|_| all[rng.below(all.len())]);
        all.push(match rng.below(9) {
            0 => x + y,
            1 => x - 0.75 * y,
            2 => x * y * 0.5,
            3 => (x * 0.3).sin(),
            4 => x.tanh(),
            5 => x.abs().sqrt(),
            6 => x / (1.5 + y * y),
            7 => select(x.gt(y), x, 0.5 - y),
            _ => x.max(y) * 0.9,
        });
        if nests.depth > 0 && rng.chance(0.7) {
            let more = inside(rng, Nests { depth: nests.depth - 1, ..nests }, &all);
            all.extend(more);
        }
    }
    let k = all.len();
    [all[k - 1], all[k - 1 - rng.below(2)]]
}

/// A loop or a branch.
fn inside(rng: &mut Rng, nests: Nests, at_hand: &[Expr]) -> [Expr; 2] {
    let [x, y] = [0, 1].map(|_| at_hand[rng.below(at_hand.len())]);
    let seed = rng.next();
    let all = |more: &[Expr]| [at_hand, more].concat();
    let body = |seed: u64, more: &[Expr]| nest(&mut Rng(seed), nests, &all(more));
    let limit = 1.0 + rng.below(6) as f64;
    match rng.below(4) {
        0 => {
            let [a, b] = cond(x.gt(y * 0.5), || body(seed, &[]), || body(seed ^ 1, &[x]));
            [a, b]
        }
        1 => {
            let run = |(a, b, k): (Expr, Expr, Expr)| {
                let [p, q] = body(seed, &[a, b, k]);
                (p.tanh(), q * 0.5, k + 1.0)
            };
            let goes = |(a, b, k): (Expr, Expr, Expr)| k.lt(limit) & (a + b).abs().lt(4.0);
            let start = (x, y, lit::<Expr>(0.0));
            let (a, b, k) = if nests.bounded { While::at_most(7).run(start, goes, run) } else { while_loop(start, goes, run) };
            [a + k, b]
        }
        2 => {
            let run = |[a, b]: [Expr; 2], (): ()| {
                let [p, q] = body(seed, &[a, b]);
                ([p.tanh() + 0.25 * a, q.sin()], ())
            };
            let (last, ()) = Scan::steps(limit as usize).run([x, y], run);
            last
        }
        _ => {
            // More than a loop carries: a sequence is read and one is kept, which the outermost loop does alone.
            let xs = Expr::stack(&[x, y, x * 0.5 - y], 0);
            let run = |a: Expr, v: Expr| {
                let [p, q] = body(seed, &[a, v]);
                (p.tanh(), q)
            };
            let (last, kept) = scan(y, xs, run);
            [last, kept.sum(..)]
        }
    }
}

fn made(seed: u64, nests: Nests) -> Result<Function> {
    Function::trace(["x", "y"], |[x, y]| {
        let [a, b] = nest(&mut Rng(seed), nests, &[x, y]);
        (("a", a), ("b", b))
    })
}

/// A function by the engines that run it: native code, the interpreter, and, where that is asked for, turns that are called one by one.
struct Engines {
    f: Function,
    made: Vec<Compiled>,
}

impl Engines {
    fn new(f: Result<Function>, one_by_one: bool) -> std::result::Result<Engines, TestCaseError> {
        let f = f.map_err(failed)?;
        let options = [Options::new(), Options::new().interpreted(true), Options::new().unroll(false)];
        let made = options.into_iter().take(if one_by_one { 3 } else { 2 }).map(|options| f.compile_with(options));
        let made = made.collect::<Result<Vec<_>>>().map_err(failed)?;
        Ok(Engines { f, made })
    }

    /// The results at a point, which are the same by all.
    fn at(&self, x: &[f64]) -> std::result::Result<Vec<f64>, TestCaseError> {
        let Engines { f, made } = self;
        let call = |compiled: &Compiled| -> Result<Vec<f64>> {
            let inputs: Vec<&[f64]> = x.chunks(1).collect();
            let mut outputs: Vec<Vec<f64>> = f.outputs().iter().map(|y| vec![0.0; y.nodes().len()]).collect();
            compiled.call_into(&inputs, &mut outputs.iter_mut().map(|y| &mut y[..]).collect::<Vec<_>>())?;
            Ok(outputs.concat())
        };
        let all = made.iter().map(call).collect::<Result<Vec<_>>>().map_err(failed)?;
        let bits = |y: &[f64]| y.iter().map(|v| if v.is_nan() { u64::MAX } else { v.to_bits() }).collect::<Vec<_>>();
        prop_assert_eq!(bits(&all[0]), bits(&all[1]), "native {:?}, interpreted {:?}\n{}", all[0], all[1], f);
        let evaluated = f.eval(x).map_err(failed)?;
        for other in all[2..].iter().chain([&evaluated]) {
            prop_assert!(all[0].iter().zip(other).all(|(a, b)| close(*a, *b, 1e-9)), "{:?}, not {:?}\n{}", all[0], other, f);
        }
        Ok(all[0].clone())
    }
}

fn failed(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn close(a: f64, b: f64, within: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || a.is_finite() && (a - b).abs() <= within * (1.0 + a.abs())
}

/// A program by all engines: its values, its derivatives forward and in reverse, and those of the same with bounded loops.
fn agree(seed: u64, depth: usize, one_by_one: bool) -> std::result::Result<(), TestCaseError> {
    let of = |bounded| Engines::new(made(seed, Nests { depth, bounded }), one_by_one);
    let (all, bounded) = (of(false)?, of(true)?);
    let [forward, reverse] = [Mode::Forward, Mode::Reverse].map(|mode| Engines::new(all.f.jacobian_in(mode), one_by_one));
    let of_bounded = Engines::new(bounded.f.jacobian_in(Mode::Reverse), one_by_one)?;
    let (forward, reverse) = (forward?, reverse?);
    let mut rng = Rng(seed ^ 77);
    for _ in 0..2 {
        let x = [rng.ordinary(), rng.ordinary()];
        let same = all.at(&x)?.iter().zip(&bounded.at(&x)?).all(|(&a, &b)| close(a, b, 1e-12));
        prop_assert!(same, "with and without a bound\n{}", all.f);
        let forward = forward.at(&x)?;
        for (other, name) in [(&reverse, "reverse"), (&of_bounded, "bounded")] {
            let other = other.at(&x)?;
            let same = forward.iter().zip(&other).all(|(&a, &b)| close(a, b, 1e-7));
            prop_assert!(same, "forward {:?} and {} {:?}\n{}", forward, name, other, all.f);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..cases(1) })]
    #[test]
    fn random_loops_and_branches(seed in any::<u64>()) {
        agree(seed, 1, false)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..cases(1) })]
    #[test]
    fn random_nests(seed in any::<u64>()) {
        agree(seed, 3, true)?;
    }
}

/// Numbers alone, and a loop whose end they decide: one native function.
#[test]
fn a_function_of_numbers_with_a_loop_is_one_piece_of_code() {
    let f = Function::trace("a", |a| while_loop(a, |x| (x * x - a).abs().gt(a * 1e-12), |x| (x + a / x) * 0.5)).unwrap();
    let g = f.jvp().unwrap().compile().unwrap();
    let [y, t] = g.call([9.0f64, 1.0]).unwrap();
    assert!((y - 3.0).abs() < 1e-12 && (t - 1.0 / 6.0).abs() < 1e-9);
    assert!(g.plan().contains("number by number"), "{}", g.plan());
    // No turn at all, and a condition that is never true.
    let none =
        Function::trace(["x", "n"], |[x, n]| while_loop((x, n), |(_, n)| n.gt(0.0), |(x, n)| (x * 2.0, n - 1.0)).0).unwrap();
    let none = none.compile().unwrap();
    assert_eq!(none.call([3.0, 0.0]).unwrap(), [3.0]);
    assert_eq!(none.call([3.0, f64::NAN]).unwrap(), [3.0]);
    assert_eq!(none.call([3.0, 4.0]).unwrap(), [48.0]);
}

/// A scan over an open axis, either way, with branches inside; of no steps, too.
#[test]
fn sequences_are_read_and_kept_where_they_are() {
    for reverse in [false, true] {
        let f = Function::trace(["s", "x[n]", "r"], |[s, x, r]| {
            let over = if reverse { Scan::over(x).reverse() } else { Scan::over(x) };
            let (last, kept) = over.run((s, 0.0), |(a, b), v| {
                let next = cond(v.gt(r), || (a * 0.5 + v.sin()).tanh(), || a - v);
                ((next, b + 1.0), (a, next * b))
            });
            (("last", last.0), ("count", last.1), ("before", kept.0), ("after", kept.1))
        });
        let f = f.unwrap();
        let x: Vec<f64> = (0..37).map(|k| (k as f64 * 0.7).sin() - 0.2).collect();
        for n in [0, 1, 2, 37] {
            let call = |options: Options| {
                let (mut last, mut count, mut before, mut after) = ([0.0], [0.0], vec![0.0; n], vec![0.0; n]);
                let compiled = f.compile_with(options).unwrap();
                assert!(compiled.plan().contains("in code of its own"), "{}", compiled.plan());
                compiled.call_into(&[&[0.3], &x[..n], &[0.1]], &mut [&mut last, &mut count, &mut before, &mut after]).unwrap();
                [&last[..], &count, &before, &after].concat()
            };
            let native = call(Options::new());
            let mut by_hand = vec![0.0; 2 + 2 * n];
            let (mut a, mut b) = (0.3f64, 0.0);
            for step in 0..n {
                let k = if reverse { n - 1 - step } else { step };
                let next = if x[k] > 0.1 { (a * 0.5 + x[k].sin()).tanh() } else { a - x[k] };
                (by_hand[2 + k], by_hand[2 + n + k]) = (a, next * b);
                (a, b) = (next, b + 1.0);
            }
            (by_hand[0], by_hand[1]) = (a, b);
            assert_eq!(native, call(Options::new().interpreted(true)));
            native.iter().zip(&by_hand).for_each(|(a, b)| assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} {b}"));
        }
    }
}

/// Norms, detached values and what would be computed again do not keep a loop from being code.
#[test]
fn newton_with_a_norm_in_its_condition_is_code() {
    let f = Function::trace(["a[3]", "x[3]"], |[a, x]| {
        while_loop(x, |x: Expr| (x * x - a).norm().gt(1e-12), |x: Expr| (x + a / x.detach()) * 0.5)
    });
    let compiled = f.unwrap().compile().unwrap();
    assert!(
        compiled.plan().contains("one piece of code") || compiled.plan().contains("in code of its own"),
        "{}",
        compiled.plan()
    );
    let mut y = [0.0f64; 3];
    compiled.call_into(&[&[1.0, 4.0, 9.0], &[1.5, 1.5, 1.5]], &mut [&mut y]).unwrap();
    y.iter().zip([1.0, 2.0, 3.0]).for_each(|(y, root)| assert!((y - root).abs() < 1e-12, "{y}"));
}

/// The step of a scan that carries many numbers may be a piece of code with a branch inside.
#[test]
fn a_step_with_a_branch_of_a_scan_that_carries_many_numbers() {
    let f = Function::trace(["c[60]", "x[t,60]"], |[c, x]| {
        scan(c, x, |c: Expr, x: Expr| {
            let k = cond(c.sum(..).gt(0.0), || x.sum(..).sin(), || x.sum(..));
            (c * 0.5 + x * k, c)
        })
    });
    let f = f.unwrap();
    let (c, x): (Vec<f64>, Vec<f64>) =
        ((0..60).map(|k| (k as f64).cos()).collect(), (0..240).map(|k| (k as f64).sin()).collect());
    let call = |options: Options| {
        let (mut last, mut kept) = (vec![0.0; 60], vec![0.0; 240]);
        f.compile_with(options).unwrap().call_into(&[&c, &x], &mut [&mut last, &mut kept]).unwrap();
        [last, kept].concat()
    };
    let native = call(Options::new());
    assert_eq!(native, call(Options::new().interpreted(true)));
    let other = call(Options::new().unroll(false));
    native.iter().zip(&other).for_each(|(a, b)| assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} {b}"));
}

/// A loop whose operands are made anew counts each time, so that helpers that call each other do not grow without bound.
#[test]
fn loops_that_double_with_every_level_are_refused_as_one_piece() {
    let mut f = Function::trace("x", |x| while_loop(x, |x| x.gt(1.0), |x| x * 0.5)).unwrap();
    for _ in 0..10 {
        let inner = f.clone();
        f = Function::trace("x", |x| {
            while_loop(
                x,
                |x| x.gt(2.0),
                |x: Expr| {
                    let once = inner.eval(&[x])?[0];
                    Ok::<Expr, Error>(inner.eval(&[once])?[0])
                },
            )
        })
        .unwrap();
    }
    assert_eq!(f.compile().unwrap().call([1.5]).unwrap(), [1.5]);
}
