//! Sparse matrices of clarabel.

use crate::error::Result;
use crate::sparse::Sparsity;
use clarabel::algebra::{CscMatrix, FloatT};

impl Sparsity {
    /// The matrix with these values, as clarabel's cone programs take it. Of a quadratic objective's matrix clarabel reads the upper half.
    ///
    /// ```
    /// use clarabel::algebra::CscMatrix;
    /// use wengert::sparse::Sparsity;
    /// let p = Sparsity::new(2, 2, [(0, 0), (0, 1), (1, 1)])?;
    /// assert_eq!(p.to_clarabel(&[1.0, 2.0, 3.0])?, CscMatrix::from(&[[1.0, 2.0], [0.0, 3.0]]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are not as many values as entries.
    #[track_caller]
    pub fn to_clarabel<T: FloatT>(&self, values: &[T]) -> Result<CscMatrix<T>> {
        self.check_values(values.len())?;
        let (starts, rows) = (self.column_starts().to_vec(), self.row_indices().to_vec());
        Ok(CscMatrix::new(self.rows(), self.columns(), starts, rows, values.to_vec()))
    }
}
