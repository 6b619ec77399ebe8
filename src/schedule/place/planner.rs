//! The memory of a plan while it is made: where every value is, and which memory is free.

use super::arena::Arena;
use crate::graph::{Function, Kind, NodeId};
use crate::schedule::ir::{Action, Buffer, Loop, LoopInput, Space, Stage, Updates, ValueId, View};
use crate::schedule::lengths::Extent;
use crate::schedule::queries::{made, may_overwrite, reads};
use crate::schedule::tile::{Band, tiles};
use crate::schedule::views::owner;
use rustc_hash::{FxHashMap, FxHashSet};

pub(super) struct Planner<'a> {
    pub(super) f: &'a Function,
    pub(super) extent: Extent<'a>,
    pub(super) places: FxHashMap<NodeId, Buffer>,
    /// The last stage that reads a node.
    pub(super) last: FxHashMap<NodeId, usize>,
    pub(super) scratch: Arena,
    pub(super) kept: Arena,
    /// Whether the stage at hand runs once.
    pub(super) once: bool,
    pub(super) actions: Vec<Action>,
    /// The states that a scan has gone back over, by the nodes whose memory they have.
    pub(super) replayed: FxHashSet<NodeId>,
    /// The band that the stage at hand belongs to.
    pub(super) band: Option<Band>,
    /// The memory of its tiles, and what happens before the first one.
    tile: Arena,
    pub(super) before: Vec<Action>,
    /// What is borrowed until the last one.
    lasting: Vec<Buffer>,
    /// How many values there are.
    values: u32,
}

impl<'a> Planner<'a> {
    pub(super) fn new(extent: Extent<'a>) -> Planner<'a> {
        Planner {
            f: extent.f,
            extent,
            places: FxHashMap::default(),
            last: FxHashMap::default(),
            scratch: Arena::default(),
            kept: Arena::default(),
            once: false,
            actions: Vec::new(),
            replayed: FxHashSet::default(),
            band: None,
            tile: Arena::default(),
            before: Vec::new(),
            lasting: Vec::new(),
            values: 0,
        }
    }

    /// Memory of a value that is new.
    pub(super) fn buffer(&mut self, space: Space, offset: usize, len: usize) -> Buffer {
        self.values += 1;
        Buffer::new(space, offset, len, ValueId(self.values - 1))
    }

    /// The same memory, of a value that is new.
    pub(super) fn taken_over(&mut self, Buffer { space, offset, len, .. }: Buffer) -> Buffer {
        self.buffer(space, offset, len)
    }

    pub(super) fn size(&self, id: NodeId) -> usize {
        self.extent.size(id)
    }

    pub(super) fn inputs(&mut self, updates: &Updates) {
        let mut others = 0;
        for (g, group) in self.f.inputs().iter().enumerate() {
            let (space, value) = match updates.iter().position(|&(_, input)| input == g) {
                Some(k) => (Space::Output(updates[k].0), k),
                None => {
                    others += 1;
                    (Space::Input(others - 1), updates.len() + others - 1)
                }
            };
            for (k, slot) in group.range().enumerate() {
                let id = NodeId::new(slot);
                let len = self.size(id);
                self.places.insert(id, Buffer::new(space, k * len, len, ValueId(value as u32)));
            }
        }
        self.values = self.f.inputs().len() as u32;
    }

    /// The node's memory, which is taken from the workspace if it is no output.
    pub(super) fn claim(&mut self, id: NodeId) -> Buffer {
        if let Some(&place) = self.places.get(&id) {
            return place;
        }
        let place = match self.band.as_ref().filter(|band| band.inner.contains(&id)) {
            Some(band) => {
                let len = self.size(id) / band.units * band.tile;
                let offset = self.tile.take(len);
                self.buffer(Space::Tile, offset, len)
            }
            None => self.borrow(self.size(id)),
        };
        self.places.insert(id, place);
        place
    }

    /// The memory of a loop's output: where it may be, that of a value of the workspace that the loop is the last to read, so that less
    /// memory goes through the cache. Such a value has no memory of its own afterwards.
    pub(super) fn claim_over(&mut self, stage: usize, looped: &Loop, output: NodeId, overwritten: &mut Vec<NodeId>) -> Buffer {
        if !self.once && !self.places.contains_key(&output) {
            let (len, inner) = (self.size(output), |id: NodeId| self.band.as_ref().is_some_and(|band| band.inner.contains(&id)));
            let whole = |id: NodeId| self.band.as_ref().is_some_and(|band| band.whole.contains(&id));
            let given_up = looped.inputs.iter().find_map(|input| match *input {
                LoopInput::View(View { node, .. }) if self.last.get(&node) == Some(&stage) && !overwritten.contains(&node) => {
                    let place = *self.places.get(&node)?;
                    let fits = match place.space {
                        Space::Scratch => !inner(output) && !whole(node),
                        Space::Tile => inner(output),
                        _ => false,
                    };
                    (fits && self.size(node) == len && may_overwrite(looped, output, node)).then_some((node, place))
                }
                _ => None,
            });
            if let Some((node, place)) = given_up {
                overwritten.push(node);
                let place = self.taken_over(place);
                self.places.insert(output, place);
            }
        }
        self.claim(output)
    }

    /// Where a value is that is not read in a loop; what is known is put there first.
    pub(super) fn memory(&mut self, id: NodeId) -> Buffer {
        let owner = owner(self.f, id);
        if let Some(&place) = self.places.get(&owner) {
            return place;
        }
        let known = match self.f.graph().node(owner).kind() {
            Kind::Const(bits) => f64::from_bits(bits),
            Kind::Flag(holds) => f64::from(u8::from(holds)),
            kind => unreachable!("{kind:?} is computed before it is read"),
        };
        let place = self.claim(owner);
        self.actions.push(Action::Fill(place, known));
        place
    }

    /// Some of the workspace, or of what is kept where that is computed.
    pub(super) fn borrow(&mut self, len: usize) -> Buffer {
        let (space, arena) = match self.once {
            true => (Space::Kept, &mut self.kept),
            false => (Space::Scratch, &mut self.scratch),
        };
        let offset = arena.take(len);
        self.buffer(space, offset, len)
    }

    /// Some of the workspace that lasts from tile to tile, with a number in every element before the first one.
    pub(super) fn lasting(&mut self, len: usize, v: f64) -> Buffer {
        let place = self.borrow(len);
        self.before.push(Action::Fill(place, v));
        self.lasting.push(place);
        place
    }

    /// Whether a value is added up from tile to tile.
    pub(super) fn goes_on(&self, id: NodeId) -> bool {
        self.band.as_ref().is_some_and(|band| band.sums.contains(&id))
    }

    /// Takes back what was borrowed.
    pub(super) fn give_back(&mut self, Buffer { space, offset, len, .. }: Buffer) {
        match space {
            Space::Scratch => self.scratch.give(offset, len),
            Space::Kept => self.kept.give(offset, len),
            Space::Tile => self.tile.give(offset, len),
            Space::Input(_) | Space::Output(_) => unreachable!("slices are not borrowed"),
        }
    }

    /// Makes tiles of the actions from some place on; how many elements one takes.
    pub(super) fn finish(&mut self, band: &Band, start: usize) -> usize {
        let all = self.actions.split_off(start);
        let scratch = std::mem::take(&mut self.tile).size();
        let tiles = tiles(band, self.f.width(), scratch, &all);
        self.actions.append(&mut self.before);
        self.actions.push(Action::Tiles(Box::new(tiles)));
        std::mem::take(&mut self.lasting).into_iter().for_each(|place| self.give_back(place));
        scratch
    }

    /// Takes back what no later stage reads. Within a band the next tile comes: what is no tile's own is taken back at the end.
    pub(super) fn release(&mut self, k: usize, stage: &Stage, once: usize) {
        let mut done: Vec<NodeId> = reads(stage, self.f);
        done.extend(made(stage));
        done.sort_unstable();
        done.dedup();
        for node in done {
            if self.last.get(&node).is_some_and(|&last| last > k) {
                continue;
            }
            match self.places.get(&node) {
                Some(&place @ Buffer { space: Space::Scratch, .. }) if self.band.is_none() => self.give_back(place),
                Some(&place @ Buffer { space: Space::Tile, .. }) => self.give_back(place),
                Some(&place @ Buffer { space: Space::Kept, .. }) if k < once => self.give_back(place),
                _ => continue,
            }
            self.places.remove(&node);
        }
    }
}
