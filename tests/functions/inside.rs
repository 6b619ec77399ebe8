//! What a function of numbers uses inside changes nothing outside: functions written twice, in numbers alone and with arrays, loops, branches,
//! roots and integrators inside, have the same derivatives by the same names in the same shapes.

use crate::common::{Rng, flat};
use crate::twice::{CASES, turn, turns};
use wengert::diff::Mode;
use wengert::graph::Axis;
use wengert::jet::Jet;
use wengert::sparse::SparseDerivative;
use wengert::{Dual, Error, Expr, Function, Options, Scan, Shape, aux, dual, lit, while_loop};

type Result<T = ()> = std::result::Result<T, Error>;

/// What a function looks like from outside.
fn signature(f: &Function) -> Vec<(String, usize, Shape, bool)> {
    let inputs = f.inputs().iter().map(|x| (x.name().to_owned(), x.len(), x.shape(), x.is_active()));
    let outputs = f.outputs().iter().map(|y| {
        let shape = y.nodes().first().map_or(Shape::SCALAR, |&id| f.graph().node(id).shape());
        (y.name().to_owned(), y.nodes().len(), shape, y.is_aux())
    });
    inputs.chain(outputs).collect()
}

fn close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (k, (a, b)) in got.iter().zip(want).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: number {k} is {a}, not {b}");
    }
}

/// Every transformation by name; `None` where it does not fit the function.
fn transformations(f: &Function) -> Vec<(&'static str, Option<Result<Function>>)> {
    let single = f.output_len() == 1;
    vec![
        ("itself", Some(Ok(f.clone()))),
        ("jvp", Some(f.jvp())),
        ("vjp", Some(f.vjp())),
        ("jacobian", Some(f.jacobian())),
        ("value_and_jacobian", Some(f.value_and_jacobian())),
        ("forward", Some(f.jacobian_in(Mode::Forward))),
        ("reverse", Some(f.jacobian_in(Mode::Reverse))),
        ("gauss_newton", Some(f.gauss_newton())),
        ("taylor", Some(f.taylor(3))),
        ("jvp of vjp", Some(f.vjp().and_then(|f| f.jvp()))),
        ("grad", single.then(|| f.grad())),
        ("value_and_grad", single.then(|| f.value_and_grad())),
        ("hessian", single.then(|| f.hessian())),
        ("hvp", single.then(|| f.hvp())),
        ("hessian_diagonal", single.then(|| f.hessian_diagonal())),
        ("jacobian of the gradient in reverse", single.then(|| f.grad().and_then(|f| f.jacobian_in(Mode::Reverse)))),
    ]
}

/// The matrix of a sparse derivative, row by row. How many entries may not be zero is what the graph tells.
fn dense(d: &SparseDerivative, x: &[f64]) -> Vec<f64> {
    let mut rest = x;
    let mut slices = Vec::new();
    for (_, len) in d.inputs() {
        let own;
        (own, rest) = rest.split_at(*len);
        slices.push(own);
    }
    assert!(rest.is_empty());
    let columns = d.sparsity().columns();
    let mut all = vec![0.0; d.sparsity().rows() * columns];
    for ((row, column), value) in d.sparsity().entries().zip(d.eval(&slices).unwrap()) {
        all[row * columns + column] = value;
    }
    all
}

/// A sparse derivative is a function of the same inputs, of a number for each entry.
fn sparse(what: &str, d: &SparseDerivative, f: &Function) {
    let Some(made) = d.function() else { return };
    assert_eq!(made.inputs(), f.inputs(), "{what}");
    let [values] = made.outputs() else { panic!("{what}: one output") };
    assert_eq!((values.name(), values.nodes().len()), ("values", d.sparsity().len()), "{what}");
    assert!(made.is_of_numbers(), "{what}");
}

/// Both functions have the same derivatives; with `engines`, so have those of the inner one by every engine.
fn same(name: &str, [plain, inside]: &[Function; 2], x: &[f64], tolerance: f64, engines: bool) {
    let point = |f: &Function| {
        let mut rng = Rng(7);
        let mut point = x.to_vec();
        point.resize_with(f.input_len(), || rng.ordinary());
        point
    };
    let at = point(inside);
    let j = inside.sparse_jacobian().unwrap_or_else(|error| panic!("{name}: {error}"));
    sparse(name, &j, inside);
    // Entries, before what goes along.
    let entries = |f: Result<Function>, len: usize| f.unwrap().eval(&at).unwrap()[..len].to_vec();
    let found = dense(&j, &at);
    close(&format!("{name}, sparse"), &found, &entries(plain.jacobian(), found.len()), tolerance);
    if inside.outputs().iter().filter(|y| !y.is_aux()).map(|y| y.nodes().len()).sum::<usize>() == 1 {
        let h = inside.sparse_hessian().unwrap_or_else(|error| panic!("{name}: {error}"));
        sparse(name, &h, inside);
        let found = dense(&h, &at);
        close(&format!("{name}, sparse"), &found, &entries(plain.hessian(), found.len()), tolerance);
    }
    for ((what, plain), (_, inside)) in transformations(plain).into_iter().zip(transformations(inside)) {
        let what = format!("{name}, {what}");
        let (Some(plain), Some(inside)) = (plain, inside) else { continue };
        let (plain, inside) = (plain.unwrap(), inside.unwrap_or_else(|error| panic!("{what}: {error}")));
        assert_eq!(signature(&inside), signature(&plain), "{what}");
        let point = point(&inside);
        let want = plain.eval(&point).unwrap();
        close(&what, &inside.eval(&point).unwrap(), &want, tolerance);
        if !engines {
            continue;
        }
        for options in [Options::new(), Options::new().fuse(false).unroll(false), Options::new().interpreted(true)] {
            close(&what, &flat(&inside.compile_with(options).unwrap(), &point).unwrap(), &want, tolerance);
        }
    }
}

#[test]
fn derivatives_look_the_same_and_are_the_same() {
    for case in CASES {
        let [plain, inside] = case.functions();
        assert!(plain.is_of_numbers() && inside.is_of_numbers(), "{}", case.name);
        same(case.name, &[plain.clone(), inside.clone()], case.x, case.tolerance, true);
        // Of each result by itself, too, which has a gradient.
        for k in 0..plain.output_len() {
            let one = |f: &Function| Function::trace(("x", case.x.len()), |x| f.eval(&x).unwrap()[k]).unwrap();
            if plain.output_len() > 1 {
                same(&format!("{} [{k}]", case.name), &[one(&plain), one(&inside)], case.x, case.tolerance, false);
            }
        }
    }
}

#[test]
fn in_other_declarations_and_for_some_inputs_only() {
    for case in CASES.iter().filter(|case| case.x.len() == 4) {
        let both = |f: fn(&[Expr]) -> Vec<Expr>| {
            let f = Function::trace(("a", ("b", 2), "c"), |(a, b, c)| {
                let y = f(&[a, b[0], b[1], c]);
                (("u", y[0] * y[y.len() - 1]), aux(("v", y[0].exp())), ("w", y))
            });
            f.unwrap()
        };
        let [plain, inside] = [case.plain, case.inside].map(both);
        for active in [&["a", "b", "c"][..], &["b"], &["c", "a"]] {
            let [plain, inside] = [&plain, &inside].map(|f| f.wrt(active).unwrap());
            same(&format!("{} {active:?}", case.name), &[plain.clone(), inside.clone()], case.x, case.tolerance, false);
            let partial = [("a", 2), ("c", 1)];
            let [p, q] = [&plain, &inside].map(|f| f.partial(partial).unwrap());
            assert_eq!(signature(&p), signature(&q));
            close(case.name, &q.eval(case.x).unwrap(), &p.eval(case.x).unwrap(), case.tolerance * 100.0);
            let [p, q] = [&plain, &inside].map(|f| f.only(["u", "w"]).unwrap().lagrangian("u").unwrap());
            same(&format!("{} {active:?}, lagrangian", case.name), &[p, q], case.x, case.tolerance * 10.0, false);
        }
    }
}

/// Duals, duals of duals and jets go through loops and branches by the numbers at hand; handles of a trace by the operations.
#[test]
fn every_arithmetic_evaluates_what_is_inside() -> Result {
    for case in CASES {
        let [plain, inside] = case.functions();
        let (x, n) = (case.x, case.x.len());
        let jacobian = plain.jacobian()?.eval(x)?;
        let second = plain.jacobian()?.jacobian()?.eval(x)?;
        for j in 0..n {
            let what = format!("{}, column {j}", case.name);
            let point: Vec<Dual<f64>> = (0..n).map(|k| Dual::new(x[k], f64::from(k == j))).collect();
            let duals: Vec<f64> = inside.eval(&point)?.into_iter().map(Dual::eps).collect();
            let column: Vec<f64> = jacobian.iter().skip(j).step_by(n).copied().collect();
            close(&what, &duals, &column, case.tolerance);
            let traced = Function::trace(("x", n), |x| {
                let point: Vec<Dual<Expr>> = (0..n).map(|k| Dual::new(x[k], lit(f64::from(k == j)))).collect();
                inside.eval(&point).unwrap().into_iter().map(Dual::eps).collect::<Vec<_>>()
            })?;
            close(&what, &traced.eval(x)?, &column, case.tolerance);
            let squares: Vec<f64> = second.iter().skip(j * n + j).step_by(n * n).copied().collect();
            let point: Vec<Dual<Dual<f64>>> =
                (0..n).map(|k| Dual::new(Dual::new(x[k], f64::from(k == j)), Dual::constant(f64::from(k == j)))).collect();
            let nested: Vec<f64> = inside.eval(&point)?.into_iter().map(|y| y.eps().eps()).collect();
            close(&what, &nested, &squares, case.tolerance * 10.0);
            let traced = Function::trace(("x", n), |x| {
                let seed = |k: usize| lit(f64::from(k == j));
                let point: Vec<Dual<Dual<Expr>>> =
                    (0..n).map(|k| Dual::new(Dual::new(x[k], seed(k)), Dual::constant(seed(k)))).collect();
                inside.eval(&point).unwrap().into_iter().map(|y| y.eps().eps()).collect::<Vec<_>>()
            })?;
            close(&what, &traced.eval(x)?, &squares, case.tolerance * 10.0);
            let point: Vec<Jet<f64, 3>> = (0..n).map(|k| Jet::new([x[k], f64::from(k == j), 0.0])).collect();
            let jets: Vec<f64> = inside.eval(&point)?.into_iter().map(|y| y.derivative(2)).collect();
            close(&what, &jets, &squares, case.tolerance * 10.0);
            let traced = Function::trace(("x", n), |x| {
                let point: Vec<Jet<Expr, 3>> = (0..n).map(|k| Jet::line(x[k], lit(f64::from(k == j)))).collect();
                inside.eval(&point).unwrap().into_iter().map(|y| y.derivative(2)).collect::<Vec<_>>()
            })?;
            close(&what, &traced.eval(x)?, &squares, case.tolerance * 10.0);
        }
        // A solver's tolerance is one of doubles.
        if case.tolerance < 1e-10 {
            let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let narrow: Vec<f64> = inside.eval(&narrow)?.into_iter().map(f64::from).collect();
            close(case.name, &narrow, &plain.eval(x)?, 1e-4);
        }
    }
    Ok(())
}

/// An outside reference: loops in Rust over duals, and differences of values.
#[test]
fn against_duals_in_plain_loops_and_differences() -> Result {
    let f = Function::trace(("x", 4), |x| Scan::steps(5).run([x[0], x[1]], |c: [Expr; 2], ()| (turn(c, x[2], x[3]), ())).0)?;
    let x = [0.7, -0.4, 1.3, 0.6];
    let (y, rows) = dual::jacobian(|x: [_; 4]| turns(&x, 5), x);
    close("values", &f.eval(&x)?, &y, 1e-14);
    close("duals", &f.jacobian()?.eval(&x)?, &rows.concat(), 1e-13);
    for j in 0..4 {
        let at = |h: f64| {
            let mut x = x;
            x[j] += h;
            f.eval(&x).unwrap()
        };
        let column: Vec<f64> = at(1e-5).iter().zip(at(-1e-5)).map(|(a, b)| (a - b) / 2e-5).collect();
        close("differences", &column, &rows.iter().map(|row| row[j]).collect::<Vec<_>>(), 1e-8);
    }
    Ok(())
}

/// How many loops a function has, bodies included.
fn loops(f: &Function) -> usize {
    f.to_string().matches("scan[").count() + f.to_string().matches("while[").count()
}

#[test]
fn a_loop_is_met_once_by_all_sweeps() -> Result {
    let f = |n: usize, m: usize| {
        Function::trace(("x", n), |x| {
            let all = Expr::stack(&x, 0);
            let c = Scan::steps(9).run(all, |c: Expr, ()| ((c + all).sin(), ())).0;
            (0..m).map(|k| c.at(0, k % n) * x[(k + 1) % n]).collect::<Vec<_>>()
        })
    };
    // The loop of the values, that of the sweeps, and, where these go back, one more that keeps what they need.
    for (mode, [n, m]) in
        [Mode::Forward, Mode::Reverse].into_iter().flat_map(|mode| [[3, 3], [24, 3], [3, 24]].map(|size| (mode, size)))
    {
        let loops = loops(&f(n, m)?.jacobian_in(mode)?.simplify());
        assert!(loops <= 3, "{mode:?}, {m} × {n}: {loops}");
    }
    let g = |n: usize| f(n, 1).and_then(|f| f.hessian());
    assert_eq!(loops(&g(3)?), loops(&g(24)?));
    let g = |n: usize| f(n, 1).and_then(|f| f.hessian_diagonal());
    assert_eq!(loops(&g(3)?), loops(&g(24)?));
    // Numbers around a loop stay numbers, of which those that are 0 are not there.
    let bordered = Function::trace(("x", 40), |x| {
        let y = Scan::steps(9).run(x[0], |c: Expr, ()| (c.sin(), ())).0;
        x.iter().map(|&x| x * x + y).collect::<Vec<_>>()
    })?;
    let j = bordered.jacobian()?;
    assert_eq!(j.outputs()[0].nodes().iter().filter(|id| j.name_of(**id) == "0").count(), 39 * 39);
    assert!(j.graph().len() < 400, "{}", j.graph().len());
    Ok(())
}

#[test]
fn what_is_no_number_outside_has_blocks() -> Result {
    let f = Function::trace(["a", "x[3]"], |[a, x]| (a * x).sum(..))?;
    assert!(!f.is_of_numbers());
    assert_eq!(f.jacobian()?.outputs().len(), 2);
    let g = Function::trace(("a", ("b", 2)), |(a, b)| Expr::stack(&b, 0) * a)?;
    assert!(!g.is_of_numbers());
    let names: Vec<String> = g.jacobian()?.outputs().iter().map(|y| y.name().to_owned()).collect();
    assert_eq!(names, ["jacobian_y_a", "jacobian_y_b"]);
    let error = g.eval(&[1.0, 2.0, 3.0]).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("(the output `y` has the shape [2]): use `"), "{error}");
    // An index is a number outside.
    let h = Function::trace((("x", 3), "i: index"), |(x, i)| Expr::stack(&x, 0).gather(i, 0).powi(2))?;
    assert_eq!(h.jacobian()?.eval(&[1.0, 2.0, 3.0, 1.0])?, [0.0, 4.0, 0.0]);
    assert!(h.eval(&[1.0, 2.0, 3.0, 0.5]).unwrap_err().to_string().contains("the input `i` has the index 0.5"));
    assert!(h.eval(&[1.0, 2.0, 3.0, 3.0]).unwrap_err().is_value());
    Ok(())
}

#[test]
fn reverse_through_a_loop_that_ends_when_it_ends() -> Result {
    // xⁿ for the least n that makes it small: the slope is that of the turns taken, in every order and mode.
    let f = Function::trace(["x", "limit"], |[x, limit]| while_loop(1.0, |p: Expr| p.gt(limit), |p| p * x))?.wrt(["x"])?;
    let x: [f64; 2] = [0.5, 0.01];
    let n = 7.0f64;
    assert_eq!(f.eval(&x)?, [x[0].powf(n)]);
    close("gradient", &f.grad()?.eval(&x)?, &[n * x[0].powf(n - 1.0)], 1e-14);
    close("hessian", &f.hessian()?.eval(&x)?, &[n * (n - 1.0) * x[0].powf(n - 2.0)], 1e-14);
    let third = n * (n - 1.0) * (n - 2.0) * x[0].powf(n - 3.0);
    close("reverse three times", &f.grad()?.grad()?.grad()?.eval(&x)?, &[third], 1e-13);
    let wide = Function::trace(["x[200]"], |[x]| while_loop(x, |x| x.sum(..).gt(1.0), |x| x * 0.5).sum(..))?;
    // Eight halvings of 200 ones leave less than 1.
    assert_eq!(wide.grad()?.run([("x", [1.0; 200])])?[0].data(), [0.5f64.powi(8); 200]);
    Ok(())
}

#[test]
fn what_goes_wrong_inside_is_an_error_of_the_call() -> Result {
    let f = Function::trace(("x", 4), |x| Expr::stack(&x, 0).reshape([Axis::Fixed(2), Axis::Fixed(2)]).inverse().sum(..))?;
    let error = f.eval(&[1.0, 2.0, 2.0, 4.0]).unwrap_err();
    assert!(error.is_value() && error.to_string().contains("singular"), "{error}");
    assert!(error.location().is_some_and(|at| at.file().ends_with("inside.rs")));
    assert!(f.eval::<Dual<f64>>(&[1.0, 2.0, 2.0, 4.0].map(Dual::from)).is_err());
    Ok(())
}
