//! What scans of which few states are in memory read and write, and that code and bodies get what they take.

use super::access::{Footprint, Role, count, has};
use super::fault::Kind;
use crate::schedule::ir::{Buffer, Plan, RunBack, RunRead, RunReplay, RunSource, RunSteps};
use crate::schedule::unit::UnitRef;

/// Lengths of what a step takes, or gives.
type Lengths = Vec<usize>;

pub(super) fn footprint(run: &RunReplay) -> Result<Footprint, Kind> {
    for (body, plan) in run.plans.iter().enumerate() {
        if !plan.once.is_empty() || plan.kept > 0 || !plan.overwritten.is_empty() {
            return Err(Kind::BodyKeeps(body));
        }
        if plan.scratch > run.scratch.len {
            return Err(Kind::BodyWork { body, wanted: plan.scratch, given: run.scratch.len });
        }
    }
    let needed = (run.states + 1).min(run.steps.max(1));
    if run.states == 0 || run.entries < needed {
        return Err(Kind::Unit("states have no places"));
    }
    if run.sources.is_empty() {
        return Err(Kind::Unit("nothing runs again"));
    }
    let mut footprint = Footprint::default();
    for source in &run.sources {
        if source.reverse != run.sources[0].reverse {
            return Err(Kind::Unit("scans that run again together go different ways"));
        }
        self::source(run, source, &mut footprint)?;
    }
    match &run.back {
        Some(back) => self::back(run, back, &mut footprint)?,
        None => count("scans that run for the first time", run.sources.len(), 1)?,
    }
    footprint.whole(run.scratch, Role::Work);
    Ok(footprint)
}

/// The length of what belongs to each of some parts.
fn part(all: Buffer, parts: usize) -> Result<usize, Kind> {
    match all.len.checked_rem(parts) {
        Some(0) => Ok(all.len / parts),
        Some(_) => Err(Kind::Length { buffer: all, wanted: all.len / parts * parts }),
        None => Ok(0),
    }
}

fn source(run: &RunReplay, source: &RunSource, footprint: &mut Footprint) -> Result<(), Kind> {
    let mut carried: Lengths = vec![];
    for &places in &source.states {
        carried.push(part(places, run.entries)?);
    }
    let is_first = run.back.is_none();
    let mut given = carried.clone();
    for &x in &source.xs {
        given.push(part(x, run.steps)?);
        footprint.whole(x, Role::Read);
    }
    source.shared.iter().for_each(|&buffer| {
        given.push(buffer.len);
        footprint.whole(buffer, Role::Read);
    });
    // Whoever goes back leaves the states as they are wanted again: that at the start is there.
    let role = if is_first { Role::Write } else { Role::Add };
    source.states.iter().for_each(|&places| footprint.whole(places, role));
    let (mut whole, mut steps, mut all): (Lengths, Lengths, Lengths) = (vec![], vec![], carried.clone());
    for each in &source.each {
        let of_step = each.step.map(|step| step.len);
        let of_whole = each.whole.map(|whole| part(whole, run.steps)).transpose()?;
        if let (Some(whole), Some(of_step)) = (of_whole.filter(|_| run.steps > 0), each.step) {
            has(of_step, whole)?;
        }
        whole.extend(of_whole);
        steps.extend(of_step);
        all.extend(of_step);
        each.whole.iter().for_each(|&buffer| footprint.whole(buffer, Role::Write));
        each.step.iter().for_each(|&buffer| footprint.whole(buffer, Role::Work));
    }
    let ends = if is_first { carried.len() } else { 0 };
    for (what, buffers, role) in [("starts", &source.init, Role::Read), ("results", &source.last, Role::Write)] {
        count(what, buffers.len(), ends)?;
        for (&buffer, &len) in buffers.iter().zip(&carried) {
            has(buffer, len)?;
            footprint.whole(buffer, role);
        }
    }
    match &source.code {
        RunSteps::Body(body) => {
            count("places of what is carried", source.turns.len(), carried.len())?;
            turns(&source.turns, &carried, footprint)?;
            count("places of what a step gives", all.len(), carried.len() + source.each.len())?;
            fits(run, *body, &given, &all)
        }
        RunSteps::Flow { first, forward, each, rest } => {
            let with_whole = [&carried[..], &whole].concat();
            let ends = vec![false; carried.len()];
            let all_steps = vec![true; carried.len()];
            let xs = source.xs.len();
            let check = |unit: &Option<UnitRef>, results: &[usize], by_step: &[bool]| match unit {
                Some(unit) => is_code(unit, (carried.len(), xs), &given, results, by_step, run.steps > 0),
                None => Ok(()),
            };
            if is_first {
                return check(first, &with_whole, &[&ends[..], &vec![true; whole.len()]].concat());
            }
            check(forward, &carried, &ends)?;
            check(each, &carried, &all_steps)?;
            check(rest, &steps, &vec![true; steps.len()])
        }
    }
}

fn back(run: &RunReplay, back: &RunBack, footprint: &mut Footprint) -> Result<(), Kind> {
    let carried: Lengths = back.init.iter().map(|buffer| buffer.len).collect();
    count("places of what is carried", back.turns.len(), carried.len())?;
    count("results of what is carried", back.last.len(), carried.len())?;
    back.init.iter().for_each(|&buffer| footprint.whole(buffer, Role::Read));
    turns(&back.turns, &carried, footprint)?;
    let (mut given, mut results) = (carried.clone(), carried.clone());
    for (&last, &len) in back.last.iter().zip(&carried) {
        has(last, len)?;
        footprint.whole(last, Role::Write);
    }
    for x in &back.xs {
        let source = |k: usize| run.sources.get(k).ok_or(Kind::Unit("nothing runs again"));
        given.push(match *x {
            RunRead::Whole(all) => {
                footprint.whole(all, Role::Read);
                part(all, run.steps)?
            }
            RunRead::State { source: k, carried } => {
                let places = source(k)?.states.get(carried).ok_or(Kind::Unit("nothing is carried"))?;
                part(*places, run.entries)?
            }
            RunRead::Step { source: k, each } => {
                let step = source(k)?.each.get(each).and_then(|each| each.step);
                step.ok_or(Kind::Unit("nothing is given by a step"))?.len
            }
        });
    }
    back.shared.iter().for_each(|&buffer| {
        given.push(buffer.len);
        footprint.whole(buffer, Role::Read);
    });
    for &each in &back.each {
        results.push(part(each, run.steps)?);
        footprint.whole(each, Role::Write);
    }
    match &back.code {
        Some(unit) => {
            let by_step: Vec<bool> = (0..results.len()).map(|k| k >= carried.len()).collect();
            is_code(unit, (carried.len(), back.xs.len()), &given, &results, &by_step, run.steps > 0)
        }
        None => match run.plans.len().checked_sub(1) {
            Some(last) => fits(run, last, &given, &results),
            None => Err(Kind::Unit("there is no body")),
        },
    }
}

/// That what is carried goes to two places in turns, which are apart as memory to work in.
fn turns(turns: &[[Buffer; 2]], carried: &[usize], footprint: &mut Footprint) -> Result<(), Kind> {
    for (places, &len) in turns.iter().zip(carried) {
        for &place in places {
            has(place, len)?;
            footprint.whole(place, Role::Work);
        }
    }
    Ok(())
}

/// That a body takes and gives so many elements.
fn fits(run: &RunReplay, body: usize, given: &[usize], results: &[usize]) -> Result<(), Kind> {
    let Some(Plan { inputs, outputs, .. }) = run.plans.get(body) else { return Err(Kind::Unit("there is no body")) };
    lengths("operands of a body", given, inputs, run.steps > 0)?;
    lengths("results of a body", results, outputs, run.steps > 0)
}

/// That code of steps takes and gives so many elements, and which of them step by step.
fn is_code(
    unit: &UnitRef,
    (carries, xs): (usize, usize),
    given: &[usize],
    results: &[usize],
    by_step: &[bool],
    runs: bool,
) -> Result<(), Kind> {
    let interface = unit.interface();
    let Some((reads, gives)) = &interface.flow else { return Err(Kind::Unit("code without loops is run as a loop")) };
    lengths("operands of code", given, &interface.inputs, runs)?;
    lengths("results of code", results, &interface.outputs, runs)?;
    let is_x = |k: usize| (carries..carries + xs).contains(&k);
    match reads.iter().enumerate().all(|(k, &by_step)| by_step == is_x(k)) && gives == by_step {
        true => Ok(()),
        false => Err(Kind::Unit("what is read or given step by step is another")),
    }
}

/// That lengths are those that are wanted; where there is no step, nobody knows those of one.
fn lengths(what: &'static str, given: &[usize], wanted: &[usize], known: bool) -> Result<(), Kind> {
    count(what, given.len(), wanted.len())?;
    match !known || given == wanted {
        true => Ok(()),
        false => Err(Kind::Unit("a step takes or gives other lengths")),
    }
}
