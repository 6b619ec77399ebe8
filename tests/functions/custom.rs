//! Derivatives that the user gives, opaque functions, and values that are computed again.

use crate::common::flat;
use proptest::prelude::*;
use wengert::jet::Jet;
use wengert::rules::{CustomRule, Opaque, custom_jvp, custom_rule};
use wengert::rules::{custom_vjp, remat, stop_gradient, straight_through};
use wengert::{Array, Dual, Error, Expr, Function, Options, Real, Shape, Width, check};
use wengert::{dual, lit, scan};

type Result<T = ()> = std::result::Result<T, Error>;

#[track_caller]
fn close(got: &[f64], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len());
    for (a, b) in got.iter().zip(wanted) {
        assert!((a - b).abs() <= 1e-11 * (1.0 + b.abs()) || a.is_nan() && b.is_nan(), "{got:?} is not {wanted:?}");
    }
}

fn numbers(n: usize, seed: f64) -> Vec<f64> {
    (0..n).map(|k| (seed + 1.7 * k as f64).sin() * 0.8).collect()
}

fn array(shape: &[usize], seed: f64) -> Array<f64> {
    Array::new(shape, numbers(shape.iter().product(), seed)).expect("as many numbers as places")
}

/// The interpreter's results, which native code must give as well.
#[track_caller]
fn run(f: &Function, inputs: &[Array<f64>]) -> Vec<Vec<f64>> {
    let wanted: Vec<Vec<f64>> = f.run(inputs).unwrap().into_arrays().into_iter().map(Array::into_data).collect();
    let got = f.compile().unwrap().run(inputs).unwrap();
    got.arrays().iter().zip(&wanted).for_each(|(got, wanted)| close(got.data(), wanted));
    wanted
}

/// x·sin y, with a rule that says its derivatives are 10 times those.
struct Ten;
impl CustomRule for Ten {
    fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
        vec![x[0] * x[1].sin(), x[0]]
    }
    fn jvp<T: Real>(&self, x: &[T], _: &[T], t: &[T]) -> Vec<T> {
        vec![(t[0] * x[1].sin() + t[1] * x[0] * x[1].cos()) * lit(10.0), t[0] * lit(10.0)]
    }
}

fn ten<T: Real>(x: T, y: T) -> T {
    let [a, b] = custom_rule(&Ten, &[x, y])[..] else { unreachable!() };
    a * b
}

#[test]
fn a_rule_holds_in_every_arithmetic() -> Result {
    let (x, y) = (1.3f64, 0.4f64);
    let value = x * x * y.sin();
    // 10·(da·b + a·db)
    let (dx, dy) = (10.0 * 2.0 * x * y.sin(), 10.0 * x * x * y.cos());
    close(&[ten(x, y)], &[value]);
    let (v, g) = dual::gradient(|[x, y]| ten(x, y), [x, y]);
    close(&[v, g[0], g[1]], &[value, dx, dy]);
    let jets = ten(Jet::<f64, 2>::variable(x), Jet::constant(y));
    close(&jets.coefficients(), &[value, dx]);

    let f = Function::trace(["x", "y"], |[x, y]| ten(x, y))?;
    close(&f.eval(&[x, y])?, &[value]);
    close(&f.compile()?.call::<f64, 1>([x, y])?, &[value]);
    close(f.run([x, y])?[0].data(), &[value]);
    close(&[f.eval(&[Dual::new(x, 1.0), Dual::constant(y)])?[0].eps()], &[dx]);
    close(&[f.eval(&[Jet::<f64, 2>::constant(x), Jet::variable(y)])?[0].coefficient(1)], &[dy]);
    let g = f.value_and_grad()?;
    let interpreted = g.compile_with(Options::new().interpreted(true))?;
    for found in [g.eval(&[x, y])?, flat(&interpreted, &[x, y])?, flat(&g.compile()?, &[x, y])?] {
        close(&found, &[value, dx, dy]);
    }
    close(&f.jvp()?.eval(&[x, y, 1.0, 0.0])?, &[value, dx]);
    close(&f.taylor(1)?.eval(&[x, y, 0.0, 1.0])?, &[value, dy]);
    close(&f.linearize_at(&[x, y])?.adjoints(&[1.0])?[..2], &[dx, dy]);
    let rows = g.vmap("n", ["x"])?.compile()?;
    let (mut v, mut a, mut b) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    rows.call_into(&[&[x, 2.0 * x], &[y]], &mut [&mut v, &mut a, &mut b])?;
    close(&[v[0], a[0], a[1], b[0], b[1]], &[value, dx, 2.0 * dx, dy, 4.0 * dy]);
    // the second derivative is the rule's: d/dy of 10·x²·cos y, by product and rule 10·(10 − 1) …
    let by_duals = dual::derivative(|y| dual::gradient(|[x, y]| ten(x, y), [Dual::constant(x), y]).1[1], y).1;
    close(&[f.hessian()?.eval(&[x, y])?[3]], &[by_duals]);
    Ok(())
}

/// Every mode agrees on a function with a rule that is right, finite differences included.
#[test]
fn a_right_rule_passes_every_check() -> Result {
    struct Right;
    impl CustomRule for Right {
        fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
            vec![x[0] * x[1].sin(), x[0].exp()]
        }
        fn jvp<T: Real>(&self, x: &[T], y: &[T], t: &[T]) -> Vec<T> {
            vec![t[0] * x[1].sin() + t[1] * x[0] * x[1].cos(), t[0] * y[1]]
        }
    }
    struct Body;
    impl check::Body for Body {
        fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
            let y = custom_rule(&Right, &[x[0] * x[1], x[1]]);
            let z = custom_rule(&Right, &[y[0], y[1] * lit(0.3)]);
            vec![z[0] + x[0], z[1] * y[0]]
        }
    }
    assert!(check::gradients(&Body, &[0.7, 0.4])?.telling() > 100);
    let f = Function::trace(("x", 2), |x| check::Body::call(&Body, &x))?;
    assert!(check::gradients(&f, &[0.7, 0.4])?.telling() > 100);
    assert!(check::rules(&f, &[Array::scalar(0.7), Array::scalar(0.4)])?.telling() > 20);
    Ok(())
}

#[test]
fn rules_of_arrays_in_both_directions() -> Result {
    // the same function with a jvp, with a vjp, and with none
    let plain = |w: Expr, x: Expr| (w.matmul(x)).tanh() * x.sum(..);
    let forward = |w: Expr, x: Expr| {
        custom_jvp(
            (w, x),
            |(w, x)| plain(w, x),
            |(w, x), _, (tw, tx)| {
                let z = w.matmul(x).tanh();
                (tw.matmul(x) + w.matmul(tx)) * (1.0 - z * z) * x.sum(..) + z * tx.sum(..)
            },
        )
    };
    let reverse = |w: Expr, x: Expr| {
        custom_vjp(
            (w, x),
            |(w, x)| plain(w, x),
            |(w, x), y, c| {
                let (s, z) = (x.sum(..), w.matmul(x).tanh());
                let back = c * (1.0 - z * z) * s;
                (back.outer(x), w.t().matmul(back) + (c * z).sum(..) + y.sum(..) * 0.0)
            },
        )
    };
    let trace = |f: &dyn Fn(Expr, Expr) -> Expr| Function::trace(["w[3,3]", "x[3]"], |[w, x]| f(f(w, x).outer(x), x).exp());
    let (wanted, point) = (trace(&plain)?, [array(&[3, 3], 1.0), array(&[3], 2.0)]);
    let tangents = [&point[..], &[array(&[3, 3], 3.0), array(&[3], 4.0)]].concat();
    let cotangent = [&point[..], &[array(&[3], 5.0)]].concat();
    for f in [trace(&forward)?, trace(&reverse)?] {
        let all = |a: Vec<Vec<f64>>, b: Vec<Vec<f64>>| a.iter().zip(&b).for_each(|(a, b)| close(a, b));
        all(run(&f, &point), run(&wanted, &point));
        all(run(&f.jvp()?, &tangents), run(&wanted.jvp()?, &tangents));
        all(run(&f.vjp()?, &cotangent), run(&wanted.vjp()?, &cotangent));
        all(run(&f.jacobian()?, &point), run(&wanted.jacobian()?, &point));
        all(run(&f.taylor(3)?, &tangents), run(&wanted.taylor(3)?, &tangents));
        // second order
        let sum = |f: &Function| Function::trace(["w[3,3]", "x[3]"], |[w, x]| Ok(f.eval(&[w, x])?[0].sum(..)));
        all(run(&sum(&f)?.hvp()?, &tangents), run(&sum(&wanted)?.hvp()?, &tangents));
        // over samples, both shared and not
        let batch = [point[0].clone(), array(&[4, 3], 6.0)];
        all(run(&f.vmap("n", ["x"])?, &batch), run(&wanted.vmap("n", ["x"])?, &batch));
        let gradient = |f: &Function| sum(f)?.grad()?.vmap("n", ["x"]);
        all(run(&gradient(&f)?, &batch), run(&gradient(&wanted)?, &batch));
        let mean = |f: &Function| {
            let f = f.vmap("n", ["x"])?;
            Function::trace(["w[3,3]", "x[n,3]"], |[w, x]| Ok(f.eval(&[w, x])?[0].mean(..)))?.grad()
        };
        all(run(&mean(&f)?, &batch), run(&mean(&wanted)?, &batch));
        // as text
        assert_eq!(Function::parse(&f.to_string())?.to_string(), f.to_string());
        assert!(check::rules(&f, &point)?.telling() > 50);
    }
    Ok(())
}

#[test]
fn rules_may_disagree_with_their_function() -> Result {
    let f = Function::trace(["x"], |[x]| custom_jvp(x, |x| x * x, |x, _, t| x * t * 2.5))?;
    let error = check::rules(&f, &[Array::scalar(2.0)]).unwrap_err();
    assert!(error.is_disagreement() && error.location().is_some(), "{error}");
    let f = Function::trace(["x"], |[x]| custom_jvp(x, |x| x * x, |x, _, t| x * t * 2.0 + t * t))?;
    let error = check::rules(&f, &[Array::scalar(2.0)]).unwrap_err();
    assert!(error.to_string().contains("of a sum"), "{error}");
    assert!(check::rules(&Function::trace(["x", "y"], |[x, y]| ten(x, y))?, &[Array::scalar(1.0), Array::scalar(0.4)]).is_err());
    Ok(())
}

#[test]
fn rules_of_wrong_shapes_are_errors() {
    let error = Function::trace(["x[3]"], |[x]| custom_jvp(x, |x| x.sum(..), |_, _, t| t)).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("the tangents of the results are (a number)"), "{error}");
    assert!(error.location().is_some_and(|at| at.file().ends_with("custom.rs")));
    let error = Function::trace(["x[3]"], |[x]| custom_vjp(x, |x| x.sum(..), |_, _, c| c)).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("the adjoints of the inputs are (an array [3])"), "{error}");
    let error = Function::trace(["x", "y"], |[x, y]| custom_jvp(x, |x| x * y, |_, _, t| t * y)).unwrap_err();
    assert!(error.is_trace() && error.to_string().contains("make it an argument"), "{error}");
    let text = "function f64 (x: %0) -> (y: %1) {\n  %1 = final[0] of rule[jvp] { function f64 (a0: %0) -> (y0: %0) {\n} } \
                { function f64 (a0: %0) -> (y0: %0) {\n} } %0\n}";
    assert!(Function::parse(text).unwrap_err().to_string().contains("the rule takes"));
}

#[test]
fn indices_pass_through_rules() -> Result {
    let f = Function::trace(["x[3]", "i[2]: index"], |[x, i]| {
        custom_jvp((x, i), |(x, i)| x.gather(i, 0).exp(), |(_, i), y, (t, _)| y * t.gather(i, 0)).sum(..)
    })?;
    let point = [array(&[3], 1.0), Array::vector(vec![2.0, 2.0])];
    let g = run(&f.grad()?, &point);
    close(&g[0], &[0.0, 0.0, 2.0 * point[0].data()[2].exp()]);
    Ok(())
}

#[test]
fn gradients_stop_and_pass_straight_through() -> Result {
    let f = Function::trace(["x[2]", "y"], |[x, y]| {
        let (a, b) = stop_gradient((x * y, y));
        (x * a).sum(..) + b * y
    })?;
    let g = run(&f.grad()?, &[Array::vector(vec![2.0, 3.0]), Array::scalar(5.0)]);
    assert_eq!((&g[0][..], &g[1][..]), (&[10.0, 15.0][..], &[5.0][..]));
    // exactly the hard value, also where hard − soft + soft would be rounded
    let f = Function::trace(["x[2]"], |[x]| straight_through(x.floor() + 0.1, x * x).sum(..))?;
    let g = run(&f.value_and_grad()?, &[Array::vector(vec![1.7, 1e9])]);
    assert_eq!((g[0][0], &g[1][..]), (1.1 + (1e9 + 0.1), &[3.4, 2e9][..]));
    assert_eq!(dual::derivative(|x| straight_through(x.round(), x), 0.7), (1.0, 1.0));
    Ok(())
}

fn doubled() -> Opaque {
    Opaque::new("doubled", |x, y| {
        y[0].iter_mut().zip(x[0]).for_each(|(y, x)| *y = x + x);
        y[1][0] = x[0].iter().sum();
        Ok(())
    })
}

fn call(double: &Opaque, x: Expr) -> [Expr; 2] {
    let y = custom_jvp(x, |x| double.call(&[x], &[x.shape(), Shape::SCALAR]), |_, _, t| vec![t + t, t.sum(..)]);
    [y[0], y[1]]
}

#[test]
fn opaque_functions_are_called_from_everywhere() -> Result {
    let double = doubled();
    let f = Function::trace(["x[n]"], |[x]| {
        let [y, sum] = call(&double, x.sin());
        (y * y).sum(..) * sum
    })?;
    let plain = Function::trace(["x[n]"], |[x]| {
        let x = x.sin();
        (x * x * 4.0).sum(..) * x.sum(..)
    })?;
    let point = [array(&[5], 1.0)];
    let both = |f: &Function, g: &Function, x: &[Array<f64>]| {
        run(f, x).iter().zip(&run(g, x)).for_each(|(a, b)| close(a, b));
    };
    both(&f, &plain, &point);
    both(&f.value_and_grad()?, &plain.value_and_grad()?, &point);
    let direction = [point[0].clone(), array(&[5], 2.0)];
    both(&f.hvp()?, &plain.hvp()?, &direction);
    both(&f.vmap("m", ["x"])?, &plain.vmap("m", ["x"])?, &[array(&[3, 5], 3.0)]);
    both(&f.grad()?.vmap("m", ["x"])?, &plain.grad()?.vmap("m", ["x"])?, &[array(&[3, 5], 3.0)]);
    assert!(check::rules(&f, &point)?.telling() > 50);
    // in a loop, and in single precision
    let looped = Function::trace(["x[4]"], |[x]| scan(1.0, x, |c: Expr, x| (call(&double, (c * x).reshape(1))[1], ())).0)?;
    let wanted: f64 = numbers(4, 1.0).iter().product();
    close(&run(&looped, &[array(&[4], 1.0)])[0], &[wanted]);
    run(&looped.grad()?, &[array(&[4], 1.0)]);
    let narrow = Function::trace_in(Width::F32, ["x[3]"], |[x]| call(&double, x)[0])?;
    let x = [Array::vector(vec![0.1f32, 2.0, 3.0])];
    assert_eq!(narrow.run(&x)?[0].data(), [0.2, 4.0, 6.0]);
    assert_eq!(narrow.compile()?.run(&x)?[0].data(), [0.2, 4.0, 6.0]);
    // compiled functions are shared by threads
    let g = f.compile()?;
    let value = run(&f, &point)[0][0];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| g.run(&point).unwrap()[0].data()[0])).collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), value));
    });
    Ok(())
}

#[test]
fn what_goes_wrong_in_opaque_functions_is_an_error() -> Result {
    let picky = Opaque::new("picky", |x, y| {
        match x[0][0] {
            v if v < 0.0 => return Err(format!("{v} is negative")),
            v if v > 9.0 => panic!("{v} is too large"),
            v => y[0][0] = v.sqrt(),
        }
        Ok(())
    });
    let f = Function::trace(["x"], |[x]| picky.call(&[x], &[Shape::SCALAR])[0] * 2.0)?;
    let code = f.compile_with(Options::new().fuse(false))?;
    let at = |x: f64| [f.run([x]), code.run([x])];
    for found in at(4.0) {
        assert_eq!(found?[0].data(), [4.0]);
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let results = [at(-1.0), at(10.0)];
    std::panic::set_hook(hook);
    for (results, wanted) in
        results.into_iter().zip(["opaque `picky` failed: -1 is negative", "opaque `picky` panicked: 10 is too large"])
    {
        for result in results {
            let error = result.unwrap_err();
            assert!(error.is_value() && error.to_string().contains(wanted) && error.location().is_some(), "{error}");
        }
    }
    // the same code goes on working
    assert_eq!(code.run([9.0])?[0].data(), [6.0]);
    for error in [f.grad().unwrap_err(), f.jvp().unwrap_err(), f.taylor(2).unwrap_err()] {
        assert!(error.is_unsupported() && error.to_string().contains("custom_jvp"), "{error}");
    }
    // Numbers go in and out whatever is done with them inside.
    assert_eq!(f.compile()?.call([4.0])?, [4.0]);
    assert!(Function::parse(&f.to_string()).unwrap_err().to_string().contains("compiled Rust"));
    Ok(())
}

/// A network whose layers are computed again.
fn network(layers: usize, again: bool) -> Result<Function> {
    Function::trace(["w[16,16]", "x[n,16]"], |[w, x]| {
        let layer = |x: Expr| ((x.matmul(w).tanh() * 2.0).sin().exp() - 1.0).softplus();
        let x = (0..layers).fold(x, |x, _| if again { remat(x, layer) } else { layer(x) });
        (x * x).mean(..)
    })
}

#[test]
fn remat_changes_memory_and_nothing_else() -> Result {
    let (f, plain) = (network(6, true)?, network(6, false)?);
    let point = [array(&[16, 16], 1.0), array(&[32, 16], 2.0)];
    let direction = [&point[..], &[array(&[16, 16], 3.0), array(&[32, 16], 4.0)]].concat();
    let both = |f: &Function, g: &Function, x: &[Array<f64>]| {
        run(f, x).iter().zip(&run(g, x)).for_each(|(a, b)| close(a, b));
    };
    both(&f, &plain, &point);
    both(&f.value_and_grad()?, &plain.value_and_grad()?, &point);
    both(&f.jvp()?, &plain.jvp()?, &direction);
    both(&f.hvp()?, &plain.hvp()?, &direction);
    both(&f.taylor(3)?, &plain.taylor(3)?, &direction);
    let batch = [array(&[16, 16], 1.0), array(&[2, 4, 16], 2.0)];
    both(&f.vmap("m", ["x"])?, &plain.vmap("m", ["x"])?, &batch);
    both(&f.wrt(["w"])?.grad()?.vmap("m", ["x"])?, &plain.wrt(["w"])?.grad()?.vmap("m", ["x"])?, &batch);
    assert_eq!(Function::parse(&f.to_string())?.to_string(), f.to_string());

    let cost = f.remat_cost(&[("n", 32)])?;
    assert!(cost.recomputed() > 0 && cost.saved() > 0 && 2 * cost.bytes < cost.bytes_without, "{cost}");
    assert!(cost.operations < 2 * cost.operations_without, "{cost}");
    // what native code then takes is what the report says
    let code = f.value_and_grad()?.compile()?;
    code.run(&point)?;
    assert!(code.workspace_bytes().unwrap() >= cost.bytes && code.workspace_bytes().unwrap() < cost.bytes + 4096);
    let none = plain.remat_cost(&[("n", 32)])?;
    assert_eq!((none.recomputed(), none.saved()), (0, 0));
    assert!(f.remat_cost(&[("m", 32)]).unwrap_err().is_name());
    Ok(())
}

#[test]
fn remat_of_numbers_and_in_loops() -> Result {
    let f = Function::trace(["a", "x"], |[a, x]| remat(x, |x| (a * x).sin()) * x)?;
    let plain = Function::trace(["a", "x"], |[a, x]| (a * x).sin() * x)?;
    close(&f.value_and_grad()?.compile()?.call::<f64, 3>([0.3, 0.7])?, &plain.value_and_grad()?.eval(&[0.3, 0.7])?);
    close(&f.hessian()?.eval(&[0.3, 0.7])?, &plain.hessian()?.eval(&[0.3, 0.7])?);
    let trace = |again: bool| {
        Function::trace(["a", "x[n,4]"], |[a, x]| {
            let step = |c: Expr, x: Expr| ((c * a + x).tanh().exp() * 0.5).sin();
            let run = |c: Expr, x: Expr| if again { remat((c, x), |(c, x)| step(c, x)) } else { step(c, x) };
            scan(Expr::full(0.1, 4), x, |c: Expr, x| (run(c, x), ())).0.sum(..)
        })
    };
    let point = [Array::scalar(0.4), array(&[7, 4], 1.0)];
    let (found, wanted) = (run(&trace(true)?.value_and_grad()?, &point), run(&trace(false)?.value_and_grad()?, &point));
    found.iter().zip(&wanted).for_each(|(a, b)| close(a, b));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A jvp rule and its transpose are adjoint: c·(J·t) = (Jᵀ·c)·t.
    #[test]
    fn transposed_rules_are_adjoint(x in prop::array::uniform2(-2f64..2.0), t in prop::array::uniform2(-2f64..2.0), c in prop::array::uniform2(-2f64..2.0)) {
        let f = Function::trace(["x", "y"], |[x, y]| custom_rule(&Ten, &[x, y])).unwrap();
        let jt = &f.jvp().unwrap().eval(&[&x[..], &t].concat()).unwrap()[2..];
        let jc = &f.vjp().unwrap().eval(&[&x[..], &c].concat()).unwrap()[2..];
        let (left, right) = (c[0] * jt[0] + c[1] * jt[1], jc[0] * t[0] + jc[1] * t[1]);
        prop_assert!((left - right).abs() < 1e-12 * (1.0 + left.abs()));
    }
}
