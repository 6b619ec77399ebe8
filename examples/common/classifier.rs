//! A network of one hidden layer that reads digits: pixels → hidden units with ReLU → a score per digit.

use super::{Outcome, images::CLASSES, images::Images, training};
use wengert::{CompiledArrays, Expr, Function, Width, aux};

/// The sizes of a network.
#[derive(Copy, Clone)]
pub struct Network {
    pub pixels: usize,
    pub hidden: usize,
}

impl Network {
    /// How many of the functions' inputs are parameters.
    pub const PARAMETERS: usize = 4;

    /// The inputs of a function of this network: parameters, images, and more.
    fn inputs(self, more: &[&str]) -> Vec<String> {
        let Network { pixels, hidden } = self;
        let mut all = vec![
            format!("w1[{pixels},{hidden}]"),
            format!("b1[{hidden}]"),
            format!("w2[{hidden},{CLASSES}]"),
            format!("b2[{CLASSES}]"),
            format!("x[n,{pixels}]"),
        ];
        all.extend(more.iter().map(|&name| name.to_owned()));
        all
    }

    /// What the network answers to rows of images: a score per digit.
    fn scores(v: &[Expr]) -> Expr {
        let [w1, b1, w2, b2, x] = *v else { unreachable!("inputs() has five of them") };
        (x.matmul(w1) + b1).relu().matmul(w2) + b2
    }

    /// The loss, and how many rows are answered right, which is not differentiated.
    pub fn loss(self) -> Outcome<Function> {
        Ok(Function::trace_in(Width::F32, self.inputs(&["y[n]: index"]), |v| {
            let (scores, truth) = (Network::scores(&v[..5]), v[5].one_hot(CLASSES));
            let hits = (scores.argmax(-1).one_hot(CLASSES) * truth).sum(..);
            (("loss", scores.cross_entropy(truth).mean(..)), aux(("hits", hits)))
        })?)
    }

    /// How probable each digit is for each image.
    pub fn probabilities(self) -> Outcome<Function> {
        Ok(Function::trace_in(Width::F32, self.inputs(&[]), |v| Network::scores(&v).softmax(-1))?)
    }

    /// The answers to images: ten probabilities for each.
    pub fn predict(self, parameters: &[Vec<f32>], images: &Images) -> Outcome<Vec<[f32; CLASSES]>> {
        let native = self.probabilities()?.compile_arrays()?;
        let [p] = training::call(&native, parameters, &[&images.x], [images.len() * CLASSES])?;
        Ok(p.as_chunks().0.to_vec())
    }
}

/// The mean loss on images, and the share of right answers, by the compiled loss.
pub fn measure(loss: &CompiledArrays, parameters: &[Vec<f32>], images: &Images) -> Outcome<[f64; 2]> {
    let [loss, hits] = training::call(loss, parameters, &[&images.x, &images.y], [1, 1])?;
    Ok([loss[0] as f64, hits[0] as f64 / images.len() as f64])
}

/// The digit that is most probable.
pub fn best(p: &[f32; CLASSES]) -> usize {
    (1..CLASSES).fold(0, |best, k| if p[k] > p[best] { k } else { best })
}
