//! Duals in nalgebra against matrix calculus: every expectation is a closed form over plain numbers.

use nalgebra::{
    ComplexField, DMatrix, Isometry3, Matrix2, Matrix3, Matrix4, Point3, RealField, Rotation2, Rotation3, SMatrix, SVector,
    Translation3, Unit, UnitQuaternion, Vector3,
};
use proptest::prelude::*;
use wengert::{Dual, DualVec, dual};

type D = Dual<f64>;

#[track_caller]
fn close(a: &DMatrix<f64>, b: &DMatrix<f64>) {
    assert!((a - b).amax() <= 1e-11 * (1.0 + b.amax()), "{a} is not {b}");
}

/// A + ε·B
fn seeded<const R: usize, const C: usize>(a: &SMatrix<f64, R, C>, b: &SMatrix<f64, R, C>) -> SMatrix<D, R, C> {
    a.zip_map(b, Dual::new)
}
fn primal<const R: usize, const C: usize>(a: &SMatrix<D, R, C>) -> DMatrix<f64> {
    DMatrix::from_fn(R, C, |i, j| a[(i, j)].re)
}
fn tangent<const R: usize, const C: usize>(a: &SMatrix<D, R, C>) -> DMatrix<f64> {
    DMatrix::from_fn(R, C, |i, j| a[(i, j)].eps())
}
fn dynamic<const R: usize, const C: usize>(a: &SMatrix<f64, R, C>) -> DMatrix<f64> {
    DMatrix::from_fn(R, C, |i, j| a[(i, j)])
}

/// Diagonally dominant, hence regular; no entry is zero.
fn regular<const N: usize>(seed: f64) -> SMatrix<f64, N, N> {
    SMatrix::from_fn(|i, j| if i == j { N as f64 + 1.0 + i as f64 } else { (seed + 1.3 * i as f64 + 2.1 * j as f64).sin() })
}
/// Anything.
fn direction<const R: usize, const C: usize>(seed: f64) -> SMatrix<f64, R, C> {
    SMatrix::from_fn(|i, j| (seed + 0.9 * i as f64 - 1.7 * j as f64).cos())
}

/// [k]×, the matrix of v ↦ k × v.
fn cross(k: Vector3<f64>) -> Matrix3<f64> {
    k.cross_matrix()
}

// ---- rotations and motions ----

#[test]
fn derivative_of_a_plane_rotation_is_a_quarter_turn_ahead() {
    let a: f64 = 0.7;
    let r = Rotation2::new(Dual::new(a, 1.0));
    let expected = Matrix2::new(-a.sin(), -a.cos(), a.cos(), -a.sin());
    close(&tangent(r.matrix()), &dynamic(&expected));
}

#[test]
fn derivative_of_a_rotation_about_an_axis() {
    // dR/dθ = [k]×·R
    let k = Unit::new_normalize(Vector3::new(1.0, -2.0, 0.5));
    let angle = 0.9;
    let expected = cross(*k) * Rotation3::from_axis_angle(&k, angle).matrix();
    let axis = Unit::new_unchecked(k.map(D::constant));
    let theta = Dual::new(angle, 1.0);
    close(&tangent(Rotation3::from_axis_angle(&axis, theta).matrix()), &dynamic(&expected));
    close(&tangent(UnitQuaternion::from_axis_angle(&axis, theta).to_rotation_matrix().matrix()), &dynamic(&expected));
    close(&tangent(Rotation3::new(axis.into_inner() * theta).matrix()), &dynamic(&expected));
}

#[test]
fn a_quaternion_from_axis_and_angle_has_its_derivative_at_the_angle_zero_too() {
    let q = UnitQuaternion::from_axis_angle(&Vector3::<D>::z_axis(), Dual::new(0.0, 1.0));
    close(&tangent(q.to_rotation_matrix().matrix()), &dynamic(&cross(Vector3::z())));
    // nalgebra takes the angle zero for the identity here, by a comparison, and the tangent is lost.
    let r = Rotation3::from_axis_angle(&Vector3::<D>::z_axis(), Dual::new(0.0, 1.0));
    assert_eq!(tangent(r.matrix()).amax(), 0.0);
}

#[test]
fn euler_angles_give_their_columns() {
    // R = Rz(yaw)·Ry(pitch)·Rx(roll): ∂R/∂yaw = [z]×·R, ∂R/∂roll = R·[x]×
    let angles = [0.3, -0.4, 1.1];
    let r = Rotation3::from_euler_angles(angles[0], angles[1], angles[2]);
    let [roll, pitch, yaw]: [DualVec<f64, 3>; 3] = std::array::from_fn(|k| DualVec::variable(angles[k], k));
    let d = Rotation3::from_euler_angles(roll, pitch, yaw);
    let of = |k: usize| DMatrix::from_fn(3, 3, |i, j| d.matrix()[(i, j)].eps[k]);
    close(&of(0), &dynamic(&(r.matrix() * cross(Vector3::x()))));
    close(&of(2), &dynamic(&(cross(Vector3::z()) * r.matrix())));
    // And back: the angles of the rotation are the angles, with the identity as their Jacobian.
    let (roll, pitch, yaw) = d.euler_angles();
    for (k, angle) in [roll, pitch, yaw].into_iter().enumerate() {
        assert!((angle.re - angles[k]).abs() < 1e-14);
        assert!((0..3).all(|j| (angle.eps[j] - f64::from(j == k)).abs() < 1e-13));
    }
}

#[test]
fn derivative_of_a_moved_point() {
    // p ↦ R·p + t: ∂/∂t = 1, ∂/∂p = R, ∂/∂θ = [k]×·R·p
    let (k, angle, p, t) = (Vector3::y_axis(), 0.6, Point3::new(1.0, 2.0, 3.0), Vector3::new(-1.0, 0.5, 4.0));
    let r = Rotation3::from_axis_angle(&k, angle);
    let x = [angle, p.x, p.y, p.z, t.x, t.y, t.z];
    let (y, j) = dual::jacobian(
        |[angle, px, py, pz, tx, ty, tz]| {
            let rotation = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), angle);
            (Isometry3::from_parts(Translation3::new(tx, ty, tz), rotation) * Point3::new(px, py, pz)).coords.into()
        },
        x,
    );
    close(&DMatrix::from_row_slice(3, 1, &y), &dynamic(&(r * p.coords + t)));
    let block = |from: usize, width: usize| DMatrix::from_fn(3, width, |i, c| j[i][from + c]);
    close(&block(0, 1), &dynamic(&(cross(*k) * (r * p.coords))));
    close(&block(1, 3), &dynamic(r.matrix()));
    close(&block(4, 3), &DMatrix::identity(3, 3));
}

#[test]
fn second_derivative_of_a_rotated_point() {
    // d²(R·p)/dθ² = [k]×²·R·p
    let (angle, p) = (0.8, Vector3::new(1.0, 2.0, 3.0));
    let theta = Dual::new(Dual::new(angle, 1.0), Dual::constant(1.0));
    let moved = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), theta) * p.map(|v| Dual::constant(Dual::constant(v)));
    let expected = cross(Vector3::x()) * cross(Vector3::x()) * (Rotation3::from_axis_angle(&Vector3::x_axis(), angle) * p);
    close(&dynamic(&moved.map(|v| v.eps().eps())), &dynamic(&expected));
}

#[test]
fn gradient_of_a_norm_is_the_unit_vector() {
    let x = [3.0, -4.0, 12.0];
    let (y, g) = dual::gradient(|x| SVector::from(x).norm(), x);
    assert_eq!((y, g), (13.0, x.map(|v| v / 13.0)));
    // d(v/|v|) = (1 − u·uᵀ)/|v|
    let (u, j) = dual::jacobian(|x| SVector::from(x).normalize().into(), x);
    let u = SVector::from(u);
    let expected = (Matrix3::identity() - u * u.transpose()) / 13.0;
    close(&DMatrix::from_fn(3, 3, |i, c| j[i][c]), &dynamic(&expected));
}

// ---- inverses and decompositions ----

fn check_inverse<const N: usize>(seed: f64) {
    let (a, da) = (regular::<N>(seed), direction::<N, N>(seed));
    let (fixed, da_) = (dynamic(&a).try_inverse().unwrap(), dynamic(&da));
    let expected = -(&fixed * &da_ * &fixed);
    let inverse = DMatrix::from_fn(N, N, |i, j| seeded(&a, &da)[(i, j)]).try_inverse().unwrap();
    close(&inverse.map(|v| v.re), &fixed);
    close(&inverse.map(Dual::eps), &expected);
}

#[test]
fn derivative_of_the_inverse() {
    // dA⁻¹ = −A⁻¹·dA·A⁻¹, by cofactors up to size 4, by LU beyond.
    check_inverse::<2>(0.1);
    check_inverse::<3>(0.2);
    check_inverse::<4>(0.3);
    check_inverse::<7>(0.4);
}

proptest! {
    #[test]
    fn derivative_of_determinant_and_solution(seed in 0.0..6.0) {
        let (a, da, b, db) = (regular::<5>(seed), direction::<5, 5>(seed), direction::<5, 1>(seed + 1.0), direction::<5, 1>(seed + 2.0));
        let inverse = a.try_inverse().unwrap();
        // Jacobi: d det A = det A·tr(A⁻¹·dA)
        let det = seeded(&a, &da).determinant();
        prop_assert!((det.eps() / det.re - (inverse * da).trace()).abs() < 1e-12);
        // A·x = b: dx = A⁻¹·(db − dA·x)
        let x = seeded(&a, &da).lu().solve(&seeded(&b, &db)).unwrap();
        close(&primal(&x), &dynamic(&(inverse * b)));
        close(&tangent(&x), &dynamic(&(inverse * (db - da * inverse * b))));
    }

    #[test]
    fn derivative_of_qr(seed in 0.0..6.0) {
        let (a, da) = (regular::<4>(seed), direction::<4, 4>(seed));
        let (q, r) = seeded(&a, &da).qr().unpack();
        // The product rule holds, Q stays orthogonal and R stays triangular.
        close(&tangent(&(q * r)), &dynamic(&da));
        close(&primal(&(q * r)), &dynamic(&a));
        close(&tangent(&(q.transpose() * q)), &DMatrix::zeros(4, 4));
        for i in 0..4 {
            for j in 0..i {
                prop_assert!(r[(i, j)].eps() == 0.0);
            }
        }
        // d(q·qᵀ) is then determined: that of R's diagonal gives d ln|det A| = tr(A⁻¹·dA).
        let log_det: D = (0..4).map(|i| r[(i, i)].abs().ln()).sum();
        prop_assert!((log_det.eps() - (a.try_inverse().unwrap() * da).trace()).abs() < 1e-12);
    }

    #[test]
    fn derivative_of_cholesky(seed in 0.0..6.0) {
        // dL = L·Φ(L⁻¹·dA·L⁻ᵀ), Φ the lower triangle with half of the diagonal.
        let (m, dm) = (regular::<4>(seed), direction::<4, 4>(seed));
        let (a, da) = (m * m.transpose(), dm + dm.transpose());
        let l = a.cholesky().unwrap().l();
        let inverse = l.try_inverse().unwrap();
        let middle = inverse * da * inverse.transpose();
        let phi = Matrix4::from_fn(|i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 0.5 * middle[(i, j)],
            std::cmp::Ordering::Greater => middle[(i, j)],
        });
        close(&tangent(&seeded(&a, &da).cholesky().unwrap().l()), &dynamic(&(l * phi)));
    }

    #[test]
    fn derivative_of_eigenvalues_and_singular_values(seed in 0.0..6.0) {
        let (m, dm) = (regular::<3>(seed), direction::<3, 3>(seed));
        // dλ = vᵀ·dA·v
        let (a, da) = (m + m.transpose(), dm + dm.transpose());
        let dual = seeded(&a, &da).symmetric_eigen();
        for k in 0..3 {
            let v = dual.eigenvectors.column(k).map(|x| x.re);
            let slope = (v.transpose() * da * v)[0];
            prop_assert!((dual.eigenvalues[k].eps() - slope).abs() < 1e-9, "{} is not {slope}", dual.eigenvalues[k]);
        }
        // dσ = uᵀ·dA·v
        let dual = seeded(&m, &dm).svd(true, true);
        for k in 0..3 {
            let u = dual.u.unwrap().column(k).map(|x| x.re);
            let v = dual.v_t.unwrap().row(k).map(|x| x.re).transpose();
            let slope = (u.transpose() * dm * v)[0];
            prop_assert!((dual.singular_values[k].eps() - slope).abs() < 1e-9, "{} is not {slope}", dual.singular_values[k]);
        }
    }
}

#[test]
fn derivative_of_the_matrix_exponential() {
    // d e^{tA}/dt = A·e^{tA}
    let a = Matrix3::new(0.1, 0.7, -0.3, -0.5, 0.2, 0.4, 0.6, -0.1, -0.2);
    let t = 1.3;
    let e = a.map(|v| Dual::new(t, 1.0) * v).exp();
    close(&primal(&e), &dynamic(&(a * t).exp()));
    close(&tangent(&e), &dynamic(&(a * (a * t).exp())));
}

// ---- the field ----

#[test]
fn cardinal_sines_differentiate_at_zero() {
    // sinc⁽ᵏ⁾(0) = (−1)^{k/2}/(k + 1) for even k, 0 for odd k; sinh(x)/x the same without the sign.
    let expected = |sign: f64| [0.0, sign / 3.0, 0.0, 1.0 / 5.0, 0.0, sign / 7.0];
    let near = |a: [f64; 6], b: [f64; 6]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
    let (y, d) = dual::Order::<6>::derivatives(ComplexField::sinc, 0.0);
    assert!(y == 1.0 && near(d, expected(-1.0)), "{d:?}");
    let (y, d) = dual::Order::<6>::derivatives(ComplexField::sinhc, 0.0);
    assert!(y == 1.0 && near(d, expected(1.0)), "{d:?}");
    // On both sides of the change of formula: sinc′ = cos(x)/x − sin(x)/x²
    for x in [0.6, 0.999_f64, 1.0, 1.001, 4.0] {
        let (y, dy) = dual::derivative(ComplexField::sinc, x);
        assert!((y - x.sin() / x).abs() < 1e-15 && (dy - (x.cos() / x - x.sin() / (x * x))).abs() < 1e-14);
    }
}

#[test]
fn fields_of_every_kind() {
    fn is_field<T: RealField>() -> T {
        T::pi() * T::from_f64(0.5).unwrap() - T::frac_pi_2()
    }
    assert_eq!(is_field::<Dual<f32>>().re, 0.0);
    assert_eq!(is_field::<DualVec<f64, 4>>().re, 0.0);
    assert_eq!(is_field::<Dual<Dual<Dual<f64>>>>().re.re.re, 0.0);
}

#[test]
fn conversions_and_comparisons() {
    let x: D = nalgebra::convert(2.0);
    assert_eq!((x.re, x.eps()), (2.0, 0.0));
    // A number out of a dual is its primal, as in a comparison.
    assert_eq!(nalgebra::try_convert::<D, f64>(Dual::new(2.0, 5.0)), Some(2.0));
    let wide: Dual<f64> = nalgebra::convert(Dual::new(0.5_f32, 2.0));
    assert_eq!((wide.re, wide.eps()), (0.5, 2.0));
    assert!(approx::relative_eq!(Dual::new(1.0, 5.0), Dual::new(1.0 + 1e-16, 7.0)));
    assert_eq!(ComplexField::try_sqrt(Dual::new(-1.0, 1.0)).map(|x| x.re), None);
    assert_eq!(ComplexField::to_exp(Dual::new(-2.0, 3.0)).0.eps(), -3.0);
}
