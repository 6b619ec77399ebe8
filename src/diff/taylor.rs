//! Taylor coefficients of a function along a direction, as a function: its graph is evaluated over jets of handles. The order is a
//! run-time number.

use super::{Extra, distinct, named};
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Expr, Function, NewOutput, NodeId};
use crate::jet::{Series, Storage, interpolated};
use crate::op::lit;
use std::{any::Any, cell::RefCell, panic::Location};

/// Coefficients that are kept by this thread as long as a [`Memory`] lives.
#[derive(Copy, Clone, Debug)]
pub(super) struct Kept {
    start: usize,
    len: usize,
}

/// A series of handles, of any order.
pub(super) type Coefficients = Series<Expr, Kept>;

#[derive(Default)]
struct Shelf {
    limit: usize,
    all: Vec<Expr>,
}

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::default();
}

/// Room for series; what was there before comes back when this is dropped.
pub(super) struct Memory(Shelf);

impl Memory {
    pub(super) fn new(order: usize) -> Memory {
        Memory(SHELF.replace(Shelf { limit: order + 1, all: vec![] }))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        SHELF.set(std::mem::take(&mut self.0));
    }
}

impl Storage<Expr> for Kept {
    fn limit() -> usize {
        SHELF.with_borrow(|shelf| shelf.limit)
    }
    fn filled(len: usize, fill: impl FnOnce(&mut [Expr])) -> Kept {
        let mut coefficients = vec![lit(0.0); len];
        fill(&mut coefficients);
        // Trailing zeros are left out, as if the series had ended before.
        let len = coefficients.iter().skip(1).rposition(|c| !crate::op::Real::is_absent(c)).map_or(1, |last| last + 2);
        SHELF.with_borrow_mut(|shelf| {
            let start = shelf.all.len();
            shelf.all.extend_from_slice(&coefficients[..len]);
            Kept { start, len }
        })
    }
    fn with<R>(&self, read: impl FnOnce(&[Expr]) -> R) -> R {
        let own: smallvec::SmallVec<[Expr; 24]> = SHELF.with_borrow(|shelf| shelf.all[self.start..][..self.len].into());
        read(&own)
    }
    #[track_caller]
    fn nested(op: &dyn Any, operands: &[Coefficients]) -> Coefficients {
        super::control::series(op.downcast_ref().expect("the operation of a node"), operands)
    }
}

/// The order of the series that live.
pub(super) fn order() -> usize {
    Kept::limit() - 1
}

/// The coefficients of all outputs along a series of every input; at k those of tᵏ.
pub(super) fn coefficients(f: &Function, order: usize, x: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let _memory = Memory::new(order);
    let x: Vec<Coefficients> = x.iter().map(|x| Series::from_slice(x)).collect();
    let values = crate::eval::eval(f.graph(), &x);
    let of = |id: NodeId| {
        let series = values[id.index()].num();
        let shape = f.graph().node(id).shape();
        let shaped = |k: usize| match series.coefficient(k) {
            Expr::Const(v) => Expr::full(v, shape),
            c => c,
        };
        (0..=order).map(shaped).collect()
    };
    f.output_nodes().map(of).collect()
}

impl Function {
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
        self.extended(Extra::Directions, |x, directions| {
            let all = self.along(order, x, directions);
            let mut outputs: Vec<NewOutput> = self.grouped(&all, 0).collect();
            for k in 1..=order {
                let group = |y: NewOutput| named(&format!("t{k}_"), &y.name, y.values);
                outputs.extend(self.grouped(&all, k).filter(|y| !y.aux).map(group));
            }
            outputs
        })
    }

    /// The mixed partial derivative of every output (auxiliary ones aside) with respect to single numbers, as `("x", 2)` and
    /// `("y", 1)` for ∂³/∂x²∂y: outputs `p_y`. Interpolated from Taylor coefficients along Π(αᵢ + 1) − 1 directions (A. Griewank,
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
        let mut alpha = vec![0; self.input_len()];
        let mut seen: Vec<&str> = vec![];
        for (name, order) in orders {
            let group = self.input(name)?;
            if seen.contains(&name) {
                return Err(Error::here(ErrorKind::Name, format!("the input `{name}` is named twice")));
            }
            seen.push(name);
            if group.shape() != Shape::SCALAR || group.len() != 1 || group.dtype() != crate::op::DType::Float {
                let message = format!("partial takes inputs of single numbers, and `{name}` is none: use taylor or jacobian");
                return Err(Error::here(ErrorKind::Shape, message));
            }
            alpha[group.range().start] = order;
        }
        let order: usize = alpha.iter().sum();
        Function::build(self.width(), self.inputs().to_vec(), Location::caller(), |x| {
            let mut sums: Vec<Vec<Expr>> = vec![];
            let mut found: Vec<Vec<Vec<Expr>>> = vec![];
            // One line at a time for all outputs; then the sum for each.
            interpolated::<f64>(&alpha, |direction| {
                let line = x.iter().zip(direction).map(|(&x, &v)| if v == 0 { vec![x] } else { vec![x, lit(v as f64)] });
                found.push(coefficients(self, order, &line.collect::<Vec<_>>()));
                0.0
            });
            for k in 0..self.output_len() {
                let mut lines = found.iter();
                sums.push(vec![interpolated(&alpha, |_| lines.next().expect("as many as before")[k][order])]);
            }
            distinct(self.grouped(&sums, 0).filter(|y| !y.aux).map(|y| named("p_", &y.name, y.values)).collect())
        })
    }

    /// The diagonal of the Hessian of a function of one number, ∂²y/∂xᵢ²: an output `h_x` of the shape of every active input `x`.
    /// Exact, from the second Taylor coefficient along every axis: as many forward sweeps of second order as there are numbers, but
    /// no square matrix.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| x * x * y.exp())?;
    /// assert_eq!(f.hessian_diagonal()?.eval(&[3.0, 0.0])?, [2.0, 9.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::grad`], or if an active input has an open axis.
    #[track_caller]
    pub fn hessian_diagonal(&self) -> Result<Function> {
        let y = self.the_output("hessian_diagonal")?;
        let (at, f) = (Location::caller(), self.without_aux());
        let second = f.taylor(2)?.with_outputs(2..);
        let active: Vec<_> = self.inputs().iter().filter(|group| group.is_active()).collect();
        if let Some(open) = active.iter().find(|group| group.shape().len().is_none()) {
            let message = format!("hessian_diagonal: the input `{}` has an open axis: {}", open.name(), open.shape());
            return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
        }
        debug_assert_eq!(self.graph().node(y).shape(), Shape::SCALAR);
        // For an array, a sweep that is mapped over one-hot directions of it.
        let mapped: Vec<Option<Function>> = active
            .iter()
            .map(|group| match group.shape() {
                Shape::SCALAR => Ok(None),
                shape => {
                    let direction =
                        second.inputs()[self.inputs().len() + active.iter().position(|g| g == group).expect("it is one")].name();
                    second.vmap(Axis::Fixed(shape.len().expect("it was checked")), [direction]).map(Some)
                }
            })
            .collect::<Result<_>>()?;
        Function::build(self.width(), self.inputs().to_vec(), at, |x| {
            let zeros: Vec<Expr> = active.iter().flat_map(|group| vec![Expr::full(0.0, group.shape()); group.len()]).collect();
            let mut first = 0;
            let mut outputs = vec![];
            for (group, mapped) in active.iter().zip(&mapped) {
                let each = (0..group.len()).map(|k| {
                    let mut directions = zeros.clone();
                    let Some(mapped) = mapped else {
                        directions[first + k] = lit(1.0);
                        let second = second.eval(&[x, &directions].concat()).expect("inputs and directions");
                        return second[0] * 2.0;
                    };
                    let n = group.shape().len().expect("it was checked");
                    let all = [&[Axis::Fixed(n)], group.shape().axes()].concat();
                    // All values of the input are mapped over; one of them has the direction.
                    for (other, direction) in directions[first..first + group.len()].iter_mut().enumerate() {
                        *direction = if other == k { Expr::eye(n).reshape(&all) } else { Expr::full(0.0, Shape::new(&all)) };
                    }
                    let second = mapped.eval(&[x, &directions].concat()).expect("inputs and directions");
                    (second[0] * 2.0).reshape(group.shape().axes())
                });
                let values = each.collect();
                outputs.push(named("h_", group.name(), values));
                first += group.len();
            }
            distinct(outputs)
        })
    }

    /// The coefficients of all outputs along a direction of the active inputs.
    fn along(&self, order: usize, x: &[Expr], directions: &[Expr]) -> Vec<Vec<Expr>> {
        let mut line: Vec<Vec<Expr>> = x.iter().map(|&x| vec![x]).collect();
        for (slot, &v) in self.active_slots().into_iter().zip(directions) {
            line[slot].push(v);
        }
        coefficients(self, order, &line)
    }

    /// The k-th of each output's values, group by group.
    fn grouped<'a>(&'a self, all: &'a [Vec<Expr>], k: usize) -> impl Iterator<Item = NewOutput> + 'a {
        let mut rest = all.iter();
        self.outputs().iter().map(move |y| {
            let values = rest.by_ref().take(y.nodes().len()).map(|c| c[k]).collect();
            NewOutput { name: y.name().into(), values, aux: y.is_aux() }
        })
    }
}
