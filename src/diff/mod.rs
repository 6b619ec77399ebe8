//! Derivatives of functions, as functions.
//!
//! In: a [`Function`]. Out: a `Function` that computes derivatives. There are no rules here: the op table gives every
//! edge's linear map, forward mode applies the maps, reverse mode their transposes. Nothing here knows of native code.

mod arrays;
mod backward;
mod control;
mod kept;
mod keyed;
mod linear;
mod point;
mod rules;
mod taylor;

use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Function, InputGroup, NewOutput, NodeId, OutputGroup};
use crate::op::{DType, lit};
use kept::keeping;
pub(crate) use keyed::Products;
use linear::Linear;
pub use point::Linearization;
use std::panic::Location;

/// Which way a Jacobian is swept.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Forward where there are no more inputs than outputs, else reverse.
    #[default]
    Auto,
    /// One sweep per input.
    Forward,
    /// One sweep per output.
    Reverse,
}

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
        self.transform(Extra::Tangents, |linear, x, extra| {
            let tangents = linear.forward(&seeds(self, x.len(), extra));
            let mut outputs = primal(self, linear);
            outputs.extend(self.differentiable().map(|y| named("t_", y.name(), self.tangents_of(y, &tangents))));
            outputs
        })
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
        let f = keeping(self)?;
        f.transform(Extra::Cotangents, |linear, _, extra| {
            let nodes = f.differentiable().flat_map(|y| y.nodes().iter().copied());
            let adjoints = linear.reverse(nodes.zip(extra.iter().copied()));
            let mut outputs = primal(&f, linear);
            outputs.extend(f.adjoint_outputs(&adjoints));
            outputs
        })
    }

    /// The gradient of a function of one number: an output `d_x` for every active input `x`, then the auxiliary outputs.
    ///
    /// # Errors
    /// If there is not exactly one output number (auxiliary ones aside), or no active input.
    #[track_caller]
    pub fn grad(&self) -> Result<Function> {
        let f = keeping(self)?;
        let y = f.the_output("grad")?;
        f.transform(Extra::None, |linear, _, _| {
            let adjoints = linear.reverse([(y, lit(1.0))]);
            let mut outputs: Vec<NewOutput> = f.adjoint_outputs(&adjoints).collect();
            outputs.extend(primal(&f, linear).into_iter().filter(|y| y.aux));
            outputs
        })
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
        let f = keeping(self)?;
        let y = f.the_output("value_and_grad")?;
        f.transform(Extra::None, |linear, _, _| {
            let adjoints = linear.reverse([(y, lit(1.0))]);
            let mut outputs = primal(&f, linear);
            outputs.extend(f.adjoint_outputs(&adjoints));
            outputs
        })
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
    /// Of a function of arrays it has the shape of the output followed by that of the input, and comes from one sweep that is
    /// mapped over all numbers. With several outputs or active inputs there is an output `jacobian_y_x` for each pair. Axes may be
    /// open either in the inputs, for reverse mode, or in the outputs, for forward mode.
    ///
    /// ```
    /// use wengert::{Array, Function};
    /// let f = Function::trace(["x[2]", "w[3,2]"], |[x, w]| w.matmul(x))?.wrt(["x"])?;
    /// let w = Array::new([3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    /// assert_eq!(f.jacobian()?.eval_arrays(&[Array::vector(vec![0.0, 0.0]), w.clone()])?, [w]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, if all outputs are auxiliary, or where open axes leave no mode.
    #[track_caller]
    pub fn jacobian(&self) -> Result<Function> {
        self.jacobian_in(Mode::Auto)
    }

    /// The Jacobian, as [`Function::jacobian`], in the given mode.
    ///
    /// # Errors
    /// As [`Function::jacobian`].
    #[track_caller]
    pub fn jacobian_in(&self, mode: Mode) -> Result<Function> {
        self.check_differentiable()?;
        if self.has_arrays() {
            let rows: Vec<&str> = self.differentiable().map(OutputGroup::name).collect();
            return self.jacobian_of_arrays("jacobian", &rows, mode);
        }
        self.transform(Extra::None, |linear, x, _| {
            let rows: Vec<NodeId> = self.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
            let columns = self.active_slots();
            let forward = match mode {
                Mode::Auto => columns.len() <= rows.len(),
                Mode::Forward => true,
                Mode::Reverse => false,
            };
            let mut entries = vec![lit(0.0); rows.len() * columns.len()];
            if forward {
                for (j, &slot) in columns.iter().enumerate() {
                    let mut seed = vec![None; x.len()];
                    seed[slot] = Some(lit(1.0));
                    let tangents = linear.forward(&seed);
                    for (i, &row) in rows.iter().enumerate() {
                        entries[i * columns.len() + j] = tangents[row.index()].unwrap_or(lit(0.0));
                    }
                }
            } else {
                for (i, &row) in rows.iter().enumerate() {
                    let adjoints = linear.reverse([(row, lit(1.0))]);
                    for (j, &slot) in columns.iter().enumerate() {
                        entries[i * columns.len() + j] = adjoints.get(slot).copied().flatten().unwrap_or(lit(0.0));
                    }
                }
            }
            vec![NewOutput { name: "jacobian".into(), values: entries, aux: false }]
        })
    }

    /// The Hessian of a function of one number, ∂²y/∂xᵢ∂xⱼ, row by row (n×n numbers in one output `hessian`): forward
    /// over reverse. With respect to an array it has the array's shape twice over, and with several inputs there is an output
    /// `hessian_x_y` for each pair, as in [`Function::jacobian`].
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
        let grad = self.without_aux().grad()?;
        if self.has_arrays() {
            let rows: Vec<&str> = self.inputs().iter().filter(|group| group.is_active()).map(InputGroup::name).collect();
            return grad.jacobian_of_arrays("hessian", &rows, Mode::Forward);
        }
        let mut hessian = grad.jacobian_in(Mode::Forward)?;
        hessian.rename_output(0, "hessian");
        Ok(hessian)
    }

    /// The product of the Hessian with a vector, forward over reverse: the inputs are followed by a direction `v_x` for
    /// every active input `x`; the outputs are `hv_x`.
    ///
    /// # Errors
    /// As [`Function::grad`].
    #[track_caller]
    pub fn hvp(&self) -> Result<Function> {
        let grad = self.without_aux().grad()?;
        grad.transform(Extra::Directions, |linear, x, extra| {
            let tangents = linear.forward(&seeds(&grad, x.len(), extra));
            let names = self.inputs().iter().filter(|group| group.is_active()).map(|group| group.name());
            names.zip(grad.outputs()).map(|(name, y)| named("hv_", name, grad.tangents_of(y, &tangents))).collect()
        })
    }

    /// The product of the Gauss–Newton matrix JᵀJ with a vector, for residuals of any number of outputs: forward along the direction,
    /// then backward. The inputs are followed by a direction `v_x` for every active input `x`; the outputs are `gv_x`. Of a sum of
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
        self.gauss_newton_by(|_, tangents| tangents)
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
        let hvp = loss.hvp()?;
        let shapes = |f: &Function, ids: &mut dyn Iterator<Item = NodeId>| {
            ids.map(|id| format!("[{}]", f.graph().node(id).shape())).collect::<Vec<_>>().join(", ")
        };
        let given = shapes(self, &mut self.differentiable().flat_map(|y| y.nodes().iter().copied()));
        let taken = shapes(loss, &mut (0..loss.input_len()).map(NodeId::new));
        if given != taken || loss.active_slots().len() != loss.input_len() {
            let message =
                format!("gauss_newton_of: the outputs have the shapes {given}; the loss is of {taken}, all of them active");
            return Err(Error::here(ErrorKind::Shape, message));
        }
        self.gauss_newton_by(|values, tangents| hvp.eval(&[values, tangents].concat()).expect("the lengths were checked"))
    }

    #[track_caller]
    fn gauss_newton_by(&self, curvature: impl FnOnce(Vec<Expr>, Vec<Expr>) -> Vec<Expr>) -> Result<Function> {
        let f = keeping(self)?;
        f.transform(Extra::Directions, |linear, x, extra| {
            let nodes: Vec<NodeId> = f.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
            let tangents = linear.forward(&seeds(&f, x.len(), extra));
            let tangents = f.differentiable().flat_map(|y| f.tangents_of(y, &tangents)).collect();
            let values = nodes.iter().map(|id| linear.values[id.index()].num()).collect();
            let adjoints = linear.reverse(nodes.into_iter().zip(curvature(values, tangents)));
            let renamed = |y: NewOutput| NewOutput { name: y.name.replacen("d_", "gv_", 1), ..y };
            f.adjoint_outputs(&adjoints).map(renamed).collect()
        })
    }

    /// Names of the outputs that are zero whatever the inputs: derivatives with respect to inputs that nothing depends on.
    pub fn structural_zeros(&self) -> Vec<&str> {
        let zero = |id: &NodeId| self.graph().node(*id).kind() == crate::graph::Kind::constant(0.0);
        self.outputs().iter().filter(|y| !y.nodes().is_empty() && y.nodes().iter().all(zero)).map(OutputGroup::name).collect()
    }

    /// Traces the derivative: the closure gets the linearised graph, the inputs, and the extra inputs.
    #[track_caller]
    fn transform(&self, extra: Extra, body: impl FnOnce(&Linear<Expr>, &[Expr], &[Expr]) -> Vec<NewOutput>) -> Result<Function> {
        self.extended(extra, |x, extra| body(&Linear::new(self, x), x, extra))
    }

    /// Traces a function of the inputs and of extra ones.
    #[track_caller]
    fn extended(&self, extra: Extra, body: impl FnOnce(&[Expr], &[Expr]) -> Vec<NewOutput>) -> Result<Function> {
        self.check_differentiable()?;
        let n = self.input_len();
        let mut inputs = self.inputs().to_vec();
        let like_output = |y: &OutputGroup| match y.nodes() {
            &[node] => InputGroup::value(format!("c_{}", y.name()), self.graph().node(node).shape(), DType::Float),
            nodes => InputGroup::numbers(format!("c_{}", y.name()), nodes.len()),
        };
        let groups: Vec<InputGroup> = match extra {
            Extra::None => vec![],
            Extra::Cotangents => self.differentiable().map(like_output).collect(),
            Extra::Tangents | Extra::Directions => {
                let prefix = if extra == Extra::Tangents { "t_" } else { "v_" };
                let active = self.inputs().iter().filter(|group| group.is_active());
                active.map(|group| group.renamed(format!("{prefix}{}", group.name()))).collect()
            }
        };
        for group in groups {
            let mut name = group.name().to_owned();
            while inputs.iter().any(|taken| taken.name() == name) {
                name.push('\'');
            }
            // A further derivative is taken with respect to the original inputs.
            inputs.push(group.renamed(name).with_active(false));
        }
        Function::build(self.width(), inputs, Location::caller(), |args| {
            let (x, extra) = args.split_at(n);
            distinct(body(x, extra))
        })
    }

    /// That there is something to differentiate, and something to do so with respect to.
    #[track_caller]
    pub(crate) fn check_differentiable(&self) -> Result<()> {
        if self.active_slots().is_empty() {
            return Err(Error::here(ErrorKind::Unsupported, "there is no input to differentiate with respect to"));
        }
        if self.differentiable().next().is_none() {
            return Err(Error::here(ErrorKind::Unsupported, "there is no output to differentiate: all are auxiliary"));
        }
        Ok(())
    }

    /// The outputs that are differentiated.
    pub(crate) fn differentiable(&self) -> impl Iterator<Item = &OutputGroup> {
        self.outputs().iter().filter(|y| !y.is_aux())
    }

    /// The numbers of the active inputs.
    pub(crate) fn active_slots(&self) -> Vec<usize> {
        self.inputs().iter().filter(|group| group.is_active()).flat_map(|group| group.range()).collect()
    }

    fn adjoint_outputs<'a>(&'a self, adjoints: &'a [Option<Expr>]) -> impl Iterator<Item = NewOutput> + 'a {
        self.inputs().iter().filter(|group| group.is_active()).map(|group| {
            let adjoint = |slot: usize| adjoints.get(slot).copied().flatten();
            let values = group.range().map(|slot| adjoint(slot).unwrap_or_else(|| Expr::full(0.0, group.shape())));
            named("d_", group.name(), values.collect())
        })
    }

    fn tangents_of(&self, y: &OutputGroup, tangents: &[Option<Expr>]) -> Vec<Expr> {
        let zero = |id: &NodeId| Expr::full(0.0, self.graph().node(*id).shape());
        y.nodes().iter().map(|id| tangents[id.index()].unwrap_or_else(|| zero(id))).collect()
    }

    #[track_caller]
    pub(crate) fn the_output(&self, what: &str) -> Result<NodeId> {
        let mut nodes = self.differentiable().flat_map(|y| y.nodes());
        match (nodes.next(), nodes.count()) {
            (Some(&node), 0) if self.graph().node(node).shape() == Shape::SCALAR => Ok(node),
            (Some(&node), 0) => Err(Error::here(
                ErrorKind::Shape,
                format!(
                    "{what} needs a function of one output number, not an array {}: use vjp",
                    self.graph().node(node).shape()
                ),
            )),
            (first, more) => Err(Error::here(
                ErrorKind::Unsupported,
                format!(
                    "{what} needs a function of one output number, not {}: use vjp or jacobian",
                    first.map_or(0, |_| more + 1)
                ),
            )),
        }
    }
}

/// Outputs with names of their own.
fn distinct(mut outputs: Vec<NewOutput>) -> Vec<NewOutput> {
    for k in 1..outputs.len() {
        while outputs[..k].iter().any(|taken| taken.name == outputs[k].name) {
            outputs[k].name.push('\'');
        }
    }
    outputs
}

#[derive(Copy, Clone, PartialEq)]
enum Extra {
    None,
    Tangents,
    Directions,
    Cotangents,
}

fn named(prefix: &str, name: &str, values: Vec<Expr>) -> NewOutput {
    NewOutput { name: format!("{prefix}{name}"), values, aux: false }
}

/// The outputs themselves.
fn primal(f: &Function, linear: &Linear<Expr>) -> Vec<NewOutput> {
    let value = |id: &NodeId| linear.values[id.index()].num();
    let outputs = f.outputs().iter();
    outputs.map(|y| NewOutput { name: y.name().into(), values: y.nodes().iter().map(value).collect(), aux: y.is_aux() }).collect()
}

/// A tangent for every active input number.
fn seeds(f: &Function, n: usize, tangents: &[Expr]) -> Vec<Option<Expr>> {
    let mut seeds = vec![None; n];
    for (slot, &t) in f.active_slots().into_iter().zip(tangents) {
        seeds[slot] = Some(t);
    }
    seeds
}
