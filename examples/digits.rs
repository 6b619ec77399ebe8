//! The main job: a network of one hidden layer learns to read 1,797 handwritten digits.
//!
//! Images of 8×8 pixels go through 64 → 32 → 10 units with ReLU, and cross-entropy tells how wrong the answer is. Loss,
//! gradient and the optimiser's update are traced into *one* function and compiled: a training step is one call, for whatever
//! number of rows. Everything is seeded, so every run prints the same numbers.
//!
//!     cargo run --release --example digits

mod common;

use common::chart::{BLUE, Chart, GREY, Mark, ORANGE, picture};
use common::classifier::{Network, best, measure};
use common::images::{CLASSES, Images, draw};
use common::training::{Trainer, start};
use common::{Outcome, Rng, readable};
use indicatif::ProgressBar;
use plotters::prelude::*;
use std::time::Instant;
use wengert::optim::Momentum;

const HIDDEN: usize = 32;
const BATCH: usize = 64;
const EPOCHS: usize = 60;

fn main() -> Outcome {
    let images = Images::digits()?;
    let mut rng = Rng::new(1);
    let mut rows: Vec<usize> = (0..images.len()).collect();
    rng.shuffle(&mut rows);
    let (test_rows, train_rows) = rows.split_at(images.len() / 5);
    let (train, test) = (images.pick(train_rows), images.pick(test_rows));
    println!("{} images to learn from, {} to be tested on", train.len(), test.len());

    // The network and its loss are in common/classifier.rs; how loss, gradient and update become one function, in
    // common/training.rs.
    let network = Network { pixels: train.pixels(), hidden: HIDDEN };
    let loss = network.loss()?;
    let parameters = start(&loss, Network::PARAMETERS, &mut rng)?;
    let mut trainer = Trainer::new(&loss, parameters, Momentum { rate: 0.05, momentum: 0.9 })?;
    let loss = loss.compile_arrays()?;
    let report = trainer.report();
    println!(
        "a training step is {} operations in {} native loops, compiled in {:.1} ms",
        report.operations,
        report.functions,
        report.compile_time.as_secs_f64() * 1e3
    );

    let mut curve: Vec<[f64; 3]> = Vec::new();
    let bar = ProgressBar::new(EPOCHS as u64);
    let begin = Instant::now();
    let mut training = 0.0;
    for epoch in 1..=EPOCHS {
        let start = Instant::now();
        let mean = trainer.epoch(&[&train.x, &train.y], train.len(), BATCH, &mut rng, |_| ())?;
        training += start.elapsed().as_secs_f64();
        let [test_loss, accuracy] = measure(&loss, trainer.parameters(), &test)?;
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
        readable(training / EPOCHS as f64)
    );

    let accuracy = curve.last().map_or(0.0, |point| point[2]);
    println!("test accuracy: {:.2} %", 100.0 * accuracy);
    assert!(accuracy >= 0.96, "at least 96 % of the test images are read");

    pictures(&curve, &test, &network.predict(trainer.parameters(), &test)?)
}

/// The loss over the epochs, who is taken for whom, and the digits that are misread.
fn pictures(curve: &[[f64; 3]], test: &Images, answers: &[[f32; CLASSES]]) -> Outcome {
    let line = |k: usize| curve.iter().enumerate().map(move |(epoch, point)| (epoch as f64 + 1.0, point[k]));
    Chart::new("Learning to read digits", "epoch", "cross-entropy")
        .log(false, true)
        .add("training", BLUE, Mark::Line, line(0))
        .add("test", ORANGE, Mark::Line, line(1))
        .save("digits_loss.svg")?;

    let mut confusion = [[0usize; CLASSES]; CLASSES];
    let mut misread = Vec::new();
    for (row, p) in answers.iter().enumerate() {
        let best = best(p);
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
            draw(area, test.image(row), (left, top), 10)?;
            area.draw(&Text::new(format!("{truth}, read {answer} ({p:.2})"), (left, top + 86), ("sans-serif", 14)))?;
        }
        Ok(())
    })
}
