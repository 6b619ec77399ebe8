//! Bundle adjustment: twelve cameras look at 300 points; from where each camera sees each point, both are found again.
//!
//!     cargo run --release --example bundle
//!
//! A camera is a rotation vector r and a translation t; it sees the point X at F·(u/w, v/w), (u, v, w) = R(r)·X + t. The residuals
//! of an observation depend on one camera and one point, so the kernel below is all that is differentiated: `terms` gives the
//! Jacobian's blocks in one native loop. The method is that of Levenberg (1944) and Marquardt (1963); of its normal equations
//!
//!     ⎛A  W⎞ ⎛δ cameras⎞     ⎛a⎞
//!     ⎝Wᵀ B⎠ ⎝δ points ⎠ = − ⎝b⎠
//!
//! B has a block of 3 × 3 for each point, so points are eliminated first: (A − W·B⁻¹·Wᵀ)·δ = W·B⁻¹·b − a, with 72 unknowns
//! instead of 972 (D. Brown, 1958).

use common::{Outcome, chart, chart::Chart, chart::Mark, readable};
use nalgebra::{DMatrix, DVector, Matrix3, Matrix6x3, SMatrix, Vector2, Vector3};
use std::time::Instant;
use wengert::nn::Rng;
use wengert::sparse::Sparsity;
use wengert::{Function, Real, lit, select};

const CAMERAS: usize = 12;
const POINTS: usize = 300;
const VARIABLES: usize = 6 * CAMERAS + 3 * POINTS;
const OBSERVATIONS: usize = CAMERAS * POINTS;
/// The focal length, in pixels.
const FOCAL: f64 = 500.0;
/// The standard deviation of what is seen, in pixels.
const NOISE: f64 = 0.5;

/// A vector turned about an axis by the axis' length (O. Rodrigues, 1840); for a length of 0 the linear part.
fn rotate<T: Real>(r: [T; 3], x: [T; 3]) -> [T; 3] {
    let cross = |a: [T; 3], b: [T; 3]| [0, 1, 2].map(|k| a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3]);
    let square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
    let turns = square.gt(lit(0.0));
    let angle = square.sqrt();
    let axis = r.map(|v| v / angle);
    let along = (axis[0] * x[0] + axis[1] * x[1] + axis[2] * x[2]) * (lit::<T>(1.0) - angle.cos());
    let (across, near) = (cross(axis, x), cross(r, x));
    [0, 1, 2].map(|k| select(turns, x[k] * angle.cos() + across[k] * angle.sin() + axis[k] * along, x[k] + near[k]))
}

/// Where a camera sees a point.
fn project<T: Real>(camera: &[T], point: &[T]) -> [T; 2] {
    let [u, v, w] = rotate([camera[0], camera[1], camera[2]], [point[0], point[1], point[2]]);
    let (u, v, w) = (u + camera[3], v + camera[4], w + camera[5]);
    [u / w * lit(FOCAL), v / w * lit(FOCAL)]
}

fn main() -> Outcome {
    let mut rng = Rng::new(1);
    let truth = scene();
    let seen: Vec<f64> = pairs()
        .flat_map(|(c, p)| project(&truth[6 * c..6 * c + 6], &truth[6 * CAMERAS + 3 * p..][..3]))
        .map(|at| at + NOISE * rng.normal())
        .collect();
    let mut x: Vec<f64> = truth.iter().enumerate().map(|(k, v)| v + deviation(k) * rng.normal()).collect();
    let first = x.clone();

    let kernel = Function::trace((("camera", 6), ("point", 3), ("seen", 2)), |(camera, point, seen)| {
        let at = project(&camera, &point);
        [at[0] - seen[0], at[1] - seen[1]]
    })?;
    let cameras = pairs().flat_map(|(c, _)| 6 * c..6 * c + 6).collect();
    let points = pairs().flat_map(|(_, p)| 6 * CAMERAS + 3 * p..6 * CAMERAS + 3 * p + 3).collect();
    let terms = kernel.terms(VARIABLES, [("camera", cameras), ("point", points)])?;
    let residuals = terms.values()?.compile()?;
    let jacobian = terms.jacobian_transposed()?.compile()?;

    let (mut r, mut trial) = (vec![0.0; 2 * OBSERVATIONS], vec![0.0; 2 * OBSERVATIONS]);
    let pattern = jacobian.sparsity().ok_or("the Jacobian is a matrix")?.clone();
    let mut j = vec![0.0; pattern.len()];
    let squares = |r: &[f64]| r.iter().map(|r| r * r).sum::<f64>();
    let pixels = |squares: f64| (squares / (2 * OBSERVATIONS) as f64).sqrt();
    println!("{OBSERVATIONS} observations, {VARIABLES} variables; the Jacobian has {} entries\n", j.len());
    println!("step   deviation in pixels      damping   |gradient|   Jacobian     solution");
    let (mut damping, mut history) = (1e-3, vec![]);
    residuals.call_into(&[&x, &seen], &mut [&mut r])?;
    for step in 0.. {
        let clock = Instant::now();
        jacobian.call_into(&[&x, &seen], &mut [&mut j])?;
        let for_jacobian = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let normal = Normal::new(&pattern, &j, &r);
        let delta = normal.solve(damping)?;
        let for_solution = clock.elapsed().as_secs_f64();

        let next: Vec<f64> = x.iter().zip(&delta).map(|(x, d)| x + d).collect();
        residuals.call_into(&[&next, &seen], &mut [&mut trial])?;
        let (before, after) = (squares(&r), squares(&trial));
        let gradient = normal.gradient();
        print!("{step:4} {:21.9} {damping:12.1e} {gradient:12.3e}", pixels(before));
        println!(" {:>10} {:>12}", readable(for_jacobian), readable(for_solution));
        history.push((step as f64, pixels(before)));
        if after < before {
            (x, damping) = (next, damping / 10.0);
            std::mem::swap(&mut r, &mut trial);
        } else {
            damping *= 10.0;
        }
        if (before - after).abs() <= 1e-12 * before {
            break;
        }
        assert!(step < 50, "no minimum after {step} steps");
    }

    // What is left of the noise: a fit of n − 7 variables (the scene may be moved, turned and scaled) takes that much away.
    let freedom = (2 * OBSERVATIONS - (VARIABLES - 7)) as f64;
    let sigma = (squares(&r) / freedom).sqrt();
    println!("\nthe noise is {sigma:.4} pixels by the fit, and was made with {NOISE}");
    assert!((sigma / NOISE - 1.0).abs() < 4.0 / (2.0 * freedom).sqrt(), "the residuals are not the noise");

    let plane = |x: &[f64]| x[6 * CAMERAS..].chunks(3).map(|p| (p[0], p[1])).collect::<Vec<_>>();
    chart::picture("bundle.svg", (860, 380), |root| {
        let parts = root.split_evenly((1, 3));
        let start = Chart::new("Points at the start", "x", "y").y_range(-1.6, 1.6);
        start.add("", chart::ORANGE, Mark::Dots, plane(&first)).draw(&parts[0])?;
        let found = Chart::new("Found from what cameras saw", "x", "y").y_range(-1.6, 1.6);
        found.add("", chart::BLUE, Mark::Dots, plane(&x)).draw(&parts[1])?;
        let steps = Chart::new("Deviation in pixels", "step", "").log(false, true);
        steps.add("", chart::BLUE, Mark::LineAndDots, history).draw(&parts[2])
    })
}

/// Every camera sees every point.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..CAMERAS).flat_map(|c| (0..POINTS).map(move |p| (c, p)))
}

/// Cameras in an arc about a knot (a (2, 3) torus knot), 6 away from its middle.
fn scene() -> Vec<f64> {
    let cameras =
        (0..CAMERAS).flat_map(|c| [0.1 * (c as f64).sin(), 0.2 * c as f64 - 1.1, 0.05 * (2.0 * c as f64).cos(), 0.0, 0.0, 6.0]);
    let points = (0..POINTS).flat_map(|p| {
        let t = std::f64::consts::TAU * p as f64 / POINTS as f64;
        let radius = 1.0 + 0.4 * (3.0 * t).cos();
        [radius * (2.0 * t).cos(), radius * (2.0 * t).sin(), 0.4 * (3.0 * t).sin()]
    });
    cameras.chain(points).collect()
}

/// How far off the start is.
fn deviation(variable: usize) -> f64 {
    if variable < 6 * CAMERAS { 0.03 } else { 0.1 }
}

/// The normal equations' blocks.
struct Normal {
    a: Vec<SMatrix<f64, 6, 6>>,
    b: Vec<Matrix3<f64>>,
    /// A block for every observation.
    w: Vec<Matrix6x3<f64>>,
    right_a: Vec<SMatrix<f64, 6, 1>>,
    right_b: Vec<Vector3<f64>>,
}

impl Normal {
    /// From the transposed Jacobian and the residuals.
    fn new(pattern: &Sparsity, j: &[f64], r: &[f64]) -> Normal {
        let mut n = Normal {
            a: vec![SMatrix::zeros(); CAMERAS],
            b: vec![Matrix3::zeros(); POINTS],
            w: Vec::with_capacity(OBSERVATIONS),
            right_a: vec![SMatrix::zeros(); CAMERAS],
            right_b: vec![Vector3::zeros(); POINTS],
        };
        for (k, ((c, p), r)) in pairs().zip(r.chunks_exact(2)).enumerate() {
            // A residual has entries for its camera and its point, but for the translation across it.
            let mut both = SMatrix::<f64, 2, 9>::zeros();
            for i in 0..2 {
                let values = &j[pattern.column_starts()[2 * k + i]..];
                for (&variable, &value) in pattern.column(2 * k + i).iter().zip(values) {
                    let of_camera = variable < 6 * CAMERAS;
                    both[(i, if of_camera { variable - 6 * c } else { variable - 6 * CAMERAS - 3 * p + 6 })] = value;
                }
            }
            let (of_camera, of_point) = (both.fixed_columns::<6>(0), both.fixed_columns::<3>(6));
            let r = Vector2::new(r[0], r[1]);
            n.a[c] += of_camera.transpose() * of_camera;
            n.b[p] += of_point.transpose() * of_point;
            n.w.push(of_camera.transpose() * of_point);
            n.right_a[c] += of_camera.transpose() * r;
            n.right_b[p] += of_point.transpose() * r;
        }
        n
    }

    /// The largest number of the gradient.
    fn gradient(&self) -> f64 {
        let largest = self.right_a.iter().map(|g| g.amax()).chain(self.right_b.iter().map(|g| g.amax()));
        largest.fold(0.0, f64::max)
    }

    /// The step of all variables, with diagonals larger by a factor of 1 + `damping`.
    fn solve(&self, damping: f64) -> Outcome<Vec<f64>> {
        let mut inverse = Vec::with_capacity(POINTS);
        for b in &self.b {
            let damped = b + Matrix3::from_diagonal(&(b.diagonal() * damping));
            inverse.push(damped.try_inverse().ok_or("a point's block is singular")?);
        }
        let mut reduced = DMatrix::zeros(6 * CAMERAS, 6 * CAMERAS);
        let mut right = DVector::zeros(6 * CAMERAS);
        for c in 0..CAMERAS {
            let damped = self.a[c] + SMatrix::from_diagonal(&(self.a[c].diagonal() * damping));
            let mut rhs = -self.right_a[c];
            reduced.fixed_view_mut::<6, 6>(6 * c, 6 * c).copy_from(&damped);
            for (p, inverse) in inverse.iter().enumerate() {
                let wb = self.w[c * POINTS + p] * inverse;
                rhs += wb * self.right_b[p];
                for other in 0..CAMERAS {
                    let mut block = reduced.fixed_view_mut::<6, 6>(6 * c, 6 * other);
                    block -= wb * self.w[other * POINTS + p].transpose();
                }
            }
            right.rows_mut(6 * c, 6).copy_from(&rhs);
        }
        let cameras = reduced.cholesky().ok_or("the reduced matrix is not positive definite")?.solve(&right);
        let mut delta = cameras.as_slice().to_vec();
        for (p, inverse) in inverse.iter().enumerate() {
            let coupled: Vector3<f64> =
                (0..CAMERAS).map(|c| self.w[c * POINTS + p].transpose() * cameras.fixed_rows::<6>(6 * c)).sum();
            delta.extend((-(inverse * (self.right_b[p] + coupled))).iter());
        }
        Ok(delta)
    }
}
