//! Constrained optimisation with sparse derivatives: a chain of 120 links hangs between two walls, over a bowl that it touches.
//!
//!     cargo run --release --features clarabel --example chain
//!
//! The joints (xₖ, yₖ) minimise the potential energy Σ yₖ subject to |pₖ₊₁ − pₖ|² ≤ l² for every link and h(xₖ) ≤ yₖ for every joint, by
//! sequential quadratic programming (`common/sqp.rs`) with the sparse Jacobian and Hessian of what is written down below.

use common::{Outcome, chart, chart::Chart, chart::Mark, sqp::Sqp};
use plotters::prelude::SeriesLabelPosition;
use wengert::{Expr, Function, Real, lit};

const LINKS: usize = 120;
const LENGTH: f64 = 2.6 / LINKS as f64;
const ENDS: [[f64; 2]; 2] = [[0.0, 0.0], [2.0, 0.3]];
/// Numbers of the joints between the ends.
const N: usize = 2 * (LINKS - 1);

fn bowl<T: Real>(x: T) -> T {
    lit::<T>(0.5) * (x - lit(0.8)).powi(2) - lit(0.6)
}

type Named<T> = (&'static str, T);

/// The energy and all constraints, which are to be ≤ 0.
fn chain(p: &[Expr]) -> (Named<Expr>, Named<Vec<Expr>>, Named<Vec<Expr>>) {
    let joints: Vec<[Expr; 2]> = p.chunks(2).map(|p| [p[0], p[1]]).collect();
    let fixed = ENDS.map(|end| end.map(Expr::lit));
    let all: Vec<[Expr; 2]> = [&fixed[..1], &joints, &fixed[1..]].concat();
    let link = |p: &[[Expr; 2]]| (p[1][0] - p[0][0]).powi(2) + (p[1][1] - p[0][1]).powi(2) - LENGTH * LENGTH;
    let energy = joints.iter().map(|p| p[1]).sum::<Expr>();
    (
        ("energy", energy),
        ("link", all.windows(2).map(link).collect()),
        ("bowl", joints.iter().map(|p| bowl(p[0]) - p[1]).collect()),
    )
}

fn main() -> Outcome {
    let f = Function::trace(("p", N), |p| chain(&p))?;
    let mut shapes = vec![];
    // A tension in every link, for the first Hessian.
    let tension = (0..2 * LINKS - 1).map(|k| if k < LINKS { 1.0 / LENGTH } else { 0.0 }).collect();
    let rest = Sqp::new(&f, 0)?.solve(start(), tension, |p| shapes.push(outline(p)))?;

    let touching: Vec<usize> = (0..LINKS - 1).filter(|&k| rest.multipliers[LINKS + k] > 1e-4).collect();
    println!("{} of {} joints lie in the bowl", touching.len(), LINKS - 1);
    // Where nothing is touched, every joint's weight adds as much to the slope: a catenary of links.
    let last = &shapes[shapes.len() - 1];
    let slopes: Vec<f64> = last.windows(2).map(|p| (p[1].1 - p[0].1) / (p[1].0 - p[0].0)).collect();
    let bends: Vec<f64> = slopes[..touching[0] - 1].windows(2).map(|s| s[1] - s[0]).collect();
    println!("the slope of the links on the left grows by {:.9} to {:.9} from link to link", bends[0], bends[bends.len() - 1]);
    assert!(bends.iter().all(|bend| (bend - bends[0]).abs() < 1e-4 * bends[0]), "the chain is no catenary: {bends:?}");

    let ground = (0..=100).map(|k| k as f64 / 50.0).map(|x| (x, bowl(x)));
    let mut hanging = Chart::new("A chain over a bowl", "x", "y").legend(SeriesLabelPosition::UpperMiddle).add(
        "bowl",
        chart::GREY,
        Mark::Line,
        ground,
    );
    for (k, (colour, name)) in [(chart::SKY, "start"), (chart::PINK, "step 1"), (chart::GREEN, "step 3")].into_iter().enumerate()
    {
        hanging = hanging.add(name, colour, Mark::Dashed, shapes[[0, 1, 3][k].min(shapes.len() - 1)].iter().copied());
    }
    hanging = hanging.add("at rest", chart::BLUE, Mark::LineAndDots, last.iter().copied());
    rest.picture("chain.svg", 420, &hanging)
}

/// On a line from end to end.
fn start() -> Vec<f64> {
    let at = |k: usize| k as f64 / LINKS as f64;
    (1..LINKS).flat_map(|k| std::array::from_fn::<f64, 2, _>(|i| ENDS[0][i] + at(k) * (ENDS[1][i] - ENDS[0][i]))).collect()
}

/// All joints, the ends included.
fn outline(p: &[f64]) -> Vec<(f64, f64)> {
    let [first, last] = ENDS.map(|end| (end[0], end[1]));
    std::iter::once(first).chain(p.chunks(2).map(|p| (p[0], p[1]))).chain([last]).collect()
}
