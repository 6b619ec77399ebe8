//! Memory: functions give theirs back, compiled ones are small, and what is kept is bounded. One test at a time, since they read the
//! whole process's size.
#![cfg(target_os = "linux")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use wengert::graph::Axis;
use wengert::rules::Opaque;
use wengert::{Array, Compiled, Expr, Function, Shape, lit, scan};

fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A function of some operations, different for every k.
fn compiled(operations: usize, k: usize) -> Compiled {
    let f =
        Function::trace(("x", 4), |x| (0..operations / 2).fold(x[k % 4], |y, i| y * x[i % 4] + lit::<Expr>(k as f64 + i as f64)));
    f.unwrap().compile().unwrap()
}

#[test]
fn compiled_functions_are_small_and_give_their_memory_back() {
    let _alone = alone();
    const CYCLES: usize = 10_000;
    for k in 0..200 {
        compiled(20, k);
    }
    let before = resident();
    for k in 0..CYCLES {
        let y: [f64; 1] = compiled(20, k).call([0.5; 4]).unwrap();
        assert!(y[0].is_finite());
    }
    let grown = resident().saturating_sub(before);
    println!("{CYCLES} compiled and dropped: {} KiB more", grown >> 10);
    // A page a cycle would be 40 MiB.
    assert!(grown < 2 << 20, "{grown} bytes more");

    const HELD: usize = 200;
    let first = compiled(1000, 0);
    assert!(first.report().operations >= 500);
    let before = resident();
    let held: Vec<Compiled> = (0..HELD).map(|k| compiled(1000, k)).collect();
    let each = resident().saturating_sub(before) / HELD;
    println!("a function of 1,000 nodes: {:.1} KiB", each as f64 / 1024.0);
    assert!(each < 100 << 10, "{each} bytes");
    assert!(held.iter().all(|f| f.call::<f64, 1>([0.5; 4]).unwrap()[0].is_finite()));
}

/// A gradient through a loop whose body has a number, a slice, a reshape and a closure of its own, different for every k.
fn traced(k: usize) -> Function {
    let held = vec![k as f64; 32];
    let shift = Opaque::new("shift", move |x, y| {
        y[0].iter_mut().zip(x[0]).for_each(|(y, x)| *y = x + held[0]);
        Ok(())
    });
    let f = Function::trace(["x[4,64]", "s"], |[x, s]| {
        let step = |c: Expr, x: Expr| {
            let part = x.slice(0, k % 32..k % 32 + 32);
            let rows = part.reshape([2, 16]).sum(0).slice(0, k % 8..k % 8 + 8);
            (c * s + lit::<Expr>(k as f64) * rows.sum(..), ())
        };
        let (c, ()) = scan(1.0, x, step);
        c + shift.call(&[wengert::rules::stop_gradient(c)], &[Shape::SCALAR])[0]
    });
    f.unwrap()
}

#[test]
fn traced_functions_give_their_memory_back() {
    let _alone = alone();
    const TRACES: usize = 20_000;
    let trace = |k: usize| {
        let f = traced(k);
        assert_eq!(f.output_len(), 1);
        // Derivatives have bodies of their own.
        if k.is_multiple_of(20) {
            f.value_and_grad().unwrap();
        }
    };
    (0..400).for_each(trace);
    let before = resident();
    (400..400 + TRACES).for_each(trace);
    let grown = resident().saturating_sub(before);
    println!("{TRACES} traced and dropped: {} KiB more", grown >> 10);
    // 100 bytes a trace would be 2 MiB.
    assert!(grown < 2 << 20, "{grown} bytes more");
}

/// In a process of its own, whose table of shapes it fills.
#[test]
fn a_full_table_of_shapes_is_an_error() {
    const ALONE: &str = "WENGERT_TEST_FULL_TABLE";
    let name = "a_full_table_of_shapes_is_an_error";
    if std::env::var_os(ALONE).is_none() {
        let test = std::process::Command::new(std::env::current_exe().unwrap()).args(["--exact", name]).env(ALONE, "1").output();
        let output = test.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let f = Function::trace("x[n]", |x| (x * x).sum(..)).unwrap();
    let compiled = f.compile().unwrap();
    let x = [Array::vector(vec![1.0, 2.0])];
    for n in 0..1 << 20 {
        Shape::new([Axis::Fixed(7), Axis::Fixed(n)]);
    }
    let line = line!() + 1;
    let error = Function::trace("x[3]", |x| x + 1.0).unwrap_err();
    assert!(error.is_limit() && error.location().unwrap().line() == line, "{error}");
    assert!(error.to_string().contains("table of shapes"), "{error}");
    assert!(Function::parse(&f.to_string()).unwrap_err().is_limit());
    assert!(f.with_lengths([("n", 2)]).unwrap_err().is_limit());
    assert!(f.vmap("m", ["x"]).unwrap_err().is_limit());
    // What there is goes on, and has derivatives.
    assert_eq!(compiled.run(&x).unwrap()[0].data(), [5.0]);
    let g = f.grad().unwrap();
    assert_eq!(g.run(&x).unwrap()[0].data(), [2.0, 4.0]);
    assert_eq!(g.compile().unwrap().run(&x).unwrap()[0].data(), [2.0, 4.0]);
    // Shapes that are known stay what they are, and those beyond twice the bound are none.
    for n in 0..1 << 20 {
        Shape::new([Axis::Fixed(8), Axis::Fixed(n)]);
    }
    assert_eq!(Shape::new([Axis::Fixed(7), Axis::Fixed(5)]).len(), Some(35));
    let none = Shape::new([Axis::Fixed(9), Axis::Fixed(9), Axis::Fixed(9)]);
    assert_eq!(none, Shape::new([Axis::Fixed(10), Axis::Fixed(9), Axis::Fixed(9)]));
    assert_eq!(compiled.run(&x).unwrap()[0].data(), [5.0]);
}

#[test]
fn what_shapes_may_cost_is_settable() -> wengert::Result<()> {
    use wengert::eval::{memory_limit, set_memory_limit};
    use wengert::sparse::Sparsity;
    let _alone = alone();
    let machine = memory_limit();
    assert!(machine > 1 << 28, "{machine} bytes");
    let f = Function::trace("x[n]", |x| x.cumsum(0).cumsum(0).cumsum(0))?;
    let (native, x) = (f.compile()?, vec![1.0; 2000]);
    let all = || -> wengert::Result<[wengert::Result<()>; 4]> {
        let (pattern, wide) = (Sparsity::new(1, 10, [(0, 3)])?, Sparsity::new(60, 60, [(0, 3)])?);
        Ok([
            f.run([("x", &x)]).map(drop),
            native.run([("x", &x)]).map(drop),
            Sparsity::new(1, 2000, []).map(drop),
            pattern.dense(&[0.0; 1]).map(drop).and(wide.dense(&[1.0])).map(drop),
        ])
    };
    assert!(all()?.iter().all(Result::is_ok));
    set_memory_limit(10_000);
    let limited = all();
    set_memory_limit(0);
    let limited = limited?;
    for found in limited {
        assert!(found.as_ref().unwrap_err().is_limit(), "{found:?}");
    }
    assert_eq!(memory_limit(), machine);
    assert!(all()?.iter().all(Result::is_ok));
    Ok(())
}

/// What the cache counts for a small function: a page of code, as much for what finds and frees it, and its program.
#[test]
fn cached_code_takes_no_more_than_is_counted() {
    let _alone = alone();
    const FUNCTIONS: usize = 400;
    let make = |k: usize| {
        let f = Function::trace(("x", 4), |x| (0..10).fold(x[k % 4], |y, i| y * x[i % 4] + lit::<Expr>(k as f64 + i as f64)));
        f.unwrap().compile_with(wengert::Options::new().cached(true)).unwrap()
    };
    (0..50).for_each(|k| drop(make(k + 1_000_000)));
    let before = resident();
    (0..FUNCTIONS).for_each(|k| drop(make(k)));
    let each = resident().saturating_sub(before) / FUNCTIONS;
    println!("a cached function of 20 operations: {each} bytes");
    assert!(each < 2 * 4096 + 2048, "{each} bytes");
}
