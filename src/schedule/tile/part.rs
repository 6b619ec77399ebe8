//! The actions of a tile.

use super::band::Band;
use crate::base::Width;
use crate::eval::along::Along;
use crate::op::ArrayOp;
use crate::schedule::ir::{Action, Buffer, RunLoop, Space, Tiles, addresses};

/// Some units of a band, of which a tile has so many.
struct Part {
    units: usize,
    tile: usize,
    len: usize,
    width: Width,
}

/// The actions of a band, tile by tile, with so many elements of memory for each tile.
pub(crate) fn tiles(band: &Band, width: Width, scratch: usize, all: &[Action]) -> Tiles {
    let Band { units, tile, .. } = *band;
    let part = |len: usize| {
        let part = Part { units, tile, len, width };
        all.iter().map(|action| part.of(action)).collect()
    };
    let rest = units % tile;
    let table = all.iter().map(addresses).max().unwrap_or(0);
    Tiles { count: units.div_ceil(tile), each: part(tile), rest: (rest > 0).then(|| part(rest)), scratch, table }
}

impl Part {
    /// A place that moves by so many numbers from unit to unit.
    fn place(&self, place: Buffer, unit: usize) -> Buffer {
        let parts = if place.space == Space::Tile { self.tile } else { self.units };
        let step = if place.space == Space::Tile { 0 } else { unit * self.tile };
        Buffer { len: place.len - unit * (parts - self.len), step, ..place }
    }

    /// That of a value which goes along with the units.
    fn own(&self, place: Buffer) -> Buffer {
        let parts = if place.space == Space::Tile { self.tile } else { self.units };
        self.place(place, place.len / parts)
    }

    fn length(&self, all: usize) -> usize {
        all / self.units * self.len
    }

    fn of(&self, action: &Action) -> Action {
        match *action {
            Action::Fill(to, v) => Action::Fill(self.own(to), v),
            Action::Extreme { x, to, along, largest } => {
                let along = Along { outer: self.length(along.outer), ..along };
                Action::Extreme { x: self.own(x), to: self.own(to), along, largest }
            }
            Action::Sweep { op: ArrayOp::ArgMax(axis), operands: [x, none], to, along, origin } => {
                let along = Along { outer: self.length(along.outer), ..along };
                Action::Sweep { op: ArrayOp::ArgMax(axis), operands: [self.own(x), none], to: self.own(to), along, origin }
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
        let (len, moves) = match (part.outer.first_mut(), &mut part.sums) {
            (Some((len, moves)), _) => (len, moves.clone()),
            (None, Some(sums)) if sums.parts.is_none() => match sums.within.first_mut() {
                // Tiles go along an axis that the sums keep, which is the outermost one where what is summed over has the length 1.
                Some((len, moves)) => (len, moves.clone()),
                None => (&mut part.inner, run.row_strides.clone()),
            },
            (None, Some(sums)) => {
                sums.tile = sums.all / self.units * self.tile;
                let (len, moves) = &mut sums.along[0];
                (len, moves.clone())
            }
            (None, None) if part.count > 1 => {
                (&mut part.count, run.strides.iter().map(|&stride| stride as usize / bytes).collect())
            }
            (None, None) => (&mut part.inner, run.row_strides.clone()),
        };
        let each = *len / self.units;
        *len = each * self.len;
        part.places.iter_mut().zip(moves).for_each(|(place, stride)| *place = self.place(*place, each * stride));
        part
    }
}
