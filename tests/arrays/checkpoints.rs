//! Scans with few states in memory: the bits of those that keep all of them, the published number of steps, memory within the budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wengert::graph::Axis;
use wengert::rules::{Opaque, custom_vjp};
use wengert::{Array, Error, Expr, Function, Options, Scan, Shape, cond};

pub(super) type Result<T = ()> = std::result::Result<T, Error>;

/// Numbers by a formula.
pub(super) fn numbers(n: usize, seed: f64) -> Vec<f64> {
    (0..n).map(|k| (seed + 1.7 * k as f64).sin() * 0.8).collect()
}

/// Inputs for a function, whose open axes have these lengths.
fn inputs(f: &Function, open: &[(&str, usize)]) -> Vec<Array<f64>> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => open.iter().find(|(other, _)| other == name).unwrap().1,
    };
    let array = |(k, group): (usize, &wengert::graph::InputGroup)| {
        let shape: Vec<usize> = group.array_shape().axes().iter().map(length).collect();
        Array::new(&shape, numbers(shape.iter().product(), 0.3 + k as f64)).unwrap()
    };
    f.inputs().iter().enumerate().map(array).collect()
}

/// The bits of a function's results for some lengths, native or interpreted, and the bytes of its workspace for the first of them.
pub(super) fn bits(f: &Function, opens: &[&[(&str, usize)]], interpreted: bool) -> Result<(Vec<Vec<u64>>, usize)> {
    let code = f.compile_with(Options::new().interpreted(interpreted))?;
    let mut bits = vec![];
    for open in opens {
        let code = code.with_lengths(open.iter().copied())?;
        let x = inputs(f, open);
        // Twice, as the first call may leave memory that the second finds.
        code.run(&x)?;
        bits.extend(code.run(&x)?.into_iter().map(|(_, y)| y.data().iter().map(|v| v.to_bits()).collect::<Vec<u64>>()));
    }
    Ok((bits, code.workspace_bytes().unwrap_or(0)))
}

/// That functions with and without checkpoints give the same bits, native and interpreted.
#[track_caller]
pub(super) fn same(what: &str, with: &Function, without: &Function, opens: &[&[(&str, usize)]]) -> Result {
    let [wanted, got, interpreted] =
        [bits(without, opens, false)?, bits(with, opens, false)?, bits(with, opens, true)?].map(|(bits, _)| bits);
    assert!(got.iter().flatten().all(|v| !f64::from_bits(*v).is_nan()), "{what}");
    assert_eq!(got, wanted, "{what}: not the bits without checkpoints");
    assert_eq!(got, interpreted, "{what}: not the interpreter's bits");
    Ok(())
}

type Over = fn(Expr) -> Scan<Expr>;

/// Steps on arrays: products of matrices, and what is costly.
fn network(over: Over) -> Result<Function> {
    Function::trace(["w[70,70]", "v[2,70]", "h[70]", "x[t,2]"], |[w, v, h, x]| {
        let (last, each) = over(x).run(h, |h: Expr, x: Expr| {
            let next = (h.matmul(w) * 0.1 + x.matmul(v)).tanh();
            (next, (next * next).sum(..) + x.at(0, 0))
        });
        (last * last).sum(..) + (each * each).sum(..)
    })
}

/// Few numbers, which are native code as a whole; a product that the next state and what a step gives share.
fn numbers_only(over: Over) -> Result<Function> {
    Function::trace(["a", "b", "x[t]"], |[a, b, x]| {
        let ((p, q), each) = over(x).run((a, b), |(p, q): (Expr, Expr), x: Expr| {
            let product = p * q;
            ((product + x, q * 0.9 + x * b), product)
        });
        p + q * each.sum(..)
    })
}

/// The same with what is costly, and a branch.
fn costly(over: Over) -> Result<Function> {
    Function::trace(["a", "b", "x[t]"], |[a, b, x]| {
        let (c, _) = over(x).run(a, |c: Expr, x: Expr| {
            let next = cond(c.gt(0.2), || (c * b + x).sin(), || c * c * 0.5 - x);
            ((next * b).exp() * 0.3 + next, ())
        });
        c * c
    })
}

/// A state that the adjoint does not read; only kept results.
fn linear(over: Over) -> Result<Function> {
    Function::trace(["a", "x[t]"], |[a, x]| over(x).run(a, |c: Expr, x: Expr| (c * 0.5 + x.exp(), ())).0)
}

/// A function whose scan goes so.
type Of = fn(Over) -> Result<Function>;

const ALL: [(&str, Of); 4] = [("network", network), ("numbers", numbers_only), ("costly", costly), ("linear", linear)];

const WAYS: [(&str, Over, Over); 5] = [
    ("1", Scan::over, |x| Scan::over(x).checkpoints(1)),
    ("2", Scan::over, |x| Scan::over(x).checkpoints(2)),
    ("bytes", Scan::over, |x| Scan::over(x).checkpoint_bytes(3 * 70 * 8)),
    ("reverse, 3", |x| Scan::over(x).reverse(), |x| Scan::over(x).reverse().checkpoints(3)),
    ("segments", |x| Scan::over(x).reverse(), |x| Scan::over(x).segments().reverse()),
];

/// A function and its derivatives, nested and mapped over samples of an input.
pub(super) fn derivatives(f: &Function, mapped: &str) -> Result<Vec<(&'static str, Function)>> {
    Ok(vec![
        ("value", f.clone()),
        ("value_and_grad", f.value_and_grad()?),
        ("grad", f.grad()?),
        ("jvp", f.jvp()?),
        ("hvp", f.hvp()?),
        ("reverse over reverse", f.grad()?.vjp()?),
        ("vmap of grad", f.grad()?.vmap("n", [mapped])?),
        ("grad of vmap", f.vmap("n", [mapped])?.sum("n")?.grad()?),
    ])
}

/// The first of these have the bits of the second, for these lengths of the axis `t`.
pub(super) fn same_in_all(context: &str, [with, without]: [Vec<(&'static str, Function)>; 2], lengths: &[usize]) -> Result {
    for ((what, with), (_, without)) in with.into_iter().zip(without) {
        let opens: Vec<_> = lengths.iter().map(|&t| [("t", t), ("n", 3)]).collect();
        let len = if what.contains("vmap") { 2 } else { 1 };
        let opens: Vec<_> = opens.iter().map(|open| &open[..len]).collect();
        same(&format!("{context}, {what}"), &with, &without, &opens)?;
    }
    Ok(())
}

#[test]
fn derivatives_have_the_bits_without_checkpoints() -> Result {
    for (name, of) in ALL {
        for (way, without, with) in WAYS {
            let derivatives = |f: &Function| -> Result<_> {
                let mut all = derivatives(f, "x")?;
                all.push(("only x", f.wrt(["x"])?.grad()?));
                Ok(all)
            };
            let all = [derivatives(&of(with)?)?, derivatives(&of(without)?)?];
            same_in_all(&format!("{name}, {way}"), all, &[0, 1, 2, 7, 23])?;
        }
    }
    Ok(())
}

#[test]
fn nested_scans_have_checkpoints_of_their_own() -> Result {
    let nested = |outer: Over, inner: Over| {
        Function::trace(["a", "x[t]", "z[m]"], |[a, x, z]| {
            let step = |c: Expr, x: Expr| {
                let (inside, each) = inner(z).run(c * x, |d: Expr, z: Expr| ((d + z * a).sin(), d));
                (inside + c * 0.1, each.sum(..))
            };
            let (last, each) = outer(x).run(a, step);
            last + each.sum(..)
        })
    };
    let plain = nested(Scan::over, Scan::over)?;
    for (outer, inner) in [(WAYS[1].2, Scan::over as Over), (Scan::over, WAYS[1].2), (WAYS[0].2, WAYS[1].2)] {
        let with = nested(outer, inner)?;
        let opens: [&[(&str, usize)]; 2] = [&[("t", 9), ("m", 8)], &[("t", 1), ("m", 5)]];
        same("nested", &with.value_and_grad()?, &plain.value_and_grad()?, &opens)?;
        same("nested, hvp", &with.hvp()?, &plain.hvp()?, &opens)?;
    }
    Ok(())
}

/// A scan whose body counts how often it runs: c ↦ c·a + x, by an opaque function.
fn counted(states: usize, count: &Arc<AtomicUsize>) -> Result<Function> {
    let count = count.clone();
    let step = Opaque::new("step", move |x, y| {
        count.fetch_add(1, Relaxed);
        y[0][0] = x[0][0] * x[1][0] + x[2][0];
        Ok(())
    });
    Function::trace(["a", "x[t]"], |[a, x]| {
        let body = |c: Expr, x: Expr| {
            let value = |(c, a, x): (Expr, Expr, Expr)| step.call(&[c, a, x], &[Shape::SCALAR])[0];
            (custom_vjp((c, a, x), value, |(c, a, _), _, y: Expr| (y * a, y * c, y)), ())
        };
        Scan::over(x).checkpoints(states).run(1.0, body).0
    })
}

/// A binomial coefficient.
fn choose(n: u128, k: u128) -> u128 {
    (1..=k).fold(1, |all, j| all * (n - k + j) / j)
}

/// How often steps run forward until n steps are gone back over with s states (A. Griewank and A. Walther, 2000, proposition 1 and equation 6):
/// r·n − (s + r choose s + 1), where (s + r − 1 choose s) < n ≤ (s + r choose s).
pub(super) fn published(n: u128, s: u128) -> u128 {
    let r = (0..).find(|r| choose(s + r, s) >= n).unwrap();
    if r == 0 { 0 } else { r * n - choose(s + r, s + 1) }
}

#[test]
fn steps_run_as_often_as_published() -> Result {
    // Figures of the formula, worked out by hand.
    assert_eq!([published(1, 1), published(10, 3), published(10, 1), published(56, 3)], [0, 15, 45, 210]);
    let table = [
        (10, 1),
        (10, 2),
        (10, 3),
        (10, 9),
        (10, 20),
        (30, 4),
        (100, 2),
        (100, 3),
        (100, 10),
        (300, 5),
        (1000, 3),
        (1000, 8),
        (1000, 43),
        (3000, 12),
        (10_000, 4),
        (10_000, 10),
        (10_000, 20),
        (10_000, 140),
    ];
    for (n, s) in table {
        let count = Arc::new(AtomicUsize::new(0));
        let f = counted(s, &count)?;
        let code = f.wrt(["a"])?.value_and_grad()?.compile()?;
        let x = numbers(n, 0.5);
        let (mut value, mut d) = ([0.0], [0.0]);
        code.call_into(&[&[0.9], &x], &mut [&mut value, &mut d])?;
        count.store(0, Relaxed);
        code.call_into(&[&[0.9], &x], &mut [&mut value, &mut d])?;
        // The value takes the last step, too.
        assert_eq!(count.load(Relaxed) as u128, published(n as u128, s as u128) + 1, "{n} steps, {s} states");
        let (mut c, mut wanted) = (1.0, 0.0);
        for x in &x {
            (c, wanted) = (c * 0.9 + x, wanted * 0.9 + c);
        }
        assert!((d[0] - wanted).abs() < 1e-12 * wanted.abs() && value == [c], "{n} steps, {s} states: {d:?}");
        let cost = f.wrt(["a"])?.remat_cost(&[("t", n)])?;
        assert_eq!(cost.steps_again as u128, published(n as u128, s as u128) + 1 - n as u128);
        assert_eq!(cost.checkpoint_bytes, 8 * s.min(n));
    }
    Ok(())
}

#[test]
fn memory_is_within_the_budget() -> Result {
    let f = |over: Over| {
        Function::trace(["w[64]", "x[t,64]"], |[w, x]| {
            over(x).run(Expr::zeros(64), |h: Expr, x: Expr| ((h * w + x).tanh() + h * 0.1, ())).0.sum(..)
        })
    };
    let (with, without) = (f(|x| Scan::over(x).checkpoint_bytes(100 * 64 * 8))?.wrt(["w"])?, f(Scan::over)?.wrt(["w"])?);
    let derivatives: [fn(&Function) -> Result<Function>; 3] = [|f| f.value_and_grad(), |f| f.grad(), |f| f.hvp()];
    for derivative in derivatives {
        for t in [1000, 10_000] {
            let [with, without] = [&with, &without].map(|f| derivative(f).and_then(|f| bits(&f, &[&[("t", t)]], false)));
            let (with, without) = (with?, without?);
            assert_eq!(with.0, without.0);
            // Some states at hand, some sums.
            assert!(with.1 < 130 * 64 * 8, "{} bytes", with.1);
            assert!(without.1 > t * 64 * 8, "{} bytes", without.1);
        }
    }
    // Of all samples together.
    let batch = with.grad()?.vmap("n", ["x"])?;
    let (_, bytes) = bits(&batch, &[&[("t", 500), ("n", 4)]], false)?;
    // The sequence, by steps; the states; the adjoints of the parameters.
    assert!(bytes < 500 * 4 * 64 * 8 + 200 * 64 * 8, "{bytes} bytes");
    // Few numbers, which are code as a whole.
    for (name, of) in ALL.into_iter().filter(|(name, _)| matches!(*name, "costly" | "linear")) {
        let f = of(|x| Scan::over(x).checkpoints(5))?.wrt(["a"])?;
        for derivative in derivatives {
            let (_, bytes) = bits(&derivative(&f)?, &[&[("t", 10_000)]], false)?;
            assert!(bytes < 4096, "{name}: {bytes} bytes");
        }
    }
    // A long sequence is read where it is.
    let segments = f(|x| Scan::over(x).segments())?.wrt(["w"])?.grad()?;
    let (_, bytes) = bits(&segments, &[&[("t", 10_000)]], false)?;
    assert!(bytes < 160 * 64 * 8, "{bytes} bytes");
    Ok(())
}

#[test]
fn text_holds_checkpoints() -> Result {
    for (_, _, with) in WAYS {
        let f = costly(with)?.value_and_grad()?;
        let again: Function = f.to_string().parse()?;
        assert_eq!(again.to_string(), f.to_string());
        same("text", &again, &f, &[&[("t", 9)]])?;
    }
    Ok(())
}
