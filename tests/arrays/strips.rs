//! Long arrays, whose stages run together strip by strip: the bits of the interpreter, on any number of threads, in little memory.

use proptest::prelude::*;
use wengert::graph::keep;
use wengert::{Array, Expr, Function, Options, Scalar, Width, aux, select};

#[cfg(feature = "threads")]
const THREADS: [usize; 3] = [1, 2, 3];
#[cfg(not(feature = "threads"))]
const THREADS: [usize; 1] = [1];

fn wave<T: Scalar>(n: usize, seed: usize) -> Vec<T> {
    (0..n).map(|k| T::lit(((k * 7 + seed * 131) as f64).sin() * 1.5)).collect()
}

fn bits<T: Scalar>(y: &[Array<T>]) -> Vec<Vec<u64>> {
    y.iter().map(|y| y.data().iter().map(|v| v.to_f64().to_bits()).collect()).collect()
}

/// One step of a program on values of the shape [n,m] with a number for each column; `k` chooses operands. All but the last
/// operation agree to the bit in native code and the interpreter.
fn step(op: usize, values: &[Expr], bias: Expr, factor: Expr, k: usize) -> Expr {
    let (x, y) = (values[k % values.len()], values[k / 7 % values.len()]);
    match op {
        0 => (x - y).tanh(),
        1 => (x * 0.5).tanh().exp() - y,
        2 => (x * y + bias).sin(),
        3 => x - y.max_of(keep(1)),
        4 => x * y.sum(keep(1)).tanh(),
        5 => x * bias - y.sum(0).tanh(),
        6 => (x - y).sum(..).tanh() * x,
        7 => x.softmax(1) - y,
        8 => (x.abs() + 2.5).ln() + y,
        9 => (x - y.max_of(..)).tanh().exp() * y,
        10 => x.t().cos().t() + y,
        11 => y.slice(1, 1..2) * x,
        12 => x.slice(1, 1..4).tanh().pad(1, 1, 0) + y,
        13 => x + select(x.gt(y), bias + x, y).sin(),
        _ => x.matmul(factor).tanh() - y,
    }
}

const PRODUCT: usize = 14;

fn program(width: Width, ops: &[(usize, usize)]) -> Function {
    let f = Function::trace_in(width, ["x[n,4]", "z[n,4]", "b[4]", "w[4,4]"], |[x, z, b, w]| {
        let mut values = vec![x, z];
        for &(op, k) in ops {
            values.push(step(op, &values, b, w, k));
        }
        let last = values[values.len() - 1];
        (("loss", (last * last).sum(..)), aux(("last", last)), aux(("rows", values[2].sum(1))), aux(("columns", last.sum(0))))
    });
    f.unwrap()
}

fn inputs<T: Scalar>(n: usize) -> [Array<T>; 4] {
    let matrix = |n: usize, m: usize, seed: usize| Array::new([n, m], wave(n * m, seed)).unwrap();
    [matrix(n, 4, 1), matrix(n, 4, 2), Array::vector(wave(4, 3)), matrix(4, 4, 4)]
}

fn with_gradient(f: Function) -> [Function; 2] {
    let g = f.wrt(["x", "b", "w"]).unwrap().value_and_grad().unwrap();
    [f, g]
}

/// On one thread, then on more.
fn native<T: Scalar>(f: &Function, fuse: bool, x: &[Array<T>]) -> Vec<Vec<Array<T>>> {
    let compiled = f.compile_with(Options::new().fuse(fuse)).unwrap();
    THREADS.iter().map(|&threads| compiled.with_threads(threads).unwrap().run(x).unwrap().into_arrays()).collect()
}

fn property<T: Scalar>(ops: &[(usize, usize)], n: usize) -> Result<(), TestCaseError> {
    let x = inputs::<T>(n);
    for f in with_gradient(program(T::WIDTH, ops)) {
        let expected = bits(f.run(&x).unwrap().arrays());
        for found in native(&f, false, &x) {
            prop_assert!(bits(&found) == expected, "{:?} over {} rows", ops, n);
        }
    }
    Ok(())
}

fn ops(below: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..below, 0usize..100), 2..9)
}

/// Enough rows for strips, whole ones or not.
fn rows() -> impl Strategy<Value = usize> {
    prop_oneof![Just(32_768), 20_000usize..50_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn strips_have_the_bits_of_the_interpreter(ops in ops(PRODUCT), n in rows()) {
        property::<f64>(&ops, n)?;
    }

    #[test]
    fn and_in_f32(ops in ops(PRODUCT), n in rows()) {
        property::<f32>(&ops, 2 * n)?;
    }

    /// A row of a product is the same in a strip and in the whole, which is what several threads may compute.
    #[test]
    fn products_do_not_depend_on_threads(ops in ops(PRODUCT + 4), n in rows()) {
        let x = inputs::<f64>(n);
        for f in with_gradient(program(Width::F64, &ops)) {
            let all = native(&f, true, &x);
            for (found, expected) in all[0].iter().zip(f.run(&x).unwrap().arrays()) {
                let scale = expected.data().iter().fold(1.0, |m: f64, v| m.max(v.abs()));
                let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * scale;
                prop_assert!(found.data().iter().zip(expected.data()).all(near), "{:?} over {} rows", ops, n);
            }
            for found in &all[1..] {
                prop_assert!(bits(found) == bits(&all[0]), "{:?} over {} rows", ops, n);
            }
        }
    }
}

/// What passes from stage to stage has memory for a strip alone.
#[test]
fn long_chains_take_little_memory() {
    const N: usize = 1_000_000;
    let x = Array::vector(wave::<f64>(N, 1));
    let log_sum_exp = |x: Expr| {
        let largest = x.max_of(..).detach();
        (x - largest).exp().sum(..).ln() + largest
    };
    let chain = |x: Expr| (0..6).fold(x, |y, _| (y.sin() * x).tanh() - y);
    let f: [(Function, usize); 3] = [
        (Function::trace(["x[n]"], |[x]| log_sum_exp(x)).unwrap(), 0),
        (Function::trace(["x[n]"], |[x]| chain(x)).unwrap(), 0),
        // The last value is read again when its sum is known.
        (Function::trace(["x[n]"], |[x]| chain(x) * chain(x).sum(..).tanh()).unwrap(), 0),
    ];
    for (f, arrays) in f {
        let compiled = f.compile_with(Options::new().fuse(false)).unwrap();
        let found = compiled.run(std::slice::from_ref(&x)).unwrap();
        assert!(bits(found.arrays()) == bits(f.run(std::slice::from_ref(&x)).unwrap().arrays()));
        let bytes = compiled.workspace_bytes().unwrap();
        assert!(bytes < arrays * 8 * N + 200_000, "{bytes} bytes\n{}", compiled.plan());
    }
}

/// A matrix of distances is there for a tile alone, where all that is asked for is which of them is smallest.
#[test]
fn places_of_the_smallest_take_little_memory() -> wengert::Result<()> {
    let (n, k) = (3001, 100);
    let f = Function::trace(["x[n,8]", "c[k,8]"], |[x, c]| ((c * c).sum(1) - x.matmul(c.t()) * 2.0).argmin(1))?;
    let x = [Array::new([n, 8], wave::<f64>(8 * n, 1))?, Array::new([k, 8], wave(8 * k, 2))?];
    let code = f.compile()?.with_lengths([("n", n), ("k", k)])?;
    assert_eq!(code.run(&x)?[0].data(), f.run(&x)?[0].data());
    assert!(code.workspace_bytes() < Some(8 * n * k / 2), "{:?}", code.workspace_bytes());
    Ok(())
}

/// An output that overwrites an input is not written before all strips have read what they need of it.
#[test]
fn steps_in_place() {
    const N: usize = 100_003;
    let step = Function::trace(["p[n]", "q[3]", "g[n]"], |[p, q, g]| {
        let y = (p.tanh() - g).sin() + q.sum(..);
        let next = (y * g).exp() - p;
        let moved = q + y.sum(..).tanh() * q.slice(0, 0..1);
        (("p", next), ("q", moved), ("norm", (next * next).sum(..)))
    })
    .unwrap();
    let compiled = step.compile_with(Options::new().fuse(false).overwrite([("p", "p"), ("q", "q")])).unwrap();
    let (p, q, g) = (wave::<f64>(N, 1), wave(3, 2), wave(N, 3));
    for threads in THREADS {
        let compiled = compiled.with_threads(threads).unwrap();
        let (mut found, mut norm) = ((p.clone(), q.clone()), [0.0]);
        let mut expected = vec![Array::vector(p.clone()), Array::vector(q.clone()), Array::vector(g.clone())];
        for _ in 0..3 {
            compiled.call_into(&[&g], &mut [&mut found.0, &mut found.1, &mut norm]).unwrap();
            let y = step.run(&expected).unwrap();
            assert!(
                bits(&[Array::vector(found.0.clone()), Array::vector(found.1.clone())]) == bits(&y.arrays()[..2]),
                "{threads} threads"
            );
            assert_eq!(norm[0].to_bits(), y[2].data()[0].to_bits());
            expected[..2].clone_from_slice(&y.arrays()[..2]);
        }
    }
}

/// Neighbours, rows of a band in other shapes, values that all strips read, and sums of what does not change.
#[test]
fn strips_read_what_is_not_their_own() {
    const N: usize = 150_000;
    let x = [Array::vector(wave::<f64>(N, 1)), Array::vector(wave(N - 1, 2))];
    let rosenbrock = |x: Expr| {
        let (a, b) = (x.slice(0, 0..N - 1), x.slice(0, 1..N));
        (100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)).sum(..)
    };
    type Case<'a> = (&'a str, &'a dyn Fn(Expr, Expr) -> Expr);
    let cases: [Case; 6] = [
        ("neighbours", &|x, z| rosenbrock(x.tanh() * z.sum(..).tanh())),
        ("neighbours of what is computed", &|x, z| ((x.sin() * x).exp().slice(0, 1..N) - z).tanh() * z),
        ("rows of two shapes", &|x, z| {
            let rows = (x.sin().reshape([N / 6, 6]) * 2.0).exp();
            rows.reshape([N / 3, 3]).sum(1).tanh().sum(..) * z
        }),
        ("a sum of what does not change", &|x, z| (x.exp().sin() + 0.0 * z.sum(..)).sum(..) * z.at(0, 3).broadcast_to(N).sum(..)),
        ("a matrix of pairs", &|x, z| {
            let (a, b) = (x.slice(0, 0..700).tanh(), z.slice(0, 0..700).exp());
            ((a.reshape([700, 1]) - b).sin().tanh() * a).sum(0) * b
        }),
        ("columns", &|x, _| {
            let rows = x.reshape([50, N / 50]);
            ((rows - rows.max_of(0)).exp() * rows).sin().sum(0)
        }),
    ];
    for (name, f) in cases {
        let f = Function::trace(["x[150000]", "z[149999]"], |[x, z]| f(x, z)).unwrap();
        let expected = bits(f.run(&x).unwrap().arrays());
        for found in native(&f, false, &x) {
            assert!(bits(&found) == expected, "{name}");
        }
        if f.output_nodes().all(|id| f.graph().node(id).shape().rank() == 0) {
            let g = f.grad().unwrap();
            let expected = bits(g.run(&x).unwrap().arrays());
            native(&g, false, &x).iter().for_each(|found| assert!(bits(found) == expected, "the gradient of {name}"));
        }
    }
}

/// What is added up over strips may take the place of what they read only when the last one has read it, and so may what is made of a
/// value that all of them read.
#[test]
fn updates_of_what_strips_read() {
    const N: usize = 400;
    let step = Function::trace(["p[400,400]", "q[400]", "r[400]", "x[400,400]"], |[p, q, r, x]| {
        let column = q.reshape([N, 1]);
        let next = (x * p.slice(0, 0..1)).tanh().exp() * x;
        (("p", next), ("q", (x * column).tanh().exp().sum(0)), ("r", (x * r).sin().sum(0)))
    });
    let step = step.unwrap();
    let pairs = [("p", "p"), ("q", "q"), ("r", "r")];
    let compiled = step.compile_with(Options::new().fuse(false).overwrite(pairs)).unwrap();
    let (p, q, r, x) = (wave::<f64>(N * N, 1), wave::<f64>(N, 2), wave::<f64>(N, 3), wave::<f64>(N * N, 4));
    let matrix = |x: &[f64]| Array::new([N, N], x.to_vec()).unwrap();
    let inputs = [matrix(&p), Array::vector(q.clone()), Array::vector(r.clone()), matrix(&x)];
    let expected = step.run(&inputs).unwrap();
    for threads in THREADS {
        let (mut p, mut q, mut r) = (p.clone(), q.clone(), r.clone());
        compiled.with_threads(threads).unwrap().call_into(&[&x], &mut [&mut p, &mut q, &mut r]).unwrap();
        assert!(bits(&[matrix(&p), Array::vector(q), Array::vector(r)]) == bits(expected.arrays()), "{threads} threads");
    }
}
