//! Tiles: what all of them do together, and that no tile meets another one, in whatever order they run.

use super::access::{Access, Role};
use super::fault::Kind;
use crate::schedule::ir::{Buffer, Space};
use std::ops::Range;

/// What some tiles do: their numbers.
#[derive(Clone, Debug)]
pub(super) struct InTiles {
    pub(super) tiles: Range<usize>,
    pub(super) access: Access,
}

impl InTiles {
    /// What these tiles do together. A tile's own memory is that of one tile.
    pub(super) fn together(&self) -> Access {
        let Access { buffer, places, role } = &self.access;
        let (step, count) = (buffer.step, self.tiles.len());
        if step == 0 {
            return self.access.clone();
        }
        let first = self.tiles.start * step;
        let buffer = Buffer { offset: buffer.offset + first, len: buffer.len + (count - 1) * step, ..*buffer };
        Access { buffer, places: places.moved(first).repeated(count, step), role: *role }
    }

    /// From the first to the last place of all of these tiles.
    fn span(&self) -> Range<usize> {
        self.together().places.span()
    }

    /// Whether a tile has a place that another tile of the other ones has.
    fn meets(&self, other: &InTiles) -> bool {
        // How many tiles the other one may come later: none is its own.
        let later =
            (other.tiles.start as i64 - self.tiles.end as i64 + 1)..=(other.tiles.end as i64 - 1 - self.tiles.start as i64);
        if self.access.buffer.space != other.access.buffer.space || later == (0..=0) {
            return false;
        }
        let step = self.access.buffer.step as i64;
        if step != other.access.buffer.step as i64 || step == 0 {
            return overlap(&self.span(), &other.span());
        }
        let (own, its) = (self.access.places.span(), other.access.places.span());
        let [start, end, its_start, its_end] = [own.start, own.end, its.start, its.end].map(|at| at as i64);
        // start < its_end + d·step and its_start + d·step < end
        let least = (start - its_end).div_euclid(step) + 1;
        let most = (end - its_start - 1).div_euclid(step);
        let (least, most) = (least.max(*later.start()), most.min(*later.end()));
        least < most || (least == most && least != 0)
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// That tiles may run in any order: what a tile writes no other one reads or writes. On one thread all may add to a sum in turn.
pub(super) fn apart(all: &[&InTiles], parallel: bool) -> Result<(), Kind> {
    let shared = || all.iter().filter(|one| !matches!(one.access.buffer.space, Space::Tile | Space::Input(_)));
    for write in shared().filter(|one| one.access.role != Role::Read) {
        for other in shared().filter(|other| write.meets(other)) {
            let (buffer, to) = (write.access.buffer, other.access.buffer);
            let adds = write.access.role == Role::Add && other.access.role == Role::Add;
            match adds && buffer.value == to.value && buffer.step + to.step == 0 {
                true if parallel => return Err(Kind::TilesAdd { buffer }),
                true => {}
                false => return Err(Kind::TilesMeet { buffer, other: to }),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::ir::ValueId;
    use crate::schedule::verify::places::Places;
    use proptest::prelude::*;

    fn some(tiles: Range<usize>, start: usize, len: usize, step: usize) -> InTiles {
        let buffer = Buffer { step, ..Buffer::new(Space::Scratch, start, len, ValueId(0)) };
        InTiles { tiles, access: Access { buffer, places: Places::run(start, len), role: Role::Write } }
    }

    fn one() -> impl Strategy<Value = InTiles> {
        let tiles = prop_oneof![(1usize..6).prop_map(|n| 0..n), (1usize..6).prop_map(|n| n..n + 1)];
        (tiles, 0usize..20, 1usize..6, 0usize..6).prop_map(|(tiles, start, len, step)| some(tiles, start, len, step))
    }

    proptest! {
        /// Against all pairs of tiles. Where steps differ, tiles may be said to meet that do not.
        #[test]
        fn tiles_meet_where_some_places_do(a in one(), b in one()) {
            let at = |one: &InTiles, tile: usize| {
                let start = one.access.places.start + tile * one.access.buffer.step;
                start..start + one.access.buffer.len
            };
            let met = a.tiles.clone().any(|t| b.tiles.clone().any(|u| t != u && overlap(&at(&a, t), &at(&b, u))));
            if a.access.buffer.step == b.access.buffer.step {
                prop_assert_eq!(a.meets(&b), met);
            }
            prop_assert!(a.meets(&b) || !met);
        }
    }
}
