//! Layers: functions of handles. In: a batch, the last axis of which has the features, and parameters. Out: the next batch.

use super::same_shape;
use crate::graph::Expr;
use crate::op::{lit, select};

/// x·w + b: features `[…,in]` by weights `[in,out]` and offsets `[out]` to `[…,out]`.
#[track_caller]
pub fn dense(x: Expr, w: Expr, b: Expr) -> Expr {
    x.matmul(w) + b
}

/// x where it is positive, elsewhere a slope of it that is learned, `[]` or `[features]` (K. He et al., 2015, pReLU).
#[track_caller]
pub fn prelu(x: Expr, slope: Expr) -> Expr {
    select(x.gt(0.0), x, x * slope)
}

/// Features with a mask of the same shape, which [`Rng::dropout`](super::Rng::dropout) draws anew for every step; declare it as an
/// input. A function that predicts does without (N. Srivastava et al., 2014).
#[track_caller]
pub fn dropout(x: Expr, mask: Expr) -> Expr {
    same_shape("dropout", ["the features", "the mask"], [x, mask]).map_or_else(|nan| nan, |[x, mask]| x * mask)
}

/// Every row (the last axis) moved to mean 0 and scaled to variance 1, then scaled by `gain[features]` and moved by
/// `offset[features]`: (x − mean) / √(variance + 10⁻⁵) (J. L. Ba, J. R. Kiros, G. Hinton, 2016).
#[track_caller]
pub fn layer_norm(x: Expr, gain: Expr, offset: Expr) -> Expr {
    let centred = x - kept(x.mean(-1));
    let variance = (centred * centred).mean(-1);
    centred / kept((variance + 1e-5).sqrt()) * gain + offset
}

/// The rows of `table[words,features]` that indices `[…]` choose: `[…,features]`.
#[track_caller]
pub fn embedding(table: Expr, index: Expr) -> Expr {
    table.gather(index, 0)
}

/// The value with an axis of length 1 behind.
#[track_caller]
pub(super) fn kept(x: Expr) -> Expr {
    x.reshape([x.shape().axes(), &[1.into()]].concat())
}

/// One step of a recurrent layer: h′ = tanh(x·w + h·u + b), from features `x[n,in]` and state `h[n,d]`, with `w[in,d]`, `u[d,d]`,
/// `b[d]` (J. Elman, 1990).
#[track_caller]
pub fn rnn(x: Expr, h: Expr, [w, u, b]: [Expr; 3]) -> Expr {
    (x.matmul(w) + h.matmul(u) + b).tanh()
}

/// One step of a gated recurrent unit, from features `x[n,in]` and state `h[n,d]` to the next state, with `w[in,3d]`, `u[d,3d]`,
/// `b[3d]`, `c[d]` (K. Cho et al., 2014):
///
/// r = σ(x·wᵣ + h·uᵣ + bᵣ), z = σ(x·w_z + h·u_z + b_z), n = tanh(x·wₙ + bₙ + r·(h·uₙ + c)), h′ = n + z·(h − n).
///
/// The columns of `w`, `u` and `b` are those of r, z and n, in this order.
#[track_caller]
pub fn gru(x: Expr, h: Expr, [w, u, b, c]: [Expr; 4]) -> Expr {
    let Some(d) = features("gru", h) else { return lit(f64::NAN) };
    let (from_x, from_h) = (x.matmul(w) + b, h.matmul(u));
    let part = |v: Expr, k: usize| v.slice(-1, k * d..(k + 1) * d);
    let gate = |k: usize| (part(from_x, k) + part(from_h, k)).sigmoid();
    let (r, z) = (gate(0), gate(1));
    let n = (part(from_x, 2) + r * (part(from_h, 2) + c)).tanh();
    n + z * (h - n)
}

/// One step of a long short-term memory, from features `x[n,in]` and state `[h[n,d], c[n,d]]` to the next state, with `w[in,4d]`,
/// `u[d,4d]`, `b[4d]` (S. Hochreiter and J. Schmidhuber, 1997; F. Gers et al., 2000):
///
/// i, f, o = σ(x·w + h·u + b), g = tanh(x·w + h·u + b), each by columns of its own, c′ = f·c + i·g, h′ = o·tanh c′.
///
/// The columns are those of i, f, g and o, in this order.
#[track_caller]
pub fn lstm(x: Expr, [h, c]: [Expr; 2], [w, u, b]: [Expr; 3]) -> [Expr; 2] {
    let Some(d) = features("lstm", h) else { return [lit(f64::NAN); 2] };
    let gates = x.matmul(w) + h.matmul(u) + b;
    let part = |k: usize| gates.slice(-1, k * d..(k + 1) * d);
    let (i, f, g, o) = (part(0).sigmoid(), part(1).sigmoid(), part(2).tanh(), part(3).sigmoid());
    let c = f * c + i * g;
    [o * c.tanh(), c]
}

/// The length of the last axis, which must be known.
#[track_caller]
fn features(what: &str, h: Expr) -> Option<usize> {
    use crate::error::{Error, Kind};
    match h.shape().axes().last() {
        Some(&crate::base::Axis::Fixed(n)) => Some(n),
        _ => {
            let message = format!("{what}: the state's shape {} does not end with a known number of features", h.shape());
            crate::graph::refuse(Error::here(Kind::Shape, message));
            None
        }
    }
}
