//! Starting values.

use super::Rng;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::{Real, lit};
use std::panic::Location;

/// How a parameter starts. A matrix `[in,out]` takes `in` numbers to `out`; of a value with more axes, those before the last
/// two count as positions of such matrices.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Init {
    /// 0 everywhere.
    Zeros,
    /// A number everywhere.
    Constant(f64),
    /// Uniform from −a to a.
    Uniform(f64),
    /// Normal of mean 0 and this deviation.
    Normal(f64),
    /// Uniform, of variance 2 / (in + out), for units like tanh (X. Glorot and Y. Bengio, 2010).
    GlorotUniform,
    /// Normal, of variance 2 / (in + out).
    GlorotNormal,
    /// Uniform, of variance 2 / in, for ReLU and its kin (K. He et al., 2015).
    HeUniform,
    /// Normal, of variance 2 / in.
    HeNormal,
}

impl Init {
    /// The values of a shape, drawn in double precision and rounded.
    ///
    /// # Errors
    /// If a shape of less than two axes is to start by its numbers of units.
    #[track_caller]
    pub fn values<T: Real>(self, shape: &[usize], rng: &mut Rng) -> Result<Vec<T>> {
        let at = Location::caller();
        let fans = || match *shape {
            [ref places @ .., a, b] => {
                let places: usize = places.iter().product();
                Ok(((places * a) as f64, (places * b) as f64))
            }
            _ => {
                let message = format!("{self:?}: the shape {shape:?} does not say from how many units it leads to how many");
                Err(Error::new(ErrorKind::Shape, message).at(Some(at)))
            }
        };
        let uniform = |variance: f64| Init::Uniform((3.0 * variance).sqrt());
        let normal = |variance: f64| Init::Normal(variance.sqrt());
        let plain = match self {
            Init::GlorotUniform => fans().map(|(a, b)| uniform(2.0 / (a + b)))?,
            Init::GlorotNormal => fans().map(|(a, b)| normal(2.0 / (a + b)))?,
            Init::HeUniform => fans().map(|(a, _)| uniform(2.0 / a))?,
            Init::HeNormal => fans().map(|(a, _)| normal(2.0 / a))?,
            plain => plain,
        };
        let mut draw = || match plain {
            Init::Constant(v) => v,
            Init::Uniform(a) => rng.between(-a, a),
            Init::Normal(deviation) => deviation * rng.normal(),
            _ => 0.0,
        };
        Ok((0..shape.iter().product()).map(|_| lit(draw())).collect())
    }
}
