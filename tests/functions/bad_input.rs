//! What a user can get wrong in a trace comes back as an error that says where. What can be wrong about a call is in `wrong_calls`.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wengert::graph::Cond;
use wengert::{Error, Expr, Function, Options, Real, Width, aux, lit};

fn product() -> Function {
    Function::trace(["a", "b"], |[a, b]| a * b).unwrap()
}

/// The error, which is of a kind and says something.
#[track_caller]
pub fn fails<T>(result: Result<T, Error>, kind: impl Fn(&Error) -> bool, says: &str) -> Error {
    let error = result.err().expect("an error");
    assert!(kind(&error), "{error:?}");
    assert!(error.to_string().contains(says), "{error}");
    error
}

#[test]
fn names() {
    fails(Function::trace(["a", "a"], |[a, b]| a * b), Error::is_name, "two inputs are named `a`");
    fails(Function::trace([""], |[a]| a), Error::is_name, "does not name an input");
    fails(Function::trace(["1x"], |[a]| a), Error::is_name, "`1x`");
    fails(Function::trace("x", |x| (("y", x), ("y", x * x))), Error::is_name, "two outputs are named `y`");
    fails(product().wrt(["c"]), Error::is_name, "no input is named `c`; the inputs are a, b");
    fails(product().wrt(["a", "a"]), Error::is_name, "named twice");
    fails(product().input("c"), Error::is_name, "`c`");
    fails(product().output("loss"), Error::is_name, "no output is named `loss`; the outputs are y");
    fails(product().vmap("n", ["c"]), Error::is_name, "`c`");
    fails(product().vmap("n", ["a", "a"]), Error::is_name, "twice");
    fails(product().vmap("n", [""; 0]), Error::is_name, "vmap needs an input to map over");
    let rows = product().vmap("n", ["a"]).unwrap();
    for result in [rows.sum_of("n", ["z"]), rows.mean_of("n", ["z"])] {
        fails(result, Error::is_name, "no output is named `z`; the outputs are y");
    }
    fails(rows.mean_of("n", ["y", "y"]), Error::is_name, "twice");
    fails(rows.sum_of("n", [""; 0]), Error::is_name, "sum_of needs an output");
    for result in [rows.sum("m"), rows.mean("m"), rows.sum_of("m", ["y"]), rows.mean_of("m", ["y"])] {
        fails(result, Error::is_name, "axis `m`; there is `n`");
    }
    for result in [product().sum("n"), product().mean("n")] {
        fails(result, Error::is_name, "no axis `n`");
    }
    fails(rows.vmap("n", ["b"]), Error::is_name, "`n`");
}

#[test]
fn lengths() {
    let f = product();
    fails(f.eval(&[1.0]), Error::is_length, "2 numbers together, not 1");
    fails(f.eval(&[1.0; 3]), Error::is_length, "not 3");
    let interpreted = f.compile_with(Options::new().interpreted(true)).unwrap();
    for compiled in [&interpreted, &f.compile().unwrap()] {
        fails(compiled.call::<f64, 1>([1.0]), Error::is_length, "the inputs (a, b) have 2 elements together, not 1");
        fails(compiled.call::<f64, 1>([1.0; 3]), Error::is_length, "the inputs (a, b) have 2 elements together, not 3");
        let two = compiled.call::<f64, 2>([1.0, 2.0]);
        fails(two, Error::is_length, "the outputs (y) have 1 element together; there is room for 2");
        fails(compiled.call::<f64, 0>([1.0, 2.0]), Error::is_length, "room for 0");
        assert_eq!(compiled.call([3.0, 4.0]).unwrap(), [12.0]);
    }
}

#[test]
fn the_closest_name_and_the_callers_line() {
    let f = Function::trace((("weights", 2), "bias"), |(w, b)| ("loss", w[0] * w[1] + b)).unwrap();
    let line = line!() + 1;
    let error = fails(f.wrt(["wieghts"]), Error::is_name, "did you mean `weights`?); the inputs are weights, bias");
    assert_eq!(error.location().unwrap().line(), line);
    fails(f.wrt(["bais"]), Error::is_name, "no input is named `bais`; the inputs");
    fails(f.output("los"), Error::is_name, "no output is named `los` (did you mean `loss`?)");
    fails(f.input("q"), Error::is_name, "`q`; the inputs");
    let line = line!() + 2;
    for error in [
        f.eval(&[1.0]).unwrap_err(),
        f.vmap("n", ["b"]).err().unwrap(),
        f.vmap("n", ["bias"]).unwrap().sum_of("n", ["y"]).err().unwrap(),
        f.first_non_finite(&[]).unwrap_err(),
        f.linearize_at(&[0.0; 4]).err().unwrap(),
        product().wrt([""; 0]).unwrap().grad().err().unwrap(),
    ]
    .into_iter()
    .zip(line..)
    {
        assert_eq!(error.0.location().map(|at| at.line()), Some(error.1), "{}", error.0);
        assert!(error.0.location().unwrap().file().ends_with("bad_input.rs"));
    }
}

/// A function of arrays is compiled as any other; `eval` is for numbers in and out.
#[test]
fn arrays_where_single_numbers_are_wanted() {
    let f = Function::trace(["x[3]", "y"], |[x, y]| (x * y).sum(..)).unwrap();
    assert_eq!(f.compile().unwrap().call([1.0, 2.0, 3.0, 0.5]).unwrap(), [3.0]);
    let error = fails(f.eval(&[1.0, 2.0]), Error::is_unsupported, "takes functions of single numbers, and this one has arrays");
    assert!(error.to_string().contains(": use `run`") && error.location().unwrap().file().ends_with("bad_input.rs"), "{error}");
    let first = Function::trace(["x[n]"], |[x]| x.at(0, 0));
    fails(first, Error::is_shape, "outside of the shape [n]: the length of `n` is not known while tracing (`gather`");
}

#[test]
fn closures_may_fail() {
    let f = product();
    let g = Function::trace(["a", "b"], |[a, b]| {
        let y = f.eval(&[a + b, b])?;
        Ok((y[0], aux(("beside", a * b))))
    });
    assert_eq!(g.unwrap().eval(&[1.0, 2.0]).unwrap(), [6.0, 2.0]);
    let line = line!() + 1;
    let error = fails(Function::trace("a", |a| Ok(f.eval(&[a])?[0])), Error::is_length, "2 numbers together, not 1");
    assert_eq!(error.location().unwrap().line(), line);
    // What went wrong first is told.
    let old = stale();
    let both = Function::trace("a", |a| {
        let sum = a + old;
        Ok((sum, f.eval(&[a])?[0]))
    });
    fails(both, Error::is_trace, "another trace");
    // As a part of the results, and with the next trace unharmed.
    fails(Function::trace("a", |a| (a, f.output("z").map(|_| a))), Error::is_name, "`z`");
    assert_eq!(Function::trace("a", |a| Ok(a + 1.0)).unwrap().eval(&[1.0]).unwrap(), [2.0]);
}

#[test]
fn widths() {
    let (wide, narrow) = (product(), Function::trace_in(Width::F32, ["a", "b"], |[a, b]| a * b).unwrap());
    for options in [Options::new(), Options::new().interpreted(true)] {
        let [wide, narrow, rows] =
            [&wide, &narrow, &wide.vmap("n", ["a"]).unwrap()].map(|f| f.compile_with(options.clone()).unwrap());
        fails(wide.call::<_, 1>([1f32, 2.0]), Error::is_shape, "computes in f64, and is called with f32");
        fails(narrow.call::<_, 1>([1f64, 2.0]), Error::is_shape, "computes in f32, and is called with f64");
        fails(rows.call_into(&[&[1f32], &[2.0]], &mut [&mut [0.0]]), Error::is_shape, "computes in f64, and is called with f32");
        assert_eq!(narrow.call([3f32, 0.5]).unwrap(), [1.5]);
    }
}

/// A handle that outlives its trace.
fn stale() -> Expr {
    let kept = Cell::new(lit(0.0));
    Function::trace("x", |x| {
        kept.set(x);
        x
    })
    .unwrap();
    kept.get()
}

#[test]
fn handles_of_another_trace() {
    let old = stale();
    let line = line!() + 1;
    let error = fails(Function::trace("x", |x| x + old), Error::is_trace, "add: an operand is a handle of another trace");
    assert_eq!(error.location().unwrap().line(), line);
    assert!(error.location().unwrap().file().ends_with("bad_input.rs"));
    fails(Function::trace("x", |_| old), Error::is_trace, "the function's result");
    // From the outer trace in the inner one.
    let outer = Function::trace("x", |x| {
        fails(Function::trace("y", |y| x * y), Error::is_trace, "mul");
        x * x
    });
    assert_eq!(outer.unwrap().eval(&[3.0]).unwrap(), [9.0]);
    // Constants belong to no trace.
    let constant = Cell::new(Expr::Const(0.0));
    Function::trace("x", |x| {
        constant.set(Expr::lit(2.0) * 3.0);
        x
    })
    .unwrap();
    assert_eq!(Function::trace("x", |x| x * constant.get()).unwrap().eval(&[2.0]).unwrap(), [12.0]);
}

#[test]
fn an_operator_without_a_trace_names_both_lines() {
    let kept = Cell::new(Expr::Const(0.0));
    let made = line!() + 1;
    let f = Function::trace("x", |x| {
        kept.set(x);
        x
    });
    assert!(f.is_ok());
    let old = kept.get();
    let used = line!() + 1;
    let panic = catch_unwind(AssertUnwindSafe(|| old * 2.0)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains(&format!("bad_input.rs:{made}")), "{message}");
    assert!(message.contains(&format!("mul at tests/functions/bad_input.rs:{used}")), "{message}");
    assert_eq!(product().eval(&[2.0, 3.0]).unwrap(), [6.0]);
}

#[test]
fn equality_of_unknowns() {
    let line = line!() + 1;
    let error = fails(Function::trace(["a", "b"], |[a, b]| if a == b { a } else { b }), Error::is_trace, "`==` on two handles");
    assert_eq!(error.location().unwrap().line(), line);
    fails(Function::trace(["a"], |[a]| if a == lit(0.0) { a } else { a + 1.0 }), Error::is_trace, "select");
    // The same node, and constants, are known.
    assert!(Function::trace("a", |a| if a == a.max(a) { a } else { -a }).is_err());
    let known = Function::trace("a", |a| {
        #[allow(clippy::eq_op, reason = "that is the question")]
        let same = a == a;
        if same && lit::<Expr>(1.0) == lit(1.0) && lit::<Expr>(1.0) != lit(2.0) { a * 2.0 } else { a }
    });
    assert_eq!(known.unwrap().eval(&[3.0]).unwrap(), [6.0]);
    let _: fn(Expr, Expr) -> Cond = |a, b| a.eq(b);
}

#[test]
fn nothing_to_compute_or_to_differentiate() {
    fails(Function::trace("x", |_| Vec::<Expr>::new()), Error::is_unsupported, "no output");
    let several = Function::trace("x", |x| [x, x * x]).unwrap();
    fails(several.grad(), Error::is_unsupported, "not 2: mark others as auxiliary by `aux`, or use vjp or jacobian");
    fails(several.value_and_grad(), Error::is_unsupported, "value_and_grad");
    fails(several.hessian(), Error::is_unsupported, "one output number");
    let none: [&str; 0] = [];
    for f in [product().wrt(none).unwrap(), Function::trace(none, |[]| lit::<Expr>(1.0)).unwrap()] {
        for derivative in [f.grad(), f.jvp(), f.vjp(), f.jacobian(), f.hvp()] {
            fails(derivative, Error::is_unsupported, "no input to differentiate");
        }
    }
    let beside = Function::trace("x", |x| aux(x * x)).unwrap();
    fails(beside.grad(), Error::is_unsupported, "not 0");
    fails(beside.jvp(), Error::is_unsupported, "auxiliary");
    // A function without inputs can be run all the same.
    let constant = Function::trace(none, |[]| lit::<Expr>(2.0).sqrt()).unwrap();
    assert_eq!(constant.compile().unwrap().call([0.0; 0]).unwrap(), [2f64.sqrt()]);
}

#[test]
fn a_panic_in_the_closure_leaves_the_thread_usable() {
    for _ in 0..3 {
        let outer = catch_unwind(|| {
            Function::trace("x", |x| {
                let inner = catch_unwind(|| Function::trace("y", |y: Expr| -> Expr { panic!("in {y:?}") }));
                assert!(inner.is_err());
                // The outer trace goes on.
                let y = x.sin() * x;
                assert!(std::hint::black_box(false), "and then it fails too");
                y
            })
        });
        assert!(outer.is_err());
        assert_eq!(product().value_and_grad().unwrap().eval(&[2.0, 3.0]).unwrap(), [6.0, 3.0, 2.0]);
    }
    let goes_on = Function::trace("x", |x| {
        let _ = catch_unwind(|| Function::trace("y", |_| -> Expr { panic!() }));
        x + 1.0
    });
    assert_eq!(goes_on.unwrap().eval(&[1.0]).unwrap(), [2.0]);
}

#[test]
fn rows() {
    let f = Function::trace(("w", ("x", 2), "y"), |(w, x, y)| (x[0] * w + x[1] - y).powi(2)).unwrap();
    let map = f.vmap("n", ["x", "y"]).unwrap();
    let (mean, sum) = (map.mean("n").unwrap(), map.sum("n").unwrap());
    let interpreted = Options::new().interpreted(true);
    let (native, program) = (map.compile().unwrap(), map.compile_with(interpreted.clone()).unwrap());
    let (w, x, y) = ([2.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0]);
    let mut two = [0.0; 2];
    native.call_into(&[&w, &x, &y], &mut [&mut two]).unwrap();
    assert_eq!(two, [9.0, 64.0]);
    let call = |inputs: &[&[f64]], room: usize| {
        let [native, program] = [&native, &program].map(|f| f.call_into(inputs, &mut [&mut vec![0.0; room][..]]));
        assert_eq!(native.as_ref().err().map(Error::to_string), program.err().map(|error| error.to_string()));
        native
    };
    fails(call(&[&w, &x, &y[..1]], 2), Error::is_length, "`x` has 2 rows and `y` has 1");
    fails(call(&[&w, &x[..3], &y], 2), Error::is_length, "2 numbers a row");
    fails(call(&[&x, &x, &y], 2), Error::is_length, "the shared input `w` has 1 number, not 4");
    fails(call(&[&w, &x, &y], 3), Error::is_length, "room for 2 numbers, not 3");
    fails(call(&[&w, &x], 2), Error::is_length, "2 input slices and 1 output slice, where (w, x[2], y) -> (y) takes 3 and 1");
    call(&[&w, &[], &[]], 0).unwrap();
    for options in [Options::new(), interpreted] {
        let [mean, sum] = [&mean, &sum].map(|f| f.compile_with(options.clone()).unwrap());
        let (mut one, mut nothing) = ([7.0], [7.0]);
        mean.call_into(&[&w, &[], &[]], &mut [&mut one]).unwrap();
        sum.call_into(&[&w, &[], &[]], &mut [&mut nothing]).unwrap();
        assert!(one[0].is_nan());
        assert_eq!(nothing, [0.0]);
    }
}
