//! Duals against closed forms and facts about derivatives; nothing here is computed by a rule and compared to itself.

use proptest::prelude::*;
use wengert::{Dual, DualVec, Real, dual, lit};

/// Within a few roundings of each other.
#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs().max(b.abs())), "{a:e} is not {b:e}");
}

// ---- orders ----

#[test]
fn fifth_power_differentiates_down_to_a_constant() {
    let (y, d) = dual::Order::<6>::derivatives(|x| x.powi(5), 2.0);
    assert_eq!((y, d), (32.0, [80.0, 160.0, 240.0, 240.0, 120.0, 0.0]));
    assert_eq!(dual::second_derivative(|x| x * x * x * x * x, 2.0), (32.0, 80.0, 160.0));
    assert_eq!(dual::nth_derivative::<1>(|x| x.powi(5), 2.0), 80.0);
    assert_eq!(dual::nth_derivative::<8>(|x| x.powi(8), 1.5), 40320.0);
}

#[test]
fn third_derivatives_of_compositions() {
    let x: f64 = 0.7;
    let (s, c) = x.sin_cos();
    // e^{sin x}: g‴ = e^{sin x}·(cos³x − 3·sin x·cos x − cos x)
    close(dual::nth_derivative::<3>(|x| x.sin().exp(), x), s.exp() * (c * c * c - 3.0 * s * c - c));
    // ln(1 + x²): g‴ = (4x³ − 12x)/(1 + x²)³
    close(dual::nth_derivative::<3>(|x| (x * x + 1.0).ln(), x), (4.0 * x.powi(3) - 12.0 * x) / (1.0 + x * x).powi(3));
    // √(1 + x²): g‴ = −3x/(1 + x²)^{5/2}
    close(dual::nth_derivative::<3>(|x| (x * x + 1.0).sqrt(), x), -3.0 * x / (1.0 + x * x).powf(2.5));
    // tanh x: g‴ = sech²x·(4·tanh²x − 2·sech²x)
    let (t, h) = (x.tanh(), x.cosh().powi(-2));
    close(dual::nth_derivative::<3>(|x| x.tanh(), x), h * (4.0 * t * t - 2.0 * h));
    // arctan x: g‴ = (6x² − 2)/(1 + x²)³
    close(dual::nth_derivative::<3>(|x| x.atan(), x), (6.0 * x * x - 2.0) / (1.0 + x * x).powi(3));
    // x^x: g″ = x^x·((1 + ln x)² + 1/x)
    close(dual::nth_derivative::<2>(|x| x.powf(x), x), x.powf(x) * ((1.0 + x.ln()).powi(2) + 1.0 / x));
    // sin has period four under differentiation.
    close(dual::nth_derivative::<8>(|x| x.sin(), x), s);
    close(dual::nth_derivative::<7>(|x| x.sin(), x), -c);
}

#[test]
fn every_order_up_to_eight_of_the_exponential() {
    let e = 0.4_f64.exp();
    let (y, d) = dual::Order::<8>::derivatives(|x| x.exp(), 0.4);
    assert_eq!(y, e);
    assert!(d.iter().all(|d| (d - e).abs() < 1e-14));
}

#[test]
fn perturbations_of_nested_derivatives_stay_apart() {
    // d/dx [x · d/dy (x + y)] = d/dx [x · 1] = 1; a single shared ε would give 2.
    let outer = |x: Dual<f64>| {
        let (_, inner) = dual::derivative(|y: Dual<Dual<f64>>| Dual::constant(x) + y, Dual::constant(1.0));
        x * inner
    };
    assert_eq!(dual::derivative(outer, 1.0), (1.0, 1.0));
}

// ---- drivers ----

/// Σ 100·(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²
fn rosenbrock<T: Real>(x: &[T]) -> T {
    x.windows(2).map(|p| lit::<T>(100.0) * (p[1] - p[0] * p[0]).powi(2) + (lit::<T>(1.0) - p[0]).powi(2)).sum()
}

#[test]
fn hessian_of_rosenbrock() {
    let (a, b) = (-1.2, 1.0);
    let (y, g, h) = dual::hessian(|x| rosenbrock(&x), [a, b]);
    close(y, 100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2));
    close(g[0], -400.0 * a * (b - a * a) - 2.0 * (1.0 - a));
    close(g[1], 200.0 * (b - a * a));
    close(h[0][0], 1200.0 * a * a - 400.0 * b + 2.0);
    close(h[0][1], -400.0 * a);
    close(h[1][1], 200.0);
    // At the minimum the value and the gradient vanish.
    let (y, g, _) = dual::hessian(|x| rosenbrock(&x), [1.0; 5]);
    assert_eq!((y, g), (0.0, [0.0; 5]));
}

#[test]
fn hessian_is_symmetric_to_the_last_bit() {
    let (_, _, h) = dual::hessian(|[x, y, z]| (x / y).sin() * z.exp() + (x * z).tanh() / (y + z.cos()), [0.3, 1.7, -0.9_f64]);
    for (i, row) in h.iter().enumerate() {
        for (entry, mirrored) in row.iter().zip(&h) {
            assert_eq!(entry.to_bits(), mirrored[i].to_bits());
        }
    }
}

#[test]
fn chunked_gradient_is_the_full_gradient() {
    fn check<const N: usize>() {
        let x: [f64; N] = std::array::from_fn(|i| (i as f64 * 0.7).sin() + 1.5);
        let (value, full) = dual::gradient(|x| rosenbrock(&x) + x[0] * x[N - 1], x);
        let (mut chunked, mut runs) = ([f64::NAN; N], 0);
        let y = dual::gradient_into(
            |x| {
                runs += 1;
                rosenbrock(x) + x[0] * x[N - 1]
            },
            &x,
            &mut chunked,
        );
        assert_eq!((y.unwrap(), chunked), (value, full));
        assert_eq!(runs, N.div_ceil(dual::CHUNK));
    }
    check::<1>();
    check::<7>();
    check::<8>();
    check::<9>();
    check::<16>();
    check::<19>();
}

#[test]
fn gradient_of_no_inputs_is_the_value() {
    assert_eq!(dual::gradient_into(|x| x.iter().product(), &[] as &[f64], &mut []).unwrap(), 1.0);
    assert_eq!(dual::gradient(|[]| 2.0.into(), []), (2.0, []));
}

#[test]
fn lengths_that_do_not_fit_are_errors_before_the_function_runs() {
    let error = dual::gradient_into(|_| unreachable!("f must not run"), &[1.0, 2.0], &mut [0.0; 3]).unwrap_err();
    assert!(error.is_length());
    assert!(error.to_string().starts_with("the gradient has length 3, but the point has length 2 (at tests/duals/dual.rs:"));
    let error = dual::directional_slice(|_| unreachable!("f must not run"), &[1.0, 2.0], &[1.0]).unwrap_err();
    assert!(error.is_length());
    assert!(error.to_string().starts_with("the direction has length 1, but the point has length 2 (at tests/duals/dual.rs:"));
}

/// fᵢ(x) = xᵢ²·xᵢ₊₁, for points shorter than a chunk, as long as one, and of several with a rest.
#[test]
fn jacobian_in_chunks() {
    for n in [1, 7, 8, 9, 20] {
        let x: Vec<f64> = (0..n).map(|k| 1.0 + 0.3 * k as f64).collect();
        let mut j = vec![f64::NAN; (n - 1) * n];
        let f = |x: &[DualVec<f64, 8>]| x.windows(2).map(|p| p[0] * p[0] * p[1]).collect::<Vec<_>>();
        let y = dual::jacobian_into(f, &x, &mut j).unwrap();
        for (i, row) in j.chunks(n).enumerate() {
            assert_eq!(y[i], x[i] * x[i] * x[i + 1]);
            for (k, &entry) in row.iter().enumerate() {
                let want = if k == i {
                    2.0 * x[i] * x[i + 1]
                } else if k == i + 1 {
                    x[i] * x[i]
                } else {
                    0.0
                };
                assert!((entry - want).abs() <= 1e-15 * want.abs(), "∂f{i}/∂x{k} of {n}: {entry} for {want}");
            }
        }
    }
    let two = |_: &[DualVec<f64, 8>]| vec![DualVec::constant(1.0), DualVec::constant(2.0)];
    assert_eq!(dual::jacobian_into(two, &[], &mut []).unwrap(), [1.0, 2.0]);
    let error = dual::jacobian_into(two, &[0.0; 3], &mut [0.0; 5]).unwrap_err();
    assert!(
        error.is_length() && error.to_string().starts_with("the Jacobian has 5 numbers for 2 results of 3 inputs (at"),
        "{error}"
    );
    let mut calls = 0;
    let growing = |_: &[DualVec<f64, 8>]| {
        calls += 1;
        vec![DualVec::constant(1.0); calls]
    };
    assert!(dual::jacobian_into(growing, &[0.0; 9], &mut [0.0; 9]).unwrap_err().is_length());
}

#[test]
fn jacobian_of_polar_coordinates() {
    let (r, a) = (2.0, 0.6_f64);
    let (y, j) = dual::jacobian(|[r, a]| [r * a.cos(), r * a.sin()], [r, a]);
    assert_eq!(y, [r * a.cos(), r * a.sin()]);
    assert_eq!(j, [[a.cos(), -r * a.sin()], [a.sin(), r * a.cos()]]);
    let (_, jv) = dual::directional(|[r, a]| [r * a.cos(), r * a.sin()], [r, a], [0.0, 1.0]);
    assert_eq!(jv, [-r * a.sin(), r * a.cos()]);
}

#[test]
fn drivers_infer_from_plain_literals() {
    assert_eq!(dual::derivative(|x| (x * 2.0 + 1.0).powi(2), 1.0), (9.0, 12.0));
    assert_eq!(dual::derivative(|x| (1.0 / x).powi(2), 2.0), (0.25, -0.25));
    assert_eq!(dual::gradient(|[x, y]| (x * y).sqrt() + 2.0 * x, [1.0, 4.0]).1, [3.0, 0.25]);
    assert_eq!(dual::nth_derivative::<2>(|x| (x * 3.0).exp() * 2.0, 0.0), 18.0);
    assert_eq!(dual::second_derivative(|x| (x * 2.0).powi(2), 1.0).2, 8.0);
    assert_eq!(dual::Order::<2>::derivatives(|x| (x * 2.0).powi(2), 1.0).1, [8.0, 8.0]);
}

#[test]
fn single_precision() {
    let x = 0.3_f32;
    let (y, dy) = dual::derivative(|x| (x * 2.0).sin(), x);
    assert_eq!((y, dy), ((x * 2.0).sin(), 2.0 * (x * 2.0).cos()));
    let mut z = Dual::new(x, 1.0);
    z *= 2.0;
    z += 1.0;
    assert_eq!((z.re, z.eps()), (x * 2.0 + 1.0, 2.0));
    let (_, _, h) = dual::hessian(|x| rosenbrock(&x), [1.0_f32, 1.0]);
    assert_eq!(h, [[802.0, -400.0], [-400.0, 200.0]]);
    assert_eq!(dual::Order::<2>::derivatives(|x| x.powi(3), 2.0_f32), (8.0, [12.0, 12.0]));
}

// ---- edges of the domains ----

#[test]
fn powers_at_zero_and_of_negative_bases() {
    let power = |x: f64, y: f64| dual::gradient(|[x, y]| x.powf(y), [x, y]);
    assert_eq!(power(0.0, 2.0), (0.0, [0.0, 0.0]));
    assert_eq!(power(0.0, 1.0), (0.0, [1.0, 0.0]));
    assert_eq!(power(0.0, 0.0), (1.0, [0.0, 0.0]));
    // A literal exponent has no tangent, so the base may be negative.
    assert_eq!(dual::derivative(|x| x.powf(3.0), -2.0), (-8.0, 12.0));
    assert_eq!(dual::derivative(|x| x.powf(2.0), 0.0), (0.0, 0.0));
    assert_eq!(dual::derivative(|x| x.powi(3), -2.0), (-8.0, 12.0));
    assert_eq!(dual::derivative(|x| x.powi(0), 0.0), (1.0, 0.0));
    assert_eq!(dual::second_derivative(|x| x.powi(2), 0.0), (0.0, 0.0, 2.0));
    assert_eq!(dual::second_derivative(|x| x.powf(2.0), 0.0), (0.0, 0.0, 2.0));
}

#[test]
fn kinks_and_poles() {
    assert_eq!(dual::derivative(|x| x.sqrt(), 0.0), (0.0, f64::INFINITY));
    assert_eq!(dual::derivative(|x| x.cbrt(), 0.0), (0.0, f64::INFINITY));
    assert_eq!(dual::derivative(|x| x.abs(), 0.0), (0.0, 0.0));
    assert_eq!(dual::derivative(|x| x.relu(), 0.0), (0.0, 0.0));
    assert_eq!(dual::gradient(|[x, y]| x.hypot(y), [0.0, 0.0]), (0.0, [0.0, 0.0]));
    assert_eq!(dual::gradient(|[y, x]| y.atan2(x), [0.0, 0.0]), (0.0, [0.0, 0.0]));
    assert_eq!(dual::gradient(|[x, y]| x.max(y), [1.0, 1.0]), (1.0, [0.5, 0.5]));
    assert_eq!(dual::gradient(|[x, y]| x.min(y), [1.0, 1.0]), (1.0, [0.5, 0.5]));
    assert_eq!(dual::gradient(|[x, y]| x.max(y), [1.0, 2.0]), (2.0, [0.0, 1.0]));
    assert_eq!(dual::derivative(|x| x.clamp(0.0, 1.0), 1.0), (1.0, 1.0));
    assert_eq!(dual::derivative(|x| x.floor() + x.fract(), 2.25), (2.25, 1.0));
}

// Where a rule guards against 0·∞ or ∞ − ∞, the guard must not swallow the next order.

#[test]
fn second_derivatives_where_a_factor_vanishes() {
    let ln3 = 3.0_f64.ln();
    // a^{t²} = 1 + t²·ln a + …
    close(dual::second_derivative(|t| lit::<Dual<Dual<f64>>>(3.0).powf(t * t), 0.0).2, 2.0 * ln3);
    // (1 + t)ᵗ = 1 + t² + …
    close(dual::second_derivative(|t| (t + 1.0).powf(t), 0.0).2, 2.0);
    // ∂²xʸ/∂x∂y = 1/x at y = 0, whichever is differentiated first
    close(dual::hessian(|[x, y]| x.powf(y), [2.0, 0.0]).2[0][1], 0.5);
    close(dual::hessian(|[y, x]| x.powf(y), [0.0, 2.0]).2[0][1], 0.5);
    // t·ln(1 + t) = t² + …, and t²·ln a
    close(dual::second_derivative(|t| t.xlogy(t + 1.0), 0.0).2, 2.0);
    close(dual::second_derivative(|t| (t * t).xlogy(3.0), 0.0).2, 2.0 * ln3);
    close(dual::hessian(|[y, x]| x.xlogy(y), [2.0, 0.0]).2[0][1], 0.5);
    // The guards still hold.
    assert_eq!(dual::gradient(|[x, y]| x.powf(y), [0.0, 0.0]), (1.0, [0.0, 0.0]));
    assert_eq!(dual::derivative(|x| x.powf(0.0), f64::NAN), (1.0, 0.0));
    assert_eq!(dual::derivative(|y| lit::<Dual<f64>>(0.0).xlogy(y), 0.0), (0.0, 0.0));
}

#[test]
fn second_derivatives_of_log_add_exp_at_a_tie() {
    let (y, g, h) = dual::hessian(|[x, y]| x.log_add_exp(y), [0.0, 0.0]);
    close(y, 2.0_f64.ln());
    assert_eq!((g, h), ([0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]]));
    let infinity = f64::INFINITY;
    assert_eq!(dual::gradient(|[x, y]| x.log_add_exp(y), [infinity; 2]), (infinity, [0.5, 0.5]));
    assert_eq!(dual::gradient(|[x, y]| x.log_add_exp(y), [-infinity; 2]), (-infinity, [0.5, 0.5]));
}

#[test]
fn the_remainder_has_the_derivative_of_its_own_quotient() {
    // 1 % 0.1 is just below 0.1, hence 1 − 9·0.1, although 1/0.1 rounds to 10.
    let (r, g) = dual::gradient(|[x, y]| x % y, [1.0, 0.1]);
    assert_eq!((r, g), (1.0 % 0.1, [1.0, -9.0]));
    assert_eq!(dual::gradient(|[x, y]| x % y, [-7.0, 2.0]), (-1.0, [1.0, 3.0]));
    assert_eq!(dual::gradient(|[x, y]| x % y, [5.0, f64::INFINITY]), (5.0, [1.0, 0.0]));
}

// ---- mathematics ----

fn f<T: Real>(x: T) -> T {
    (x * lit(1.3)).sin() + x.tanh() * x
}
fn g<T: Real>(x: T) -> T {
    (x * x + lit(0.5)).ln() - x.atan()
}
fn h<T: Real>([x, y, z]: [T; 3]) -> [T; 2] {
    [x * y.sin() + z, (x * z).exp() / (y * y + lit(1.0))]
}

proptest! {
    #[test]
    fn chain_rule(x in -3.0..3.0) {
        let (inner, dg) = dual::derivative(g, x);
        let (outer, df) = dual::derivative(f, inner);
        let (y, dy) = dual::derivative(|x| f(g(x)), x);
        prop_assert_eq!(y, outer);
        close(dy, df * dg);
    }

    #[test]
    fn product_and_quotient_rules_of_second_order(x in -3.0..3.0) {
        let ((u, du, ddu), (v, dv, ddv)) = (dual::second_derivative(f, x), dual::second_derivative(g, x));
        close(dual::second_derivative(|x| f(x) * g(x), x).2, ddu * v + 2.0 * du * dv + u * ddv);
        // (f/e)″ with e = eˣ is (f″ − 2f′ + f)/e
        close(dual::second_derivative(|x| f(x) / x.exp(), x).2, (ddu - 2.0 * du + u) / x.exp());
    }

    #[test]
    fn differentiation_is_linear(x in -3.0..3.0, a in -5.0..5.0, b in -5.0..5.0) {
        let (_, d) = dual::derivative(|x| f(x) * a + g(x) * b, x);
        close(d, a * dual::derivative(f, x).1 + b * dual::derivative(g, x).1);
    }

    #[test]
    fn directional_derivative_is_the_jacobian_times_the_direction(
        x in prop::array::uniform3(-2.0..2.0),
        v in prop::array::uniform3(-2.0..2.0),
    ) {
        let (y, j) = dual::jacobian(h, x);
        let (value, jv) = dual::directional(h, x, v);
        prop_assert_eq!(y, value);
        for i in 0..2 {
            close(jv[i], (0..3).map(|k| j[i][k] * v[k]).sum());
        }
        let slice = dual::directional_slice(|x| h([x[0], x[1], x[2]]).to_vec(), &x, &v).unwrap();
        prop_assert_eq!(slice, (value.to_vec(), jv.to_vec()));
    }

    #[test]
    fn inverse_functions_have_reciprocal_derivatives(x in 0.1..0.9) {
        type Map = fn(Dual<f64>) -> Dual<f64>;
        let pairs: [[Map; 2]; 6] = [
            [Dual::sin, Dual::asin], [Dual::tan, Dual::atan], [Dual::exp, Dual::ln],
            [Dual::sinh, Dual::asinh], [Dual::tanh, Dual::atanh], [Dual::exp_m1, Dual::ln_1p],
        ];
        for [forth, back] in pairs {
            let (y, dy) = dual::derivative(forth, x);
            let (z, dz) = dual::derivative(back, y);
            close(z, x);
            close(dy * dz, 1.0);
        }
    }
}
