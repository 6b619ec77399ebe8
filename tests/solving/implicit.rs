//! Functions that an equation defines: values, derivatives against closed forms, against loops that are differentiated step by step, and
//! against finite differences; what is reported where there is no solution.

use crate::common::arrays::{all, check, close, noise, traced, vector};
use proptest::prelude::*;
use wengert::diff::Mode;
use wengert::implicit::{Convergence, Outcome, Solver, fixed_point, least_squares, minimize, newton};
use wengert::{Array, Error, Expr, Function, While, Width, aux, lit, scan};

type Result<T = ()> = std::result::Result<T, Error>;

/// A line of this file, in which an error is to be.
#[track_caller]
fn is_here(error: &Error, text: &str) {
    assert!(error.to_string().contains(text) && error.location().is_some_and(|at| at.file().ends_with("implicit.rs")), "{error}");
}

/// √a, as a root, a fixed point, a minimum and a least square.
fn square_roots() -> [(&'static str, Function); 4] {
    [
        ("root", traced("a", |a| newton(a, |x: Expr| x * x - a).x)),
        ("fixed point", traced("a", |a| fixed_point(a, |x: Expr| (x + a / x) * 0.4 + x * 0.2).x)),
        ("minimum", traced("a", |a| minimize(a, |x: Expr| x.powi(3) / 3.0 - a * x).x)),
        ("least squares", traced("a", |a| least_squares(a, |x: Expr| [x * x - a, (x * x - a) * 2.0]).x)),
    ]
}

#[test]
fn derivatives_of_every_order_are_those_of_the_closed_form() -> Result {
    for (name, f) in square_roots() {
        let a = 2.3f64;
        let wanted = [a.sqrt(), 0.5 / a.sqrt(), -0.25 * a.powf(-1.5), 0.375 * a.powf(-2.5)];
        let mut reverse = f.clone();
        let mut forward = f.clone();
        for (order, &wanted) in wanted.iter().enumerate() {
            let [r, g] = [&reverse, &forward].map(|f| all(f, &[a.into()])[0]);
            assert!((r - wanted).abs() < 1e-8 && (g - wanted).abs() < 1e-8, "{name}, order {order}: {r}, {g}, not {wanted}");
            reverse = reverse.grad()?;
            forward = forward.jacobian_in(Mode::Forward)?;
        }
        let taylor = all(&f.taylor(3)?, &[a.into(), 1.0.into()]);
        close(&taylor, &[wanted[0], wanted[1], wanted[2] / 2.0, wanted[3] / 6.0], 1e-8);
    }
    Ok(())
}

/// Two equations of two unknowns, four parameters: an ellipse and a curve.
fn system(p: [Expr; 3], [x, y]: [Expr; 2]) -> [Expr; 2] {
    let [a, b, c] = p;
    [x * x / a + y * y * b - 1.0, y - c * x.sin()]
}

#[test]
fn a_system_has_the_derivatives_of_its_unrolled_loop() -> Result {
    let implicit = traced(["a", "b", "c"], |p| {
        let [x, y] = newton([1.0, 0.5], |x| system(p, x)).x;
        (x * y).sin() + x
    });
    let unrolled = traced(["a", "b", "c"], |p| {
        let ((x, y), ()) = wengert::Scan::steps(12).run((1.0, 0.5), |(x, y), ()| {
            let [f, g] = system(p, [x, y]);
            // the Jacobian by hand
            let [a, b, c] = p;
            let (fx, fy, gx, gy) = (2.0 * x / a, 2.0 * y * b, -c * x.cos(), lit::<Expr>(1.0));
            let det = fx * gy - fy * gx;
            ((x - (f * gy - fy * g) / det, y - (fx * g - gx * f) / det), ())
        });
        (x * y).sin() + x
    });
    let at = [1.5, 0.8, 0.9].map(Array::from);
    close(&all(&implicit, &at), &all(&unrolled, &at), 1e-14);
    close(&all(&implicit.grad()?, &at), &all(&unrolled.grad()?, &at), 1e-12);
    close(&all(&implicit.jacobian_in(Mode::Forward)?, &at), &all(&unrolled.grad()?, &at), 1e-12);
    close(&all(&implicit.hessian()?, &at), &all(&unrolled.hessian()?, &at), 1e-10);
    check("system", &implicit, &at);
    Ok(())
}

#[test]
fn every_engine_and_mode_agrees() {
    for (name, f) in square_roots() {
        check(name, &f, &[1.7.into()]);
    }
    // unknowns of several shapes, parameters with an open axis, indices, a loop in the equation
    let f = traced(["w[2,2]", "b[n]", "k[n]: index", "s"], |[w, b, k, s]| {
        let start = (Expr::full(0.1, 2), lit::<Expr>(0.0));
        let (x, y) = newton(start, |(x, y)| {
            let (sum, ()) = scan(lit::<Expr>(0.0), b, |c: Expr, b| (c * 0.5 + (b * y).tanh(), ()));
            ((w.matmul(x) + x.powi(3) - s, y * 3.0 - b.gather(k, 0).sum(..) * 0.1 - sum * x.at(0, 0)),)
        })
        .x;
        x.sum(..) * y.exp()
    });
    let w = Array::new([2, 2], vec![2.0, 0.3, -0.4, 1.5]).unwrap();
    check("mixed", &f, &[w, vector(&[0.4, -0.7, 0.2]), vector(&[2.0, 0.0, 1.0]), 0.6.into()]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A linear equation has the solution, and the derivatives, of `solve`.
    #[test]
    fn linear_equations_are_exact(seed in 0u64..1000, n in 1usize..5) {
        let mut a = noise(&[n, n], seed);
        (0..n).for_each(|i| a.data_mut()[i * n + i] += 3.0);
        let inputs = [format!("a[{n},{n}]"), format!("b[{n}]")];
        let with = |f: &dyn Fn(Expr, Expr) -> Expr| traced(inputs.clone(), |[a, b]| (f(a, b).sin() * b).sum(..));
        let guess = || Expr::zeros(n);
        let exact = with(&|a, b| a.solve(b));
        let methods = [
            with(&|a, b| newton(guess(), |x| a.matmul(x) - b).x),
            with(&|a, b| minimize(guess(), |x| 0.5 * x.dot(a.t().matmul(a).matmul(x)) - x.dot(a.t().matmul(b))).x),
            with(&|a, b| least_squares(guess(), |x| a.matmul(x) - b).x),
            with(&|a, b| a.lstsq(b)),
        ];
        let at = [a, noise(&[n], seed + 1)];
        for f in methods {
            close(&all(&f, &at), &all(&exact, &at), 1e-9);
            close(&all(&f.grad().unwrap(), &at), &all(&exact.grad().unwrap(), &at), 1e-8);
            close(&all(&f.jacobian_in(Mode::Forward).unwrap(), &at), &all(&exact.grad().unwrap(), &at), 1e-8);
            close(&all(&f.wrt(["b"]).unwrap().hessian().unwrap(), &at), &all(&exact.wrt(["b"]).unwrap().hessian().unwrap(), &at), 1e-7);
        }
    }

    /// Least squares: the residuals are at right angles to the columns.
    #[test]
    fn least_squares_leave_what_is_normal(seed in 0u64..1000, m in 3usize..8, n in 1usize..4) {
        let (a, b) = (noise(&[m, n], seed), noise(&[m], seed + 1));
        let f = traced(["a[m,n]", "b[m]"], |[a, b]| a.t().matmul(b - a.matmul(a.lstsq(b))));
        close(&all(&f, &[a, b]), &vec![0.0; n], 1e-9);
    }

    /// A contraction's fixed point has the derivatives of its unrolled iteration.
    #[test]
    fn fixed_points_differentiate_as_their_iteration(seed in 0u64..1000) {
        let g = |w: Expr, b: Expr, x: Expr| (w.matmul(x) * 0.3 + b).tanh();
        let f = traced(["w[3,3]", "b[3]"], |[w, b]| fixed_point(b, |x| g(w, b, x)).x.powi(2).sum(..));
        let unrolled = traced(["w[3,3]", "b[3]"], |[w, b]| {
            While::at_most(60).keep_unfinished().run(b, |_: Expr| lit::<Expr>(1.0).gt(0.0), |x| g(w, b, x)).powi(2).sum(..)
        });
        let at = [noise(&[3, 3], seed), noise(&[3], seed + 1)];
        close(&all(&f, &at), &all(&unrolled, &at), 1e-10);
        close(&all(&f.grad().unwrap(), &at), &all(&unrolled.grad().unwrap(), &at), 1e-9);
        let at = [at[0].clone(), at[1].clone(), noise(&[3, 3], seed + 2), noise(&[3], seed + 3)];
        close(&all(&f.hvp().unwrap(), &at), &all(&unrolled.hvp().unwrap(), &at), 1e-8);
    }
}

#[test]
fn lstsq_differentiates_and_refines() -> Result {
    let f = traced(["a[m,2]", "b[m,3]"], |[a, b]| a.lstsq(b));
    check("lstsq", &f, &[noise(&[5, 2], 3), noise(&[5, 3], 4)]);
    // Hilbert's matrix of 4 columns, of condition 2·10⁴: a sum of columns is recovered to ε times that, not times its square.
    let h = |i: usize, j: usize| 1.0 / (1 + i + j) as f64;
    let a = Array::new([6, 4], (0..24).map(|k| h(k / 4, k % 4)).collect())?;
    let b: Vec<f64> = (0..6).map(|i| (0..4).map(|j| h(i, j)).sum()).collect();
    close(&all(&traced(["a[6,4]", "b[6]"], |[a, b]| a.lstsq(b)), &[a, vector(&b)]), &[1.0; 4], 1e-11);
    let dependent = Array::new([3, 2], vec![1.0, 2.0, 2.0, 4.0, 3.0, 6.0])?;
    let f = traced(["a[3,2]", "b[3]"], |[a, b]| a.lstsq(b));
    is_here(&f.run(&[dependent, vector(&[1.0; 3])]).unwrap_err(), "cholesky");
    is_here(&Function::trace(["a[3,2]", "b[4]"], |[a, b]| a.lstsq(b)).unwrap_err(), "lstsq: the shapes [3,2] and [4] do not fit");
    Ok(())
}

#[test]
fn minima_are_found_from_afar() -> Result {
    // From where the Hessian is indefinite.
    let f = traced(["a", "b"], |[a, b]| {
        let rosenbrock = |[x, y]: [Expr; 2]| (a - x).powi(2) + b * (y - x * x).powi(2);
        let min = minimize([-1.2, 1.0], rosenbrock);
        (("x", min.x), aux(("report", min.report)))
    });
    let y = f.run([1.0, 100.0])?;
    close(y["x"].data(), &[1.0, 1.0], 1e-12);
    let report = Convergence::read(y["report"].data())?;
    assert!(report.converged() && report.steps() < 40, "{report}");
    assert!(report.history().last().unwrap() < &1e-12);
    // −cos from 2.5, where it is concave
    close(&all(&traced("a", |a| minimize(2.5, |x: Expr| -(x - a).cos()).x), &[0.3.into()]), &[0.3], 1e-12);
    // Exact data: nothing is left.
    let f = traced(["x[n]", "y[n]"], |[x, y]| {
        let fit = least_squares([1.0, 0.0], |[a, b]: [Expr; 2]| a * (b * x).exp() - y);
        (("p", fit.x), aux(("report", fit.report)))
    });
    let x = [0.0, 0.5, 1.0, 2.0, 3.0];
    let y = x.map(|x: f64| 3.0 * (-0.7 * x).exp());
    let found = f.run(&[vector(&x), vector(&y)])?;
    close(found["p"].data(), &[3.0, -0.7], 1e-12);
    assert!(Convergence::read(found["report"].data())?.converged());
    // With noise: d(parameters)/dy against finite differences, second order included.
    let y = [3.1, 2.0, 1.6, 0.7, 0.45];
    let f = traced(["x[n]", "y[n]"], |[x, y]| {
        Expr::stack(&least_squares([1.0, 0.0], |[a, b]: [Expr; 2]| a * (b * x).exp() - y).x, 0)
    });
    check("fit", &f, &[vector(&x), vector(&y)]);
    Ok(())
}

/// What is reported of x² + 1 = 0, which has no root, and of its like.
#[test]
fn what_does_not_converge_is_told() -> Result {
    let reported = |f: &dyn Fn(Expr) -> wengert::implicit::Solution<Expr>| -> Result<(f64, f64, f64, Convergence)> {
        let f = Function::trace("a", |a| {
            let found = f(a);
            (
                ("x", found.x),
                aux((("last", found.last), ("converged", wengert::select(found.converged, 1.0, 0.0)), ("report", found.report))),
            )
        })?;
        let y = f.value_and_grad()?.run([1.0])?;
        let [x, last, converged, report, dx] = y.arrays() else { unreachable!() };
        let report = Convergence::read(report.data())?;
        assert_eq!(report.converged(), converged.data()[0] == 1.0);
        assert!(report.converged() || x.data()[0].is_nan());
        let native = f.compile()?.run([1.0])?;
        assert_eq!(Convergence::read(native["report"].data())?.outcome(), report.outcome());
        Ok((x.data()[0], dx.data()[0], last.data()[0], report))
    };
    let (_, dx, last, report) = reported(&|a| newton(a * 3.0, |x| x * x + a))?;
    assert!(dx.is_nan() && last.is_finite() && report.outcome() == Outcome::Stalled, "{report}");
    let (_, dx, last, report) = reported(&|a| Solver::new().steps(2).root(a * 300.0, |x| x * x - a))?;
    assert!(
        dx.is_nan() && (last - 75.01).abs() < 0.1 && report.outcome() == Outcome::StepLimit && report.steps() == 2,
        "{report}"
    );
    assert_eq!(report.history().len(), 3);
    assert_eq!(report.history()[0], 89999.0);
    let (_, dx, last, report) = reported(&|a| newton(a * 0.0, |x| x * x - a))?;
    assert!(dx.is_nan() && last == 0.0 && report.outcome() == Outcome::Singular && report.steps() == 1, "{report}");
    let (_, _, _, report) = reported(&|a| newton(-a, |x| x.ln() - a))?;
    assert_eq!(report.outcome(), Outcome::NotFinite);
    let (_, _, _, report) = reported(&|a| fixed_point(a, |x| x * 2.0 + a))?;
    assert_ne!(report.outcome(), Outcome::Converged);
    let (_, dx, _, report) = reported(&|a| minimize(a, |x| x.exp() * a + x))?;
    assert!(dx.is_nan() && !report.converged(), "{report}");
    let (_, _, _, report) = reported(&|a| Solver::new().steps(0).root(a, |x| x - a))?;
    assert_eq!((report.outcome(), report.steps()), (Outcome::StepLimit, 0));
    // A table of it
    let (x, dx, _, report) = reported(&|a| newton(a * 3.0, |x| x * x - a))?;
    close(&[x, dx], &[1.0, 0.5], 1e-14);
    let table = report.to_string();
    assert!(table.starts_with("converged (7 steps)\nstep  left\n   0  8.000e0\n"), "{table}");
    Ok(())
}

#[test]
fn what_cannot_be_solved_is_an_error_of_the_line() {
    let trace = |f: &dyn Fn(Expr) -> Expr| Function::trace(["x[3]"], |[x]| f(x)).unwrap_err();
    is_here(
        &trace(&|x| newton(x, |x: Expr| x.sum(..)).x),
        "newton: unknowns of the shape [3] together, and equations of the shape [1]",
    );
    is_here(&trace(&|x| minimize(x, |x: Expr| x * x).x), "minimize: the function gives [3], not a number");
    let open = Function::trace(["x[n]"], |[x]| newton(x, |x: Expr| x * x - 2.0).x).unwrap_err();
    is_here(&open, "newton: the unknown of the shape [n] has an open axis");
    let none = Function::trace(["x[n]"], |[x]| newton(Vec::<Expr>::new(), |_| x).report).unwrap_err();
    is_here(&none, "newton: there is no unknown");
    assert!(Convergence::read(&[0.0]).unwrap_err().is_value());
    assert!(Convergence::read(&[0.0, 3.0, 1.0]).unwrap_err().is_value());
}

#[test]
fn samples_converge_each_by_itself() -> Result {
    let f = Function::trace(["a", "b"], |[a, b]| {
        let root = newton(1.0, |x: Expr| x * x * b - a);
        (("x", root.x), aux(("report", root.report)))
    })?;
    let batch = f.vmap("n", ["a"])?;
    let a = [4.0, 1e8, -1.0, 1.0];
    let y = batch.compile()?.run(&[vector(&a), 4.0.into()])?;
    close(&y[0].data()[..2], &[1.0, 5e3], 1e-14);
    assert!(y[0].data()[2].is_nan() && y[0].data()[3] == 0.5);
    let reports: Vec<Convergence> = y[1].data().chunks(53).map(|r| Convergence::read(r).unwrap()).collect();
    assert!(reports[1].steps() > reports[0].steps() && reports[2].outcome() == Outcome::Stalled, "{reports:?}");
    // the derivative in what the samples share, and a batch of derivatives
    let total = Function::trace(["a[2]", "b"], |[a, b]| {
        let g = f.vmap(2, ["a"]).unwrap();
        g.eval(&[a, b]).unwrap()[0].sum(..)
    })?;
    let d = all(&total.grad()?, &[vector(&[4.0, 9.0]), 4.0.into()]);
    close(&d, &[0.125, 1.0 / 12.0, -0.5 * (2.0 + 3.0) / 8.0], 1e-12);
    let each = f.wrt(["a"])?.grad()?.vmap(2, ["a"])?;
    close(&all(&each, &[vector(&[4.0, 9.0]), 4.0.into()])[..2], &[0.125, 1.0 / 12.0], 1e-12);
    Ok(())
}

#[test]
fn single_precision_has_its_own_bounds() -> Result {
    let f = Function::trace_in(Width::F32, "a", |a| {
        let root = newton(a, |x: Expr| x * x - a);
        (("x", root.x), aux(("report", root.report)))
    })?;
    let y = f.value_and_grad()?.compile()?.run([2f32])?;
    assert!((y[0].data()[0] - 2f32.sqrt()).abs() < 3e-7 && (y[2].data()[0] - 0.5 / 2f32.sqrt()).abs() < 1e-6);
    Ok(())
}

#[test]
fn guesses_are_plain_numbers_and_converged_is_a_result() -> Result {
    let f = Function::trace(["a", "b"], |[a, b]| {
        let root = newton([1.0, 0.5], |[x, y]| [x * x - a, y * y - b]);
        let (x, y) = newton((1.0, 2), |(x, y)| [x * x - a, y - x]).x;
        let other = fixed_point(1.0, |x| (x + a / x) * 0.5).x;
        let least = minimize(0.5, |x| (x * x - a).powi(2)).x;
        let fit = least_squares(vec![1.0, 1.0], |p| [p[0] * p[0] - a, p[1] - b]).x;
        (("x", root.x), ("ok", root.converged), ("all", [x, y, other, least, fit[0]]))
    })?;
    for y in [f.run([4.0, 9.0])?, f.compile()?.run([4.0, 9.0])?] {
        close(y["x"].data(), &[2.0, 3.0], 1e-12);
        close(y["all"].data(), &[2.0; 5], 1e-7);
        assert_eq!(y.number("ok")?, 1.0);
    }
    assert_eq!(f.run([-1.0, 9.0])?.number("ok")?, 0.0);
    // In a batch, each row has its own.
    let rows = f.vmap("n", ["a"])?;
    assert_eq!(rows.run((("a", [4.0, -1.0]), ("b", 9.0)))?["ok"].data(), [1.0, 0.0]);
    Ok(())
}
