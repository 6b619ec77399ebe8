//! Vectors and matrices of nalgebra.

use crate::error::{Error, Kind as ErrorKind};
use crate::eval::Array;
use nalgebra::allocator::Allocator;
use nalgebra::{DefaultAllocator, Dim, Matrix, OMatrix, RawStorage, Scalar};

/// A matrix, row by row; of one axis if it is by its type a vector, of a column or a row.
///
/// ```
/// use nalgebra::{DMatrix, Vector2, dmatrix, vector};
/// use wengert::{Array, Function};
/// let f = Function::trace(["a[n,n]", "x[n]"], |[a, x]| (("y", a.matmul(x)), ("b", a.t())))?;
/// let y = f.run([Array::from(&dmatrix![1.0, 2.0; 3.0, 4.0]), Array::from(&vector![1.0, 10.0])])?;
/// assert_eq!(Vector2::try_from(y["y"].clone())?, vector![21.0, 43.0]);
/// assert_eq!(DMatrix::try_from(y["b"].clone())?, dmatrix![1.0, 3.0; 2.0, 4.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
impl<T: Scalar, R: Dim, C: Dim, S: RawStorage<T, R, C>> From<&Matrix<T, R, C, S>> for Array<T> {
    fn from(a: &Matrix<T, R, C, S>) -> Self {
        let shape = if is_vector::<R, C>() { vec![a.len()] } else { vec![a.nrows(), a.ncols()] };
        let data = (0..a.nrows()).flat_map(|row| (0..a.ncols()).map(move |column| a[(row, column)].clone())).collect();
        Array { shape, data }
    }
}

/// Numbers of one axis as a vector, of two axes as a matrix.
///
/// # Errors
/// If the number of axes or their lengths are others than the type's.
impl<T: Scalar, R: Dim, C: Dim> TryFrom<Array<T>> for OMatrix<T, R, C>
where
    DefaultAllocator: Allocator<R, C>,
{
    type Error = Error;

    #[track_caller]
    fn try_from(a: Array<T>) -> Result<Self, Error> {
        let sizes = match (a.shape(), is_vector::<R, C>()) {
            (&[n], true) if C::try_to_usize() == Some(1) => Some((n, 1)),
            (&[n], true) => Some((1, n)),
            (&[rows, columns], false) => Some((rows, columns)),
            _ => None,
        };
        let fits = |len: usize, fixed: Option<usize>| fixed.is_none_or(|fixed| fixed == len);
        match sizes {
            Some((rows, columns)) if fits(rows, R::try_to_usize()) && fits(columns, C::try_to_usize()) => {
                Ok(OMatrix::from_row_iterator_generic(R::from_usize(rows), C::from_usize(columns), a.into_data()))
            }
            _ => Err(Error::here(ErrorKind::Shape, format!("an array of the shape {:?} for {}", a.shape(), name::<R, C>()))),
        }
    }
}

fn is_vector<R: Dim, C: Dim>() -> bool {
    C::try_to_usize() == Some(1) || R::try_to_usize() == Some(1)
}

/// What a message calls the type.
fn name<R: Dim, C: Dim>() -> String {
    let size = |fixed: Option<usize>| fixed.map_or_else(|| "_".to_string(), |n| n.to_string());
    let what = if is_vector::<R, C>() { "vector" } else { "matrix" };
    format!("a {what} of the size {} × {}", size(R::try_to_usize()), size(C::try_to_usize()))
}
