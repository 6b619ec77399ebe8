//! An autoencoder squeezes images of digits through a few numbers, and learns to get the images back.
//!
//! 64 → 32 → 2 → 32 → 64 units with ReLU between, a sigmoid at the end, trained with Adam on the 1,797 digits that ship with
//! the repository (with 128 hidden units on MNIST); nobody tells it which digit is which. With two numbers the images can be
//! laid out on a plane; eight keep more of them.
//!
//!     cargo run --release --example autoencoder
//!     cargo run --release --example autoencoder -- --mnist      # on MNIST, if tools/fetch-mnist was run; about a minute

use common::chart::{Chart, Mark, picture};
use common::images::{CLASSES, Images, Part, draw};
use common::{Outcome, readable};
use indicatif::ProgressBar;
use plotters::prelude::*;
use std::time::Instant;
use wengert::nn::{Data, Init, Params, Rng, Training, Weights, dense, mse};
use wengert::optim::Adam;
use wengert::{Expr, Function, Width};

const BATCH: usize = 64;
/// A colour per digit.
const COLOURS: [RGBColor; CLASSES] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(60, 60, 60),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
];

/// The sizes, and how long to train.
#[derive(Copy, Clone)]
struct Task {
    pixels: usize,
    hidden: usize,
    latent: usize,
    epochs: usize,
}

impl Task {
    /// Weights and biases of four layers.
    fn start(self) -> Outcome<Params<f32>> {
        let layers = [
            ("encoder.1", self.pixels, self.hidden),
            ("encoder.2", self.hidden, self.latent),
            ("decoder.1", self.latent, self.hidden),
            ("decoder.2", self.hidden, self.pixels),
        ];
        let layer = |(name, from, to): (&str, usize, usize)| {
            [(format!("{name}.w[{from},{to}]"), Init::HeUniform), (format!("{name}.b[{to}]"), Init::Zeros)]
        };
        Ok(Params::new(&mut Rng::new(1), layers.into_iter().flat_map(layer))?)
    }

    fn images(self) -> String {
        format!("x[n,{}]", self.pixels)
    }

    /// Images to a few numbers each, and those to images.
    fn apply(p: &Weights, x: Expr) -> (Expr, Expr) {
        let layer = |x: Expr, name: &str| dense(x, p.at(name)["w"], p.at(name)["b"]);
        let code = layer(layer(x, "encoder.1").relu(), "encoder.2");
        (code, layer(layer(code, "decoder.1").relu(), "decoder.2").sigmoid())
    }

    /// Trains from a seed on. Gives the parameters and the loss of each epoch.
    fn train(self, images: &Images) -> Outcome<(Params<f32>, Vec<f64>)> {
        let params = self.start()?;
        let inputs = (&params, self.images());
        let loss = Function::trace_in(Width::F32, inputs, |(p, x)| mse(Task::apply(&p, x).1, x))?;
        let mut training = Training::new(&loss, params, Adam::new(2e-3))?;
        let batches = Data::new().rows("x", &images.x, self.pixels)?.batches(BATCH)?.shuffled(1);
        let bar = ProgressBar::new((self.epochs * images.len()) as u64);
        let begin = Instant::now();
        let mut losses = vec![];
        for epoch in 0..self.epochs {
            losses.push(training.run(batches.epoch(epoch as u64).inspect(|batch| bar.inc(batch.rows as u64)))?);
        }
        bar.finish_and_clear();
        println!(
            "{} numbers for an image: mean squared error of a pixel {:.5} after epoch 1, {:.5} after {}, in {}",
            self.latent,
            losses[0],
            losses[self.epochs - 1],
            self.epochs,
            readable(begin.elapsed().as_secs_f64())
        );
        Ok((training.into_params(), losses))
    }

    /// The numbers that stand for each image, and what comes back of it.
    fn code_and_decode(self, params: &Params<f32>, images: &Images) -> Outcome<[Vec<f32>; 2]> {
        let inputs = (params, self.images());
        let both = Function::trace_in(Width::F32, inputs, |(p, x)| Task::apply(&p, x))?.compile()?;
        let (mut code, mut decoded) = (vec![0.0; images.len() * self.latent], vec![0.0; images.x.len()]);
        both.call_into(&params.inputs(&[&images.x]), &mut [&mut code, &mut decoded])?;
        Ok([code, decoded])
    }
}

fn main() -> Outcome {
    let mnist = std::env::args().any(|arg| arg == "--mnist");
    let images = if mnist {
        let Some(images) = Images::mnist(Part::Training)? else { return Ok(()) };
        images
    } else {
        Images::digits()?
    };
    // The shares of the variance that must be explained at least are well below what comes out.
    let (hidden, epochs, shares) = if mnist { (128, 5, [0.28, 0.6]) } else { (32, 150, [0.45, 0.75]) };
    let plane = Task { pixels: images.pixels(), hidden, latent: 2, epochs };
    let roomy = Task { latent: 8, ..plane };

    // What the mean image would give for every image, to compare with.
    let mean: Vec<f32> = (0..images.pixels())
        .map(|pixel| images.x.iter().skip(pixel).step_by(images.pixels()).sum::<f32>() / images.len() as f32)
        .collect();
    let square = |(k, v): (usize, &f32)| f64::from(v - mean[k % mean.len()]).powi(2);
    let variance = images.x.iter().enumerate().map(square).sum::<f64>() / images.x.len() as f64;
    println!("{} images; the mean image as the answer to all has the error {variance:.5}", images.len());

    let (plane_parameters, plane_losses) = plane.train(&images)?;
    let (roomy_parameters, roomy_losses) = roomy.train(&images)?;
    let explained = [&plane_losses, &roomy_losses].map(|losses| 1.0 - losses[epochs - 1] / variance);
    println!("they explain {:.0} % and {:.0} % of the variance", 100.0 * explained[0], 100.0 * explained[1]);
    assert!(explained[0] >= shares[0], "two numbers explain {:.0} % of the images", 100.0 * shares[0]);
    assert!(explained[1] >= shares[1], "eight numbers explain {:.0} %", 100.0 * shares[1]);

    let line = |losses: &[f64]| losses.iter().enumerate().map(|(k, &loss)| (k as f64 + 1.0, loss)).collect::<Vec<_>>();
    Chart::new("Learning to get an image back", "epoch", "mean squared error of a pixel")
        .add("2 numbers for an image", common::chart::ORANGE, Mark::Line, line(&plane_losses))
        .add("8 numbers for an image", common::chart::BLUE, Mark::Line, line(&roomy_losses))
        .save("autoencoder_loss.svg")?;

    // The first image of each digit.
    let rows: Vec<usize> = (0..CLASSES).filter_map(|digit| images.y.iter().position(|&y| y as usize == digit)).collect();
    let chosen = images.pick(&rows);
    let [_, by_two] = plane.code_and_decode(&plane_parameters, &chosen)?;
    let [_, by_eight] = roomy.code_and_decode(&roomy_parameters, &chosen)?;
    let dots = 64 / images.side as i32;
    picture("autoencoder_images.svg", (860, 300), |area| {
        let lines = [("original", &chosen.x), ("from 2 numbers", &by_two), ("from 8 numbers", &by_eight)];
        for (k, (what, x)) in lines.into_iter().enumerate() {
            let top = 20 + 92 * k as i32;
            area.draw(&Text::new(what, (16, top + 24), ("sans-serif", 15)))?;
            for (column, image) in x.chunks(images.pixels()).enumerate() {
                let (left, width) = (130 + 72 * column as i32, dots * images.side as i32);
                draw(area, image, (left, top), dots)?;
                area.draw(&Rectangle::new([(left, top), (left + width, top + width)], BLACK.mix(0.2)))?;
            }
        }
        Ok(())
    })?;

    // Up to 1,797 dots: more would hide each other.
    let shown = images.pick(&(0..images.len().min(1797)).collect::<Vec<_>>());
    let [codes, _] = plane.code_and_decode(&plane_parameters, &shown)?;
    let mut chart =
        Chart::new("Where the digits lie on the plane", "first number", "second number").legend(SeriesLabelPosition::LowerRight);
    for (digit, colour) in COLOURS.into_iter().enumerate() {
        let points = codes.chunks(2).zip(&shown.y).filter(|(_, y)| **y as usize == digit);
        chart = chart.add(&format!("{digit}"), colour, Mark::Dots, points.map(|(p, _)| (p[0] as f64, p[1] as f64)));
    }
    chart.save("autoencoder_plane.svg")
}
