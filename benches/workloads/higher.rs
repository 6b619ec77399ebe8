//! H: derivatives of high order along a line.

use super::bench::*;
use std::hint::black_box;
use wengert::dual::Order;
use wengert::jet::Jet;
use wengert::{Function, Real, lit};

/// Seven operations a step.
fn chain<T: Real>(x: T, steps: usize) -> T {
    (0..steps).fold(x, |y, _| (y * x + lit(0.3)).sin() * lit(0.9) + y.tanh() * lit(0.1))
}

/// A thousand operations.
const LONG: usize = 143;
/// A hundred: as native code of order 20, fifty thousand.
const SHORT: usize = 14;

pub fn run(bench: &mut Bench) {
    bench.section("H: Taylor coefficients along a line");
    let x = |i: usize| black_box(0.5 + 0.01 * (i % 32) as f64);
    bench.pair(
        "h.jet.20",
        "1,000 operations over jets, order 20 / order 5",
        (US, 1.0),
        Target::Within(20.0),
        |i| {
            black_box(chain(Jet::<f64, 21>::variable(x(i)), LONG));
        },
        |i| {
            black_box(chain(Jet::<f64, 6>::variable(x(i)), LONG));
        },
    );
    bench.pair(
        "h.jet.6",
        "100 operations to order 6, jets / duals nested six deep",
        (US, 1.0),
        Target::Within(1.0),
        |i| {
            black_box(chain(Jet::<f64, 7>::variable(x(i)), SHORT));
        },
        |i| {
            black_box(Order::<6>::derivatives(|x| chain(x, SHORT), x(i)));
        },
    );
    if bench.wants("h.native.20") {
        let f = Function::trace("x", |x| chain(x, SHORT)).expect("it can be traced");
        let compiled = |order: usize| f.taylor(order).and_then(|f| f.compile()).expect("it can be compiled");
        let (twenty, five) = (compiled(20), compiled(5));
        let y: [f64; 21] = twenty.call([0.5, 1.0]).expect("the lengths fit");
        agree("h.native.20", &y, &chain(Jet::<f64, 21>::variable(0.5), SHORT).coefficients(), 1e-9);
        bench.pair(
            "h.native.20",
            "100 operations as native code, order 20 / order 5",
            (US, 1.0),
            Target::Within(20.0),
            |i| {
                black_box(&twenty.call::<f64, 21>([x(i), 1.0]).expect("the lengths fit"));
            },
            |i| {
                black_box(&five.call::<f64, 6>([x(i), 1.0]).expect("the lengths fit"));
            },
        );
    }
}
