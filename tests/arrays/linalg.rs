//! Linear algebra: values by hand and against nalgebra, derivatives against finite differences and against each other, errors.

use crate::common::arrays::{check, evaluate, noise, traced};
use nalgebra::DMatrix;
use proptest::prelude::*;
use wengert::{Array, Expr, Function, Options};

/// A matrix that is far from singular: diagonally dominant.
fn regular(n: usize) -> Array {
    let mut a = noise(&[n, n], 17 + n as u64);
    (0..n).for_each(|i| a.data_mut()[i * n + i] += 2.0 + i as f64);
    a
}

fn matrix(a: &Array) -> DMatrix<f64> {
    DMatrix::from_row_slice(a.shape()[0], a.shape()[1], a.data())
}

fn assert_close(name: &str, got: &Array, want: &DMatrix<f64>) {
    assert_eq!(got.shape(), [want.nrows(), want.ncols()], "{name}");
    let scale = 1.0 + want.amax();
    let got = matrix(got);
    assert!((&got - want).amax() <= 1e-12 * scale, "{name}: {got} is not {want}");
}

type Case = (&'static str, fn(Expr, Expr) -> Expr);

/// Of matrices a, which is regular, and b.
const CASES: &[Case] = &[
    ("solve", |a, b| a.solve(b)),
    ("solve for a vector", |a, b| a.solve(b.at(1, 0))),
    ("solve_lower", |a, b| a.solve_lower(b)),
    ("solve_upper", |a, b| a.solve_upper(b)),
    ("inverse", |a, b| a.inverse().matmul(b)),
    ("det", |a, b| a.det() * b),
    ("log_det", |a, b| a.log_det() * b),
    ("cholesky", |a, b| (a.matmul(a.t()) + a).cholesky().matmul(b)),
    ("least squares", |a, b| a.t().matmul(a).solve(a.t().matmul(b))),
    ("log-likelihood", |a, b| {
        let l = (a + Expr::eye(4) * 2.0).cholesky();
        l.diag().ln().sum(..) + l.solve_lower(b).powi(2).sum(..) * 0.5
    }),
];

#[test]
fn every_operation_in_both_modes_and_orders() {
    for (name, f) in CASES {
        let f = traced(["a[4,4]", "b[4,3]"], |[a, b]| f(a, b));
        check(name, &f, &[regular(4), noise(&[4, 3], 2)]);
    }
}

#[test]
fn stacks_single_numbers_empty_and_open_matrices() {
    for (name, f) in &CASES[..8] {
        for n in [0, 1, 3] {
            let f = traced(["a[n,n]", "b[n,2]"], |[a, b]| f(a, b));
            check(&format!("{name} of {n} rows"), &f, &[regular(n), noise(&[n, 2], 5)]);
        }
    }
    let f = traced(["a[s,1,3,3]", "b[2,3,2]"], |[a, b]| a.solve(b) + a.inverse().matmul(b) * a.det().sum(0));
    let mut stack = noise(&[2, 1, 3, 3], 3);
    (0..2).for_each(|s| (0..3).for_each(|i| stack.data_mut()[s * 9 + i * 4] += 3.0));
    check("stacks", &f, &[stack, noise(&[2, 3, 2], 4)]);
    let empty = traced("a[0,0]", |a| (a.det(), a.log_det())).run(&[noise(&[0, 0], 1)]).unwrap();
    assert_eq!((empty[0].data(), empty[1].data()), (&[1.0][..], &[0.0][..]));
}

#[test]
fn values_by_hand() {
    let a = Array::new([3, 3], vec![0.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]).unwrap();
    let f = traced(["a[3,3]", "b[3]"], |[a, b]| (a.solve(b), a.det(), a.log_det(), a.inverse(), a.solve_upper(b * 0.0)));
    // x₁ = 2, 2·x₂ + x₃ = 4, x₂ + x₃ = 3
    let error = f.run(&[a.clone(), Array::vector(vec![4.0, 2.0, 3.0])]).unwrap_err();
    assert!(error.to_string().contains("solve_triangular: the matrix is singular"), "{error}");
    let f = traced(["a[3,3]", "b[3]"], |[a, b]| (a.solve(b), a.det(), a.log_det(), a.inverse()));
    let y = evaluate("by hand", &f, &[a, Array::vector(vec![4.0, 2.0, 3.0])]);
    assert_eq!(y[0].data(), [2.0, 1.0, 2.0]);
    assert_eq!(y[1].data(), [-1.0]);
    assert_eq!(y[2].data(), [0.0]);
    assert_eq!(y[3].data(), [0.0, 1.0, 0.0, 1.0, 0.0, -1.0, -1.0, 0.0, 2.0]);
    // L = [[2, 0], [−1, 3]]
    let l = traced("a[2,2]", |a| a.cholesky()).run(&[Array::new([2, 2], vec![4.0, -2.0, -2.0, 10.0]).unwrap()]).unwrap();
    assert_eq!(l[0].data(), [2.0, 0.0, -1.0, 3.0]);
}

#[test]
fn triangular_solves_read_one_triangle() {
    let f = traced(["a[2,2]", "b[2]"], |[a, b]| (a.solve_lower(b), a.solve_upper(b)));
    let a = Array::new([2, 2], vec![2.0, f64::NAN, f64::NAN, 4.0]).unwrap();
    let lower = traced(["a[2,2]", "b[2]"], |[a, b]| a.tril(0).solve_lower(b));
    let y = evaluate(
        "one triangle",
        &lower,
        &[Array::new([2, 2], vec![2.0, f64::NAN, 1.0, 4.0]).unwrap(), Array::vector(vec![2.0, 9.0])],
    );
    assert_eq!(y[0].data(), [1.0, 2.0]);
    let y = f.run(&[a, Array::vector(vec![2.0, 4.0])]).unwrap();
    assert_eq!((y[0].data()[0], y[1].data()[1]), (1.0, 1.0));
}

/// The derivatives of a determinant: its logarithm's is A⁻ᵀ; of one number, 1/a.
#[test]
fn gradients_by_hand() {
    let f = traced("a[2,2]", |a| a.det()).grad().unwrap();
    // ∂(ad − bc)
    let y = evaluate("det", &f, &[Array::new([2, 2], vec![3.0, 5.0, -2.0, 7.0]).unwrap()]);
    y[0].data().iter().zip([7.0, 2.0, -5.0, 3.0]).for_each(|(y, want)| assert!((y - want).abs() < 1e-13));
    let log = traced("a[1,1]", |a| a.log_det()).grad().unwrap();
    assert_eq!(log.run(&[Array::new([1, 1], vec![-4.0]).unwrap()]).unwrap()[0].data(), [-0.25]);
    let l = traced("a[1,1]", |a| a.cholesky().sum(..)).grad().unwrap();
    assert_eq!(l.run(&[Array::new([1, 1], vec![4.0]).unwrap()]).unwrap()[0].data(), [0.25]);
}

#[test]
fn failures_name_the_operation_and_the_line() {
    type Bad = (fn(Expr) -> Expr, &'static str);
    let cases: [Bad; 5] = [
        (|a| a.solve(a), "solve: the matrix is singular"),
        (|a| a.solve_lower(a), "solve_triangular: the matrix is singular"),
        (|a| a.inverse(), "inverse: the matrix is singular"),
        (|a| a.log_det(), "log_det: the matrix is singular"),
        (|a| a.cholesky(), "cholesky: the matrix is not positive definite"),
    ];
    // The determinant of the first is 0 but for rounding; the second has a zero on the diagonal.
    let matrices = [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], [0.0; 9]];
    for (f, message) in cases {
        let f = traced("a[3,3]", f);
        let native = f.compile().unwrap();
        for a in matrices {
            if message.starts_with("solve_triangular") && a[0] != 0.0 {
                continue;
            }
            let error = f.run(&[Array::new([3, 3], a.to_vec()).unwrap()]).unwrap_err();
            assert!(error.is_value() && error.to_string().contains(message), "{error}");
            assert!(error.location().is_some_and(|at| at.file().ends_with("linalg.rs") && at.line() > 100), "{error}");
            let mut y = vec![0.0; f.graph().node(f.outputs()[0].nodes()[0]).shape().len().unwrap()];
            assert_eq!(native.call_into(&[&a], &mut [&mut y]).unwrap_err().to_string(), error.to_string());
        }
    }
    let stack = traced("a[2,1,1]", |a| a.inverse()).run(&[Array::new([2, 1, 1], vec![1.0, 0.0]).unwrap()]).unwrap_err();
    assert!(stack.to_string().contains("the matrix 1 of 2 is singular"), "{stack}");
    // Badly scaled is not singular, and what is not a number stays so.
    let inverse = traced("a[2,2]", |a| a.inverse());
    let at = |a: [f64; 4]| inverse.run(&[Array::new([2, 2], a.to_vec()).unwrap()]).unwrap()[0].data().to_vec();
    assert_eq!(at([1e-200, 0.0, 0.0, 1e200]), [1e200, 0.0, 0.0, 1e-200]);
    assert!(at([f64::NAN, 0.0, 0.0, 1.0])[0].is_nan());
    assert_eq!(traced("a[2,2]", |a| a.det()).run(&[Array::new([2, 2], vec![0.0; 4]).unwrap()]).unwrap()[0].data(), [0.0]);
}

#[test]
fn single_precision() {
    let f =
        Function::trace_in(wengert::Width::F32, ["a[2,2]", "b[2]"], |[a, b]| (a.solve(b), a.cholesky(), a.log_det())).unwrap();
    let (a, b) = ([4.0f32, 2.0, 2.0, 5.0], [8.0f32, 8.0]);
    let y = f.run(&[Array::new([2, 2], a.to_vec()).unwrap(), Array::vector(b.to_vec())]).unwrap();
    assert_eq!((y[0].data(), y[1].data()), (&[1.5f32, 1.0][..], &[2.0f32, 0.0, 1.0, 2.0][..]));
    let (mut x, mut l, mut d) = ([0.0f32; 2], [0.0f32; 4], [0.0f32]);
    f.compile().unwrap().call_into(&[&a, &b], &mut [&mut x, &mut l, &mut d]).unwrap();
    assert_eq!((&x[..], &l[..], d[0].to_bits()), (y[0].data(), y[1].data(), y[2].data()[0].to_bits()));
}

#[test]
fn mapped_over_samples() {
    let a = Array::new([2, 4, 4], [regular(4).data(), regular(4).data()].concat()).unwrap();
    let b = noise(&[2, 4, 3], 6);
    let part = |x: &Array, k: usize| {
        Array::new(&x.shape()[1..], x.data()[k * x.data().len() / 2..][..x.data().len() / 2].to_vec()).unwrap()
    };
    for (name, f) in CASES {
        let f = traced(["a[4,4]", "b[4,3]"], |[a, b]| f(a, b)).vjp().unwrap();
        let c = noise(f.run(&[part(&a, 0), part(&b, 0), noise_like(&f)]).unwrap()[0].shape(), 8);
        for (axis, names) in [("batch", &["a", "b"][..]), ("batch", &["b"]), ("batch", &["a"])] {
            let batch = f.vmap(axis, names).unwrap();
            let of = |name: &str, x: &Array| if names.contains(&name) { x.clone() } else { part(x, 0) };
            let all = evaluate(name, &batch, &[of("a", &a), of("b", &b), c.clone()]);
            for k in 0..2 {
                let of = |name: &str, x: &Array| part(x, if names.contains(&name) { k } else { 0 });
                let one = f.run(&[of("a", &a), of("b", &b), c.clone()]).unwrap();
                for (all, one) in all.iter().zip(one.arrays()) {
                    let all = part(all, k);
                    assert_eq!(all.shape(), one.shape());
                    let close = all.data().iter().zip(one.data()).all(|(x, y)| (x - y).abs() <= 1e-12 * (1.0 + y.abs()));
                    assert!(close, "{name}, mapped over {names:?}: {all:?} is not {one:?}");
                }
            }
        }
    }
}

/// A cotangent for the last input.
fn noise_like(f: &Function) -> Array {
    let shape: Vec<usize> =
        f.inputs().last().unwrap().shape().axes().iter().map(|axis| axis.to_string().parse().unwrap()).collect();
    noise(&shape, 1)
}

proptest! {
    /// Against nalgebra, and against what defines the results.
    #[test]
    fn agrees_with_nalgebra(n in 1usize..9, m in 1usize..5, seed in 1u64..1_000_000) {
        let (a, b) = (noise(&[n, n], seed), noise(&[n, m], seed + 1));
        let na = matrix(&a);
        let spd = &na * na.transpose() + DMatrix::identity(n, n) * 0.1;
        let condition = spd.clone().symmetric_eigenvalues().max() / 0.1;
        prop_assume!(condition < 1e3 && na.determinant().abs() > 1e-3);
        let spd_array = Array::new([n, n], spd.iter().copied().collect()).unwrap();
        let f = Function::trace([format!("a[{n},{n}]"), format!("b[{n},{m}]"), format!("s[{n},{n}]")].to_vec(), |x| {
            let [a, b, s] = x[..] else { unreachable!() };
            (s.solve(b), s.inverse(), s.cholesky(), a.det(), s.log_det(), s.cholesky().t().solve_upper(b))
        }).unwrap();
        let y = evaluate("nalgebra", &f, &[a, b.clone(), spd_array]);
        let nb = matrix(&b);
        let close = |name: &str, got: &Array, want: &DMatrix<f64>| {
            let error = (matrix(got) - want).amax();
            prop_assert!(error <= 1e-13 * condition * (1.0 + want.amax()), "{name} is off by {error}");
            Ok(())
        };
        close("solve", &y[0], &spd.clone().lu().solve(&nb).unwrap())?;
        close("inverse", &y[1], &spd.clone().try_inverse().unwrap())?;
        let l = spd.clone().cholesky().unwrap().l();
        close("cholesky", &y[2], &l)?;
        let det = na.determinant();
        prop_assert!((y[3].data()[0] - det).abs() <= 1e-12 * (1.0 + det.abs()));
        prop_assert!((y[4].data()[0] - spd.determinant().ln()).abs() <= 1e-11);
        close("solve_upper", &y[5], &l.transpose().solve_upper_triangular(&nb).unwrap())?;
        assert_close("L·Lᵀ", &Array::new([n, n], (matrix(&y[2]) * matrix(&y[2]).transpose()).transpose().iter().copied().collect()).unwrap(), &spd);
    }
}

/// Small systems are solved number by number; of no equations, or of no right-hand sides, there is nothing to solve.
#[test]
fn systems_of_nothing() {
    for (n, m) in [(0, 0), (0, 2), (2, 0), (2, 1)] {
        let f = Function::trace(["a", "b"], |[a, b]| {
            let a = (a * Expr::eye(2)).slice(0, 0..n).slice(1, 0..n);
            a.solve((b * Expr::eye(2)).slice(0, 0..n).slice(1, 0..m)).sum(..) + b
        });
        let text = f.unwrap().to_string().replace("solve", "solve_or_nan");
        let f: Function = text.parse().unwrap();
        for options in [Options::new(), Options::new().interpreted(true)] {
            let [y] = f.compile_with(options).unwrap().call([4.0, 3.0]).unwrap();
            assert_eq!(y, if n * m == 0 { 3.0 } else { 3.75 }, "{n}×{n}, {m} columns");
        }
    }
}
