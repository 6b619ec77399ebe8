//! That a plan is sound. In: a plan. Out: nothing, or what is wrong with it.
//!
//! The actions are gone through in order, with what is in memory meanwhile: which value is where, by the numbers that buffers have. For each
//! action is checked
//!
//! - that every buffer is within its space, and that the action stays within the buffer, along all axes and strides;
//! - that what it reads is there: all of it written before, and nothing written over it since;
//! - that what it writes is no input, nor what is kept for all calls, lies apart from what it reads, unless it is declared to be written over
//!   that in the same places, and is written once: sums are added to what is there;
//! - that threads which share it out, or run some of its tiles, write different places, and read none that others write;
//! - that its addresses fit the table, and indices have been checked;
//! - that bodies get what they take, and are sound plans themselves.
//!
//! In the end every element of every output must hold the output's value. The lengths of a call's slices are those of the plan:
//! `exec` compares them before it runs the plan.

mod access;
mod control;
mod fault;
mod footprint;
mod memory;
mod nest;
mod places;
mod replay;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use fault::Fault;

use super::ir::{Action, Buffer, Plan, RunLoop, Space, Tiles, ValueId, addresses};
use access::{Footprint, Role};
use fault::Kind;
use memory::{Found, Memory};
use rustc_hash::FxHashSet;
use std::ops::Range;
use tiles::InTiles;

/// Checks a plan.
pub(crate) fn verify(plan: &Plan) -> Result<(), Fault> {
    let mut checker = Checker { plan, memory: Memory::default(), checked: FxHashSet::default(), once: true };
    checker.memory.add(Space::Kept, plan.kept);
    for (at, action) in plan.once.iter().enumerate() {
        checker.act(at, action).map_err(|fault| fault.within("what runs once".into()))?;
    }
    checker.once = false;
    checker.spaces();
    for (at, action) in plan.actions.iter().enumerate() {
        checker.act(at, action)?;
    }
    checker.results().map_err(|kind| Fault::new("at the end".into(), kind))
}

struct Checker<'p> {
    plan: &'p Plan,
    memory: Memory,
    /// Indices that are below some length.
    checked: FxHashSet<(ValueId, usize)>,
    /// Whether the actions at hand run once for all calls.
    once: bool,
}

/// The name of an action in messages.
fn name(action: &Action) -> &'static str {
    match action {
        Action::Fill(..) => "fill",
        Action::Copy { .. } => "copy",
        Action::Loop(_) => "loop",
        Action::Straight { .. } => "straight-line code",
        Action::Flow { .. } => "loop or branch",
        Action::Control(_) => "operation with bodies",
        Action::Replay(_) => "scan of few states",
        Action::Tiles(_) => "tiles",
        Action::Read { .. } => "read",
        Action::Write { .. } => "write",
        Action::MatMul { .. } => "product",
        Action::Check { .. } => "check",
        Action::Gather { .. } => "gather",
        Action::ScatterAdd { .. } => "scatter",
        Action::Sweep { .. } => "sweep",
        Action::Linalg { .. } => "linear algebra",
        Action::Extreme { .. } | Action::ExtremeOver { .. } => "extreme",
    }
}

fn named(at: usize, action: &Action) -> String {
    format!("action {at} ({})", name(action))
}

impl Checker<'_> {
    /// The spaces of a call, beside what is kept.
    fn spaces(&mut self) {
        let plan = self.plan;
        for (k, &len) in plan.inputs.iter().enumerate() {
            self.memory.give(Space::Input(k), len, ValueId((plan.overwritten.len() + k) as u32));
        }
        for (k, &len) in plan.outputs.iter().enumerate() {
            match plan.overwritten.iter().position(|&output| output == k) {
                Some(value) => self.memory.give(Space::Output(k), len, ValueId(value as u32)),
                None => self.memory.add(Space::Output(k), len),
            }
        }
        self.memory.add(Space::Scratch, plan.scratch);
    }

    fn act(&mut self, at: usize, action: &Action) -> Result<(), Fault> {
        let fail = |kind: Kind| Fault::new(named(at, action), kind);
        let within = |fault: Fault| fault.within(named(at, action));
        self.code(action, self.plan.table).map_err(fail)?;
        match action {
            Action::Tiles(tiles) => self.tiles(at, tiles).map_err(within),
            Action::Control(run) => {
                self.apply(at, control::footprint(run).map_err(fail)?).map_err(fail)?;
                self.bodies(&run.plans).map_err(within)
            }
            Action::Replay(run) => {
                if let Some(unit) = run.units().find(|unit| unit.interface().width != self.plan.width) {
                    return Err(fail(Kind::Width(unit.interface().width)));
                }
                self.apply(at, replay::footprint(run).map_err(fail)?).map_err(fail)?;
                self.bodies(&run.plans).map_err(within)
            }
            _ => {
                let footprint = footprint::footprint(action).map_err(fail)?;
                self.indices(action).map_err(fail)?;
                self.apply(at, footprint).map_err(fail)
            }
        }
    }

    /// That the plans of bodies are sound.
    fn bodies(&self, plans: &[Plan]) -> Result<(), Fault> {
        for (body, plan) in plans.iter().enumerate() {
            let named = || format!("body {body}");
            if plan.width != self.plan.width {
                return Err(Fault::new(named(), Kind::Width(plan.width)));
            }
            verify(plan).map_err(|fault| fault.within(named()))?;
        }
        Ok(())
    }

    /// That the addresses for an action's code fit a table of so many, and that its elements are of the plan's width.
    fn code(&self, action: &Action, table: usize) -> Result<(), Kind> {
        let (wanted, given) = (addresses(action), table);
        if wanted > given {
            return Err(Kind::Table { wanted, given });
        }
        match action {
            Action::Loop(RunLoop { unit, .. }) | Action::Straight { unit, .. } | Action::Flow { unit, .. }
                if unit.interface().width != self.plan.width =>
            {
                Err(Kind::Width(unit.interface().width))
            }
            _ => Ok(()),
        }
    }

    /// That indices are below the length that they choose from, before they do.
    fn indices(&mut self, action: &Action) -> Result<(), Kind> {
        match *action {
            Action::Check { index, len, .. } => {
                self.checked.insert((index.value, len));
                Ok(())
            }
            Action::Gather { index, along, .. } | Action::ScatterAdd { index, along, .. }
                if index.len > 0 && !self.checked.contains(&(index.value, along.len)) =>
            {
                Err(Kind::Unchecked { index, len: along.len })
            }
            _ => Ok(()),
        }
    }

    /// What is in memory after an action that does this.
    fn apply(&mut self, at: usize, Footprint { all, over }: Footprint) -> Result<(), Kind> {
        for access in &all {
            self.within(access.buffer)?;
            if let Role::Read | Role::Add = access.role {
                self.is_there(access.buffer, access.places.span())?;
            }
        }
        self.apart(&all, &over)?;
        for access in all.iter().filter(|access| access.role == Role::Work) {
            self.memory.forget(access.buffer.space, access.places.span());
        }
        for access in all.iter().filter(|access| matches!(access.role, Role::Write | Role::Add)) {
            let buffer = access.buffer;
            let first = self.memory.write(buffer, &access.places, at);
            if !first && access.role == Role::Write {
                return Err(Kind::Twice { buffer });
            }
        }
        Ok(())
    }

    /// That a buffer is within a space that there is.
    fn within(&self, buffer: Buffer) -> Result<(), Kind> {
        let size = match (self.memory.len(buffer.space), buffer.space) {
            (None, _) if self.once => return Err(Kind::NotKept { buffer }),
            (None, Space::Tile) => return Err(Kind::NoTile { buffer }),
            (None, _) => return Err(Kind::NoSpace { buffer }),
            (Some(size), _) => size,
        };
        if buffer.space == Space::Tile && buffer.step > 0 {
            return Err(Kind::Step { buffer });
        }
        if buffer.offset + buffer.len > size { Err(Kind::Outside { buffer, size }) } else { Ok(()) }
    }

    fn is_there(&self, buffer: Buffer, span: Range<usize>) -> Result<(), Kind> {
        self.memory.find(buffer.space, span, buffer.value).map_err(|found| match found {
            Found::Nothing => Kind::Unwritten { buffer },
            Found::Part => Kind::PartlyRead { buffer },
            Found::Other { held, by } => Kind::Dead { buffer, held, by },
        })
    }

    /// That what is written may be, and lies apart from all else, but for what it is declared to be written over.
    fn apart(&self, all: &[access::Access], over: &[(usize, usize)]) -> Result<(), Kind> {
        for access in all.iter().filter(|access| access.role != Role::Read) {
            let buffer = access.buffer;
            match buffer.space {
                Space::Input(_) => return Err(Kind::InputWritten { buffer }),
                Space::Kept if !self.once => return Err(Kind::KeptWritten { buffer }),
                _ => {}
            }
        }
        // In the order of their first places, so that only neighbours and what reaches over them are compared.
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_unstable_by_key(|&k| (all[k].buffer.space, all[k].places.start));
        for (k, &first) in order.iter().enumerate() {
            let (own, span) = (&all[first], all[first].places.span());
            let reached = |other: &&usize| {
                let other = &all[**other];
                other.buffer.space == own.buffer.space && other.places.start < span.end
            };
            for &second in order[k + 1..].iter().take_while(reached) {
                let other = &all[second];
                if (own.role == Role::Read && other.role == Role::Read)
                    || over.contains(&(first, second))
                    || over.contains(&(second, first))
                {
                    continue;
                }
                let (written, second) = if own.role == Role::Read { (other, own) } else { (own, other) };
                let both = second.role != Role::Read;
                return Err(Kind::Meets { buffer: written.buffer, other: second.buffer, written: both });
            }
        }
        Ok(())
    }

    /// Tiles: the whole ones, as if they ran at once, and the one that is left over. That is what they do in any order if none meets another.
    fn tiles(&mut self, at: usize, tiles: &Tiles) -> Result<(), Fault> {
        let whole = tiles.count - usize::from(tiles.rest.is_some()).min(tiles.count);
        let parts = [(0..whole, Some(&tiles.each)), (whole..tiles.count, tiles.rest.as_ref())];
        let mut footprints = Vec::new();
        for (numbers, actions) in parts {
            for (k, action) in actions.filter(|_| !numbers.is_empty()).into_iter().flatten().enumerate() {
                let named = || format!("tiles {} to {}, {}", numbers.start, numbers.end - 1, named(k, action));
                let fail = |kind: Kind| Fault::new(named(), kind);
                if let Action::Tiles(_) | Action::Control(_) | Action::Replay(_) = action {
                    return Err(fail(Kind::InTile));
                }
                self.code(action, tiles.table).map_err(fail)?;
                if let Action::Loop(run) = action {
                    nest::goes_on(run, &numbers, tiles.count).map_err(fail)?;
                }
                let Footprint { all, over } = footprint::footprint(action).map_err(fail)?;
                self.indices(action).map_err(fail)?;
                let all: Vec<InTiles> = all.into_iter().map(|access| InTiles { tiles: numbers.clone(), access }).collect();
                footprints.push((k, named(), all, over));
            }
        }
        let all: Vec<&InTiles> = footprints.iter().flat_map(|(_, _, all, _)| all).collect();
        tiles::apart(&all, self.plan.parallel).map_err(|kind| Fault::new("between tiles".into(), kind))?;
        for (k, name, all, over) in footprints {
            if k == 0 {
                self.memory.add(Space::Tile, tiles.scratch);
            }
            let all = all.iter().map(InTiles::together).collect();
            self.apply(at, Footprint { all, over }).map_err(|kind| Fault::new(name, kind))?;
        }
        self.memory.remove(Space::Tile);
        Ok(())
    }

    /// That every element of every output is there.
    fn results(&self) -> Result<(), Kind> {
        let plan = self.plan;
        let mut ranges: Vec<(Space, Range<usize>)> = Vec::new();
        for &buffer in plan.results.iter().filter(|buffer| buffer.len > 0) {
            self.within(buffer)?;
            let span = buffer.offset..buffer.offset + buffer.len;
            self.memory.find(buffer.space, span.clone(), buffer.value).map_err(|found| match found {
                Found::Nothing => Kind::NeverWritten { buffer },
                Found::Part => Kind::PartlyWritten { buffer },
                Found::Other { held, by } => Kind::Overwritten { buffer, held, by },
            })?;
            ranges.push((buffer.space, span));
        }
        ranges.sort_unstable_by_key(|(space, span)| (*space, span.start));
        for (space, len) in plan.outputs.iter().enumerate().map(|(k, len)| (Space::Output(k), *len)) {
            let (mut covered, mut end) = (0, 0);
            for (_, span) in ranges.iter().filter(|(other, _)| *other == space) {
                covered += span.end.max(end) - span.start.max(end);
                end = span.end.max(end);
            }
            if covered < len {
                return Err(Kind::Uncovered { space, covered, len });
            }
        }
        Ok(())
    }
}
