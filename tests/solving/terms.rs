//! Sums of terms of few variables: assembled derivatives against those of the sum written out.

use crate::common::{Rng, cases};
use proptest::prelude::*;
use wengert::sparse::{Assembly, Terms};
use wengert::{Expr, Function, Width};

/// Of an assembly, the numbers; of a matrix, all entries row by row.
fn run(a: &Assembly, x: &[f64], others: &[&[f64]]) -> Vec<f64> {
    let mut values = vec![f64::NAN; a.len()];
    let code = a.compile().unwrap();
    let inputs = [&[x][..], others].concat();
    for _ in 0..2 {
        code.call_into(&inputs, &mut [&mut values]).unwrap();
    }
    a.sparsity().map_or(values.clone(), |sparsity| sparsity.dense(&values).unwrap())
}

fn close(what: &str, a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= 1e-11 * (1.0 + y.abs()), "{what}: number {k} is {x}, not {y}");
    }
}

/// Two results of a block of three, a pair, a number of the row and one that is shared.
fn kernel(b: &[Expr], p: &[Expr], w: Expr, s: Expr) -> [Expr; 2] {
    let d = b[0] * p[1] - b[1] * p[0];
    [w * (d.sin() + b[2] * b[2]), s * p[0] * p[1].exp() - w]
}

struct Case {
    n: usize,
    blocks: Vec<usize>,
    pairs: Vec<usize>,
}

/// Blocks begin at multiples of 3 or anywhere, pairs are any variables, even twice the same.
fn case(rng: &mut Rng, rows: usize, n: usize) -> Case {
    let starts: Vec<usize> = match rng.below(3) {
        0 => (0..rows).map(|r| r.min(n - 3)).collect(),
        1 => (0..rows).map(|_| 3 * rng.below(n / 3)).collect(),
        _ => (0..rows).map(|_| rng.below(n - 2)).collect(),
    };
    let blocks = starts.iter().flat_map(|&start| start..start + 3).collect();
    Case { n, blocks, pairs: (0..2 * rows).map(|_| rng.below(n)).collect() }
}

impl Case {
    fn terms(&self, kernel: &Function) -> Terms {
        kernel.terms(self.n, [("b", self.blocks.clone()), ("p", self.pairs.clone())]).unwrap().shared(["s"]).unwrap()
    }

    /// All rows' results, written out.
    fn whole(&self, w: &[f64], s: f64) -> Function {
        let at = |x: &[Expr], table: &[usize]| table.iter().map(|&k| x[k]).collect::<Vec<_>>();
        Function::trace(("x", self.n), |x| {
            let rows = self.blocks.chunks(3).zip(self.pairs.chunks(2)).zip(w);
            rows.flat_map(|((b, p), &w)| kernel(&at(&x, b), &at(&x, p), w.into(), s.into())).collect::<Vec<_>>()
        })
        .unwrap()
    }
}

proptest! {
    #![proptest_config(cases(60))]
    #[test]
    fn assembled_is_written_out(seed in any::<u64>(), rows in 1usize..9, n in 3usize..10) {
        let mut rng = Rng(seed);
        let case = case(&mut rng, rows, n);
        let x: Vec<f64> = (0..n).map(|_| 0.4 * rng.ordinary()).collect();
        let w: Vec<f64> = (0..rows).map(|_| rng.ordinary()).collect();
        let s = rng.ordinary();
        let others: [&[f64]; 2] = [&w, &[s]];
        let two = Function::trace((("b", 3), ("p", 2), "w", "s"), |(b, p, w, s)| kernel(&b, &p, w, s)).unwrap();
        let whole = case.whole(&w, s);
        let terms = case.terms(&two);
        close("values", &run(&terms.values().unwrap(), &x, &others), &whole.eval(&x).unwrap());
        let jacobian = whole.jacobian().unwrap().eval(&x).unwrap();
        close("jacobian", &run(&terms.jacobian().unwrap(), &x, &others), &jacobian);
        let turned = run(&terms.jacobian_transposed().unwrap(), &x, &others);
        let back: Vec<f64> = (0..2 * rows * n).map(|k| turned[k % n * 2 * rows + k / n]).collect();
        close("transposed", &back, &jacobian);
        // One result.
        let one = Function::trace((("b", 3), ("p", 2), "w", "s"), |(b, p, w, s)| {
            let [u, v] = kernel(&b, &p, w, s);
            u * v
        })
        .unwrap();
        let sum = Function::trace(("x", n), |x| Ok(whole.eval(&x)?.chunks(2).map(|y| y[0] * y[1]).sum::<Expr>())).unwrap();
        let terms = case.terms(&one);
        close("gradient", &run(&terms.gradient().unwrap(), &x, &others), &sum.grad().unwrap().eval(&x).unwrap());
        let hessian = sum.hessian().unwrap().eval(&x).unwrap();
        close("hessian", &run(&terms.hessian().unwrap(), &x, &others), &hessian);
        let lower: Vec<f64> = (0..n * n).map(|k| if k / n >= k % n { hessian[k] } else { 0.0 }).collect();
        close("lower", &run(&terms.hessian_lower().unwrap(), &x, &others), &lower);
    }
}

#[test]
fn rosenbrock_is_what_colouring_gives() {
    let n = 50;
    let term = Function::trace(("x", 2), |x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).unwrap();
    let table: Vec<usize> = (0..n - 1).flat_map(|i| [i, i + 1]).collect();
    let h = term.terms(n, [("x", table)]).unwrap().hessian_lower().unwrap();
    assert_eq!(format!("{h:?}"), "Assembly(99 numbers from 49 rows, 2 of a row written in place)");
    let whole = Function::trace(("x", n), |x| {
        x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum::<Expr>()
    });
    let coloured = whole.unwrap().hessian_lower().unwrap();
    assert_eq!(h.sparsity().unwrap(), coloured.sparsity());
    let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
    close("rosenbrock", &run(&h, &x, &[]), &coloured.sparsity().dense(&coloured.eval(&[&x]).unwrap()).unwrap());
}

#[test]
fn blocks_are_written_in_place() {
    // As in bundle adjustment: every residual sees a camera, a point, and a weight of its own.
    let f = Function::trace((("cam", 4), ("x", 3), "w"), |(cam, x, w)| {
        [w * (cam[0] * x[0] + cam[1] * x[1].sin() + x[2]), w * (cam[2] * x[1] * x[2] + cam[3] * x[0])]
    });
    let (rows, cameras, points) = (20, 3, 7);
    let block = |len: usize, first: usize, which: &dyn Fn(usize) -> usize| -> Vec<usize> {
        (0..rows).flat_map(|r| (0..len).map(move |k| (r, k))).map(|(r, k)| first + len * which(r) + k).collect()
    };
    let tables = [
        ("cam", block(4, 0, &|r| r % cameras)),
        ("x", block(3, 4 * cameras, &|r| r * 3 % points)),
        ("w", block(1, 4 * cameras + 3 * points, &|r| r)),
    ];
    let n = 4 * cameras + 3 * points + rows;
    let terms = f.unwrap().terms(n, tables).unwrap();
    let j = terms.jacobian_transposed().unwrap();
    let entries = j.len() / rows;
    assert_eq!(entries * rows, j.len());
    assert!(format!("{j:?}").contains(&format!("{entries} of a row written in place")), "{j:?}");
    assert_eq!((terms.rows(), terms.variables()), (rows, n));
}

#[test]
fn what_cannot_be() {
    let f = Function::trace((("x", 2), "w"), |(x, w)| x[0] * x[1] * w).unwrap();
    let error = f.terms(3, [("x", vec![0, 1, 2])]).unwrap_err();
    assert!(error.is_length() && error.location().is_some_and(|at| at.file().ends_with("terms.rs")), "{error}");
    assert!(f.terms(2, [("x", vec![0, 2])]).unwrap_err().is_value());
    assert!(f.terms(2, [("y", vec![0, 1])]).unwrap_err().is_name());
    assert!(f.terms(2, [("x", vec![0, 1]), ("x", vec![0, 1])]).unwrap_err().is_name());
    assert!(f.terms(2, [("x", vec![0, 1]), ("w", vec![0, 1])]).unwrap_err().is_length());
    let nothing: [(&str, Vec<usize>); 0] = [];
    assert!(f.terms(2, nothing).unwrap_err().is_name());
    assert!(f.terms(2, [("x", vec![0, 1])]).unwrap().shared(["x"]).unwrap_err().is_name());
    let arrays = Function::trace("x[2]", |x| x.sum(..)).unwrap();
    assert!(arrays.terms(2, [("x", vec![0, 1])]).unwrap_err().is_unsupported());
    let terms = f.terms(2, [("x", vec![0, 1, 1, 0])]).unwrap();
    let code = terms.values().unwrap().compile().unwrap();
    let mut y = [0.0; 2];
    assert!(code.call_into(&[&[1.0; 3], &[1.0, 2.0]], &mut [&mut y]).unwrap_err().is_length());
    assert!(code.call_into(&[&[1.0; 2]], &mut [&mut y]).unwrap_err().to_string().contains("w[2]"));
    assert!(code.call_into(&[&[1.0; 2], &[1.0]], &mut [&mut y]).unwrap_err().to_string().contains("`w`"));
    assert!(code.call_into(&[&[1.0; 2], &[1.0, 2.0]], &mut [&mut [0.0; 1]]).unwrap_err().is_length());
    assert!(code.call_into(&[&[1f32; 2], &[1.0, 2.0]], &mut [&mut [0f32; 2]]).is_err());
    let nothing = code.call_into::<f64>(&[], &mut []).unwrap_err();
    assert!(nothing.is_length() && nothing.to_string().contains("one for the variables"), "{nothing}");
    assert!(nothing.location().is_some_and(|at| at.file().ends_with("terms.rs")), "{nothing}");
    code.call_into(&[&[2.0, 3.0], &[1.0, 2.0]], &mut [&mut y]).unwrap();
    assert_eq!(y, [6.0, 12.0]);
    let two = Function::trace(("x", 2), |x| [x[0], x[1]]).unwrap().terms(2, [("x", vec![0, 1])]).unwrap();
    assert!(two.gradient().is_err() && two.hessian().is_err());
    // No rows, no entries.
    let none = f.terms(2, [("x", vec![])]).unwrap();
    assert_eq!(run(&none.gradient().unwrap(), &[1.0, 2.0], &[&[]]), [0.0, 0.0]);
    let linear = Function::trace(("x", 2), |x| x[0] - x[1]).unwrap().terms(3, [("x", vec![0, 1, 1, 2])]).unwrap();
    assert_eq!(run(&linear.hessian_lower().unwrap(), &[1.0; 3], &[]), [0.0; 9]);
    assert_eq!(run(&linear.gradient().unwrap(), &[1.0; 3], &[]), [1.0, 0.0, -1.0]);
    // Single precision.
    let narrow = Function::trace_in(Width::F32, ("x", 2), |x| x[0] * x[1] * x[1]).unwrap();
    let h = narrow.terms(3, [("x", vec![0, 1, 1, 2])]).unwrap().hessian_lower().unwrap();
    let mut values = vec![0f32; h.len()];
    h.compile().unwrap().call_into(&[&[1f32, 2.0, 3.0]], &mut [&mut values]).unwrap();
    // x₀·x₁² + x₁·x₂²
    assert_eq!(values, [4.0, 2.0, 6.0, 4.0]);
}
