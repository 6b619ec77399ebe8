//! Slices and values between zeros, which loops read where they are: every engine, both modes, and what is copied.

use crate::common::arrays::{check, evaluate, noise, traced};
use proptest::prelude::*;
use wengert::{Array, Expr, Function, Options};

#[test]
fn windows_and_their_adjoints() {
    type Case = (&'static str, fn(Expr, Expr) -> Expr);
    let cases: &[Case] = &[
        ("neighbours", |a, _| (a.slice(0, 1..5) - a.slice(0, 0..4).powi(2)).powi(2).sum(..)),
        ("neighbours in a row", |a, _| (a.slice(1, 1..4) * a.slice(1, 0..3)).sin()),
        ("five-point stencil", |a, b| {
            let inner = |r: usize, c: usize| a.slice(0, r..r + 3).slice(1, c..c + 2);
            (inner(0, 1) + inner(2, 1) + inner(1, 0) + inner(1, 2) - 4.0 * inner(1, 1)) * b.slice(0, 1..4).slice(1, 1..3)
        }),
        ("sums of windows", |a, b| a.slice(1, 1..3).sum(..) * b.slice(0, 2..4).sum(..) + a.slice(1, 0..2).sum(0).sum(..)),
        ("sums of rows of windows", |a, b| a.slice(1, 1..3).sum(1) * b.slice(1, 0..1).sum(1)),
        ("a window broadcast", |a, b| a.slice(0, 1..2) * b + a.slice(1, 2..3) * b),
        ("windows of what is computed", |a, b| (a * b).slice(0, 1..4).tanh() + (a * b).slice(0, 0..3)),
        ("windows of windows", |a, b| {
            a.slice(0, 1..5).slice(0, 1..3).slice(1, 1..3).slice(0, 0..1) * b.slice(0, 2..3).slice(1, 1..3)
        }),
        ("windows of windows, one of which is copied", |a, b| a.slice(0, 1..5).slice(1, 1..3).t().matmul(b.slice(0, 0..4)).sin()),
        ("windows of strides", |a, b| {
            a.slice_by(0, 4, 3, -2).slice(0, 1..3) * b.slice_by(1, 0, 2, 2).slice(0, 1..3).slice(1, 0..1)
        }),
        ("padded windows", |a, b| a.slice(0, 1..4).pad(0, 1, 1) * b + b.slice(0, 0..3).pad(0, 2, 0)),
        ("padded and summed", |a, b| {
            (a.slice(0, 1..4).pad(0, 2, 0) * b).sum(..) + (b.slice(0, 0..4).pad(0, 0, 1) * a).sum(0).sum(..)
        }),
        ("pads of constants", |a, _| a * wengert::lit::<Expr>(2.0).broadcast_to([3, 4]).pad(0, 1, 1)),
        ("pads along the second axis", |a, b| a.slice(1, 1..4).pad(1, 1, 0) * b),
        ("a window as it is", |a, b| a.slice(0, 0..5).exp() * b.slice(1, 0..4)),
        ("products of windows", |a, b| {
            let (c, d) = (a.tanh(), b * a);
            let more = c.slice(0, 2..5).t().slice(1, 0..2).matmul(d.slice(1, 1..4).slice(0, 3..5).slice(1, 0..1));
            c.slice(1, 1..4).matmul(d.slice(0, 1..4)) + more.sum(..)
        }),
        ("transposes of windows in products", |a, b| {
            let c = (a * b).slice(1, 0..3);
            c.t().matmul(a.slice(1, 2..4)) + a.slice(0, 1..4).slice(1, 1..3).matmul(b.slice(1, 1..3).t()).sum(..) + c.sum(..)
        }),
        ("stacks and vectors of windows", |a, b| {
            let rows = a.slice(1, 0..3).slice(0, 1..2);
            let stack = a.slice(0, 0..4).reshape([2, 2, 4]).slice(2, 1..3);
            stack.matmul(stack) * b.slice(1, 0..1).slice(0, 0..2) + rows.matmul(b.slice(0, 0..3).slice(1, 3..4))
        }),
        ("windows of transposes and products", |a, b| {
            a.t().slice(0, 1..3).matmul(b).slice(1, 1..4).sin() + b.slice(0, 1..3).slice(1, 0..3)
        }),
    ];
    for (name, f) in cases {
        let function = traced(["a[5,4]", "b[5,4]"], |[a, b]| f(a, b));
        check(name, &function, &[noise(&[5, 4], 1), noise(&[5, 4], 2)]);
    }
}

#[test]
fn open_axes_and_long_rows() {
    let f = traced(["a[n,6]", "b[4]"], |[a, b]| (a.slice(1, 1..5) * b + a.slice(1, 2..6)).sin().sum(1));
    for rows in [0, 1, 7] {
        evaluate("rows of windows", &f.vjp().unwrap(), &[noise(&[rows, 6], 1), noise(&[4], 2), noise(&[rows], 3)]);
    }
    let f = traced(["a[n,6]", "b[n,4]"], |[a, b]| a.slice(1, 2..5).t().matmul(b.slice(1, 1..4)).slice(1, 1..3));
    for rows in [0, 1, 7, 40] {
        evaluate("products of windows", &f.vjp().unwrap(), &[noise(&[rows, 6], 1), noise(&[rows, 4], 2), noise(&[3, 2], 3)]);
    }
    let f = traced(["x[500]", "y[3,500]"], |[x, y]| {
        let d = x.slice(0, 2..500) - 2.0 * x.slice(0, 1..499) + x.slice(0, 0..498);
        (d * y.slice(1, 1..499)).powi(2).sum(..)
    });
    check("second differences", &f, &[noise(&[500], 1), noise(&[3, 500], 2)]);
}

/// A loop takes windows and pads from where they are: nothing is copied.
#[test]
fn nothing_is_copied() {
    let f = traced("x[1000]", |x| ((x.slice(0, 1..1000) - x.slice(0, 0..999).powi(2)).powi(2) * 100.0).sum(..));
    let plan = f.value_and_grad().unwrap().compile().unwrap().plan();
    assert!(!plan.contains("slice") && !plan.contains("pad"), "{plan}");
}

/// A product takes its factors from where they are.
#[test]
fn factors_are_not_copied() {
    let f = traced(["a[n,90]", "b[90,3]"], |[a, b]| a.slice(1, 77..89).matmul(b.slice(0, 77..89)));
    let plan = f.compile().unwrap().plan();
    assert!(plan.contains("matmul") && !plan.contains("slice"), "{plan}");
}

/// What nobody but a later loop reads is computed in that loop, and not stored for it.
#[test]
fn values_are_computed_where_they_are_read() {
    let f = traced("x[n,6]", |x| (x * x * 2.0 - x) * x.max_of(1).reshape(("n", 1)));
    evaluate("rows times their largest", &f, &[noise(&[50, 6], 1)]);
    let plan = f.compile().unwrap().plan();
    assert_eq!(plan.matches("loop over [n,6]").count(), 1, "{plan}");
    // What is read by a sum, too, stays where it is, with what it is made of.
    let f = traced(["x[n,6]", "y[n,6]"], |[x, y]| {
        let (a, b, c) = (x * y, x - y, x + y);
        let sum = a.max(b).max(c);
        (("late", sum * x.max_of(1).reshape(("n", 1))), ("early", (a * b * c).sum(1)))
    });
    evaluate("values that others need earlier", &f, &[noise(&[50, 6], 1), noise(&[50, 6], 2)]);
}

/// An output may not overwrite an input that is read through a window, nor an update what a neighbour still reads.
#[test]
fn updates_wait_for_windows() {
    let f = traced("x[200]", |x| ("next", x.slice(0, 1..200).pad(0, 0, 1) + x.slice(0, 0..199).pad(0, 1, 0)));
    let x = noise(&[200], 5);
    let want = f.run(std::slice::from_ref(&x)).unwrap().into_arrays().remove(0);
    let update = f.compile_with(Options::new().overwrite([("next", "x")])).unwrap();
    let mut state = x.data().to_vec();
    update.call_into(&[], &mut [&mut state]).unwrap();
    assert_eq!(state, want.data());
}

/// A cut of an axis: some numbers from its start on, and as many zeros where numbers were.
fn window(a: Expr, axis: isize, (start, end): (usize, usize), len: usize) -> Expr {
    a.slice(axis, start..end).pad(axis, start / 2, len - (end - start) - start / 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Sums of padded windows of each other, by every engine and their adjoints.
    #[test]
    fn random_windows(
        shape in prop::sample::select(vec![vec![9usize], vec![5, 4], vec![1, 6, 2], vec![3, 1, 5], vec![40, 3]]),
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, 0usize..100, 0usize..100, any::<prop::sample::Index>()), 1..9),
    ) {
        let declared: Vec<String> = shape.iter().map(usize::to_string).collect();
        let f = traced(format!("x[{}]", declared.join(",")).as_str(), |x| {
            let mut pool = vec![x];
            for (operand, axis, a, b, other) in &steps {
                let axis = axis % shape.len();
                let (len, a, b) = (shape[axis], a % shape[axis], b % shape[axis]);
                let (x, y) = (pool[operand.index(pool.len())], pool[other.index(pool.len())]);
                let cut = window(x, axis as isize, (a.min(b), a.max(b) + 1), len);
                pool.push(if a % 3 == 0 { cut * y } else { cut - y * 0.5 });
            }
            let last = pool[pool.len() - 1];
            (last, last.sum(..), pool[pool.len() / 2].sum(0))
        });
        let x = noise(&shape, 3);
        let y = evaluate("random windows", &f, std::slice::from_ref(&x));
        let seeds = y.iter().map(|y| noise(y.shape(), 7));
        let inputs: Vec<Array> = std::iter::once(x.clone()).chain(seeds).collect();
        let adjoint: Function = f.vjp().unwrap();
        evaluate("random windows' adjoints", &adjoint, &inputs);
        evaluate("simplified", &adjoint.simplify(), &inputs);
    }
}
