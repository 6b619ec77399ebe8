//! Sequential quadratic programming (R. Wilson, 1963), with derivatives of the function itself and quadratic programs by clarabel.
//!
//! To minimise f(x) subject to g(x) = 0 and h(x) ≤ 0, it solves, again and again,
//!
//!     minimise ½ dᵀHd + ∇f·d   subject to   g + J·d = 0,  h + K·d ≤ 0
//!
//! where J and K are the constraints' sparse Jacobians and H is the sparse Hessian of the Lagrangian f + λ·g + μ·h. Where that gives no
//! step that leads down, its diagonal is made large enough for a convex program.

use super::{Outcome, chart, chart::Chart, chart::Mark};
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolution, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT};
use wengert::compiled::CompiledSparse;
use wengert::sparse::Sparsity;
use wengert::{Compiled, Function};

pub struct Sqp {
    values: Compiled,
    gradient: Compiled,
    jacobian: CompiledSparse,
    hessian: CompiledSparse,
    /// How many constraints are equations; they come first.
    equations: usize,
    settings: DefaultSettings<f64>,
}

pub struct Solution {
    pub x: Vec<f64>,
    pub multipliers: Vec<f64>,
    /// For every step the larger one of violation and gradient of the Lagrangian.
    pub residuals: Vec<f64>,
}

/// H + ρ·JᵀJ over the equations' rows of J: on the steps that these allow, ρ·JᵀJ is the same for all, and elsewhere it makes up for what H
/// lacks (R. Tapia, 1977).
fn augmented([quadratic, linear]: [&Sparsity; 2], h: &[f64], j: &[f64], equations: usize, weight: f64) -> CscMatrix<f64> {
    let rows = linear.by_rows();
    let (mut at, mut values): (Vec<_>, Vec<_>) = (quadratic.entries().collect(), h.to_vec());
    for row in rows.starts[..=equations].windows(2).map(|ends| ends[0]..ends[1]) {
        for (a, b) in row.clone().flat_map(|a| row.clone().map(move |b| (a, b))) {
            at.push((rows.columns[a], rows.columns[b]));
            values.push(weight * j[rows.places[a]] * j[rows.places[b]]);
        }
    }
    let (i, k) = at.into_iter().unzip();
    CscMatrix::new_from_triplets(quadratic.rows(), quadratic.columns(), i, k, values)
}

/// H with as much more on its diagonal as the other numbers of a row weigh more than it (S. Gershgorin, 1931).
fn convex(quadratic: &Sparsity, mut h: Vec<f64>) -> Outcome<CscMatrix<f64>> {
    let mut weight = vec![0.0; quadratic.rows()];
    quadratic.entries().zip(&h).for_each(|((row, column), v)| weight[row] += if row == column { -v } else { v.abs() });
    let places = (0..quadratic.rows()).filter_map(|k| Some((k, quadratic.place(k, k)?)));
    places.for_each(|(k, place)| h[place] += weight[k].max(0.0));
    Ok(quadratic.to_clarabel(&h)?)
}

impl Solution {
    /// Draws a chart, and beside it how the residuals fell.
    pub fn picture(&self, name: &str, height: u32, chart: &Chart) -> Outcome {
        let residuals = self.residuals.iter().enumerate().map(|(k, &r)| (k as f64, r));
        let convergence = Chart::new("Sequential quadratic programming", "step", "violation or gradient of the Lagrangian")
            .log(false, true)
            .add("", chart::BLUE, Mark::LineAndDots, residuals);
        chart::picture(name, (860, height), |root| {
            let (left, right) = root.split_horizontally(500);
            chart.draw(&left)?;
            convergence.draw(&right)
        })
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |most, v| most.max(v.abs()))
}

impl Sqp {
    /// Of a function of one input, whose first output is to be minimised. Of the others, the first `equations` numbers are to be 0, the rest at
    /// most 0.
    pub fn new(f: &Function, equations: usize) -> Outcome<Sqp> {
        let (cost, constraints) = f.outputs().split_first().ok_or("there is no output")?;
        let names: Vec<&str> = constraints.iter().map(|g| g.name()).collect();
        let sqp = Sqp {
            values: f.compile()?,
            gradient: f.only([cost.name()])?.grad()?.compile()?,
            jacobian: f.only(names)?.sparse_jacobian()?.compile()?,
            hessian: f.lagrangian(cost.name())?.sparse_hessian()?.compile()?,
            equations,
            settings: DefaultSettings { verbose: false, ..Default::default() },
        };
        let (j, h) = (sqp.jacobian.sparsity(), sqp.hessian.sparsity());
        println!(
            "{} numbers, {} constraints; the Jacobian has {} entries of {},",
            j.columns(),
            j.rows(),
            j.len(),
            j.rows() * j.columns()
        );
        println!("the Hessian of the Lagrangian {} of {}\n", h.len(), h.rows() * h.columns());
        Ok(sqp)
    }

    /// The cost, and the constraints one after the other.
    fn values_at(&self, x: &[f64], mut y: &mut [f64]) -> Outcome {
        let own = |len: usize| y.split_off_mut(..len).expect("there is room for all outputs");
        let mut outputs: Vec<&mut [f64]> = self.values.outputs().iter().map(|g| g.nodes().len()).map(own).collect();
        Ok(self.values.call_into(&[x], &mut outputs)?)
    }

    /// How much a constraint is violated.
    fn violation(&self, k: usize, g: f64) -> f64 {
        if k < self.equations { g.abs() } else { g.max(0.0) }
    }

    /// As far along a step from x, though not less than the shortest part of it, as cost and violations together become less (S.-P. Han,
    /// 1977) than they lately were: steps that follow curved constraints may at first lead up (L. Grippo, F. Lampariello, S. Lucidi, 1986).
    fn along(
        &self,
        x: &[f64],
        recent: &[Vec<f64>],
        found: &DefaultSolution<f64>,
        shortest: f64,
    ) -> Outcome<Option<(f64, Vec<f64>)>> {
        let weight = 1.5 * largest(found.z.iter().copied());
        let violations = |y: &[f64]| y[1..].iter().enumerate().map(|(k, &g)| self.violation(k, g)).sum::<f64>();
        let merit = |y: &[f64]| y[0] + weight * violations(y);
        let before = recent.iter().rev().take(4).map(|y| merit(y)).fold(f64::MIN, f64::max);
        let mut there = recent[0].clone();
        for t in (0..).map(|k| 0.5f64.powi(k)).take_while(|&t| t >= shortest) {
            let next: Vec<f64> = x.iter().zip(&found.x).map(|(x, d)| x + t * d).collect();
            self.values_at(&next, &mut there)?;
            if merit(&there) <= before + 1e-12 {
                return Ok(Some((t, next)));
            }
        }
        Ok(None)
    }

    /// From a point and multipliers; `each` sees every point.
    pub fn solve(&self, mut x: Vec<f64>, mut multipliers: Vec<f64>, mut each: impl FnMut(&[f64])) -> Outcome<Solution> {
        let (linear, quadratic) = (self.jacobian.sparsity(), self.hessian.sparsity());
        let (mut y, mut df) = (vec![0.0; 1 + linear.rows()], vec![0.0; x.len()]);
        let (mut j, mut h) = (vec![0.0; linear.len()], vec![0.0; quadratic.len()]);
        let (mut residuals, mut recent) = (vec![], vec![]);
        println!("step            f   violation   |∇ Lagrangian|   length of step   iterations inside");
        for step in 0..100 {
            each(&x);
            self.values_at(&x, &mut y)?;
            self.gradient.call_into(&[&x], &mut [&mut df])?;
            self.jacobian.call_into(&[&x], &mut [&mut j])?;
            let violation = largest(y[1..].iter().enumerate().map(|(k, &g)| self.violation(k, g)));
            let mut slope = df.clone();
            linear.entries().zip(&j).for_each(|((row, column), v)| slope[column] += v * multipliers[row]);
            let slope = largest(slope.into_iter());
            print!("{step:4} {:12.8}   {violation:9.1e}   {slope:14.1e}", y[0]);
            residuals.push(slope.max(violation));
            if slope < 1e-7 && violation < 1e-9 {
                println!("\n");
                return Ok(Solution { x, multipliers, residuals });
            }

            // The point, σ, and the multipliers of each output.
            let mut inputs: Vec<&[f64]> = vec![&x, &[1.0]];
            let mut rest = &multipliers[..];
            for (_, len) in &self.hessian.inputs()[2..] {
                let (own, after) = rest.split_at(*len);
                inputs.push(own);
                rest = after;
            }
            self.hessian.call_into(&inputs, &mut [&mut h])?;
            let bounds: Vec<f64> = y[1..].iter().map(|g| -g).collect();
            let cones = [ZeroConeT(self.equations), NonnegativeConeT(linear.rows() - self.equations)];
            let a = linear.to_clarabel(&j)?;
            let program = |p: CscMatrix<f64>| -> Outcome<DefaultSolution<f64>> {
                let mut solver = DefaultSolver::new(&p, &df, &a, &bounds, &cones, self.settings.clone())?;
                solver.solve();
                match solver.solution.status {
                    SolverStatus::Solved | SolverStatus::AlmostSolved => Ok(solver.solution),
                    status => Err(format!("clarabel: {status:?}").into()),
                }
            };
            recent.push(y.clone());
            // The Hessian as it is leads there fast in the end; where it does not lead down, a convex program does.
            let weight = 1e5 * largest(h.iter().copied());
            let mut exact = program(augmented([quadratic, linear], &h, &j, self.equations, weight)).ok();
            if let Some(found) = &mut exact {
                found.z[..self.equations].iter_mut().zip(&y[1..]).for_each(|(z, g)| *z -= weight * g);
            }
            let full = exact.as_ref().map_or(Ok(None), |found| self.along(&x, &recent, found, 1.0))?;
            let (found, (t, next)) = match exact.zip(full) {
                Some(both) => both,
                None => {
                    let found = program(convex(quadratic, h.clone())?)?;
                    let part = self.along(&x, &recent, &found, 1e-6)?.ok_or("no step leads down")?;
                    (found, part)
                }
            };
            x = next;
            multipliers.iter_mut().zip(&found.z).for_each(|(multiplier, z)| *multiplier += t * (z - *multiplier));
            println!("   {t:14.4}   {:17}", found.iterations);
        }
        Err("no minimum after 100 steps".into())
    }
}
