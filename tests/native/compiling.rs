//! Making native code: threads, limits, the cache, and what happens on a processor that there is no code for.

use crate::common::flat;
use wengert::compiled::Tier;
use wengert::{Array, Expr, Function, Options};

/// A few thousand operations, which are several native functions.
fn long(x: &[Expr], steps: usize) -> Expr {
    (0..steps).fold(x[0], |y, k| (y + x[k % x.len()] * (1.0 + k as f64 * 1e-3)).sin())
}

fn gradient(steps: usize) -> Function {
    Function::trace(("x", 8), |x| long(&x, steps)).unwrap().value_and_grad().unwrap()
}

fn bits(v: &[f64]) -> Vec<u64> {
    v.iter().map(|v| v.to_bits()).collect()
}

const POINT: [f64; 8] = [0.3, -1.2, 0.7, 2.5, -0.4, 0.0, 1.1, -2.0];

#[test]
fn any_number_of_threads_makes_the_same_code() {
    let g = gradient(1500);
    for tier in [Tier::Fast, Tier::Best] {
        // Cranelift's code is in several functions.
        let compile = |n: usize| g.compile_with(Options::new().tier(tier).vectors(128).compile_threads(n)).unwrap();
        let one = compile(1);
        assert!(one.report().functions > 5 && one.report().threads == 1);
        for n in [0, 2, 3, 64] {
            let other = compile(n);
            assert_eq!(one.report().code_bytes, other.report().code_bytes);
            assert!((1..=n.max(1)).contains(&other.report().threads));
            assert_eq!(bits(&flat(&one, &POINT).unwrap()), bits(&flat(&other, &POINT).unwrap()));
        }
    }
    // A single function is a matter of one thread.
    assert_eq!(gradient(20).compile_with(Options::new().compile_threads(2)).unwrap().report().threads, 1);
}

#[test]
fn too_much_code_is_an_error_that_names_the_limit() {
    let g = gradient(1500);
    for threads in [1, 2] {
        let error = g.compile_with(Options::new().code_limit(10_000).compile_threads(threads)).unwrap_err();
        assert!(error.is_limit());
        assert!(error.to_string().starts_with("the machine code has more than 10000 bytes, the limit of `Options::code_limit`"));
        assert_eq!(error.location().unwrap().file(), file!());
    }
    let bytes = g.compile().unwrap().report().code_bytes;
    assert!(g.compile_with(Options::new().code_limit(bytes)).is_ok());
}

#[test]
fn without_code_the_interpreter_runs() {
    let strange = Options::new().strange_processor(true);
    for steps in [3, 700] {
        let g = gradient(steps);
        let (native, interpreted) = (g.compile().unwrap(), g.compile_with(strange.clone()).unwrap());
        assert!(native.report().interpreted.is_none());
        assert!(interpreted.report().interpreted.is_some_and(|reason| reason.contains("processor")));
        assert!(interpreted.report().to_string().contains("interpreted: "));
        assert_eq!((interpreted.report().functions, interpreted.report().code_bytes), (0, 0));
        assert_eq!(bits(&flat(&native, &POINT).unwrap()), bits(&flat(&interpreted, &POINT).unwrap()));
        assert!(interpreted.call::<f64, 9>([1.0]).unwrap_err().is_length());
        assert!(interpreted.call::<f32, 9>([1.0f32; 8]).unwrap_err().is_shape());
    }
    // What the interpreter does not do is an error.
    assert!(gradient(3).compile_with(strange.flush_subnormals(true)).unwrap_err().is_native());
}

#[test]
fn without_code_rows_are_interpreted() {
    let f = Function::trace((["a", "b"], ["x", "y"]), |([a, b], [x, y])| (("loss", (a * x + b - y).exp()), ("e", a * x + b)));
    let map = f.unwrap().vmap("n", ["x", "y"]).unwrap().mean_of("n", ["loss"]).unwrap();
    let x: Vec<f64> = (0..23).map(|k| (k as f64 * 0.7).sin()).collect();
    let y: Vec<f64> = (0..23).map(|k| (k as f64 * 1.3).cos()).collect();
    let run = |options: Options| {
        let (mut loss, mut e) = ([0.0], [0.0; 23]);
        let rows = map.compile_with(options).unwrap();
        rows.call_into(&[&[0.3], &[-0.2], &x, &y], &mut [&mut loss, &mut e]).unwrap();
        (bits(&loss), bits(&e))
    };
    assert_eq!(run(Options::new()), run(Options::new().strange_processor(true)));
}

#[test]
fn without_code_arrays_are_interpreted() {
    let f = Function::trace(["w[3,4]", "x[n,3]"], |[w, x]| {
        let y = (x.matmul(w) + w.sum(0)).tanh();
        // Sums of rows, of columns and of all.
        (y.sum(0) + y.mean(..), y.t().sum(0) * y.sum(1), y.exp() * y.sum(..))
    });
    let f = f.unwrap();
    let wave = |shape: [usize; 2], s: f64| {
        Array::new(shape, (0..shape[0] * shape[1]).map(|k| (s * (1 + k) as f64).sin()).collect()).unwrap()
    };
    let inputs = [wave([3, 4], 0.7), wave([37, 3], 1.9)];
    let run = |options: Options| {
        let code = f.compile_with(options.clone()).unwrap();
        assert_eq!(code.report().interpreted.is_some(), options == Options::new().strange_processor(true));
        code.run(&inputs).unwrap().arrays().iter().map(|y| bits(y.data())).collect::<Vec<_>>()
    };
    assert_eq!(run(Options::new()), run(Options::new().strange_processor(true)));
}
