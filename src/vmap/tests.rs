//! Groups of a batch: their layout, through every transformation, and as the arrays that they are in memory.

use super::{Over, packed, reduced, reduced_of, vmap};
use crate::base::Axis;
use crate::diff::{gauss_newton, grad, hessian_diagonal, hvp, jvp, taylor, value_and_grad, vjp};
use crate::eval::{Array, evaluated, joined, outputs_at, split};
use crate::graph::{Expr, Function, InputGroup, OutputGroup, Scan, while_loop, with_lengths};
use crate::op::{DType, lit};
use crate::simplify::{Simplify, simplify};

fn wave(shape: &[usize], seed: usize) -> Array {
    let data = (0..shape.iter().product()).map(|k| ((k * 7 + seed * 31) as f64).sin() * 1.5);
    Array::new(shape, data.collect()).unwrap()
}

/// An array for every input, of these lengths of open axes.
fn arrays(f: &Function, open: &[(&str, usize)]) -> Vec<Array> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => open.iter().find(|(other, _)| other == name).expect("its length").1,
    };
    let array = |(k, group): (usize, &InputGroup)| {
        let shape: Vec<usize> = group.array_shape().axes().iter().map(length).collect();
        match group.dtype() {
            DType::Index => Array::new(&shape, (0..shape.iter().product()).map(|k: usize| (k * 5 % 3) as f64).collect()).unwrap(),
            _ => wave(&shape, k),
        }
    };
    f.inputs().iter().enumerate().map(array).collect()
}

/// The outputs as arrays, of inputs as arrays.
fn of_groups(f: &Function, inputs: &[Array]) -> Vec<Array> {
    let values = f.inputs().iter().zip(inputs).flat_map(|(group, x)| split(x, group.len(), group.batch()).expect("its shape"));
    let results = evaluated(f, &values.collect::<Vec<_>>()).unwrap();
    let mut results = &results[..];
    let output = |y: &OutputGroup| {
        let own;
        (own, results) = results.split_at(y.nodes().len());
        joined(own, y.batch())
    };
    f.outputs().iter().map(output).collect()
}

/// That the function is the same in memory, to the bit, and its text has all of it.
#[track_caller]
fn check_packed(f: &Function, open: &[(&str, usize)]) {
    let whole = packed(f);
    let (declared, results) = (
        |f: &Function| f.inputs().iter().map(|x| (x.array_shape(), x.is_active())).collect::<Vec<_>>(),
        |f: &Function| f.outputs().iter().map(|y| (y.name().to_owned(), f.output_shape(y), y.is_aux())).collect::<Vec<_>>(),
    );
    assert_eq!((declared(f), results(f)), (declared(&whole), results(&whole)));
    assert!(whole.inputs().iter().all(|x| x.batch() == 0 || x.len() < 2), "{whole}");
    assert!(whole.outputs().iter().all(|y| y.batch() == 0 || y.nodes().len() == 1), "{whole}");
    let x = arrays(f, open);
    assert_eq!(of_groups(f, &x), of_groups(&whole, &x), "{f}\n{whole}");
    let read: Function = f.to_string().parse().unwrap();
    assert_eq!((read.inputs(), read.outputs(), read.to_string()), (f.inputs(), f.outputs(), f.to_string()));
}

fn sample() -> Function {
    Function::trace((("p", 2), ("x", 3), "y", ("none", 0)), |(p, x, y, _)| {
        (
            ("loss", (p[0] * x[0] + p[1] * x[1] - y).powi(2)),
            ("rest", [x[2].sin() * p[0], y, lit(4.0)]),
            ("no", Vec::<Expr>::new()),
        )
    })
    .unwrap()
}

#[test]
fn a_batch_is_rows_of_neighbours() {
    let f = sample();
    let batch = vmap(&f, "n", ["x", "none"]).unwrap();
    let shapes = |f: &Function| {
        let inputs = f.inputs().iter().map(|x| format!("{}{}", x.name(), x.array_shape()));
        inputs.chain(f.outputs().iter().map(|y| format!("{}{}", y.name(), f.output_shape(y)))).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shapes(&f), "p[2] x[3] y[] none[0] loss[] rest[3] no[0]");
    assert_eq!(shapes(&batch), "p[2] x[n,3] y[] none[n,0] loss[n] rest[n,3] no[0]");
    let twice = vmap(&batch, 4, ["x", "p"]).unwrap();
    assert_eq!(shapes(&twice), "p[4,2] x[4,n,3] y[] none[n,0] loss[4,n] rest[4,n,3] no[0]");
    assert_eq!(shapes(&with_lengths(&twice, [("n", 7)]).unwrap()), "p[4,2] x[4,7,3] y[] none[7,0] loss[4,7] rest[4,7,3] no[0]");
    assert_eq!(shapes(&reduced(&twice, Over::Mean, "n").unwrap()), "p[4,2] x[4,n,3] y[] none[n,0] loss[4] rest[4,3] no[0]");
    // Row by row, a call's numbers are neighbours.
    let x = arrays(&batch, &[("n", 5)]);
    let y = of_groups(&batch, &x);
    for row in 0..5 {
        let point = [x[0].data(), &x[1].data()[row * 3..row * 3 + 3], x[2].data()].concat();
        let one = outputs_at(&f, &point).unwrap();
        assert_eq!((&y[0].data()[row..row + 1], &y[1].data()[row * 3..row * 3 + 3]), (&one[..1], &one[1..]));
    }
}

#[test]
fn the_same_in_memory() {
    let f = sample();
    for n in [0, 1, 4] {
        let open = [("n", n), ("m", 2)];
        for names in [&["x"][..], &["p", "y"], &["p", "x", "y", "none"]] {
            let batch = vmap(&f, "n", names).unwrap();
            check_packed(&batch, &open);
            check_packed(&with_lengths(&batch, [("n", n)]).unwrap(), &open);
            check_packed(&vmap(&batch, "m", ["x"]).unwrap(), &open);
            check_packed(&vmap(&batch, 3, ["p", "none"]).unwrap(), &open);
            check_packed(&reduced(&batch, Over::Sum, "n").unwrap(), &open);
            if n > 0 {
                check_packed(&reduced_of(&batch, Over::Mean, "n", ["rest"]).unwrap(), &open);
            }
        }
    }
    check_packed(&f, &[]);
    assert_eq!(packed(&f).to_string(), f.to_string());
}

/// Groups of several arrays, one of indices, and bodies of loops.
#[test]
fn groups_of_arrays() {
    let text = "function f64 (a[2,3][2]: %0 %1, i[4][2]: index %2 %3, inactive b[3]: %4) -> (y[2]: %8 %9, aux s: %10) {
        %5 = broadcast[2,3] %4  %6 = mul %0, %5  %7 = mul %1, %1
        %8 = gather[1,batch 0] %6, %2  %9 = gather[1,batch 0] %7, %3  %10 = sum[0, 1] %9 }";
    let f: Function = text.parse().unwrap();
    assert_eq!(f.inputs()[1].dtype(), DType::Index);
    for names in [&["a"][..], &["i", "b"], &["a", "i", "b"]] {
        let batch = vmap(&f, "n", names).unwrap();
        assert_eq!(batch.output_shape(&batch.outputs()[0]).to_string(), "[n,2,2,4]");
        check_packed(&batch, &[("n", 3)]);
        check_packed(&vmap(&batch, 2, ["a"]).unwrap(), &[("n", 3)]);
    }
    let looped = Function::trace((("x", 2), "a"), |(x, a)| {
        let step = |[u, v]: [Expr; 2], ()| ([u * v, v + a], u);
        let (last, each) = Scan::steps(3).run([x[0], x[1]], step);
        let root = while_loop([x[0] * x[0] + 2.0], |[r]| r.gt(1.0), |[r]| [r * 0.5]);
        ([last[0], root[0], last[1]], each)
    });
    let looped = looped.unwrap();
    let adjoint = vjp(&looped.wrt(["x"]).unwrap().only(["y1"]).unwrap()).unwrap();
    for f in [&looped, &adjoint] {
        check_packed(&vmap(f, "n", ["x"]).unwrap(), &[("n", 3)]);
        check_packed(&vmap(f, "n", ["x", "a"]).unwrap(), &[("n", 2)]);
    }
}

/// An adjoint or a tangent lies in memory as what it belongs to.
#[test]
fn derivatives_keep_the_layout() {
    let f = sample();
    let batch = vmap(&f, "n", ["x", "y"]).unwrap();
    let total = with_lengths(&reduced(&batch.only(["loss"]).unwrap(), Over::Sum, "n").unwrap(), [("n", 3)]).unwrap();
    let batch = with_lengths(&batch, [("n", 3)]).unwrap();
    let made = [
        ("d_", vjp(&batch).unwrap()),
        ("t_", jvp(&batch).unwrap()),
        ("t2_", taylor(&batch, 2).unwrap()),
        ("gv_", gauss_newton(&batch).unwrap()),
        ("d_", grad(&total).unwrap()),
        ("d_", value_and_grad(&total).unwrap()),
        ("hv_", hvp(&total).unwrap()),
        ("h_", hessian_diagonal(&total).unwrap()),
    ];
    for (prefix, made) in &made {
        let mut found = 0;
        for y in made.outputs() {
            let Some(name) = y.name().strip_prefix(prefix) else { continue };
            let input = made.inputs().iter().find(|x| x.name() == name).map(|x| (x.array_shape(), x.batch()));
            let output = || batch.outputs().iter().find(|y| y.name() == name).map(|y| (batch.output_shape(y), y.batch()));
            let (shape, group) = input.or_else(output).expect("what it belongs to");
            found += 1;
            if !y.nodes().is_empty() {
                assert_eq!((made.output_shape(y), y.batch()), (shape, group), "{}", y.name());
            }
        }
        assert!(found >= 3, "{prefix}");
        for x in &made.inputs()[4..] {
            let of = made.inputs().iter().find(|other| x.name().ends_with(&format!("_{}", other.name())));
            let shape = of.map(|of| of.array_shape());
            let output = || made.outputs().iter().find(|y| x.name() == format!("c_{}", y.name())).map(|y| made.output_shape(y));
            assert_eq!(Some(x.array_shape()), shape.or_else(output), "{}", x.name());
        }
        check_packed(made, &[]);
        check_packed(&simplify(made, Simplify::EXACT), &[]);
        check_packed(&vmap(made, "m", [made.inputs()[1].name()]).unwrap(), &[("m", 2)]);
    }
}

#[test]
fn sums_and_means_of_an_axis_by_name() {
    let f = Function::trace(["x[a,n]", "y[n,b]"], |[x, y]| (("x", x), ("y", y), ("all", x.matmul(y)))).unwrap();
    let x = arrays(&f, &[("a", 2), ("n", 3), ("b", 4)]);
    let by_hand = Function::trace(["x[a,n]", "y[n,b]"], |[x, y]| (x.mean(1), y.mean(0), x.matmul(y))).unwrap();
    assert_eq!(of_groups(&reduced(&f, Over::Mean, "n").unwrap(), &x), of_groups(&by_hand, &x));
    let by_hand = Function::trace(["x[a,n]", "y[n,b]"], |[x, y]| (x, y.sum(1), x.matmul(y).sum(1))).unwrap();
    assert_eq!(of_groups(&reduced(&f, Over::Sum, "b").unwrap(), &x), of_groups(&by_hand, &x));
    let some = reduced_of(&reduced_of(&f, Over::Sum, "n", ["y"]).unwrap(), Over::Mean, "a", ["x", "all"]).unwrap();
    let by_hand = Function::trace(["x[a,n]", "y[n,b]"], |[x, y]| (x.mean(0), y.sum(0), x.matmul(y).mean(0))).unwrap();
    assert_eq!(of_groups(&some, &x), of_groups(&by_hand, &x));
    // Of nothing.
    let nothing = arrays(&f, &[("a", 2), ("n", 0), ("b", 1)]);
    let sum = reduced(&f, Over::Sum, "n").unwrap();
    let (mean, at) = (reduced(&f, Over::Mean, "n").unwrap(), line!());
    assert_eq!(of_groups(&sum, &nothing)[0].data(), [0.0, 0.0]);
    assert!(of_groups(&mean, &nothing)[0].data().iter().all(|v| v.is_nan()));
    // Lines of the source stay, and those of the mean are its own.
    let lines = |f: &Function| f.graph().ids().map(|id| f.graph().node(id).location().map(|at| at.line())).collect::<Vec<_>>();
    assert_eq!(lines(&mean)[..f.graph().len()], lines(&f));
    assert!(lines(&mean)[f.graph().len()..].contains(&Some(at)));
}

#[test]
fn what_has_no_sum_or_mean() {
    let f = sample();
    let batch = vmap(&f, "n", ["x"]).unwrap();
    let message = |made: crate::error::Result<Function>| made.unwrap_err().to_string();
    for (made, wanted) in [
        (reduced(&f, Over::Mean, "n"), "mean: no output has an axis `n`, nor any other"),
        (reduced(&batch, Over::Mean, "m"), "mean: no output has an axis `m`; there is `n`"),
        (reduced(&vmap(&f, 3, ["x"]).unwrap(), Over::Sum, "n"), "axes of a fixed length have no name: map over a name"),
        (reduced_of(&batch, Over::Sum, "m", ["loss"]), "sum_of: the output `loss` has no axis `m`; there is `n`"),
        (reduced_of(&batch, Over::Mean, "n", ["los"]), "los"),
        (reduced_of(&batch, Over::Mean, "n", ["no"]), "mean_of: the output `no` has no axis `n`, nor any other"),
        (reduced_of(&batch, Over::Mean, "n", [""; 0]), "mean_of needs an output"),
        (reduced_of(&batch, Over::Mean, "n", ["rest", "loss", "rest"]), "the output `rest` is named twice"),
    ] {
        let got = message(made);
        assert!(got.contains(wanted) && got.contains("tests.rs"), "{got}");
    }
    let f = Function::trace(["x[n]", "i[n]: index"], |[x, i]| (("square", x.outer(x)), ("x", x), ("i", i))).unwrap();
    assert!(message(reduced(&f, Over::Mean, "n")).contains("the output `square` has the axis `n` more than once: [n,n]"));
    assert!(message(reduced_of(&f, Over::Sum, "n", ["i"])).contains("the output `i` is an index, which has no sum"));
    assert!(reduced_of(&f, Over::Sum, "n", ["x"]).is_ok());
}

#[test]
fn an_output_is_one_array() {
    let message = |made: crate::error::Result<Function>| made.unwrap_err().to_string();
    let shapes = message(Function::trace(["x[n]"], |[x]| (("ok", x), ("bad", [x, x.sum(0)]))));
    assert!(shapes.contains("the output `bad` has values of the shapes [n] and []") && shapes.contains("tests.rs"), "{shapes}");
    let kinds = message(Function::trace(["x[n]", "i[n]: index"], |[x, i]| [x, i]));
    assert!(kinds.contains("the output `y` has numbers and indices"), "{kinds}");
}
