//! Size: a million nodes on a thread with a small stack, and one function shared by several threads.

use crate::common::flat;
use std::time::Instant;
use wengert::compiled::Tier;
use wengert::simplify::Simplify;
use wengert::{Compiled, Expr, Function, Options, Real};

const STEPS: usize = 500_000;

/// A chain of sines and products: two operations a step.
fn chain(x: Expr, p: &[Expr]) -> Expr {
    (0..STEPS).fold(x, |x, k| x.sin() * p[k % p.len()])
}

/// The same with plain numbers, with its derivatives by hand: with respect to x, and to each p.
fn by_hand(x: f64, p: &[f64]) -> (f64, Vec<f64>) {
    let mut d = vec![0.0; 1 + p.len()];
    d[0] = 1.0;
    let mut y = x;
    for k in 0..STEPS {
        let j = k % p.len();
        d.iter_mut().for_each(|d| *d *= y.cos() * p[j]);
        d[1 + j] += y.sin();
        y = y.sin() * p[j];
    }
    (y, d)
}

#[test]
fn a_million_nodes_on_a_small_stack() {
    let run = || {
        let mut last = Instant::now();
        let mut took = |what: &str| {
            println!("{what}: {:.2} s", last.elapsed().as_secs_f64());
            last = Instant::now();
        };
        let f = Function::trace(("x", ("p", 4)), |(x, p)| chain(x, &p)).unwrap();
        took("traced");
        assert!(f.simplify_with(Simplify::EXACT.rounding(true).finite(true)).graph().len() >= 900_000);
        took("simplified");
        let g = f.value_and_grad().unwrap();
        took("differentiated");
        let g = g.simplify();
        assert!(g.graph().len() >= 2 * STEPS, "{} nodes", g.graph().len());
        took("the derivative simplified");
        let native = g.compile_with(Options::new().simplify(false).tier(Tier::Fast)).unwrap();
        println!("{}", native.report());
        took("compiled");
        // Near 1, so that neither the value nor the derivative dies out over the steps.
        let (x, p) = (0.5, [1.00002, 0.99999, 1.00001, 1.0]);
        let y = flat(&native, &[&[x], &p[..]].concat()).unwrap();
        took("run");
        let (value, d) = by_hand(x, &p);
        assert!(value.abs() > 1e-6 && d.iter().all(|d| d.abs() > 1e-12));
        for (got, expected) in y.iter().zip([value].iter().chain(&d)) {
            assert!((got / expected - 1.0).abs() < 1e-9, "{got} for {expected}");
        }
        drop((f, g, native));
        took("checked and dropped");
    };
    std::thread::Builder::new().stack_size(8 << 20).spawn(run).unwrap().join().unwrap();
}

/// Four threads that call one function at the same time get the bits that one thread gets.
#[test]
fn threads_share_a_function() {
    // Large enough for several native functions and scratch memory.
    let f = Function::trace(("x", 8), |x| (0..900).fold(x[0], |y, k| (y + x[k % 8] * Expr::lit(1.0 + k as f64 * 1e-3)).sin()));
    let g = f.unwrap().value_and_grad().unwrap();
    let (native, narrow) = (g.compile().unwrap(), g.compile_with(Options::new().vectors(128)).unwrap());
    assert!(!cfg!(feature = "jit") || narrow.report().functions > 1);
    assert!(native.report().scratch_bytes > 0 && narrow.report().scratch_bytes > 0);
    let point = |k: usize| -> [f64; 8] { std::array::from_fn(|j| (k * 8 + j) as f64 * 0.01 - 3.0) };
    let bits = |code: &Compiled, k: usize| -> Vec<u64> { flat(code, &point(k)).unwrap().into_iter().map(f64::to_bits).collect() };
    let alone: Vec<_> = (0..300).map(|k| bits(&native, k)).collect();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let (alone, bits) = (&alone, &bits);
            let code = if t % 2 == 0 { &native } else { &narrow };
            scope.spawn(move || (0..300).for_each(|k| assert_eq!(bits(code, (k * 7 + t) % 300), alone[(k * 7 + t) % 300])));
        }
    });
}
