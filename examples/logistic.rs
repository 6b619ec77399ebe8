//! Logistic regression on real data, trained by native code that is compiled from the derivative of one line of mathematics.
//!
//!     cargo run --release --example logistic                 # the data that ship with the repository
//!     cargo run --release --example logistic -- my.csv       # data of your own in the same form, of two classes
//!
//! The loss is written once, generic over `Real`. The same training is then run four times: by native code, by the
//! interpreter, by dual numbers, and with a gradient written by hand. All four must arrive at the same weights.

use common::{Outcome, Table, chart, chart::Chart, chart::Mark};
use indicatif::ProgressBar;
use std::time::Instant;
use wengert::nn::{Data, Rng};
use wengert::optim::{Optimizer, Sgd};
use wengert::{Function, Options, Real, Structure, dual, like};

const EPOCHS: usize = 60;
const BATCH: usize = 32;
const RATE: f64 = 0.1;
const SEED: u64 = 1;

/// The parameters: a weight per feature, and a bias.
#[derive(Structure)]
struct Model<T> {
    weights: Vec<T>,
    bias: T,
}

impl<T: Real> Model<T> {
    /// z = w·x + b; the model says "benign" with the probability sigmoid(z).
    fn logit(&self, x: &[T]) -> T {
        self.weights.iter().zip(x).map(|(&w, &x)| w * x).sum::<T>() + self.bias
    }

    /// Minus the logarithm of the probability of the class y, 0 or 1. Softplus does not overflow, however sure the model is.
    fn loss(&self, x: &[T], y: T) -> T {
        let z = self.logit(x);
        z.softplus() - y * z
    }
}

/// Rows as the row loop reads them: one after the other in one slice.
#[derive(Clone, Default)]
struct Rows {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Rows {
    fn len(&self) -> usize {
        self.y.len()
    }

    /// In batches, every epoch in a new order.
    fn epoch(&self, features: usize, number: u64) -> Outcome<Vec<Rows>> {
        let data = Data::new().rows("x", &self.x, features)?.rows("y", &self.y, 1)?;
        let batches = data.batches(BATCH)?.shuffled(SEED);
        let rows = |columns: [Vec<f64>; 2]| {
            let [x, y] = columns;
            Rows { x, y }
        };
        Ok(batches.epoch(number).map(|batch| rows(batch.columns.try_into().expect("x and y"))).collect())
    }
}

fn main() -> Outcome {
    let path = std::env::args().nth(1).map_or_else(|| common::in_repository("data/breast_cancer.csv"), Into::into);
    let table = Table::read(&path)?;
    if table.class_names.len() != 2 {
        return Err(format!("{}: {} classes, where two are needed", path.display(), table.class_names.len()).into());
    }
    let features = table.columns;
    let (train, test) = split_and_scale(&table)?;
    println!("{} rows to train on, {} to test on, {features} features each", train.len(), test.len());

    // 1. Trace the loss of one row, differentiate it with respect to the model, and map it over the rows of a batch.
    let start = Model { weights: vec![0.0; features], bias: 0.0 };
    let inputs = (("model", like(&start)), ("x", features), "y");
    let loss = Function::trace(inputs, |(model, x, y)| ("loss", model.loss(&x, y)))?;
    let step = loss.wrt(["model"])?.value_and_grad()?.vmap("n", ["x", "y"])?.mean("n")?;
    let (native, interpreted) = (step.compile()?, step.compile_with(Options::new().interpreted(true))?);
    println!("the loss of a row:          {}", loss.cost());
    println!("with its gradient, native:  {}\n", native.report());

    // 2. Train. What computes the gradient is a closure; all else is the same for every engine.
    let mean_loss_of = loss.vmap("n", ["x", "y"])?.mean("n")?.compile()?;
    let mean_loss = |p: &[f64], rows: &Rows| -> Outcome<f64> {
        let mut loss = [0.0];
        mean_loss_of.call_into(&[p, &rows.x, &rows.y], &mut [&mut loss])?;
        Ok(loss[0])
    };
    let zeros = start.flatten();
    let (mut on_train, mut on_test) = (vec![mean_loss(&zeros, &train)?], vec![mean_loss(&zeros, &test)?]);
    let bar = ProgressBar::new(EPOCHS as u64);
    let mut by_native = |p: &[f64], rows: &Rows, g: &mut [f64]| -> Outcome {
        native.call_into(&[p, &rows.x, &rows.y], &mut [&mut [0.0], g])?;
        Ok(())
    };
    let parameters = train_with(&train, features, &mut by_native, |p| {
        on_train.push(mean_loss(p, &train)?);
        on_test.push(mean_loss(p, &test)?);
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();

    println!("epoch   loss (training)   loss (test)");
    for epoch in [0, 1, 2, 5, 10, 20, 40, EPOCHS] {
        println!("{epoch:5}   {:15.5}   {:11.5}", on_train[epoch], on_test[epoch]);
    }
    let model = start.refill(&parameters);
    let right = |rows: &Rows| {
        let right = rows.x.chunks_exact(features).zip(&rows.y).filter(|(x, y)| (model.logit(x) > 0.0) == (**y == 1.0));
        right.count()
    };
    let accuracy = right(&test) as f64 / test.len() as f64;
    println!("accuracy: {:.1} % on training rows", 100.0 * right(&train) as f64 / train.len() as f64);
    println!("          {:.1} % on test rows ({} of {})\n", 100.0 * accuracy, right(&test), test.len());

    // 3. The same training by other means.
    println!("{:36} {:>14} {:>10}   largest difference of a weight", "the gradient by", "an epoch takes", "of native");
    let mut baseline = None;
    let mut compare = |name: &str, gradient: &mut Gradient| -> Outcome {
        let time = time_epoch(&train, features, gradient)?;
        let other = train_with(&train, features, gradient, |_| Ok(()))?;
        let difference = common::largest_difference(&parameters, &other);
        let times = time / *baseline.get_or_insert(time);
        println!("{name:36} {:>14} {times:>9.1}×   {difference:.1e}", common::readable(time));
        assert!(difference < 1e-9, "{name}: the weights differ by {difference}");
        Ok(())
    };
    compare("native code (reverse mode)", &mut by_native)?;
    compare("interpreter (reverse mode)", &mut |p, rows, g| {
        interpreted.call_into(&[p, &rows.x, &rows.y], &mut [&mut [0.0], g])?;
        Ok(())
    })?;
    compare("dual numbers (forward, 8 at a time)", &mut dual_gradient)?;
    compare("hand-written Rust", &mut hand_written)?;
    println!();

    let epochs = |values: &[f64]| values.iter().enumerate().map(|(k, &v)| (k as f64, v)).collect::<Vec<_>>();
    Chart::new("Logistic regression: mean loss over the epochs", "epoch", "mean loss")
        .log(false, true)
        .add("training rows", chart::BLUE, Mark::Line, epochs(&on_train))
        .add("test rows", chart::ORANGE, Mark::Line, epochs(&on_test))
        .save("logistic_loss.svg")?;
    if path.ends_with("data/breast_cancer.csv") {
        assert!(accuracy >= 0.95, "the test accuracy is below 95 %");
    }
    Ok(())
}

/// Writes the mean gradient over some rows, given the parameters.
type Gradient<'a> = dyn FnMut(&[f64], &Rows, &mut [f64]) -> Outcome + 'a;

/// Four rows in five to train on, the rest to test on; every feature scaled to mean 0 and deviation 1 over the training
/// rows (the test rows must not tell the model anything, not even their mean).
fn split_and_scale(table: &Table) -> Outcome<(Rows, Rows)> {
    let mut order: Vec<usize> = (0..table.x.len()).collect();
    Rng::new(SEED).shuffle(&mut order);
    let (train, test) = order.split_at(order.len() * 4 / 5);
    if train.is_empty() || test.is_empty() {
        return Err(format!("{} rows are too few to split", order.len()).into());
    }
    let moments: Vec<(f64, f64)> = (0..table.columns)
        .map(|k| {
            let column = || train.iter().map(|&row| table.x[row][k]);
            let mean = column().sum::<f64>() / train.len() as f64;
            let variance = column().map(|v| (v - mean).powi(2)).sum::<f64>() / train.len() as f64;
            // A feature that never changes tells nothing; it becomes 0.
            (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
        })
        .collect();
    let rows = |part: &[usize]| {
        let scaled = part.iter().flat_map(|&row| table.x[row].iter().zip(&moments).map(|(v, (mean, sd))| (v - mean) / sd));
        Rows { x: scaled.collect(), y: part.iter().map(|&row| table.class[row] as f64).collect() }
    };
    Ok((rows(train), rows(test)))
}

/// Minibatch descent from zero: every epoch visits the rows once, in a new order.
fn train_with(
    rows: &Rows,
    features: usize,
    gradient: &mut Gradient,
    mut after_epoch: impl FnMut(&[f64]) -> Outcome,
) -> Outcome<Vec<f64>> {
    let (mut p, mut g) = (vec![0.0; features + 1], vec![0.0; features + 1]);
    let mut descent = Optimizer::new(Sgd::new(RATE), p.len());
    for epoch in 0..EPOCHS {
        for batch in rows.epoch(features, epoch as u64)? {
            gradient(&p, &batch, &mut g)?;
            descent.step(&mut p, &g)?;
        }
        after_epoch(&p)?;
    }
    Ok(p)
}

/// Seconds for the steps of one epoch, the batches being at hand; the fastest of several epochs.
fn time_epoch(rows: &Rows, features: usize, gradient: &mut Gradient) -> Outcome<f64> {
    let batches = rows.epoch(features, 0)?;
    let (mut p, mut g) = (vec![0.0; features + 1], vec![0.0; features + 1]);
    let mut descent = Optimizer::new(Sgd::new(RATE), p.len());
    let mut best = f64::INFINITY;
    for _ in 0..EPOCHS {
        let start = Instant::now();
        for batch in &batches {
            gradient(&p, batch, &mut g)?;
            descent.step(&mut p, &g)?;
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// The same generic loss on dual numbers: one run of the batch for every eight parameters.
fn dual_gradient(p: &[f64], rows: &Rows, g: &mut [f64]) -> Outcome {
    let features = p.len() - 1;
    dual::gradient_into(|p| loss_over(p, rows, features), p, g)?;
    Ok(())
}

fn loss_over<T: Real>(p: &[T], rows: &Rows, features: usize) -> T {
    let model = Model { weights: p[..features].to_vec(), bias: p[features] };
    let lift = |v: &[f64]| v.iter().map(|&v| T::lit(v)).collect::<Vec<T>>();
    let losses = rows.x.chunks_exact(features).zip(&rows.y).map(|(x, &y)| model.loss(&lift(x), T::lit(y)));
    losses.sum::<T>() / T::lit(rows.len() as f64)
}

/// What one would write by hand: ∂loss/∂z = sigmoid(z) − y, times ∂z/∂w = x.
fn hand_written(p: &[f64], rows: &Rows, g: &mut [f64]) -> Outcome {
    let (weights, bias) = p.split_at(p.len() - 1);
    g.fill(0.0);
    let (dw, db) = g.split_at_mut(weights.len());
    for (x, y) in rows.x.chunks_exact(weights.len()).zip(&rows.y) {
        let z = weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias[0];
        let dz = 1.0 / (1.0 + (-z).exp()) - y;
        dw.iter_mut().zip(x).for_each(|(dw, x)| *dw += dz * x);
        db[0] += dz;
    }
    g.iter_mut().for_each(|g| *g /= rows.len() as f64);
    Ok(())
}
