//! Bundle adjustment: how far points, seen by cameras, are from where they were seen, and the sparse Jacobian in all of them.

use super::prepared::{Prepared, Result, check_len};
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;
use wengert::{Compiled, Function, Real, lit, select};

#[derive(Deserialize)]
struct Input {
    n: usize,
    m: usize,
    p: usize,
    cam: Vec<f64>,
    x: Vec<f64>,
    w: f64,
    feat: Vec<f64>,
}

/// Cameras, points, weights and features, and which camera sees which point.
pub struct Problem {
    pub cameras: Vec<[f64; 11]>,
    pub points: Vec<[f64; 3]>,
    pub weights: Vec<f64>,
    pub features: Vec<[f64; 2]>,
    pub observations: Vec<(usize, usize)>,
}

fn cross<T: Real>(a: [T; 3], b: [T; 3]) -> [T; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot<T: Real>(a: [T; 3], b: [T; 3]) -> T {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A vector turned about an axis by the axis' length θ (O. Rodrigues, 1840): x·cos θ + r × x·sin θ/θ + r·(r·x)·(1 − cos θ)/θ². Three numbers
/// depend on the length, and there is one choice for each of them where it is 0.
fn rotate<T: Real>(r: [T; 3], x: [T; 3]) -> [T; 3] {
    let square = dot(r, r);
    let turns = square.gt(lit(0.0));
    let angle = select(turns, square, lit(1.0)).sqrt();
    let (inverse, cos) = (angle.recip(), angle.cos());
    let across = select(turns, angle.sin() * inverse, lit(1.0));
    let along = select(turns, (lit::<T>(1.0) - cos) * inverse * inverse, lit(0.5)) * dot(r, x);
    let (kept, turned) = (select(turns, cos, lit(1.0)), cross(r, x));
    std::array::from_fn(|k| x[k] * kept + turned[k] * across + r[k] * along)
}

/// The weighted distance between where a camera sees a point and where it was seen.
fn reprojection<T: Real>(cam: &[T], x: &[T], w: T, feat: &[T]) -> [T; 2] {
    let seen = rotate([cam[0], cam[1], cam[2]], std::array::from_fn(|k| x[k] - cam[3 + k]));
    let near = seen[2].recip();
    let plane = [seen[0] * near, seen[1] * near];
    let square = plane[0] * plane[0] + plane[1] * plane[1];
    let distortion = lit::<T>(1.0) + square * (cam[9] + cam[10] * square);
    std::array::from_fn(|k| w * (cam[6] * distortion * plane[k] + cam[7 + k] - feat[k]))
}

fn weight_error<T: Real>(w: T) -> T {
    lit::<T>(1.0) - w * w
}

impl Problem {
    fn read(input: &Value) -> Result<Problem> {
        let Input { n, m, p, cam, x, w, feat } = Input::deserialize(input)?;
        let fixed = |name: &str, v: &[f64]| check_len(name, v.len(), if name == "cam" { 11 } else { v.len() });
        fixed("cam", &cam)?;
        check_len("x", x.len(), 3)?;
        check_len("feat", feat.len(), 2)?;
        if n == 0 || m == 0 || p == 0 {
            return Err("there must be a camera, a point and an observation".into());
        }
        Ok(Problem {
            cameras: vec![std::array::from_fn(|k| cam[k]); n],
            points: vec![[x[0], x[1], x[2]]; m],
            weights: vec![w; p],
            features: vec![[feat[0], feat[1]]; p],
            observations: (0..p).map(|i| (i % n, i % m)).collect(),
        })
    }

    /// The camera and point of some observations.
    fn gather(&self, observations: Range<usize>, cameras: &mut [[f64; 11]], points: &mut [[f64; 3]]) {
        for ((&(c, t), camera), point) in self.observations[observations].iter().zip(cameras).zip(points) {
            *camera = self.cameras[c];
            *point = self.points[t];
        }
    }
}

pub fn kernel() -> wengert::Result<Function> {
    Function::trace((("cam", 11), ("x", 3), "w", ("feat", 2)), |(cam, x, w, feat)| ("error", reprojection(&cam, &x, w, &feat)))
}

/// As many observations at a time: what is gathered for them stays in the first cache.
const CHUNK: usize = 64;

/// A kernel over all observations, and one over all weights.
pub struct Kernels {
    of_observations: Compiled,
    of_weights: Compiled,
    cameras: [[f64; 11]; CHUNK],
    points: [[f64; 3]; CHUNK],
}

impl Kernels {
    fn new(of_observation: &Function, of_weight: &Function) -> Result<Kernels> {
        let of_observations = of_observation.vmap("n", ["cam", "x", "w", "feat"])?.compile()?;
        let of_weights = of_weight.vmap("n", ["w"])?.compile()?;
        Ok(Kernels { of_observations, of_weights, cameras: [[0.0; 11]; CHUNK], points: [[0.0; 3]; CHUNK] })
    }

    /// Two errors for each observation, and one for each weight.
    pub fn errors() -> Result<Kernels> {
        Kernels::new(&kernel()?, &Function::trace("w", weight_error)?)
    }

    /// Two times 15 derivatives for each observation, and one for each weight.
    pub fn derivatives() -> Result<Kernels> {
        Kernels::new(&kernel()?.wrt(["cam", "x", "w"])?.jacobian()?, &Function::trace("w", weight_error)?.grad()?)
    }

    pub fn run(&mut self, problem: &Problem, of_observations: &mut [f64], of_weights: &mut [f64]) -> Result<()> {
        let p = problem.observations.len();
        let results = of_observations.len() / p;
        for start in (0..p).step_by(CHUNK) {
            let chunk = start..p.min(start + CHUNK);
            let (cameras, points) = (&mut self.cameras[..chunk.len()], &mut self.points[..chunk.len()]);
            problem.gather(chunk.clone(), cameras, points);
            let (w, feat) = (&problem.weights[chunk.clone()], problem.features[chunk.clone()].as_flattened());
            let of_chunk = &mut of_observations[results * chunk.start..results * chunk.end];
            self.of_observations.call_into(&[cameras.as_flattened(), points.as_flattened(), w, feat], &mut [of_chunk])?;
        }
        self.of_weights.call_into(&[&problem.weights], &mut [of_weights])?;
        Ok(())
    }
}

pub fn objective(input: &Value) -> Result<Prepared> {
    let problem = Problem::read(input)?;
    let p = problem.observations.len();
    let mut errors = Kernels::errors()?;
    let output = move |y: &[Vec<f64>]| {
        json!({
            "reproj_error": {"elements": &y[0][..2], "repeated": p},
            "w_err": {"element": y[1][0], "repeated": p},
        })
    };
    Ok(Prepared::new(vec![2 * p, p], output, move |y| {
        let [of_observations, of_weights] = y else { unreachable!("two outputs") };
        errors.run(&problem, of_observations, of_weights)
    }))
}

/// A matrix by rows: where each row starts, then columns and values. Numbers of places have 32 bits, as in the suite's own.
#[derive(Default)]
pub struct Csr {
    pub rows: Vec<u32>,
    pub columns: Vec<u32>,
    pub values: Vec<f64>,
}

/// Computes the Jacobian of all errors in all cameras, points and weights.
pub struct Jacobian(Kernels);

impl Jacobian {
    pub fn new() -> Result<Jacobian> {
        Kernels::derivatives().map(Jacobian)
    }

    /// The values alone.
    pub fn values(&mut self, problem: &Problem, values: &mut Vec<f64>) -> Result<()> {
        let p = problem.observations.len();
        values.resize(31 * p, 0.0);
        let (of_observations, of_weights) = values.split_at_mut(30 * p);
        self.0.run(problem, of_observations, of_weights)
    }

    /// Two rows of 15 numbers for each observation, then one of 1 for each weight.
    pub fn run(&mut self, problem: &Problem, csr: &mut Csr) -> Result<()> {
        let (n, m, p) = (problem.cameras.len(), problem.points.len(), problem.observations.len());
        self.values(problem, &mut csr.values)?;
        let count = |n: usize| u32::try_from(n).map_err(|_| format!("{n} is too many for places of 32 bits"));
        let (weights, entries) = (count(11 * n + 3 * m)?, count(31 * p)? - count(p)?);
        count(11 * n + 3 * m + p)?;
        csr.rows.clear();
        csr.rows.extend((0..2 * p as u32).map(|k| 15 * k));
        csr.rows.extend((0..=p as u32).map(|k| entries + k));
        csr.columns.resize(31 * p, 0);
        let (of_observations, of_weights) = csr.columns.split_at_mut(30 * p);
        let rows = of_observations.as_chunks_mut::<30>().0;
        for ((row, &(c, t)), weight) in rows.iter_mut().zip(&problem.observations).zip(weights..) {
            let (camera, point) = (11 * c as u32, (11 * n + 3 * t) as u32);
            // One error's columns, and the other's, which are the same.
            *row = std::array::from_fn(|k| match k as u32 % 15 {
                k @ ..11 => camera + k,
                k @ 11..14 => point + k - 11,
                _ => weight,
            });
        }
        of_weights.iter_mut().zip(weights..).for_each(|(place, k)| *place = k);
        Ok(())
    }
}

pub fn jacobian(input: &Value) -> Result<Prepared> {
    let problem = Problem::read(input)?;
    let mut jacobian = Jacobian::new()?;
    let csr = std::rc::Rc::new(std::cell::RefCell::new(Csr::default()));
    let filled = csr.clone();
    let output = move |_: &[Vec<f64>]| {
        let csr = csr.borrow();
        // The first thirty, and the last.
        fn ends<T: Copy>(all: &[T]) -> Vec<T> {
            all.iter().take(30).chain(all.last()).copied().collect()
        }
        json!({"rows": ends(&csr.rows), "cols": ends(&csr.columns), "vals": ends(&csr.values)})
    };
    Ok(Prepared::new(vec![], output, move |_| jacobian.run(&problem, &mut filled.borrow_mut())))
}
