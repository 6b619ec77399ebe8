//! Routines that interpreter and native code share (reductions, moves, products of matrices, linear algebra), against references of
//! their own: naive loops over indices, nalgebra and ndarray. Random shapes with lengths 0 and 1, fixed and open axes, both widths.

use crate::common::Rng;
use nalgebra::DMatrix;
use ndarray::{ArrayD, Axis, IxDyn};
use wengert::graph::keep;
use wengert::{Array, Expr, Function, Scalar};

/// Numbers with a shape, row by row.
type Nd = ArrayD<f64>;

/// How often each routine is tried.
const ROUNDS: usize = 24;

/// One width of a test: random values that it represents, and functions called by both engines.
struct Width<'r, T> {
    rng: &'r mut Rng,
    epsilon: f64,
    one: std::marker::PhantomData<T>,
}

impl<T: Scalar> Width<'_, T> {
    /// Numbers of either sign that the width represents; some are equal, so that extremes have ties.
    fn noise(&mut self, shape: &[usize]) -> Nd {
        let mut number = || match self.rng.chance(0.2) {
            true => self.rng.pick(&[0.0, -0.0, 1.0, -1.0]),
            false => T::lit(self.rng.ordinary()).to_f64(),
        };
        ArrayD::from_shape_fn(IxDyn(shape), |_| number())
    }

    fn length(&mut self) -> usize {
        self.rng.pick(&[0, 1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33])
    }

    fn shape(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| self.length()).collect()
    }

    /// Distinct axes of so many, in order, at least one.
    fn axes(&mut self, rank: usize) -> Vec<usize> {
        let chosen: Vec<usize> = (0..rank).filter(|_| self.rng.chance(0.5)).collect();
        if chosen.is_empty() { vec![self.rng.below(rank)] } else { chosen }
    }

    /// Calls a function of these arrays, traced for their shapes, and, if its axes may be open, for axes with names. Both engines give the
    /// reference's shape and numbers, within `ulps` of `scale` at each element.
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "a case is a line")]
    fn holds(&self, what: &str, inputs: &[Nd], open: bool, f: impl Fn(&[Expr]) -> Expr, wanted: &Nd, scale: &Nd, ulps: f64) {
        self.holds_of(what, &inputs.iter().map(|x| (x, "")).collect::<Vec<_>>(), open, f, wanted, scale, ulps);
    }

    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "a reference, and what it is held against")]
    fn holds_of(
        &self,
        what: &str,
        inputs: &[(&Nd, &str)],
        open: bool,
        f: impl Fn(&[Expr]) -> Expr,
        wanted: &Nd,
        scale: &Nd,
        ulps: f64,
    ) {
        for named in [false, true] {
            if named && !open {
                continue;
            }
            let declared = |(k, (x, kind)): (usize, &(&Nd, &str))| {
                // Axes of one length have one name, but for the shortest, which may be broadcast.
                let axis = |&n: &usize| if named && n > 1 { format!("n{n}") } else { n.to_string() };
                let axes: Vec<String> = x.shape().iter().map(axis).collect();
                if axes.is_empty() { format!("x{k}{kind}") } else { format!("x{k}[{}]{kind}", axes.join(",")) }
            };
            let names: Vec<String> = inputs.iter().enumerate().map(declared).collect();
            let names: Vec<&str> = names.iter().map(|name| &name[..]).collect();
            let traced = Function::trace_in(T::WIDTH, names.clone(), |x: Vec<Expr>| f(&x));
            let traced = traced.unwrap_or_else(|error| panic!("{what} of {names:?}: {error}"));
            let arrays: Vec<Array<T>> = inputs.iter().map(|(x, _)| array(x)).collect();
            let native = traced.compile().unwrap();
            for (engine, y) in [("interpreted", traced.run(&arrays)), ("native", native.run(&arrays))] {
                let y = y.unwrap_or_else(|error| panic!("{what} of {names:?}, {engine}: {error}"));
                assert_eq!(y[0].shape(), wanted.shape(), "{what} of {names:?}, {engine}");
                for (at, (&y, (&wanted, &scale))) in y[0].data().iter().zip(wanted.iter().zip(scale)).enumerate() {
                    let y = y.to_f64();
                    let near = y == wanted || y.is_nan() && wanted.is_nan() || (y - wanted).abs() <= ulps * self.epsilon * scale;
                    assert!(near, "{what} of {names:?}, {engine}: {y} at {at}, not {wanted}");
                }
            }
        }
    }

    /// Results that are not rounded.
    #[track_caller]
    fn moves(&self, what: &str, inputs: &[Nd], open: bool, f: impl Fn(&[Expr]) -> Expr, wanted: &Nd) {
        self.holds(what, inputs, open, f, wanted, &wanted.mapv(|_| 0.0), 0.0);
    }
}

fn array<T: Scalar>(x: &Nd) -> Array<T> {
    Array::new(x.shape(), x.iter().map(|&v| T::lit(v)).collect()).unwrap()
}

/// Both widths.
fn in_both(seed: u64, f: impl Fn(&mut Width<f64>), g: impl Fn(&mut Width<f32>)) {
    let (mut a, mut b) = (Rng(seed), Rng(seed + 1));
    for _ in 0..ROUNDS {
        f(&mut Width { rng: &mut a, epsilon: f64::EPSILON, one: std::marker::PhantomData });
        g(&mut Width { rng: &mut b, epsilon: f32::EPSILON as f64, one: std::marker::PhantomData });
    }
}

/// A test of a routine that is generic over the width.
macro_rules! routine {
    ($name:ident, $seed:expr, |$w:ident| $body:expr) => {
        #[test]
        fn $name() {
            fn tried<T: Scalar>($w: &mut Width<T>) {
                $body
            }
            in_both($seed, tried::<f64>, tried::<f32>);
        }
    };
}

/// By elements along axes: for each element of the result those that are reduced, in row-major order.
fn reduced(x: &Nd, axes: &[usize], f: impl Fn(&[f64]) -> f64) -> Nd {
    let kept: Vec<usize> = (0..x.ndim()).filter(|k| !axes.contains(k)).collect();
    let shape: Vec<usize> = kept.iter().map(|&k| x.shape()[k]).collect();
    let mut lists = ArrayD::from_elem(IxDyn(&shape), Vec::new());
    for (index, &v) in x.indexed_iter() {
        let at: Vec<usize> = kept.iter().map(|&k| index[k]).collect();
        lists[IxDyn(&at)].push(v);
    }
    lists.mapv(|list| f(&list))
}

fn first_of(list: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    (1..list.len()).fold(0, |best, k| if better(list[k], list[best]) { k } else { best }) as f64
}

routine!(reductions, 11, |w| {
    let rank = 1 + w.rng.below(4);
    let shape = w.shape(rank);
    let (x, axes) = (w.noise(&shape), w.axes(rank));
    let n: usize = axes.iter().map(|&k| shape[k]).product();
    let size = reduced(&x, &axes, |list| list.iter().map(|v| v.abs()).sum());
    let none = size.mapv(|_| 0.0);
    let sum = reduced(&x, &axes, |list| list.iter().sum());
    let given = [x.clone()];
    w.holds("sum", &given, true, |x| x[0].sum(&axes[..]), &sum, &size, 8.0);
    let with_ones: Vec<usize> = (0..rank).map(|k| if axes.contains(&k) { 1 } else { shape[k] }).collect();
    let kept = |y: &Nd| y.clone().into_shape_with_order(IxDyn(&with_ones)).unwrap();
    w.holds("sum, kept", &given, true, |x| x[0].sum(keep(&axes[..])), &kept(&sum), &kept(&size), 8.0);
    w.holds(
        "mean",
        &given,
        true,
        |x| x[0].mean(&axes[..]),
        &sum.mapv(|v| v / n as f64),
        &size.mapv(|v| v / n.max(1) as f64),
        8.0,
    );
    w.moves("count", &given, true, |x| x[0].count(&axes[..]) + x[0].sum(&axes[..]) * 0.0, &none.mapv(|_| n as f64));
    let max = reduced(&x, &axes, |list| list.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    w.moves("max_of", &given, true, |x| x[0].max_of(&axes[..]), &max);
    let min = reduced(&x, &axes, |list| list.iter().copied().fold(f64::INFINITY, f64::min));
    w.moves("min_of", &given, true, |x| x[0].min_of(&axes[..]), &min);
    let product = reduced(&x, &axes, |list| list.iter().product());
    w.holds("prod", &given, true, |x| x[0].prod(&axes[..]), &product, &product.mapv(f64::abs), 2.0 * (n + 1) as f64);
    if n > 0 {
        let one = axes.len() == 1;
        w.moves("argmax", &given, one, |x| x[0].argmax(&axes[..]), &reduced(&x, &axes, |list| first_of(list, |a, b| a > b)));
        w.moves("argmin", &given, one, |x| x[0].argmin(&axes[..]), &reduced(&x, &axes, |list| first_of(list, |a, b| a < b)));
        let lse = reduced(&x, &axes, |list| {
            let max = list.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            max + list.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
        });
        w.holds("log_sum_exp", &given, true, |x| x[0].log_sum_exp(&axes[..]), &lse, &lse.mapv(|v| v.abs() + 4.0), 8.0);
    }
});

routine!(running_sums_and_products, 13, |w| {
    let rank = 1 + w.rng.below(3);
    let shape = w.shape(rank);
    let (x, axis) = (w.noise(&shape), w.rng.below(rank));
    let running = |x: &Nd, f: fn(f64, f64) -> f64| {
        let mut y = x.clone();
        for mut lane in y.lanes_mut(Axis(axis)) {
            (1..lane.len()).for_each(|k| lane[k] = f(lane[k - 1], lane[k]));
        }
        y
    };
    let (sum, size) = (running(&x, |a, b| a + b), running(&x.mapv(f64::abs), |a, b| a + b));
    w.holds("cumsum", std::slice::from_ref(&x), true, |x| x[0].cumsum(axis as isize), &sum, &size, 33.0);
    let product = running(&x, |a, b| a * b);
    w.holds("cumprod", std::slice::from_ref(&x), true, |x| x[0].cumprod(axis as isize), &product, &product.mapv(f64::abs), 66.0);
    let maxima = reduced(&x, &[axis], |list| list.iter().copied().fold(f64::NEG_INFINITY, f64::max)).insert_axis(Axis(axis));
    let e = (&x - &maxima).mapv(f64::exp);
    let soft = &e / &e.sum_axis(Axis(axis)).insert_axis(Axis(axis));
    w.holds("softmax", &[x], true, |x| x[0].softmax(axis as isize), &soft, &soft.mapv(|v| v + 1e-30), 16.0);
});

routine!(products_of_matrices, 17, |w| {
    let [m, k, n] = [w.length(), w.length(), w.length()];
    // Leading axes that are equal, broadcast, or on one side only.
    let leading = w.rng.below(3);
    let stack = w.shape(leading);
    let mut one_of = |shape: &[usize]| -> Vec<usize> {
        let skipped = if w.rng.chance(0.3) { w.rng.below(shape.len() + 1) } else { 0 };
        shape[skipped..].iter().map(|&n| if w.rng.chance(0.2) { 1 } else { n }).collect()
    };
    let (of_a, of_b) = (one_of(&stack), one_of(&stack));
    let with = |stack: &[usize], [r, c]: [usize; 2]| [stack, &[r, c]].concat();
    let (a, b) = (w.noise(&with(&of_a, [m, k])), w.noise(&with(&of_b, [k, n])));
    let rank = of_a.len().max(of_b.len());
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |k| shape[k]);
    let result: Vec<usize> = (0..rank).map(|i| if at(&of_a, i) == 1 { at(&of_b, i) } else { at(&of_a, i) }).collect();
    let element = |x: &Nd, index: &[usize], r: usize, c: usize| {
        let (leading, own) = (x.ndim() - 2, index.len());
        let place: Vec<usize> = (0..leading).map(|i| if x.shape()[i] == 1 { 0 } else { index[own - leading + i] }).collect();
        x[IxDyn(&[&place[..], &[r, c]].concat())]
    };
    let product = |f: fn(f64) -> f64| {
        ArrayD::from_shape_fn(IxDyn(&with(&result, [m, n])), |index| {
            let index: Vec<usize> = (0..rank + 2).map(|i| index[i]).collect();
            let (lead, own) = index.split_at(rank);
            (0..k).map(|l| f(element(&a, lead, own[0], l)) * f(element(&b, lead, l, own[1]))).sum::<f64>()
        })
    };
    let (y, size) = (product(|v| v), product(f64::abs));
    // A name for a length would not be that of an axis of length 1.
    let open = of_a == of_b && of_a == result;
    w.holds("matmul", &[a.clone(), b.clone()], open, |x| x[0].matmul(x[1]), &y, &size, 40.0);
    let turned = |x: &Nd| {
        let (i, j) = (x.ndim() - 2, x.ndim() - 1);
        let mut y = x.clone();
        y.swap_axes(i, j);
        y.as_standard_layout().into_owned()
    };
    let [at, bt] = [&a, &b].map(turned);
    w.holds("aᵀ in memory", &[at.clone(), b.clone()], open, |x| x[0].t().matmul(x[1]), &y, &size, 40.0);
    w.holds("bᵀ in memory", &[a.clone(), bt.clone()], open, |x| x[0].matmul(x[1].t()), &y, &size, 40.0);
    w.holds("both in memory", &[at, bt], open, |x| x[0].t().matmul(x[1].t()), &y, &size, 40.0);
    w.holds("and turned", &[a, b], open, |x| x[0].matmul(x[1]).t(), &turned(&y), &turned(&size), 40.0);
    let (u, v) = (w.noise(&[k]), w.noise(&[k, n]));
    let row = ArrayD::from_shape_fn(IxDyn(&[n]), |j| (0..k).map(|i| u[i] * v[[i, j[0]]]).sum::<f64>());
    let size = row.mapv(|_| 7.0 * k as f64);
    w.holds("a vector before a matrix", &[u.clone(), v.clone()], true, |x| x[0].matmul(x[1]), &row, &size, 40.0);
    w.holds("a vector behind a matrix", &[v, u.clone()], true, |x| x[0].t().matmul(x[1]), &row, &size, 40.0);
    let dot = ArrayD::from_elem(IxDyn(&[]), u.iter().map(|v| v * v).sum::<f64>());
    w.holds("two vectors", &[u], true, |x| x[0].dot(x[0]) + x[0].matmul(x[0]) - x[0].dot(x[0]), &dot, &dot, 40.0);
});

/// A matrix far from singular, of a size that may be 0.
fn regular<T: Scalar>(w: &mut Width<T>, n: usize) -> DMatrix<f64> {
    let noise = w.noise(&[n, n]);
    DMatrix::from_fn(n, n, |i, j| noise[[i, j]] + if (i + 1) % n.max(1) == j { 3.0 * n as f64 } else { 0.0 })
}

/// The solution of linear equations; nalgebra has none of no equations.
fn solved(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    if a.is_empty() { b.clone() } else { a.clone().full_piv_lu().solve(b).unwrap() }
}

fn nd(a: &DMatrix<f64>) -> Nd {
    ArrayD::from_shape_fn(IxDyn(&[a.nrows(), a.ncols()]), |i| a[(i[0], i[1])])
}

routine!(linear_algebra, 19, |w| {
    let (n, m) = (w.rng.pick(&[0, 1, 2, 3, 5, 8, 13]), w.rng.pick(&[0, 1, 2, 7]));
    let a = regular(w, n);
    let noise = w.noise(&[n, m]);
    let b = DMatrix::from_fn(n, m, |i, j| noise[[i, j]]);
    let flat = |y: &Nd, scale: f64| y.mapv(|v| v.abs() + scale);
    let given = [nd(&a), nd(&b)];
    let x = nd(&solved(&a, &b));
    w.holds("solve", &given, true, |x| x[0].solve(x[1]), &x, &flat(&x, 1.0), 200.0);
    if m > 0 {
        let first = x.index_axis(Axis(1), 0).to_owned();
        w.holds("solve for a vector", &given, false, |x| x[0].solve(x[1].at(1, 0)), &first, &flat(&first, 1.0), 200.0);
    }
    let inverse = nd(&solved(&a, &DMatrix::identity(n, n)));
    w.holds("inverse", &given[..1], true, |x| x[0].inverse(), &inverse, &flat(&inverse, 1.0), 200.0);
    // A determinant of large entries leaves f32.
    let small = &a / (3.0 * n.max(1) as f64);
    let small = small.map(|v| T::lit(v).to_f64());
    let det = ArrayD::from_elem(IxDyn(&[]), if n == 0 { 1.0 } else { small.determinant() });
    w.holds("det", &[nd(&small)], true, |x| x[0].det(), &det, &flat(&det, 1.0), 500.0);
    w.holds("log_det", &[nd(&small)], true, |x| x[0].log_det(), &det.mapv(|d| d.abs().ln()), &flat(&det, 3.0), 500.0);
    let [lower, upper] = [true, false].map(|lower| {
        DMatrix::from_fn(n, n, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Equal => 2.0 + i as f64,
            order => {
                if (order == std::cmp::Ordering::Greater) == lower {
                    T::lit(a[(i, j)] / (3.0 * n as f64)).to_f64()
                } else {
                    0.0
                }
            }
        })
    });
    let below = nd(&if n == 0 { b.clone() } else { lower.solve_lower_triangular(&b).unwrap() });
    w.holds("solve_lower", &[nd(&lower), nd(&b)], true, |x| x[0].solve_lower(x[1]), &below, &flat(&below, 1.0), 200.0);
    let above = nd(&if n == 0 { b.clone() } else { upper.solve_upper_triangular(&b).unwrap() });
    w.holds("solve_upper", &[nd(&upper), nd(&b)], true, |x| x[0].solve_upper(x[1]), &above, &flat(&above, 1.0), 200.0);
    let definite = (&lower * lower.transpose()).map(|v| T::lit(v).to_f64());
    let l = nd(&if n == 0 { a.clone() } else { definite.clone().cholesky().unwrap().l() });
    w.holds("cholesky", &[nd(&definite)], true, |x| x[0].cholesky(), &l, &flat(&l, 2.0), 200.0);
    // Stacks, of which one side may be one matrix for all.
    let count = w.rng.pick(&[0, 1, 3]);
    let all: Vec<DMatrix<f64>> = (0..count).map(|_| regular(w, n)).collect();
    let stack = ArrayD::from_shape_fn(IxDyn(&[count, n, n]), |i| all[i[0]][(i[1], i[2])]);
    let each: Vec<Nd> = all.iter().map(|a| nd(&solved(a, &b))).collect();
    let each = ArrayD::from_shape_fn(IxDyn(&[count, n, m]), |i| each[i[0]][[i[1], i[2]]]);
    w.holds("solve of a stack", &[stack, nd(&b)], false, |x| x[0].solve(x[1]), &each, &flat(&each, 1.0), 200.0);
});

routine!(parts_of_matrices, 23, |w| {
    let (m, n) = (w.length(), w.length());
    let a = w.noise(&[m, n]);
    let k = w.rng.below(5) as isize - 2;
    let part = |keeps: &dyn Fn(isize) -> bool| {
        ArrayD::from_shape_fn(IxDyn(&[m, n]), |i| if keeps(i[1] as isize - i[0] as isize) { a[&i] } else { 0.0 })
    };
    w.moves("tril", std::slice::from_ref(&a), true, |x| x[0].tril(k), &part(&|d| d <= k));
    w.moves("triu", std::slice::from_ref(&a), true, |x| x[0].triu(k), &part(&|d| d >= k));
    let square = w.noise(&[m, m]);
    let diagonal = ArrayD::from_shape_fn(IxDyn(&[m]), |i| square[[i[0], i[0]]]);
    w.moves("diag", std::slice::from_ref(&square), true, |x| x[0].diag(), &diagonal);
    let size = ArrayD::from_elem(IxDyn(&[]), diagonal.iter().map(|v| v.abs()).sum());
    let trace = ArrayD::from_elem(IxDyn(&[]), diagonal.iter().sum());
    w.holds("trace", &[square], true, |x| x[0].trace(), &trace, &size, 33.0);
    let matrix = ArrayD::from_shape_fn(IxDyn(&[m, m]), |i| if i[0] == i[1] { diagonal[i[0]] } else { 0.0 });
    w.moves("diag_matrix", std::slice::from_ref(&diagonal), true, |x| x[0].diag_matrix(), &matrix);
    let v = w.noise(&[n]);
    let outer = ArrayD::from_shape_fn(IxDyn(&[m, n]), |i| T::lit(diagonal[i[0]] * v[i[1]]).to_f64());
    w.moves("outer", &[diagonal, v], true, |x| x[0].outer(x[1]), &outer);
});

routine!(moves, 29, |w| {
    let rank = 1 + w.rng.below(4);
    let shape = w.shape(rank);
    let x = w.noise(&shape);
    let given = [x.clone()];
    let mut order: Vec<usize> = (0..rank).collect();
    (1..rank).rev().for_each(|k| order.swap(k, w.rng.below(k + 1)));
    let permuted = x.clone().permuted_axes(IxDyn(&order)).as_standard_layout().into_owned();
    w.moves("permute", &given, true, |x| x[0].permute(&order), &permuted);
    let axis = w.rng.below(rank);
    let along = if w.rng.chance(0.5) { axis as isize } else { axis as isize - rank as isize };
    let n = shape[axis];
    let from = w.rng.below(n + 1);
    let to = from + w.rng.below(n - from + 1);
    let cut = x.slice_axis(Axis(axis), ndarray::Slice::from(from..to)).to_owned();
    w.moves("slice", &given, false, |x| x[0].slice(along, from..to), &cut);
    let back = ArrayD::from_shape_fn(IxDyn(&shape), |mut i| {
        i[axis] = n - 1 - i[axis];
        x[i]
    });
    if n > 0 {
        w.moves("slice back", &given, false, |x| x[0].slice_by(along, n - 1, n, -1), &back);
        w.moves("at", &given, false, |x| x[0].at(along, n - 1), &x.index_axis(Axis(axis), n - 1).to_owned());
    }
    let (before, after) = (w.rng.below(4), w.rng.below(4));
    let mut longer = shape.clone();
    longer[axis] += before + after;
    let padded = ArrayD::from_shape_fn(IxDyn(&longer), |mut i| match i[axis].checked_sub(before) {
        Some(k) if k < n => {
            i[axis] = k;
            x[i]
        }
        _ => 0.0,
    });
    w.moves("pad", &given, false, |x| x[0].pad(along, before, after), &padded);
    let mut other = shape.clone();
    other[axis] = w.length();
    let y = w.noise(&other);
    let joined = ndarray::concatenate(Axis(axis), &[x.view(), y.view(), x.view()]).unwrap();
    w.moves("concat", &[x.clone(), y], false, |x| Expr::concat(&[x[0], x[1], x[0]], along), &joined);
    let z = w.noise(&shape);
    let new = w.rng.below(rank + 1);
    let stacked = ndarray::stack(Axis(new), &[x.view(), z.view()]).unwrap();
    w.moves("stack", &[x.clone(), z], true, |x| Expr::stack(&[x[0], x[1]], new as isize), &stacked);
    let halves = [x.slice_axis(Axis(axis), ndarray::Slice::from(from..)), x.slice_axis(Axis(axis), ndarray::Slice::from(..from))];
    let turned = ndarray::concatenate(Axis(axis), &halves).unwrap();
    let around = |x: &[Expr]| {
        let parts = x[0].split(along, &[from, n - from]);
        Expr::concat(&[parts[1], parts[0]], along)
    };
    w.moves("split", &given, false, around, &turned);
    // The same numbers in another shape: two axes put together, an axis of length 1 put in and taken out.
    let flat = x.clone().into_shape_with_order(IxDyn(&[x.len()])).unwrap();
    w.moves("reshape to a vector", &given, false, |e| e[0].reshape([x.len()]), &flat);
    w.moves("reshape of a vector", &[flat], false, |e| e[0].reshape(&shape[..]), &x);
    let wide = x.clone().insert_axis(Axis(new));
    w.moves("unsqueeze", &given, true, |x| x[0].unsqueeze(new as isize), &wide);
    w.moves("squeeze", &[wide], false, |x| x[0].squeeze(new as isize), &x);
});

routine!(broadcasts, 31, |w| {
    let rank = 1 + w.rng.below(4);
    let shape = w.shape(rank);
    let skipped = w.rng.below(rank + 1);
    let own: Vec<usize> = shape[skipped..].iter().map(|&n| if w.rng.chance(0.4) { 1 } else { n }).collect();
    let (x, y) = (w.noise(&own), w.noise(&shape));
    let wide = x.broadcast(IxDyn(&shape)).unwrap().to_owned();
    w.moves("broadcast_to", std::slice::from_ref(&x), false, |x| x[0].broadcast_to(&shape[..]), &wide);
    let exact = (&wide + &y).mapv(|v| T::lit(v).to_f64());
    w.holds("a sum of two shapes", &[x.clone(), y.clone()], true, |x| x[0] + x[1], &exact, &exact.mapv(f64::abs), 1.0);
    let exact = &y * &wide;
    w.holds("a product of two shapes", &[x.clone(), y], true, |x| x[1] * x[0], &exact, &exact.mapv(f64::abs), 1.0);
    // Both are broadcast.
    let (a, b) = (w.length(), w.length());
    let (column, row) = (w.noise(&[a, 1]), w.noise(&[1, b]));
    let exact = &column * &row;
    w.holds("a column and a row", &[column, row], true, |x| x[0] * x[1], &exact, &exact.mapv(f64::abs), 1.0);
});

routine!(gathers_and_scatters, 37, |w| {
    let rank = 1 + w.rng.below(3);
    let mut shape = w.shape(rank);
    let axis = w.rng.below(rank);
    shape[axis] = shape[axis].max(1);
    let n = shape[axis];
    let x = w.noise(&shape);
    let of_index = w.rng.below(3);
    let places = w.shape(of_index);
    let index = ArrayD::from_shape_fn(IxDyn(&places), |_| w.rng.below(n) as f64);
    let result = [&shape[..axis], &places, &shape[axis + 1..]].concat();
    // Where an element of the result comes from.
    let source = |i: &IxDyn| -> Vec<usize> {
        let i: Vec<usize> = (0..result.len()).map(|k| i[k]).collect();
        let place = index[IxDyn(&i[axis..axis + of_index])] as usize;
        [&i[..axis], &[place], &i[axis + of_index..]].concat()
    };
    let gathered = ArrayD::from_shape_fn(IxDyn(&result), |i| x[IxDyn(&source(&i))]);
    let both = [(&x, ""), (&index, ": index")];
    let none = gathered.mapv(|_| 0.0);
    w.holds_of("gather", &both, true, |x| x[0].gather(x[1], axis as isize), &gathered, &none, 0.0);
    let values = w.noise(&result);
    let (mut sums, mut sizes) = (x.mapv(|_| 0.0), x.mapv(|_| 0.0));
    for (i, &v) in values.indexed_iter() {
        let to = source(&i);
        sums[IxDyn(&to)] += v;
        sizes[IxDyn(&to)] += v.abs();
    }
    let both = [(&values, ""), (&index, ": index")];
    let scattered = |x: &[Expr]| x[0].scatter_add(x[1], &shape[..], axis as isize);
    w.holds_of("scatter_add", &both, false, scattered, &sums, &sizes, 64.0);
    let classes = n;
    let hot = ArrayD::from_shape_fn(IxDyn(&[&places[..], &[classes]].concat()), |i| {
        let place: Vec<usize> = (0..of_index).map(|k| i[k]).collect();
        if index[IxDyn(&place)] as usize == i[of_index] { 1.0 } else { 0.0 }
    });
    let zeros = hot.mapv(|_| 0.0);
    w.holds_of("one_hot", &[(&index, ": index")], true, |x| x[0].one_hot(classes), &hot, &zeros, 0.0);
});
