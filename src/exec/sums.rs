//! Sums over axes around the rows of a loop. Every summand is added to its partial sum, which is in memory and stays in the cache; at the end of
//! a block the partial sums are halved and added to the sums. That is the order of [`base::sums`](crate::base::sums).

use super::code::Code;
use crate::base::sums::{BLOCK, add_block, partials};
use crate::op::Scalar;
use crate::schedule::Around;
use crate::schedule::ir::RunSums;

/// The sums of a nest. The outermost axis within them, which is that of the rows if there is no other, is gone through piece by piece.
#[derive(Copy, Clone)]
pub(super) struct Sums<'a, T> {
    pub(super) run: &'a RunSums,
    /// The number of the first summand, where tiles go along.
    pub(super) first: usize,
    /// The partial sums, where they last from tile to tile.
    pub(super) parts: Option<*mut T>,
}

/// How native code goes along summands.
#[derive(Copy, Clone, PartialEq)]
enum Way {
    /// Times are summands, and partial sums take turns.
    Summands,
    /// Times are turns: the rows of as many summands as there are partial sums lie one after the other.
    Turns,
    /// Times are an axis within, or there are none as the code is cut.
    Within,
}

/// Sums at some addresses, for a part of the outermost axis within.
pub(super) struct Adding<'a, T> {
    pub(super) code: &'a Code,
    pub(super) sums: Sums<'a, T>,
    pub(super) rows: usize,
    pub(super) row_strides: &'a [usize],
    /// How many of the places are inputs.
    pub(super) inputs: usize,
    /// Of all places; and room for as many.
    pub(super) pointers: &'a [*mut T],
    pub(super) moved: &'a mut [*mut T],
    /// The code's memory.
    pub(super) scratch: *mut u64,
}

/// A piece of the outermost axis within, with a thread's memory for it.
struct Piece<'m, T> {
    start: usize,
    len: usize,
    /// How many rows run at once, and how many elements there are within.
    rows: usize,
    inner: usize,
    way: Way,
    /// The strides of native code's times.
    strides: &'m mut [i64],
    /// The partial sums: of a sum one after the other, each for all elements within; and then what rounding has lost of its blocks.
    parts: *mut T,
}

/// How many strides native code in turns reads.
fn strides(places: usize) -> usize {
    2 * places + 2
}

/// How far a place moves to an index along some axes.
fn offset(axes: &[Around], mut index: usize, place: usize) -> usize {
    let along = |(len, strides): &Around| {
        let own = index % len;
        index /= len;
        own * strides[place]
    };
    axes.iter().rev().map(along).sum()
}

fn product(axes: &[Around]) -> usize {
    axes.iter().map(|(len, _)| len).product()
}

impl<T: Scalar> Sums<'_, T> {
    /// The length of the outermost axis within, given that of the rows.
    pub(super) fn len(&self, rows: usize) -> usize {
        self.run.within.first().map_or(rows, |(len, _)| *len)
    }

    /// How far a place moves along it, given how far from row to row.
    pub(super) fn stride(&self, place: usize, row_stride: usize) -> usize {
        self.run.within.first().map_or(row_stride, |(_, strides)| strides[place])
    }

    /// How many elements are within at one of its indices.
    pub(super) fn each(&self, rows: usize) -> usize {
        self.run.within.split_first().map_or(1, |(_, within)| product(within) * rows)
    }

    /// Words of memory that a thread needs for some of it.
    pub(super) fn words(&self, places: usize, len: usize, rows: usize) -> usize {
        let inner = self.run.piece.min(len) * self.each(rows);
        let parts = if self.parts.is_some() { 0 } else { self.run.places.len() * (partials(T::WIDTH) + 1) * inner };
        strides(places) + (parts * size_of::<T>()).div_ceil(8)
    }
}

impl<T: Scalar> Adding<'_, T> {
    /// Adds up all summands of so much of the outermost axis within.
    ///
    /// # Safety
    /// The addresses are good for all places of the axes, as a [`Nest`](super::nest::Nest) wants them. `work` has as many words as the sums need,
    /// and nobody else uses them.
    pub(super) unsafe fn run(&mut self, all: usize, work: *mut u64) {
        let n = self.pointers.len();
        let parts = self.sums.parts.unwrap_or(work.wrapping_add(strides(n)).cast());
        for start in (0..all).step_by(self.sums.run.piece) {
            let len = self.sums.run.piece.min(all - start);
            let rows = if self.sums.run.within.is_empty() { len } else { self.rows };
            let (inner, way) = (len * self.sums.each(rows), self.way(rows));
            // SAFETY: as promised.
            unsafe {
                let strides = std::slice::from_raw_parts_mut(work.cast::<i64>(), strides(n));
                let mut piece = Piece { start, len, rows, inner, way, strides, parts };
                self.prepare(&mut piece);
                self.add(&mut piece);
            }
        }
    }

    fn way(&self, rows: usize) -> Way {
        let run = self.sums.run;
        if !run.within.is_empty() || self.code.needs.cut {
            return Way::Within;
        }
        let (_, last) = run.along.last().expect("a sum is along an axis");
        let is_sum = |place: usize| run.places.iter().any(|&(input, output)| [input, output].contains(&place));
        let joined = |place: usize| is_sum(place) || last[place] == rows * self.row_strides[place];
        let whole = self.code.needs.sums.is_empty() && (0..last.len()).all(joined);
        if whole { Way::Turns } else { Way::Summands }
    }

    /// Writes the strides.
    fn prepare(&self, piece: &mut Piece<T>) {
        let (run, n, parts) = (self.sums.run, self.pointers.len(), partials(T::WIDTH));
        let bytes = |elements: usize| (elements * size_of::<T>()) as i64;
        let axis = run.within.last().or(run.along.last()).expect("a sum is along an axis");
        let (each, turns) = piece.strides.split_at_mut(n);
        let times = if piece.way == Way::Turns { parts } else { 1 };
        each.iter_mut().zip(&axis.1).for_each(|(to, stride)| *to = bytes(stride * times));
        turns.fill(0);
        turns[0] = -1;
        if piece.way == Way::Summands {
            turns[0] = parts as i64 - 1;
            for place in run.places.iter().flat_map(|&(input, output)| [input, output]) {
                each[place] = bytes(piece.inner);
                turns[2 + place] = -bytes(parts * piece.inner);
            }
        }
    }

    /// Adds up the summands of a piece, block by block.
    ///
    /// # Safety
    /// As [`Adding::run`].
    unsafe fn add(&mut self, piece: &mut Piece<T>) {
        let Sums { run, first, .. } = self.sums;
        let (last, others) = run.along.split_last().expect("a sum is along an axis");
        let mut number = first;
        for outer in 0..product(others) {
            let mut index = 0;
            while index < last.0 {
                let start = number - number % BLOCK;
                let count = (last.0 - index).min(start + BLOCK - number);
                let used = partials(T::WIDTH).min(run.all - start);
                // SAFETY: as promised; partial sums are there for all elements within.
                unsafe {
                    if number == start {
                        self.start(piece, used);
                    }
                    self.summands(piece, number, outer * last.0 + index, count);
                    (number, index) = (number + count, index + count);
                    if number == start + BLOCK || number == run.all {
                        self.finish(piece, used, start == 0);
                    }
                }
            }
        }
    }

    /// Adds some summands to their partial sums: the first one's number, where it is along the axes, and how many.
    ///
    /// # Safety
    /// As [`Adding::run`]; they are of one block, and neighbours along the last axis.
    unsafe fn summands(&mut self, piece: &mut Piece<T>, number: usize, index: usize, count: usize) {
        let parts = partials(T::WIDTH);
        let done = |k: usize| (number + k, index + k);
        // SAFETY: as promised, for all of these.
        unsafe {
            match piece.way {
                Way::Summands => {
                    piece.strides[self.pointers.len() + 1] = (number % parts) as i64;
                    self.at(piece, (number, index), 0);
                    self.call(piece.rows, count, piece.strides);
                }
                Way::Turns => {
                    // Those up to the first partial sum, whole turns, and those that are left.
                    let head = count.min((parts - number % parts) % parts);
                    let (turns, left) = ((count - head) / parts, (count - head) % parts);
                    for (k, summands, times) in [(0, head, 1), (head, parts, turns), (count - left, left, 1)] {
                        if summands * times > 0 {
                            self.at(piece, done(k), 0);
                            self.call(summands * piece.rows, times, piece.strides);
                        }
                    }
                }
                Way::Within => {
                    let (around, times) = self.around(piece);
                    for k in 0..count {
                        for within in 0..around {
                            self.at(piece, done(k), within);
                            self.call(piece.rows, times, piece.strides);
                        }
                    }
                }
            }
        }
    }

    /// How many indices there are along the axes within, without the last one if native code goes along it, and how many along that.
    fn around(&self, piece: &Piece<T>) -> (usize, usize) {
        match &self.sums.run.within[..] {
            [] => (1, 1),
            [_, inner @ ..] if self.code.needs.cut => (piece.len * product(inner), 1),
            [_] => (1, piece.len),
            [_, inner @ .., last] => (piece.len * product(inner), last.0),
        }
    }

    /// Moves every place to a summand, and to an index along the axes within, without the one that native code goes along. Sums go to its
    /// partial sum.
    fn at(&mut self, piece: &Piece<T>, (number, index): (usize, usize), within: usize) {
        let (run, parts) = (self.sums.run, partials(T::WIDTH));
        let around = match run.within.split_last() {
            Some((_, around)) if !self.code.needs.cut => around,
            _ => &run.within[..],
        };
        for (place, (moved, pointer)) in self.moved.iter_mut().zip(self.pointers).enumerate() {
            let start = piece.start * self.sums.stride(place, self.row_strides[place]);
            *moved = pointer.wrapping_add(start + offset(&run.along, index, place) + offset(around, within, place));
        }
        for (sum, &(input, output)) in run.places.iter().enumerate() {
            let part = piece.parts.wrapping_add((sum * (parts + 1) + number % parts) * piece.inner);
            let place = part.wrapping_add(offset(around, within, output));
            (self.moved[input], self.moved[output]) = (place, place);
        }
    }

    /// Runs code over rows where every place is, some times.
    ///
    /// # Safety
    /// As [`Adding::run`].
    unsafe fn call(&mut self, rows: usize, times: usize, strides: &[i64]) {
        debug_assert!(rows <= BLOCK || self.code.needs.sums.is_empty(), "rows that are added up are so in blocks");
        let inputs = self.moved.as_mut_ptr();
        // SAFETY: the outputs' addresses are behind the inputs'; the rest is promised.
        unsafe {
            let tables = (inputs.cast(), inputs.add(self.inputs).cast());
            self.code.run_rows::<T>(tables, self.scratch, rows, (times, strides));
        }
    }

    /// Starts a block, which has so many partial sums.
    ///
    /// # Safety
    /// The partial sums are there.
    unsafe fn start(&self, piece: &Piece<T>, used: usize) {
        for sum in 0..self.sums.run.places.len() {
            let parts = piece.parts.wrapping_add(sum * (partials(T::WIDTH) + 1) * piece.inner);
            // SAFETY: as promised; nobody else is at them.
            unsafe { std::slice::from_raw_parts_mut(parts, used * piece.inner).fill(T::lit(-0.0)) }
        }
    }

    /// Adds the partial sums of a block to the sums, or writes what they are if it is the first one.
    ///
    /// # Safety
    /// The partial sums are there, and the sums' places are good for all elements within, which lie one after the other.
    unsafe fn finish(&self, piece: &Piece<T>, used: usize, first: bool) {
        let (inner, all) = (piece.inner, partials(T::WIDTH));
        for (sum, &(_, output)) in self.sums.run.places.iter().enumerate() {
            let start = piece.start * self.sums.stride(output, self.row_strides[output]);
            // SAFETY: as promised; nobody else is at the partial sums, and a sum is none of them.
            let (parts, to) = unsafe {
                let parts = piece.parts.wrapping_add(sum * (all + 1) * inner);
                let to = self.pointers[output].wrapping_add(start);
                (std::slice::from_raw_parts_mut(parts, (all + 1) * inner), std::slice::from_raw_parts_mut(to, inner))
            };
            let (parts, rest) = parts.split_at_mut(all * inner);
            let (mut half, mut used) = (all, used);
            while half > 1 {
                half /= 2;
                let (low, high) = parts[..used * inner].split_at_mut(half.min(used) * inner);
                low.iter_mut().zip(high).for_each(|(low, &mut high)| *low += high);
                used = used.min(half);
            }
            if first {
                to.copy_from_slice(&parts[..inner]);
                rest.fill(T::default());
            } else {
                to.iter_mut().zip(rest).zip(&*parts).for_each(|((to, rest), &block)| add_block(to, rest, block));
            }
        }
    }
}
