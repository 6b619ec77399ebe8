//! The loops over rows: of whole turns, of a vector, and of the rows that are left.

use super::columns::Rows;
use super::encode::{Constant, EQUAL, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL, NOT_EQUAL, RAX, RCX, RDX, RSP, Rm, Whole, mem};
use super::function::{Function, ROWS, Turns};
use super::isa::Isa;
use super::list::Body;
use super::registers::{LEFT, Left};
use super::select::Partials;

impl Function<'_> {
    /// All rows of a time. `rcx` counts those that are left.
    pub(super) fn rows(&mut self, turns: &Turns) {
        let spare = (self.registers - self.carried).saturating_sub(turns.most + 1);
        let [first, one, fewer] = &turns.all;
        self.vectors(first, true, spare);
        if first.0.vectors > 1 {
            self.vectors(one, false, 0);
        }
        match (self.asm.isa, &turns.single) {
            (Isa::Avx2, _) => self.alone(fewer, one.0.lanes),
            (Isa::Avx512, Some(single)) => {
                self.half(fewer);
                self.alone(single, fewer.0.lanes);
            }
            (Isa::Avx512, None) => self.left(one, fewer),
        }
    }

    /// Vectors of rows, as long as there are as many rows; or at most once.
    fn vectors(&mut self, (rows, body): &(Rows, Body), again: bool, spare: usize) {
        let step = rows.count() as i32;
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), step);
        let skip = self.asm.jump_if(LESS);
        let (room, partials) = (self.room(self.registers - self.carried, Left::None), self.partials());
        let mut select = self.select(body, room, partials);
        select.registers.hoist(spare);
        if again {
            select.registers.asm.align();
        }
        let top = select.registers.asm.bytes.len();
        select.body(body);
        let counts = select.finish();
        self.count(&counts);
        self.move_on(step);
        self.asm.with_constant(Constant::Sub, Rm::Reg(RCX), step);
        if again {
            self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), step);
            let more = self.asm.jump_if(GREATER_OR_EQUAL);
            self.asm.land(more, top);
        }
        self.asm.land_here(skip);
    }

    fn partials(&self) -> Partials {
        if self.carried > 0 { Partials::Registers } else { Partials::Memory(self.sums) }
    }

    /// Half of a vector of rows, if there are as many. Sums add under a mask of them.
    fn half(&mut self, (rows, body): &(Rows, Body)) {
        let step = rows.count() as i32;
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), step);
        let skip = self.asm.jump_if(LESS);
        if !self.call.reduced().is_empty() {
            self.asm.put(Rm::Reg(RDX), (1 << step) - 1);
            self.asm.mask_of(LEFT, RDX);
        }
        self.asm.set_length(self.asm.isa.length() - 1);
        self.under_mask(body, Left::Half);
        self.move_on(step);
        self.asm.with_constant(Constant::Sub, Rm::Reg(RCX), step);
        self.whole_vectors();
        self.asm.land_here(skip);
    }

    /// The rows that are left, one by one: fewer than a vector has. Their partial sums are in memory.
    fn alone(&mut self, (rows, body): &(Rows, Body), vector: usize) {
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), 0);
        let skip = self.asm.jump_if(EQUAL);
        let size = self.asm.width.bytes() as i32;
        self.carry(false);
        if !self.call.reduced().is_empty() {
            // Partial sums of the first rows of all, or of the second ones.
            self.whole(Whole::Load, RDX, ROWS);
            self.asm.with_constant(Constant::And, Rm::Reg(RDX), vector as i32);
            self.asm.double(RDX, size.ilog2() as u8);
            self.asm.whole(Whole::Add, RDX, Rm::Reg(RSP));
            self.asm.with_constant(Constant::Add, Rm::Reg(RDX), self.sums);
        }
        self.asm.set_length(0);
        let room = self.room(self.registers, Left::None);
        let apart = self.sum_bytes();
        let mut select = self.select(body, room, Partials::Row(apart));
        let top = select.registers.asm.bytes.len();
        select.body(body);
        let counts = select.finish();
        self.count(&counts);
        self.move_on(rows.count() as i32);
        self.asm.with_constant(Constant::Add, Rm::Reg(RDX), size);
        self.asm.with_constant(Constant::Sub, Rm::Reg(RCX), 1);
        let more = self.asm.jump_if(NOT_EQUAL);
        self.asm.land(more, top);
        self.whole_vectors();
        self.carry(true);
        self.asm.land_here(skip);
    }

    /// The rows that are left, at once, under a mask: fewer than a vector has. Half of a vector is computed in half of the time.
    fn left(&mut self, (_, body): &(Rows, Body), (half, half_body): &(Rows, Body)) {
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), 0);
        let skip = self.asm.jump_if(EQUAL);
        self.asm.put(Rm::Reg(RDX), 1);
        self.asm.double_by_count(RDX);
        self.asm.with_constant(Constant::Sub, Rm::Reg(RDX), 1);
        self.asm.mask_of(LEFT, RDX);
        self.addresses();
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), half.lanes as i32 + 1);
        let more = self.asm.jump_if(GREATER_OR_EQUAL);
        self.asm.set_length(self.asm.isa.length() - 1);
        self.under_mask(half_body, Left::Masked);
        let done = self.asm.jump();
        self.asm.land_here(more);
        self.whole_vectors();
        self.under_mask(body, Left::Masked);
        self.asm.land_here(skip);
        self.asm.land_here(done);
    }

    fn under_mask(&mut self, body: &Body, left: Left) {
        let (room, partials) = (self.room(self.registers - self.carried, left), self.partials());
        let mut select = self.select(body, room, partials);
        select.body(body);
        let counts = select.finish();
        self.count(&counts);
    }

    /// The addresses of every row of inputs and outputs of several columns. Of inputs, rows that there are not are the first one once more; those of
    /// outputs are written to nowhere.
    fn addresses(&mut self) {
        let lanes = self.asm.isa.vector() / self.asm.width.bytes() as i32;
        for place in 0..self.layout.rows.len() {
            let Some((table, bytes)) = self.layout.rows[place] else { continue };
            let base = self.layout.bases[place].expect("it is used");
            let base = base.map_or_else(|at| Rm::Mem(mem(RSP, at)), Rm::Reg);
            self.asm.whole(Whole::Load, RDX, base);
            let is_output = place >= self.call.shape.varying.len();
            let (what, other) = if is_output { (Whole::Address, Rm::Mem(mem(RSP, self.nowhere))) } else { (Whole::Load, base) };
            self.asm.whole(what, RAX, other);
            self.asm.whole(Whole::Store, RDX, Rm::Mem(mem(RSP, table)));
            for row in 1..lanes {
                self.asm.with_constant(Constant::Add, Rm::Reg(RDX), bytes);
                self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), row);
                self.asm.choose(LESS_OR_EQUAL, RDX, RAX);
                self.asm.whole(Whole::Store, RDX, Rm::Mem(mem(RSP, table + 8 * row)));
            }
        }
    }

    /// Addresses move on by so many rows.
    fn move_on(&mut self, rows: i32) {
        for &(place, stride) in &self.moving {
            let base = self.layout.bases[place].expect("it is used");
            let base = base.map_or_else(|at| Rm::Mem(mem(RSP, at)), Rm::Reg);
            self.asm.with_constant(Constant::Add, base, stride * rows);
        }
    }
}
