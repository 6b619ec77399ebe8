//! Arrays: values against plain loops, and derivatives against finite differences and against each other.

use crate::common::arrays::{check, evaluate, noise, traced};
use wengert::graph::{Axis, keep};
use wengert::{Array, Expr, Function, While, lit, select};

#[test]
fn every_operation_in_both_modes_and_orders() {
    type Case = (&'static str, fn(Expr, Expr) -> Expr);
    let cases: &[Case] = &[
        ("elementwise", |a, b| (a * b).sin() + a / (b * b + 1.0)),
        ("sum over one axis", |a, b| a.sum(1) * b.sum(-1)),
        ("sum over both", |a, b| a.sum(..) * b.sum([0, 1]).exp()),
        ("mean", |a, b| a.mean(0) * b.mean(..)),
        ("prod", |a, b| a.prod(0) + b.prod(..)),
        ("max_of and min_of", |a, b| a.max_of(1) * b.min_of(..)),
        ("broadcast", |a, b| a.sum(0) * b),
        ("reshape", |a, b| a.reshape(12) * b.reshape(12).tanh()),
        ("permute", |a, b| a.permute([1, 0]).matmul(b)),
        ("matmul", |a, b| a.matmul(b.t()).matmul(a)),
        ("matrix times vector", |a, b| a.matmul(b.at(0, 1)) * 2.0),
        ("vector times matrix", |a, b| a.at(-1, 0).matmul(b)),
        ("inner product", |a, b| a.at(0, 0).matmul(b.at(0, 2))),
        ("slice", |a, b| a.slice(1, 1..3) * b.slice_by(1, 3, 2, -2)),
        ("pad", |a, b| a.pad(0, 1, 2).sum(1) + b.pad(1, 0, 2).sum(..)),
        ("concat", |a, b| Expr::concat(&[a, b * a, a], 0).sin()),
        ("stack", |a, b| Expr::stack(&[a, b], 1) * a.reshape([Axis::Fixed(3), Axis::Fixed(1), Axis::Fixed(4)])),
        ("split", |a, b| a.split(1, &[1, 3])[1] * b.split(1, &[3, 1])[0]),
        ("log_sum_exp", |a, b| (a * 3.0).log_sum_exp(1) * b.log_sum_exp(..)),
        ("softmax", |a, b| a.softmax(0) * b.softmax(1)),
        ("log_softmax", |a, b| a.log_softmax(-1) * b),
        ("cross_entropy", |a, b| a.cross_entropy(b.softmax(1))),
        ("cumsum", |a, b| a.cumsum(1) * b.cumsum(0)),
        ("cumprod", |a, b| a.cumprod(1) * b.cumprod(0)),
        ("kept axes", |a, b| (a - a.mean(keep(0))) * b.sum(keep([0, 1])) + a.max_of(keep(-1)) * b.prod(keep(0))),
        ("outer", |a, b| a.at(0, 0).outer(b.at(1, 2)) + a.outer(b).sum(..)),
        ("dot, norm, cosine", |a, b| a.at(0, 0).cosine(b.at(0, 1)) + a.at(0, 2).norm()),
        ("stacks of vectors", |a, b| a.dot(b) * a.cosine(b + 0.5)),
        ("diag, trace", |a, b| a.diag() * b.matmul(a.t()).trace()),
        ("diag_matrix", |a, b| a.at(0, 0).diag_matrix().matmul(b.t()) + b.diag_matrix().sum(..)),
        ("triangles", |a, b| a.tril(0) + b.triu(1) * a),
        ("select", |a, b| wengert::select(a.gt(b), a * b, b.exp())),
        ("scalar with array", |a, b| (a.sum(..) * b + a.at(0, 0)).tanh()),
        ("an update", |a, b| a - 0.05 * (0.9 * b + a) - (b * 2.0 - 3.0 * a)),
        ("identity", |a, b| Expr::eye(3).matmul(a) * b),
    ];
    for (name, f) in cases {
        let function = traced(["a[3,4]", "b[3,4]"], |[a, b]| f(a, b));
        check(name, &function, &[noise(&[3, 4], 1), noise(&[3, 4], 2)]);
    }
}

#[test]
fn stacks_of_matrices() {
    let f = traced(["a[2,3,4]", "b[4,2]", "c[5,1,2,3]"], |[a, b, c]| c.matmul(a.matmul(b).sin()));
    check("batched matmul", &f, &[noise(&[2, 3, 4], 1), noise(&[4, 2], 2), noise(&[5, 1, 2, 3], 3)]);
}

#[test]
fn gather_and_scatter() {
    let f = traced(["x[5,2]", "i[3]: index", "u[3,2]"], |[x, i, u]| {
        x.gather(i, 0) * (x * 2.0 + u.scatter_add(i, x.shape().axes(), 0)).sum(..)
    });
    let index = Array::vector(vec![4.0, 0.0, 4.0]);
    check("gather", &f, &[noise(&[5, 2], 1), index, noise(&[3, 2], 2)]);
}

#[test]
fn empty_and_single_axes() {
    for shape in [[0, 3], [1, 3], [2, 1], [1, 1], [2, 0]] {
        let text = [format!("a[{},{}]", shape[0], shape[1]), format!("b[{}]", shape[1])];
        let f = traced(text.to_vec(), |x| {
            let [a, b] = x[..] else { unreachable!() };
            let s = (a * b).sum(0) + a.prod(0) * b;
            (s.sum(..), a.matmul(b), Expr::concat(&[a, a * 2.0], 0), a.softmax(0), (a + b).cumsum(1))
        });
        check(&format!("{shape:?}"), &f, &[noise(&shape, 3), noise(&shape[1..], 4)]);
    }
    let f = traced("a[0,3]", |a| (a.sum(0), a.prod(0), a.max_of(0), a.mean(0)));
    let y = f.run(&[noise(&[0, 3], 1)]).unwrap();
    assert_eq!(y[0].data(), [0.0; 3]);
    assert_eq!(y[1].data(), [1.0; 3]);
    assert_eq!(y[2].data(), [f64::NEG_INFINITY; 3]);
    assert!(y[3].data().iter().all(|v| v.is_nan()));
}

#[test]
fn open_axes_take_any_number_of_rows() {
    let f = traced(["w[3,2]", "b[2]", "x[n,3]", "y[n,2]"], |[w, b, x, y]| {
        let e = x.matmul(w) + b - y;
        (e * e).sum(..) / x.count(0)
    });
    let g = f.wrt(["w", "b"]).unwrap().value_and_grad().unwrap();
    for n in [1, 2, 7, 40] {
        let x = [noise(&[3, 2], 1), noise(&[2], 2), noise(&[n, 3], 3), noise(&[n, 2], 4)];
        let [loss, dw, db] = evaluate("open rows", &g, &x).try_into().unwrap();
        // by hand
        let (mut want, mut want_w, mut want_b) = (0.0, vec![0.0; 6], vec![0.0; 2]);
        for row in 0..n {
            for k in 0..2 {
                let e: f64 = (0..3).map(|j| x[2].data()[row * 3 + j] * x[0].data()[j * 2 + k]).sum::<f64>() + x[1].data()[k]
                    - x[3].data()[row * 2 + k];
                want += e * e / n as f64;
                want_b[k] += 2.0 * e / n as f64;
                (0..3).for_each(|j| want_w[j * 2 + k] += 2.0 * e * x[2].data()[row * 3 + j] / n as f64);
            }
        }
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(loss.data(), &[want]) && close(dw.data(), &want_w) && close(db.data(), &want_b), "{n} rows");
    }
    let misfit = g.run(&[noise(&[3, 2], 1), noise(&[2], 2), noise(&[4, 3], 3), noise(&[5, 2], 4)]).unwrap_err();
    assert!(misfit.is_shape() && misfit.to_string().contains("where `n` is 4"), "{misfit}");
}

#[test]
fn the_adjoint_of_a_matrix_product() {
    // For C = A·B: adj A = adj C·Bᵀ, adj B = Aᵀ·adj C (SOURCES B3), for a cotangent of ones the gradient of the sum (B6).
    let f = traced(["a[2,3]", "b[3,4]"], |[a, b]| a.matmul(b)).vjp().unwrap();
    let (a, b, ones) = (noise(&[2, 3], 1), noise(&[3, 4], 2), Array::new([2, 4], vec![1.0; 8]).unwrap());
    let y = f.run(&[a.clone(), b.clone(), ones]).unwrap();
    for row in 0..2 {
        for k in 0..3 {
            let want: f64 = (0..4).map(|j| b.data()[k * 4 + j]).sum();
            assert!((y[1].data()[row * 3 + k] - want).abs() < 1e-15);
        }
    }
    for k in 0..3 {
        for column in 0..4 {
            let want: f64 = (0..2).map(|i| a.data()[i * 3 + k]).sum();
            assert!((y[2].data()[k * 4 + column] - want).abs() < 1e-15);
        }
    }
}

#[test]
fn cross_entropy_through_softmax_is_s_minus_y() {
    // also for logits that would overflow (SOURCES B5)
    for logits in [[1.0, -2.0, 0.5], [1e4, -1e4, 9990.0], [-1e4, -1e4, -1e4]] {
        let f = traced(["z[3]", "k: index"], |[z, k]| z.cross_entropy(k.one_hot(3)));
        let g = f.value_and_grad().unwrap().run(&[Array::vector(logits.to_vec()), Array::scalar(2.0)]).unwrap();
        let top = logits.iter().fold(f64::MIN, |a, &b| a.max(b));
        let e = logits.map(|z| (z - top).exp());
        let total: f64 = e.iter().sum();
        for (k, (got, e)) in g[1].data().iter().zip(e).enumerate() {
            let want = e / total - (k == 2) as u8 as f64;
            assert!((got - want).abs() <= 1e-15, "{logits:?}: {:?}", g[1]);
        }
        assert!(g[0].data()[0].is_finite());
    }
}

#[test]
fn products_with_zero_factors() {
    let f = traced("x[4]", |x| x.prod(..));
    let g = f.grad().unwrap();
    assert_eq!(g.run(&[Array::vector(vec![2.0, 0.0, 3.0, 4.0])]).unwrap()[0].data(), [0.0, 24.0, 0.0, 0.0]);
    assert_eq!(g.run(&[Array::vector(vec![2.0, 0.0, 0.0, 4.0])]).unwrap()[0].data(), [0.0; 4]);
    let second = f.hvp().unwrap();
    let along = |v: [f64; 4]| {
        second.run(&[Array::vector(vec![2.0, 0.0, 0.0, 4.0]), Array::vector(v.to_vec())]).unwrap()[0].data().to_vec()
    };
    // ∂²/∂x₁∂x₂ = x₀·x₃, though all first derivatives vanish
    assert_eq!(along([0.0, 1.0, 0.0, 0.0]), [0.0, 0.0, 8.0, 0.0]);
}

/// Products along axes of any length, and against sums over what is left out, by hand.
#[test]
fn products_along_open_axes() {
    let f = traced(["x[n,3]", "w[3]"], |[x, w]| ((x * w).prod(0) + x.cumprod(0).sum(0), x.prod(..)));
    for n in [0, 1, 2, 5] {
        let mut x = noise(&[n, 3], 9);
        if n > 2 {
            x.data_mut()[4] = 0.0;
            x.data_mut()[10] = 0.0;
        }
        check(&format!("product over {n} rows"), &f, &[x, noise(&[3], 4)]);
    }
}

#[test]
fn kept_and_open_reductions() {
    let refused = Function::trace("x[n,2]", |x| x.argmax(..)).unwrap_err();
    assert!(refused.is_shape() && refused.to_string().contains("argmax"), "{refused}");
    let f = traced(["x[n,2]", "z[3,2]"], |[x, z]| (x.argmax(keep(0)), z.argmax(..), x.sum(keep(..)), x.diag_matrix().diag() - x));
    let x = Array::new([3, 2], vec![1.0, 5.0, 7.0, 2.0, 3.0, 4.0]).unwrap();
    let y = evaluate("kept", &f, &[x.clone(), x]);
    assert_eq!((y[0].shape(), y[0].data()), (&[1, 2][..], &[1.0, 0.0][..]));
    assert_eq!((y[1].shape(), y[1].data()), (&[][..], &[2.0][..]));
    assert_eq!((y[2].shape(), y[2].data()), (&[1, 1][..], &[22.0][..]));
    assert_eq!(y[3].data(), [0.0; 6]);
}

#[test]
fn labels_are_classes_or_distributions() {
    let by = |labels: fn(Expr) -> Expr| {
        traced(["z[n,4]", "k[n]: index"], |[z, k]| z.cross_entropy(labels(k)).mean(..)).value_and_grad().unwrap()
    };
    let (numbers, distributions) = (by(|k| k), by(|k| k.one_hot(4)));
    let x = [noise(&[3, 4], 5), Array::vector(vec![3.0, 0.0, 3.0])];
    let (a, b) = (evaluate("class numbers", &numbers, &x), evaluate("distributions", &distributions, &x));
    for (a, b) in a.iter().zip(&b) {
        assert!(a.data().iter().zip(b.data()).all(|(a, b)| (a - b).abs() < 1e-15), "{a:?} {b:?}");
    }
    for (f, name) in [(&numbers, "gather"), (&distributions, "gather")] {
        let labels = Array::vector(vec![3.0, 4.0, 0.0]);
        let error = f.run(&[noise(&[3, 4], 5), labels.clone()]).unwrap_err();
        assert!(
            error.is_value() && error.location().is_some_and(|at| at.file().ends_with("arrays.rs") && !at.file().contains("src"))
        );
        assert!(error.to_string().contains(&format!("{name}: the index 4.0 is out of range for an axis of length 4")), "{error}");
        let (mut loss, mut dz) = ([0.0], [0.0; 12]);
        let z = noise(&[3, 4], 5);
        let native = f.compile().unwrap().call_into(&[z.data(), labels.data()], &mut [&mut loss, &mut dz]).unwrap_err();
        assert!(native.to_string().contains("the index 4.0 is out of range for an axis of length 4"), "{native}");
        assert_eq!(native.location(), error.location());
    }
    assert!(Function::trace(["z[n,4]", "k[2]: index"], |[z, k]| z.cross_entropy(k)).unwrap_err().is_shape());
}

#[test]
fn ties_share() {
    let g = traced("x[4]", |x| x.max_of(..)).grad().unwrap();
    assert_eq!(g.run(&[Array::vector(vec![1.0, 3.0, 3.0, 0.0])]).unwrap()[0].data(), [0.0, 0.5, 0.5, 0.0]);
}

#[test]
fn shape_errors_name_the_operation_the_shapes_and_the_line() {
    type Case = (fn(Expr, Expr) -> Expr, &'static [&'static str]);
    let cases: &[Case] = &[
        (|a, b| a + b, &["add", "[3,4]", "[5]"]),
        (|a, b| a.matmul(b), &["matmul", "[3,4]", "[5]"]),
        (|a, _| a.sum(2), &["sum", "[3,4]"]),
        (|a, _| a.sum([0, -2]), &["sum", "[3,4]"]),
        (|a, _| a.reshape([Axis::Fixed(11)]), &["reshape", "[3,4]", "[11]"]),
        (|a, _| a.permute([0, 0]), &["permute", "[3,4]"]),
        (|a, _| a.slice(1, 2..5), &["slice", "[3,4]"]),
        (|a, b| Expr::concat(&[a, b], 0), &["concat", "[3,4]", "[5]"]),
        (|a, b| Expr::stack(&[a, b], 0), &["stack", "[3,4]", "[5]"]),
        (|a, b| a.gather(b, 0), &["gather", "indices"]),
        (|_, b| b.t(), &["t:", "[5]"]),
        (|_, b| b.tril(0), &["tril", "[5]"]),
        (|a, _| a.inverse(), &["inverse", "[3,4]"]),
        (|a, _| a.det(), &["det", "[3,4]"]),
        (|_, b| b.cholesky(), &["cholesky", "[5]"]),
        (|a, b| a.solve(b), &["solve", "[3,4]", "[5]"]),
        (|a, b| a.matmul(a.t()).solve(b), &["solve", "[3,3]", "[5]"]),
        (|a, b| a.matmul(a.t()).solve_lower(b), &["solve_triangular", "[3,3]", "[5]"]),
        (|_, b| b.diag(), &["diag", "[5]"]),
        (|a, _| a.broadcast_to([Axis::Fixed(4), Axis::Fixed(3)]), &["broadcast", "[3,4]", "[4,3]"]),
    ];
    for (f, wanted) in cases {
        let error = Function::trace(["a[3,4]", "b[5]"], |[a, b]| f(a, b)).unwrap_err();
        let text = error.to_string();
        assert!(error.is_shape(), "{text}");
        assert!(wanted.iter().all(|part| text.contains(part)), "{text} lacks one of {wanted:?}");
        assert!(error.location().is_some_and(|at| at.file().ends_with("arrays.rs") && !at.file().contains("src")), "{text}");
    }
}

#[test]
fn bad_calls() {
    let f = traced(["x[3]", "i: index"], |[x, i]| x.gather(i, 0));
    let at = |i: f64| f.run(&[noise(&[3], 1), Array::scalar(i)]);
    assert!(at(2.0).is_ok());
    for bad in [3.0, -1.0, 0.5, f64::NAN, 1e300] {
        let error = at(bad).unwrap_err();
        assert!(error.is_value(), "{error}");
    }
    assert!(f.run(&[noise(&[4], 1), Array::scalar(0.0)]).unwrap_err().is_shape());
    assert!(f.run(&[noise(&[3], 1)]).unwrap_err().is_length());
    assert!(f.eval(&[1.0, 2.0]).unwrap_err().is_unsupported());
    // Arrays are compiled like numbers; a call of numbers alone does not fit these.
    let native = f.compile().unwrap();
    assert_eq!(native.call::<f64, 1>([7.0, 8.0, 9.0, 1.0]).unwrap(), [8.0]);
    assert!(native.call::<f64, 1>([1.0, 2.0]).unwrap_err().is_length());
    for bad in [3.0, -1.0, 0.5, f64::NAN, 1e300] {
        assert!(native.run(&[noise(&[3], 1), Array::scalar(bad)]).unwrap_err().is_value(), "{bad}");
    }
    assert!(f.grad().is_ok());
    let vector = traced("x[3]", |x| x * 2.0);
    assert!(vector.grad().unwrap_err().is_shape());
    assert!(Function::trace("x[3", |x| x).unwrap_err().is_name());
    assert!(Function::trace("x[3,!]", |x| x).unwrap_err().is_name());
    assert!(Function::trace("x[99999999999,99999999999]", |x| x).unwrap_err().is_name());
    for f in [
        |x: Expr| x.pad(0, usize::MAX, 1),
        |x: Expr| x.reshape([Axis::Fixed(usize::MAX), Axis::Fixed(3)]),
        |x: Expr| x.slice_by(0, 1, usize::MAX, isize::MIN),
        |x: Expr| x.split(0, &[usize::MAX, usize::MAX])[1],
        |x: Expr| x * Expr::full(1.0, wengert::Shape::new([Axis::Fixed(usize::MAX), Axis::Fixed(1)])),
    ] {
        assert!(Function::trace("x[3]", f).unwrap_err().is_shape());
    }
    assert!(Array::new([2, 2], vec![1.0]).unwrap_err().is_shape());
}

#[test]
fn inlined_and_nested() {
    let layer = traced(["x[n,3]", "w[3,2]"], |[x, w]| x.matmul(w).tanh());
    let f = traced(["x[n,3]", "w[3,2]", "v[2]"], |[x, w, v]| {
        let h = layer.eval(&[x, w]).unwrap()[0];
        (h.matmul(v) * lit::<Expr>(0.5)).sum(..)
    });
    check("inlined", &f, &[noise(&[4, 3], 1), noise(&[3, 2], 2), noise(&[2], 3)]);
    let text = f.to_string();
    assert!(text.contains("matmul"), "{text}");
}

/// Random programs over arrays of one shape: whatever is fused, shared, kept or overwritten, native code agrees with the interpreter.
#[test]
fn random_programs() {
    type Step = fn(Expr, Expr) -> Expr;
    let steps: &[Step] = &[
        |a, b| a * b,
        |a, b| a - b * 0.5,
        |a, _| a.tanh(),
        |a, b| wengert::select(a.gt(b), a, b * b),
        |a, b| a.matmul(b.t().matmul(a).sin()).tanh(),
        |a, b| b.t().t() + a,
        |a, b| (a.sum(0) * 0.1) + b,
        |a, b| a * b.mean(..),
        |a, b| a.softmax(1) - b.softmax(0),
        |a, b| Expr::concat(&[a.slice(0, 1..3), b.slice(0, 0..1)], 0),
        |a, _| a.reshape([4, 3]).t().cumsum(0) * 0.3,
        |a, b| a.t().reshape([3, 4]) * b.max_of(1).reshape([3, 1]).broadcast_to([3, 4]),
        |a, b| a.pad(1, 1, 0).slice(1, 0..4) + b.sum(1).reshape([3, 1]).relu(),
        |a, b| (a.sum(..) * 0.05).sin() * b + a.sum(1).sum(0) * 0.01,
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut pick = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % n
    };
    for case in 0..250 {
        let plan: Vec<[usize; 3]> = (0..2 + pick(10)).map(|k| [pick(steps.len()), pick(k + 2), pick(k + 2)]).collect();
        let outputs = [pick(plan.len() + 2), pick(plan.len() + 2)];
        let f = traced(["a[3,4]", "b[3,4]"], |[a, b]| {
            let mut pool = vec![a, b];
            for [step, x, y] in &plan {
                pool.push(steps[*step](pool[*x], pool[*y]));
            }
            let last = pool[pool.len() - 1];
            (last.sum(..), last, pool[outputs[0]], pool[outputs[1]].sum(1))
        });
        let x = [noise(&[3, 4], case + 1), noise(&[3, 4], case + 1000)];
        evaluate("random program", &f, &x);
        let y = f.run(&x).unwrap();
        let seeds = y.arrays().iter().map(|y| noise(y.shape(), 7));
        evaluate("random program's adjoints", &f.vjp().unwrap(), &x.iter().cloned().chain(seeds).collect::<Vec<_>>());
    }
}

#[test]
fn many_axes_have_a_limit() {
    let axes = |n: usize| format!("x[{}]", vec!["1"; n].join(","));
    let f = traced(axes(16).as_str(), |x| x * 2.0);
    assert_eq!(evaluate("sixteen axes", &f, &[Array::new([1; 16], vec![3.0]).unwrap()])[0].data(), [6.0]);
    let refused = traced(axes(17).as_str(), |x| x * 2.0).compile().unwrap_err();
    assert!(refused.is_limit(), "{refused}");
}

/// Small functions around operations that straight-line code cannot do: what goes from piece to piece are truth values, results of
/// several operations, slices and constants that several pieces read, and values that are reshaped on the way.
#[test]
fn straight_lines_in_pieces() {
    let f = traced(["a[3,3]", "b[3]"], |[a, b]| {
        let (row, steps) = (a.at(0, 1), Expr::iota(3, 0) + 1.0);
        let positive = b.gt(row);
        let solved = (a + Expr::eye(3) * 4.0).solve(select(positive, b, row * 0.5));
        let runs = (solved * steps + row).cumsum(0);
        let [x, n] = While::at_most(7).run([runs.sum(..), lit(0.0)], |[_, n]| n.lt(5.0), |[x, n]| [x * 0.75, n + 1.0]);
        let column = runs.reshape([Axis::Fixed(3), Axis::Fixed(1)]);
        (select(positive, runs * x, solved - row), column.cumsum(0), x * n, column.t())
    });
    let x = [noise(&[3, 3], 5), noise(&[3], 6)];
    let plan = f.compile().unwrap().plan();
    assert!(plan.matches("straight-line").count() > 1, "{plan}");
    assert_eq!(evaluate("in pieces", &f, &x).len(), 4);
    check("in pieces", &f, &x);
}
