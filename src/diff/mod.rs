//! Derivatives of functions, as functions.
//!
//! In: a [`Function`](crate::Function). Out: a `Function` that computes derivatives. There are no rules here: the op table gives every
//! edge's linear map, forward mode applies the maps, reverse mode their transposes. Nothing here knows of native code.

mod backward;
mod batched;
mod beside;
mod branches;
mod control;
mod first;
mod groups;
mod guarded;
mod higher;
mod jacobian;
mod kept;
mod keyed;
mod linear;
mod map;
mod outline;
mod point;
mod rules;
mod second;
mod seeds;
mod series;
mod shelf;
mod sweeps;
mod taylor;
mod traced;
mod transpose;
mod within;
mod zeros;

pub(crate) use beside::{with_aux, with_values};
pub(crate) use first::{grad, jvp, value_and_grad, vjp};
pub(crate) use higher::{hessian_diagonal, partial, taylor};
pub use jacobian::Mode;
pub(crate) use jacobian::jacobian;
pub(crate) use keyed::{Products, products};
pub(crate) use outline::outlined;
pub use point::Linearization;
pub(crate) use point::linearize_at;
pub(crate) use second::{gauss_newton, gauss_newton_of, hessian, hvp};
pub(crate) use traced::{check_differentiable, the_output};
