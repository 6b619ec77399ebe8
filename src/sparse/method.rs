//! How sparse derivatives are found.

use super::flow::flow;
use super::known::Known;
use super::order::Order;
use super::pattern::Sparsity;
use super::value::Flow;
use crate::base::Axis;
use crate::base::sets;
use crate::base::sets::columns;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::{Array, Lengths, check_memory};
use crate::graph::{Function, InputGroup, with_lengths};
use crate::op::DType;
use crate::vmap::packed;

/// Which of a Jacobian's rows and columns are put together.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Compress {
    /// What takes the least work.
    #[default]
    Auto,
    /// Columns: sweeps forward.
    Columns,
    /// Rows: sweeps backward.
    Rows,
    /// Some columns and some rows.
    Both,
}

/// How a Hessian's columns are put together.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Symmetric {
    /// As for `Star`; among single numbers also column by column, if that is less work.
    #[default]
    Auto,
    /// By a star colouring: every entry is a number of a product.
    Star,
    /// By an acyclic colouring: fewer products, from which some entries come by subtracting others, with their rounding.
    Acyclic,
}

/// How sparse derivatives are found, and what is known of a function's inputs beforehand. [`Function::sparse_jacobian`] and its like take
/// the defaults.
///
/// ```
/// use wengert::{Function, sparse::{Method, Order}};
/// let f = Function::trace(["x[n]", "i[3]: index"], |[x, i]| x.gather(i, 0).powi(2))?;
/// let j = Method::new().length("n", 5).data("i", &[4.0, 0.0, 1.0]).order(Order::LargestFirst).jacobian(&f)?;
/// assert_eq!(j.sparsity().entries().collect::<Vec<_>>(), [(1, 0), (2, 1), (0, 4)]);
/// // what was given is no input any more
/// assert_eq!(j.eval(&[&[1.0, 2.0, 3.0, 4.0, 5.0]])?, [2.0, 4.0, 10.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Method {
    pub(super) order: Order,
    pub(super) compress: Compress,
    pub(super) symmetric: Symmetric,
    lengths: Vec<(String, usize)>,
    pub(crate) data: Vec<(String, Vec<f64>)>,
}

impl Method {
    /// The defaults.
    pub fn new() -> Method {
        Method::default()
    }

    /// The order in which rows and columns are coloured.
    pub fn order(mut self, order: Order) -> Method {
        self.order = order;
        self
    }

    /// What a Jacobian's sweeps put together.
    pub fn compress(mut self, compress: Compress) -> Method {
        self.compress = compress;
        self
    }

    /// How a Hessian's columns are coloured.
    pub fn symmetric(mut self, symmetric: Symmetric) -> Method {
        self.symmetric = symmetric;
        self
    }

    /// The length of an open axis: where the entries are depends on it.
    pub fn length(mut self, axis: &str, length: usize) -> Method {
        self.lengths.push((axis.into(), length));
        self
    }

    /// The numbers of an input that does not change, such as indices: where the entries are may depend on them. A call does not take
    /// the input any more.
    pub fn data(mut self, input: &str, data: &[f64]) -> Method {
        self.data.push((input.into(), data.to_vec()));
        self
    }

    /// The function with all lengths known, each input and output as it lies in memory.
    #[track_caller]
    pub(crate) fn prepare(&self, f: &Function) -> Result<Function> {
        let f = with_lengths(f, self.lengths.iter().map(|(name, len)| (name, *len)))?;
        for group in f.inputs() {
            if let Some(Axis::Open(name)) = group.shape().axes().iter().find(|axis| matches!(axis, Axis::Open(_))) {
                let message = format!(
                    "the input `{}` has the open axis `{name}`, whose length decides where the sparse entries are: give it with \
                     `Method::length`",
                    group.name()
                );
                return Err(Error::here(ErrorKind::Shape, message));
            }
        }
        check_memory::<f64>(&f, &Lengths::default())?;
        let elements =
            |group: &InputGroup| group.shape().len().and_then(|each| each.checked_mul(group.len())).unwrap_or(usize::MAX);
        let columns = f.inputs().iter().map(elements).fold(0, usize::saturating_add);
        if u32::try_from(columns).is_err() {
            let message = format!("a sparse derivative of {columns} numbers, where there may be {}", u32::MAX);
            return Err(Error::here(ErrorKind::Limit, message));
        }
        for (k, (name, data)) in self.data.iter().enumerate() {
            let group = f.input(name)?;
            if self.data[..k].iter().any(|(other, _)| other == name) {
                return Err(Error::here(ErrorKind::Name, format!("the input `{name}` is given twice")));
            }
            if group.is_active() {
                let message = format!("the input `{name}` is differentiated by, and cannot be given: see `Function::wrt`");
                return Err(Error::here(ErrorKind::Unsupported, message));
            }
            let len = group.len() * group.shape().len().unwrap_or(0);
            if data.len() != len {
                let message = format!("the input `{name}` has {len} numbers, and {} are given", data.len());
                return Err(Error::here(ErrorKind::Length, message));
            }
            let whole = |v: &f64| *v >= 0.0 && *v < 9e15 && v.trunc() == *v;
            if let Some(bad) = data.iter().find(|v| group.dtype() == DType::Index && !whole(v)) {
                return Err(Error::here(ErrorKind::Value, format!("the input `{name}` has the index {bad:?}")));
            }
        }
        // Rows and columns are in the order of memory.
        Ok(packed(&f))
    }

    /// Where the Jacobian of a function of known lengths has entries.
    pub(super) fn pattern(&self, f: &Function) -> Result<Sparsity> {
        let mut column = 0;
        let mut inputs = Vec::new();
        for group in f.inputs() {
            let len = group.shape().len().expect("lengths are known");
            let given = self.data.iter().find(|(name, _)| name == group.name()).map(|(_, data)| data);
            for k in 0..group.len() {
                let mut flow = Flow::default();
                if group.is_active() {
                    flow.sets = (0..len).map(|at| sets::one((column + at) as u32)).collect();
                    column += len;
                }
                let lengths = super::value::lengths(group.shape());
                let known = given.map(|data| Array::new(lengths, data[k * len..(k + 1) * len].to_vec()));
                flow.known = known.transpose()?;
                inputs.push(flow);
            }
        }
        let given: Vec<bool> = inputs.iter().map(|flow: &Flow| flow.known.is_some()).collect();
        let outputs = flow(f, &Known::new(f, &given)?, inputs)?;
        let differentiated = f.outputs().iter().flat_map(|y| y.nodes().iter().map(|id| (!y.is_aux(), *id)));
        let mut rows = Vec::new();
        for (flow, _) in outputs.into_iter().zip(differentiated.clone()).filter(|(_, (wanted, _))| *wanted) {
            rows.push(flow.sets);
        }
        let lengths = differentiated.filter(|(wanted, _)| *wanted).map(|(_, id)| f.graph().node(id).shape());
        let all = rows.iter().zip(lengths).flat_map(|(sets, shape)| {
            let set = |k: usize| sets.get(k).map_or(&[][..], columns);
            (0..super::value::count(shape)).map(set)
        });
        let all: Vec<&[u32]> = all.collect();
        Ok(Sparsity::of_rows(column, all.into_iter()))
    }
}
