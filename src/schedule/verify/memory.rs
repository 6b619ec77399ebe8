//! The memory of a call while actions go by: which value is where.

use super::places::Places;
use crate::schedule::ir::{Buffer, Space, ValueId};
use std::collections::BTreeMap;
use std::ops::Range;

/// What there is where a value is looked for.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Found {
    Nothing,
    /// A part of the value.
    Part,
    Other {
        held: ValueId,
        by: Option<usize>,
    },
}

/// Some neighbours that hold a value, from a place on that is known elsewhere.
#[derive(Clone, Debug)]
struct Stretch {
    end: usize,
    value: ValueId,
    /// The action that wrote it; none for what is given.
    by: Option<usize>,
    /// Where it is written column by column, these columns of rows of some length.
    columns: Option<(usize, Vec<Range<usize>>)>,
}

/// A space: its length, and what is in it.
#[derive(Clone, Debug, Default)]
struct Contents {
    len: usize,
    stretches: BTreeMap<usize, Stretch>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Memory(BTreeMap<Space, Contents>);

impl Memory {
    /// A space of so many elements, with nothing in it.
    pub(super) fn add(&mut self, space: Space, len: usize) {
        self.0.insert(space, Contents { len, stretches: BTreeMap::new() });
    }

    /// A space that is given with a value.
    pub(super) fn give(&mut self, space: Space, len: usize, value: ValueId) {
        self.add(space, len);
        if len > 0 {
            self.0.get_mut(&space).expect("it has just been added").put(0..len, value, None);
        }
    }

    pub(super) fn remove(&mut self, space: Space) {
        self.0.remove(&space);
    }

    /// How many elements a space has, if there is one.
    pub(super) fn len(&self, space: Space) -> Option<usize> {
        self.0.get(&space).map(|contents| contents.len)
    }

    /// Whether all of some places hold a value.
    pub(super) fn find(&self, space: Space, span: Range<usize>, value: ValueId) -> Result<(), Found> {
        let Some(contents) = self.0.get(&space) else { return Err(Found::Nothing) };
        let mut at = span.start;
        for (&start, stretch) in contents.overlapping(&span) {
            if start > at {
                return Err(if at > span.start { Found::Part } else { Found::Nothing });
            }
            if stretch.value != value {
                return Err(Found::Other { held: stretch.value, by: stretch.by });
            }
            if stretch.columns.is_some() {
                return Err(Found::Part);
            }
            at = stretch.end;
        }
        match at {
            at if at >= span.end => Ok(()),
            at if at > span.start => Err(Found::Part),
            _ => Err(Found::Nothing),
        }
    }

    /// Writes a value to some places of a buffer, which are within it; whether none of them held it before.
    pub(super) fn write(&mut self, buffer: Buffer, places: &Places, by: usize) -> bool {
        let contents = self.0.get_mut(&buffer.space).expect("the buffer was found within its space");
        let value = buffer.value;
        // All of them, also behind one that was there.
        let put_all = |contents: &mut Contents, runs: Vec<Range<usize>>| {
            runs.into_iter().filter(|run| !contents.put_once(run.clone(), value, by)).count() == 0
        };
        match places.rows() {
            Some((run, count, period)) if count > 1 && buffer.len == count * period => {
                let column = (places.start - buffer.offset) % period;
                let whole = buffer.offset..buffer.offset + buffer.len;
                // A run may go round the end of a row only if the buffer is another one than it says.
                if column + run <= period {
                    return contents.put_columns(whole, period, column..column + run, value, by);
                }
                put_all(contents, places.runs())
            }
            Some((run, 1, _)) => contents.put_once(places.start..places.start + run, value, by),
            _ => put_all(contents, places.runs()),
        }
    }

    /// What is in some places is of no use any more.
    pub(super) fn forget(&mut self, space: Space, span: Range<usize>) {
        if let Some(contents) = self.0.get_mut(&space) {
            contents.clear(&span);
        }
    }
}

impl Contents {
    /// What has elements in a range, in order.
    fn overlapping(&self, span: &Range<usize>) -> impl Iterator<Item = (&usize, &Stretch)> {
        let before = self.stretches.range(..span.start).next_back().filter(|(_, stretch)| stretch.end > span.start);
        before.into_iter().chain(self.stretches.range(span.clone()))
    }

    /// Takes away what is in a range.
    fn clear(&mut self, span: &Range<usize>) {
        if span.is_empty() {
            return;
        }
        let hit: Vec<usize> = self.overlapping(span).map(|(&start, _)| start).collect();
        for start in hit {
            let stretch = self.stretches.remove(&start).expect("it was found");
            if stretch.end > span.end {
                self.stretches.insert(span.end, stretch.clone());
            }
            if start < span.start {
                self.stretches.insert(start, Stretch { end: span.start, ..stretch });
            }
        }
    }

    /// Puts a value to where it is not yet, or again; neighbours that hold it, too, become one with it.
    fn put(&mut self, span: Range<usize>, value: ValueId, by: Option<usize>) {
        self.clear(&span);
        let (mut start, mut end) = (span.start, span.end);
        let is_same = |stretch: &Stretch| stretch.value == value && stretch.columns.is_none();
        let before = self.stretches.range(..start).next_back();
        if let Some((&other, _)) = before.filter(|(_, stretch)| stretch.end == start && is_same(stretch)) {
            self.stretches.remove(&other);
            start = other;
        }
        if self.stretches.get(&end).is_some_and(is_same) {
            end = self.stretches.remove(&end).expect("it is there").end;
        }
        self.stretches.insert(start, Stretch { end, value, by, columns: None });
    }

    /// The same; whether it was nowhere in the range.
    fn put_once(&mut self, span: Range<usize>, value: ValueId, by: usize) -> bool {
        let first = self.overlapping(&span).all(|(_, stretch)| stretch.value != value);
        self.put(span, value, Some(by));
        first
    }

    /// Puts some columns of a value.
    fn put_columns(&mut self, whole: Range<usize>, period: usize, run: Range<usize>, value: ValueId, by: usize) -> bool {
        if let Some(stretch) = self.stretches.get_mut(&whole.start)
            && (stretch.end, stretch.value) == (whole.end, value)
        {
            let Some((known, columns)) = &mut stretch.columns else { return false };
            let meets = columns.iter().any(|other| other.start < run.end && run.start < other.end);
            if *known != period || meets {
                return false;
            }
            match columns.iter_mut().find(|other| other.end == run.start) {
                Some(other) => other.end = run.end,
                None => columns.push(run),
            }
            if columns.iter().map(ExactSizeIterator::len).sum::<usize>() == period {
                self.put(whole, value, Some(by));
            }
            return true;
        }
        let first = self.overlapping(&whole).all(|(_, stretch)| stretch.value != value);
        self.clear(&whole);
        self.stretches.insert(whole.start, Stretch { end: whole.end, value, by: Some(by), columns: Some((period, vec![run])) });
        first
    }
}
