//! What becomes of derivatives where a solver has failed: they are NaN, whatever the solver did.

use crate::base::Shape;
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::graph::{Cond, Expr, by, custom_vjp};
use crate::op::{DType, lit, select};

/// What the adjoint of every parameter gets from results that are not valid: NaN, but nothing from results that no cotangent comes to. Both are
/// so in the transpose: x·ln y keeps x = 0 at y = −1, and so does its edge.
pub(super) fn spoilt(valid: Cond, cotangent: Expr, p: &[Expr]) -> Expr {
    let all = p.iter().filter(|p| p.dtype() == DType::Float).map(|p| p.sum(..)).reduce(|sum, p| sum + p).unwrap_or(lit(0.0));
    undefined((select(valid, 0.0, cotangent) * weights(cotangent.shape())).sum(..), all, 2)
}

/// Weights of a sum in which nothing that is likely cancels.
fn weights(shape: Shape) -> Expr {
    let along = |axis: usize| Expr::iota(shape, axis as isize) * (axis as f64 + 2.0).sqrt();
    (0..shape.rank()).map(along).reduce(|sum, term| sum + term).map_or(lit(1.0), |sum| (sum + 1.0).sqrt())
}

/// The linear map c ↦ NaN·c of a number, which keeps 0. It has a derivative in `all` as well, so that derivatives of a higher order, of what
/// depends on c no longer, are NaN, too: as often as `orders` says.
fn undefined(c: Expr, all: Expr, orders: usize) -> Expr {
    let value = |c: Expr| c.xlogy(select(c.eq(c), -1.0, -2.0));
    if orders == 0 {
        return value(c);
    }
    let rule = |(c, all): (Expr, Expr), _: Expr, g: Expr| {
        (undefined(g, all, orders - 1), undefined(select(c.eq(0.0), 0.0, g), all, orders - 1))
    };
    custom_vjp((c, all), |(c, _)| value(c), rule)
}

/// Values and where they are valid (by 1, of the same shape), which depend on the parameters `p`: NaN where they are not valid, and so is every
/// derivative of them, in both modes, also in a parameter that the computation has not come to. Elements are apart: valid ones keep
/// their derivatives.
pub(crate) fn or_nan(values: &[(Expr, Expr)], p: &[Expr], at: Caller) -> Vec<Expr> {
    let n = values.len();
    // Forward mode meets the factor, reverse mode the mask in front of it, and then the rule.
    let known = values.iter().map(|&(y, valid)| {
        let valid = valid.ne(0.0);
        select(valid, y, f64::NAN) * select(valid, 1.0, f64::NAN)
    });
    let args: Vec<Expr> = known.chain(values.iter().map(|&(_, valid)| valid.detach())).chain(p.iter().copied()).collect();
    let rule = |args: Vec<Expr>, _: Vec<Expr>, cotangents: Vec<Expr>| {
        let (valid, p) = args[n..].split_at(n);
        let terms = valid.iter().zip(&cotangents).map(|(&valid, &c)| spoilt(valid.ne(0.0), c, p));
        let sum = terms.reduce(|sum, term| sum + term).unwrap_or(lit(0.0));
        let of_valid = valid.iter().map(|valid| Expr::zeros(valid.shape()));
        let of_p = p.iter().map(|p| match p.dtype() {
            DType::Float if p.rank() > 0 => sum.broadcast_to(p.shape()),
            DType::Float => sum,
            _ => lit(0.0),
        });
        cotangents.iter().copied().chain(of_valid).chain(of_p).collect::<Vec<Expr>>()
    };
    by(at, || custom_vjp(args, |args: Vec<Expr>| args[..n].to_vec(), rule))
}

/// Tolerances that mean something.
pub(crate) fn check_tolerances(what: &str, tolerances: &[(&str, Option<f64>)]) -> Result<()> {
    match tolerances.iter().find(|(_, t)| t.is_some_and(|t| !(t > 0.0 && t < f64::INFINITY))) {
        None => Ok(()),
        Some((name, t)) => {
            let t = t.unwrap_or_default();
            Err(Error::new(ErrorKind::Value, format!("{what}: {name} of {t} is not positive and finite")))
        }
    }
}
