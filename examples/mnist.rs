//! The network of `digits` on MNIST: 60,000 images of 28×28 pixels to learn from, 10,000 to be tested on.
//!
//! 784 → 128 → 10 units with ReLU, cross-entropy, Adam on batches of 64. The images are not in the repository:
//!
//!     tools/fetch-mnist
//!     cargo run --release --example mnist && cargo run --release --example mnist_predict

use common::classifier::{loss, measure, rows, start};
use common::images::{Images, Part};
use common::{Outcome, out_path, readable};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;
use wengert::io::Archive;
use wengert::nn::{Rng, Training};
use wengert::optim::Adam;

const HIDDEN: usize = 128;
const BATCH: usize = 64;
const EPOCHS: usize = 5;

fn main() -> Outcome {
    let Some(train) = Images::mnist(Part::Training)? else { return Ok(()) };
    let Some(test) = Images::mnist(Part::Test)? else { return Ok(()) };
    println!("{} images to learn from, {} to be tested on", train.len(), test.len());

    // The network and its loss are in common/classifier.rs.
    let params = start(&mut Rng::new(1), train.pixels(), HIDDEN)?;
    let loss = loss(&params, train.pixels())?;
    let mut training = Training::new(&loss, params, Adam::new(1e-3))?;
    let batches = rows(&train)?.batches(BATCH)?.shuffled(1);
    let native_loss = loss.compile()?;
    println!("{} parameters; a training step is {} operations", training.params().count(), training.report().operations);

    let style = ProgressStyle::with_template("epoch {msg} {wide_bar} {pos}/{len} images, {eta} left")?;
    let bar = ProgressBar::new(train.len() as u64).with_style(style);
    let mut accuracy = 0.0;
    for epoch in 1..=EPOCHS {
        bar.reset();
        bar.set_message(format!("{epoch}/{EPOCHS}"));
        let begin = Instant::now();
        let mean = training.run(batches.epoch(epoch as u64).inspect(|batch| bar.inc(batch.rows as u64)))?;
        let seconds = begin.elapsed().as_secs_f64();
        let test_loss;
        [test_loss, accuracy] = measure(&native_loss, training.params(), &test)?;
        bar.suspend(|| {
            println!(
                "epoch {epoch}: loss {mean:.4}, on test images {test_loss:.4}; accuracy there {:.2} %; {} of training",
                100.0 * accuracy,
                readable(seconds)
            )
        });
    }
    bar.finish_and_clear();
    assert!(accuracy >= 0.97, "at least 97 % of the test images are read");

    let about =
        format!("784 → {HIDDEN} → 10 on MNIST: Adam, {EPOCHS} epochs, {:.2} % of the test images right", 100.0 * accuracy);
    let mut archive = Archive::new();
    training.params().put_into(archive.put_text("about", &about));
    archive.save(out_path("mnist.model")?)?;
    println!("wrote out/mnist.model");
    Ok(())
}
