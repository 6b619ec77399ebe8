//! Errors of bodies that do not fit.

use wengert::{Error, Expr, Function, cond, scan, while_loop};

type Result<T> = std::result::Result<T, Error>;

/// An error of a body names the loop or the choice, and where what does not fit was made.
#[test]
fn mistakes_of_bodies_name_both_lines() {
    let check = |f: Result<Function>, first: u32, lines: &[u32]| {
        let error = f.unwrap_err();
        assert_eq!(error.location().map(|at| at.line()), Some(first), "{error}");
        let made = error.to_string().matches("made at").count();
        let named = lines.iter().all(|line| error.to_string().contains(&format!("made at tests/arrays/bodies.rs:{line}:")));
        assert!(made == lines.len() && named, "{error}, not {lines:?}");
    };
    let here = line!();
    let f = Function::trace(["x[2]"], |[x]| {
        while_loop(
            (1.0, x),
            |(c, _)| c.lt(9.0),
            |(c, x)| {
                let y = x * 2.0;
                (y * c, x)
            },
        )
        .1
    });
    check(f, here + 2, &[here + 7]);
    let here = line!();
    let f = Function::trace(["x[2]"], |[x]| {
        scan(x, x, |c: Expr, _| {
            let k = c.argmax(0);
            (k, ())
        })
        .0
    });
    check(f, here + 2, &[here + 3]);
    let here = line!();
    let f = Function::trace(["x[2]"], |[x]| {
        cond(
            x.sum(..).gt(0.0),
            || [x.sum(..), x.exp()],
            || {
                let all = x.sum(..);
                [all, x.argmax(0)]
            },
        )
    });
    check(f, here + 2, &[here + 4, here + 7]);
}
