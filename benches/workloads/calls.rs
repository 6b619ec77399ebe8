//! W1: small functions, one call at a time.

use super::{bench::*, c, formulas::*, hand};
use num_dual::DualSVec64;
use std::ffi::CStr;
use std::hint::black_box;
use wengert::{DualVec, Function};

/// Rows that a run goes round.
const ROWS: usize = 64;

pub fn run(bench: &mut Bench) {
    bench.section("W1: value and gradient, one call at a time");
    let pairs: Vec<[f64; 2]> = (0..ROWS).map(|i| [2.0 + (i as f64).sin(), 1.0 + (i as f64).cos()]).collect();
    let options: Vec<[f64; 5]> = (0..ROWS).map(option_row).collect();
    call::<2, 3>(bench, "w1.f1.call", &Function::trace(["a", "b"], product).unwrap(), (hand::product, c"small_product"), &pairs);
    call::<2, 3>(bench, "w1.f2.call", &Function::trace(["x", "y"], squares).unwrap(), (hand::squares, c"small_squares"), &pairs);
    let names = ["s", "k", "r", "v", "t"];
    call::<5, 6>(
        bench,
        "w1.bs_l.call",
        &Function::trace(names, option_logistic).unwrap(),
        (hand::option_logistic, c"option_logistic_point"),
        &options,
    );
    call::<5, 6>(
        bench,
        "w1.bs_erf.call",
        &Function::trace(names, option_erf).unwrap(),
        (hand::option_erf, c"option_erf_point"),
        &options,
    );

    macro_rules! duals {
        ($name:literal, $f:ident, $rows:expr, $call:path) => {
            dual(bench, $name, $rows, |x| gradient_of($f, x), |x| gradient_of_peer($f, x), $call)
        };
    }
    duals!("w1.f1.dual", product, &pairs, hand::product);
    duals!("w1.f2.dual", squares, &pairs, hand::squares);
    duals!("w1.bs_l.dual", option_logistic, &options, hand::option_logistic);
}

pub fn option_row(i: usize) -> [f64; 5] {
    let i = i as f64;
    [100.0 + 10.0 * i.sin(), 105.0, 0.05, 0.2 + 0.05 * i.cos(), 0.75 + 0.25 * (2.0 * i).sin()]
}

/// Results on a cache line of their own: where an allocator puts them must not decide a difference of a nanosecond.
#[repr(align(64))]
struct Line([f64; 8]);

/// The compiled gradient of N numbers, M = N + 1 with the value, against one written by hand, behind a pointer that the optimiser does not see
/// through.
fn call<const N: usize, const M: usize>(
    bench: &mut Bench,
    name: &str,
    f: &Function,
    (reference, in_c): (hand::Call, &'static CStr),
    rows: &[[f64; N]],
) {
    if !bench.wants_within(name) {
        return;
    }
    let compiled = f.value_and_grad().unwrap().compile().unwrap();
    let mut z = Line([0.0; 8]);
    let z = &mut z.0[..M];
    for x in rows {
        reference(x, z);
        agree(name, &compiled.call::<f64, M>(x).unwrap(), z, 1e-12);
    }
    let reference = black_box(reference);
    let what = "`Compiled::call` / a hand-written gradient behind a function pointer";
    // In a closure for each pair: one with two callers would not be inlined into the loops that measure.
    bench.pair(
        name,
        what,
        (NS, 1.0),
        Target::Within(1.1),
        |i| {
            // Number by number, as whoever asks for them reads them.
            for y in compiled.call::<f64, M>(black_box(&rows[i % ROWS])).unwrap() {
                black_box(y);
            }
        },
        |i| reference(black_box(&rows[i % ROWS]), black_box(&mut *z)),
    );
    for (build, kernel) in c::point(in_c) {
        bench.pair(
            &format!("{name}.{build}"),
            "the same / in C",
            (NS, 1.0),
            Target::None,
            |i| {
                for y in compiled.call::<f64, M>(black_box(&rows[i % ROWS])).unwrap() {
                    black_box(y);
                }
            },
            |i| {
                let (f, g) = black_box(&mut *z).split_first_mut().unwrap();
                // SAFETY: a row has the inputs, and the results have room for as many partial derivatives.
                *f = unsafe { kernel(black_box(&rows[i % ROWS]).as_ptr(), g.as_mut_ptr()) };
            },
        );
    }
}

/// Value and gradient with our duals.
#[inline(always)]
fn gradient_of<const N: usize>(f: impl Fn([DualVec<f64, N>; N]) -> DualVec<f64, N>, x: &[f64; N]) -> (f64, [f64; N]) {
    let y = f(std::array::from_fn(|k| DualVec::variable(x[k], k)));
    (y.re, y.eps)
}

/// The same with num-dual's.
#[inline(always)]
fn gradient_of_peer<const N: usize>(f: impl Fn([DualSVec64<N>; N]) -> DualSVec64<N>, x: &[f64; N]) -> (f64, [f64; N]) {
    let y = f(std::array::from_fn(|k| DualSVec64::from_re(x[k]).derivative(k)));
    (y.re, y.eps.0.map_or([0.0; N], |eps| eps.data.0[0]))
}

fn dual<const N: usize>(
    bench: &mut Bench,
    name: &str,
    rows: &[[f64; N]],
    ours: impl Fn(&[f64; N]) -> (f64, [f64; N]),
    peer: impl Fn(&[f64; N]) -> (f64, [f64; N]),
    reference: hand::Call,
) {
    for x in rows {
        let mut z = vec![0.0; N + 1];
        reference(x, &mut z);
        for (y, g) in [ours(x), peer(x)] {
            agree(name, &[&[y][..], &g].concat(), &z, 1e-12);
        }
    }
    bench.pair(
        name,
        "the gradient with `DualVec` / with num-dual",
        (NS, 1.0),
        Target::Within(1.2),
        |i| {
            black_box(ours(black_box(&rows[i % ROWS])));
        },
        |i| {
            black_box(peer(black_box(&rows[i % ROWS])));
        },
    );
}
