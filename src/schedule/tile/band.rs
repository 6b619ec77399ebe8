//! Tiles: stages that go along one axis run together over one part of it after the other, so that what passes between them stays in
//! the cache and needs memory for one part.
//!
//! In: the stages, and lengths. Out: the order in which they run, and which of them are a band. The bits are those of one stage after
//! the other: sums over rows are cut where their blocks end, and whatever is added up in memory is added up in the same order.

use super::walk::{Track, Walk, walk};
use crate::base::sums::BLOCK;
use crate::graph::NodeId;
use crate::schedule::ir::{Schedule, Stage};
use crate::schedule::lengths::Extent;
use crate::schedule::queries::{made, reads};
use crate::schedule::views::owner;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// Miri follows every pointer, a thousand times as slowly: for it, short arrays are as long as others are elsewhere.
const SHORT: usize = if cfg!(miri) { 128 } else { 1 };
/// Bytes of a tile, of all values together, where nothing asks for more: what the first-level cache has.
const TILE: usize = 32 * 1024 / SHORT;
/// Numbers that a stage goes through in a tile at least, on average: to start it takes as long as some dozen.
const NUMBERS: usize = 1024 / SHORT;
/// The most bytes, with those that every tile reads: half of a second-level cache.
const MOST: usize = 1024 * 1024;
/// Bytes of a value that passes from stage to stage, at least. Shorter ones stay in the second-level cache anyway.
const WORTH: usize = 512 * 1024 / SHORT;
/// Parts that an axis has at least if longer ones are cut like it.
const UNITS: usize = 64;

/// Stages that run together, tile by tile.
pub(crate) struct Band {
    /// Where they are in the order.
    pub(crate) at: Range<usize>,
    /// How many parts the axis has that nothing cuts, and how many of them are a tile.
    pub(crate) units: usize,
    pub(crate) tile: usize,
    /// What nobody else reads: it has memory for one tile.
    pub(crate) inner: FxHashSet<NodeId>,
    /// What is added up from tile to tile.
    pub(crate) sums: FxHashSet<NodeId>,
    /// What a tile reads that is not a part of its own.
    pub(crate) whole: FxHashSet<NodeId>,
}

/// The stages in the order in which they run, with their numbers; and the bands.
pub(crate) struct Order<'s> {
    pub(crate) stages: Vec<(usize, &'s Stage)>,
    pub(crate) bands: Vec<Band>,
}

impl Order<'_> {
    fn band(&self, at: usize) -> Option<&Band> {
        self.bands.iter().find(|band| band.at.contains(&at))
    }

    /// When a value's memory is written first, that is made by the stage at some place.
    pub(crate) fn written(&self, at: usize, id: NodeId) -> usize {
        self.band(at).filter(|band| band.sums.contains(&id)).map_or(at, |band| band.at.start)
    }

    /// Whether tiles read a value at other places than their own, in the band that the stage at some place belongs to.
    pub(crate) fn reads_whole(&self, at: usize, id: NodeId) -> bool {
        self.band(at).is_some_and(|band| band.whole.contains(&id))
    }
}

/// What is known of the stages while bands are found.
struct Draft<'f> {
    extent: Extent<'f>,
    parallel: bool,
    walks: Vec<Option<Walk>>,
    reads: Vec<Vec<NodeId>>,
    maker: FxHashMap<NodeId, usize>,
}

/// A band that may become longer: the stages' numbers, and the parts of the axis.
#[derive(Clone)]
struct Members {
    stages: Vec<usize>,
    units: usize,
}

fn is_long(extent: Extent, id: NodeId) -> bool {
    extent.size(id) * extent.f.width().bytes() >= WORTH
}

/// The order of the stages, of which the first ones run once and are left as they are.
pub(crate) fn arrange<'s>(extent: Extent, stages: &'s Schedule, once: usize, parallel: bool) -> Order<'s> {
    let all = &stages.stages;
    if !all[once..].iter().flat_map(made).any(|id| is_long(extent, id)) {
        return Order { stages: all.iter().enumerate().collect(), bands: vec![] };
    }
    let draft = Draft::new(extent, all, once, parallel);
    let starts = draft.starts();
    let (mut order, mut bands) = ((0..once).collect::<Vec<usize>>(), Vec::new());
    let mut next = vec![Some((once..all.len()).collect::<Vec<usize>>())];
    let mut found: Vec<Members> = Vec::new();
    while let Some(part) = next.pop() {
        let Some(mut free) = part else {
            let members = found.pop().expect("there is a band for every place of one");
            let start = order.len();
            order.extend(&members.stages);
            bands.push(draft.band(start..order.len(), &members));
            continue;
        };
        let Some(first) = free.iter().position(|&k| starts[k]) else {
            order.extend(free);
            continue;
        };
        order.extend(free.drain(..first));
        match draft.grow(&free) {
            Some((before, members, after)) => {
                found.push(members);
                next.extend([Some(after), None, Some(before)]);
            }
            None => {
                order.push(free.remove(0));
                next.push(Some(free));
            }
        }
    }
    Order { stages: order.into_iter().map(|k| (k, &all[k])).collect(), bands }
}

impl<'f> Draft<'f> {
    fn new(extent: Extent<'f>, all: &[Stage], once: usize, parallel: bool) -> Self {
        let numbered = || all.iter().enumerate();
        Draft {
            extent,
            parallel,
            walks: numbered().map(|(k, stage)| if k < once { None } else { walk(extent, stage) }).collect(),
            reads: all.iter().map(|stage| reads(stage, extent.f)).collect(),
            maker: numbered().flat_map(|(k, stage)| made(stage).into_iter().map(move |id| (id, k))).collect(),
        }
    }

    /// Which stages may be the first of a band: those that make something long for another one that can be cut.
    fn starts(&self) -> Vec<bool> {
        let mut starts = vec![false; self.walks.len()];
        for (reads, _) in self.reads.iter().zip(&self.walks).filter(|(_, walk)| walk.is_some()) {
            for maker in reads.iter().filter(|id| is_long(self.extent, **id)).filter_map(|id| self.maker.get(id)) {
                starts[*maker] = self.walks[*maker].is_some();
            }
        }
        starts
    }

    fn walk(&self, stage: usize) -> &Walk {
        self.walks[stage].as_ref().expect("a member goes along an axis")
    }

    /// Whether all of a value is gone through, part by part.
    fn is_whole(&self, walk: &Walk, track: &Track) -> bool {
        walk.len * track.stride == self.extent.size(track.id)
    }

    fn reads_of(&self, stage: usize, made_by: &[usize]) -> bool {
        self.reads[stage].iter().any(|id| self.maker.get(id).is_some_and(|maker| made_by.contains(maker)))
    }

    /// The longest band that starts with the first stage: what can run before it, the band, and what comes after.
    fn grow(&self, rest: &[usize]) -> Option<(Vec<usize>, Members, Vec<usize>)> {
        let none = Members { stages: vec![], units: self.walk(rest[0]).len };
        let mut members = self.joined(&none, rest[0])?;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for &stage in &rest[1..] {
            let late = self.reads_of(stage, &after);
            match self.joined(&members, stage).filter(|_| !late) {
                Some(joined) => members = joined,
                None if late || self.reads_of(stage, &members.stages) => after.push(stage),
                None => before.push(stage),
            }
        }
        // Who shares nothing is better off alone.
        let all = members.stages.clone();
        members.stages.retain(|&k| self.reads_of(k, &all) || all.iter().any(|&other| self.reads_of(other, &[k])));
        before.extend(all.iter().filter(|k| !members.stages.contains(k)));
        before.sort_unstable();
        let is_made = |id: &NodeId| self.maker.get(id).is_some_and(|maker| members.stages.contains(maker));
        let passes = |id: &NodeId| is_long(self.extent, *id) && is_made(id);
        members.stages.iter().flat_map(|&k| &self.reads[k]).any(passes).then_some((before, members, after))
    }

    /// A band with one more stage, if it can be.
    fn joined(&self, members: &Members, stage: usize) -> Option<Members> {
        let walk = self.walks[stage].as_ref()?;
        let units = match () {
            () if walk.len.is_multiple_of(members.units) => members.units,
            () if members.units.is_multiple_of(walk.len) && walk.len >= UNITS => walk.len,
            () => return None,
        };
        let own = |track: &&Track| self.maker.get(&track.id).is_some_and(|maker| members.stages.contains(maker));
        let made_whole = |track: &Track| {
            let maker = self.walk(self.maker[&track.id]);
            maker.makes.iter().any(|made| made.id == track.id && self.is_whole(maker, made))
        };
        if !walk.reads.iter().filter(own).all(|read| self.is_whole(walk, read) && made_whole(read)) {
            return None;
        }
        // Threads share tiles out, so that none adds to what another does.
        let tiled = |made: &Track| self.is_whole(walk, made) || (made.stride == 0 && !self.parallel);
        if !walk.makes.iter().all(tiled) {
            return None;
        }
        let mut joined = Members { stages: members.stages.clone(), units };
        joined.stages.push(stage);
        self.tile(&joined).is_some().then_some(joined)
    }

    /// How many parts of the axis are a tile.
    fn tile(&self, members: &Members) -> Option<usize> {
        // What everyone goes through from one unit to the next, and what every tile reads.
        let (mut parts, mut shared): (FxHashMap<NodeId, usize>, FxHashMap<NodeId, usize>) = Default::default();
        let (mut multiple, mut least) = (1, 1);
        for &stage in &members.stages {
            let walk = self.walk(stage);
            let each = walk.len / members.units;
            for &Track { id, stride, len } in walk.reads.iter().chain(&walk.makes) {
                if stride == 0 {
                    shared.insert(id, len);
                } else {
                    parts.insert(id, each * stride);
                }
            }
            if walk.sums_rows {
                // A block is a power of two, as is what is left of it.
                multiple = multiple.max(BLOCK >> each.trailing_zeros().min(BLOCK.trailing_zeros()));
            }
            least = least.max(walk.least.div_ceil(each));
        }
        let number = self.extent.f.width().bytes();
        let shared = shared.values().sum::<usize>() * number;
        let bytes = (parts.values().sum::<usize>() * number).max(1);
        least = least.max(NUMBERS * number * parts.len() / bytes);
        let tile = (TILE / bytes).max(least).next_multiple_of(multiple);
        (tile * bytes + shared <= MOST && 2 * tile <= members.units).then_some(tile)
    }

    fn band(&self, at: Range<usize>, members: &Members) -> Band {
        let (mut inner, mut sums, mut whole) = (FxHashSet::default(), FxHashSet::default(), FxHashSet::default());
        for &stage in &members.stages {
            let walk = self.walk(stage);
            for made in &walk.makes {
                let kind = if self.is_whole(walk, made) { &mut inner } else { &mut sums };
                kind.insert(made.id);
            }
            whole.extend(walk.reads.iter().filter(|read| !self.is_whole(walk, read)).map(|read| read.id));
        }
        let f = self.extent.f;
        f.output_nodes().for_each(|id| _ = inner.remove(&owner(f, id)));
        for (_, reads) in self.reads.iter().enumerate().filter(|(k, _)| !members.stages.contains(k)) {
            reads.iter().for_each(|id| _ = inner.remove(id));
        }
        let tile = self.tile(members).expect("every member was let in with a tile");
        Band { at, units: members.units, tile, inner, sums, whole }
    }
}
