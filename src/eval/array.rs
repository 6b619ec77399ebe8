//! Numbers in a shape.

use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::{Leaf, Structure, Visit, VisitMut};
use crate::op::Scalar;

/// Numbers in a shape, the last axis running fastest.
///
/// ```
/// use wengert::Array;
/// let a = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(a.shape(), [2, 3]);
/// assert_eq!(a.data()[4], 5.0);
/// assert_eq!(a, Array::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
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
        // A length of 0 makes it nothing, whatever the others are.
        let places = if shape.contains(&0) { Some(0) } else { shape.iter().try_fold(1, |all: usize, &len| all.checked_mul(len)) };
        if places != Some(data.len()) {
            let places = places.map_or("more places than can be counted".into(), |places| count(places, "place"));
            let given = count(data.len(), "number");
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

    /// The same number all over a shape. As for any vector, memory that there is not ends the process.
    ///
    /// ```
    /// # use wengert::Array;
    /// assert_eq!(Array::full([2], 0.5), Array::from([0.5, 0.5]));
    /// ```
    pub fn full(shape: impl AsRef<[usize]>, v: T) -> Self
    where
        T: Clone,
    {
        let shape = shape.as_ref().to_vec();
        Array { data: vec![v; shape.iter().product()], shape }
    }

    /// The array with `f` of every number.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Array<U> {
        Array { shape: self.shape.clone(), data: self.data.iter().map(f).collect() }
    }

    /// The array with `f` of every number and the one in its place in another array.
    ///
    /// ```
    /// # use wengert::Array;
    /// let (w, dw) = (Array::from([1.0, 2.0]), Array::from([10.0, 0.0]));
    /// assert_eq!(w.zip(&dw, |w, d| w - 0.1 * d), Array::from([0.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the other one has another shape.
    #[track_caller]
    pub fn zip<U, V>(&self, other: &Array<U>, mut f: impl FnMut(&T, &U) -> V) -> Array<V> {
        assert_eq!(self.shape, other.shape, "zip needs arrays of one shape");
        Array { shape: self.shape.clone(), data: self.data.iter().zip(&other.data).map(|(x, y)| f(x, y)).collect() }
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

/// A single number.
impl<T: Scalar> From<T> for Array<T> {
    fn from(v: T) -> Self {
        Array::scalar(v)
    }
}

/// A vector.
impl<T: Structure<Leaf = T>> From<Vec<T>> for Array<T> {
    fn from(data: Vec<T>) -> Self {
        Array::vector(data)
    }
}

/// A vector.
impl<T: Structure<Leaf = T> + Clone> From<&[T]> for Array<T> {
    fn from(data: &[T]) -> Self {
        Array::vector(data.to_vec())
    }
}

/// A vector.
impl<T: Structure<Leaf = T>, const N: usize> From<[T; N]> for Array<T> {
    fn from(data: [T; N]) -> Self {
        Array::vector(data.into())
    }
}

/// A matrix, row by row.
impl<T: Structure<Leaf = T>, const M: usize, const N: usize> From<[[T; N]; M]> for Array<T> {
    fn from(rows: [[T; N]; M]) -> Self {
        Array { shape: vec![M, N], data: rows.into_iter().flatten().collect() }
    }
}

impl<T> Structure for Array<T> {
    type Leaf = Array<T>;
    type With<U> = U;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a Array<T>, U>) -> U {
        at.this(self)
    }
}

impl<T> VisitMut for Array<T> {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut Array<T>)) {
        each(self);
    }
}

/// The numbers.
impl<T> AsRef<[T]> for Array<T> {
    fn as_ref(&self) -> &[T] {
        &self.data
    }
}

/// The numbers, to write to.
impl<T> AsMut<[T]> for Array<T> {
    fn as_mut(&mut self) -> &mut [T] {
        &mut self.data
    }
}

impl<T: Scalar> Leaf for Array<T> {
    type Number = T;
    const IS_ARRAY: bool = true;
    fn lengths(&self) -> &[usize] {
        &self.shape
    }
    fn numbers(&self) -> &[T] {
        &self.data
    }
    fn with(&self, numbers: &[T]) -> Self {
        Array { shape: self.shape.clone(), data: numbers.to_vec() }
    }
}
