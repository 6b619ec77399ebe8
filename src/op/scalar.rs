//! The machine numbers that programs run on.

use crate::base::Lanes;
use crate::base::{Whole, Width};
use crate::op::Real;

mod sealed {
    /// Numbers as they lie in files: little-endian, to the bit.
    pub trait Sealed: Sized {
        fn to_bytes(self, bytes: &mut Vec<u8>);
        /// The number that as many bytes as it has are.
        fn from_bytes(bytes: &[u8]) -> Option<Self>;
    }
    macro_rules! floats {
        ($($T:ident)*) => { $(impl Sealed for $T {
            fn to_bytes(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn from_bytes(bytes: &[u8]) -> Option<$T> {
                bytes.try_into().ok().map($T::from_le_bytes)
            }
        })* };
    }
    floats! { f32 f64 }
}

/// `f32` or `f64`: what lowered programs and native code compute with.
pub trait Scalar: sealed::Sealed + Whole + Real<Mask = bool> + Lanes<Mask = bool> + Default + Send + Sync + PartialOrd {
    /// The width of this type.
    const WIDTH: Width;
    /// The value in double precision.
    fn to_f64(self) -> f64;
    /// Numbers of double precision as what they are.
    #[doc(hidden)]
    fn as_doubles(numbers: &[Self]) -> Option<&[f64]>;
    /// The same, to be written.
    #[doc(hidden)]
    fn as_doubles_mut(numbers: &mut [Self]) -> Option<&mut [f64]>;
}

impl Scalar for f32 {
    const WIDTH: Width = Width::F32;
    fn to_f64(self) -> f64 {
        self as f64
    }
    fn as_doubles(_: &[f32]) -> Option<&[f64]> {
        None
    }
    fn as_doubles_mut(_: &mut [f32]) -> Option<&mut [f64]> {
        None
    }
}

impl Scalar for f64 {
    const WIDTH: Width = Width::F64;
    fn to_f64(self) -> f64 {
        self
    }
    fn as_doubles(numbers: &[f64]) -> Option<&[f64]> {
        Some(numbers)
    }
    fn as_doubles_mut(numbers: &mut [f64]) -> Option<&mut [f64]> {
        Some(numbers)
    }
}
