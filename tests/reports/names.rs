//! Functions are inlined with names of their own.

use wengert::graph::Axis;
use wengert::{Array, Expr, Function, Options, Result, Scan, Shape, cond, scan, while_loop};

/// The results of a function, by the reference, the interpreter and native code.
fn held(f: &Function, inputs: &[Array], expected: &[&[f64]]) {
    let all = [
        ("evaluated", f.run(inputs)),
        ("interpreted", f.compile_with(Options::new().interpreted(true)).and_then(|f| f.run(inputs))),
        ("native", f.compile().and_then(|f| f.run(inputs))),
        ("as text", Function::parse(&f.to_string()).and_then(|f| f.run(inputs))),
    ];
    for (by, found) in all {
        let found = found.unwrap_or_else(|error| panic!("{by}: {error}\n{f}"));
        for (k, expected) in expected.iter().enumerate() {
            assert_eq!(found[k].data(), *expected, "{by}, result {k}\n{f}");
        }
    }
}

fn vector(x: &[f64]) -> Array {
    Array::vector(x.to_vec())
}

const X: [f64; 3] = [1.0, 2.0, 6.0];

/// A function that stores its open axis `n`, as one of `x[m]` beside a `y[n]`, as one of `y[n]` and `x[m]` with names that trade places, and of
/// a fixed length.
fn everywhere(f: &Function, expected: &[f64]) {
    let (y, x) = (vector(&[0.0; 5]), vector(&X));
    let among = Function::trace(["x[m]", "y[n]"], |[x, y]| f.eval(&[x]).map(|z| z[0] + y.sum(..))).unwrap();
    held(&among, &[x.clone(), y.clone()], &[expected]);
    let fixed = Function::trace(["x[3]", "y[n]"], |[x, y]| f.eval(&[x]).map(|z| z[0] + y.sum(..))).unwrap();
    held(&fixed, &[x.clone(), y.clone()], &[expected]);
    let other = Function::trace("x[k]", |x| f.eval(&[x]).map(|z| z[0])).unwrap();
    held(&other, std::slice::from_ref(&x), &[expected]);
    let alone = Function::trace("x[3]", |x| f.eval(&[x]).map(|z| z[0])).unwrap();
    held(&alone, std::slice::from_ref(&x), &[expected]);
    // In a body.
    let body = Function::trace(["x[m]", "y[n]"], |[x, y]| {
        scan(y.sum(..), Expr::full(0.0, 1), |c, _: Expr| Ok((c + f.eval(&[x])?[0], ()))).map(|(last, ()): (Expr, ())| last)
    });
    held(&body.unwrap(), &[x.clone(), y.clone()], &[expected]);
    // Differentiated first, and of the other's derivative.
    let along = f.grad().unwrap();
    let first = Function::trace(["x[m]", "y[n]"], |[x, y]| along.eval(&[x]).map(|z| z[0] + y.sum(..))).unwrap();
    let slope = along.run([("x", &x)]).unwrap();
    held(&first, &[x.clone(), y.clone()], &[slope[0].data()]);
    held(&among.wrt(["x"]).unwrap().grad().unwrap(), &[x.clone(), y.clone()], &[slope[0].data()]);
    let hvp = f.hvp().unwrap();
    let second = Function::trace(["x[m]", "y[n]"], |[x, y]| hvp.eval(&[x, x]).map(|z| z[z.len() - 1] + y.sum(..))).unwrap();
    let curved = hvp.run(&[x.clone(), x.clone()]).unwrap();
    held(&second, &[x, y], &[curved[curved.len() - 1].data()]);
}

#[test]
fn an_axis_has_the_name_of_the_handle_in_its_place() {
    let n = || Axis::from("n");
    let shape = |axes: &[Axis]| Shape::new(axes);
    let of = |f: &dyn Fn(Expr) -> Expr, expected: f64| everywhere(&Function::trace("x[n]", f).unwrap(), &[expected]);
    of(&|x| x.mean(..), 3.0);
    of(&|x| (x - x.mean(..)).powi(2).mean(..), 14.0 / 3.0);
    of(&|x| x.reshape(shape(&[1.into(), n()]).axes()).sum(..), 9.0);
    of(&|x| x.broadcast_to(shape(&[2.into(), n()])).sum(..), 18.0);
    of(&|x| (x * Expr::full(1.0, "n")).sum(..), 9.0);
    of(&|x| (x * Expr::iota("n", 0)).sum(..), 14.0);
    of(&|x| x.cumsum(0).sum(..), 13.0);
    of(&|x| x.softmax(0).max_of(..) * 0.0 + x.prod(0), 12.0);
    of(&|x| x.gather(x.argmax(0), 0), 6.0);
    of(&|x| x.reshape(shape(&[n(), 1.into()]).axes()).concat_with(x.reshape(shape(&[n(), 1.into()]).axes())).sum(..), 18.0);
}

trait ConcatWith {
    fn concat_with(self, other: Expr) -> Expr;
}

impl ConcatWith for Expr {
    fn concat_with(self, other: Expr) -> Expr {
        Expr::concat(&[self, other], 1)
    }
}

/// Bodies and what runs them store axes, too.
#[test]
fn an_axis_in_a_body_is_renamed() -> Result<()> {
    let steps = Function::trace("x[n]", |x| Scan::steps("n").run(x.sum(..), |c: Expr, ()| (c * 2.0, ())).0)?;
    everywhere(&steps, &[72.0]);
    let over = Function::trace("x[n]", |x| scan(0.0, x, |c: Expr, t: Expr| (c + t * x.mean(..), ())).0)?;
    everywhere(&over, &[27.0]);
    let chosen = Function::trace("x[n]", |x| cond(x.sum(..).gt(0.0), || (x * Expr::full(1.0, "n")).mean(..), || x.sum(..)))?;
    everywhere(&chosen, &[3.0]);
    let again = Function::trace("x[n]", |x| wengert::rules::remat(x, |x: Expr| x.mean(..) * x.mean(..)))?;
    everywhere(&again, &[9.0]);
    let ruled = Function::trace("x[n]", |x| {
        wengert::rules::custom_vjp(x, |x: Expr| x.mean(..), |x: Expr, _, c: Expr| c * Expr::full(1.0, x.shape()) / 3.0)
    })?;
    everywhere(&ruled, &[3.0]);
    let turns = Function::trace("x[n]", |x| while_loop(x, |x: Expr| x.mean(..).lt(10.0), |x: Expr| x * 2.0 + x.mean(..) * 0.0))?;
    let turns = Function::trace(["x[m]", "y[n]"], |[x, y]| turns.eval(&[x]).map(|z| z[0] + y.sum(..)))?;
    held(&turns, &[vector(&X), vector(&[0.0; 5])], &[&[4.0, 8.0, 24.0]]);
    Ok(())
}

/// Names that trade places, and two names for one axis.
#[test]
fn names_trade_places() -> Result<()> {
    let f = Function::trace(["x[n]", "y[m]"], |[x, y]| (x.mean(..), y.mean(..), Expr::full(1.0, ("n", "m")).sum(1)))?;
    let g = Function::trace(["x[m]", "y[n]"], |[x, y]| f.eval(&[x, y]).map(|z| (z[0], z[1], z[2])))?;
    held(&g, &[vector(&X), vector(&[1.0, 2.0])], &[&[3.0], &[1.5], &[2.0; 3]]);
    let g = Function::trace("x[m]", |x| f.eval(&[x, x]).map(|z| (z[0], z[1], z[2])))?;
    held(&g, &[vector(&X)], &[&[3.0], &[3.0], &[3.0; 3]]);
    // A known number has the shape that is declared.
    let scaled = Function::trace(["x[n]", "s[n]"], |[x, s]| (x * s).mean(..) + s.sum(..))?;
    let g = Function::trace(["x[m]", "y[n]"], |[x, y]| scaled.eval(&[x, 2.0.into()]).map(|z| z[0] + y.sum(..)))?;
    held(&g, &[vector(&X), vector(&[0.0; 5])], &[&[12.0]]);
    Ok(())
}

/// What does not fit the declaration, and what nothing tells, is an error.
#[test]
fn what_does_not_fit_is_an_error() -> Result<()> {
    let square = Function::trace(["x[n]", "y[n]"], |[x, y]| (x * y).sum(..))?;
    for inputs in [["x[m]", "y[n]"], ["x[3]", "y[n]"], ["x[2,n]", "y[2,n]"], ["x", "y[n]"]] {
        let error = Function::trace(inputs, |[x, y]| square.eval(&[x, y]).map(|z| z[0])).unwrap_err();
        assert!(error.is_shape(), "{error}");
    }
    let fixed = Function::trace("x[3]", |x| x.sum(..))?;
    assert!(Function::trace("x[n]", |x| fixed.eval(&[x]).map(|z| z[0])).unwrap_err().is_shape());
    assert!(Function::trace("x[4]", |x| fixed.eval(&[x]).map(|z| z[0])).unwrap_err().is_shape());
    let mean = Function::trace("x[n]", |x| x.mean(..))?;
    let known = Function::trace("y[n]", |y| Ok(mean.eval(&[Expr::Const(1.0)])?[0] + y.sum(..)));
    assert!(known.unwrap_err().is_shape());
    // An axis that no input has is no axis of whoever inlines it, nor of a batch.
    let free = Function::trace("s", |s| (s * Expr::full(1.0, "n")).sum(..))?;
    assert!(Function::trace("x[n]", |x| Ok(free.eval(&[x.sum(..)])?[0])).unwrap_err().is_shape());
    let free_steps = Function::trace("s", |s| Scan::steps("n").run(s, |c: Expr, ()| (c * 2.0, ())).0)?;
    assert!(Function::trace("x[n]", |x| Ok(free_steps.eval(&[x.sum(..)])?[0])).unwrap_err().is_shape());
    for free in [free, free_steps] {
        assert!(free.vmap("n", ["s"]).unwrap_err().is_name());
        assert!(free.run([("s", 1.0)]).is_err());
        assert!(free.compile().and_then(|f| f.run([("s", 1.0)])).unwrap_err().is_shape());
        assert!(free.compile().and_then(|f| f.call::<f64, 1>([1.0])).unwrap_err().is_shape());
    }
    Ok(())
}

/// Lengths that are too large are errors, not panics.
#[test]
fn renamed_shapes_are_checked() {
    let f = Function::trace("x[n,n]", |x| x.sum(..)).unwrap();
    assert!(f.with_lengths([("n", usize::MAX)]).unwrap_err().is_shape());
}
