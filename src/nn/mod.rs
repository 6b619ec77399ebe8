//! Learning: what a model's training needs beyond functions and their derivatives. Nothing here is needed to use the rest.
//!
//! In: a loss, traced over [`Params`] and a batch. Out: a [`Training`], one compiled function for loss, gradient and update, and
//! the parameters that it leads to. Layers and losses are plain functions of handles; [`docs/learning.md`] goes through a whole
//! training.
//!
//! [`docs/learning.md`]: https://docs.rs/crate/wengert/latest/source/docs/learning.md

mod data;
mod init;
mod layers;
mod loss;
pub mod metrics;
mod params;
mod rng;
mod schedule;
mod step;
mod training;

pub use data::{Batch, Batches, Data, Epoch};
pub use init::Init;
pub use layers::{dense, dropout, embedding, gru, layer_norm, lstm, prelu, rnn};
pub use loss::{binary_cross_entropy, cross_entropy, hits, huber, kl_divergence, mae, mse};
pub use params::{Params, Weights};
pub use rng::Rng;
pub use schedule::Schedule;
pub use step::{Clip, Settings};
pub use training::Training;

use crate::error::{Error, Kind as ErrorKind};
use crate::graph::{Expr, refuse};

/// Both, if they have one shape, so that nothing is broadcast by mistake (`[n,1]` against `[n]` would make `[n,n]`); a known
/// number fits every shape. Else NaN, and an error of the trace.
#[track_caller]
fn same_shape(what: &str, names: [&str; 2], [a, b]: [Expr; 2]) -> Result<[Expr; 2], Expr> {
    let known = |x: Expr| matches!(x, Expr::Const(_));
    if a.shape() == b.shape() || known(a) || known(b) {
        return Ok([a, b]);
    }
    let message = format!("{what}: {} {} and {} {} are to have one shape", names[0], a.shape(), names[1], b.shape());
    Err(nan(Error::here(ErrorKind::Shape, message)))
}

/// What cannot be, for an error of the trace.
fn nan(error: Error) -> Expr {
    refuse(error);
    Expr::Const(f64::NAN)
}
