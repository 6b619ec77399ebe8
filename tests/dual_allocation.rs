//! The drivers of fixed size never touch the heap; the chunked gradient does once.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};
use wengert::{Real, dual, lit};

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
