//! One call that compares every mode of differentiation against every other, for your own functions too.
//!
//! In: a function and a point. Out: a [`Report`] of what was compared, or an error that names the modes that disagree, the
//! entry, both values and how far apart they are.
//!
//! Values are computed with plain numbers, with dual numbers, through the graph, by the interpreter and by native code. The
//! Jacobian is computed with [`Dual`], with [`DualVec`], by tracing over duals, by the symbolic transforms forward and
//! in reverse, each interpreted and native, and by finite differences. Second derivatives are those of a weighted sum of the outputs:
//! the Hessian against its transpose, against nested duals and against its products with a vector.
//!
//! What ought to be the same to the bit must be: native code and the interpreter on one program, the simplified program and the
//! plain one, the values inside duals and the plain values. What differs by rounding (programs from plain numbers, as kernels are not std's
//! functions) may differ by what rounding explains: the sum, over all operations, of their result times the sensitivity of the answer to it (F. L. Bauer, Computational Graphs and
//! Rounding Error, 1974). Finite differences are extrapolated and come with an error estimate of their own (C. J. F. Ridders,
//! Accurate computation of F′(x) and F′(x)F″(x), 1982); where it is too large to decide anything they are counted as
//! undecided. The report says so: what is undecided is no agreement. NaN beside a number is a disagreement, whatever rounding may do.

mod body;
mod difference;
mod modes;
mod report;
mod rounding;
mod rules;
mod run;
mod settings;
#[cfg(test)]
mod tests;

pub use body::Body;
pub use report::Report;
pub use rules::rules;
pub use run::gradients;
pub use settings::Check;

#[allow(unused_imports, reason = "the documentation links them")]
use crate::dual::{Dual, DualVec};
#[allow(unused_imports, reason = "the documentation links it")]
use crate::graph::Function;
