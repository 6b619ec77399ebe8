//! Failure that looks like success: solvers and integrators that fail give NaN with NaN derivatives in every mode, and say why; what
//! succeeded beside them keeps its derivatives; bounds that mean nothing are errors.

use wengert::diff::Mode;
use wengert::implicit::{Convergence, Outcome, Solution, Solver, fixed_point, least_squares, minimize, newton};
use wengert::ode::{DormandPrince, Ended, Integration, rk4};
use wengert::optim::LeastSquares;
use wengert::{Array, Error, Expr, Function, Width, aux, lit, select};

type Result<T = ()> = std::result::Result<T, Error>;

/// All numbers of a function's results, by the reference and as native code, which agree to rounding.
#[track_caller]
fn numbers(f: &Function, x: &[Array]) -> Vec<f64> {
    let flat = |y: wengert::Results<f64>| y.into_iter().flat_map(|(_, y)| y.into_data()).collect::<Vec<f64>>();
    let (by_eval, native) = (flat(f.run(x).unwrap()), flat(f.compile().unwrap().run(x).unwrap()));
    let alike = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || b.is_finite() && (a - b).abs() <= 1e-12 * b.abs();
    assert!(by_eval.len() == native.len() && by_eval.iter().zip(&native).all(alike), "{by_eval:?}, native {native:?}");
    native
}

/// Finite numbers to a relative tolerance, NaN where NaN is expected.
#[track_caller]
fn holds(what: &str, found: &[f64], expected: &[f64], relative: f64) {
    let close = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || b.is_finite() && (a - b).abs() <= relative * b.abs();
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(close), "{what}: {found:?}, not {expected:?}");
}

/// The first derivatives of a function of one result, in every mode that graphs have, and the second ones.
#[track_caller]
fn derivatives(f: &Function, x: &[f64], gradient: &[f64], hessian: Option<&[f64]>, relative: f64) {
    let n = x.len();
    let at = arrays(x);
    holds("grad", &numbers(&f.grad().unwrap(), &at), gradient, relative);
    holds("forward", &numbers(&f.jacobian_in(Mode::Forward).unwrap(), &at), gradient, relative);
    holds("reverse", &numbers(&f.jacobian_in(Mode::Reverse).unwrap(), &at), gradient, relative);
    for j in 0..n {
        let unit: Vec<f64> = (0..n).map(|i| if i == j { 1.0 } else { 0.0 }).collect();
        let along = arrays(&[x, &unit].concat());
        holds("jvp", &numbers(&f.jvp().unwrap(), &along)[1..], &gradient[j..=j], relative);
        holds("taylor", &numbers(&f.taylor(1).unwrap(), &along)[1..2], &gradient[j..=j], relative);
    }
    let Some(hessian) = hessian else { return };
    holds("hessian", &numbers(&f.hessian().unwrap(), &at), hessian, relative);
    let twice = f.grad().unwrap().jacobian_in(Mode::Reverse).unwrap();
    holds("gradient of gradient", &numbers(&twice, &at), hessian, relative);
    let forward = f.jacobian_in(Mode::Forward).unwrap().jacobian_in(Mode::Forward).unwrap();
    holds("forward twice", &numbers(&forward, &at), hessian, relative);
}

const NAN2: [f64; 2] = [f64::NAN; 2];
const NAN4: [f64; 4] = [f64::NAN; 4];

fn arrays(x: &[f64]) -> Vec<Array> {
    x.iter().map(|&v| v.into()).collect()
}

#[test]
fn an_integration_without_a_step_has_no_derivative() -> Result {
    // Steps that are all rejected, a slope that is NaN at once, and no steps to take.
    let rejected = DormandPrince::new().first_step(1e10).steps(1);
    let methods: [(DormandPrince, fn(Expr, Expr) -> Expr, Ended); 3] = [
        (rejected, |a, y| a * y, Ended::StepLimit),
        (DormandPrince::new(), |a, y| (a - 3.0).sqrt() * y, Ended::StepTooShort),
        (DormandPrince::new().steps(0), |a, y| a * y, Ended::StepLimit),
    ];
    for (method, slope, ended) in methods {
        let course = |[a, y0]: [Expr; 2]| method.solve([lit(0.0), lit(2.0)], y0, |_, y: Expr| slope(a, y));
        let f = Function::trace(["a", "y0"], |x| course(x).y)?;
        derivatives(&f, &[2.0, 1.0], &NAN2, Some(&NAN4), 0.0);
        let report = Function::trace(["a", "y0"], |x| course(x).report)?;
        let report = Integration::read(&numbers(&report, &arrays(&[2.0, 1.0])))?;
        assert_eq!((report.ended(), report.accepted()), (ended, 0), "{report}");
    }
    Ok(())
}

#[test]
fn a_parameter_that_was_not_come_to_has_no_derivative_either() -> Result {
    // The guard keeps b away from the slope; times, and arrays that the slope reads.
    let f = Function::trace(["b", "end", "w[2,2]"], |[b, end, w]| {
        let start = Expr::stack(&[lit(1.0), lit(2.0)], 0);
        let slope = |_, y: Expr| w.matmul(y) * (select(b.gt(0.0), b, 0.0) - 1.0).sqrt();
        DormandPrince::new().solve([lit(0.0), end], start, slope).y.sum(..)
    })?;
    let at = [Array::from(-1.0), 2.0.into(), Array::new([2, 2], vec![1.0, 2.0, 3.0, 4.0])?];
    holds("grad", &numbers(&f.grad()?, &at), &[f64::NAN; 6], 0.0);
    holds("forward", &numbers(&f.jacobian_in(Mode::Forward)?, &at), &[f64::NAN; 6], 0.0);
    Ok(())
}

#[test]
fn early_values_keep_their_derivatives() -> Result {
    // y′ = y² from a has a pole at 1/a: y(t) = a/(1 − a·t), dy/da = 1/(1 − a·t)², d²y/da² = 2t/(1 − a·t)³.
    let method = DormandPrince::new().relative(1e-8).absolute(1e-8).steps(60);
    let at = |k: usize| {
        Function::trace("a", |a| {
            let times = Expr::stack(&[lit(0.5), lit(3.0), lit(4.0)], 0);
            method.at_times(lit(0.0), times, a, |_, y: Expr| y * y).y.at(0, k)
        })
    };
    assert!((numbers(&at(0)?, &arrays(&[1.0]))[0] - 2.0).abs() < 1e-8);
    derivatives(&at(0)?, &[1.0], &[4.0], Some(&[8.0]), 1e-6);
    derivatives(&at(1)?, &[1.0], &[f64::NAN], Some(&[f64::NAN]), 0.0);
    // Where f is no number from some time on; values that are arrays.
    let f = Function::trace(["a", "y0[3]"], |[a, y]| {
        let times = Expr::stack(&[lit(0.5), lit(3.0)], 0);
        method.at_times(lit(0.0), times, y, |t, y: Expr| a * y * (1.0 - t).sqrt()).y.at(0, 0).sum(..)
    })?;
    // ∫ √(1 − t) to ½ is ⅔(1 − 2^−1.5).
    let area: f64 = 2.0 / 3.0 * (1.0 - 0.5f64.powf(1.5));
    let grown = (2.0 * area).exp();
    let x = [Array::from(2.0), Array::vector(vec![1.0, 2.0, 3.0])];
    let expected = [6.0 * area * grown, grown, grown, grown];
    holds("grad", &numbers(&f.grad()?, &x), &expected, 1e-6);
    holds("forward", &numbers(&f.jacobian_in(Mode::Forward)?, &x), &expected, 1e-6);
    Ok(())
}

#[test]
fn bad_samples_of_a_batch_have_no_derivative_and_good_ones_do() -> Result {
    let method = DormandPrince::new().relative(1e-9).absolute(1e-9).steps(60);
    let f = Function::trace(["a", "b"], |[a, b]| method.solve([lit(0.0), lit(1.0)], b, |_, y: Expr| a.sqrt() * y).y)?;
    let a = [4.0, -1.0, 1.0];
    let x = [Array::vector(a.to_vec()), 1.0.into()];
    let each = f.grad()?.vmap("n", ["a"])?;
    let slope = |a: f64| 0.5 / a.sqrt() * a.sqrt().exp();
    let y = numbers(&each, &x);
    holds("in a", &y[..3], &[slope(4.0), f64::NAN, slope(1.0)], 1e-6);
    holds("in b", &y[3..], &[2f64.exp(), f64::NAN, 1f64.exp()], 1e-6);
    let each = f.vmap(3, ["a"])?;
    let chosen = |k: usize| Function::trace(["a[3]", "b"], |[a, b]| each.eval(&[a, b]).unwrap()[0].at(0, k));
    // What a sum of good samples has, and what one bad sample makes of it, in what the samples share and in their own.
    holds("a good one", &numbers(&chosen(2)?.grad()?, &x), &[0.0, 0.0, slope(1.0), 1f64.exp()], 1e-6);
    let bad = numbers(&chosen(1)?.grad()?, &x);
    assert!(bad[1].is_nan() && bad[3].is_nan(), "{bad:?}");
    Ok(())
}

#[test]
fn single_precision_fails_alike() -> Result {
    let f = Function::trace_in(Width::F32, ["a"], |[a]| {
        let times = Expr::stack(&[lit(0.5), lit(3.0)], 0);
        DormandPrince::new().at_times(lit(0.0), times, a, |_, y: Expr| y * y).y
    })?;
    let d = f.jacobian_in(Mode::Reverse)?.compile()?.run([1f32])?;
    assert!((d[0].data()[0] - 4f32).abs() < 1e-2 && d[0].data()[1].is_nan(), "{d:?}");
    let f = Function::trace_in(Width::F32, "a", |a| newton(1.0, |x: Expr| x * x - a).x)?;
    assert!(f.value_and_grad()?.compile()?.run([0f32])?.into_iter().all(|(_, y)| y.data()[0].is_nan()));
    Ok(())
}

/// The solution and the report of an equation in one parameter.
fn reported(at: f64, solve: impl Fn(Expr) -> Solution<Expr>) -> Result<(f64, Convergence)> {
    let f = Function::trace(["a"], |[a]| {
        let found = solve(a);
        (found.x.sum(..), found.report)
    })?;
    let y = f.compile()?.run([at])?;
    Ok((y[0].data()[0], Convergence::read(y[1].data())?))
}

/// Solutions without a derivative: NaN in every mode, and the report says that the Jacobian is singular.
#[track_caller]
fn singular(what: &str, at: f64, solve: impl Fn(Expr) -> Solution<Expr>) {
    let (x, report) = reported(at, &solve).unwrap();
    assert!(x.is_nan() && report.outcome() == Outcome::Singular, "{what}: {x} {report}");
    let f = Function::trace(["a"], |[a]| solve(a).x.sum(..)).unwrap();
    derivatives(&f, &[at], &[f64::NAN], None, 0.0);
}

#[track_caller]
fn regular(what: &str, at: f64, slope: f64, relative: f64, solve: impl Fn(Expr) -> Solution<Expr>) {
    let (_, report) = reported(at, &solve).unwrap();
    assert!(report.converged(), "{what}: {report}");
    let f = Function::trace(["a"], |[a]| solve(a).x.sum(..)).unwrap();
    derivatives(&f, &[at], &[slope], None, relative);
}

/// Two unknowns as a vector.
fn pair(x: Expr) -> [Expr; 2] {
    [x.at(0, 0), x.at(0, 1)]
}

fn stacked(x: [Expr; 2]) -> Expr {
    Expr::stack(&x, 0)
}

#[test]
fn roots_without_a_derivative_are_singular() {
    singular("x² = a", 0.0, |a| newton(1.0, |x: Expr| x * x - a));
    singular("x² = a, from 3", 0.0, |a| newton(3.0, |x: Expr| x * x - a));
    singular("x² = a, from the root", 0.0, |a| newton(a, |x: Expr| x * x - a));
    singular("x³ = a", 0.0, |a| newton(a, |x: Expr| x * x * x - a));
    singular("x³ = a, from 1", 0.0, |a| Solver::new().steps(90).root(1.0, |x: Expr| x * x * x - a));
    singular("(x − 1)² = a", 0.0, |a| newton(2.0, |x: Expr| (x - 1.0) * (x - 1.0) - a));
    singular("x² − 2x + 1 = a", 0.0, |a| newton(2.0, |x: Expr| x * x - 2.0 * x + 1.0 - a));
    singular("1 − cos x = a", 0.0, |a| newton(0.5, |x: Expr| 1.0 - x.cos() - a));
    singular("0·x = a", 0.0, |a| newton(0.5, |x: Expr| x * 0.0 - a));
    let from = |a: f64, b: f64| stacked([lit(a), lit(b)]);
    singular("x² + y = a, y = a", 0.0, |a| {
        newton(from(1.0, 1.0), |x: Expr| {
            let [x, y] = pair(x);
            stacked([x * x + y - a, y - a])
        })
    });
    // The part that is regular converges last.
    singular("x² = a, y² = 2", 0.0, |a| {
        newton(from(1e-30, 2.0), |x: Expr| {
            let [x, y] = pair(x);
            stacked([x * x - a, y * y - 2.0])
        })
    });
    singular("(x − y)² = a, x + y = 2", 0.0, |a| {
        newton(from(2.0, 1.0), |x: Expr| {
            let [x, y] = pair(x);
            stacked([(x - y) * (x - y) - a, x + y - 2.0])
        })
    });
    singular("x + y = a twice", 1.0, |a| {
        newton(from(2.0, 1.0), |x: Expr| {
            let [x, y] = pair(x);
            stacked([x + y - a, 3.0 * x + 3.0 * y - 3.0 * a])
        })
    });
    // Equations that differ by rounding only.
    singular("nearly the same twice", 1.0, |a| {
        newton(from(2.0, 1.0), |x: Expr| {
            let [x, y] = pair(x);
            stacked([x + y - a, x + (1.0 + 4.0 * f64::EPSILON) * y - a])
        })
    });
    singular("of rank 2", 1.0, |a| {
        let m = Expr::stack(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map(lit::<Expr>), 0).reshape([3, 3]);
        newton(Expr::zeros(3), |x: Expr| m.matmul(x) - a)
    });
}

#[test]
fn second_derivatives_where_there_is_none_are_none_either() {
    let solved: [fn(Expr) -> Solution<Expr>; 4] = [
        |a| newton(1.0, |x: Expr| x * x - a),
        |a| fixed_point(1.0, |x: Expr| (x + a / x) * 0.5),
        |a| minimize(1.0, |x: Expr| x.powi(4) - a * x),
        |a| least_squares(1.0, |x: Expr| [x * x - a, (x * x - a) * 2.0]),
    ];
    for solve in solved {
        let f = Function::trace(["a"], |[a]| solve(a).x).unwrap();
        derivatives(&f, &[0.0], &[f64::NAN], Some(&[f64::NAN]), 0.0);
    }
}

#[test]
fn roots_that_are_only_small_or_badly_scaled_are_regular() {
    for a in [1e-16, 1e-8, 1.0, 1e8, 1e100] {
        regular("x² = a", a, 0.5 / a.sqrt(), 1e-6, |a| newton(a.sqrt() * 1.5, |x: Expr| x * x - a));
    }
    regular("1e−100·x = a", 1.0, 1e100, 1e-12, |a| newton(1.0, |x: Expr| x * 1e-100 - a));
    // Derivatives that are 0 at the root.
    regular("x·(1 + a) = 0", 1.0, 0.0, 0.0, |a| newton(1.0, |x: Expr| x * (1.0 + a)));
    regular("scales", 1.0, 1e12 + 1e-12, 1e-9, |a| {
        newton(stacked([lit(1.0), lit(1.0)]), |x: Expr| {
            let [x, y] = pair(x);
            stacked([(x * 1e-12 - a) * 1e-100, (y * 1e12 - a) * 1e100])
        })
    });
    // Hilbert's matrix of 5 columns, of condition 5·10⁵: its inverse's sum of entries is 25.
    regular("Hilbert", 1.0, 25.0, 1e-9, |a| {
        let entries: Vec<Expr> = (0..25).map(|k| lit(1.0 / (1 + k / 5 + k % 5) as f64)).collect();
        let h = Expr::stack(&entries, 0).reshape([5, 5]);
        newton(Expr::zeros(5), |x: Expr| h.matmul(x) - a)
    });
}

#[test]
fn fixed_points_minima_and_fits_without_a_derivative_are_singular() {
    singular("x = x", 1.0, |a| fixed_point(a, |x: Expr| x + 0.0 * a));
    singular("Heron's map", 0.0, |a| fixed_point(1.0, |x: Expr| (x + a / x) * 0.5));
    singular("Heron's map with a part of x", 0.0, |a| fixed_point(1.0, |x: Expr| (x + a / x) * 0.4 + x * 0.2));
    singular("Heron's map, slow", 0.0, |a| fixed_point(1.0, |x: Expr| (x + a / x) * 0.3 + x * 0.4));
    singular("x⁴", 0.0, |a| minimize(1.0, |x: Expr| x.powi(4) - a * x));
    singular("x⁴ at 1", 0.0, |a| minimize(2.0, |x: Expr| (x - 1.0).powi(4) - a * x));
    singular("x³/3 − a·x", 0.0, |a| minimize(a, |x: Expr| x.powi(3) / 3.0 - a * x));
    singular("fit of x² = a", 0.0, |a| least_squares(1.0, |x: Expr| [x * x - a, (x * x - a) * 2.0]));
    regular("fixed point", 2.0, 0.5 / 2f64.sqrt(), 1e-8, |a| fixed_point(a, |x: Expr| (x + a / x) * 0.4 + x * 0.2));
    regular("minimum", 2.0, 0.5 / 2f64.sqrt(), 1e-8, |a| minimize(a, |x: Expr| x.powi(3) / 3.0 - a * x));
    regular("fit", 2.0, 0.5 / 2f64.sqrt(), 1e-8, |a| least_squares(a, |x: Expr| [x * x - a, (x * x - a) * 2.0]));
}

#[test]
fn what_did_not_converge_has_no_derivative_in_any_parameter() -> Result {
    // b is behind a guard that is not taken; the equation has no root.
    let f = Function::trace(["a", "b"], |[a, b]| newton(3.0, |x: Expr| x * x + a + select(b.gt(0.0), b, 0.0)).x)?;
    derivatives(&f, &[3.0, -1.0], &NAN2, Some(&NAN4), 0.0);
    // What no cotangent comes to spoils nothing that samples share.
    let root = Function::trace(["a", "b"], |[a, b]| newton(1.0, |x: Expr| x * x * b - a).x)?;
    let each = root.vmap(3, ["a"])?;
    let f = Function::trace(["a[3]", "b"], |[a, b]| each.eval(&[a, b]).unwrap()[0].at(0, 2))?;
    let x = [Array::vector(vec![4.0, -1.0, 9.0]), 1.0.into()];
    holds("a good one", &numbers(&f.grad()?, &x), &[0.0, 0.0, 1.0 / 6.0, -1.5], 1e-12);
    let all = Function::trace(["a[3]", "b"], |[a, b]| each.eval(&[a, b]).unwrap()[0].sum(..))?;
    let d = numbers(&all.grad()?, &x);
    assert!(d[1].is_nan() && d[3].is_nan(), "{d:?}");
    Ok(())
}

/// A right-hand side that jumps at a time c: the jump's influence through c is not seen; split there it is.
#[test]
fn jumps_are_differentiated_where_the_integration_is_split() -> Result {
    // y′ = −y + (t > c), y(0) = 1: y(2) = e⁻² + 1 − e^(c − 2), of which the derivative is −e^(c − 2).
    let method = DormandPrince::new().relative(1e-10).absolute(1e-10);
    let whole =
        Function::trace("c", |c| method.solve([lit(0.0), lit(2.0)], 1.0, |t: Expr, y: Expr| select(t.gt(c), 1.0, 0.0) - y).y)?;
    assert_eq!(numbers(&whole.grad()?, &arrays(&[0.3])), [0.0]);
    let split = Function::trace("c", |c| {
        let before = method.solve([lit(0.0), c], 1.0, |_, y: Expr| -y).y;
        method.solve([c, lit(2.0)], before, |_, y: Expr| 1.0 - y).y
    })?;
    derivatives(&split, &[0.3], &[-(-1.7f64).exp()], None, 1e-7);
    let split = Function::trace("c", |c| {
        let before = rk4([lit(0.0), c], 50, 1.0, |_, y: Expr| -y).0;
        rk4([c, lit(2.0)], 50, before, |_, y: Expr| 1.0 - y).0
    })?;
    derivatives(&split, &[0.3], &[-(-1.7f64).exp()], None, 1e-6);
    Ok(())
}

#[test]
fn bounds_that_mean_nothing_are_errors() {
    let bad = [0.0, -0.0, -1e-9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let solved = |method: DormandPrince| Function::trace("y", |y| method.solve([lit(0.0), lit(1.0)], y, |_, y: Expr| -y).y);
    let is_here = |made: Result<Function>| {
        let error = made.unwrap_err();
        assert!(error.is_value() && error.location().is_some_and(|at| at.file().ends_with("solvers.rs")), "{error}");
        assert!(error.to_string().contains("is not positive and finite"), "{error}");
    };
    for bad in bad {
        is_here(solved(DormandPrince::new().relative(bad)));
        is_here(solved(DormandPrince::new().absolute(bad)));
        if !(bad.abs() > 0.0 && bad.abs() < f64::INFINITY) {
            is_here(solved(DormandPrince::new().first_step(bad)));
        }
        is_here(Function::trace("y", |y| {
            let times = y.reshape([1]);
            DormandPrince::new().relative(bad).at_times(lit(0.0), times, y, |_, y: Expr| -y).y
        }));
        for (relative, absolute) in [(bad, 1e-9), (1e-9, bad)] {
            let solver = Solver::new().tolerance(relative, absolute);
            is_here(Function::trace("a", |a| solver.root(a, |x: Expr| x - a).x));
            is_here(Function::trace("a", |a| solver.fixed_point(a, |x: Expr| x * 0.5 + a).x));
            is_here(Function::trace("a", |a| solver.minimum(a, |x: Expr| (x - a).powi(2)).x));
            is_here(Function::trace("a", |a| solver.least_squares(a, |x: Expr| x - a).x));
        }
        let residuals = Function::trace(["a", "y[n]"], |[a, y]| a - y).unwrap().wrt(["a"]).unwrap();
        let fit = LeastSquares::new(&residuals).unwrap().tolerance(bad).fit(&[1.0.into(), Array::vector(vec![1.0, 2.0])]);
        let error = fit.unwrap_err();
        assert!(error.is_value() && error.location().is_some_and(|at| at.file().ends_with("solvers.rs")), "{error}");
    }
}

#[test]
fn a_report_goes_with_the_derivative() -> Result {
    let f = Function::trace(["a"], |[a]| {
        let root = newton(1.0, |x: Expr| x * x - a);
        (("x", root.x), aux((("last", root.last), ("report", root.report))))
    })?;
    let y = f.value_and_grad()?.compile()?.run([0.0f64])?;
    assert!(y["x"].data()[0].is_nan() && y["d_a"].data()[0].is_nan() && y["last"].data()[0].abs() < 1e-13);
    assert!(Convergence::read(y["report"].data())?.to_string().starts_with("not converged: the Jacobian is singular"));
    Ok(())
}

#[cfg(feature = "argmin")]
mod argmin {
    use argmin::core::{CostFunction, Executor, Gradient, Hessian, Jacobian, Operator};
    use argmin::solver::linesearch::{
        BacktrackingLineSearch, HagerZhangLineSearch, MoreThuenteLineSearch, condition::ArmijoCondition,
    };
    use argmin::solver::{gradientdescent::SteepestDescent, quasinewton::LBFGS};
    use wengert::solvers::{Objective, Residuals};
    use wengert::{Function, lit, select};

    fn entropy() -> Function {
        Function::trace(("x", 1), |x| x[0] * x[0].ln()).unwrap()
    }

    /// From 5 the first trial is left of 0, where the value is NaN.
    #[test]
    fn line_searches_that_leave_the_domain_end_with_an_error() {
        let problem = || Objective::<Vec<f64>>::new(&entropy()).unwrap();
        let told = |error: String| {
            assert!(error.contains("is not finite: NaN") && error.contains("the value of the objective at [-"), "{error}")
        };
        let search = MoreThuenteLineSearch::<Vec<f64>, Vec<f64>, f64>::new();
        let run = Executor::new(problem(), LBFGS::new(search.clone(), 3)).configure(|s| s.param(vec![5.0]).max_iters(50)).run();
        // This solver makes the error of its line search the reason why it stopped.
        told(run.unwrap().state.termination_status.to_string());
        let run = Executor::new(problem(), SteepestDescent::new(search)).configure(|s| s.param(vec![5.0]).max_iters(50)).run();
        assert!((run.unwrap().state.best_param.unwrap()[0] - (-1f64).exp()).abs() < 1e-6);
        let search = HagerZhangLineSearch::<Vec<f64>, Vec<f64>, f64>::new();
        let run = Executor::new(problem(), SteepestDescent::new(search)).configure(|s| s.param(vec![5.0]).max_iters(50)).run();
        assert!(run.is_ok() || run.is_err_and(|error| error.to_string().contains("is not finite")));
        let search = BacktrackingLineSearch::<Vec<f64>, Vec<f64>, _, f64>::new(ArmijoCondition::new(1e-4).unwrap());
        let run = Executor::new(problem(), SteepestDescent::new(search)).configure(|s| s.param(vec![5.0]).max_iters(50)).run();
        assert!(run.is_ok() || run.is_err_and(|error| error.to_string().contains("is not finite")));
    }

    /// With a large value outside it ends at the minimum, 1/e.
    #[test]
    fn a_large_value_outside_is_the_way() {
        let f = Function::trace(("x", 1), |x| {
            let x = x[0];
            let inside = select(x.gt(1e-12), x, 1.0);
            select(x.gt(1e-12), inside * inside.ln(), lit::<wengert::Expr>(1e10) - x)
        });
        let problem = Objective::<Vec<f64>>::new(&f.unwrap()).unwrap();
        let search =
            BacktrackingLineSearch::<Vec<f64>, Vec<f64>, _, f64>::new(ArmijoCondition::new(1e-4).unwrap()).rho(0.5).unwrap();
        let run =
            Executor::new(problem, SteepestDescent::new(search)).configure(|s| s.param(vec![5.0]).max_iters(100)).run().unwrap();
        assert!((run.state.best_param.unwrap()[0] - (-1f64).exp()).abs() < 1e-6);
    }

    #[test]
    fn every_evaluation_that_is_not_finite_is_an_error() {
        let f = Objective::<Vec<f64>>::new(&entropy()).unwrap();
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            let at = vec![bad];
            assert!(f.cost(&at).is_err() && f.gradient(&at).is_err(), "{bad}");
        }
        // The value at 0 is NaN as written; the slope of √ is infinite there, and its value is not.
        let root = Function::trace(("x", 1), |x| x[0].sqrt()).unwrap();
        let root = Objective::<Vec<f64>>::new(&root).unwrap();
        assert_eq!(root.cost(&vec![0.0]).unwrap(), 0.0);
        let error = root.gradient(&vec![0.0]).unwrap_err().to_string();
        assert!(error.contains("the gradient of the objective at [0] is not finite: inf"), "{error}");
        assert!(root.hessian(&vec![0.0]).unwrap_err().to_string().contains("Hessian"));
        let both = Function::trace(("x", 5), |x| (0..5).map(|k| x[k].sqrt()).collect::<Vec<_>>()).unwrap();
        let both = Residuals::<Vec<f64>>::new(&both).unwrap();
        let error = both.apply(&vec![-1.0; 5]).unwrap_err().to_string();
        assert!(error.contains("the vector of residuals at [-1, -1, -1, -1, …] is not finite: NaN"), "{error}");
        assert!(both.jacobian(&vec![0.0; 5]).is_err() && both.jacobian(&vec![1.0; 5]).is_ok());
    }
}
