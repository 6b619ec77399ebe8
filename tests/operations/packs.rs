//! Equal functions of single numbers, which are computed in the lanes of a vector.

use crate::common::{Rng, cases, flat};
use proptest::prelude::*;
use wengert::compiled::Tier;
use wengert::{Array, Expr, Function, Options, Scalar, Width, scan};

/// A network of layers, each with as many units as it is given, and what plain numbers give for it.
fn layers<S: wengert::Real>(x: &[S], layers: &[(usize, usize)]) -> Vec<S> {
    let mut now = x.to_vec();
    for &(units, function) in layers {
        let unit = |k: usize| {
            let sum = now
                .iter()
                .enumerate()
                .fold(wengert::lit(0.1), |sum: S, (j, &v)| sum + v * wengert::lit(((j + 2 * k) as f64).sin()));
            match function {
                0 => sum.tanh(),
                1 => sum.sin() * sum.cos(),
                2 => sum.sigmoid(),
                _ => (-(sum * sum)).exp(),
            }
        };
        now = (0..units).map(unit).collect();
    }
    now
}

fn agree<T: Scalar>(f: &Function, x: &[T], want: &[T], close: f64) {
    let fast = Options::new().tier(Tier::Fast);
    for options in [Options::new(), Options::new().simplify(false), Options::new().fuse(false), fast] {
        let interpreted: Vec<T> = flat(&f.compile_with(options.clone().interpreted(true)).unwrap(), x).unwrap();
        let native: Vec<T> = flat(&f.compile_with(options).unwrap(), x).unwrap();
        for ((a, b), c) in interpreted.iter().zip(&native).zip(want) {
            assert!(a.to_f64().to_bits() == b.to_f64().to_bits(), "interpreted {a:?}, native {b:?}");
            assert!((a.to_f64() - c.to_f64()).abs() <= close, "{a:?} is not {c:?}");
        }
    }
}

proptest! {
    #![proptest_config(cases(10))]

    /// Any number of equal functions on any number of levels, in both widths, with their derivatives.
    #[test]
    fn networks(sizes in prop::collection::vec((1usize..40, 0usize..4), 1..4), seed in any::<u64>()) {
        let mut rng = Rng(seed | 1);
        let x: [f64; 3] = std::array::from_fn(|_| rng.unit());
        for width in [Width::F64, Width::F32] {
            let f = Function::trace_in(width, ("x", 3usize), |x| layers(&x, &sizes)).unwrap();
            match width {
                Width::F64 => agree(&f, &x, &layers(&x, &sizes), 1e-13),
                _ => {
                    let x = x.map(|v| v as f32);
                    agree(&f, &x, &layers(&x, &sizes), 1e-5);
                }
            }
        }
    }
}

/// A recurrent network of small arrays: straight-line code, whose arithmetic and kernels go side by side, gives the bits of the loops over
/// arrays and of the interpreter, with derivatives.
fn recurrent<T: Scalar>(units: usize, steps: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut rng = Rng(seed | 1);
    let inputs = [format!("w[{units}]"), format!("b[2,{units}]"), format!("h[{units}]"), format!("x[t,{units}]")];
    let f = Function::trace_in(T::WIDTH, inputs.to_vec(), |v| {
        let [w, b, h, x] = v[..] else { unreachable!("four inputs") };
        let step = |h: Expr, x: Expr| {
            let (open, new) = ((h * w + b.at(0, 0)).sigmoid(), (x + h * b.at(0, 1)).tanh());
            let next = h * open + new * (1.0 - open);
            let y = (next * 0.5).exp();
            (next, (y / (y.sum(..) + 1.0)).max_of(..) + (y.sum(..) + 2.0).ln())
        };
        let (last, each) = scan(h, x, step);
        (last * w).sum(..) + each.sum(..)
    });
    let f = f.unwrap().value_and_grad().unwrap();
    let x: Vec<Array<T>> = [vec![units], vec![2, units], vec![units], vec![steps, units]]
        .into_iter()
        .map(|shape| Array::new(&shape, (0..shape.iter().product()).map(|_| T::lit(rng.ordinary())).collect()).unwrap())
        .collect();
    let bits = |y: &[Array<T>]| y.iter().flat_map(|y| y.data()).map(|v| v.to_f64().to_bits()).collect::<Vec<_>>();
    let want = bits(f.run(&x).unwrap().arrays());
    let fast = Options::new().unroll(true).tier(Tier::Fast);
    for options in [Options::new().unroll(true), Options::new().unroll(false), Options::new().strange_processor(true), fast] {
        let code = f.compile_with(options.clone().fuse(false)).unwrap();
        prop_assert_eq!(&bits(code.run(&x).unwrap().arrays()), &want, "{:?}, {} units", options, units);
    }
    Ok(())
}

#[test]
fn arrays_side_by_side_f64() {
    proptest!(cases(12), |(units in 1usize..35, steps in 0usize..5, seed in any::<u64>())| recurrent::<f64>(units, steps, seed)?);
}

#[test]
fn arrays_side_by_side_f32() {
    proptest!(cases(12), |(units in 1usize..35, steps in 0usize..5, seed in any::<u64>())| recurrent::<f32>(units, steps, seed)?);
}

/// Of what depends on each other, or is alone, nothing is put together.
#[test]
#[cfg(feature = "jit")]
fn only_what_is_independent() {
    let vectors = |f: &Function| f.compile().unwrap().clif().unwrap().contains("f64x2");
    assert!(vectors(&Function::trace(["a", "b"], |[a, b]| a.tanh() * b.tanh()).unwrap()));
    assert!(!vectors(&Function::trace(["a", "b"], |[a, b]| (a.tanh() + b).tanh()).unwrap()));
    assert!(!vectors(&Function::trace(["a", "b"], |[a, b]| a.tanh() * b.exp()).unwrap()));
}

/// A function and its derivative of the same numbers are one call, also where only some of the numbers have the derivative, or the function.
#[test]
#[cfg(feature = "jit")]
fn companions_are_one_call() {
    let functions: [fn(Expr) -> [Expr; 2]; 3] =
        [|x| [x.tanh(), x.sech_squared()], |x| [x.sigmoid(), x.logistic_density()], |x| [x.sin(), x.cos()]];
    for (of, (values, derivatives)) in functions.iter().flat_map(|of| [(20, 20), (20, 9), (9, 20), (20, 0)].map(|n| (of, n))) {
        let f = Function::trace(("x", 20usize), |x: Vec<Expr>| {
            let parts = |k: usize, n: usize| x[..n].iter().map(|&x| of(x)[k]).collect::<Vec<_>>();
            [parts(0, values), parts(1, derivatives)].concat()
        })
        .unwrap();
        assert_eq!(f.compile().unwrap().clif().unwrap().matches("call fn").count(), 1, "{values}, {derivatives}: {f}");
        let x: Vec<f64> = (0..20).map(|k| (k as f64 - 8.0) * if k == 3 { 1e12 } else { 0.7 }).collect();
        let bits = |options: Options| -> Vec<u64> {
            let y: Vec<f64> = flat(&f.compile_with(options).unwrap(), &x).unwrap();
            y.into_iter().map(f64::to_bits).collect()
        };
        let want = bits(Options::new().interpreted(true));
        assert_eq!((&bits(Options::new()), &bits(Options::new().tier(Tier::Fast))), (&want, &want), "{f}");
    }
}

/// Unfused, functions are those of plain numbers, to the bit.
#[test]
fn unfused_is_plain() {
    let f = Function::trace(["a", "b"], |[a, b]| (("x", a.tanh()), ("y", b.tanh()))).unwrap();
    let unfused = f.compile_with(Options::new().fuse(false)).unwrap();
    for k in 0..100 {
        let (a, b) = ((k as f64).sin() * 3.0, (k as f64).cos());
        assert_eq!(unfused.call::<f64, 2>([a, b]).unwrap(), [a.tanh(), b.tanh()]);
    }
}
