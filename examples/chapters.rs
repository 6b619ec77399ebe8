//! The pictures of the book's chapters that no other example draws. Each function is the program of its chapter, and a chart.
//!
//!     cargo run --release --features nalgebra --example chapters

use common::{Outcome, chart, chart::Chart, chart::Mark};
use nalgebra::{Isometry3, Matrix6, RealField, Translation3, UnitQuaternion, Vector3, Vector6, convert};
use plotters::prelude::SeriesLabelPosition;
use std::f64::consts::{FRAC_PI_2, PI, TAU};
use wengert::implicit::minimize;
use wengert::nn::Rng;
use wengert::optim::{Fit, LeastSquares};
use wengert::{Array, Expr, Function, Real, Scan, dual, lit, ode::DormandPrince};

fn main() -> Outcome {
    black_scholes()?;
    drug_dosing()?;
    gaussian_process()?;
    bilevel()?;
    uncertainty()?;
    pde()?;
    inverse_kinematics()
}

/// Numbers from one end to another, as coordinates.
fn between(from: f64, to: f64, steps: usize) -> Vec<f64> {
    (0..=steps).map(|k| from + (to - from) * k as f64 / steps as f64).collect()
}

fn line(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    x.iter().copied().zip(y.iter().copied()).collect()
}

/// Price, delta and gamma of a call over the spot price, for two times.
fn black_scholes() -> Outcome {
    fn call<T: Real>([s, k, t, r, v]: [T; 5]) -> T {
        let spread = v * t.sqrt();
        let d1 = ((s / k).ln() + (r + v * v * lit(0.5)) * t) / spread;
        s * d1.norm_cdf() - k * (-r * t).exp() * (d1 - spread).norm_cdf()
    }
    let names = ["s", "k", "t", "r", "v"];
    let price = Function::trace(names, |x| ("price", call(x)))?;
    let (first, second) = (price.wrt(["s"])?.value_and_grad()?, price.wrt(["s"])?.hessian()?);
    let all = first.then(|x, y| {
        let gamma = second.eval(&names.map(|name| x[name]))?[0];
        Ok((("price", y["price"]), ("delta", y["d_s"]), ("gamma", gamma)))
    })?;
    let code = all.vmap("n", ["s"])?.compile()?;
    let s = between(60.0, 140.0, 160);
    let columns = |t: f64| -> Outcome<[Vec<f64>; 3]> {
        let mut y = [vec![0.0; s.len()], vec![0.0; s.len()], vec![0.0; s.len()]];
        let [price, delta, gamma] = &mut y;
        code.call_into(&[&s, &[100.0], &[t], &[0.03], &[0.2]], &mut [price, delta, gamma])?;
        Ok(y)
    };
    let (year, month) = (columns(1.0)?, columns(1.0 / 12.0)?);
    chart::picture("black_scholes.svg", (860, 340), |root| {
        for ((part, title), k) in root.split_evenly((1, 3)).iter().zip(["Price", "Delta", "Gamma"]).zip(0..) {
            Chart::new(title, "spot price, strike 100", "")
                .legend(if k == 2 { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::UpperLeft })
                .add("a year", chart::BLUE, Mark::Line, line(&s, &year[k]))
                .add("a month", chart::ORANGE, Mark::Line, line(&s, &month[k]))
                .draw(part)?;
        }
        Ok(())
    })
}

/// The concentration that was measured, and the one that was fitted.
fn drug_dosing() -> Outcome {
    let hours = [0.27, 0.57, 1.02, 1.92, 3.5, 5.02, 7.03, 9.0, 12.0];
    let measured = [1.71, 5.9, 8.73, 9.03, 8.05, 6.98, 5.71, 4.66, 3.46];
    let residuals = Function::trace(["p[3]", "t[n]", "c[n]"], |[p, t, c]| {
        let [ka, ke, v] = [0, 1, 2].map(|k| p.at(0, k).exp());
        let rates = |_, [gut, blood]: [Expr; 2]| [-ka * gut, ka * gut / v - ke * blood];
        DormandPrince::new().relative(1e-9).at_times(lit(0.0), t, [320.0, 0.0], rates).y[1] - c
    })?;
    let start = Array::vector([1.0f64, 0.1, 30.0].map(f64::ln).to_vec());
    let inputs = [start.clone(), Array::vector(hours.to_vec()), Array::vector(measured.to_vec())];
    let fit = LeastSquares::new(&residuals.wrt(["p"])?)?.fit(&inputs)?;
    let t = between(0.05, 14.0, 140);
    let course = |p: &[f64]| -> Outcome<Vec<f64>> {
        let inputs =
            (("p", Array::vector(p.to_vec())), ("t", Array::vector(t.clone())), ("c", Array::vector(vec![0.0; t.len()])));
        Ok(residuals.run(inputs)?[0].data().to_vec())
    };
    Chart::new("The concentration in the blood", "hours", "mg/l")
        .add("before the fit", chart::GREY, Mark::Dashed, line(&t, &course(start.data())?))
        .add("fitted", chart::BLUE, Mark::Line, line(&t, &course(fit.params())?))
        .add("measured", chart::ORANGE, Mark::Dots, line(&hours, &measured))
        .save("drug_dosing.svg")
}

/// The mean of the process and two standard deviations, before and after the fit of its hyperparameters.
fn gaussian_process() -> Outcome {
    let loss = Function::trace(["p[3]", "x[n]", "y[n]"], |[p, x, y]| {
        let [scale, length, noise] = [0, 1, 2].map(|k| p.at(0, k).exp());
        let apart = (x.unsqueeze(1) - x.unsqueeze(0)) / length;
        let l = (scale * (apart * apart * -0.5).exp() + noise * Expr::eye("n")).cholesky();
        let z = l.solve_lower(y);
        0.5 * (z * z).sum(..) + l.diag().ln().sum(..)
    })?;
    // the mean K(u, x)·K⁻¹·y, and the deviation at u
    let predict = Function::trace(["p[3]", "x[n]", "y[n]", "u[m]"], |[p, x, y, u]| {
        let [scale, length, noise] = [0, 1, 2].map(|k| p.at(0, k).exp());
        let kernel = |a: Expr, b: Expr| {
            let apart = (a.unsqueeze(1) - b.unsqueeze(0)) / length;
            scale * (apart * apart * -0.5).exp()
        };
        let l = (kernel(x, x) + noise * Expr::eye("n")).cholesky();
        let cross = l.solve_lower(kernel(x, u));
        (("mean", cross.t().matmul(l.solve_lower(y))), ("deviation", (scale - (cross * cross).sum(0)).sqrt()))
    })?;
    let step = loss.wrt(["p"])?.grad()?.compile()?;
    let x: Vec<f64> = (0..20).map(|k| 0.3 * k as f64).collect();
    let y: Vec<f64> = x.iter().enumerate().map(|(k, x)| x.sin() + 0.1 * ((k * 7919 % 13) as f64 / 6.0 - 1.0)).collect();
    let start = [0.0f64, 0.0, -1.0];
    let (mut p, mut slope) = (start, [0.0; 3]);
    for _ in 0..150 {
        step.call_into(&[&p, &x, &y], &mut [&mut slope])?;
        p.iter_mut().zip(slope).for_each(|(p, d)| *p -= 0.05 * d);
    }
    let u = between(-1.0, 8.0, 180);
    chart::picture("gaussian_process.svg", (860, 370), |root| {
        for (part, (title, p)) in root.split_evenly((1, 2)).iter().zip([("Before the fit", start), ("Hyperparameters fitted", p)])
        {
            let results = predict.run((("p", p), ("x", &x), ("y", &y), ("u", &u)))?;
            let (mean, deviation) = (results["mean"].data(), results["deviation"].data());
            let edge = |sign: f64| mean.iter().zip(deviation).map(|(m, d)| m + sign * d).collect::<Vec<f64>>();
            Chart::new(title, "x", "y")
                .y_range(-2.5, 3.3)
                .add("mean", chart::BLUE, Mark::Line, line(&u, mean))
                .add("± 2 deviations", chart::SKY, Mark::Line, line(&u, &edge(2.0)))
                .add("", chart::SKY, Mark::Line, line(&u, &edge(-2.0)))
                .add("measured", chart::ORANGE, Mark::Dots, line(&x, &y))
                .draw(part)?;
        }
        Ok(())
    })
}

/// The validation loss over the weight of the penalty, and where the descent went.
fn bilevel() -> Outcome {
    let f = Function::trace(["log_decay", "x[n]", "y[n]", "u[m]", "v[m]"], |[log_decay, x, y, u, v]| {
        let model = |w: [Expr; 6], x: Expr| w.iter().rev().fold(x * 0.0, |sum, &w| sum * x + w);
        let w = minimize([0.0; 6], |w: [Expr; 6]| {
            let penalty = w[1..].iter().map(|&w| w * w).sum::<Expr>();
            (model(w, x) - y).powi(2).mean(..) + log_decay.exp() * penalty
        });
        ("validation", (model(w.x, u) - v).powi(2).mean(..))
    })?;
    let outer = f.wrt(["log_decay"])?.value_and_grad()?.compile()?;
    let noise = |k: usize| 0.25 * ((k % 11) as f64 / 5.0 - 1.0);
    let truth = |x: f64| (3.0 * x).sin();
    let x: Vec<f64> = (0..9).map(|k| -1.0 + 0.25 * k as f64).collect();
    let y: Vec<f64> = x.iter().enumerate().map(|(k, &x)| truth(x) + noise(37 * k)).collect();
    let u: Vec<f64> = (0..8).map(|k| -0.9 + 0.25 * k as f64).collect();
    let v: Vec<f64> = u.iter().enumerate().map(|(k, &u)| truth(u) + noise(53 * k)).collect();
    let at = |log_decay: f64| -> Outcome<[f64; 2]> {
        let results = outer.run((("log_decay", log_decay), ("x", &x), ("y", &y), ("u", &u), ("v", &v)))?;
        Ok([results.number("validation")?, results.number("d_log_decay")?])
    };
    let mut curve = vec![];
    for log_decay in between(-11.0, -1.5, 95) {
        curve.push((log_decay.exp(), at(log_decay)?[0]));
    }
    let (mut log_decay, mut way) = (-2.0, vec![]);
    for _ in 0..=40 {
        let [value, slope] = at(log_decay)?;
        way.push((f64::exp(log_decay), value));
        log_decay -= 20.0 * slope;
    }
    Chart::new("Which weight decay predicts best?", "λ", "mean squared error on other points")
        .log(true, false)
        .legend(SeriesLabelPosition::UpperLeft)
        .add("of the inner minimum", chart::BLUE, Mark::Line, curve)
        .add("descent in ln λ", chart::ORANGE, Mark::Dots, way)
        .save("bilevel.svg")
}

/// The delta method's normal distribution of g, and what a hundred thousand drawn measurements give.
fn uncertainty() -> Outcome {
    let g = Function::trace(["length", "period", "angle"], |[l, t, angle]| {
        let long = 1.0 + angle.powi(2) / 16.0;
        ("g", l * (2.0 * PI * long / t).powi(2))
    })?;
    let (first, value) = (g.value_and_grad()?.compile()?, g.compile()?);
    let (measured, deviation) = ([0.994, 2.004, 0.1], [0.001, 0.004, 0.02]);
    let [centre, slopes @ ..] = first.call::<f64, 4>(measured)?;
    let sigma = slopes.iter().zip(deviation).map(|(slope, d)| (slope * d).powi(2)).sum::<f64>().sqrt();
    let (mut rng, draws, width) = (Rng::new(1), 100_000, sigma / 4.0);
    let mut counts = [0.0; 33];
    for _ in 0..draws {
        let [drawn]: [f64; 1] = value.call([0, 1, 2].map(|k| measured[k] + deviation[k] * rng.normal()))?;
        let bin = ((drawn - centre) / width + 16.5).floor();
        if (0.0..33.0).contains(&bin) {
            counts[bin as usize] += 1.0 / (draws as f64 * width);
        }
    }
    let x = between(centre - 4.0 * sigma, centre + 4.0 * sigma, 160);
    let density = x.iter().map(|x| (-0.5 * ((x - centre) / sigma).powi(2)).exp() / (sigma * TAU.sqrt())).collect::<Vec<f64>>();
    let bins = counts.iter().enumerate().map(|(k, &count)| (centre + (k as f64 - 16.0) * width, count));
    Chart::new("The gravity of a pendulum", "g in m/s²", "density")
        .add("delta method", chart::BLUE, Mark::Line, line(&x, &density))
        .add("100,000 draws", chart::ORANGE, Mark::Dots, bins)
        .save("uncertainty.svg")
}

/// Temperatures along the rod: at the start, measured and fitted.
fn pde() -> Outcome {
    const CELLS: usize = 40;
    let after = |p: Expr, start: Expr| {
        let stretch = |k: usize, faces: usize| p.slice(0, k..k + 1).exp().broadcast_to([faces]);
        let k = Expr::concat(&[stretch(0, 13), stretch(1, 14), stretch(2, 12)], 0);
        let (end, ()) = Scan::steps(400).run(start, |u: Expr, ()| {
            let flow = k * (u.slice(0, 1..CELLS) - u.slice(0, 0..CELLS - 1));
            (u + 0.2 * (flow.pad(0, 0, 1) - flow.pad(0, 1, 0)), ())
        });
        end
    };
    let f = Function::trace(["p[3]", "start[40]", "measured[40]"], |[p, start, measured]| after(p, start) - measured)?;
    let start: Vec<f64> = (0..CELLS).map(|i| if (14..26).contains(&i) { 100.0 } else { 20.0 }).collect();
    let profile = |p: [f64; 3]| -> Outcome<Vec<f64>> {
        Ok(f.run((("p", p), ("start", &start), ("measured", [0.0; CELLS])))?[0].data().to_vec())
    };
    let exact = profile([1.0f64, 0.2, 0.6].map(f64::ln))?;
    let noise = |i: usize| 0.3 * ((i * 7919 % 13) as f64 / 6.0 - 1.0);
    let measured: Vec<f64> = exact.iter().enumerate().map(|(i, u)| u + noise(i)).collect();
    let inputs = [Array::vector(vec![-1.0; 3]), Array::vector(start.clone()), Array::vector(measured.clone())];
    let fit: Fit = LeastSquares::new(&f.wrt(["p"])?)?.fit(&inputs)?;
    let cells = between(0.0, 39.0, 39);
    let fitted = profile(<[f64; 3]>::try_from(fit.params())?)?;
    Chart::new("Temperatures of the rod", "cell", "degrees")
        .add("at the start", chart::GREY, Mark::Dashed, line(&cells, &start))
        .add("guessed conductivities", chart::GREEN, Mark::Line, line(&cells, &profile([-1.0; 3])?))
        .add("fitted", chart::BLUE, Mark::Line, line(&cells, &fitted))
        .add("measured after 400 steps", chart::ORANGE, Mark::Dots, line(&cells, &measured))
        .save("pde.svg")
}

/// The arm from the side and from above, as its tool draws a circle.
fn inverse_kinematics() -> Outcome {
    const LINKS: [[f64; 3]; 6] = [
        [0.0, 0.089159, FRAC_PI_2],
        [-0.425, 0.0, 0.0],
        [-0.39225, 0.0, 0.0],
        [0.0, 0.10915, FRAC_PI_2],
        [0.0, 0.09465, -FRAC_PI_2],
        [0.0, 0.0823, 0.0],
    ];
    /// The poses of all joints, the tool's last.
    fn joints<T: RealField + Copy>(angles: [T; 6]) -> Vec<Isometry3<T>> {
        let mut poses = vec![Isometry3::identity()];
        for (angle, link) in angles.into_iter().zip(LINKS) {
            let [a, d, twist] = link.map(convert::<f64, T>);
            let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), angle);
            let twisted = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), twist);
            poses.push(poses[poses.len() - 1] * turn * Translation3::new(a, T::zero(), d) * twisted);
        }
        poses
    }
    fn error<T: RealField + Copy>(angles: [T; 6], target: &Isometry3<f64>) -> [T; 6] {
        let (pose, target) = (joints(angles)[6], target.cast::<T>());
        let off = pose.translation.vector - target.translation.vector;
        let turn = pose.rotation * target.rotation.inverse();
        let turn = turn.imag() * convert::<f64, T>(if turn.w < T::zero() { -2.0 } else { 2.0 });
        [off.x, off.y, off.z, turn.x, turn.y, turn.z]
    }
    let mut angles = [0.0, -1.2, 1.5, -1.9, -1.6, 0.0];
    let middle = joints(angles)[6];
    let (mut arms, mut tool) = (vec![], vec![]);
    for k in 0..=60 {
        let (sin, cos) = (TAU * k as f64 / 60.0).sin_cos();
        let target = Translation3::new(0.1 * (cos - 1.0), 0.1 * sin, 0.0) * middle;
        for step in 0.. {
            let (e, j) = dual::jacobian(|angles| error(angles, &target), angles);
            let (e, j) = (Vector6::from(e), Matrix6::from_fn(|i, k| j[i][k]));
            if e.norm() < 1e-12 {
                break;
            }
            assert!(step < 50, "the arm does not reach point {k}");
            let normal = j.transpose() * j + Matrix6::identity() * (0.1 * e.norm_squared());
            let delta = normal.cholesky().ok_or("a singular pose")?.solve(&(j.transpose() * e));
            angles.iter_mut().zip(delta.iter()).for_each(|(angle, d)| *angle -= d);
        }
        let arm: Vec<Vector3<f64>> = joints(angles).iter().map(|pose| pose.translation.vector).collect();
        tool.push(arm[6]);
        if k % 15 == 0 && k < 60 {
            arms.push(arm);
        }
    }
    chart::picture("inverse_kinematics.svg", (860, 410), |root| {
        let colours = [chart::BLUE, chart::GREEN, chart::SKY, chart::PINK];
        for (part, (title, other)) in root.split_evenly((1, 2)).iter().zip([("From the side", 2), ("From above", 1)]) {
            let place = |at: &Vector3<f64>| (at.x, at[other]);
            let across = if other == 2 { "z in metres" } else { "y in metres" };
            let mut chart = Chart::new(title, "x in metres", across).legend(SeriesLabelPosition::LowerMiddle);
            for (arm, colour) in arms.iter().zip(colours) {
                chart = chart.add("", colour, Mark::LineAndDots, arm.iter().map(place));
            }
            chart.add("the tool", chart::ORANGE, Mark::Line, tool.iter().map(place)).draw(part)?;
        }
        Ok(())
    })
}
