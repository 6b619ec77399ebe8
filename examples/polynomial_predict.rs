//! Loads the model that the example `polynomial` saved, and predicts.
//!
//!     cargo run --release --example polynomial && cargo run --release --example polynomial_predict
//!     cargo run --release --example polynomial_predict -- 0.5 1.5      # at points of your own
//!
//! There is no code of the model here: the file has the function in its text form, which is parsed, compiled and called.

use common::{Outcome, made_by};
use wengert::io::Archive;

fn main() -> Outcome {
    let Some(archive) = made_by("polynomial", "polynomial.model", |path| Archive::load(path))? else { return Ok(()) };
    let (function, w) = (archive.function("function")?, archive.array::<f64>("w")?);
    println!("{}\n\n{function}\n", archive.text("about")?);
    let mut points = vec![];
    for arg in std::env::args().skip(1) {
        points.push(arg.parse::<f64>().map_err(|_| format!("`{arg}` is not a number"))?);
    }
    if points.is_empty() {
        points = vec![-1.0, 0.0, 0.5, 2.0];
    }

    // One native loop over all points; the slope at each comes with the prediction.
    let native = function.wrt(["x"])?.value_and_grad()?.vmap("n", ["x"])?.compile()?;
    let (mut y, mut slope) = (vec![0.0; points.len()], vec![0.0; points.len()]);
    let mut inputs: Vec<&[f64]> = w.data().chunks(1).collect();
    inputs.push(&points);
    native.call_into(&inputs, &mut [&mut y, &mut slope])?;
    println!("       x   prediction   x + 2x² + 3x³       slope");
    for ((x, y), slope) in points.iter().zip(&y).zip(&slope) {
        println!("{x:8.3}   {y:10.5}   {:13.5}   {slope:9.4}", x + 2.0 * x.powi(2) + 3.0 * x.powi(3));
        assert!(*x != 2.0 || (y - 34.0).abs() < 0.01, "the prediction at 2 is about 34");
    }
    Ok(())
}
