//! Constrained optimisation with sparse derivatives: a chain of 120 links hangs between two walls, over a bowl that it touches.
//!
//!     cargo run --release --example chain
//!
//! The joints (xₖ, yₖ) minimise the potential energy Σ yₖ subject to |pₖ₊₁ − pₖ|² ≤ l² for every link and h(xₖ) ≤ yₖ for every joint.
//! Sequential quadratic programming (R. Wilson, 1963) solves, again and again,
//!
//!     minimise ½ dᵀHd + ∇f·d   subject to   g + J·d ≤ 0
//!
//! where J is the constraints' sparse Jacobian, and H the sparse Hessian of the Lagrangian f + Σ λᵢ·gᵢ. Both come from the
//! function as it is written down below; clarabel solves the quadratic programs.

mod common;

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus};
use common::{Outcome, chart, chart::Chart, chart::Mark};
use plotters::prelude::SeriesLabelPosition;
use wengert::sparse::Sparsity;
use wengert::{Expr, Function, Real, lit};

const LINKS: usize = 120;
const LENGTH: f64 = 2.6 / LINKS as f64;
const ENDS: [[f64; 2]; 2] = [[0.0, 0.0], [2.0, 0.3]];
/// Numbers of the joints between the ends.
const N: usize = 2 * (LINKS - 1);
/// A constraint for each link and for each joint.
const M: usize = LINKS + LINKS - 1;

fn bowl<T: Real>(x: T) -> T {
    lit::<T>(0.5) * (x - lit(0.8)).powi(2) - lit(0.6)
}

/// The energy and all constraints, which are to be ≤ 0.
fn chain(p: &[Expr]) -> ((&'static str, Expr), (&'static str, Vec<Expr>), (&'static str, Vec<Expr>)) {
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

/// A matrix as clarabel takes it.
fn csc(sparsity: &Sparsity, values: &[f64]) -> CscMatrix<f64> {
    let (starts, rows) = (sparsity.column_starts().to_vec(), sparsity.row_indices().to_vec());
    CscMatrix::new(sparsity.rows(), sparsity.columns(), starts, rows, values.to_vec())
}

fn main() -> Outcome {
    let f = Function::trace(("p", N), |p| chain(&p))?;
    let values = f.compile()?;
    let gradient = f.only(["energy"])?.grad()?.compile()?;
    let jacobian = f.only(["link", "bowl"])?.sparse_jacobian()?.compile()?;
    let hessian = f.lagrangian("energy")?.sparse_hessian()?.compile()?;
    println!("{N} numbers, {M} constraints; the Jacobian has {} entries of {}, the", jacobian.sparsity().len(), N * M);
    println!("Hessian of the Lagrangian {} of {}\n", hessian.sparsity().len(), N * N);

    let settings = DefaultSettings { verbose: false, ..Default::default() };
    let mut p = start();
    let (mut y, mut df) = (vec![0.0; 1 + M], vec![0.0; N]);
    let (mut j, mut h) = (vec![0.0; jacobian.sparsity().len()], vec![0.0; hessian.sparsity().len()]);
    // A tension in every link, for the first Hessian.
    let mut lambda: Vec<f64> = (0..M).map(|k| if k < LINKS { 1.0 / LENGTH } else { 0.0 }).collect();
    let mut shapes = vec![outline(&p)];
    let mut table = vec![];
    println!("step       energy   violation   |∇f + Jᵀλ|   length of step   iterations inside");
    for step in 0.. {
        values.call_into(&p, &mut y)?;
        gradient.call_into(&p, &mut df)?;
        jacobian.call_into(&[&p], &mut j)?;
        let violation = y[1..].iter().fold(0.0, |most, &g| g.max(most));
        let mut residual = df.clone();
        jacobian.sparsity().entries().zip(&j).for_each(|((row, column), v)| residual[column] += v * lambda[row]);
        let residual = residual.iter().fold(0.0, |most: f64, r| most.max(r.abs()));
        print!("{step:4} {:12.8}   {violation:9.1e}   {residual:10.1e}", y[0]);
        table.push((step as f64, residual.max(violation)));
        if residual < 1e-7 && violation < 1e-9 {
            println!("\n");
            break;
        }
        assert!(step < 60, "no minimum after {step} steps");

        hessian.call_into(&[&p, &[1.0], &lambda[..LINKS], &lambda[LINKS..]], &mut h)?;
        let bounds: Vec<f64> = y[1..].iter().map(|g| -g).collect();
        let (quadratic, linear) = (csc(hessian.sparsity(), &h), csc(jacobian.sparsity(), &j));
        let mut solver = DefaultSolver::new(&quadratic, &df, &linear, &bounds, &[NonnegativeConeT(M)], settings.clone())?;
        solver.solve();
        let found = &solver.solution;
        assert!(matches!(found.status, SolverStatus::Solved | SolverStatus::AlmostSolved), "clarabel: {:?}", found.status);

        // As far along the step as energy and violations together become less (S.-P. Han, 1977).
        let weight = 1.5 * found.z.iter().fold(0.0, |most: f64, z| most.max(*z));
        let merit = |y: &[f64]| y[0] + weight * y[1..].iter().map(|g| g.max(0.0)).sum::<f64>();
        let (before, mut t) = (merit(&y), 1.0);
        let next = loop {
            let next: Vec<f64> = p.iter().zip(&found.x).map(|(p, d)| p + t * d).collect();
            values.call_into(&next, &mut y)?;
            if merit(&y) <= before + 1e-12 || t < 1e-6 {
                break next;
            }
            t *= 0.5;
        };
        p = next;
        lambda.iter_mut().zip(&found.z).for_each(|(lambda, z)| *lambda += t * (z - *lambda));
        println!("   {t:14.4}   {:17}", found.iterations);
        shapes.push(outline(&p));
    }

    let touching: Vec<usize> = (0..LINKS - 1).filter(|&k| lambda[LINKS + k] > 1e-4).collect();
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
    let convergence = Chart::new("Sequential quadratic programming", "step", "largest violation or |∇f + Jᵀλ|")
        .log(false, true)
        .add("", chart::BLUE, Mark::LineAndDots, table);
    chart::picture("chain.svg", (1240, 560), |root| {
        let (left, right) = root.split_horizontally(720);
        hanging.draw(&left)?;
        convergence.draw(&right)
    })
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
