//! Loops whose turns take a few operations on two numbers: against the same loops written by hand, their derivatives forward against dual numbers
//! in a plain loop, and backward against a loop that keeps its states and runs back.

use super::bench::*;
use std::hint::black_box;
use wengert::{DualVec, Expr, Function, Real, Scan, cond, lit, while_loop};

const TURNS: usize = 1000;
/// Where branches are taken.
const LIMITS: [f64; 4] = [0.9, 1.4, 0.6, 1.1];

pub fn run(bench: &mut Bench) {
    bench.section("Loops of 1,000 turns over two numbers: a turn");
    for branches in [0, 1, 2, 4] {
        scans(bench, branches);
    }
    whiles(bench);
}

/// A turn, but for its branches.
#[inline(always)]
fn turn<T: Real>(x: T, y: T, [a, b]: [T; 2]) -> [T; 2] {
    [x * a + y * lit(0.01), y * b - x * lit(0.02) + lit(0.1)]
}

#[inline(always)]
fn high<T: Real>(x: T, y: T) -> T {
    x * lit(0.9) + y * y * lit(0.1)
}

#[inline(always)]
fn low<T: Real>(x: T, y: T, a: T) -> T {
    x + a * y * lit(0.03)
}

/// A turn in plain Rust, for numbers and duals.
#[inline(always)]
fn plain<T: Real<Mask = bool>>([x, y]: [T; 2], p: [T; 2], branches: usize) -> [T; 2] {
    let [mut x, y] = turn(x, y, p);
    for limit in &LIMITS[..branches] {
        x = if x.gt(y * lit(*limit)) { high(x, y) } else { low(x, y, p[0]) };
    }
    [x, y]
}

fn traced([x, y]: [Expr; 2], p: [Expr; 2], branches: usize) -> [Expr; 2] {
    let [mut x, y] = turn(x, y, p);
    for limit in &LIMITS[..branches] {
        x = cond(x.gt(y * *limit), || high(x, y), || low(x, y, p[0]));
    }
    [x, y]
}

#[inline(always)]
fn by_hand<T: Real<Mask = bool>>([x, y, a, b]: [T; 4], branches: usize) -> T {
    let mut state = [x, y];
    for _ in 0..TURNS {
        state = plain(state, [a, b], branches);
    }
    state[0] * state[1]
}

/// The value and its four partial derivatives: states are kept, and the loop is run back.
#[inline(always)]
fn back<const BRANCHES: usize>(
    [x, y, a, b]: [f64; 4],
    kept: &mut Vec<[f64; 2]>,
    goes: impl Fn([f64; 2], usize) -> bool,
) -> [f64; 5] {
    kept.clear();
    let mut state = [x, y];
    while goes(state, kept.len()) {
        kept.push(state);
        state = plain(state, [a, b], BRANCHES);
    }
    let value = state[0] * state[1];
    let ([mut dx, mut dy], [mut da, mut db]) = ([state[1], state[0]], [0.0; 2]);
    for &[x, y] in kept.iter().rev() {
        let [first, next] = turn(x, y, [a, b]);
        let mut at = [first; BRANCHES];
        let mut u = first;
        for k in 0..BRANCHES {
            at[k] = u;
            u = if u > next * LIMITS[k] { high(u, next) } else { low(u, next, a) };
        }
        for k in (0..BRANCHES).rev() {
            if at[k] > next * LIMITS[k] {
                (dx, dy) = (dx * 0.9, dy + dx * 0.2 * next);
            } else {
                dy += dx * a * 0.03;
                da += dx * next * 0.03;
            }
        }
        da += dx * x;
        db += dy * y;
        (dx, dy) = (dx * a - dy * 0.02, dx * 0.01 + dy * b);
    }
    [value, dx, dy, da, db]
}

const POINT: [f64; 4] = [0.7, 1.3, 0.97, 0.96];

/// A call, with each number an input.
fn caller<const M: usize>(f: &Function) -> impl Fn([f64; 4]) -> [f64; M] + use<M> {
    let code = f.compile().unwrap();
    move |x| code.call(x).unwrap()
}

fn measure(
    bench: &mut Bench,
    name: &str,
    f: &Function,
    value: impl Fn([f64; 4]) -> f64,
    duals: impl Fn([DualVec<f64, 4>; 4]) -> DualVec<f64, 4>,
    mut back: impl FnMut([f64; 4]) -> [f64; 5],
) {
    let [forward, reverse] = [format!("{name}.forward"), format!("{name}.reverse")];
    if ![name, &forward, &reverse].iter().any(|name| bench.wants(name)) {
        return;
    }
    let per_turn = (NS, TURNS as f64);
    let start = || {
        let mut x = POINT;
        move || {
            x[0] += 1e-9;
            black_box(x)
        }
    };
    if bench.wants(name) {
        let call = caller::<1>(f);
        agree(name, &call(POINT), &[value(POINT)], 1e-12);
        let (mut a, mut b) = (start(), start());
        bench.pair(
            name,
            "native / by hand",
            per_turn,
            Target::Within(1.3),
            |_| _ = black_box(call(a())),
            |_| _ = black_box(value(b())),
        );
    }
    let all = f.jacobian_in(wengert::diff::Mode::Forward);
    if bench.wants(&forward) {
        let call = caller::<4>(&all.unwrap());
        let by_duals = |x: [f64; 4]| {
            let y = duals(std::array::from_fn(|k| DualVec::variable(x[k], k)));
            y.eps
        };
        agree(&forward, &call(POINT), &by_duals(POINT), 1e-10);
        let (mut a, mut b) = (start(), start());
        let ours = |_: usize| _ = black_box(call(a()));
        bench.pair(&forward, "native / duals in a plain loop", per_turn, Target::Within(1.5), ours, |_| {
            _ = black_box(by_duals(b()))
        });
    }
    if bench.wants(&reverse) {
        let call = caller::<5>(&f.value_and_grad().unwrap());
        agree(&reverse, &call(POINT), &back(POINT), 1e-10);
        let (mut a, mut b) = (start(), start());
        let ours = |_: usize| _ = black_box(call(a()));
        bench.pair(&reverse, "native / by hand", per_turn, Target::Within(1.5), ours, |_| _ = black_box(back(b())));
    }
}

fn scans(bench: &mut Bench, branches: usize) {
    let name = match branches {
        0 => "loops.scan".to_owned(),
        n => format!("loops.scan.cond{n}"),
    };
    let f = Function::trace(["x", "y", "a", "b"], |[x, y, a, b]| {
        let (state, ()) = Scan::steps(TURNS).run([x, y], |state: [Expr; 2], ()| (traced(state, [a, b], branches), ()));
        state[0] * state[1]
    });
    let f = f.unwrap();
    let mut kept = Vec::new();
    let goes = |_: [f64; 2], turns: usize| turns < TURNS;
    match branches {
        0 => measure(bench, &name, &f, |x| by_hand(x, 0), |x| by_hand(x, 0), |x| back::<0>(x, &mut kept, goes)),
        1 => measure(bench, &name, &f, |x| by_hand(x, 1), |x| by_hand(x, 1), |x| back::<1>(x, &mut kept, goes)),
        2 => measure(bench, &name, &f, |x| by_hand(x, 2), |x| by_hand(x, 2), |x| back::<2>(x, &mut kept, goes)),
        _ => measure(bench, &name, &f, |x| by_hand(x, 4), |x| by_hand(x, 4), |x| back::<4>(x, &mut kept, goes)),
    }
}

/// As long as a sum that grows by what it is given is below a limit.
fn whiles(bench: &mut Bench) {
    let most = TURNS as f64;
    let f = Function::trace(["x", "y", "a", "b"], |[x, y, a, b]| {
        let goes = |(_, _, n): (Expr, Expr, Expr)| n.lt(most);
        let (x, y, _) = while_loop((x, y, 0.0), goes, |(x, y, n)| {
            let [x, y] = turn(x, y, [a, b]);
            (x, y, n + 1.0)
        });
        x * y
    });
    let f = f.unwrap();
    #[inline(always)]
    fn plain_while<T: Real<Mask = bool>>([x, y, a, b]: [T; 4]) -> T {
        let (mut state, mut n) = ([x, y], lit::<T>(0.0));
        while n.lt(lit(TURNS as f64)) {
            state = plain(state, [a, b], 0);
            n += lit(1.0);
        }
        state[0] * state[1]
    }
    let mut kept = Vec::new();
    let goes = |_: [f64; 2], turns: usize| (turns as f64) < most;
    measure(bench, "loops.while", &f, plain_while, plain_while, |x| back::<0>(x, &mut kept, goes));
}
