//! Partial sums around the loops: where they start, and how they become a sum.

use super::encode::{Bin, RDX, RSP, Rm, Whole, mem};
use super::function::{Function, OUTPUTS};
use super::isa::Isa;
use crate::base::Width;

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
}
