//! What is called often does not touch the heap: drivers of fixed size never do, the chunked ones once, native code of every form of
//! function not after a thread's first call.
#![cfg_attr(not(feature = "jit"), allow(dead_code, unused_imports, reason = "what tests of native code use"))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};
use wengert::compiled::{Form, Tier};
use wengert::jet::Jet;
use wengert::{Compiled, Expr, Function, Options, Real, Scan, Width, aux, cond, dual, lit, scan, while_loop};

thread_local! {
    // Per thread: the test harness allocates on others.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<R>(f: impl FnOnce() -> R) -> usize {
    let before = ALLOCATIONS.get();
    black_box(f());
    ALLOCATIONS.get() - before
}

fn f<T: Real>(x: &[T]) -> T {
    x.windows(2).map(|p| (p[0] * p[1]).sin() + p[1].powf(p[0].abs()) / (p[0] * p[0] + lit(1.0))).sum()
}

/// A loop with a branch and a counted loop inside.
fn looped<T: Real>(x: T) -> T {
    let turn = |[y, k]: [T; 2]| {
        let y = cond(y.gt(lit(4.0)), || y.sqrt(), || (y + x).exp());
        let y = Scan::steps(3).run((y, 0), |(y, k), ()| ((y + k * lit(0.1), k + lit(1.0)), ())).0.0;
        [y, k + lit(1.0)]
    };
    while_loop([x, lit(0.0)], |[y, k]| k.lt(lit(50.0)) & y.ne(lit(0.0)), turn)[0]
}

#[test]
fn loops_of_numbers_and_duals_do_not_allocate() {
    let x = black_box(0.3);
    assert_eq!(allocations(|| looped(x)), 0);
    assert_eq!(allocations(|| looped(x as f32)), 0);
    assert_eq!(allocations(|| dual::derivative(looped, x)), 0);
    assert_eq!(allocations(|| dual::second_derivative(looped, x)), 0);
    assert_eq!(allocations(|| looped(Jet::<f64, 4>::variable(x))), 0);
    // What the steps of a scan give, and nothing else.
    let all = black_box([0.5; 64]);
    let product = |x: &[f64]| scan(1.0, x, |p, x| (p * x, p)).0;
    assert_eq!(allocations(|| product(&all)), 1);
    assert_eq!(allocations(|| scan(1.0, &all, |p, x| (p * x, ())).0), 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| Box::new(black_box(1))), 1);
}

#[test]
fn drivers_of_fixed_size_do_not_allocate() {
    let x = black_box([0.3_f64, 1.2, 0.8, 2.0, 1.1]);
    assert_eq!(allocations(|| dual::derivative(|t| f(&[t, t * t]), x[0])), 0);
    assert_eq!(allocations(|| dual::second_derivative(|t| f(&[t, t * t]), x[0])), 0);
    assert_eq!(allocations(|| dual::nth_derivative::<4>(|t| t.sin() / (t * t + 1.0), x[0])), 0);
    assert_eq!(allocations(|| dual::Order::<4>::derivatives(|t| t.exp() * t, x[0])), 0);
    assert_eq!(allocations(|| dual::gradient(|x| f(&x), x)), 0);
    assert_eq!(allocations(|| dual::jacobian(|x| [f(&x), f(&x[1..])], x)), 0);
    assert_eq!(allocations(|| dual::directional(|x| [f(&x), f(&x[1..])], x, [1.0; 5])), 0);
    assert_eq!(allocations(|| dual::hessian(|x| f(&x), x)), 0);
}

#[test]
fn the_chunked_gradient_allocates_its_one_buffer() {
    let x = [0.7_f64; 100];
    let mut g = [0.0; 100];
    assert_eq!(allocations(|| dual::gradient_into(f, &x, &mut g).is_ok()), 1);
}

/// The sum of f over windows of `n` numbers, several times: small, or more than one native function.
fn traced(n: usize, times: usize) -> Function {
    let body =
        |x: Vec<Expr>| (0..times).fold(lit(0.0), |sum: Expr, k| sum * 0.5 + f(&x) * (1.0 + k as f64) + (sum * x[k % n]).sin());
    Function::trace(("x", n), body).unwrap().value_and_grad().unwrap()
}

#[test]
#[cfg(feature = "jit")]
fn native_code_does_not_allocate_after_a_threads_first_call() {
    for (times, large, tier) in [(1, false, Tier::Auto), (300, true, Tier::Auto), (300, true, Tier::Best)] {
        let function = traced(3, times);
        let native = function.compile_with(Options::new().tier(tier)).unwrap();
        assert_eq!(native.report().operations > 500, large, "{}", native.report());
        assert!(native.report().functions > 1 || !large || tier == Tier::Auto);
        let (x, mut y, mut dx) = (black_box([0.3, 1.2, 0.8]), [0.0], [0.0; 3]);
        native.call_into(&[&x], &mut [&mut y, &mut dx]).unwrap();
        assert_eq!(allocations(|| (0..100).for_each(|_| native.call_into(&[&x], &mut [&mut y, &mut dx]).unwrap())), 0);
        let mut all = [0.0; 4];
        assert_eq!(allocations(|| (0..100).for_each(|_| all = native.call(x).unwrap())), 0);
        assert_eq!(all, [y[0], dx[0], dx[1], dx[2]]);

        let rows = function.vmap("n", ["x"]).unwrap().mean_of("n", ["d_x"]).unwrap().compile().unwrap();
        assert_eq!(rows.report().form, Form::Rows);
        assert!(rows.report().functions == 1 || large);
        let (x, mut values, mut mean) = (black_box([0.3, 1.2, 0.8, 0.4, 1.1, 0.9, 0.5, 1.0, 0.7]), [0.0; 3], [0.0; 3]);
        rows.call_into(&[&x], &mut [&mut values, &mut mean]).unwrap();
        let again = || (0..100).for_each(|_| rows.call_into(&[&x], &mut [&mut values, &mut mean]).unwrap());
        assert_eq!(allocations(again), 0);
    }
}

#[test]
#[cfg(feature = "jit")]
fn functions_of_arrays_do_not_allocate_after_the_first_call_of_their_lengths() {
    let loss = Function::trace_in(Width::F32, ["w[7,5]", "b[5]", "x[n,7]", "y[n]: index"], |[w, b, x, y]| {
        let scores = (x.matmul(w) + b).tanh();
        let truth = y.one_hot(5);
        let hits = (scores.argmax(-1).one_hot(5) * truth).sum(..);
        (scores.cross_entropy(truth).mean(..), aux(("hits", hits)))
    });
    let gradient = loss.unwrap().wrt(["w", "b"]).unwrap().value_and_grad().unwrap();
    let native = gradient.compile().unwrap();
    let step = Function::trace_in(Width::F32, ["w[7,5]", "b[5]", "x[n,7]", "y[n]: index"], |v| {
        let results = gradient.eval(&v).unwrap();
        (("loss", results[0]), ("next_w", v[0] - results[2] * 0.1), ("next_b", v[1] - results[3] * 0.1))
    });
    let pairs = [("next_w", "w"), ("next_b", "b")];
    let step = step.unwrap().compile_with(Options::new().overwrite(pairs)).unwrap();
    let (mut w, mut b) = (vec![0.1f32; 35], vec![0.2f32; 5]);
    let (mut loss, mut hits, mut dw, mut db) = ([0.0], [0.0], vec![0.0; 35], vec![0.0; 5]);
    let (x, y) = (vec![0.3f32; 7 * 40], vec![3.0f32; 40]);
    let mut call = |n: usize| {
        let (x, y) = (&x[..7 * n], &y[..n]);
        native.call_into(&[&w, &b, x, y], &mut [&mut loss, &mut hits, &mut dw, &mut db]).unwrap();
        step.call_into(&[x, y], &mut [&mut loss, &mut w, &mut b]).unwrap();
    };
    for n in [40, 3, 17] {
        call(n);
    }
    for n in [40, 3, 17, 40, 40] {
        assert_eq!(allocations(|| call(n)), 0, "{n} rows");
    }
}

#[test]
fn plans_are_kept_for_many_lengths() {
    let f = Function::trace(["w", "x[n]"], |[w, x]| w * x.log_sum_exp(..)).unwrap();
    let x = vec![0.5; 300];
    // How often one of the first so many lengths allocates, in a round after the first.
    let misses = |f: &Compiled, lengths: usize| {
        let call = |n: usize| {
            let mut y = [0.0];
            f.call_into(&[&[2.0], &x[..n]], &mut [&mut y]).unwrap();
            assert!((y[0] - 2.0 * (0.5 + (n as f64).ln())).abs() < 1e-12);
        };
        (1..=lengths).rev().for_each(call);
        (1..=lengths).filter(|&n| allocations(|| call(n)) > 0).count()
    };
    for options in [Options::new(), Options::new().interpreted(true)] {
        for lengths in [9, 10, 40, 200] {
            assert_eq!(misses(&f.compile_with(options.clone()).unwrap(), lengths), 0, "{lengths}");
        }
        // Of 300 in turns those go that come next; but that of the first call, and the one that is last of a round and first of the next.
        assert!(misses(&f.compile_with(options.clone()).unwrap(), 300) > 40);
        let few = f.compile_with(options.clone().plans(5)).unwrap();
        assert_eq!(misses(&few, 5), 0);
        assert!(misses(&few, 8) > 0);
        let one = f.compile_with(options.clone().plans(0)).unwrap();
        assert_eq!((misses(&one, 1), misses(&one, 3)), (0, 2));
    }
    // By lengths that are given, too, and on several threads.
    let sums = Function::trace(["x[n,t]"], |[x]| x.sum(1)).unwrap().compile().unwrap();
    let each: Vec<Compiled> = [1, 2, 3, 4, 6, 12].iter().map(|&n| sums.with_lengths([("n", n)]).unwrap()).collect();
    let call = |(f, n): (&Compiled, usize)| f.call_into(&[&x[..12]], &mut [&mut vec![0.0; n][..]]).unwrap();
    let all = || each.iter().zip([1, 2, 3, 4, 6, 12]);
    all().for_each(call);
    // The slice of results.
    assert_eq!(allocations(|| all().for_each(call)), 6);
}

#[test]
fn loops_over_many_arrays_do_not_allocate() {
    let names: Vec<String> = (0..60).map(|k| format!("x{k}[n]")).collect();
    let f = Function::trace(names, |x| x.iter().map(|&x| x.sin()).collect::<Vec<_>>()).unwrap().compile().unwrap();
    let (x, mut y) = (vec![[0.5, 0.25]; 60], vec![0.0; 120]);
    let x: Vec<&[f64]> = x.iter().map(|x| &x[..]).collect();
    f.call_into(&x, &mut [&mut y]).unwrap();
    assert_eq!(allocations(|| f.call_into(&x, &mut [&mut y]).unwrap()), 0);
}

/// Calls allocate nothing once one was made.
#[track_caller]
fn free(what: &str, mut call: impl FnMut()) {
    call();
    assert_eq!(allocations(|| (0..20).for_each(|_| call())), 0, "{what}");
}

/// By slices, which have so many numbers.
#[track_caller]
fn by_slices(what: &str, f: &Compiled, inputs: &[usize], outputs: &[usize]) {
    let x: Vec<Vec<f64>> = inputs.iter().map(|&n| (0..n).map(|k| 0.3 + 0.1 * (k % 7) as f64).collect()).collect();
    // Where an input is overwritten, the slice starts with what that is.
    let mut y: Vec<Vec<f64>> = outputs.iter().map(|&n| vec![0.5; n]).collect();
    let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
    let mut y: Vec<&mut [f64]> = y.iter_mut().map(Vec::as_mut_slice).collect();
    free(&format!("{what}, by slices"), || f.call_into(&x, &mut y).unwrap());
}

/// By numbers alone.
#[track_caller]
fn by_numbers<const N: usize, const M: usize>(what: &str, f: &Compiled) {
    let x = black_box([0.4; N]);
    free(&format!("{what}, by numbers"), || {
        black_box::<[f64; M]>(f.call(x).unwrap());
    });
}

/// Native code that is made at once, such that is made while calls are interpreted, and none.
fn engines(f: &Function, options: Options) -> [(&'static str, Compiled); 3] {
    let background = f.compile_with(options.clone().background(true)).unwrap();
    background.wait().unwrap();
    assert!(background.is_native());
    let interpreted = f.compile_with(options.clone().interpreted(true)).unwrap();
    [("at once", f.compile_with(options).unwrap()), ("in the background", background), ("interpreted", interpreted)]
}

/// Sums of neighbours' products and their sines, an output for every input.
fn neighbours(x: &[Expr]) -> Vec<Expr> {
    (0..x.len()).map(|k| (x[k] * x[(k + 1) % x.len()]).sin() + x[k]).collect()
}

fn apart(values: Vec<Expr>) -> Vec<(String, Expr)> {
    values.into_iter().enumerate().map(|(k, y)| (format!("y{k}"), y)).collect()
}

#[test]
#[cfg(feature = "jit")]
fn functions_of_numbers() {
    let small = Function::trace(("x", 5), |x| neighbours(&x)).unwrap();
    let groups = Function::trace((("x", 2), "y", ("z", 3)), |(x, y, z)| {
        let all = neighbours(&[&x[..], &[y], &z[..]].concat());
        (("u", all[..4].to_vec()), ("v", all[4]), ("w", all[5]))
    });
    let groups = groups.unwrap();
    let long = Function::trace(("x", 100), |x| neighbours(&x)).unwrap();
    let two = Function::trace((("x", 60), ("y", 50)), |(x, y)| (("u", neighbours(&x)), ("v", neighbours(&y)))).unwrap();
    // More addresses than are collected on the stack.
    let names: Vec<String> = (0..80).map(|k| format!("x{k}")).collect();
    let many = Function::trace(names, |x| apart(neighbours(&x))).unwrap();
    for (engine, f) in engines(&small, Options::new()) {
        by_slices(engine, &f, &[5], &[5]);
        by_numbers::<5, 5>(engine, &f);
    }
    for (engine, f) in engines(&groups, Options::new()) {
        by_slices(engine, &f, &[2, 1, 3], &[4, 1, 1]);
        by_numbers::<6, 6>(engine, &f);
    }
    for (engine, f) in engines(&long, Options::new()) {
        by_slices(engine, &f, &[100], &[100]);
        by_numbers::<100, 100>(engine, &f);
    }
    for (engine, f) in engines(&two, Options::new()) {
        by_slices(engine, &f, &[60, 50], &[60, 50]);
        by_numbers::<110, 110>(engine, &f);
    }
    for (engine, f) in engines(&many, Options::new()) {
        assert_eq!(f.report().form, Form::StraightLine);
        by_slices(engine, &f, &[1; 80], &[1; 80]);
        by_numbers::<80, 80>(engine, &f);
    }
    let pairs = [("u", "x"), ("v", "y")];
    let halves = Function::trace((("x", 60), ("y", 50)), |(x, y)| {
        (("u", x.iter().map(|&x| x * y[0]).collect::<Vec<_>>()), ("v", neighbours(&y)), ("w", x[0]))
    });
    for (engine, f) in engines(&halves.unwrap(), Options::new().overwrite(pairs)) {
        by_slices(engine, &f, &[], &[60, 50, 1]);
    }
    let few = Function::trace(["a", "b"], |[a, b]| (("next", a * 0.5 + b), ("y", a.sin()))).unwrap();
    for (engine, f) in engines(&few, Options::new().overwrite([("next", "a")])) {
        by_slices(engine, &f, &[1], &[1, 1]);
    }
}

/// Loops and choices inside change nothing outside.
#[test]
#[cfg(feature = "jit")]
fn functions_of_numbers_with_loops_inside() {
    let scanned = Function::trace(["a", "b"], |[a, b]| Scan::steps(9).run(a, |c: Expr, ()| ((c * b + 0.5).sin(), ())).0);
    let looped = Function::trace(["a", "b"], |[a, b]| {
        while_loop((a, 0.0), |(x, k): (Expr, Expr)| k.lt(x + 5.0), |(x, k)| ((x * b).sin(), k + 1.0)).0
    });
    let chosen = Function::trace(["a", "b"], |[a, b]| cond(a.lt(b), || a.sin() * b, || a * b + b.exp()));
    let scanned = scanned.unwrap().value_and_grad().unwrap();
    for (engine, f) in engines(&scanned, Options::new()) {
        by_slices(&format!("a scan, {engine}"), &f, &[1; 2], &[1; 3]);
        by_numbers::<2, 3>(&format!("a scan, {engine}"), &f);
    }
    for (engine, f) in engines(&looped.unwrap().jvp().unwrap(), Options::new()) {
        by_slices(&format!("a loop, {engine}"), &f, &[1; 4], &[1; 2]);
        by_numbers::<4, 2>(&format!("a loop, {engine}"), &f);
    }
    for (engine, f) in engines(&chosen.unwrap().value_and_grad().unwrap(), Options::new()) {
        by_slices(&format!("a choice, {engine}"), &f, &[1; 2], &[1; 3]);
        by_numbers::<2, 3>(&format!("a choice, {engine}"), &f);
    }
}

#[test]
#[cfg(feature = "jit")]
fn functions_of_arrays() {
    let f = Function::trace(["w[3,2]", "x[n,3]"], |[w, x]| {
        let h = x.matmul(w).tanh();
        (("h", h), ("loss", (h * h).mean(..)), ("next_w", w - 0.1 * h.mean(..)))
    });
    let f = f.unwrap();
    for unroll in [false, true] {
        let options = Options::new().unroll(unroll);
        let fixed = f.with_lengths([("n", 4)]).unwrap();
        for (engine, f) in engines(&fixed, options.clone()) {
            by_slices(engine, &f, &[6, 12], &[8, 1, 6]);
            by_numbers::<18, 15>(engine, &f);
        }
        for (engine, f) in engines(&f, options.clone()) {
            by_slices(engine, &f, &[6, 12], &[8, 1, 6]);
            by_slices(engine, &f, &[6, 30], &[20, 1, 6]);
            by_slices(engine, &f.with_lengths([("n", 7)]).unwrap(), &[6, 21], &[14, 1, 6]);
        }
        for (engine, f) in engines(&f, options.overwrite([("next_w", "w")])) {
            by_slices(engine, &f, &[12], &[8, 1, 6]);
        }
    }
}

#[test]
#[cfg(feature = "jit")]
fn functions_over_rows() {
    let loss = Function::trace((("w", 3), ("x", 2), "y"), |(w, x, y)| {
        let e = w[0] * x[0] + w[1] * x[1].sin() + w[2] - y;
        (("loss", e * e), aux(("errors", [e, e.exp()])))
    });
    let gradient = loss.unwrap().wrt(["w"]).unwrap().value_and_grad().unwrap();
    let mapped = gradient.vmap("n", ["x", "y"]).unwrap();
    let mapped = mapped.mean_of("n", ["loss"]).unwrap().sum_of("n", ["d_w"]).unwrap();
    for (engine, f) in engines(&mapped, Options::new()) {
        assert_eq!(f.report().form, Form::Rows, "{engine}");
        for n in [5, 1, 1500, 0] {
            by_slices(engine, &f, &[3, 2 * n, n], &[1, 2 * n, 3]);
        }
    }
    let fixed = gradient.vmap(4, ["x", "y"]).unwrap();
    for (engine, f) in engines(&fixed, Options::new()) {
        by_slices(engine, &f, &[3, 8, 4], &[4, 8, 12]);
        by_numbers::<15, 24>(engine, &f);
    }
    // More slices than there is room for on the stack.
    let names: Vec<String> = (0..50).map(|k| format!("x{k}")).collect();
    let many = Function::trace(names.clone(), |x| apart(neighbours(&x))).unwrap().vmap("n", names).unwrap();
    for (engine, f) in engines(&many, Options::new()) {
        by_slices(&format!("many columns, {engine}"), &f, &[6; 50], &[6; 50]);
    }
}

#[test]
#[cfg(feature = "jit")]
fn sparse_derivatives_and_terms() {
    let chain = Function::trace(("x", 50), |x| x.windows(2).map(|x| (x[1] - x[0] * x[0]).powi(2)).sum::<Expr>()).unwrap();
    let h = chain.hessian_lower().unwrap();
    let (x, mut values) = (black_box([0.5; 50]), vec![0.0; h.sparsity().len()]);
    let h = h.compile().unwrap();
    free("a sparse Hessian", || h.call_into(&[&x], &mut [&mut values]).unwrap());
    let term = Function::trace((("x", 2), "w"), |(x, w)| w * (x[1] - x[0] * x[0]).powi(2)).unwrap();
    let table = (0..49).flat_map(|k| [k, k + 1]).collect();
    let h = term.terms(50, [("x", table)]).unwrap().hessian_lower().unwrap();
    let mut values = vec![0.0; h.len()];
    let (h, w) = (h.compile().unwrap(), [1.0; 49]);
    free("a sum of terms", || h.call_into(&[&x, &w], &mut [&mut values]).unwrap());
}
