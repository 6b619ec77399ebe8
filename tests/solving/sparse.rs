//! Sparse derivatives: compressed against dense ones, patterns against what numbers show.

use crate::common::arrays::{noise, traced};
use crate::common::{Random, Recipe, Rng, cases};
use proptest::prelude::*;
use wengert::graph::Axis;
use wengert::sparse::{Compress, Method, Order, SparseDerivative, Sparsity, Symmetric};
use wengert::{Array, Expr, Function, Real, Shape, Width, cond, scan, while_loop};

pub(super) const ORDERS: [Order; 5] =
    [Order::Auto, Order::Natural, Order::LargestFirst, Order::SmallestLast, Order::IncidenceDegree];

/// The values by interpretation and as native code, which agree, as a dense matrix.
fn dense(d: &SparseDerivative, x: &[&[f64]]) -> Vec<f64> {
    let values = d.eval(x).unwrap();
    let mut native = vec![f64::NAN; values.len()];
    d.compile().unwrap().call_into(x, &mut [&mut native]).unwrap();
    for (a, b) in values.iter().zip(&native) {
        assert!(
            (a - b).abs() <= 1e-11 * (1.0 + a.abs()) || a.is_nan() && b.is_nan(),
            "interpreted {values:?}, native {native:?}"
        );
    }
    d.sparsity().dense(&values).unwrap()
}

fn close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= tolerance * (1.0 + y.abs()) || x.is_nan() && y.is_nan(), "{what}: number {k} is {x}, not {y}");
    }
}

/// A function of `n` numbers with `m` results, each of a few inputs and of what was computed before.
fn few_by_few(rng: &mut Rng, n: usize, m: usize) -> Function {
    let mut choices: Vec<usize> = (0..m * 12).map(|_| rng.next() as usize).collect();
    let mut next = move || choices.pop().unwrap();
    traced(("x", n), |x| {
        let mut pool: Vec<Expr> = x.clone();
        let mut outputs = Vec::new();
        for _ in 0..m {
            let pick = |next: &mut dyn FnMut() -> usize| {
                let k = next();
                // Mostly inputs, sometimes what is there already.
                if k.is_multiple_of(5) { pool[k / 5 % pool.len()] } else { x[k / 5 % x.len()] }
            };
            let (a, b, c) = (pick(&mut next), pick(&mut next), pick(&mut next));
            let y = match next() % 6 {
                0 => a * b + c,
                1 => (a - b).sin() * c,
                2 => a * 2.0 - b * c,
                3 => wengert::select(a.lt(b), b * b, c),
                4 => a.tanh() + b.max(c),
                _ => (a * a + 1.0).sqrt() / (b * b + 2.0),
            };
            pool.push(y);
            outputs.push(y);
        }
        outputs
    })
}

proptest! {
    #![proptest_config(cases(150))]
    #[test]
    fn compressed_jacobians_are_the_dense_ones(seed in any::<u64>(), n in 1usize..12, m in 1usize..12) {
        let mut rng = Rng(seed);
        let f = few_by_few(&mut rng, n, m);
        let x: Vec<f64> = (0..n).map(|_| rng.ordinary()).collect();
        let want = f.jacobian().unwrap().eval(&x).unwrap();
        for compress in [Compress::Auto, Compress::Columns, Compress::Rows, Compress::Both] {
            let method = Method::new().compress(compress).order(ORDERS[rng.below(5)]);
            let j = method.jacobian(&f).unwrap();
            close(&format!("{compress:?} {j:?}\n{f}"), &dense(&j, &[&x]), &want, 1e-12);
        }
    }

    #[test]
    fn compressed_hessians_are_the_dense_ones(seed in any::<u64>(), n in 1usize..12, m in 1usize..12) {
        let mut rng = Rng(seed);
        let parts = few_by_few(&mut rng, n, m);
        let f = traced(("x", n), |x| Ok(parts.eval(&x)?.into_iter().fold(x[0] * 0.5, |sum, y| sum + y)));
        let x: Vec<f64> = (0..n).map(|_| rng.ordinary()).collect();
        let want = f.hessian().unwrap().eval(&x).unwrap();
        for symmetric in [Symmetric::Auto, Symmetric::Star, Symmetric::Acyclic] {
            let method = Method::new().symmetric(symmetric).order(ORDERS[rng.below(5)]);
            let h = method.hessian(&f).unwrap();
            close(&format!("{symmetric:?} {h:?}\n{f}"), &dense(&h, &[&x]), &want, 1e-10);
            let lower = method.hessian_lower(&f).unwrap();
            prop_assert_eq!(lower.sparsity(), &h.sparsity().lower());
            let values = lower.eval(&[&x]).unwrap();
            for ((i, j), v) in lower.sparsity().entries().zip(values) {
                close("lower", &[v], &[want[i * n + j]], 1e-10);
            }
        }
    }

    /// Programs over the whole op table: what is no entry has no derivative at any point, and what is one has the right value.
    #[test]
    fn of_every_operation(seed in any::<u64>(), steps in 1usize..40) {
        let recipe = Recipe { inputs: 4, steps, outputs: 3, wild: 0.0, mixed: false, smooth: true };
        let program = Random::new(seed, recipe);
        let f = program.function(Width::F64);
        let j = f.sparse_jacobian().unwrap();
        close(&f.to_string(), &dense(&j, &[&program.point]), &f.jacobian().unwrap().eval(&program.point).unwrap(), 1e-9);
    }
}

/// Which entries of a Jacobian by forward mode are not zero at any of some points.
fn numeric(f: &Function, x: &[Vec<Array>]) -> Vec<bool> {
    let mut seen = Vec::new();
    for x in x {
        let blocks = f.jvp().unwrap();
        let active: Vec<usize> = (0..f.inputs().len()).filter(|&k| f.inputs()[k].is_active()).collect();
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for &k in &active {
            for at in 0..x[k].data().len() {
                let seeds = active.iter().map(|&other| {
                    let mut data = vec![0.0; x[other].data().len()];
                    if other == k {
                        data[at] = 1.0;
                    }
                    Array::new(x[other].shape(), data).unwrap()
                });
                let inputs: Vec<Array> = x.iter().cloned().chain(seeds).collect();
                let y = blocks.run(&inputs).unwrap().into_arrays().split_off(f.outputs().len());
                columns.push(y.into_iter().flat_map(Array::into_data).collect());
            }
        }
        let rows = columns.first().map_or(0, Vec::len);
        let own: Vec<bool> = (0..rows).flat_map(|i| columns.iter().map(move |column| column[i] != 0.0)).collect();
        seen = if seen.is_empty() { own } else { seen.iter().zip(own).map(|(a, b)| *a || b).collect() };
    }
    seen
}

/// How a pattern compares with numbers: it has all entries, and, where it is to be exact, no others.
fn check_pattern(name: &str, f: &Function, shapes: &[&[usize]], exact: bool) {
    let points: Vec<Vec<Array>> =
        (0..4).map(|s| shapes.iter().enumerate().map(|(k, shape)| noise(shape, 10 * s + k as u64 + 1)).collect()).collect();
    let pattern = f.jacobian_sparsity().unwrap();
    let seen = numeric(f, &points);
    assert_eq!(seen.len(), pattern.rows() * pattern.columns(), "{name}");
    for i in 0..pattern.rows() {
        for j in 0..pattern.columns() {
            let (is, there) = (pattern.place(i, j).is_some(), seen[i * pattern.columns() + j]);
            assert!(is || !there, "{name}: ({i}, {j}) is missing\n{pattern}");
            assert!(!exact || is == there, "{name}: ({i}, {j}) is no entry\n{pattern}");
        }
    }
    // The values, swept in every way.
    let x = &points[0];
    let slices: Vec<&[f64]> = x.iter().map(|x| x.data()).collect();
    let mut want: Option<Vec<f64>> = None;
    for compress in [Compress::Columns, Compress::Rows, Compress::Both] {
        let got = dense(&Method::new().compress(compress).jacobian(f).unwrap(), &slices);
        close(name, &got, want.get_or_insert_with(|| got.clone()), 1e-11);
    }
    let v = noise(&[pattern.columns()], 77);
    let times: Vec<f64> =
        want.unwrap().chunks(pattern.columns()).map(|row| row.iter().zip(v.data()).map(|(a, b)| a * b).sum()).collect();
    let mut rest = v.data();
    let seeds: Vec<Array> = x
        .iter()
        .map(|x| {
            let own;
            (own, rest) = rest.split_at(x.data().len());
            Array::new(x.shape(), own.to_vec()).unwrap()
        })
        .collect();
    let t = f.jvp().unwrap().run([x.clone(), seeds].concat()).unwrap().into_arrays().split_off(f.outputs().len());
    close(name, &times, &t.into_iter().flat_map(Array::into_data).collect::<Vec<_>>(), 1e-11);
}

#[test]
fn patterns_of_array_operations() {
    type Case = (&'static str, bool, fn(Expr, Expr) -> Expr);
    let cases: &[Case] = &[
        ("elementwise", true, |a, b| a * b.sin() + a),
        ("detached", true, |a, b| a.detach() * b),
        ("broadcast", true, |a, b| a.at(0, 1) + b),
        ("sums", true, |a, b| a.sum(0) * b.sum(..)),
        ("reshape and permute", true, |a, b| a.reshape(9) * b.t().reshape(9)),
        ("slices", true, |a, b| a.slice_by(1, 2, 2, -2) * b.slice(1, 0..2)),
        ("pad and concat", true, |a, b| Expr::concat(&[a.pad(0, 1, 0), b], 0).powi(2)),
        ("stack", true, |a, b| Expr::stack(&[a, b * a], 1)),
        ("the same twice", true, |a, b| Expr::concat(&[a, a], 0).sum(1) * Expr::concat(&[b.matmul(b), b], 0).at(1, 0)),
        ("matmul", true, |a, b| a.matmul(b)),
        ("matrix times vector", true, |a, b| a.matmul(b.at(1, 0))),
        ("triangles and diagonals", true, |a, b| a.tril(0).sum(1) + b.diag() + b.triu(1).sum(0) + a.trace()),
        // That a factor is 0 is not known.
        ("a triangle times a vector", false, |a, b| a.tril(0).matmul(b.diag())),
        ("diagonal matrix", true, |a, b| a.at(0, 0).diag_matrix() + b),
        ("cumsum", true, |a, b| a.cumsum(1) + b.cumsum(0)),
        ("cumprod", true, |a, b| a.cumprod(1) * b),
        ("prod", true, |a, b| a.prod(1) + b.prod(..)),
        ("largest", false, |a, b| a.max_of(0) * b.min_of(..)),
        ("softmax", true, |a, b| a.softmax(1) + b),
        ("log-sum-exp", true, |a, b| a.log_sum_exp(0) * b.norm()),
        ("scatter", false, |a, b| (a * b).sum(0).reshape(3)),
        ("solve", true, |a, b| (a + Expr::eye(3) * 9.0).solve(b)),
        ("triangular solves", true, |a, b| {
            let a = a + Expr::eye(3) * 9.0;
            a.solve_lower(b) + a.solve_upper(b.at(1, 0)).outer(b.at(0, 0).detach())
        }),
        ("inverse", true, |a, _| (a + Expr::eye(3) * 9.0).inverse()),
        ("det", true, |a, b| (a + Expr::eye(3) * 9.0).det() * b.at(0, 0) + (b + Expr::eye(3) * 9.0).log_det()),
        ("cholesky", false, |a, b| (a.matmul(a.t()) + Expr::eye(3)).cholesky() * b),
        ("select", false, |a, b| wengert::select(a.lt(b), a * a, b)),
        ("masks of indices", true, |a, b| {
            let shape = Shape::new([Axis::Fixed(3), Axis::Fixed(3)]);
            wengert::select(Expr::iota(shape, 0).lt(Expr::iota(shape, 1)), a * b, 0.0)
        }),
    ];
    for &(name, exact, f) in cases {
        check_pattern(name, &traced(["a[3,3]", "b[3,3]"], |[a, b]| f(a, b)), &[&[3, 3], &[3, 3]], exact);
    }
}

#[test]
fn patterns_of_loops() {
    // A step shifts the state: exact step by step.
    let shifted = traced(["h[4]", "x[3]"], |[h, x]| {
        let (h, all) = scan(h, x, |h: Expr, x: Expr| {
            let h = Expr::concat(&[x.reshape(1), h.slice(0, 0..3)], 0);
            (h, h.sum(..))
        });
        (h, all)
    });
    check_pattern("a scan", &shifted, &[&[4], &[3]], true);
    let recurrent = traced(["h[2]", "x[3,2]"], |[h, x]| wengert::Scan::over(x).reverse().run(h, |h, x| ((h * x).sin(), ())).0);
    check_pattern("a scan from the end", &recurrent, &[&[2], &[3, 2]], true);
    let chosen = traced(["a[2]", "b[2]"], |[a, b]| cond(a.sum(..).gt(b.sum(..)), || a * a, || a * b));
    check_pattern("a choice", &chosen, &[&[2], &[2]], false);
    let looped = traced(["x[3]", "y[3]"], |[x, y]| {
        let turn = |x: Expr| Expr::concat(&[x.slice(0, 1..3), x.slice(0, 0..1)], 0);
        let start = (x, y.sum(..) * 0.0);
        let (x, _) = while_loop(start, |(_, n): (Expr, Expr)| n.lt(2.0), |(x, n)| (turn(x) * 0.5, n + 1.0));
        x
    });
    // How often it turns nobody knows: every number may depend on each.
    let pattern = looped.jacobian_sparsity().unwrap();
    assert!((0..3).all(|i| (0..3).all(|j| pattern.place(i, j).is_some())));
}

#[test]
fn indices_are_given() {
    let f = traced(["x[n]", "w[n]", "i[m]: index"], |[x, w, i]| (x.gather(i, 0) * w.gather(i, 0), (x * w).gather(i, 0).sum(..)));
    let error = f.sparse_jacobian().unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("`Method::length`"), "{error}");
    let method = Method::new().length("n", 4).length("m", 3);
    let error = method.jacobian(&f).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("`Method::data`"), "{error}");
    assert!(error.location().is_some_and(|at| at.file().ends_with("sparse.rs")));
    let method = method.data("i", &[2.0, 0.0, 2.0]);
    let j = method.jacobian(&f).unwrap();
    let want = Sparsity::new(4, 8, [(0, 2), (0, 6), (1, 0), (1, 4), (2, 2), (2, 6), (3, 0), (3, 2), (3, 4), (3, 6)]).unwrap();
    assert_eq!(j.sparsity(), &want);
    let (x, w) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
    let got = dense(&j, &[&x, &w]);
    close("gathered", &got[..8], &[0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 3.0, 0.0], 0.0);
    close("summed", &got[24..], &[5.0, 0.0, 14.0, 0.0, 1.0, 0.0, 6.0, 0.0], 0.0);
    // Bad data.
    assert!(Method::new().length("k", 1).jacobian(&f).unwrap_err().is_name());
    assert!(Method::new().length("n", 4).length("m", 3).data("i", &[9.0, 0.0, 0.0]).jacobian(&f).unwrap_err().is_value());
    assert!(Method::new().length("n", 4).length("m", 3).data("i", &[0.5, 0.0, 0.0]).jacobian(&f).unwrap_err().is_value());
    assert!(Method::new().length("n", 4).length("m", 3).data("i", &[0.0]).jacobian(&f).unwrap_err().is_length());
    assert!(Method::new().length("n", 4).length("m", 3).data("x", &[0.0; 4]).jacobian(&f).unwrap_err().is_unsupported());
    assert!(Method::new().length("n", 4).length("m", 3).data("z", &[0.0; 4]).jacobian(&f).unwrap_err().is_name());
    let computed = traced("x[4]", |x| x.gather(x.argmax(0), 0));
    assert!(computed.sparse_jacobian().unwrap_err().is_unsupported());
    // A slice of indices that are given, in a loop.
    let g = traced(["x[5]", "i[3]: index"], |[x, i]| scan(x.at(0, 0), i, |c: Expr, i: Expr| (c * x.gather(i, 0), c)).1);
    let p = Method::new().data("i", &[4.0, 2.0, 1.0]).jacobian_sparsity(&g).unwrap();
    assert_eq!(p, Sparsity::new(3, 5, [(0, 0), (1, 0), (1, 4), (2, 0), (2, 2), (2, 4)]).unwrap());
}

#[test]
fn lengths_go_into_bodies() {
    let f = traced(["h[d]", "x[t,d]"], |[h, x]| {
        let (last, all) = scan(h, x, |h: Expr, x: Expr| ((h * x).tanh(), h.sum(..)));
        (("last", last), ("all", all), ("mean", x.mean(..)))
    });
    let fixed = f.with_lengths([("d", 2), ("t", 3)]).unwrap();
    let x = [noise(&[2], 1), noise(&[3, 2], 2)];
    assert_eq!(fixed.run(&x).unwrap(), f.run(&x).unwrap());
    let shapes: Vec<String> = fixed.inputs().iter().map(|group| group.shape().to_string()).collect();
    assert_eq!(shapes, ["[2]", "[3,2]"]);
    let f = fixed.only(["last", "all"]).unwrap();
    check_pattern("a scan of fixed length", &f, &[&[2], &[3, 2]], true);
    assert!(fixed.only(["last", "last"]).unwrap_err().is_name());
    assert!(fixed.only([""; 0]).unwrap_err().is_name());
    assert!(fixed.only(["first"]).unwrap_err().is_name());
    let open = traced("x[n]", |x| x * x);
    assert!(open.with_lengths([("m", 2)]).unwrap_err().is_name());
    assert!(open.with_lengths([("n", 2), ("n", 3)]).unwrap_err().is_shape());
}

#[test]
fn derivatives_of_ones_own() {
    struct Pair;
    impl wengert::rules::CustomRule for Pair {
        fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
            vec![x[0] * x[0] + x[1].floor(), x[1].sin()]
        }
        // The floor's derivative as if it were its operand; what is differentiated by is the rule's matter.
        fn jvp<T: Real>(&self, x: &[T], _: &[T], t: &[T]) -> Vec<T> {
            vec![x[0] * t[0] * wengert::lit(2.0) + t[1], x[1].cos() * t[1]]
        }
    }
    let f = traced(("x", 3), |x| {
        let y = wengert::rules::custom_rule(&Pair, &[x[0] * x[2], x[1]]);
        vec![y[0] * x[1], y[1]]
    });
    let x = [0.5, -1.25, 2.0];
    let want = f.jacobian().unwrap().eval(&x).unwrap();
    for compress in [Compress::Auto, Compress::Columns, Compress::Rows, Compress::Both] {
        let j = Method::new().compress(compress).jacobian(&f).unwrap();
        assert_eq!(j.sparsity(), &Sparsity::new(2, 3, [(0, 0), (0, 1), (0, 2), (1, 1)]).unwrap());
        close("a rule", &dense(&j, &[&x]), &want, 1e-13);
    }
    let sum = traced(("x", 3), |x| Ok(f.eval(&x)?[0] + f.eval(&x)?[1]));
    let h = sum.sparse_hessian().unwrap();
    close("its Hessian", &dense(&h, &[&x]), &sum.hessian().unwrap().eval(&x).unwrap(), 1e-12);
    // Of arrays, in both modes, and computed again.
    let twice =
        |x: Expr| wengert::rules::custom_vjp(x, |x| x.slice(0, 0..2) * 1.0, |x, _, c: Expr| (x.slice(0, 0..2) * c).pad(0, 0, 1));
    let f = traced("x[3]", |x| twice(x) + wengert::rules::remat(x, |x: Expr| x.slice(0, 1..3).sin()));
    let want =
        f.jacobian_in(wengert::diff::Mode::Reverse).unwrap().run(&[Array::vector(x.to_vec())]).unwrap().into_arrays().remove(0);
    let j = Method::new().compress(Compress::Rows).jacobian(&f).unwrap();
    assert_eq!(j.sparsity(), &Sparsity::new(2, 3, [(0, 0), (0, 1), (1, 1), (1, 2)]).unwrap());
    close("arrays", &dense(&j, &[&x]), want.data(), 1e-13);
}

#[test]
fn hessians_of_arrays() {
    let n = 9;
    let f = traced(["x[9]", "c[8]"], |[x, c]| {
        let (a, b) = (x.slice(0, 0..8), x.slice(0, 1..9));
        (c * (b - a * a).powi(2) + (1.0 - a).powi(2)).sum(..)
    })
    .wrt(["x"])
    .unwrap();
    let (x, c) = (noise(&[n], 1), noise(&[n - 1], 2));
    let want = f.hessian().unwrap().run(&[x.clone(), c.clone()]).unwrap().into_arrays().remove(0);
    for (symmetric, colours) in [(Symmetric::Auto, 3), (Symmetric::Star, 3), (Symmetric::Acyclic, 2)] {
        let h = Method::new().symmetric(symmetric).hessian(&f).unwrap();
        assert_eq!((h.sparsity().len(), h.sweeps()), (3 * n - 2, (colours, 0)));
        close("array", &dense(&h, &[x.data(), c.data()]), want.data(), 1e-12);
    }
    // Two inputs, several of their numbers.
    let g = traced((("p", 2), "x[3]"), |(p, x)| (x * p[0]).sin().sum(..) + p[1] * x.at(0, 2));
    let h = g.sparse_hessian().unwrap();
    let p = [0.3, 0.7];
    let x = [0.2, -0.4, 0.9];
    let blocks = g.hessian().unwrap().run(&[Array::vector(p.to_vec()), Array::vector(x.to_vec())]).unwrap();
    let got = dense(&h, &[&p, &x]);
    let (pp, px, xx) = (&blocks[0], &blocks[1], &blocks[3]);
    for i in 0..5 {
        for j in 0..5 {
            let want = match (i < 2, j < 2) {
                (true, true) => pp.data()[2 * i + j],
                (true, false) => px.data()[3 * i + j - 2],
                (false, true) => px.data()[3 * j + i - 2],
                (false, false) => xx.data()[3 * (i - 2) + j - 2],
            };
            close("blocks", &[got[5 * i + j]], &[want], 1e-12);
        }
    }
}

#[test]
fn lagrangians() {
    let f = traced(["x[3]"], |[x]| (("cost", (x * x).sum(..).sin()), ("g", x * x.at(0, 0)), ("h", x.at(0, 1) * x.at(0, 2))));
    let l = f.lagrangian("cost").unwrap();
    let names: Vec<&str> = l.inputs().iter().map(|group| group.name()).collect();
    assert_eq!(names, ["x", "sigma", "lambda_g", "lambda_h"]);
    let (x, sigma, g, h) = ([0.5, -1.0, 2.0], [0.3], [1.0, 2.0, 3.0], [4.0]);
    let got = dense(&l.sparse_hessian().unwrap(), &[&x, &sigma, &g, &h]);
    // By the formulas: cos(s)·2·I − 4·sin(s)·x·xᵀ, and the constraints' constants.
    let s: f64 = x.iter().map(|v| v * v).sum();
    let constant = [[2.0, 2.0, 3.0], [2.0, 0.0, 4.0], [3.0, 4.0, 0.0]];
    for i in 0..3 {
        for j in 0..3 {
            let own = -4.0 * s.sin() * x[i] * x[j] + if i == j { 2.0 * s.cos() } else { 0.0 };
            close("lagrangian", &[got[3 * i + j]], &[0.3 * own + constant[i][j]], 1e-13);
        }
    }
    assert!(f.lagrangian("c").unwrap_err().is_name());
    assert!(f.lagrangian("g").unwrap_err().is_shape());
}

#[test]
fn many_inputs() {
    let n = 10_000;
    let f = traced(("x", n), |x| {
        let terms = x.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2));
        let mut outputs: Vec<Expr> = x.windows(3).map(|w| w[0] * w[1] - w[2]).collect();
        outputs.push(terms.reduce(|a, b| a + b).unwrap());
        outputs
    });
    let start = std::time::Instant::now();
    let pattern = f.jacobian_sparsity().unwrap();
    assert_eq!((pattern.len(), pattern.by_rows().starts.len()), (3 * (n - 2) + n, n));
    println!("a pattern of {} in {:?}", pattern.len(), start.elapsed());
    let objective = traced(("x", n), |x| Ok(f.eval(&x)?[n - 2]));
    let h = objective.hessian_lower().unwrap();
    println!("the Hessian's lower triangle, {}, in {:?}", h.sparsity().len(), start.elapsed());
    assert_eq!((h.sparsity().len(), h.sweeps().0), (2 * n - 1, 3));
    // A chain of many operations on one number.
    let chain =
        traced(("x", 3), |x| (0..50_000).fold([x[0], x[1]], |[a, b], k| if k % 2 == 0 { [a.sin(), b] } else { [a, b * 0.5] }));
    assert_eq!(chain.jacobian_sparsity().unwrap(), Sparsity::new(2, 3, [(0, 0), (1, 1)]).unwrap());
}

#[test]
fn edges_of_what_can_be() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<(SparseDerivative, wengert::compiled::CompiledSparse, wengert::compiled::CompiledTerms)>();
    // Nothing depends on anything.
    let f = traced(("x", 2), |x| [x[0].detach(), x[1].floor()]);
    let j = f.sparse_jacobian().unwrap();
    assert!(j.sparsity().is_empty() && j.eval(&[&[1.0, 2.0]]).unwrap().is_empty());
    j.compile().unwrap().call_into(&[&[1.0, 2.0]], &mut [&mut []]).unwrap();
    // Linear: no second derivative.
    assert!(traced(("x", 2), |x| x[0] + x[1]).hessian_lower().unwrap().sparsity().is_empty());
    // An output that is an input, the same twice.
    let f = traced(("x", 2), |x| [x[1], x[1], x[0] * x[1]]);
    for compress in [Compress::Columns, Compress::Rows, Compress::Both] {
        let j = Method::new().compress(compress).jacobian(&f).unwrap();
        close("the same", &dense(&j, &[&[3.0, 4.0]]), &[0.0, 1.0, 0.0, 1.0, 4.0, 3.0], 0.0);
    }
    // Single precision.
    let f = Function::trace_in(Width::F32, "x[3]", |x| x * x.at(0, 0)).unwrap();
    let j = f.sparse_jacobian().unwrap();
    let mut values = [0f32; 5];
    j.compile().unwrap().call_into(&[&[1f32, 2.0, 3.0]], &mut [&mut values]).unwrap();
    assert_eq!(values, [2.0, 2.0, 3.0, 1.0, 1.0]);
    assert!(j.compile().unwrap().call_into(&[&[1f64, 2.0, 3.0]], &mut [&mut [0.0; 5]]).is_err());
    // What does not fit.
    let j = traced(["x[2]", "y"], |[x, y]| x * y).sparse_jacobian().unwrap().compile().unwrap();
    let (x, y) = ([1.0, 2.0], [3.0]);
    assert!(j.call_into(&[&x], &mut [&mut [0.0; 4]]).unwrap_err().is_length());
    assert!(j.call_into(&[&x, &x], &mut [&mut [0.0; 4]]).unwrap_err().to_string().contains("`y` has 1 number"));
    assert!(j.call_into(&[&x, &y], &mut [&mut [0.0; 3]]).unwrap_err().to_string().contains("4 entries"));
    let none = j.call_into(&[&x, &y], &mut []).unwrap_err();
    let two = j.call_into(&[&x, &y], &mut [&mut [0.0; 2], &mut [0.0; 2]]).unwrap_err();
    for error in [none, two] {
        assert!(error.is_length() && error.location().is_some_and(|at| at.file().ends_with("sparse.rs")), "{error}");
    }
    assert!(traced("x[2]", |x| x).sparse_hessian().unwrap_err().is_shape());
    assert!(traced("x[2]", |x| x).wrt([""; 0]).unwrap().sparse_jacobian().unwrap_err().is_unsupported());
    assert!(Sparsity::new(2, 2, [(2, 0)]).unwrap_err().is_value());
}

/// The pattern of a rule is what its derivative reads.
#[test]
fn rules_and_rematerialisation() {
    let entries = |f: &Function| f.sparse_jacobian().unwrap().sparsity().len();
    let through = |x: Expr| wengert::rules::straight_through(x.round(), x);
    assert_eq!(entries(&Function::trace("x[4]", |x| through(x) * 2.0).unwrap()), 4);
    let rerun = Function::trace("x[4]", |x| wengert::rules::remat(x, |v| v * wengert::rules::stop_gradient(v.sum(..)))).unwrap();
    assert_eq!(entries(&rerun), 4);
}
