//! Fits y = x + 2x² + 3x³ and saves the model, for `polynomial_predict` to load.
//!
//!     cargo run --release --example polynomial && cargo run --release --example polynomial_predict
//!
//! As in the tutorial "Learning PyTorch with Examples", there are 2000 points from −π to π, the model is linear in the
//! features (x, x², x³) with a bias, and RMSProp takes full-batch steps at 0.001. The loss is the mean squared error.
//!
//! RMSProp divides the gradient by its recent size, so a step stays about as long as the learning rate, however near the
//! minimum is. Every coefficient ends up jumping to and fro, half a step (0.0005) beside its true value, which leaves a
//! mean of 5.2e−5 (and a sum over the 2000 points of 0.1).

use common::{Outcome, chart, chart::Chart, chart::Mark, out_path};
use indicatif::ProgressBar;
use std::f64::consts::PI;
use wengert::optim::{Optimizer, RmsProp};
use wengert::{Array, Function, Real, io::Archive, nn::Rng};

const POINTS: usize = 2000;
const STEPS: usize = 10_000;
const SEED: u64 = 5;

fn predict<T: Real>([bias, w1, w2, w3]: [T; 4], x: T) -> T {
    bias + w1 * x + w2 * x.powi(2) + w3 * x.powi(3)
}

fn truth(x: f64) -> f64 {
    predict([0.0, 1.0, 2.0, 3.0], x)
}

fn main() -> Outcome {
    let x: Vec<f64> = (0..POINTS).map(|k| PI * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0)).collect();
    let y: Vec<f64> = x.iter().map(|&x| truth(x)).collect();
    let error = Function::trace((("w", 4), "x", "y"), |(w, x, y)| (predict([w[0], w[1], w[2], w[3]], x) - y).powi(2))?;
    let step = error.wrt(["w"])?.value_and_grad()?.vmap("n", ["x", "y"])?.mean("n")?.compile()?;

    let mut rng = Rng::new(SEED);
    let mut w = [0; 4].map(|_| rng.between(-0.5, 0.5));
    let (mut loss, mut gradient) = ([0.0], [0.0; 4]);
    let mut optimizer = Optimizer::new(RmsProp::new(0.001), w.len());
    let mut losses = vec![];
    let bar = ProgressBar::new(STEPS as u64);
    for _ in 0..STEPS {
        step.call_into(&[&w, &x, &y], &mut [&mut loss, &mut gradient])?;
        losses.push(loss[0]);
        optimizer.step(&mut w, &gradient)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    step.call_into(&[&w, &x, &y], &mut [&mut loss, &mut gradient])?;
    losses.push(loss[0]);

    println!(" step   mean squared error");
    for k in [0, 1000, 2000, 4000, 5000, 6000, 8000, STEPS] {
        println!("{k:5}   {:.4e}", losses[k]);
    }
    println!("\ny = {:.6} + {:.6} x + {:.6} x² + {:.6} x³", w[0], w[1], w[2], w[3]);
    println!("mean squared error {:.3e}, sum {:.4}", loss[0], loss[0] * POINTS as f64);
    println!("prediction at x = 2: {:.4} (the truth is {})\n", predict(w, 2.0), truth(2.0));
    let difference = common::largest_difference(&w, &[0.0, 1.0, 2.0, 3.0]);
    assert!(difference < 0.00051, "a coefficient is off by {difference}");
    assert!((5.1e-5..5.3e-5).contains(&loss[0]), "the mean squared error is {:e}", loss[0]);
    assert!((predict(w, 2.0) - 34.0).abs() < 0.01, "the prediction at 2 is about 34");

    let function = Function::trace((["bias", "w1", "w2", "w3"], "x"), |(w, x)| ("prediction", predict(w, x)))?;
    let about = format!("y = x + 2x² + 3x³ fitted on {POINTS} points from −π to π: RMSProp, {STEPS} steps");
    let mut archive = Archive::new();
    archive.put_text("about", &about).put_function("function", &function)?.put_array("w", &Array::vector(w.to_vec()));
    archive.save(out_path("polynomial.model")?)?;
    println!("wrote out/polynomial.model");
    let line = losses.iter().enumerate().step_by(10).map(|(k, &loss)| (k as f64, loss));
    Chart::new("RMSProp at a fixed rate ends in a cycle around the minimum", "step", "mean squared error")
        .log(false, true)
        .add("", chart::BLUE, Mark::Line, line)
        .save("polynomial_loss.svg")
}
