//! From a program's steps to the list of straight-line code.

use super::super::super::lower::{companions, results};
use super::super::isa::Isa;
use super::super::list::{At, Body, Item, Kernels, LOCAL, List, Node, Slices, V};
use super::super::number::Number;
use super::super::record::{bare, known, typed};
use crate::kernels::{Routine, block, slices_of};
use crate::op::Op;
use crate::schedule::{Program, StepKind, elements};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Where a step's value is: the first lane of a vector, or another one.
#[derive(Copy, Clone)]
enum Found {
    First(V),
    Lane(V, usize),
}

struct Straight<'p> {
    program: &'p Program,
    list: List,
    results: FxHashMap<u32, Vec<u32>>,
    values: Vec<Option<Found>>,
    /// For every input slot and for every output: its place, and its index there.
    slots: Vec<(u32, u32)>,
    places: Vec<(u32, u32)>,
    /// Bytes of the slices so far: results, which stay, and the most of operands, which are overwritten by the next ones.
    slices: usize,
    operands: usize,
}

/// What a program computes, and how many bytes of slices it has.
pub(super) fn body(isa: Isa, program: &Program) -> (Body, usize) {
    let layout = &program.layout;
    let inputs = if program.apart { layout.inputs.len() as u32 } else { 1 };
    let (slots, places) = match program.apart {
        true => (elements(&layout.inputs), elements(&layout.outputs)),
        false => {
            let together = |len: usize| (0..len as u32).map(|k| (0, k)).collect();
            (together(layout.input_len), together(layout.output_len))
        }
    };
    let operands = most_operands(program);
    let mut straight = Straight {
        program,
        list: List::new(isa, program.width),
        results: results(program),
        values: vec![None; program.steps.len()],
        slots,
        places: places.into_iter().map(|(group, k)| (inputs + group, k)).collect(),
        slices: operands,
        operands,
    };
    straight.steps();
    let Straight { list, slices, .. } = straight;
    (list.finish(|_, _| false), slices)
}

/// Bytes of the operands of a call over slices, at most.
fn most_operands(program: &Program) -> usize {
    let (width, lanes) = (program.width, 16 / program.width.bytes());
    let packs = program.steps.iter().map(|step| usize::from(step.pack)).filter(|&pack| pack > lanes);
    packs.max().map_or(0, |most| most.next_multiple_of(block(width)) * width.bytes())
}

impl Straight<'_> {
    fn steps(&mut self) {
        let program = self.program;
        for k in 0..program.steps.len() {
            if let Some(op) = program.steps[k].op()
                && self.values[k].is_none()
            {
                match usize::from(program.steps[k].pack) {
                    0 | 1 => self.alone(k, op),
                    count if count > self.lanes() => self.over_slices(k, count, op),
                    count => self.in_lanes(k, count, op),
                }
            }
            self.store_vector(k as u32);
            for output in self.results.remove(&(k as u32)).unwrap_or_default() {
                let (v, (place, at)) = (self.value(k as u32), self.places[output as usize]);
                self.store(v, place, at as usize);
            }
        }
    }

    /// How many numbers 128 bits have.
    fn lanes(&self) -> usize {
        16 / self.program.width.bytes()
    }

    fn at(&self, place: u32, k: usize) -> At {
        At { place, offset: (k * self.program.width.bytes()) as i32 }
    }

    fn store(&self, v: V, place: u32, k: usize) {
        self.list.done(Item::StoreLanes(v, self.at(place, k), 0));
    }

    /// Stores the vector that starts with a step where its numbers are outputs side by side.
    fn store_vector(&mut self, first: u32) {
        let Some(Found::Lane(v, 0)) = self.values[first as usize] else { return };
        let outputs = self.results.get(&first).cloned().unwrap_or_default();
        let lanes = self.lanes() as u32;
        for output in outputs {
            let (place, at) = self.places[output as usize];
            let is_beside = |lane: u32| {
                self.places.get((output + lane) as usize) == Some(&(place, at + lane))
                    && self.results.get(&(first + lane)).is_some_and(|all| all.contains(&(output + lane)))
                    && matches!(self.values[(first + lane) as usize], Some(Found::Lane(other, n)) if (other, n) == (v, lane as usize))
            };
            if (1..lanes).all(is_beside) {
                self.list.done(Item::StoreParts(v, self.at(place, at as usize), 0));
                for lane in 0..lanes {
                    let all = self.results.get_mut(&(first + lane)).expect("it is there");
                    all.retain(|&other| other != output + lane);
                }
            }
        }
    }

    fn value(&self, step: u32) -> V {
        match (self.values[step as usize], self.program.steps[step as usize].kind) {
            (Some(Found::First(v)), _) => v,
            (Some(Found::Lane(v, lane)), _) => self.list.lane(v, lane),
            (None, StepKind::Input(slot)) => {
                let (place, k) = self.slots[slot as usize];
                self.list.push(Node::Number(self.at(place, k as usize)))
            }
            (None, kind) => known(&self.list, kind),
        }
    }

    fn made(&self, op: Op, steps: &[u32], args: &[V], kernels: Kernels) -> V {
        self.list.kernels.set(kernels);
        bare(op.value::<Number>(&typed(self.program, &self.list, steps, args)))
    }

    fn alone(&mut self, k: usize, op: Op) {
        let step = &self.program.steps[k];
        let args: Vec<V> = step.operands().iter().map(|&operand| self.value(operand)).collect();
        let v = self.made(op, step.operands(), &args, Kernels::Called { platform: step.plain });
        self.values[k] = Some(Found::First(v));
    }

    /// Equal operations from a step on in the lanes of a vector; the last one again in lanes that are left.
    fn in_lanes(&mut self, first: usize, count: usize, op: Op) {
        let program = self.program;
        let args: Vec<V> = (0..op.arity())
            .map(|at| {
                let operand = |lane: usize| program.steps[first + lane.min(count - 1)].args[at];
                let operands: Vec<u32> = (0..self.lanes()).map(operand).collect();
                self.joined(&operands)
            })
            .collect();
        let v = self.made(op, program.steps[first].operands(), &args, Kernels::OfLanes(self.lanes()));
        (0..count).for_each(|lane| self.values[first + lane] = Some(Found::Lane(v, lane)));
    }

    /// Steps' values as the lanes of a vector.
    fn joined(&self, steps: &[u32]) -> V {
        let join = || self.list.joined(&steps.iter().map(|&step| self.value(step)).collect::<Vec<V>>());
        self.beside(steps).unwrap_or_else(join)
    }

    /// The vector that has steps' values side by side already, or memory that does.
    fn beside(&self, steps: &[u32]) -> Option<V> {
        if let Some(Found::Lane(v, 0)) = self.values[steps[0] as usize] {
            let is_lane = |(&step, lane): (&u32, usize)| matches!(self.values[step as usize], Some(Found::Lane(other, at)) if (other, at) == (v, lane));
            return steps.iter().zip(0..).all(is_lane).then_some(v);
        }
        let first = self.value(steps[0]);
        let width = self.program.width.bytes() as i32;
        match self.list.node(first) {
            // A constant is in every lane.
            Node::Const(_) if steps.iter().all(|&step| self.value(step) == first) => Some(first),
            Node::Number(at) => {
                let is_next = |(&step, k): (&u32, i32)| matches!(self.list.node(self.value(step)), Node::Number(other) if other == At { offset: at.offset + k * width, ..at });
                steps.iter().zip(0..).all(is_next).then(|| self.list.push(Node::Part(at)))
            }
            _ => None,
        }
    }

    /// Equal operations as a call of their routine over slices, with those companions that have the same operands.
    fn over_slices(&mut self, first: usize, count: usize, op: Op) {
        let both = companions(&self.program.steps, first, count, op);
        let second = both.map_or(0, |(next, _)| next);
        // The longer one has all operands.
        let (longer, most) = if second > count { (first + count, second) } else { (first, count) };
        let room = most.next_multiple_of(block(self.program.width));
        let operands: Vec<u32> = (0..room).map(|k| self.program.steps[longer + k.min(most - 1)].args[0]).collect();
        for (steps, k) in operands.chunks(self.lanes()).zip((0..).step_by(self.lanes())) {
            match self.beside(steps) {
                Some(v) => self.list.done(Item::StoreParts(v, self.at(LOCAL, k), 0)),
                None => steps.iter().zip(k..).for_each(|(&step, k)| self.store(self.value(step), LOCAL, k)),
            }
        }
        let alone = || op.library().and_then(slices_of).expect("many go together where there is a routine");
        let name = both.map_or_else(alone, |(_, name)| name);
        let routine = Routine::new(name, self.program.width).expect("kernels over slices are routines").number();
        let y = self.slice(room, first..first + count);
        let z = both.map(|_| self.slice(room, first + count..first + count + second));
        debug_assert!(room * self.program.width.bytes() <= self.operands, "there is room for all operands");
        self.list.done(Item::Slices(Slices { routine, x: 0, y, z, count: room as i32 }));
    }

    /// A slice of so many numbers, in which steps' values are the first.
    fn slice(&mut self, room: usize, steps: Range<usize>) -> i32 {
        let width = self.program.width.bytes();
        let start = self.slices;
        self.slices += room * width;
        for (k, step) in steps.enumerate() {
            let v = self.list.push(Node::Number(At { place: LOCAL, offset: (start + k * width) as i32 }));
            self.values[step] = Some(Found::First(v));
        }
        start as i32
    }
}
