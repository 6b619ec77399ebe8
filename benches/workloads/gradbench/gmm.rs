//! The mixture of Gaussians by hand, point by point. Of μ's derivative only Σᵢ rᵢₖ·y is kept in the loop: Qₖᵀ is multiplied after it.

use std::f64::consts::{LN_2, PI};

pub struct Problem {
    pub d: usize,
    pub k: usize,
    /// Points, one after the other; so are the means and the rest.
    pub x: Vec<f64>,
    pub alpha: Vec<f64>,
    pub mu: Vec<f64>,
    pub q: Vec<f64>,
    pub l: Vec<f64>,
    pub gamma: f64,
    pub m: f64,
}

/// Room for what is used on the way.
pub struct Room {
    /// exp q.
    e: Vec<f64>,
    /// Σⱼ qₖⱼ.
    sums: Vec<f64>,
    /// Of a point: xᵢ − μₖ, Qₖ·(xᵢ − μₖ), and what is in the logarithm's sum.
    c: Vec<f64>,
    y: Vec<f64>,
    beta: Vec<f64>,
}

fn log_sum_exp(v: &[f64]) -> f64 {
    let largest = v.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
    largest + v.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}

/// ln Γ of a multiple of ½, by products: Γ(x + 1) = x·Γ(x).
fn ln_gamma_of_half(twice: usize) -> f64 {
    let mut x = if twice.is_multiple_of(2) { 1.0 } else { 0.5 };
    let mut ln = if twice.is_multiple_of(2) { 0.0 } else { 0.5 * PI.ln() };
    while x < 0.5 * twice as f64 {
        ln += x.ln();
        x += 1.0;
    }
    ln
}

impl Problem {
    pub fn room(&self) -> Room {
        let (d, k) = (self.d, self.k);
        let zeros = |n: usize| vec![0.0; n];
        Room { e: zeros(k * d), sums: zeros(k), c: zeros(k * d), y: zeros(k * d), beta: zeros(k) }
    }

    fn start(&self, room: &mut Room) {
        room.e.iter_mut().zip(&self.q).for_each(|(e, q)| *e = q.exp());
        room.sums.iter_mut().zip(self.q.chunks_exact(self.d)).for_each(|(s, q)| *s = q.iter().sum());
    }

    /// What a point adds to the value; c, y and beta are left in `room`.
    fn point(&self, x: &[f64], room: &mut Room) -> f64 {
        let d = self.d;
        let below = d * (d - 1) / 2;
        for k in 0..self.k {
            let own = k * d..(k + 1) * d;
            let (mu, e, c, y) = (&self.mu[own.clone()], &room.e[own.clone()], &mut room.c[own.clone()], &mut room.y[own.clone()]);
            for j in 0..d {
                c[j] = x[j] - mu[j];
                y[j] = e[j] * c[j];
            }
            let mut l = &self.l[k * below..(k + 1) * below];
            for i in 0..d {
                let (column, rest) = l.split_at(d - i - 1);
                let ci = c[i];
                y[i + 1..].iter_mut().zip(column).for_each(|(y, l)| *y += l * ci);
                l = rest;
            }
            room.beta[k] = self.alpha[k] + room.sums[k] - 0.5 * y.iter().map(|y| y * y).sum::<f64>();
        }
        log_sum_exp(&room.beta)
    }

    fn constant(&self, room: &Room) -> f64 {
        let n = (self.x.len() / self.d) as f64;
        let squares = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        let degrees = self.d as f64 + self.m + 1.0;
        let d = self.d as f64;
        let gammas: f64 = (1..=self.d).map(|j| ln_gamma_of_half(degrees as usize + 1 - j)).sum();
        let wishart = degrees * d * (self.gamma.ln() - 0.5 * LN_2) - (0.25 * d * (d - 1.0) * PI.ln() + gammas);
        let prior =
            0.5 * self.gamma * self.gamma * (squares(&room.e) + squares(&self.l)) - self.m * room.sums.iter().sum::<f64>();
        self.k as f64 * wishart - prior - n * (log_sum_exp(&self.alpha) + 0.5 * d * (2.0 * PI).ln())
    }

    pub fn objective(&self, room: &mut Room) -> f64 {
        self.start(room);
        let points: f64 = self.x.chunks_exact(self.d).map(|x| self.point(x, room)).sum();
        points + self.constant(room)
    }

    /// With respect to alpha, mu, q and l.
    pub fn derivative(&self, room: &mut Room, [of_alpha, of_mu, of_q, of_l]: [&mut [f64]; 4]) {
        let d = self.d;
        let below = d * (d - 1) / 2;
        let square = self.gamma * self.gamma;
        self.start(room);
        of_alpha.fill(0.0);
        of_mu.fill(0.0);
        for (dq, e) in of_q.iter_mut().zip(&room.e) {
            *dq = self.m - square * e * e;
        }
        of_l.iter_mut().zip(&self.l).for_each(|(dl, l)| *dl = -square * l);
        for x in self.x.chunks_exact(d) {
            let of_all = self.point(x, room);
            for k in 0..self.k {
                let r = (room.beta[k] - of_all).exp();
                let own = k * d..(k + 1) * d;
                let (c, y, e) = (&room.c[own.clone()], &mut room.y[own.clone()], &room.e[own.clone()]);
                let (mu, q) = (&mut of_mu[own.clone()], &mut of_q[own]);
                of_alpha[k] += r;
                for j in 0..d {
                    let ry = r * y[j];
                    q[j] += r - ry * e[j] * c[j];
                    mu[j] += ry;
                    y[j] = ry;
                }
                let mut l = &mut of_l[k * below..(k + 1) * below];
                for i in 0..d {
                    let (column, rest) = l.split_at_mut(d - i - 1);
                    let ci = c[i];
                    column.iter_mut().zip(&y[i + 1..]).for_each(|(l, y)| *l -= y * ci);
                    l = rest;
                }
            }
        }
        let n = (self.x.len() / d) as f64;
        let all = log_sum_exp(&self.alpha);
        for k in 0..self.k {
            of_alpha[k] -= n * (self.alpha[k] - all).exp();
            // In place: a row of Qₖᵀ starts at the diagonal.
            let (mu, e) = (&mut of_mu[k * d..(k + 1) * d], &room.e[k * d..(k + 1) * d]);
            let mut l = &self.l[k * below..(k + 1) * below];
            for i in 0..d {
                let (column, rest) = l.split_at(d - i - 1);
                mu[i] = e[i] * mu[i] + column.iter().zip(&mu[i + 1..]).map(|(l, y)| l * y).sum::<f64>();
                l = rest;
            }
        }
    }
}
