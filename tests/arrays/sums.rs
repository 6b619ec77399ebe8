//! The one order of sums (docs/numerics.md): every engine has it, on any axes, tile by tile, and on any number of threads.

use crate::common::Rng;
use crate::common::sums::summed;
use proptest::prelude::*;
use wengert::graph::Axis;
use wengert::{Array, Expr, Function, Options, Scalar, Shape, Width};

#[cfg(feature = "threads")]
const THREADS: [usize; 3] = [1, 2, 4];
#[cfg(not(feature = "threads"))]
const THREADS: [usize; 1] = [1];

/// A sum over axes that are neighbours, or apart by axes of the length 1 by declaration.
fn group<T: Scalar>(x: &[T], lengths: &[usize], axes: &[usize]) -> Vec<T> {
    let kept: Vec<usize> = (0..lengths.len()).filter(|k| !axes.contains(k)).collect();
    let mut summands = vec![Vec::new(); kept.iter().map(|&k| lengths[k]).product()];
    for (at, &v) in x.iter().enumerate() {
        let index = |k: usize| at / lengths[k + 1..].iter().product::<usize>() % lengths[k];
        summands[kept.iter().fold(0, |to, &k| to * lengths[k] + index(k))].push(v);
    }
    summands.iter().map(|summands| summed(summands)).collect()
}

/// A sum over any axes: the last neighbours first.
fn over_axes<T: Scalar>(x: &[T], declared: &[Axis], lengths: &[usize], axes: &[usize]) -> Vec<T> {
    let Some((&last, _)) = axes.split_last() else { return x.to_vec() };
    let mut from = last;
    while let Some(&before) =
        axes.iter().rfind(|&&axis| axis < from && declared[axis + 1..from].iter().all(|a| *a == Axis::Fixed(1)))
    {
        from = before;
    }
    let (rest, own): (Vec<usize>, Vec<usize>) = axes.iter().partition(|&&axis| axis < from);
    let kept = |k: &usize| !own.contains(k);
    let lengths_kept: Vec<usize> = (0..lengths.len()).filter(kept).map(|k| lengths[k]).collect();
    let declared_kept: Vec<Axis> = (0..lengths.len()).filter(kept).map(|k| declared[k]).collect();
    over_axes(&group(x, lengths, &own), &declared_kept, &lengths_kept, &rest)
}

fn bits<T: Scalar>(y: &[T]) -> Vec<u64> {
    y.iter().map(|v| v.to_f64().to_bits()).collect()
}

fn all_bits<T: Scalar>(y: &[Array<T>]) -> Vec<Vec<u64>> {
    y.iter().map(|y| bits(y.data())).collect()
}

/// A number of either sign and of a size that makes rounding matter; a few are zeros.
fn number<T: Scalar>(rng: &mut Rng) -> T {
    T::lit(if rng.chance(0.05) { rng.pick(&[0.0, -0.0]) } else { rng.unit() * 2f64.powi(rng.below(12) as i32) })
}

/// Shapes and axes of a case.
#[derive(Debug)]
struct Case {
    declared: Vec<Axis>,
    lengths: Vec<usize>,
    /// The axes of one sum and of another one.
    axes: [Vec<usize>; 2],
    /// Along which axes the second operand goes.
    goes_on: Vec<bool>,
}

impl Case {
    fn new(rng: &mut Rng) -> Case {
        let rank = 1 + rng.below(4);
        let mut lengths: Vec<usize> = (0..rank).map(|_| rng.pick(&[1, 1, 2, 3, 5, 8, 9, 15, 16, 17, 33])).collect();
        if rng.chance(0.5) {
            let long = rng.pick(&[0, 40, 129, 1023, 1024, 1025, 1050, 2048, 2100, 5000]);
            lengths[rng.below(rank)] = long;
        }
        while lengths.iter().product::<usize>() > 40_000 {
            let k = rng.below(rank);
            lengths[k] = lengths[k].min(3);
        }
        let names = ["i", "j", "k", "l"];
        let axis = |(k, &n): (usize, &usize), open: bool| if open { Axis::Open(names[k]) } else { Axis::Fixed(n) };
        let declared = lengths.iter().enumerate().map(|at| axis(at, rng.chance(0.5))).collect();
        let mut axes = || (0..rank).filter(|_| rng.chance(0.5)).collect::<Vec<usize>>();
        Case { declared, axes: [axes(), axes()], goes_on: (0..rank).map(|_| rng.chance(0.7)).collect(), lengths }
    }

    /// The sums of a product, of a chain of operations, and of what is there.
    fn function(&self, width: Width) -> Function {
        let other = self.declared.iter().zip(&self.goes_on).map(|(&axis, &on)| if on { axis } else { Axis::Fixed(1) });
        let shapes = [self.declared.clone(), other.collect()].map(|axes| Shape::new(&axes));
        let inputs = [("x", shapes[0]), ("y", shapes[1])].map(|(name, shape)| format!("{name}{shape}"));
        let [a, b] = &self.axes;
        let f = Function::trace_in(width, inputs, |[x, y]: [Expr; 2]| {
            let z = x.abs() - y;
            ((x * y).sum(&a[..]), z.sum(&b[..]), x.sum(&b[..]), z.sum(&a[..]))
        });
        f.unwrap()
    }
}

fn property<T: Scalar>(seed: u64) -> Result<(), TestCaseError> {
    let mut rng = Rng(seed);
    let case = Case::new(&mut rng);
    let f = case.function(T::WIDTH);
    let lengths = &case.lengths;
    let other: Vec<usize> = lengths.iter().zip(&case.goes_on).map(|(&n, &on)| if on { n } else { 1 }).collect();
    let [x, y] = [lengths, &other].map(|lengths| {
        let data = (0..lengths.iter().product()).map(|_| number(&mut rng)).collect();
        Array::<T>::new(&lengths[..], data).unwrap()
    });
    let factor = |at: usize| {
        let index = |k: usize| if case.goes_on[k] { at / lengths[k + 1..].iter().product::<usize>() % lengths[k] } else { 0 };
        y.data()[(0..lengths.len()).fold(0, |to, k| to * other[k] + index(k))]
    };
    let of = |f: &dyn Fn(T, T) -> T, axes: &[usize]| {
        let values: Vec<T> = x.data().iter().enumerate().map(|(at, &v)| f(v, factor(at))).collect();
        bits(&over_axes(&values, &case.declared, lengths, axes))
    };
    let difference = |x: T, y: T| wengert::Real::abs(x) - y;
    let [a, b] = &case.axes;
    let expected = vec![of(&|x, y| x * y, a), of(&difference, b), of(&|x, _| x, b), of(&difference, a)];
    let inputs = [x.clone(), y.clone()];
    prop_assert_eq!(&all_bits(f.run(&inputs).unwrap().arrays()), &expected, "eval of {:?}", case);
    let run = |options: Options| -> Vec<Vec<Vec<u64>>> {
        let compiled = f.compile_with(options).unwrap();
        let call = |threads| all_bits(compiled.with_threads(threads).unwrap().run(&inputs).unwrap().arrays());
        THREADS.into_iter().map(call).collect()
    };
    for unroll in [false, true] {
        let options = Options::new().fuse(false).unroll(unroll);
        for found in run(options.clone()).iter().chain(&run(options.interpreted(true))) {
            prop_assert_eq!(found, &expected, "unrolled: {}, {:?}", unroll, case);
        }
    }
    // With fusing, a product that is only summed has one rounding, in native code and by interpretation.
    let fused = run(Options::new().unroll(false));
    for found in fused.iter().chain(&run(Options::new().unroll(false).interpreted(true))) {
        prop_assert_eq!(found, &fused[0], "fused, {:?}", case);
        prop_assert_eq!(&found[1..], &expected[1..], "fused, {:?}", case);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_engine_has_the_order_of_the_manual(seed: u64) {
        property::<f64>(seed)?;
    }

    #[test]
    fn and_in_f32(seed: u64) {
        property::<f32>(seed)?;
    }
}

/// Outputs of their own, which need not have one shape.
fn apart(values: Vec<Expr>) -> Vec<(String, Expr)> {
    values.into_iter().enumerate().map(|(k, y)| (format!("y{k}"), y)).collect()
}

/// Tiles go along what is summed over, in blocks and not; threads share out the elements of the sums.
#[test]
fn long_sums_of_columns() {
    type Sums = fn(Expr, Expr) -> Vec<Expr>;
    let cases: [(&str, Sums); 4] = [
        ("computed by another stage", |x, b| vec![(x * b).exp().sin().sum(0)]),
        ("and read again", |x, b| vec![(x * b).exp().sum(0), (x - b).exp().sin().sum(..)]),
        ("of what another sum gives", |x, b| vec![((x.exp() * b).sin() - x.exp().sum(0)).sum(0)]),
        ("with sums of rows", |x, b| {
            let z = (x * b).exp().sin() - b;
            vec![z.sum(0), z.sum(1), (z * z).sum(0)]
        }),
    ];
    for (n, m) in [(70_000, 2), (20_001, 7), (3000, 100), (1500, 1200), (40, 5000)] {
        let mut rng = Rng(n as u64);
        let x = Array::<f64>::new([n, m], (0..n * m).map(|_| rng.unit()).collect()).unwrap();
        let inputs = [x, Array::vector((0..m).map(|_| rng.unit()).collect())];
        for (name, sums) in &cases {
            let f = Function::trace(["x[n,m]", "b[m]"], |[x, b]| apart(sums(x, b))).unwrap();
            let expected = all_bits(f.run(&inputs).unwrap().arrays());
            let compiled = f.compile_with(Options::new().fuse(false)).unwrap();
            for threads in THREADS {
                let found = all_bits(compiled.with_threads(threads).unwrap().run(&inputs).unwrap().arrays());
                assert!(found == expected, "{name}, {n} by {m}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_long_mean_over_the_first_axis() {
    const N: usize = 5_000_000;
    let x = Array::new([N, 2], vec![0.1f32; 2 * N]).unwrap();
    let f = Function::trace_in(Width::F32, ["x[n,2]"], |[x]| x.mean(0)).unwrap();
    for options in [Options::new(), Options::new().interpreted(true)] {
        let mean = f.compile_with(options).unwrap().run(std::slice::from_ref(&x)).unwrap();
        for &mean in mean[0].data() {
            assert!((f64::from(mean) - 0.1).abs() < 1e-6 * 0.1, "{mean}");
        }
    }
}

/// A sum of −0s is −0, and a sum of nothing is 0; a mean of nothing is NaN.
#[test]
fn signs_of_zeros_and_sums_of_nothing() {
    let f = Function::trace(["x[n,m,3]"], |[x]| (x.sum(0), x.sum(1), x.sum(2), x.sum([0, 2]), x.sum(..))).unwrap();
    let mean = Function::trace(["x[n,m,3]"], |[x]| (x.mean(0), x.mean(1), x.mean([0, 2]), x.mean(..))).unwrap();
    let nothing = Function::trace(["x[0,3]"], |[x]| (x.mean(0), x.mean(..))).unwrap();
    for options in [Options::new(), Options::new().unroll(false), Options::new().interpreted(true)] {
        // By what the options say, and by evaluating.
        let results = |f: &Function, x: &Array| {
            let compiled = f.compile_with(options.clone()).unwrap().run([x]).unwrap();
            [compiled, f.run([x]).unwrap()].into_iter().flatten().map(|(_, y)| y).collect::<Vec<_>>()
        };
        for (n, m) in [(1, 1), (2, 4), (8, 2), (9, 17), (1025, 2)] {
            let x = Array::new([n, m, 3], vec![-0.0f64; n * m * 3]).unwrap();
            for y in results(&f, &x) {
                assert!(y.data().iter().all(|v| v.to_bits() == (-0.0f64).to_bits()), "{n} by {m}: {y:?}");
            }
        }
        let x = Array::<f64>::new([0, 2, 3], vec![]).unwrap();
        for y in results(&f, &x) {
            assert!(y.data().iter().all(|v| v.to_bits() == 0), "{y:?}");
        }
        for y in results(&mean, &x) {
            assert!(y.data().iter().all(|v| v.is_nan()), "{y:?}");
        }
        let x = Array::<f64>::new([0, 3], vec![]).unwrap();
        for y in results(&nothing, &x) {
            assert!(y.data().iter().all(|v| v.is_nan()), "{y:?}");
        }
    }
}

/// Texts may have sums and largest elements over no axis at all: each is its operand.
#[test]
fn over_no_axis() {
    let text = "function f64 (x[2,3]: %0) -> (a: %5) {\n  %1 = sum[] %0\n  %2 = max_of[] %1\n  %3 = min_of[] %2\n  %4 = mul %3, %0\n  \
                %5 = sum[0,1] %4\n}";
    let f: Function = text.parse().unwrap();
    let x = [1.0, -2.0, 3.0, 0.5, 0.0, 4.0];
    for options in [Options::new(), Options::new().interpreted(true), Options::new().unroll(false), Options::new().fuse(false)] {
        let mut y = [0.0f64];
        f.compile_with(options).unwrap().call_into(&[&x], &mut [&mut y]).unwrap();
        assert_eq!(y[0], 30.25);
    }
    assert_eq!(f.run([("x", Array::new([2, 3], x.to_vec()).unwrap())]).unwrap()[0].data(), [30.25]);
}
