//! Unknowns as one vector, and back.

use crate::base::{Axis, Shape};
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Type, Values, refuse};
use crate::op::DType;

/// How the unknowns lie in a vector.
pub(super) struct Unknowns<X> {
    like: X,
    shapes: Vec<Shape>,
    lengths: Vec<usize>,
}

impl<X: Values<Expr>> Unknowns<X> {
    pub(super) fn new(what: &str, x: &X, at: Caller) -> Result<Self> {
        let fail = |message: String| Err(Error::new(ErrorKind::Shape, format!("{what}: {message}")).at(Some(at)));
        let shapes: Vec<Shape> = x.parts().iter().map(|x| x.shape()).collect();
        let mut lengths = Vec::with_capacity(shapes.len());
        for (part, shape) in x.parts().iter().zip(&shapes) {
            match shape.len() {
                _ if part.dtype() != DType::Float => return fail("an index cannot be an unknown".into()),
                Some(n) => lengths.push(n),
                None => return fail(format!("the unknown of the shape {shape} has an open axis")),
            }
        }
        if lengths.iter().sum::<usize>() == 0 {
            return fail("there is no unknown".into());
        }
        Ok(Unknowns { like: x.clone(), shapes, lengths })
    }

    /// The shape and kind of the vector.
    pub(super) fn ty(&self) -> Type {
        (Shape::new([Axis::Fixed(self.lengths.iter().sum())]), DType::Float)
    }

    /// The unknowns that lie in a vector.
    pub(super) fn of(&self, x: Expr) -> X {
        let pieces = if self.lengths.len() == 1 { vec![x] } else { x.split(0, &self.lengths) };
        let shaped = |(x, shape): (Expr, &Shape)| if x.shape() == *shape { x } else { x.reshape(shape.axes()) };
        self.like.with(&mut pieces.into_iter().zip(&self.shapes).map(shaped))
    }
}

/// All numbers of some values, one after the other; a vector stays as it is, also an open one.
pub(super) fn packed(parts: &[Expr], what: &str, at: Caller) -> Expr {
    let flat = |x: &Expr| match (x.rank(), x.shape().len()) {
        (1, _) => *x,
        (_, Some(n)) => x.reshape([Axis::Fixed(n)]),
        (_, None) => {
            let message = format!("{what}: the value of the shape {} has an open axis, and is no vector", x.shape());
            refuse(Error::new(ErrorKind::Shape, message).at(Some(at)));
            *x
        }
    };
    match parts {
        [one] => flat(one),
        all => Expr::concat(&all.iter().map(flat).collect::<Vec<_>>(), 0),
    }
}
