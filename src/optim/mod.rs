//! Optimisation by gradient steps. In: parameters and their gradient. Out: the next parameters.
//!
//! A [`Rule`] is one step for one parameter, written once over [`Real`](crate::Real): on numbers it updates, in a trace it
//! becomes part of the graph, so that value, gradient and update can be compiled together. [`Optimizer`] holds the state
//! of a rule for a slice of parameters. [`LeastSquares`] fits models to data, with error bars.

mod least_squares;
mod optimizer;
mod qr;
mod rules;

pub use least_squares::{Fit, FitStep, LeastSquares};
pub use optimizer::Optimizer;
pub use rules::{AdaGrad, Adam, AdamW, Momentum, Nesterov, RmsProp, Rule, Sgd};
