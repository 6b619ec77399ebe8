//! Activation functions beside their derivatives, and what the difference between ReLU and leaky ReLU is good for.
//!
//!     cargo run --release --example activations

use common::{Outcome, chart, chart::Chart, chart::Mark};
use plotters::prelude::SeriesLabelPosition;
use wengert::nn::Rng;
use wengert::{Expr, Function, optim::Optimizer, optim::Sgd, select};

/// Points per curve, from −4 to 4; 0 is one of them.
const POINTS: usize = 801;

/// What the pictures show of the second axis.
const BOTTOM: f64 = -1.2;
const TOP: f64 = 2.2;

/// The slope of the leaky ReLU left of 0.
const LEAK: f64 = 0.1;

struct Curve {
    name: &'static str,
    y: Vec<f64>,
    slope: Vec<f64>,
}

impl Curve {
    /// The steepest place, the first if there are several, and the slope there.
    fn peak(&self, x: &[f64]) -> (f64, f64) {
        let steepest = x.iter().zip(&self.slope).rev().max_by(|a, b| a.1.total_cmp(b.1));
        steepest.map_or((f64::NAN, f64::NAN), |(&x, &slope)| (x, slope))
    }

    fn slope_at_zero(&self) -> f64 {
        self.slope[POINTS / 2]
    }
}

fn main() -> Outcome {
    let x: Vec<f64> = (0..POINTS as i32).map(|k| f64::from(k - POINTS as i32 / 2) / 100.0).collect();
    let curves = [
        curve("ReLU", &x, |x| x.relu())?,
        curve("leaky ReLU, α = 0.1", &x, |x| x.leaky_relu(LEAK))?,
        curve("sigmoid", &x, |x| x.sigmoid())?,
        curve("tanh", &x, |x| x.tanh())?,
        curve("softplus", &x, |x| x.softplus())?,
        // Activations that are no operation of their own are compositions, and no worse for it.
        curve("ELU", &x, |x| select(x.gt(0.0), x, x.exp_m1()))?,
        curve("GELU: x·Φ(x)", &x, |x| x * x.norm_cdf())?,
        curve("SiLU: x·sigmoid(x)", &x, |x| x * x.sigmoid())?,
    ];
    println!("{:22} slope at 0   steepest", "");
    for curve in &curves {
        let (at, slope) = curve.peak(&x);
        println!("{:22} {:10.4}   {slope:.4} at x = {at}", curve.name, curve.slope_at_zero());
    }
    let [relu, leaky, sigmoid, tanh, ..] = &curves;
    assert_eq!(relu.slope_at_zero(), 0.0, "by convention");
    assert_eq!(leaky.slope_at_zero(), LEAK, "by convention");
    assert_eq!(sigmoid.peak(&x), (0.0, 0.25));
    assert_eq!(tanh.peak(&x), (0.0, 1.0));

    let twin = curve("2·sigmoid(2x)", &x, |x| (x * 2.0).sigmoid() * 2.0)?;
    let shifted: Vec<f64> = tanh.y.iter().map(|y| y + 1.0).collect();
    let difference = common::largest_difference(&shifted, &twin.y);
    println!("\ntanh(x) + 1 and 2·sigmoid(2x) differ by at most {difference:.1e}");
    assert!(difference < 1e-15);

    // pReLU is the leaky ReLU whose α is learned: α is an operand like x.
    let prelu = Function::trace(["x", "alpha"], |[x, alpha]| x.leaky_relu(alpha))?.grad()?;
    println!("\npReLU with α = 0.25:   ∂/∂x      ∂/∂α");
    for (at, wanted) in [(-2.0, [0.25, -2.0]), (0.0, [0.25, 0.0]), (3.0, [1.0, 0.0])] {
        let slopes = prelu.eval(&[at, 0.25])?;
        println!("          at x = {at:4}: {:7.2}   {:7.2}", slopes[0], slopes[1]);
        assert_eq!(slopes, wanted);
    }
    println!();
    dead_and_alive()?;

    chart::picture("activations.svg", (860, 1120), |root| {
        for (area, Curve { name, y, slope }) in root.split_evenly((4, 2)).iter().zip(&curves) {
            let visible = |&(_, v): &(f64, f64)| (BOTTOM..=TOP).contains(&v);
            let points = |values: &[f64]| x.iter().copied().zip(values.iter().copied()).filter(visible).collect::<Vec<_>>();
            Chart::new(name, "x", "")
                .y_range(BOTTOM, TOP)
                .legend(SeriesLabelPosition::UpperLeft)
                .add("f(x)", chart::BLUE, Mark::Line, points(y))
                .add("f′(x)", chart::ORANGE, Mark::Dashed, points(slope))
                .draw(area)?;
        }
        Ok(())
    })
}

/// Values and slopes at all points, by one native loop.
fn curve(name: &'static str, x: &[f64], f: impl FnOnce(Expr) -> Expr) -> Outcome<Curve> {
    let native = Function::trace("x", f)?.value_and_grad()?.vmap("n", ["x"])?.compile()?;
    let (mut y, mut slope) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    native.call_into(&[x], &mut [&mut y, &mut slope])?;
    Ok(Curve { name, y, slope })
}

/// A unit y = f(w·x + b) whose bias has become so negative that w·x + b < 0 for every sample. With ReLU no sample has a
/// gradient then, and the unit will never change again; with leaky ReLU it recovers.
fn dead_and_alive() -> Outcome {
    const SAMPLES: usize = 64;
    let mut rng = Rng::new(7);
    let x: Vec<f64> = (0..SAMPLES).map(|_| rng.between(-1.0, 1.0)).collect();
    let y: Vec<f64> = x.iter().map(|x| 0.5 * x + 1.0).collect();
    println!("a unit with w = 1, b = −3, and {SAMPLES} samples of y = x/2 + 1 for x between −1 and 1:");
    for (name, alive) in [("ReLU", false), ("leaky ReLU", true)] {
        let loss = Function::trace((["w", "b"], ["x", "y"]), |([w, b], [x, y])| {
            let z = w * x + b;
            let out = if alive { z.leaky_relu(LEAK) } else { z.relu() };
            ("loss", (out - y).powi(2))
        })?;
        let rows = loss.wrt(["w", "b"])?.value_and_grad()?.vmap("n", ["x", "y"])?;
        let (each, mean) = (rows.compile()?, rows.mean("n")?.compile()?);

        let mut p = [1.0, -3.0];
        let (mut loss, mut dw, mut db) = (vec![0.0; SAMPLES], vec![0.0; SAMPLES], vec![0.0; SAMPLES]);
        each.call_into(&[&p[..1], &p[1..], &x, &y], &mut [&mut loss, &mut dw, &mut db])?;
        let moved = dw.iter().zip(&db).filter(|(dw, db)| **dw != 0.0 || **db != 0.0).count();

        let mut descent = Optimizer::new(Sgd::new(0.1), 2);
        let (mut loss, mut dw, mut db) = ([0.0], [0.0], [0.0]);
        let mut losses = vec![];
        for _ in 0..2000 {
            mean.call_into(&[&p[..1], &p[1..], &x, &y], &mut [&mut loss, &mut dw, &mut db])?;
            descent.step(&mut p, &[dw[0], db[0]])?;
            losses.push(loss[0]);
        }
        println!(
            "{name:10}: {moved:2} samples have a gradient; after {} steps w = {:.3}, b = {:6.3}, loss {:.1e} → {:.1e}",
            losses.len(),
            p[0],
            p[1],
            losses[0],
            loss[0]
        );
        if alive {
            assert!(moved == SAMPLES && loss[0] < 1e-6, "the leaky unit learns");
        } else {
            assert!(moved == 0 && p == [1.0, -3.0], "the dead unit stays as it is");
        }
    }
    println!();
    Ok(())
}
