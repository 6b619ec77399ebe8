//! Sequential quadratic programming (R. Wilson, 1963), with derivatives of the function itself and quadratic programs by clarabel.
//!
//! To minimise f(x) subject to g(x) = 0 and h(x) ≤ 0, it solves, again and again,
//!
//!     minimise ½ dᵀHd + ∇f·d   subject to   g + J·d = 0,  h + K·d ≤ 0
//!
//! where J and K are the constraints' sparse Jacobians and H is the sparse Hessian of the Lagrangian f + λ·g + μ·h, which must be positive
//! semidefinite on the way, as it is in convex problems.

use super::Outcome;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT};
use wengert::sparse::CompiledSparse;
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

    /// How much a constraint is violated.
    fn violation(&self, k: usize, g: f64) -> f64 {
        if k < self.equations { g.abs() } else { g.max(0.0) }
    }

    /// From a point and multipliers; `each` sees every point.
    pub fn solve(&self, mut x: Vec<f64>, mut multipliers: Vec<f64>, mut each: impl FnMut(&[f64])) -> Outcome<Solution> {
        let (linear, quadratic) = (self.jacobian.sparsity(), self.hessian.sparsity());
        let (mut y, mut df) = (vec![0.0; 1 + linear.rows()], vec![0.0; x.len()]);
        let (mut j, mut h) = (vec![0.0; linear.len()], vec![0.0; quadratic.len()]);
        let mut residuals = vec![];
        println!("step            f   violation   |∇ Lagrangian|   length of step   iterations inside");
        for step in 0..100 {
            each(&x);
            self.values.call_into(&x, &mut y)?;
            self.gradient.call_into(&x, &mut df)?;
            self.jacobian.call_into(&[&x], &mut j)?;
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
            self.hessian.call_into(&inputs, &mut h)?;
            let bounds: Vec<f64> = y[1..].iter().map(|g| -g).collect();
            let cones = [ZeroConeT(self.equations), NonnegativeConeT(linear.rows() - self.equations)];
            let (p, a) = (quadratic.to_clarabel(&h)?, linear.to_clarabel(&j)?);
            let mut solver = DefaultSolver::new(&p, &df, &a, &bounds, &cones, self.settings.clone())?;
            solver.solve();
            let found = &solver.solution;
            if !matches!(found.status, SolverStatus::Solved | SolverStatus::AlmostSolved) {
                return Err(format!("clarabel: {:?}", found.status).into());
            }

            // As far along the step as cost and violations together become less (S.-P. Han, 1977).
            let weight = 1.5 * largest(found.z.iter().copied());
            let merit = |y: &[f64]| y[0] + weight * y[1..].iter().enumerate().map(|(k, &g)| self.violation(k, g)).sum::<f64>();
            let (before, mut t) = (merit(&y), 1.0);
            x = loop {
                let next: Vec<f64> = x.iter().zip(&found.x).map(|(x, d)| x + t * d).collect();
                self.values.call_into(&next, &mut y)?;
                if merit(&y) <= before + 1e-12 || t < 1e-6 {
                    break next;
                }
                t *= 0.5;
            };
            multipliers.iter_mut().zip(&found.z).for_each(|(multiplier, z)| *multiplier += t * (z - *multiplier));
            println!("   {t:14.4}   {:17}", found.iterations);
        }
        Err("no minimum after 100 steps".into())
    }
}
