//! Instructions for the items of a list, one by one.

use super::encode::{Asm, Bin, Mem, NOT_EQUAL, RAX, RDX, RSP, Rm, VECTOR, mem};
use super::list::{At, Body, Item, Node, V};
use super::registers::Registers;
use crate::kernels::Routine;

/// Where what routines are called with is, as offsets from the stack pointer: numbers, masks of the lanes that want a call, results.
#[derive(Copy, Clone, Default)]
pub(super) struct Calls {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) mask: i32,
    pub(super) result: i32,
}

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

/// A call that a body makes where a mask holds in a lane.
struct Rare {
    routine: Routine,
    /// The jump to the call.
    jump: usize,
    /// Where the body goes on.
    back: usize,
    value: u8,
    mask: u8,
    x: u8,
    /// Whether the body is one of whole vectors.
    whole: bool,
}

/// What a function's code calls.
#[derive(Default)]
pub(super) struct Called {
    /// Where addresses of routines belong.
    pub(super) routines: Vec<(usize, Routine)>,
    rare: Vec<Rare>,
    /// Where the distance belongs to what calls a routine: in every lane, or in the first.
    pub(super) in_lanes: Vec<usize>,
    pub(super) alone: Vec<usize>,
}

impl Called {
    fn call(&mut self, asm: &mut Asm, routine: Routine) {
        self.routines.push((asm.address(RAX), routine));
        let call = asm.call_here();
        if asm.whole { self.in_lanes.push(call) } else { self.alone.push(call) }
    }

    /// The calls where a mask holds, off the path.
    pub(super) fn rare(&mut self, asm: &mut Asm, calls: Calls) {
        for Rare { routine, jump, back, value, mask, x, whole } in std::mem::take(&mut self.rare) {
            asm.whole = whole;
            asm.land_here(jump);
            for (r, at) in [(value, calls.result), (mask, calls.mask), (x, calls.x)] {
                asm.store(r, mem(RSP, at));
            }
            self.call(asm, routine);
            asm.load(value, Rm::Mem(mem(RSP, calls.result)));
            let jump = asm.jump();
            asm.land(jump, back);
        }
    }
}

pub(super) struct Select<'a> {
    pub(super) registers: Registers<'a>,
    calls: Calls,
    partials: Partials,
    called: &'a mut Called,
}

impl<'a> Select<'a> {
    pub(super) fn new(registers: Registers<'a>, calls: Calls, partials: Partials, called: &'a mut Called) -> Self {
        Select { registers, calls, partials, called }
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
                    self.effect(item);
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
            Node::Const(_) | Node::Kept(_) | Node::Column(_) => unreachable!("it is there"),
            Node::Shared(at) => self.loaded(at, |asm, r, from| asm.broadcast(r, from)),
            Node::One(at) => self.loaded(at, |asm, r, from| asm.load_one(r, from)),
            Node::Half(at) => self.loaded(at, |asm, r, from| asm.load_half(r, from)),
            Node::PutOne(a, at, lane) => self.put(a, at, |asm, r, a, from| asm.insert_one(r, a, from, lane)),
            Node::PutHalf(a, at) => self.put(a, at, |asm, r, a, from| asm.insert_half(r, a, Rm::Mem(from))),
            Node::Join(a, b) => {
                let (a, b) = (self.registers.in_register(a), self.registers.in_register(b));
                let r = self.after(args);
                self.registers.asm.insert_half(r, a, Rm::Reg(b));
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
                let r = self.after(args);
                self.registers.asm.compare(condition, r, a, b);
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
            Node::Call(routine, x, y) => {
                let (x, y) = (self.registers.in_register(x), self.registers.in_register(y));
                let Calls { x: at_x, y: at_y, mask, result } = self.calls;
                self.registers.asm.store(x, mem(RSP, at_x));
                self.registers.asm.store(y, mem(RSP, at_y));
                let r = self.after(args);
                // In every lane.
                let all = self.registers.asm.constant(u64::MAX);
                self.registers.asm.load(r, Rm::Mem(all));
                self.registers.asm.store(r, mem(RSP, mask));
                self.called.call(self.registers.asm, routine_of(routine));
                self.registers.asm.load(r, Rm::Mem(mem(RSP, result)));
                r
            }
            Node::Rare(routine, [value, mask, x]) => {
                let (m, x) = (self.registers.in_register(mask), self.registers.in_register(x));
                let r = self.registers.copy(value);
                self.registers.asm.test(m);
                let jump = self.registers.asm.jump_if(NOT_EQUAL);
                let back = self.registers.asm.bytes.len();
                let whole = self.registers.asm.whole;
                self.called.rare.push(Rare { routine: routine_of(routine), jump, back, value: r, mask: m, x, whole });
                self.registers.overwritten(r, args)
            }
        }
    }

    /// A register for a result, which may be that of an operand.
    fn after(&mut self, operands: &[V]) -> u8 {
        self.registers.consume(operands);
        self.registers.take()
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

    fn effect(&mut self, item: Item) {
        let this = &mut self.registers;
        match item {
            Item::Make(_) => unreachable!("it makes a value"),
            Item::Store(v, at) => {
                let (v, to) = (this.in_register(v), this.place(at));
                this.asm.store(v, to);
            }
            Item::StoreHalves(v, [low, high]) => {
                let (v, to) = (this.in_register(v), this.place(low));
                this.asm.store_half(v, to);
                this.asm.upper_half(Rm::Mem(Mem { at: high.offset, ..to }), v);
            }
            Item::StoreLanes(v, at, row) => {
                let v = this.in_register(v);
                if !this.asm.whole {
                    let to = this.place(at);
                    return this.asm.store_one(v, to);
                }
                let half = 16 / this.asm.width.bytes() as i32;
                let upper = this.take();
                let to = this.place(at);
                this.asm.upper_half(Rm::Reg(upper), v);
                for lane in 0..2 * half {
                    let from = if lane < half { v } else { upper };
                    this.asm.store_lane(from, (lane % half) as u8, Mem { at: to.at + lane * row, ..to });
                }
                this.give_back(upper);
            }
            Item::Keep(k, v) => {
                let v = this.in_register(v);
                let to = this.kept(k);
                this.asm.store(v, to);
            }
            Item::Hold(v) => this.hold(v),
            Item::Add(part, v, factor) => self.add(part, v, factor),
        }
    }

    /// Adds to a partial sum, which is in a register or in memory.
    fn add(&mut self, part: u32, v: V, factor: Option<V>) {
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
        let sum = match partials {
            Partials::Registers => 15 - part as u8,
            Partials::Memory(_) | Partials::Row(_) => this.take(),
        };
        let to = match partials {
            Partials::Registers => None,
            Partials::Memory(start) => Some(mem(RSP, start + part as i32 * VECTOR)),
            Partials::Row(apart) => Some(mem(RDX, part as i32 * apart)),
        };
        match (partials, to) {
            (Partials::Row(_), Some(to)) => this.asm.load_one(sum, to),
            (_, Some(to)) => this.asm.load(sum, Rm::Mem(to)),
            _ => {}
        }
        match first {
            Some(first) => this.asm.fused((2, false, false), sum, first, second),
            None => this.asm.bin(Bin::Add, sum, sum, second),
        }
        match (partials, to) {
            (Partials::Row(_), Some(to)) => this.asm.store_one(sum, to),
            (_, Some(to)) => this.asm.store(sum, to),
            _ => return,
        }
        this.give_back(sum);
    }
}

/// What a body took.
pub(super) struct Counts {
    pub(super) slots: u32,
    pub(super) spilled: usize,
}

fn routine_of(number: u32) -> Routine {
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
