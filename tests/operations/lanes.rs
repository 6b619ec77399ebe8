//! Loops over arrays in vector lanes: any lengths, any broadcasting, sums over any axes, in both widths. Native code agrees with the
//! interpreter to the bit, and both add up in the order that docs/numerics.md states.

use crate::common::sums::summed;
use crate::common::{Rng, cases};
use proptest::prelude::*;
use wengert::compiled::Form;
use wengert::{Array, Expr, Function, Options, Scalar};

fn array<T: Scalar>(shape: &[usize], rng: &mut Rng) -> Array<T> {
    Array::new(shape, (0..shape.iter().product()).map(|_| T::lit(rng.unit())).collect()).unwrap()
}

/// The numbers of all results, one after the other.
fn native<T: Scalar>(f: &Function, x: &[Array<T>], y: &[Array<T>]) -> Vec<T> {
    let compiled = f.compile_with(Options::new().fuse(false)).unwrap();
    let inputs: Vec<&[T]> = x.iter().map(|x| x.data()).collect();
    let mut results: Vec<Vec<T>> = y.iter().map(|y| vec![T::lit(f64::NAN); y.data().len()]).collect();
    compiled.call_into(&inputs, &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
    results.concat()
}

fn sum(v: Expr, axes: &[isize]) -> Expr {
    match *axes {
        [a] => v.sum(a),
        [a, b] => v.sum([a, b]),
        [a, b, c] => v.sum([a, b, c]),
        _ => unreachable!("up to three axes"),
    }
}

/// Elementwise work and sums over the axes of one shape, some axes open, operands broadcast along some.
fn property<T: Scalar>(seed: u64) -> Result<(), TestCaseError> {
    let mut rng = Rng(seed | 1);
    let rank = 1 + rng.below(3);
    let longest = [40, 13, 7][rank - 1];
    let lengths: Vec<usize> = (0..rank).map(|_| if rng.chance(0.2) { 1 } else { rng.below(longest) }).collect();
    // One axis may be open; its length follows from those of a slice, if no other axis has none.
    let open = rng.below(2 * rank);
    let open: Vec<bool> = (0..rank).map(|axis| axis == open && !lengths.contains(&0)).collect();
    let mut declared = Vec::new();
    let mut x = Vec::new();
    for k in 0..4 {
        // The first operand has the whole shape; others lack leading axes, or are 1 along some.
        let first = if k == 0 { 0 } else { rng.below(rank + 1) };
        let (mut axes, mut own) = (Vec::new(), Vec::new());
        for axis in first..rank {
            let one = k > 0 && rng.chance(0.3);
            own.push(if one { 1 } else { lengths[axis] });
            axes.push(match (one, open[axis]) {
                (true, _) => "1".to_owned(),
                (_, true) => format!("n{axis}"),
                (_, false) => lengths[axis].to_string(),
            });
        }
        declared.push(format!("x{k}[{}]", axes.join(",")));
        x.push(array::<T>(&own, &mut rng));
    }
    let summed: Vec<Vec<isize>> = (0..3)
        .map(|_| (0..rank as isize).filter(|_| rng.chance(0.6)).collect())
        .filter(|axes: &Vec<isize>| !axes.is_empty())
        .collect();
    let (plain, again) = (rng.chance(0.5), rng.chance(0.5));
    let f = Function::trace_in(T::WIDTH, declared, |x| {
        let [a, b, c, d] = x[..] else { unreachable!() };
        let u = a * b + c;
        let v = wengert::select(u.gt(d), u * d, a - b * 0.5);
        let mut results: Vec<Expr> = summed.iter().map(|axes| sum(v, axes)).collect();
        // Sums of what is read, of what is spread, and of sums.
        results.push(a.sum(..));
        results.push(b.broadcast_to(a.shape().axes()).sum(..));
        if again {
            results.push((v.sum(-1) * 0.25).sum(..));
        }
        if plain {
            results.push(v);
        }
        // Each of its own shape.
        results.into_iter().enumerate().map(|(k, y)| (format!("y{k}"), y)).collect::<Vec<_>>()
    });
    let f = f.unwrap();
    let y = f.run(&x).unwrap().into_arrays();
    let want = y.iter().flat_map(|y| y.data());
    for (k, (a, b)) in native(&f, &x, &y).into_iter().zip(want).enumerate() {
        prop_assert!(a.to_f64().to_bits() == b.to_f64().to_bits(), "{lengths:?}: number {k} is {a:?}, interpreted {b:?}\n{f}");
    }
    Ok(())
}

#[test]
fn loops_over_any_shape_f64() {
    proptest!(cases(300), |(seed: u64)| property::<f64>(seed)?);
}

#[test]
fn loops_over_any_shape_f32() {
    proptest!(cases(300), |(seed: u64)| property::<f32>(seed)?);
}

fn sums_of_runs<T: Scalar>() {
    let mut rng = Rng(7);
    for n in [1, 2, 3, 4, 9, 31] {
        for m in [1, 5, 8, 10, 33] {
            let x = [array::<T>(&[3, n, m], &mut rng), array::<T>(&[m], &mut rng)];
            let f = Function::trace_in(T::WIDTH, ["x[3,n,m]", "b[m]"], |[x, b]| {
                ((x + b).sum([1, 2]), (x + b).sum([0, 2]), (x + b).sum(1))
            });
            let y = f.as_ref().unwrap().run(&x).unwrap().into_arrays();
            let e: Vec<T> = x[0].data().iter().enumerate().map(|(k, &v)| v + x[1].data()[k % m]).collect();
            // The last two axes are one group; the last axis is a group, and then the first one is; the middle axis is one.
            let both = e.chunks(n * m).map(summed).collect::<Vec<T>>();
            let last: Vec<T> =
                (0..n).map(|j| summed(&(0..3).map(|i| summed(&e[(i * n + j) * m..][..m])).collect::<Vec<T>>())).collect();
            let middle: Vec<T> =
                (0..3 * m).map(|k| summed(&(0..n).map(|j| e[(k / m * n + j) * m + k % m]).collect::<Vec<T>>())).collect();
            let want = [both, last, middle].concat();
            let interpreted: Vec<T> = y.iter().flat_map(|y| y.data()).copied().collect();
            for (results, how) in [(interpreted, "interpreted"), (native(f.as_ref().unwrap(), &x, &y), "native")] {
                assert_eq!(results, want, "{how}, {n} by {m}");
            }
        }
    }
}

#[test]
fn sums_have_the_stated_order() {
    sums_of_runs::<f64>();
    sums_of_runs::<f32>();
}

/// Rows of several columns that lie one after the other, read and written.
fn columns<T: Scalar>() {
    for (inputs, outputs) in [(1, 5), (2, 1), (3, 2), (4, 4), (7, 3), (9, 8)] {
        let f = Function::trace_in(T::WIDTH, (("x", inputs), ("w", inputs)), |(x, w)| {
            let z = x.iter().zip(&w).map(|(&x, &w)| x * w).sum::<Expr>();
            let y = (0..outputs).map(|k| z - x[k % inputs] * x[k / inputs % inputs]).collect::<Vec<_>>();
            (("y", y), ("z", z))
        });
        let map = f.unwrap().vmap("n", ["x"]).unwrap().sum_of("n", ["z"]).unwrap();
        let options = Options::new().fuse(false);
        let program = map.compile_with(options.clone().interpreted(true)).unwrap();
        let compiled = map.compile_with(options).unwrap();
        assert_eq!(compiled.report().form, Form::Rows);
        for rows in 0..19 {
            let mut rng = Rng(rows as u64);
            let (x, w) = (array::<T>(&[rows, inputs], &mut rng), array::<T>(&[inputs], &mut rng));
            let run = |native: bool| {
                let (mut y, mut z) = (vec![T::lit(f64::NAN); rows * outputs], [T::lit(f64::NAN)]);
                let (x, y_z): ([&[T]; 2], &mut [&mut [T]]) = ([x.data(), w.data()], &mut [&mut y, &mut z]);
                if native { &compiled } else { &program }.call_into(&x, y_z).unwrap();
                (y, z)
            };
            let zs: Vec<T> = (x.data().chunks(inputs))
                .map(|x| x.iter().zip(w.data()).map(|(&x, &w)| x * w).reduce(|a, b| a + b).unwrap())
                .collect();
            let ys = x.data().chunks(inputs).zip(&zs);
            let ys = ys.flat_map(|(x, &z)| (0..outputs).map(move |k| z - x[k % inputs] * x[k / inputs % inputs]));
            let want = (ys.collect::<Vec<T>>(), [summed(&zs)]);
            assert_eq!(run(false), want, "interpreted, {rows} rows of {inputs} to {outputs}");
            assert_eq!(run(true), want, "native, {rows} rows of {inputs} to {outputs}");
        }
    }
}

#[test]
fn rows_of_several_columns() {
    columns::<f64>();
    columns::<f32>();
}

/// A product that is only summed is added with one rounding, if fusing is on: rounding (1 + t)² would lose t².
#[test]
fn sums_of_products_are_fused() {
    let f = Function::trace(["x", "y"], |[x, y]| x * y).unwrap();
    let map = f.vmap("n", ["x", "y"]).unwrap().sum("n").unwrap();
    let t = 2f64.powi(-30);
    // The first and the ninth row share a partial sum.
    let at = |first: f64, ninth: f64| [first, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ninth];
    let (x, y) = (at(-1.0, 1.0 + t), at(1.0 + 2.0 * t, 1.0 + t));
    for (fuse, want) in [(true, t * t), (false, 0.0)] {
        let options = Options::new().fuse(fuse);
        let (mut a, mut b) = ([0.0], [0.0]);
        map.compile_with(options.clone().interpreted(true)).unwrap().call_into(&[&x, &y], &mut [&mut a]).unwrap();
        map.compile_with(options).unwrap().call_into(&[&x, &y], &mut [&mut b]).unwrap();
        assert_eq!((a[0], b[0]), (want, want), "fuse {fuse}");
    }
}
