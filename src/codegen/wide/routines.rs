//! Calls of routines, lane by lane, outside of the loops.

use super::encode::{Asm, Constant, EQUAL, Logic, Mem, RAX, RCX, RDI, RDX, RSI, RSP, Rm, Whole, mem};
use super::isa::Isa;
use super::registers::LEFT;
use crate::kernels::Routine;

/// Registers that a routine may not leave as they were.
pub(super) const LOST: [u8; 8] = [RCX, RDX, RSI, RDI, 8, 9, 10, 11];

/// Where what routines are called with is, as offsets from the stack pointer: numbers, which lanes want a call, results. Lanes are a vector's
/// bits where a truth value is one, and a mask otherwise.
#[derive(Copy, Clone, Default)]
pub(super) struct Calls {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) mask: i32,
    pub(super) result: i32,
    /// Outside of loops a routine is called where its result is made, of the first lane.
    pub(super) directly: bool,
}

/// Where registers are kept during a call.
#[derive(Copy, Clone)]
pub(super) struct Saved {
    pub(super) routine: i32,
    pub(super) whole: i32,
    pub(super) vectors: i32,
    pub(super) masks: i32,
    /// How long vectors are, as encodings say it.
    pub(super) length: u8,
    /// How many lanes vectors of 128 bits have that are looked at.
    pub(super) lanes: usize,
}

/// A call that a body makes where a mask holds in a lane.
pub(super) struct Rare {
    pub(super) routine: Routine,
    /// The jump to the call.
    pub(super) jump: usize,
    /// Where the body goes on.
    pub(super) back: usize,
    pub(super) value: u8,
    pub(super) mask: u8,
    pub(super) x: u8,
    /// Of the body's vectors; and whether some of their lanes have no row.
    pub(super) length: u8,
    pub(super) rows_left: bool,
}

/// What a function's code calls.
#[derive(Default)]
pub(super) struct Called {
    /// Where addresses of routines belong.
    pub(super) routines: Vec<(usize, Routine)>,
    rare: Vec<Rare>,
    /// Where the distance belongs to what calls a routine: in every lane, or in the first.
    in_lanes: Vec<usize>,
    alone: Vec<usize>,
}

impl Called {
    pub(super) fn call(&mut self, asm: &mut Asm, routine: Routine) {
        self.routines.push((asm.address(RAX), routine));
        let call = asm.call_here();
        if asm.length() > 0 { self.in_lanes.push(call) } else { self.alone.push(call) }
    }

    /// A call of what may overwrite any register.
    pub(super) fn directly(&mut self, asm: &mut Asm, routine: Routine) {
        self.routines.push((asm.address(RAX), routine));
        asm.call(Rm::Reg(RAX));
    }

    pub(super) fn rare(&mut self, rare: Rare) {
        self.rare.push(rare);
    }

    /// What is off the path: the calls where a mask holds; and what calls the routine whose address is in `rax`, for those lanes that a mask has,
    /// and leaves all registers but that as they were. A second one is for vectors of 128 bits.
    pub(super) fn finish(&mut self, asm: &mut Asm, calls: Calls, saved: Saved) {
        for rare in std::mem::take(&mut self.rare) {
            self.call_where_rare(asm, calls, rare);
        }
        let lanes = asm.isa.vector() as usize / asm.width.bytes();
        for (from, lanes) in [(std::mem::take(&mut self.in_lanes), lanes), (std::mem::take(&mut self.alone), saved.lanes)] {
            if !from.is_empty() {
                from.into_iter().for_each(|call| asm.land_here(call));
                call_in_lanes(asm, calls, saved, lanes);
            }
        }
    }

    fn call_where_rare(&mut self, asm: &mut Asm, calls: Calls, rare: Rare) {
        let Rare { routine, jump, back, value, mask, x, length, rows_left } = rare;
        asm.set_length(length);
        asm.land_here(jump);
        asm.store(value, mem(RSP, calls.result));
        match asm.isa {
            Isa::Avx2 => asm.store(mask, mem(RSP, calls.mask)),
            Isa::Avx512 if rows_left => {
                asm.logic(Logic::And, 0, mask, LEFT);
                asm.store_mask(0, mem(RSP, calls.mask));
            }
            Isa::Avx512 => asm.store_mask(mask, mem(RSP, calls.mask)),
        }
        asm.store(x, mem(RSP, calls.x));
        // A routine of one number does not read it.
        asm.store(value, mem(RSP, calls.y));
        self.call(asm, routine);
        asm.load(value, Rm::Mem(mem(RSP, calls.result)));
        let jump = asm.jump();
        asm.land(jump, back);
    }
}

fn call_in_lanes(asm: &mut Asm, calls: Calls, saved: Saved, lanes: usize) {
    // The address of return, and as much again, so that the stack is aligned.
    let down = |at: i32| mem(RSP, at + 16);
    let (size, isa) = (asm.width.bytes() as i32, asm.isa);
    asm.with_constant(Constant::Sub, Rm::Reg(RSP), 8);
    asm.whole(Whole::Store, RAX, Rm::Mem(down(saved.routine)));
    let whole = LOST.iter().zip(0..).map(|(&r, k)| (r, down(saved.whole + 8 * k)));
    let vectors = (0..isa.registers() as u8).map(|r| (r, down(saved.vectors + i32::from(r) * (16 << saved.length))));
    let masks = (1..if isa.has_masks() { 8u8 } else { 1 }).map(|r| (r, down(saved.masks + i32::from(r) * 8)));
    whole.clone().for_each(|(r, at)| asm.whole(Whole::Store, r, Rm::Mem(at)));
    asm.set_length(saved.length);
    vectors.clone().for_each(|(r, at)| asm.store(r, at));
    masks.clone().for_each(|(r, at)| asm.store_mask(r, at));
    asm.leave_vectors();
    for lane in 0..lanes {
        let at = |start: i32| down(start + lane as i32 * size);
        let skip = jump_over(asm, down(calls.mask), at(calls.mask), lane);
        asm.load_one(0, at(calls.x));
        asm.load_one(1, at(calls.y));
        asm.call(Rm::Mem(down(saved.routine)));
        asm.store_one(0, at(calls.result));
        asm.land_here(skip);
    }
    masks.for_each(|(r, at)| asm.load_mask(r, Rm::Mem(at)));
    vectors.for_each(|(r, at)| asm.load(r, Rm::Mem(at)));
    whole.for_each(|(r, at)| asm.whole(Whole::Load, r, Rm::Mem(at)));
    asm.with_constant(Constant::Add, Rm::Reg(RSP), 8);
    asm.ret();
}

/// A jump where a lane wants no call, by the mask of all or by the bits of its own.
fn jump_over(asm: &mut Asm, all: Mem, own: Mem, lane: usize) -> usize {
    match asm.isa {
        Isa::Avx2 => asm.test_bits(own),
        Isa::Avx512 => asm.test_bit(all, lane),
    }
    asm.jump_if(EQUAL)
}
