//! Functions that an equation defines: roots, fixed points, minima, least squares.
//!
//! In: an equation of unknowns and of whatever handles of the trace it uses. Out: the unknowns that solve it, as handles. A loop in the graph
//! finds them; their derivative is that of the equation (the implicit function theorem), whatever the loop did.

mod convergence;
mod derivative;
mod failed;
mod method;
mod minimum;
mod root;
mod solver;
mod unknowns;

pub use convergence::{Convergence, Outcome};
pub(crate) use failed::{check_tolerances, or_nan};
pub use method::Solver;
pub use solver::{Solution, fixed_point, least_squares, minimize, newton};
