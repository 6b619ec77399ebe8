//! Equations and their gradients: a root and a differential equation, against the same in plain Rust.

use super::bench::*;
use std::hint::black_box;
use wengert::ode::{DormandPrince, Integration, rk4};
use wengert::{DualVec, Expr, Function, Real, aux, implicit::newton, lit};

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
    bench.pair(name, "native call / by hand", (US, 1.0), Target::Within(2.0), ours, |_| {
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
    bench.pair(name, "gradient in reverse, native / duals", (US, 1.0), Target::Within(1.3), ours, |_| {
        black_box(by_duals(black_box(2.0), 0.8));
    });
}

/// The times of the stages, in steps.
const C: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];
/// The weights of the slopes before each stage.
const A: [[f64; 6]; 6] = [
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// By how much those of the solution of lower order differ.
const E: [f64; 7] = [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// The method of Dormand and Prince: steps whose length follows the error, of two numbers, with the controller of Hairer, Nørsett and Wanner: where they lead, and how many were taken and refused.
#[inline(always)]
fn dormand_prince(
    y0: [f64; 2],
    [start, end]: [f64; 2],
    tolerance: f64,
    f: impl Fn(f64, [f64; 2]) -> [f64; 2],
) -> ([f64; 2], [usize; 2]) {
    let rms = |x: [f64; 2]| ((x[0] * x[0] + x[1] * x[1]) / 2.0).sqrt();
    let allowed = |y: f64| y * tolerance + tolerance;
    let (mut y, mut k) = (y0, f(start, y0));
    let length = end - start;
    let size = length.abs();
    let mut h = {
        let scaled = |x: [f64; 2]| rms([x[0] / allowed(y[0].abs()), x[1] / allowed(y[1].abs())]);
        let (d0, d1) = (scaled(y), scaled(k));
        let h = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { d0 / d1 * 0.01 };
        let along = h.copysign(length);
        let next = f(start + along, [y[0] + along * k[0], y[1] + along * k[1]]);
        let d2 = scaled([next[0] - k[0], next[1] - k[1]]) / h;
        let d = d1.max(d2);
        (h * 100.0).min(if d <= 1e-15 { (h * 1e-3).max(1e-6) } else { (0.01 / d).powf(0.2) })
    };
    let (mut done, mut before, mut calm, mut taken, mut refused) = (0.0, 1e-4, true, 0, 0);
    while done < 1.0 {
        let rest = 1.0 - done;
        let last = h * 1.01 >= rest * size;
        let part = if last { rest } else { h / size };
        let step = length * part;
        let mut ks = [[0.0; 2]; 7];
        ks[0] = k;
        let mut next = y;
        for s in 0..6 {
            for i in 0..2 {
                let mut sum = A[s][0] * ks[0][i];
                for l in 1..=s {
                    if A[s][l] != 0.0 {
                        sum += A[s][l] * ks[l][i];
                    }
                }
                next[i] = y[i] + step * sum;
            }
            ks[s + 1] = f(start + length * (done + part * C[s]), next);
        }
        let mut relative = [0.0; 2];
        for i in 0..2 {
            let mut sum = E[0] * ks[0][i];
            for l in 2..7 {
                sum += E[l] * ks[l][i];
            }
            relative[i] = step * sum / allowed(y[i].abs().max(next[i].abs()));
        }
        let error = rms(relative);
        let shrink = error.powf(0.17) / 0.9;
        if error <= 1.0 {
            let longest = if calm { 0.1 } else { 1.0 };
            let faster = size * part / (shrink / f64::powf(before, 0.04)).clamp(longest, 5.0);
            h = if last { faster.max(h) } else { faster };
            done = if last { 1.0 } else { done + part };
            (y, k, before, calm, taken) = (next, ks[6], error.max(1e-4), true, taken + 1);
        } else {
            h = size * part / shrink.min(5.0);
            (calm, refused) = (false, refused + 1);
        }
    }
    (y, [taken, refused])
}

fn adaptive(bench: &mut Bench) {
    let name = "ode.dormand_prince";
    if !bench.wants_within(name) {
        return;
    }
    let method = DormandPrince::new().relative(1e-9).absolute(1e-9).steps(1_000_000_000_000);
    let f = Function::trace(["w", "a"], |[w, a]| {
        let course = method.solve([lit(0.0), lit(20.0)], [a, lit(0.0)], slopes(w));
        (("y", course.y[0]), aux(("report", course.report)))
    });
    let f = f.unwrap();
    let by_hand = |w: f64, a: f64| dormand_prince([a, 0.0], [0.0, 20.0], 1e-9, |_, [a, v]| [v, -w * a.sin()]);
    let (expected, steps) = by_hand(2.0, 0.8);
    let report = Integration::read(f.run([2.0, 0.8]).unwrap()["report"].data()).unwrap();
    assert_eq!([report.accepted(), report.rejected()], steps, "{name}: the same steps");
    let f = f.only(["y"]).unwrap();
    let (value, g) = (f.compile().unwrap(), f.value_and_grad().unwrap().compile().unwrap());
    let (mut y, mut dw, mut da) = ([0.0], [0.0], [0.0]);
    value.call_into(&[&[2.0], &[0.8]], &mut [&mut y]).unwrap();
    agree(name, &y, &expected[..1], 1e-9);
    let mut w = 2.0;
    let mut plain = [0.0];
    let mut of_value = |_: usize| value.call_into(&[&[black_box(2.0)], &[0.8]], &mut [black_box(&mut plain)]).unwrap();
    let what = "native call / the same steps by hand";
    bench.pair(&format!("{name}.value"), what, (US, 1.0), Target::Within(1.3), &mut of_value, |_| {
        black_box(by_hand(black_box(2.0), 0.8));
    });
    let ours = |_: usize| {
        g.call_into(&[&[black_box(w)], &[0.8]], &mut [&mut y, &mut dw, black_box(&mut da)]).unwrap();
        w += 1e-9;
    };
    bench.pair(name, "value and gradient / value", (US, 1.0), Target::Within(4.0), ours, of_value);
}
