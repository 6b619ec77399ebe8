//! Instructions for the items of a list, one by one.

use super::encode::{Asm, Logic, Mem, NOT_EQUAL, RSP, Rm, mem};
use super::isa::Isa;
use super::list::{At, Body, Item, Node, V};
use super::registers::{LEFT, Registers};
use super::routines::{Called, Calls, Rare};
use crate::kernels::Routine;

/// Where partial sums are.
#[derive(Copy, Clone)]
pub(super) enum Partials {
    /// In the highest registers.
    Registers,
    /// So far from the stack pointer.
    Memory(i32),
    /// Of the row at hand, from an address on; those of a sum are so far from those of the next.
    Row(i32),
}

pub(super) struct Select<'a> {
    pub(super) registers: Registers<'a>,
    calls: Calls,
    pub(super) partials: Partials,
    pub(super) called: &'a mut Called,
    /// The register of a partial sum that the next item adds to, too, and which of them it is.
    pub(super) open: Option<(u32, u8)>,
}

impl<'a> Select<'a> {
    pub(super) fn new(registers: Registers<'a>, calls: Calls, partials: Partials, called: &'a mut Called) -> Self {
        Select { registers, calls, partials, called, open: None }
    }

    pub(super) fn body(&mut self, body: &Body) {
        for (&item, at) in body.items.iter().zip(0..) {
            let (args, count) = item.operands(&body.nodes);
            self.registers.start(at, &args[..count]);
            match item {
                Item::Make(v) => {
                    let r = self.make(body.nodes[v as usize]);
                    self.registers.put(v, r);
                }
                _ => {
                    self.effect(item, body.items.get(at as usize + 1).copied());
                    self.registers.consume(&args[..count]);
                }
            }
            self.registers.unlock();
        }
    }

    pub(super) fn finish(self) -> Counts {
        Counts { slots: self.registers.slots, spilled: self.registers.spilled }
    }

    /// The register of a value that is made.
    fn make(&mut self, node: Node) -> u8 {
        let (args, count) = node.operands();
        let args = &args[..count];
        match node {
            Node::Const(_) | Node::Kept(_) | Node::KeptMask(_) | Node::Column(_) | Node::Number(_) => unreachable!("it is there"),
            Node::Shared(at) => self.loaded(at, |asm, r, from| asm.broadcast(r, from)),
            Node::One(at) => self.loaded(at, |asm, r, from| asm.load_one(r, from)),
            Node::Part(at) => self.loaded(at, |asm, r, from| asm.load_part(r, from)),
            Node::PutOne(a, at, lane) => self.put(a, at, |asm, r, a, from| asm.insert_one(r, a, from, lane)),
            Node::PutPart(a, at) => self.put(a, at, |asm, r, a, from| asm.insert_part(r, a, Rm::Mem(from))),
            Node::Join(a, b) | Node::JoinHalves(a, b) => {
                let (a, b) = (self.registers.in_register(a), self.registers.in_register(b));
                let r = self.after(args);
                match node {
                    Node::Join(..) => self.registers.asm.insert_part(r, a, Rm::Reg(b)),
                    _ => self.registers.asm.insert_half(r, a, b),
                }
                r
            }
            Node::Bin(op, a, b) => {
                let swapped = op.commutes() && !self.registers.is_in(a) && self.registers.is_in(b);
                let (a, b) = if swapped { (b, a) } else { (a, b) };
                let (a, b) = (self.registers.in_register(a), self.registers.operand(b));
                let r = self.after(args);
                self.registers.asm.bin(op, r, a, b);
                r
            }
            Node::Sqrt(a) => {
                let a = self.registers.operand(a);
                let r = self.after(args);
                self.registers.asm.sqrt(r, a);
                r
            }
            Node::Round(a, how) => {
                let a = self.registers.operand(a);
                let r = self.after(args);
                self.registers.asm.round(r, a, how);
                r
            }
            Node::Left(a, n) | Node::Right(a, n) => {
                let a = self.registers.in_register(a);
                let r = self.after(args);
                self.registers.asm.shift(matches!(node, Node::Left(..)), r, a, n);
                r
            }
            Node::Compare(condition, a, b) => {
                let swap = !self.registers.is_in(a) && self.registers.is_in(b);
                let (condition, a, b) = if swap { (swapped(condition), b, a) } else { (condition, a, b) };
                let (a, b) = (self.registers.in_register(a), self.registers.operand(b));
                let r = if self.registers.asm.isa.has_masks() { self.mask_after(args) } else { self.after(args) };
                self.registers.asm.compare(condition, r, a, b);
                r
            }
            Node::Flag(holds) => {
                let r = self.registers.take_mask();
                self.registers.asm.logic(if holds { Logic::Agree } else { Logic::Differ }, r, r, r);
                r
            }
            Node::Both(a, b) | Node::Either(a, b) => {
                let (a, b) = (self.registers.in_register(a), self.registers.in_register(b));
                let r = self.mask_after(args);
                self.registers.asm.logic(if matches!(node, Node::Both(..)) { Logic::And } else { Logic::Or }, r, a, b);
                r
            }
            Node::Not(a) => {
                let a = self.registers.in_register(a);
                let r = self.mask_after(args);
                self.registers.asm.not(r, a);
                r
            }
            Node::OrZero(m, a) => {
                let (m, a) = (self.registers.in_register(m), self.registers.operand(a));
                let r = self.after(args);
                self.registers.asm.or_zero(r, m, a);
                r
            }
            Node::Select(m, a, b) => {
                let (m, b) = (self.registers.in_register(m), self.registers.in_register(b));
                let a = self.registers.operand(a);
                let r = self.after(args);
                self.registers.asm.blend(r, m, a, b);
                r
            }
            Node::Fma { product, addend, args } => self.fused(product, addend, args),
            Node::Call(routine, x, y) if self.calls.directly => {
                let (x, y) = (self.registers.in_register(x), self.registers.in_register(y));
                self.registers.leave();
                self.arguments(x, y);
                self.called.directly(self.registers.asm, routine_of(routine));
                self.registers.consume(args);
                0
            }
            Node::Call(routine, x, y) => {
                let (x, y) = (self.registers.in_register(x), self.registers.in_register(y));
                let Calls { x: at_x, y: at_y, mask, result, .. } = self.calls;
                self.registers.asm.store(x, mem(RSP, at_x));
                self.registers.asm.store(y, mem(RSP, at_y));
                let r = self.after(args);
                self.in_every_lane(mem(RSP, mask), r);
                self.called.call(self.registers.asm, routine_of(routine));
                self.registers.asm.load(r, Rm::Mem(mem(RSP, result)));
                r
            }
            Node::Rare(routine, [value, mask, x]) => {
                let (m, x) = (self.registers.in_register(mask), self.registers.in_register(x));
                let r = self.registers.copy(value);
                let rows_left = self.registers.is_masked();
                match self.registers.asm.isa {
                    Isa::Avx2 => self.registers.asm.test(m),
                    // Where there is no such row, nothing is called.
                    Isa::Avx512 => self.registers.asm.test_masks(m, if rows_left { LEFT } else { m }),
                }
                let jump = self.registers.asm.jump_if(NOT_EQUAL);
                let back = self.registers.asm.bytes.len();
                let length = self.registers.asm.length();
                self.called.rare(Rare { routine: routine_of(routine), jump, back, value: r, mask: m, x, length, rows_left });
                self.registers.overwritten(r, args)
            }
        }
    }

    /// Asks for a call in every lane that has a row. (A body that calls is not light, so it has no turn of half a vector.)
    fn in_every_lane(&mut self, mask: Mem, spare: u8) {
        let this = &mut self.registers;
        match this.asm.isa {
            Isa::Avx2 => {
                let all = this.asm.constant(u64::MAX);
                this.asm.load(spare, all);
                this.asm.store(spare, mask);
            }
            Isa::Avx512 if this.is_masked() => this.asm.store_mask(LEFT, mask),
            Isa::Avx512 => this.asm.put(Rm::Mem(mask), 0xffff),
        }
    }

    /// Two registers' values to the first two registers; all others are free.
    fn arguments(&mut self, x: u8, y: u8) {
        let moves: &[(u8, u8)] = match (x, y) {
            (1, 0) => &[(2, y), (0, x), (1, 2)],
            (1, _) => &[(0, x), (1, y)],
            _ => &[(1, y), (0, x)],
        };
        moves.iter().for_each(|&(to, from)| self.registers.asm.load(to, Rm::Reg(from)));
    }

    /// A register for a result, which may be that of an operand.
    fn after(&mut self, operands: &[V]) -> u8 {
        self.registers.consume(operands);
        self.registers.take()
    }

    fn mask_after(&mut self, operands: &[V]) -> u8 {
        self.registers.consume(operands);
        self.registers.take_mask()
    }

    fn loaded(&mut self, at: At, load: impl FnOnce(&mut Asm, u8, Mem)) -> u8 {
        let r = self.registers.take();
        let from = self.registers.place(at);
        load(self.registers.asm, r, from);
        r
    }

    fn put(&mut self, a: V, at: At, put: impl FnOnce(&mut Asm, u8, u8, Mem)) -> u8 {
        let from_a = self.registers.in_register(a);
        let r = self.after(&[a]);
        let from = self.registers.place(at);
        put(self.registers.asm, r, from_a, from);
        r
    }

    /// One of the operands is overwritten: one that is not needed any more, or a copy.
    fn fused(&mut self, product: bool, addend: bool, args: [V; 3]) -> u8 {
        let [mut a, mut b, c] = args;
        let this = &mut self.registers;
        if this.dies(c) && c != a && c != b {
            if !this.is_in(a) {
                (a, b) = (b, a);
            }
            let (second, third) = (this.in_register(a), this.operand(b));
            let r = this.in_register(c);
            this.asm.fused((2, product, addend), r, second, third);
            return this.overwritten(r, &args);
        }
        if this.dies(b) && !this.dies(a) {
            (a, b) = (b, a);
        }
        if this.dies(a) && a != b && a != c {
            let r = this.in_register(a);
            if this.is_in(c) && !this.is_in(b) {
                let (second, third) = (this.in_register(c), this.operand(b));
                this.asm.fused((0, product, addend), r, second, third);
            } else {
                let (second, third) = (this.in_register(b), this.operand(c));
                this.asm.fused((1, product, addend), r, second, third);
            }
            return this.overwritten(r, &args);
        }
        if !this.is_in(a) {
            (a, b) = (b, a);
        }
        let second = this.in_register(a);
        let r = if this.is_in(c) && !this.is_in(b) {
            // What is copied had better come from memory.
            let r = this.copy(b);
            let third = this.operand(c);
            this.asm.fused((1, product, addend), r, second, third);
            r
        } else {
            let r = this.copy(c);
            let third = this.operand(b);
            this.asm.fused((2, product, addend), r, second, third);
            r
        };
        this.overwritten(r, &args)
    }
}

/// What a body took.
pub(super) struct Counts {
    pub(super) slots: u32,
    pub(super) spilled: usize,
}

pub(super) fn routine_of(number: u32) -> Routine {
    Routine::of_number(number).expect("the list has numbers of routines")
}

/// The condition with its operands the other way round.
fn swapped(condition: u8) -> u8 {
    match condition {
        0x11 => 0x1e,
        0x12 => 0x1d,
        0x15 => 0x1a,
        0x16 => 0x19,
        same => same,
    }
}
