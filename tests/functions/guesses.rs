//! Programs as someone writes them who has read the README: plain numbers beside handles, duals and numbers.

use wengert::{Array, Dual, Expr, Function, Real, Result, cond, dual, lit, scan, select, while_loop};

#[test]
fn handles_compare_with_plain_numbers() -> Result<()> {
    let f = Function::trace(["x", "y"], |[x, y]| {
        let c = x.gt(0.1) & x.lt(y) | !y.ne(2.0);
        -y + select(c, 1.0, 0.0)
    })?;
    assert_eq!(f.eval(&[0.5, 1.0])?, [0.0]);
    assert_eq!(f.eval(&[0.5, 0.25])?, [-0.25]);
    assert_eq!(f.eval(&[0.5, 2.0])?, [-1.0]);
    let g = Function::trace("x", |x| {
        let hinge = select(x.ge(0.0), x, 0.0) - select(x.le(-1.0), 0.5, x);
        (hinge + x.max(0.0)).min(3.0).clamp(-2.0, 2.5) + x.powf(2.0).atan2(1.0) * 2 - 1 / (x * 3 + 10.5)
    })?;
    let h = |x: f64| {
        let hinge = (if x >= 0.0 { x } else { 0.0 }) - if x <= -1.0 { 0.5 } else { x };
        (hinge + x.max(0.0)).min(3.0).clamp(-2.0, 2.5) + (x * x).atan2(1.0) * 2.0 - 1.0 / (x * 3.0 + 10.5)
    };
    for x in [-2.0, -0.5, 0.0, 0.7, 9.0] {
        assert!((g.eval(&[x])?[0] - h(x)).abs() < 1e-14);
    }
    Ok(())
}

#[test]
fn duals_compare_with_plain_numbers() {
    let f = |x: Dual<f64>| {
        let c = x.gt(0.1) & x.lt(4.0);
        -x + select(c, x * x, 0.0) + select(c, 1.0, 0.0) + select(x.ge(0.0), 0.0, x).max(-3.0).powf(1.0)
    };
    assert_eq!(dual::derivative(f, 3.0), (7.0, 5.0));
    assert_eq!(dual::derivative(f, -2.0), (0.0, 0.0));
    let nested = |x: Dual<Dual<f64>>| select(x.gt(0.0), x.powi(3), 0.0);
    assert_eq!(nested(Dual::new(Dual::new(2.0, 1.0), Dual::new(1.0, 0.0))).eps[0].eps[0], 12.0);
}

#[test]
fn so_do_numbers_and_bodies_for_all_of_them() -> Result<()> {
    let f = |x: f64| select(x.gt(0.1), x, 0.0) - select(x.lt(-1.0), 1.0, 0.0);
    assert_eq!((f(0.5), f(-2.0), f(0.0)), (0.5, -1.0, 0.0));
    let single = |x: f32| select(x.gt(0.5), x, 0.0);
    assert_eq!((single(0.25), single(0.75)), (0.0, 0.75));
    fn body<T: Real>(x: T) -> T {
        let step = select(x.gt(lit(1.0)), lit(1.0), lit(0.0));
        x * step + select(x.lt(lit(0.0)), lit(0.0), x)
    }
    assert_eq!((body(2.0), body(-2.0)), (4.0, 0.0));
    assert_eq!(dual::derivative(body, 2.0), (4.0, 2.0));
    assert_eq!(Function::trace("x", body)?.grad()?.eval(&[0.5])?, [1.0]);
    Ok(())
}

#[test]
fn loops_start_from_plain_numbers() -> Result<()> {
    let f = Function::trace(["a", "x[n]"], |[a, x]| {
        let (sum, sums) = scan(0.0, x, |sum, x| (sum + a * x, sum));
        let (_, steps) = while_loop((sum, 0.0), |(y, _)| y.gt(1.0), |(y, k)| (y * 0.5, k + 1.0));
        (sums, steps, cond(sum.gt(4.0), || sum * 2, || 0.0), cond(sum.gt(4.0), || 1.0, || sum))
    })?;
    let y = f.run(&[Array::scalar(2.0), Array::vector(vec![1.0, 3.0])])?;
    assert_eq!(y.arrays().iter().map(Array::data).collect::<Vec<_>>(), [&[0.0, 2.0][..], &[3.0], &[16.0], &[1.0]]);
    let y = f.run(&[Array::scalar(1.0), Array::vector(vec![1.0, 0.0])])?;
    assert_eq!(y.arrays()[2..].iter().map(Array::data).collect::<Vec<_>>(), [[0.0], [1.0]]);
    Ok(())
}

/// A function that can fail to be made, for bodies with `?`.
fn halved() -> Result<Function> {
    Function::trace("x", |x| x * 0.5)
}

#[test]
fn bodies_take_the_question_mark() -> Result<()> {
    let half = halved()?;
    let f = Function::trace(["a", "x[n]"], |[a, x]| {
        let (last, _) = scan(a, x, |c, x| Ok((half.eval(&[c])?[0] + x, ())))?;
        let small = while_loop(last, |c| Ok(half.eval(&[c])?[0].gt(1.0)), |c| Ok(half.eval(&[c])?[0]))?;
        let chosen = cond(small.gt(1.5), || Ok(half.eval(&[small])?[0]), || small)?;
        let again = wengert::rules::remat(chosen, |c| Ok(half.eval(&[c])?[0]))?;
        let ruled = wengert::rules::custom_jvp(again, |c| Ok(half.eval(&[c])?[0]), |_, _, t| Ok(half.eval(&[t])?[0]))?;
        let bounded = wengert::While::at_most(9).run(ruled, |c| c.lt(4.0), |c| Ok(c + half.eval(&[c])?[0]))?;
        Ok((last, small, bounded))
    })?;
    let y = f.run(&[Array::scalar(4.0), Array::vector(vec![2.0, 6.0])])?;
    let values: Vec<f64> = y.arrays().iter().map(|y| y.data()[0]).collect();
    assert_eq!(values[..2], [8.0, 2.0]);
    // 2 → 1 → 0.5 → 0.25, then up by halves to 4 and more.
    let wanted = std::iter::successors(Some(0.25), |c| Some(c * 1.5)).find(|&c| c >= 4.0).unwrap();
    assert_eq!(values[2], wanted);
    Ok(())
}

#[test]
fn errors_of_bodies_come_out() -> Result<()> {
    let pair = Function::trace(["x", "y"], |[x, y]| x * y)?;
    let check = |made: Result<Function>| {
        let error = made.unwrap_err();
        assert!(error.is_length() && error.to_string().contains("the inputs (x, y)"), "{error}");
    };
    // With `?` outside, or kept as a result.
    check(Function::trace("x[n]", |x| Ok(scan(0.0, x, |c: Expr, x| Ok((pair.eval(&[c])?[0] + x, ())))?.0)));
    check(Function::trace("x", |x| while_loop(x, |x| x.gt(1.0), |x| Ok(pair.eval(&[x])?[0]))));
    check(Function::trace("x", |x| cond(x.gt(0.0), || Ok(pair.eval(&[x])?[0]), || x)));
    check(Function::trace("x", |x| wengert::rules::remat(x, |x| Ok(pair.eval(&[x])?[0]))));
    check(Function::trace("x", |x| wengert::rules::custom_vjp(x, |x| x.sin(), |_, _, c| Ok(pair.eval(&[c])?[0]))));
    // Where the loop gives plain values, an error is the trace's.
    check(Function::trace("x", |x| while_loop(x, |x| Ok(pair.eval(&[x])?[0].gt(1.0)), |x| x * 0.5)));
    check(Function::trace("x", |x| cond(x.gt(0.0), || x, || Ok(pair.eval(&[x])?[0]))));
    // A loop that may fail gives errors of shapes as results, too.
    let f = Function::trace("x[n]", |x| {
        let failed = scan(0.0, x, |c: Expr, _| Ok((c + x, ())));
        assert!(failed.is_err_and(|error| error.is_shape()));
        Ok(x)
    })?;
    assert_eq!(f.outputs().len(), 1);
    Ok(())
}

#[test]
fn counters_start_from_integers() -> Result<()> {
    let f = Function::trace("x", |x| while_loop((x, 0), |(x, _)| x.gt(1.0), |(x, k)| (x * 0.5, k + 1.0)))?;
    assert_eq!(f.eval(&[6.0])?, [0.75, 3.0]);
    // Beside literals of floats, which are still seen to be numbers.
    let f = Function::trace("x[n]", |x| scan([0.0, 1.0], x, |[sum, product], x| ([sum + x, product * x], ())).0)?;
    let y = f.run([("x", [2.0, 3.0])])?;
    assert_eq!(y[0].data(), [5.0, 6.0]);
    let f = Function::trace("x[n]", |x| scan(vec![1, 2], x, |c, x| (vec![c[0] + x, c[1] * x], ())).0)?;
    assert_eq!(f.run([("x", [2.0, 3.0])])?[0].data(), [6.0, 12.0]);
    Ok(())
}

#[test]
fn truth_values_and_numbers_are_results() -> Result<()> {
    let f = Function::trace(["a", "x[n]"], |[a, x]| (("ok", a.gt(1.0)), ("all", x.lt(a)), ("half", 0.5), a * x.sum(..)))?;
    let y = f.run((("a", 2.0), ("x", [1.0, 3.0])))?;
    assert_eq!((y["ok"].data(), y["all"].data(), y["half"].data()), (&[1.0][..], &[1.0, 0.0][..], &[0.5][..]));
    assert_eq!(f.compile()?.run((("a", 2.0), ("x", [1.0, 3.0])))?, y);
    // Nothing depends on them.
    let d = Function::trace("a", |a| (a.gt(1.0), a * a))?.jacobian()?;
    assert_eq!(d.eval(&[3.0])?, [0.0, 6.0]);
    Ok(())
}

#[test]
fn a_result_of_one_number_is_one() -> Result<()> {
    let f = Function::trace("x[n]", |x| (("loss", x.sum(..)), ("x", x), ("first", x.sum(..).reshape(1))))?;
    let y = f.run([("x", [1.0f32 as f64, 2.0])])?;
    assert_eq!((y.number("loss")?, y.number("first")?), (3.0, 3.0));
    let error = y.number("x").unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("the result `x` has the shape [2], and is not one number"), "{error}");
    assert!(y.number("los").unwrap_err().to_string().contains("did you mean `loss`?"));
    Ok(())
}
