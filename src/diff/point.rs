//! Derivatives at a point, laid open. In: a function and numbers. Out: every node's value, every edge's partial derivative,
//! and sweeps that give every node's tangent or adjoint.

use super::first::BODIES;
use super::linear::Linear;
use super::map::Map;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Function, NodeId};
use crate::op::{Real, Value, lit};

/// A function linearised at a point; see [`Function::linearize_at`].
pub struct Linearization<'f, T: Real> {
    f: &'f Function,
    linear: Linear<'f, T>,
}

/// Evaluates and linearises at a point; see [`Function::linearize_at`].
#[track_caller]
pub(crate) fn linearize_at<'f, T: Real>(f: &'f Function, x: &[T]) -> Result<Linearization<'f, T>> {
    f.check_len("inputs", f.input_len(), x.len())?;
    if f.has_arrays() {
        let message = "linearize_at lays open operations on single numbers, and this function has arrays, loops or opaque calls inside: take \
                       `jvp` and `vjp`, with what is to be seen as `aux` outputs";
        return Err(Error::here(ErrorKind::Unsupported, message));
    }
    Ok(Linearization { f, linear: Linear::new(f, x, BODIES) })
}

impl<'f, T: Real> Linearization<'f, T> {
    /// The function.
    pub fn function(&self) -> &'f Function {
        self.f
    }

    /// The value of a node.
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    pub fn value(&self, id: NodeId) -> Value<T, T::Mask> {
        self.linear.values[id.index()]
    }

    /// The values of all outputs, in order.
    pub fn outputs(&self) -> Vec<T> {
        self.f.output_nodes().map(|id| self.value(id).num()).collect()
    }

    /// The edges of a node that carry a derivative: operand and ∂node/∂operand, in the order of the operands. Operands
    /// that depend on no active input have none, nor have comparisons and steps.
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    pub fn partials(&self, id: NodeId) -> impl Iterator<Item = (NodeId, T)> + '_ {
        let number = |map: &Map<T>| match map {
            Map::Each(edge) | Map::Zeroed(edge, _) => edge.partial(),
            Map::Chain(_) => unreachable!("a function of single numbers has no array operation"),
        };
        self.linear.edges(id).iter().map(move |(operand, map)| (*operand, number(map)))
    }

    /// Forward: for every node, Σ over its operands of partial × tangent of the operand. `seeds` has the tangents of the
    /// active inputs' numbers.
    ///
    /// # Errors
    /// If `seeds` is not as long as the active inputs together.
    #[track_caller]
    pub fn tangents(&self, seeds: &[T]) -> Result<Vec<T>> {
        let slots = self.f.active_slots();
        self.f.check_len("active inputs", slots.len(), seeds.len())?;
        let mut inputs = vec![None; self.f.input_len()];
        for (slot, &seed) in slots.into_iter().zip(seeds) {
            inputs[slot] = Some(seed);
        }
        Ok(filled(self.linear.forward(&inputs), self.f))
    }

    /// Reverse: for every node, Σ over its users of partial × adjoint of the user; of the inputs, that is the gradient.
    /// `seeds` has the adjoints of the outputs' numbers (auxiliary outputs aside).
    ///
    /// # Errors
    /// If `seeds` is not as long as these outputs together.
    #[track_caller]
    pub fn adjoints(&self, seeds: &[T]) -> Result<Vec<T>> {
        let nodes: Vec<NodeId> = self.f.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
        self.f.check_len("outputs", nodes.len(), seeds.len())?;
        Ok(filled(self.linear.reverse(nodes.into_iter().zip(seeds.iter().copied())), self.f))
    }
}

/// A number for every node; what no derivative reached is 0.
fn filled<T: Real>(mut values: Vec<Option<T>>, f: &Function) -> Vec<T> {
    values.resize(f.graph().len(), None);
    values.into_iter().map(|v| v.unwrap_or(lit(0.0))).collect()
}
