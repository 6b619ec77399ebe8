//! Cutting a program into functions of bounded size: register allocation is superlinear, and one huge frame overflows the stack.

use super::program::{Program, StepKind};
use std::ops::Range;

/// Operations per native function; those in the lanes of a vector are one.
pub(super) const CAP: usize = 500;

/// A run of steps that becomes one native function.
pub(crate) struct Segment {
    pub(crate) steps: Range<usize>,
    /// Whether it runs for every row, or once before them.
    pub(crate) per_row: bool,
}

/// The segments of a program, and where values live that cross from one to another.
pub(crate) struct Segments {
    pub(crate) segments: Vec<Segment>,
    /// Per step: where it is in the scratch memory, in bytes, or `NONE`.
    pub(crate) slots: Vec<u32>,
    /// How many words there are.
    pub(crate) scratch: usize,
}

pub(crate) const NONE: u32 = u32::MAX;

impl Segments {
    pub(crate) fn new(program: &Program, rows: bool) -> Segments {
        let n = program.steps.len();
        if program.flow.is_some() {
            return Segments { segments: vec![Segment { steps: 0..0, per_row: false }], slots: vec![], scratch: 0 };
        }
        // What goes together is not cut.
        let ends = ends(program);
        let lanes = 16 / program.width.bytes();
        let is_counted = |k: usize| program.steps[k].op().is_some() && (ends[k] - k - 1).is_multiple_of(lanes);
        if (0..n).filter(|&k| is_counted(k)).count() <= CAP {
            let segments = vec![Segment { steps: 0..n, per_row: true }];
            return Segments { segments, slots: vec![], scratch: 0 };
        }
        let mut segments = Vec::new();
        for (range, per_row) in [(0..program.invariant, false), (program.invariant..n, true)] {
            let (mut start, mut operations) = (range.start, 0);
            for k in range.clone() {
                operations += usize::from(is_counted(k));
                if (operations >= CAP && ends[k] == k + 1) || k + 1 == range.end {
                    segments.push(Segment { steps: start..k + 1, per_row });
                    (start, operations) = (k + 1, 0);
                }
            }
        }
        if rows && !segments.iter().any(|segment| segment.per_row) {
            segments.push(Segment { steps: n..n, per_row: true });
        }
        let (slots, scratch) = assign(program, &ends, &segments, rows);
        Segments { segments, slots, scratch }
    }
}

/// For every step the end of what it is computed together with.
fn ends(program: &Program) -> Vec<usize> {
    let mut end = 0;
    let steps = program.steps.iter().enumerate();
    steps
        .map(|(k, step)| {
            end = end.max(k + usize::from(step.pack).max(1));
            end
        })
        .collect()
}

/// Gives a slot to every computed value that a later segment reads, and takes it back after the last one that does. What is
/// computed before the rows keeps its slot. The lanes of a vector lie side by side.
fn assign(program: &Program, ends: &[usize], segments: &[Segment], rows: bool) -> (Vec<u32>, usize) {
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
    let (width, lanes) = (program.width.bytes(), 16 / program.width.bytes());
    let mut slots = vec![NONE; n];
    // Of an element, and of a vector.
    let mut free: [Vec<u32>; 2] = Default::default();
    let mut ending: Vec<Vec<(usize, u32)>> = vec![Vec::new(); segments.len()];
    let mut words = 0;
    for (s, segment) in segments.iter().enumerate() {
        let mut k = segment.steps.start;
        while k < segment.steps.end {
            let len = if ends[k] >= k + lanes { lanes } else { 1 };
            let until = last[k..k + len].iter().copied().max().unwrap_or(0);
            if matches!(program.steps[k].kind, StepKind::Apply(_)) && until > s as u32 {
                let kind = usize::from(len > 1);
                let slot = free[kind].pop().unwrap_or_else(|| {
                    words += [1, 2][kind];
                    (words - [1, 2][kind]) * 8
                });
                (0..len).for_each(|lane| slots[k + lane] = slot + (lane * width) as u32);
                if segment.per_row {
                    ending[until as usize].push((kind, slot));
                }
            }
            k += len;
        }
        // Only now: a value of this segment must not take the slot of one that this segment still reads.
        ending[s].drain(..).for_each(|(kind, slot)| free[kind].push(slot));
    }
    (slots, words as usize)
}
