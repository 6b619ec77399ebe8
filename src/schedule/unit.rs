//! Units: programs with all that code is made of besides. A function has one or several (one for each of its loops, say), which are compiled
//! together when all of them are known.

use super::program::Program;
use super::rows::RowCall;
use super::segment::Segments;
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
}

impl Unit {
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
        };
        Unit { program, rows, segments, needs }
    }
}

/// The number of a unit in its function.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitId(u32);

impl UnitId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The units of a function, bodies included, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Units(Vec<Arc<Unit>>);

impl Units {
    pub(crate) fn add(&mut self, program: Program, rows: Option<RowCall>) -> UnitId {
        self.0.push(Arc::new(Unit::new(program, rows)));
        UnitId(self.0.len() as u32 - 1)
    }

    pub(crate) fn get(&self, id: UnitId) -> &Unit {
        &self.0[id.index()]
    }

    pub(crate) fn all(&self) -> &[Arc<Unit>] {
        &self.0
    }
}
