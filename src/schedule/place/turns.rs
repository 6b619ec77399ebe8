//! Loops of which few states are in memory, planned for the lengths of a call. Nobody knows how many turns they will have.

use super::planner::{Left, Planner};
use super::replay::{Making, places};
use crate::base::online::entries;
use crate::base::revolve::Budget;
use crate::graph::{Control, NodeId, Sweep, Type, types_out};
use crate::schedule::ir::{
    Action, Buffer, ControlStage, Part, Plan, RunBack, RunEach, RunRead, RunReplay, RunSource, RunSteps, RunTurns, Schedule,
    Turning,
};
use crate::schedule::lengths::Extent;
use std::sync::Arc;

/// Elements of the states of a loop, at most: what an allocation may have, of up to 8 bytes each, with as much again beside them.
const MOST: usize = isize::MAX as usize / 16;

/// Memory for the states of a loop.
pub(crate) struct Room {
    pub(crate) states: usize,
    /// Elements of a state.
    pub(crate) state: usize,
    /// Bytes of a state, where the budget has no room for one.
    short: Option<(usize, Budget)>,
}

/// What a budget has room for, if sweeps are a loop with checkpoints and the sweep back over its turns.
pub(crate) fn room(extent: Extent, control: &Control) -> Option<Room> {
    let Control::Sweeps { sweeps, budget: Some(budget), .. } = control else { return None };
    let state: usize = lengths(extent, &sweeps[0].carried()).iter().sum();
    let bytes = state * extent.f.width().bytes();
    // What has no elements takes no memory.
    let states = budget.states(bytes).unwrap_or(MOST);
    let short = (states == 0).then_some((bytes, *budget));
    Some(Room { states: states.clamp(1, MOST / state.max(1)), state, short })
}

fn lengths(extent: Extent, types: &[Type]) -> Vec<usize> {
    types.iter().map(|&(shape, _)| extent.lengths(shape).iter().product()).collect()
}

/// The actions of a loop that leaves states, and of the sweep back; `plan` makes those of the bodies.
pub(super) fn run(
    planner: &mut Planner,
    stage: &ControlStage,
    (turning, part): (&Arc<Turning>, Part),
    plan: &dyn Fn(&Schedule) -> Plan,
) {
    let Control::Sweeps { sweeps, .. } = &*turning.sweeps else { unreachable!("they are sweeps") };
    let room = room(planner.extent, &turning.sweeps).expect("it has checkpoints");
    let key = Arc::as_ptr(turning);
    let made = Loop { stage, turning, sweeps: [&sweeps[0], &sweeps[1]], room: &room };
    if part != Part::Back {
        let states = planner.borrow(entries(room.states) * room.state);
        let left = Left { states, count: planner.borrow(RunTurns::DIGITS), read: 0 };
        planner.left.insert(key, left);
        made.forward(planner, left, plan);
    }
    if part != Part::Forward {
        let left = planner.left.get_mut(&key).expect("the loop has run");
        left.read += 1;
        let left = *left;
        made.back(planner, left, plan);
        if left.read == turning.readers {
            planner.left.remove(&key);
            [left.states, left.count].into_iter().for_each(|place| planner.give_back(place));
        }
    }
}

/// A loop and the sweep back over its turns.
struct Loop<'s> {
    stage: &'s ControlStage,
    turning: &'s Turning,
    sweeps: [&'s Sweep; 2],
    room: &'s Room,
}

impl Loop<'_> {
    /// Places of the operands: what the loop carries at the start, what the sweep back does, what is shared.
    fn operands(&self, planner: &mut Planner) -> (Vec<Buffer>, Vec<Buffer>, Vec<Buffer>) {
        let operands: Vec<NodeId> = planner.f.graph().operands(self.stage.members[0].1).collect();
        let carries = self.sweeps[0].carries;
        let shared = self.sweeps[0].body.input_len() - carries;
        let mut places = operands.into_iter().map(|id| planner.memory(id)).collect::<Vec<Buffer>>();
        let shared = places.split_off(places.len() - shared);
        let back = places.split_off(carries);
        (places, back, shared)
    }

    /// The loop as what runs again.
    fn source(&self, making: &mut Making, left: Left, shared: Vec<Buffer>) -> RunSource {
        let (extent, entries) = (making.planner.extent, making.entries);
        let mut carried = lengths(extent, &types_out(&self.sweeps[0].body));
        let rest = carried.split_off(self.sweeps[0].carries);
        let each = rest.into_iter().map(|len| RunEach { whole: None, step: Some(making.borrow(len)) }).collect();
        making.plans.push((making.plan)(&self.turning.turn));
        RunSource {
            code: RunSteps::Body(0),
            reverse: false,
            states: places(left.states, &carried, entries),
            turns: vec![],
            xs: vec![],
            shared,
            each,
            rest: false,
            init: vec![],
            last: vec![],
        }
    }

    fn forward(&self, planner: &mut Planner, left: Left, plan: &dyn Fn(&Schedule) -> Plan) {
        let (init, _, shared) = self.operands(planner);
        let mut making = Making { planner, plan, plans: vec![], borrowed: vec![], entries: entries(self.room.states) };
        let mut source = self.source(&mut making, left, shared);
        let carried = lengths(making.planner.extent, &self.sweeps[0].carried());
        (source.init, source.last) = (init, making.last(self.stage, 0, &carried));
        making.plans.push(plan(&self.turning.condition));
        let condition = Some((1, making.borrow(1)));
        self.act(making, source, None, (condition, left));
    }

    fn back(&self, planner: &mut Planner, left: Left, plan: &dyn Fn(&Schedule) -> Plan) {
        let (_, init, shared) = self.operands(planner);
        let mut making = Making { planner, plan, plans: vec![], borrowed: vec![], entries: entries(self.room.states) };
        let mut source = self.source(&mut making, left, shared.clone());
        let carries = self.sweeps[0].carries;
        source.turns = making.turns(&lengths(making.planner.extent, &self.sweeps[0].carried()));
        // What the sweep back reads of a turn's record, which is what the turn was given to carry, then the rest.
        let sweep = self.sweeps[1];
        let live = sweep.body.graph().reachable(sweep.body.output_nodes());
        let record = carries + source.each.len();
        source.rest = live[carries..record].contains(&true);
        let read = |k: usize| match k < carries {
            true => RunRead::State { source: 0, carried: k },
            false => RunRead::Step { source: 0, each: k - carries },
        };
        let carried = lengths(making.planner.extent, &sweep.carried());
        making.plans.push(plan(&self.stage.bodies[0]));
        let back = RunBack {
            code: None,
            init,
            turns: making.turns(&carried),
            last: making.last(self.stage, carries, &carried),
            xs: (0..record).map(read).collect(),
            shared,
            each: vec![],
            reads_first: true,
        };
        self.act(making, source, Some(back), (None, left));
    }

    fn act(&self, making: Making, source: RunSource, back: Option<RunBack>, (condition, left): (Option<(usize, Buffer)>, Left)) {
        let Making { planner, plans, mut borrowed, entries, .. } = making;
        let scratch = planner.borrow(plans.iter().map(|plan| plan.scratch).max().unwrap_or(0));
        borrowed.push(scratch);
        planner.actions.push(Action::Replay(Box::new(RunReplay {
            steps: 0,
            turns: Some(RunTurns { condition, count: left.count, short: self.room.short, most: self.stage.most }),
            states: self.room.states,
            entries,
            sources: vec![source],
            back,
            ready: left.read == 1,
            plans,
            scratch,
            at: self.stage.at,
        })));
        borrowed.into_iter().for_each(|place| planner.give_back(place));
    }
}
