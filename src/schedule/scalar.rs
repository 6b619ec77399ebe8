//! The machine numbers that programs run on.

use crate::graph::Width;
use crate::op::{Machine, Real};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`: what lowered programs and native code compute with.
pub trait Scalar: sealed::Sealed + Real<Mask = bool> + Machine<Mask = bool> + Default + Send + Sync + PartialOrd {
    /// The width of this type.
    const WIDTH: Width;
    /// The value in double precision.
    fn to_f64(self) -> f64;
}

impl Scalar for f32 {
    const WIDTH: Width = Width::F32;
    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl Scalar for f64 {
    const WIDTH: Width = Width::F64;
    fn to_f64(self) -> f64 {
        self
    }
}
