//! What is called often does not touch the heap: drivers of fixed size never do, the chunked ones once, native code not after a
//! thread's first call.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};
use wengert::{Expr, Function, Real, dual, lit};

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
