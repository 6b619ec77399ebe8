//! A network of one hidden layer that reads digits: pixels → hidden units with ReLU → a score per digit.

use super::{Outcome, images::CLASSES, images::Images};
use wengert::nn::{Data, Init, Params, Rng, Weights, cross_entropy, dense, hits};
use wengert::{Compiled, Expr, Function, Width, aux};

/// The parameters of a network before its training.
pub fn start(rng: &mut Rng, pixels: usize, hidden: usize) -> Outcome<Params<f32>> {
    let declarations = [
        (format!("w1[{pixels},{hidden}]"), Init::HeUniform),
        (format!("b1[{hidden}]"), Init::Zeros),
        (format!("w2[{hidden},{CLASSES}]"), Init::HeUniform),
        (format!("b2[{CLASSES}]"), Init::Zeros),
    ];
    Ok(Params::new(rng, declarations)?)
}

/// What the network answers to rows of images: a score per digit.
fn scores(p: &Weights, x: Expr) -> Expr {
    let hidden = dense(x, p["w1"], p["b1"]).relu();
    dense(hidden, p["w2"], p["b2"])
}

fn images(pixels: usize) -> String {
    format!("x[n,{pixels}]")
}

/// The loss, and how many rows are answered right, which is not differentiated.
pub fn loss(params: &Params<f32>, pixels: usize) -> Outcome<Function> {
    let inputs = (params, images(pixels), "y[n]: index");
    Ok(Function::trace_in(Width::F32, inputs, |(p, x, y)| {
        let scores = scores(&p, x);
        (("loss", cross_entropy(scores, y)), aux(("hits", hits(scores, y))))
    })?)
}

/// The answers to images: ten probabilities for each.
pub fn predict(params: &Params<f32>, images: &Images) -> Outcome<Vec<[f32; CLASSES]>> {
    let inputs = (params, self::images(images.pixels()));
    let native = Function::trace_in(Width::F32, inputs, |(p, x)| scores(&p, x).softmax(-1))?.compile()?;
    let mut answers = vec![[0.0; CLASSES]; images.len()];
    native.call_into(&params.inputs(&[&images.x]), &mut [answers.as_flattened_mut()])?;
    Ok(answers)
}

/// The mean loss on images, and the share of right answers, by the compiled loss.
pub fn measure(loss: &Compiled, params: &Params<f32>, images: &Images) -> Outcome<[f64; 2]> {
    let (mut loss_there, mut hits) = ([0.0f32], [0.0]);
    loss.call_into(&params.inputs(&[&images.x, &images.y]), &mut [&mut loss_there, &mut hits])?;
    Ok([loss_there[0] as f64, hits[0] as f64 / images.len() as f64])
}

/// Images as rows to learn from.
pub fn rows(images: &Images) -> Outcome<Data<'_, f32>> {
    Ok(Data::new().rows("x", &images.x, images.pixels())?.labels("y", &images.y, CLASSES)?)
}
