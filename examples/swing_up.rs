//! Optimal control: a pendulum whose motor is too weak to lift it swings itself up, with the least effort.
//!
//!     cargo run --release --features clarabel --example swing_up
//!
//! θ″ = u − sin θ takes the pendulum from hanging (θ = 0) to standing (θ = π) at rest within 12 units of time, with the least ∫u². To lift
//! it straight up takes a torque of 1; it turns out that much less will do. Time is cut into 120 steps, at whose ends θ, ω = θ′ and the
//! torque u are unknown, and on which the equations of motion hold by the trapezoidal rule. Sequential quadratic programming
//! (`common/sqp.rs`) takes the sparse Jacobian and Hessian of what is written down below.

use common::{Outcome, chart, chart::Chart, chart::Mark, sqp::Sqp};
use plotters::prelude::SeriesLabelPosition;
use std::f64::consts::PI;
use wengert::{Expr, Function, Real};

const STEPS: usize = 120;
const TIME: f64 = 12.0;
const H: f64 = TIME / STEPS as f64;
/// Angle and speed between the ends, and the torque at every time.
const N: usize = 2 * (STEPS - 1) + STEPS + 1;

/// Angles, speeds and torques at all times: the ends are given.
fn unpack<T: Copy>(x: &[T], number: impl Fn(f64) -> T) -> [Vec<T>; 3] {
    let (angles, rest) = x.split_at(STEPS - 1);
    let (speeds, torques) = rest.split_at(STEPS - 1);
    let between = |from: f64, inner: &[T], to: f64| [&[number(from)], inner, &[number(to)]].concat();
    [between(0.0, angles, PI), between(0.0, speeds, 0.0), torques.to_vec()]
}

fn main() -> Outcome {
    let f = Function::trace(("x", N), |x| {
        let [angle, speed, torque] = unpack(&x, Expr::lit);
        let force: Vec<Expr> = angle.iter().zip(&torque).map(|(angle, &torque)| torque - angle.sin()).collect();
        // What a quantity gains in each step, less what its rate makes of it.
        let follows = |y: &[Expr], rate: &[Expr]| -> Vec<Expr> {
            (0..STEPS).map(|k| y[k + 1] - y[k] - 0.5 * H * (rate[k] + rate[k + 1])).collect()
        };
        let effort = torque.windows(2).map(|u| 0.5 * H * (u[0] * u[0] + u[1] * u[1])).sum::<Expr>();
        (("effort", effort), ("speed", follows(&angle, &speed)), ("force", follows(&speed, &force)))
    })?;

    let start: Vec<f64> = (0..N)
        .map(|k| match k {
            k if k < STEPS - 1 => PI * (k + 1) as f64 / STEPS as f64,
            k if k < 2 * (STEPS - 1) => PI / TIME,
            _ => 0.0,
        })
        .collect();
    let solution = Sqp::new(&f, 2 * STEPS)?.solve(start, vec![0.0; 2 * STEPS], |_| ())?;
    let [angle, speed, torque] = unpack(&solution.x, |v| v);

    // What Pontryagin's principle (1956) says of the least ∫u² was used nowhere: the torque follows u″ = −u·cos θ. (The first and the last
    // torque of the trapezoidal rule are those of half a step later and earlier.)
    let strongest = torque.iter().fold(0.0f64, |most, u| most.max(u.abs()));
    let off = (2..STEPS - 1).map(|k| {
        let bend = (torque[k + 1] - 2.0 * torque[k] + torque[k - 1]) / (H * H);
        (bend + torque[k] * angle[k].cos()).abs()
    });
    let off = off.fold(0.0, f64::max);
    println!("the strongest torque is {strongest:.4}; u″ = −u·cos θ holds to {off:.1e}");
    assert!(off < 0.01 * strongest, "that is not the least effort");

    let over_time = |v: &[f64]| v.iter().enumerate().map(|(k, &v)| (H * k as f64, v)).collect::<Vec<_>>();
    let motion = Chart::new("A pendulum swings itself up", "time", "")
        .legend(SeriesLabelPosition::UpperLeft)
        .add("angle", chart::BLUE, Mark::Line, over_time(&angle))
        .add("speed", chart::GREEN, Mark::Dashed, over_time(&speed))
        .add("torque", chart::ORANGE, Mark::Line, over_time(&torque));
    solution.picture("swing_up.svg", 400, &motion)
}
