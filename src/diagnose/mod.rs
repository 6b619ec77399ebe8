//! What a function is made of, what it costs, and where it goes wrong. In: a [`Function`](crate::Function), and a point if there is one. Out:
//! reports and pictures, for people to read.

mod cost;
mod names;
mod non_finite;
mod picture;

pub use cost::{Cost, GradientCost};
pub(crate) use cost::{cost, gradient_cost};
pub(crate) use names::name_of;
pub use non_finite::NonFinite;
pub(crate) use non_finite::first_non_finite;
pub(crate) use picture::Picture;
