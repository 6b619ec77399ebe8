//! The method of Runge and Kutta by hand, and its reverse.

/// Room for slopes and for what every step started from.
pub struct Room {
    y: Vec<f64>,
    k: [Vec<f64>; 3],
    started: Vec<f64>,
    /// Of the reverse: of y, and of the four slopes.
    of_y: Vec<f64>,
    of_k: [Vec<f64>; 4],
}

impl Room {
    pub fn new(n: usize, steps: usize) -> Room {
        let zeros = || vec![0.0; n];
        Room {
            y: zeros(),
            k: [zeros(), zeros(), zeros()],
            started: vec![0.0; n * steps],
            of_y: zeros(),
            of_k: [zeros(), zeros(), zeros(), zeros()],
        }
    }
}

/// out = f(x, y).
fn slope(x: &[f64], y: &[f64], out: &mut [f64]) {
    out[0] = x[0];
    for ((out, x), y) in out[1..].iter_mut().zip(&x[1..]).zip(y) {
        *out = x * y;
    }
}

/// out = f(x, y + a·k).
fn slope_at(x: &[f64], y: &[f64], k: &[f64], a: f64, out: &mut [f64]) {
    out[0] = x[0];
    for (((out, x), y), k) in out[1..].iter_mut().zip(&x[1..]).zip(y).zip(k) {
        *out = x * (y + a * k);
    }
}

/// The slopes of a step but the last one.
fn slopes(x: &[f64], y: &[f64], h: f64, k: &mut [Vec<f64>; 3]) {
    let [k1, k2, k3] = k;
    slope(x, y, k1);
    slope_at(x, y, k1, 0.5 * h, k2);
    slope_at(x, y, k2, 0.5 * h, k3);
}

/// Leaves y in the room.
fn solve(x: &[f64], steps: usize, room: &mut Room, keep: bool) {
    let (n, h) = (x.len(), 2.0 / steps as f64);
    let Room { y, k, started, .. } = room;
    y.fill(0.0);
    for s in 0..steps {
        if keep {
            started[s * n..(s + 1) * n].copy_from_slice(y);
        }
        slopes(x, y, h, k);
        let [k1, k2, k3] = &*k;
        // The last slope is used where it is made, from the end: it reads what is before.
        let step = |k1: f64, k2: f64, k3: f64, k4: f64| h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
        for i in (1..n).rev() {
            let k4 = x[i] * (y[i - 1] + h * k3[i - 1]);
            y[i] += step(k1[i], k2[i], k3[i], k4);
        }
        y[0] += step(k1[0], k2[0], k3[0], x[0]);
    }
}

pub fn objective(x: &[f64], steps: usize, room: &mut Room, y: &mut [f64]) {
    solve(x, steps, room, false);
    y.copy_from_slice(&room.y);
}

/// The transpose of out = f(x, y + a·k): adds to the adjoints of x, y and k.
fn back(x: &[f64], at: impl Fn(usize) -> f64, of_out: &[f64], of_x: &mut [f64], mut to: impl FnMut(usize, f64)) {
    of_x[0] += of_out[0];
    for i in 1..x.len() {
        of_x[i] += of_out[i] * at(i - 1);
        to(i - 1, of_out[i] * x[i]);
    }
}

pub fn derivative(x: &[f64], steps: usize, room: &mut Room, of_x: &mut [f64]) {
    let (n, h) = (x.len(), 2.0 / steps as f64);
    solve(x, steps, room, true);
    let Room { k, started, of_y, of_k, .. } = room;
    of_x.fill(0.0);
    of_y.fill(0.0);
    of_y[n - 1] = 1.0;
    for s in (0..steps).rev() {
        let y = &started[s * n..(s + 1) * n];
        slopes(x, y, h, k);
        let [k1, k2, k3] = &*k;
        let [d1, d2, d3, d4] = &mut *of_k;
        for i in 0..n {
            let part = h / 6.0 * of_y[i];
            (d1[i], d2[i], d3[i], d4[i]) = (part, 2.0 * part, 2.0 * part, part);
        }
        back(
            x,
            |i| y[i] + h * k3[i],
            d4,
            of_x,
            |i, v| {
                of_y[i] += v;
                d3[i] += h * v;
            },
        );
        back(
            x,
            |i| y[i] + 0.5 * h * k2[i],
            d3,
            of_x,
            |i, v| {
                of_y[i] += v;
                d2[i] += 0.5 * h * v;
            },
        );
        back(
            x,
            |i| y[i] + 0.5 * h * k1[i],
            d2,
            of_x,
            |i, v| {
                of_y[i] += v;
                d1[i] += 0.5 * h * v;
            },
        );
        back(x, |i| y[i], d1, of_x, |i, v| of_y[i] += v);
    }
}
