//! Handles of a graph as elements of nalgebra's and ndarray's matrices.

use crate::common::flat;
use nalgebra::{Matrix3, Vector3};
use ndarray::Array2;
use wengert::check::{Body, Check};
use wengert::{Expr, Function, Real};

fn determinant<T: Real>(m: &[T]) -> T {
    m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6])
}

const M: [f64; 9] = [2.0, -1.0, 0.5, 3.0, 1.5, -2.0, 0.25, 4.0, 1.0];

/// d det M / dM is the matrix of cofactors, which is det M · M⁻ᵀ (C. Jacobi, 1841).
#[test]
fn the_gradient_of_a_determinant() {
    let f = Function::trace(("m", 9), |m| {
        let m = Matrix3::from_row_slice(&m);
        let minor = |i: usize, j: usize| m[(1, i)] * m[(2, j)] - m[(1, j)] * m[(2, i)];
        m[(0, 0)] * minor(1, 2) - m[(0, 1)] * minor(0, 2) + m[(0, 2)] * minor(0, 1)
    });
    let y = flat(&f.unwrap().value_and_grad().unwrap().compile().unwrap(), &M).unwrap();
    assert!((y[0] - determinant(&M)).abs() < 1e-14);
    let plain = Matrix3::from_row_slice(&M);
    let cofactors = plain.try_inverse().unwrap().transpose() * plain.determinant();
    for (k, d) in y[1..].iter().enumerate() {
        assert!((d - cofactors[(k / 3, k % 3)]).abs() < 1e-13, "{d} for {}", cofactors[(k / 3, k % 3)]);
    }
}

/// |(M·M)·v|², by nalgebra's own operators on handles.
#[test]
fn products_of_nalgebra() {
    let f = Function::trace((("m", 9), ("v", 3)), |(m, v)| {
        let (m, v) = (Matrix3::from_row_slice(&m), Vector3::from_row_slice(&v));
        let w: Vector3<Expr> = m * m * v;
        let transposed = m.transpose() + Matrix3::identity();
        (w.dot(&w) + transposed.trace() - transposed.trace()) * 1.0
    });
    let f = f.unwrap();
    let point = [&M[..], &[1.0, -2.0, 0.5]].concat();
    let (m, v) = (Matrix3::from_row_slice(&M), Vector3::new(1.0, -2.0, 0.5));
    let w = m * m * v;
    let y = flat(&f.value_and_grad().unwrap().compile().unwrap(), &point).unwrap();
    assert!((y[0] / w.dot(&w) - 1.0).abs() < 1e-14);
    // ∂/∂v = 2 (M²)ᵀ w; ∂/∂M = 2 (w (Mv)ᵀ + Mᵀ w vᵀ)
    let dv = 2.0 * (m * m).transpose() * w;
    let dm = 2.0 * (w * (m * v).transpose() + m.transpose() * w * v.transpose());
    for k in 0..9 {
        assert!((y[1 + k] - dm[(k / 3, k % 3)]).abs() < 1e-12 * dm.norm());
    }
    for k in 0..3 {
        assert!((y[10 + k] - dv[k]).abs() < 1e-12 * dv.norm());
    }
    Check::new().run(&f, &point).unwrap();
}

/// The sum of all entries of A·B, by ndarray's own product on handles: ∂/∂A = 1·(B·1)ᵀ, ∂/∂B = (1ᵀA)ᵀ·1ᵀ.
#[test]
fn products_of_ndarray() {
    let f = Function::trace((("a", 6), ("b", 6)), |(a, b)| {
        let (a, b) = (Array2::from_shape_vec((2, 3), a).unwrap(), Array2::from_shape_vec((3, 2), b).unwrap());
        a.dot(&b).into_iter().sum::<Expr>()
    });
    let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let b = [0.5, -1.0, 2.0, 0.25, -3.0, 1.0];
    let y = flat(&f.unwrap().value_and_grad().unwrap().compile().unwrap(), &[a, b].concat()).unwrap();
    let rows = [0, 1, 2].map(|k| b[2 * k] + b[2 * k + 1]);
    let columns = [0, 1, 2].map(|k| a[k] + a[3 + k]);
    let value: f64 = rows.iter().zip(columns).map(|(r, c)| r * c).sum();
    assert!((y[0] - value).abs() < 1e-13);
    assert_eq!(y[1..7], [rows, rows].concat());
    assert_eq!(y[7..13], columns.iter().flat_map(|&c| [c, c]).collect::<Vec<_>>());
}

/// The determinant of a product is the product of the determinants, in all modes.
struct ProductOfDeterminants;
impl Body for ProductOfDeterminants {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        let (a, b) = x.split_at(9);
        let product: Vec<T> = (0..9).map(|k| (0..3).map(|i| a[k / 3 * 3 + i] * b[i * 3 + k % 3]).sum()).collect();
        vec![determinant(&product), determinant(a) * determinant(b)]
    }
}

#[test]
fn determinants_multiply() {
    let mut turned = M;
    turned.rotate_left(4);
    let point = [M, turned].concat();
    Check::new().second_order(false).run(&ProductOfDeterminants, &point).unwrap();
    let f = Function::trace(("x", 18), |x| ProductOfDeterminants.call(&x)).unwrap();
    let (y, jacobian) = (f.eval(&point).unwrap(), f.jacobian().unwrap().eval(&point).unwrap());
    assert!((y[0] / y[1] - 1.0).abs() < 1e-13);
    let scale = jacobian.iter().fold(0.0f64, |s, d| s.max(d.abs()));
    assert!(jacobian[..18].iter().zip(&jacobian[18..]).all(|(p, q)| (p - q).abs() < 1e-12 * scale));
}
