//! Cutting a program into functions of bounded size: register allocation is superlinear, and one huge frame overflows the stack.

use crate::graph::Kind;
use crate::schedule::Program;
use std::ops::Range;

/// Operations per native function.
pub(super) const CAP: usize = 500;

/// A run of steps that becomes one native function.
pub(super) struct Segment {
    pub(super) steps: Range<usize>,
    /// Whether it runs for every row, or once before them.
    pub(super) per_row: bool,
}

/// The segments of a program, and where values live that cross from one to another.
pub(super) struct Plan {
    pub(super) segments: Vec<Segment>,
    /// Per step: its slot in the scratch memory, or `NONE`.
    pub(super) slots: Vec<u32>,
    /// How many slots there are.
    pub(super) scratch: usize,
}

pub(super) const NONE: u32 = u32::MAX;

impl Plan {
    pub(super) fn new(program: &Program, rows: bool) -> Plan {
        let n = program.steps.len();
        if program.len() <= CAP {
            let segments = vec![Segment { steps: 0..n, per_row: true }];
            return Plan { segments, slots: vec![], scratch: 0 };
        }
        let mut segments = Vec::new();
        for (range, per_row) in [(0..program.invariant, false), (program.invariant..n, true)] {
            let (mut start, mut operations) = (range.start, 0);
            for k in range.clone() {
                operations += program.steps[k].op().is_some() as usize;
                if operations == CAP || k + 1 == range.end {
                    segments.push(Segment { steps: start..k + 1, per_row });
                    (start, operations) = (k + 1, 0);
                }
            }
        }
        if rows && !segments.iter().any(|segment| segment.per_row) {
            segments.push(Segment { steps: n..n, per_row: true });
        }
        let (slots, scratch) = assign(program, &segments, rows);
        Plan { segments, slots, scratch }
    }
}

/// Gives a slot to every computed value that a later segment reads, and takes it back after the last one that does. What is
/// computed before the rows keeps its slot.
fn assign(program: &Program, segments: &[Segment], rows: bool) -> (Vec<u32>, usize) {
    let n = program.steps.len();
    let mut last = vec![0u32; n];
    for (s, segment) in segments.iter().enumerate() {
        for k in segment.steps.clone() {
            for &operand in program.steps[k].operands() {
                last[operand as usize] = s as u32;
            }
        }
    }
    if rows {
        // The last segment stores the outputs that are known before the rows.
        for &step in program.outputs.iter().filter(|&&step| (step as usize) < program.invariant) {
            last[step as usize] = segments.len() as u32 - 1;
        }
    }
    let mut slots = vec![NONE; n];
    let mut free: Vec<u32> = Vec::new();
    let mut ending: Vec<Vec<u32>> = vec![Vec::new(); segments.len()];
    let mut count = 0;
    for (s, segment) in segments.iter().enumerate() {
        for k in segment.steps.clone() {
            if !matches!(program.steps[k].kind, Kind::Apply(_)) || last[k] <= s as u32 {
                continue;
            }
            slots[k] = free.pop().unwrap_or_else(|| {
                count += 1;
                count - 1
            });
            if segment.per_row {
                ending[last[k] as usize].push(slots[k]);
            }
        }
        // Only now: a value of this segment must not take the slot of one that this segment still reads.
        free.append(&mut ending[s]);
    }
    (slots, count as usize)
}
