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

const INPUTS: [&str; 2] = ["points[n,d]", "centroids[k,d]"];

/// The nearest centroid has the least |c|² − 2·p·c, a product of matrices: |p|² is the same for all of them.
fn distances() -> wengert::Result<Function> {
    Function::trace(INPUTS, |[points, centroids]| {
        let farness = (centroids * centroids).sum(1) - points.matmul(centroids.t()) * 2.0;
        let nearest = centroids.gather(farness.argmin(1), 0);
        (points - nearest).powi(2).sum(..)
    })
}

/// The gradient over the diagonal of the Hessian. No centroid's distances depend on another, nor one coordinate's on another, so nothing stands beside
/// the diagonal: it is the product with ones.
fn direction() -> wengert::Result<Function> {
    let f = distances()?.wrt(["centroids"])?;
    let (gradient, product) = (f.grad()?, f.hvp()?);
    Function::trace(INPUTS, |[points, centroids]| {
        let ones = Expr::ones(centroids.shape());
        Ok(gradient.eval(&[points, centroids])?[0] / product.eval(&[points, centroids, ones])?[0])
    })
}

fn prepare(input: &Value, f: Function, of_centroids: bool) -> Result<Prepared> {
    let Input { points, centroids } = Input::deserialize(input)?;
    let d = points.first().map_or(0, Vec::len);
    check_len("points", d.min(1), 1)?;
    check_len("centroids", centroids.len().min(1), 1)?;
    let inputs = vec![joined("points", &points, d)?, joined("centroids", &centroids, d)?];
    let f = f.with_lengths([("n", points.len()), ("k", centroids.len()), ("d", d)])?;
    if of_centroids {
        return Prepared::arrays(&f, inputs, vec![centroids.len() * d], move |y| rows(&y[0], d));
    }
    Prepared::arrays(&f, inputs, vec![1], number)
}

pub fn cost(input: &Value) -> Result<Prepared> {
    prepare(input, distances()?, false)
}

pub fn dir(input: &Value) -> Result<Prepared> {
    prepare(input, direction()?, true)
}
