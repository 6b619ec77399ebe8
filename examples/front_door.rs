//! The front door: whatever a function is, it is traced, transformed, compiled and called in the same way.
//!
//!     cargo run --release --example front_door
//!
//! Five small programs; docs/front-door.md has them beside what JAX needs for the same.

use common::{Outcome, Table, in_repository, largest_difference, readable, seconds};
use std::f64::consts::PI;
use wengert::nn::Rng;
use wengert::{Array, Expr, Function, Real, Structure, dual, like, while_loop};

fn main() -> Outcome {
    batch()?;
    numbers()?;
    names()?;
    structure()?;
    inside()
}

/// Logistic loss of one row: the parameters are 30 weights, then the offset.
fn loss<T: Real>(p: &[T], x: &[T], y: T) -> T {
    let z = p.iter().zip(x).map(|(&p, &x)| p * x).sum::<T>() + p[30];
    z.softplus() - y * z
}

/// The mean over rows in plain Rust, for numbers and duals.
fn mean_loss<T: Real>(p: &[T], x: &[f64], y: &[f64]) -> T {
    let losses = x.chunks_exact(30).zip(y).map(|(x, &y)| loss(p, &x.iter().map(|&x| T::lit(x)).collect::<Vec<T>>(), T::lit(y)));
    losses.sum::<T>() / T::lit(y.len() as f64)
}

/// The gradient of a batch out of that of a row: a slice per input, a slice per output.
fn batch() -> Outcome {
    let (x, y) = tumours()?;
    let f = Function::trace((("p", 31), ("x", 30), "y"), |(p, x, y)| ("loss", loss(&p, &x, y)))?;
    let step = f.wrt(["p"])?.value_and_grad()?.vmap("n", ["x", "y"])?.mean("n")?.compile()?;
    println!("1. A batch: {}", step.report());

    let (mut p, mut l, mut dp) = ([0.0; 31], [0.0], [0.0; 31]);
    for _ in 0..500 {
        step.call_into(&[&p, &x, &y], &mut [&mut l, &mut dp])?;
        p.iter_mut().zip(dp).for_each(|(p, d)| *p -= 0.5 * d);
    }

    step.call_into(&[&p, &x, &y], &mut [&mut l, &mut dp])?;
    let mut by_duals = [0.0; 31];
    let mean = dual::gradient_into(|p| mean_loss(p, &x, &y), &p, &mut by_duals)?;
    let difference = largest_difference(&dp, &by_duals).max((l[0] - mean).abs());
    assert!(difference < 1e-13, "the gradient differs from that by dual numbers by {difference:e}");
    let score = |x: &[f64]| x.iter().zip(&p).map(|(x, p)| x * p).sum::<f64>() + p[30];
    let right = x.chunks_exact(30).zip(&y).filter(|(x, y)| (score(x) > 0.0) == (**y == 1.0)).count();
    let each = seconds(|| step.call_into(&[&p, &x, &y], &mut [&mut l, &mut dp])) / y.len() as f64;
    println!("   loss {:.4}, {right} of {} rows right; {} a row with its gradient\n", l[0], y.len(), readable(each));
    assert!(l[0] < 0.06 && right >= 558, "the model does not fit");
    Ok(())
}

/// Numbers in, numbers out.
fn numbers() -> Outcome {
    let g = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?.value_and_grad()?.compile()?;
    let [e, da, db] = g.call([2.0, 1.0])?;
    println!("2. Numbers: {}", g.report());
    println!("   e = {e}, ∂e/∂a = {da}, ∂e/∂b = {db}; a call takes {}\n", readable(seconds(|| g.call::<f64, 3>([2.0, 1.0]))));
    assert_eq!([e, da, db], [6.0, 2.0, 5.0]);
    Ok(())
}

/// Arrays in, results by name.
fn names() -> Outcome {
    let f = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| {
        let error = x.matmul(w) - y;
        (("loss", (error * error).mean(..)), ("error", error))
    })?;
    let f = f.compile()?;
    let y = f.run((("w", [2.0, -1.0]), ("x", [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), ("y", [2.0, -1.0, 4.0])))?;
    println!("3. By name: {}", f.report());
    println!("   loss = {:?}, error = {:?}\n", y["loss"].data(), y["error"].data());
    assert_eq!((y["loss"].data(), y["error"].data()), (&[3.0][..], &[0.0, 0.0, -3.0][..]));
    Ok(())
}

/// A network's parameters, as numbers, arrays or handles.
#[derive(Structure)]
struct Net<T> {
    w: T,
    b: T,
    v: T,
}

/// A struct of one's own is an input, and its gradient the same struct.
fn structure() -> Outcome {
    let mut rng = Rng::new(1);
    let net = Net { w: vec![2, 8], b: vec![8], v: vec![8] };
    let mut net = net.map(|shape: &Vec<usize>| Array::full(shape, 0.0).map(|_: &f64| rng.between(-1.0, 1.0)));
    let (x, y) = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]); // exclusive or

    let loss = Function::trace((("net", like(&net)), "x[n,2]", "y[n]"), |(net, x, y)| {
        ("loss", ((x.matmul(net.w) + net.b).tanh().matmul(net.v) - y).powi(2).mean(..))
    })?;
    let step = loss.wrt(["net"])?.value_and_grad()?.compile()?;
    println!("4. A struct: {}", step.report());
    let mut losses = vec![];
    for _ in 0..2000 {
        let results = step.run((("net", &net), ("x", x), ("y", y)))?;
        net = net.zip(&results.like("d_net", &net)?, |p, d| p.zip(d, |p, d| p - 0.1 * d));
        losses.push(results.number("loss")?);
    }
    let last = losses[losses.len() - 1];
    println!("   the loss goes from {:.3} to {last:.1e}\n", losses[0]);
    assert!(last < 1e-4, "the network does not learn exclusive or: {last}");
    Ok(())
}

/// A loop whose end depends on its numbers, in a function of numbers: the period of a pendulum, by the arithmetic–geometric mean
/// (C. Gauss, 1799).
fn inside() -> Outcome {
    let period = Function::trace(["length", "angle"], |[length, angle]| {
        let start = (Expr::from(1.0), (angle / 2.0).cos());
        let (mean, _) = while_loop(start, |(a, g)| (a - g).gt(a * 1e-12), |(a, g)| ((a + g) / 2.0, (a * g).sqrt()));
        2.0 * PI * (length / 9.81).sqrt() / mean
    })?;
    let f = period.wrt(["angle"])?.jvp()?.compile()?;
    let [t, dt] = f.call([1.0, 1.5, 1.0])?;
    println!("5. A loop inside: {}", f.report());
    println!("   a pendulum of 1 m that swings by 1.5 takes {t:.6} s; {dt:.6} s more for each unit of the angle");
    // By elliptic integrals: 4·√(l/g)·K(sin²(φ/2)), and its derivative.
    assert!((t - 2.33098678214129f64).abs() < 1e-13 && (dt - 0.500699216917691f64).abs() < 1e-13);
    Ok(())
}

/// 569 rows of 30 features, each with the mean 0 and the deviation 1, and the classes.
fn tumours() -> Outcome<(Vec<f64>, Vec<f64>)> {
    let mut table = Table::read(&in_repository("data/breast_cancer.csv"))?;
    let n = table.x.len() as f64;
    for k in 0..table.columns {
        let mean = table.x.iter().map(|row| row[k]).sum::<f64>() / n;
        let deviation = (table.x.iter().map(|row| (row[k] - mean).powi(2)).sum::<f64>() / n).sqrt();
        table.x.iter_mut().for_each(|row| row[k] = (row[k] - mean) / deviation);
    }
    Ok((table.x.concat(), table.class.iter().map(|&class| class as f64).collect()))
}
