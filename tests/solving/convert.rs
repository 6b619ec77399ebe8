//! Arrays and sparse matrices of other crates.

use nalgebra::{DMatrix, DVector, Matrix2x3, RowVector2, Vector3, dmatrix, dvector};
use ndarray::{Array1, Array2, Array3, ArrayD, ShapeBuilder, array, s};
use proptest::prelude::*;
use wengert::{Array, Error, Function, sparse::Sparsity};

proptest! {
    /// There and back, in any layout, is the same array.
    #[test]
    fn ndarray_in_any_layout(shape in prop::collection::vec(0usize..4, 3), from in 0usize..2, step in 1isize..3) {
        let shape = [shape[0], shape[1], shape[2]];
        let numbers = |(i, j, k)| (100 * i + 10 * j + k) as f64;
        let rows = Array3::from_shape_fn(shape, numbers);
        let columns = Array3::from_shape_fn(shape.f(), numbers);
        let expected: Vec<f64> = (0..shape[0])
            .flat_map(|i| (0..shape[1]).flat_map(move |j| (0..shape[2]).map(move |k| numbers((i, j, k)))))
            .collect();
        for a in [rows.clone(), columns] {
            let ours = Array::from(&a);
            prop_assert_eq!((ours.shape(), ours.data()), (&shape[..], &expected[..]));
            prop_assert_eq!(&Array::from(a), &ours);
            prop_assert_eq!(&Array3::try_from(ours.clone()).unwrap(), &rows);
            prop_assert_eq!(ArrayD::try_from(ours).unwrap(), rows.clone().into_dyn());
        }
        // What is left of an array that was cut, owned and in row order.
        let part = rows.slice_move(s![from.min(shape[0]).., .., ..;step]);
        prop_assert_eq!(&Array::from(part.clone()), &Array::from(&part.view()));
        prop_assert_eq!(Array3::try_from(Array::from(part.clone())).unwrap(), part);
    }
}

#[test]
fn a_moved_ndarray_is_not_copied() {
    let a = array![[1.0, 2.0], [3.0, 4.0]];
    let place = a.as_ptr();
    let ours = Array::from(a);
    assert_eq!(ours.data().as_ptr(), place);
    assert_eq!(Array2::try_from(ours).unwrap().as_ptr(), place);
}

#[test]
fn nalgebra_by_rows() {
    let a = Matrix2x3::new(1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    let ours = Array::from(&a);
    assert_eq!((ours.shape(), ours.data()), (&[2, 3][..], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]));
    assert_eq!(Array::from(&a.transpose()).data(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(Matrix2x3::try_from(ours.clone()).unwrap(), a);
    assert_eq!(DMatrix::try_from(ours).unwrap(), dmatrix![1.0, 2.0, 3.0; 4.0, 5.0, 6.0]);
    // Vectors, of columns and rows, and views, have one axis; a matrix that happens to have one column has two.
    let vectors =
        [Array::from(&dvector![3.0, 4.0]), Array::from(&RowVector2::new(3.0, 4.0)), Array::from(&a.fixed_view::<1, 2>(0, 2 - 1))];
    assert_eq!(vectors.each_ref().map(|v| v.shape().len()), [1, 1, 1]);
    assert_eq!((vectors[0].data(), vectors[2].data()), (&[3.0, 4.0][..], &[2.0, 3.0][..]));
    assert_eq!(DVector::try_from(vectors[0].clone()).unwrap(), dvector![3.0, 4.0]);
    assert_eq!(RowVector2::try_from(vectors[1].clone()).unwrap(), RowVector2::new(3.0, 4.0));
    assert_eq!(Array::from(&dmatrix![3.0; 4.0]).shape(), [2, 1]);
}

/// The message, and that the line is this file's.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    assert!(error.is_shape() || error.is_length(), "{error}");
    let message = error.to_string();
    assert!(message.contains("tests/solving/convert.rs"), "{message}");
    message
}

#[test]
fn what_does_not_fit_is_refused() {
    let a = || Array::new([2, 3], vec![0.0; 6]).unwrap();
    assert!(refused(Array1::try_from(a())).contains("an array of the shape [2, 3] for one of the rank 1"));
    assert!(refused(Vector3::try_from(a())).contains("[2, 3] for a vector of the size 3 × 1"));
    assert!(refused(Vector3::try_from(Array::vector(vec![1.0, 2.0]))).contains("[2] for a vector of the size 3 × 1"));
    assert!(refused(DMatrix::try_from(Array::vector(vec![1.0]))).contains("[1] for a matrix of the size _ × _"));
    let pattern = Sparsity::new(2, 2, [(0, 0), (1, 1)]).unwrap();
    assert!(refused(pattern.as_faer(&[1.0]).map(|_| ())).contains("1 values for 2 entries"));
    assert!(refused(pattern.to_clarabel(&[1.0]).map(|_| ())).contains("1 values for 2 entries"));
}

#[test]
fn sparse_matrices() {
    // Residuals of a chain, whose Jacobian has two diagonals: ∂(x₍ᵢ₊₁₎ − xᵢ²).
    let f = Function::trace(("x", 4), |x| (0..3).map(|i| x[i + 1] - x[i] * x[i]).collect::<Vec<_>>()).unwrap();
    let j = f.sparse_jacobian().unwrap();
    let mut values = vec![0.0; j.sparsity().len()];
    j.compile().unwrap().call_into(&[&[1.0, 2.0, 3.0, 4.0]], &mut [&mut values]).unwrap();
    let expected = [[-2.0, 1.0, 0.0, 0.0], [0.0, -4.0, 1.0, 0.0], [0.0, 0.0, -6.0, 1.0]];
    let dense = j.sparsity().as_faer(&values).unwrap().to_dense();
    let of_faer: [[f64; 4]; 3] = std::array::from_fn(|r| std::array::from_fn(|c| dense[(r, c)]));
    assert_eq!(of_faer, expected);
    assert_eq!(j.sparsity().to_clarabel(&values).unwrap(), clarabel::algebra::CscMatrix::from(&expected));
}
