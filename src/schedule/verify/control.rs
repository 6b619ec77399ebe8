//! What an operation with bodies reads and writes, and that its bodies get what they take. (The bodies' own actions are another matter.)

use super::access::{Footprint, Role, count, has, reaches};
use super::fault::Kind;
use crate::schedule::ir::{Action, Buffer, Carried, Flow, Plan, RunControl, RunSweep, Space};
use crate::schedule::unit::UnitRef;

pub(super) fn footprint(run: &RunControl) -> Result<Footprint, Kind> {
    // The last element is a condition's.
    reaches(run.scratch, 1)?;
    for (body, plan) in run.plans.iter().enumerate() {
        if !plan.once.is_empty() || plan.kept > 0 || !plan.overwritten.is_empty() {
            return Err(Kind::BodyKeeps(body));
        }
        if plan.scratch >= run.scratch.len {
            return Err(Kind::BodyWork { body, wanted: plan.scratch, given: run.scratch.len - 1 });
        }
    }
    let operands = &run.operands[..];
    match &run.flow {
        Flow::Choice => {
            count("bodies", run.plans.len(), 2)?;
            let [holds, operands @ ..] = operands else { return count("operands", 0, 1).map(|()| Footprint::default()) };
            reaches(*holds, 1)?;
            (0..2).try_for_each(|body| fits(run, body, whole(operands), whole(&run.last)))?;
        }
        Flow::Once => {
            count("bodies", run.plans.len(), 1)?;
            fits(run, 0, whole(operands), whole(&run.last))?;
        }
        Flow::Opaque { .. } => count("bodies", run.plans.len(), 0)?,
        Flow::While { carries } => {
            count("bodies", run.plans.len(), 2)?;
            carried(run, *carries, 1)?;
            if run.carried.iter().any(|carried| matches!(carried, Carried::Kept(_))) {
                return Err(Kind::Unit("only a scan keeps what it carries"));
            }
            let flag = Buffer { len: 1, ..run.scratch };
            fits(run, 0, whole(operands), whole(&[flag]))?;
            fits(run, 1, whole(operands), whole(&run.last))?;
        }
        Flow::Sweeps(sweeps) => {
            count("bodies", run.plans.len(), 1 + sweeps.len())?;
            carried(run, run.last.len(), 1)?;
            if run.carried.iter().any(|carried| matches!(carried, Carried::Kept(_))) {
                return Err(Kind::Unit("only a scan keeps what it carries"));
            }
            self::sweeps(run, sweeps)?;
        }
        Flow::Scan { carries, xs, steps, whole: code, .. } => {
            count("bodies", run.plans.len(), 1)?;
            carried(run, *carries, *steps)?;
            reaches(Buffer { len: operands.len(), ..run.scratch }, carries + xs)?;
            if *steps > 0 {
                let inputs = operands.iter().enumerate();
                let inputs = inputs.map(|(k, &buffer)| (buffer, if (*carries..carries + xs).contains(&k) { *steps } else { 1 }));
                let outputs = whole(&run.last).chain(run.each.iter().map(|&buffer| (buffer, *steps)));
                fits(run, 0, inputs, outputs)?;
            }
            if let Some(unit) = code {
                is_one_piece(&run.plans[0], unit)?;
            }
        }
    }
    let mut footprint = Footprint::of(operands, &run.last);
    run.each.iter().for_each(|&buffer| footprint.whole(buffer, Role::Write));
    for carried in &run.carried {
        match *carried {
            Carried::Kept(buffer) => footprint.whole(buffer, Role::Write),
            Carried::Turns(turns) => turns.into_iter().for_each(|buffer| footprint.whole(buffer, Role::Work)),
        }
    }
    if let Flow::Sweeps(sweeps) = &run.flow {
        sweeps.iter().flat_map(|sweep| &sweep.record).for_each(|&buffer| footprint.whole(buffer, Role::Work));
    }
    footprint.whole(run.scratch, Role::Work);
    Ok(footprint)
}

/// That each sweep's body takes the records before it, what it carries and what is shared, and gives what is carried on and the rest of its record.
fn sweeps(run: &RunControl, sweeps: &[RunSweep]) -> Result<(), Kind> {
    let carries = sweeps.iter().map(|sweep| sweep.carries).sum::<usize>();
    count("results of what is carried", run.last.len(), carries)?;
    let (mut own, shared) = run.operands.split_at(carries);
    let mut records: Vec<Buffer> = vec![];
    for (k, sweep) in sweeps.iter().enumerate() {
        count("parts of a record that may be kept", sweep.kept.len(), sweep.record.len())?;
        reaches(Buffer { len: sweep.record.len(), ..run.scratch }, sweep.carries)?;
        let carried;
        (carried, own) = own.split_at(sweep.carries);
        carried.iter().zip(&sweep.record).try_for_each(|(carried, record)| has(*record, carried.len))?;
        let given = [&records[..], carried, shared].concat();
        if k == 0 {
            fits(run, 0, whole(&given), whole(&[Buffer { len: 1, ..run.scratch }]))?;
        }
        fits(run, 1 + k, whole(&given), whole(carried).chain(whole(&sweep.record[sweep.carries..])))?;
        records.extend(&sweep.record);
    }
    Ok(())
}

/// Buffers that a body gets as they are.
fn whole(buffers: &[Buffer]) -> impl Iterator<Item = (Buffer, usize)> {
    buffers.iter().map(|&buffer| (buffer, 1))
}

/// That a body takes so many elements of its operands, and gives as many to its results, where each buffer has so many equal parts.
fn fits(
    run: &RunControl,
    body: usize,
    inputs: impl Iterator<Item = (Buffer, usize)>,
    outputs: impl Iterator<Item = (Buffer, usize)>,
) -> Result<(), Kind> {
    let plan = &run.plans[body];
    let each = |what: &'static str, given: &mut dyn Iterator<Item = (Buffer, usize)>, lengths: &[usize]| {
        let given: Vec<(Buffer, usize)> = given.collect();
        count(what, given.len(), lengths.len())?;
        given.into_iter().zip(lengths).try_for_each(|((buffer, parts), len)| match buffer.len == parts * len {
            true => Ok(()),
            false => Err(Kind::BodyLength { body, buffer, wanted: parts * len }),
        })
    };
    each("operands of a body", &mut { inputs }, &plan.inputs)?;
    each("results of a body", &mut { outputs }, &plan.outputs)
}

/// That what is carried goes from operands to places in turns, or to its own part of what is kept, and to the results.
fn carried(run: &RunControl, carries: usize, steps: usize) -> Result<(), Kind> {
    count("places of what is carried", run.carried.len(), carries)?;
    count("results of what is carried", run.last.len(), carries)?;
    reaches(Buffer { len: run.operands.len(), ..run.scratch }, carries)?;
    for ((carried, &first), &last) in run.carried.iter().zip(&run.operands).zip(&run.last) {
        has(last, first.len)?;
        match *carried {
            Carried::Turns([even, odd]) => {
                has(even, first.len)?;
                has(odd, first.len)?;
                let overlap =
                    even.space == odd.space && even.offset < odd.offset + odd.len && odd.offset < even.offset + even.len;
                if overlap && even.len > 0 {
                    return Err(Kind::TurnsMeet { buffer: even, other: odd });
                }
            }
            Carried::Kept(all) => has(all, steps * first.len)?,
        }
    }
    Ok(())
}

/// That a plan is nothing but one piece of code on its slices in order, so that this can be run in its place.
fn is_one_piece(plan: &Plan, whole: &UnitRef) -> Result<(), Kind> {
    let [Action::Straight { unit, inputs, outputs } | Action::Flow { unit, inputs, outputs, .. }] = &plan.actions[..] else {
        return Err(Kind::NotWhole);
    };
    let in_order = |buffers: &[Buffer], lengths: &[usize], space: fn(usize) -> Space| {
        let is_slice = |(k, (buffer, &len)): (usize, (&Buffer, &usize))| {
            buffer.len == len && (len == 0 || (buffer.space == space(k) && buffer.offset == 0))
        };
        buffers.len() == lengths.len() && buffers.iter().zip(lengths).enumerate().all(is_slice)
    };
    let same = unit.index() == whole.index();
    match same && in_order(inputs, &plan.inputs, Space::Input) && in_order(outputs, &plan.outputs, Space::Output) {
        true => Ok(()),
        false => Err(Kind::NotWhole),
    }
}
