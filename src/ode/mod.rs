//! Ordinary differential equations y′ = f(t, y), as loops of a graph.
//!
//! In: where y starts, and a function that may use any handle of the trace. Out: y at later (or earlier) times, as handles. Derivatives are
//! those of the steps that were taken (the discrete adjoint), in both modes and of every order, in start, times and all that f uses.

mod dormand_prince;
mod integration;
mod rk4;

pub use dormand_prince::DormandPrince;
pub use integration::{Ended, Integration};
pub use rk4::rk4;

use crate::base::Shape;
use crate::error::{Caller, Error, Kind as ErrorKind};
use crate::graph::{Expr, Values, refuse};
use crate::op::lit;

/// y at some time, or times, and how it was come by, in a trace.
#[derive(Clone, Debug)]
pub struct Trajectory<Y> {
    /// The values; NaN from where the integration had to end, and so is every derivative of them, in both modes. Values before that, which have
    /// elements of their own, keep their derivatives.
    pub y: Y,
    /// What happened, in numbers that [`Integration::read`] understands; a constant to derivatives.
    pub report: Expr,
}

/// The right-hand side on the parts of y: every part gets the shape that it has in y.
fn slopes<Y: Values<Expr>>(
    what: &'static str,
    at: Caller,
    like: &Y,
    f: &impl Fn(Expr, Y) -> Y,
) -> impl Fn(Expr, &[Expr]) -> Vec<Expr> {
    let like = like.clone();
    let shapes: Vec<Shape> = like.parts().iter().map(|y| y.shape()).collect();
    move |t, y| {
        let parts = f(t, like.with(&mut y.iter().copied())).parts();
        if parts.len() != shapes.len() {
            let message = format!("{what}: the right-hand side gives {} values for {} of y", parts.len(), shapes.len());
            refuse(Error::new(ErrorKind::Shape, message).at(Some(at)));
            return y.to_vec();
        }
        let shaped = |(x, &shape): (Expr, &Shape)| match x {
            Expr::Const(v) => Expr::full(v, shape),
            _ if x.shape() == shape => x,
            _ => {
                let message = format!("{what}: the right-hand side gives the shape {} where y has {shape}", x.shape());
                refuse(Error::new(ErrorKind::Shape, message).at(Some(at)));
                Expr::full(f64::NAN, shape)
            }
        };
        parts.into_iter().zip(&shapes).map(shaped).collect()
    }
}

/// y + h·Σ wᵢ·kᵢ, part by part.
fn moved(y: &[Expr], h: Expr, weighted: &[(f64, &[Expr])]) -> Vec<Expr> {
    let part = |(i, &y): (usize, &Expr)| y + h * weighted_sum(weighted, i);
    y.iter().enumerate().map(part).collect()
}

/// Σ wᵢ·kᵢ of one part; weights of 0 are left out.
fn weighted_sum(weighted: &[(f64, &[Expr])], part: usize) -> Expr {
    let terms = weighted.iter().filter(|(w, _)| *w != 0.0).map(|&(w, k)| k[part] * w);
    terms.reduce(|sum, term| sum + term).unwrap_or(lit(0.0))
}
