//! A call that runs: its slices and memory, lent to actions. Plans say which buffers an action reads and writes, and
//! [`verify`](crate::schedule::verify) that they are in bounds and apart.

use super::threads::Shared;
use crate::op::Scalar;
use crate::schedule::ir::{Buffer, Space};
use smallvec::SmallVec;
use std::ptr::NonNull;

/// The slices of a call.
pub(crate) struct Slices<'a, 'b, T> {
    /// Of inputs that no output overwrites.
    pub(crate) inputs: &'a [&'a [T]],
    /// Of outputs; those that overwrite an input have it before.
    pub(crate) outputs: &'a mut [&'b mut [T]],
}

/// Room for the slices of a body's call, which the next step's uses again.
pub(super) struct Lent<'x, T> {
    inputs: SmallVec<[&'x [T]; 16]>,
    outputs: SmallVec<[&'x mut [T]; 16]>,
}

impl<T> Default for Lent<'_, T> {
    fn default() -> Self {
        Lent { inputs: SmallVec::new(), outputs: SmallVec::new() }
    }
}

/// A call: slices, and memory of its own.
pub(super) struct Call<'s, 'a, 'b, T> {
    slices: Access<'s, 'a, 'b, T>,
    scratch: *mut T,
    kept: *mut T,
    /// Room for the addresses that a loop takes.
    table: *mut *mut T,
    /// The memory of the tile at hand, and its number.
    tiles: *mut T,
    pub(super) tile: usize,
    /// How many threads it may take.
    pub(super) threads: usize,
}

/// How a call gets at its slices.
pub(super) enum Access<'s, 'a, 'b, T> {
    Slices(&'s mut Slices<'a, 'b, T>),
    Shared(&'s SharedCall<'a, T>),
}

/// What several threads know of a call.
pub(super) struct SharedCall<'a, T> {
    inputs: &'a [&'a [T]],
    outputs: Vec<Shared<T>>,
    scratch: Shared<T>,
    kept: Shared<T>,
}

impl<'a, 'b, T> Access<'_, 'a, 'b, T> {
    /// The same for a shorter time.
    pub(super) fn again(&mut self) -> Access<'_, 'a, 'b, T> {
        match self {
            Access::Slices(slices) => Access::Slices(slices),
            Access::Shared(shared) => Access::Shared(shared),
        }
    }

    #[inline(always)]
    pub(super) fn input(&self, k: usize) -> *mut T {
        match self {
            Access::Slices(slices) => slices.inputs[k].as_ptr().cast_mut(),
            Access::Shared(shared) => shared.inputs[k].as_ptr().cast_mut(),
        }
    }

    #[inline(always)]
    pub(super) fn output(&mut self, k: usize) -> *mut T {
        match self {
            // Not `as_mut_ptr`, which borrows the whole slice anew and so ends what other addresses into it are good for.
            Access::Slices(slices) => (&raw mut *slices.outputs[k]).cast(),
            Access::Shared(shared) => shared.outputs[k].get(),
        }
    }
}

impl<'a, T> SharedCall<'a, T> {
    pub(super) fn new(slices: &mut Slices<'a, '_, T>, scratch: *mut T, kept: *mut T) -> SharedCall<'a, T> {
        let shared = |slices: &mut [&mut [T]]| slices.iter_mut().map(|slice| Shared::new(slice.as_mut_ptr())).collect();
        SharedCall {
            inputs: slices.inputs,
            outputs: shared(slices.outputs),
            scratch: Shared::new(scratch),
            kept: Shared::new(kept),
        }
    }

    /// Makes it a call of this thread alone.
    pub(super) fn lend<R>(&self, f: impl FnOnce(&mut Call<T>) -> R) -> R {
        f(&mut Call::new(Access::Shared(self), (self.scratch.get(), self.kept.get(), NonNull::dangling().as_ptr()), 1))
    }
}

impl<'s, 'a, 'b, T> Call<'s, 'a, 'b, T> {
    pub(super) fn new(
        slices: Access<'s, 'a, 'b, T>,
        (scratch, kept, table): (*mut T, *mut T, *mut *mut T),
        threads: usize,
    ) -> Self {
        Call { slices, scratch, kept, table, tiles: NonNull::dangling().as_ptr(), tile: 0, threads }
    }

    /// The same call for what runs tile by tile, with room for addresses and for a tile.
    pub(super) fn of_tiles(&mut self, table: *mut *mut T, tiles: *mut T) -> Call<'_, 'a, 'b, T> {
        Call { tiles, ..Call::new(self.slices.again(), (self.scratch, self.kept, table), self.threads) }
    }

    /// What several threads need to know.
    pub(super) fn share(&mut self) -> SharedCall<'a, T> {
        let Access::Slices(slices) = &mut self.slices else { unreachable!("one of several threads does not share what it does") };
        SharedCall::new(slices, self.scratch, self.kept)
    }
}

impl<T: Scalar> Call<'_, '_, '_, T> {
    pub(super) fn address(&mut self, place: Buffer) -> *mut T {
        self.first_address(place).wrapping_add(place.step * self.tile)
    }

    /// The address for the first of all tiles.
    #[inline]
    fn first_address(&mut self, place: Buffer) -> *mut T {
        let base = match place.space {
            Space::Input(k) => self.slices.input(k),
            Space::Output(k) => self.slices.output(k),
            Space::Scratch => self.scratch,
            Space::Kept => self.kept,
            Space::Tile => self.tiles,
        };
        base.wrapping_add(place.offset)
    }

    /// Writes addresses to the table.
    pub(super) fn addresses<'p>(&mut self, places: impl Iterator<Item = &'p Buffer> + Clone) -> *mut *mut T {
        let table = self.table;
        for (k, &place) in places.clone().enumerate() {
            // SAFETY: `schedule::verify` found that the addresses of every action fit the plan's table, or that of its tiles, for which
            // `Arrays::call` and `tiles::run` allocate memory. Nothing else lies there.
            unsafe { *table.add(k) = self.first_address(place) }
        }
        if self.tile > 0 {
            for (k, place) in places.enumerate() {
                // SAFETY: as above; the address has just been written.
                unsafe { *table.add(k) = (*table.add(k)).wrapping_add(place.step * self.tile) }
            }
        }
        table
    }

    pub(super) fn copy(&mut self, from: Buffer, to: Buffer) {
        self.with([from], to, |[from], to| to.copy_from_slice(from));
    }

    /// Lends the slices of the call.
    pub(super) fn lend<R>(&mut self, f: impl FnOnce(&[&[T]], &mut [&mut [T]]) -> R) -> R {
        let Access::Slices(slices) = &mut self.slices else { unreachable!("slices are lent on the call's own thread") };
        f(slices.inputs, slices.outputs)
    }

    /// A call of a body, with places of this call as its inputs, outputs and workspace.
    pub(super) fn within<'x, R>(
        &mut self,
        inputs: &[Buffer],
        outputs: &[Buffer],
        scratch: Buffer,
        lent: &mut Lent<'x, T>,
        f: impl FnOnce(&mut Call<T>) -> R,
    ) -> R
    where
        T: 'x,
    {
        let lend = |(address, len): (*mut T, usize)| {
            // SAFETY: `schedule::verify` found the operands and results of an operation with bodies within their spaces and as long as the
            // bodies take them, or as many parts of that length, and results, workspace and the places of what is carried apart from
            // operands and from each other. Several inputs of a body may be one operand; nobody writes there meanwhile.
            unsafe { std::slice::from_raw_parts(address.cast_const(), len) }
        };
        let lend_mut = |(address, len): (*mut T, usize)| {
            // SAFETY: as above; what is written is one result, and no operand.
            unsafe { std::slice::from_raw_parts_mut(address, len) }
        };
        lent.inputs.extend(inputs.iter().map(|&place| lend((self.address(place), place.len))));
        lent.outputs.extend(outputs.iter().map(|&place| lend_mut((self.address(place), place.len))));
        let (scratch, kept, table, threads) = (self.address(scratch), self.kept, self.table, self.threads);
        let mut slices = Slices { inputs: &lent.inputs, outputs: &mut lent.outputs };
        let result = f(&mut Call::new(Access::Slices(&mut slices), (scratch, kept, table), threads));
        lent.inputs.clear();
        lent.outputs.clear();
        result
    }

    /// Lends the numbers at some places to be read, and those at another to be written.
    pub(super) fn with<R, const N: usize>(
        &mut self,
        from: [Buffer; N],
        to: Buffer,
        f: impl FnOnce([&[T]; N], &mut [T]) -> R,
    ) -> R {
        self.with_work(from, to, to.empty(), |sources, target, _| f(sources, target))
    }

    /// The same with a further place to work in.
    pub(super) fn with_work<R, const N: usize>(
        &mut self,
        from: [Buffer; N],
        to: Buffer,
        work: Buffer,
        f: impl FnOnce([&[T]; N], &mut [T], &mut [T]) -> R,
    ) -> R {
        let sources = from.map(|place| (self.address(place), place.len));
        let (target, room) = (self.address(to), self.address(work));
        // SAFETY: `schedule::verify` found all of every buffer within its space, and what an action writes apart from what it reads; no input
        // is written, and tiles that run at a time write apart from each other. The slices have the lengths of the plan's spaces, as
        // `Ready::fits` and `Arrays::call` compared; the workspace and what is kept are allocated by these lengths.
        let sources = sources.map(|(address, len)| unsafe { std::slice::from_raw_parts(address.cast_const(), len) });
        // SAFETY: as above; nothing else is lent there meanwhile.
        let target = unsafe { std::slice::from_raw_parts_mut(target, to.len) };
        // SAFETY: as above; memory to work in is apart from the others, too, or has no length.
        f(sources, target, unsafe { std::slice::from_raw_parts_mut(room, work.len) })
    }
}
