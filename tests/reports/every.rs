//! One value, one gradient and one Hessian, held against every mode and engine.

use std::fmt::Write;
use wengert::check::Body;
use wengert::diff::Mode;
use wengert::graph::{Axis, OutputGroup};
use wengert::jet::Jet;
use wengert::{Dual, DualVec, Expr, Function, Options, Real, Result, Scalar, Shape, lit};

/// A body of one result for `check::Body`, from a closure's text: `body!(|[x, y]| x / y)`.
macro_rules! body {
    (|[$($x:ident),+]| $result:expr) => {{
        #[derive(Copy, Clone)]
        struct Of;
        impl wengert::check::Body for Of {
            fn call<T: wengert::Real>(&self, x: &[T]) -> Vec<T> {
                let &[$($x),+] = x else { panic!("it takes {} numbers", x.len()) };
                vec![$result]
            }
        }
        Of
    }};
}
pub(crate) use body;

/// What a body of one result has at a point: every mode that is asked for is held against it.
pub struct Expected<'a> {
    pub value: f64,
    pub gradient: &'a [f64],
    /// Row by row; none where no second derivative is asked for.
    pub hessian: Option<&'a [f64]>,
    /// How far a finite number may be off, relative to it.
    pub relative: f64,
}

/// Holds the body in f64 against what is expected.
#[track_caller]
pub fn every_mode(body: impl Body, x: &[f64], expected: &Expected) {
    in_width::<f64>(body, x, expected);
}

/// Holds the body in f32 against what is expected.
#[track_caller]
pub fn every_mode_f32(body: impl Body, x: &[f32], expected: &Expected) {
    in_width::<f32>(body, x, expected);
}

/// Rows of a batch: full packs, and a rest.
const ROWS: usize = 19;

/// What was wrong, one line each.
#[derive(Default)]
struct Faults(String);

impl Faults {
    fn hold<T: Scalar>(&mut self, what: &str, mode: &str, found: &[T], expected: &[f64], relative: f64) {
        let found: Vec<f64> = found.iter().map(|&v| v.to_f64()).collect();
        let close =
            |(&a, &b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || b.is_finite() && (a - b).abs() <= relative * b.abs();
        if found.len() != expected.len() || !found.iter().zip(expected).all(close) {
            writeln!(self.0, "{what}, {mode}: {found:?}, not {expected:?}").unwrap();
        }
    }

    /// The last numbers of a function's results, by every engine, alone and in the lanes of a batch.
    fn engines<T: Scalar>(&mut self, what: &str, mode: &str, f: &Result<Function>, x: &[T], expected: &[f64], relative: f64) {
        let mut hold = |by: &str, found: Result<Vec<T>>| match found {
            Ok(found) => {
                let last = found.len().saturating_sub(expected.len());
                self.hold(what, &format!("{mode}, {by}"), &found[last..], expected, relative);
            }
            Err(error) => writeln!(self.0, "{what}, {mode}, {by}: {error}").unwrap(),
        };
        let f = match f {
            Ok(f) => f,
            Err(error) => return hold("traced", Err(error.clone())),
        };
        if f.inputs().iter().all(|group| group.shape() == Shape::SCALAR) {
            hold("evaluated", f.eval(x));
        }
        hold("interpreted", f.compile_with(Options::new().interpreted(true)).and_then(|c| called(f, &c, x, 1)));
        hold("native", f.compile().and_then(|c| called(f, &c, x, 1)));
        let batch = f.vmap("n", f.inputs().iter().map(|group| group.name())).and_then(|batch| batch.compile());
        let batch = batch.and_then(|batch| called(f, &batch, x, ROWS));
        // In a pack, and in what is left over behind the last.
        for row in [0, ROWS - 1] {
            hold(&format!("row {row} of a batch"), batch.as_ref().map_err(Clone::clone).map(|all| of_row(f, all, row)));
        }
    }
}

/// The results, the same numbers in every row.
fn called<T: Scalar>(f: &Function, compiled: &wengert::Compiled, x: &[T], rows: usize) -> Result<Vec<T>> {
    let mut rest = x;
    let mut inputs: Vec<Vec<T>> = Vec::new();
    for group in f.inputs() {
        let (own, more) = rest.split_at(group.len() * elements(group.shape()));
        inputs.push(own.repeat(rows));
        rest = more;
    }
    let mut outputs: Vec<Vec<T>> = f.outputs().iter().map(|group| vec![T::default(); len_of(f, group) * rows]).collect();
    let inputs: Vec<&[T]> = inputs.iter().map(|x| &x[..]).collect();
    let mut slices: Vec<&mut [T]> = outputs.iter_mut().map(|y| &mut y[..]).collect();
    compiled.call_into(&inputs, &mut slices)?;
    Ok(outputs.concat())
}

/// How many numbers an array of a fixed shape has.
fn elements(shape: Shape) -> usize {
    let fixed = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => panic!("`{name}` is open"),
    };
    shape.axes().iter().map(fixed).product()
}

fn len_of(f: &Function, group: &OutputGroup) -> usize {
    group.nodes().iter().map(|&id| elements(f.graph().node(id).shape())).sum()
}

/// One row of results that were computed for many.
fn of_row<T: Scalar>(f: &Function, all: &[T], row: usize) -> Vec<T> {
    let (mut from, mut found) = (0, Vec::new());
    for group in f.outputs() {
        let len = len_of(f, group);
        found.extend_from_slice(&all[from + row * len..][..len]);
        from += ROWS * len;
    }
    found
}

fn unit<T: Real>(n: usize, k: usize) -> Vec<T> {
    (0..n).map(|i| lit(if i == k { 1.0 } else { 0.0 })).collect()
}

/// A body in every arithmetic. What is held against it is compiled once for all bodies.
struct Calls<'b, T: Scalar + Real> {
    numbers: &'b dyn Fn(&[T]) -> T,
    duals: &'b dyn Fn(&[Dual<T>]) -> Dual<T>,
    vectors: &'b dyn Fn(&[DualVec<T, 3>]) -> DualVec<T, 3>,
    nested: &'b dyn Fn(&[Dual<Dual<T>>]) -> Dual<Dual<T>>,
    jets: &'b dyn Fn(&[Jet<T, 3>]) -> Jet<T, 3>,
    handles: &'b dyn Fn(&[Expr]) -> Expr,
}

#[track_caller]
fn in_width<T: Scalar + Real>(body: impl Body, x: &[T], expected: &Expected) {
    let calls = Calls {
        numbers: &|x| body.call(x)[0],
        duals: &|x| body.call(x)[0],
        vectors: &|x| body.call(x)[0],
        nested: &|x| body.call(x)[0],
        jets: &|x| body.call(x)[0],
        handles: &|x| body.call(x)[0],
    };
    held(&calls, x, expected);
}

#[track_caller]
fn held<T: Scalar + Real>(body: &Calls<T>, x: &[T], expected: &Expected) {
    let Expected { value, gradient, hessian, relative } = *expected;
    let n = x.len();
    let mut faults = Faults::default();
    faults.hold("value", "plain numbers", &[(body.numbers)(x)], &[value], relative);

    let seeded = |j: usize| x.iter().zip(unit::<T>(n, j)).map(|(&x, e)| Dual::new(x, e)).collect::<Vec<_>>();
    let duals: Vec<T> = (0..n).map(|j| (body.duals)(&seeded(j)).eps()).collect();
    faults.hold("gradient", "duals", &duals, gradient, relative);
    let lanes: Vec<T> = (0..n)
        .map(|j| {
            let seed = |k: usize| [lit(0.0), lit(if k == j { 1.0 } else { 0.0 }), lit(0.0)];
            let point: Vec<DualVec<T, 3>> = x.iter().enumerate().map(|(k, &re)| DualVec { re, eps: seed(k) }).collect();
            (body.vectors)(&point).eps[1]
        })
        .collect();
    faults.hold("gradient", "vector duals", &lanes, gradient, relative);
    let jets = |j: usize| (body.jets)(&x.iter().zip(unit::<T>(n, j)).map(|(&x, e)| Jet::line(x, e)).collect::<Vec<_>>());
    let slopes: Vec<T> = (0..n).map(|j| jets(j).derivative(1)).collect();
    faults.hold("gradient", "jets", &slopes, gradient, relative);

    let f = Function::trace_in(T::WIDTH, ("x", n), |x| (body.handles)(&x));
    let of = |make: &dyn Fn(&Function) -> Result<Function>| f.as_ref().map_err(Clone::clone).and_then(make);
    faults.engines("value", "graph", &f, x, &[value], relative);
    faults.engines("gradient", "grad", &of(&|f| f.grad()), x, gradient, relative);
    faults.engines("gradient", "jacobian forward", &of(&|f| f.jacobian_in(Mode::Forward)), x, gradient, relative);
    faults.engines("gradient", "jacobian reverse", &of(&|f| f.jacobian_in(Mode::Reverse)), x, gradient, relative);
    for (j, slope) in gradient.iter().enumerate() {
        let along = [x, &unit::<T>(n, j)].concat();
        faults.engines("gradient", &format!("jvp along {j}"), &of(&|f| f.jvp()), &along, &[*slope], relative);
        faults.engines("gradient", &format!("taylor along {j}"), &of(&|f| f.taylor(1)), &along, &[*slope], relative);
    }
    let vjp = [x, &[lit(1.0)]].concat();
    faults.engines("gradient", "vjp", &of(&|f| f.vjp()), &vjp, gradient, relative);
    arrays(body, x, gradient, relative, &mut faults);

    if let Some(hessian) = hessian {
        let entry = |i: usize, j: usize| {
            let seeds = unit::<T>(n, i).into_iter().zip(unit::<T>(n, j));
            let point = x.iter().zip(seeds).map(|(&v, (a, b))| Dual::new(Dual::new(v, a), Dual::constant(b)));
            (body.nested)(&point.collect::<Vec<_>>()).eps().eps()
        };
        let nested: Vec<T> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
        faults.hold("hessian", "nested duals", &nested, hessian, relative);
        let diagonal: Vec<T> = (0..n).map(|j| jets(j).derivative(2)).collect();
        let of_hessian: Vec<f64> = (0..n).map(|j| hessian[j * n + j]).collect();
        faults.hold("diagonal of the hessian", "jets", &diagonal, &of_hessian, relative);
        faults.engines("hessian", "hessian", &of(&|f| f.hessian()), x, hessian, relative);
        faults.engines("hessian", "gradient of gradient", &of(&|f| f.grad()?.jacobian_in(Mode::Reverse)), x, hessian, relative);
        faults.engines(
            "hessian",
            "forward twice",
            &of(&|f| f.jacobian_in(Mode::Forward)?.jacobian_in(Mode::Forward)),
            x,
            hessian,
            relative,
        );
        for j in 0..n {
            let along = [x, &unit::<T>(n, j)].concat();
            faults.engines("hessian", &format!("hvp along {j}"), &of(&|f| f.hvp()), &along, &hessian[j * n..][..n], relative);
        }
    }
    assert!(faults.0.is_empty(), "at {x:?}\n{}", faults.0);
}

/// Holds a function of arrays, of one result, against what is expected.
#[track_caller]
pub fn every_mode_of_arrays(f: &Function, x: &[f64], expected: &Expected) {
    let Expected { value, gradient, hessian, relative } = *expected;
    let n = x.len();
    let mut faults = Faults::default();
    let along = |j: usize| [x, &unit::<f64>(n, j)].concat();
    faults.engines("value", "graph", &Ok(f.clone()), x, &[value], relative);
    faults.engines("gradient", "grad", &f.grad(), x, gradient, relative);
    faults.engines("gradient", "jacobian forward", &f.jacobian_in(Mode::Forward), x, gradient, relative);
    faults.engines("gradient", "jacobian reverse", &f.jacobian_in(Mode::Reverse), x, gradient, relative);
    for (j, slope) in gradient.iter().enumerate() {
        faults.engines("gradient", &format!("jvp along {j}"), &f.jvp(), &along(j), &[*slope], relative);
        faults.engines("gradient", &format!("taylor along {j}"), &f.taylor(1), &along(j), &[*slope], relative);
    }
    let Some(hessian) = hessian else { return assert!(faults.0.is_empty(), "at {x:?}\n{}", faults.0) };
    faults.engines("hessian", "hessian", &f.hessian(), x, hessian, relative);
    let twice = |first: Mode, second: Mode| f.jacobian_in(first).and_then(|f| f.jacobian_in(second));
    faults.engines("hessian", "reverse twice", &twice(Mode::Reverse, Mode::Reverse), x, hessian, relative);
    faults.engines("hessian", "forward twice", &twice(Mode::Forward, Mode::Forward), x, hessian, relative);
    for j in 0..n {
        faults.engines("hessian", &format!("hvp along {j}"), &f.hvp(), &along(j), &hessian[j * n..][..n], relative);
        let half: Vec<f64> = vec![hessian[j * n + j] / 2.0];
        faults.engines("hessian", &format!("taylor twice along {j}"), &f.taylor(2), &along(j), &half, relative);
    }
    assert!(faults.0.is_empty(), "at {x:?}\n{}", faults.0);
}

/// The gradient of a sum over arrays whose elements are all at the point.
fn arrays<T: Scalar + Real>(body: &Calls<T>, x: &[T], gradient: &[f64], relative: f64, faults: &mut Faults) {
    let names: Vec<String> = (0..x.len()).map(|k| format!("x{k}[3]")).collect();
    let names: Vec<&str> = names.iter().map(|name| &name[..]).collect();
    let f = Function::trace_in(T::WIDTH, names, |x: Vec<Expr>| (body.handles)(&x).sum(..));
    let long = |x: &[T]| x.iter().flat_map(|&x| [x; 3]).collect::<Vec<T>>();
    let expected: Vec<f64> = gradient.iter().flat_map(|&g| [g; 3]).collect();
    let grad = f.and_then(|f| f.grad());
    faults.engines("gradient", "arrays", &grad, &long(x), &expected, relative);
}

/// Holds a function of one array in a width against what is expected: on numbers, duals, nested duals and jets, of which it is made inside, and in
/// graphs, by every engine.
#[track_caller]
pub fn every_mode_of_array<T: Scalar + Real>(of: impl Fn(Expr) -> Expr, x: &[T], expected: &Expected) {
    let Expected { value, gradient, hessian, relative } = *expected;
    let n = x.len();
    let mut faults = Faults::default();
    let stacked = Function::trace_in(T::WIDTH, ("x", n), |x| of(Expr::stack(&x, 0)));
    let whole = Function::trace_in(T::WIDTH, format!("x[{n}]"), of);
    if let Ok(f) = &stacked {
        let seeded = |j: usize| x.iter().zip(unit::<T>(n, j)).map(|(&x, e)| Dual::new(x, e)).collect::<Vec<_>>();
        let duals: Result<Vec<T>> = (0..n).map(|j| Ok(f.eval(&seeded(j))?[0].eps())).collect();
        faults.hold("gradient", "duals", &duals.unwrap(), gradient, relative);
        let jets = |j: usize| {
            f.eval(&x.iter().zip(unit::<T>(n, j)).map(|(&x, e)| Jet::<T, 3>::line(x, e)).collect::<Vec<_>>()).unwrap()[0]
        };
        faults.hold("gradient", "jets", &(0..n).map(|j| jets(j).derivative(1)).collect::<Vec<T>>(), gradient, relative);
        if let Some(hessian) = hessian {
            let entry = |i: usize, j: usize| {
                let seeds = unit::<T>(n, i).into_iter().zip(unit::<T>(n, j));
                let point = x.iter().zip(seeds).map(|(&v, (a, b))| Dual::new(Dual::new(v, a), Dual::constant(b)));
                f.eval(&point.collect::<Vec<Dual<Dual<T>>>>()).unwrap()[0].eps().eps()
            };
            let nested: Vec<T> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
            faults.hold("hessian", "nested duals", &nested, hessian, relative);
            let diagonal: Vec<f64> = (0..n).map(|j| hessian[j * n + j]).collect();
            faults.hold("diagonal", "jets", &(0..n).map(|j| jets(j).derivative(2)).collect::<Vec<T>>(), &diagonal, relative);
        }
    }
    for (form, f) in [("numbers inside", &stacked), ("an array", &whole)] {
        let of = |make: &dyn Fn(&Function) -> Result<Function>| f.as_ref().map_err(Clone::clone).and_then(make);
        let mut engines = |what: &str, mode: &str, f: &Result<Function>, x: &[T], expected: &[f64]| {
            faults.engines(what, &format!("{form}, {mode}"), f, x, expected, relative);
        };
        engines("value", "graph", f, x, &[value]);
        engines("gradient", "grad", &of(&|f| f.grad()), x, gradient);
        engines("gradient", "jacobian forward", &of(&|f| f.jacobian_in(Mode::Forward)), x, gradient);
        for (j, slope) in gradient.iter().enumerate() {
            let along = [x, &unit::<T>(n, j)].concat();
            engines("gradient", "jvp", &of(&|f| f.jvp()), &along, &[*slope]);
            engines("gradient", "taylor", &of(&|f| f.taylor(1)), &along, &[*slope]);
        }
        if let Some(hessian) = hessian {
            engines("hessian", "gradient of gradient", &of(&|f| f.grad()?.jacobian_in(Mode::Reverse)), x, hessian);
            engines("hessian", "gradient forward", &of(&|f| f.grad()?.jacobian_in(Mode::Forward)), x, hessian);
            for j in 0..n {
                let along = [x, &unit::<T>(n, j)].concat();
                engines("hessian", "hvp", &of(&|f| f.hvp()), &along, &hessian[j * n..][..n]);
            }
        }
    }
    assert!(faults.0.is_empty(), "at {x:?}\n{}", faults.0);
}
