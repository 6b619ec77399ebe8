//! The main job: a network of one hidden layer learns to read 1,797 handwritten digits.
//!
//! Images of 8×8 pixels go through 64 → 32 → 10 units with ReLU, and cross-entropy tells how wrong the answer is. Loss,
//! gradient and the optimiser's update are traced into *one* function and compiled: a training step is one call, for whatever
//! number of rows. Everything is seeded, so every run prints the same numbers.
//!
//!     cargo run --release --example digits

use common::chart::{BLUE, Chart, GREY, Mark, ORANGE, picture};
use common::classifier::{loss, measure, predict, rows, start};
use common::images::{CLASSES, Images, draw};
use common::{Outcome, readable, tell};
use indicatif::ProgressBar;
use plotters::prelude::*;
use std::time::Instant;
use wengert::nn::{Rng, Training, metrics::Confusion, metrics::best};
use wengert::optim::Momentum;

const HIDDEN: usize = 32;
const BATCH: usize = 64;
const EPOCHS: usize = 60;

fn main() -> Outcome {
    let images = Images::digits()?;
    let mut rng = Rng::new(1);
    let mut order: Vec<usize> = (0..images.len()).collect();
    rng.shuffle(&mut order);
    let (test_rows, train_rows) = order.split_at(images.len() / 5);
    let (train, test) = (images.pick(train_rows), images.pick(test_rows));
    println!("{} images to learn from, {} to be tested on", train.len(), test.len());

    // The network and its loss are in common/classifier.rs.
    let params = start(&mut rng, train.pixels(), HIDDEN)?;
    let loss = loss(&params, train.pixels())?;
    let mut training = Training::new(&loss, params, Momentum { rate: 0.05, momentum: 0.9 })?;
    let batches = rows(&train)?.batches(BATCH)?.shuffled(1);
    let loss = loss.compile()?;
    tell(&training.report());

    let mut curve: Vec<[f64; 3]> = Vec::new();
    let bar = ProgressBar::new(EPOCHS as u64);
    let begin = Instant::now();
    let mut seconds = 0.0;
    for epoch in 1..=EPOCHS {
        let start = Instant::now();
        let mean = training.run(batches.epoch(epoch as u64))?;
        seconds += start.elapsed().as_secs_f64();
        let [test_loss, accuracy] = measure(&loss, training.params(), &test)?;
        curve.push([mean, test_loss, accuracy]);
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
        readable(begin.elapsed().as_secs_f64()),
        readable(seconds / EPOCHS as f64)
    );

    let accuracy = curve.last().map_or(0.0, |point| point[2]);
    println!("test accuracy: {:.2} %", 100.0 * accuracy);
    assert!(accuracy >= 0.96, "at least 96 % of the test images are read");

    pictures(&curve, &test, &predict(training.params(), &test)?)
}

/// The loss over the epochs, who is taken for whom, and the digits that are misread.
fn pictures(curve: &[[f64; 3]], test: &Images, answers: &[[f32; CLASSES]]) -> Outcome {
    let line = |k: usize| curve.iter().enumerate().map(move |(epoch, point)| (epoch as f64 + 1.0, point[k]));
    Chart::new("Learning to read digits", "epoch", "cross-entropy")
        .log(false, true)
        .add("training", BLUE, Mark::Line, line(0))
        .add("test", ORANGE, Mark::Line, line(1))
        .save("digits_loss.svg")?;

    let read: Vec<f32> = answers.iter().map(|p| best(p) as f32).collect();
    let confusion = Confusion::new(&read, &test.y, CLASSES)?;
    let wrong = (0..test.len()).filter(|&row| read[row] != test.y[row]);
    let misread: Vec<_> = wrong.map(|row| (row, test.y[row], read[row], answers[row][best(&answers[row])])).collect();
    picture("digits_confusion.svg", (560, 590), |area| {
        area.draw(&Text::new("Rows: the digit shown. Columns: the answer.", (60, 18), ("sans-serif", 18)))?;
        for truth in 0..CLASSES {
            area.draw(&Text::new(format!("{truth}"), (28, 74 + 50 * truth as i32), ("sans-serif", 20)))?;
            area.draw(&Text::new(format!("{truth}"), (76 + 50 * truth as i32, 40), ("sans-serif", 20)))?;
            let shown: usize = (0..CLASSES).map(|answer| confusion.count(truth, answer)).sum();
            for answer in 0..CLASSES {
                let count = confusion.count(truth, answer);
                let (x, y) = (60 + 50 * answer as i32, 60 + 50 * truth as i32);
                let share = count as f64 / shown.max(1) as f64;
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
            draw(area, test.image(row), (left, top), 10)?;
            area.draw(&Text::new(format!("{truth}, read {answer} ({p:.2})"), (left, top + 86), ("sans-serif", 14)))?;
        }
        Ok(())
    })
}
