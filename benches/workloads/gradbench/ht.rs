//! Hand tracking by hand: the bones' transformations with their few derivatives, then only the points that are asked for.

use serde_json::Value;

pub const BONES: usize = 22;
/// The pose's numbers that turn fingers.
const TURNS: usize = 20;

/// A rotation or scaling, and a shift, by rows.
type Affine = [[f64; 4]; 3];

pub struct Problem {
    theta: Vec<f64>,
    parents: Vec<Option<usize>>,
    base_relatives: Vec<Affine>,
    inverse_base_absolutes: Vec<Affine>,
    base_positions: Vec<[f64; 4]>,
    weights: Vec<[f64; BONES]>,
    /// Per point: its vertices, each with its share.
    corners: Vec<Vec<usize>>,
    us: Vec<[f64; 2]>,
    points: Vec<[f64; 3]>,
    mirrored: bool,
}

fn numbers<const N: usize>(v: &Value) -> [f64; N] {
    std::array::from_fn(|k| v[k].as_f64().expect("a number"))
}

fn list<T>(v: &Value, each: impl Fn(&Value) -> T) -> Vec<T> {
    v.as_array().expect("a list").iter().map(each).collect()
}

fn affine(v: &Value) -> Affine {
    std::array::from_fn(|i| numbers(&v[i]))
}

fn index(v: &Value) -> usize {
    v.as_u64().expect("a whole number") as usize
}

fn times(a: &Affine, b: &Affine) -> Affine {
    let mut out: Affine =
        std::array::from_fn(|i| std::array::from_fn(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j]));
    (0..3).for_each(|i| out[i][3] += a[i][3]);
    out
}

/// As [`times`], for a derivative of the first factor: the last row is nothing.
fn turn(m: [[f64; 3]; 3]) -> Affine {
    m.map(|[a, b, c]| [a, b, c, 0.0])
}

fn about_x(s: f64, c: f64, one: f64) -> Affine {
    turn([[one, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
}

fn about_z(s: f64, c: f64, one: f64) -> Affine {
    turn([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, one]])
}

/// The rotation about an axis by its length, and its derivatives.
fn angle_axis(r: [f64; 3]) -> ([[f64; 3]; 3], [[[f64; 3]; 3]; 3]) {
    let unit = |i: usize, j: usize| f64::from(u8::from(i == j));
    let square =
        |entry: &dyn Fn(usize, usize) -> f64| -> [[f64; 3]; 3] { std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j))) };
    let n = (r[0] * r[0] + r[1] * r[1] + r[2] * r[2]).sqrt();
    if n < 1e-4 {
        return (square(&unit), [[[0.0; 3]; 3]; 3]);
    }
    let (s, c) = n.sin_cos();
    let a = r.map(|v| v / n);
    let across = |a: [f64; 3], i: usize, j: usize| match (3 + j - i) % 3 {
        0 => 0.0,
        1 => -a[3 - i - j],
        _ => a[3 - i - j],
    };
    let value = square(&|i, j| unit(i, j) * c + a[i] * a[j] * (1.0 - c) + s * across(a, i, j));
    let of = |k: usize| {
        let da: [f64; 3] = std::array::from_fn(|i| (unit(i, k) - a[i] * a[k]) / n);
        square(&|i, j| {
            a[k] * (s * (a[i] * a[j] - unit(i, j)) + c * across(a, i, j))
                + (1.0 - c) * (da[i] * a[j] + a[i] * da[j])
                + s * across(da, i, j)
        })
    };
    (value, [of(0), of(1), of(2)])
}

fn rotated(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// A bone's transformation of the base, and the derivatives in some of the turns.
struct Bone {
    value: Affine,
    turns: Vec<(usize, Affine)>,
}

impl Problem {
    pub fn read(input: &Value) -> Problem {
        let (data, model) = (&input["data"], &input["data"]["model"]);
        let us = list(&input["us"], numbers);
        let triangles = list(&model["triangles"], |t| list(t, index));
        let corners = |v: &Value| if us.is_empty() { vec![index(v)] } else { triangles[index(v)].clone() };
        Problem {
            theta: list(&input["theta"], |v| v.as_f64().expect("a number")),
            parents: list(&model["parents"], |v| v.as_u64().map(|v| v as usize)),
            base_relatives: list(&model["base_relatives"], affine),
            inverse_base_absolutes: list(&model["inverse_base_absolutes"], affine),
            base_positions: list(&model["base_positions"], numbers),
            weights: list(&model["weights"], numbers),
            corners: list(&data["correspondences"], corners),
            points: list(&data["points"], numbers),
            mirrored: model["is_mirrored"] == true,
            us,
        }
    }

    /// The bones, with derivatives if they are asked for: a turn changes its bone, and those after it.
    fn bones(&self, derivatives: bool) -> Vec<Bone> {
        let mut absolute: Vec<Bone> = Vec::with_capacity(BONES);
        for b in 0..BONES {
            // Of a finger's four bones the first turns about x and z, two more about x.
            let (first, joint) = (b.saturating_sub(2) / 4 * 4, (b + 2) % 4);
            let angles = |k: usize| self.theta[6 + first + k];
            let (relative, own) = match joint {
                _ if b < 2 || joint == 3 => (self.base_relatives[b], vec![]),
                0 => {
                    let ((sx, cx), (sz, cz)) = (angles(0).sin_cos(), angles(1).sin_cos());
                    let (x, z) = (about_x(sx, cx, 1.0), about_z(sz, cz, 1.0));
                    let base = &self.base_relatives[b];
                    let of = |z: &Affine, x: &Affine| {
                        let turned = times(z, x);
                        times(base, &turned)
                    };
                    let mut of_x = times(base, &times(&z, &about_x(cx, -sx, 0.0)));
                    let mut of_z = times(base, &times(&about_z(cz, -sz, 0.0), &x));
                    (0..3).for_each(|i| (of_x[i][3], of_z[i][3]) = (0.0, 0.0));
                    (of(&z, &x), vec![(first, of_x), (first + 1, of_z)])
                }
                _ => {
                    let (s, c) = angles(1 + joint).sin_cos();
                    let mut of_x = times(&self.base_relatives[b], &about_x(c, -s, 0.0));
                    (0..3).for_each(|i| of_x[i][3] = 0.0);
                    (times(&self.base_relatives[b], &about_x(s, c, 1.0)), vec![(first + 1 + joint, of_x)])
                }
            };
            let own = if derivatives { own } else { vec![] };
            let bone = match self.parents[b] {
                None => Bone { value: relative, turns: own },
                Some(parent) => {
                    let parent = &absolute[parent];
                    // A derivative of the parent has no last row: neither has its product with what is not derived.
                    let inherited = parent.turns.iter().map(|(k, of)| (*k, times(of, &relative)));
                    let added = own.iter().map(|(k, of)| {
                        let mut product = times(&parent.value, of);
                        (0..3).for_each(|i| product[i][3] -= parent.value[i][3]);
                        (*k, product)
                    });
                    Bone { value: times(&parent.value, &relative), turns: inherited.chain(added).collect() }
                }
            };
            absolute.push(bone);
        }
        for (bone, inverse) in absolute.iter_mut().zip(&self.inverse_base_absolutes) {
            bone.value = times(&bone.value, inverse);
            bone.turns.iter_mut().for_each(|(_, of)| *of = times(of, inverse));
            if self.mirrored {
                bone.value[0] = bone.value[0].map(|v| -v);
                bone.turns.iter_mut().for_each(|(_, of)| of[0] = of[0].map(|v| -v));
            }
        }
        absolute
    }

    fn shares(&self, i: usize) -> [f64; 3] {
        self.us.get(i).map_or([1.0, 0.0, 0.0], |&[u, v]| [u, v, 1.0 - u - v])
    }

    /// Every bone's weighted base position, for a vertex.
    fn add_vertex(&self, vertex: usize, share: f64, places: &mut [[f64; 4]; BONES]) {
        let position = self.base_positions[vertex];
        for (place, &weight) in places.iter_mut().zip(&self.weights[vertex]) {
            (0..4).for_each(|k| place[k] += share * weight * position[k]);
        }
    }

    pub fn objective(&self, out: &mut [f64]) {
        let bones = self.bones(false);
        let (global, _) = angle_axis([self.theta[0], self.theta[1], self.theta[2]]);
        for (i, (point, out)) in self.points.iter().zip(out.as_chunks_mut::<3>().0).enumerate() {
            let mut places = [[0.0; 4]; BONES];
            for (&vertex, share) in self.corners[i].iter().zip(self.shares(i)) {
                self.add_vertex(vertex, share, &mut places);
            }
            let at = rotated(&global, posed(&bones, &places));
            *out = std::array::from_fn(|k| point[k] - at[k] - self.theta[3 + k]);
        }
    }

    /// Three rows per point: two columns of a complicated problem's places, then the pose's 26.
    pub fn derivative(&self, out: &mut [f64]) {
        let bones = self.bones(true);
        let (global, of_global) = angle_axis([self.theta[0], self.theta[1], self.theta[2]]);
        let own = if self.us.is_empty() { 0 } else { 2 };
        let columns = own + 26;
        for (i, out) in out.chunks_exact_mut(3 * columns).enumerate() {
            let mut set = |column: usize, v: [f64; 3]| (0..3).for_each(|k| out[k * columns + column] = -v[k]);
            let mut places = [[0.0; 4]; BONES];
            for (&vertex, share) in self.corners[i].iter().zip(self.shares(i)) {
                self.add_vertex(vertex, share, &mut places);
            }
            if own == 2 {
                // u moves from the last corner to the first, v to the second.
                let last = self.corners[i][2];
                for column in 0..2 {
                    let mut moved = [[0.0; 4]; BONES];
                    self.add_vertex(self.corners[i][column], 1.0, &mut moved);
                    self.add_vertex(last, -1.0, &mut moved);
                    set(column, rotated(&global, posed(&bones, &moved)));
                }
            }
            let at = posed(&bones, &places);
            for (k, of) in of_global.iter().enumerate() {
                set(own + k, rotated(of, at));
                set(own + 3 + k, std::array::from_fn(|j| f64::from(u8::from(j == k))));
            }
            let mut turns = [[0.0; 3]; TURNS];
            for (bone, place) in bones.iter().zip(&places) {
                for (k, of) in &bone.turns {
                    add(of, place, &mut turns[*k]);
                }
            }
            for (k, of) in turns.into_iter().enumerate() {
                set(own + 6 + k, rotated(&global, of));
            }
        }
    }
}

fn add(m: &Affine, v: &[f64; 4], to: &mut [f64; 3]) {
    for (to, row) in to.iter_mut().zip(m) {
        *to += row[0] * v[0] + row[1] * v[1] + row[2] * v[2] + row[3] * v[3];
    }
}

fn posed(bones: &[Bone], places: &[[f64; 4]; BONES]) -> [f64; 3] {
    let mut at = [0.0; 3];
    bones.iter().zip(places).for_each(|(bone, place)| add(&bone.value, place, &mut at));
    at
}
