//! Operations with bodies, planned for the lengths of a call.

use super::planner::Planner;
use super::replay;
use crate::base::Shape;
use crate::graph::{Control, NodeId, Port, stacked, sweeps, types_out};
use crate::schedule::ir::{Action, Buffer, Carried, ControlStage, Flow, Plan, RunControl, RunSweep, Schedule};
use crate::schedule::unit::UnitRef;

/// The action of an operation with bodies; `plan` makes those of the bodies.
pub(super) fn run(planner: &mut Planner, stage: &ControlStage, plan: &dyn Fn(&Schedule) -> Plan) {
    if let Some(replay) = &stage.replay {
        return replay::run(planner, stage, replay, plan);
    }
    if let Some(unit) = &stage.flow {
        return flow(planner, stage, unit);
    }
    let extent = planner.extent;
    let operands: Vec<NodeId> = planner.f.graph().operands(stage.members[0].1).collect();
    let mut borrowed = Vec::new();
    let operand_places: Vec<Buffer> = operands.into_iter().map(|id| planner.memory(id)).collect();
    let plans: Vec<Plan> = stage.bodies.iter().map(plan).collect();
    let size = |shape: Shape| extent.lengths(shape).iter().product::<usize>();
    // The one number more is a condition's.
    let scratch = planner.borrow(plans.iter().map(|plan| plan.scratch).max().unwrap_or(0) + 1);
    borrowed.push(scratch);
    let mut place_of = |this: &mut Planner, port: Port, len: usize| {
        let member = stage.members.iter().find(|(other, _)| *other == port);
        match member {
            Some(&(_, id)) => this.claim(id),
            None => {
                let place = this.borrow(len);
                borrowed.push(place);
                place
            }
        }
    };
    let results = stage.control.gives();
    let flow = match &*stage.control {
        Control::Scan { length, carries, xs, reverse, .. } => {
            let (carries, xs, reverse) = (*carries, *xs, *reverse);
            Flow::Scan {
                carries,
                xs,
                reverse,
                steps: size(stacked(*length, Shape::SCALAR)),
                whole: stage.bodies[0].whole.clone(),
            }
        }
        Control::While { carries, .. } => Flow::While { carries: *carries },
        Control::Sweeps { sweeps, .. } => Flow::Sweeps(
            sweeps::kept(sweeps)
                .into_iter()
                .zip(sweeps)
                .map(|(kept, sweep)| {
                    let record = types_out(&sweep.body).into_iter().map(|(shape, _)| planner.borrow(size(shape))).collect();
                    RunSweep { carries: sweep.carries, record, kept }
                })
                .collect(),
        ),
        Control::Choice { .. } => Flow::Choice,
        Control::Remat { .. } => Flow::Once,
        Control::Opaque { call, body } => Flow::Opaque { call: call.clone(), indices: body.index_inputs().into() },
        Control::Rule { .. } => unreachable!("rules are inlined"),
    };
    let carries = match flow {
        Flow::Scan { carries, .. } | Flow::While { carries } => carries,
        Flow::Choice | Flow::Once | Flow::Opaque { .. } | Flow::Sweeps(_) => results.len(),
    };
    let mut last = Vec::new();
    let mut carried = Vec::new();
    let mut each = Vec::new();
    for (k, &(shape, _)) in results.iter().enumerate() {
        let len = size(shape);
        if k >= carries {
            let port = Port::Each((k - carries) as u32);
            each.extend(stage.members.iter().find(|(other, _)| *other == port).map(|&(_, id)| planner.claim(id)));
            continue;
        }
        last.push(place_of(planner, Port::Final(k as u32), len));
        let kept = Port::Carried(k as u32);
        carried.push(match flow {
            Flow::Choice | Flow::Once | Flow::Opaque { .. } => continue,
            _ if stage.members.iter().any(|(port, _)| *port == kept) => Carried::Kept(place_of(planner, kept, 0)),
            _ => {
                let turns = [planner.borrow(len), planner.borrow(len)];
                Carried::Turns(turns)
            }
        });
    }
    borrowed.extend(carried.iter().flat_map(|carried| match carried {
        Carried::Turns(places) => places.to_vec(),
        Carried::Kept(_) => vec![],
    }));
    if let Flow::Sweeps(sweeps) = &flow {
        borrowed.extend(sweeps.iter().flat_map(|sweep| sweep.record.iter().copied()));
    }
    planner.actions.push(Action::Control(Box::new(RunControl {
        flow,
        plans,
        scratch,
        operands: operand_places,
        last,
        carried,
        each,
        at: stage.at,
    })));
    borrowed.into_iter().for_each(|place| planner.give_back(place));
}

/// The action of a loop or a branch that is code.
fn flow(planner: &mut Planner, stage: &ControlStage, unit: &UnitRef) {
    let operands: Vec<NodeId> = planner.f.graph().operands(stage.members[0].1).collect();
    let inputs = operands.into_iter().map(|id| planner.memory(id)).collect();
    let outputs = stage.members.iter().map(|&(_, id)| planner.claim(id)).collect();
    let steps = match &*stage.control {
        Control::Scan { length, .. } => planner.extent.lengths(stacked(*length, Shape::SCALAR)).iter().product(),
        _ => 1,
    };
    planner.actions.push(Action::Flow { unit: unit.clone(), inputs, outputs, steps, at: stage.at });
}
