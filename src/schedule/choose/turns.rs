//! Loops of which few states are in memory, and the sweeps back over their turns.
//!
//! In: a function. Out: for loops with checkpoints, and for their adjoints, a stage. What is computed is what it would be without, by the same code,
//! with the same bits: a loop whose turns are kept runs by itself for its value, and again for its adjoint; this one leaves states when it runs for its
//! value, if that gives the same bits.

use super::flatten::{self, is_loop, loop_operands};
use super::replays::{Key, Schedules, varies};
use super::unroll::MOST_OF_STEP;
use crate::error::Result;
use crate::graph::{Args, Control, Function, Kind, Nested, NodeId, Port, SharedControl, Sweep, is_same};
use crate::schedule::ir::{ControlStage, Part, Replay, Schedule, Turning};
use crate::schedule::unit::Units;
use crate::schedule::{Program, Settings, prepared};
use std::sync::Arc;

/// A sweep back over the turns of a loop.
struct Back {
    key: Key,
    control: SharedControl,
    /// The loop's operands.
    operands: Args,
    /// Whether it has a stage.
    is_made: bool,
    /// The loop that has left states for it.
    loops: Option<Arc<Turning>>,
}

/// The loops with checkpoints of a function.
pub(super) struct Loops {
    all: Vec<Back>,
    varies: Vec<bool>,
}

fn parts(control: &Control) -> (&Function, &[Sweep]) {
    let Control::Sweeps { condition, sweeps, .. } = control else { unreachable!("they are sweeps") };
    (condition, sweeps)
}

impl Loops {
    pub(super) fn new(f: &Function) -> Loops {
        let graph = f.graph();
        let mut all: Vec<Back> = vec![];
        for id in graph.ids() {
            let Kind::Control(Nested { control, port }) = graph.node(id).kind() else { continue };
            let Control::Sweeps { sweeps, budget: Some(_), .. } = &**control else { continue };
            let key = super::replays::key(f, control, id);
            let operands = loop_operands(sweeps, &key.1);
            // One that is asked for what the loop gives runs it.
            let Port::Final(k) = port else { unreachable!("sweeps have no others") };
            let is_made = (k as usize) < sweeps[0].carries;
            match all.iter_mut().find(|back| back.key == key) {
                Some(back) => back.is_made |= is_made,
                None => all.push(Back { key, control: control.clone(), operands, is_made, loops: None }),
            }
        }
        let varies = if all.is_empty() { vec![] } else { varies(f) };
        Loops { all, varies }
    }

    /// The stage of a loop that leaves states, or of what goes back over its turns; none of others.
    pub(super) fn stage(
        &mut self,
        f: &Function,
        key: &Key,
        control: &SharedControl,
        members: &[(Port, NodeId)],
        (options, schedule): (Settings, Schedules),
        units: &mut Units,
    ) -> Result<Option<ControlStage>> {
        let at = f.graph().node(members[0].1).location();
        let stage = |bodies, of, part| {
            let replay = Some(Replay::Loop(of, part));
            let (control, members, most) = (control.clone(), members.to_vec(), options.turn_limit);
            Some(ControlStage { control, members, bodies, flow: None, replay, most, at })
        };
        if let Control::While { .. } = **control {
            let readers = self.readers(control, key, members[0].1, options);
            let Some(&first) = readers.first() else { return Ok(None) };
            let turning = Arc::new(turning(&self.all[first].control, readers.len(), (options, schedule), units)?);
            readers.into_iter().for_each(|k| self.all[k].loops = Some(turning.clone()));
            return Ok(stage(vec![], turning, Part::Forward));
        }
        let Some(back) = self.all.iter_mut().find(|back| back.key == *key) else { return Ok(None) };
        back.is_made = true;
        let (turning, part) = match back.loops.take() {
            Some(turning) => (turning, Part::Back),
            None => (Arc::new(turning(&back.control, 1, (options, schedule), units)?), Part::Both),
        };
        let body = body(&parts(&back.control).1[1].body, is_code(&back.control, options)?, (options, schedule), units)?;
        Ok(stage(vec![body], turning, part))
    }

    /// The sweeps over the turns of a loop that may use the states which it leaves.
    fn readers(&self, control: &Control, key: &Key, id: NodeId, options: Settings) -> Vec<usize> {
        // What depends on no input is computed once, and leaves nothing for every call.
        if !self.varies.get(id.index()).is_some_and(|varies| *varies) {
            return vec![];
        }
        let is_reader = |back: &Back| {
            let (condition, sweeps) = parts(&back.control);
            !back.is_made
                && back.operands == key.1
                && is_loop(control, condition, &sweeps[0])
                && has_bits(control, &sweeps[0], options)
        };
        let mut readers: Vec<usize> = (0..self.all.len()).filter(|&k| is_reader(&self.all[k])).collect();
        // Those that keep the same of a turn.
        if let Some(&first) = readers.first() {
            let own = &parts(&self.all[first].control).1[0].body;
            readers.retain(|&k| is_same(own, &parts(&self.all[k].control).1[0].body));
        }
        readers
    }
}

/// Whether what a loop carries has the bits that it has where more is kept of its turns.
fn has_bits(control: &Control, sweep: &Sweep, options: Settings) -> bool {
    let Control::While { body, .. } = control else { unreachable!("it is a loop") };
    let carried = prepared(&sweep.body, options).with_outputs(..sweep.carries).pruned();
    is_same(&prepared(body, options).pruned(), &carried)
}

/// Whether sweeps would be one piece of code if they kept all records.
fn is_code(control: &Control, options: Settings) -> Result<bool> {
    let (condition, sweeps) = parts(control);
    let sweeps = sweeps.iter().map(|sweep| Sweep { body: sweep.body.clone(), carries: sweep.carries }).collect();
    let whole = SharedControl::from(Control::Sweeps { condition: condition.clone(), sweeps, budget: None });
    Ok(options.unroll && flatten::flow(&whole, &[Port::Final(0)], options)?.is_some())
}

fn turning(control: &SharedControl, readers: usize, how: (Settings, Schedules), units: &mut Units) -> Result<Turning> {
    let (condition, sweeps) = parts(control);
    let is_code = is_code(control, how.0)?;
    Ok(Turning {
        sweeps: control.clone(),
        condition: body(condition, is_code, how, units)?,
        turn: body(&sweeps[0].body, is_code, how, units)?,
        readers,
    })
}

/// A body: by the code that all of them would be, or as a function of arrays.
fn body(f: &Function, is_code: bool, (options, schedule): (Settings, Schedules), units: &mut Units) -> Result<Schedule> {
    if !is_code {
        return schedule(prepared(f, options), options, units, MOST_OF_STEP);
    }
    let program = Program::of_flow(flatten::body(f, options)?, f.width(), options);
    Ok(Schedule { f: f.clone(), stages: vec![], once: 0, whole: Some(units.add(program, None)) })
}
