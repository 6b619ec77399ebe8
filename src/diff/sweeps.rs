//! The adjoint of a loop that goes on until a condition fails, and of such an adjoint: sweeps over its turns.
//!
//! A turn leaves what it was given to carry, and results that are costly, for the sweep back, which computes the rest again (reverse accumulation
//! over a tape of states; A. Griewank and A. Walther, Evaluating Derivatives, 2008, chapter 12). The adjoint of sweeps are those sweeps again, and
//! behind them the adjoint of each, from the last to the first, each in the other direction.

use super::groups::{Group, apply, chosen, count, place};
use super::kept::{MOST, costly, cut};
use super::series::series_of;
use crate::error::Result;
use crate::eval::outputs_at;
use crate::graph::sweeps::{Marks, marks_of_numbers, parts};
use crate::graph::{Control, Expr, Function, NodeId, Port, SharedControl, Sweep, Type, make_body, types_in, types_out};
use crate::op::{Real, lit};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Values in parts, each of which is followed by the coefficients of its marked values, power by power.
pub(super) struct Interleaved<'a> {
    pub(super) order: usize,
    /// Of all values.
    pub(super) marks: &'a [bool],
    /// Where parts begin and end.
    pub(super) bounds: &'a [usize],
}

impl Interleaved<'_> {
    fn parts(&self) -> impl Iterator<Item = Range<usize>> {
        self.bounds.windows(2).map(|bounds| bounds[0]..bounds[1])
    }

    pub(super) fn types(&self, types: &[Type]) -> Vec<Type> {
        let with = |part: Range<usize>| {
            [&types[part.clone()], &chosen(&types[part.clone()], &self.marks[part]).repeat(self.order)].concat()
        };
        self.parts().flat_map(with).collect()
    }

    /// The value and the power of each.
    pub(super) fn powers(&self) -> Vec<(usize, usize)> {
        let with = |part: Range<usize>| {
            let active: Vec<usize> = part.clone().filter(|&k| self.marks[k]).collect();
            let each = (1..=self.order).flat_map(|power| active.iter().map(move |&k| (k, power)).collect::<Vec<_>>());
            part.map(|k| (k, 0)).chain(each).collect::<Vec<_>>()
        };
        self.parts().flat_map(with).collect()
    }

    /// All values, then all coefficients, power by power.
    pub(super) fn apart(&self, args: &[Expr]) -> (Vec<Expr>, Vec<Expr>) {
        let (mut rest, mut values, mut coefficients) = (args, vec![], vec![vec![]; self.order]);
        for part in self.parts() {
            let own;
            (own, rest) = rest.split_at(part.len());
            values.extend_from_slice(own);
            for coefficients in &mut coefficients {
                let own;
                (own, rest) = rest.split_at(count(&self.marks[part.clone()]));
                coefficients.extend_from_slice(own);
            }
        }
        (values, coefficients.concat())
    }

    /// And back.
    pub(super) fn together(&self, all: &[Expr]) -> Vec<Expr> {
        let (values, coefficients) = all.split_at(self.marks.len());
        let marked = count(self.marks);
        let with = |part: Range<usize>| {
            let before = count(&self.marks[..part.start]);
            let own = count(&self.marks[part.clone()]);
            let each = (0..self.order).flat_map(|power| &coefficients[power * marked + before..][..own]);
            values[part].iter().chain(each).copied().collect::<Vec<_>>()
        };
        self.parts().flat_map(with).collect()
    }

    /// Where a value's coefficient is.
    pub(super) fn place(&self, k: u32, power: usize) -> u32 {
        let mut first = 0;
        for part in self.parts() {
            let marked = count(&self.marks[part.clone()]);
            if part.contains(&(k as usize)) {
                let own = place(&self.marks[part.clone()], k - part.start as u32) as usize;
                return (first + part.len() + (power - 1) * marked + own) as u32;
            }
            first += part.len() + self.order * marked;
        }
        unreachable!("it is in one of the parts")
    }
}

/// Bounds of parts that are so long.
pub(super) fn bounds(lengths: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let sum = |sum: &mut usize, len: usize| {
        *sum += len;
        Some(*sum)
    };
    std::iter::once(0).chain(lengths.into_iter().scan(0, sum)).collect()
}

/// Sweeps that carry coefficients of series along, up to an order, beside the values of others.
pub(super) fn carried(group: &Group, condition: &Function, sweeps: &[Sweep], marked: &[bool], order: usize) -> Result<Control> {
    let Marks { flow, records } = marks_of_numbers(sweeps, marked);
    let parts = parts(sweeps);
    let shared = &flow.inputs[parts[sweeps.len()].clone()];
    let (mut made, mut before, mut lengths) = (vec![], vec![], vec![]);
    let mut asked = None;
    for ((sweep, own), record) in sweeps.iter().zip(&parts).zip(&records) {
        let given = [&before[..], &flow.inputs[own.clone()], shared].concat();
        let own_bounds = bounds(lengths.iter().copied().chain([own.len(), shared.len()]));
        let inputs = Interleaved { order, marks: &given, bounds: &own_bounds };
        let rest = sweep.body.output_len() - sweep.carries;
        let of_record = bounds([sweep.carries, rest]);
        let outputs = Interleaved { order, marks: record, bounds: &of_record };
        // Where nothing is a series there are values alone.
        let d = match record.contains(&true) {
            true => series_of(&sweep.body, &given, record, order, &[], group)?,
            false => sweep.body.clone(),
        };
        let types = inputs.types(&types_in(&sweep.body));
        let body = make_body(sweep.body.width(), &types, group.at, |args| {
            let (mut all, coefficients) = inputs.apart(args);
            all.extend_from_slice(if record.contains(&true) { &coefficients } else { &[] });
            outputs.together(&outputs_at(&d, &all).expect("as many as the body takes"))
        })?;
        if asked.is_none() {
            asked = Some(make_body(condition.width(), &types, group.at, |args| {
                outputs_at(condition, &inputs.apart(args).0).expect("as many as the body takes")
            })?);
        }
        made.push(Sweep { body, carries: sweep.carries + order * count(&record[..sweep.carries]) });
        before.extend_from_slice(record);
        lengths.extend([sweep.carries, rest]);
    }
    Ok(Control::Sweeps { condition: asked.expect("the first sweep is the loop"), sweeps: made })
}

/// The adjoint of one sweep.
struct Adjoint {
    /// Which values the body has an adjoint of: what earlier sweeps have left, what it carries, what is shared.
    inputs: Vec<bool>,
    /// Which of its record have one: what it carries on, then the rest.
    record: Vec<bool>,
    /// Its inputs, cotangents of what is marked of the record, and what is costly, to the adjoints; none if there are none.
    vjp: Option<Function>,
    /// What is costly.
    costly: Vec<NodeId>,
}

impl Adjoint {
    fn new(group: &Group, sweep: &Sweep, inputs: &[bool], record: &[bool]) -> Result<Adjoint> {
        let body = &sweep.body;
        let costly = kept(sweep);
        // Nobody asks for the adjoint of what the marked results do not depend on.
        let live = body.graph().reachable(body.output_nodes().zip(record).filter(|(_, marked)| **marked).map(|(id, _)| id));
        let inputs: Vec<bool> = inputs.iter().zip(live).map(|(&marked, live)| marked && live).collect();
        if !inputs.contains(&true) {
            return Ok(Adjoint { inputs, record: record.to_vec(), vjp: None, costly: vec![] });
        }
        let extended = body.with_further_outputs(&costly);
        let all = [record, &vec![false; costly.len()]].concat();
        let vjp = (group.bodies.vjp)(&extended.marked(&inputs, &all))?;
        let values: Vec<NodeId> = vjp.output_nodes().take(extended.output_len()).collect();
        let vjp = cut(&vjp, &values[body.output_len()..], group.at)?.with_outputs(extended.output_len()..);
        Ok(Adjoint { inputs, record: record.to_vec(), vjp: Some(vjp), costly })
    }
}

/// What is better kept than computed again, unless it is much.
fn kept(Sweep { body, carries }: &Sweep) -> Vec<NodeId> {
    let costly = costly(body, *carries);
    let total = costly.iter().map(|&id| body.graph().node(id).shape().len()).sum::<Option<usize>>();
    if total.is_some_and(|total| total <= MOST) { costly } else { vec![] }
}

/// What sweeps add to their operands' adjoints, given those of what they carry in the end.
pub(super) fn pulled<S: Real>(
    group: &Group,
    condition: &Function,
    sweeps: &[Sweep],
    values: &[S],
    adjoints: &FxHashMap<Port, S>,
) -> Result<Vec<(NodeId, S)>> {
    let marks = marks_of_numbers(sweeps, &group.active);
    let flow = &marks.flow;
    if !adjoints.keys().any(|port| flow.reaches(group.control, *port)) {
        return Ok(vec![]);
    }
    let parts = parts(sweeps);
    let shared = parts[sweeps.len()].clone();
    let mut before: Vec<bool> = vec![];
    let mut each = vec![];
    for ((sweep, own), record) in sweeps.iter().zip(&parts).zip(&marks.records) {
        let inputs = [&before[..], &flow.inputs[own.clone()], &flow.inputs[shared.clone()]].concat();
        each.push(Adjoint::new(group, sweep, &inputs, record)?);
        before.extend_from_slice(record);
    }
    let made = Making { group, sweeps, each: &each, shared: shared.len() }.control(condition)?;
    let control = SharedControl::from(made);
    let mut operands: Vec<S> = values[..shared.start].to_vec();
    // Where the adjoint of each operand is carried in the end.
    let mut found: Vec<(usize, u32)> = vec![];
    for (l, own) in parts[..sweeps.len()].iter().enumerate().rev() {
        let adjoint = &each[l];
        for (at, k) in own.clone().enumerate().filter(|(at, _)| adjoint.record[*at]) {
            debug_assert!(flow.inputs[own.start + at]);
            found.push((k, operands.len() as u32));
            operands.push(adjoints.get(&Port::Final(k as u32)).copied().unwrap_or(lit(0.0)));
        }
        for at in 0..shared.len() {
            if adjoint.inputs[adjoint.inputs.len() - shared.len() + at] {
                found.push((shared.start + at, operands.len() as u32));
                operands.push(lit(0.0));
            }
        }
    }
    operands.extend_from_slice(&values[shared]);
    let active = found.into_iter().filter(|(k, _)| group.active[*k]);
    Ok(active.map(|(k, port)| (group.operands[k], apply(&control, Port::Final(port), &operands))).collect())
}

/// The sweeps of an adjoint under construction.
struct Making<'a, 'f> {
    group: &'a Group<'f>,
    sweeps: &'a [Sweep],
    each: &'a [Adjoint],
    shared: usize,
}

impl Making<'_, '_> {
    fn control(&self, condition: &Function) -> Result<Control> {
        let at = self.group.at;
        let mut made: Vec<Sweep> = vec![];
        // The types of the records so far.
        let mut records: Vec<Type> = vec![];
        let shared = types_in(&self.sweeps[0].body).split_off(self.sweeps[0].carries);
        for (l, sweep) in self.sweeps.iter().enumerate() {
            let costly = &self.each[l].costly;
            let types = [&records[..], &sweep.carried(), &shared].concat();
            let body = sweep.body.with_further_outputs(costly);
            let body = make_body(body.width(), &types, at, |args| {
                let (of_records, own) = args.split_at(records.len());
                let args = [&self.own_records(of_records, l)[..], own].concat();
                outputs_at(&body, &args).expect("as many as the body takes")
            })?;
            records.extend(types_out(&body));
            made.push(Sweep { body, carries: sweep.carries });
        }
        let of_sweeps = records.len();
        for l in (0..self.sweeps.len()).rev() {
            let (sweep, adjoint) = (&self.sweeps[l], &self.each[l]);
            let carried: Vec<Type> = chosen(&sweep.carried(), &adjoint.record[..sweep.carries]);
            let sums = chosen(&shared, &adjoint.inputs[adjoint.inputs.len() - self.shared..]);
            let state = [carried, sums].concat();
            let types = [&records[..], &state, &shared].concat();
            let width = sweep.body.width();
            let body = make_body(width, &types, at, |args| {
                let (of_records, rest) = args.split_at(records.len());
                let (state, shared) = rest.split_at(state.len());
                let (of_sweeps, of_adjoints) = of_records.split_at(of_sweeps);
                self.step(l, (of_sweeps, of_adjoints), state, shared)
            })?;
            records.extend(types_out(&body));
            let carries = state.len();
            made.push(Sweep { body, carries });
        }
        Ok(Control::Sweeps { condition: condition.clone(), sweeps: made })
    }

    /// Of all records of the first sweeps, what a body takes: those of the sweeps before it, without what is costly.
    fn own_records(&self, records: &[Expr], l: usize) -> Vec<Expr> {
        let mut rest = records;
        let mut own = vec![];
        for (sweep, adjoint) in self.sweeps[..l].iter().zip(self.each) {
            let record;
            (record, rest) = rest.split_at(sweep.body.output_len() + adjoint.costly.len());
            own.extend_from_slice(&record[..sweep.body.output_len()]);
        }
        own
    }

    /// A turn of the adjoint of a sweep.
    fn step(&self, l: usize, (records, adjoints): (&[Expr], &[Expr]), state: &[Expr], shared: &[Expr]) -> Vec<Expr> {
        let (sweep, adjoint) = (&self.sweeps[l], &self.each[l]);
        let carried = count(&adjoint.record[..sweep.carries]);
        let (of_carried, sums) = state.split_at(carried);
        // What later sweeps' adjoints have found of this one's record.
        let found = self.found(l, adjoints);
        let first: usize = self.sweeps[..l].iter().zip(self.each).map(|(s, a)| s.body.output_len() + a.costly.len()).sum();
        let record = &records[first..][..sweep.body.output_len() + adjoint.costly.len()];
        let own = &record[..sweep.carries];
        let types = types_out(&sweep.body);
        let mut of_carried = of_carried.iter().copied();
        let cotangents = (0..types.len()).filter(|&k| adjoint.record[k]).map(|k| match k < sweep.carries {
            true => of_carried.next().expect("one for each"),
            false => found[k].unwrap_or_else(|| Expr::full(0.0, types[k].0)),
        });
        let args: Vec<Expr> = self
            .own_records(records, l)
            .into_iter()
            .chain(own.iter().copied())
            .chain(shared.iter().copied())
            .chain(cotangents)
            .chain(record[sweep.body.output_len()..].iter().copied())
            .collect();
        let pulled = adjoint.vjp.iter().flat_map(|vjp| outputs_at(vjp, &args).expect("as many as the body takes"));
        let mut pulled = pulled.collect::<Vec<Expr>>().into_iter();
        let mut of_input: Vec<Option<Expr>> =
            adjoint.inputs.iter().map(|&marked| if marked { pulled.next() } else { None }).collect();
        let of_shared = of_input.split_off(of_input.len() - self.shared);
        let of_own = of_input.split_off(of_input.len() - sweep.carries);
        let next = (0..sweep.carries).filter(|&k| adjoint.record[k]).map(|k| {
            let parts = [of_own[k], found[k]].into_iter().flatten();
            parts.reduce(|a, b| a + b).unwrap_or_else(|| Expr::full(0.0, types[k].0))
        });
        let sums = sums.iter().zip(of_shared.into_iter().flatten()).map(|(&sum, more)| sum + more);
        next.chain(sums).chain(of_input.into_iter().flatten()).collect()
    }

    /// What the adjoints of later sweeps have left of a sweep's record.
    fn found(&self, l: usize, adjoints: &[Expr]) -> Vec<Option<Expr>> {
        let len = |l: usize| self.sweeps[l].body.output_len();
        let first: usize = (0..l).map(len).sum();
        let mut found: Vec<Option<Expr>> = vec![None; len(l)];
        let mut rest = adjoints;
        for later in (l + 1..self.sweeps.len()).rev() {
            let adjoint = &self.each[later];
            let before: usize = (0..later).map(len).sum();
            let state = count(&adjoint.record[..self.sweeps[later].carries])
                + count(&adjoint.inputs[adjoint.inputs.len() - self.shared..]);
            rest = &rest[state..];
            for k in (0..before).filter(|&k| adjoint.inputs[k]) {
                let one;
                (one, rest) = rest.split_at(1);
                if (first..first + len(l)).contains(&k) {
                    let sum = &mut found[k - first];
                    *sum = Some(sum.map_or(one[0], |sum| sum + one[0]));
                }
            }
        }
        found
    }
}
