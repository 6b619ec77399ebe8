//! XOR by a network with one hidden layer, and its gradient by hand.
//!
//!     cargo run --release --example xor
//!
//! Two inputs, hidden ReLU units, one sigmoid output, the loss Σ(A₂ − Y)²/(2m) over the m = 4 rows of the truth table. The
//! gradient that one derives on paper and the one that the library derives must agree; then the network is trained.

use common::{Outcome, chart};
use indicatif::ProgressBar;
use plotters::prelude::*;
use wengert::nn::Rng;
use wengert::{Compiled, Expr, Function, Real, Structure, like, lit, optim::Optimizer, optim::Sgd};

const HIDDEN: usize = 4;
const RATE: f64 = 0.01;
const STEPS: usize = 300_000;
/// The truth table, row by row.
const X: [f64; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const Y: [f64; 4] = [0.0, 1.0, 1.0, 0.0];

/// The network's parameters.
#[derive(Structure)]
struct Net<T> {
    w1: [[T; 2]; HIDDEN],
    b1: [T; HIDDEN],
    w2: [T; HIDDEN],
    b2: T,
}

impl<T: Real> Net<T> {
    /// What comes out for one row: σ(W₂·relu(W₁·x + b₁) + b₂).
    fn output(&self, x: [T; 2]) -> T {
        let mut z2 = self.b2;
        for k in 0..HIDDEN {
            let z1 = self.w1[k][0] * x[0] + self.w1[k][1] * x[1] + self.b1[k];
            z2 += self.w2[k] * z1.relu();
        }
        z2.sigmoid()
    }
}

impl Net<f64> {
    fn start(seed: u64) -> Self {
        let zero = Net { w1: [[0.0; 2]; HIDDEN], b1: [0.0; HIDDEN], w2: [0.0; HIDDEN], b2: 0.0 };
        let mut rng = Rng::new(seed);
        zero.map(|_| rng.between(-1.0, 1.0))
    }

    /// dZ2 = (A2 − Y)·A2·(1 − A2), dW2 = dZ2·A1ᵀ/m, db2 = ΣdZ2/m, dZ1 = W2ᵀdZ2 ∘ [A1 > 0], dW1 = dZ1·Xᵀ/m, db1 = ΣdZ1/m.
    fn gradient_by_hand(&self) -> Self {
        let m = Y.len() as f64;
        let mut d = Net { w1: [[0.0; 2]; HIDDEN], b1: [0.0; HIDDEN], w2: [0.0; HIDDEN], b2: 0.0 };
        for (x, y) in X.chunks_exact(2).zip(Y) {
            let a1: [f64; HIDDEN] = std::array::from_fn(|k| (self.w1[k][0] * x[0] + self.w1[k][1] * x[1] + self.b1[k]).max(0.0));
            let z2 = self.b2 + self.w2.iter().zip(&a1).map(|(w, a)| w * a).sum::<f64>();
            let a2 = 1.0 / (1.0 + (-z2).exp());
            let dz2 = (a2 - y) * a2 * (1.0 - a2);
            d.b2 += dz2 / m;
            for (k, &a1) in a1.iter().enumerate() {
                d.w2[k] += dz2 * a1 / m;
                let dz1 = if a1 > 0.0 { self.w2[k] * dz2 } else { 0.0 };
                d.b1[k] += dz1 / m;
                d.w1[k][0] += dz1 * x[0] / m;
                d.w1[k][1] += dz1 * x[1] / m;
            }
        }
        d
    }
}

fn main() -> Outcome {
    let net = Net::start(0);
    let output = Function::trace((("net", like(&net)), ("x", 2)), |(net, x)| ("output", net.output([x[0], x[1]])))?;
    let loss = Function::trace((("net", like(&net)), ("x", 2), "y"), |(net, x, y)| {
        ("loss", (net.output([x[0], x[1]]) - y).powi(2) * lit::<Expr>(0.5))
    })?;
    let step = loss.wrt(["net"])?.value_and_grad()?.vmap("n", ["x", "y"])?.mean("n")?.compile()?;
    println!("one step of value and gradient: {}\n", step.report());

    let points = 1000;
    let mut worst = 0.0f64;
    for seed in 0..points {
        let net = Net::start(seed).map(|w| 3.0 * w);
        let by_hand = net.gradient_by_hand().flatten();
        let mut automatic = vec![0.0; by_hand.len()];
        step.call_into(&[&net.flatten(), &X, &Y], &mut [&mut [0.0], &mut automatic])?;
        worst = worst.max(common::largest_difference(&automatic, &by_hand));
    }
    println!("automatic and hand-written gradient differ by at most {worst:.1e} at {points} random points");
    assert!(worst <= 1e-12, "the gradients differ");

    let seeds = 0..20;
    let bar = ProgressBar::new(seeds.end);
    let mut trained = vec![];
    for seed in seeds {
        trained.push(train(&step, seed)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let table = |net: &Net<f64>| [0, 1, 2, 3].map(|row| net.output([X[2 * row], X[2 * row + 1]]));
    let learned = |net: &Net<f64>| table(net).iter().zip(Y).all(|(a, y)| (*a > 0.5) == (y == 1.0));
    let right = trained.iter().filter(|(net, _)| learned(net)).count();
    println!("descent at {RATE}, {STEPS} steps: {right} of {} starts learn the truth table\n", trained.len());

    let good = trained.iter().position(|(net, _)| learned(net)).ok_or("no start learned XOR")?;
    let bad = trained.iter().position(|(net, _)| !learned(net));
    println!("               0 xor 0   0 xor 1   1 xor 0   1 xor 1   loss");
    for (what, seed) in [("learned", Some(good)), ("stuck", bad)] {
        if let Some(seed) = seed {
            let (net, loss) = &trained[seed];
            let [a, b, c, d] = table(net);
            println!("{what:8} seed {seed}  {a:7.4}   {b:7.4}   {c:7.4}   {d:7.4}   {loss:.6}");
        }
    }
    println!();
    draw(&output.vmap("n", ["x"])?.compile()?, &trained, good, bad)
}

/// The network after training from a start, and its loss.
fn train(step: &Compiled, seed: u64) -> Outcome<(Net<f64>, f64)> {
    let net = Net::start(seed);
    let mut p = net.flatten();
    let (mut loss, mut gradient) = ([0.0], vec![0.0; p.len()]);
    let mut descent = Optimizer::new(Sgd::new(RATE), p.len());
    for _ in 0..STEPS {
        step.call_into(&[&p, &X, &Y], &mut [&mut loss, &mut gradient])?;
        descent.step(&mut p, &gradient)?;
    }
    Ok((net.refill(&p), loss[0]))
}

/// The output over the square, for the start that learned and for one that did not.
fn draw(output: &Compiled, trained: &[(Net<f64>, f64)], good: usize, bad: Option<usize>) -> Outcome {
    const CELLS: usize = 60;
    const LEVELS: f64 = 24.0;
    let at = |k: usize| -0.5 + 2.0 * (k as f64 + 0.5) / CELLS as f64;
    let points: Vec<f64> = (0..CELLS * CELLS).flat_map(|k| [at(k % CELLS), at(k / CELLS)]).collect();
    let panels: Vec<(usize, &str)> = [Some((good, "learned")), bad.map(|bad| (bad, "stuck"))].into_iter().flatten().collect();
    chart::picture("xor.svg", (375 * panels.len() as u32 + 110, 400), |root| {
        let (left, right) = root.split_horizontally(375 * panels.len() as u32);
        for (area, (seed, what)) in left.split_evenly((1, panels.len())).iter().zip(&panels) {
            let mut values = vec![0.0; CELLS * CELLS];
            output.call_into(&[&trained[*seed].0.flatten(), &points], &mut [&mut values])?;
            let mut chart = ChartBuilder::on(area)
                .caption(format!("seed {seed}: {what}"), ("sans-serif", 20))
                .margin(12)
                .x_label_area_size(42)
                .y_label_area_size(48)
                .build_cartesian_2d(-0.5..1.5, -0.5..1.5)?;
            chart
                .configure_mesh()
                .disable_mesh()
                .x_desc("x₁")
                .y_desc("x₂")
                .x_labels(5)
                .y_labels(5)
                .x_label_formatter(&|v| format!("{v}"))
                .y_label_formatter(&|v| format!("{v}"))
                .axis_desc_style(("sans-serif", 15))
                .label_style(("sans-serif", 13))
                .draw()?;
            // Level by level, neighbours in a row as one rectangle.
            // They overlap by a pixel, or the background shines through where a page scales the picture.
            let half = 1.0 / CELLS as f64 + 0.007;
            let levels: Vec<i32> = values.iter().map(|v| (LEVELS * v).round() as i32).collect();
            for level in 0..=LEVELS as i32 {
                let rows = points.chunks_exact(2 * CELLS).zip(levels.chunks_exact(CELLS));
                let runs = rows.flat_map(|(points, levels)| {
                    let cells: Vec<(&[f64], i32)> = points.chunks_exact(2).zip(levels.iter().copied()).collect();
                    let runs = cells.chunk_by(|a, b| a.1 == b.1).filter(|run| run[0].1 == level);
                    let ends = runs.map(|run| (run[0].0, run[run.len() - 1].0));
                    ends.map(|(from, to)| [(from[0] - half, from[1] - half), (to[0] + half, to[1] + half)]).collect::<Vec<_>>()
                });
                let fill = shade(f64::from(level) / LEVELS).filled();
                chart.draw_series(runs.map(|corners| Rectangle::new(corners, fill)))?;
            }
            for (x, y) in X.chunks_exact(2).zip(Y) {
                let fill = if y == 1.0 { chart::ORANGE } else { chart::BLUE };
                let at = (x[0], x[1]);
                chart.draw_series([Circle::new(at, 9, fill.filled()), Circle::new(at, 9, BLACK.stroke_width(2))])?;
                let style = ("sans-serif", 15).into_font().color(&BLACK);
                chart.draw_series([Text::new(format!("{y}"), (x[0] + 0.07, x[1] + 0.1), style)])?;
            }
        }
        // The scale.
        let right = right.margin(46, 40, 10, 10);
        let text = |text: &str, at| Text::new(text.to_owned(), at, ("sans-serif", 14).into_font().color(&BLACK));
        for k in 0..100i32 {
            let v = f64::from(k) / 99.0;
            right.draw(&Rectangle::new([(0, 283 - 26 * k / 10), (22, 286 - 26 * k / 10)], shade(v).filled()))?;
        }
        for v in [0.0, 0.5, 1.0] {
            right.draw(&text(&format!("{v}"), (30, 280 - (257.0 * v) as i32)))?;
        }
        right.draw(&text("output", (0, 0)))?;
        Ok(())
    })
}

/// From blue at 0 over white at 1/2, which is the decision, to orange at 1.
fn shade(v: f64) -> RGBColor {
    let end = if v < 0.5 { chart::BLUE } else { chart::ORANGE };
    let share = (2.0 * v - 1.0).abs();
    let mix = |c: u8| (255.0 + (f64::from(c) - 255.0) * share * 0.85) as u8;
    RGBColor(mix(end.0), mix(end.1), mix(end.2))
}
