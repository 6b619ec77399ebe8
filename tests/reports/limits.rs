//! What cannot be is an error, and bounds are kept.

use wengert::sparse::Sparsity;
use wengert::{Array, Error, Expr, Function, Options, Result};

/// Stages whose code has gone into others are moves and one move of a move: everything that is read is computed.
#[test]
fn a_reshaped_input_beside_itself_over_samples() -> Result<()> {
    let f = Function::trace(["c[2]"], |[c]| c.reshape([1, 2]).xlogy(c).sum(..))?;
    let grad = f.grad()?;
    let batch = grad.vmap("m", ["c"])?;
    let x = [0.5, 2.0, 3.0, 0.25];
    let expected: Vec<f64> = x.iter().map(|x: &f64| x.ln() + 1.0).collect();
    for options in
        [Options::new(), Options::new().interpreted(true), Options::new().simplify(false), Options::new().unroll(false)]
    {
        let found = batch.compile_with(options.clone())?.run([("c", Array::new([2, 2], x.to_vec())?)])?;
        found[0].data().iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-15, "{a} {b}"));
        let one = grad.compile_with(options)?.run([("c", &x[..2])])?;
        one[0].data().iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-15, "{a} {b}"));
    }
    Ok(())
}

/// The same for other moves that repeat nothing, beside operations on long arrays that a kernel runs over by itself.
#[test]
fn broadcasts_that_repeat_nothing() -> Result<()> {
    let moves: [fn(Expr) -> Expr; 5] = [
        |x| x.broadcast_to(x.shape()),
        |x| x.reshape([1, 70]).broadcast_to([1, 70]).reshape(70),
        |x| x.broadcast_to([1, 70]).broadcast_to([1, 1, 70]).at(0, 0).at(0, 0),
        |x| x.broadcast_to([2, 70]).at(0, 1).broadcast_to([1, 70]).at(0, 0),
        |x| x.slice(0, 0..70).broadcast_to([1, 70]).t().broadcast_to([70, 1]).reshape(70),
    ];
    let x: Vec<f64> = (1..=70).map(|k| k as f64 / 8.0).collect();
    for (k, moved) in moves.into_iter().enumerate() {
        let f = Function::trace("x[70]", |x| (moved(x).exp() * moved(moved(x).ln()) + x).sum(..))?;
        let expected: Vec<f64> = x.iter().map(|x| x.exp() * (x.ln() + 1.0 / x) + 1.0).collect();
        for f in [f.grad()?, f.vmap(1, ["x"])?.sum_over_all()?.grad()?] {
            for options in [Options::new(), Options::new().interpreted(true), Options::new().simplify(false)] {
                let shape = f.inputs()[0].shape().axes().len();
                let given = if shape == 1 { Array::vector(x.clone()) } else { Array::new([1, 70], x.clone())? };
                let found = f.compile_with(options)?.run([("x", given)])?;
                let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-13 * b.abs();
                assert!(found[0].data().iter().zip(&expected).all(close), "move {k}");
            }
        }
    }
    Ok(())
}

trait SumOverAll: Sized {
    fn sum_over_all(&self) -> Result<Self>;
}

impl SumOverAll for Function {
    fn sum_over_all(&self) -> Result<Function> {
        self.then(|_, outputs| outputs[0].sum(..))
    }
}

#[track_caller]
fn limit<T>(found: Result<T>) -> Error {
    let Err(error) = found else { panic!("it should be too large") };
    assert!(error.is_limit(), "{error}");
    error
}

#[test]
fn giant_shapes_are_errors() -> Result<()> {
    let text = "function f64 (x: %0) -> (y: %1) {\n %1 = broadcast[99999999999,4] %0\n}\n";
    let f = Function::parse(text)?;
    limit(f.run([("x", 1.0)]));
    limit(f.compile()?.run([("x", 1.0)]));
    limit(f.compile_with(Options::new().interpreted(true))?.run([("x", 1.0)]));
    // In the middle, where it is kept.
    let f = Function::trace("x", |x| x.broadcast_to([99_999_999_999, 4]).cumsum(0).cumsum(1).sum(..))?;
    limit(f.run([("x", 1.0)]));
    limit(f.eval(&[1.0]));
    limit(f.eval(&[wengert::Dual::new(1.0, 1.0)]));
    limit(f.compile()?.run([("x", 1.0)]));
    limit(f.compile()?.call::<f64, 1>([1.0]));
    limit(f.grad()?.run([("x", 1.0)]));
    limit(f.jacobian_sparsity());
    // In a body, and by the number of steps.
    let f = Function::trace("x", |x| wengert::cond(x.gt(0.0), || x.broadcast_to(1usize << 40).cumsum(0).sum(..), || x))?;
    limit(f.run([("x", 1.0)]));
    let f = Function::trace("x", |x| wengert::Scan::steps(1usize << 40).run(x, |c: Expr, ()| (c, c)).1)?;
    limit(f.run([("x", 1.0)]));
    limit(f.compile()?.run([("x", 1.0)]));
    // Open axes.
    let f = Function::trace("x[n]", |x| x.broadcast_to(("n", "n", "n", "n")).cumsum(0).sum(..))?;
    let x = vec![1.0; 2000];
    limit(f.run([("x", &x)]));
    limit(f.compile()?.run([("x", &x)]));
    // What a call may take is settable.
    let f = Function::trace("x[n]", |x| x.cumsum(0).cumsum(0).cumsum(0).sum(..))?;
    limit(f.compile_with(Options::new().memory_limit(1000))?.run([("x", &x)]));
    assert!(f.compile_with(Options::new().memory_limit(1 << 20))?.run([("x", &x)]).is_ok());
    Ok(())
}

#[test]
fn giant_patterns_are_errors() -> Result<()> {
    limit(Sparsity::new(1, usize::MAX, []));
    limit(Sparsity::new(usize::MAX, 1, []));
    limit(Sparsity::new(usize::MAX, usize::MAX, []));
    limit(Sparsity::new(1 << 40, 1 << 40, []));
    let wide = Sparsity::new(1 << 20, 1 << 20, [(3, 5)])?;
    assert_eq!(wide.by_rows().columns, [5]);
    limit(wide.dense(&[1.0]));
    assert!(Array::new([usize::MAX, 2], vec![1.0]).unwrap_err().is_shape());
    assert_eq!(Array::new([usize::MAX, 2, 0], Vec::<f64>::new())?.shape(), [usize::MAX, 2, 0]);
    assert!(Array::new([usize::MAX / 2 + 1, 2], Vec::<f64>::new()).unwrap_err().is_shape());
    Ok(())
}
