//! What computing values again takes, and what memory it saves.

use super::choose::{MOST, schedule};
use super::lengths::{lengths, open_lengths};
use super::place::{plan, workspace};
use super::unit::Units;
use crate::base::{Axis, Shape};
use crate::diff::value_and_grad;
use crate::error::Result;
use crate::eval::Lengths;
use crate::graph::{Control, Function, InputGroup, Kind};
use crate::op::ArrayOp;
use crate::schedule::{Settings, kept, prepared};
use std::fmt;
use std::panic::Location;

/// The gradient of a function with [`remat`](crate::rules::remat), and without; see [`Function::remat_cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RematCost {
    /// Operations on numbers, of value and gradient.
    pub operations: usize,
    /// The same with everything kept.
    pub operations_without: usize,
    /// Bytes of the workspace that native code takes beside inputs and outputs.
    pub bytes: usize,
    /// The same with everything kept.
    pub bytes_without: usize,
}

impl RematCost {
    /// Operations that are done again.
    pub fn recomputed(&self) -> usize {
        self.operations.saturating_sub(self.operations_without)
    }
    /// Bytes of memory saved; negative where there are more.
    pub fn saved(&self) -> isize {
        self.bytes_without as isize - self.bytes as isize
    }
}

impl fmt::Display for RematCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations instead of {} ({} again), {} bytes of workspace instead of {} ({} saved)",
            self.operations,
            self.operations_without,
            self.recomputed(),
            self.bytes,
            self.bytes_without,
            self.saved()
        )
    }
}

/// What computing values again costs and saves; see [`Function::remat_cost`].
#[track_caller]
pub(crate) fn remat_cost(f: &Function, open: &[(&str, usize)]) -> Result<RematCost> {
    let at = Some(Location::caller());
    let (operations, bytes) = spent(f, open).map_err(|error| error.or_at(at))?;
    let (operations_without, bytes_without) = spent(&kept(f), open).map_err(|error| error.or_at(at))?;
    Ok(RematCost { operations, operations_without, bytes, bytes_without })
}

/// Operations, and bytes of workspace.
#[track_caller]
fn spent(f: &Function, open: &[(&str, usize)]) -> Result<(usize, usize)> {
    let f = prepared(&value_and_grad(f)?, Settings::default());
    let given = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => open.iter().find(|(other, _)| other == name).map_or(0, |(_, n)| *n),
    };
    // What is too large for a word is refused with the lengths.
    let len = |group: &InputGroup| group.shape().axes().iter().map(given).fold(group.len(), usize::wrapping_mul);
    let slices: Vec<usize> = f.inputs().iter().map(len).collect();
    let open = open_lengths(&f, &[], open, &slices)?;
    let (operations, number) = (operations(&f, &open), f.width().bytes());
    // Straight-line code would hide what arrays take.
    let stages = schedule(f, Settings { unroll: false, ..Settings::default() }, &mut Units::default(), MOST)?;
    Ok((operations, workspace(&plan(&stages, stages.once, &[], &open, false)) * number))
}

/// Operations on numbers.
fn operations(f: &Function, open: &Lengths) -> usize {
    let size = |id| lengths(f.graph().node(id).shape(), open).into_iter().product::<usize>();
    let mut seen = Vec::new();
    let each = f.graph().ids().map(|id| {
        let mut operands = f.graph().operands(id);
        match f.graph().node(id).kind() {
            Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => 0,
            Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Reshape(_)) => 0,
            Kind::Array(ArrayOp::MatMul) => {
                let inner = operands.next().and_then(|x| lengths(f.graph().node(x).shape(), open).pop());
                size(id) * inner.unwrap_or(0)
            }
            Kind::Array(ArrayOp::Sum(_) | ArrayOp::Norm(_) | ArrayOp::MaxOf(_) | ArrayOp::MinOf(_) | ArrayOp::Prod(_)) => {
                operands.map(size).sum()
            }
            Kind::Apply(_) | Kind::Array(_) => size(id),
            Kind::Control(nested) => {
                let key = (std::ptr::from_ref(&**nested.control), operands.collect::<Vec<_>>());
                if seen.contains(&key) {
                    return 0;
                }
                seen.push(key);
                let bodies = nested.control.bodies().into_iter().map(|body| operations(body, open));
                match &**nested.control {
                    Control::Scan { length, .. } => bodies.sum::<usize>() * lengths(Shape::new([*length]), open)[0],
                    Control::Choice { .. } => bodies.max().unwrap_or(0),
                    Control::Opaque { .. } => 0,
                    _ => bodies.sum(),
                }
            }
        }
    });
    each.sum()
}
