//! A native loop over rows with the axes around it, on one thread or several.
//!
//! In: addresses, the lengths of the axes, how far everyone moves along each. Sums over many rows are computed in blocks, whose sums are
//! added up in order; so threads can share out blocks, and the result is what one thread gives.

use super::code::Code;
use super::scratch::{with_scratch, with_sums};
use super::sums::{Adding, Sums};
use super::threads::{self, Shared};
use crate::base::sums::{BLOCK, add_block};
use crate::op::Scalar;
use smallvec::SmallVec;
use std::ops::Range;

/// Rows that one thread takes at least.
const ROWS: usize = 256;
/// Fewer operations (some ten microseconds) are not shared out.
const WORTH: usize = 100_000;
/// Tasks per thread.
const TASKS: usize = 4;

/// The axes, from the outside: those of `outer`, that of `count`, the rows. Addresses are those of the first place of all.
pub(super) struct Nest<'a, T> {
    pub(super) code: &'a Code,
    /// Of inputs, then of outputs. What is in there after a run is unspecified.
    pub(super) addresses: &'a mut [*mut T],
    /// How many of them are inputs.
    pub(super) inputs: usize,
    /// Rows, and every address' stride from one to the next: 0 for what all share, and for sums.
    pub(super) rows: usize,
    pub(super) row_strides: &'a [usize],
    /// An axis that native code goes along, with every address' stride in bytes, if it is longer than 1.
    pub(super) count: usize,
    pub(super) strides: &'a [i64],
    /// Axes around, from the outside: their lengths, and every address' stride.
    pub(super) outer: &'a [(usize, Vec<usize>)],
    /// What rounding has lost of each sum over the rows, where that goes on after the run; it goes on from what is in the outputs.
    pub(super) rest: Option<*mut T>,
    /// Sums over axes within these and around the rows, if there are any.
    pub(super) sums: Option<Sums<'a, T>>,
}

// SAFETY: threads that share a nest run ranges of an axis along which every output moves, see `Nest::split`, and `schedule::verify` (of a call
// over rows, `RowCall`) found no element of an output at two indices of such axes. Sums of rows go to totals of each range's own.
unsafe impl<T: Sync> Sync for Nest<'_, T> {}

/// How a nest is shared out: along an axis, in pieces of so many.
struct Split {
    axis: usize,
    piece: usize,
    pieces: usize,
}

impl<T: Scalar> Nest<'_, T> {
    /// Runs all of it. Sums are added to what is in the outputs.
    ///
    /// # Safety
    /// The code was made for rows of numbers `T`, with these inputs and outputs, and every address is good for all places of the axes.
    /// What is written overlaps nothing but itself, or an input in the same place.
    #[inline]
    pub(super) unsafe fn run(self, threads: usize) {
        let rows = self.outer.len() + 1;
        let Some(split) = (if threads > 1 { self.split() } else { None }) else {
            if !self.outer.is_empty()
                || self.sums.is_some()
                || self.rest.is_some()
                || (self.rows > BLOCK && !self.code.needs.sums.is_empty())
            {
                // SAFETY: as promised.
                return unsafe { self.part(rows, 0..self.length(rows), None) };
            }
            let inputs = self.addresses.as_mut_ptr();
            return with_scratch(self.code.needs.scratch, |scratch| {
                // SAFETY: the outputs' addresses are behind the inputs'; the rest is promised.
                unsafe {
                    let tables = (inputs.cast(), inputs.add(self.inputs).cast());
                    self.code.run_rows::<T>(tables, scratch, self.rows, (self.count, self.strides));
                }
            });
        };
        // SAFETY: as promised.
        unsafe { self.share(threads, split) }
    }

    /// On several threads.
    ///
    /// # Safety
    /// As [`Nest::run`].
    unsafe fn share(&self, threads: usize, Split { axis, piece, pieces }: Split) {
        let tasks = pieces.min(threads * TASKS);
        let range = |task: usize| threads::share(self.length(axis), piece, tasks, task);
        let sums = &self.code.needs.sums;
        if axis != self.outer.len() + 1 || sums.is_empty() || self.sums.is_some() {
            // SAFETY: as promised; ranges of this axis write to different places.
            return threads::each(threads, tasks, |task| unsafe { self.part(axis, range(task), None) });
        }
        let numbers = pieces * sums.len();
        with_sums((numbers * size_of::<T>()).div_ceil(8), |memory| {
            // SAFETY: there are as many words as these numbers take.
            let totals = unsafe { std::slice::from_raw_parts_mut(memory.cast::<T>(), numbers) };
            totals.fill(T::lit(-0.0));
            let shared = Shared::new(totals.as_mut_ptr());
            threads::each(threads, tasks, |task| {
                let range = range(task);
                let totals = shared.get().wrapping_add(range.start / BLOCK * sums.len());
                // SAFETY: as promised; the totals have room for every block's sums.
                unsafe { self.part(axis, range, Some(totals)) }
            });
            for (at, &(group, k)) in sums.iter().enumerate() {
                // SAFETY: the output has room for as many sums, and nobody else is at it any more.
                let sum = unsafe { &mut *self.addresses[self.inputs + group as usize].add(k as usize) };
                let mut rest = T::default();
                totals.iter().skip(at).step_by(sums.len()).for_each(|&block| add_block(sum, &mut rest, block));
            }
        });
    }

    /// The axes are those of `outer`, that of `count`, and that of the rows, or the outermost one within sums around them.
    fn length(&self, axis: usize) -> usize {
        match self.outer.get(axis) {
            Some((length, _)) => *length,
            None if axis == self.outer.len() => self.count,
            None => self.sums.map_or(self.rows, |sums| sums.len(self.rows)),
        }
    }

    /// How many numbers an address moves on along an axis.
    fn stride(&self, axis: usize, place: usize) -> usize {
        match self.outer.get(axis) {
            Some((_, strides)) => strides[place],
            None if axis == self.outer.len() => self.strides.get(place).map_or(0, |&bytes| bytes as usize / size_of::<T>()),
            None => self.sums.map_or(self.row_strides[place], |sums| sums.stride(place, self.row_strides[place])),
        }
    }

    /// The axis with the most pieces among those along which no two pieces write to the same place. Sums over rows are apart in blocks,
    /// if that is all there is.
    fn split(&self) -> Option<Split> {
        let rows = self.outer.len() + 1;
        let within = self.sums.map_or(1, |sums| sums.run.all * sums.each(self.rows));
        let places = (0..=rows).map(|axis| self.length(axis)).product::<usize>().saturating_mul(within);
        if places.saturating_mul(self.code.operations.max(1)) < WORTH {
            return None;
        }
        let sums = !self.code.needs.sums.is_empty();
        let alone = self.outer.is_empty() && self.count == 1 && self.sums.is_none();
        let lasts = self.sums.is_some_and(|sums| sums.parts.is_some());
        let each = self.sums.map_or(1, |sums| sums.each(self.rows));
        let within = self.sums.is_some_and(|sums| !sums.run.within.is_empty());
        let split = |axis: usize| {
            let moves = |place: usize| self.stride(axis, place) != 0;
            let (apart, piece) = match axis == rows {
                true if sums && !within => (alone && self.rest.is_none(), BLOCK),
                true => (true, ROWS.div_ceil(each)),
                false => ((self.inputs..self.addresses.len()).all(moves), 1),
            };
            let pieces = self.length(axis).div_ceil(piece);
            (apart && pieces > 1 && !lasts).then_some(Split { axis, piece, pieces })
        };
        (0..=rows).filter_map(split).max_by_key(|split| split.pieces)
    }

    /// A range of one of the axes, and all of the others. With `totals`, the sums of every block of rows go there, and not to the outputs.
    ///
    /// # Safety
    /// As [`Nest::run`].
    unsafe fn part(&self, axis: usize, range: Range<usize>, totals: Option<*mut T>) {
        let (n, depth) = (self.addresses.len(), self.outer.len());
        let length = |k: usize| if k == axis { range.len() } else { self.length(k) };
        let addresses = self.code.needs.scratch;
        let work = addresses + 2 * n;
        let blocks = 2 * self.code.needs.sums.len();
        let words = work + self.sums.map_or(blocks, |sums| sums.words(n, length(depth + 1), self.rows));
        with_scratch(words, |scratch| {
            // SAFETY: behind the code's scratch memory are so many words, for addresses.
            let table = unsafe { std::slice::from_raw_parts_mut(scratch.add(addresses).cast::<*mut T>(), 2 * n) };
            let (pointers, moved) = table.split_at_mut(n);
            for (place, (pointer, address)) in pointers.iter_mut().zip(&*self.addresses).enumerate() {
                *pointer = address.wrapping_add(if range.start == 0 { 0 } else { range.start * self.stride(axis, place) });
            }
            let mut index: SmallVec<[usize; 16]> = SmallVec::from_elem(0, depth);
            loop {
                let (count, rows) = (length(depth), length(depth + 1));
                // SAFETY: as promised; behind the addresses are the words for sums.
                unsafe {
                    match self.sums {
                        None => self.inner((pointers, moved), (scratch, scratch.add(work)), (count, rows), totals),
                        Some(sums) => self.adding(sums, (pointers, moved), scratch).run(rows, scratch.add(work)),
                    }
                }
                let mut k = depth;
                loop {
                    if k == 0 {
                        return;
                    }
                    k -= 1;
                    index[k] += 1;
                    let (wrapped, strides) = (index[k] == length(k), &self.outer[k].1);
                    for (pointer, &stride) in pointers.iter_mut().zip(strides) {
                        let back = if wrapped { stride * (length(k) - 1) } else { 0 };
                        *pointer = if wrapped { pointer.wrapping_sub(back) } else { pointer.wrapping_add(stride) };
                    }
                    if !wrapped {
                        break;
                    }
                    index[k] = 0;
                }
            }
        });
    }

    fn adding<'n>(
        &'n self,
        sums: Sums<'n, T>,
        (pointers, moved): (&'n [*mut T], &'n mut [*mut T]),
        scratch: *mut u64,
    ) -> Adding<'n, T> {
        let (code, rows, row_strides, inputs) = (self.code, self.rows, self.row_strides, self.inputs);
        Adding { code, sums, rows, row_strides, inputs, pointers, moved, scratch }
    }

    /// `count` times `rows` at some addresses, with room for as many to be moved on, and for two elements for every sum.
    ///
    /// # Safety
    /// As [`Nest::run`].
    unsafe fn inner(
        &self,
        (pointers, moved): (&[*mut T], &mut [*mut T]),
        (scratch, work): (*mut u64, *mut u64),
        (count, rows): (usize, usize),
        totals: Option<*mut T>,
    ) {
        let code = self.code;
        let run = |moved: &mut [*mut T], rows: usize, times: (usize, &[i64])| {
            let inputs = moved.as_mut_ptr();
            // SAFETY: the outputs' addresses are behind the inputs'; the rest is promised.
            unsafe { code.run_rows::<T>((inputs.cast(), inputs.add(self.inputs).cast()), scratch, rows, times) }
        };
        let sums = &code.needs.sums;
        if sums.is_empty() || (rows <= BLOCK && totals.is_none() && self.rest.is_none()) {
            moved.copy_from_slice(pointers);
            return run(moved, rows, (count, self.strides));
        }
        // SAFETY: as promised; what goes on has an element for every sum.
        let (own, rest) = unsafe {
            let own = std::slice::from_raw_parts_mut(work.cast::<T>(), 2 * sums.len());
            let (own, rest) = own.split_at_mut(sums.len());
            (own, self.rest.map_or(rest, |rest| std::slice::from_raw_parts_mut(rest, sums.len())))
        };
        for time in 0..count {
            if self.rest.is_none() {
                rest.fill(T::default());
            }
            for start in (0..rows).step_by(BLOCK) {
                for (place, (moved, pointer)) in moved.iter_mut().zip(pointers).enumerate() {
                    let on = time * self.stride(self.outer.len(), place) + start * self.row_strides[place];
                    *moved = pointer.wrapping_add(on);
                }
                own.fill(T::lit(-0.0));
                let block = totals.map_or(own.as_mut_ptr(), |totals| totals.wrapping_add(start / BLOCK * sums.len()));
                // The sums of an output are neighbours, as its numbers are.
                for (at, &(group, _)) in sums.iter().enumerate().filter(|(_, (_, k))| *k == 0) {
                    moved[self.inputs + group as usize] = block.wrapping_add(at);
                }
                run(moved, BLOCK.min(rows - start), (1, &[]));
                if totals.is_some() {
                    continue;
                }
                for (at, &(group, k)) in sums.iter().enumerate() {
                    let place = self.inputs + group as usize;
                    let to = pointers[place].wrapping_add(time * self.stride(self.outer.len(), place) + k as usize);
                    // SAFETY: as promised: the output has room for the sum, which is in no other place.
                    unsafe { add_block(&mut *to, &mut rest[at], *block.add(at)) }
                }
            }
        }
    }
}
