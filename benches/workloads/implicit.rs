//! Equations and their gradients: a root and a differential equation, against the same in plain Rust.

use super::bench::*;
use std::hint::black_box;
use wengert::{DualVec, Expr, Function, Real, implicit::newton, lit, ode::DormandPrince, ode::rk4};

pub fn run(bench: &mut Bench) {
    bench.section("Equations: a root, a pendulum, and their gradients");
    root(bench);
    pendulum(bench);
    adaptive(bench);
}

/// Where an ellipse meets a sine: two unknowns, two parameters.
fn root(bench: &mut Bench) {
    let name = "implicit.root.2";
    if !bench.wants(name) {
        return;
    }
    let f = Function::trace(["a", "b"], |[a, b]| {
        newton([1.0, 0.5], |[x, y]: [Expr; 2]| [x * x / a + y * y - 1.0, y - b * x.sin()]).x[0]
    });
    let g = f.unwrap().value_and_grad().unwrap().compile().unwrap();
    let by_hand = |a: f64, b: f64| {
        let (mut x, mut y) = (1.0f64, 0.5f64);
        loop {
            let (f, h) = (x * x / a + y * y - 1.0, y - b * x.sin());
            let (fx, fy, hx) = (2.0 * x / a, 2.0 * y, -b * x.cos());
            let det = fx - fy * hx;
            let (dx, dy) = ((f - fy * h) / det, (fx * h - hx * f) / det);
            (x, y) = (x - dx, y - dy);
            if dx.hypot(dy) <= 1e-11 * x.hypot(y) {
                let (fx, fy, hx) = (2.0 * x / a, 2.0 * y, -b * x.cos());
                let det = fx - fy * hx;
                return [x, x * x / (a * a) / det, -fy * x.sin() / det];
            }
        }
    };
    let (mut y, mut da, mut db) = ([0.0], [0.0], [0.0]);
    g.call_into(&[&[2.0], &[0.8]], &mut [&mut y, &mut da, &mut db]).unwrap();
    agree(name, &[y[0], da[0], db[0]], &by_hand(2.0, 0.8), 1e-12);
    let mut a = 2.0;
    let ours = |_: usize| {
        g.call_into(&[&[black_box(a)], &[0.8]], &mut [&mut y, &mut da, black_box(&mut db)]).unwrap();
        a += 1e-9;
    };
    bench.pair(name, "native call / by hand", (US, 1.0), Target::None, ours, |_| {
        black_box(by_hand(black_box(2.0), 0.8));
    });
}

/// 200 steps of Kutta's method, with duals of two tangents.
fn by_duals(w: f64, a: f64) -> [f64; 3] {
    type T = DualVec<f64, 2>;
    let (w, a) = (T::variable(w, 0), T::variable(a, 1));
    let h = 2.0 / 200.0;
    let slope = |[a, v]: [T; 2]| [v, -w * Real::sin(a)];
    let plus = |[a, v]: [T; 2], [k, l]: [T; 2], h: f64| [a + k * h, v + l * h];
    let mut y = [a, T::from(0.0)];
    for _ in 0..200 {
        let k1 = slope(y);
        let k2 = slope(plus(y, k1, h / 2.0));
        let k3 = slope(plus(y, k2, h / 2.0));
        let k4 = slope(plus(y, k3, h));
        y = plus(plus(plus(plus(y, k1, h / 6.0), k2, h / 3.0), k3, h / 3.0), k4, h / 6.0);
    }
    [y[0].re, y[0].eps[0], y[0].eps[1]]
}

fn slopes(w: Expr) -> impl Fn(Expr, [Expr; 2]) -> [Expr; 2] {
    move |_, [a, v]| [v, -w * a.sin()]
}

fn pendulum(bench: &mut Bench) {
    let name = "ode.rk4.200";
    if !bench.wants(name) {
        return;
    }
    let f = Function::trace(["w", "a"], |[w, a]| rk4([lit(0.0), lit(2.0)], 200, [a, lit(0.0)], slopes(w)).0[0]).unwrap();
    let g = f.value_and_grad().unwrap().compile().unwrap();
    let (mut y, mut dw, mut da) = ([0.0], [0.0], [0.0]);
    g.call_into(&[&[2.0], &[0.8]], &mut [&mut y, &mut dw, &mut da]).unwrap();
    agree(name, &[y[0], dw[0], da[0]], &by_duals(2.0, 0.8), 1e-12);
    let mut w = 2.0;
    let ours = |_: usize| {
        g.call_into(&[&[black_box(w)], &[0.8]], &mut [&mut y, &mut dw, black_box(&mut da)]).unwrap();
        w += 1e-9;
    };
    bench.pair(name, "gradient in reverse, native / duals", (US, 1.0), Target::None, ours, |_| {
        black_box(by_duals(black_box(2.0), 0.8));
    });
}

fn adaptive(bench: &mut Bench) {
    let name = "ode.dormand_prince";
    if !bench.wants(name) {
        return;
    }
    let f = Function::trace(["w", "a"], |[w, a]| {
        DormandPrince::new().relative(1e-9).absolute(1e-9).solve([lit(0.0), lit(20.0)], [a, lit(0.0)], slopes(w)).y[0]
    });
    let f = f.unwrap();
    let (value, g) = (f.compile().unwrap(), f.value_and_grad().unwrap().compile().unwrap());
    let (mut y, mut dw, mut da) = ([0.0], [0.0], [0.0]);
    let mut w = 2.0;
    let ours = |_: usize| {
        g.call_into(&[&[black_box(w)], &[0.8]], &mut [&mut y, &mut dw, black_box(&mut da)]).unwrap();
        w += 1e-9;
    };
    let mut plain = [0.0];
    bench.pair(name, "value and gradient / value", (US, 1.0), Target::None, ours, |_| {
        value.call_into(&[&[black_box(2.0)], &[0.8]], &mut [black_box(&mut plain)]).unwrap();
    });
}
