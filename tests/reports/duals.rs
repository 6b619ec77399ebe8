//! Edges that overflow, times a tangent of 0 that is another operand's.

use crate::every::{Expected, body, every_mode, every_mode_f32};
use wengert::{Dual, DualVec, Function, Width, dual, lit};

const INF: f64 = f64::INFINITY;

/// With a tangent for each of two operands.
type Pair = DualVec<f64, 2>;

#[test]
fn a_quotient_whose_second_edge_overflows() {
    let expected = Expected { value: 1e20, gradient: &[1e20, -INF], hessian: Some(&[0.0, -INF, -INF, INF]), relative: 1e-6 };
    every_mode_f32(body!(|[a, b]| a / b), &[1.0, 1e-20], &expected);
    let expected = Expected { value: 1e160, gradient: &[1e160, -INF], hessian: Some(&[0.0, -INF, -INF, INF]), relative: 1e-14 };
    every_mode(body!(|[a, b]| a / b), &[1.0, 1e-160], &expected);
    every_mode(body!(|[a, b]| a * b.recip()), &[1.0, 1e-160], &expected);
    every_mode(body!(|[a, b]| a * b.powi(-1)), &[1.0, 1e-160], &expected);
}

#[test]
fn a_quotient_by_a_small_constant() {
    let expected = Expected { value: 1e20, gradient: &[1e20], hessian: Some(&[0.0]), relative: 1e-6 };
    every_mode_f32(body!(|[x]| x / lit(1e-20)), &[1.0], &expected);
    let x: Dual<f32> = Dual::new(1.0, 1.0) / Dual::constant(1e-20f32);
    assert_eq!(x.eps(), 1e20);
}

#[test]
fn second_derivatives_that_overflow_leave_the_others() {
    let expected = Expected {
        value: -368.413614879047,
        gradient: &[-368.413614879047, 1e160],
        hessian: Some(&[0.0, 1e160, 1e160, -INF]),
        relative: 1e-12,
    };
    every_mode(body!(|[a, b]| a * b.ln()), &[1.0, 1e-160], &expected);
    let hessian = dual::hessian(|[a, b]| a * b.ln(), [1.0, 1e-160]);
    assert!(!format!("{hessian:?}").contains("NaN"), "{hessian:?}");
    // A third operand, whose tangent is 0 where the others' are infinite.
    let expected = Expected {
        value: 2e160,
        gradient: &[2e160, -INF, 1e160],
        hessian: Some(&[0.0, -INF, 1e160, -INF, INF, -INF, 1e160, -INF, 0.0]),
        relative: 1e-12,
    };
    every_mode(body!(|[a, b, c]| a / b * c), &[1.0, 1e-160, 2.0], &expected);
    // √b, whose second derivative overflows, and ∛b.
    let expected =
        Expected { value: 1e-110, gradient: &[1e-110, 0.5e110], hessian: Some(&[0.0, 0.5e110, 0.5e110, -INF]), relative: 1e-12 };
    every_mode(body!(|[a, b]| a * b.sqrt()), &[1.0, 1e-220], &expected);
}

#[test]
fn steep_edges_of_other_operations() {
    // eᵇ overflows, and a does not depend on it.
    for x in [[2.0f64, 800.0], [2.0, -800.0]] {
        let of = |f: fn(DualVec<f64, 2>, DualVec<f64, 2>) -> DualVec<f64, 2>| {
            f(DualVec::variable(x[0], 0), DualVec::variable(x[1], 1)).eps[0]
        };
        let only: [fn(Pair, Pair) -> Pair; 6] = [
            |a, b| a + b.exp(),
            |a, b| a + b.exp2(),
            |a, b| a + b.sinh(),
            |a, b| a + b.cosh(),
            |a, b| a + b.exp_m1(),
            |a, b| a + (b * 1e200).powi(3),
        ];
        only.into_iter().for_each(|f| assert_eq!(of(f), 1.0, "{x:?}"));
    }
    let small = |f: fn(DualVec<f64, 2>) -> DualVec<f64, 2>| f(DualVec::variable(1e-320, 1)).eps;
    let only: [(fn(Pair) -> Pair, f64); 7] = [
        (|b| b.recip(), -INF),
        (|b| b.powi(-3), -INF),
        (|b| b.ln(), INF),
        (|b| b.log2(), INF),
        (|b| b.log(3.0), INF),
        (|b| b.lgamma(), -INF),
        (|b| b.digamma(), INF),
    ];
    for (k, (f, steep)) in only.into_iter().enumerate() {
        assert_eq!(small(f), [0.0, steep], "the function {k}");
    }
}

#[test]
fn pushing_along_one_operand_only() {
    let f = Function::trace_in(Width::F32, ["a", "b"], |[a, b]| a / b).unwrap().jvp().unwrap();
    let along: [f32; 2] = f.compile().unwrap().call([1.0f32, 1e-20, 1.0, 0.0]).unwrap();
    assert_eq!(along[1], 1e20);
}
