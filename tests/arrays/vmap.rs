//! vmap is a loop over samples: values, derivatives, nested, and as native code.

use wengert::{Array, Axis, Expr, Function, select};

fn noise(shape: &[usize], seed: u64) -> Array {
    let n = shape.iter().product::<usize>();
    Array::new(shape, (0..n).map(|k| ((k as f64 + 1.3) * (seed as f64 + 0.7) * 1.618).sin()).collect()).unwrap()
}

/// The samples of a batch.
fn samples(x: &Array) -> Vec<Array> {
    let shape = &x.shape()[1..];
    let size: usize = shape.iter().product();
    (0..x.shape()[0]).map(|k| Array::new(shape, x.data()[k * size..(k + 1) * size].to_vec()).unwrap()).collect()
}

fn native(f: &Function, x: &[Array], like: &[Array]) -> Vec<Vec<f64>> {
    let inputs: Vec<&[f64]> = x.iter().map(|x| x.data()).collect();
    let mut results: Vec<Vec<f64>> = like.iter().map(|y| vec![0.0; y.data().len()]).collect();
    let mut outputs: Vec<&mut [f64]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    f.compile_arrays().unwrap().call_into(&inputs, &mut outputs).unwrap();
    results
}

/// Whatever is mapped, the batch is the samples one by one.
fn check(name: &str, f: &Function, inputs: &[&str], x: &[Array]) {
    let batch = f.vmap("batch", inputs).unwrap();
    let y = batch.eval_arrays(x).unwrap();
    let compiled = native(&batch, x, &y);
    let n = f.inputs().iter().zip(x).find(|(group, _)| inputs.contains(&group.name())).unwrap().1.shape()[0];
    for k in 0..n {
        let pick = |(group, x): (&wengert::InputGroup, &Array)| {
            if inputs.contains(&group.name()) { samples(x)[k].clone() } else { x.clone() }
        };
        let sample: Vec<Array> = f.inputs().iter().zip(x).map(pick).collect();
        let one = f.eval_arrays(&sample).unwrap();
        for ((all, one), compiled) in y.iter().zip(&one).zip(&compiled) {
            assert_eq!(all.shape()[1..], *one.shape(), "{name}");
            let size = one.data().len();
            for (j, want) in one.data().iter().enumerate() {
                for got in [all.data()[k * size + j], compiled[k * size + j]] {
                    assert!((got - want).abs() <= 1e-12 * (1.0 + want.abs()), "{name}, sample {k}: {got} is not {want}");
                }
            }
        }
    }
}

type Case = (&'static str, fn(Expr, Expr) -> Expr);

const CASES: &[Case] = &[
    ("elementwise", |a, b| (a * b).sin() + a / (b * b + 1.0)),
    ("reductions", |a, b| a.sum(1) * b.mean(..) + b.max_of(1) - a.min_of(..)),
    ("products", |a, b| a.prod(0) + b.prod(..)),
    ("broadcasting", |a, b| a.sum(0) * b + b.at(1, 0).reshape([Axis::Fixed(3), Axis::Fixed(1)])),
    ("matmul", |a, b| a.matmul(b.t()).matmul(a)),
    ("vectors", |a, b| a.at(0, 0).matmul(b.t()) + a.matmul(b.at(0, 1))),
    ("moves", |a, b| Expr::concat(&[a.t(), b.slice_by(1, 3, 2, -2).pad(1, 1, 0).slice(0, 0..2).t().pad(0, 1, 0)], 1)),
    ("softmax", |a, b| a.softmax(1) * b.log_softmax(0)),
    ("cumsum", |a, b| a.cumsum(1) * b.cumsum(0)),
    ("cumprod", |a, b| a.cumprod(1) * b.cumprod(0)),
    ("diagonals", |a, b| a.diag().diag_matrix().matmul(b) + a.outer(b).sum([0, 2])),
    ("select", |a, b| select(a.gt(b), a * b, b.exp())),
    ("triangles", |a, b| a.tril(0) + b.triu(1)),
    ("independent of the batch", |_, b| b * 2.0),
];

#[test]
fn a_batch_is_its_samples() {
    for (name, f) in CASES {
        let f = Function::trace(["a[3,4]", "b[3,4]"], |[a, b]| f(a, b)).unwrap();
        for n in [1, 3] {
            check(name, &f, &["a"], &[noise(&[n, 3, 4], 1), noise(&[3, 4], 2)]);
            check(name, &f, &["a", "b"], &[noise(&[n, 3, 4], 1), noise(&[n, 3, 4], 2)]);
        }
    }
}

#[test]
fn derivatives_of_every_sample() {
    for (name, f) in CASES {
        let f = Function::trace(["a[3,4]", "b[3,4]"], |[a, b]| f(a, b).sum(..)).unwrap();
        // per-sample gradients, and per-sample directional derivatives
        check(&format!("grad of {name}"), &f.value_and_grad().unwrap(), &["b"], &[noise(&[3, 4], 3), noise(&[2, 3, 4], 4)]);
        let jvp = f.jvp().unwrap();
        let x = [noise(&[2, 3, 4], 3), noise(&[3, 4], 4), noise(&[2, 3, 4], 5), noise(&[3, 4], 6)];
        check(&format!("jvp of {name}"), &jvp, &["a", "t_a"], &x);
    }
}

#[test]
fn the_gradient_of_a_batch_is_the_sum_over_samples() {
    let sample = Function::trace(["w[2,3]", "x[2]"], |[w, x]| x.matmul(w).tanh().norm()).unwrap();
    let batch = sample.vmap("n", ["x"]).unwrap();
    let total = Function::trace(["w[2,3]", "x[n,2]"], |[w, x]| Ok::<_, wengert::Error>(batch.eval(&[w, x])?[0].sum(..))).unwrap();
    let (w, x) = (noise(&[2, 3], 1), noise(&[5, 2], 2));
    let whole = total.wrt(["w"]).unwrap().grad().unwrap().eval_arrays(&[w.clone(), x.clone()]).unwrap();
    let mut sum = vec![0.0; 6];
    for x in samples(&x) {
        let one = sample.wrt(["w"]).unwrap().grad().unwrap().eval_arrays(&[w.clone(), x]).unwrap();
        sum.iter_mut().zip(one[0].data()).for_each(|(s, g)| *s += g);
    }
    whole[0].data().iter().zip(sum).for_each(|(a, b)| assert!((a - b).abs() < 1e-14));
}

#[test]
fn nested() {
    let f = Function::trace(["x", "y[2]"], |[x, y]| (x * y).sin().sum(..)).unwrap();
    let grid = f.vmap("columns", ["x"]).unwrap().vmap("rows", ["y"]).unwrap();
    let (x, y) = (noise(&[3], 1), noise(&[4, 2], 2));
    let z = grid.eval_arrays(&[x.clone(), y.clone()]).unwrap();
    assert_eq!(z[0].shape(), [4, 3]);
    for (row, y) in samples(&y).iter().enumerate() {
        for (column, x) in x.data().iter().enumerate() {
            let want = (x * y.data()[0]).sin() + (x * y.data()[1]).sin();
            assert!((z[0].data()[row * 3 + column] - want).abs() < 1e-15);
        }
    }
}

#[test]
fn gathers() {
    let f = Function::trace(["x[4,2]", "i[3]: index"], |[x, i]| x.gather(i, 0)).unwrap();
    let index =
        |shape: &[usize]| Array::new(shape, (0..shape.iter().product()).map(|k: usize| (k * 7 % 4) as f64).collect()).unwrap();
    check("values", &f, &["x"], &[noise(&[2, 4, 2], 1), index(&[3])]);
    check("indices", &f, &["i"], &[noise(&[4, 2], 1), index(&[2, 3])]);
    let along = Function::trace(["x[2,4]", "i[3]: index"], |[x, i]| x.gather(i, 1)).unwrap();
    check("indices of the second axis", &along, &["i"], &[noise(&[2, 4], 1), index(&[5, 3])]);
    check("both", &f, &["x", "i"], &[noise(&[2, 4, 2], 1), index(&[2, 3])]);
    check("both, of the second axis", &along, &["x", "i"], &[noise(&[5, 2, 4], 1), index(&[5, 3])]);
    // Adjoints scatter; each way of mapping, and a second one over it.
    for f in [&f, &along] {
        let adjoint = f.vjp().unwrap();
        let shapes: Vec<Vec<usize>> =
            adjoint.inputs().iter().map(|x| x.shape().axes().iter().map(|n| n.to_string().parse().unwrap()).collect()).collect();
        for names in [&["x"][..], &["i"], &["x", "i"], &["c_y"], &["i", "c_y"], &["x", "i", "c_y"]] {
            let data = |g: &Function, by: usize, names: &[&str]| -> Vec<Array> {
                let groups = g.inputs().iter().zip(&shapes);
                let value = |(group, own): (&wengert::InputGroup, &Vec<usize>)| {
                    let shape = if names.contains(&group.name()) { [&[by], &own[..]].concat() } else { own.clone() };
                    if group.name() == "i" { index(&shape) } else { noise(&shape, 3) }
                };
                groups.map(value).collect()
            };
            check("adjoint", &adjoint, names, &data(&adjoint, 3, names));
            let again = adjoint.vmap(3usize, names).unwrap();
            let mut x = data(&adjoint, 3, names);
            x[1] = index(&[&[2], x[1].shape()].concat());
            check("adjoint, nested", &again, &["i"], &x);
        }
    }
}

#[test]
fn bad_requests() {
    let f = Function::trace(["x[n]", "y"], |[x, y]| x * y).unwrap();
    assert!(f.vmap("m", ["z"]).unwrap_err().is_name());
    assert!(f.vmap("n", ["y"]).unwrap_err().is_name());
    assert!(f.vmap("m", [""; 0]).unwrap_err().is_name());
    assert!(f.vmap(4usize, ["y"]).is_ok());
}
