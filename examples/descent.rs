//! Gradient descent step by step: the figures of a hand calculation, the optimisers' interface, and a local minimum that
//! plain descent stays in and momentum leaves.
//!
//!     cargo run --release --example descent

use common::{Outcome, chart, chart::Chart, chart::Mark, readable, seconds};
use plotters::prelude::*;
use wengert::optim::{AdaGrad, Adam, Momentum, Optimizer, Rule, Sgd};
use wengert::{Expr, Function, Real, Scalar, Width, dual, lit};

fn main() -> Outcome {
    let bowl = bowl()?;
    roots()?;
    list_of_parameters()?;
    let ways = escape()?;
    whole_step(ways[1].at[STEPS])?;
    chart::picture("descent.svg", (860, 440), |root| {
        let (left, right) = root.split_horizontally(400);
        draw_bowl(&left, &bowl)?;
        draw_escape(&right, &ways)
    })
}

fn close(what: &str, got: f64, wanted: f64, within: f64) {
    assert!((got - wanted).abs() <= within, "{what} is {got}, not {wanted}");
}

/// x² + y² from (1, 3) with the learning rate 0.02.
fn bowl() -> Outcome<Vec<(f64, f64)>> {
    println!("f = x² + y² from (1, 3), learning rate 0.02\n");
    let f = Function::trace(["x", "y"], |[x, y]| x * x + y * y)?;
    let value_and_grad = f.value_and_grad()?.compile()?;
    let mut p = [1.0, 3.0];
    let mut descent = Optimizer::new(Sgd::new(0.02), p.len());
    let (mut path, mut values) = (vec![(p[0], p[1])], vec![]);
    for step in 0..100 {
        let [value, dx, dy] = value_and_grad.call(p)?;
        if !(3..97).contains(&step) {
            println!("step {step:2}:  f = {value:.15}   ∇f = ({dx:.6}, {dy:.6})");
        }
        values.push(value);
        descent.step(&mut p, &[dx, dy])?;
        path.push((p[0], p[1]));
    }
    println!("after 100 steps: x = {:.13}, y = {:.15}\n", p[0], p[1]);
    let known =
        [(0, 10.0), (1, 9.216), (2, 8.4934656), (97, 0.003635960944957), (98, 0.003350901606873), (99, 0.003088190920894)];
    for (step, value) in known {
        close(&format!("f at step {step}"), values[step], value, 1e-14);
    }
    close("x", p[0], 0.0168703193588, 1e-13);
    close("y", p[1], 0.050610958076549, 1e-13);
    Ok(path)
}

/// The same f and its square root, with their gradients.
fn roots() -> Outcome {
    let f = Function::trace(["x", "y"], |[x, y]| x * x + y * y)?.value_and_grad()?;
    let root = Function::trace(["x", "y"], |[x, y]| (x * x + y * y).sqrt())?.value_and_grad()?;
    let (f, root) = (f.eval(&[1.0, 3.0])?, root.eval(&[1.0, 3.0])?);
    println!("at (1, 3):   x² + y²    = {},          ∇ = ({}, {})", f[0], f[1], f[2]);
    println!("           √(x² + y²)   = {:.8},  ∇ = ({:.8}, {:.8})\n", root[0], root[1], root[2]);
    assert_eq!(f, [10.0, 2.0, 6.0]);
    for (got, wanted) in root.iter().zip([3.16227766, 0.31622777, 0.94868330]) {
        close("the root or its gradient", *got, wanted, 5e-9);
    }
    Ok(())
}

/// (x − 2)² with the learning rate 0.001, and parameters that come as a list.
fn list_of_parameters() -> Outcome {
    println!("f = (x − 2)² from x = −0.106718108, learning rate 0.001: every step leaves 0.998 of the error");
    let x = descend::<f64>(Width::F64, &[100, 200])?;
    println!("in f64:  x = {:.8} after 100 steps, {:.8} after 200", x[0], x[1]);
    close("x after 100 steps", x[0], 0.27551049, 5e-9);
    close("x after 200 steps", x[1], 0.58839013, 5e-9);
    let x = descend::<f32>(Width::F32, &[5000])?[0];
    println!("in f32:  x = {x} after 5000 steps, where (x − 2)² = {:e}: small, but not 0\n", (x - 2.0) * (x - 2.0));
    close("x after 5000 steps", x.into(), 1.9999, 5e-5);

    // A model is a list of parameters to the optimiser; which functions they enter is no concern of its.
    let f = Function::trace(("parameters", 2), |p| p.iter().map(|&p| p * p).sum::<Expr>())?;
    let grad = f.grad()?.compile()?;
    let mut p = [-1.8, -3.5];
    let mut descent = Optimizer::new(Sgd::new(0.001), p.len());
    for _ in 0..3450 {
        let g: [f64; 2] = grad.call(p)?;
        descent.step(&mut p, &g)?;
    }
    println!("x² + y² over a list, from (−1.8, −3.5): ({:.4}, {:.4}) after {} steps\n", p[0], p[1], descent.steps());
    close("x", p[0], -0.0018, 5e-5);
    close("y", p[1], -0.0035, 5e-5);
    Ok(())
}

/// Minimises (x − 2)² in the arithmetic `T`; x after so many steps.
fn descend<T: Scalar>(width: Width, after: &[u64]) -> Outcome<Vec<T>> {
    let grad = Function::trace_in(width, "x", |x| (x - 2.0).powi(2))?.grad()?.compile()?;
    let mut x = [T::lit(-0.106718108)];
    let mut descent = Optimizer::new(Sgd::new(0.001), 1);
    let mut found = vec![];
    for &steps in after {
        while descent.steps() < steps {
            let g: [T; 1] = grad.call(x)?;
            descent.step(&mut x, &g)?;
        }
        found.push(x[0]);
    }
    Ok(found)
}

/// Two valleys: the one on the right, at x ≈ 1.36, is not as deep as the one on the left, at x ≈ −1.47.
fn valleys<T: Real>(x: T) -> T {
    lit::<T>(0.25) * x.powi(4) - x.powi(2) + lit::<T>(0.2) * x
}

const START: f64 = 2.4;

/// How often the value and the gradient are asked for.
const STEPS: usize = 300;

/// One optimiser's way: where it was after every step.
struct Way {
    name: &'static str,
    colour: RGBColor,
    at: Vec<f64>,
}

/// The function with a local minimum between the start and the lowest point, by four update rules.
fn escape() -> Outcome<Vec<Way>> {
    println!("f = x⁴/4 − x² + x/5 from {START}: a local minimum lies between the start and the lowest point");
    let ways = vec![
        Way { name: "plain descent", colour: chart::ORANGE, at: run(Sgd::new(0.02))? },
        Way { name: "momentum 0.9", colour: chart::BLUE, at: run(Momentum { rate: 0.02, momentum: 0.9 })? },
        Way { name: "AdaGrad", colour: chart::PINK, at: run(AdaGrad::new(0.3))? },
        Way { name: "Adam", colour: chart::GREEN, at: run(Adam::new(0.3))? },
    ];
    for Way { name, at, .. } in &ways {
        let end = at[at.len() - 1];
        println!("{name:14} ends at x = {end:7.4}, where f = {:7.4}", valleys(end));
    }
    println!();
    let end = |k: usize| ways[k].at[STEPS];
    assert!(end(0) > 1.0, "plain descent stays in the local minimum");
    assert!(end(1) < -1.0, "momentum gets past it");
    Ok(ways)
}

fn run<R: Rule>(rule: R) -> Outcome<Vec<f64>> {
    let grad = Function::trace("x", valleys)?.grad()?.compile()?;
    let mut optimizer = Optimizer::new(rule, 1);
    let mut x = [START];
    let mut at = vec![START];
    for _ in 0..STEPS {
        let g: [f64; 1] = grad.call(x)?;
        optimizer.step(&mut x, &g)?;
        at.push(x[0]);
    }
    Ok(at)
}

/// The update rule is generic, too. Traced together with the derivative, a whole step of training becomes one function,
/// from parameter and velocity to the next ones, and one piece of native code.
fn whole_step(expected: f64) -> Outcome {
    let rule = Momentum { rate: 0.02, momentum: 0.9 };
    let step = Function::trace(["x", "v"], |[x, v]| {
        // On handles, duals differentiate symbolically: this is forward mode inside the trace.
        let (_, slope) = dual::derivative(valleys, x);
        let (x, [v]) = rule.update(x, slope, [v], lit(1.0));
        (("x", x), ("v", v))
    })?;
    println!("a step with momentum as one function:\n\n{}\n", step.simplify());
    let native = step.compile()?;
    let mut state = [START, 0.0];
    for _ in 0..STEPS {
        state = native.call(state)?;
    }
    println!(
        "{STEPS} such steps lead to x = {:.4}; one takes {}\n",
        state[0],
        readable(seconds(|| native.call::<f64, 2>(state)))
    );
    close("x by the compiled step", state[0], expected, 1e-9);
    Ok(())
}

fn draw_bowl(area: &chart::Area, path: &[(f64, f64)]) -> Outcome {
    let mut chart = ChartBuilder::on(area)
        .caption("x² + y²: 100 steps of descent", ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d(-3.4..3.4, -3.4..3.4)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("x")
        .y_desc("y")
        .x_labels(7)
        .y_labels(7)
        .x_label_formatter(&|v| format!("{v}"))
        .y_label_formatter(&|v| format!("{v}"))
        .axis_desc_style(("sans-serif", 15))
        .label_style(("sans-serif", 13))
        .draw()?;
    for level in [0.25f64, 1.0, 2.25, 4.0, 6.25, 9.0] {
        let ring = (0..=120).map(|k| std::f64::consts::TAU * k as f64 / 120.0);
        let ring = ring.map(|t| (level.sqrt() * t.cos(), level.sqrt() * t.sin()));
        chart.draw_series(LineSeries::new(ring, RGBColor(200, 200, 200)))?;
        let label = Text::new(format!("{level}"), (0.04, -level.sqrt()), ("sans-serif", 12).into_font().color(&chart::GREY));
        chart.draw_series([label])?;
    }
    chart.draw_series(LineSeries::new(path.iter().copied(), chart::BLUE.stroke_width(2)))?;
    chart.draw_series(path.iter().map(|&p| Circle::new(p, 3, chart::BLUE.filled())))?;
    let note = |text: &str, at| Text::new(text.to_owned(), at, ("sans-serif", 14).into_font().color(&chart::BLUE));
    chart.draw_series([note("start (1, 3), f = 10", (-2.5, 3.1)), note("f = 0.003", (0.3, 0.15))])?;
    Ok(())
}

fn draw_escape(area: &chart::Area, ways: &[Way]) -> Outcome {
    let (upper, lower) = area.split_vertically(230);
    // Above, the function and where each way ends; below, the ways over the steps.
    let curve = (0..=300).map(|k| -2.6 + 5.2 * k as f64 / 300.0).map(|x| (x, valleys(x)));
    let mut function = Chart::new("x⁴/4 − x² + x/5: where each way ends", "x", "f(x)").add("", chart::GREY, Mark::Line, curve);
    function = function.add("start", BLACK, Mark::Dots, [(START, valleys(START))]);
    let mut over_steps = Chart::new("The ways there", "step", "x").y_range(-2.6, 2.6);
    for Way { name, colour, at } in ways {
        let end = at[at.len() - 1];
        function = function.add(name, *colour, Mark::Dots, [(end, valleys(end))]);
        over_steps = over_steps.add("", *colour, Mark::Line, at.iter().take(121).enumerate().map(|(k, &x)| (k as f64, x)));
    }
    function.legend(SeriesLabelPosition::UpperMiddle).draw(&upper)?;
    over_steps.draw(&lower)
}
