//! Fits against certified values (NIST, Statistical Reference Datasets), and against the same in closed form.

use proptest::prelude::*;
use wengert::{Array, Error, Expr, Function, implicit::Outcome, optim::LeastSquares};

type Result<T = ()> = std::result::Result<T, Error>;

#[track_caller]
fn close(got: &[f64], wanted: &[f64], tolerance: f64) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs();
    assert!(got.len() == wanted.len() && got.iter().zip(wanted).all(near), "{got:?} is not {wanted:?}");
}

fn vector(x: &[f64]) -> Array {
    Array::vector(x.to_vec())
}

/// y = b₁·(1 − exp(−b₂·x)), the model of both sets of data.
fn saturation() -> Result<LeastSquares> {
    let f = Function::trace(["b[2]", "x[n]", "y[n]"], |[b, x, y]| b.at(0, 0) * (1.0 - (-b.at(0, 1) * x).exp()) - y)?;
    LeastSquares::new(&f.wrt(["b"])?)
}

#[test]
fn certified_values() -> Result {
    let fitter = saturation()?;
    // Misra1a
    let y = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78];
    let x = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0];
    for start in [[500.0, 0.0001], [250.0, 0.0005]] {
        let fit = fitter.fit(&[vector(&start), vector(&x), vector(&y)])?;
        assert!(fit.converged(), "{fit}");
        close(fit.params(), &[2.3894212918e2, 5.5015643181e-4], 1e-9);
        close(&fit.errors().unwrap(), &[2.7070075241, 7.2668688436e-6], 1e-8);
        close(&[fit.sum_of_squares()], &[1.2455138894e-1], 1e-9);
        assert_eq!((fit.degrees_of_freedom(), fit.residuals().len()), (12, 14));
        assert!(fit.steps().len() < 40 && fit.steps().last().unwrap().gradient < 1e-6 * fit.steps()[0].gradient, "{fit}");
    }
    // BoxBOD, from afar
    let (x, y) = ([1.0, 2.0, 3.0, 5.0, 7.0, 10.0], [109.0, 149.0, 149.0, 191.0, 213.0, 224.0]);
    for start in [[1.0, 1.0], [100.0, 0.75]] {
        let fit = fitter.fit(&[vector(&start), vector(&x), vector(&y)])?;
        assert!(fit.converged(), "{fit}");
        close(fit.params(), &[2.1380940889e2, 5.4723748542e-1], 1e-8);
        close(&fit.errors().unwrap(), &[1.2354515176e1, 1.0455993237e-1], 1e-7);
        close(&[fit.sum_of_squares()], &[1.1680088766e3], 1e-9);
        let text = fit.to_string();
        assert!(text.starts_with("converged (") && text.contains("b[0] = 2.13809409e2 ± 1.24e1\n"), "{text}");
    }
    Ok(())
}

#[test]
fn functions_of_single_numbers_and_several_outputs() -> Result {
    // Rosenbrock's valley as residuals
    let f = Function::trace(["x", "y"], |[x, y]| [10.0 * (y - x * x), 1.0 - x])?;
    let fit = LeastSquares::new(&f)?.fit(&[(-1.2).into(), 1.0.into()])?;
    assert!(fit.converged() && fit.covariance().is_none(), "{fit}");
    close(fit.params(), &[1.0, 1.0], 1e-10);
    // Outputs and unknowns of several shapes: the blocks of the Jacobian in their places.
    let f = Function::trace(["a[2]", "b", "x[n]"], |[a, b, x]| {
        (("line", a.at(0, 0) + a.at(0, 1) * x - 2.0 * x - 1.0), ("b", [b * b - 4.0, a.sum(..) - b - 1.0]))
    })?
    .wrt(["a", "b"])?;
    let fit = LeastSquares::new(&f)?.fit(&[vector(&[0.0, 0.0]), 1.0.into(), vector(&[0.0, 1.0, 2.0])])?;
    assert!(fit.converged(), "{fit}");
    close(fit.params(), &[1.0, 2.0, 2.0], 1e-9);
    assert_eq!((fit.inputs()[1].data(), fit.inputs()[2].data()), (&fit.params()[2..], &[0.0, 1.0, 2.0][..]));
    Ok(())
}

#[test]
fn what_cannot_be_fitted_is_told() -> Result {
    let fitter = saturation()?;
    let error = fitter.fit(&[vector(&[1.0, 1.0]), vector(&[1.0]), vector(&[1.0])]).unwrap_err();
    assert!(error.is_length() && error.to_string().contains("1 residual cannot determine 2 unknowns"), "{error}");
    let error = fitter.fit(&[vector(&[1.0, -1e5]), vector(&[1.0; 3]), vector(&[1.0; 3])]).unwrap_err();
    assert!(error.is_value() && error.location().unwrap().file().ends_with("fit.rs"), "{error}");
    assert!(fitter.fit(&[vector(&[1.0])]).unwrap_err().is_length());
    // All of one x: only the product is determined.
    let fit = fitter.fit(&[vector(&[1.0, 1.0]), vector(&[1.0; 3]), vector(&[2.0, 2.5, 3.0])])?;
    assert!(fit.converged() && fit.errors().is_none() && (fit.sum_of_squares() - 0.5).abs() < 1e-12, "{fit}");
    let fit =
        saturation()?.steps(2).fit(&[vector(&[500.0, 0.0001]), vector(&[77.6, 289.0, 760.0]), vector(&[10.0, 35.0, 81.0])])?;
    assert_eq!((fit.outcome(), fit.steps().len()), (Outcome::StepLimit, 3));
    let none = Function::trace(["x[n]"], |[x]| x)?;
    assert!(LeastSquares::new(&none).unwrap_err().is_shape());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// A straight line has the parameters and covariances of the formulas.
    #[test]
    fn a_line_is_exact(y in proptest::collection::vec(-5.0f64..5.0, 4..12), start in -3.0f64..3.0) {
        let f = Function::trace(["p[2]", "x[n]", "y[n]"], |[p, x, y]| p.at(0, 0) + p.at(0, 1) * x - y).unwrap();
        let x: Vec<f64> = (0..y.len()).map(|k| k as f64).collect();
        let fit = LeastSquares::new(&f.wrt(["p"]).unwrap()).unwrap().fit(&[vector(&[start, -start]), vector(&x), vector(&y)]).unwrap();
        prop_assert!(fit.converged());
        let n = y.len() as f64;
        let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let sxx: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
        let slope = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / sxx;
        let rest: f64 = x.iter().zip(&y).map(|(x, y)| (y - my - slope * (x - mx)).powi(2)).sum();
        let variance = rest / (n - 2.0);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
        prop_assert!(near(fit.params()[1], slope) && near(fit.params()[0], my - slope * mx));
        let c = fit.covariance().unwrap();
        prop_assert!(near(c[3], variance / sxx) && near(c[1], -variance * mx / sxx) && near(c[0], variance * (1.0 / n + mx * mx / sxx)));
    }
}

/// Both ways to the same minimum.
#[test]
fn a_fit_is_the_solution_within_a_trace() -> Result {
    let model = |a: Expr, b: Expr, x: Expr| a * (b * x).sin();
    let (x, y) = ([0.1, 0.5, 0.9, 1.4, 2.0], [0.2, 0.9, 1.3, 1.1, 0.3]);
    let inside = Function::trace(["x[n]", "y[n]"], |[x, y]| {
        wengert::implicit::least_squares([1.0, 1.0], |[a, b]: [Expr; 2]| model(a, b, x) - y).x
    })?;
    let inside = inside.run(&[vector(&x), vector(&y)])?;
    let f = Function::trace(["a", "b", "x[n]", "y[n]"], |[a, b, x, y]| model(a, b, x) - y)?.wrt(["a", "b"])?;
    let fit = LeastSquares::new(&f)?.fit(&[1.0.into(), 1.0.into(), vector(&x), vector(&y)])?;
    close(fit.params(), inside["y"].data(), 1e-9);
    Ok(())
}

/// Groups of several numbers lie row by row where they are mapped: the same fit as of columns.
#[test]
fn a_batch_of_groups_is_fitted_as_columns_are() -> Result {
    let row = Function::trace((("p", 2), ("x", 2), "y"), |(p, x, y)| [p[0] * x[0] + p[1] * x[1] - y, 0.1 * (p[0] - x[1])])?;
    let batch = row.vmap("n", ["x", "y"])?.wrt(["p"])?;
    let columns = Function::trace(["p0", "p1", "x0[n]", "x1[n]", "y[n]"], |[p0, p1, x0, x1, y]| {
        (("a", p0 * x0 + p1 * x1 - y), ("b", 0.1 * (p0 - x1)))
    })?;
    let columns = columns.wrt(["p0", "p1"])?;
    let (x0, x1, y) = ([1.0, 2.0, 3.0, 0.5], [1.0, 0.0, 1.0, -2.0], [3.0, 1.5, 5.0, -3.0]);
    let start = [Array::from(0.2), Array::from(-0.4), vector(&x0), vector(&x1), vector(&y)];
    let [a, b] = [LeastSquares::new(&batch)?.fit(&start)?, LeastSquares::new(&columns)?.fit(&start)?];
    close(a.params(), b.params(), 1e-8);
    Ok(())
}
