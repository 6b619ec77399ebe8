//! Sums over axes around the rows of a loop. Every summand is added to its partial sum, which is in memory and stays in the cache; at the end of
//! a block the partial sums are halved and added to the sums. That is the order of [`base::sums`](crate::base::sums).

use super::code::Code;
use crate::base::sums::{BLOCK, add_block, partials};
use crate::op::Scalar;
use crate::schedule::axes::Around;
use crate::schedule::ir::RunSums;

/// The sums of a nest.
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

/// Sums at some addresses, with a part of the rows.
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

/// A thread's memory for sums.
struct Memory<'m, T> {
    /// The strides of native code's times.
    strides: &'m mut [i64],
    /// The partial sums: of a sum one after the other, each for all elements within; and then what rounding has lost of its blocks.
    parts: *mut T,
    inner: usize,
    way: Way,
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

pub(super) fn product(axes: &[Around]) -> usize {
    axes.iter().map(|(len, _)| len).product()
}

impl<T: Scalar> Sums<'_, T> {
    /// Words of memory that a thread needs for so many rows.
    pub(super) fn words(&self, places: usize, rows: usize) -> usize {
        let inner = product(&self.run.within) * rows;
        let parts = if self.parts.is_some() { 0 } else { self.run.places.len() * (partials(T::WIDTH) + 1) * inner };
        strides(places) + (parts * size_of::<T>()).div_ceil(8)
    }
}

impl<T: Scalar> Adding<'_, T> {
    /// Adds up all summands.
    ///
    /// # Safety
    /// The addresses are good for all places of the axes, as a [`Nest`](super::nest::Nest) wants them. `work` has as many words as the sums need,
    /// and nobody else uses them.
    pub(super) unsafe fn run(&mut self, work: *mut u64) {
        let Sums { run, first, parts } = self.sums;
        let n = self.pointers.len();
        // SAFETY: as promised.
        let table = unsafe { std::slice::from_raw_parts_mut(work.cast::<i64>(), strides(n)) };
        let parts = parts.unwrap_or(work.wrapping_add(strides(n)).cast());
        let mut memory = Memory { strides: table, parts, inner: product(&run.within) * self.rows, way: self.way() };
        self.prepare(&mut memory);
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
                        self.start(&memory, used);
                    }
                    self.summands(&mut memory, number, outer * last.0 + index, count);
                    (number, index) = (number + count, index + count);
                    if number == start + BLOCK || number == run.all {
                        self.finish(&memory, used, start == 0);
                    }
                }
            }
        }
    }

    fn way(&self) -> Way {
        let run = self.sums.run;
        if !run.within.is_empty() || self.code.needs.cut {
            return Way::Within;
        }
        let (_, last) = run.along.last().expect("a sum is along an axis");
        let is_sum = |place: usize| run.places.iter().any(|&(input, output)| [input, output].contains(&place));
        let joined = |place: usize| is_sum(place) || last[place] == self.rows * self.row_strides[place];
        let whole = self.code.needs.sums.is_empty() && (0..last.len()).all(joined);
        if whole { Way::Turns } else { Way::Summands }
    }

    /// Writes the strides.
    fn prepare(&self, memory: &mut Memory<T>) {
        let (run, n, parts) = (self.sums.run, self.pointers.len(), partials(T::WIDTH));
        let bytes = |elements: usize| (elements * size_of::<T>()) as i64;
        let axis = run.within.last().or(run.along.last()).expect("a sum is along an axis");
        let (each, turns) = memory.strides.split_at_mut(n);
        let times = if memory.way == Way::Turns { parts } else { 1 };
        each.iter_mut().zip(&axis.1).for_each(|(to, stride)| *to = bytes(stride * times));
        turns.fill(0);
        turns[0] = -1;
        if memory.way == Way::Summands {
            turns[0] = parts as i64 - 1;
            for place in run.places.iter().flat_map(|&(input, output)| [input, output]) {
                each[place] = bytes(memory.inner);
                turns[2 + place] = -bytes(parts * memory.inner);
            }
        }
    }

    /// Adds some summands to their partial sums: the first one's number, where it is along the axes, and how many.
    ///
    /// # Safety
    /// As [`Adding::run`]; they are of one block, and neighbours along the last axis.
    unsafe fn summands(&mut self, memory: &mut Memory<T>, number: usize, index: usize, count: usize) {
        let (run, parts) = (self.sums.run, partials(T::WIDTH));
        let done = |k: usize| (number + k, index + k);
        // SAFETY: as promised, for all of these.
        unsafe {
            match memory.way {
                Way::Summands => {
                    memory.strides[self.pointers.len() + 1] = (number % parts) as i64;
                    self.at(memory, (number, index), 0);
                    self.call(self.rows, count, memory.strides);
                }
                Way::Turns => {
                    // Those up to the first partial sum, whole turns, and those that are left.
                    let head = count.min((parts - number % parts) % parts);
                    let turns = (count - head) / parts;
                    for (k, summands, times) in
                        [(0, head, 1), (head, parts, turns), (head + turns * parts, (count - head) % parts, 1)]
                    {
                        if summands * times > 0 {
                            self.at(memory, done(k), 0);
                            self.call(summands * self.rows, times, memory.strides);
                        }
                    }
                }
                Way::Within => {
                    let (times, around) = match run.within.split_last() {
                        Some(((len, _), around)) if !self.code.needs.cut => (*len, around),
                        _ => (1, &run.within[..]),
                    };
                    for k in 0..count {
                        for within in 0..product(around) {
                            self.at(memory, done(k), within);
                            self.call(self.rows, times, memory.strides);
                        }
                    }
                }
            }
        }
    }

    /// Moves every place to a summand, and to an index along the axes within, without the one that native code goes along. Sums go to its
    /// partial sum.
    fn at(&mut self, memory: &Memory<T>, (number, index): (usize, usize), within: usize) {
        let (run, parts) = (self.sums.run, partials(T::WIDTH));
        let around = match run.within.split_last() {
            Some((_, around)) if !self.code.needs.cut => around,
            _ => &run.within[..],
        };
        for (place, (moved, pointer)) in self.moved.iter_mut().zip(self.pointers).enumerate() {
            *moved = pointer.wrapping_add(offset(&run.along, index, place) + offset(around, within, place));
        }
        for (sum, &(input, output)) in run.places.iter().enumerate() {
            let part = memory.parts.wrapping_add((sum * (parts + 1) + number % parts) * memory.inner);
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
    unsafe fn start(&self, memory: &Memory<T>, used: usize) {
        for sum in 0..self.sums.run.places.len() {
            let parts = memory.parts.wrapping_add(sum * (partials(T::WIDTH) + 1) * memory.inner);
            // SAFETY: as promised; nobody else is at them.
            unsafe { std::slice::from_raw_parts_mut(parts, used * memory.inner).fill(T::lit(-0.0)) }
        }
    }

    /// Adds the partial sums of a block to the sums, or writes what they are if it is the first one.
    ///
    /// # Safety
    /// The partial sums are there, and the sums' places are good for all elements within, which lie one after the other.
    unsafe fn finish(&self, memory: &Memory<T>, used: usize, first: bool) {
        let (inner, all) = (memory.inner, partials(T::WIDTH));
        for (sum, &(_, output)) in self.sums.run.places.iter().enumerate() {
            // SAFETY: as promised; nobody else is at the partial sums, and a sum is none of them.
            let (parts, to) = unsafe {
                let parts = memory.parts.wrapping_add(sum * (all + 1) * inner);
                (
                    std::slice::from_raw_parts_mut(parts, (all + 1) * inner),
                    std::slice::from_raw_parts_mut(self.pointers[output], inner),
                )
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
