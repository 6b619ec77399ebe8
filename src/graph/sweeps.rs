//! Sweeps over the turns of a loop: where their values are, and what depends on what.
//!
//! A record of a sweep at a turn has the types of its body's outputs: what the turn was given to carry, which is what it carries on, then the rest.

use super::model::{Control, Function, Sweep};
use super::types::{Flow, Type, depends, types_in, types_out};
use super::view::Kind;
use crate::base::Shape;
use crate::base::revolve::Budget;
use crate::error::Caller;
use crate::op::DType;
use rustc_hash::FxHashSet;
use std::ops::Range;

impl Sweep {
    /// What it carries.
    pub(crate) fn carried(&self) -> Vec<Type> {
        let mut types = types_out(&self.body);
        types.truncate(self.carries);
        types
    }
}

/// The operands: what each sweep carries at the start, then what all share.
pub(super) fn takes(sweeps: &[Sweep]) -> Vec<Type> {
    let shared = types_in(&sweeps[0].body).split_off(sweeps[0].carries);
    sweeps.iter().flat_map(Sweep::carried).chain(shared).collect()
}

/// The parts of the operands: of each sweep, then of all. So are those of the results, but for the last one.
pub(crate) fn parts(sweeps: &[Sweep]) -> Vec<Range<usize>> {
    let shared = sweeps[0].body.input_len() - sweeps[0].carries;
    let mut first = 0;
    let lengths = sweeps.iter().map(|sweep| sweep.carries).chain([shared]);
    lengths
        .map(|len| {
            first += len;
            first - len..first
        })
        .collect()
}

/// That the bodies fit what is done with them.
pub(super) fn check(condition: &Function, sweeps: &[Sweep], budget: Option<Budget>) -> Result<(), String> {
    let Some(first) = sweeps.first() else { return Err("there is no loop".into()) };
    if budget.is_some() && sweeps.len() != 2 {
        return Err("few states are those of a loop and one sweep back".into());
    }
    if first.carries > first.body.input_len() {
        return Err(format!("the loop's body does not take {} values to carry on", first.carries));
    }
    let shared = types_in(&first.body).split_off(first.carries);
    let mut records: Vec<Type> = vec![];
    for (k, sweep) in sweeps.iter().enumerate() {
        if sweep.carries > sweep.body.output_len() {
            return Err(format!("the body of sweep {k} does not give {} values to carry on", sweep.carries));
        }
        if types_in(&sweep.body) != [&records[..], &sweep.carried(), &shared].concat() {
            return Err(format!(
                "the body of sweep {k} does not take the records before it, what it carries, and what is shared"
            ));
        }
        records.extend(types_out(&sweep.body));
    }
    match (types_in(condition) == types_in(&first.body), &types_out(condition)[..]) {
        (true, [(Shape::SCALAR, DType::Float)]) => Ok(()),
        _ => Err("the condition does not give one number of what the body takes".into()),
    }
}

/// What marks reach.
pub(crate) struct Marks {
    /// The operands, and what is carried in the end.
    pub(crate) flow: Flow,
    /// The records of every sweep.
    pub(crate) records: Vec<Vec<bool>>,
}

/// Whether each operand, each result and each part of the records depends on the marked operands.
pub(crate) fn marks(sweeps: &[Sweep], marked: &[bool]) -> Marks {
    let mut inputs = marked.to_vec();
    let (mut outputs, mut records) = (vec![], Vec::<Vec<bool>>::new());
    let parts = parts(sweeps);
    let shared = parts[sweeps.len()].clone();
    for (sweep, own) in sweeps.iter().zip(parts) {
        let before = records.concat();
        let record = loop {
            let mut reached = depends(&sweep.body, &[&before[..], &inputs[own.clone()], &inputs[shared.clone()]].concat());
            let carried = &mut inputs[own.clone()];
            let more = carried.iter().zip(&reached).any(|(known, reached)| *reached && !known);
            carried.iter_mut().zip(&mut reached).for_each(|(known, reached)| {
                *known |= *reached;
                *reached = *known;
            });
            if !more {
                break reached;
            }
        };
        outputs.extend_from_slice(&record[..sweep.carries]);
        records.push(record);
    }
    Marks { flow: Flow { inputs, outputs }, records }
}

/// The same of numbers only.
pub(crate) fn marks_of_numbers(sweeps: &[Sweep], marked: &[bool]) -> Marks {
    let mut marks = marks(sweeps, marked);
    let numbers = |marks: &mut Vec<bool>, types: Vec<Type>| {
        marks.iter_mut().zip(types).for_each(|(mark, (_, dtype))| *mark &= dtype == DType::Float);
    };
    numbers(&mut marks.flow.inputs, takes(sweeps));
    numbers(&mut marks.flow.outputs, sweeps.iter().flat_map(Sweep::carried).collect());
    marks.records.iter_mut().zip(sweeps).for_each(|(record, sweep)| numbers(record, types_out(&sweep.body)));
    marks
}

/// Which parts of each sweep's records later ones read.
pub(crate) fn kept(sweeps: &[Sweep]) -> Vec<Vec<bool>> {
    let mut first = 0;
    let each = sweeps.iter().enumerate().map(|(k, sweep)| {
        let own = first..first + sweep.body.output_len();
        first = own.end;
        let mut kept = vec![false; own.len()];
        for later in &sweeps[k + 1..] {
            let live = later.body.graph().reachable(later.body.output_nodes());
            kept.iter_mut().zip(&live[own.clone()]).for_each(|(kept, live)| *kept |= live);
        }
        kept
    });
    each.collect()
}

/// The user's line of a loop whose turns are kept for its adjoint, in a function or its bodies; none where there is no such loop.
pub(crate) fn line(f: &Function) -> Option<Option<Caller>> {
    let (mut waiting, mut seen) = (vec![f], FxHashSet::default());
    while let Some(f) = waiting.pop() {
        for id in f.graph().ids() {
            let node = f.graph().node(id);
            let Kind::Control(nested) = node.kind() else { continue };
            if let Control::Sweeps { .. } = **nested.control {
                return Some(node.location());
            }
            if seen.insert(std::ptr::from_ref(&**nested.control)) {
                waiting.extend(nested.control.bodies());
            }
        }
    }
    None
}
