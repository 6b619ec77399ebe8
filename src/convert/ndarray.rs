//! Arrays of ndarray.

use crate::error::{Error, Kind as ErrorKind};
use crate::eval::Array;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};

/// The numbers of an array or view in any layout, copied.
///
/// ```
/// use wengert::{Array, Function};
/// let f = Function::trace(["x[n,2]"], |[x]| x.sum(1))?;
/// let x = ndarray::array![[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]];
/// let y = f.run([Array::from(&x.t())])?;
/// assert_eq!(ndarray::Array1::try_from(y[0].clone())?, ndarray::array![11.0, 22.0, 33.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
impl<T: Clone, S: Data<Elem = T>, D: Dimension> From<&ArrayBase<S, D>> for Array<T> {
    fn from(a: &ArrayBase<S, D>) -> Self {
        Array { shape: a.shape().to_vec(), data: a.iter().cloned().collect() }
    }
}

/// The array's own numbers where they are stored row by row; otherwise copied.
impl<T: Clone, D: Dimension> From<ndarray::Array<T, D>> for Array<T> {
    fn from(a: ndarray::Array<T, D>) -> Self {
        if !a.is_standard_layout() {
            return Array::from(&a);
        }
        let shape = a.shape().to_vec();
        let len = a.len();
        let (mut data, first) = a.into_raw_vec_and_offset();
        // An array that was cut keeps what surrounds it.
        data.truncate(first.unwrap_or(0) + len);
        data.drain(..first.unwrap_or(0));
        Array { shape, data }
    }
}

/// The same numbers, without a copy.
///
/// # Errors
/// If there are not as many axes.
impl<T, D: Dimension> TryFrom<Array<T>> for ndarray::Array<T, D> {
    type Error = Error;

    #[track_caller]
    fn try_from(a: Array<T>) -> Result<Self, Error> {
        if let Some(n) = D::NDIM
            && n != a.shape.len()
        {
            return Err(Error::here(ErrorKind::Shape, format!("an array of the shape {:?} for one of the rank {n}", a.shape)));
        }
        let all = ArrayD::from_shape_vec(IxDyn(&a.shape), a.data).expect("as many numbers as the shape has places");
        Ok(all.into_dimensionality().expect("as many axes"))
    }
}
