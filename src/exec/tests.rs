//! Every kind of action, interpreted, on small arrays: what Miri can follow through all pointers.
//!
//! ```sh
//! MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p wengert --no-default-features --lib exec -- --nocapture
//! ```
//!
//! There, where a second's work takes an hour, arrays are shorter, of f64 alone, and planned in one way.

use super::{Arrays, Code, Limits, Slices};
use crate::base::host::Stop;
use crate::base::sums::BLOCK;
use crate::base::{Shape, Width};
use crate::eval::{Array, evaluated, lengths_of};
use crate::graph::{Expr, Function, InputGroup, Opaque, Outputs, Scan, While, cond, scan, while_loop};
use crate::op::{DType, Scalar, lit};
use crate::schedule::ir::{Action, Plan};
use crate::schedule::unit::Units;
use crate::schedule::{MOST, Settings, plan, prepared, schedule};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a plan does, with what its bodies and tiles do.
fn kinds(actions: &[Action], found: &mut BTreeSet<&'static str>) {
    for action in actions {
        let kind = match action {
            Action::Fill(..) => "fill",
            Action::Copy { .. } => "copy",
            Action::Loop(_) => "loop",
            Action::Straight { .. } => "straight",
            Action::Flow { .. } => "flow",
            Action::Control(run) => {
                run.plans.iter().for_each(|Plan { actions, .. }| kinds(actions, found));
                "control"
            }
            Action::Replay(run) => {
                run.plans.iter().for_each(|Plan { actions, .. }| kinds(actions, found));
                "replay"
            }
            Action::Tiles(tiles) => {
                kinds(&tiles.each, found);
                kinds(tiles.rest.as_deref().unwrap_or_default(), found);
                "tiles"
            }
            Action::Read { .. } => "read",
            Action::Write { .. } => "write",
            Action::MatMul { .. } => "matmul",
            Action::Check { .. } => "check",
            Action::Gather { .. } => "gather",
            Action::ScatterAdd { .. } => "scatter_add",
            Action::Sweep { .. } => "sweep",
            Action::Linalg { .. } => "linalg",
            Action::Extreme { .. } => "extreme",
            Action::ExtremeOver { .. } => "extreme_over",
        };
        found.insert(kind);
    }
}

/// The interpreter's plan of a function gives what the generic evaluation gives, twice, also where outputs overwrite inputs.
fn run<T: Scalar>(
    name: &str,
    f: &Function,
    updates: &[(usize, usize)],
    x: &[Array<T>],
    options: Settings,
) -> BTreeSet<&'static str> {
    let options = Settings { interpreted: true, ..options };
    let mut units = Units::default();
    let schedule = Arc::new(schedule(prepared(f, options), options, &mut units, MOST).unwrap());
    let codes = Code::of_units(units.all(), options, &Stop::default()).unwrap();
    let open = lengths_of(f, x).unwrap();
    let planned = plan(&schedule, schedule.once, updates, &open, false);
    let mut found = BTreeSet::new();
    kinds(&planned.once, &mut found);
    kinds(&planned.actions, &mut found);

    let arrays = Arrays::new(schedule, codes, updates.into(), Limits::default());
    let expected: Vec<Vec<T>> = {
        let mut values = evaluated(f, x).unwrap().into_iter();
        f.outputs().iter().map(|y| values.by_ref().take(y.nodes().len()).flat_map(|y| y.data().to_vec()).collect()).collect()
    };
    let inputs: Vec<Vec<T>> =
        f.inputs().iter().map(|group| x[group.range()].iter().flat_map(|x| x.data().to_vec()).collect()).collect();
    for _ in 0..2 {
        // Of their own length, so that one element beyond is one too many.
        let mut outputs: Vec<Vec<T>> = expected.iter().map(|y| vec![T::lit(f64::NAN); y.len()]).collect();
        updates.iter().for_each(|&(output, input)| outputs[output] = inputs[input].clone());
        let is_updated = |k: usize| updates.iter().any(|&(_, input)| input == k);
        let others: Vec<&[T]> = (0..inputs.len()).filter(|&k| !is_updated(k)).map(|k| &inputs[k][..]).collect();
        let slices = Slices { inputs: &others, outputs: &mut outputs.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>() };
        arrays.call::<T, &str>(1, &[], slices).unwrap_or_else(|error| panic!("{name}: {error}"));
        let most = if T::WIDTH == Width::F32 { 1e-4 } else { 1e-11 };
        for (a, b) in outputs.concat().into_iter().zip(expected.concat()) {
            let (a, b) = (a.to_f64(), b.to_f64());
            assert!(a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= most * (1.0 + b.abs()), "{name}: {a} is not {b}\n{f}");
        }
    }
    found
}

fn wave<T: Scalar>(shape: &[usize], seed: usize) -> Array<T> {
    let numbers = (0..shape.iter().product()).map(|k| T::lit(((k * 7 + seed * 131) as f64).sin() * 1.5));
    Array::new(shape, numbers.collect()).unwrap()
}

/// The inputs of a function, to be declared again.
fn declared(f: &Function) -> Vec<String> {
    let kind = |group: &InputGroup| if group.dtype() == DType::Index { ": index" } else { "" };
    f.inputs().iter().map(|group| format!("{}{}{}", group.name(), group.shape(), kind(group))).collect()
}

/// A function, the shapes of its inputs, and which outputs overwrite which inputs.
struct Case {
    name: &'static str,
    f: Function,
    shapes: Vec<Vec<usize>>,
    updates: Vec<(usize, usize)>,
}

/// An output for each.
fn named(y: Vec<Expr>) -> Vec<(String, Expr)> {
    y.into_iter().enumerate().map(|(k, y)| (format!("y{k}"), y)).collect()
}

/// A body over arrays of these declarations.
fn arrays<Y: Outputs>(
    width: Width,
    name: &'static str,
    inputs: &[&str],
    shapes: &[&[usize]],
    body: impl FnOnce(&[Expr]) -> Y,
) -> Case {
    let f = Function::trace_in(width, inputs.to_vec(), |x| body(&x)).unwrap();
    Case { name, f, shapes: shapes.iter().map(|shape| shape.to_vec()).collect(), updates: vec![] }
}

fn cases(width: Width) -> Vec<Case> {
    let (long, many) = if cfg!(miri) { (600, BLOCK + 20) } else { (40_000, 1500) };
    let twice = Opaque::new("twice", |x, y| {
        y[0].iter_mut().zip(x[0]).for_each(|(y, x)| *y = 2.0 * x);
        Ok(())
    });
    let case = |name, inputs: &[&str], shapes: &[&[usize]], body: &dyn Fn(&[Expr]) -> Vec<Expr>| {
        arrays(width, name, inputs, shapes, |x| named(body(x)))
    };
    let mut all = vec![
        case("loops", &["x[n,3]", "b[3]"], &[&[5, 3], &[3]], &|x| {
            let y = (x[0] * x[1]).tanh();
            vec![y, y.sum(1), (y + x[1]).exp().sum(0), y.mean(..), x[0].sum(..) * y.t().sum(0)]
        }),
        case("many rows", &["x[n,2]", "y[n]"], &[&[many, 2], &[many]], &|x| vec![(x[0].sum(1) * x[1]).mean(..), x[0].mean(0)]),
        case("no rows", &["x[n,2]", "b[2]"], &[&[0, 2], &[2]], &|x| vec![(x[0] * x[1]).sum(0), x[0].exp(), x[0].t()]),
        case("slices", &["x[n]"], &[&[130]], &|x| vec![x[0].exp(), x[0].sin()]),
        case("straight", &["x[4]", "m[2,4]"], &[&[4], &[2, 4]], &|x| {
            vec![x[0].tanh() + x[1].sum(0), x[1].matmul(x[0]), x[1] * x[0], x[0].cumsum(0), x[1].max_of(1)]
        }),
        case("moves", &["x[n,4]", "z[n,4]"], &[&[3, 4], &[3, 4]], &|x| {
            let part = x[0].slice(1, 1..3);
            vec![
                x[0].t(),
                x[0],
                part.pad(1, 1, 1),
                Expr::concat(&[part, x[1], part], 1),
                x[1].slice_by(1, 3, 2, -2),
                part.t().exp(),
            ]
        }),
        case("constants", &["x[n]"], &[&[3]], &|x| {
            let grid = Expr::iota(Shape::new([x[0].shape().axes()[0], 4.into()]), 1);
            vec![grid.exp().cumsum(1), Expr::full(2.0, x[0].shape()), x[0] + grid.sum(1)]
        }),
        case("products", &["a[n,3]", "b[3,2]", "c[2,n,3]", "v[3]"], &[&[4, 3], &[3, 2], &[2, 4, 3], &[3]], &|x| {
            vec![x[0].matmul(x[1]), x[2].matmul(x[1]), x[0].matmul(x[3]), x[0].t().matmul(x[0]), x[1].t().matmul(x[0].t())]
        }),
        case("axes", &["x[n,3,2]"], &[&[4, 3, 2]], &|x| {
            let x = x[0];
            vec![
                x.cumsum(0),
                x.cumprod(1),
                x.argmax(1).one_hot(3),
                x.max_of(0),
                x.min_of(..),
                x.max_of([0, 2]),
                x.prod(2),
                x.softmax(1),
            ]
        }),
        case("matrices", &["m[3,3]", "b[3]"], &[&[3, 3], &[3]], &|x| {
            let m = x[0].matmul(x[0].t()) + Expr::eye(3);
            vec![m.solve(x[1]), m.cholesky(), m.det(), m.inverse(), m.tril(0).solve_lower(x[1])]
        }),
        case("choices", &["k", "x[n]"], &[&[], &[3]], &|x| {
            let (k, x) = (x[0], x[1]);
            let (y, z) = cond(k.gt(0.0), || (x.exp().sum(..), x), || (x.sum(..), x * k));
            vec![y, z, twice.call(&[x * 2.0], &[x.shape()])[0], cond(k.lt(0.0), || x * 3.0, || x - 1.0)]
        }),
        case("loops until", &["k", "x[n]"], &[&[], &[3]], &|x| {
            let until = |(_, k): (Expr, Expr)| k.gt(-3.0);
            let (y, k) = while_loop((x[1], x[0] + 2.0), until, |(y, k)| ((y * 1.5).sin() + y.sum(..), k - 1.0));
            // It depends on no input.
            let (z, _) = while_loop((Expr::iota(x[1].shape(), 0), 2.0), until, |(z, k)| (z + z.sum(..), k - 1.0));
            vec![y, k, z]
        }),
        case("steps", &["s[2]", "x[n,2]", "w[2,2]"], &[&[2], &[5, 2], &[2, 2]], &|x| {
            let w = x[2];
            let (last, states) = scan(x[0], x[1], |s: Expr, x: Expr| ((s.matmul(w) + x).tanh(), s.sum(..)));
            let ((a, b), rows) = scan((x[0].sum(..), x[0]), x[1], |(a, b): (Expr, Expr), x: Expr| {
                ((b.sum(..) - a, b + x.cumsum(0) * a), (b, x.max_of(..)))
            });
            vec![last, states, a, b, rows.0, rows.1]
        }),
        case("few states", &["s[2]", "x[n,2]", "w[2,2]"], &[&[2], &[9, 2], &[2, 2]], &|x| {
            let (s, _) = Scan::over(x[1]).checkpoints(2).run(x[0], |s: Expr, y: Expr| ((s.matmul(x[2]) + y).tanh(), ()));
            let back = Scan::over(x[1]).reverse().checkpoints(3);
            let (t, each) = back.run(0.3, |t: Expr, y: Expr| {
                let next = (t * y.at(0, 0)).sin() + y.at(0, 1);
                (next * next.exp(), t * next)
            });
            vec![s, t, each]
        }),
        case("few states of a loop", &["k", "x[n]", "m[2]"], &[&[], &[3], &[2]], &|x| {
            let few = While::unbounded().checkpoints(3);
            let (y, _) =
                few.run((x[1], x[0] + 9.0), |(_, k)| k.gt(0.0), |(y, k): (Expr, Expr)| ((y * 1.5).sin() + y.sum(..), k - 1.0));
            let one = While::at_most(20).checkpoints(1);
            let (a, b) = one.run((x[2].sum(..), 1.0), |(a, _)| a.lt(30.0), |(a, b): (Expr, Expr)| (a * b.exp() + 1.0, b * 0.7));
            vec![y, a, b]
        }),
        case("tiles", &["x[n,4]", "b[4]"], &[&[long, 4], &[4]], &|x| {
            let y = (x[0] * x[1]).tanh();
            let z = y.t().cos().t() * y.sum(1).reshape([x[0].shape().axes()[0], 1.into()]);
            vec![z.mean(0), (z - y).exp().sum(1), z.max_of(1)]
        }),
    ];
    let gathered = arrays(width, "indices", &["x[n,2]", "i[m]: index"], &[&[4, 2], &[6]], |x| {
        let rows = x[0].gather(x[1], 0);
        named(vec![rows, rows.exp().scatter_add(x[1], x[0].shape().axes(), 0), x[0].scatter_add(x[0].argmax(1), [2, 2], 0)])
    });
    all.push(gathered);
    // Several values in one slice.
    all.push(arrays(width, "shared slices", &["x[n,3]", "z[n,3]"], &[&[5, 3], &[5, 3]], |x| {
        let y = x[0].tanh() * x[1];
        (("y", vec![y, y.exp(), x[0], x[1].cumsum(1), y]), ("sums", vec![y.sum(0), x[0].max_of(0), y.exp().sum(0)]))
    }));
    let moved = arrays(width, "updates", &["w[n]", "v[n]", "x[m,n]"], &[&[3], &[3], &[4, 3]], |p| {
        let step = (p[2] * p[0]).sum(0);
        (("loss", step.sum(..)), ("v", p[1] * 0.9 + step), ("w", p[1] - step.tanh()))
    });
    all.push(Case { updates: vec![(1, 1), (2, 0)], ..moved });
    all
}

/// The sum of the outputs and its gradient.
fn gradient(case: &Case, width: Width) -> Case {
    let inputs = case.f.inputs().iter().filter(|group| group.dtype() == DType::Float);
    let inputs: Vec<&str> = inputs.map(|group| group.name()).collect();
    let total = Function::trace_in(width, declared(&case.f), |x| {
        let y = case.f.eval(&x).unwrap();
        y.iter().map(|&y| (y * 0.5).sum(..)).fold(lit(0.0), |a: Expr, b| a + b)
    });
    let f = total.unwrap().wrt(inputs).unwrap().value_and_grad().unwrap();
    Case { f, shapes: case.shapes.clone(), updates: vec![], ..*case }
}

/// Runs cases in several ways. The kinds of actions that were run.
fn run_all<T: Scalar>(cases: impl Iterator<Item = Case>) -> BTreeSet<&'static str> {
    let ways = [
        Settings::default(),
        Settings { unroll: false, ..Settings::default() },
        Settings { fuse: false, simplify: false, ..Settings::default() },
    ];
    let ways = if cfg!(miri) { &ways[..1] } else { &ways };
    let mut found = BTreeSet::new();
    for Case { name, f, shapes, updates } in cases {
        if cfg!(miri) {
            println!("{name}");
        }
        let mut inputs: Vec<Array<T>> = shapes.iter().enumerate().map(|(k, shape)| wave(shape, k + 1)).collect();
        for (group, x) in f.inputs().iter().zip(&mut inputs).filter(|(group, _)| group.name() == "i") {
            *x = Array::vector((0..x.data().len()).map(|k| T::lit((k * 5 % 4) as f64)).collect());
            assert_eq!(group.len(), 1);
        }
        for &options in ways {
            found.extend(run(name, &f, &updates, &inputs, options));
        }
    }
    found
}

fn assert_found(found: &BTreeSet<&str>, all: &[&str]) {
    let missing: Vec<_> = all.iter().filter(|kind| !found.contains(*kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_action_is_interpreted() {
    fn of<T: Scalar>() -> BTreeSet<&'static str> {
        run_all::<T>(cases(T::WIDTH).into_iter())
    }
    let mut found = of::<f64>();
    if !cfg!(miri) {
        found.extend(of::<f32>());
    }
    let all = [
        "check",
        "control",
        "copy",
        "extreme",
        "extreme_over",
        "fill",
        "gather",
        "linalg",
        "loop",
        "matmul",
        "read",
        "scatter_add",
        "straight",
        "sweep",
        "tiles",
        "write",
    ];
    assert_found(&found, &all);
}

#[test]
fn gradients_are_interpreted() {
    fn of<T: Scalar>() -> BTreeSet<&'static str> {
        let cases = cases(T::WIDTH).into_iter().filter(|case| !["choices", "updates"].contains(&case.name));
        run_all::<T>(cases.map(|case| gradient(&case, T::WIDTH)))
    }
    let mut found = of::<f64>();
    if !cfg!(miri) {
        found.extend(of::<f32>());
    }
    assert_found(&found, &["control", "copy", "fill", "linalg", "loop", "matmul", "replay", "scatter_add", "straight", "tiles"]);
}
