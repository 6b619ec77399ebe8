//! Σ over points of the squared distance to the nearest centroid, and the direction of a step of Newton's method on the centroids.

use super::prepared::{Prepared, Result, check_len, joined, number, rows};
use serde::Deserialize;
use serde_json::Value;
use wengert::{Expr, Function};

#[derive(Deserialize)]
struct Input {
    points: Vec<Vec<f64>>,
    centroids: Vec<Vec<f64>>,
}

fn inputs(d: usize) -> [String; 2] {
    [format!("points[n,{d}]"), format!("centroids[k,{d}]")]
}

/// The nearest centroid has the largest p·c − ½|c|², since |p|² is the same for all: a product of matrices, where a 1 beside p meets −½|c|².
fn distances(d: usize) -> wengert::Result<Function> {
    Function::trace(inputs(d), |[points, centroids]| {
        let nearness = Expr::concat(&[centroids, (centroids * centroids).sum(1).unsqueeze(1) * -0.5], 1);
        let points_and_ones = Expr::concat(&[points, Expr::ones(("n", 1))], 1);
        let nearest = points_and_ones.matmul(nearness.t()).argmax(1);
        (points - centroids.gather(nearest, 0)).powi(2).sum(..)
    })
}

/// The gradient over the diagonal of the Hessian. No centroid's distances depend on another, nor one coordinate's on another, so nothing stands beside
/// the diagonal: it is the product with ones.
fn direction(d: usize) -> wengert::Result<Function> {
    let f = distances(d)?.wrt(["centroids"])?;
    let (gradient, product) = (f.grad()?, f.hvp()?);
    Function::trace(inputs(d), |[points, centroids]| {
        let ones = Expr::ones(centroids.shape());
        Ok(gradient.eval(&[points, centroids])?[0] / product.eval(&[points, centroids, ones])?[0])
    })
}

fn prepare(input: &Value, trace: fn(usize) -> wengert::Result<Function>, of_centroids: bool) -> Result<Prepared> {
    let Input { points, centroids } = Input::deserialize(input)?;
    let d = points.first().map_or(0, Vec::len);
    check_len("points", d.min(1), 1)?;
    check_len("centroids", centroids.len().min(1), 1)?;
    let inputs = vec![joined("points", &points, d)?, joined("centroids", &centroids, d)?];
    let f = trace(d)?;
    if of_centroids {
        return Prepared::arrays(&f, inputs, vec![centroids.len() * d], move |y| rows(&y[0], d));
    }
    Prepared::arrays(&f, inputs, vec![1], number)
}

pub fn cost(input: &Value) -> Result<Prepared> {
    prepare(input, distances, false)
}

pub fn dir(input: &Value) -> Result<Prepared> {
    prepare(input, direction, true)
}
