//! Bundle adjustment by hand: an observation's errors, and their 2×15 derivatives by the chain rule.

use wengert_gradbench::ba::{Csr, Problem};

type Vector = [f64; 3];

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The matrix of a × .
fn across([x, y, z]: Vector) -> [Vector; 3] {
    [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]
}

fn matrix(entry: impl Fn(usize, usize) -> f64) -> [Vector; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j)))
}

fn rotated(r: Vector, x: Vector) -> Vector {
    let square = dot(r, r);
    if square == 0.0 {
        let near = cross(r, x);
        return std::array::from_fn(|k| x[k] + near[k]);
    }
    let angle = square.sqrt();
    let (sin, cos) = angle.sin_cos();
    let axis = r.map(|v| v / angle);
    let (turn, along) = (cross(axis, x), dot(axis, x) * (1.0 - cos));
    std::array::from_fn(|k| x[k] * cos + turn[k] * sin + axis[k] * along)
}

/// Where x comes to lie, and the derivatives of that in r and in x.
fn rotated_with(r: Vector, x: Vector) -> (Vector, [Vector; 3], [Vector; 3]) {
    let square = dot(r, r);
    let unit = |i: usize, j: usize| f64::from(u8::from(i == j));
    if square == 0.0 {
        let (near, turn, of_r) = (cross(r, x), across(r), across(x));
        let y = std::array::from_fn(|k| x[k] + near[k]);
        return (y, matrix(|i, j| -of_r[i][j]), matrix(|i, j| unit(i, j) + turn[i][j]));
    }
    let angle = square.sqrt();
    let (sin, cos) = angle.sin_cos();
    let rest = 1.0 - cos;
    let a = r.map(|v| v / angle);
    let (turn, along, matrix_a, matrix_x) = (cross(a, x), dot(a, x), across(a), across(x));
    let y: Vector = std::array::from_fn(|k| x[k] * cos + turn[k] * sin + a[k] * along * rest);
    let of_x = matrix(|i, j| unit(i, j) * cos + matrix_a[i][j] * sin + a[i] * a[j] * rest);
    let of_a = matrix(|i, j| -matrix_x[i][j] * sin + (unit(i, j) * along + a[i] * x[j]) * rest);
    // r is the axis times the angle: what changes along the axis turns, what changes across it moves the axis.
    let of_angle: Vector = std::array::from_fn(|k| turn[k] * cos - x[k] * sin + a[k] * along * sin - dot(of_a[k], a) / angle);
    (y, matrix(|i, j| of_angle[i] * a[j] + of_a[i][j] / angle), of_x)
}

fn errors(cam: &[f64; 11], x: &[f64; 3], w: f64, feat: &[f64; 2]) -> [f64; 2] {
    let seen = rotated([cam[0], cam[1], cam[2]], std::array::from_fn(|k| x[k] - cam[3 + k]));
    let p = [seen[0] / seen[2], seen[1] / seen[2]];
    let square = p[0] * p[0] + p[1] * p[1];
    let distortion = 1.0 + square * (cam[9] + cam[10] * square);
    std::array::from_fn(|k| w * (cam[6] * distortion * p[k] + cam[7 + k] - feat[k]))
}

fn derivatives(cam: &[f64; 11], x: &[f64; 3], w: f64, feat: &[f64; 2], out: &mut [f64; 30]) {
    let (seen, of_r, of_x) = rotated_with([cam[0], cam[1], cam[2]], std::array::from_fn(|k| x[k] - cam[3 + k]));
    let far = 1.0 / seen[2];
    let p = [seen[0] * far, seen[1] * far];
    let square = p[0] * p[0] + p[1] * p[1];
    let distortion = 1.0 + square * (cam[9] + cam[10] * square);
    let slope = 2.0 * (cam[9] + 2.0 * cam[10] * square);
    let f = cam[6];
    for (k, row) in out.as_chunks_mut::<15>().0.iter_mut().enumerate() {
        let of_p: [f64; 2] = std::array::from_fn(|j| w * f * (if j == k { distortion } else { 0.0 } + slope * p[k] * p[j]));
        let of_seen = [of_p[0] * far, of_p[1] * far, -(of_p[0] * p[0] + of_p[1] * p[1]) * far];
        for j in 0..3 {
            row[j] = of_seen[0] * of_r[0][j] + of_seen[1] * of_r[1][j] + of_seen[2] * of_r[2][j];
            let of_place = of_seen[0] * of_x[0][j] + of_seen[1] * of_x[1][j] + of_seen[2] * of_x[2][j];
            row[3 + j] = -of_place;
            row[11 + j] = of_place;
        }
        row[6] = w * distortion * p[k];
        row[7] = if k == 0 { w } else { 0.0 };
        row[8] = if k == 1 { w } else { 0.0 };
        row[9] = w * f * square * p[k];
        row[10] = row[9] * square;
        row[14] = f * distortion * p[k] + cam[7 + k] - feat[k];
    }
}

/// Two errors per observation, one per weight.
pub fn objective(problem: &Problem, of_points: &mut [f64], of_weights: &mut [f64]) {
    let all = problem.observations.iter().zip(&problem.weights).zip(&problem.features);
    for (((&(c, t), &w), feat), out) in all.zip(of_points.as_chunks_mut::<2>().0) {
        *out = errors(&problem.cameras[c], &problem.points[t], w, feat);
    }
    of_weights.iter_mut().zip(&problem.weights).for_each(|(out, w)| *out = 1.0 - w * w);
}

/// The derivatives' values: 2×15 numbers per observation, then one per weight.
pub fn values(problem: &Problem, values: &mut Vec<f64>) {
    let p = problem.observations.len();
    values.resize(31 * p, 0.0);
    let (of_points, of_weights) = values.split_at_mut(30 * p);
    let all = problem.observations.iter().zip(&problem.weights).zip(&problem.features);
    for (((&(c, t), &w), feat), out) in all.zip(of_points.as_chunks_mut::<30>().0) {
        derivatives(&problem.cameras[c], &problem.points[t], w, feat, out);
    }
    of_weights.iter_mut().zip(&problem.weights).for_each(|(out, w)| *out = -2.0 * w);
}

/// Values, and where they are.
pub fn derivative(problem: &Problem, csr: &mut Csr) {
    let (n, m, p) = (problem.cameras.len(), problem.points.len(), problem.observations.len());
    values(problem, &mut csr.values);
    csr.rows.clear();
    csr.columns.clear();
    let weights = (11 * n + 3 * m) as u32;
    for (&(c, t), weight) in problem.observations.iter().zip(weights..) {
        let (camera, point) = (11 * c as u32, (11 * n + 3 * t) as u32);
        for _ in 0..2 {
            csr.rows.push(csr.columns.len() as u32);
            csr.columns.extend(camera..camera + 11);
            csr.columns.extend(point..point + 3);
            csr.columns.push(weight);
        }
    }
    for weight in weights..weights + p as u32 {
        csr.rows.push(csr.columns.len() as u32);
        csr.columns.push(weight);
    }
    csr.rows.push(csr.columns.len() as u32);
}
