//! What is called often does not touch the heap: drivers of fixed size never do, the chunked ones once, native code not after a
//! thread's first call.
#![cfg_attr(not(feature = "jit"), allow(dead_code, unused_imports, reason = "what tests of native code use"))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};
use wengert::{Expr, Function, Real, Width, aux, dual, lit};

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
    for (times, large) in [(1, false), (300, true)] {
        let function = traced(3, times);
        let native = function.compile().unwrap();
        assert_eq!(native.report().operations > 500, large, "{}", native.report());
        assert_eq!(native.report().functions > 1, large);
        let (x, mut y) = (black_box([0.3, 1.2, 0.8]), [0.0; 4]);
        native.call_into(&x, &mut y).unwrap();
        assert_eq!(allocations(|| (0..100).for_each(|_| native.call_into(&x, &mut y).unwrap())), 0);
        assert_eq!(allocations(|| (0..100).for_each(|_| y = native.call(x).unwrap())), 0);

        let rows = function.map_rows(["x"]).unwrap().mean(["d_x"]).unwrap().compile().unwrap();
        assert_eq!(rows.report().functions > 1, large);
        let (x, mut values, mut mean) = (black_box([0.3, 1.2, 0.8, 0.4, 1.1, 0.9, 0.5, 1.0, 0.7]), [0.0; 3], [0.0; 3]);
        rows.call_into(&[&x], &mut [&mut values, &mut mean]).unwrap();
        let again = || (0..100).for_each(|_| assert_eq!(rows.call_into(&[&x], &mut [&mut values, &mut mean]).unwrap(), 3));
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
    let native = gradient.compile_arrays().unwrap();
    let step = Function::trace_in(Width::F32, ["w[7,5]", "b[5]", "x[n,7]", "y[n]: index"], |v| {
        let results = gradient.eval(&v).unwrap();
        (("loss", results[0]), ("next_w", v[0] - results[2] * 0.1), ("next_b", v[1] - results[3] * 0.1))
    });
    let step = step.unwrap().compile_arrays().unwrap().in_place([("next_w", "w"), ("next_b", "b")]).unwrap();
    let (mut w, mut b) = (vec![0.1f32; 35], vec![0.2f32; 5]);
    let (mut loss, mut hits, mut dw, mut db) = ([0.0], [0.0], vec![0.0; 35], vec![0.0; 5]);
    let (x, y) = (vec![0.3f32; 7 * 40], vec![3.0f32; 40]);
    let mut call = |n: usize| {
        let (x, y) = (&x[..7 * n], &y[..n]);
        native.call_into(&[&w, &b, x, y], &mut [&mut loss, &mut hits, &mut dw, &mut db]).unwrap();
        step.call_into(&mut [&mut w, &mut b], &[x, y], &mut [&mut loss]).unwrap();
    };
    for n in [40, 3, 17] {
        call(n);
    }
    for n in [40, 3, 17, 40, 40] {
        assert_eq!(allocations(|| call(n)), 0, "{n} rows");
    }
}

#[test]
fn loops_over_many_arrays_do_not_allocate() {
    let names: Vec<String> = (0..60).map(|k| format!("x{k}[n]")).collect();
    let f = Function::trace(names, |x| x.iter().map(|&x| x.sin()).collect::<Vec<_>>()).unwrap().compile_arrays().unwrap();
    let (x, mut y) = (vec![[0.5, 0.25]; 60], vec![0.0; 120]);
    let x: Vec<&[f64]> = x.iter().map(|x| &x[..]).collect();
    f.call_into(&x, &mut [&mut y]).unwrap();
    assert_eq!(allocations(|| f.call_into(&x, &mut [&mut y]).unwrap()), 0);
}
