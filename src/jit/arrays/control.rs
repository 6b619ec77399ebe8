//! Operations with bodies in native code. A body is compiled once, as a function of arrays; a plan for the lengths at hand says
//! where its values are, and it runs on the memory of the function around it.

use super::actions::{Action, Place, Space};
use super::plan::{Plan, Planner};
use super::run::{ArrayCode, Call, Lent};
use super::saved::Supply;
use super::stages::owner;
use crate::base::Shape;
use crate::error::Result;
use crate::eval::call_opaque;
use crate::graph::{Control, Function, NodeId, Port, SharedControl, stacked};
use crate::jit::compiled::Compiled;
use crate::op::Scalar;
use crate::schedule::Options;
use smallvec::SmallVec;
use std::panic::Location;

/// A stage: the nodes of the results, and the bodies.
pub(super) struct ControlStage {
    pub(super) control: SharedControl,
    pub(super) members: Vec<(Port, NodeId)>,
    pub(super) bodies: Vec<ArrayCode>,
    at: Option<&'static Location<'static>>,
}

impl ControlStage {
    pub(super) fn new(
        f: &Function,
        control: SharedControl,
        members: Vec<(Port, NodeId)>,
        options: Options,
        supply: &Supply,
    ) -> Result<Self> {
        let bodies = match &*control {
            Control::Opaque { .. } => vec![],
            Control::Scan { body, carries, .. } => {
                // Nobody asks for the others.
                let is_read =
                    |k: usize| k < *carries || members.iter().any(|(port, _)| *port == Port::Each((k - carries) as u32));
                vec![ArrayCode::of_body(&body.with_chosen_outputs(is_read), options, supply)?]
            }
            _ => control.bodies().into_iter().map(|body| ArrayCode::of_body(body, options, supply)).collect::<Result<_>>()?,
        };
        let at = f.graph().node(members[0].1).location();
        Ok(ControlStage { control, members, bodies, at })
    }

    /// The nodes whose memory it reads.
    pub(super) fn reads(&self, f: &Function) -> Vec<NodeId> {
        f.graph().operands(self.members[0].1).map(|id| owner(f, id)).collect()
    }
}

/// A run over the lengths at hand.
pub(super) struct RunControl {
    pub(super) stage: usize,
    plans: Vec<Plan>,
    /// The bodies' workspace.
    scratch: Place,
    operands: Vec<Place>,
    steps: usize,
    /// Where what is carried in the end goes.
    last: Vec<Place>,
    /// For what is carried: memory for every other step's, or for what every step was given.
    carried: Vec<Carried>,
    /// Where what every step keeps goes.
    each: Vec<Place>,
}

#[derive(Copy, Clone)]
enum Carried {
    Turns([Place; 2]),
    Kept(Place),
}

impl Planner<'_> {
    pub(super) fn control(&mut self, at: usize, stage: &ControlStage) {
        let open = self.open;
        let operands: Vec<NodeId> = self.f.graph().operands(stage.members[0].1).collect();
        let mut borrowed = Vec::new();
        let operand_places: Vec<Place> = operands.into_iter().map(|id| self.memory(id)).collect();
        let plan = |body: &ArrayCode| Plan::new(body.stages(), 0, &[], open, self.parallel);
        let plans: Vec<Plan> = stage.bodies.iter().map(plan).collect();
        let size = |shape: Shape| super::lengths::lengths(shape, open).iter().product::<usize>();
        // The one number more is a condition's.
        let scratch = self.borrow(plans.iter().map(|plan| plan.scratch).max().unwrap_or(0) + 1);
        borrowed.push(scratch);
        let mut place_of = |this: &mut Self, port: Port, len: usize| {
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
        let body = stage.control.body();
        let results = crate::graph::types_out(body);
        let (steps, carries) = match &*stage.control {
            Control::Scan { length, carries, .. } => (size(stacked(*length, Shape::SCALAR)), *carries),
            Control::While { carries, .. } => (0, *carries),
            _ => (0, results.len()),
        };
        let mut last = Vec::new();
        let mut carried = Vec::new();
        let mut each = Vec::new();
        for (k, &(shape, _)) in results.iter().enumerate() {
            let len = size(shape);
            if k >= carries {
                let port = Port::Each((k - carries) as u32);
                each.extend(stage.members.iter().find(|(other, _)| *other == port).map(|&(_, id)| self.claim(id)));
                continue;
            }
            last.push(place_of(self, Port::Final(k as u32), len));
            let kept = Port::Carried(k as u32);
            carried.push(match *stage.control {
                Control::Choice { .. } | Control::Remat { .. } | Control::Opaque { .. } => continue,
                _ if stage.members.iter().any(|(port, _)| *port == kept) => Carried::Kept(place_of(self, kept, 0)),
                _ => {
                    let turns = [self.borrow(len), self.borrow(len)];
                    Carried::Turns(turns)
                }
            });
        }
        borrowed.extend(carried.iter().flat_map(|carried| match carried {
            Carried::Turns(places) => places.to_vec(),
            Carried::Kept(_) => vec![],
        }));
        self.actions.push(Action::Control(Box::new(RunControl {
            stage: at,
            plans,
            scratch,
            operands: operand_places,
            steps,
            last,
            carried,
            each,
        })));
        borrowed.into_iter().for_each(|place| self.give_back(place));
    }
}

/// What a body is given, or gives.
type Places = SmallVec<[Place; 16]>;

/// The k-th of `n` parts.
fn part(place: Place, n: usize, k: usize) -> Place {
    let len = place.len / n.max(1);
    Place { offset: place.offset + k * len, len, ..place }
}

impl RunControl {
    /// Room for the addresses that the bodies' loops take.
    pub(super) fn table(&self) -> usize {
        self.plans.iter().map(|plan| plan.table).max().unwrap_or(0)
    }

    pub(super) fn run<T: Scalar>(&self, stage: &ControlStage, call: &mut Call<T>) -> Result<()> {
        match &*stage.control {
            Control::Choice { .. } => {
                let holds = call.with([self.operands[0]], nowhere(), |[holds], _| holds[0] != T::default());
                self.body(stage, usize::from(!holds), (&self.operands[1..], &self.last), &mut Lent::default(), call)
            }
            Control::Remat { .. } => self.body(stage, 0, (&self.operands, &self.last), &mut Lent::default(), call),
            Control::Opaque { call: function, .. } => {
                call.within(&self.operands, &self.last, self.scratch, &mut Lent::default(), |call| {
                    call.lend(|inputs, outputs| call_opaque(function, inputs, outputs, stage.at))
                })
            }
            Control::Rule { .. } => unreachable!("rules are inlined"),
            Control::While { carries, .. } => {
                // What is carried, then what is shared; the lists serve all steps.
                let mut inputs = Places::from_slice(&self.operands);
                let mut lent = Lent::default();
                let mut odd = false;
                loop {
                    let flag = self.flag();
                    self.body(stage, 0, (&inputs, &[flag]), &mut lent, call)?;
                    if !call.with([flag], nowhere(), |[flag], _| flag[0] != T::default()) {
                        break;
                    }
                    let next: Places = self.carried.iter().map(|carried| carried.turn(odd)).collect();
                    self.body(stage, 1, (&inputs, &next), &mut lent, call)?;
                    inputs[..*carries].copy_from_slice(&next);
                    odd = !odd;
                }
                inputs[..*carries].iter().zip(&self.last).for_each(|(from, to)| call.copy(*from, *to));
                Ok(())
            }
            Control::Scan { carries, xs, reverse, .. } => self.scan(stage, *carries, *xs, *reverse, call),
        }
    }

    fn scan<T: Scalar>(&self, stage: &ControlStage, carries: usize, xs: usize, reverse: bool, call: &mut Call<T>) -> Result<()> {
        let n = self.steps;
        let (init, rest) = self.operands.split_at(carries);
        let (xs, shared) = rest.split_at(xs);
        if n == 0 {
            init.iter().zip(&self.last).for_each(|(from, to)| call.copy(*from, *to));
            return Ok(());
        }
        let at = |step: usize| if reverse { n - 1 - step } else { step };
        // What a step is given and gives; the lists serve all steps.
        let (mut inputs, mut outputs) = (Places::new(), Places::new());
        for (k, &from) in init.iter().enumerate() {
            inputs.push(match self.carried[k] {
                Carried::Turns(_) => from,
                Carried::Kept(all) => {
                    let to = part(all, n, at(0));
                    call.copy(from, to);
                    to
                }
            });
            outputs.push(self.carried_on(k, 0, at));
        }
        inputs.extend(xs.iter().map(|&x| part(x, n, at(0))));
        inputs.extend_from_slice(shared);
        outputs.extend(self.each.iter().map(|&y| part(y, n, at(0))));
        if let Some(code) = stage.bodies[0].whole() {
            self.scan_whole(code, (&inputs, &outputs), (xs, at), call);
            return Ok(());
        }
        let mut lent = Lent::default();
        for step in 0..n {
            if step > 0 {
                inputs[..carries].copy_from_slice(&outputs[..carries]);
                (0..carries).for_each(|k| outputs[k] = self.carried_on(k, step, at));
                inputs[carries..].iter_mut().zip(xs).for_each(|(to, &x)| *to = part(x, n, at(step)));
                outputs[carries..].iter_mut().zip(&self.each).for_each(|(to, &y)| *to = part(y, n, at(step)));
            }
            self.body(stage, 0, (&inputs, &outputs), &mut lent, call)?;
        }
        Ok(())
    }

    /// A scan whose step is one piece of straight-line code. Such a step takes no longer than finding all of its operands would, so their
    /// addresses stay in a table, and only those that change from step to step are moved on.
    fn scan_whole<T: Scalar>(
        &self,
        code: &Compiled,
        (first_inputs, first_outputs): (&[Place], &[Place]),
        (xs, at): (&[Place], impl Fn(usize) -> usize + Copy),
        call: &mut Call<T>,
    ) {
        let (n, carries) = (self.steps, self.carried.len());
        let table = call.addresses(first_inputs.iter().chain(first_outputs));
        // SAFETY: as many addresses have just been written, and nobody else uses them meanwhile.
        let table = unsafe { std::slice::from_raw_parts_mut(table, first_inputs.len() + first_outputs.len()) };
        let (inputs, outputs) = table.split_at_mut(first_inputs.len());
        let reverse = at(0) > 0;
        let by = |from: *mut T, len: usize| if reverse { from.wrapping_sub(len) } else { from.wrapping_add(len) };
        for step in 0..n {
            if step > 0 {
                for (k, carried) in self.carried.iter().enumerate() {
                    let before = std::mem::replace(&mut inputs[k], outputs[k]);
                    outputs[k] = match carried {
                        _ if step == 1 || step + 1 == n => call.address(self.carried_on(k, step, at)),
                        Carried::Turns(_) => before,
                        Carried::Kept(all) => by(outputs[k], all.len / n),
                    };
                }
                inputs[carries..].iter_mut().zip(xs).for_each(|(x, all)| *x = by(*x, all.len / n));
                outputs[carries..].iter_mut().zip(&self.each).for_each(|(y, all)| *y = by(*y, all.len / n));
            }
            // SAFETY: the plan has places of the lengths that the code was made for, and puts what a step writes apart from what it
            // reads.
            unsafe { code.call_apart(inputs.as_ptr().cast(), outputs.as_mut_ptr().cast()) }
        }
    }

    /// Where the k-th of what is carried goes at a step of a scan.
    fn carried_on(&self, k: usize, step: usize, at: impl Fn(usize) -> usize) -> Place {
        match self.carried[k] {
            _ if step + 1 == self.steps => self.last[k],
            Carried::Turns(places) => places[step % 2],
            Carried::Kept(all) => part(all, self.steps, at(step + 1)),
        }
    }

    /// One number at the end of the workspace.
    fn flag(&self) -> Place {
        Place { offset: self.scratch.offset + self.scratch.len - 1, len: 1, ..self.scratch }
    }

    fn body<'x, T: Scalar + 'x>(
        &self,
        stage: &ControlStage,
        k: usize,
        (inputs, outputs): (&[Place], &[Place]),
        lent: &mut Lent<'x, T>,
        call: &mut Call<T>,
    ) -> Result<()> {
        call.within(inputs, outputs, self.scratch, lent, |call| stage.bodies[k].act_all(&self.plans[k], call))
    }
}

impl Carried {
    fn turn(&self, odd: bool) -> Place {
        match self {
            Carried::Turns(places) => places[usize::from(odd)],
            Carried::Kept(_) => unreachable!("only a scan keeps what it carries"),
        }
    }
}

fn nowhere() -> Place {
    Place::new(Space::Scratch, 0, 0)
}
