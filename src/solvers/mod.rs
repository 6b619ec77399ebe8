//! Compiled functions as the problems that solvers take: the traits of [argmin](https://docs.rs/argmin), with the feature `argmin`.
//!
//! In: a [`Function`], and a [`Method`] that says what is known of its inputs. Out: an [`Objective`] or [`Residuals`], of the numbers of all active
//! inputs one after the other. A value or derivative that is not finite is an error of the solver's run: solvers compare, and comparisons with NaN are false.

mod evaluation;
mod point;

pub use point::{Point, SparseMatrix};

use crate::compiled::CompiledSparse;
use crate::diff::check_differentiable;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::Function;
use crate::sparse::{Method, Sparsity};
use argmin::core::{CostFunction, Error as SolverError, Gradient, Hessian, Jacobian, Operator};
use evaluation::{Evaluation, check_finite};
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

/// A function of one result, to be minimised: argmin's `CostFunction`, `Gradient` and `Hessian`, over `Vec<f64>` with a sparse Hessian, or over
/// nalgebra's `DVector<f64>` or ndarray's `Array1<f64>` with a dense one. Value and gradient are compiled at once, the Hessian when a solver first asks for it.
///
/// Where a value or derivative is not finite, the call is an error that says at which point, and the solver's run ends with it. A function
/// with a bound that a line search may cross can be given a large value there, by [`select`](crate::select).
///
/// ```
/// use argmin::{core::Executor, solver::trustregion::{Steihaug, TrustRegion}};
/// use wengert::{Function, solvers::Objective};
/// let f = Function::trace(["x", "y"], |[x, y]| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2))?;
/// let solver = TrustRegion::new(Steihaug::new().with_max_iters(10));
/// let found = Executor::new(Objective::new(&f)?, solver).configure(|s| s.param(vec![-1.2, 1.0]).max_iters(100)).run()?;
/// let best = found.state.best_param.unwrap();
/// assert!((best[0] - 1.0).abs() < 1e-6 && (best[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Objective<P = Vec<f64>> {
    value: Evaluation,
    gradient: Evaluation,
    hessian: Later,
    point: PhantomData<fn(&P) -> P>,
}

/// Several results of the same inputs, to be made small or zero: argmin's `Operator` and `Jacobian`, over `Vec<f64>` with a sparse Jacobian,
/// or over nalgebra's `DVector<f64>` or ndarray's `Array1<f64>` with a dense one. Results are the numbers of all outputs one after the other, auxiliary ones aside.
#[derive(Clone, Debug)]
pub struct Residuals<P = Vec<f64>> {
    values: Evaluation,
    jacobian: Later,
    point: PhantomData<fn(&P) -> P>,
}

impl<P: Point> Objective<P> {
    /// A function whose inputs are all active, of known lengths.
    ///
    /// # Errors
    /// As [`Objective::with`].
    #[track_caller]
    pub fn new(f: &Function) -> Result<Self> {
        Self::with(f, &Method::new())
    }

    /// A function with [`Method::length`] of its open axes, and [`Method::data`] of its inputs that are not active; the method also finds
    /// the Hessian.
    ///
    /// # Errors
    /// If there is not exactly one output number (auxiliary ones aside), or no active input; if a length or an inactive input is
    /// not given, or what is given does not fit; if the function computes in `f32`.
    #[track_caller]
    pub fn with(f: &Function, method: &Method) -> Result<Self> {
        check_differentiable(f)?;
        let known = method.prepare(f)?.without_aux();
        let value = Evaluation::new(&known, method)?;
        if value.results() != 1 {
            let message = format!("an objective has one result, and the function has {}", value.results());
            return Err(Error::here(ErrorKind::Shape, message));
        }
        let gradient = Evaluation::new(&known.grad()?, method)?;
        Ok(Objective { value, gradient, hessian: Later::new(f, method), point: PhantomData })
    }

    /// How many numbers a point has.
    pub fn dimension(&self) -> usize {
        self.value.dimension()
    }
}

impl<P: Point> Residuals<P> {
    /// A function whose inputs are all active, of known lengths.
    ///
    /// # Errors
    /// As [`Residuals::with`].
    #[track_caller]
    pub fn new(f: &Function) -> Result<Self> {
        Self::with(f, &Method::new())
    }

    /// A function with [`Method::length`] of its open axes, and [`Method::data`] of its inputs that are not active; the method also finds
    /// the Jacobian.
    ///
    /// # Errors
    /// If all outputs are auxiliary, or no input is active; if a length or an inactive input is not given, or what is given does not fit;
    /// if the function computes in `f32`.
    #[track_caller]
    pub fn with(f: &Function, method: &Method) -> Result<Self> {
        check_differentiable(f)?;
        let values = Evaluation::new(&method.prepare(f)?.without_aux(), method)?;
        Ok(Residuals { values, jacobian: Later::new(f, method), point: PhantomData })
    }

    /// How many numbers a point has.
    pub fn dimension(&self) -> usize {
        self.values.dimension()
    }
}

impl<P: Point> CostFunction for Objective<P> {
    type Param = P;
    type Output = f64;
    fn cost(&self, point: &P) -> std::result::Result<f64, SolverError> {
        let mut value = [0.0];
        self.value.call_into("value of the objective", &point.numbers(), &mut value)?;
        Ok(value[0])
    }
}

impl<P: Point> Gradient for Objective<P> {
    type Param = P;
    type Gradient = P;
    fn gradient(&self, point: &P) -> std::result::Result<P, SolverError> {
        Ok(P::from_numbers(self.gradient.call("gradient of the objective", &point.numbers())?))
    }
}

impl<P: Point> Hessian for Objective<P> {
    type Param = P;
    type Hessian = P::Matrix;
    fn hessian(&self, point: &P) -> std::result::Result<P::Matrix, SolverError> {
        self.hessian.call("Hessian of the objective", &self.value, point, Method::hessian)
    }
}

impl<P: Point> Operator for Residuals<P> {
    type Param = P;
    type Output = P;
    fn apply(&self, point: &P) -> std::result::Result<P, SolverError> {
        Ok(P::from_numbers(self.values.call("vector of residuals", &point.numbers())?))
    }
}

impl<P: Point> Jacobian for Residuals<P> {
    type Param = P;
    type Jacobian = P::Matrix;
    fn jacobian(&self, point: &P) -> std::result::Result<P::Matrix, SolverError> {
        self.jacobian.call("Jacobian of the residuals", &self.values, point, Method::jacobian)
    }
}

/// A matrix of derivatives that is compiled when it is first asked for.
#[derive(Clone, Debug)]
struct Later {
    f: Function,
    method: Method,
    made: OnceLock<Result<(Arc<Sparsity>, CompiledSparse)>>,
}

impl Later {
    fn new(f: &Function, method: &Method) -> Later {
        Later { f: f.clone(), method: method.clone(), made: OnceLock::new() }
    }

    /// The matrix at a point, whose numbers `evaluation` knows to part.
    fn call<P: Point>(
        &self,
        what: &str,
        evaluation: &Evaluation,
        point: &P,
        find: impl FnOnce(&Method, &Function) -> Result<crate::sparse::SparseDerivative>,
    ) -> std::result::Result<P::Matrix, SolverError> {
        let made = self.made.get_or_init(|| {
            let code = find(&self.method, &self.f)?.compile()?;
            Ok((Arc::new(code.sparsity().clone()), code))
        });
        let (sparsity, code) = made.as_ref().map_err(Clone::clone)?;
        let mut values = vec![0.0; sparsity.len()];
        code.call_into(&evaluation.active(&point.numbers())?, &mut [&mut values])?;
        check_finite(what, &point.numbers(), &values)?;
        Ok(P::matrix(sparsity, values))
    }
}
