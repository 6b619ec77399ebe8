//! Scans, loops and choices: values, derivatives in both modes and of second order, batches, against the same unrolled.

use proptest::prelude::*;
use wengert::graph::Axis;
use wengert::{Array, Error, Expr, Function, Options, Scan, While, cond, lit, scan, select, while_loop};

type Result<T = ()> = std::result::Result<T, Error>;

/// Numbers by a formula.
fn numbers(n: usize, seed: f64) -> Vec<f64> {
    (0..n).map(|k| (seed + 1.7 * k as f64).sin() * 0.8).collect()
}

fn arrays(f: &Function, open: usize, seed: f64) -> Vec<Array<f64>> {
    let lengths = |group: &wengert::graph::InputGroup| -> Vec<usize> {
        let length = |axis: &Axis| match axis {
            Axis::Fixed(n) => *n,
            Axis::Open(_) => open,
        };
        group.shape().axes().iter().map(length).collect()
    };
    let array = |(k, group)| {
        let shape = lengths(group);
        Array::new(&shape, numbers(shape.iter().product(), seed + k as f64)).unwrap()
    };
    f.inputs().iter().enumerate().map(array).collect()
}

/// The interpreter's results, which native code must give to the bit (matrix products apart).
#[track_caller]
fn run(f: &Function, inputs: &[Array<f64>]) -> Vec<Vec<f64>> {
    let wanted: Vec<Vec<f64>> = f.run(inputs).unwrap().into_iter().map(|(_, y)| y.into_data()).collect();
    let code = f.compile_with(Options::new().fuse(false)).unwrap().with_lengths(lengths(f, inputs)).unwrap();
    let slices: Vec<&[f64]> = inputs.iter().map(Array::data).collect();
    let mut got: Vec<Vec<f64>> = wanted.iter().map(|y| vec![f64::NAN; y.len()]).collect();
    for _ in 0..2 {
        let mut outputs: Vec<&mut [f64]> = got.iter_mut().map(Vec::as_mut_slice).collect();
        code.call_into(&slices, &mut outputs).unwrap();
        for (got, wanted) in got.iter().zip(&wanted) {
            close(got, wanted, 1e-13);
        }
    }
    wanted
}

/// The lengths of open axes.
fn lengths<'f>(f: &'f Function, inputs: &[Array<f64>]) -> Vec<(&'f str, usize)> {
    let axes = f.inputs().iter().zip(inputs).flat_map(|(group, x)| group.shape().axes().iter().zip(x.shape()));
    let open = axes.filter_map(|(axis, &n)| match axis {
        Axis::Open(name) => Some((*name, n)),
        Axis::Fixed(_) => None,
    });
    open.collect()
}

#[track_caller]
fn close(got: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(got.len(), wanted.len());
    for (a, b) in got.iter().zip(wanted) {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()) || (a.is_nan() && b.is_nan()), "{got:?} is not {wanted:?}");
    }
}

/// A recurrent network over a sequence, by a scan or unrolled.
fn network(n: Option<usize>, unrolled: bool, over: fn(Expr) -> Scan<Expr>) -> Result<Function> {
    let x = n.map_or("x[t,2]".to_owned(), |n| format!("x[{n},2]"));
    let inputs = vec!["w[3,3]".to_owned(), "v[2,3]".into(), "h[3]".into(), x];
    Function::trace(inputs, |p| {
        let [w, v, h, x] = p[..] else { unreachable!() };
        let step = |h: Expr, x: Expr| {
            let next = (h.matmul(w) + x.matmul(v)).tanh();
            (next, (next * next).sum(..) + x.at(0, 0))
        };
        let (last, each) = if unrolled {
            let (mut h, mut each) = (h, vec![]);
            for k in 0..n.expect("unrolled over a known length") {
                let (next, y) = step(h, x.at(0, k));
                (h, each) = (next, [each, vec![y]].concat());
            }
            (h, if each.is_empty() { Expr::zeros(0) } else { Expr::stack(&each, 0) })
        } else {
            over(x).run(h, step)
        };
        // The derivative differs from step to step.
        let weights = (Expr::iota(each.shape(), 0) * 0.3).cos();
        (last * last).sum(..) + (each * weights).sum(..)
    })
}

fn derivatives(f: &Function) -> Result<Vec<Function>> {
    Ok(vec![
        f.clone(),
        f.value_and_grad()?,
        f.jvp()?,
        f.vjp()?,
        f.hvp()?,
        f.grad()?.vjp()?,
        f.jvp()?.jvp()?,
        f.wrt(["w"])?.value_and_grad()?,
        f.wrt(["x"])?.grad()?,
    ])
}

#[test]
fn a_scan_is_the_unrolled_loop_in_every_mode() -> Result {
    for n in [0, 1, 2, 5] {
        let unrolled = derivatives(&network(Some(n), true, Scan::over)?)?;
        let open = derivatives(&network(None, false, Scan::over)?)?;
        let fixed = derivatives(&network(Some(n), false, Scan::over)?)?;
        for ((unrolled, open), fixed) in unrolled.iter().zip(open).zip(fixed) {
            let inputs = arrays(unrolled, n, 0.3);
            let wanted = run(unrolled, &inputs);
            for f in [open, fixed] {
                for (got, wanted) in run(&f, &inputs).iter().zip(&wanted) {
                    close(got, wanted, 1e-12);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn segments_change_nothing_but_memory() -> Result {
    for n in [3, 4, 9, 11, 17] {
        let wanted = derivatives(&network(Some(n), false, Scan::over)?)?;
        let segments = derivatives(&network(Some(n), false, |x| Scan::over(x).segments())?)?;
        for (f, g) in wanted.iter().zip(segments) {
            let inputs = arrays(f, n, 0.1);
            for (got, wanted) in run(&g, &inputs).iter().zip(run(f, &inputs)) {
                close(got, &wanted, 1e-12);
            }
        }
    }
    Ok(())
}

#[test]
fn a_reverse_scan_reads_from_the_end() -> Result {
    let ways: [fn(Expr) -> Scan<Expr>; 2] = [|x| Scan::over(x).reverse(), |x| Scan::over(x).reverse().segments()];
    for way in ways {
        let f = Function::trace(["x[7]"], |[x]| way(x).run(0.0, |c, x| (c * 0.5 + x, c)))?;
        let x = numbers(7, 0.0);
        let mut c = 0.0;
        let mut before = vec![0.0; 7];
        for k in (0..7).rev() {
            before[k] = c;
            c = c * 0.5 + x[k];
        }
        let y = run(&f, &[Array::vector(x)]);
        close(&y[0], &[c], 1e-15);
        close(&y[1], &before, 1e-15);
        let g = Function::trace(["x[7]"], |[x]| way(x).run(0.0, |c, x| (c * 0.5 + x, ())).0)?.grad()?;
        let powers: Vec<f64> = (0..7).map(|k| 0.5f64.powi(k)).collect();
        close(&run(&g, &[Array::vector(vec![0.0; 7])])[0], &powers, 1e-15);
    }
    Ok(())
}

#[test]
fn what_is_carried_may_be_a_structure() -> Result {
    let f = Function::trace(["a", "x[n,2]", "i[n]: index"], |[a, x, i]| {
        let table = Expr::eye(3) * a;
        let ((s, [p, q]), (both, row)) = scan((0.0, [a, a * 2.0]), (x, i), |(s, [p, q]), (x, i)| {
            let s: Expr = s + x.sum(..) * p;
            ((s, [q, p]), (x * s, table.gather(i, 0)))
        });
        vec![("s".to_owned(), s), ("p".into(), p), ("q".into(), q), ("both".into(), both), ("row".into(), row)]
    })?;
    let x = Array::new([3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    let y = run(&f, &[Array::scalar(2.0), x, Array::vector(vec![2.0, 0.0, 1.0])]);
    assert_eq!(y[0], [3.0 * 2.0 + 7.0 * 4.0 + 11.0 * 2.0]);
    assert_eq!((&y[1][..], &y[2][..]), (&[4.0][..], &[2.0][..]));
    assert_eq!(y[3], [6.0, 12.0, 102.0, 136.0, 280.0, 336.0]);
    assert_eq!(y[4], [0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    Ok(())
}

#[test]
fn scans_nest() -> Result {
    let nested =
        Function::trace(["a", "x[n,m]"], |[a, x]| scan(1.0, x, |c, row| (scan(c, row, |c, x| ((c * a + x).sin(), ())).0, ())).0)?;
    let flat = Function::trace(["a", "x[6]"], |[a, x]| scan(1.0, x, |c: Expr, x| ((c * a + x).sin(), ())).0)?;
    for (nested, flat) in [(nested.value_and_grad()?, flat.value_and_grad()?), (nested.hvp()?, flat.hvp()?)] {
        let x = numbers(6, 0.4);
        let more = |shape: &[usize]| vec![Array::scalar(0.7), Array::new(shape, x.clone()).unwrap()];
        let inputs = |f: &Function, shape: &[usize]| [more(shape), more(shape)].concat()[..f.inputs().len()].to_vec();
        let wanted = run(&flat, &inputs(&flat, &[6]));
        for (got, wanted) in run(&nested, &inputs(&nested, &[2, 3])).iter().zip(wanted) {
            close(got, &wanted, 1e-13);
        }
    }
    Ok(())
}

#[test]
fn vmap_of_a_scan_is_a_loop_over_samples() -> Result {
    let f = network(None, false, Scan::over)?;
    for (g, names) in [
        (f.clone(), vec!["x"]),
        (f.wrt(["w", "x"])?.grad()?, vec!["x", "h"]),
        (f.wrt(["w"])?.grad()?, vec!["w"]),
        (f.clone(), vec!["h"]),
    ] {
        let batch = g.vmap("n", &names)?;
        let samples: Vec<Vec<Array<f64>>> = (0..3).map(|k| arrays(&g, 4, k as f64)).collect();
        let shared = &samples[0];
        let inputs: Vec<Array<f64>> = g
            .inputs()
            .iter()
            .enumerate()
            .map(|(slot, group)| {
                if !names.contains(&group.name()) {
                    return shared[slot].clone();
                }
                let data = samples.iter().flat_map(|sample| sample[slot].data().to_vec()).collect();
                Array::new([&[3], shared[slot].shape()].concat(), data).unwrap()
            })
            .collect();
        let got = run(&batch, &inputs);
        for k in 0..3 {
            let own: Vec<Array<f64>> = g
                .inputs()
                .iter()
                .enumerate()
                .map(|(slot, group)| if names.contains(&group.name()) { samples[k][slot].clone() } else { shared[slot].clone() })
                .collect();
            for (got, wanted) in got.iter().zip(run(&g, &own)) {
                let n = wanted.len();
                close(&got[k * n..(k + 1) * n], &wanted, 1e-13);
            }
        }
    }
    Ok(())
}

#[test]
fn a_while_loop_runs_as_long_as_its_condition_holds() -> Result {
    // Collatz' sequence, counted, and what it is worth to start with more.
    let f = Function::trace(["x", "scale"], |[x, scale]| {
        let (last, steps, weight) = while_loop(
            (x, 0.0, scale),
            |(x, ..)| x.gt(1.0),
            |(x, n, w): (Expr, Expr, Expr)| {
                let even = (x * 0.5).floor() * 2.0;
                (select(x.eq(even), x * 0.5, x * 3.0 + 1.0), n + 1.0, w * 1.5)
            },
        );
        (("last", last), ("steps", steps), ("weight", weight))
    })?;
    assert_eq!(run(&f, &[6.0.into(), 1.0.into()])[0], [1.0]);
    let g = Function::trace(["x", "scale"], |[x, scale]| {
        let y = f.eval(&[x, scale])?;
        Ok(("n", y[1]))
    })?;
    assert_eq!(run(&g, &[6.0.into(), 1.0.into()])[0], [8.0]);
    let w = Function::trace(["x", "scale"], |[x, scale]| Ok(f.eval(&[x, scale])?[2]))?;
    let t = w.wrt(["scale"])?.jvp()?;
    assert_eq!(run(&t, &[6.0.into(), 2.0.into(), 1.0.into()])[1], [1.5f64.powi(8)]);
    assert_eq!(run(&w.grad()?, &[6.0.into(), 2.0.into()])[1], [1.5f64.powi(8)]);
    // Samples stop at different times.
    let batch = w.vmap("n", ["x"])?;
    let y = run(&batch, &[Array::vector(vec![1.0, 6.0, 2.0]), 2.0.into()]);
    assert_eq!(y[0], [2.0, 2.0 * 1.5f64.powi(8), 3.0]);
    assert!(run(&batch, &[Array::vector(vec![]), 2.0.into()])[0].is_empty());
    let shared = w.vmap("n", ["scale"])?;
    assert_eq!(run(&shared, &[2.0.into(), Array::vector(vec![1.0, 2.0])])[0], [1.5, 3.0]);
    Ok(())
}

#[test]
fn a_bounded_loop_goes_backward() -> Result {
    let f = Function::trace(["a"], |[a]| While::at_most(20).run(a, |x| (x * x - a).abs().gt(1e-14), |x| (x + a / x) * 0.5))?;
    let y = run(&f.value_and_grad()?, &[9.0.into()]);
    close(&y[0], &[3.0], 1e-14);
    close(&y[1], &[1.0 / 6.0], 1e-9);
    Ok(())
}

#[test]
fn a_choice_computes_one_branch() -> Result {
    let f =
        Function::trace(["x[2]", "k"], |[x, k]| cond(k.gt(0.0), || ((x.ln() * k).sum(..), x), || ((x * x).sum(..), x * k)).0)?;
    for (g, first) in [(f.clone(), None), (f.value_and_grad()?, None), (f.jvp()?, Some(0.5)), (f.hvp()?, Some(0.5))] {
        for k in [2.0, -1.0] {
            let mut inputs = vec![Array::vector(vec![0.5, 2.0]), Array::scalar(k)];
            if let Some(t) = first {
                inputs.extend([Array::vector(vec![t, 1.0]), Array::scalar(0.25)]);
            }
            let plain =
                Function::trace(
                    ["x[2]", "k"],
                    |[x, k]| if inputs[1].data()[0] > 0.0 { (x.ln() * k).sum(..) } else { (x * x).sum(..) },
                )?;
            let same = match (g.inputs().len(), g.outputs().len(), g.outputs()[0].name()) {
                (2, 1, _) => plain,
                (2, ..) => plain.value_and_grad()?,
                (_, _, "hv_x") => plain.hvp()?,
                _ => plain.jvp()?,
            };
            for (got, wanted) in run(&g, &inputs).iter().zip(run(&same, &inputs)) {
                close(got, &wanted, 1e-14);
            }
        }
    }
    // What is not computed leaves no NaN behind: the logarithm of a negative number.
    let g = f.grad()?;
    assert_eq!(run(&g, &[Array::vector(vec![-1.0, 3.0]), (-1.0).into()])[0], [-2.0, 6.0]);
    // Samples that go different ways.
    let batch = g.vmap("n", ["k", "x"])?;
    let y = run(&batch, &[Array::new([2, 2], vec![-1.0, 3.0, 1.0, 4.0])?, Array::vector(vec![-1.0, 2.0])]);
    assert_eq!(y[0], [-2.0, 6.0, 2.0, 0.5]);
    let shared = g.vmap("n", ["x"])?;
    assert_eq!(run(&shared, &[Array::new([2, 2], vec![-1.0, 3.0, 1.0, 4.0])?, (-1.0).into()])[0], [-2.0, 6.0, 2.0, 8.0]);
    Ok(())
}

#[test]
fn mistakes_are_errors_with_the_line() {
    let check = |f: Result<Function>, what: &str| {
        let error = f.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.location().is_some_and(|at| at.file().ends_with("scan.rs")), "{error}");
    };
    check(
        Function::trace(["x[n]", "y[m]"], |[x, y]| scan(0.0, (x, y), |c: Expr, (x, y)| (c + x * y, ())).0),
        "first axis of the shape",
    );
    check(
        Function::trace(["x[3]"], |[x]| scan(0.0, x, |c: Expr, _| (c + x, ())).0),
        "scan: carried value 0 is a number at first, and the body gives an array [3]",
    );
    check(Function::trace(["x"], |[x]| scan(0.0, x, |c: Expr, x| (c + x, ())).0), "no axis to run over");
    check(Function::trace(["x"], |[x]| scan(x, (), |c, ()| (c, ())).0), "nothing tells how many steps");
    check(
        Function::trace(["x"], |[x]| scan(vec![x], Expr::eye(2), |c, _| ([c.clone(), c].concat(), ())).0),
        "another number of values",
    );
    check(
        Function::trace(["x[2]"], |[x]| while_loop(x, |x| x.gt(0.0), |x| x - 1.0)),
        "while_loop: the condition has the shape [2], and is to be one truth value",
    );
    check(
        Function::trace(["x[2]"], |[x]| while_loop((1.0, x), |(c, _)| c.lt(9.0), |(c, x)| (x * c, x)).1),
        "while_loop: carried value 0 is a number at first, and the body gives an array [2]",
    );
    check(
        Function::trace(["x[2]"], |[x]| While::at_most(3).run(1.0, |c: Expr| c.lt(9.0), |_| x)),
        "while_loop: carried value 0 is a number at first, and the body gives an array [2]",
    );
    check(
        Function::trace(["x[2]"], |[x]| scan(x, x, |c: Expr, _| (c.argmax(0), ())).0),
        "scan: carried value 0 is an array [2] at first, and the body gives an index",
    );
    check(
        Function::trace(["x[2]"], |[x]| cond(x.sum(..).gt(0.0), || x, || x.sum(..))),
        "cond: one branch gives (an array [2]), the other (a number)",
    );
    check(Function::trace(["x[2]"], |[x]| cond(x.gt(0.0), || x, || x)), "cond");
    check(Function::trace(["x[2]"], |[x]| scan(0.0, x, |c: Expr, x| (c + x.matmul(x), ())).0), "matmul");
}

#[test]
fn an_index_out_of_range_in_a_body_is_an_error() -> Result {
    let f = Function::trace(["x[3]", "i[n]: index"], |[x, i]| scan(0.0, i, |c: Expr, i| (c + x.gather(i, 0), ())).0)?;
    let code = f.compile()?;
    let (x, mut y) = ([1.0, 2.0, 3.0], [0.0]);
    code.call_into(&[&x, &[2.0, 0.0]], &mut [&mut y])?;
    assert_eq!(y, [4.0]);
    let error = code.with_lengths([("n", 5)])?.call_into(&[&x, &[2.0, 0.0]], &mut [&mut y]).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("not 5"), "{error}");
    let error = code.with_lengths([("m", 5)]).unwrap_err();
    assert!(error.is_name() && error.to_string().contains("no open axis is named `m`"), "{error}");
    let error = code.call_into(&[&x, &[2.0, 3.0]], &mut [&mut y]).unwrap_err();
    assert!(
        error.is_value() && error.to_string().contains("gather: the index 3.0 is out of range for an axis of length 3"),
        "{error}"
    );
    Ok(())
}

#[test]
fn the_body_is_compiled_once_whatever_the_length() -> Result {
    let size = |n: usize| network(Some(n), false, Scan::over)?.value_and_grad()?.compile().map(|code| code.report().code_bytes);
    assert_eq!(size(100)?, size(10_000)?);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// The dot-product test: ⟨u, J·t⟩ = ⟨Jᵀ·u, t⟩ for scans of random steps.
    #[test]
    fn forward_is_the_transpose_of_reverse(steps in 0usize..6, kind in 0usize..4, seed in 0.0..6.0f64) {
        let f = Function::trace(["a[2]", "x[n,2]"], |[a, x]| {
            scan((a, a.sum(..)), x, |(c, s): (Expr, Expr), x| match kind {
                0 => (((c * x).sin() + a, s), c * s),
                1 => ((x.matmul(c.outer(a)), s * x.at(0, 1)), c + s),
                2 => ((c.max(x), s + c.at(0, 0)), x),
                _ => ((c.cumsum(0) * 0.5, (s * x.sum(..)).tanh()), c.softmax(0)),
            }).1
        }).unwrap();
        let (jvp, vjp) = (f.jvp().unwrap(), f.vjp().unwrap());
        let x = arrays(&jvp, steps, seed);
        let u = arrays(&vjp, steps, seed + 9.0).pop().unwrap();
        let tangent = run(&jvp, &x)[1].clone();
        let adjoints = run(&vjp, &[x[0].clone(), x[1].clone(), u.clone()]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let forward = dot(u.data(), &tangent);
        let reverse = dot(&adjoints[1], x[2].data()) + dot(&adjoints[2], x[3].data());
        prop_assert!((forward - reverse).abs() < 1e-12 * (1.0 + forward.abs()), "{forward} {reverse}");
    }
}

#[test]
fn known_numbers_are_operands_like_others() -> Result {
    let reshaped = Function::trace(["x"], |[x]| (x, Expr::from(4.0).reshape([Axis::Fixed(1)])))?;
    assert_eq!(run(&reshaped, &[5.0.into()])[1], [4.0]);
    let f = Function::trace(["x"], |[x]| {
        let known = Expr::stack(&[lit(2.0), lit(3.0), x], 0);
        (known.permute([0]).slice_by(0, 2, 3, -1), Expr::concat(&[known, known], 0).cumsum(0))
    })?;
    let y = run(&f, &[5.0.into()]);
    assert_eq!((&y[0][..], &y[1][..]), (&[5.0, 3.0, 2.0][..], &[2.0, 5.0, 10.0, 12.0, 15.0, 20.0][..]));
    Ok(())
}

#[test]
fn the_text_form_reads_back() -> Result {
    let choice = Function::trace(["x[2]", "k"], |[x, k]| {
        let c = cond(k.gt(0.0), || scan(k, x, |c: Expr, x| (c * x, c)).1, || x);
        while_loop((c, k), |(_, k)| k.gt(-3.0), |(c, k): (Expr, Expr)| (c * 1.5, k - 1.0)).0
    })?;
    let mut functions = derivatives(&network(None, false, Scan::over)?)?;
    functions.extend(derivatives(&network(Some(9), false, |x| Scan::over(x).reverse().segments())?)?);
    functions.extend([choice.jvp()?, choice]);
    for f in functions {
        let text = f.to_string();
        let read = Function::parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!(read.to_string(), text);
        let inputs = arrays(&f, 9, 0.2);
        assert_eq!(read.run(&inputs)?, f.run(&inputs)?);
    }
    let text = network(None, false, Scan::over)?.to_string();
    for (from, to, what) in [
        ("scan[1,1,t]", "scan[2,1,t]", "does not give the 2 values"),
        ("scan[1,1,t]", "scan[1,9,t]", "9 to read"),
        ("scan[1,1,t]", "scan[1,1,m]", "is wanted"),
        ("scan[1,1,t]", "loop[1,1,t]", "no operation `loop`"),
        ("final[0]", "final[1]", "no such result"),
        ("each[0] of %", "each[0] of %1; %", "%1 is no result"),
    ] {
        assert!(text.contains(from), "{text}");
        let error = Function::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.is_parse() && error.to_string().contains(what), "{error}");
    }
    let deep = "function f64 () -> (y: %0) { %0 = final[0] of cond { ".repeat(100_000);
    assert!(Function::parse(&deep).unwrap_err().to_string().contains("more than 100"));
    Ok(())
}

/// The step back of a small scan computes no value of the step forward again, nor what has most of its work in common with one; that of a larger one
/// does the latter, that of a large one both.
#[test]
fn what_is_costly_is_kept() -> Result {
    let gradient = |width: usize| {
        let inputs = [format!("w[{width},{width}]"), format!("h[{width}]"), format!("x[9,{width}]")];
        let f = Function::trace(inputs.to_vec(), |v| {
            let [w, h, x] = v[..] else { unreachable!("three inputs") };
            scan(h, x, |h: Expr, x| ((h.matmul(w).sigmoid() * x).tanh(), ())).0.sum(..)
        });
        f?.grad()
    };
    for (width, values, companions) in [(3, false, false), (300, false, true), (2100, true, true)] {
        let text = gradient(width)?.to_string();
        let (_, back) = text.split_once(",reverse]").expect("a scan the other way");
        assert_eq!(["matmul %5", "= sigmoid"].map(|made| back.contains(made)), [values; 2], "{text}");
        assert_eq!(["= sech_squared", "= logistic_density"].map(|made| back.contains(made)), [companions; 2], "{text}");
    }
    Ok(())
}
