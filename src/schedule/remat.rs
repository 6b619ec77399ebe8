//! What computing values again takes, and what memory it saves.

use super::choose::{MOST, Replays, schedule};
use super::lengths::{Extent, open_lengths};
use super::place::{plan, state, states, workspace};
use super::unit::Units;
use crate::base::revolve::runs;
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
    /// Of these bytes, those of the states that scans with [checkpoints](crate::Scan::checkpoints) keep.
    pub checkpoint_bytes: usize,
    /// How many steps such scans run again.
    pub steps_again: usize,
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
        )?;
        if self.checkpoint_bytes > 0 || self.steps_again > 0 {
            write!(f, "; {} steps of scans again, from {} bytes of checkpoints", self.steps_again, self.checkpoint_bytes)?;
        }
        Ok(())
    }
}

/// What computing values again costs and saves; see [`Function::remat_cost`].
#[track_caller]
pub(crate) fn remat_cost(f: &Function, open: &[(&str, usize)]) -> Result<RematCost> {
    let at = Some(Location::caller());
    let (spent_with, bytes) = spent(f, open).map_err(|error| error.or_at(at))?;
    let (spent_without, bytes_without) = spent(&kept(f), open).map_err(|error| error.or_at(at))?;
    Ok(RematCost {
        operations: spent_with.operations,
        operations_without: spent_without.operations,
        bytes,
        bytes_without,
        checkpoint_bytes: spent_with.checkpoint_bytes,
        steps_again: spent_with.steps_again,
    })
}

/// What is done, and the states that are kept for it.
#[derive(Copy, Clone, Debug, Default)]
struct Spent {
    operations: usize,
    steps_again: usize,
    checkpoint_bytes: usize,
}

impl Spent {
    fn and(self, other: Spent) -> Spent {
        Spent {
            operations: self.operations + other.operations,
            steps_again: self.steps_again + other.steps_again,
            checkpoint_bytes: self.checkpoint_bytes + other.checkpoint_bytes,
        }
    }

    /// The same so often, in the same memory.
    fn times(self, times: usize) -> Spent {
        Spent { operations: self.operations * times, steps_again: self.steps_again * times, ..self }
    }
}

/// What a call does, and bytes of its workspace.
#[track_caller]
fn spent(f: &Function, open: &[(&str, usize)]) -> Result<(Spent, usize)> {
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

/// What a call does.
fn operations(f: &Function, open: &Lengths) -> Spent {
    let extent = Extent { f, open };
    let size = |id| extent.size(id);
    let replays = Replays::new(f);
    let mut seen = Vec::new();
    let each = f.graph().ids().map(|id| {
        let mut operands = f.graph().operands(id);
        let operations = match f.graph().node(id).kind() {
            Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => 0,
            Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Reshape(_)) => 0,
            Kind::Array(ArrayOp::MatMul) => {
                let inner = operands.next().and_then(|x| extent.lengths(f.graph().node(x).shape()).pop());
                size(id) * inner.unwrap_or(0)
            }
            Kind::Array(ArrayOp::Sum(_) | ArrayOp::Norm(_) | ArrayOp::MaxOf(_) | ArrayOp::MinOf(_) | ArrayOp::Prod(_)) => {
                operands.map(size).sum()
            }
            Kind::Apply(_) | Kind::Array(_) => size(id),
            Kind::Control(nested) => {
                let key = (std::ptr::from_ref(&**nested.control), operands.collect::<Vec<_>>());
                if seen.contains(&key) {
                    return Spent::default();
                }
                seen.push(key);
                return of_control(nested.control, open, extent, &replays);
            }
        };
        Spent { operations, ..Spent::default() }
    });
    each.fold(Spent::default(), Spent::and)
}

fn of_control(control: &Control, open: &Lengths, extent: Extent, replays: &Replays) -> Spent {
    let mut bodies = control.bodies().into_iter().map(|body| operations(body, open));
    match control {
        Control::Scan { length, .. } => {
            let of_step = bodies.next().expect("a scan has a body");
            let again = replays.all().find(|again| std::ptr::eq(&raw const **again.control, control));
            let steps = extent.lengths(Shape::new([*length]))[0];
            let Some(again) = again.filter(|_| steps > 0) else { return of_step.times(steps) };
            let (states, _) = states(extent, &again.together);
            // The first scan that goes back finds states of the first run.
            let every = again.readers * (runs(steps, states) + if again.rest { steps } else { 0 }) - (steps - 1);
            let own = Spent {
                operations: 0,
                steps_again: every,
                checkpoint_bytes: states * state(extent, control) * extent.f.width().bytes(),
            };
            of_step.times(steps + every).and(own)
        }
        Control::Choice { .. } => bodies.max_by_key(|spent| spent.operations).unwrap_or_default(),
        Control::Opaque { .. } => Spent::default(),
        _ => bodies.fold(Spent::default(), Spent::and),
    }
}
