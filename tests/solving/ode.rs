//! Differential equations: against closed forms with their orders of convergence, derivatives against closed forms, duals and finite
//! differences; what is reported where the end is not reached.

use crate::common::arrays::{all, check, check_first, close, noise, traced, vector};
use proptest::prelude::*;
use wengert::diff::Mode;
use wengert::ode::{DormandPrince, Ended, Integration, rk4};
use wengert::{Dual, Error, Expr, Function, Options, Real, Width, aux, lit};

type Result<T = ()> = std::result::Result<T, Error>;

/// A pendulum without friction.
fn pendulum(w: Expr) -> impl Fn(Expr, [Expr; 2]) -> [Expr; 2] {
    move |_, [a, v]| [v, -w * a.sin()]
}

/// y′ = −y + sin t from y(0) = a: (a + ½)e⁻ᵗ + (sin t − cos t)/2.
fn forced(t: Expr, y: Expr) -> Expr {
    t.sin() - y
}

fn forced_exactly(a: f64, t: f64) -> f64 {
    (a + 0.5) * (-t).exp() + 0.5 * (t.sin() - t.cos())
}

/// How the error falls where the steps are halved.
fn order(error: impl Fn(usize) -> f64) -> f64 {
    (error(20) / error(40)).log2()
}

#[test]
fn kuttas_method_has_order_4() {
    let error = |steps: usize| {
        let f = traced(["a", "t"], |[a, t]| rk4([lit(0.0), t], steps, a, forced).0);
        (all(&f, &[0.7.into(), 2.0.into()])[0] - forced_exactly(0.7, 2.0)).abs()
    };
    assert!((order(error) - 4.0).abs() < 0.2, "{}", order(error));
    // So have its derivatives.
    let slope = |steps: usize| {
        let f = traced(["a", "t"], |[a, t]| rk4([lit(0.0), t], steps, a, forced).0).grad().unwrap();
        let d = all(&f, &[0.7.into(), 2.0.into()]);
        let dt = (2.0f64).sin() - forced_exactly(0.7, 2.0);
        (d[0] - (-2f64).exp()).abs().max((d[1] - dt).abs())
    };
    assert!((order(slope) - 4.0).abs() < 0.3, "{}", order(slope));
}

/// With steps of a length that is given and tolerances that never matter, the method has the order of its better formula.
#[test]
fn dormand_and_prince_have_order_5() {
    let error = |steps: usize| {
        let times: Vec<f64> = (1..=steps).map(|k| 3.0 * k as f64 / steps as f64).collect();
        let method = DormandPrince::new().relative(1e6).absolute(1e6).first_step(100.0);
        let f = traced(["a", "t[n]"], |[a, t]| {
            let course = method.at_times(lit(0.0), t, a, |t, y: Expr| y * t.cos());
            (course.y, course.report)
        });
        let y = f.run(&[0.7.into(), vector(&times)]).unwrap();
        assert_eq!(Integration::read(y[1].data()).unwrap().accepted(), steps);
        (y[0].data()[steps - 1] - 0.7 * 3f64.sin().exp()).abs()
    };
    let found = order(error);
    assert!((found - 5.0).abs() < 0.3, "{found}");
}

#[test]
fn tolerances_are_kept_and_derivatives_too() -> Result {
    for (tolerance, bound) in [(1e-5, 1e-4), (1e-8, 1e-7), (1e-11, 1e-10)] {
        let method = DormandPrince::new().relative(tolerance).absolute(tolerance);
        let f = Function::trace(["a", "start", "t"], |[a, start, t]| {
            let course = method.solve([start, t], a, forced);
            (("y", course.y), aux(("report", course.report)))
        })?;
        let x = [0.7.into(), 0.0.into(), 3.0.into()];
        let y = f.value_and_grad()?.run(&x)?;
        let value = forced_exactly(0.7, 3.0);
        let wanted = [(-3f64).exp(), 0.7 * (-3f64).exp(), 3f64.sin() - value];
        close(y[0].data(), &[value], bound);
        // d/d(start) is −e^(start − t)·y′(start), y′ = −0.7
        close(&y.arrays()[2..].iter().map(|y| y.data()[0]).collect::<Vec<_>>(), &wanted, bound);
        close(&all(&f.only(["y"])?.jacobian_in(Mode::Forward)?, &x), &wanted, bound);
        let report = Integration::read(y[1].data())?;
        assert!(report.is_complete() && report.time() == 3.0 && report.accepted() > 5, "{report}");
    }
    Ok(())
}

#[test]
fn every_engine_and_mode_agrees() {
    let fixed = traced(["w", "a", "t"], |[w, a, t]| {
        let (last, each) = rk4([lit(0.1), t], 12, [a, lit(0.0)], pendulum(w));
        (last[0] * last[1], each[0].sum(..))
    });
    check("rk4", &fixed, &[2.0.into(), 0.8.into(), 1.5.into()]);
    // Few steps, so that finite differences keep to the same ones: they are far from where one more is needed.
    let method = DormandPrince::new().relative(1e-9).absolute(1e-9).steps(200);
    let adaptive = traced(["w", "a", "t[n]"], |[w, a, t]| {
        let [y, v] = method.at_times(lit(0.0), t, [a, w * 0.1], pendulum(w)).y;
        (y * v).sum(..)
    });
    check("dormand_prince", &adaptive, &[2.0.into(), 0.8.into(), vector(&[0.5, 0.8, 1.5])]);
    // arrays, and a right-hand side that takes matrices from around
    let linear = traced(["m[2,2]", "y[2,3]"], |[m, y]| method.solve([lit(1.0), lit(0.2)], y, |t, y| m.matmul(y) * t).y);
    check_first("linear", &linear, &[noise(&[2, 2], 5), noise(&[2, 3], 6)]);
}

/// Duals through the same method by hand.
#[test]
fn forward_and_reverse_are_the_duals() -> Result {
    fn by_hand<T: Real>(w: T, a: T, steps: usize) -> T {
        let h = 1.5 / steps as f64;
        let slope = |[a, v]: [T; 2]| [v, -w * a.sin()];
        let plus = |[a, v]: [T; 2], [k, l]: [T; 2], h: f64| [a + k * lit(h), v + l * lit(h)];
        let mut y = [a, lit(0.0)];
        for _ in 0..steps {
            let k1 = slope(y);
            let k2 = slope(plus(y, k1, h / 2.0));
            let k3 = slope(plus(y, k2, h / 2.0));
            let k4 = slope(plus(y, k3, h));
            y = plus(plus(plus(plus(y, k1, h / 6.0), k2, h / 3.0), k3, h / 3.0), k4, h / 6.0);
        }
        y[0]
    }
    let f = traced(["w", "a"], |[w, a]| rk4([lit(0.0), lit(1.5)], 30, [a, lit(0.0)], pendulum(w)).0[0]);
    let x = [2.0.into(), 0.8.into()];
    let dw = by_hand(Dual::new(2.0, 1.0), Dual::from(0.8), 30);
    let da = by_hand(Dual::from(2.0), Dual::new(0.8, 1.0), 30);
    close(&all(&f.value_and_grad()?, &x), &[dw.re, dw.eps(), da.eps()], 1e-13);
    close(&all(&f.jacobian_in(Mode::Forward)?, &x), &[dw.eps(), da.eps()], 1e-13);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// There and back again.
    #[test]
    fn integration_is_reversible(a in -1.0f64..1.0, w in 0.5f64..3.0, t in -3.0f64..3.0) {
        let method = DormandPrince::new().relative(1e-10).absolute(1e-12);
        let f = traced(["a", "w", "t"], |[a, w, t]| {
            let there = method.solve([lit(0.0), t], [a, lit(0.3)], pendulum(w)).y;
            method.solve([t, lit(0.0)], there, pendulum(w)).y[0]
        });
        let x = [a.into(), w.into(), t.into()];
        close(&all(&f, &x), &[a], 1e-7);
        // and so is its derivative
        close(&all(&f.grad().unwrap(), &x), &[1.0, 0.0, 0.0], 1e-6);
    }

    /// The energy stays, whatever the steps.
    #[test]
    fn energy_is_kept(a in -2.0f64..2.0, w in 0.5f64..3.0) {
        let method = DormandPrince::new().relative(1e-9).absolute(1e-9);
        let f = traced(["a", "w", "t[n]"], |[a, w, t]| {
            let [a, v] = method.at_times(lit(0.0), t, [a, lit(0.5)], pendulum(w)).y;
            v * v * 0.5 - w * a.cos()
        });
        let times: Vec<f64> = (0..9).map(|k| 0.7 * k as f64).collect();
        let energy = all(&f, &[a.into(), w.into(), vector(&times)]);
        close(&energy, &[0.125 - w * a.cos(); 9], 1e-6);
    }
}

#[test]
fn where_it_ends_is_told() -> Result {
    let run = |method: DormandPrince, f: fn(Expr, Expr) -> Expr| -> Result<(Vec<f64>, f64, Integration)> {
        let f = Function::trace(["a"], |[a]| {
            let t = Expr::stack(&[lit(0.5), lit(3.0), lit(4.0)], 0);
            let course = method.at_times(lit(0.0), t, a, f);
            (("y", course.y.sum(..)), aux((("all", course.y), ("report", course.report))))
        })?;
        let y = f.value_and_grad()?.run([1.0])?;
        let native = f.compile_with(Options::new().fuse(false))?.run([1.0])?;
        assert_eq!(native[2].data(), y[2].data());
        Ok((y[1].data().to_vec(), y[3].data()[0], Integration::read(y[2].data())?))
    };
    let (y, slope, report) = run(DormandPrince::new().relative(1e-4), |_, y| y * y)?;
    close(&y[..1], &[2.0], 1e-3);
    assert!(y[1].is_nan() && y[2].is_nan() && slope.is_nan());
    assert!(report.ended() == Ended::StepTooShort && (report.time() - 1.0).abs() < 1e-3, "{report}");
    let (y, _, report) = run(DormandPrince::new().steps(7), |t, y| (t * 20.0).sin() * y)?;
    assert!(report.ended() == Ended::StepLimit && report.accepted() + report.rejected() == 7 && y[2].is_nan(), "{report}");
    assert!(report.to_string().contains("all steps were taken"));
    let (_, _, report) = run(DormandPrince::new(), |t, y| (1.0 - t).sqrt() * y)?;
    assert!(report.ended() == Ended::StepTooShort && (report.time() - 1.0).abs() < 0.01, "{report}");
    let (_, slope, report) = run(DormandPrince::new(), |_, y| -y)?;
    assert!(report.is_complete() && (slope - (-0.5f64).exp() - (-3f64).exp() - (-4f64).exp()).abs() < 1e-6, "{report}");
    assert!(Integration::read(&[0.0; 3]).unwrap_err().is_value());
    Ok(())
}

#[test]
fn shapes_that_do_not_fit_are_errors_of_the_line() {
    let here = |error: Error, text: &str| {
        assert!(error.to_string().contains(text) && error.location().is_some_and(|at| at.file().ends_with("ode.rs")), "{error}");
    };
    let span = || [lit(0.0), lit(1.0)];
    here(
        Function::trace(["y[3]"], |[y]| rk4(span(), 5, y, |_, y: Expr| y.sum(..)).0).unwrap_err(),
        "rk4: the right-hand side gives the shape [] where y has [3]",
    );
    here(
        Function::trace(["y"], |[y]| DormandPrince::new().solve(span(), vec![y], |_, y| [y.clone(), y].concat()).report)
            .unwrap_err(),
        "dormand_prince: the right-hand side gives 2 values for 1 of y",
    );
    here(Function::trace(["y"], |[y]| rk4(span(), 0, y, |_, y: Expr| y).0).unwrap_err(), "rk4: no step");
    here(
        Function::trace(["y"], |[y]| DormandPrince::new().at_times(lit(0.0), y, y, |_, y: Expr| y).report).unwrap_err(),
        "dormand_prince: times of the shape [], which is no vector",
    );
}

#[test]
fn samples_take_steps_of_their_own() -> Result {
    let f = Function::trace(["w", "a"], |[w, a]| {
        let course =
            DormandPrince::new().steps(300).solve([lit(0.0), lit(1.0)], [a, lit(0.0)], |_, [y, v]: [Expr; 2]| [v, -w * w * y]);
        (("y", course.y[0]), aux(("report", course.report)))
    })?;
    let w = [1.0, 10.0];
    let y = f.grad()?.vmap("n", ["w"])?.compile()?.run(&[vector(&w), 1.5.into()])?;
    close(y[0].data(), &w.map(|w: f64| -1.5 * w.sin()), 1e-5);
    let steps = y[2].data().chunks(4).map(|r| Integration::read(r).unwrap().accepted()).collect::<Vec<_>>();
    assert!(steps[1] > 3 * steps[0], "{steps:?}");
    Ok(())
}

#[test]
fn single_precision_has_its_own_bounds() -> Result {
    let f = Function::trace_in(Width::F32, "a", |a| {
        let course = DormandPrince::new().solve([lit(0.0), lit(2.0)], a, forced);
        (("y", course.y), ("report", course.report))
    })?;
    let y = f.compile()?.run([0.7f32])?;
    assert!((f64::from(y[0].data()[0]) - forced_exactly(0.7, 2.0)).abs() < 1e-3);
    Ok(())
}

#[test]
fn a_start_is_plain_numbers() -> Result {
    let f = traced("t", |t| {
        let (last, _) = rk4([lit(0.0), t], 100, [1.0, 0.0], |_, [y, v]| [v, -y]);
        let course = DormandPrince::new().relative(1e-10).solve([lit(0.0), t], (1.0, 0), |_, (y, v)| (v, -y));
        [last[0], last[1], course.y.0, course.y.1]
    });
    let t = 0.7f64;
    close(f.run([t])?[0].data(), &[t.cos(), -t.sin(), t.cos(), -t.sin()], 1e-8);
    Ok(())
}

/// The coefficients of the method, from the paper of 1980.
mod tableau {
    pub const A: [[f64; 6]; 6] = [
        [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
        [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
        [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
        [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
        [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ];
    pub const LOWER: [f64; 7] =
        [5179.0 / 57600.0, 0.0, 7571.0 / 16695.0, 393.0 / 640.0, -92097.0 / 339200.0, 187.0 / 2100.0, 1.0 / 40.0];
}

/// A step of the pendulum from a time to a part of 1 later: the next y and the difference to the solution of lower order.
fn step_by_hand<T: Real>(w: T, y: [T; 2], h: f64) -> [[T; 2]; 2] {
    let slope = |[a, v]: [T; 2]| [v, -w * a.sin()];
    let (mut slopes, mut next) = (vec![slope(y)], y);
    for weights in tableau::A {
        next = [0, 1].map(|i| y[i] + slopes.iter().zip(weights).fold(lit(0.0), |sum: T, (k, w)| sum + k[i] * lit(w)) * lit(h));
        slopes.push(slope(next));
    }
    let lower = |i: usize| slopes.iter().zip(tableau::LOWER).fold(lit(0.0), |sum: T, (k, w)| sum + k[i] * lit(w));
    let error = [0, 1].map(|i| next[i] - y[i] - lower(i) * lit(h));
    [next, error]
}

/// The lengths of the steps that are accepted on the way to `end`, and how many are not, by the controller of Hairer, Nørsett and Wanner.
fn lengths_by_hand(w: f64, a: f64, end: f64, tolerance: f64, first: f64) -> (Vec<f64>, usize) {
    let (mut lengths, mut rejected, mut done, mut h, mut before, mut calm) = (vec![], 0, 0.0, first, 1e-4f64, true);
    let mut y = [a, 0.0];
    while done < end {
        let last = h * 1.01 >= end - done;
        let step = if last { end - done } else { h };
        let [next, error] = step_by_hand(w, y, step);
        let scaled = |i: usize| error[i] / (tolerance + tolerance * y[i].abs().max(next[i].abs()));
        let error = ((scaled(0).powi(2) + scaled(1).powi(2)) / 2.0).sqrt();
        let shrink = error.powf(0.17) / 0.9;
        if error <= 1.0 {
            lengths.push(step);
            done = if last { end } else { done + step };
            h = step / (shrink / before.powf(0.04)).clamp(if calm { 0.1 } else { 1.0 }, 5.0);
            (y, before, calm) = (next, error.max(1e-4), true);
        } else {
            h = step / shrink.min(5.0);
            (rejected, calm) = (rejected + 1, false);
        }
    }
    (lengths, rejected)
}

#[test]
fn derivatives_are_those_of_the_accepted_steps() -> Result {
    let (w, a, end, tolerance, first) = (2.0, 0.8, 6.0, 1e-6, 3.0);
    let (lengths, rejected) = lengths_by_hand(w, a, end, tolerance, first);
    assert!(rejected > 0 && lengths.len() > 10);
    let by_hand = |w: Dual<f64>, a: Dual<f64>| lengths.iter().fold([a, 0.0.into()], |y, &h| step_by_hand(w, y, h)[0])[0];
    let method = DormandPrince::new().relative(tolerance).absolute(tolerance).first_step(first).steps(1_000_000_000_000);
    let f = Function::trace(["w", "a"], |[w, a]| {
        let course = method.solve([lit(0.0), lit(end)], [a, lit(0.0)], pendulum(w));
        (("y", course.y[0]), aux(("report", course.report)))
    })?;
    let (dw, da) = (by_hand(Dual::new(w, 1.0), a.into()), by_hand(w.into(), Dual::new(a, 1.0)));
    let y = f.value_and_grad()?.run([w, a])?;
    let report = Integration::read(y["report"].data())?;
    assert_eq!((report.accepted(), report.rejected()), (lengths.len(), rejected));
    let found = ["y", "d_w", "d_a"].map(|name| y[name].data()[0]);
    close(&found, &[dw.re, dw.eps(), da.eps()], 1e-10);
    let f = f.only(["y"])?;
    for options in [Options::new(), Options::new().interpreted(true), Options::new().unroll(false)] {
        let forward = f.jacobian_in(Mode::Forward)?.compile_with(options.clone())?.run([w, a])?;
        close(forward[0].data(), &[dw.eps(), da.eps()], 1e-10);
        let reverse = f.value_and_grad()?.compile_with(options)?.run([w, a])?;
        close(&[0, 1, 2].map(|k| reverse[k].data()[0]), &[dw.re, dw.eps(), da.eps()], 1e-10);
    }
    // Samples end when they have ended, whatever the bound.
    let samples = f.value_and_grad()?.vmap("n", ["a"])?.compile()?.run(&[w.into(), vector(&[a, 0.1, a])])?;
    let da = samples["d_a"].data();
    close(&[da[0], da[2]], &[by_hand(w.into(), Dual::new(a, 1.0)).eps(); 2], 1e-10);
    Ok(())
}

/// y′ = −√y is y = (√a − t/2)²; a step that goes too far meets the root of a negative number, and is rejected.
#[test]
fn steps_beyond_the_domain_spoil_no_derivative() -> Result {
    let method = DormandPrince::new().relative(1e-10).absolute(1e-10).first_step(100.0);
    let f = Function::trace("a", |a| {
        let course = method.solve([lit(0.0), lit(1.9)], a, |_, y: Expr| -y.sqrt());
        (("y", course.y), aux(("report", course.report)))
    })?;
    let y = f.value_and_grad()?.run([1.0])?;
    assert!(Integration::read(y["report"].data())?.rejected() > 0);
    close(&[y["y"].data()[0], y["d_a"].data()[0]], &[0.0025, 0.05], 1e-7);
    close(&all(&f.only(["y"])?.jacobian_in(Mode::Forward)?, &[1.0.into()]), &[0.05], 1e-7);
    Ok(())
}

#[test]
fn a_bound_that_is_not_counted_to_is_refused() {
    let solve = |width: Width, steps: usize| {
        Function::trace_in(width, "a", |a| DormandPrince::new().steps(steps).solve([lit(0.0), lit(2.0)], a, forced).y)
    };
    let error = solve(Width::F32, (1 << 24) + 1).unwrap_err();
    assert!(
        error.is_limit() && error.to_string().contains("dormand_prince: this arithmetic does not count up to 16777217"),
        "{error}"
    );
    assert!(error.location().is_some_and(|at| at.file().ends_with("ode.rs")), "{error}");
    assert!(solve(Width::F32, 1 << 24).is_ok() && solve(Width::F64, (1 << 24) + 1).is_ok());
}
