//! Units: programs with all that code is made of besides. A function has one or several (one for each of its loops, say), which are compiled
//! together when all of them are known.

use super::flow::{Block, Flow, FlowOutput, Line};
use super::program::{Layout, Program, StepKind, elements};
use super::rows::RowCall;
use super::segment::{Segment, Segments};
use crate::base::Width;
use crate::base::sums::partials;
use std::sync::Arc;

/// A program, how it is called, and how it is cut.
pub(crate) struct Unit {
    pub(crate) program: Program,
    /// The call over rows; none for a program that runs once.
    pub(crate) rows: Option<RowCall>,
    pub(crate) segments: Segments,
    pub(crate) needs: Needs,
}

/// What code needs beside its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Needs {
    /// Words of scratch memory that a call needs.
    pub(crate) scratch: usize,
    /// Of code for rows: where partial sums are in it, in words, and the group and place of each sum.
    pub(crate) partials: usize,
    pub(crate) sums: Vec<(u32, u32)>,
    /// Whether subnormal numbers are zeros to it.
    pub(crate) flush: bool,
    /// Whether it is cut into several functions, so that no loop around the rows is inside.
    pub(crate) cut: bool,
    /// Whether it keeps records of the turns of loops, whose number comes out.
    pub(crate) records: bool,
    /// The loops whose turns have a limit, by their numbers.
    pub(crate) loops: Vec<Line>,
}

impl Unit {
    /// Bytes of memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let Program { steps, outputs, layout, .. } = &self.program;
        let names = |groups: &[(String, usize)]| groups.iter().map(|group| size_of_val(group) + group.0.len()).sum::<usize>();
        let rows = self.rows.as_ref().map_or(0, RowCall::bytes);
        let segments = self.segments.segments.len() * size_of::<Segment>() + size_of_val(&self.segments.slots[..]);
        let program = size_of_val(&**steps) + size_of_val(&**outputs) + names(&layout.inputs) + names(&layout.outputs);
        let flow = self.program.flow.as_ref().map_or(0, |flow| flow.bytes());
        size_of::<Unit>() + size_of::<Layout>() + program + flow + rows + segments + size_of_val(&self.needs.sums[..])
    }

    pub(crate) fn new(program: Program, rows: Option<RowCall>) -> Unit {
        let segments = Segments::new(&program, rows.is_some());
        let sums: Vec<(u32, u32)> =
            rows.as_ref().map_or(vec![], |call| call.reduced().into_iter().map(|k| call.places[k as usize]).collect());
        let needs = Needs {
            scratch: segments.scratch + (sums.len() * partials(program.width) * program.width.bytes()).div_ceil(8),
            partials: segments.scratch,
            sums,
            flush: program.options.flush_subnormals,
            cut: segments.segments.len() > 1,
            records: program.flow.as_ref().is_some_and(|flow| flow.blocks().any(Block::keeps_records)),
            loops: program.flow.as_deref().map_or(vec![], Flow::lines),
        };
        Unit { program, rows, segments, needs }
    }
}

/// How a unit is called: what a plan knows of it.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) width: Width,
    /// Elements at the address of each input and of each output; of code for rows, those of a row.
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
    /// Of code for rows: the stride from row to row of every input and then of every output, and whether an output is a sum, which is
    /// added to what is there.
    pub(crate) rows: Option<(Vec<usize>, Vec<bool>)>,
    /// Of loops and branches: whether each input, and each output, has elements for every step.
    pub(crate) flow: Option<(Vec<bool>, Vec<bool>)>,
    /// Whether addresses go on by more once in a turn of times.
    pub(crate) in_turns: bool,
    /// Whether the code is cut into several functions, which have no loop around the rows.
    pub(crate) is_cut: bool,
    /// The last step that reads an input, and the first one that makes an element of an output.
    last_read: Vec<u32>,
    made: Vec<u32>,
}

impl Interface {
    pub(crate) fn new(Unit { program, rows, needs, .. }: &Unit) -> Interface {
        let layout = &program.layout;
        let (slots, outputs) = (elements(&layout.inputs), elements(&layout.outputs));
        let mut last_read = vec![0; layout.inputs.len()];
        let mut read = |step: u32, at: u32| {
            if let StepKind::Input(slot) = program.steps[step as usize].kind {
                let last = &mut last_read[slots[slot as usize].0 as usize];
                *last = at.max(*last);
            }
        };
        for (step, at) in program.steps.iter().zip(0..) {
            step.operands().iter().for_each(|&operand| read(operand, at));
        }
        // What is stored or summed as it was read is read then, whenever that is.
        program.outputs.iter().for_each(|&step| read(step, u32::MAX));
        let mut made = vec![u32::MAX; layout.outputs.len()];
        for ((group, _), &step) in outputs.into_iter().zip(&*program.outputs) {
            made[group as usize] = step.min(made[group as usize]);
        }
        let lengths = |groups: &[(String, usize)]| groups.iter().map(|(_, len)| *len).collect::<Vec<_>>();
        let sums = |call: &RowCall| (0..layout.outputs.len()).map(|group| call.is_reduced(group)).collect();
        Interface {
            width: program.width,
            inputs: lengths(&layout.inputs),
            outputs: lengths(&layout.outputs),
            rows: rows.as_ref().map(|call| (call.strides.clone(), sums(call))),
            flow: program.flow.as_ref().map(|flow| {
                let inputs = (0..flow.inputs.len()).map(|k| flow.is_read_by_step(k)).collect();
                (inputs, flow.outputs.iter().map(FlowOutput::is_by_step).collect())
            }),
            in_turns: rows.as_ref().is_some_and(|call| call.in_turns),
            is_cut: needs.cut,
            last_read,
            made,
        }
    }

    /// Whether an input is read for the last time before an output is written, so that this may be in the same place.
    pub(crate) fn is_read_before(&self, input: usize, output: usize) -> bool {
        self.last_read[input] <= self.made[output]
    }
}

/// A unit of a function: its number, and how it is called.
#[derive(Clone, Debug)]
pub(crate) struct UnitRef {
    number: u32,
    interface: Arc<Interface>,
}

impl UnitRef {
    pub(crate) fn index(&self) -> usize {
        self.number as usize
    }

    pub(crate) fn interface(&self) -> &Interface {
        &self.interface
    }
}

/// The units of a function, bodies included, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Units(Vec<Arc<Unit>>);

impl Units {
    pub(crate) fn add(&mut self, program: Program, rows: Option<RowCall>) -> UnitRef {
        let unit = Unit::new(program, rows);
        let reference = UnitRef { number: self.0.len() as u32, interface: Arc::new(Interface::new(&unit)) };
        self.0.push(Arc::new(unit));
        reference
    }

    pub(crate) fn all(&self) -> &[Arc<Unit>] {
        &self.0
    }
}
