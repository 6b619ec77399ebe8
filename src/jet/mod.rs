//! Jets: truncated power series in one variable, for derivatives of any order along a line.
//!
//! In: any arithmetic [`Real`](crate::Real). Out: the same arithmetic with the coefficients z₀ + z₁·t + z₂·t² + … of every value, in O(N²) per
//! operation (A. Griewank and A. Walther, Evaluating Derivatives, 2008, chapter 13). Operations that have a recurrence of their own are
//! listed in `recurrence`; all others follow from the op table, as z′ = Σ edge(x′).

mod arithmetic;
mod arrays;
mod convolution;
mod drivers;
mod powers;
mod recurrence;
mod series;

pub(crate) use drivers::interpolated;
pub use drivers::{derivatives, partial, taylor, taylor_slice};
pub use series::{Fixed, Jet, Series, Storage};
