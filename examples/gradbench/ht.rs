//! Hand tracking: how far measured points are from the surface of a hand in a pose, and the derivatives in the pose and in the
//! points' places on the surface.

use super::prepared::{Prepared, Result, check_len, joined, list, rows};
use serde::Deserialize;
use serde_json::Value;
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
    let still = n.lt(lit(1e-4));
    let [x, y, z] = r.map(|v| v / n);
    let (s, c) = (n.sin(), n.cos());
    let d = 1.0 - c;
    let one = |v: Expr| v * v + (1.0 - v * v) * c;
    let m = [
        [one(x), x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, one(y), y * z * d - x * s],
        [x * z * d - y * s, z * y * d + x * s, one(z)],
    ];
    turn(std::array::from_fn(|i| std::array::from_fn(|j| select(still, lit(if i == j { 1.0 } else { 0.0 }), m[i][j]))))
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
    /// Where all bones take the base, as a matrix `[4·bones, 3]`.
    fn bones(&self, theta: &[Expr]) -> Expr {
        let mut absolute: Vec<Affine> = Vec::with_capacity(self.bone_count);
        let mut entries = Vec::with_capacity(12 * self.bone_count);
        let mut global = angle_axis([theta[0], theta[1], theta[2]]);
        if self.is_mirrored {
            global.iter_mut().for_each(|row| row[0] = -row[0]);
        }
        for (b, angles) in angles(theta, self.bone_count).into_iter().enumerate() {
            let relative = times(&affine(&self.base_relatives[b]), &euler(angles));
            absolute.push(match usize::try_from(self.parents[b]) {
                Ok(parent) => times(&absolute[parent], &relative),
                Err(_) => relative,
            });
            let bone = times(&global, &times(&absolute[b], &affine(&self.inverse_base_absolutes[b])));
            entries.extend((0..4).flat_map(|j| (0..3).map(move |i| bone[i][j])));
        }
        Expr::stack(&entries, 0).reshape([(4 * self.bone_count).into(), 3.into()])
    }

    /// Every vertex' base position times its weight for every bone, `[vertices, 4·bones]`.
    fn weighted(&self) -> Vec<f64> {
        let vertices = self.base_positions.iter().zip(&self.weights);
        vertices.flat_map(|(p, weights)| weights.iter().flat_map(move |w| p.map(|v| w * v))).collect()
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
    f: Function,
    /// Pose, places on the surface (for a complicated problem), then what is given.
    inputs: Vec<Vec<f64>>,
    points: usize,
    complicated: bool,
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
    let mut declared = vec!["theta[26]".to_owned()];
    let mut inputs = vec![theta];
    if complicated {
        check_len("us", us.len(), n)?;
        declared.push("us[n,2]".into());
        inputs.push(joined("us", &us, 2)?);
    }
    declared.extend([format!("weighted[{vertices},{}]", 4 * model.bone_count), "points[n,3]".into()]);
    inputs.extend([model.weighted(), joined("points", &points, 3)?]);
    let corners = if complicated { 3 } else { 1 };
    for k in 0..corners {
        declared.push(format!("corner{k}[n]: index"));
        inputs.push(if complicated { corner(k)? } else { correspondences.iter().map(|&v| v as f64).collect() });
    }
    let f = Function::trace(declared, |x| {
        let (theta, rest) = (x[0], &x[1..]);
        let (us, rest) = if complicated { (Some(rest[0]), &rest[1..]) } else { (None, rest) };
        let (weighted, points, corners) = (rest[0], rest[1], &rest[2..]);
        let theta: Vec<Expr> = (0..26).map(|k| theta.at(0, k)).collect();
        let shift = Expr::stack(&theta[3..6], 0);
        let surface = weighted.matmul(model.bones(&theta)) + shift;
        let at = |k: usize| surface.gather(corners[k], 0);
        match us {
            None => points - at(0),
            Some(us) => {
                let (u, v) = (us.slice(1, 0..1), us.slice(1, 1..2));
                points - (u * at(0) + v * at(1) + (1.0 - u - v) * at(2))
            }
        }
    })?;
    Ok(Problem { f, inputs, points: n, complicated })
}

pub fn objective(input: &Value) -> Result<Prepared> {
    let Problem { f, inputs, points, .. } = read(input)?;
    Prepared::arrays(&f, inputs, vec![3 * points], list)
}

/// All directions at once: first every point's own u, then every v, then the pose.
pub fn jacobian(input: &Value) -> Result<Prepared> {
    let Problem { f, mut inputs, points, complicated } = read(input)?;
    let own = if complicated { 2 } else { 0 };
    let columns = own + 26;
    let active: &[&str] = if complicated { &["theta", "us"] } else { &["theta"] };
    let tangents: &[&str] = if complicated { &["t_theta", "t_us"] } else { &["t_theta"] };
    let pushed = f.wrt(active)?.jvp()?.vmap(columns, tangents)?;
    let seed = |len: usize, hit: &dyn Fn(usize, usize) -> bool| -> Vec<f64> {
        (0..columns).flat_map(|c| (0..len).map(move |k| (c, k))).map(|(c, k)| f64::from(u8::from(hit(c, k)))).collect()
    };
    inputs.push(seed(26, &|c, k| c == own + k));
    if complicated {
        inputs.push(seed(2 * points, &|c, k| c == k % 2));
    }
    // Columns last.
    let given: Vec<String> = pushed.inputs().iter().map(|x| format!("{}{}", x.name(), x.shape())).collect();
    let declared: Vec<String> = pushed
        .inputs()
        .iter()
        .zip(given)
        .map(|(x, text)| match x.dtype() {
            wengert::DType::Index => text + ": index",
            _ => text,
        })
        .collect();
    let f = Function::trace(declared, |x| Ok(pushed.eval(&x)?[1].permute([1, 2, 0])))?;
    Prepared::arrays(&f, inputs, vec![3 * points * columns], move |y| rows(&y[0], columns))
}
