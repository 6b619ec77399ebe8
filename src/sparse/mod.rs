//! Sparse derivatives: where a Jacobian or Hessian has entries, and one function that computes them.
//!
//! In: a [`Function`]. Out: a [`Sparsity`], which holds for every point, and a [`SparseDerivative`], which compiles. Sets of columns flow
//! through the graph; colourings put together columns or rows that do not meet; sweeps give the products; every entry is read off them. Functions
//! that are sums of equal terms need no colouring: see [`Terms`].

mod arrays;
mod assembly;
mod colour;
mod derivative;
mod flow;
mod known;
mod loops;
mod method;
mod order;
mod pattern;
mod recover;
mod sweeps;
mod symbolic;
mod terms;

pub use assembly::Assembly;
pub(crate) use assembly::{Piece, To};
pub(crate) use derivative::Source;
pub use derivative::SparseDerivative;
pub use method::{Compress, Method, Symmetric};
pub use order::Order;
pub use pattern::{ByRows, Sparsity};
pub use terms::Terms;

use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Function, InputGroup, NewOutput, OutputGroup};
use crate::op::DType;
use std::panic::Location;

impl Function {
    /// Where the Jacobian has entries that are not zero at every point, as far as the graph tells: rows are the numbers of the outputs
    /// (auxiliary ones aside), columns those of the active inputs, both in their order.
    ///
    /// # Errors
    /// As [`Function::sparse_jacobian`].
    #[track_caller]
    pub fn jacobian_sparsity(&self) -> Result<Sparsity> {
        Method::new().jacobian_sparsity(self)
    }

    /// Where the Hessian of a function of one number has entries: a symmetric pattern.
    ///
    /// # Errors
    /// As [`Function::sparse_hessian`].
    #[track_caller]
    pub fn hessian_sparsity(&self) -> Result<Sparsity> {
        Method::new().hessian_sparsity(self)
    }

    /// The entries of the Jacobian that may not be zero.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(("x", 3), |x| [x[0] * x[1], x[1].sin(), x[2] * 3.0])?;
    /// let j = f.sparse_jacobian()?.compile()?;
    /// let mut values = [0.0; 4];
    /// j.call_into(&[&[2.0, 0.0, 5.0]], &mut values)?;
    /// assert_eq!(j.sparsity().entries().collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 1), (2, 2)]);
    /// assert_eq!(values, [0.0, 2.0, 1.0, 3.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary; if there are open axes, or indices that are not constant, which [`Method`]
    /// takes.
    #[track_caller]
    pub fn sparse_jacobian(&self) -> Result<SparseDerivative> {
        Method::new().jacobian(self)
    }

    /// The entries of the Hessian of a function of one number that may not be zero, those above the diagonal and those below.
    ///
    /// # Errors
    /// As [`Function::sparse_jacobian`], and if there is not exactly one output number.
    #[track_caller]
    pub fn sparse_hessian(&self) -> Result<SparseDerivative> {
        Method::new().hessian(self)
    }

    /// The entries of the Hessian on the diagonal and below it, as solvers take them.
    ///
    /// ```
    /// use wengert::Function;
    /// // (H. Rosenbrock, 1960)
    /// let f = Function::trace("x[100]", |x| {
    ///     let (a, b) = (x.slice(0, 0..99), x.slice(0, 1..100));
    ///     (100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)).sum(..)
    /// })?;
    /// let h = f.hessian_lower()?;
    /// assert_eq!((h.sparsity().len(), h.sweeps()), (199, (3, 0)));
    /// let (h, mut values) = (h.compile()?, [0.0; 199]);
    /// h.call_into(&[&[1.0; 100]], &mut values)?;
    /// assert_eq!((values[0], values[1], values[198]), (802.0, -400.0, 200.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::sparse_hessian`].
    #[track_caller]
    pub fn hessian_lower(&self) -> Result<SparseDerivative> {
        Method::new().hessian_lower(self)
    }

    /// The Lagrangian σ·f + Σ λᵢ·gᵢ of an output f and all others, the constraints g (auxiliary ones aside): the inputs are followed by
    /// `sigma` and a multiplier `lambda_g` for every other output `g`, by which nothing is differentiated. Its Hessian is what methods of
    /// constrained optimisation ask for.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(("x", 2), |x| (("cost", x[0] * x[1]), ("circle", x[0] * x[0] + x[1] * x[1])))?;
    /// let h = f.lagrangian("cost")?.hessian_lower()?;
    /// assert_eq!(h.eval(&[&[1.0, 2.0], &[1.0], &[5.0]])?, [10.0, 1.0, 10.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such output, or it is auxiliary or not one number.
    #[track_caller]
    pub fn lagrangian(&self, objective: &str) -> Result<Function> {
        let at = Location::caller();
        let (graph, f) = (self.graph(), self.output(objective)?);
        if f.is_aux() || !matches!(f.nodes(), [one] if graph.node(*one).shape() == Shape::SCALAR) {
            let message = format!("the objective `{objective}` is not one number that is differentiated");
            return Err(Error::here(ErrorKind::Shape, message));
        }
        let mut inputs = self.inputs().to_vec();
        let mut add = |group: InputGroup, name: String| {
            let mut name = name;
            while inputs.iter().any(|taken| taken.name() == name) {
                name.push('\'');
            }
            inputs.push(group.renamed(name).with_active(false));
        };
        add(InputGroup::value("s", Shape::SCALAR, DType::Float), "sigma".into());
        let constraints: Vec<&OutputGroup> = self.differentiable().filter(|y| y.name() != objective).collect();
        for y in &constraints {
            let shape = y.nodes().first().map_or(Shape::SCALAR, |&id| graph.node(id).shape());
            let group = if y.nodes().len() == 1 {
                InputGroup::value("l", shape, DType::Float)
            } else {
                InputGroup::numbers("l", y.nodes().len()).with_shape(shape)
            };
            add(group, format!("lambda_{}", y.name()));
        }
        Function::build(self.width(), inputs, at, |args| {
            let (x, multipliers) = args.split_at(self.input_len());
            let values = crate::eval::eval(graph, x);
            let value = |id: &crate::graph::NodeId| values[id.index()].num();
            let weighted = |(&multiplier, id): (&Expr, &crate::graph::NodeId)| {
                let term = multiplier * value(id);
                if term.rank() == 0 { term } else { term.sum(..) }
            };
            let terms = multipliers[1..].iter().zip(constraints.iter().flat_map(|y| y.nodes()));
            let sum = terms.map(weighted).fold(multipliers[0] * value(&f.nodes()[0]), |sum, term| sum + term);
            vec![NewOutput { name: "lagrangian".into(), values: vec![sum], aux: false }]
        })
    }
}
