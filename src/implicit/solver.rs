//! The calls: an equation is traced, solved by a loop, and given its derivative.

use super::convergence::Outcome;
use super::derivative::attached;
use super::failed::check_tolerances;
use super::method::{Method, Solver};
use super::unknowns::{Unknowns, packed};
use super::{minimum, root};
use crate::base::{Axis, Shape};
use crate::error::{Caller, Error, Result};
use crate::graph::{Body, Cond, Expr, Function, IntoValues, Values, refuse};
use crate::op::lit;
use std::panic::Location;

#[allow(unused_imports, reason = "the documentation links it")]
use super::convergence::Convergence;

/// What a [`Solver`] found, in a trace.
#[derive(Clone, Debug)]
pub struct Solution<X> {
    /// The unknowns; NaN where the solver did not converge, and so is every derivative of them. A root where the Jacobian is singular to working
    /// precision has no derivative, and is such a case ([`Outcome::Singular`]).
    pub x: X,
    /// Where the solver stopped, also where it did not converge; a constant to derivatives.
    pub last: X,
    /// Whether it converged.
    pub converged: Cond,
    /// What happened, in numbers that [`Convergence::read`] understands; a constant to derivatives.
    pub report: Expr,
}

impl Solver {
    /// Traces the equation, makes a method of it, and attaches the derivative.
    fn solved<X: Values<Expr>, R: Values<Expr>>(
        self,
        what: &'static str,
        at: Caller,
        x0: X,
        f: impl FnOnce(X) -> R,
        method: impl FnOnce(Function) -> Result<Method>,
    ) -> Solution<X> {
        let made = (|| {
            let (relative, absolute) = self.tolerance.unzip();
            check_tolerances(what, &[("a relative tolerance", relative), ("an absolute tolerance", absolute)])?;
            let unknowns = Unknowns::new(what, &x0, at)?;
            let body = Body::trace(what, &[unknowns.ty()], at, |args| {
                Ok((true, vec![packed(&f(unknowns.of(args[0])).parts(), what, at)]))
            })?;
            let method = method(body.f)?;
            let found = attached(at, method, packed(&x0.parts(), what, at), &body.captured)?;
            Ok((unknowns.of(found.x), unknowns.of(found.last), found.status, found.report))
        })();
        let (x, last, status, report) = made.unwrap_or_else(|error: Error| {
            refuse(error.at(Some(at)));
            (x0.clone(), x0, lit(f64::NAN), Expr::full(f64::NAN, Shape::new([Axis::Fixed(2)])))
        });
        Solution { x, last, converged: status.eq(Outcome::Converged as u8 as f64), report }
    }
}

/// Solves F(x) = 0 by Newton's method, from a first guess, with as many equations as unknowns. `residual` may use any handle of the trace; the
/// root is differentiable in all of them: dx = −F_x⁻¹·F_p dp, in both modes and of every order. A step is halved until the residuals
/// are shorter (H. B. Curry, 1944, L. Armijo, 1966).
///
/// ```
/// use wengert::{Function, implicit::newton};
/// // ∛a, as what is 0 where x³ = a
/// let f = Function::trace("a", |a| newton(1.0, |x| x * x * x - a).x)?;
/// let [x, dx] = f.value_and_grad()?.compile()?.call([8.0f64])?;
/// assert!((x - 2.0).abs() < 1e-14 && (dx - 1.0 / 12.0).abs() < 1e-14);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: another number of equations than of unknowns; unknowns with an open axis; a tolerance that is not positive and finite. That the
/// loop does not converge is no error, nor is a Jacobian that is singular to working precision at the root: see [`Solution`].
#[track_caller]
pub fn newton<X: IntoValues<Expr>, R: Values<Expr>>(x0: X, residual: impl FnOnce(X::Values) -> R) -> Solution<X::Values> {
    Solver::new().root(x0, residual)
}

/// Solves x = g(x) by iteration, from a first guess. The fixed point is differentiable in all handles that `g` uses, by the linear
/// equation dx = g_x dx + g_p dp (B. Christianson, 1994), which is solved at once. The error is estimated from how the last steps shrank.
///
/// ```
/// use wengert::{Function, implicit::fixed_point};
/// // Kepler's equation E = M + e·sin E
/// let f = Function::trace(["m", "e"], |[m, e]| fixed_point(m, |x| m + e * x.sin()).x)?;
/// let [x, dm, _] = f.value_and_grad()?.compile()?.call([1.0f64, 0.1])?;
/// assert!((x - 1.0 - 0.1 * x.sin()).abs() < 1e-10);
/// assert!((dm - 1.0 / (1.0 - 0.1 * x.cos())).abs() < 1e-10);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`newton`].
#[track_caller]
pub fn fixed_point<X: IntoValues<Expr>>(x0: X, g: impl FnOnce(X::Values) -> X::Values) -> Solution<X::Values> {
    Solver::new().fixed_point(x0, g)
}

/// The unknowns where a number is least, near a first guess: Newton's method for ∇f = 0, with a multiple of the Hessian's diagonal added as
/// long as f does not fall (K. Levenberg, 1944, D. Marquardt, 1963). Gradient and Hessian are the library's. Differentiable in all
/// handles that `f` uses. From a guess that is stationary already, a saddle as well, there is no step.
///
/// ```
/// use wengert::{Function, implicit::minimize};
/// let f = Function::trace(["a", "b"], |[a, b]| {
///     let rosenbrock = |[x, y]: [wengert::Expr; 2]| (a - x).powi(2) + b * (y - x * x).powi(2);
///     minimize([-1.0, 1.0], rosenbrock).x
/// })?;
/// let d: [f64; 4] = f.jacobian()?.compile()?.call([2.0, 100.0])?; // of the minimum (a, a²)
/// assert!(d.iter().zip([1.0, 0.0, 4.0, 0.0]).all(|(d, want)| (d - want).abs() < 1e-9), "{d:?}");
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`newton`], and if `f` gives several numbers.
#[track_caller]
pub fn minimize<X: IntoValues<Expr>>(x0: X, f: impl FnOnce(X::Values) -> Expr) -> Solution<X::Values> {
    Solver::new().minimum(x0, f)
}

/// The unknowns with the least sum of squares of residuals, near a first guess, by the method of Gauss, Newton, Levenberg and Marquardt: as
/// [`minimize`], with Jᵀ·J in the place of the Hessian. The derivative is that of the exact equation Jᵀ·r = 0. To fit data once, with
/// error bars, see [`LeastSquares`](crate::optim::LeastSquares).
///
/// ```
/// use wengert::{Function, implicit::least_squares};
/// // y = a·exp(b·x), fitted; then how a depends on the data
/// let f = Function::trace(["x[n]", "y[n]"], |[x, y]| {
///     least_squares([1.0, 0.0], |[a, b]| a * (b * x).exp() - y).x[0]
/// })?.wrt(["y"])?;
/// let x = [0.0, 1.0, 2.0];
/// let y = x.map(|x: f64| 2.0 * (-0.5 * x).exp());
/// let d = f.value_and_grad()?.run((("x", x), ("y", y)))?;
/// assert!((d["y"].data()[0] - 2.0f64).abs() < 1e-9 && d["d_y"].shape() == [3]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// As [`newton`]; there may be any number of residuals.
#[track_caller]
pub fn least_squares<X: IntoValues<Expr>, R: Values<Expr>>(x0: X, residuals: impl FnOnce(X::Values) -> R) -> Solution<X::Values> {
    Solver::new().least_squares(x0, residuals)
}

impl Solver {
    /// See [`newton`].
    #[track_caller]
    pub fn root<X: IntoValues<Expr>, R: Values<Expr>>(self, x0: X, residual: impl FnOnce(X::Values) -> R) -> Solution<X::Values> {
        let at = Location::caller();
        self.solved("newton", at, x0.into_values(), residual, |f| root::newton(self, f, at))
    }

    /// See [`fixed_point`].
    #[track_caller]
    pub fn fixed_point<X: IntoValues<Expr>>(self, x0: X, g: impl FnOnce(X::Values) -> X::Values) -> Solution<X::Values> {
        let at = Location::caller();
        self.solved("fixed_point", at, x0.into_values(), g, |g| root::fixed_point(self, g, at))
    }

    /// See [`minimize`].
    #[track_caller]
    pub fn minimum<X: IntoValues<Expr>>(self, x0: X, f: impl FnOnce(X::Values) -> Expr) -> Solution<X::Values> {
        let at = Location::caller();
        self.solved("minimize", at, x0.into_values(), f, |f| minimum::newton(self, f, at))
    }

    /// See [`least_squares`].
    #[track_caller]
    pub fn least_squares<X: IntoValues<Expr>, R: Values<Expr>>(
        self,
        x0: X,
        residuals: impl FnOnce(X::Values) -> R,
    ) -> Solution<X::Values> {
        let at = Location::caller();
        self.solved("least_squares", at, x0.into_values(), residuals, |f| minimum::gauss_newton(self, f, at))
    }
}
