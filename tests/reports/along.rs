//! What sums, norms and products over an axis make of extremes.

use crate::every::{Expected, every_mode_of_array};
use wengert::{Array, Expr, Function, Options, Result, Width};

const INF: f64 = f64::INFINITY;

fn expected<'a>(value: f64, gradient: &'a [f64], hessian: Option<&'a [f64]>, relative: f64) -> Expected<'a> {
    Expected { value, gradient, hessian, relative }
}

/// (value, gradient, Hessian) of the length of a vector of two that is (3, 4) times a size.
fn of_345(size: f64) -> (f64, [f64; 2], [f64; 4]) {
    let h = 1.0 / (125.0 * size);
    (5.0 * size, [0.6, 0.8], [16.0 * h, -12.0 * h, -12.0 * h, 9.0 * h])
}

#[test]
fn norms_of_any_size() {
    for k in [-305, -200, -136, -3, 100, 136, 200, 306] {
        let size = 10f64.powi(k);
        let (value, gradient, hessian) = of_345(size);
        let x = [3.0 * size, 4.0 * size];
        every_mode_of_array(|x| x.norm(), &x, &expected(value, &gradient, Some(&hessian), 2e-14));
    }
    for k in [-35, -19, -15, 0, 15, 19, 36] {
        let size = 10f32.powi(k);
        let (value, gradient, hessian) = of_345(f64::from(size));
        every_mode_of_array(|x| x.norm(), &[3.0 * size, 4.0 * size], &expected(value, &gradient, Some(&hessian), 2e-6));
    }
    // More elements than are gone through twice.
    for k in [-200, -136, 0, 136, 200] {
        let size = 10f64.powi(k);
        let (mut x, mut gradient) = ([0.0; 20], [0.0; 20]);
        (x[3], x[11], gradient[3], gradient[11]) = (3.0 * size, 4.0 * size, 0.6, 0.8);
        every_mode_of_array(|x| x.norm(), &x, &expected(5.0 * size, &gradient, None, 2e-14));
    }
    // Subnormal numbers, infinities, NaN, zeros.
    every_mode_of_array(|x| x.norm(), &[3e-320, 4e-320], &expected(3e-320f64.hypot(4e-320), &[0.6, 0.8], None, 1e-3));
    every_mode_of_array(|x| x.norm(), &[0.0, 0.0], &expected(0.0, &[0.0, 0.0], None, 0.0));
    let value =
        |x: &[f64]| Function::trace(format!("x[{}]", x.len()), |x| x.norm()).unwrap().run([("x", x)]).unwrap()[0].data()[0];
    assert_eq!(value(&[1.0, -INF]), INF);
    assert!(value(&[1.0, f64::NAN, 1e300]).is_nan());
    assert_eq!(value(&[0.0; 100]), 0.0);
    assert_eq!(value(&[1e200; 10_000]), 1e202);
    assert_eq!(value(&[1e200, 1e200]), 2f64.sqrt() * 1e200);
    assert_eq!(value(&[1e-200, 1e-200]), 2f64.sqrt() * 1e-200);
    assert_eq!(value(&[1e200, 1e-200]), 1e200);
}

/// Numbers of unlike sizes, and the norm of what is computed.
#[test]
fn norms_of_unlike_sizes() {
    every_mode_of_array(|x| x.norm(), &[1e200, 1e192], &expected(1e200, &[1.0, 1e-8], None, 1e-14));
    every_mode_of_array(|x| x.norm(), &[1e-200, 1e200, 1e-300], &expected(1e200, &[0.0, 1.0, 0.0], None, 1e-14));
    let (value, gradient, _) = of_345(2e-200);
    every_mode_of_array(|x| (x * 2.0).norm(), &[3e-200, 4e-200], &expected(value, &gradient.map(|g| 2.0 * g), None, 1e-14));
}

#[test]
fn cosines_of_any_size() {
    let f = |sizes: [f64; 2]| {
        move |x: Expr| {
            let (a, b) = (x.slice(0, 0..2) * sizes[0], x.slice(0, 2..4) * sizes[1]);
            a.cosine(b)
        }
    };
    let (x, root) = ([1.0, 1.0, 1.0, 2.0], 10f64.sqrt());
    // ∂cos/∂a = (b/|b| − cos·a/|a|)/|a|
    let gradient = [-0.5 / root, 0.5 / root, 0.4 / root, -0.2 / root];
    for sizes in [[1.0, 1.0], [1e-170, 1.0], [1e-300, 1e300], [1e200, 1e200], [1e-200, 1e-200]] {
        every_mode_of_array(f(sizes), &x, &expected(3.0 / root, &gradient, None, 1e-14));
    }
    every_mode_of_array(f([1e-30, 1e30]), &x.map(|x| x as f32), &expected(3.0 / root, &gradient, None, 2e-6));
    let value = Function::trace(["a[2]", "b[2]"], |[a, b]| a.cosine(b)).unwrap().compile().unwrap();
    let value: f64 = value.run((("a", [1e-170, 0.0]), ("b", [1.0, 2.0]))).unwrap()[0].data()[0];
    assert!((value - 0.2f64.sqrt()).abs() < 1e-15, "{value}");
}

#[test]
fn exponentials_of_infinities() {
    let half = [0.5, 0.5, 0.0];
    for x in [[INF, 1.0, -INF], [INF, -5.0, -INF], [INF, 0.0, 0.0]] {
        every_mode_of_array(|x| x.log_sum_exp(..), &x, &expected(INF, &[1.0, 0.0, 0.0], Some(&[0.0; 9]), 0.0));
        every_mode_of_array(|x| x.softmax(0).at(0, 0), &x, &expected(1.0, &[0.0; 3], Some(&[0.0; 9]), 0.0));
        every_mode_of_array(|x| x.log_softmax(0).at(0, 0), &x, &expected(0.0, &[0.0; 3], Some(&[0.0; 9]), 0.0));
        every_mode_of_array(|x| x.log_softmax(0).at(0, 1), &x, &expected(-INF, &[-1.0, 1.0, 0.0], Some(&[0.0; 9]), 0.0));
    }
    let curved = [0.25, -0.25, 0.0, -0.25, 0.25, 0.0, 0.0, 0.0, 0.0];
    every_mode_of_array(|x| x.log_sum_exp(..), &[INF, INF, 2.0], &expected(INF, &half, Some(&curved), 0.0));
    every_mode_of_array(|x| x.softmax(0).at(0, 0), &[INF, INF, 2.0], &expected(0.5, &[0.25, -0.25, 0.0], None, 0.0));
    every_mode_of_array(|x| x.log_softmax(0).at(0, 0), &[INF, INF, 2.0], &expected(-2f64.ln(), &[0.5, -0.5, 0.0], None, 1e-16));
    every_mode_of_array(|x| x.log_sum_exp(..), &[f32::INFINITY, 1.0], &expected(INF, &[1.0, 0.0], Some(&[0.0; 4]), 0.0));
    // Finite numbers and −∞ among them stay what they were.
    every_mode_of_array(|x| x.log_sum_exp(..), &[-INF, 0.0, 0.0], &expected(2f64.ln(), &[0.0, 0.5, 0.5], None, 1e-15));
    every_mode_of_array(|x| x.log_sum_exp(..), &[-INF, -INF], &expected(-INF, &[0.0, 0.0], None, 0.0));
    every_mode_of_array(|x| x.log_sum_exp(..), &[1e308, -1e308], &expected(1e308, &[1.0, 0.0], None, 0.0));
    every_mode_of_array(|x| x.softmax(0).at(0, 0), &[f64::MAX, f64::MIN], &expected(1.0, &[0.0, 0.0], None, 0.0));
}

/// Along an axis of a matrix each row has its own scale.
#[test]
fn rows_have_scales_of_their_own() -> Result<()> {
    let f = Function::trace(["x[4,2]", "y[2]"], |[x, y]| (x.cosine(y), x.log_sum_exp(1), x.softmax(1)))?;
    let x = Array::new([4, 2], vec![3e200, 4e200, 3e-200, 4e-200, 3.0, 4.0, INF, 1.0])?;
    for options in
        [Options::new(), Options::new().interpreted(true), Options::new().unroll(false), Options::new().simplify(false)]
    {
        let found = f.compile_with(options)?.run((("x", &x), ("y", [1.0, 0.0])))?;
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a == b || (a - b).abs() < 1e-15);
        assert!(close(&found[0].data()[..3], &[0.6; 3]), "{found}");
        assert_eq!(found[1].data()[3], INF);
        assert!(close(&found[2].data()[6..], &[1.0, 0.0]), "{found}");
    }
    Ok(())
}

/// A value alone goes over the elements once, and computes no sum that only derivatives need.
#[test]
fn a_norm_takes_one_loop() -> Result<()> {
    let f = Function::trace("x[n]", |x| x.norm())?;
    let plan = f.compile()?.plan();
    assert_eq!(plan.matches("loop over [n]").count(), 1, "{plan}");
    let narrow = Function::trace_in(Width::F32, "x[n]", |x| x.norm())?;
    assert_eq!(Function::parse(&narrow.to_string())?.to_string(), narrow.to_string());
    Ok(())
}
