//! Functions that are called while they are compiled.

use std::time::{Duration, Instant};
use wengert::{Expr, Function, Options, Real, Tier};

fn long(x: &[Expr], steps: usize) -> Expr {
    (0..steps).fold(x[0], |y, k| (y + x[k % x.len()] * Expr::lit(1.0 + k as f64 * 1e-3)).sin())
}

fn gradient(steps: usize) -> Function {
    Function::trace(("x", 8), |x| long(&x, steps)).unwrap().value_and_grad().unwrap()
}

fn bits(v: Vec<f64>) -> Vec<u64> {
    v.into_iter().map(f64::to_bits).collect()
}

fn point(k: usize) -> Vec<f64> {
    (0..8).map(|j| ((k * 8 + j) as f64).sin()).collect()
}

#[test]
fn results_are_the_same_before_and_after() {
    let g = gradient(4000);
    let tiered = g.compile_tiered().unwrap();
    let reference = g.lower();
    let (mut interpreted, mut native) = (0, 0);
    let end = Instant::now() + Duration::from_secs(60);
    for k in 0.. {
        let was_native = tiered.is_native();
        assert_eq!(bits(tiered.call_vec(&point(k)).unwrap()), bits(reference.call_vec(&point(k)).unwrap()));
        *(if was_native { &mut native } else { &mut interpreted }) += 1;
        assert!(Instant::now() < end, "{interpreted} interpreted calls, {native} native ones");
        if native == 20 {
            break;
        }
    }
    assert!(interpreted > 0, "the first call waits for nothing");
    assert_eq!(bits(tiered.wait().unwrap().call_vec(&point(3)).unwrap()), bits(reference.call_vec(&point(3)).unwrap()));
}

#[test]
fn threads_share_one_that_changes_under_them() {
    let g = gradient(2000);
    let alone: Vec<_> = (0..40).map(|k| bits(g.lower().call_vec(&point(k)).unwrap())).collect();
    let tiered = g.compile_tiered().unwrap();
    std::thread::scope(|scope| {
        for t in 0..3 {
            let (alone, tiered) = (&alone, tiered.clone());
            scope.spawn(move || {
                let mut k = t;
                while !tiered.is_native() || k < 40 {
                    assert_eq!(bits(tiered.call_vec(&point(k % 40)).unwrap()), alone[k % 40]);
                    k += 1;
                }
            });
        }
    });
    assert!(tiered.is_native());
}

#[test]
fn dropping_one_that_compiles_is_safe() {
    let g = gradient(2000);
    for k in 0..30 {
        let tiered = g.compile_tiered_with(Options::new().tier(Tier::Best).threads(k % 3)).unwrap();
        let other = tiered.clone();
        drop(tiered);
        // A clone still gets its code.
        if k == 0 {
            other.wait().unwrap();
        }
        std::thread::sleep(Duration::from_micros(300 * k as u64));
        drop(other);
    }
}

#[test]
fn what_cannot_be_is_an_error() {
    let arrays = Function::trace("x[3]", |x: Expr| x.sum(..)).unwrap();
    assert!(arrays.compile_tiered().unwrap_err().is_unsupported());
    assert!(gradient(3).compile_tiered_with(Options::new().flush_subnormals(true)).unwrap_err().is_unsupported());
    // Too much code is an error of the thread; calls go on.
    let tiered = gradient(900).compile_tiered_with(Options::new().code_limit(100)).unwrap();
    assert!(tiered.wait().unwrap_err().is_limit());
    assert!(!tiered.is_native() && tiered.call_vec(&point(1)).is_ok());
    assert!(format!("{tiered:?}").contains("limit"));
    assert!(tiered.call_vec(&[1.0]).unwrap_err().is_length());
    // As is the want of a processor.
    let tiered = gradient(3).compile_tiered_with(Options::new().strange_processor(true)).unwrap();
    assert!(tiered.wait().unwrap().report().interpreted.is_some() && !tiered.is_native());
}
