use super::*;
use crate::base::Width;
use crate::diff::{grad, jvp, value_and_grad};
use crate::graph::{Expr, Outputs, custom_jvp, remat, stop_gradient};
use crate::op::{lit, select};
use crate::schedule::{Program, RowCall, Settings, lowered};
use crate::simplify::{Simplify, simplify};
use crate::vmap::{Over, reduced, reduced_of, vmap};

/// The program of a function whose named inputs differ from row to row, and how it is called.
fn of_rows(f: &Function, shape: &RowShape, options: Settings) -> (Program, RowCall) {
    let groups = f.inputs().iter().zip(&shape.varying);
    let varying: Vec<bool> = groups.flat_map(|(group, &varies)| std::iter::repeat_n(varies, group.len())).collect();
    let program = lowered(f, options, &varying);
    let call = RowCall::new(&program, shape, options.fuse);
    (program, call)
}

/// That a batch is the loop over the rows of a function, step by step.
#[track_caller]
fn check(name: &str, f: &Function, batch: &Function, mapped: &[&str], reduce: &[Reduce]) {
    let varying = f.inputs().iter().map(|group| mapped.contains(&group.name())).collect();
    let shape = RowShape { varying, reduce: reduce.to_vec() };
    let form = RowForm::of(batch).unwrap_or_else(|| panic!("{name} is no loop over rows:\n{batch}"));
    assert_eq!(form.shape, shape, "{name}");
    for options in [
        Settings::default(),
        Settings { fuse: false, ..Settings::default() },
        Settings { simplify: false, ..Settings::default() },
    ] {
        let ((a, call), (b, other)) = (of_rows(&form.f, &form.shape, options), of_rows(f, &shape, options));
        assert_eq!((&a.steps, &a.outputs, a.invariant), (&b.steps, &b.outputs, b.invariant), "{name}\n{f}\n{}", form.f);
        assert_eq!(call, other, "{name}");
    }
}

/// That the nodes of a row have the lines of the source that those of the function have.
#[track_caller]
fn check_lines(name: &str, f: &Function, batch: &Function) {
    let lines = |f: &Function| f.graph().ids().map(|id| f.graph().node(id).location()).collect::<Vec<_>>();
    assert_eq!(lines(&RowForm::of(batch).unwrap().f), lines(&bare(f)), "{name}");
}

/// A function, mapped in every way: each row's results, means, sums, and those of some outputs.
#[track_caller]
fn all_ways(name: &str, f: &Function, mapped: &[&str]) {
    for axis in [Axis::Open("n"), Axis::Fixed(5)] {
        let batch = vmap(f, axis, mapped).unwrap();
        let mut reduce = vec![Reduce::Each; f.outputs().len()];
        check(name, f, &batch, mapped, &reduce);
        check_lines(name, f, &batch);
        assert_eq!(RowForm::of(&batch).unwrap().rows, if axis == Axis::Fixed(5) { Some(5) } else { None });
        if let Axis::Fixed(_) = axis {
            continue;
        }
        // A group without a value has nothing that is summed.
        let of =
            |over: Reduce| f.outputs().iter().map(|y| if y.nodes().is_empty() { Reduce::Each } else { over }).collect::<Vec<_>>();
        let mean = reduced(&batch, Over::Mean, "n").unwrap();
        check(name, f, &mean, mapped, &of(Reduce::Mean));
        check_lines(name, f, &mean);
        check(name, f, &reduced(&batch, Over::Sum, "n").unwrap(), mapped, &of(Reduce::Sum));
        reduce[0] = Reduce::Mean;
        let first = f.outputs()[0].name();
        let some = reduced_of(&batch, Over::Mean, "n", [first]).unwrap();
        check(name, f, &some, mapped, &reduce);
        if let Some(last) = f.outputs().last().filter(|last| last.name() != first && !last.nodes().is_empty()) {
            reduce[f.outputs().len() - 1] = Reduce::Sum;
            check(name, f, &reduced_of(&some, Over::Sum, "n", [last.name()]).unwrap(), mapped, &reduce);
        }
    }
}

type Body = fn(Vec<Expr>, Vec<Expr>, Expr) -> Expr;

const BODIES: &[(&str, Body)] = &[
    ("a line", |p, x, y| (p[0] * x[0] + p[1] - y).powi(2)),
    ("only the shared", |p, _, _| p[0] * p[1].sin()),
    ("only rows", |_, x, y| (x[0] * x[1]).tanh() * y + 2.0),
    ("a choice", |p, x, y| select(x[0].lt(p[0]) | y.gt(1.0), x[1] * 3.0, (p[1] + 1.0).exp() * y)),
    ("shared conditions", |p, x, y| select(p[0].lt(p[1]), x[0], y) * select(p[0].gt(0.5), p[0], 2.0)),
    ("constants", |p, x, y| (x[2] * 0.25 + 1.0 / 3.0).ln() * (p[1] - 1.0).abs() + (y * 0.1 + 0.5).powf(1.5)),
    ("products", |p, x, y| p[0] * x[0] + p[1] * x[1] - x[2] * y + stop_gradient(x[0]) * p[0]),
    ("divisions", |p, x, y| (p[0] / x[0] - y / p[1]) / 4.0 + x[1] / 5.0),
    ("kernels", |p, x, y| x[0].ln() * y + (x[0] + 1.0).log2() * p[0] + y * x[0].ln()),
];

fn traced(width: Width, body: Body) -> Function {
    Function::trace_in(width, (("p", 2), ("x", 3), "y", ("nothing", 0)), |(p, x, y, _)| body(p, x, y)).unwrap()
}

#[test]
fn a_batch_is_a_loop_over_its_rows() {
    for width in [Width::F64, Width::F32] {
        for &(name, body) in BODIES {
            let f = traced(width, body);
            all_ways(name, &f, &["x", "y"]);
            all_ways(name, &f, &["y"]);
            all_ways(name, &f, &["p", "x", "y", "nothing"]);
            // Of gradients some are the same for all rows, or zero.
            let gradient = value_and_grad(&f.wrt(["p"]).unwrap()).unwrap();
            all_ways(name, &gradient, &["x", "y"]);
            all_ways(name, &gradient, &["x", "y", "nothing"]);
            all_ways(name, &value_and_grad(&f).unwrap(), &["x"]);
            all_ways(name, &simplify(&gradient, Simplify::EXACT), &["y", "x"]);
            all_ways(name, &jvp(&f).unwrap(), &["t_p", "x"]);
            all_ways(name, &grad(&gradient.only(["y"]).unwrap()).unwrap(), &["x", "y"]);
        }
    }
}

#[test]
fn bodies_of_rules_and_of_what_is_computed_again() {
    let ruled = Function::trace((("p", 2), "x"), |(p, x)| {
        let value = |[u, v]: [Expr; 2]| [u * u + 3.0, v.sin() * u];
        let [a, b] = custom_jvp([p[0] * x, p[1]], value, |[u, v], _, [s, t]| [u * 2.0 * s, v.cos() * u * t]);
        remat([a, x], |[a, x]: [Expr; 2]| a * x + 1.0) * b
    })
    .unwrap();
    all_ways("a rule", &ruled, &["x"]);
    all_ways("its gradient", &value_and_grad(&ruled.wrt(["p"]).unwrap()).unwrap(), &["x"]);
}

#[test]
fn groups_of_results() {
    let f = Function::trace((("p", 2), ("x", 3)), |(p, x)| {
        (("rows", [x[0] * p[0], x[1], lit(2.0)]), ("one", [p[1]]), ("none", Vec::<Expr>::new()), ("shared", [p[0] * p[1], p[0]]))
    });
    all_ways("groups", &f.unwrap(), &["x"]);
}

/// A mean that was simplified is a product, if the number of rows is a power of two.
#[test]
fn means_of_fixed_lengths() {
    let f = Function::trace(["p", "x"], |[p, x]| (("y", p * x), ("z", x.sin()))).unwrap();
    for n in [0, 1, 2, 3, 5, 8, 1000, 1024] {
        let batch = reduced_of(&vmap(&f, "n", ["x"]).unwrap(), Over::Mean, "n", ["y"]).unwrap();
        let batch = crate::graph::with_lengths(&batch, [("n", n)]).unwrap();
        let by_hand = Function::trace(["p".to_owned(), format!("x[{n}]")], |[p, x]| (("y", (p * x).mean(0)), ("z", x.sin())));
        let by_hand = batched(by_hand.unwrap(), &format!("x[{n}]:"));
        let simple = simplify(&by_hand, Simplify::EXACT);
        // The mean of one is that one.
        for batch in [&batch, &by_hand, if n == 1 { &by_hand } else { &simple }] {
            check("a mean", &f, batch, &["x"], &[Reduce::Mean, Reduce::Each]);
            assert_eq!(RowForm::of(batch).unwrap().rows, Some(n));
        }
    }
}

/// The same with the axis of an input as that of a batch.
fn batched(f: Function, input: &str) -> Function {
    f.to_string().replace(input, &format!("{input} batch 1")).parse().unwrap()
}

#[track_caller]
fn is_none<Y: Outputs>(batch: &str, inputs: &[&str], body: impl FnOnce(Vec<Expr>) -> Y) {
    let f = batched(Function::trace(inputs.to_vec(), body).unwrap(), batch);
    assert!(RowForm::of(&f).is_none(), "{f}");
}

#[test]
fn what_is_no_loop_over_rows() {
    let declared = ["p", "x[n]"];
    let row = "x[n]:";
    // Each of these differs from a loop over rows by one thing.
    assert!(RowForm::of(&batched(Function::trace(declared.to_vec(), |v| (v[0] * v[1]).mean(0)).unwrap(), row)).is_some());
    is_none("none", &declared, |v| (v[0] * v[1]).mean(0));
    is_none(row, &declared, |v| v[1] / v[1].sum(0));
    is_none(row, &declared, |v| v[1].sum(0) + 1.0);
    is_none(row, &declared, |v| v[1].sum(0) / 5.0);
    is_none(row, &declared, |v| v[1].sum(0) * v[1].count(0));
    is_none(row, &declared, |v| (v[1], v[0] * 2.0));
    is_none(row, &declared, |v| [v[1] * v[0], v[1]]);
    is_none(row, &declared, |v| [v[1].sum(0), v[1].mean(0)]);
    is_none(row, &declared, |v| v[1].max_of(0));
    is_none(row, &declared, |v| v[1].cumsum(0) + v[0]);
    is_none(row, &declared, |v| v[1].outer(v[1]));
    is_none(row, &declared, |v| v[1].argmax(0));
    is_none(row, &["x[n]", "z[m]"], |v| (v[0], v[1].sum(0)));
    is_none(row, &["x[n]", "i[n]: index"], |v| v[0] + v[0].gather(v[1], 0));

    // A batch of batches, and samples with axes of their own.
    let f = Function::trace(["p", "x"], |[p, x]| p * x).unwrap();
    let twice = vmap(&vmap(&f, "n", ["x"]).unwrap(), "m", ["p"]).unwrap();
    assert!(RowForm::of(&twice).is_none());
    assert!(RowForm::of(&vmap(&vmap(&f, "n", ["x"]).unwrap(), "m", ["x"]).unwrap()).is_none());
    let arrays = Function::trace(["p", "x[3]"], |[p, x]| (p * x).sum(0)).unwrap();
    assert!(RowForm::of(&vmap(&arrays, "n", ["x"]).unwrap()).is_none());
    assert!(RowForm::of(&f).is_none());
}
