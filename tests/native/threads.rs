//! Calls on several threads: the bits of one thread, and of the interpreter. Without the feature `threads` there is one thread, and
//! the same tests compare native code, the interpreter and the order of sums that docs/numerics.md lays down.

use crate::common::sums::summed;
use proptest::prelude::*;
use wengert::compiled::Form;
use wengert::optim::Adam;
use wengert::{Array, Compiled, Expr, Function, Options, Scalar, Width, aux};

#[cfg(feature = "threads")]
const THREADS: [usize; 4] = [1, 2, 3, 4];
#[cfg(not(feature = "threads"))]
const THREADS: [usize; 1] = [1];

fn bits<T: Scalar>(v: &[T]) -> Vec<u64> {
    v.iter().map(|v| v.to_f64().to_bits()).collect()
}

fn wave<T: Scalar>(n: usize, seed: usize) -> Vec<T> {
    (0..n).map(|k| T::lit(((k * 7 + seed * 131) as f64).sin() * 1.5)).collect()
}

/// A network's loss for a row, summed, with its mean gradient, and two numbers for every row.
fn row_map(width: Width) -> Function {
    let f = Function::trace_in(width, (("w", 4), ("x", 3), "y"), |(w, x, y)| {
        let z = w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + w[3];
        let e = z.tanh() - y;
        (("loss", e * e), aux(("rows", [e, z.exp()])))
    });
    let g = f.unwrap().wrt(["w"]).unwrap().value_and_grad().unwrap();
    g.vmap("n", ["x", "y"]).unwrap().sum_of("n", ["loss"]).unwrap().mean_of("n", ["d_w"]).unwrap()
}

fn call_rows<T: Scalar>(n: usize, mut call: impl FnMut(&[&[T]], &mut [&mut [T]])) -> Vec<Vec<u64>> {
    let (w, x, y): (Vec<T>, _, _) = (wave(4, 1), wave(3 * n, 2), wave(n, 3));
    let (mut loss, mut dw, mut rows) = (vec![T::lit(7.0)], vec![T::lit(7.0); 4], vec![T::lit(7.0); 2 * n]);
    call(&[&w, &x, &y], &mut [&mut loss, &mut rows, &mut dw]);
    vec![bits(&loss), bits(&dw), bits(&rows)]
}

fn rows_property<T: Scalar>(n: usize) {
    let map = row_map(T::WIDTH);
    let interpreted = map.compile_with(Options::new().interpreted(true)).unwrap();
    let expected = call_rows::<T>(n, |x, y| interpreted.call_into(x, y).unwrap());
    for threads in THREADS {
        let compiled = map.compile_with(Options::new().threads(threads)).unwrap();
        assert_eq!(compiled.report().form, Form::Rows);
        let found = call_rows::<T>(n, |x, y| compiled.call_into(x, y).unwrap());
        assert_eq!(found, expected, "{n} rows on {threads} threads");
        let again = compiled.with_threads(1).unwrap();
        assert_eq!(call_rows::<T>(n, |x, y| again.call_into(x, y).unwrap()), expected);
    }
}

#[test]
fn rows_do_not_depend_on_threads() {
    for n in [1, 3, 255, 1023, 1024, 1025, 2048, 3000, 10_007, 20_481] {
        rows_property::<f64>(n);
    }
    for n in [1, 1024, 1031, 20_485] {
        rows_property::<f32>(n);
    }
}

#[test]
fn no_rows() {
    let f = Function::trace(["x"], |[x]| (("y", x.exp()), ("sum", x))).unwrap();
    let map = f.vmap("n", ["x"]).unwrap().sum_of("n", ["sum"]).unwrap();
    for threads in THREADS {
        let compiled = map.compile_with(Options::new().threads(threads)).unwrap();
        let mut sum = [7.0];
        compiled.call_into::<f64>(&[&[]], &mut [&mut [], &mut sum]).unwrap();
        assert_eq!(sum, [0.0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The order of sums is the one that is laid down, for any number of rows and threads.
    #[test]
    fn sums_have_the_order_of_the_manual(n in prop_oneof![1usize..3000, 100_000usize..140_000], seed in 0usize..100) {
        let f = Function::trace(["x"], |[x]| ("sum", x)).unwrap();
        let narrow = Function::trace_in(Width::F32, ["x"], |[x]| ("sum", x)).unwrap();
        let [map, narrow] = [f, narrow].map(|f| f.vmap("n", ["x"]).unwrap().sum("n").unwrap());
        let array = Function::trace(["x[n]"], |[x]| x.sum(..)).unwrap();
        let (x, y): (Vec<f64>, Vec<f32>) = (wave(n, seed), wave(n, seed));
        let expected = summed(&x).to_bits();
        for threads in THREADS {
            let options = Options::new().threads(threads);
            let (mut sum, mut sum32, mut whole) = ([0.0], [0.0], [0.0]);
            map.compile_with(options.clone()).unwrap().call_into(&[&x], &mut [&mut sum]).unwrap();
            narrow.compile_with(options.clone()).unwrap().call_into(&[&y], &mut [&mut sum32]).unwrap();
            array.compile_with(options).unwrap().call_into(&[&x], &mut [&mut whole]).unwrap();
            prop_assert_eq!([sum[0].to_bits(), whole[0].to_bits()], [expected; 2], "{} rows on {} threads", n, threads);
            prop_assert_eq!(sum32[0].to_bits(), summed(&y).to_bits(), "{} rows of f32 on {} threads", n, threads);
        }
        let interpreted = array.run([Array::vector(x)]).unwrap();
        prop_assert_eq!(interpreted[0].data()[0].to_bits(), expected);
    }
}

#[test]
fn long_bodies_are_shared_out() {
    let f = Function::trace(["a", "x"], |[a, x]| {
        let y = (0..400).fold(x, |y: Expr, k| (y * a + f64::from(k) * 1e-3).sin());
        (("y", y), ("sum", y * x))
    });
    let map = f.unwrap().vmap("n", ["x"]).unwrap().sum_of("n", ["sum"]).unwrap();
    let interpreted = map.compile_with(Options::new().interpreted(true)).unwrap();
    for n in [1, 1500] {
        let x: Vec<f64> = wave(n, 5);
        let mut expected = (vec![0.0; n], [0.0]);
        interpreted.call_into(&[&[1.1], &x], &mut [&mut expected.0, &mut expected.1]).unwrap();
        for threads in THREADS {
            // In one function of wide vectors, where there are such, and in several of Cranelift's.
            for options in [Options::new(), Options::new().vectors(128)] {
                let compiled = map.compile_with(options.clone().threads(threads)).unwrap();
                let mut found = (vec![0.0; n], [0.0]);
                compiled.call_into(&[&[1.1], &x], &mut [&mut found.0, &mut found.1]).unwrap();
                assert_eq!(
                    (bits(&found.0), bits(&found.1)),
                    (bits(&expected.0), bits(&expected.1)),
                    "{n}, {threads}, {options:?}"
                );
            }
        }
        #[cfg(feature = "jit")]
        {
            let narrow = map.compile_with(Options::new().vectors(128)).unwrap();
            assert!(narrow.report().functions > 1);
        }
    }
}

/// Array programs whose loops differ in what they keep, sum and share.
fn programs() -> Vec<(&'static str, Function)> {
    let of = |name, inputs: Vec<&'static str>, f: fn(&[Expr]) -> Expr| (name, Function::trace(inputs, |v| f(&v)).unwrap());
    vec![
        of("elementwise", vec!["x[n,m]", "b[m]", "s"], |v| (v[0] * v[2] + v[1]).sin() * v[0]),
        of("a sum of all numbers", vec!["x[n,m]", "b[m]", "s"], |v| (v[0] * v[0] * v[2] + v[1].sum(..)).sum(..)),
        of("a sum with a broadcast bias", vec!["x[n,m]", "b[m]", "s"], |v| ((v[0] + v[1]) * v[2]).exp().sum(..)),
        of("sums of rows", vec!["x[n,m]", "b[m]", "s"], |v| (v[0] * v[1] * v[2]).sum(1)),
        of("sums of columns", vec!["x[n,m]", "b[m]", "s"], |v| (v[0] * v[1] * v[2]).sum(0)),
        of("softmax", vec!["x[n,m]", "b[m]", "s"], |v| (v[0] * v[2] + v[1]).softmax(1)),
        of("a loss", vec!["x[n,m]", "b[m]", "s"], |v| ((v[0] * v[2] + v[1]).log_sum_exp(1)).mean(..)),
        of("a transposed factor", vec!["x[n,m]", "b[m]", "s"], |v| (v[0].t() * v[2]).exp() + v[0].t()),
    ]
}

fn run_arrays(compiled: &Compiled, inputs: &[Array<f64>]) -> Vec<Vec<u64>> {
    compiled.run(inputs).unwrap().arrays().iter().map(|y| bits(y.data())).collect()
}

#[test]
fn arrays_do_not_depend_on_threads() {
    for (name, f) in programs() {
        let scalar = f.output_nodes().all(|id| f.graph().node(id).shape().rank() == 0);
        let gradient = scalar.then(|| f.wrt(["x", "b"]).unwrap().value_and_grad().unwrap());
        for f in std::iter::once(f).chain(gradient) {
            let one = f.compile().unwrap();
            let plain = f.compile_with(Options::new().fuse(false).simplify(false)).unwrap();
            for (n, m) in [(0, 3), (1, 1), (3, 5), (1, 5000), (700, 40), (40, 2500), (30_000, 2)] {
                let x = Array::new([n, m], wave(n * m, 1)).unwrap();
                let inputs = [x, Array::vector(wave(m, 2)), Array::new([], vec![0.7]).unwrap()];
                let expected = run_arrays(&one, &inputs);
                let interpreted: Vec<_> = f.run(&inputs).unwrap().arrays().iter().map(|y| bits(y.data())).collect();
                assert_eq!(run_arrays(&plain, &inputs), interpreted, "{name} over {n}×{m}");
                for threads in THREADS {
                    let found = run_arrays(&one.with_threads(threads).unwrap(), &inputs);
                    assert_eq!(found, expected, "{name} over {n}×{m} on {threads} threads");
                }
            }
        }
    }
}

#[test]
fn products_do_not_depend_on_threads() {
    let f = Function::trace_in(Width::F32, ["a[n,k]", "b[k,m]"], |[a, b]| {
        let c = a.matmul(b);
        (("c", c), ("d", b.t().matmul(a.t())), ("e", c.matmul(c.t()).sum(..)))
    });
    let compiled = f.unwrap().compile().unwrap();
    for (n, k, m) in [(0, 3, 2), (1, 700, 900), (300, 70, 1), (130, 300, 65), (64, 784, 128), (700, 33, 10)] {
        let inputs = [Array::new([n, k], wave::<f32>(n * k, 1)).unwrap(), Array::new([k, m], wave(k * m, 2)).unwrap()];
        let run = |threads| {
            let y = compiled.with_threads(threads).unwrap().run(&inputs).unwrap();
            y.arrays().iter().map(|y| bits(y.data())).collect::<Vec<_>>()
        };
        let expected = run(1);
        for threads in THREADS {
            assert_eq!(run(threads), expected, "{n}×{k}×{m} on {threads} threads");
        }
    }
}

#[test]
fn steps_that_overwrite_and_bodies_do_not_depend_on_threads() {
    let step = Function::trace(["p[n]", "g[n]"], |[p, g]| {
        let p = (0..3).fold(p, |p: Expr, _| p - 0.1 * (p.tanh() + g * g));
        (("next", p), ("norm", (p * p).sum(..)))
    });
    let step = step.unwrap().compile_with(Options::new().overwrite([("next", "p")])).unwrap();
    let looped = Function::trace(["p[n]", "g[n]"], |[p, g]| {
        let turn = |(p, k): (Expr, Expr)| (p - 0.1 * (p.tanh() + g * g), k + 1.0);
        wengert::While::at_most(5).run((p, 0.0), |(_, k)| k.lt(4.0), turn).0
    });
    let looped = looped.unwrap().compile().unwrap();
    for n in [1, 1000, 50_001] {
        let (start, g): (Vec<f64>, Vec<f64>) = (wave(n, 1), wave(n, 2));
        let run = |threads: usize| {
            let (mut p, mut norm, mut end) = (start.clone(), [0.0], vec![0.0; n]);
            let step = step.with_threads(threads).unwrap();
            (0..3).for_each(|_| step.call_into(&[&g], &mut [&mut p, &mut norm]).unwrap());
            looped.with_threads(threads).unwrap().call_into(&[&p, &g], &mut [&mut end]).unwrap();
            [bits(&p), bits(&norm), bits(&end)]
        };
        let expected = run(1);
        for threads in THREADS {
            assert_eq!(run(threads), expected, "{n} numbers on {threads} threads");
        }
    }
}

#[test]
fn trainings_do_not_depend_on_threads() {
    use wengert::nn::{Init, Params, Rng, Training, dense, mse};
    let n = 3000;
    let (x, y): (Vec<f64>, Vec<f64>) = (wave(n * 20, 1), wave(n, 2));
    let run = |threads: usize| {
        let params = Params::new(&mut Rng::new(1), [("w[20,1]", Init::Uniform(0.5)), ("b[1]", Init::Zeros)]).unwrap();
        let loss = Function::trace((&params, ["x[n,20]", "y[n,1]"]), |(p, [x, y])| mse(dense(x, p["w"], p["b"]).tanh(), y));
        let mut training = Training::new(&loss.unwrap(), params, Adam::new(0.01)).unwrap().with_threads(threads).unwrap();
        let losses: Vec<f64> = (0..3).map(|_| training.step(&[&x, &y]).unwrap()).collect();
        (bits(&losses), bits(training.params().get("w").unwrap().data()))
    };
    let expected = run(1);
    THREADS.into_iter().for_each(|threads| assert_eq!(run(threads), expected, "{threads} threads"));
}

/// Several threads of the user's share one compiled function, each of whose calls takes several.
#[test]
fn calls_from_many_threads_at_once() {
    fn shared<T: Send + Sync>(v: T) -> T {
        v
    }
    let most = *THREADS.last().unwrap();
    let rows: Compiled = shared(row_map(Width::F64).compile_with(Options::new().threads(most)).unwrap());
    let expected = call_rows::<f64>(9_001, |x, y| assert!(rows.call_into(x, y).is_ok()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(call_rows::<f64>(9_001, |x, y| assert!(rows.call_into(x, y).is_ok())), expected);
                }
            });
        }
    });
    let f = Function::trace(["x[n]"], |[x]| x.exp().sum(..)).unwrap();
    let _: Compiled = shared(f.compile().unwrap());
}

#[test]
fn numbers_of_threads_that_cannot_be() {
    let f = Function::trace(["x"], |[x]| x.exp()).unwrap();
    let array = Function::trace(["x[n]"], |[x]| x.exp()).unwrap();
    let numbers = |threads| f.compile_with(Options::new().threads(threads)).map(|_| ());
    let rows = |threads| f.vmap("n", ["x"]).unwrap().compile_with(Options::new().threads(threads)).map(|_| ());
    let arrays = |threads| array.compile_with(Options::new().threads(threads)).map(|_| ());
    let later = |threads| array.compile().unwrap().with_threads(threads).map(|_| ());
    for error in [numbers(0), rows(0), arrays(0), later(0)].map(Result::unwrap_err) {
        assert!(error.is_value() && error.to_string().contains("0 threads"), "{error}");
    }
    for result in [numbers(2), rows(2), arrays(2), later(2)] {
        assert_eq!(result.is_ok(), cfg!(feature = "threads"));
        let named = |error: wengert::Error| error.is_unsupported() && error.to_string().contains("feature `threads`");
        assert!(result.err().is_none_or(named));
    }
}
