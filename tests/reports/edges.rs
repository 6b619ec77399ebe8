//! Edges that cancelled or overflowed before the derivative does: single operations. The right values are of 300 bits and more.
#![allow(clippy::excessive_precision, reason = "references have all of their digits")]

use crate::every::{Expected, body, every_mode, every_mode_f32};
use wengert::check::Body;
use wengert::op::{Op, Value};
use wengert::{Dual, Expr, Function, Real, Width, lit};

const INF: f64 = f64::INFINITY;

#[track_caller]
fn unary(body: impl Body + Copy, x: f64, [value, slope, second]: [f64; 3]) {
    every_mode(body, &[x], &Expected { value, gradient: &[slope], hessian: Some(&[second]), relative: 1e-13 });
}

#[track_caller]
fn unary_f32(body: impl Body + Copy, x: f32, [value, slope, second]: [f64; 3]) {
    every_mode_f32(body, &[x], &Expected { value, gradient: &[slope], hessian: Some(&[second]), relative: 2e-6 });
}

#[test]
fn saturation() {
    unary(body!(|[x]| x.tanh()), 20.0, [1.0, 1.6993417021166356e-17, -3.3986834042332711e-17]);
    unary(body!(|[x]| x.tanh()), 4.4, [0.99969857928388049, 0.00060275057779092362, -0.0012051377925602489]);
    unary(body!(|[x]| x.tanh()), -300.0, [-1.0, 1.0601586212017243e-260, 2.1203172424034487e-260]);
    unary(body!(|[x]| x.tanh()), 1e-10, [1e-10, 1.0, -2e-10]);
    unary_f32(body!(|[x]| x.tanh()), 9.0, [0.99999996954004097, 6.0919917123232292e-8, -1.2183983053522823e-7]);
    unary(body!(|[x]| x.sigmoid()), 40.0, [1.0, 4.248354255291589e-18, -4.2483542552915889e-18]);
    unary(body!(|[x]| x.sigmoid()), -40.0, [4.248354255291589e-18, 4.248354255291589e-18, 4.2483542552915889e-18]);
    unary_f32(body!(|[x]| x.sigmoid()), 20.0, [0.99999999793884638, 2.0611536139418493e-9, -2.0611536054451409e-9]);
    unary(body!(|[x]| x.softplus()), 40.0, [40.0, 1.0, 4.248354255291589e-18]);
    let d = 5.2428856633634639e-22;
    let expected = Expected { value: 50.0, gradient: &[1.0, d], hessian: Some(&[d, -d, -d, d]), relative: 1e-13 };
    every_mode(body!(|[x, y]| x.log_add_exp(y)), &[50.0, 1.0], &expected);
}

#[test]
fn inverse_functions_at_large_numbers() {
    let expected = Expected { value: 360.69314718055995, gradient: &[1.0], hessian: None, relative: 1e-13 };
    every_mode(body!(|[x]| x.exp().acosh()), &[360.0], &expected);
    unary(body!(|[x]| x.acosh()), 1e160, [369.10676205960727, 1e-160, -1e-320]);
    every_mode_f32(
        body!(|[x]| x.acosh()),
        &[1e25],
        &Expected { value: 58.25777455589032, gradient: &[1e-25], hessian: None, relative: 2e-6 },
    );
    unary(body!(|[x]| x.atan()), 1e81, [std::f64::consts::FRAC_PI_2, 1e-162, -2e-243]);
    unary_f32(body!(|[x]| x.atan()), 1e11, [1.5707963267848966, 1e-22, -2e-33]);
    unary(body!(|[x]| x.atan()), INF, [std::f64::consts::FRAC_PI_2, 0.0, 0.0]);
    unary(body!(|[x]| x.asinh()), INF, [INF, 0.0, 0.0]);
    unary(body!(|[x]| x.tanh()), INF, [1.0, 0.0, 0.0]);
    unary(body!(|[x]| x.erf()), -INF, [-1.0, 0.0, 0.0]);
    unary(body!(|[x]| x.norm_cdf()), INF, [1.0, 0.0, 0.0]);
    unary(body!(|[x]| x.norm_cdf()), 1e200, [1.0, 0.0, 0.0]);
}

#[test]
fn inverse_functions_near_zero() {
    unary(body!(|[x]| x.asin()), 1e-5, [1.0000000000166667e-5, 1.00000000005, 1.00000000015e-5]);
    unary(body!(|[x]| x.acos()), 1e-5, [1.5707863267948965, -1.00000000005, -1.00000000015e-5]);
    unary(body!(|[x]| x.atanh()), 1e-5, [1.0000000000333333e-5, 1.0000000001, 2.0000000004e-5]);
    unary_f32(body!(|[x]| x.asin()), 1e-5, [9.9999997475454183e-6, 1.00000000005, 9.9999997488787515e-6]);
}

#[test]
fn distances_of_unequal_sizes() {
    let (f, s) = (0.00033333331481481636, 0.99999994444444907);
    let expected = Expected {
        value: 3000.000166666662,
        gradient: &[f, s],
        hessian: Some(&[0.00033333327777778549, -1.1111109259259516e-7, -1.1111109259259516e-7, 3.7037030864198388e-11]),
        relative: 2e-6,
    };
    every_mode_f32(body!(|[x, y]| x.hypot(y)), &[1.0, 3000.0], &expected);
    let expected =
        Expected { value: 1e8, gradient: &[1.0, 1e-8], hessian: Some(&[1e-24, -1e-16, -1e-16, 1e-8]), relative: 1e-13 };
    every_mode(body!(|[x, y]| x.hypot(y)), &[1e8, 1.0], &expected);
    let expected =
        Expected { value: 1e-8, gradient: &[1e-8, -1e-16], hessian: Some(&[-2e-24, -1e-16, -1e-16, 2e-24]), relative: 1e-13 };
    every_mode(body!(|[y, x]| y.atan2(x)), &[1.0, 1e8], &expected);
    // Where the distance overflows, its derivatives do not.
    let r = std::f64::consts::FRAC_1_SQRT_2;
    every_mode(
        body!(|[x, y]| x.hypot(y)),
        &[1.5e308, -1.5e308],
        &Expected { value: INF, gradient: &[r, -r], hessian: None, relative: 1e-13 },
    );
}

/// Tangents that make up for what a reciprocal squared would lose.
#[test]
fn quotients_of_large_numbers_in_f32() {
    fn holds(body: impl Body + Copy, right: f64) {
        let dual = body.call(&[Dual::new(1.0f32, 1.0)])[0].eps();
        let f = Function::trace_in(Width::F32, "x", |x: Expr| body.call(&[x])[0]).unwrap();
        let along: [f32; 2] = f.jvp().unwrap().compile().unwrap().call([1.0f32, 1.0]).unwrap();
        for found in [dual, along[1]] {
            assert!((f64::from(found) / right - 1.0).abs() < 2e-6, "{found} for {right}");
        }
    }
    holds(body!(|[x]| (x * lit(6.02e23)).recip()), -1.0 / 6.02e23);
    holds(body!(|[x]| (x * lit(6.02e23)).recip() * lit(2.0)), -2.0 / 6.02e23);
    holds(body!(|[x]| (x * lit(6.02e23)).powi(-1)), -1.0 / 6.02e23);
    holds(body!(|[x]| (x * lit(1e-25)).recip() * lit(1e-20)), -1e5);
}

#[test]
fn gamma_functions_on_the_left_and_beside_poles() {
    let cases = [
        (-1e-10, 23.025850929998178, 9999999999.422784, 9.9999999999999993e19),
        (-1.0 - 1e-12, 27.630932219297207, 999911107320.69277, 9.9982222254244847e23),
        (-1e-16, 36.841361487904731, 9999999999999999.6, 1e32),
        (-0.5, 1.2655121234846454, 0.036489973978576521, 8.9348022005446793),
        (-7.25, -7.54188344347575, 5.1899772149562879, 19.610354539293269),
    ];
    for (x, value, slope, second) in cases {
        unary(body!(|[x]| x.lgamma()), x, [value, slope, second]);
        let expected = Expected { value: slope, gradient: &[second], hessian: None, relative: 1e-13 };
        every_mode(body!(|[x]| x.digamma()), &[x], &expected);
    }
}

#[test]
fn polygamma_of_high_orders() {
    let cases = [
        (150, 2.0, -2.0015390410664059e217),
        (150, 300.0, -1.3083361237650298e-111),
        (200, 10.0, -7.8865787114015541e173),
        (1000, 400.0, -9.5463286602289094e-38),
        (151, 0.75, 8.4441963388631276e283),
        (100_000, 1e-3, -INF),
        (1_000_000, 1e9, -0.0),
    ];
    for (n, x, right) in cases {
        let found = Op::Polygamma(n).apply(&[Value::<f64, bool>::Num(x)]).number().unwrap();
        assert!(found == right || (found / right - 1.0).abs() < 1e-13, "order {n} at {x}: {found:e} for {right:e}");
        let f = Function::trace("x", |x: Expr| x.polygamma(n)).unwrap().compile().unwrap();
        assert_eq!(f.call::<f64, 1>([x]).unwrap()[0].to_bits(), found.to_bits());
    }
    assert_eq!(Real::polygamma(3.5f32, 160), 3.5f64.polygamma(160) as f32);
}
