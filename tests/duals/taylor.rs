//! Jets and Taylor coefficients against nested duals, published series, and repeated forward mode; second-order products against
//! Hessians.

use crate::common::{Random, Recipe, Rng, cases, flat};
use proptest::prelude::*;
use wengert::check::Body;
use wengert::dual::{Nested, Order};
use wengert::graph::Axis;
use wengert::jet::{self, Jet};
use wengert::{Array, Dual, Error, Expr, Function, Real, cond, lit, scan, select, while_loop};

type Result<T = ()> = std::result::Result<T, Error>;

#[track_caller]
fn close(got: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(got.len(), wanted.len());
    for (k, (a, b)) in got.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()) || a.is_nan() && b.is_nan(), "{k}: {got:?} is not {wanted:?}");
    }
}

const ORDER: usize = 6;

fn recipe(steps: usize) -> Recipe {
    Recipe { inputs: 3, steps, outputs: 2, wild: 0.0, mixed: false, smooth: false }
}

/// Derivatives along a line with duals that are nested six deep.
fn by_duals(body: &Random, v: &[f64]) -> Vec<Vec<f64>> {
    (0..body.outputs.len())
        .map(|output| {
            let along = |t: Nested<f64, ORDER>| {
                let x: Vec<_> = body.point.iter().zip(v).map(|(&x, &v)| t * v + x).collect();
                body.call(&x)[output]
            };
            let (value, derivatives) = Order::<ORDER>::derivatives(along, 0.0);
            [vec![value], derivatives.to_vec()].concat()
        })
        .collect()
}

proptest! {
    #![proptest_config(cases(300))]

    /// Jets, the transformed graph and duals nested six deep give the same derivatives.
    #[test]
    fn jets_are_nested_duals(seed in any::<u64>()) {
        let body = Random::new(seed, recipe(10));
        let mut rng = Rng(seed);
        let v: Vec<f64> = body.point.iter().map(|_| rng.ordinary()).collect();
        let wanted = by_duals(&body, &v);
        let jets = jet::taylor_slice::<{ ORDER + 1 }, f64>(|x| body.call(x), &body.point, &v).unwrap();
        let f = Function::trace(("x", 3), |x| body.call(&x)).unwrap().taylor(ORDER).unwrap();
        let symbolic = f.eval(&[&body.point[..], &v].concat()).unwrap();
        let mut factorial = 1.0;
        // Coefficients that cancel are compared on the scale of their neighbours.
        for (i, wanted) in wanted.iter().enumerate() {
            let mut scale = 0f64;
            for k in 0..=ORDER {
                factorial = if k == 0 { 1.0 } else { factorial * k as f64 };
                let wanted = wanted[k] / factorial;
                scale = (4.0 * scale).max(wanted.abs()).max(1.0);
                for found in [jets[i][k], symbolic[2 * k + i]] {
                    prop_assert!(!wanted.is_finite() || (found - wanted).abs() <= 1e-8 * scale, "y{i}, order {k}: {found} is not {wanted}\n{body:?}");
                }
            }
        }
    }

    /// A jet of a product is the Cauchy product; of a quotient times the divisor, the dividend; e^ln, sin² + cos² and their like hold.
    #[test]
    fn identities_hold_to_every_order(x in prop::array::uniform8(0.3f64..1.1), y in prop::array::uniform8(0.3f64..2.0)) {
        let (a, b) = (Jet::new(x), Jet::new(y));
        for k in 0..8 {
            let cauchy: f64 = (0..=k).map(|j| x[j] * y[k - j]).sum();
            prop_assert!(((a * b).coefficient(k) - cauchy).abs() < 1e-12);
        }
        let equal = |left: Jet<f64, 8>, right: Jet<f64, 8>| {
            let scale = right.coefficients().iter().chain(&left.coefficients()).fold(1.0, |m: f64, c| m.max(c.abs()));
            (0..8).all(|k| (left.coefficient(k) - right.coefficient(k)).abs() < 1e-7 * scale)
        };
        prop_assert!(equal(a / b * b, a) && equal(a.ln().exp(), a) && equal(a.sqrt() * a.sqrt(), a));
        prop_assert!(equal(a.sin() * a.sin() + a.cos() * a.cos(), lit(1.0)) && equal(a.tan() * a.cos(), a.sin()));
        prop_assert!(equal(a.cosh() * a.cosh() - a.sinh() * a.sinh(), lit(1.0)) && equal(a.tanh() * a.cosh(), a.sinh()));
        prop_assert!(equal(a.powf(b), (b * a.ln()).exp()) && equal(a.cbrt().powi(3), a) && equal(a.powf(2.5), a * a * a.sqrt()));
        prop_assert!(equal(a.hypot(b) * a.hypot(b), a * a + b * b) && equal(b.atan2(a).tan() * a, b));
        prop_assert!(equal((a + 1.0).lgamma() - a.lgamma(), a.ln()) && equal(a.log(b + 2.0) * (b + 2.0).ln(), a.ln()));
        prop_assert!(equal(a.powi(-3) * a * a * a, lit(1.0)) && equal(a.sigmoid(), (-a).softplus().exp().recip()));
    }
}

#[test]
fn published_series() {
    // Abramowitz and Stegun, 4.2.1, 4.3.65, 4.3.67, 4.4.40, 4.4.42, 4.5.64, 4.6.31, 7.1.5, 6.1.33 (to ζ(4)/4).
    let x = Jet::<f64, 8>::variable(0.0);
    close(&x.exp().coefficients(), &[1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0], 1e-15);
    close(&x.sin().coefficients(), &[0.0, 1.0, 0.0, -1.0 / 6.0, 0.0, 1.0 / 120.0, 0.0, -1.0 / 5040.0], 1e-15);
    close(&x.tan().coefficients(), &[0.0, 1.0, 0.0, 1.0 / 3.0, 0.0, 2.0 / 15.0, 0.0, 17.0 / 315.0], 1e-15);
    close(&x.asin().coefficients(), &[0.0, 1.0, 0.0, 1.0 / 6.0, 0.0, 3.0 / 40.0, 0.0, 15.0 / 336.0], 1e-15);
    close(&x.atan().coefficients(), &[0.0, 1.0, 0.0, -1.0 / 3.0, 0.0, 0.2, 0.0, -1.0 / 7.0], 1e-15);
    close(&x.tanh().coefficients(), &[0.0, 1.0, 0.0, -1.0 / 3.0, 0.0, 2.0 / 15.0, 0.0, -17.0 / 315.0], 1e-15);
    close(&x.asinh().coefficients(), &[0.0, 1.0, 0.0, -1.0 / 6.0, 0.0, 3.0 / 40.0, 0.0, -15.0 / 336.0], 1e-15);
    let two = std::f64::consts::FRAC_2_SQRT_PI;
    close(&x.erf().coefficients(), &[0.0, two, 0.0, -two / 3.0, 0.0, two / 10.0, 0.0, -two / 42.0], 1e-15);
    let pi = std::f64::consts::PI;
    let lgamma = (x + 1.0).lgamma().coefficients();
    close(
        &lgamma[..5],
        &[0.0, -0.577_215_664_901_532_9, pi * pi / 12.0, -1.202_056_903_159_594_2 / 3.0, pi.powi(4) / 360.0],
        1e-14,
    );
    close(&x.ln_1p().coefficients(), &[0.0, 1.0, -0.5, 1.0 / 3.0, -0.25, 0.2, -1.0 / 6.0, 1.0 / 7.0], 1e-15);
    // (1 + t)^½, Newton's series
    close(
        &(x + 1.0).sqrt().coefficients(),
        &[1.0, 0.5, -0.125, 0.0625, -5.0 / 128.0, 7.0 / 256.0, -21.0 / 1024.0, 33.0 / 2048.0],
        1e-15,
    );
    // integer powers are polynomials, at 0 too, also where the exponent is a number
    close(&x.powf(3.0).coefficients(), &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.0);
    close(&(x - 2.0).powi(3).coefficients(), &[-8.0, 12.0, -6.0, 1.0, 0.0, 0.0, 0.0, 0.0], 1e-14);
}

#[test]
fn derivatives_of_order_twenty() {
    let d = jet::derivatives::<21, f64>(|x| (x * 2.0).sin() * x, 0.3);
    // (x·sin 2x)⁽²⁰⁾ = 2²⁰·x·sin 2x − 20·2¹⁹·cos 2x
    let wanted = 1_048_576.0 * 0.3 * 0.6f64.sin() - 20.0 * 524_288.0 * 0.6f64.cos();
    assert!((d[20] / wanted - 1.0).abs() < 1e-13);
    // a run-time order
    let f = Function::trace("x", |x| (x * 2.0).sin() * x).unwrap();
    let order = "20".parse().unwrap();
    let y = flat(&f.taylor(order).unwrap().compile().unwrap(), &[0.3, 1.0]).unwrap();
    let factorial: f64 = (1..=20).map(f64::from).product();
    assert!((y[20] * factorial / wanted - 1.0).abs() < 1e-12 && y.len() == 21);
}

#[test]
fn jets_nest_with_duals_and_handles() -> Result {
    // ∂/∂a of the third coefficient of exp(a·t) is a²/2
    let a = Dual::new(2.0, 1.0);
    let y = Jet::<Dual<f64>, 4>::line(lit(0.0), a).exp();
    assert!((y.coefficient(3).eps() - 2.0).abs() < 1e-15);
    let d = Dual::new(Jet::<f64, 5>::variable(0.3), lit(1.0)).sin().eps(); // cos
    assert!((d.derivative(4) - 0.3f64.cos()).abs() < 1e-15);
    let f = Function::trace("x", |x| Jet::<Expr, 4>::variable(x).ln().coefficients())?;
    close(&f.eval(&[2.0])?, &[2f64.ln(), 0.5, -0.125, 1.0 / 24.0], 1e-15);
    // the gradient of a Taylor coefficient
    let g = Function::trace("x", |x| x.sin())?.taylor(3)?;
    let g = Function::trace(["x"], |[x]| Ok(g.eval(&[x, lit(1.0)])?[3]))?.grad()?; // (−cos x/6)′
    close(&g.eval(&[0.4])?, &[0.4f64.sin() / 6.0], 1e-15);
    Ok(())
}

#[test]
fn mixed_partials() -> Result {
    fn body<T: Real>(x: &[T]) -> T {
        (x[0] * x[1]).exp() * x[2].sin()
    }
    // ∂⁵/∂x²∂y∂z² of e^{xy}·sin z = −(2y + x·y²)·e^{xy}·sin z
    let (x, y, z) = (0.7f64, 1.1f64, 0.4f64);
    let wanted = -(2.0 * y + x * y * y) * (x * y).exp() * z.sin();
    let found = jet::partial::<6, f64>(body, &[x, y, z], &[2, 1, 2])?;
    assert!((found / wanted - 1.0).abs() < 1e-11, "{found} is not {wanted}");
    let f = Function::trace(["x", "y", "z"], |x| body(&x))?;
    let found = f.partial([("z", 2), ("x", 2), ("y", 1)])?.eval(&[x, y, z])?[0];
    assert!((found / wanted - 1.0).abs() < 1e-11, "{found} is not {wanted}");
    assert_eq!(f.partial([("x", 0)])?.eval(&[x, y, z])?, f.eval(&[x, y, z])?);
    assert!(f.partial([("x", 1), ("x", 1)]).unwrap_err().is_name());
    assert!(f.partial([("u", 1)]).unwrap_err().is_name());
    assert!(jet::partial::<3, f64>(body, &[x, y, z], &[2, 1, 2]).unwrap_err().is_length());
    assert!(jet::taylor_slice::<3, f64>(|x| x.to_vec(), &[1.0], &[]).unwrap_err().is_length());
    Ok(())
}

/// The work grows with the square of the order: an operation takes at most a fixed number of convolutions.
#[test]
fn operations_grow_with_the_square_of_the_order() -> Result {
    for seed in 0..20 {
        let body = Random::new(seed, Recipe { smooth: true, ..recipe(200) });
        // Without the family of ln Γ, which has no recurrence.
        let gamma = |step: &crate::common::Step| matches!(step, crate::common::Step::Apply(op, _) if op.name().contains("gamma"));
        if body.steps.iter().any(gamma) {
            continue;
        }
        let f = body.function(wengert::Width::F64);
        let count = |order: usize| Ok::<_, Error>(f.taylor(order)?.cost().total() as f64);
        let (five, twenty) = (count(5)?, count(20)?);
        assert!(twenty <= 20.0 * five, "{twenty} operations of order 20, {five} of order 5");
        assert!(count(40)? <= 4.5 * twenty);
    }
    Ok(())
}

/// Repeated forward mode along a line, which is the reference for arrays.
fn repeated(f: &Function, order: usize, x: &[Array<f64>], v: &[Array<f64>]) -> Result<Vec<f64>> {
    let names: Vec<String> = f.inputs().iter().map(|group| format!("{}{}", group.name(), shape_of(group))).collect();
    let directions: Vec<String> = f.inputs().iter().map(|group| format!("v_{}{}", group.name(), shape_of(group))).collect();
    let mut g = Function::trace((names, directions, "t"), |(x, v, t)| {
        let line: Vec<Expr> = x.iter().zip(&v).map(|(&x, &v)| x + v * t).collect();
        Ok(f.eval(&line)?[0])
    })?
    .wrt(["t"])?;
    let mut inputs = [x, v, &[Array::scalar(0.0)]].concat();
    let mut all = g.run(&inputs)?.into_arrays().pop().expect("an output").into_data();
    let mut factorial = 1.0;
    for k in 1..=order {
        g = g.jvp()?;
        inputs.push(Array::scalar(1.0));
        factorial *= k as f64;
        // The last output is the tangent of the tangent of …
        all.extend(g.run(&inputs)?.into_arrays().pop().expect("an output").data().iter().map(|d| d / factorial));
    }
    Ok(all)
}

fn shape_of(group: &wengert::graph::InputGroup) -> String {
    if group.shape().rank() == 0 { String::new() } else { group.shape().to_string() }
}

fn array(shape: &[usize], seed: f64) -> Array<f64> {
    let n = shape.iter().product();
    let data = (0..n).map(|k| (seed + 1.7 * k as f64).sin() * 0.8 + if k % 4 == 0 { 2.0 } else { 0.0 }).collect();
    Array::new(shape, data).expect("as many numbers as places")
}

#[track_caller]
fn check_arrays(inputs: &[&str], body: impl Fn(&[Expr]) -> Expr) {
    const ORDER: usize = 4;
    let f = Function::trace(inputs.to_vec(), |x| body(&x)).unwrap();
    let lengths = |group: &wengert::graph::InputGroup| -> Vec<usize> {
        let length = |axis: &Axis| if let Axis::Fixed(n) = axis { *n } else { 3 };
        group.shape().axes().iter().map(length).collect()
    };
    let point: Vec<_> = f.inputs().iter().zip(1..).map(|(group, k)| array(&lengths(group), k as f64)).collect();
    let v: Vec<_> = f.inputs().iter().zip(1..).map(|(group, k)| array(&lengths(group), 10.0 * k as f64)).collect();
    let wanted = repeated(&f, ORDER, &point, &v).unwrap();
    let taylor = f.taylor(ORDER).unwrap();
    let found: Vec<f64> =
        taylor.run([point.clone(), v.clone()].concat()).unwrap().into_iter().flat_map(|(_, y)| y.into_data()).collect();
    close(&found, &wanted, 1e-8);
    let native = taylor.compile().unwrap().run([point, v].concat()).unwrap();
    close(&native.into_iter().flat_map(|(_, y)| y.into_data()).collect::<Vec<_>>(), &wanted, 1e-8);
}

#[test]
fn arrays_along_a_line() {
    check_arrays(&["x[3,3]", "y[3,3]"], |x| (x[0].matmul(x[1]) + x[0].t()).tanh());
    check_arrays(&["x[n,3]", "y[3]"], |x| x[0].matmul(x[1]).softmax(0));
    check_arrays(&["x[3,3]", "y[3,2]"], |x| x[0].solve(x[1]));
    check_arrays(&["x[3,3]", "y[3,2]"], |x| x[0].solve_lower(x[1]));
    check_arrays(&["x[3,3]", "y[3,2]"], |x| x[0].solve_upper(x[1]));
    check_arrays(&["x[3,3]"], |x| x[0].inverse());
    check_arrays(&["x[3,3]"], |x| x[0].det());
    check_arrays(&["x[3,3]"], |x| x[0].log_det());
    check_arrays(&["x[3,3]"], |x| (x[0].matmul(x[0].t()) + Expr::eye(3)).cholesky());
    check_arrays(&["x[4]"], |x| x[0].prod(0));
    check_arrays(&["x[2,4]"], |x| x[0].cumprod(1));
    check_arrays(&["x[2,4]"], |x| x[0].max_of(1) * x[0].min_of(1) + x[0].cumsum(1).sum(1));
    check_arrays(&["x[2,4]"], |x| Expr::concat(&[x[0], x[0].sin(), Expr::full(2.0, x[0].shape())], 0).log_sum_exp(1));
    check_arrays(&["x[5]", "y"], |x| select(x[0].gt(0.5), x[0] * x[1], x[1].exp()).pad(0, 1, 2));
    check_arrays(&["x[5]"], |x| x[0].gather(x[0].argmax(0), 0) * x[0].norm());
}

// ---- second order ----

#[test]
fn gauss_newton_products_are_the_matrices() -> Result {
    for seed in 0..30 {
        let body = Random::new(seed, Recipe { inputs: 3, steps: 8, outputs: 4, wild: 0.0, mixed: true, smooth: true });
        let f = Function::trace(("x", 3), |x| body.call(&x))?;
        let j = f.jacobian()?.eval(&body.point)?;
        let v = [1.0, -0.5, 0.25];
        let jv: Vec<f64> = (0..4).map(|i| (0..3).map(|k| j[i * 3 + k] * v[k]).sum()).collect();
        let transposed = |c: &[f64]| -> Vec<f64> { (0..3).map(|k| (0..4).map(|i| j[i * 3 + k] * c[i]).sum()).collect() };
        let at = [&body.point[..], &v].concat();
        let scale = 1.0 + j.iter().fold(0.0, |m: f64, x| m.max(x.abs())).powi(2);
        let scaled = |x: Vec<f64>| x.into_iter().map(|x| x / scale).collect::<Vec<_>>();
        close(&scaled(f.gauss_newton()?.eval(&at)?), &scaled(transposed(&jv)), 1e-12);
        let loss = Function::trace(("r", 4), |r| r[0] * r[0] * r[1] + (r[2] - r[3]).powi(2))?;
        let y = f.eval(&body.point)?;
        let h = loss.hessian()?.eval(&y)?;
        let hjv: Vec<f64> = (0..4).map(|i| (0..4).map(|k| h[i * 4 + k] * jv[k]).sum()).collect();
        let scale = scale * (1.0 + h.iter().fold(0.0, |m: f64, x| m.max(x.abs())));
        let scaled = |x: Vec<f64>| x.into_iter().map(|x| x / scale).collect::<Vec<_>>();
        close(&scaled(f.gauss_newton_of(&loss)?.eval(&at)?), &scaled(transposed(&hjv)), 1e-12);
    }
    let f = Function::trace(["w[2]", "x[n,2]"], |[w, x]| x.matmul(w).tanh())?.wrt(["w"])?;
    let point = [array(&[2], 1.0), array(&[3, 2], 2.0)];
    let j = f.jacobian()?.run(&point)?.into_arrays().remove(0);
    let v = [0.5, -1.0];
    let jv: Vec<f64> = (0..3).map(|i| j.data()[2 * i] * v[0] + j.data()[2 * i + 1] * v[1]).collect();
    let wanted: Vec<f64> = (0..2).map(|k| (0..3).map(|i| j.data()[2 * i + k] * jv[i]).sum()).collect();
    let all = [&point[..], &[Array::vector(v.to_vec())]].concat();
    close(f.gauss_newton()?.run(&all)?[0].data(), &wanted, 1e-13);
    close(f.gauss_newton()?.compile()?.run(&all)?[0].data(), &wanted, 1e-13);
    let error = f.gauss_newton_of(&Function::trace(["r[2]"], |[r]| r.sum(..))?).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("[n]"), "{error}");
    Ok(())
}

#[test]
fn diagonals_of_hessians() -> Result {
    for seed in 0..30 {
        let body = Random::new(seed, Recipe { inputs: 4, steps: 10, outputs: 1, wild: 0.0, mixed: true, smooth: true });
        let f = Function::trace(("x", 4), |x| body.call(&x)[0])?;
        let h = f.hessian()?.eval(&body.point)?;
        let scale = 1.0 + h.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let wanted: Vec<f64> = (0..4).map(|k| h[5 * k] / scale).collect();
        let found: Vec<f64> = f.hessian_diagonal()?.eval(&body.point)?.iter().map(|h| h / scale).collect();
        close(&found, &wanted, 1e-11);
    }
    let f = Function::trace(["w[2,3]", "b", "x[n,2]"], |[w, b, x]| (x.matmul(w) * b).tanh().powi(2).sum(..))?.wrt(["w", "b"])?;
    let point = [array(&[2, 3], 1.0), Array::scalar(0.3), array(&[4, 2], 2.0)];
    let h = f.hessian()?.run(&point)?;
    let wanted: Vec<f64> = (0..6).map(|k| h[0].data()[7 * k]).chain([h[3].data()[0]]).collect();
    let d = f.hessian_diagonal()?;
    let found = d.run(&point)?;
    assert_eq!(found[0].shape(), [2, 3]);
    close(&found.into_iter().flat_map(|(_, y)| y.into_data()).collect::<Vec<_>>(), &wanted, 1e-12);
    let native = d.compile()?.run(&point)?;
    close(&native.into_iter().flat_map(|(_, y)| y.into_data()).collect::<Vec<_>>(), &wanted, 1e-12);
    assert!(f.wrt(["x"])?.hessian_diagonal().unwrap_err().is_shape());
    Ok(())
}

/// A gradient per sample is the gradient under `vmap`.
#[test]
fn gradients_per_sample() -> Result {
    let loss = Function::trace(["w[3]", "b", "x[3]", "y"], |[w, b, x, y]| (w.dot(x).tanh() + b - y).powi(2))?.wrt(["w", "b"])?;
    let each = loss.grad()?.vmap("n", ["x", "y"])?;
    let (w, b, x, y) = (array(&[3], 1.0), Array::scalar(0.2), array(&[5, 3], 2.0), array(&[5], 3.0));
    let found = each.run(&[w.clone(), b.clone(), x.clone(), y.clone()])?;
    assert_eq!((found[0].shape(), found[1].shape()), (&[5, 3][..], &[5][..]));
    for i in 0..5 {
        let row = Array::vector(x.data()[3 * i..3 * i + 3].to_vec());
        let one = loss.grad()?.run(&[w.clone(), b.clone(), row, Array::scalar(y.data()[i])])?;
        close(&found[0].data()[3 * i..3 * i + 3], one[0].data(), 1e-14);
        close(&found[1].data()[i..i + 1], one[1].data(), 1e-14);
    }
    Ok(())
}

#[test]
fn loops_and_choices_along_a_line() {
    check_arrays(&["a", "x[n]"], |x| scan(0.5, x[1], |c: Expr, y| ((c * x[0] + y).tanh(), c * y)).1);
    check_arrays(&["a[2]", "x[3,2]"], |x| scan(x[0], x[1], |c: Expr, y| (c * y, ())).0);
    let thrice = |x: &[Expr]| while_loop((0.0, x[0]), |(k, _): (Expr, Expr)| k.lt(3.0), |(k, y)| (k + 1.0, (y * x[0]).sin())).1;
    check_arrays(&["a"], thrice);
    check_arrays(&["a", "x[2]"], |x| cond(x[0].gt(0.0), || (x[0] * x[1]).exp(), || x[1]));
}
