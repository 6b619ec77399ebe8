//! Sparse matrices of faer.

use crate::error::Result;
use crate::sparse::Sparsity;
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};

impl Sparsity {
    /// The matrix with these values as faer sees it, without a copy. Factorisations of symmetric matrices read one half: of
    /// [`Function::hessian_lower`](crate::Function::hessian_lower) the lower one.
    ///
    /// ```
    /// use wengert::{Function, sparse::Sparsity};
    /// let f = Function::trace(("x", 3), |x| x[0] * x[0] * x[1] + x[2].powi(3))?.hessian_lower()?;
    /// let mut values = vec![0.0; f.sparsity().len()];
    /// f.compile()?.call_into(&[&[1.0, 2.0, 3.0]], &mut [&mut values])?;
    /// let h = f.sparsity().as_faer(&values)?;
    /// let product = &h * faer::col![1.0, 0.0, 1.0];
    /// assert_eq!((product[0], product[1], product[2]), (4.0, 2.0, 18.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are not as many values as entries.
    #[track_caller]
    pub fn as_faer<'a, T>(&'a self, values: &'a [T]) -> Result<SparseColMatRef<'a, usize, T>> {
        self.check_values(values.len())?;
        let pattern =
            SymbolicSparseColMatRef::new_checked(self.rows(), self.columns(), self.column_starts(), None, self.row_indices());
        Ok(SparseColMatRef::new(pattern, values))
    }
}
