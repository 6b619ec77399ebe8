//! Partial sums around the loops: where they start, and how they become a sum.
//!
//! Where a vector has all partial sums, some sums are added up at once, in as many steps as one of them takes. Every step puts the first halves of two
//! vectors' partial sums into one vector and the second halves into another, and adds them, so that each sum is added up in the one order.

use super::encode::{Bin, Mem, Pick, RDX, RSP, Rm, Whole, mem};
use super::function::{Function, OUTPUTS};
use super::isa::Isa;
use crate::base::Width;

/// Registers for what is on the way; partial sums that are carried are in others.
const FREE: u8 = 8;

/// Registers that are nobody's.
struct Totals {
    free: Vec<u8>,
}

impl Function<'_> {
    /// Bytes of the partial sums of a sum.
    pub(super) fn sum_bytes(&self) -> i32 {
        self.asm.isa.partials() as i32 * self.asm.isa.vector()
    }

    /// The register of a vector of partial sums that is carried.
    pub(super) fn carrier(&self, k: usize) -> u8 {
        (self.asm.isa.registers() - 1 - k) as u8
    }

    /// Partial sums start from −0.
    pub(super) fn start_sums(&mut self) {
        let vectors = self.call.reduced().len() * self.asm.isa.partials();
        if vectors == 0 {
            return;
        }
        let minus_zero = self.asm.constant(1 << (8 * self.asm.width.bytes() - 1));
        let first = if self.carried > 0 { self.carrier(0) } else { 0 };
        self.asm.load(first, minus_zero);
        for k in 0..vectors {
            match self.carried {
                0 => self.asm.store(first, mem(RSP, self.sums + k as i32 * self.asm.isa.vector())),
                _ => self.asm.load(self.carrier(k), Rm::Reg(first)),
            }
        }
    }

    /// Partial sums that are in registers go to memory, or come back.
    pub(super) fn carry(&mut self, back: bool) {
        for k in 0..self.carried {
            let (r, at) = (self.carrier(k), mem(RSP, self.sums + k as i32 * self.asm.isa.vector()));
            if back { self.asm.load(r, Rm::Mem(at)) } else { self.asm.store(r, at) }
        }
    }

    /// Adds the sums to what is in their places. Partial sums are added in halves.
    pub(super) fn finish_sums(&mut self) {
        match self.asm.isa {
            Isa::Avx2 => self.finish_each(),
            Isa::Avx512 => self.finish_together(),
        }
    }

    fn finish_each(&mut self) {
        for (s, output) in self.call.reduced().into_iter().enumerate() {
            let (group, k) = self.call.places[output as usize];
            let isa = self.asm.isa;
            self.whole_vectors();
            let in_registers = self.carried > 0;
            let (sum, other) = if in_registers { (self.carrier(s * isa.partials()), 0) } else { (1, 0) };
            let first = self.sums + s as i32 * self.sum_bytes();
            let asm = &mut self.asm;
            if !in_registers {
                asm.load(sum, Rm::Mem(mem(RSP, first)));
            }
            let second = if in_registers { Rm::Reg(sum - 1) } else { Rm::Mem(mem(RSP, first + isa.vector())) };
            asm.bin(Bin::Add, sum, sum, second);
            asm.part(Rm::Reg(other), sum, 1);
            asm.set_length(0);
            asm.bin(Bin::Add, sum, sum, Rm::Reg(other));
            asm.bin(Bin::HighPairs, other, sum, Rm::Reg(sum));
            asm.bin(Bin::Add, sum, sum, Rm::Reg(other));
            if asm.width == Width::F32 {
                asm.second(other, sum);
                asm.bin(Bin::Add, sum, sum, Rm::Reg(other));
            }
            asm.whole(Whole::Load, RDX, Rm::Mem(mem(RSP, OUTPUTS)));
            asm.whole(Whole::Load, RDX, Rm::Mem(mem(RDX, group as i32 * 8)));
            let to = mem(RDX, (k as usize * asm.width.bytes()) as i32);
            asm.load_one(other, to);
            asm.bin(Bin::Add, sum, sum, Rm::Reg(other));
            asm.store_one(sum, to);
        }
    }

    /// Adds all sums to what is in their places.
    pub(super) fn finish_together(&mut self) {
        self.whole_vectors();
        let reduced = self.call.reduced();
        let lanes = self.asm.isa.vector() as usize / self.asm.width.bytes();
        for (outputs, first) in reduced.chunks(lanes).zip((0..).step_by(lanes)) {
            let mut totals = Totals { free: (0..FREE).rev().collect() };
            let all = self.total(&mut totals, first, outputs.len(), self.steps(), 0).expect("there is a sum");
            let places: Vec<(u32, u32)> = outputs.iter().map(|&output| self.call.places[output as usize]).collect();
            let (group, k) = places[0];
            let follows = |(&place, at): (&(u32, u32), u32)| place == (group, k + at);
            if outputs.len() == lanes && places.iter().zip(0..).all(follows) {
                self.add_all(all, (group, k));
            } else {
                self.add_each(all, first, &places);
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

    /// Adds totals to what is in neighbouring places.
    fn add_all(&mut self, all: u8, (group, k): (u32, u32)) {
        let (place, other) = (self.output(group, k), if all == 0 { 1 } else { 0 });
        self.asm.load(other, Rm::Mem(place));
        self.asm.bin(Bin::Add, other, all, Rm::Reg(other));
        self.asm.store(other, place);
    }

    /// Adds totals one by one, the first from its register and others from memory: what reads a result next would wait for a store under a mask.
    fn add_each(&mut self, all: u8, first: usize, places: &[(u32, u32)]) {
        let totals = self.sums + first as i32 * self.sum_bytes();
        if places.len() > 1 {
            self.asm.store(all, mem(RSP, totals));
        }
        self.asm.set_length(0);
        let other = if all == 0 { 1 } else { 0 };
        let mut last = None;
        for (&(group, k), lane) in places.iter().zip(0..) {
            let size = self.asm.width.bytes() as i32;
            let place = match last {
                Some(of) if of == group => mem(RDX, k as i32 * size),
                _ => self.output(group, k),
            };
            last = Some(group);
            if lane > 0 {
                self.asm.load_one(all, mem(RSP, totals + lane * size));
            }
            self.asm.load_one(other, place);
            self.asm.bin(Bin::Add, other, all, Rm::Reg(other));
            self.asm.store_one(other, place);
        }
        self.whole_vectors();
    }

    /// The place of an output, from `rdx` on.
    fn output(&mut self, group: u32, k: u32) -> Mem {
        self.asm.whole(Whole::Load, RDX, Rm::Mem(mem(RSP, OUTPUTS)));
        self.asm.whole(Whole::Load, RDX, Rm::Mem(mem(RDX, group as i32 * 8)));
        mem(RDX, k as i32 * self.asm.width.bytes() as i32)
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
