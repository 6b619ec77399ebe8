//! Rosenbrock's function of a hundred numbers, by argmin's solvers with derivatives of its own formula: L-BFGS with the gradient,
//! Newton's method with conjugate gradients and a trust region with the sparse Hessian.
//!
//!     cargo run --release --features argmin --example rosenbrock
//!
//! f(x) = Σ 100·(xₖ₊₁ − xₖ²)² + (1 − xₖ)² has its minimum 0 at (1, …, 1), at the end of a curved valley (H. Rosenbrock, 1960).

use argmin::core::observers::{Observe, ObserverMode};
use argmin::core::{CostFunction, Error, Executor, IterState, KV, Solver, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::newton::NewtonCG;
use argmin::solver::quasinewton::LBFGS;
use argmin::solver::trustregion::{Steihaug, TrustRegion};
use common::{Outcome, chart, chart::Chart, chart::Mark, readable, seconds};
use plotters::style::RGBColor;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use wengert::solvers::Objective;
use wengert::{Expr, Function};

const N: usize = 100;
/// A factor that changes no minimum. argmin's Newton-CG compares its inner residual's square with the gradient's norm, which asks for too
/// little where gradients are small.
const SCALE: f64 = 1e6;
type Point = Vec<f64>;
type LineSearch = MoreThuenteLineSearch<Point, Point, f64>;

fn main() -> Outcome {
    let f = Function::trace(("x", N), |x| {
        SCALE * x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum::<Expr>()
    })?;
    let hessian = f.sparse_hessian()?;
    println!("Rosenbrock's function of {N} numbers; its Hessian has {} entries of {}", hessian.sparsity().len(), N * N);
    let (gradient, start) = (f.value_and_grad()?.compile()?, start());
    let (mut value, mut slope) = ([0.0], [0.0; N]);
    println!("value and gradient take {}\n", readable(seconds(|| gradient.call_into(&[&start], &mut [&mut value, &mut slope]))));

    let objective = Objective::new(&f)?;
    let runs = [
        run("L-BFGS, 7 pairs", chart::ORANGE, &objective, LBFGS::new(LineSearch::new(), 7), 2000)?,
        run("Newton-CG", chart::BLUE, &objective, NewtonCG::new(LineSearch::new()), 2000)?,
        run("trust region", chart::GREEN, &objective, trust_region()?, 2000)?,
    ];

    println!("step        {}", runs.iter().map(|run| format!("{:>18}", run.name)).collect::<String>());
    for step in [0, 10, 20, 50, 100, 150, 200, 300] {
        let at = |run: &Run| run.costs.get(step).map_or_else(String::new, |cost| format!("{cost:.6e}"));
        println!("{step:5}       {}", runs.iter().map(|run| format!("{:>18}", at(run))).collect::<String>());
    }
    println!("\n{:16} {:>6} {:>12} {:>9} {:>9} {:>9} {:>10}", "", "steps", "f", "values", "gradients", "Hessians", "time");
    let mut chart = Chart::new("Rosenbrock's function of 100 numbers", "step", "f(x)").log(false, true);
    for Run { name, colour, costs, counts: [values, gradients, hessians], time, distance } in &runs {
        let (steps, last) = (costs.len() - 1, costs[costs.len() - 1]);
        println!("{name:16} {steps:6} {last:12.2e} {values:9} {gradients:9} {hessians:9} {:>10}", readable(*time));
        assert!(*distance < 1e-4, "{name} ends {distance} from the minimum");
        chart = chart.add(name, *colour, Mark::Line, costs.iter().enumerate().map(|(k, &f)| (k as f64, f.max(1e-20))));
    }
    println!();
    chart.save("rosenbrock.svg")
}

/// Far from the other minimum that the function has, near (−1, 1, …, 1).
fn start() -> Point {
    vec![0.0; N]
}

fn trust_region() -> Outcome<TrustRegion<Steihaug<Point, f64>, f64>> {
    Ok(TrustRegion::new(Steihaug::new().with_max_iters(100)).with_radius(1.0)?.with_max_radius(100.0)?)
}

/// How a solver fared.
struct Run {
    name: &'static str,
    colour: RGBColor,
    /// The least value so far, at the start and after every step.
    costs: Vec<f64>,
    /// Of values, gradients and Hessians.
    counts: [u64; 3],
    time: f64,
    /// The largest distance of a number from 1.
    distance: f64,
}

fn run<S, H>(name: &'static str, colour: RGBColor, objective: &Objective, solver: S, steps: u64) -> Outcome<Run>
where
    S: Solver<Objective, IterState<Point, Point, (), H, (), f64>>,
{
    let clock = Instant::now();
    let costs = Arc::new(Mutex::new(vec![objective.cost(&start())?]));
    let found = Executor::new(objective.clone(), solver)
        .configure(|state| state.param(start()).max_iters(steps).target_cost(1e-16 * SCALE))
        .add_observer(Costs(costs.clone()), ObserverMode::Always)
        .run()?;
    let time = clock.elapsed().as_secs_f64();
    let best = found.state.get_best_param().ok_or("there is no best point")?;
    let distance = best.iter().map(|x| (x - 1.0).abs()).fold(0.0, f64::max);
    let count = |what| found.problem.counts.get(what).copied().unwrap_or(0);
    let counts = ["cost_count", "gradient_count", "hessian_count"].map(count);
    let costs = costs.lock().map_err(|_| "the observer has panicked")?.iter().map(|cost| cost / SCALE).collect();
    Ok(Run { name, colour, costs, counts, time, distance })
}

/// Notes the least value after every step.
struct Costs(Arc<Mutex<Vec<f64>>>);

impl<H> Observe<IterState<Point, Point, (), H, (), f64>> for Costs {
    fn observe_iter(&mut self, state: &IterState<Point, Point, (), H, (), f64>, _: &KV) -> Result<(), Error> {
        self.0.lock().map_err(|_| Error::msg("a lock is poisoned"))?.push(state.get_best_cost());
        Ok(())
    }
}
