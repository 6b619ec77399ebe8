//! A curve through measured points, with error bars from the Jacobian: Misra's monomolecular adsorption.
//!
//!     cargo run --release --features argmin,nalgebra --example error_bars
//!
//! y = β₁·(1 − e^(−β₂·x)) goes through 14 points by least squares (argmin's Gauss–Newton method). With the Jacobian J of the residuals at
//! the solution and their variance s² = Σr²/(m − n), the parameters' covariance is s²·(JᵀJ)⁻¹, and the curve's variance at x is
//! ∇yᵀ·covariance·∇y. Data and the certified results that ours must meet are those of the Statistical Reference Datasets of the
//! National Institute of Standards and Technology (D. Misra, 1978; in the public domain).

use argmin::core::{Executor, Jacobian, Operator, State};
use argmin::solver::gaussnewton::GaussNewton;
use common::{Outcome, chart, chart::Chart, chart::Mark};
use nalgebra::{DVector, Vector2};
use plotters::prelude::SeriesLabelPosition;
use wengert::{Function, Real, solvers::Residuals, sparse::Method};

const X: [f64; 14] = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0];
const Y: [f64; 14] = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78];
/// Parameters, and their standard deviations.
const CERTIFIED: [(f64, f64); 2] = [(2.3894212918E+02, 2.7070075241E+00), (5.5015643181E-04, 7.2668688436E-06)];
/// The residuals' standard deviation.
const CERTIFIED_S: f64 = 1.0187876330E-01;

fn model<T: Real>(b: &[T], x: T) -> T {
    -b[0] * (-b[1] * x).exp_m1()
}

fn main() -> Outcome {
    let residuals = Function::trace((("b", 2), ("x", X.len()), ("y", Y.len())), |(b, x, y)| {
        x.into_iter().zip(y).map(|(x, y)| model(&b, x) - y).collect::<Vec<_>>()
    })?;
    let method = Method::new().data("x", &X).data("y", &Y);
    let residuals: Residuals<DVector<f64>> = Residuals::with(&residuals.wrt(["b"])?, &method)?;

    println!("step            β₁              β₂             Σr²");
    let mut b = DVector::from_vec(vec![250.0, 0.0005]);
    for step in 0..6 {
        let squares = residuals.apply(&b)?.norm_squared();
        println!("{step:4}  {:14.9}  {:.9e}  {squares:.9e}", b[0], b[1]);
        let solver = GaussNewton::new();
        let found = Executor::new(residuals.clone(), solver).configure(|state| state.param(b.clone()).max_iters(1)).run()?;
        b = found.state.get_param().ok_or("no point was found")?.clone();
    }

    let (r, j) = (residuals.apply(&b)?, residuals.jacobian(&b)?);
    let variance = r.norm_squared() / (r.len() - b.len()) as f64;
    let covariance = variance * (j.transpose() * j).try_inverse().ok_or("JᵀJ is singular")?;
    println!("\n      value               deviation           certified value     certified deviation");
    for k in 0..2 {
        let (value, deviation) = (b[k], covariance[(k, k)].sqrt());
        let (certified, with) = CERTIFIED[k];
        println!("β{}    {value:.10e}    {deviation:.10e}    {certified:.10e}    {with:.10e}", ["₁", "₂"][k]);
        assert!((value / certified - 1.0).abs() < 1e-9 && (deviation / with - 1.0).abs() < 1e-7);
    }
    println!("s     {:.10e}                        {CERTIFIED_S:.10e}\n", variance.sqrt());
    assert!((variance.sqrt() / CERTIFIED_S - 1.0).abs() < 1e-9);

    // The curve, and what its parameters' errors make of it, at 101 places in one call.
    let curve = Function::trace((("b", 2), "x"), |(b, x)| ("y", model(&b, x)))?.wrt(["b"])?;
    let curve = curve.value_and_grad()?.vmap("n", ["x"])?.compile()?;
    let x: Vec<f64> = (0..=100).map(|k| 15.0 * k as f64).collect();
    let (mut y, mut slopes) = (vec![0.0; x.len()], vec![0.0; 2 * x.len()]);
    curve.call_into(&[b.as_slice(), &x], &mut [&mut y, &mut slopes])?;
    let deviations: Vec<f64> =
        slopes.chunks(2).map(|g| Vector2::new(g[0], g[1])).map(|g| (g.transpose() * &covariance * g)[0].sqrt()).collect();
    println!("at x = {}: {:.2} ± {:.2}; at x = {}: {:.2} ± {:.2}", x[40], y[40], deviations[40], x[100], y[100], deviations[100]);

    let along = |v: &[f64]| x.iter().copied().zip(v.iter().copied()).collect::<Vec<_>>();
    let fit = Chart::new("Misra's adsorption, β₁(1 − exp(−β₂x))", "pressure", "volume")
        .legend(SeriesLabelPosition::LowerRight)
        .add("fit", chart::BLUE, Mark::Line, along(&y))
        .add("measured", chart::ORANGE, Mark::Dots, X.into_iter().zip(Y));
    let band = |sign: f64| along(&deviations.iter().map(|d| 2.0 * sign * d).collect::<Vec<_>>());
    let errors = Chart::new("Residuals, ±2 deviations of the fit", "pressure", "volume − fit")
        .legend(SeriesLabelPosition::LowerLeft)
        .add("±2 deviations of the fit", chart::BLUE, Mark::Line, band(1.0))
        .add("", chart::BLUE, Mark::Line, band(-1.0))
        .add("measured", chart::ORANGE, Mark::Dots, X.into_iter().zip(r.iter().map(|r| -r)));
    chart::picture("error_bars.svg", (860, 410), |root| {
        let (left, right) = root.split_horizontally(430);
        fit.draw(&left)?;
        errors.draw(&right)
    })
}
