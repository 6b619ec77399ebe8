//! Duals through `num_traits`: third-party style code differentiates, and the traits' methods carry tangents.

use num_traits::{Bounded, Euclid, Float, FloatConst, FromPrimitive, MulAdd, Num, NumCast, One, Pow, Signed, ToPrimitive, Zero};
use wengert::{Dual, DualVec, Real, dual};

/// Within a few roundings of each other.
#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs().max(b.abs())), "{a:e} is not {b:e}");
}

// ---- code that knows Float only ----

/// Stops by the primal; a tangent of order k needs k further steps.
fn newton<F: Float>(f: impl Fn(F) -> (F, F), start: F, further: usize) -> F {
    let (mut x, mut left) = (start, further);
    for _ in 0..60 {
        let (y, slope) = f(x);
        let step = y / slope;
        x = x - step;
        if step.abs() < F::epsilon().sqrt() * x.abs() {
            if left == 0 {
                break;
            }
            left -= 1;
        }
    }
    x
}

fn horner<F: Float>(coefficients: &[F], x: F) -> F {
    coefficients.iter().rev().fold(F::zero(), |sum, &c| sum.mul_add(x, c))
}

/// The larger root of x² + p·x + q, without cancellation: a branch on values.
fn larger_root<F: Float>(p: F, q: F) -> F {
    let two = F::one() + F::one();
    let root = (p * p / (two * two) - q).max(F::zero()).sqrt();
    if p.is_sign_negative() { -p / two + root } else { q / (-p / two - root) }
}

#[test]
fn newton_solver_differentiates_by_the_implicit_function() {
    // x³ = a: dx/da = 1/(3x²), d²x/da² = −2/(9x⁵)
    let a: f64 = 5.0;
    let root = a.cbrt();
    let solve = |a: Dual<Dual<f64>>| newton(|x| (x * x * x - a, x * x * 3.0), 2.0.into(), 2);
    let (x, dx, ddx) = dual::second_derivative(solve, a);
    close(x, root);
    close(dx, 1.0 / (3.0 * root.powi(2)));
    close(ddx, -2.0 / (9.0 * root.powi(5)));
}

#[test]
fn polynomial_over_float_differentiates_in_point_and_coefficients() {
    let x = 1.5;
    let (y, g) = dual::gradient(|[a, b, c, x]| horner(&[a, b, c], x), [2.0, -3.0, 4.0, x]);
    assert_eq!(y, 2.0 - 3.0 * x + 4.0 * x * x);
    assert_eq!(g, [1.0, x, x * x, -3.0 + 8.0 * x]);
}

#[test]
fn branching_code_over_float_differentiates_along_the_primal_branch() {
    // (x − a)(x − b): p = −(a + b), q = a·b; for a > b the larger root is a.
    for (a, b) in [(3.0, 1.0), (-1.0, -3.0)] {
        let (x, g) = dual::gradient(|[a, b]| larger_root(-(a + b), a * b), [a, b]);
        close(x, a);
        close(g[0], 1.0);
        close(g[1], 0.0);
    }
}

// ---- the traits ----

#[test]
fn methods_are_unambiguous_with_both_traits_in_scope() {
    fn both<T: Real + Float>(x: T) -> T {
        Real::exp(x) * Float::sin(x)
    }
    let x = Dual::new(0.5, 1.0);
    assert!((x.exp() * x.sin().max(x.cos()).powi(2).abs().mul_add(x, x)).is_finite());
    let f: f64 = 0.5;
    close(both(x).eps(), Float::exp(f) * (Float::sin(f) + Float::cos(f)));
}

#[test]
fn comparison_is_of_the_primal_and_zero_is_of_everything() {
    let (x, y) = (Dual::new(1.0, 2.0), Dual::new(1.0, 3.0));
    assert!(x == y && x <= y && x < Dual::constant(1.5));
    assert!(Dual::new(f64::NAN, 0.0).partial_cmp(&x).is_none());
    assert!(Dual::<f64>::zero().is_zero() && !Dual::new(0.0, 1.0).is_zero());
    assert!(Dual::<f64>::one().is_one() && !Dual::new(1.0, 1.0).is_one());
    assert!(!Dual::new(Dual::new(1.0, 1.0), Dual::constant(0.0)).is_one());
}

#[test]
fn float_methods_that_are_not_in_the_op_table() {
    let parts = |x: Dual<f64>| (x.re, x.eps());
    let (x, y) = (Dual::new(0.5, 3.0), Dual::new(2.0, 7.0));
    let (s, c) = x.sin_cos();
    assert_eq!((parts(s), parts(c)), (parts(x.sin()), parts(x.cos())));
    assert_eq!(parts(x.to_degrees()), (0.5_f64.to_degrees(), 3.0_f64.to_degrees()));
    assert_eq!(parts(x.to_radians()), (0.5_f64.to_radians(), 3.0_f64.to_radians()));
    assert_eq!(parts(Float::abs_sub(y, x)), (1.5, 4.0));
    assert_eq!(parts(Signed::abs_sub(&x, &y)), (0.0, 0.0));
    assert_eq!(x.integer_decode(), 0.5_f64.integer_decode());
    assert!(Dual::new(-0.0, 1.0).is_sign_negative() && y.is_positive());
    assert_eq!(Dual::<Dual<f64>>::epsilon().re.re, f64::EPSILON);
    assert_eq!(<Dual<f64> as Bounded>::max_value().re, f64::MAX);
    assert_eq!((Dual::<f64>::TAU().re, Dual::<f64>::LOG10_2().re), (std::f64::consts::TAU, std::f64::consts::LOG10_2));
    assert_eq!((y.pow(2).eps(), MulAdd::mul_add(y, y, x).eps()), (28.0, 31.0));
    // −7 = −4·2 + 1: ∂/∂x = 1, ∂/∂y = 4
    assert_eq!(parts(Dual::new(-7.0, 1.0).rem_euclid(&Dual::new(2.0, 10.0))), (1.0, 41.0));
}

#[test]
fn float_methods_of_the_op_table_have_their_closed_derivatives() {
    fn generic<F: Float>(k: usize, x: F) -> F {
        let half = F::from(0.5).unwrap();
        [x.exp_m1(), x.atan2(half), half.atan2(x), x.hypot(half), x.powi(-2), x.exp2(), x.log(half), x.cbrt(), x.copysign(-half)]
            [k]
    }
    let x: f64 = 0.8;
    let square = x * x + 0.25;
    let ln2 = std::f64::consts::LN_2;
    let expected = [
        Float::exp(x),
        0.5 / square,
        -0.5 / square,
        x / Float::sqrt(square),
        -2.0 / (x * x * x),
        Float::exp2(x) * ln2,
        -1.0 / (x * ln2),
        Float::cbrt(x) / (3.0 * x),
        -1.0,
    ];
    for (k, expected) in expected.into_iter().enumerate() {
        let (y, dy) = dual::derivative(|x| generic(k, x), x);
        close(y, generic(k, x));
        close(dy, expected);
    }
}

#[test]
fn conversions() {
    assert_eq!(Dual::<f64>::from_str_radix("2.5", 10).unwrap().re, 2.5);
    assert_eq!(Dual::<f32>::from_f64(0.1).unwrap().re, 0.1);
    assert_eq!(Dual::<Dual<f64>>::from_u64(7).unwrap().re.re, 7.0);
    assert_eq!(<Dual<f64> as NumCast>::from(3_u8).unwrap().re, 3.0);
    assert_eq!(Dual::new(2.9, 1.0).to_i32(), Some(2));
}

#[test]
#[allow(clippy::op_ref, reason = "the operators by reference are what is tested")]
fn operators_and_printing() {
    fn by_reference<F: num_traits::NumAssignRef + num_traits::NumRef + Copy>(x: F, y: F) -> F {
        let mut z = x * &y;
        z += &x;
        z
    }
    let (x, y) = (Dual::new(3.0, 1.0), Dual::new(2.0, 5.0));
    for z in [&x * &y, x * &y, &x * y, x * y, by_reference(x, y) - x] {
        assert_eq!((z.re, z.eps()), (6.0, 17.0));
    }
    let mut z = x;
    z *= &y;
    z -= 1.0;
    z /= 2.0;
    assert_eq!((z.re, z.eps()), (2.5, 8.5));
    assert_eq!((-&x).eps(), -1.0);
    assert!(Dual::<f64>::default().is_zero());
    assert_eq!(x.to_string(), "3 + [1]ε");
    assert_eq!(format!("{:.2}", DualVec { re: 1.0, eps: [0.5, -2.0] }), "1.00 + [0.50, -2.00]ε");
}
