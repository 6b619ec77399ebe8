//! Loops of unknown length with few states in memory: the bits of those that keep all turns, how often turns run, memory within the budget.

use super::checkpoints::{Result, bits, derivatives, numbers, published, same, same_in_all};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wengert::rules::{Opaque, custom_vjp};
use wengert::{Array, Expr, Function, Options, Scan, Shape, While, Width, cond};

/// As many as an axis is long.
fn length(x: Expr) -> Expr {
    (x * 0.0 + 1.0).sum(..)
}

/// Turns on arrays: products of matrices, and what is costly.
fn network(how: While) -> Result<Function> {
    Function::trace(["w[70,70]", "v[70]", "h[70]", "x[t]"], |[w, v, h, x]| {
        let turn = |(h, t): (Expr, Expr)| ((h.matmul(w) * 0.1 + v * (t * 0.1).cos()).tanh(), t + 1.0);
        let (last, _) = how.run((h, 0.0), |(_, t)| t.lt(length(x)), turn);
        (last * last).sum(..)
    })
}

/// Few numbers, which are one piece of code without checkpoints; the end depends on what is computed.
fn costly(how: While) -> Result<Function> {
    Function::trace(["a", "b", "x[t]"], |[a, b, x]| {
        let turn = |(c, t): (Expr, Expr)| {
            let next = cond(c.gt(0.2), || (c * b + t).sin(), || c * c * 0.5 - a);
            ((next * b).exp() * 0.3 + next * c, t + 1.0)
        };
        let (c, t) = how.run((a, 0.0), |(c, t)| t.lt(length(x)) & c.lt(1e9), turn);
        c * c + t * c
    })
}

/// What every turn multiplies and adds, where roundings are spared; nothing is costly.
fn sums(how: While) -> Result<Function> {
    Function::trace(["a", "b", "x[t]"], |[a, b, x]| {
        let ones = length(x);
        let turn = |(p, q, t): (Expr, Expr, Expr)| {
            let product = p * q;
            (product * 0.1 + a, q * 0.9 + p * b * 0.1 + product * 0.05, t + 1.0)
        };
        let (p, q, _) = how.run((a, b, 0.0), |(.., t)| t.lt(ones), turn);
        p + q
    })
}

/// A state that the adjoint does not read.
fn linear(how: While) -> Result<Function> {
    Function::trace(["a", "b[3]", "x[t]"], |[a, b, x]| {
        how.run((b * a, 0.0), |(_, t)| t.lt(length(x)), |(c, t)| (c * 0.5 + b, t + 1.0)).0.sum(..)
    })
}

/// A matrix in every turn.
fn small(how: While) -> Result<Function> {
    Function::trace(["m[3,3]", "b[3]", "x[t]"], |[m, b, x]| {
        let turn = |(c, t): (Expr, Expr)| (m.matmul(c).tanh() + b, t + 1.0);
        (how.run((b, 0.0), |(_, t)| t.lt(length(x)), turn).0 * b).sum(..)
    })
}

type Of = fn(While) -> Result<Function>;

const ALL: [(&str, Of); 5] = [("network", network), ("costly", costly), ("sums", sums), ("linear", linear), ("small", small)];

/// A loop without checkpoints, and what gives it some.
type Way = (&'static str, fn() -> While, fn(While) -> While);

const WAYS: [Way; 5] = [
    ("1", While::unbounded, |how| how.checkpoints(1)),
    ("2", While::unbounded, |how| how.checkpoints(2)),
    ("3 of a bound", || While::at_most(1000), |how| how.checkpoints(3)),
    ("bytes", While::unbounded, |how| how.checkpoint_bytes(6 * 71 * 8)),
    ("a bound that is hit", || While::at_most(4).keep_unfinished(), |how| how.checkpoints(2)),
];

#[test]
fn derivatives_have_the_bits_without_checkpoints() -> Result {
    for (name, of) in ALL {
        for (way, how, with) in WAYS {
            // Of what takes long.
            if name == "network" && !["2", "bytes"].contains(&way) {
                continue;
            }
            let derivatives = |f: &Function| derivatives(f, f.inputs()[1].name());
            let all = [derivatives(&of(with(how()))?)?, derivatives(&of(how())?)?];
            same_in_all(&format!("{name}, {way}"), all, &[0, 1, 2, 23])?;
        }
    }
    Ok(())
}

#[test]
fn samples_that_end_at_turns_of_their_own() -> Result {
    let f = |how: While| {
        Function::trace(["a", "x"], |[a, x]| {
            let (y, _) = how.run((x, 0.0), |(y, _)| y.lt(50.0), |(y, s): (Expr, Expr)| (y * (a + 1.1) + (y * 0.1).sin(), s + y));
            y * y
        })
    };
    for samples in [1, 4] {
        let derivative = |f: Function| f.value_and_grad()?.vmap("n", ["x"]);
        let (with, without) = (derivative(f(While::unbounded().checkpoints(3))?)?, derivative(f(While::unbounded())?)?);
        let x = [("a", vec![0.2]), ("x", (0..samples).map(|k| 0.5 + 7.0 * k as f64).collect())];
        for options in [Options::new(), Options::new().interpreted(true), Options::new().unroll(false)] {
            let [got, wanted] = [&with, &without].map(|f| f.compile_with(options.clone())?.run(x.clone()));
            let (got, wanted) = (got?, wanted?);
            for (got, wanted) in got.iter().zip(wanted.iter()) {
                assert_eq!(got.1.data(), wanted.1.data());
            }
        }
    }
    Ok(())
}

#[test]
fn loops_stand_in_loops() -> Result {
    let nested = |outer: While, inner: While| {
        Function::trace(["a", "x[t]", "z[m]"], |[a, x, z]| {
            let turn = |(c, t): (Expr, Expr)| {
                let inside = |(d, k): (Expr, Expr)| ((d + k * a).sin(), k + 1.0);
                let (d, _) = inner.run((c * t, 0.0), |(_, k)| k.lt(length(z)), inside);
                (d + c * 0.1, t + 1.0)
            };
            outer.run((a, 0.0), |(_, t)| t.lt(length(x)), turn).0
        })
    };
    let in_scan = |inner: While| {
        Function::trace(["a", "x[t]", "z[m]"], |[a, x, z]| {
            let step = |c: Expr, x: Expr| {
                let inside = |(d, k): (Expr, Expr)| ((d + k * a).sin(), k + 1.0);
                let (d, _) = inner.run((c * x, 0.0), |(_, k)| k.lt(length(z)), inside);
                (d + c * 0.1, d)
            };
            let (last, each) = Scan::over(x).checkpoints(2).run(a, step);
            last + each.sum(..)
        })
    };
    let (all, few) = (While::unbounded(), While::unbounded().checkpoints(3));
    let opens: [&[(&str, usize)]; 2] = [&[("t", 9), ("m", 8)], &[("t", 1), ("m", 5)]];
    let plain = nested(all, all)?;
    for (outer, inner) in [(few, all), (all, few), (few, few)] {
        let with = nested(outer, inner)?;
        same("nested", &with.value_and_grad()?, &plain.value_and_grad()?, &opens)?;
        same("nested, hvp", &with.hvp()?, &plain.hvp()?, &opens)?;
    }
    same("in a scan", &in_scan(few)?.value_and_grad()?, &in_scan(all)?.value_and_grad()?, &opens)
}

/// The first sweep back finds the states that the loop has left, the second has only the first of them.
#[test]
fn two_sweeps_go_back_over_one_loop() -> Result {
    for (name, of) in ALL {
        let twice = |how: While| -> Result<Function> {
            let g = of(how)?.vjp()?;
            let inputs: Vec<String> = of(how)?.inputs().iter().map(|x| format!("{}{}", x.name(), x.array_shape())).collect();
            Function::trace(inputs, |x: Vec<Expr>| {
                let first = g.eval(&[&x[..], &[1.0.into()]].concat())?;
                let second = g.eval(&[&x[..], &[first[0] * 0.3]].concat())?;
                Ok(first.into_iter().chain(second).fold(Expr::from(0.0), |sum, y| sum * 0.5 + (y * 1.5).sum(..)))
            })
        };
        let opens: [&[(&str, usize)]; 4] = [&[("t", 0)], &[("t", 1)], &[("t", 5)], &[("t", 17)]];
        same(name, &twice(While::unbounded().checkpoints(3))?, &twice(While::unbounded())?, &opens)?;
    }
    Ok(())
}

/// A loop of n turns whose body counts how often it runs: c ↦ c·a + 1, by an opaque function.
fn counted(how: While, count: &Arc<AtomicUsize>) -> Result<Function> {
    let count = count.clone();
    let turn = Opaque::new("turn", move |x, y| {
        count.fetch_add(1, Relaxed);
        y[0][0] = x[0][0] * x[1][0] + 1.0;
        Ok(())
    });
    Function::trace(["a", "n"], |[a, n]| {
        let body = |(c, t): (Expr, Expr)| {
            let value = |(c, a): (Expr, Expr)| turn.call(&[c, a], &[Shape::SCALAR])[0];
            (custom_vjp((c, a), value, |(c, a), _, y: Expr| (y * a, y * c)), t + 1.0)
        };
        how.run((1.0, 0.0), |(_, t)| t.lt(n), body).0
    })
}

#[test]
fn turns_run_half_as_often_again_as_published_at_most() -> Result {
    let states = [3, 4, 5, 6, 8, 10, 13, 20, 43, 100, 140, 1000];
    let lengths = [10, 11, 14, 17, 19, 23, 30, 43, 64, 100, 151, 229, 300, 1000, 3000, 5149, 10_000];
    for s in states {
        let count = Arc::new(AtomicUsize::new(0));
        let f = counted(While::unbounded().checkpoints(s), &count)?;
        for derivative in [f.wrt(["a"])?.value_and_grad()?, f.wrt(["a"])?.grad()?] {
            let code = derivative.compile()?;
            let mut results = vec![vec![0.0]; derivative.outputs().len()];
            for n in lengths {
                count.store(0, Relaxed);
                code.call_into(&[&[0.9], &[n as f64]], &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>())?;
                let (ran, fewest) = (count.load(Relaxed) as u128, published(n as u128, s as u128));
                assert!(2 * ran <= 3 * fewest, "{n} turns, {s} states: {ran} runs, {fewest} at best");
                let (mut c, mut wanted) = (1.0, 0.0);
                for _ in 0..n {
                    (c, wanted) = (c * 0.9 + 1.0, wanted * 0.9 + c);
                }
                let d = results.last().unwrap()[0];
                assert!((d - wanted).abs() < 1e-12 * wanted.abs(), "{n} turns, {s} states: {d}, not {wanted}");
            }
        }
        let cost = f.wrt(["a"])?.remat_cost(&[])?;
        assert_eq!((cost.checkpoint_bytes, cost.steps_again), (16 * s, 0));
    }
    Ok(())
}

#[test]
fn memory_is_within_the_budget() -> Result {
    let f = |how: While| {
        Function::trace(["w[64]", "h[64]", "x[t]"], |[w, h, x]| {
            how.run((h, 0.0), |(_, t)| t.lt(length(x)), |(h, t): (Expr, Expr)| ((h * w).tanh() + h * 0.1, t + 1.0)).0.sum(..)
        })
    };
    let (with, without) = (f(While::unbounded().checkpoint_bytes(100 * 65 * 8))?.wrt(["w"])?, f(While::unbounded())?.wrt(["w"])?);
    let derivatives: [fn(&Function) -> Result<Function>; 3] = [|f| f.value_and_grad(), |f| f.grad(), |f| f.hvp()];
    for derivative in derivatives {
        for t in [300, 1000] {
            let [with, without] = [&with, &without].map(|f| derivative(f).and_then(|f| bits(&f, &[&[("t", t)]], false)));
            let (with, without) = (with?, without?);
            assert_eq!(with.0, without.0);
            // Four to work in; as many of the adjoint; what a turn works in.
            assert!(with.1 < (100 + 4 + 20) * 65 * 8 + t * 8, "{} bytes", with.1);
        }
    }
    // Records take none of the limit.
    let least = Options::new().memory_limit(150 * 65 * 8);
    let x = [("w", numbers(64, 0.1)), ("h", numbers(64, 0.2)), ("x", vec![0.0; 1000])];
    let [with, without] = [&with, &without].map(|f| f.grad()?.compile_with(least.clone())?.run(x.clone()));
    assert!(with.is_ok());
    assert!(without.is_err_and(|error| error.to_string().contains("bytes of every turn")));
    Ok(())
}

#[test]
fn a_budget_has_room_for_a_state() -> Result {
    let f = |how: While| {
        Function::trace(["h[t]"], |[h]| {
            how.run((h, 0.0), |(_, t)| t.lt(5.0), |(h, t): (Expr, Expr)| (h.sin(), t + 1.0)).0.sum(..)
        })
    };
    for (how, message) in [
        (
            While::unbounded().checkpoint_bytes(99),
            "`checkpoint_bytes(99)` has no room for the state at the start, which takes 168 bytes",
        ),
        (
            While::at_most(9).checkpoint_bytes(99),
            "`checkpoint_bytes(99)` has no room for the state at the start, which takes 176 bytes",
        ),
        (While::unbounded().checkpoints(0), "`checkpoints(0)` has no room for the state at the start, which takes 168 bytes"),
    ] {
        let f = f(how)?;
        let error = f.grad()?.compile()?.run([("h", vec![0.5; 20])]).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().contains("online.rs"), "{error}");
        // A value needs none.
        assert!(f.compile()?.run([("h", vec![0.5; 20])]).is_ok());
    }
    // A smaller state has room.
    let few = f(While::unbounded().checkpoint_bytes(99))?.grad()?.compile()?;
    assert_eq!(few.run([("h", vec![0.5; 10])])?[0].data().len(), 10);
    Ok(())
}

#[test]
fn a_bound_that_is_hit_gives_no_number() -> Result {
    let f = |how: While| Function::trace(["a", "x"], |[a, x]| how.run(x, |x| x.gt(1.0), |x| x * a));
    let f = f(While::at_most(5).checkpoints(3))?.value_and_grad()?.compile()?;
    let hit: [f64; 3] = f.call([0.5, 100.0])?;
    assert!(hit.iter().all(|v| v.is_nan()));
    assert_eq!(f.call([0.5, 9.0])?, [0.5625, 4.0 * 0.125 * 9.0, 0.0625]);
    Ok(())
}

#[test]
fn text_holds_checkpoints() -> Result {
    for (_, how, with) in WAYS {
        let f = costly(with(how()))?.value_and_grad()?;
        let again: Function = f.to_string().parse()?;
        assert_eq!(again.to_string(), f.to_string());
        same("text", &again, &f, &[&[("t", 9)]])?;
    }
    for wrong in ["while[2,states]", "while[2,twice]", "while[2,states 3", "while[2,states -1]"] {
        let text = costly(While::unbounded().checkpoints(3))?.to_string().replace("while[2,states 3]", wrong);
        assert!(text.parse::<Function>().is_err(), "{wrong}");
    }
    Ok(())
}

#[test]
fn single_precision_counts_its_turns() -> Result {
    let f = |how: While| {
        Function::trace_in(Width::F32, ["a", "n"], |[a, n]| {
            how.run((a, 0.0), |(_, t): (Expr, Expr)| t.lt(n), |(c, t)| ((c * 1.1).sin(), t + 1.0)).0
        })
    };
    let [with, without] = [f(While::unbounded().checkpoints(4))?, f(While::unbounded())?].map(|f| f.wrt(["a"])?.value_and_grad());
    for n in [0.0, 1.0, 5.0, 3000.0] {
        let x = [("a", Array::from(0.7f32)), ("n", Array::from(n))];
        let [got, wanted] = [&with, &without].map(|f| f.as_ref().unwrap().compile()?.run(x.clone()));
        let (got, wanted) = (got?, wanted?);
        assert_eq!((got[0].data(), got[1].data()), (wanted[0].data(), wanted[1].data()));
    }
    Ok(())
}
