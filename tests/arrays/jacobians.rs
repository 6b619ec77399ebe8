//! Jacobians and Hessians of functions of arrays: against products with vectors, finite differences, and themselves in other modes.

use crate::common::arrays::{evaluate, noise, traced};
use wengert::diff::Mode;
use wengert::{Array, Expr, Function, aux};

/// Σⱼ Jᵢⱼ·vⱼ, where the axes of v are the last of J.
fn times(jacobian: &Array, v: &Array) -> Vec<f64> {
    let n = v.data().len();
    assert_eq!(jacobian.shape()[jacobian.shape().len() - v.shape().len()..], *v.shape());
    jacobian.data().chunks(n.max(1)).map(|row| row.iter().zip(v.data()).map(|(a, b)| a * b).sum()).collect()
}

fn assert_close(name: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{name}");
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{name}: {a} is not {b}");
    }
}

type Case = (&'static str, fn(Expr, Expr) -> Expr);

const CASES: &[Case] = &[
    ("elementwise", |a, b| (a * b).sin() + a),
    ("matmul", |a, b| a.matmul(b.t()).tanh()),
    ("reductions", |a, b| a.sum(0) * b.prod(..) + b.softmax(1).at(0, 1)),
    ("moves", |a, b| Expr::concat(&[a.t(), b.t().slice(0, 1..3)], 0).cumsum(1).powi(2)),
    ("solve", |a, b| (a.matmul(a.t()) + Expr::eye(2)).solve(b).sum(1)),
    ("one input only", |a, _| a.diag().outer(a.at(1, 0))),
    ("a number", |a, b| (a.max_of(..) * b).log_sum_exp(..)),
];

#[test]
fn of_every_shape_in_both_modes() {
    for (name, f) in CASES {
        let f = traced(["a[2,3]", "b[2,3]"], |[a, b]| f(a, b));
        let x = [noise(&[2, 3], 1), noise(&[2, 3], 2)];
        let y = f.run(&x).unwrap().into_arrays().remove(0);
        let forward = evaluate(name, &f.jacobian_in(Mode::Forward).unwrap(), &x);
        let reverse = evaluate(name, &f.jacobian_in(Mode::Reverse).unwrap(), &x);
        let auto = evaluate(name, &f.jacobian().unwrap().simplify(), &x);
        for (k, (forward, reverse)) in forward.iter().zip(&reverse).enumerate() {
            assert_eq!(forward.shape(), [y.shape(), &[2, 3]].concat(), "{name}");
            assert_eq!(forward.shape(), reverse.shape(), "{name}");
            assert_close(name, forward.data(), reverse.data(), 1e-13);
            assert_close(name, auto[k].data(), reverse.data(), 1e-13);
            // J·v is the tangent, and the central difference.
            let mut v = [Array::new([2, 3], vec![0.0; 6]).unwrap(), Array::new([2, 3], vec![0.0; 6]).unwrap()];
            v[k] = noise(&[2, 3], 3);
            let tangent = f.jvp().unwrap().run([x.clone(), v.clone()].concat()).unwrap().into_arrays().remove(1);
            assert_close(name, &times(forward, &v[k]), tangent.data(), 1e-13);
            let at = |h: f64| {
                let mut x = x.clone();
                x[k].data_mut().iter_mut().zip(v[k].data()).for_each(|(x, v)| *x += h * v);
                f.run(&x).unwrap()[0].data().to_vec()
            };
            let difference: Vec<f64> = at(1e-5).iter().zip(at(-1e-5)).map(|(a, b)| (a - b) / 2e-5).collect();
            assert_close(name, &times(forward, &v[k]), &difference, 1e-8);
        }
        let names: Vec<_> = f.jacobian().unwrap().outputs().iter().map(|y| y.name().to_owned()).collect();
        assert_eq!(names, ["jacobian_y_a", "jacobian_y_b"]);
    }
}

#[test]
fn hessians_are_symmetric_and_give_products() {
    for (name, f) in CASES {
        let f = traced(["a[2,3]", "b[2,3]"], |[a, b]| f(a, b).sin().sum(..));
        let x = [noise(&[2, 3], 4), noise(&[2, 3], 5)];
        let h = f.hessian().unwrap();
        let names: Vec<_> = h.outputs().iter().map(|y| y.name().to_owned()).collect();
        assert_eq!(names, ["hessian_a_a", "hessian_a_b", "hessian_b_a", "hessian_b_b"]);
        let blocks = evaluate(name, &h, &x);
        for (j, k) in [(0, 0), (0, 1), (1, 1)] {
            let (block, turned) = (&blocks[2 * j + k], &blocks[2 * k + j]);
            assert_eq!(block.shape(), [2, 3, 2, 3]);
            let transposed: Vec<f64> = (0..36).map(|at| turned.data()[at % 6 * 6 + at / 6]).collect();
            assert_close(name, block.data(), &transposed, 1e-12);
        }
        let v = [noise(&[2, 3], 6), noise(&[2, 3], 7)];
        let products = f.hvp().unwrap().run([x, v.clone()].concat()).unwrap();
        for j in 0..2 {
            let (a, b) = (times(&blocks[2 * j], &v[0]), times(&blocks[2 * j + 1], &v[1]));
            let sum: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + b).collect();
            assert_close(name, &sum, products[j].data(), 1e-12);
        }
    }
    // ∂²/∂x² of ½·xᵀA·x is the symmetric part of A.
    let f = traced(["a[2,2]", "x[2]"], |[a, x]| x.dot(a.matmul(x)) * 0.5).wrt(["x"]).unwrap().hessian().unwrap();
    assert_eq!(f.outputs()[0].name(), "hessian");
    let a = Array::new([2, 2], vec![1.0, 2.0, 4.0, 3.0]).unwrap();
    assert_eq!(f.run(&[a, noise(&[2], 1)]).unwrap()[0].data(), [1.0, 3.0, 3.0, 3.0]);
}

#[test]
fn groups_of_numbers_beside_arrays() {
    let f = traced((("p", 2), "x[3]"), |(p, x)| (("u", [p[0] * x.sum(..), p[1].exp()]), ("v", x * p[0] * p[1])));
    let x = [Array::vector(vec![2.0, -0.5]), Array::vector(vec![1.0, 2.0, 4.0])];
    let e = (-0.5f64).exp();
    for mode in [Mode::Forward, Mode::Reverse] {
        let j = f.jacobian_in(mode).unwrap();
        let names: Vec<_> = j.outputs().iter().map(|y| y.name()).collect();
        assert_eq!(names, ["jacobian_u_p", "jacobian_u_x", "jacobian_v_p", "jacobian_v_x"]);
        let y = j.run(&x).unwrap();
        assert_eq!((y[0].shape(), y[0].data()), (&[2, 2][..], &[7.0, 0.0, 0.0, e][..]));
        assert_eq!((y[1].shape(), y[1].data()), (&[2, 3][..], &[2.0, 2.0, 2.0, 0.0, 0.0, 0.0][..]));
        assert_eq!((y[2].shape(), y[2].data()), (&[3, 2][..], &[-0.5, 2.0, -1.0, 4.0, -2.0, 8.0][..]));
        assert_eq!(y[3].shape(), [3, 3]);
        assert_eq!(y[3].data(), [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0]);
    }
}

#[test]
fn open_axes() {
    // Open in the outputs: forward. Open in the inputs: in reverse.
    let f = traced(["w[2]", "x[n,2]"], |[w, x]| x.matmul(w).tanh());
    let x = [noise(&[2], 1), noise(&[4, 2], 2)];
    let j = f.wrt(["w"]).unwrap().jacobian().unwrap();
    let rows = evaluate("open outputs", &j, &x).remove(0);
    assert_eq!(rows.shape(), [4, 2]);
    let g = traced(["w[2]", "x[n,2]"], |[w, x]| x.matmul(w).tanh().sum(..).exp() * w).wrt(["x"]).unwrap();
    let columns = evaluate("open inputs", &g.jacobian().unwrap(), &x).remove(0);
    assert_eq!(columns.shape(), [2, 4, 2]);
    let adjoint = g.vjp().unwrap();
    for k in 0..2 {
        let seed = Array::vector((0..2).map(|j| f64::from(j == k)).collect());
        let row = adjoint.run(&[x[0].clone(), x[1].clone(), seed]).unwrap().into_arrays().remove(1);
        assert_close("rows", &columns.data()[k * 8..][..8], row.data(), 1e-14);
    }
    for (mode, named) in
        [(Mode::Auto, "`x` [n,2], or of the outputs: `y` [n]"), (Mode::Forward, "`x` [n,2]"), (Mode::Reverse, "`y` [n]")]
    {
        let error = f.jacobian_in(mode).unwrap_err();
        assert!(error.is_shape() && error.to_string().contains(named), "{error}");
        assert!(error.location().is_some_and(|at| at.file().ends_with("jacobians.rs")));
    }
    let error = f.hessian().unwrap_err();
    assert!(error.is_shape(), "{error}");
    let empty = traced("x[0,2]", |x| x.sum(0)).jacobian().unwrap().run(&[noise(&[0, 2], 1)]).unwrap();
    assert_eq!(empty[0].shape(), [2, 0, 2]);
}

#[test]
fn with_vmap_in_either_order() {
    let f = traced(["w[3,2]", "x[2]"], |[w, x]| w.matmul(x).sin()).wrt(["x"]).unwrap();
    let (w, x) = (noise(&[3, 2], 1), noise(&[4, 2], 2));
    let each = f.jacobian().unwrap();
    let batch = evaluate("mapped", &each.vmap("n", ["x"]).unwrap(), &[w.clone(), x.clone()]).remove(0);
    assert_eq!(batch.shape(), [4, 3, 2]);
    let whole = f.vmap(4usize, ["x"]).unwrap().jacobian().unwrap();
    let whole = evaluate("of the mapped", &whole, &[w.clone(), x.clone()]).remove(0);
    assert_eq!(whole.shape(), [4, 3, 4, 2]);
    for (k, x) in x.data().chunks(2).enumerate() {
        let one = each.run(&[w.clone(), Array::vector(x.to_vec())]).unwrap().into_arrays().remove(0);
        assert_close("sample", &batch.data()[k * 6..][..6], one.data(), 1e-14);
        for (row, want) in one.data().chunks(2).enumerate() {
            let at = ((k * 3 + row) * 4 + k) * 2;
            assert_close("diagonal block", &whole.data()[at..at + 2], want, 1e-14);
        }
    }
    assert_eq!(whole.data().iter().filter(|v| **v != 0.0).count(), 24);
    // twice, and second derivatives of every sample
    let grid = each.vmap("n", ["x"]).unwrap().vmap("m", ["w"]).unwrap();
    let ws = Array::new([2, 3, 2], [w.data(), w.data()].concat()).unwrap();
    let grid = evaluate("twice", &grid, &[ws, x.clone()]).remove(0);
    assert_eq!(grid.shape(), [2, 4, 3, 2]);
    assert_close("twice", &grid.data()[24..], batch.data(), 1e-14);
    let h = traced(["w[3,2]", "x[2]"], |[w, x]| w.matmul(x).sin().sum(..)).wrt(["x"]).unwrap().hessian().unwrap();
    let all = evaluate("hessians", &h.vmap("n", ["x"]).unwrap(), &[w.clone(), x.clone()]).remove(0);
    for (k, x) in x.data().chunks(2).enumerate() {
        let one = h.run(&[w.clone(), Array::vector(x.to_vec())]).unwrap().into_arrays().remove(0);
        assert_close("hessian", &all.data()[k * 4..][..4], one.data(), 1e-14);
    }
}

#[test]
fn through_loops() {
    let f = traced(["w[2,2]", "h[2]", "x[3,2]"], |[w, h, x]| {
        let (last, all) = wengert::scan(h, x, |h: Expr, x: Expr| {
            let h = (h.matmul(w) + x).tanh();
            (h, h.prod(0))
        });
        last * all.sum(..)
    });
    let x = [noise(&[2, 2], 1), noise(&[2], 2), noise(&[3, 2], 3)];
    let forward = evaluate("forward", &f.jacobian_in(Mode::Forward).unwrap(), &x);
    let reverse = evaluate("reverse", &f.jacobian_in(Mode::Reverse).unwrap(), &x);
    for ((forward, reverse), x) in forward.iter().zip(&reverse).zip(&x) {
        assert_eq!(forward.shape(), [&[2], x.shape()].concat());
        assert_close("through a scan", forward.data(), reverse.data(), 1e-13);
    }
}

#[test]
fn what_cannot_be() {
    assert!(traced(["x[2]", "i: index"], |[x, i]| x.gather(i, 0)).jacobian().is_ok());
    assert!(traced("x[2]", |x| x).wrt([""; 0]).unwrap().jacobian().unwrap_err().is_unsupported());
    assert!(traced("x[2]", |x| x).hessian().unwrap_err().is_shape());
    // Jacobians of Jacobians
    let twice = traced("x[2]", |x| x.powi(3)).jacobian().unwrap().jacobian().unwrap();
    let y = twice.run(&[Array::vector(vec![1.0, 2.0])]).unwrap();
    assert_eq!((y[0].shape(), y[0].data()), (&[2, 2, 2][..], &[6.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 12.0][..]));
}

/// What a derivative is called, with its numbers, at x = (3, 5).
fn named(f: wengert::Result<Function>, more: &[f64]) -> Vec<(String, Vec<f64>, bool)> {
    let f = f.unwrap();
    let x = [[3.0, 5.0].into(), Array::from(more)];
    let y = f.run(&x[..f.inputs().len()]).unwrap();
    let outputs = f.outputs().iter().map(|y| (y.name().to_owned(), y.is_aux()));
    outputs.zip(y).map(|((name, is_aux), (_, y))| (name, y.into_data(), is_aux)).collect()
}

#[test]
fn auxiliary_outputs_go_along() {
    // As an array, and as two numbers.
    let array = traced("x[2]", |x| (("y", x.powi(3).sum(..)), aux(("root", x.sqrt())), aux(("d_x", x.at(0, 1)))));
    let numbers = traced(("x", 2), |x: Vec<Expr>| {
        let root = [x[0].sqrt(), x[1].sqrt()];
        (("y", x[0].powi(3) + x[1].powi(3)), aux(("root", root)), aux(("d_x", x[1])))
    });
    for f in [array, numbers] {
        let aux = |taken: &str| {
            let prime = if taken == "d_x" { "d_x'" } else { "d_x" };
            [("root".to_owned(), vec![3f64.sqrt(), 5f64.sqrt()], true), (prime.to_owned(), vec![5.0], true)]
        };
        let derivative = |name: &str, values: &[f64]| (name.to_owned(), values.to_vec(), false);
        let with = |name: &str, values: &[f64]| [vec![derivative(name, values)], aux(name).to_vec()].concat();
        assert_eq!(named(f.grad(), &[]), with("d_x", &[27.0, 75.0]));
        let jacobian = with("jacobian", &[27.0, 75.0]);
        assert_eq!(named(f.jacobian(), &[]), jacobian);
        assert_eq!(named(f.jacobian_in(Mode::Forward), &[]), jacobian);
        assert_eq!(named(f.jacobian_in(Mode::Reverse), &[]), jacobian);
        assert_eq!(named(f.hessian(), &[]), with("hessian", &[18.0, 0.0, 0.0, 30.0]));
        assert_eq!(named(f.hvp(), &[1.0, 2.0]), with("hv_x", &[18.0, 60.0]));
        assert_eq!(named(f.hessian_diagonal(), &[]), with("h_x", &[18.0, 30.0]));
        assert_eq!(named(f.gauss_newton(), &[1.0, 0.0]), with("gv_x", &[27.0 * 27.0, 27.0 * 75.0]));
        // The values stand in front, where the function has them.
        let values = [vec![derivative("y", &[152.0])], aux("").to_vec(), vec![derivative("jacobian", &[27.0, 75.0])]];
        assert_eq!(named(f.value_and_jacobian(), &[]), values.concat());
        // What goes along is not differentiated again, and still goes along.
        assert_eq!(named(f.jacobian().unwrap().jacobian(), &[]), with("jacobian", &[18.0, 0.0, 0.0, 30.0]));
    }
    let partial = traced(["x", "y"], |[x, y]| (x * y * y, aux(("twice", x * 2.0)))).partial([("y", 2)]).unwrap();
    assert_eq!(partial.eval(&[3.0, 5.0]).unwrap(), [6.0, 6.0]);
}

#[test]
fn values_and_jacobian_share_their_work() {
    let f = traced(["a[2,2]", "b[2]"], |[a, b]| a.solve(b.exp())).wrt(["b"]).unwrap();
    let both = f.value_and_jacobian().unwrap();
    let x = [Array::from([[2.0, 0.0], [0.0, 4.0]]), Array::from([0.0, 0.0])];
    let y = both.run(&x).unwrap();
    assert_eq!(y[0].data(), [0.5, 0.25]);
    assert_eq!(y["jacobian"], Array::from([[0.5, 0.0], [0.0, 0.25]]));
    let exponentials = |f: &Function| f.to_string().matches(" exp ").count();
    assert_eq!(exponentials(&both), exponentials(&f));
    // An output that is called so already keeps its name.
    let f = traced(["x"], |[x]| ("jacobian", x * x)).value_and_jacobian().unwrap();
    assert_eq!(f.outputs().iter().map(|y| y.name()).collect::<Vec<_>>(), ["jacobian", "jacobian'"]);
    assert!(traced("x", aux).value_and_jacobian().unwrap_err().is_unsupported());
}

#[test]
fn open_axes_that_need_lengths_are_errors_that_say_what_to_do() {
    let says = |f: wengert::Result<Function>, what: &[&str]| {
        let error = f.unwrap_err();
        assert!(error.is_shape() && error.location().is_some_and(|at| at.file().ends_with("jacobians.rs")), "{error:?}");
        what.iter().for_each(|what| assert!(error.to_string().contains(what), "{error}"));
    };
    let f = traced("x[n]", |x| x.powi(3));
    says(f.jacobian(), &["jacobian: a sweep per number", "`x` [n]", "`Function::with_lengths` gives lengths"]);
    let sum = traced("x[n]", |x| x.powi(3).sum(..));
    says(sum.hessian(), &["`Function::with_lengths` gives lengths"]);
    let lengths = "the input `x` is [n]: give its lengths with `Function::with_lengths`";
    says(sum.hessian_diagonal(), &["hessian_diagonal: a sweep per number", lengths]);
    let fixed = sum.with_lengths([("n", 2)]).unwrap();
    assert_eq!(fixed.hessian_diagonal().unwrap().run([[3.0, 5.0]]).unwrap()[0].data(), [18.0, 30.0]);
    // Where the Hessian is diagonal, one product with ones will do.
    assert_eq!(sum.hvp().unwrap().run([[3.0, 5.0], [1.0, 1.0]]).unwrap()[0].data(), [18.0, 30.0]);
}
