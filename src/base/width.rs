//! The width of floating-point numbers.

use crate::error::{Error, Kind as ErrorKind};
use std::fmt;

/// The width of a function's floating-point numbers, chosen once, before anything is folded.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Width {
    /// 32 bits.
    F32,
    /// 64 bits.
    #[default]
    F64,
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Width::F32 => "f32",
            Width::F64 => "f64",
        })
    }
}

impl Width {
    /// The distance from 1 to the next number.
    pub(crate) fn epsilon(self) -> f64 {
        match self {
            Width::F32 => f64::from(f32::EPSILON),
            Width::F64 => f64::EPSILON,
        }
    }

    /// The nearest number of this width.
    pub(crate) fn round(self, v: f64) -> f64 {
        match self {
            Width::F32 => v as f32 as f64,
            Width::F64 => v,
        }
    }

    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Width::F32 => 4,
            Width::F64 => 8,
        }
    }
}

/// That a function of one width is called with numbers of another.
#[cold]
pub(crate) fn wrong_width(is: Width, asked: Width) -> Error {
    Error::new(ErrorKind::Shape, format!("the function computes in {is}, and is called with {asked}"))
}
