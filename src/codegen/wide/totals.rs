//! Sums of vectors that have all partial sums: of some sums at once, in as many steps as one of them takes. Every step puts the first halves of two
//! vectors' partial sums into one vector and the second halves into another, and adds them, so that each sum is added up in the one order.

use super::encode::{Bin, Pick, RAX, RDX, RSP, Rm, Whole, mem};
use super::function::{Function, OUTPUTS};

/// Registers for what is on the way; partial sums that are carried are in others.
const FREE: u8 = 8;
/// The register of the mask of the sums that go to one place.
const MASK: u8 = 1;

/// Registers that are nobody's.
struct Totals {
    free: Vec<u8>,
}

impl Function<'_> {
    /// Adds all sums to what is in their places.
    pub(super) fn finish_together(&mut self) {
        self.whole_vectors();
        let reduced = self.call.reduced();
        let lanes = self.asm.isa.vector() as usize / self.asm.width.bytes();
        for (outputs, first) in reduced.chunks(lanes).zip((0..).step_by(lanes)) {
            let mut totals = Totals { free: (0..FREE).rev().collect() };
            let all = self.total(&mut totals, first, outputs.len(), self.steps(), 0).expect("there is a sum");
            let places: Vec<(u32, u32)> = outputs.iter().map(|&output| self.call.places[output as usize]).collect();
            let mut start = 0;
            while start < places.len() {
                let (group, k) = places[start];
                let follows = |&at: &usize| places[at] == (group, k + (at - start) as u32);
                let end = (start..places.len()).take_while(follows).count() + start;
                self.add_to(all, start..end, lanes, (group, k));
                start = end;
            }
        }
    }

    /// How often the partial sums of a sum are halved.
    fn steps(&self) -> u32 {
        (self.asm.isa.vector() as usize / self.asm.width.bytes()).ilog2()
    }

    /// The vector of a step, from the leaves that it is made of: `at` is its number among those of its step. A sum is the leaf whose total comes to
    /// its own lane.
    fn total(&mut self, totals: &mut Totals, first: usize, count: usize, step: u32, at: usize) -> Option<u8> {
        if step == 0 {
            // 128 bits have the totals of leaves that are as many apart as there are 128 bits.
            let side = 16 / self.asm.width.bytes();
            let (part, lane) = (at % 4, at / 4);
            let sum = side * part + lane;
            return (sum < count).then(|| self.partial(totals, first + sum));
        }
        let a = self.total(totals, first, count, step - 1, 2 * at);
        let b = self.total(totals, first, count, step - 1, 2 * at + 1);
        let (a, b) = (a.or(b)?, b.or(a)?);
        let [low, high] = [totals.take(), totals.take()];
        match step {
            1 => {
                self.asm.insert_half(low, a, b);
                self.asm.pick(Pick::Parts, high, a, b, 0xee);
            }
            2 => {
                self.asm.pick(Pick::Parts, low, a, b, 0x88);
                self.asm.pick(Pick::Parts, high, a, b, 0xdd);
            }
            3 => {
                self.asm.bin(Bin::LowPairs, low, a, Rm::Reg(b));
                self.asm.bin(Bin::HighPairs, high, a, Rm::Reg(b));
            }
            _ => {
                self.asm.pick(Pick::Numbers, low, a, b, 0x88);
                self.asm.pick(Pick::Numbers, high, a, b, 0xdd);
            }
        }
        self.asm.bin(Bin::Add, low, low, Rm::Reg(high));
        totals.give(high);
        totals.give(a);
        if a != b {
            totals.give(b);
        }
        Some(low)
    }

    /// The register of the partial sums of a sum.
    fn partial(&mut self, totals: &mut Totals, sum: usize) -> u8 {
        if self.carried > 0 {
            return self.carrier(sum);
        }
        let (r, from) = (totals.take(), mem(RSP, self.sums + sum as i32 * self.sum_bytes()));
        self.asm.load(r, Rm::Mem(from));
        r
    }

    /// Adds some lanes of totals to what is in their place, the first of which is the place of an output.
    fn add_to(&mut self, all: u8, lanes: std::ops::Range<usize>, of: usize, (group, k): (u32, u32)) {
        let asm = &mut self.asm;
        let size = asm.width.bytes() as i32;
        let other = if all == 0 { 1 } else { 0 };
        asm.whole(Whole::Load, RDX, Rm::Mem(mem(RSP, OUTPUTS)));
        asm.whole(Whole::Load, RDX, Rm::Mem(mem(RDX, group as i32 * 8)));
        let place = mem(RDX, k as i32 * size - lanes.start as i32 * size);
        if lanes == (0..1) {
            asm.load_one(other, place);
            asm.bin(Bin::Add, other, all, Rm::Reg(other));
            return asm.store_one(other, place);
        }
        let under = lanes != (0..of);
        if under {
            asm.put(Rm::Reg(RAX), ((1 << lanes.len()) - 1) << lanes.start);
            asm.mask_of(MASK, RAX);
            asm.under_or_zero(MASK);
        }
        asm.load(other, Rm::Mem(place));
        asm.bin(Bin::Add, other, all, Rm::Reg(other));
        if under {
            asm.under(MASK);
        }
        asm.store(other, place);
    }
}

impl Totals {
    fn take(&mut self) -> u8 {
        self.free.pop().expect("a step has few vectors")
    }

    fn give(&mut self, r: u8) {
        if r < FREE {
            self.free.push(r);
        }
    }
}
