//! Hand tracking: how far measured points are from the surface of a hand in a pose, and the derivatives in the pose and in the
//! points' places on the surface.

use super::prepared::{Prepared, Result, check_len, joined, list, rows};
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;
use wengert::{Expr, Function, lit, select};

#[derive(Deserialize)]
struct Input {
    theta: Vec<f64>,
    #[serde(default)]
    us: Vec<Vec<f64>>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    model: Model,
    correspondences: Vec<usize>,
    points: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Model {
    bone_count: usize,
    parents: Vec<i64>,
    base_relatives: Vec<[[f64; 4]; 4]>,
    inverse_base_absolutes: Vec<[[f64; 4]; 4]>,
    base_positions: Vec<[f64; 4]>,
    weights: Vec<Vec<f64>>,
    triangles: Vec<[usize; 3]>,
    is_mirrored: bool,
}

/// A rotation or scaling, and a shift.
type Affine = [[Expr; 4]; 3];

fn affine(m: &[[f64; 4]; 4]) -> Affine {
    std::array::from_fn(|i| m[i].map(lit))
}

fn times(a: &Affine, b: &Affine) -> Affine {
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let sum = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
            if j == 3 { sum + a[i][3] } else { sum }
        })
    })
}

fn turn(m: [[Expr; 3]; 3]) -> Affine {
    m.map(|row| [row[0], row[1], row[2], lit(0.0)])
}

/// Rz·Ry·Rx.
fn euler([x, y, z]: [Expr; 3]) -> Affine {
    let ((sx, cx), (sy, cy), (sz, cz)) = ((x.sin(), x.cos()), (y.sin(), y.cos()), (z.sin(), z.cos()));
    turn([
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ])
}

/// The rotation about an axis by its length; none below 1e-4.
fn angle_axis(r: [Expr; 3]) -> Affine {
    let n = (r[0] * r[0] + r[1] * r[1] + r[2] * r[2]).sqrt();
    let still = n.lt(1e-4);
    let [x, y, z] = r.map(|v| v / n);
    let (s, c) = (n.sin(), n.cos());
    let d = 1.0 - c;
    let one = |v: Expr| v * v + (1.0 - v * v) * c;
    let m = [
        [one(x), x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, one(y), y * z * d - x * s],
        [x * z * d - y * s, z * y * d + x * s, one(z)],
    ];
    turn(std::array::from_fn(|i| std::array::from_fn(|j| select(still, if i == j { 1.0 } else { 0.0 }, m[i][j]))))
}

/// Every bone's three angles: four of the pose's numbers for each of five fingers, for the first three of a finger's four bones.
fn angles(theta: &[Expr], bones: usize) -> Vec<[Expr; 3]> {
    let mut angles = vec![[lit(0.0); 3]; bones];
    for finger in 0..5 {
        let (t, bone) = (&theta[6 + 4 * finger..], 2 + 4 * finger);
        angles[bone] = [t[0], t[1], lit(0.0)];
        angles[bone + 1][0] = t[2];
        angles[bone + 2][0] = t[3];
    }
    // The columns are x, z, y.
    angles.into_iter().map(|[x, z, y]| [x, y, z]).collect()
}

impl Model {
    /// Where all bones take the base, and the shift of all, negative, as the rows of a matrix `[4·bones + 1, 3]`: a function of the pose.
    fn pose(&self) -> wengert::Result<Function> {
        Function::trace(("theta", 26), |theta| {
            let mut absolute: Vec<Affine> = Vec::with_capacity(self.bone_count);
            let mut entries = Vec::with_capacity(12 * self.bone_count + 3);
            let mut global = angle_axis([theta[0], theta[1], theta[2]]);
            if self.is_mirrored {
                global.iter_mut().for_each(|row| row[0] = -row[0]);
            }
            for (b, angles) in angles(&theta, self.bone_count).into_iter().enumerate() {
                let relative = times(&affine(&self.base_relatives[b]), &euler(angles));
                absolute.push(match usize::try_from(self.parents[b]) {
                    Ok(parent) => times(&absolute[parent], &relative),
                    Err(_) => relative,
                });
                let bone = times(&global, &times(&absolute[b], &affine(&self.inverse_base_absolutes[b])));
                entries.extend((0..4).flat_map(|j| (0..3).map(move |i| bone[i][j])));
            }
            entries.extend_from_slice(&theta[3..6]);
            ("bones", entries.into_iter().map(|v| -v).collect::<Vec<_>>())
        })
    }

    /// Every vertex' base position times its weight for every bone, then 1 for the shift, `[vertices, 4·bones + 1]`.
    fn weighted(&self) -> Vec<f64> {
        let vertices = self.base_positions.iter().zip(&self.weights);
        vertices.flat_map(|(p, weights)| weights.iter().flat_map(move |w| p.map(|v| w * v)).chain([1.0])).collect()
    }

    fn check(&self) -> Result<()> {
        check_len("bone_count", self.bone_count, 22)?;
        check_len("parents", self.parents.len(), self.bone_count)?;
        check_len("base_relatives", self.base_relatives.len(), self.bone_count)?;
        check_len("inverse_base_absolutes", self.inverse_base_absolutes.len(), self.bone_count)?;
        check_len("weights", self.weights.len(), self.base_positions.len())?;
        joined("weights", &self.weights, self.bone_count)?;
        match self.parents.iter().enumerate().find(|&(b, &parent)| parent >= b as i64) {
            Some((b, parent)) => Err(format!("the parent of bone {b} is {parent}, which does not come before it").into()),
            None => Ok(()),
        }
    }
}

struct Problem {
    pose: Function,
    /// The errors, linear in the matrix of the pose.
    errors: Function,
    theta: Vec<f64>,
    /// What the errors depend on beside the pose: places on the surface (for a complicated problem), then what is given.
    inputs: Vec<Vec<f64>>,
    points: usize,
    complicated: bool,
}

/// What the points weigh: of one vertex, or of a triangle's corners by the place between them.
fn blended(weighted: Expr, places: &[Expr], corners: &[Expr]) -> Expr {
    let at = |k: usize| weighted.gather(corners[k], 0);
    match *places {
        [u, v] => u * at(0) + v * at(1) + (1.0 - u - v) * at(2),
        _ => at(0),
    }
}

fn read(input: &Value) -> Result<Problem> {
    let Input { theta, us, data: Data { model, correspondences, points } } = Input::deserialize(input)?;
    model.check()?;
    check_len("theta", theta.len(), 26)?;
    let (vertices, n, complicated) = (model.base_positions.len(), points.len(), !us.is_empty());
    check_len("correspondences", correspondences.len(), n)?;
    let corner = |k: usize| -> Result<Vec<f64>> {
        let triangle = |&t: &usize| model.triangles.get(t).map(|t| t[k] as f64).ok_or(format!("no triangle {t}").into());
        correspondences.iter().map(triangle).collect()
    };
    let size = 4 * model.bone_count + 1;
    let mut declared = vec![format!("bones[{size},3]")];
    let mut inputs = vec![];
    if complicated {
        check_len("us", us.len(), n)?;
        let us = joined("us", &us, 2)?;
        declared.extend(["u[n,1]".into(), "v[n,1]".into()]);
        inputs.extend((0..2).map(|k| us.iter().skip(k).step_by(2).copied().collect()));
    }
    declared.extend([format!("weighted[{vertices},{size}]"), "points[n,3]".into()]);
    inputs.extend([model.weighted(), joined("points", &points, 3)?]);
    let corners = if complicated { 3 } else { 1 };
    for k in 0..corners {
        declared.push(format!("corner{k}[n]: index"));
        inputs.push(if complicated { corner(k)? } else { correspondences.iter().map(|&v| v as f64).collect() });
    }
    let errors = Function::trace(declared, |x| {
        let (bones, rest) = (x[0], &x[1..]);
        let (places, rest) = rest.split_at(if complicated { 2 } else { 0 });
        rest[1] + blended(rest[0], places, &rest[2..]).matmul(bones)
    })?;
    Ok(Problem { pose: model.pose()?, errors, theta, inputs, points: n, complicated })
}

/// A function of the pose' numbers by one of arrays of what the first gives.
fn chained(
    inner: &Function,
    outer: &Function,
    theta: Vec<f64>,
    inputs: Vec<Vec<f64>>,
    len: usize,
    output: impl Fn(&[Vec<f64>]) -> Value + 'static,
) -> Result<Prepared> {
    let lengths = inner.outputs().iter().map(|y| inner.output_shape(y).len().expect("lengths are known"));
    let mut between = vec![0.0; lengths.sum()];
    let (inner, outer) = (inner.compile()?, outer.compile()?);
    Ok(Prepared::new(vec![len], output, move |y| {
        inner.call_into(&[&theta], &mut [&mut between])?;
        let inputs: Vec<&[f64]> = std::iter::once(&between).chain(&inputs).map(Vec::as_slice).collect();
        Ok(outer.call_into(&inputs, &mut [&mut y[0]])?)
    }))
}

pub fn objective(input: &Value) -> Result<Prepared> {
    let Problem { pose, errors, theta, inputs, points, .. } = read(input)?;
    chained(&pose, &errors, theta, inputs, 3 * points, list)
}

/// Rows of the pose' matrix, and the pose' numbers that move them and no others.
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// The numbers that turn and shift the hand, then each finger's.
fn blocks(pose: &Function) -> wengert::Result<Vec<Block>> {
    let pattern = pose.jacobian_sparsity()?;
    let all = std::iter::once(0..6).chain((6..26).step_by(4).map(|k| k..k + 4));
    let block = |columns: Range<usize>| {
        let moved = || columns.clone().flat_map(|k| pattern.column(k)).map(|entry| entry / 3);
        Block { rows: moved().min().unwrap_or(0)..moved().max().map_or(0, |last| last + 1), columns }
    };
    Ok(all.map(block).collect())
}

/// Of a complicated problem, the first two columns are the derivatives in each point's own place; then the pose's 26.
pub fn jacobian(input: &Value) -> Result<Prepared> {
    let Problem { pose, errors, theta, inputs, points, complicated } = read(input)?;
    let columns = 26 + if complicated { 2 } else { 0 };
    // The pose, then its derivatives: a finger's turns move no other finger's bones.
    let size = pose.output_len() / 3;
    let (of_pose, blocks) = (pose.jacobian()?, blocks(&pose)?);
    let bones = Function::trace(("theta", 26), |theta| {
        let (mut entries, derivatives) = (pose.eval(&theta)?, of_pose.eval(&theta)?);
        for Block { rows, columns } in &blocks {
            let of_rows = derivatives[26 * 3 * rows.start..26 * 3 * rows.end].chunks(26);
            entries.extend(of_rows.flat_map(|row| &row[columns.clone()]));
        }
        Ok(entries)
    })?;
    let mut declared = vec![format!("bones[{}]", bones.output_len())];
    declared.extend(errors.inputs()[1..].iter().map(|x| {
        let index = if x.dtype() == wengert::op::DType::Index { ": index" } else { "" };
        format!("{}{}{index}", x.name(), x.shape())
    }));
    let by_place = ["u", "v"].iter().take(columns - 26).map(|name| errors.wrt([*name])?.jvp());
    let by_place = by_place.collect::<wengert::Result<Vec<Function>>>()?;
    let f = Function::trace(declared, |x| {
        let (places, rest) = x[1..].split_at(columns - 26);
        let matrix = x[0].slice(0, 0..3 * size).reshape([size, 3]);
        let mut parts = Vec::new();
        for (&place, f) in places.iter().zip(&by_place) {
            let mut x = x.to_vec();
            x[0] = matrix;
            x.push(Expr::ones(place.shape()));
            parts.push(f.eval(&x)?[1].reshape(("n", 3, 1)));
        }
        // The errors are linear in the matrix: what multiplies it multiplies its derivatives.
        let (weights, mut start) = (blended(rest[0], places, &rest[2..]), 3 * size);
        for Block { rows, columns } in &blocks {
            let (count, len) = (rows.len(), 3 * columns.len());
            let block = x[0].slice(0, start..start + count * len).reshape([count, len]);
            let part = weights.slice(1, rows.clone()).matmul(block);
            parts.push(part.reshape(("n", 3, columns.len())));
            start += count * len;
        }
        Ok(Expr::concat(&parts, 2))
    })?;
    chained(&bones, &f, theta, inputs, 3 * points * columns, move |y| rows(&y[0], columns))
}
