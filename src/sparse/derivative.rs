//! A sparse derivative: where its entries are, and the function that computes them.

use super::method::{Compress, Method, Symmetric};
use super::pattern::Sparsity;
use super::recover::Recovery;
use super::{sweeps, symbolic};
use crate::diff::{check_differentiable, grad, outlined};
use crate::error::{Error, Kind as ErrorKind, Result, count, listed, short};
use crate::eval::{Array, evaluated};
use crate::graph::Function;
use crate::op::Scalar;
use crate::simplify::{Simplify, simplify};
use std::fmt;
use std::panic::Location;

/// A sparse Jacobian or Hessian: where its entries are, and how their values are computed.
#[derive(Clone)]
pub struct SparseDerivative {
    sparsity: Sparsity,
    /// Nothing where there is no entry.
    pub(crate) f: Option<Function>,
    /// The inputs of a call, with how many numbers each has.
    pub(super) inputs: Vec<(String, usize)>,
    /// By input of the function: one of a call, or data.
    pub(crate) arguments: Vec<Argument>,
    /// After the function, what is to be subtracted from which value.
    pub(super) subtract: Vec<(u32, u32)>,
    sweeps: (usize, usize),
}

/// What is given to an input of the function.
#[derive(Clone)]
pub(crate) enum Argument {
    Call(usize),
    Data(Vec<f64>),
}

impl Method {
    /// Where the Jacobian has entries: [`Function::jacobian_sparsity`] by this method.
    ///
    /// # Errors
    /// As [`Method::jacobian`].
    #[track_caller]
    pub fn jacobian_sparsity(&self, f: &Function) -> Result<Sparsity> {
        check_differentiable(f)?;
        self.pattern(&self.prepare(f)?)
    }

    /// Where the Hessian has entries: [`Function::hessian_sparsity`] by this method.
    ///
    /// # Errors
    /// As [`Method::hessian`].
    #[track_caller]
    pub fn hessian_sparsity(&self, f: &Function) -> Result<Sparsity> {
        Ok(self.pattern(&self.gradient(f)?)?.symmetric())
    }

    /// The gradient, whose Jacobian the Hessian is.
    #[track_caller]
    fn gradient(&self, f: &Function) -> Result<Function> {
        Ok(simplify(&grad(&self.prepare(f)?.without_aux())?, Simplify::EXACT))
    }

    /// The Jacobian: [`Function::sparse_jacobian`] by this method.
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary; if an open axis has no length, or indices are neither given nor constant; if what
    /// is given does not fit the inputs.
    #[track_caller]
    pub fn jacobian(&self, f: &Function) -> Result<SparseDerivative> {
        let at = Location::caller();
        check_differentiable(f)?;
        let f = self.prepare(f)?.without_aux();
        let pattern = self.pattern(&f)?;
        let mut recovery = Recovery::jacobian(&pattern, self);
        if f.is_of_numbers() && self.compress == Compress::Auto && !pattern.is_empty() {
            let outline = outlined(&f)?;
            let all = [Compress::Columns, Compress::Rows]
                .map(|compress| Recovery::jacobian(&pattern, &self.clone().compress(compress)));
            recovery = all
                .into_iter()
                .chain([recovery])
                .min_by_key(|recovery| symbolic::work(&outline, recovery))
                .expect("there is one");
        }
        self.finish(&f, pattern, recovery, at)
    }

    /// The Hessian of a function of one number: [`Function::sparse_hessian`] by this method.
    ///
    /// # Errors
    /// As [`Method::jacobian`]; if there is not exactly one output number.
    #[track_caller]
    pub fn hessian(&self, f: &Function) -> Result<SparseDerivative> {
        self.second(f, false)
    }

    /// The lower triangle of the Hessian: [`Function::hessian_lower`] by this method.
    ///
    /// # Errors
    /// As [`Method::hessian`].
    #[track_caller]
    pub fn hessian_lower(&self, f: &Function) -> Result<SparseDerivative> {
        self.second(f, true)
    }

    #[track_caller]
    fn second(&self, f: &Function, lower: bool) -> Result<SparseDerivative> {
        let at = Location::caller();
        let gradient = self.gradient(f)?;
        let pattern = self.pattern(&gradient)?.symmetric();
        let wanted = if lower { pattern.lower() } else { pattern.clone() };
        let mut recovery = Recovery::hessian(&pattern, &wanted, self);
        if gradient.is_of_numbers() && self.symmetric == Symmetric::Auto && !pattern.is_empty() {
            let outline = outlined(&gradient)?;
            let single = Recovery::of_entries(&pattern, &wanted);
            if symbolic::work(&outline, &single) < symbolic::work(&outline, &recovery) {
                recovery = single;
            }
        }
        self.finish(&gradient, wanted, recovery, at)
    }

    /// The entries of a function's Jacobian by a recovery.
    fn finish(
        &self,
        f: &Function,
        sparsity: Sparsity,
        recovery: Recovery,
        at: &'static Location<'static>,
    ) -> Result<SparseDerivative> {
        let mut inputs = Vec::new();
        let mut arguments = Vec::new();
        for group in f.inputs() {
            arguments.push(match self.data.iter().find(|(name, _)| name == group.name()) {
                Some((_, data)) => Argument::Data(data.clone()),
                None => {
                    inputs.push((group.name().to_owned(), group.len() * group.shape().len().unwrap_or(0)));
                    Argument::Call(inputs.len() - 1)
                }
            });
        }
        let sweeps = (recovery.forward, recovery.reverse);
        let (mut made, mut subtract) = (None, vec![]);
        if !sparsity.is_empty() {
            made = Some(if f.is_of_numbers() {
                symbolic::values(f, &recovery, at)?
            } else {
                let swept = sweeps::values(f, &recovery, at)?;
                arguments.extend(swept.data.into_iter().map(Argument::Data));
                subtract = recovery.subtract;
                swept.f
            });
        }
        Ok(SparseDerivative { sparsity, f: made, inputs, arguments, subtract, sweeps })
    }
}

impl SparseDerivative {
    /// Where the entries are, and in which order their values.
    pub fn sparsity(&self) -> &Sparsity {
        &self.sparsity
    }

    /// The same values, from a function that is simplified by the rewrites that are allowed; those that change no bit are applied in any case
    /// when it is compiled.
    pub fn simplify_with(mut self, allowed: Simplify) -> SparseDerivative {
        self.f = self.f.map(|f| simplify(&f, allowed));
        self
    }

    /// The function that computes the values, as its one output: of a function of numbers each is a number, of one of arrays all are a vector,
    /// before what an acyclic colouring subtracts. After the inputs it takes what the recovery needs (unit vectors, places). `None` where there is no entry.
    pub fn function(&self) -> Option<&Function> {
        self.f.as_ref()
    }

    /// The names of the inputs of a call, and how many numbers each has.
    pub fn inputs(&self) -> &[(String, usize)] {
        &self.inputs
    }

    /// How many groups of columns and of rows the entries were compressed to: that many sweeps forward and backward tell all of them.
    pub fn sweeps(&self) -> (usize, usize) {
        self.sweeps
    }

    /// The values by interpretation: a slice per input.
    ///
    /// # Errors
    /// If a length or the width does not fit, or an index is out of range.
    pub fn eval<T: Scalar>(&self, inputs: &[&[T]]) -> Result<Vec<T>> {
        self.check(inputs, self.sparsity.len())?;
        let Some(f) = &self.f else { return Ok(vec![]) };
        let mut arrays = Vec::new();
        for (group, argument) in f.inputs().iter().zip(&self.arguments) {
            let own: Vec<T>;
            let numbers = match argument {
                Argument::Call(k) => inputs[*k],
                Argument::Data(data) => {
                    own = data.iter().map(|&v| crate::op::lit(v)).collect();
                    &own
                }
            };
            let lengths = super::value::lengths(group.shape());
            let len: usize = lengths.iter().product();
            for k in 0..group.len() {
                arrays.push(Array::new(&lengths, numbers[k * len..(k + 1) * len].to_vec())?);
            }
        }
        let mut values: Vec<T> = evaluated(f, &arrays)?.into_iter().flat_map(Array::into_data).collect();
        self.subtract(&mut values);
        Ok(values)
    }

    pub(crate) fn subtract<T: Scalar>(&self, values: &mut [T]) {
        for &(to, of) in &self.subtract {
            let of = values[of as usize];
            values[to as usize] -= of;
        }
    }

    /// That there is a slice per input, of its length, and as many values as entries.
    #[inline]
    pub(crate) fn check<T>(&self, inputs: &[&[T]], values: usize) -> Result<()> {
        let fits = inputs.len() == self.inputs.len() && inputs.iter().zip(&self.inputs).all(|(x, (_, len))| x.len() == *len);
        if fits && values == self.sparsity.len() { Ok(()) } else { Err(self.misfit(inputs, values)) }
    }

    #[cold]
    fn misfit<T>(&self, inputs: &[&[T]], values: usize) -> Error {
        let wrong = inputs.iter().zip(&self.inputs).find(|(x, (_, len))| x.len() != *len);
        let message = match wrong {
            _ if inputs.len() != self.inputs.len() => {
                format!("{} for ({})", count(inputs.len(), "input slice"), listed(&self.inputs))
            }
            Some((x, (name, len))) => format!("the input `{}` has {}, not {}", short(name), count(*len, "number"), x.len()),
            None => format!("the derivative has {}, and there is room for {values}", self.entries()),
        };
        Error::new(ErrorKind::Length, message)
    }

    fn entries(&self) -> String {
        if self.sparsity.len() == 1 { "1 entry".into() } else { format!("{} entries", self.sparsity.len()) }
    }
}

impl fmt::Debug for SparseDerivative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (forward, reverse) = self.sweeps;
        write!(f, "SparseDerivative({} of {} × {}, ", self.entries(), self.sparsity.rows(), self.sparsity.columns())?;
        write!(f, "{forward} groups of columns, {reverse} of rows)")
    }
}
