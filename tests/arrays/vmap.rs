//! vmap is a loop over samples: values, derivatives, nested, and as native code.

use wengert::compiled::Form;
use wengert::graph::Axis;
use wengert::{Array, Expr, Function, Options, Results, Scan, select};

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
    f.compile().unwrap().call_into(&inputs, &mut outputs).unwrap();
    results
}

/// Whatever is mapped, the batch is the samples one by one.
fn check(name: &str, f: &Function, inputs: &[&str], x: &[Array]) {
    let batch = f.vmap("batch", inputs).unwrap();
    let y = batch.run(x).unwrap();
    let compiled = native(&batch, x, y.arrays());
    let n = f.inputs().iter().zip(x).find(|(group, _)| inputs.contains(&group.name())).unwrap().1.shape()[0];
    for k in 0..n {
        let pick = |(group, x): (&wengert::graph::InputGroup, &Array)| {
            if inputs.contains(&group.name()) { samples(x)[k].clone() } else { x.clone() }
        };
        let sample: Vec<Array> = f.inputs().iter().zip(x).map(pick).collect();
        let one = f.run(&sample).unwrap();
        for ((all, one), compiled) in y.arrays().iter().zip(one.arrays()).zip(&compiled) {
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
    let total = Function::trace(["w[2,3]", "x[n,2]"], |[w, x]| Ok(batch.eval(&[w, x])?[0].sum(..))).unwrap();
    let (w, x) = (noise(&[2, 3], 1), noise(&[5, 2], 2));
    let whole = total.wrt(["w"]).unwrap().grad().unwrap().run(&[w.clone(), x.clone()]).unwrap();
    let mut sum = vec![0.0; 6];
    for x in samples(&x) {
        let one = sample.wrt(["w"]).unwrap().grad().unwrap().run(&[w.clone(), x]).unwrap();
        sum.iter_mut().zip(one[0].data()).for_each(|(s, g)| *s += g);
    }
    whole[0].data().iter().zip(sum).for_each(|(a, b)| assert!((a - b).abs() < 1e-14));
}

#[test]
fn nested() {
    let f = Function::trace(["x", "y[2]"], |[x, y]| (x * y).sin().sum(..)).unwrap();
    let grid = f.vmap("columns", ["x"]).unwrap().vmap("rows", ["y"]).unwrap();
    let (x, y) = (noise(&[3], 1), noise(&[4, 2], 2));
    let z = grid.run(&[x.clone(), y.clone()]).unwrap();
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
                let value = |(group, own): (&wengert::graph::InputGroup, &Vec<usize>)| {
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

/// A group of numbers is neighbours, and rows of neighbours where it is mapped.
#[test]
fn groups_and_their_layout() {
    let f = Function::trace((("p", 3), ("x", 2)), |(p, x)| [p[0] * x[0] + p[1] * x[1], p[2] * x[0]]).unwrap();
    let shapes = |f: &Function| {
        let inputs = f.inputs().iter().map(|x| x.array_shape().to_string());
        inputs.chain(f.outputs().iter().map(|y| f.output_shape(y).to_string())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shapes(&f), "[3] [2] [2]");
    let batch = f.vmap("n", ["x"]).unwrap();
    assert_eq!(shapes(&batch), "[3] [n,2] [n,2]");
    assert_eq!(batch.inputs().iter().map(|x| (x.len(), x.batch())).collect::<Vec<_>>(), [(3, 0), (2, 1)]);
    assert_eq!(shapes(&batch.vmap("m", ["p"]).unwrap()), "[m,3] [n,2] [m,n,2]");
    assert_eq!(shapes(&batch.vjp().unwrap()), "[3] [n,2] [n,2] [n,2] [3] [n,2]");
    assert_eq!(shapes(&batch.mean("n").unwrap()), "[3] [n,2] [2]");
    assert_eq!(shapes(&batch.mean("n").unwrap().jvp().unwrap()), "[3] [n,2] [3] [n,2] [2] [2]");
}

/// A group's numbers lie in memory in one way, however the function is mapped, compiled and called.
#[test]
fn one_layout_by_every_route() {
    const N: usize = 5;
    let body = |p: &[Expr], x: &[Expr], s: Expr| (("u", [p[0] * x[0] + s, p[1] * x[1] * s, p[2] - x[0]]), ("v", x[0] * x[1] * s));
    let f = Function::trace((("p", 3), ("x", 2), "s"), |(p, x, s)| body(&p, &x, s)).unwrap().vjp().unwrap();
    // With a loop inside it is not one loop over rows.
    let looped = Function::trace((("p", 3), ("x", 2), "s"), |(p, x, s)| body(&p, &x, Scan::steps(2).run(s, |s, ()| (s, ())).0));
    let looped = looped.unwrap().vjp().unwrap();

    let numbers = |n: usize, seed: usize| (0..n).map(|k| ((k + 7 * seed) as f64).sin()).collect::<Vec<f64>>();
    let inputs = [(3, 0), (2 * N, 1), (N, 2), (3 * N, 3), (N, 4)].map(|(n, seed)| numbers(n, seed));
    // Row by row: the first input is shared by all.
    let mut expected: Vec<Vec<f64>> = vec![vec![]; f.outputs().len()];
    for row in 0..N {
        let own = inputs[1..].iter().flat_map(|x| x[x.len() / N * row..][..x.len() / N].to_vec());
        let mut y = f.eval(&inputs[0].iter().copied().chain(own).collect::<Vec<_>>()).unwrap();
        for (group, all) in f.outputs().iter().zip(&mut expected) {
            all.extend(y.drain(..group.nodes().len()));
        }
    }

    let mapped = ["x", "s", "c_u", "c_v"];
    let (open, fixed) = (f.vmap("n", mapped).unwrap(), f.vmap(N, mapped).unwrap());
    let read: Function = open.to_string().parse().unwrap();
    let routes = [
        ("open", open.clone()),
        ("with a length", open.with_lengths([("n", N)]).unwrap()),
        ("fixed", fixed.clone()),
        ("from text", read),
        ("simplified", open.simplify()),
        ("stages", looped.vmap("n", mapped).unwrap()),
    ];
    let slices: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
    let shapes: [&[usize]; 5] = [&[3], &[N, 2], &[N], &[N, 3], &[N]];
    let arrays: Vec<Array> = shapes.iter().zip(&inputs).map(|(shape, x)| Array::new(shape, x.clone()).unwrap()).collect();
    for (name, f) in &routes {
        let check = |route: &str, y: Results| {
            let y: Vec<Vec<f64>> = y.into_iter().map(|(_, y)| y.into_data()).collect();
            assert_eq!(y, expected, "{name}, {route}");
        };
        check("evaluated", f.run(&arrays).unwrap());
        for options in [Options::new(), Options::new().unroll(false), Options::new().interpreted(true)] {
            let code = f.compile_with(options.fuse(false)).unwrap();
            assert_eq!(code.report().form == Form::Rows, *name != "stages", "{name}: {}", code.report());
            check("compiled", code.run(&arrays).unwrap());
            let mut y: Vec<Vec<f64>> = expected.iter().map(|y| vec![f64::NAN; y.len()]).collect();
            code.call_into(&slices, &mut y.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
            assert_eq!(y, expected, "{name}, by slices");
        }
    }
    let all: [f64; 10 * N] = fixed.compile_with(Options::new().fuse(false)).unwrap().call(inputs.concat()).unwrap();
    assert_eq!(all, *expected.concat());
    // A trace inlines it value by value.
    let inlined = Function::trace((("p", 3), ["x[n,2]", "s[n]", "cu[n,3]", "cv[n]"]), |(p, [x, s, cu, cv])| {
        let columns = |x: Expr, k: usize| (0..k).map(|j| x.at(1, j)).collect::<Vec<_>>();
        let values = open.eval(&[&p[..], &columns(x, 2), &[s], &columns(cu, 3), &[cv]].concat())?;
        let names = ["u", "v", "d_p", "d_x", "d_s"];
        let groups = [&values[..3], &values[3..4], &values[4..7], &values[7..9], &values[9..]];
        let one = |values: &[Expr]| if let [value] = values { *value } else { Expr::stack(values, 1) };
        Ok(names.into_iter().zip(groups).map(|(name, values)| (name.to_owned(), one(values))).collect::<Vec<_>>())
    });
    let y = inlined.unwrap().run(&arrays).unwrap();
    assert_eq!(y.into_iter().map(|(_, y)| y.into_data()).collect::<Vec<_>>(), expected);
}

/// Rows and columns of sparse derivatives are in the order of memory, too.
#[test]
fn sparse_derivatives_of_a_batch() {
    let f = Function::trace((("x", 2), "y"), |(x, y)| [x[0] * x[0] * y, x[1].sin(), x[0] * x[1]]).unwrap().wrt(["x"]).unwrap();
    let batch = f.vmap("n", ["x"]).unwrap().with_lengths([("n", 3)]).unwrap();
    let j = batch.sparse_jacobian().unwrap();
    // Three results of each row, of its own two numbers.
    let rows: Vec<(usize, usize)> = j.sparsity().entries().collect();
    let each = [(0, 0), (2, 0), (1, 1), (2, 1)];
    assert_eq!(rows, (0..3).flat_map(|n| each.map(|(i, j)| (3 * n + i, 2 * n + j))).collect::<Vec<_>>());
    let x: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let expected: Vec<f64> = x.chunks(2).flat_map(|x| [2.0 * x[0] * 0.5, x[1], x[1].cos(), x[0]]).collect();
    let mut values = vec![0.0; j.sparsity().len()];
    j.compile().unwrap().call_into(&[&x, &[0.5]], &mut [&mut values]).unwrap();
    for values in [values, j.eval(&[&x, &[0.5]]).unwrap()] {
        values.iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-14, "{a} is not {b}"));
    }
    let total = batch.only(["y"]).unwrap();
    let total = Function::trace((("x[3,2]"), "y"), |(x, y)| {
        let rows = [x.slice(1, 0..1), x.slice(1, 1..2)].map(|x| x.reshape([Axis::Fixed(3)]));
        let y = total.eval(&[rows[0], rows[1], y]).unwrap();
        (y[0] * y[2]).sum(..) + y[1].sum(..)
    });
    let h = total.unwrap().wrt(["x"]).unwrap().hessian_lower().unwrap();
    assert!(h.sparsity().entries().all(|(i, j)| i / 2 == j / 2));
}

#[test]
fn the_mean_over_a_batch() {
    let f = Function::trace((["a", "b"], ["x", "y"]), |([a, b], [x, y])| (a * x + b - y).powi(2)).unwrap();
    let step = f.wrt(["a", "b"]).unwrap().value_and_grad().unwrap().vmap("n", ["x", "y"]).unwrap();
    let x = [1.0.into(), 0.0.into(), Array::vector(vec![1.0, 2.0]), Array::vector(vec![1.0, 4.0])];
    let numbers = |f: &Function, x: &[Array]| {
        let y = f.run(x).unwrap();
        let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
        for (native, y) in f.compile().unwrap().run(x).unwrap().arrays().iter().zip(y.arrays()) {
            assert!(native.shape() == y.shape() && native.data().iter().zip(y.data()).all(same), "{native:?} is not {y:?}");
        }
        y.into_iter().map(|(_, y)| y.into_data()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&step.mean("n").unwrap(), &x), [[2.0], [-4.0], [-2.0]]);
    assert_eq!(numbers(&step.sum("n").unwrap(), &x), [[4.0], [-8.0], [-4.0]]);
    let one = step.mean_of("n", ["y"]).unwrap().sum_of("n", ["d_b"]).unwrap();
    assert_eq!(numbers(&one, &x), [vec![2.0], vec![0.0, -8.0], vec![-4.0]]);
    let nothing = [x[0].clone(), x[1].clone(), Array::vector(vec![]), Array::vector(vec![])];
    assert!(numbers(&step.mean("n").unwrap(), &nothing).iter().all(|y| y[0].is_nan()));
    assert_eq!(numbers(&step.sum("n").unwrap(), &nothing), [[0.0]; 3]);
    // Of a function that was declared over the axis, wherever it stands.
    let declared = Function::trace(["x[2,n]"], |[x]| (("x", x), ("y", x.sum(0)))).unwrap();
    let z = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(numbers(&declared.mean("n").unwrap(), &[z]), [vec![2.0, 5.0], vec![7.0]]);
    for error in [step.mean("m"), step.mean_of("m", ["y"]), step.mean_of("n", ["loss"]), step.mean_of("n", ["y", "y"])] {
        let error = error.unwrap_err();
        assert!(error.is_name() && error.to_string().contains("vmap.rs"), "{error}");
    }
}

/// A Jacobian is that of a sample before the function is mapped, and that of all samples by all after it.
#[test]
fn jacobians_before_and_after() {
    let f = Function::trace(["w", "x[2]"], |[w, x]| w * x * x).unwrap().wrt(["x"]).unwrap();
    let (w, x) = (Array::from(2.0), Array::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
    let each = f.jacobian().unwrap().vmap("n", ["x"]).unwrap().run((&w, &x)).unwrap().into_arrays().remove(0);
    assert_eq!(each.shape(), [3, 2, 2]);
    let all = f.vmap(3, ["x"]).unwrap().jacobian().unwrap().run((&w, &x)).unwrap().into_arrays().remove(0);
    assert_eq!(all.shape(), [3, 2, 3, 2]);
    for (i, j) in (0..6).flat_map(|i| (0..6).map(move |j| (i, j))) {
        let own = if i / 2 == j / 2 { each.data()[i * 2 + j % 2] } else { 0.0 };
        assert_eq!(all.data()[i * 6 + j], own, "{i}, {j}");
    }
    let batch = f.vmap("n", ["x"]).unwrap();
    let says = |f: wengert::Result<Function>, what: &str| {
        let error = f.unwrap_err();
        assert!(error.is_shape() && error.to_string().contains(what), "{error}");
    };
    says(batch.jacobian(), "take `jacobian` of one sample, before `vmap`");
    says(batch.jacobian_in(wengert::diff::Mode::Reverse), "take `jacobian` of one sample, before `vmap`");
    let loss = Function::trace(["w", "x"], |[w, x]| (w * x).sin()).unwrap().vmap("n", ["x"]).unwrap();
    for f in [loss.grad(), loss.hessian(), loss.value_and_grad()] {
        says(f, "take it before `vmap`, or go on with `mean` or `sum`");
    }
    // By what is no sample's: one sweep, whatever the number of samples.
    let by_w = loss.wrt(["w"]).unwrap().jacobian().unwrap();
    assert_eq!(by_w.run((("w", 0.0), ("x", [1.0, 2.0]))).unwrap()[0].data(), [1.0, 2.0]);
}
