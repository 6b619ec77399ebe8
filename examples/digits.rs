//! The main job: a network of one hidden layer learns to read 1,797 handwritten digits.
//!
//! Images of 8×8 pixels go through 64 → 32 → 10 units with ReLU, and cross-entropy tells how wrong the answer is. Loss,
//! gradient and the optimiser's update are traced into *one* function and compiled: a training step is one call, for whatever
//! number of rows. Everything is seeded, so every run prints the same numbers.
//!
//!     cargo run --release --example digits

mod common;

use common::chart::{BLUE, Chart, GREY, Mark, ORANGE, picture};
use common::{Outcome, Rng, in_repository, readable};
use indicatif::ProgressBar;
use plotters::prelude::*;
use std::io::Read as _;
use std::time::Instant;
use wengert::optim::{Momentum, Rule};
use wengert::{Expr, Function, Width, aux};

const PIXELS: usize = 64;
const HIDDEN: usize = 32;
const CLASSES: usize = 10;
const BATCH: usize = 64;
const EPOCHS: usize = 60;
const PARAMETERS: [&str; 4] = ["w1[64,32]", "b1[32]", "w2[32,10]", "b2[10]"];

/// Images, one after the other, and what they show.
#[derive(Default)]
struct Images {
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Images {
    fn len(&self) -> usize {
        self.y.len()
    }

    fn read() -> Outcome<Images> {
        let path = in_repository("data/digits.csv.gz");
        let file = std::fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
        let mut images = Images::default();
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: String| format!("{}, line {}: {what}", path.display(), number + 1);
            let fields: Result<Vec<f32>, _> = line.split(',').map(str::parse).collect();
            let fields = fields.map_err(|error| wrong(error.to_string()))?;
            let [pixels @ .., label] = &fields[..] else { return Err(wrong("nothing there".into()).into()) };
            if pixels.len() != PIXELS || !pixels.iter().all(|v| (0.0..=16.0).contains(v)) {
                return Err(wrong(format!("{} pixels, or one outside of 0 to 16", pixels.len())).into());
            }
            if label.fract() != 0.0 || !(0.0..CLASSES as f32).contains(label) {
                return Err(wrong(format!("{label} is no digit")).into());
            }
            images.x.extend(pixels.iter().map(|v| v / 16.0));
            images.y.push(*label);
        }
        if images.y.is_empty() { Err(format!("{} has no images", path.display()).into()) } else { Ok(images) }
    }

    fn pick(&self, rows: &[usize]) -> Images {
        let mut part = Images::default();
        for &row in rows {
            part.x.extend_from_slice(&self.x[row * PIXELS..(row + 1) * PIXELS]);
            part.y.push(self.y[row]);
        }
        part
    }
}

/// What the network answers to rows of images: a score per digit.
fn scores([w1, b1, w2, b2]: [Expr; 4], x: Expr) -> Expr {
    (x.matmul(w1) + b1).relu().matmul(w2) + b2
}

fn main() -> Outcome {
    let images = Images::read()?;
    let mut rng = Rng::new(1);
    let mut rows: Vec<usize> = (0..images.len()).collect();
    rng.shuffle(&mut rows);
    let (test_rows, train_rows) = rows.split_at(images.len() / 5);
    let (train, test) = (images.pick(train_rows), images.pick(test_rows));
    println!("{} images to learn from, {} to be tested on", train.len(), test.len());

    // The loss, and how many rows are answered right, which is not differentiated.
    let [w1, b1, w2, b2] = PARAMETERS;
    let loss = Function::trace_in(Width::F32, [w1, b1, w2, b2, "x[n,64]", "y[n]: index"], |[w1, b1, w2, b2, x, y]| {
        let (z, truth) = (scores([w1, b1, w2, b2], x), y.one_hot(CLASSES));
        let hits = (z.argmax(-1).one_hot(CLASSES) * truth).sum(..);
        (("loss", z.cross_entropy(truth).mean(..)), aux(("hits", hits)))
    })?;
    let gradient = loss.wrt(["w1", "b1", "w2", "b2"])?.value_and_grad()?;

    // One step: loss, gradient, and momentum's update of every parameter, as one function.
    let rule = Momentum { rate: 0.05, momentum: 0.9 };
    let velocities = PARAMETERS.map(|p| format!("v_{p}"));
    let inputs: Vec<&str> =
        PARAMETERS.into_iter().chain(velocities.iter().map(String::as_str)).chain(["x[n,64]", "y[n]: index"]).collect();
    let step = Function::trace_in(Width::F32, inputs, |v| {
        let results = gradient.eval(&[v[0], v[1], v[2], v[3], v[8], v[9]])?;
        let mut next = vec![("loss".to_string(), results[0]), ("hits".to_string(), results[1])];
        let updated: Vec<(Expr, [Expr; 1])> = (0..4).map(|k| rule.update(v[k], results[2 + k], [v[4 + k]], 1.0.into())).collect();
        next.extend(updated.iter().enumerate().map(|(k, (p, _))| (format!("p{k}"), *p)));
        next.extend(updated.iter().enumerate().map(|(k, (_, [v]))| (format!("q{k}"), *v)));
        Ok::<_, wengert::Error>(next)
    })?;
    let step = step.compile_arrays()?;
    let evaluate = loss.compile_arrays()?;
    let report = step.report();
    println!(
        "a training step is {} operations in {} native loops, compiled in {:.1} ms",
        report.operations,
        report.functions,
        report.compile_time.as_secs_f64() * 1e3
    );

    // He's initialisation (K. He et al., 2015), uniform; velocities start at 0.
    let lengths = [PIXELS * HIDDEN, HIDDEN, HIDDEN * CLASSES, CLASSES];
    let spread = [(6.0 / PIXELS as f64).sqrt(), 0.0, (6.0 / HIDDEN as f64).sqrt(), 0.0];
    let mut state: Vec<Vec<f32>> =
        lengths.iter().zip(spread).map(|(&n, s)| rng.vec(n, -s, s).into_iter().map(|v| v as f32).collect()).collect();
    state.extend(lengths.map(|n| vec![0.0; n]));
    let mut next = state.clone();

    let mut curve: Vec<[f64; 3]> = Vec::new();
    let bar = ProgressBar::new(EPOCHS as u64);
    let start = Instant::now();
    let mut training = 0.0;
    for epoch in 1..=EPOCHS {
        let mut order: Vec<usize> = (0..train.len()).collect();
        rng.shuffle(&mut order);
        let shuffled = train.pick(&order);
        let (mut total, begin) = (0.0, Instant::now());
        for (x, y) in shuffled.x.chunks(BATCH * PIXELS).zip(shuffled.y.chunks(BATCH)) {
            let (mut loss, mut hits) = ([0.0f32], [0.0f32]);
            let mut inputs: Vec<&[f32]> = state.iter().map(Vec::as_slice).collect();
            inputs.extend([x, y]);
            let mut outputs: Vec<&mut [f32]> = vec![&mut loss, &mut hits];
            outputs.extend(next.iter_mut().map(Vec::as_mut_slice));
            step.call_into(&inputs, &mut outputs)?;
            if !loss[0].is_finite() {
                return Err(format!("the loss is {} in epoch {epoch}", loss[0]).into());
            }
            std::mem::swap(&mut state, &mut next);
            total += loss[0] as f64 * y.len() as f64;
        }
        training += begin.elapsed().as_secs_f64();
        let (test_loss, hits) = measure(&evaluate, &state, &test)?;
        curve.push([total / train.len() as f64, test_loss, hits / test.len() as f64]);
        bar.inc(1);
        if epoch == 1 || epoch % 10 == 0 {
            let [train_loss, test_loss, accuracy] = curve[epoch - 1];
            bar.suspend(|| {
                println!(
                    "epoch {epoch:3}: loss {train_loss:.4}, on test images {test_loss:.4}; accuracy there {:.2} %",
                    100.0 * accuracy
                )
            });
        }
    }
    bar.finish_and_clear();
    println!(
        "{EPOCHS} epochs in {}; an epoch of training takes {}",
        readable(start.elapsed().as_secs_f64()),
        readable(training / EPOCHS as f64)
    );

    let accuracy = curve.last().map_or(0.0, |point| point[2]);
    println!("test accuracy: {:.2} %", 100.0 * accuracy);
    assert!(accuracy >= 0.96, "at least 96 % of the test images are read");

    pictures(&curve, &state, &test)
}

/// The mean loss and the number of right answers on images, with whatever rows there are.
fn measure(evaluate: &wengert::CompiledArrays, state: &[Vec<f32>], images: &Images) -> Outcome<(f64, f64)> {
    let (mut loss, mut hits) = ([0.0f32], [0.0f32]);
    let inputs = [&state[0][..], &state[1], &state[2], &state[3], &images.x, &images.y];
    evaluate.call_into(&inputs, &mut [&mut loss, &mut hits])?;
    Ok((loss[0] as f64, hits[0] as f64))
}

/// The loss over the epochs, who is taken for whom, and the digits that are misread.
fn pictures(curve: &[[f64; 3]], state: &[Vec<f32>], test: &Images) -> Outcome {
    let line = |k: usize| curve.iter().enumerate().map(move |(epoch, point)| (epoch as f64 + 1.0, point[k]));
    Chart::new("Learning to read digits", "epoch", "cross-entropy")
        .log(false, true)
        .add("training", BLUE, Mark::Line, line(0))
        .add("test", ORANGE, Mark::Line, line(1))
        .save("digits_loss.svg")?;

    let predict =
        Function::trace_in(Width::F32, ["w1[64,32]", "b1[32]", "w2[32,10]", "b2[10]", "x[n,64]"], |[w1, b1, w2, b2, x]| {
            scores([w1, b1, w2, b2], x).softmax(-1)
        })?;
    let mut p = vec![0.0f32; test.len() * CLASSES];
    predict.compile_arrays()?.call_into(&[&state[0], &state[1], &state[2], &state[3], &test.x], &mut [&mut p])?;
    let mut confusion = [[0usize; CLASSES]; CLASSES];
    let mut misread = Vec::new();
    for (row, p) in p.chunks(CLASSES).enumerate() {
        let best = (1..CLASSES).fold(0, |best, k| if p[k] > p[best] { k } else { best });
        let truth = test.y[row] as usize;
        confusion[truth][best] += 1;
        if best != truth {
            misread.push((row, truth, best, p[best]));
        }
    }
    picture("digits_confusion.svg", (560, 590), |area| {
        area.draw(&Text::new("Rows: the digit shown. Columns: the answer.", (60, 18), ("sans-serif", 18)))?;
        for (truth, row) in confusion.iter().enumerate() {
            area.draw(&Text::new(format!("{truth}"), (28, 74 + 50 * truth as i32), ("sans-serif", 20)))?;
            area.draw(&Text::new(format!("{truth}"), (76 + 50 * truth as i32, 40), ("sans-serif", 20)))?;
            for (answer, &count) in row.iter().enumerate() {
                let (x, y) = (60 + 50 * answer as i32, 60 + 50 * truth as i32);
                let share = count as f64 / row.iter().sum::<usize>().max(1) as f64;
                let colour = if truth == answer { BLUE.mix(share * 0.8) } else { ORANGE.mix((share * 8.0).min(1.0)) };
                area.draw(&Rectangle::new([(x, y), (x + 48, y + 48)], colour.filled()))?;
                area.draw(&Rectangle::new([(x, y), (x + 48, y + 48)], GREY.mix(0.3)))?;
                if count > 0 {
                    area.draw(&Text::new(format!("{count}"), (x + 14, y + 16), ("sans-serif", 17)))?;
                }
            }
        }
        Ok(())
    })?;
    let pages = misread.len().div_ceil(6).max(1) as u32;
    picture("digits_misread.svg", (660, 40 + 130 * pages), |area| {
        let title = format!("All {} test images that are misread (shown, answered with probability)", misread.len());
        area.draw(&Text::new(title, (16, 12), ("sans-serif", 17)))?;
        for (k, &(row, truth, answer, p)) in misread.iter().enumerate() {
            let (left, top) = (16 + 108 * (k % 6) as i32, 44 + 130 * (k / 6) as i32);
            for (pixel, &v) in test.x[row * PIXELS..(row + 1) * PIXELS].iter().enumerate() {
                let (x, y) = (left + 10 * (pixel % 8) as i32, top + 10 * (pixel / 8) as i32);
                let grey = (255.0 * (1.0 - v)) as u8;
                area.draw(&Rectangle::new([(x, y), (x + 10, y + 10)], RGBColor(grey, grey, grey).filled()))?;
            }
            area.draw(&Text::new(format!("{truth}, read {answer} ({p:.2})"), (left, top + 86), ("sans-serif", 14)))?;
        }
        Ok(())
    })
}
