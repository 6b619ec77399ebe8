//! Loads the network that the example `mnist` saved, and reads ten test images with it.
//!
//!     cargo run --release --example mnist && cargo run --release --example mnist_predict
//!     cargo run --release --example mnist_predict -- 340 445       # test images of your own choice, counted from 0

use common::chart::{BLUE, GREY, ORANGE, picture};
use common::images::{Images, Part, draw};
use common::{Outcome, classifier::predict, made_by};
use plotters::prelude::*;
use wengert::io::Archive;
use wengert::nn::{Params, metrics::best};

fn main() -> Outcome {
    let Some(test) = Images::mnist(Part::Test)? else { return Ok(()) };
    let Some(archive) = made_by("mnist", "mnist.model", |path| Archive::load(path))? else { return Ok(()) };
    println!("{}", archive.text("about")?);
    let mut rows = vec![];
    for arg in std::env::args().skip(1) {
        match arg.parse() {
            Ok(row) if row < test.len() => rows.push(row),
            _ => return Err(format!("`{arg}` is not the number of a test image, 0 to {}", test.len() - 1).into()),
        }
    }
    if rows.is_empty() {
        // Five that are easy, and five that are not.
        rows = vec![0, 1, 2, 3, 4, 8, 33, 115, 247, 321];
    }

    let images = test.pick(&rows);
    let answers = predict(&Params::from_archive(&archive)?, &images)?;
    for (k, p) in answers.iter().enumerate() {
        let (truth, answer) = (images.y[k], best(p));
        println!("test image {:5} shows {truth}, read as {answer} with probability {:.4}", rows[k], p[answer]);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-4, "probabilities add up to 1");
    }

    let lines = images.len().div_ceil(5) as u32;
    picture("mnist_predict.svg", (860, 44 + 200 * lines), |area| {
        area.draw(&Text::new(
            "Test images, and how probable each digit is for the network (blue: the digit shown)",
            (16, 14),
            ("sans-serif", 18),
        ))?;
        for (k, p) in answers.iter().enumerate() {
            let (left, top) = (16 + 168 * (k % 5) as i32, 52 + 200 * (k / 5) as i32);
            draw(area, images.image(k), (left + 14, top), 3)?;
            area.draw(&Rectangle::new([(left + 14, top), (left + 98, top + 84)], GREY.mix(0.4)))?;
            let (truth, answer) = (images.y[k] as usize, best(p));
            let said = format!("{answer} ({:.1} %)", 100.0 * p[answer]);
            area.draw(&Text::new(said, (left + 14, top + 90), ("sans-serif", 16)))?;
            // Bars from 0 to 9: in blue that of the digit shown.
            for (digit, &p) in p.iter().enumerate() {
                let (x, foot) = (left + 14 * digit as i32, top + 168);
                let colour = if digit == truth { BLUE } else { ORANGE };
                area.draw(&Rectangle::new([(x, foot - (50.0 * p) as i32), (x + 12, foot)], colour.filled()))?;
                area.draw(&Text::new(format!("{digit}"), (x + 3, foot + 3), ("sans-serif", 12)))?;
            }
            area.draw(&PathElement::new([(left, top + 168), (left + 138, top + 168)], GREY))?;
        }
        Ok(())
    })
}
