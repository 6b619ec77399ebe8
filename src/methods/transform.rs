//! Function → Function: derivatives, maps, simplification, and what sparse derivatives are made of.

use crate::base::Axis;
use crate::diff::{self, Mode};
use crate::error::Result;
use crate::eval;
use crate::formula::Formulas;
use crate::graph::{self, Function, Handles, Outputs};
use crate::simplify::{self, Simplify};
use crate::vmap::{self, Over};

impl Function {
    /// y and the directional derivative J·t: the inputs are followed by a tangent `t_x` for every active input `x`, the
    /// outputs by a tangent `t_y` for every output `y` (auxiliary outputs aside).
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| x * y)?.jvp()?;
    /// assert_eq!(f.eval(&[3.0, 5.0, 1.0, 0.0])?, [15.0, 5.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary.
    #[track_caller]
    pub fn jvp(&self) -> Result<Function> {
        diff::jvp(self)
    }

    /// y and the adjoints Jᵀ·c: the inputs are followed by a cotangent `c_y` for every output `y` (auxiliary ones aside),
    /// the outputs by an adjoint `d_x` for every active input `x`.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| x * y)?.vjp()?;
    /// assert_eq!(f.eval(&[3.0, 5.0, 1.0])?, [15.0, 5.0, 3.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary.
    #[track_caller]
    pub fn vjp(&self) -> Result<Function> {
        diff::vjp(self)
    }

    /// The gradient of a function of one number: an output `d_x` for every active input `x`, then the auxiliary outputs.
    ///
    /// # Errors
    /// If there is not exactly one output number (auxiliary ones aside), or no active input.
    #[track_caller]
    pub fn grad(&self) -> Result<Function> {
        diff::grad(self)
    }

    /// The outputs, then the gradient as in [`Function::grad`], sharing all work.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?.value_and_grad()?;
    /// assert_eq!(f.eval(&[2.0, 1.0])?, [6.0, 2.0, 5.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::grad`].
    #[track_caller]
    pub fn value_and_grad(&self) -> Result<Function> {
        diff::value_and_grad(self)
    }

    /// The Jacobian ∂yᵢ/∂xⱼ, row by row (m×n numbers in one output `jacobian`), swept in the cheaper mode.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| [x * y, x + y, x * x])?;
    /// assert_eq!(f.jacobian()?.eval(&[3.0, 2.0])?, [2.0, 3.0, 1.0, 1.0, 6.0, 0.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// That is so whatever the function uses inside: names and shapes depend on the inputs and outputs alone, auxiliary outputs aside. Arrays,
    /// loops, branches and roots inside are met once by all sweeps.
    ///
    /// ```
    /// use wengert::{Expr, Function, while_loop};
    /// let f = Function::trace(("x", 2), |x| [Expr::stack(&x, 0).norm(), while_loop(x[0], |y| y.gt(1.0), |y| y * x[1])])?;
    /// assert_eq!(f.jacobian()?.eval(&[3.0, 0.5])?[2..], [0.25, 3.0]); // 3·½², by both
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// If an input or output is an array, there is an output `jacobian_y_x` for each pair of an output and an active input, or `jacobian` if there is
    /// one pair: an array of the shape of the output followed by that of the input, where a group of k numbers has an axis of length k. It
    /// comes from one sweep that is mapped over all numbers. Axes may be open either in the inputs, for reverse mode, or in the outputs, for forward
    /// mode.
    ///
    /// ```
    /// use wengert::{Array, Function};
    /// let f = Function::trace(["x[2]", "w[3,2]"], |[x, w]| w.matmul(x))?.wrt(["x"])?;
    /// let w = Array::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    /// assert_eq!(f.jacobian()?.run((("x", [0.0, 0.0]), ("w", &w)))?["jacobian"], w);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// Auxiliary outputs follow, as those of [`Function::grad`] do.
    ///
    /// # Errors
    /// If no input is active, if all outputs are auxiliary, or where open axes leave no mode. Of a batch with an open axis take the Jacobian of one
    /// sample, before [`Function::vmap`].
    #[track_caller]
    pub fn jacobian(&self) -> Result<Function> {
        diff::with_aux(self, diff::jacobian(self, Mode::Auto)?)
    }

    /// The Jacobian, as [`Function::jacobian`], in the given mode.
    ///
    /// # Errors
    /// As [`Function::jacobian`].
    #[track_caller]
    pub fn jacobian_in(&self, mode: Mode) -> Result<Function> {
        diff::with_aux(self, diff::jacobian(self, mode)?)
    }

    /// The outputs, then the Jacobian as in [`Function::jacobian`].
    ///
    /// ```
    /// use wengert::{Function, aux};
    /// let f = Function::trace(["x", "y"], |[x, y]| (("r", [x * y, x + y]), aux(("sum", x + y))))?.value_and_jacobian()?;
    /// assert_eq!(f.eval(&[3.0, 2.0])?, [6.0, 5.0, 5.0, 2.0, 3.0, 1.0, 1.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::jacobian`].
    #[track_caller]
    pub fn value_and_jacobian(&self) -> Result<Function> {
        diff::with_values(self, &diff::jacobian(self, Mode::Auto)?)
    }

    /// The Hessian of a function of one number, ∂²y/∂xᵢ∂xⱼ, row by row (n×n numbers in one output `hessian`): forward
    /// over reverse. If an input is an array, there is an output `hessian_x_y` for each pair of active inputs, or `hessian` if there is one input,
    /// by the same rule as in [`Function::jacobian`]. Auxiliary outputs follow. At a kink it is that of the convention there, as 0 for |x²| at 0:
    /// docs/numerics.md, "Second order".
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| x * x * y)?;
    /// assert_eq!(f.hessian()?.eval(&[3.0, 2.0])?, [4.0, 6.0, 6.0, 0.0]);
    /// // times the vector (1, 2): inputs, then the direction
    /// assert_eq!(f.hvp()?.eval(&[3.0, 2.0, 1.0, 2.0])?, [16.0, 6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::grad`], or if an active input has an open axis.
    #[track_caller]
    pub fn hessian(&self) -> Result<Function> {
        diff::with_aux(self, diff::hessian(self)?)
    }

    /// The product of the Hessian with a vector, forward over reverse: the inputs are followed by a direction `v_x` for
    /// every active input `x`; the outputs are `hv_x`, then the auxiliary ones. At a kink as in [`Function::hessian`]. Where the Hessian is diagonal,
    /// the product with ones is its diagonal, in one sweep and with axes open.
    ///
    /// # Errors
    /// As [`Function::grad`].
    #[track_caller]
    pub fn hvp(&self) -> Result<Function> {
        diff::with_aux(self, diff::hvp(self)?)
    }

    /// The diagonal of the Hessian of a function of one number, ∂²y/∂xᵢ²: an output `h_x` of the shape of every active input `x`.
    /// Exact, from the second Taylor coefficient along every axis: as many forward sweeps of second order as there are numbers, but
    /// no square matrix. Auxiliary outputs follow. At a kink as in [`Function::hessian`].
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| x * x * y.exp())?;
    /// assert_eq!(f.hessian_diagonal()?.eval(&[3.0, 0.0])?, [2.0, 9.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::grad`], or if an active input has an open axis, which [`Function::with_lengths`] gives a length.
    #[track_caller]
    pub fn hessian_diagonal(&self) -> Result<Function> {
        diff::with_aux(self, diff::hessian_diagonal(self)?)
    }

    /// The product of the Gauss–Newton matrix JᵀJ with a vector, for residuals of any number of outputs: forward along the direction,
    /// then backward. The inputs are followed by a direction `v_x` for every active input `x`; the outputs are `gv_x`, then the auxiliary ones. Of a sum of
    /// squares, ½|r|², it is the Hessian's product without the residuals' own curvature.
    ///
    /// ```
    /// use wengert::Function;
    /// let r = Function::trace(["a", "b"], |[a, b]| [a * b, a - 1.0])?; // J = [[b, a], [1, 0]]
    /// assert_eq!(r.gauss_newton()?.eval(&[2.0, 3.0, 1.0, 0.0])?, [10.0, 6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary.
    #[track_caller]
    pub fn gauss_newton(&self) -> Result<Function> {
        diff::with_aux(self, diff::gauss_newton(self)?)
    }

    /// As [`Function::gauss_newton`] with the Hessian H of a loss of the outputs: JᵀHJ·v. The loss has as many inputs as this function
    /// has outputs (auxiliary ones aside), of the same shapes.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| [x, x * x])?;
    /// let loss = Function::trace(["p", "q"], |[p, q]| p * p + q.exp())?; // H = diag(2, e^q)
    /// assert_eq!(f.gauss_newton_of(&loss)?.eval(&[0.0, 1.0])?, [2.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::gauss_newton`] and, of the loss, [`Function::grad`]; if its inputs are not like this function's outputs.
    #[track_caller]
    pub fn gauss_newton_of(&self, loss: &Function) -> Result<Function> {
        diff::with_aux(self, diff::gauss_newton_of(self, loss)?)
    }

    /// The Taylor coefficients of t ↦ f(x + v·t) up to an order: the inputs are followed by a direction `v_x` for every active input
    /// `x`, the outputs `y` (auxiliary ones aside) by `t1_y`, `t2_y`, …, where `tk_y` is the k-th derivative along the direction divided
    /// by k!. The number of operations grows with the square of the order, where that of jvp of jvp of … grows exponentially.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| x.exp())?.taylor(3)?;
    /// assert_eq!(f.eval(&[0.0, 1.0])?, [1.0, 1.0, 0.5, 1.0 / 6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary.
    #[track_caller]
    pub fn taylor(&self, order: usize) -> Result<Function> {
        diff::taylor(self, order)
    }

    /// The mixed partial derivative of every output (auxiliary ones aside) with respect to single numbers, as `("x", 2)` and
    /// `("y", 1)` for ∂³/∂x²∂y: outputs `p_y`, then the auxiliary ones. Interpolated from Taylor coefficients along Π(αᵢ + 1) − 1 directions (A. Griewank,
    /// J. Utke and A. Walther, 2000), which share all work on what they have in common. Without any, the outputs themselves.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| x.powi(3) * y * y)?;
    /// assert_eq!(f.partial([("x", 2), ("y", 1)])?.eval(&[2.0, 3.0])?, [72.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown or given twice, or is that of an array or of several numbers.
    #[track_caller]
    pub fn partial<'n>(&self, orders: impl IntoIterator<Item = (&'n str, usize)>) -> Result<Function> {
        diff::with_aux(self, diff::partial(self, orders)?)
    }

    /// Maps the function over a new leading axis of the named inputs; the others are shared by all samples. Every output gets the
    /// axis. A name makes the axis open: its length comes with each call.
    /// An input of k numbers becomes n rows of k neighbours, as do outputs; see [`InputGroup::array_shape`](crate::graph::InputGroup::array_shape).
    /// Derivatives of every sample are taken before: `f.grad()?.vmap("n", ["x"])?`, `f.jacobian()?.vmap("n", ["x"])?`. Those of the batch as a whole
    /// are taken after it, of the mean or the sum, say; its Jacobian has every result by every sample, for which the axis needs a length.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["w[2]", "x[2]"], |[w, x]| w.dot(x).tanh())?;
    /// let batch = f.vmap("n", ["x"])?;
    /// let y = batch.run((("w", [0.5, -1.0]), ("x", [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])))?;
    /// assert_eq!(y[0].data(), [0.5f64.tanh(), (-1f64).tanh(), (-0.5f64).tanh()]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown or given twice, or there is none, or if the axis is open by a name that the function uses already.
    #[track_caller]
    pub fn vmap<S: AsRef<str>>(&self, axis: impl Into<Axis>, names: impl IntoIterator<Item = S>) -> Result<Function> {
        vmap::vmap(self, axis, names)
    }

    /// The mean, over the axis of this name, of every output that has it, wherever in the output's shape it stands; the other outputs stay.
    /// The mean of nothing is NaN. With [`Function::vmap`] it makes the loss of a batch out of that of a sample, and of its gradient the batch's:
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace((["a", "b"], ["x", "y"]), |([a, b], [x, y])| (a * x + b - y).powi(2))?;
    /// let step = f.wrt(["a", "b"])?.value_and_grad()?.vmap("n", ["x", "y"])?.mean("n")?;
    /// let y = step.run((("a", 1.0), ("b", 0.0), ("x", [1.0, 2.0]), ("y", [1.0, 4.0])))?;
    /// assert_eq!(["y", "d_a", "d_b"].map(|name| y[name].data()[0]), [2.0, -4.0, -2.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no output has an axis of this name (a length is none), or one that has it is an index, or has it twice.
    #[track_caller]
    pub fn mean(&self, axis: &str) -> Result<Function> {
        vmap::reduced(self, Over::Mean, axis)
    }

    /// The sum, over the axis of this name, of every output that has it; the other outputs stay. The sum of nothing is 0.
    ///
    /// # Errors
    /// As [`Function::mean`].
    #[track_caller]
    pub fn sum(&self, axis: &str) -> Result<Function> {
        vmap::reduced(self, Over::Sum, axis)
    }

    /// As [`Function::mean`], of the named outputs only.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| (("loss", (x - y).powi(2)), ("error", x - y)))?;
    /// let f = f.vmap("n", ["x"])?.mean_of("n", ["loss"])?;
    /// let y = f.run((("x", [1.0, 2.0, 3.0]), ("y", 2.0)))?;
    /// assert_eq!((y["loss"].data(), y["error"].data()), (&[2.0 / 3.0][..], &[-1.0, 0.0, 1.0][..]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown or given twice, or there is none; as [`Function::mean`] of the named outputs.
    #[track_caller]
    pub fn mean_of<S: AsRef<str>>(&self, axis: &str, names: impl IntoIterator<Item = S>) -> Result<Function> {
        vmap::reduced_of(self, Over::Mean, axis, names)
    }

    /// As [`Function::sum`], of the named outputs only.
    ///
    /// # Errors
    /// As [`Function::mean_of`].
    #[track_caller]
    pub fn sum_of<S: AsRef<str>>(&self, axis: &str, names: impl IntoIterator<Item = S>) -> Result<Function> {
        vmap::reduced_of(self, Over::Sum, axis, names)
    }

    /// A new function of the same inputs: the closure gets this function's inputs and outputs as handles, and gives the new outputs. The
    /// inputs keep their names, shapes and kinds, and which of them are active; the width stays. A step of gradient descent goes on from a gradient:
    ///
    /// ```
    /// use wengert::Function;
    /// let loss = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| ("loss", (x.matmul(w) - y).powi(2).mean(..)))?;
    /// let step = loss.wrt(["w"])?.value_and_grad()?.then(|inputs, outputs| {
    ///     (("loss", outputs["loss"]), ("next_w", inputs["w"] - 0.25 * outputs["d_w"]))
    /// })?;
    /// let y = step.run((("w", [0.0, 0.0]), ("x", [[1.0, 2.0]]), ("y", [3.0])))?;
    /// assert_eq!((y["loss"].data(), y["next_w"].data()), (&[9.0][..], &[1.5, 3.0][..]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// [`Handles`] come by name, by number, or all at once, and stand for outputs with their names:
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (("sum", a + b), ("product", a * b)))?;
    /// let g = f.then(|inputs, outputs| {
    ///     let [a, b] = inputs.all();
    ///     let mean = outputs["sum"] * 0.5;
    ///     (outputs, ("mean", mean), ("square", (a - b).powi(2)))
    /// })?;
    /// assert_eq!(g.eval(&[2.0, 4.0])?, [6.0, 8.0, 3.0, 4.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::trace`]; a name or number that there is not.
    #[track_caller]
    pub fn then<R: Outputs>(&self, next: impl FnOnce(Handles, Handles) -> R) -> Result<Function> {
        eval::then(self, next)
    }

    /// The same function with lengths in the place of open axes.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x[n]", |x| x * x)?.with_lengths([("n", 2)])?;
    /// assert_eq!(f.inputs()[0].shape().len(), Some(2));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input has an open axis of such a name, or if a name is given two lengths.
    #[track_caller]
    pub fn with_lengths<S: AsRef<str>>(&self, lengths: impl IntoIterator<Item = (S, usize)>) -> Result<Function> {
        graph::with_lengths(self, lengths)
    }

    /// The same function, simplified by rewrites that keep every bit of every result.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| (x * 1.0).powi(2) - (-x))?;
    /// assert_eq!(f.simplify().graph().len(), 3); // x, x·x, and their sum
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn simplify(&self) -> Function {
        simplify::simplify(self, Simplify::EXACT)
    }

    /// The same function, simplified by the rewrites that are allowed.
    pub fn simplify_with(&self, allowed: Simplify) -> Function {
        simplify::simplify(self, allowed)
    }

    /// Reads a formula in double precision. Each input is a number, as `"x"`, or several, as `"p[3]"`; the language stands in the module
    /// [`formula`](crate::formula).
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::from_formula("sin(x)^2 + a*exp(-x/b)", ["x", "a", "b"])?;
    /// assert_eq!(f.eval(&[0.0, 2.0, 1.0])?, [2.0]);
    /// let polar = Function::from_formula("r = hypot(x, y), phi = atan2(y, x)", ["x", "y"])?;
    /// assert_eq!(polar.eval(&[3.0, 4.0])?[0], 5.0);
    /// let error = Function::from_formula("sin(x) + sine(x)", ["x"]).unwrap_err();
    /// assert_eq!(error.line_column(), Some((1, 10)));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// The text is no formula, or has a name that is unknown (with the line and a caret below the place); it is too long or too deep; an input's
    /// declaration is none.
    #[track_caller]
    pub fn from_formula<S: AsRef<str>>(formula: &str, inputs: impl IntoIterator<Item = S>) -> Result<Function> {
        Formulas::new().read(formula, inputs)
    }

    /// The formula of a function of numbers, operation by operation: with the same inputs, [`Function::from_formula`] reads it back to a function
    /// whose results have the same bits. What is used more than once is written out each time; see [`Formulas::named`]. Which inputs are active and
    /// which outputs auxiliary is not said.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| (x - y).powi(2) / 3.0)?;
    /// assert_eq!(f.to_formula()?, "(x - y)^2/3");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// It has an operation that formulas do not have (of arrays, with bodies), which the error names with its line; the formula would be
    /// too long.
    #[track_caller]
    pub fn to_formula(&self) -> Result<String> {
        Formulas::new().write(self)
    }

    /// The function for a reader, in plain text: like terms collected, powers, roots and fractions as a person writes them. This is mathematics of
    /// real numbers: it may round otherwise than the function, and leaves out what the derivatives of the op table have for single points.
    ///
    /// ```
    /// use wengert::Function;
    /// let derivative = |text| Function::from_formula(text, ["x"])?.grad()?.to_pretty();
    /// assert_eq!(derivative("x^5")?, "d_x = 5x⁴");
    /// assert_eq!(derivative("x*cos(x)")?, "d_x = cos x − x·sin x");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::to_formula`].
    #[track_caller]
    pub fn to_pretty(&self) -> Result<String> {
        Formulas::new().pretty(self)
    }

    /// The function for a reader, in LaTeX, as [`Function::to_pretty`] has it in plain text. Several results are lines of `aligned`.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::from_formula("sqrt(x)/(1 + x^2)", ["x"])?;
    /// assert_eq!(f.to_latex()?, r"\frac{\sqrt{x}}{x^{2} + 1}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::to_formula`].
    #[track_caller]
    pub fn to_latex(&self) -> Result<String> {
        Formulas::new().latex(self)
    }
}
