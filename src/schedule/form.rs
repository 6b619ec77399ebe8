//! The row form: functions of a batch that are one loop over its rows. In: a function. Out: the function of a row, which has numbers only,
//! and what becomes of its inputs and outputs.
//!
//! Such a function has one axis, and does with it what a batched map ([`vmap`](crate::vmap)) of a function of numbers does: values that are
//! one for all rows meet values of each row, element by element, and results are one per row, or their sum or mean. The nodes keep their
//! order, so that the program of a row is that of the function that was mapped.

use super::inline::bare;
use super::rows::{Reduce, RowShape};
use crate::base::{Axis, Shape};
use crate::graph::{Args, Builder, Function, InputGroup, Kind, NodeId, OutputGroup};
use crate::op::{ArrayOp, DType, Op};

#[cfg(test)]
mod tests;

/// A loop over rows.
pub(crate) struct RowForm {
    /// What is computed of a row: groups of several numbers are neighbours in it.
    pub(crate) f: Function,
    pub(crate) shape: RowShape,
    /// How many rows there are, if that is fixed.
    pub(crate) rows: Option<usize>,
}

/// What a node is to a row.
#[derive(Copy, Clone)]
enum Role {
    /// A number of the row, or of all rows.
    Number(NodeId),
    /// Such numbers, summed over the rows.
    Sum(NodeId),
    Mean(NodeId),
    /// What is made of sums.
    After,
}

impl RowForm {
    /// The function as a loop over rows, if it is one.
    pub(crate) fn of(f: &Function) -> Option<RowForm> {
        let axis = axis(f)?;
        let varying = f.inputs().iter().map(varies).collect::<Option<Vec<bool>>>()?;
        if !varying.contains(&true) {
            return None;
        }
        let f = bare(f);
        let rows = if let Axis::Fixed(n) = axis { Some(n) } else { None };
        let mut walk = Walk { f: &f, rows, new: Builder::like(f.graph()), roles: Vec::with_capacity(f.graph().len()) };
        for id in f.graph().ids() {
            let role = walk.role(id)?;
            walk.roles.push(role);
        }
        let (outputs, reduce): (Vec<OutputGroup>, Vec<Reduce>) =
            f.outputs().iter().map(|y| walk.output(y)).collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let number = |group: &InputGroup| InputGroup::numbers(group.name(), group.len()).with_active(group.is_active());
        let inputs = f.inputs().iter().map(number).collect();
        let row = Function::assemble(walk.new.finish(), f.width(), inputs, outputs).expect("the names are the function's own");
        Some(RowForm { f: row, shape: RowShape { varying, reduce }, rows })
    }
}

/// The only axis of all values, none of which has more.
fn axis(f: &Function) -> Option<Axis> {
    let mut found = None;
    for id in f.graph().ids() {
        match *f.graph().node(id).shape().axes() {
            [] => {}
            [axis] if *found.get_or_insert(axis) == axis => {}
            _ => return None,
        }
    }
    found
}

/// Whether an input has numbers for each row, rather than for all. None if it is neither.
fn varies(group: &InputGroup) -> Option<bool> {
    let fits = group.dtype() == DType::Float && group.batch() == group.shape().rank();
    fits.then_some(group.batch() > 0)
}

struct Walk<'f> {
    f: &'f Function,
    rows: Option<usize>,
    new: Builder,
    roles: Vec<Role>,
}

impl Walk<'_> {
    /// What a node is, given what those before it are. None where it is nothing of a loop over rows.
    fn role(&mut self, id: NodeId) -> Option<Role> {
        let node = self.f.graph().node(id);
        let operands: Args = self.f.graph().operands(id).collect();
        let roles: smallvec::SmallVec<[Role; 4]> = operands.iter().map(|operand| self.roles[operand.index()]).collect();
        let numbers = roles.iter().map(|role| if let Role::Number(x) = role { Some(*x) } else { None });
        let numbers: Option<Args> = numbers.collect();
        let is_row = |id: NodeId| self.f.graph().node(id).shape() != Shape::SCALAR;
        Some(match (node.kind(), numbers) {
            (Kind::Input(_), _) => Role::Number(self.new.input(Shape::SCALAR, node.dtype())),
            (kind @ (Kind::Const(_) | Kind::Flag(_)), _) => Role::Number(self.new.intern(kind, &[], node.location())),
            (kind @ Kind::Apply(_), Some(args)) => Role::Number(self.new.intern(kind, &args, node.location())),
            (Kind::Apply(op), None) => self.mean(op, &operands, &roles).map_or(Role::After, Role::Mean),
            (Kind::Array(ArrayOp::Broadcast(_)), Some(args)) => Role::Number(args[0]),
            (Kind::Array(ArrayOp::Broadcast(_)), None) => Role::After,
            (Kind::Array(ArrayOp::Sum(_)), Some(args)) if is_row(operands[0]) => Role::Sum(args[0]),
            (Kind::Array(ArrayOp::Sum(_)), None) => Role::After,
            _ => return None,
        })
    }

    /// The numbers whose mean an operation gives: their sum divided by the number of rows, or by a power of two in the form of a product.
    fn mean(&self, op: Op, operands: &[NodeId], roles: &[Role]) -> Option<NodeId> {
        let [a, b] = *roles else { return None };
        let (sum, by) = match (op, a, b) {
            (Op::Div | Op::Mul, Role::Sum(x), _) => (x, 1),
            (Op::Mul, _, Role::Sum(x)) => (x, 0),
            _ => return None,
        };
        let number = |id: NodeId| match self.new.graph().node(id).kind() {
            Kind::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        };
        let is_mean = match (op, roles[by]) {
            // The number of rows is the sum of as many ones.
            (Op::Div, Role::Sum(one)) => self.f.graph().node(operands[by]).shape() == Shape::SCALAR && number(one) == Some(1.0),
            (_, Role::Number(by)) => {
                let (by, rows) = (number(by)?, self.rows?);
                let n = self.f.width().round(rows as f64);
                by == n && op == Op::Div || rows.is_power_of_two() && op == Op::Mul && by == 1.0 / n
            }
            _ => false,
        };
        is_mean.then_some(sum)
    }

    /// An output of the row, and what becomes of it. None if its values differ in that, or have another order in memory.
    fn output(&self, y: &OutputGroup) -> Option<(OutputGroup, Reduce)> {
        let mut nodes = Vec::with_capacity(y.nodes().len());
        let mut reduce = None;
        for &id in y.nodes() {
            let is_row = self.f.graph().node(id).shape() != Shape::SCALAR;
            let (node, own) = match self.roles[id.index()] {
                Role::Number(x) if is_row && (y.batch() > 0 || y.nodes().len() == 1) => (x, Reduce::Each),
                Role::Sum(x) => (x, Reduce::Sum),
                Role::Mean(x) => (x, Reduce::Mean),
                Role::Number(_) | Role::After => return None,
            };
            if *reduce.get_or_insert(own) != own || self.f.graph().node(id).dtype() != DType::Float {
                return None;
            }
            nodes.push(node);
        }
        Some((OutputGroup { nodes, batch: 0, ..y.clone() }, reduce.unwrap_or(Reduce::Each)))
    }
}
