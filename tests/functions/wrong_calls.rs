//! Every entry point called wrongly: the error is of a kind, names the caller's line, says what to call instead where something else is meant, cuts
//! long names, and lists nothing twice.

use crate::bad_input::fails;
use std::panic::Location;
use std::time::Duration;
use wengert::{Array, Compiled, Error, Expr, Function, Options};

/// As [`fails`], with an error of the line that says so, or of the next one, where rustfmt puts a long argument.
#[track_caller]
fn here<T>(result: Result<T, Error>, kind: impl Fn(&Error) -> bool, says: &str) {
    let error = fails(result, kind, says);
    let (at, caller) = (error.location().unwrap_or_else(|| panic!("no line: {error}")), Location::caller());
    let near = (caller.line()..=caller.line() + 1).contains(&at.line());
    assert!(at.file() == caller.file() && near, "not at line {}: {error}", caller.line());
    let message = error.to_string();
    assert!(!LONG.iter().any(|c| message.contains(&c.repeat(61))), "{message}");
    assert!(message.len() < 2500, "{} bytes: {message}", message.len());
}

/// Letters of which names are made that are long.
const LONG: [&str; 4] = ["a", "b", "c", "n"];

/// Each engine: native code, the interpreter of plans, and what is made in the background.
fn engines(f: &Function, options: &Options) -> [Compiled; 3] {
    let all = [options.clone(), options.clone().interpreted(true), options.clone().background(true)];
    all.map(|options| f.compile_with(options).unwrap())
}

/// w·x₀ + x₁ − y, and a step of w.
fn line() -> Function {
    let f = Function::trace(("w", ("x", 2), "y"), |(w, x, y)| {
        let e = w * x[0] + x[1] - y;
        (("loss", e * e), ("next", w - 0.1 * e * x[0]))
    });
    f.unwrap()
}

/// The same for rows of an array.
fn lines() -> Function {
    let f = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| {
        let e = x.matmul(w) - y;
        (("loss", (e * e).mean(..)), ("next", w - 0.1 * x.t().matmul(e)))
    });
    f.unwrap()
}

#[test]
fn calls_of_numbers() {
    for f in engines(&line(), &Options::new()) {
        let (w, x, y) = ([1.0], [2.0, 3.0], [4.0]);
        here(f.call::<f64, 2>([1.0, 2.0]), Error::is_length, "the inputs (w, x[2], y) have 4 elements together, not 2");
        here(
            f.call::<f64, 1>([0.0; 4]),
            Error::is_length,
            "the outputs (loss, next) have 2 elements together; there is room for 1",
        );
        here(f.call::<f32, 2>([0.0; 4]), Error::is_shape, "computes in f64, and is called with f32");
        let (mut a, mut b) = ([0.0], [0.0]);
        let says = "2 input slices and 2 output slices, where (w, x, y) -> (loss, next) takes 3 and 2";
        here(f.call_into(&[&w, &x], &mut [&mut a, &mut b]), Error::is_length, says);
        // A group is one slice.
        here(f.call_into(&[&w, &x[..1], &x[1..], &y], &mut [&mut a, &mut b]), Error::is_length, "4 input slices");
        here(f.call_into(&[&w, &x, &y], &mut [&mut a]), Error::is_length, "3 input slices and 1 output slice, where");
        // Nor are all one.
        here(
            f.call_into(&[&[1.0, 2.0, 3.0, 4.0]], &mut [&mut [0.0; 2]]),
            Error::is_length,
            "1 input slice and 1 output slice, where",
        );
        here(f.call_into(&[&w, &y, &y], &mut [&mut a, &mut b]), Error::is_length, "the input `x` has 2 elements, not 1");
        here(f.call_into(&[&w, &x, &y], &mut [&mut a, &mut []]), Error::is_length, "the output `next` has 1 element, not 0");
        here(f.call_into::<f32>(&[&[1.0], &[2.0; 2], &[4.0]], &mut [&mut [0.0], &mut [0.0]]), Error::is_shape, "called with f32");
        here(f.with_lengths([("n", 3)]), Error::is_name, "no open axis is named `n`; there is none");
        here(f.with_threads(0), Error::is_value, "0 threads");
        f.call_into(&[&w, &x, &y], &mut [&mut a, &mut b]).unwrap();
        assert_eq!(a, [1.0]);
    }
}

#[test]
fn calls_of_rows() {
    let mapped = line().vmap("n", ["x", "y"]).unwrap();
    let (mean, x) = (mapped.mean("n").unwrap(), [2.0, 3.0, 4.0, 5.0]);
    for f in engines(&mapped, &Options::new()) {
        let (w, y) = ([1.0], [4.0, 5.0]);
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        here(
            f.call::<f64, 4>([0.0; 7]),
            Error::is_shape,
            "an axis is open, so that it is not known how many elements there are; use `call_into`",
        );
        here(f.call_into(&[&w, &x], &mut [&mut a, &mut b]), Error::is_length, "2 input slices and 2 output slices");
        // The rows of a group are neighbours in one slice.
        here(f.call_into(&[&w, &x[..2], &x[2..], &y], &mut [&mut a, &mut b]), Error::is_length, "(w, x[2], y)");
        here(f.call_into(&[&w, &x[..3], &y], &mut [&mut a, &mut b]), Error::is_length, "`x` has 2 numbers a row, and 3");
        here(f.call_into(&[&w, &x[..2], &y], &mut [&mut a, &mut b]), Error::is_length, "`x` has 1 row and `y` has 2");
        here(f.call_into(&[&y, &x, &y], &mut [&mut a, &mut b]), Error::is_length, "the shared input `w` has 1 number, not 2");
        here(f.call_into(&[&w, &x, &y], &mut [&mut a, &mut []]), Error::is_length, "`next` needs room for 2 numbers, not 0");
        here(f.call_into::<f32>(&[&[1.0], &[2.0; 4], &[4.0; 2]], &mut [&mut [], &mut []]), Error::is_shape, "called with f32");
        here(f.with_lengths([("m", 2)]), Error::is_name, "no open axis is named `m`; the open axes are n");
        here(f.with_lengths([("n", 2), ("n", 3)]), Error::is_name, "the open axis `n` is given two lengths, 2 and 3");
        here(f.with_threads(0), Error::is_value, "0 threads");
        let three = f.with_lengths([("n", 3)]).unwrap();
        here(three.call_into(&[&w, &x, &y], &mut [&mut a, &mut b]), Error::is_length, "`x` has 2 rows, not 3");
        let two = f.with_lengths([("n", 2), ("n", 2)]).unwrap();
        two.call_into(&[&w, &x, &y], &mut [&mut a, &mut b]).unwrap();
    }
    for f in engines(&mean, &Options::new()) {
        let (mut a, mut b) = ([0.0], [0.0; 2]);
        here(f.call::<f64, 2>([0.0; 7]), Error::is_shape, "use `call_into` or `run`");
        here(
            f.call_into(&[&[1.0], &x, &[4.0, 5.0]], &mut [&mut a, &mut b]),
            Error::is_length,
            "`next` needs room for 1 number, not 2",
        );
    }
}

#[test]
fn calls_of_arrays() {
    for f in engines(&lines(), &Options::new()) {
        let (w, x, y) = ([1.0, 2.0], [2.0, 3.0, 4.0, 5.0], [4.0, 5.0]);
        let (mut a, mut b) = ([0.0], [0.0; 2]);
        here(f.call::<f64, 3>([0.0; 8]), Error::is_shape, "use `call_into` or `run`");
        let says = "2 input slices and 2 output slices, where (w, x, y) -> (loss, next) takes 3 and 2";
        here(f.call_into(&[&w, &x], &mut [&mut a, &mut b]), Error::is_length, says);
        here(f.call_into(&[&w, &x, &y], &mut [&mut a]), Error::is_length, "1 output slice");
        here(f.call_into(&[&w, &x, &y], &mut [&mut a, &mut []]), Error::is_length, "`next` needs room for 2 numbers, not 0");
        here(
            f.call_into(&[&a, &x, &y], &mut [&mut [0.0], &mut b]),
            Error::is_shape,
            "`w` is declared as [2] and has 1 number, not 2",
        );
        here(f.call_into(&[&w, &x[..3], &y], &mut [&mut a, &mut b]), Error::is_shape, "no whole `n`, at 2 each");
        here(
            f.call_into(&[&w, &x, &y[..1]], &mut [&mut a, &mut b]),
            Error::is_shape,
            "`y` is declared as [n] and has 1 number, not 2",
        );
        here(f.call_into::<f32>(&[&[1.0; 2], &[], &[]], &mut [&mut [], &mut []]), Error::is_shape, "called with f32");
        here(f.with_lengths([("m", 2)]), Error::is_name, "no open axis is named `m`; the open axes are n");
        let three = f.with_lengths([("n", 3)]).unwrap();
        here(
            three.call_into(&[&w, &x, &y], &mut [&mut a, &mut b]),
            Error::is_shape,
            "`x` is declared as [n,2] and has 4 numbers, not 6",
        );
        f.call_into(&[&w, &x, &y], &mut [&mut a, &mut b]).unwrap();
    }
    // Of known lengths, by `call`: the same line, also of what is found on the way.
    let picked = Function::trace(["x[3]", "i: index"], |[x, i]| x.gather(i, 0)).unwrap();
    for f in engines(&picked, &Options::new()) {
        here(f.call::<f64, 1>([1.0; 3]), Error::is_length, "the inputs (x[3], i) have 4 elements together, not 3");
        here(f.call::<f64, 1>([1.0, 2.0, 3.0, 0.5]), Error::is_value, "the input `i` has the index 0.5");
        here(f.call_into(&[&[1.0, 2.0, 3.0], &[-1.0]], &mut [&mut [0.0]]), Error::is_value, "the input `i` has the index -1.0");
        assert_eq!(f.call([1.0, 2.0, 3.0, 2.0]).unwrap(), [3.0]);
    }
}

#[test]
fn lengths_that_slices_do_not_tell() {
    let f = Function::trace(["x[n,t]", "y[n,n]", "z[t,m]"], |[x, y, z]| (y.matmul(x) * 2.0).matmul(z).sum(..)).unwrap();
    for f in engines(&f, &Options::new()) {
        let (x, mut sum) = ([1.0; 6], [0.0]);
        // The elements of a square tell its axes.
        f.call_into(&[&x, &[1.0; 4], &[1.0; 3]], &mut [&mut sum]).unwrap();
        assert_eq!(std::mem::take(&mut sum[0]), 24.0);
        let says = "declared as [n,n] and has 5 numbers: there is no length of `n` for that";
        here(f.call_into(&[&x, &[1.0; 5], &[1.0; 3]], &mut [&mut sum]), Error::is_shape, says);
        here(f.with_lengths([("k", 2)]), Error::is_name, "no open axis is named `k`; the open axes are n, t, m");
        let known = f.with_lengths([("n", 2)]).unwrap();
        known.call_into(&[&x, &[1.0; 4], &[1.0; 3]], &mut [&mut sum]).unwrap();
        assert_eq!(sum, [24.0]);
    }
    let open = Function::trace(["x[n,t]"], |[x]| x.sum(..)).unwrap();
    for f in engines(&open, &Options::new()) {
        let says = "declared as [n,t] and has 6 numbers, which leaves its open axes undecided: give them with `Compiled::with_lengths`, or arrays to `run`";
        here(f.call_into(&[&[1.0; 6]], &mut [&mut [0.0]]), Error::is_shape, says);
        // So it is for numbers in one row, which `run` takes.
        let row = [("x", vec![1.0; 6])];
        here(f.run(&row), Error::is_shape, "an `Array` has a shape, and `with_lengths` gives lengths");
        let two = f.with_lengths([("n", 2)]).unwrap();
        assert_eq!(two.run(&row).unwrap()[0].data(), [6.0]);
        here(two.run([("x", vec![1.0; 5])]), Error::is_shape, "is given as 5 numbers: no whole `t`, at 2 each");
        let says = "is declared as [n,t] and is given as [3, 2], where `n` is 2 by `with_lengths`";
        here(two.run([("x", [[1.0; 2]; 3])]), Error::is_shape, says);
        assert_eq!(two.run([("x", [[1.0; 3]; 2])]).unwrap()[0].data(), [6.0]);
    }
    // Two inputs of which neither tells by itself how long its axes are.
    let pair = Function::trace(["p[n,d]", "q[k,d]"], |[p, q]| p.matmul(q.t())).unwrap();
    for f in engines(&pair, &Options::new()) {
        let f = f.with_lengths([("d", 2)]).unwrap();
        let y = f.run((("p", vec![1.0; 40]), ("q", vec![0.5; 6]))).unwrap();
        assert_eq!((y[0].shape(), y[0].data()[0]), (&[20, 3][..], 1.0));
    }
    // A loop over rows, too.
    let rows = Function::trace("x", |x| x * x).unwrap().vmap("n", ["x"]).unwrap().sum("n").unwrap();
    for f in engines(&rows, &Options::new()) {
        let three = f.with_lengths([("n", 3)]).unwrap();
        assert_eq!(three.run([("x", [1.0, 2.0, 3.0])]).unwrap()[0].data(), [14.0]);
        here(three.run([("x", [1.0, 2.0])]), Error::is_shape, "is given as 2 numbers, not 3, where `n` is 3 by `with_lengths`");
    }
    // An axis is listed once.
    let square = Function::trace(["y[n,n]"], |[y]| y.sum(..)).unwrap();
    for f in engines(&square, &Options::new()) {
        let huge = f.with_lengths([("n", 1 << 40)]).unwrap();
        let says = "the shape [n,n] with n = 1099511627776 is larger than any memory";
        here(huge.call_into(&[&[1.0; 4]], &mut [&mut [0.0]]), Error::is_limit, says);
    }
}

#[test]
fn overwriting() {
    let both = Function::trace(["w[2]", "v[3]", "i[2]: index"], |[w, v, i]| {
        (("next", w * 2.0), ("v2", v + 1.0), ("best", w.gather(i, 0)), ("two", [w.at(0, 0), w.at(0, 1)]))
    });
    let both = both.unwrap();
    let with = |pairs: &[(&str, &str)]| Options::new().overwrite(pairs.iter().copied());
    here(both.compile_with(with(&[("nxt", "w")])), Error::is_name, "no output is named `nxt` (did you mean `next`?)");
    here(both.compile_with(with(&[("next", "x")])), Error::is_name, "no input is named `x`; the inputs are w, v, i");
    here(
        both.compile_with(with(&[("next", "w"), ("next", "v")])),
        Error::is_shape,
        "`next` is [2] (Float), and the input `v` is [3]",
    );
    here(both.compile_with(with(&[("next", "w"), ("next", "w")])), Error::is_name, "`next` stands in two pairs");
    here(both.compile_with(with(&[("next", "w"), ("best", "w")])), Error::is_name, "`w` stands in two pairs");
    here(
        both.compile_with(with(&[("v2", "w")])),
        Error::is_shape,
        "the output `v2` is [3] (Float), and the input `w` is [2] (Float)",
    );
    here(both.compile_with(with(&[("next", "i")])), Error::is_shape, "and the input `i` is [2] (Index)");
    here(both.compile_with(with(&[("two", "w")])), Error::is_shape, "the output `two` is");
    for f in [line(), lines()] {
        for f in engines(&f, &with(&[("next", "w")])) {
            let numbers = f.inputs()[0].shape().rank() == 0;
            let (x, y) = ([2.0, 3.0, 4.0, 5.0], [4.0, 5.0]);
            let (x, y) = if numbers { (&x[..2], &y[..1]) } else { (&x[..], &y[..]) };
            let (mut loss, mut own) = ([0.0], [1.0, 2.0]);
            let w = if numbers { &mut own[..1] } else { &mut own[..] };
            // The overwritten input is given once.
            let says = "3 input slices and 2 output slices, where (x, y) -> (loss, next over w) takes 2 and 2";
            here(f.call_into(&[&[1.0, 2.0], x, y], &mut [&mut loss, &mut *w]), Error::is_length, says);
            here(f.call_into(&[x, y], &mut [&mut loss]), Error::is_length, "next over w");
            here(
                f.call_into(&[x, y], &mut [&mut loss, &mut []]),
                |e| e.is_length() || e.is_shape(),
                "the output `next` over `w`",
            );
            let mut three = [0.0; 3];
            // In the order of the inputs, which is not that of the outputs.
            here(
                f.call_into(&[x, y], &mut [&mut three, &mut loss[..0]]),
                |e| e.is_length() || e.is_shape(),
                "the output `next` over `w`",
            );
            assert_eq!(f.report().signature, "(x, y) -> (loss, next over w)");
            assert!(f.report().to_string().starts_with("(x, y) -> (loss, next over w): "), "{}", f.report());
            f.call_into(&[x, y], &mut [&mut loss, &mut *w]).unwrap();
        }
    }
    for f in engines(&line(), &with(&[("next", "w")])) {
        here(
            f.call::<f64, 2>([0.0; 4]),
            Error::is_unsupported,
            "`next` overwrites an input, which has one slice for both; use `call_into`",
        );
    }
    let sparse = Function::trace(("x", 2), |x| [x[0] * x[1], x[1]]).unwrap().sparse_jacobian().unwrap();
    here(sparse.compile_with(with(&[("y", "x")])), Error::is_unsupported, "overwrite");
}

#[test]
fn arguments_of_run() {
    let f = lines();
    let engines = (&f, f.compile().unwrap(), f.compile_with(Options::new().interpreted(true)).unwrap());
    let (w, x, y) = (Array::from([1.0, 2.0]), Array::from([[2.0, 3.0], [4.0, 5.0]]), Array::from([4.0, 5.0]));
    // By the function itself, and by plans.
    macro_rules! here_each {
        ($engines:expr; $arguments:expr, $kind:expr, $says:expr) => {{
            here($engines.0.run($arguments), $kind, $says);
            here($engines.1.run($arguments), $kind, $says);
            here($engines.2.run($arguments), $kind, $says);
        }};
    }
    here_each!(engines; [("w", &w), ("x", &x), ("z", &y)], Error::is_name, "no input is named `z`; the inputs are w, x, y");
    here_each!(engines; [("w", &w), ("w", &w), ("x", &x)], Error::is_name, "the input `w` is given twice");
    here_each!(engines; [("w", &w), ("x", &x)], Error::is_name, "no value is given for y; the inputs are w, x, y");
    here_each!(engines; [&w, &x], Error::is_length, "(w, x, y)");
    here_each!(engines; [&w, &x, &y, &y], Error::is_length, "(w, x, y)");
    here_each!(engines; [&w, &y, &x], Error::is_shape, "the input `x` is declared as [n,2] and is given as [2]");
    here_each!(engines; [&w, &x, &w.map(|_| 0.0), &y], Error::is_length, "(w, x, y)");
    here_each!(engines; [&y.map(|v| *v as f32); 3], Error::is_shape, "computes in f64, and is called with f32");
    let five = Array::from([1.0; 5]);
    here_each!(engines; [&w, &x, &five], Error::is_shape, "the input `y` is declared as [n] and is given as [5], where `n` is 2");
    // A group of numbers is one array, mapped one row after the other.
    let g = line().vmap("n", ["x", "y"]).unwrap();
    let engines = (&g, g.compile().unwrap(), g.compile_with(Options::new().interpreted(true)).unwrap());
    let (one, wide) = (Array::scalar(1.0), Array::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    here_each!(engines; [&one, &wide, &y], Error::is_shape, "the input `x` is declared as [n,2] and is given as [2, 3]");
    here_each!(engines; [&one, &y, &y, &y], Error::is_length, "(w, x, y)");
    let y = engines.1.run([&one, &x, &y]).unwrap();
    here(y.get("los"), Error::is_name, "no result is named `los` (did you mean `loss`?); the results are loss, next");
}

#[test]
fn limits() {
    for f in [line(), line().vmap("n", ["x"]).unwrap(), lines()] {
        let options = Options::new();
        here(f.compile_with(options.clone().time_limit(Duration::ZERO)), Error::is_limit, "the limit of `Options::time_limit`");
        here(f.compile_with(options.clone().threads(0)), Error::is_value, "0 threads: a call runs on one at least");
        here(f.compile_with(options.clone().threads(0).background(true)), Error::is_value, "0 threads");
        if cfg!(feature = "jit") {
            here(f.compile_with(options.clone().code_limit(1)), Error::is_limit, "the limit of `Options::code_limit`");
        }
        if !cfg!(feature = "threads") {
            here(f.compile_with(options.threads(2)), Error::is_unsupported, "feature `threads`");
        }
    }
    let flush = Options::new().flush_subnormals(true).background(true);
    here(line().compile_with(flush), Error::is_unsupported, "background: the interpreter does not flush");
    // What takes memory by its lengths is found by a call, the rest while compiling.
    let cubed = Function::trace(["x[n,n]"], |[x]| x.matmul(x).matmul(x).exp().sum(..)).unwrap();
    for f in engines(&cubed, &Options::new().memory_limit(10_000)) {
        f.call_into(&[&[1.0]], &mut [&mut [0.0]]).unwrap();
        here(f.call_into(&[&[1.0; 10_000]], &mut [&mut [0.0]]), Error::is_limit, "the limit of `Options::memory_limit`");
    }
    let long = Function::trace(("x", 8), |x| (0..900).fold(x[0], |y: Expr, k| y.sin() + x[k % 8] * y)).unwrap();
    let long = long.grad().unwrap();
    for options in [Options::new(), Options::new().interpreted(true), Options::new().background(true)] {
        assert!(long.compile_with(options.clone()).unwrap().workspace_bytes() > Some(8));
        here(long.compile_with(options.memory_limit(8)), Error::is_limit, "the limit of `Options::memory_limit`");
    }
}

#[test]
fn files_and_texts() {
    let f = line().compile().unwrap();
    let path = std::env::temp_dir().join(format!("wengert-wrong-{}.code", std::process::id()));
    here(f.save("/no/such/place/f.code"), Error::is_file, "/no/such/place/f.code cannot be written");
    let interpreted = line().compile_with(Options::new().interpreted(true)).unwrap();
    here(interpreted.save(&path), Error::is_file, "it is interpreted");
    // SAFETY: there is nothing to be run.
    let load = |path: &std::path::Path| unsafe { Compiled::load(path) };
    let error = fails(load(std::path::Path::new("/no/such/file")), Error::is_file, "/no/such/file");
    assert_eq!(error.location().unwrap().file(), file!());
    std::fs::write(&path, "no code").unwrap();
    let error = fails(load(&path), Error::is_file, "no file of this library");
    assert_eq!(error.location().unwrap().file(), file!());
    if cfg!(feature = "jit") {
        f.save(&path).unwrap();
        let read = load(&path).unwrap();
        here(read.clif(), Error::is_unsupported, "loaded from a file");
        here(read.assembly(), Error::is_unsupported, "loaded from a file");
        here(read.call::<f64, 2>([1.0]), Error::is_length, "the inputs (w, x[2], y) have 4 elements together, not 1");
        let late = line().compile_with(Options::new().background(true).time_limit(Duration::ZERO)).unwrap();
        here(late.wait(), Error::is_limit, "the limit of `Options::time_limit`");
        here(late.save(&path), Error::is_limit, "the limit of `Options::time_limit`");
    } else {
        here(f.clif(), Error::is_native, "feature `jit`");
        here(f.assembly(), Error::is_native, "feature `jit`");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn sparse_derivatives() {
    let f = Function::trace(("x", 3), |x| [x[0] * x[1], x[2]]).unwrap().sparse_jacobian().unwrap().compile().unwrap();
    let mut values = [0.0; 3];
    here(f.call_into(&[], &mut [&mut values]), Error::is_length, "0 input slices for (x[3])");
    here(f.call_into(&[&[1.0]], &mut [&mut values]), Error::is_length, "the input `x` has 3 numbers, not 1");
    here(f.call_into(&[&[1.0; 3]], &mut [&mut values[..2]]), Error::is_length, "has 3 entries, and there is room for 2");
    here(f.call_into(&[&[1.0; 3]], &mut [&mut [], &mut values]), Error::is_length, "2 output slices, where there is one");
    here(f.call_into(&[&[1f32; 3]], &mut [&mut [0.0; 3]]), Error::is_shape, "called with f32");
}

/// A name is given up to its sixtieth letter, and of many the first ones: `here` looks at what is said.
#[test]
fn long_names_and_many() {
    let [a, b, c, n] = LONG.map(|letter| letter.repeat(200));
    let beginning = format!("`{}…`", "a".repeat(60));
    let numbers = Function::trace((a.as_str(), (b.as_str(), 2)), |(x, w)| ((c.as_str(), w[0] * x), ("next", w[1] * x))).unwrap();
    let rows = numbers.vmap(n.as_str(), [a.as_str()]).unwrap();
    let arrays = Function::trace([format!("{a}[{n},2]"), format!("{b}[{n}]")], |v: [Expr; 2]| {
        ((c.as_str(), (v[0].sum(1) * v[1]).sum(..)), ("next", v[1] * 2.0))
    });
    let arrays = arrays.unwrap();
    for f in [&numbers, &rows, &arrays] {
        here(f.wrt(["z"]), Error::is_name, "no input is named `z`; the inputs are aaa");
        here(f.wrt([format!("{a}a")]), Error::is_name, &format!("is named {beginning} (did you mean {beginning}?)"));
        here(f.wrt([&a, &a]), Error::is_name, &beginning);
        here(f.output("z"), Error::is_name, "no output is named `z`; the outputs are ccc");
        here(f.vmap("m", ["z"]), Error::is_name, "`z`; the inputs are aaa");
        here(f.vmap("m", [&a, &a]), Error::is_name, &beginning);
        here(f.sum_of("m", [&c]), Error::is_name, "`ccc");
        here(f.mean("m"), Error::is_name, "axis `m`");
        here(f.eval(&[1.0]), |e| e.is_length() || e.is_unsupported(), "");
        here(f.run([("z", 1f64)]), Error::is_name, "no input is named `z`; the inputs are aaa");
        here(f.run([(&a, 1f64), (&a, 1.0)]), Error::is_name, "");
        here(f.run([1f64; 7]), Error::is_length, "7 values");
        here(f.run(vec![Array::new([1; 3], vec![0.0]).unwrap(); 2]), Error::is_shape, &beginning);
        let with = |output: &str, input: &str| Options::new().overwrite([(output, input)]);
        here(f.compile_with(with(&c, "z")), Error::is_name, "`z`");
        here(f.compile_with(with("z", &a)), Error::is_name, "`z`");
        here(f.compile_with(with(&c, &a).overwrite([(&c, &a)])), |e| e.is_name() || e.is_shape(), "`ccc");
        for g in engines(f, &Options::new()) {
            here(g.call::<f64, 1>([0.0; 99]), |e| e.is_length() || e.is_shape(), "");
            here(g.call_into::<f64>(&[], &mut []), Error::is_length, "0 input slices");
            here(g.call_into(&[&[0.0; 3], &[0.0; 7]], &mut [&mut [], &mut []]), |e| e.is_length() || e.is_shape(), "`");
            here(g.call_into(&[&[0.0; 4], &[0.0; 2]], &mut [&mut [], &mut []]), |e| e.is_length() || e.is_shape(), "`");
            here(g.call_into(&[&[0.0; 1], &[0.0; 2]], &mut [&mut [], &mut []]), |e| e.is_length() || e.is_shape(), "`");
            here(g.with_lengths([("z", 1)]), Error::is_name, "no open axis is named `z`");
            here(g.with_lengths([(&n, 1), (&n, 2)]), Error::is_name, "`nnn");
        }
    }
    // Of a hundred the first twelve, and how many more there are.
    let names: Vec<String> = (0..100).map(|k| format!("{}{k}", "a".repeat(70))).collect();
    let many =
        Function::trace(names.clone(), |v: Vec<Expr>| (("y", v.iter().copied().sum::<Expr>()), ("next", v[0] * 2.0))).unwrap();
    let short: Vec<String> = (0..100).map(|k| format!("x{k}")).collect();
    let others = Function::trace(short, |v: Vec<Expr>| v.iter().copied().sum::<Expr>()).unwrap();
    for f in [&many, &many.vmap("n", [&names[1]]).unwrap(), &others] {
        here(f.wrt(["z"]), Error::is_name, "… 88 more");
        here(f.vmap("m", ["z"]), Error::is_name, "… 88 more");
        here(f.run([("z", 1f64)]), Error::is_name, "… 88 more");
        here(f.run([1f64]), |e| e.is_length() || e.is_name(), "… 88 more");
        here(f.eval(&[1.0]), |e| e.is_length() || e.is_unsupported(), "");
        for g in engines(f, &Options::new()) {
            here(g.call_into(&[&[0.0]], &mut [&mut [0.0]]), Error::is_length, "… 88 more");
        }
    }
    for g in engines(&others, &Options::new()) {
        here(g.call::<f64, 1>([0.0; 7]), Error::is_length, "… 88 more) have 100 elements together, not 7");
    }
}

/// Rows of different lengths are no array, whatever numbers there are together.
#[test]
fn ragged_rows() {
    let f = lines();
    let given = [vec![1.0; 2], vec![1.0; 1]];
    here(f.run((("w", [1.0, 2.0]), ("x", given), ("y", [1.0, 2.0]))), Error::is_value, "row 1 has 1 number, row 0 has 2");
    let run = |x: Vec<Vec<f64>>| f.run((("w", [1.0, 2.0]), ("x", x), ("y", [1.0, 2.0])));
    fails(run(vec![vec![1.0; 2], vec![1.0; 3]]), Error::is_value, "the input `x`: row 1 has 3 numbers, row 0 has 2");
    fails(run(vec![vec![1.0; 3], vec![1.0; 1]]), Error::is_value, "row 1 has 1 number, row 0 has 3");
    fails(
        run(vec![vec![1.0; 2], vec![], vec![1.0; 2]]),
        Error::is_value,
        "the input `x`: some rows are empty, and others are not",
    );
    assert!(run(vec![vec![1.0; 2], vec![1.0; 2]]).is_ok());
    let cube = Function::trace("x[n,m,2]", |x| x.sum(..)).unwrap();
    let cube = |x: Vec<Vec<Vec<f64>>>| cube.run([("x", x)]);
    fails(cube(vec![vec![vec![1.0; 2]; 2], vec![vec![1.0; 2]]]), Error::is_value, "row 1 has 1 row, row 0 has 2");
    fails(
        cube(vec![vec![vec![1.0; 2]; 2], vec![vec![1.0; 2], vec![1.0]]]),
        Error::is_value,
        "row [1][1] has 1 number, row [0][0] has 2",
    );
    // A structure of numbers may have such lists.
    let form = vec![vec![0.0], vec![0.0, 0.0]];
    let f = Function::trace(("p", wengert::like(&form)), |p| p[1][0] * p[1][1] + p[0][0]).unwrap();
    assert_eq!(f.run([("p", &form)]).unwrap()[0].data(), [0.0]);
    let all = f.vmap("n", ["p"]).unwrap();
    assert_eq!(all.run([("p", vec![vec![vec![1.0], vec![2.0, 3.0]]; 2])]).unwrap()[0].data(), [7.0, 7.0]);
}
