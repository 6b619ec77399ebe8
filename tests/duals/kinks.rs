//! What values and derivatives are at kinks, poles and the edges of domains: the tables of `docs/numerics.md`, in every mode.

use crate::common::flat;
use std::f64::consts::LN_2;
use wengert::diff::Mode;
use wengert::{Array, Dual, DualVec, Expr, Function, Real, Results, cond, dual, lit, select};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Equal as numbers, or both NaN.
fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

#[track_caller]
fn expect(what: &str, mode: &str, at: &[f64], got: &[f64], wanted: &[f64]) {
    let fits = got.len() == wanted.len() && got.iter().zip(wanted).all(|(&a, &b)| same(a, b));
    assert!(fits, "{what} at {at:?}, {mode}: {got:?}, not {wanted:?}");
}

/// A generic body as each arithmetic takes it.
struct Body<const N: usize> {
    what: &'static str,
    plain: fn([f64; N]) -> f64,
    dual: fn([Dual<f64>; N]) -> Dual<f64>,
    duals: fn([DualVec<f64, N>; N]) -> DualVec<f64, N>,
    traced: fn([Expr; N]) -> Expr,
}

impl<const N: usize> Body<N> {
    fn trace(&self) -> Function {
        let names: [&str; N] = std::array::from_fn(|k| ["a", "b", "c"][k]);
        Function::trace(names, self.traced).unwrap()
    }

    /// The value and the derivatives by all modes.
    #[track_caller]
    fn check(&self, at: [f64; N], value: f64, derivatives: [f64; N]) {
        self.check_modes(at, value, derivatives, derivatives);
    }

    /// The derivatives by dual numbers, and those by graphs.
    #[track_caller]
    fn check_modes(&self, at: [f64; N], value: f64, by_duals: [f64; N], by_graphs: [f64; N]) {
        let expect = |mode: &str, got: &[f64], wanted: &[f64]| expect(self.what, mode, &at, got, wanted);
        expect("plain", &[(self.plain)(at)], &[value]);
        let (y, g) = dual::gradient(self.duals, at);
        expect("duals", &[y], &[value]);
        expect("duals", &g, &by_duals);
        for (k, wanted) in by_duals.into_iter().enumerate() {
            let y = (self.dual)(std::array::from_fn(|i| Dual::new(at[i], if i == k { 1.0 } else { 0.0 })));
            expect("a dual", &[y.eps()], &[wanted]);
        }

        let f = self.trace();
        let reverse = f.value_and_grad().unwrap();
        let wanted: Vec<f64> = std::iter::once(value).chain(by_graphs).collect();
        expect("reverse", &reverse.eval(&at).unwrap(), &wanted);
        expect("reverse, simplified", &reverse.simplify().eval(&at).unwrap(), &wanted);
        expect("reverse, native", &flat(&reverse.compile().unwrap(), &at).unwrap(), &wanted);
        let forward = f.jacobian_in(Mode::Forward).unwrap();
        expect("forward", &forward.eval(&at).unwrap(), &by_graphs);
        expect("forward, native", &flat(&forward.compile().unwrap(), &at).unwrap(), &by_graphs);

        // In a loop over rows: lanes, and what is left over.
        let names: Vec<&str> = f.inputs().iter().map(|x| x.name()).collect();
        let rows = reverse.vmap("n", names).unwrap();
        let columns: Vec<[f64; 5]> = at.iter().map(|&x| [x; 5]).collect();
        let inputs: Vec<&[f64]> = columns.iter().map(|column| &column[..]).collect();
        let mut y = vec![[0.0; 5]; 1 + N];
        let mut outputs: Vec<&mut [f64]> = y.iter_mut().map(|column| &mut column[..]).collect();
        rows.compile().unwrap().call_into(&inputs, &mut outputs).unwrap();
        for row in [0, 3, 4] {
            let got: Vec<f64> = y.iter().map(|column| column[row]).collect();
            expect("rows, native", &got, &wanted);
        }
    }
}

macro_rules! body {
    ([$($x:ident),+] => $value:expr) => {{
        const N: usize = [$(stringify!($x)),+].len();
        fn body<T: Real>([$($x),+]: [T; N]) -> T {
            $value
        }
        Body::<N> { what: stringify!($value), plain: body, dual: body, duals: body, traced: body }
    }};
}

#[test]
fn absolute_value_and_relu() {
    let f = body!([x] => x.abs());
    f.check([0.0], 0.0, [0.0]);
    f.check([-0.0], 0.0, [0.0]);
    let f = body!([x] => x.relu());
    f.check([0.0], 0.0, [0.0]);
    f.check([NAN], NAN, [1.0]);
    body!([x, alpha] => x.leaky_relu(alpha)).check([0.0, 0.125], 0.0, [0.125, 0.0]);
}

#[test]
fn ties_and_nan_of_min_and_max() {
    for (x, y) in [(2.0, 2.0), (0.0, -0.0), (INF, INF), (-INF, -INF)] {
        body!([x, y] => x.min(y)).check([x, y], x, [0.5, 0.5]);
        body!([x, y] => x.max(y)).check([x, y], x, [0.5, 0.5]);
    }
    body!([x, y] => x.max(y)).check([1.0, NAN], 1.0, [1.0, 0.0]);
    body!([x, y] => x.min(y)).check([NAN, 1.0], 1.0, [0.0, 1.0]);
}

#[test]
fn roots_at_zero() {
    body!([x] => x.sqrt()).check([0.0], 0.0, [INF]);
    body!([x] => x.sqrt()).check([-1.0], NAN, [NAN]);
    body!([x] => x.cbrt()).check([0.0], 0.0, [INF]);
    // Another input's derivative is left alone.
    body!([x, y] => x.sqrt() + y).check([0.0, 1.0], 1.0, [INF, 1.0]);
    // A formula is differentiated as it stands. Forward, a tangent of 0 may be that of a constant, and duals keep it.
    body!([x] => (x * x).sqrt()).check_modes([0.0], 0.0, [0.0], [NAN]);
}

#[test]
fn powers() {
    let power = body!([x, y] => x.powf(y));
    power.check([0.0, 0.0], 1.0, [0.0, 0.0]);
    power.check([0.0, 0.5], 0.0, [INF, 0.0]);
    power.check([0.0, 1.0], 0.0, [1.0, 0.0]);
    power.check([0.0, 2.0], 0.0, [0.0, 0.0]);
    power.check([0.0, -1.0], INF, [-INF, NAN]);
    power.check([2.0, 0.0], 1.0, [0.0, LN_2]);
    power.check([-2.0, 3.0], -8.0, [12.0, NAN]);
    power.check([-2.0, 0.0], 1.0, [0.0, NAN]);
    power.check([-2.0, 0.5], NAN, [NAN, NAN]);
    // Constant exponents of negative bases.
    body!([x] => x.powf(lit(3.0))).check([-2.0], -8.0, [12.0]);
    body!([x] => x.powf(lit(0.0))).check([0.0], 1.0, [0.0]);
    body!([x] => x.powi(0)).check([0.0], 1.0, [0.0]);
    body!([x] => x.powi(1)).check([0.0], 0.0, [1.0]);
    body!([x] => x.powi(-1)).check([0.0], INF, [-INF]);
    body!([x] => x.powi(0)).check([NAN], 1.0, [0.0]);
}

#[test]
fn the_origin() {
    body!([y, x] => y.atan2(x)).check([0.0, 0.0], 0.0, [0.0, 0.0]);
    body!([x, y] => x.hypot(y)).check([0.0, 0.0], 0.0, [0.0, 0.0]);
}

#[test]
fn branches_that_are_not_taken() {
    body!([x] => select(x.gt(lit(0.0)), x.ln(), lit(0.0))).check([-1.0], 0.0, [0.0]);
    body!([x] => select(x.gt(lit(0.0)), x.sqrt(), lit(0.0))).check([0.0], 0.0, [0.0]);
    body!([x, y] => select(x.gt(lit(0.0)), x.recip() * y, y)).check([0.0, 3.0], 3.0, [0.0, 1.0]);
    body!([x, y] => select(x.gt(lit(0.0)), y, x)).check([-2.0, NAN], -2.0, [1.0, 0.0]);
    // At a tie of the condition the derivative is that of the branch taken.
    body!([x] => select(x.gt(lit(0.0)), x * x, -x)).check([0.0], 0.0, [-1.0]);
}

#[test]
fn zero_times_infinity() {
    // A dual's tangent may be 0 because it is another input's; a graph knows that it is absent.
    body!([x, y] => x * y).check_modes([0.0, INF], NAN, [INF, NAN], [INF, 0.0]);
    body!([x] => x * x.ln()).check([0.0], NAN, [NAN]);
    let f = body!([x, y] => x.xlogy(y));
    f.check([0.0, 0.0], 0.0, [-INF, 0.0]);
    f.check([0.0, 2.0], 0.0, [LN_2, 0.0]);
    f.check([1.0, 0.0], -INF, [-INF, INF]);
    body!([x] => x.xlogy(x)).check([0.0], 0.0, [-INF]);
}

#[test]
fn steps() {
    body!([x] => x.signum()).check([0.0], 1.0, [0.0]);
    body!([x] => x.signum()).check([-0.0], -1.0, [0.0]);
    body!([x] => x.floor()).check([1.0], 1.0, [0.0]);
    body!([x] => x.ceil()).check([1.0], 1.0, [0.0]);
    body!([x] => x.round()).check([0.5], 1.0, [0.0]);
    body!([x] => x.round()).check([-0.5], -1.0, [0.0]);
    body!([x] => x.trunc()).check([-1.0], -1.0, [0.0]);
    body!([x] => x.fract()).check([1.0], 0.0, [1.0]);
    body!([x] => x.detach() * x).check([3.0], 9.0, [3.0]);
    body!([x, y] => x % y).check([6.0, 3.0], 0.0, [1.0, -2.0]);
}

#[test]
fn bounds_of_clamp() {
    let f = body!([x, lo, hi] => x.clamp(lo, hi));
    f.check([1.0, 1.0, 2.0], 1.0, [1.0, 0.0, 0.0]);
    f.check([2.0, 1.0, 2.0], 2.0, [1.0, 0.0, 0.0]);
    f.check([0.0, 1.0, 2.0], 1.0, [0.0, 1.0, 0.0]);
    f.check([3.0, 1.0, 2.0], 2.0, [0.0, 0.0, 1.0]);
    f.check([1.0, 1.0, 1.0], 1.0, [1.0, 0.0, 0.0]);
    f.check([NAN, 1.0, 2.0], NAN, [1.0, 0.0, 0.0]);
}

#[test]
fn exponentials_at_infinity() {
    let f = body!([x, y] => x.log_add_exp(y));
    f.check([-INF, -INF], -INF, [0.5, 0.5]);
    f.check([INF, INF], INF, [0.5, 0.5]);
    f.check([-INF, 1.0], 1.0, [0.0, 1.0]);
    f.check([INF, 1.0], INF, [1.0, 0.0]);
    body!([x] => x.softplus()).check([-INF], 0.0, [0.0]);
    body!([x] => x.softplus()).check([INF], INF, [1.0]);
    body!([x] => x.sigmoid()).check([INF], 1.0, [0.0]);
    body!([x] => x.ln()).check([0.0], -INF, [INF]);
}

/// A function of a vector: value and gradient by reverse and forward mode, interpreted and native, its length open or fixed.
#[track_caller]
fn arrays(what: &str, f: impl Fn(Expr) -> Expr, at: &[f64], value: f64, gradient: &[f64]) {
    for declared in ["x[n]".to_owned(), format!("x[{}]", at.len())] {
        let f = Function::trace(&declared[..], &f).unwrap();
        let reverse = f.value_and_grad().unwrap();
        let x = [Array::vector(at.to_vec())];
        let numbers = |results: Results| results.into_iter().map(|(_, y)| y.into_data()).collect::<Vec<_>>();
        let native = numbers(reverse.compile().unwrap().run(&x).unwrap());
        for (mode, got) in [("reverse", numbers(reverse.run(&x).unwrap())), ("reverse, native", native)] {
            expect(what, mode, at, &got[0], &[value]);
            expect(what, mode, at, &got[1], gradient);
        }
        let Ok(forward) = f.jacobian_in(Mode::Forward) else { continue };
        let native = numbers(forward.compile().unwrap().run(&x).unwrap());
        for (mode, got) in [("forward", numbers(forward.run(&x).unwrap())), ("forward, native", native)] {
            expect(what, mode, at, &got[0], gradient);
        }
    }
}

#[test]
fn ties_and_zeros_of_arrays() {
    arrays("max_of", |x| x.max_of(..), &[1.0, 3.0, 3.0], 3.0, &[0.0, 0.5, 0.5]);
    arrays("min_of", |x| x.min_of(..), &[2.0, 2.0, 2.0, 2.0], 2.0, &[0.25; 4]);
    arrays("norm", |x| x.norm(), &[0.0, 0.0, 0.0], 0.0, &[0.0; 3]);
    arrays("prod", |x| x.prod(..), &[0.0, 3.0, 2.0], 0.0, &[6.0, 0.0, 0.0]);
    arrays("prod", |x| x.prod(..), &[0.0, 0.0, 2.0], 0.0, &[0.0; 3]);
}

#[test]
fn sums_of_no_exponential() {
    arrays("log_sum_exp", |x| x.log_sum_exp(..), &[-INF, -INF, -INF], -INF, &[0.0; 3]);
    arrays("log_sum_exp", |x| x.log_sum_exp(..), &[-INF, 0.0, 0.0], LN_2, &[0.0, 0.5, 0.5]);
    arrays("softmax", |x| x.softmax(0).sum(..), &[-INF, -INF], NAN, &[NAN, NAN]);
}

#[test]
fn nothing_to_reduce() {
    arrays("sum", |x| x.sum(..), &[], 0.0, &[]);
    arrays("prod", |x| x.prod(..), &[], 1.0, &[]);
    arrays("max_of", |x| x.max_of(..), &[], -INF, &[]);
    arrays("min_of", |x| x.min_of(..), &[], INF, &[]);
    arrays("mean", |x| x.mean(..), &[], NAN, &[]);
    arrays("norm", |x| x.norm(), &[], 0.0, &[]);
    arrays("log_sum_exp", |x| x.log_sum_exp(..), &[], -INF, &[]);
}

#[test]
fn choices() {
    // The derivative is that of the branch taken, at a tie, too.
    let choice = |x: Expr| cond(x.sum(..).gt(0.0), || (x * x).sum(..), || -x.sum(..));
    arrays("cond", choice, &[1.0, -1.0], 0.0, &[-1.0, -1.0]);
    // A branch that fails or is infinite is not computed.
    let root = |x: Expr| cond(x.sum(..).gt(0.0), || x.diag_matrix().cholesky().trace(), || x.sum(..));
    arrays("cond", root, &[-1.0, 0.5], -0.5, &[1.0, 1.0]);
    arrays("cond", root, &[4.0, 1.0], 3.0, &[0.25, 0.5]);
    let log = |x: Expr| cond(x.sum(..).gt(0.0), || x.ln().sum(..), || x.sum(..));
    arrays("cond", log, &[0.0, 0.0], 0.0, &[1.0, 1.0]);
}
