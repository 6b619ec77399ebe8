//! When does which mode pay? Jacobians of functions from 1 input × 1000 outputs to 1000 inputs × 1 output.
//!
//!     cargo run --release --example forward_vs_reverse
//!     cargo run --release --example forward_vs_reverse -- --quick      # five shapes instead of eleven
//!
//! Forward mode sweeps once per input, reverse mode once per output. All shapes have about as many Jacobian entries, and
//! every path from an input to an output leads through the same narrow core; so what differs is the number of sweeps.

use common::{Outcome, chart, chart::Chart, chart::Mark, readable, seconds};
use indicatif::ProgressBar;
use plotters::prelude::{BLACK, SeriesLabelPosition};
use wengert::diff::Mode;
use wengert::{Dual, Function, Options, Real, dual, lit};

/// Rounds of the core.
const ROUNDS: usize = 16;

/// Inputs are gathered into two numbers, these go through some rounds of the standard map (B. Chirikov, 1979), and every
/// output looks at them from its own angle.
fn f<T: Real>(x: &[T], outputs: usize) -> Vec<T> {
    let share = |j: usize| (j + 1) as f64 / x.len() as f64;
    let mut angle: T = x.iter().enumerate().map(|(j, &x)| x * lit(share(j))).sum();
    let mut momentum: T = x.iter().enumerate().map(|(j, &x)| x * lit(1.0 - share(j) / 2.0)).sum();
    for _ in 0..ROUNDS {
        momentum += lit::<T>(0.4) * angle.sin();
        angle += momentum;
    }
    (0..outputs).map(|i| angle * lit((i as f64).cos()) + momentum * lit((i as f64).sin())).collect()
}

/// What was found for one shape.
struct Case {
    inputs: usize,
    outputs: usize,
    forward: Engine,
    reverse: Engine,
    duals: f64,
}

struct Engine {
    operations: usize,
    compiled: f64,
    interpreted: f64,
    jacobian: Vec<f64>,
}

fn main() -> Outcome {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let all = [1, 2, 4, 8, 16, 32, 63, 125, 250, 500, 1000];
    let chosen: Vec<usize> =
        all.into_iter().enumerate().filter(|(k, _)| !quick || [0, 2, 5, 8, 10].contains(k)).map(|(_, n)| n).collect();

    let bar = ProgressBar::new(chosen.len() as u64);
    let mut cases = vec![];
    for inputs in chosen {
        let outputs = (1000.0 / inputs as f64).round() as usize;
        cases.push(measure(inputs, outputs)?);
        bar.inc(1);
    }
    bar.finish_and_clear();

    println!("The whole Jacobian, {ROUNDS} rounds in the core. Operations of the derivative graph; time of one evaluation.\n");
    println!("inputs × outputs │ operations        │ compiled                     │ interpreted           │ duals");
    println!("                 │ forward   reverse │   forward    reverse  wrong/ │   forward    reverse  │    forward,");
    println!("                 │                   │                       right  │                       │ one by one");
    println!("─────────────────┼───────────────────┼──────────────────────────────┼───────────────────────┼────────────");
    for case in &cases {
        let Case { inputs, outputs, forward, reverse, duals } = case;
        let wrong = forward.compiled.max(reverse.compiled) / forward.compiled.min(reverse.compiled);
        println!(
            "{inputs:6} × {outputs:<7} │ {:7}   {:7} │ {:>9}  {:>9}   {wrong:5.1}× │ {:>9}  {:>9}  │ {:>10}",
            forward.operations,
            reverse.operations,
            readable(forward.compiled),
            readable(reverse.compiled),
            readable(forward.interpreted),
            readable(reverse.interpreted),
            readable(*duals),
        );
    }

    let ratio = |case: &Case| case.forward.compiled / case.reverse.compiled;
    let crossing = crossing(&cases);
    if let Some((crossing, _)) = crossing {
        println!("\nCompiled, the modes cost the same at about {crossing:.0} inputs × {:.0} outputs.", 1000.0 / crossing);
    }
    let (first, last) = (&cases[0], &cases[cases.len() - 1]);
    println!("At 1 × 1000 reverse mode takes {:.0} times as long as forward mode,", 1.0 / ratio(first));
    println!("at 1000 × 1 (a gradient, as in training) forward mode takes {:.0} times as long as reverse mode.", ratio(last));
    println!("Duals need no compilation, but run the function once per input, constants and all; a trace folds these once.");
    println!("`jacobian()` counts inputs and outputs, and takes the cheaper mode by itself.");
    assert!(ratio(first) < 1.0 && ratio(last) > 1.0, "each mode wins where it should");

    let series =
        |time: fn(&Case) -> f64| cases.iter().map(move |case| (case.inputs as f64, time(case) * 1e6)).collect::<Vec<_>>();
    Chart::new("Jacobians of n inputs × 1000/n outputs", "inputs n (outputs: 1000/n)", "microseconds for one Jacobian")
        .log(true, true)
        .legend(SeriesLabelPosition::UpperMiddle)
        .add("forward, compiled", chart::BLUE, Mark::LineAndDots, series(|case| case.forward.compiled))
        .add("reverse, compiled", chart::ORANGE, Mark::LineAndDots, series(|case| case.reverse.compiled))
        .add("forward, interpreted", chart::BLUE, Mark::Dashed, series(|case| case.forward.interpreted))
        .add("reverse, interpreted", chart::ORANGE, Mark::Dashed, series(|case| case.reverse.interpreted))
        .add("dual numbers, one input at a time", chart::GREEN, Mark::LineAndDots, series(|case| case.duals))
        .add("compiled, the same cost", BLACK, Mark::Rings, crossing)
        .save("forward_vs_reverse.svg")
}

fn measure(inputs: usize, outputs: usize) -> Outcome<Case> {
    let x: Vec<f64> = (0..inputs).map(|j| (j as f64 * 0.7).cos() / inputs as f64).collect();
    let traced = Function::trace(("x", inputs), |x| f(&x, outputs))?;
    let engine = |mode| -> Outcome<Engine> {
        let jacobian = traced.jacobian_in(mode)?.simplify();
        let (native, mut entries) = (jacobian.compile()?, vec![0.0; inputs * outputs]);
        let interpreter = jacobian.compile_with(Options::new().interpreted(true))?;
        let interpreted = seconds(|| interpreter.call_into(&[&x], &mut [&mut entries]));
        let compiled = seconds(|| native.call_into(&[&x], &mut [&mut entries]));
        Ok(Engine { operations: jacobian.cost().total(), compiled, interpreted, jacobian: entries })
    };
    let (forward, reverse) = (engine(Mode::Forward)?, engine(Mode::Reverse)?);

    // Without a graph: the function runs on dual numbers, once per input.
    let columns = || -> wengert::Result<Vec<f64>> {
        let mut jacobian = vec![0.0; inputs * outputs];
        for j in 0..inputs {
            let mut direction = vec![0.0; inputs];
            direction[j] = 1.0;
            let (_, column) = dual::directional_slice(|x: &[Dual<f64>]| f(x, outputs), &x, &direction)?;
            column.iter().enumerate().for_each(|(i, &entry)| jacobian[i * inputs + j] = entry);
        }
        Ok(jacobian)
    };
    let by_duals = columns()?;
    let duals = seconds(columns);

    let largest = by_duals.iter().fold(0.0, |most: f64, entry| most.max(entry.abs()));
    for (name, other) in [("reverse mode", &reverse.jacobian), ("dual numbers", &by_duals)] {
        let difference = common::largest_difference(&forward.jacobian, other) / largest;
        assert!(difference < 1e-12, "{inputs} × {outputs}: {name} and forward mode differ by {difference:e}");
    }
    Ok(Case { inputs, outputs, forward, reverse, duals })
}

/// Where forward mode begins to cost more, on logarithmic axes between two cases: inputs and microseconds.
fn crossing(cases: &[Case]) -> Option<(f64, f64)> {
    cases.windows(2).find_map(|pair| {
        let [n0, n1] = [0, 1].map(|k| (pair[k].inputs as f64).ln());
        let [f0, f1] = [0, 1].map(|k| pair[k].forward.compiled.ln());
        let [r0, r1] = [0, 1].map(|k| pair[k].reverse.compiled.ln());
        let share = (r0 - f0) / ((r0 - f0) - (r1 - f1));
        (r0 > f0 && r1 <= f1).then(|| ((n0 + share * (n1 - n0)).exp(), (f0 + share * (f1 - f0)).exp() * 1e6))
    })
}
