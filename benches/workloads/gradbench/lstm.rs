//! The network of long short-term memories by hand: forward, keeping what the gates gave, then backward.

pub struct Problem {
    pub layers: usize,
    pub width: usize,
    /// Per layer the weights of the four gates, then their biases.
    pub main: Vec<f64>,
    pub extra: Vec<f64>,
    /// Per layer hidden, then cell.
    pub state: Vec<f64>,
    /// A character after the other.
    pub sequence: Vec<f64>,
}

/// What a layer of a step keeps, each of the width.
const KEPT: usize = 8;

/// The state, what every step kept, and adjoints of the state.
pub struct Room {
    state: Vec<f64>,
    kept: Vec<f64>,
    /// Of every step: what goes out, and exp of that over the sum.
    shares: Vec<f64>,
    of_state: Vec<f64>,
    x: Vec<f64>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The k-th of parts of a length.
fn part(v: &[f64], k: usize, len: usize) -> &[f64] {
    &v[k * len..(k + 1) * len]
}

impl Problem {
    pub fn room(&self) -> Room {
        let (b, l) = (self.width, self.layers);
        let steps = self.sequence.len() / b - 1;
        let zeros = |n: usize| vec![0.0; n];
        Room {
            state: zeros(2 * l * b),
            kept: zeros(steps * l * KEPT * b),
            shares: zeros(steps * b),
            of_state: zeros(2 * l * b),
            x: zeros(b),
        }
    }

    pub fn objective(&self, room: &mut Room) -> f64 {
        self.forward::<false>(room)
    }

    fn forward<const KEEP: bool>(&self, room: &mut Room) -> f64 {
        let b = self.width;
        let steps = self.sequence.len() / b - 1;
        let [of_in, of_out, bias] = [0, 1, 2].map(|k| part(&self.extra, k, b));
        room.state.copy_from_slice(&self.state);
        let mut total = 0.0;
        for t in 0..steps {
            let (now, next) = (part(&self.sequence, t, b), part(&self.sequence, t + 1, b));
            for i in 0..b {
                room.x[i] = now[i] * of_in[i];
            }
            for k in 0..self.layers {
                let (w, v) = self.main[8 * k * b..8 * (k + 1) * b].split_at(4 * b);
                let at = (t * self.layers + k) * KEPT * b;
                let kept = &mut room.kept[at..at + KEPT * b];
                let (hidden, cell) = room.state[2 * k * b..2 * (k + 1) * b].split_at_mut(b);
                for i in 0..b {
                    let (x, h, c) = (room.x[i], hidden[i], cell[i]);
                    let gate = |x: f64, gate: usize| x * w[gate * b + i] + v[gate * b + i];
                    let forget = sigmoid(gate(x, 0));
                    let ingate = sigmoid(gate(h, 1));
                    let outgate = sigmoid(gate(x, 2));
                    let change = gate(h, 3).tanh();
                    cell[i] = c * forget + ingate * change;
                    let out = cell[i].tanh();
                    hidden[i] = outgate * out;
                    room.x[i] = hidden[i];
                    if KEEP {
                        for (n, v) in [x, h, c, forget, ingate, outgate, change, out].into_iter().enumerate() {
                            kept[n * b + i] = v;
                        }
                    }
                }
            }
            let share = &mut room.shares[t * b..(t + 1) * b];
            let (mut sum, mut hit, mut ones) = (2.0, 0.0, 0.0);
            for i in 0..b {
                let y = room.x[i] * of_out[i] + bias[i];
                share[i] = y.exp();
                sum += share[i];
                hit += next[i] * y;
                ones += next[i];
            }
            share.iter_mut().for_each(|v| *v /= sum);
            total += hit - ones * sum.ln();
        }
        -total / (steps * b) as f64
    }

    /// With respect to main, then extra.
    pub fn derivative(&self, room: &mut Room, of_main: &mut [f64], of_extra: &mut [f64]) {
        self.forward::<true>(room);
        let b = self.width;
        let steps = self.sequence.len() / b - 1;
        let scale = -1.0 / (steps * b) as f64;
        let of_out = part(&self.extra, 1, b);
        room.of_state.fill(0.0);
        of_main.fill(0.0);
        of_extra.fill(0.0);
        let (d_in, rest) = of_extra.split_at_mut(b);
        let (d_out, d_bias) = rest.split_at_mut(b);
        for t in (0..steps).rev() {
            let (now, next) = (part(&self.sequence, t, b), part(&self.sequence, t + 1, b));
            let (share, ones) = (part(&room.shares, t, b), next.iter().sum::<f64>());
            let last = &room.kept[(t * self.layers + self.layers - 1) * KEPT * b..][..KEPT * b];
            for i in 0..b {
                let dy = scale * (next[i] - ones * share[i]);
                d_out[i] += dy * last[5 * b + i] * last[7 * b + i];
                d_bias[i] += dy;
                room.x[i] = dy * of_out[i];
            }
            for k in (0..self.layers).rev() {
                let kept = &room.kept[(t * self.layers + k) * KEPT * b..][..KEPT * b];
                let w = &self.main[8 * k * b..(8 * k + 4) * b];
                let (dw, dv) = of_main[8 * k * b..8 * (k + 1) * b].split_at_mut(4 * b);
                let (d_hidden, d_cell) = room.of_state[2 * k * b..2 * (k + 1) * b].split_at_mut(b);
                for i in 0..b {
                    let [x, h, c, forget, ingate, outgate, change, out] = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| kept[n * b + i]);
                    let dh = d_hidden[i] + room.x[i];
                    let dc = d_cell[i] + dh * outgate * (1.0 - out * out);
                    let gates = [
                        dc * c * forget * (1.0 - forget),
                        dc * change * ingate * (1.0 - ingate),
                        dh * out * outgate * (1.0 - outgate),
                        dc * ingate * (1.0 - change * change),
                    ];
                    for (g, (dz, from)) in gates.into_iter().zip([x, h, x, h]).enumerate() {
                        dw[g * b + i] += dz * from;
                        dv[g * b + i] += dz;
                    }
                    d_cell[i] = dc * forget;
                    d_hidden[i] = gates[1] * w[b + i] + gates[3] * w[3 * b + i];
                    room.x[i] = gates[0] * w[i] + gates[2] * w[2 * b + i];
                }
            }
            for i in 0..b {
                d_in[i] += room.x[i] * now[i];
            }
        }
    }
}
