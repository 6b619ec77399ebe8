//! Loops, branches and scans of bodies that are generic over the arithmetic.

use std::cell::Cell;
use wengert::jet::Jet;
use wengert::{Array, Dual, Error, Expr, Function, Options, Real, Result, Scan, While, cond, lit, scan, while_loop};

const AT: [f64; 2] = [2.5, 0.75];

/// The mean of two numbers that comes of both their means in turn (C. F. Gauss, 1799), then a branch.
fn mean<T: Real>([a, b]: [T; 2]) -> T {
    let apart = |a: T, g: T| (a - g).abs().gt(a * lit(1e-15));
    let [mean, _] = while_loop([a, b], |[a, g]| apart(a, g), |[a, g]| [(a + g) * lit(0.5), (a * g).sqrt()]);
    cond(mean.gt(b), || (mean * a).ln() + b, || mean * b + a.sin())
}

/// The same by so many turns as suffice, and Rust's own loop.
fn by_hand<T: Real>([a, b]: [T; 2]) -> T {
    let (mut m, mut g) = (a, b);
    for _ in 0..6 {
        (m, g) = ((m + g) * lit(0.5), (m * g).sqrt());
    }
    (m * a).ln() + b
}

#[track_caller]
fn close(found: impl IntoIterator<Item = f64>, wanted: impl IntoIterator<Item = f64>) {
    let (found, wanted): (Vec<f64>, Vec<f64>) = (found.into_iter().collect(), wanted.into_iter().collect());
    assert_eq!(found.len(), wanted.len());
    let all = found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() <= 1e-11 * (1.0 + b.abs()));
    assert!(all, "{found:?} is not {wanted:?}");
}

/// Along a line through the point: value, slope and curvature.
fn line<T: Real>(t: T) -> [T; 2] {
    [lit::<T>(AT[0]) + t, lit::<T>(AT[1]) - t * lit(0.5)]
}

fn nested(t: f64) -> Dual<Dual<f64>> {
    Dual::new(Dual::new(t, 1.0), Dual::new(1.0, 0.0))
}

/// f, f′, f″ at 0.
fn by_duals(f: impl Fn(Dual<Dual<f64>>) -> Dual<Dual<f64>>) -> [f64; 3] {
    let y = f(nested(0.0));
    [y.re.re, y.re.eps(), y.eps().eps()]
}

#[test]
fn one_body_in_every_arithmetic() -> Result<()> {
    let want = by_duals(|t| by_hand(line(t)));
    let gradient = [0, 1].map(|k| by_hand([0, 1].map(|i| Dual::new(AT[i], f64::from(i == k)))).eps());
    close([mean(AT)], [want[0]]);
    close([f64::from(mean(AT.map(|x| x as f32)))].map(|y| (y * 1e5).round()), [(want[0] * 1e5).round()]);
    close(by_duals(|t| mean(line(t))), want);
    let jet = mean(line(Jet::<f64, 4>::variable(0.0)));
    close([0, 1, 2].map(|k| jet.derivative(k)), want);
    close([jet.derivative(3)], [by_hand(line(Jet::<f64, 4>::variable(0.0))).derivative(3)]);

    let f = Function::trace(("x", 2), |x| mean([x[0], x[1]]))?;
    close(f.eval(&AT)?, [want[0]]);
    let y = f.value_and_grad()?;
    let expected = [want[0], gradient[0], gradient[1]];
    for options in [Options::new(), Options::new().interpreted(true)] {
        close(y.compile_with(options)?.call::<f64, 3>(AT)?, expected);
    }
    // What was traced runs in every arithmetic, too.
    close([f.eval(&AT.map(|x| x as f32))?[0]].map(|y| (f64::from(y) * 1e5).round()), [(want[0] * 1e5).round()]);
    close(by_duals(|t| f.eval(&line(t)).unwrap()[0]), want);
    let jet = f.eval(&line(Jet::<f64, 4>::variable(0.0)))?[0];
    close([0, 1, 2].map(|k| jet.derivative(k)), want);
    let again = Function::trace(("x", 2), |x| f.eval(&x))?;
    close(again.value_and_grad()?.eval(&AT)?, expected);
    close(f.hessian()?.eval(&AT)?, again.hessian()?.eval(&AT)?);
    Ok(())
}

#[test]
fn duals_and_jets_of_handles_carry_their_tangents() -> Result<()> {
    let want = by_duals(|t| by_hand(line(t)));
    let duals = Function::trace("t", |t| {
        let y = mean(line(Dual::new(Dual::new(t, lit(1.0)), Dual::new(lit(1.0), lit(0.0)))));
        [y.re.re, y.re.eps(), y.eps().eps()]
    })?;
    let jets = Function::trace("t", |t| {
        let y = mean(line(Jet::<Expr, 3>::variable(t)));
        [0, 1, 2].map(|k| y.derivative(k))
    })?;
    // By the function, and by the trace, with duals inside.
    let of_function = Function::trace("t", |t| {
        let f = Function::trace("t", |t| mean(line(t)))?;
        let y = f.eval(&[Dual::new(Dual::new(t, lit(1.0)), Dual::new(lit(1.0), lit(0.0)))])?[0];
        Ok([y.re.re, y.re.eps(), y.eps().eps()])
    })?;
    for f in [duals, jets, of_function] {
        close(f.eval(&[0.0])?, want);
        close(f.compile()?.call::<f64, 3>([0.0])?, want);
    }
    // Scans of them, and arrays in them.
    let f = Function::trace("x[3]", |x| {
        let x = Dual::new(x, Expr::ones(3));
        let (sum, each) = Scan::steps(3).run((x, Dual::constant(Expr::zeros(3))), |(x, sum), ()| ((x * x, sum + x), x));
        (("sum", sum.1.eps()), ("each", each.eps()))
    })?;
    let y = f.run([("x", [1.0, 2.0, 0.5])])?;
    // x + x² + x⁴
    assert_eq!(y["sum"].data(), [7.0, 37.0, 2.5]);
    assert_eq!(y["each"].shape(), [3, 3]);
    assert_eq!(y["each"].data()[3..6], [2.0, 4.0, 1.0]);
    let f = Function::trace(("x", 3), |x| {
        let x = [0, 1, 2].map(|k| Dual::new(x[k], lit(k as f64)));
        scan(1.0, &x, |p, x| (p * x, p)).0.eps()
    })?;
    assert_eq!(f.eval(&[3.0, 4.0, 5.0])?, [15.0 + 24.0]);
    Ok(())
}

/// Tangents that are absent from the first turn to the last are no numbers of a trace's loops; those that come later are.
#[test]
fn absent_tangents_are_not_carried() -> Result<()> {
    fn halves<T: Real>(x: T) -> [T; 2] {
        let half = |x: T| cond(x.gt(lit(4.0)), || x * lit(0.25), || x * lit(0.5));
        while_loop([x, lit(0.0)], |[x, _]| x.gt(lit(1.0)), |[x, turns]| [half(x), turns + lit(1.0)])
    }
    fn late<T: Real>(x: T) -> [T; 2] {
        let apart: T = lit(2.5);
        let [a, b, _] = while_loop([apart, apart, x], |[a, ..]| a.lt(lit(100.0)), |[a, b, c]| [a + b, b + c, c * lit(1.5)]);
        [a, b]
    }
    fn both(f: impl Fn(Dual<Expr>) -> [Dual<Expr>; 2]) -> Result<Function> {
        Function::trace("x", |x| f(Dual::new(x, lit(1.0))).map(|y| y.eps()))
    }
    for (f, carried, wanted) in
        [(both(halves)?, "while[3]", halves(Dual::new(10.0, 1.0))), (both(late)?, "while[6]", late(Dual::new(10.0, 1.0)))]
    {
        assert!(f.simplify().to_string().contains(carried), "{f}");
        close(f.compile()?.call::<f64, 2>([10.0])?, wanted.map(|y| y.eps()));
    }
    Ok(())
}

#[test]
fn numbers_take_only_the_branch_at_hand() {
    let asked = Cell::new(0);
    let count = |y: f64| {
        asked.set(asked.get() + 1);
        y
    };
    assert_eq!(cond(true, || count(1.0), || -> f64 { panic!("not this one") }), 1.0);
    assert_eq!(cond(false, || -> f64 { panic!("not this one") }, || count(2.0)), 2.0);
    assert_eq!(asked.get(), 2);
    let (x, turns) = while_loop((10.0, 0.0), |(x, _): (f64, f64)| count(x) > 1.0, |(x, k)| (x * 0.5, k + 1.0));
    assert_eq!((x, turns, asked.get()), (0.625, 4.0, 7));
    assert_eq!(While::at_most(2).keep_unfinished().run(10.0, |x: f64| x > 1.0, |x| x * 0.5), 2.5);
    assert!(While::at_most(2).run(10.0, |x: f64| x > 1.0, |x| x * 0.5).is_nan());
    assert_eq!(While::at_most(9).run(10.0, |x: f64| x > 1.0, |x| x * 0.5), 0.625);
    // Turns go by the primal value.
    let x = while_loop(Dual::new(10.0, 1.0), |x| x.gt(1.0), |x| x * 0.5);
    assert_eq!((x.re, x.eps()), (0.625, 0.0625));
}

/// Σ xₖ·cᵏ by Horner's rule, and the partial sums.
fn horner<T: Real>(c: T, x: &[T]) -> (T, Vec<T>) {
    Scan::over(x).reverse().run(0.0, |sum, x| (sum * c + x, sum))
}

#[test]
fn slices_are_read_item_by_item() -> Result<()> {
    let x = [1.0, 2.0, 4.0];
    assert_eq!(horner(3.0, &x), (43.0, vec![14.0, 4.0, 0.0]));
    assert_eq!(horner(Dual::new(3.0, 1.0), &x.map(Dual::constant)).0.eps(), 2.0 + 8.0 * 3.0);
    assert_eq!(horner(3.0f32, &[]), (0.0, vec![]));
    let f = Function::trace(("c", ("x", 3)), |(c, x)| {
        let (sum, each) = horner(c, &x);
        (("sum", sum), ("each", each))
    })?;
    for f in [f.compile()?, f.compile_with(Options::new().interpreted(true))?] {
        assert_eq!(f.call::<f64, 4>([3.0, 1.0, 2.0, 4.0])?, [43.0, 14.0, 4.0, 0.0]);
    }
    assert_eq!(f.wrt(["c"])?.jacobian()?.eval(&[3.0, 1.0, 2.0, 4.0])?, [26.0, 4.0, 0.0, 0.0]);
    // Of pairs and of arrays; what the steps give, in the same structure.
    fn pairs<T: Real>(x: &Vec<(T, [T; 2])>) -> (T, Vec<(T, [T; 2])>) {
        let ((sum, _), each) = scan((0.0, 1), x, |(sum, k), (a, [b, c])| ((sum + a * b - c, k * a), (k, [b, a])));
        (sum, each)
    }
    let all = |x: &[f64]| vec![(x[0], [x[1], x[2]]), (x[3], [x[4], x[5]])];
    let at = [2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    assert_eq!(pairs(&all(&at)), (25.0, vec![(1.0, [3.0, 2.0]), (2.0, [6.0, 5.0])]));
    let f = Function::trace(("x", 6), |x| {
        let (sum, each) = pairs(&vec![(x[0], [x[1], x[2]]), (x[3], [x[4], x[5]])]);
        vec![sum, each[1].0, each[1].1[0], each[1].1[1]]
    })?;
    assert_eq!(f.eval(&at)?, [25.0, 2.0, 6.0, 5.0]);
    let rows = Function::trace(["a[2]", "b[2]"], |x| {
        let (last, each) = scan(Expr::ones(2), &x, |c, x| (c * x, (c + x).sum(..)));
        (("last", last), ("each", each))
    })?;
    let y = rows.run([("a", [2.0, 3.0]), ("b", [4.0, 5.0])])?;
    assert_eq!((y["last"].data(), y["each"].data()), (&[8.0, 15.0][..], &[7.0, 14.0][..]));
    // No item, no step.
    let none: [Expr; 0] = [];
    assert_eq!(Function::trace("x", |x| scan(x, &none, |c: Expr, x| (c + x, x)).0)?.eval(&[2.0])?, [2.0]);
    let failed = Function::trace(["a[2]", "b"], |x| scan(0.0, &x, |c: Expr, x| (c + x.sum(..), ())).0).unwrap_err();
    assert!(failed.is_shape() && failed.to_string().contains("item 1 has other parts or shapes"), "{failed}");
    assert!(failed.to_string().contains(file!()), "{failed}");
    Ok(())
}

#[test]
fn counted_loops_give_lists_among_numbers() -> Result<()> {
    let (last, each) = Scan::steps(3).run(Dual::new(2f64, 1.0), |x, ()| (x * x, x));
    assert_eq!((last.re, last.eps()), (256.0, 1024.0));
    assert_eq!(each.iter().map(|x| x.eps()).collect::<Vec<_>>(), [1.0, 4.0, 32.0]);
    let (_, each) = Scan::steps(3).reverse().run(2.0, |x: f64, ()| (x * x, x));
    assert_eq!(each, [16.0, 4.0, 2.0]);
    fn power<T: Real>(x: T, n: usize) -> T {
        Scan::steps(n).run((1.0, x), |(p, x), ()| ((p * x, x), ())).0.0
    }
    assert_eq!((power(3.0, 4), power(3.0, 0)), (81.0, 1.0));
    assert_eq!(Function::trace("x", |x| power(x, 4))?.grad()?.eval(&[3.0])?, [108.0]);
    let error = Scan::steps("n").run(2.0, |x: f64, ()| Ok((x, ()))).unwrap_err();
    assert!(error.to_string().contains("how long the axis `n` is") && error.to_string().contains(file!()), "{error}");
    Ok(())
}

#[test]
fn bodies_may_fail_in_every_arithmetic() -> Result<()> {
    let half = Function::trace("x", |x| x * 0.5)?;
    let wrong = Function::trace(["x", "y"], |[x, y]| x * y)?;
    fn small<T: Real>(half: &Function, x: T) -> Result<T> {
        let small = while_loop(x, |x| Ok(half.eval(&[x])?[0].gt(lit(1.0))), |x| Ok(half.eval(&[x])?[0]))?;
        let (last, _) = scan(small, &[x, x], |c, x| Ok((half.eval(&[c])?[0] + x, ())))?;
        cond(last.gt(lit(1.0)), || Ok(half.eval(&[last])?[0]), || small)
    }
    assert_eq!(small(&half, 12.0)?, 9.1875);
    assert_eq!(small(&half, Dual::new(12.0, 1.0))?.eps(), 0.765625);
    assert_eq!(small(&half, Jet::<f64, 2>::variable(12.0))?.derivative(1), 0.765625);
    assert_eq!(Function::trace("x", |x| small(&half, x))?.value_and_grad()?.eval(&[12.0])?, [9.1875, 0.765625]);
    let of = |error: Error| assert!(error.is_length(), "{error}");
    of(small(&wrong, 12.0).unwrap_err());
    of(small(&wrong, Dual::new(12.0, 1.0)).unwrap_err());
    of(Function::trace("x", |x| small(&wrong, x)).unwrap_err());
    // What is wrong is said where it is, after the turns before it.
    let turns = Cell::new(0);
    let failed: Result<f64> = while_loop(
        1.0,
        |_| true,
        |x: f64| {
            turns.set(turns.get() + 1);
            if turns.get() < 5 { Ok(x + 1.0) } else { Ok(wrong.eval(&[x])?[0]) }
        },
    );
    assert_eq!((failed.is_err(), turns.get()), (true, 5));
    Ok(())
}

#[cfg(feature = "derive")]
mod structures {
    use super::*;
    use wengert::{Structure, like};

    #[derive(Clone, Debug, PartialEq, Structure)]
    struct Particle<T> {
        at: [T; 2],
        speed: Vec<T>,
        mass: f64,
    }

    /// Falls until it is at the ground; how far it came.
    fn falls<T: Real>(start: Particle<T>) -> (Particle<T>, T) {
        let h: T = lit(0.125);
        let (end, time) = while_loop(
            (start, 0),
            |(p, _)| p.at[1].gt(lit(0.0)),
            |(p, t)| {
                let speed = vec![p.speed[0], p.speed[1] - h * lit(9.81 * p.mass)];
                let at = [p.at[0] + h * speed[0], p.at[1] + h * speed[1]];
                (Particle { at, speed, ..p }, t + h)
            },
        );
        let last = end.at[0];
        (cond(last.gt(lit(1.0)), || end.clone(), || end.map(|x| -*x)), time)
    }

    #[test]
    fn are_carried_and_chosen() -> Result<()> {
        let start = Particle { at: [0.0, 10.0], speed: vec![3.0, 1.0], mass: 1.0 };
        let (end, time) = falls(start.clone());
        assert!(end.at[1] <= 0.0 && end.at[0] > 1.0 && time == end.at[0] / 3.0 && end.mass == 1.0, "{end:?}");
        let (duals, _) = falls(start.map(|&x| Dual::new(x, f64::from(x == 3.0))));
        assert_eq!(duals.map(|x| x.re), end);
        assert_eq!(duals.at[0].eps(), time);
        let f = Function::trace(("p", like(&start)), |p| {
            let (end, time) = falls(p);
            (("end", end), ("time", time))
        })?;
        assert_eq!(f.eval(&start.flatten())?, [end.flatten(), vec![time]].concat());
        let y = f.compile()?.run([("p", &start)])?;
        assert_eq!(y.like("end", &start)?, end);
        // A list of them.
        let all = [start.clone(), start.clone()];
        let (sum, each) = scan(0.0, &all, |sum, p| (sum + p.at[1], p));
        assert_eq!((sum, each[1] == start), (20.0, true));
        let f = Function::trace(("p", like(&all)), |p| {
            let (sum, each) = scan(0.0, &p[..], |sum, p| (sum + p.at[1] * p.speed[0], p));
            (("sum", sum), ("last", each[1].clone()))
        })?;
        let at = [&all[0].flatten()[..], &[5.0, 6.0, 7.0, 8.0]].concat();
        assert_eq!(f.eval(&at)?, [30.0 + 42.0, 5.0, 6.0, 7.0, 8.0]);
        Ok(())
    }
}

#[test]
fn arrays_are_read_along_their_first_axis_as_before() -> Result<()> {
    let f = Function::trace(["x[n]", "y[n]"], |[x, y]| {
        let (sum, each) = scan(0, [x, y], |sum, [x, y]| (sum + x * y, sum));
        let (power, ()) = Scan::steps("n").run(1.0, |p: Expr, ()| (p * 2.0, ()));
        let halved = while_loop(1.0, |p: Expr| p.gt(0.1), |p| p * 0.5);
        (sum, each, power, halved)
    })?;
    let y = f.run(&[Array::vector(vec![1.0, 2.0]), Array::vector(vec![3.0, 4.0])])?;
    assert_eq!(y.arrays().iter().map(Array::data).collect::<Vec<_>>(), [&[11.0][..], &[0.0, 3.0], &[4.0], &[0.0625]]);
    Ok(())
}
