//! Loops that ran while a function was traced, found again, against the same function as straight-line code, whether loops pay or not.

use super::{bench::*, formulas};
use std::hint::black_box;
use std::time::Instant;
use wengert::{Expr, Function, Options, lit};

const ROSENBROCK: [&str; 2] = ["roll.rosenbrock", "roll.hessian"];
/// With so many numbers straight-line code leaves one cache after the other: what the rule of costs knows.
const LARGER: [(&str, usize); 3] =
    [("roll.rosenbrock.2k", 2_000), ("roll.rosenbrock.5k", 5_000), ("roll.rosenbrock.20k", 20_000)];
const QUADROTOR: [&str; 2] = ["roll.quadrotor.jacobian", "roll.quadrotor.hessian"];
/// Numbers of a state and of a control.
const STATE: usize = 6;
const STAGE: usize = STATE + 2;

pub fn run(bench: &mut Bench) {
    bench.section("Loops found in flat traces, against straight-line code (`roll(false)`)");
    if ROSENBROCK.into_iter().any(|name| bench.wants(name)) {
        let f = Function::trace(("x", 1000), |x| formulas::rosenbrock(&x)).unwrap();
        pair(bench, (ROSENBROCK[0], "Rosenbrock, n = 1000, value and gradient", Some(0.5)), &f.value_and_grad().unwrap());
        pair(bench, (ROSENBROCK[1], "its sparse Hessian", Some(0.3)), f.hessian_lower().unwrap().function().unwrap());
    }
    for (name, n) in LARGER {
        if bench.wants(name) {
            let f = Function::trace(("x", n), |x| formulas::rosenbrock(&x)).unwrap();
            pair(bench, (name, "Rosenbrock, more numbers", None), &f.value_and_grad().unwrap());
        }
    }
    if QUADROTOR.into_iter().any(|name| bench.wants(name)) {
        let f = quadrotor(100);
        let jacobian = f.only(["gaps"]).unwrap().sparse_jacobian().unwrap();
        pair(bench, (QUADROTOR[0], "planar quadrotor, 100 stages, Jacobian", Some(0.35)), jacobian.function().unwrap());
        let hessian = f.lagrangian("cost").unwrap().hessian_lower().unwrap();
        pair(bench, (QUADROTOR[1], "its Lagrangian's Hessian", Some(0.1)), hessian.function().unwrap());
    }
}

fn pair(bench: &mut Bench, (name, what, most): (&str, &str, Option<f64>), f: &Function) {
    if !bench.wants(name) {
        return;
    }
    let made = |roll: bool| {
        let start = Instant::now();
        let compiled = f.compile_with(Options::new().always_roll(true).roll(roll)).unwrap();
        (compiled, start.elapsed())
    };
    let ((rolled, quick), (straight, slow)) = (made(true), made(false));
    let lengths = f.inputs().iter().map(|group| group.len());
    let xs: Vec<Vec<f64>> = lengths.map(|len| (0..len).map(|k| 0.3 * (0.7 * k as f64 + 1.0).sin()).collect()).collect();
    let xs: Vec<&[f64]> = xs.iter().map(|x| &x[..]).collect();
    let zeros = || f.outputs().iter().map(|y| vec![0.0; y.nodes().len()]).collect::<Vec<_>>();
    let (mut a, mut b) = (zeros(), zeros());
    let (mut a, mut b): (Vec<&mut [f64]>, Vec<&mut [f64]>) =
        (a.iter_mut().map(|y| &mut y[..]).collect(), b.iter_mut().map(|y| &mut y[..]).collect());
    rolled.call_into(&xs, &mut a).unwrap();
    straight.call_into(&xs, &mut b).unwrap();
    assert_eq!(a, b, "{name}: rolled and straight-line code differ");
    bench.pair(
        name,
        what,
        (US, 1.0),
        most.map_or(Target::None, Target::Within),
        |_| rolled.call_into(black_box(&xs), black_box(&mut a)).unwrap(),
        |_| straight.call_into(black_box(&xs), black_box(&mut b)).unwrap(),
    );
    bench.note(&format!("made in {quick:.1?}: {rolled:?}"));
    bench.note(&format!("made in {slow:.1?}: {straight:?}"));
}

/// A planar quadrotor by multiple shooting: states and controls of each stage, gaps between stages by the Runge–Kutta method of order 4, a quadratic
/// cost.
fn quadrotor(stages: usize) -> Function {
    let f = Function::trace(("z", stages * STAGE + STATE), |z| {
        let x = |k: usize| &z[k * STAGE..k * STAGE + STATE];
        let u = |k: usize| &z[k * STAGE + STATE..(k + 1) * STAGE];
        let gaps: Vec<Expr> = (0..stages)
            .flat_map(|k| step(x(k), u(k)).into_iter().zip(x(k + 1)).map(|(next, &x)| x - next).collect::<Vec<_>>())
            .collect();
        let (to, weight) = ([1.0, 2.0, 0.0, 0.0, 0.0, 0.0], [10.0, 10.0, 1.0, 1.0, 1.0, 0.1]);
        let mut cost: Expr = lit(0.0);
        for k in 0..=stages {
            let scale = if k == stages { 10.0 } else { 1.0 };
            for i in 0..STATE {
                cost += scale * weight[i] * (x(k)[i] - to[i]).powi(2);
            }
            if k < stages {
                cost = u(k).iter().fold(cost, |cost, &u| cost + 0.05 * u * u);
            }
        }
        (("cost", cost), ("gaps", gaps))
    });
    f.unwrap()
}

fn step(x: &[Expr], u: &[Expr]) -> Vec<Expr> {
    let h = 0.05;
    let add = |k: &[Expr], h: f64| x.iter().zip(k).map(|(&x, &k)| x + h * k).collect::<Vec<_>>();
    let a = rate(x, u);
    let b = rate(&add(&a, h / 2.0), u);
    let c = rate(&add(&b, h / 2.0), u);
    let d = rate(&add(&c, h), u);
    (0..STATE).map(|i| x[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i])).collect()
}

/// Of position (2), angle, velocities (2) and turning rate, for the thrusts of two rotors, with drag.
fn rate(x: &[Expr], u: &[Expr]) -> Vec<Expr> {
    let (mass, inertia, arm, gravity, drag) = (0.8, 0.02, 0.2, 9.81, 0.12);
    let (angle, vx, vz, turn) = (x[2], x[3], x[4], x[5]);
    let (thrust, torque) = (u[0] + u[1], arm * (u[1] - u[0]));
    let speed = (vx * vx + vz * vz + 1e-2).sqrt();
    vec![
        vx,
        vz,
        turn,
        (-thrust * angle.sin() - drag * speed * vx) / mass,
        (thrust * angle.cos() - drag * speed * vz) / mass - gravity,
        (torque - 0.01 * turn * (turn + 0.3).abs()) / inertia,
    ]
}
