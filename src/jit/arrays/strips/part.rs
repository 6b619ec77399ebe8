//! The actions of a strip, and their run.

use super::super::actions::{Action, Place, RunLoop, Space};
use super::super::run::{ArrayCode, Call};
use super::Band;
use crate::base::Width;
use crate::error::{Error, Result};
use crate::eval::along::Along;
use crate::jit::{native, threads};
use crate::op::Scalar;
use std::sync::OnceLock;

/// Actions that run strip by strip.
pub(in super::super) struct Strips {
    /// How many strips there are, with the one that is left over.
    count: usize,
    each: Vec<Action>,
    /// Those of the last one, which is shorter, if there is one.
    rest: Option<Vec<Action>>,
    /// Elements of a strip's memory.
    scratch: usize,
    /// Words for the addresses that a loop takes.
    pub(in super::super) table: usize,
}

/// Some units of a band, of which a strip has so many.
struct Part {
    units: usize,
    strip: usize,
    len: usize,
    width: Width,
}

impl Strips {
    pub(in super::super) fn new(band: &Band, width: Width, scratch: usize, all: &[Action]) -> Strips {
        let Band { units, strip, .. } = *band;
        let part = |len: usize| {
            let part = Part { units, strip, len, width };
            all.iter().map(|action| part.of(action)).collect()
        };
        let rest = units % strip;
        let table = all.iter().map(Action::addresses).max().unwrap_or(0);
        Strips { count: units.div_ceil(strip), each: part(strip), rest: (rest > 0).then(|| part(rest)), scratch, table }
    }

    fn actions(&self, strip: usize) -> &[Action] {
        self.rest.as_ref().filter(|_| strip + 1 == self.count).unwrap_or(&self.each)
    }
}

impl Part {
    /// A place that moves by so many numbers from unit to unit.
    fn place(&self, place: Place, unit: usize) -> Place {
        match place.space {
            Space::Strip => Place { len: place.len / self.strip * self.len, ..place },
            _ => Place { len: unit * self.len, step: unit * self.strip, ..place },
        }
    }

    /// That of a value which goes along with the units.
    fn own(&self, place: Place) -> Place {
        self.place(place, place.len / self.units)
    }

    fn length(&self, all: usize) -> usize {
        all / self.units * self.len
    }

    fn of(&self, action: &Action) -> Action {
        match *action {
            Action::Fill(to, v) => Action::Fill(self.own(to), v),
            Action::Slice { routine, from, to } => Action::Slice { routine, from: self.own(from), to: self.own(to) },
            Action::Extreme { x, to, along, largest } => {
                let along = Along { outer: self.length(along.outer), ..along };
                Action::Extreme { x: self.own(x), to: self.own(to), along, largest }
            }
            Action::MatMul { a, b, c, mut each, mut count } => {
                let (a, c) = (self.own(a), self.own(c));
                if count > 1 {
                    count = self.length(count);
                    return Action::MatMul { a, b: self.own(b), c, each, count };
                }
                each.rows = self.length(each.m);
                Action::MatMul { a, b, c, each, count }
            }
            Action::Loop(ref run) => Action::Loop(self.of_loop(run)),
            _ => unreachable!("a band has none of these"),
        }
    }

    fn of_loop(&self, run: &RunLoop) -> RunLoop {
        let mut part = run.clone();
        let bytes = self.width.bytes();
        let (len, moves) = match part.outer.first_mut() {
            Some((len, moves)) => (len, moves.clone()),
            None if part.count > 1 => (&mut part.count, run.strides.iter().map(|&stride| stride as usize / bytes).collect()),
            None => (&mut part.inner, run.row_strides.clone()),
        };
        let each = *len / self.units;
        *len = each * self.len;
        part.places.iter_mut().zip(moves).for_each(|(place, stride)| *place = self.place(*place, each * stride));
        part
    }
}

impl ArrayCode {
    pub(in super::super) fn run_strips<T: Scalar>(&self, strips: &Strips, call: &mut Call<T>) -> Result<()> {
        let words = strips.table + (strips.scratch * size_of::<T>()).div_ceil(8);
        let run = |range: std::ops::Range<usize>, call: &mut Call<T>| {
            native::with_strips(words, |memory| {
                let mut call = call.of_strips(memory.cast(), memory.wrapping_add(strips.table).cast());
                for strip in range {
                    call.strip = strip;
                    strips.actions(strip).iter().try_for_each(|action| self.act(action, &mut call))?;
                }
                Ok(())
            })
        };
        if call.threads == 1 {
            return run(0..strips.count, call);
        }
        let (threads, tasks) = (call.threads, strips.count.min(8 * call.threads));
        let shared = call.share();
        let failed: OnceLock<Error> = OnceLock::new();
        threads::each(threads, tasks, |task| {
            let range = threads::share(strips.count, 1, tasks, task);
            if let Err(error) = shared.lend(|call| run(range, call)) {
                // One of several will do.
                _ = failed.set(error);
            }
        });
        failed.into_inner().map_or(Ok(()), Err)
    }
}
