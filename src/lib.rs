#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | writing functions | [`Real`], [`lit`], [`select`] |
//! | dual numbers | [`dual`], with [`dual::gradient`], [`dual::jacobian_into`] and their like |
//! | tracing: what goes in and what comes out | [`Function::trace`], [`graph::Inputs`], [`graph::Outputs`], [`Structure`](trait@Structure), [`Expr`] (with the methods of arrays) |
//! | derivatives of functions | [`Function::value_and_grad`], [`Function::jacobian`], [`Function::value_and_jacobian`], [`Function::hessian`], [`Function::jvp`], [`Function::vjp`], [`Function::wrt`] |
//! | sparse derivatives | [`Function::sparse_jacobian`], [`Function::hessian_lower`], [`Function::lagrangian`], [`Function::terms`], [`sparse`] |
//! | solvers | with the feature `argmin` the module `solvers` |
//! | higher orders | [`jet`], [`Function::taylor`], [`Function::partial`], [`Function::hvp`], [`Function::gauss_newton`], [`Function::hessian_diagonal`] |
//! | derivatives of your own | [`rules::custom_rule`], [`rules::custom_jvp`], [`rules::custom_vjp`], [`rules::Opaque`], [`rules::straight_through`], [`rules::stop_gradient`], [`rules::remat`] |
//! | loops, sequences, choices | [`scan`], [`Scan`], [`while_loop`], [`cond`] |
//! | equations, minima, differential equations | [`implicit`], [`ode`]; fits: [`optim::LeastSquares`] |
//! | running | [`Function::compile`] and [`Compiled`]: [`call`](Compiled::call), [`call_into`](Compiled::call_into), [`run`](Compiled::run); by the interpreter: [`Function::eval`], [`Function::run`] (with [`eval::Arguments`] and [`Results`]) |
//! | a batch | [`Function::vmap`], [`Function::mean`], [`Function::sum`]; on several threads: [`Options::threads`] |
//! | building without Cranelift, for duals, graphs and `wasm32-unknown-unknown` | `default-features = false`: all that compiles is interpreted |
//! | compiling less, or later | [`Options::cached`], [`Options::background`], [`Compiled::save`], [`Compiled::load`] |
//! | training | [`nn::Training`], [`nn::Params`], the layers and losses of [`nn`]; [`optim::Optimizer`], [`optim::Rule`] |
//! | formulas | [`Function::from_formula`], [`Function::to_formula`], [`formula`] |
//! | saving | [`io::Archive`], [`nn::Params::save`], [`nn::Training::save`] |
//! | finding out what is wrong | [`check::gradients`], [`check::rules`], [`Function::first_non_finite`], [`Function::linearize_at`], [`Function::to_dot_at`] |
//! | what it costs | [`Function::cost`], [`Function::gradient_cost`], [`Compiled::report`] |
//! | the operations, and how they differentiate | [`op::Op`], [`op::ArrayOp`], [`op::EdgeMap`] |
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(not(feature = "jit"), allow(dead_code, unused_imports, reason = "what programs say for native code alone"))]

mod base;
pub mod check;
#[cfg(feature = "jit")]
#[allow(unsafe_code, reason = "the memory of code")]
mod codegen;
#[cfg(not(feature = "jit"))]
#[path = "codegen/none.rs"]
mod codegen;
pub mod compiled;
mod convert;
pub mod diagnose;
pub mod diff;
pub mod dual;
mod error;
pub mod eval;
#[allow(unsafe_code, reason = "plans run on raw pointers; see `schedule::verify`")]
mod exec;
pub mod formula;
pub mod graph;
pub mod implicit;
pub mod io;
pub mod jet;
mod kernels;
mod methods;
pub mod nn;
pub mod ode;
pub mod op;
pub mod optim;
/// Derivatives of your own: rules for functions of numbers and of arrays, functions from outside, and what is computed anew.
pub mod rules {
    pub use crate::graph::{Opaque, custom_jvp, custom_vjp, remat, stop_gradient};
    pub use crate::op::{CustomRule, custom_rule, straight_through};
}
mod schedule;
pub mod simplify;
#[cfg(feature = "argmin")]
pub mod solvers;
pub mod sparse;
mod vmap;

pub use base::{Shape, Width};
pub use compiled::{Compiled, Options, Report};
pub use dual::{Dual, DualVec};
pub use error::{Error, Result};
pub use eval::{Array, Results};
pub use graph::{Expr, Function, Scan, Structure, While, aux, cond, like, scan, while_loop};
pub use op::{Real, Scalar, lit, select};
#[cfg(feature = "derive")]
pub use wengert_derive::Structure;

/// The book: a tutorial, chapters by application, how the library works, operations, errors, options, questions and answers.
#[cfg(any(doc, doctest))]
pub mod book {
    #[doc = include_str!("../docs/book/engines.md")]
    pub mod engines {}
    #[doc = include_str!("../docs/book/errors.md")]
    pub mod errors {}
    #[doc = include_str!("../docs/book/faq.md")]
    pub mod faq {}
    /// Chapters by application, each a program that runs.
    pub mod how_to {
        #[doc = include_str!("../docs/book/how-to/bilevel.md")]
        pub mod bilevel {}
        #[doc = include_str!("../docs/book/how-to/black-scholes.md")]
        pub mod black_scholes {}
        #[doc = include_str!("../docs/book/how-to/bundle-adjustment.md")]
        pub mod bundle_adjustment {}
        #[doc = include_str!("../docs/book/how-to/curve-fitting.md")]
        pub mod curve_fitting {}
        #[doc = include_str!("../docs/book/how-to/drug-dosing.md")]
        pub mod drug_dosing {}
        #[doc = include_str!("../docs/book/how-to/gaussian-process.md")]
        pub mod gaussian_process {}
        #[cfg(feature = "nalgebra")]
        #[doc = include_str!("../docs/book/how-to/inverse-kinematics.md")]
        pub mod inverse_kinematics {}
        #[doc = include_str!("../docs/book/how-to/logistic-regression.md")]
        pub mod logistic_regression {}
        #[doc = include_str!("../docs/book/how-to/neural-network.md")]
        pub mod neural_network {}
        #[doc = include_str!("../docs/book/how-to/optimal-control.md")]
        pub mod optimal_control {}
        #[doc = include_str!("../docs/book/how-to/pde.md")]
        pub mod pde {}
        #[doc = include_str!("../docs/book/how-to/uncertainty.md")]
        pub mod uncertainty {}
    }
    #[doc = include_str!("../docs/book/ideas.md")]
    pub mod ideas {}
    #[doc = include_str!("../docs/book/native-code.md")]
    pub mod native_code {}
    #[doc = include_str!("../docs/operations.md")]
    pub mod operations {}
    #[doc = include_str!("../docs/book/options.md")]
    pub mod options {}
    #[doc = include_str!("../docs/book/tutorial.md")]
    pub mod tutorial {}
    #[doc = include_str!("../docs/book/wide-loops.md")]
    pub mod wide_loops {}
}

/// The documentation's examples, compiled and run as tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../docs/arrays.md")]
    mod arrays {}
    #[doc = include_str!("../docs/compiling.md")]
    mod compiling {}
    #[doc = include_str!("../docs/custom-rules.md")]
    mod custom_rules {}
    #[doc = include_str!("../docs/formulas.md")]
    mod formulas {}
    #[doc = include_str!("../docs/from-pytorch.md")]
    mod from_pytorch {}
    #[doc = include_str!("../docs/front-door.md")]
    mod front_door {}
    #[doc = include_str!("../docs/higher-order.md")]
    mod higher_order {}
    #[doc = include_str!("../docs/implicit.md")]
    mod implicit {}
    #[doc = include_str!("../docs/learning.md")]
    mod learning {}
    #[doc = include_str!("../docs/rolling.md")]
    mod rolling {}
    #[doc = include_str!("../docs/sequences.md")]
    mod sequences {}
    #[cfg(feature = "argmin")]
    #[doc = include_str!("../docs/solvers.md")]
    mod solvers {}
    #[doc = include_str!("../docs/threads.md")]
    mod threads {}
    #[doc = include_str!("../docs/sparse.md")]
    mod sparse {}
    #[doc = include_str!("../docs/walkthrough.md")]
    mod walkthrough {}
}
