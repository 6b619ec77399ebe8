//! Functions that are called while a thread compiles them.

use crate::common::flat;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wengert::compiled::{Form, Tier};
use wengert::rules::Opaque;
use wengert::{Compiled, Expr, Function, Options, Real, Shape};

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

fn background() -> Options {
    Options::new().background(true)
}

fn interpreted(f: &Function) -> Compiled {
    f.compile_with(Options::new().interpreted(true)).unwrap()
}

#[test]
fn results_are_the_same_before_and_after() {
    let g = gradient(4000);
    let reference = interpreted(&g);
    let compiled = g.compile_with(background()).unwrap();
    let (mut before, mut after) = (0, 0);
    let end = Instant::now() + Duration::from_secs(60);
    for k in 0.. {
        let was_native = compiled.is_native();
        assert_eq!(bits(flat(&compiled, &point(k)).unwrap()), bits(flat(&reference, &point(k)).unwrap()));
        *(if was_native { &mut after } else { &mut before }) += 1;
        assert!(Instant::now() < end, "{before} interpreted calls, {after} native ones");
        if after == 20 {
            break;
        }
    }
    assert!(before > 0, "the first call waits for nothing");
    compiled.wait().unwrap();
    assert!(compiled.is_native());
    assert_eq!(bits(flat(&compiled, &point(3)).unwrap()), bits(flat(&reference, &point(3)).unwrap()));
}

/// Rows, arrays and steps that overwrite are made in the background as numbers are.
#[test]
fn every_form_can_be_made_in_the_background() {
    let rows = Function::trace((("w", 4), ("x", 4)), |(w, x)| long(&[w, x].concat(), 600)).unwrap();
    let rows = rows.wrt(["w"]).unwrap().value_and_grad().unwrap().vmap("n", ["x"]).unwrap().mean("n").unwrap();
    let arrays = Function::trace(["w[4]", "x[n,4]"], |[w, x]| {
        let y = (0..20).fold(x.matmul(w), |y: Expr, k| (y * w.at(0, k % 4) + f64::from(k as u32)).sin());
        (y * y).mean(..)
    });
    let arrays = arrays.unwrap().wrt(["w"]).unwrap().value_and_grad().unwrap();
    let step = Function::trace(["w[4]", "x[n,4]"], |[w, x]| {
        let y = x.matmul(w).tanh();
        (("loss", (y * y).mean(..)), ("next", w - 0.1 * x.t().matmul(y)))
    });
    let overwrite = |on: bool| if on { vec![("next", "w")] } else { vec![] };
    for (f, overwrites, is_rows) in [(rows, false, true), (arrays, false, false), (step.unwrap(), true, false)] {
        let options = Options::new().overwrite(overwrite(overwrites));
        let reference = f.compile_with(options.clone().interpreted(true)).unwrap();
        let compiled = f.compile_with(options.background(true)).unwrap();
        let x = (0..12).map(|k| (k as f64).cos()).collect::<Vec<f64>>();
        let w = [0.3, -0.7, 1.1, 0.2];
        let run = |f: &Compiled| {
            let (mut loss, mut second) = ([0.0], w);
            let inputs: &[&[f64]] = if overwrites { &[&x] } else { &[&w, &x] };
            f.call_into(inputs, &mut [&mut loss, &mut second]).unwrap();
            bits([&loss[..], &second].concat())
        };
        let expected = run(&reference);
        assert_eq!(run(&compiled), expected);
        compiled.wait().unwrap();
        assert!(compiled.is_native() && compiled.report().interpreted.is_none());
        assert!(compiled.report().compile_time > Duration::ZERO);
        assert_eq!((compiled.report().form == Form::Rows, compiled.report().form), (is_rows, reference.report().form));
        assert_eq!(run(&compiled), expected);
    }
}

#[test]
fn threads_share_one_that_changes_under_them() {
    let g = gradient(2000);
    let reference = interpreted(&g);
    let alone: Vec<_> = (0..40).map(|k| bits(flat(&reference, &point(k)).unwrap())).collect();
    let compiled = g.compile_with(background()).unwrap();
    std::thread::scope(|scope| {
        for t in 0..3 {
            let (alone, compiled) = (&alone, compiled.clone());
            scope.spawn(move || {
                let mut k = t;
                while !compiled.is_native() || k < 40 {
                    assert_eq!(bits(flat(&compiled, &point(k % 40)).unwrap()), alone[k % 40]);
                    k += 1;
                }
            });
        }
    });
    assert!(compiled.is_native());
}

#[test]
fn dropping_one_that_compiles_is_safe() {
    let g = gradient(2000);
    for k in 0..30 {
        let compiled = g.compile_with(background().tier(Tier::Best).compile_threads(k % 3)).unwrap();
        let other = compiled.clone();
        drop(compiled);
        // A clone still gets its code.
        if k == 0 {
            other.wait().unwrap();
            assert!(other.is_native());
        }
        std::thread::sleep(Duration::from_micros(300 * k as u64));
        drop(other);
    }
}

/// The thread keeps what the function has of the user's until it ends.
#[test]
fn dropping_the_last_clone_stops_the_thread() {
    let token = Arc::new(());
    let held = token.clone();
    let same = Opaque::new("same", move |x, y| {
        let _ = &held;
        y[0].copy_from_slice(x[0]);
        Ok(())
    });
    let f = Function::trace(("x", 8), |x| {
        let first = same.call(&[x[0]], &[Shape::SCALAR])[0];
        long(&[&[first], &x[1..]].concat(), 20_000)
    });
    let f = f.unwrap();
    drop(same);
    let options = background().compile_threads(1).tier(Tier::Best);
    let whole = {
        let compiled = f.compile_with(options.clone()).unwrap();
        let start = Instant::now();
        compiled.wait().unwrap();
        start.elapsed()
    };
    let compiled = f.compile_with(options).unwrap();
    drop(f);
    let start = Instant::now();
    let other = compiled.clone();
    drop(compiled);
    assert!(Arc::strong_count(&token) > 1);
    drop(other);
    while Arc::strong_count(&token) > 1 {
        assert!(start.elapsed() < whole / 2, "still compiling after {:?} of {whole:?}", start.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("stopped after {:?}, where compiling takes {whole:?}", start.elapsed());
}

#[test]
fn what_cannot_be_is_an_error() {
    let error = gradient(3).compile_with(background().flush_subnormals(true)).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("background"), "{error}");
    // Too much code is an error of the thread; calls go on.
    let compiled = gradient(900).compile_with(background().code_limit(100)).unwrap();
    let line = line!() + 1;
    let error = compiled.wait().unwrap_err();
    assert!(error.is_limit());
    let at = error.location().unwrap();
    assert_eq!((at.file(), at.line()), (file!(), line));
    assert!(!compiled.is_native() && flat(&compiled, &point(1)).is_ok());
    assert!(format!("{compiled:?}").contains("limit"), "{compiled:?}");
    assert!(compiled.call::<f64, 9>([1.0]).unwrap_err().is_length());
    assert!(compiled.save(std::env::temp_dir().join("wengert-background.code")).unwrap_err().is_limit());
    // As is the want of a processor.
    let compiled = gradient(3).compile_with(background().strange_processor(true)).unwrap();
    compiled.wait().unwrap();
    assert!(compiled.report().interpreted.is_some_and(|why| why.contains("processor")) && !compiled.is_native());
}

/// Compiling that takes longer is an error; in the background the function stays interpreted.
#[test]
fn a_limit_of_time() {
    let g = gradient(900);
    let line = line!() + 1;
    let error = g.compile_with(Options::new().time_limit(Duration::ZERO)).unwrap_err();
    assert!(error.is_limit() && error.to_string().contains("`Options::time_limit`"), "{error}");
    let at = error.location().unwrap();
    assert_eq!((at.file(), at.line()), (file!(), line));
    assert!(g.compile_with(Options::new().time_limit(Duration::from_secs(600))).unwrap().is_native());

    let array = Function::trace(["x[n]"], |[x]| x.exp().sum(..)).unwrap();
    for (f, len) in [(&g, 9), (&array, 1)] {
        let compiled = f.compile_with(background().time_limit(Duration::ZERO)).unwrap();
        let run = |f: &Compiled| {
            let mut y = [vec![0.0; 1], vec![0.0; len - 1]];
            let mut outputs: Vec<&mut [f64]> = y.iter_mut().map(Vec::as_mut_slice).filter(|y| !y.is_empty()).collect();
            f.call_into(&[&point(1)], &mut outputs).unwrap();
            bits(y.concat())
        };
        assert_eq!(run(&compiled), run(&interpreted(f)));
        let error = compiled.wait().unwrap_err();
        assert!(error.is_limit() && error.to_string().contains("`Options::time_limit`"), "{error}");
        assert!(!compiled.is_native());
        assert_eq!(run(&compiled), run(&interpreted(f)));
        assert!(compiled.report().interpreted.is_some_and(|why| why.contains("`Options::time_limit`")));
    }
    // Where nothing is to be made, there is nothing to wait for.
    let compiled = g.compile_with(background().interpreted(true).time_limit(Duration::ZERO)).unwrap();
    compiled.wait().unwrap();
    assert!(!compiled.is_native());
    let enough = g.compile_with(background().time_limit(Duration::from_secs(600))).unwrap();
    enough.wait().unwrap();
    assert!(enough.is_native());
}
