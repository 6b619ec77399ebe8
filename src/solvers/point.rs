//! Vectors and matrices as solvers carry them.

use crate::sparse::Sparsity;
use argmin_math::ArgminDot;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

mod sealed {
    pub trait Sealed {}
}

/// A vector of a solver, and the matrices that belong to it: `Vec<f64>` with [`SparseMatrix`]; with the feature `nalgebra`
/// `DVector<f64>` with `DMatrix<f64>`, which has an inverse; with the feature `ndarray` `Array1<f64>` with `Array2<f64>`.
pub trait Point: sealed::Sealed + Clone + Debug {
    /// Of Hessians and Jacobians.
    type Matrix: Clone + Debug;
    /// The numbers in order.
    fn numbers(&self) -> Cow<'_, [f64]>;
    /// A vector of these numbers.
    fn from_numbers(numbers: Vec<f64>) -> Self;
    /// A matrix of entries in the order of the pattern, of which there are as many.
    #[doc(hidden)]
    fn matrix(sparsity: &Arc<Sparsity>, values: Vec<f64>) -> Self::Matrix;
}

/// A matrix of which only the entries of a pattern are there. Solvers that ask for products with vectors (Newton-CG, Steihaug's trust
/// region) take it as a Hessian.
#[derive(Clone, Debug)]
pub struct SparseMatrix {
    sparsity: Arc<Sparsity>,
    values: Vec<f64>,
}

impl SparseMatrix {
    /// Where the entries are.
    pub fn sparsity(&self) -> &Sparsity {
        &self.sparsity
    }

    /// The entries, column by column.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// The product with a vector.
///
/// # Panics
/// If the vector does not have a number for each column.
impl ArgminDot<Vec<f64>, Vec<f64>> for SparseMatrix {
    fn dot(&self, x: &Vec<f64>) -> Vec<f64> {
        let sparsity = &*self.sparsity;
        assert_eq!(x.len(), sparsity.columns(), "a number for each column");
        let mut product = vec![0.0; sparsity.rows()];
        for (column, &x) in x.iter().enumerate() {
            let values = &self.values[sparsity.column_starts()[column]..];
            sparsity.column(column).iter().zip(values).for_each(|(&row, value)| product[row] += value * x);
        }
        product
    }
}

impl sealed::Sealed for Vec<f64> {}

impl Point for Vec<f64> {
    type Matrix = SparseMatrix;
    fn numbers(&self) -> Cow<'_, [f64]> {
        self.into()
    }
    fn from_numbers(numbers: Vec<f64>) -> Self {
        numbers
    }
    fn matrix(sparsity: &Arc<Sparsity>, values: Vec<f64>) -> SparseMatrix {
        SparseMatrix { sparsity: sparsity.clone(), values }
    }
}

#[cfg(feature = "nalgebra")]
impl sealed::Sealed for nalgebra::DVector<f64> {}

#[cfg(feature = "nalgebra")]
impl Point for nalgebra::DVector<f64> {
    type Matrix = nalgebra::DMatrix<f64>;
    fn numbers(&self) -> Cow<'_, [f64]> {
        self.as_slice().into()
    }
    fn from_numbers(numbers: Vec<f64>) -> Self {
        nalgebra::DVector::from_vec(numbers)
    }
    fn matrix(sparsity: &Arc<Sparsity>, values: Vec<f64>) -> nalgebra::DMatrix<f64> {
        let mut dense = nalgebra::DMatrix::zeros(sparsity.rows(), sparsity.columns());
        sparsity.entries().zip(values).for_each(|(at, value)| dense[at] = value);
        dense
    }
}

#[cfg(feature = "ndarray")]
impl sealed::Sealed for ndarray::Array1<f64> {}

#[cfg(feature = "ndarray")]
impl Point for ndarray::Array1<f64> {
    type Matrix = ndarray::Array2<f64>;
    fn numbers(&self) -> Cow<'_, [f64]> {
        self.as_slice().map_or_else(|| self.to_vec().into(), Into::into)
    }
    fn from_numbers(numbers: Vec<f64>) -> Self {
        numbers.into()
    }
    fn matrix(sparsity: &Arc<Sparsity>, values: Vec<f64>) -> ndarray::Array2<f64> {
        let mut dense = ndarray::Array2::zeros((sparsity.rows(), sparsity.columns()));
        sparsity.entries().zip(values).for_each(|(at, value)| dense[at] = value);
        dense
    }
}
