//! Indices beyond the precision of a width, and special inputs.

use crate::every::{Expected, every_mode_of_array};
use wengert::rules::Opaque;
use wengert::{Array, Expr, Function, Options, Result, Shape, Width, cond, nn, select};

/// So many choices in each other.
fn choices(n: usize) -> Result<Function> {
    let mut f = Function::trace("x", |x| x * x)?;
    for k in 0..n {
        f = Function::trace("x", |x| cond(x.gt(k as f64), || Ok(f.eval(&[x])?[0] + 1.0), || x))?;
    }
    Ok(f)
}

#[test]
fn text_of_choices_in_choices_parses() -> Result<()> {
    let n = 70;
    let f = choices(n)?;
    let text = f.to_string();
    let again = Function::parse(&text)?;
    assert_eq!(again.to_string(), text);
    let x = n as f64 + 0.5;
    assert_eq!(again.eval(&[x])?, [x * x + n as f64]);
    assert_eq!(again.eval(&[0.5])?, [0.5]);
    assert_eq!(again.compile_with(Options::new().interpreted(true))?.call([x])?, [x * x + n as f64]);
    assert_eq!(again.compile()?.call([x])?, [x * x + n as f64]);
    assert_eq!(again.jvp()?.eval(&[x, 1.0])?[1], 2.0 * x);
    assert_eq!(again.grad()?.eval(&[x])?, [2.0 * x]);
    assert_eq!(again.hessian()?.eval(&[x])?, [2.0]);
    assert_eq!(again.vmap("n", ["x"])?.run([("x", [x, 0.5])])?[0].data(), [x * x + n as f64, 0.5]);
    Ok(())
}

#[test]
fn bodies_nest_to_a_bound() -> Result<()> {
    let most = choices(100)?;
    assert_eq!(Function::parse(&most.to_string())?.to_string(), most.to_string());
    assert!(choices(101).unwrap_err().is_limit());
    // A text that is nested deeper is an error of the text, whatever its depth.
    for n in [101, 100_000] {
        let open = "function f64 (x: %0) -> (y: %1) {\n %1 = final[0] of remat { ";
        let text = format!("{}function f64 (x: %0) -> (y: %0) {{ }}{}", open.repeat(n), " } %0\n}".repeat(n));
        let error = Function::parse(&text).unwrap_err();
        assert!(error.is_parse() && error.to_string().contains("more than 100 functions in each other"), "{error}");
    }
    // Other operations with bodies.
    let mut f = Function::trace("x", |x| x * 0.5 + 1.0)?;
    for k in 0..90 {
        let g = f.clone();
        f = match k % 3 {
            0 => Function::trace("x", |x| wengert::rules::remat(x, |x: Expr| g.eval(&[x]).map(|y| y[0])))?,
            1 => Function::trace("x", |x| {
                wengert::scan(x, Expr::zeros(2), |c: Expr, _: Expr| Ok((g.eval(&[c])?[0], ()))).map(|(c, ())| c)
            })?,
            _ => Function::trace("x", |x| {
                wengert::rules::custom_jvp(x, |x: Expr| g.eval(&[x]).map(|y| y[0] * 1.0), |_: Expr, _: Expr, t: Expr| Ok(t * 0.5))
            })?,
        };
    }
    assert_eq!(Function::parse(&f.to_string())?.to_string(), f.to_string());
    Ok(())
}

/// So many elements that f32 does not hold the number of each.
const FAR: usize = (1 << 24) + 3;

fn narrow(inputs: &str, f: impl FnOnce(Expr) -> Expr) -> Function {
    Function::trace_in(Width::F32, inputs, f).unwrap()
}

/// A computed index is exact wherever it goes.
#[test]
fn computed_indices_in_f32() -> Result<()> {
    let place = (1 << 24) + 1;
    let mut x = vec![0.0f32; FAR];
    (x[place - 1], x[place], x[place + 1]) = (0.25, 1.0, 0.5);
    let x = Array::vector(x);
    let same = |f: Function, expected: f32| -> Result<()> {
        assert_eq!(f.compile()?.run([("x", &x)])?[0].data()[0], expected);
        Ok(())
    };
    let least = narrow("x[n]", |x| (-x).gather((-x).argmin(..), 0));
    assert_eq!(least.run([("x", &x)])?[0].data()[0], -1.0);
    same(least, -1.0)?;
    // Through moves, bodies and closures.
    same(narrow("x[n]", |x| x.gather(Expr::stack(&[x.argmax(0), x.argmax(0)], 0), 0).sum(..)), 2.0)?;
    same(narrow("x[n]", |x| cond(x.sum(..).gt(0.0), || x.gather(x.argmax(0), 0), || x.sum(..))), 1.0)?;
    let place_of = Opaque::new("place", |x, y| {
        y[0][0] = x[0][0] - (1 << 24) as f64;
        Ok(())
    });
    same(narrow("x[n]", |x| place_of.call(&[x.argmax(0)], &[Shape::SCALAR])[0]), 1.0)?;
    // The gradient goes where the value came from.
    let grad = narrow("x[n]", |x| x.gather(x.argmax(0), 0)).grad()?;
    let found = grad.compile()?.run([("x", &x)])?;
    assert_eq!((found[0].data()[place], found[0].data()[place - 1], found[0].data()[place + 1]), (1.0, 0.0, 0.0));
    // Losses of as many classes.
    let classes = format!("x[1,{FAR}]");
    let row = Array::new([1, FAR], x.data().to_vec())?;
    let label = |f: fn(Expr, Expr) -> Expr| narrow(&classes, |x| f(x, x.argmax(1)));
    let hits = label(nn::hits);
    assert_eq!(hits.compile()?.run([("x", &row)])?[0].data(), [1.0]);
    let wrong = narrow(&classes, |x| nn::hits(x, (x - 2.0 * x.gt_half()).argmax(1)));
    assert_eq!(wrong.compile()?.run([("x", &row)])?[0].data(), [0.0]);
    let loss = label(|x, i| x.log_sum_exp(-1).sum(..) - nn::cross_entropy(x, i));
    assert!((loss.compile()?.run([("x", &row)])?[0].data()[0] - 1.0).abs() < 1e-5);
    Ok(())
}

trait Parts {
    fn gt_half(self) -> Expr;
}

impl Parts for Expr {
    /// 1 where it is above a half.
    fn gt_half(self) -> Expr {
        select(self.gt(0.5), 1.0, 0.0)
    }
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

#[test]
fn losses_of_infinite_logits() {
    let of = |value: f64, gradient: &[f64], hessian: Option<&[f64]>, loss: fn(Expr) -> Expr, x: &[f64]| {
        every_mode_of_array(loss, x, &Expected { value, gradient, hessian, relative: 1e-15 });
    };
    let curved = [0.0, 0.0, 0.0, 0.0, 0.25, -0.25, 0.0, -0.25, 0.25];
    let first = |x: Expr| x.cross_entropy(select(Expr::iota(3, 0).eq(1.0), 1.0, 0.0));
    of(2f64.ln(), &[0.0, -0.5, 0.5], Some(&curved), first, &[-INF, 0.0, 0.0]);
    of(
        2f64.ln(),
        &[0.0, -0.5, 0.5],
        Some(&curved),
        |x| nn::cross_entropy(x, select(Expr::iota(3, 0).eq(1.0), 1.0, 0.0)),
        &[-INF, 0.0, 0.0],
    );
    let halves = |x: Expr| x.cross_entropy(select(Expr::iota(3, 0).gt(0.0), 0.5, 0.0));
    of(2f64.ln(), &[0.0, 0.0, 0.0], Some(&curved), halves, &[-INF, 0.0, 0.0]);
    of(0.0, &[0.0, 0.0, 0.0], None, |x| nn::kl_divergence(x, select(Expr::iota(3, 0).gt(0.0), 0.5, 0.0)), &[-INF, 0.0, 0.0]);
    let sure = |x: Expr| nn::binary_cross_entropy(x, select(Expr::iota(3, 0).eq(0.0), 1.0, 0.0)) * 3.0;
    of(0.0, &[0.0, 0.0, 0.0], None, sure, &[INF, -INF, -INF]);
    of(2f64.ln(), &[0.0, 0.5, 0.0], None, sure, &[INF, 0.0, -INF]);
}

/// A NaN is the largest and the smallest, and is what argmax and argmin name.
#[test]
fn extremes_with_nan() -> Result<()> {
    let of = |value: f64, gradient: &[f64], f: fn(Expr) -> Expr, x: &[f64]| {
        every_mode_of_array(f, x, &Expected { value, gradient, hessian: None, relative: 0.0 });
    };
    let extremes: [fn(Expr) -> Expr; 4] =
        [|x| x.max_of(..), |x| x.min_of(..), |x| x.gather(x.argmax(0), 0), |x| x.gather(x.argmin(0), 0)];
    for f in extremes {
        of(NAN, &[0.0, 1.0, 0.0], f, &[1.0, NAN, 2.0]);
        of(NAN, &[1.0, 0.0, 0.0], f, &[NAN, 1.0, 2.0]);
        of(NAN, &[1.0], f, &[NAN]);
    }
    let grad = Function::trace("x[3]", |x| x.max_of(..) + x.min_of(..))?.grad()?;
    for found in [grad.run([("x", [NAN, 1.0, NAN])])?, grad.compile()?.run([("x", [NAN, 1.0, NAN])])?] {
        assert_eq!(found[0].data(), [1.0, 0.0, 1.0]);
    }
    of(NAN, &[1.0, 0.0, 0.0], |x| x.gather(x.argmax(0), 0), &[NAN, 1.0, NAN]);
    // Along every axis, and long rows.
    let f = Function::trace("x[n,m]", |x| (x.argmax(0), x.argmax(1), x.argmin(0), x.argmin(1), x.max_of(0), x.min_of(1)))?;
    let (n, m) = (3, 200);
    let mut x: Vec<f64> = (0..n * m).map(|k| (k * 7919 % 101) as f64).collect();
    x[m + 150] = NAN;
    x[2 * m + 150] = NAN;
    for y in [f.run([("x", Array::new([n, m], x.clone())?)])?, f.compile()?.run([("x", Array::new([n, m], x)?)])?] {
        assert_eq!([y[0].data()[150], y[1].data()[1], y[1].data()[2]], [1.0, 150.0, 150.0]);
        assert_eq!([y[2].data()[150], y[3].data()[1], y[3].data()[2]], [1.0, 150.0, 150.0]);
        assert!(y[4].data()[150].is_nan() && y[5].data()[1].is_nan() && !y[5].data()[0].is_nan());
    }
    Ok(())
}
