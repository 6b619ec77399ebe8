//! A limit of turns makes a loop that goes on an error of the loop's line, in every way to run it.

use wengert::{Array, Compiled, Error, Expr, Function, Options, Scan, While, cond, implicit::newton, while_loop};

fn variants(limit: usize) -> [Options; 4] {
    let own = Options::new().turn_limit(limit);
    let apart = own.clone().unroll(false);
    [own.clone(), own.interpreted(true), apart.clone(), apart.interpreted(true)]
}

/// All numbers of the results.
fn call(code: &Compiled, x: &[f64]) -> Result<Vec<f64>, Error> {
    Ok(code.run([("v", x)])?.iter().flat_map(|(_, y)| y.data().to_vec()).collect())
}

#[track_caller]
fn stops(code: &Compiled, x: &[f64], turns: &str, line: u32) {
    let error = call(code, x).unwrap_err();
    assert!(error.is_limit() && error.to_string().contains(turns), "{error}");
    assert_eq!(error.location().map(|at| at.line()), Some(line), "{error}");
}

/// Halves a number until it is at most 1, then counts another down to 0.
fn two_loops() -> (Function, [u32; 2]) {
    let mut lines = [0; 2];
    let f = Function::trace("v[2]", |v| {
        lines[0] = line!() + 1;
        let x = while_loop(v.at(0, 0), |x| x.gt(1.0), |x| x * 0.5);
        lines[1] = line!() + 1;
        let n = while_loop(v.at(0, 1), |n| n.ne(0.0), |n| n - 1.0);
        x.sin() + n
    });
    (f.unwrap(), lines)
}

#[test]
fn a_loop_that_goes_on_is_an_error_of_its_line() {
    let (f, [first, second]) = two_loops();
    for options in variants(100) {
        let code = f.compile_with(options).unwrap();
        // As many turns as are allowed, and one more.
        assert_eq!(call(&code, &[8.0, 100.0]).unwrap(), [1f64.sin()]);
        stops(&code, &[8.0, 101.0], "100 turns", second);
        stops(&code, &[f64::INFINITY, 3.0], "100 turns", first);
        stops(&code, &[f64::INFINITY, 0.5], "100 turns", first);
        // A call after that is as before.
        assert_eq!(call(&code, &[8.0, 100.0]).unwrap(), [1f64.sin()]);
    }
    for options in variants(0) {
        let code = f.compile_with(options).unwrap();
        assert_eq!(call(&code, &[1.0, 0.0]).unwrap(), [1f64.sin()]);
        stops(&code, &[1.0, 1.0], "0 turns", second);
    }
    // One turn is one turn.
    let code = f.compile_with(Options::new().turn_limit(1)).unwrap();
    stops(&code, &[1.0, 2.0], "after 1 turn,", second);
}

#[test]
fn so_it_is_with_checkpoints() {
    let mut line = 0;
    let f = Function::trace("v[2]", |v| {
        let few = While::unbounded().checkpoints(3);
        line = line!() + 1;
        let (x, _) = few.run((v.at(0, 0), v.at(0, 1)), |(_, n)| n.gt(0.0), |(x, n): (Expr, Expr)| ((x * 1.5).sin(), n - 1.0));
        x
    });
    let f = f.unwrap();
    for f in [f.clone(), f.grad().unwrap()] {
        for options in variants(20) {
            let code = f.compile_with(options).unwrap();
            assert!(call(&code, &[0.3, 20.0]).is_ok());
            stops(&code, &[0.3, 21.0], "20 turns", line);
            assert!(call(&code, &[0.3, 20.0]).is_ok());
        }
    }
}

#[test]
fn so_it_is_in_derivatives() {
    let (f, [first, second]) = two_loops();
    let jvp = f.jvp().unwrap().only(["t_y"]).unwrap();
    for options in variants(50) {
        for g in [f.value_and_grad().unwrap(), f.grad().unwrap(), f.hessian().unwrap()] {
            let code = g.compile_with(options.clone()).unwrap();
            let [x, n] = [4.0, 50.0];
            assert!(call(&code, &[x, n]).is_ok());
            stops(&code, &[f64::INFINITY, 3.0], "50 turns", first);
        }
        let code = f.value_and_grad().unwrap().compile_with(options.clone()).unwrap();
        stops(&code, &[4.0, 51.0], "50 turns", second);
        let code = jvp.compile_with(options).unwrap();
        let error = code.call_into(&[&[f64::INFINITY, 1.0], &[1.0, 0.0]], &mut [&mut [0.0]]).unwrap_err();
        assert_eq!(error.location().map(|at| at.line()), Some(first), "{error}");
    }
}

/// Loops in loops, in branches and in scans: the one that goes on is named, and those around it do not go on for that.
#[test]
fn loops_in_others() {
    let (mut outer, mut inner, mut other) = (0, 0, 0);
    let f = Function::trace("v[3]", |v| {
        outer = line!() + 1;
        let x = while_loop(
            [v.at(0, 0), v.at(0, 1)],
            |[n, _]: [Expr; 2]| n.ne(0.0),
            |[n, y]| {
                inner = line!() + 1;
                let y = while_loop(y, |y| y.gt(1.0), |y| y * 0.5);
                [n - 1.0, y + v.at(0, 1).sin()]
            },
        );
        let steps = Scan::steps(3).run(x[1], |c: Expr, ()| {
            let c = cond(
                v.at(0, 2).gt(0.0),
                || {
                    other = line!() + 1;
                    while_loop(c + v.at(0, 2), |y| y.gt(1.0), |y| y * 0.5)
                },
                || c.cos(),
            );
            (c, ())
        });
        steps.0
    });
    let f = f.unwrap();
    let limit = 1000;
    for g in [f.clone(), f.value_and_grad().unwrap()] {
        for options in variants(limit) {
            let code = g.compile_with(options).unwrap();
            assert!(call(&code, &[5.0, 9.0, 1.0]).is_ok());
            stops(&code, &[5.0, f64::INFINITY, -1.0], "turns", inner);
            stops(&code, &[5.0, 2.0, f64::INFINITY], "turns", other);
        }
        // Of the outer one, in whose turns the inner one ends.
        for options in variants(300) {
            stops(&g.compile_with(options).unwrap(), &[0.5, 3.0, -1.0], "300 turns", outer);
        }
    }
}

/// Samples end by themselves; the one that does not stops the batch.
#[test]
fn batches() {
    let (f, [first, second]) = two_loops();
    for g in [f.vmap("n", ["v"]).unwrap(), f.value_and_grad().unwrap().vmap("n", ["v"]).unwrap()] {
        for options in variants(20) {
            let code = g.compile_with(options).unwrap();
            let run = |x: &[f64]| code.run([("v", Array::new([x.len() / 2, 2], x.to_vec()).unwrap())]);
            run(&[8.0, 20.0, 3.0, 1.0, 1.0, 0.0]).unwrap();
            let line = |x: &[f64]| run(x).unwrap_err().location().map(|at| at.line());
            assert_eq!(line(&[8.0, 20.0, f64::INFINITY, 1.0, 1.0, 0.0]), Some(first));
            assert_eq!(line(&[8.0, 20.0, 3.0, 21.0, 1.0, 0.0]), Some(second));
        }
    }
}

/// The limit is part of what code is found by; the line is not: code that is shared names the line of each function.
#[test]
fn cached_code() {
    let made = || two_loops();
    let ((f, [first, _]), options) = (made(), || Options::new().cached(true));
    let short = f.compile_with(options().turn_limit(5)).unwrap();
    let long = f.compile_with(options().turn_limit(500)).unwrap();
    let free = f.compile_with(options()).unwrap();
    assert!(call(&long, &[1.0, 100.0]).is_ok() && call(&free, &[1.0, 1000.0]).is_ok());
    stops(&short, &[f64::INFINITY, 100.0], "5 turns", first);
    stops(&long, &[f64::INFINITY, 100.0], "500 turns", first);
    let here = line!() + 1;
    let again = Function::trace("v[2]", |v| while_loop(v.at(0, 0), |x| x.gt(1.0), |x| x * 0.5) + v.at(0, 1)).unwrap();
    let there = line!() + 1;
    let other = Function::trace("v[2]", |v| while_loop(v.at(0, 0), |x| x.gt(1.0), |x| x * 0.5) + v.at(0, 1)).unwrap();
    for (f, line) in [(again, here), (other, there)] {
        stops(&f.compile_with(options().turn_limit(7)).unwrap(), &[f64::INFINITY, 0.0], "7 turns", line);
    }
}

/// Saved code keeps its limit. A function that was read has no lines.
#[cfg(feature = "jit")]
#[test]
fn saved_code() {
    let (f, _) = two_loops();
    let path = std::env::temp_dir().join(format!("wengert-turns-{}", std::process::id()));
    for options in [Options::new(), Options::new().unroll(false)] {
        f.compile_with(options.turn_limit(9)).unwrap().save(&path).unwrap();
        // SAFETY: this test has just written it.
        let code = unsafe { Compiled::load(&path) }.unwrap();
        assert_eq!(call(&code, &[8.0, 9.0]).unwrap(), [1f64.sin()]);
        let error = call(&code, &[8.0, 10.0]).unwrap_err();
        assert!(error.is_limit() && error.to_string().contains("9 turns"), "{error}");
    }
    std::fs::remove_file(path).unwrap();
}

/// The loops of solvers count, too.
#[test]
fn solvers() {
    let mut line = 0;
    let f = Function::trace("v[1]", |v| {
        line = line!() + 1;
        newton(v.at(0, 0), |x| x * x - v.at(0, 0)).x
    });
    for g in [f.clone().unwrap(), f.unwrap().value_and_grad().unwrap()] {
        for options in variants(3) {
            let code = g.compile_with(options).unwrap();
            stops(&code, &[1e6], "3 turns", line);
        }
        assert!(call(&g.compile_with(Options::new().turn_limit(50)).unwrap(), &[1e6]).is_ok());
    }
}
