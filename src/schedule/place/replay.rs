//! Scans of which few states are in memory, planned for the lengths of a call.

use super::planner::Planner;
use crate::base::{Axis, Shape};
use crate::graph::{Control, NodeId, Port, SharedControl, States, stacked, types_in};
use crate::schedule::ir::{
    Action, Buffer, ControlStage, Plan, Replay, RunBack, RunEach, RunRead, RunReplay, RunSource, RunSteps, Schedule, Source,
    SourceCode,
};
use crate::schedule::lengths::Extent;
use std::sync::Arc;

/// How many states there are of scans that run again together, for how many steps.
pub(crate) fn states(extent: Extent, together: &[SharedControl]) -> (usize, usize) {
    let bytes = together.iter().map(|control| state(extent, control)).sum::<usize>() * extent.f.width().bytes();
    let of_each = together.iter().map(|control| {
        let Control::Scan { length, states: States::Checkpoints(budget), .. } = **control else {
            unreachable!("it is a scan with checkpoints")
        };
        let steps = steps(extent, length);
        (budget.states(steps, bytes), steps)
    });
    of_each.min().expect("there is one at least")
}

fn steps(extent: Extent, length: Axis) -> usize {
    size(extent, stacked(length, Shape::SCALAR))
}

fn size(extent: Extent, shape: Shape) -> usize {
    extent.lengths(shape).iter().product()
}

/// Elements of what a scan carries.
pub(crate) fn state(extent: Extent, control: &Control) -> usize {
    let Control::Scan { body, carries, .. } = control else { unreachable!("it is a scan") };
    types_in(body)[..*carries].iter().map(|&(shape, _)| size(extent, shape)).sum()
}

/// The action of a stage that leaves states or goes back over them; `plan` makes those of the bodies.
pub(super) fn run(planner: &mut Planner, stage: &ControlStage, replay: &Replay, plan: &dyn Fn(&Schedule) -> Plan) {
    let (sources, is_first) = match replay {
        Replay::First(source) => (std::slice::from_ref(source), true),
        Replay::Again(sources) => (&sources[..], false),
    };
    let (states, steps) = states(planner.extent, &sources[0].together);
    let mut making = Making { planner, plan, plans: vec![], borrowed: vec![], entries: (states + 1).min(steps.max(1)) };
    // Whoever goes back first finds the states of the first run.
    let ready =
        sources.iter().fold(true, |ready, source| ready & (is_first || making.planner.replayed.insert(source.again[0].1)));
    let mut made: Vec<RunSource> = sources.iter().map(|source| making.source(source, is_first)).collect();
    let back = match is_first {
        true => {
            making.first(stage, &sources[0], &mut made[0]);
            None
        }
        false => Some(making.back(stage, sources)),
    };
    let Making { plans, mut borrowed, entries, .. } = making;
    let scratch = planner.borrow(plans.iter().map(|plan| plan.scratch).max().unwrap_or(0));
    borrowed.push(scratch);
    planner.actions.push(Action::Replay(Box::new(RunReplay {
        steps,
        states,
        entries,
        sources: made,
        back,
        ready,
        plans,
        scratch,
        at: stage.at,
    })));
    borrowed.into_iter().for_each(|place| planner.give_back(place));
}

/// An action under construction.
struct Making<'p, 'a> {
    planner: &'p mut Planner<'a>,
    plan: &'p dyn Fn(&Schedule) -> Plan,
    plans: Vec<Plan>,
    borrowed: Vec<Buffer>,
    entries: usize,
}

impl Making<'_, '_> {
    fn size(&self, shape: Shape) -> usize {
        size(self.planner.extent, shape)
    }

    fn borrow(&mut self, len: usize) -> Buffer {
        let place = self.planner.borrow(len);
        self.borrowed.push(place);
        place
    }

    fn turns(&mut self, lengths: &[usize]) -> Vec<[Buffer; 2]> {
        lengths.iter().map(|&len| [self.borrow(len), self.borrow(len)]).collect()
    }

    /// Lengths of what is carried, and of what a step gives besides.
    fn lengths(&self, control: &Control) -> (Vec<usize>, Vec<usize>) {
        let Control::Scan { carries, .. } = *control else { unreachable!("it is a scan") };
        let mut all: Vec<usize> = control.gives().into_iter().map(|(shape, _)| self.size(shape)).collect();
        let each = all.split_off(carries);
        (all, each)
    }

    fn source(&mut self, source: &Source, is_first: bool) -> RunSource {
        let Control::Scan { carries, xs, reverse, .. } = *source.control else { unreachable!("it is a scan") };
        let (carried, given) = self.lengths(&source.control);
        let node = source.again[0].1;
        // One stretch of memory for the places of all that is carried.
        let len: usize = carried.iter().sum::<usize>() * self.entries;
        let all = match self.planner.places.get(&node) {
            Some(&place) => place,
            None => {
                let place = self.planner.borrow(len);
                self.planner.places.insert(node, place);
                place
            }
        };
        let mut offset = all.offset;
        let entries = self.entries;
        let place = |&len: &usize| {
            let own = Buffer { offset, len: len * entries, ..all };
            offset += own.len;
            own
        };
        let states = carried.iter().map(place).collect();
        let operands: Vec<NodeId> = self.planner.f.graph().operands(node).skip(carries).collect();
        let (read, shared) = operands.split_at(xs);
        let xs = read.iter().map(|&id| self.planner.memory(id)).collect();
        let shared = shared.iter().map(|&id| self.planner.memory(id)).collect();
        let is_body = matches!(source.code, SourceCode::Body(_));
        let mut each = vec![];
        for &k in &source.each {
            let is_again = source.again.iter().any(|(port, _)| *port == Port::Each(k));
            // A body gives all of it whether it is wanted or not.
            let step = (is_body || is_again && !is_first).then(|| self.borrow(given[k as usize]));
            each.push(RunEach { whole: None, step });
        }
        let (code, turns) = match &source.code {
            SourceCode::Body(body) => {
                self.plans.push((self.plan)(body));
                (RunSteps::Body(self.plans.len() - 1), self.turns(&carried))
            }
            SourceCode::Flow { first, forward, each, rest } => {
                let [first, forward, each, rest] = [first, forward, each, rest].map(Clone::clone);
                (RunSteps::Flow { first, forward, each, rest }, vec![])
            }
        };
        RunSource { code, reverse, states, turns, xs, shared, each, init: vec![], last: vec![] }
    }

    /// What a first run takes and gives besides.
    fn first(&mut self, stage: &ControlStage, source: &Source, made: &mut RunSource) {
        let operands: Vec<NodeId> = self.planner.f.graph().operands(stage.members[0].1).collect();
        let (carried, _) = self.lengths(&source.control);
        made.init = operands[..carried.len()].iter().map(|&id| self.planner.memory(id)).collect();
        made.last = self.last(stage, &carried);
        for (&k, each) in source.each.iter().zip(&mut made.each) {
            let member = stage.members.iter().find(|(port, _)| *port == Port::Each(k)).expect("it is asked for");
            if !source.again.contains(member) {
                each.whole = Some(self.planner.claim(member.1));
            }
        }
    }

    /// Where what is carried in the end goes.
    fn last(&mut self, stage: &ControlStage, carried: &[usize]) -> Vec<Buffer> {
        let mut last = vec![];
        for (k, &len) in carried.iter().enumerate() {
            let member = stage.members.iter().find(|(port, _)| *port == Port::Final(k as u32));
            last.push(match member {
                Some(&(_, id)) => self.planner.claim(id),
                None => self.borrow(len),
            });
        }
        last
    }

    fn back(&mut self, stage: &ControlStage, sources: &[Arc<Source>]) -> RunBack {
        let Control::Scan { carries, xs, .. } = *stage.control else { unreachable!("it is a scan") };
        let operands: Vec<NodeId> = self.planner.f.graph().operands(stage.members[0].1).collect();
        let (carried, _) = self.lengths(&stage.control);
        let again = |id: NodeId| {
            sources.iter().enumerate().find_map(|(k, source)| {
                let port = source.again.iter().find(|(_, other)| *other == id)?.0;
                Some(match port {
                    Port::Each(each) => {
                        let each = source.each.iter().position(|&other| other == each).expect("it is asked for");
                        RunRead::Step { source: k, each }
                    }
                    Port::Carried(carried) | Port::Final(carried) => RunRead::State { source: k, carried: carried as usize },
                })
            })
        };
        let mut reads = vec![];
        for &id in &operands[carries..carries + xs] {
            reads.push(again(id).unwrap_or_else(|| RunRead::Whole(self.planner.memory(id))));
        }
        let init = operands[..carries].iter().map(|&id| self.planner.memory(id)).collect();
        let shared = operands[carries + xs..].iter().map(|&id| self.planner.memory(id)).collect();
        let mut each: Vec<(u32, NodeId)> = vec![];
        each.extend(stage.members.iter().filter_map(|&(port, id)| if let Port::Each(k) = port { Some((k, id)) } else { None }));
        each.sort_unstable();
        self.plans.extend(stage.bodies.iter().map(self.plan));
        RunBack {
            code: stage.flow.clone(),
            init,
            turns: self.turns(&carried),
            last: self.last(stage, &carried),
            xs: reads,
            shared,
            each: each.into_iter().map(|(_, id)| self.planner.claim(id)).collect(),
        }
    }
}
