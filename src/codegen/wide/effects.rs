//! Instructions for what is done with values: stores, and sums.

use super::encode::{Bin, Mem, RCX, RDI, RDX, RSI, RSP, Rm, Whole, mem};
use super::list::{At, Item, LOCAL, Slices, V};
use super::registers::{LEFT, Registers};
use super::select::{Partials, Select, routine_of};

impl Select<'_> {
    /// `next` is the item after this one.
    pub(super) fn effect(&mut self, item: Item, next: Option<Item>) {
        let this = &mut self.registers;
        match item {
            Item::Make(_) => unreachable!("it makes a value"),
            Item::Store(v, at) => {
                let (v, to) = (this.in_register(v), this.place(at));
                if this.is_masked() {
                    this.asm.under(LEFT);
                }
                this.asm.store(v, to);
            }
            Item::StoreParts(v, at, apart) => store_parts(this, v, at, apart),
            Item::StoreLanes(v, at, row) => store_lanes(this, v, at, row),
            Item::Keep(k, v) => {
                let r = this.in_register(v);
                let to = this.kept(k);
                match this.asm.isa.has_masks() {
                    true if this.is_mask(v) => this.asm.store_mask(r, to),
                    // It is read for every lane.
                    true => this.asm.store_one(r, to),
                    false => this.asm.store(r, to),
                }
            }
            Item::Hold(v) => this.hold(v),
            Item::Slices(slices) => self.slices(slices),
            Item::Add(part, v, factor) => {
                let again = matches!(next, Some(Item::Add(other, ..)) if other == part);
                self.add(part, v, factor, again);
            }
        }
    }

    /// Calls a routine over slices of the function's own.
    fn slices(&mut self, Slices { routine, x, y, z, count }: Slices) {
        self.registers.leave();
        let counter = if z.is_some() { RCX } else { RDX };
        for (r, offset) in [(RDI, Some(x)), (RSI, Some(y)), (RDX, z)] {
            let Some(offset) = offset else { continue };
            let at = self.registers.place(At { place: LOCAL, offset });
            self.registers.asm.whole(Whole::Address, r, Rm::Mem(at));
        }
        self.registers.asm.put(Rm::Reg(counter), count);
        self.called.directly(self.registers.asm, routine_of(routine));
    }

    /// Adds to a partial sum, which is in a register or in memory. It stays in a register if it is added to once more.
    fn add(&mut self, part: u32, v: V, factor: Option<V>, again: bool) {
        let (this, partials) = (&mut self.registers, self.partials);
        let (a, b) = match factor {
            Some(factor) if !this.is_in(v) => (factor, Some(v)),
            _ => (v, factor),
        };
        // A sum of numbers reads them from memory, too.
        let (first, second) = match b {
            Some(b) => (Some(this.in_register(a)), this.operand(b)),
            None => (None, this.operand(a)),
        };
        let (isa, length) = (this.asm.isa, this.asm.length());
        let (sum, is_open) = match (partials, self.open.take()) {
            (Partials::Registers, _) => (isa.registers() as u8 - 1 - part as u8, true),
            (_, Some((open, sum))) if open == part => (sum, true),
            _ => (this.take(), false),
        };
        let to = match partials {
            Partials::Registers => None,
            Partials::Memory(start) => Some(mem(RSP, start + part as i32 * isa.vector())),
            Partials::Row(apart) => Some(mem(RDX, part as i32 * apart)),
        };
        if this.sums_are_masked() {
            // The others of all partial sums stay what they are.
            this.asm.set_length(isa.length());
        }
        match (partials, to) {
            _ if is_open => {}
            (Partials::Row(_), Some(to)) => this.asm.load_one(sum, to),
            (_, Some(to)) => this.asm.load(sum, Rm::Mem(to)),
            _ => {}
        }
        if this.sums_are_masked() {
            this.asm.under(LEFT);
        }
        match first {
            Some(first) => this.asm.fused((2, false, false), sum, first, second),
            None => this.asm.bin(Bin::Add, sum, sum, second),
        }
        match (partials, to) {
            (_, None) => {}
            (_, Some(_)) if again => self.open = Some((part, sum)),
            (Partials::Row(_), Some(to)) => this.asm.store_one(sum, to),
            (_, Some(to)) => this.asm.store(sum, to),
        }
        this.asm.set_length(length);
        if to.is_some() && !again {
            this.give_back(sum);
        }
    }
}

fn store_parts(this: &mut Registers, v: V, at: At, apart: i32) {
    let (v, first) = (this.in_register(v), this.place(at));
    this.asm.store_first_part(v, first);
    for part in 1..this.asm.parts() {
        let to = this.row(first, at, i32::from(part) * apart);
        this.asm.part(Rm::Mem(to), v, part);
    }
}

fn store_lanes(this: &mut Registers, v: V, at: At, row: i32) {
    let v = this.in_register(v);
    if this.asm.length() == 0 {
        let to = this.place(at);
        return this.asm.store_one(v, to);
    }
    let lanes = 16 / this.asm.width.bytes() as i32;
    let taken = this.take();
    let first = this.place(at);
    // Two parts wait for each other, more do not.
    let two = this.asm.parts() == 2;
    if two {
        this.asm.part(Rm::Reg(taken), v, 1);
    }
    for part in 0..this.asm.parts() {
        if part > 0 && !two {
            this.asm.part(Rm::Reg(taken), v, part);
        }
        for lane in 0..lanes {
            let to: Mem = this.row(first, at, (i32::from(part) * lanes + lane) * row);
            this.asm.store_lane(if part == 0 { v } else { taken }, lane as u8, to);
        }
    }
    this.give_back(taken);
}
