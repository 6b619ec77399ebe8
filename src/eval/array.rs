//! Numbers in a shape.

use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::op::Scalar;

/// Numbers in a shape, the last axis running fastest.
///
/// ```
/// use wengert::Array;
/// let a = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(a.shape(), [2, 3]);
/// assert_eq!(a.data()[4], 5.0);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T = f64> {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<T>,
}

impl<T> Array<T> {
    /// Numbers in a shape.
    ///
    /// # Errors
    /// If there are not as many as the shape has places.
    #[track_caller]
    pub fn new(shape: impl AsRef<[usize]>, data: Vec<T>) -> Result<Self> {
        let shape = shape.as_ref().to_vec();
        let places: usize = shape.iter().product();
        if places != data.len() {
            let (given, places) = (count(data.len(), "number"), count(places, "place"));
            return Err(Error::here(ErrorKind::Shape, format!("{given} for the shape {shape:?}, which has {places}")));
        }
        Ok(Array { shape, data })
    }

    /// A single number.
    pub fn scalar(v: T) -> Self {
        Array { shape: vec![], data: vec![v] }
    }

    /// A vector.
    pub fn vector(data: Vec<T>) -> Self {
        Array { shape: vec![data.len()], data }
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The numbers, to write to.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The numbers themselves.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }
}

impl<T: Scalar> From<T> for Array<T> {
    fn from(v: T) -> Self {
        Array::scalar(v)
    }
}
