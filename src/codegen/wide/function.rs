//! The function around the lists: its frame, the loops over rows, the sums, and what calls routines lane by lane.

use super::columns::Rows;
use super::encode::{
    Asm, Bin, Constant, EQUAL, GREATER_OR_EQUAL, LESS, NOT_EQUAL, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, Rm, VECTOR, Whole, mem,
};
use super::list::Body;
use super::record::{Before, turn};
use super::registers::{FEWEST, Layout, Registers};
use super::select::{Called, Calls, Counts, Partials, Select};
use crate::base::{Width, sums::partials};
use crate::kernels::Routine;
use crate::schedule::RowCall;
use crate::schedule::unit::Unit;

/// Machine code, and where addresses of routines belong in it.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    /// Where constants follow the instructions.
    pub(super) end: usize,
    pub(super) routines: Vec<(usize, Routine)>,
    /// How often a value was put in memory for want of registers, in the loop.
    pub(super) spilled: usize,
}

/// Registers that have addresses of inputs and outputs. `rax` is for those that are in memory, `rcx` counts the rows that are left, `rdx` is where
/// the partial sums of a row are.
const BASES: [u8; 11] = [RBX, RSI, RDI, 8, 9, 10, 11, 12, 13, 14, 15];
/// Registers that a function leaves as they were, and those that a routine may not leave so.
const SAVED: [u8; 5] = [RBX, 12, 13, 14, 15];
const LOST: [u8; 8] = [RCX, RDX, RSI, RDI, 8, 9, 10, 11];
/// How many rows are gone over one by one at most is less than a vector; a turn has so many vectors, which have all partial sums.
const VECTORS: usize = 2;
/// Up to this many vectors of partial sums are in registers, if there are as many that the rows do not need.
const CARRIED: usize = 10;
/// The most bytes of a frame.
const LARGEST: i32 = 1 << 16;
const PAGE: i32 = 4096;

/// Offsets from the stack pointer.
const INPUTS: i32 = 0;
const OUTPUTS: i32 = 8;
const ROWS: i32 = 16;
const COUNT: i32 = 24;
const STRIDES: i32 = 32;
const TIME: i32 = 40;
const ROUTINE: i32 = 48;
const REGISTERS: i32 = 56;
const ADDRESSES: i32 = REGISTERS + 8 * LOST.len() as i32;

/// Bytes of the partial sums of a sum.
const SUM: i32 = VECTORS as i32 * VECTOR;

struct Function<'p> {
    asm: Asm,
    call: &'p RowCall,
    layout: Layout,
    calls: Calls,
    /// Where all registers of vectors are kept during a call.
    vectors: i32,
    sums: i32,
    called: Called,
    /// How many registers there are.
    registers: usize,
    /// How many vectors of partial sums are in registers: all or none.
    carried: usize,
    /// Places whose addresses move on from row to row, and by how many bytes.
    moving: Vec<(usize, i32)>,
    spilled: usize,
    slots: u32,
}

/// The loop over the rows of a program, as `fn(inputs, outputs, scratch, rows, count, strides)`, the function that
/// [`row_loop`](crate::codegen::lower) emits; but its scratch memory is its frame. At most so many registers have values.
///
/// # Errors
/// If the frame would be too large.
pub(super) fn function(unit: &Unit, call: &RowCall, registers: usize) -> Result<Made, &'static str> {
    let program = &unit.program;
    let size = program.width.bytes() as i32;
    let lanes = VECTOR as usize / program.width.bytes();
    debug_assert_eq!(lanes * VECTORS, partials(program.width), "a turn has all partial sums");
    let mut before = Before::new(unit, call);
    let rows = |lanes: usize, vectors: usize, vectors_of_partials: usize| Rows { lanes, vectors, vectors_of_partials };
    let turns = [rows(lanes, VECTORS, VECTORS), rows(lanes, 1, VECTORS), rows(1, 1, 1)];
    let bodies = turns.map(|rows| turn(&mut before, rows));
    let (before, kept) = before.finish();

    let sums = call.reduced().len();
    let most = Registers::most(&bodies[0]);
    let vectors = sums * VECTORS;
    let carried = if vectors <= CARRIED && most.max(FEWEST) + vectors <= registers { vectors } else { 0 };
    let (mut layout, mut at) = places(&bodies, &before, call);
    at = (at + VECTOR - 1) & -VECTOR;
    let mut room = |vectors: usize| {
        let start = at;
        at = at.saturating_add(vectors as i32 * VECTOR);
        start
    };
    let [x, y, mask, result] = [(); 4].map(|()| room(1));
    let calls = Calls { x, y, mask, result };
    let saved = room(16);
    layout.kept = room(kept);
    let partial = room(vectors);
    layout.spills = at;

    let strides = call.strides.iter().enumerate();
    let moving = strides.filter(|&(place, &stride)| stride > 0 && layout.bases[place].is_some());
    let moving = moving.map(|(place, &stride)| (place, stride as i32 * size)).collect();
    let mut function = Function {
        asm: Asm::new(program.width),
        call,
        layout,
        calls,
        vectors: saved,
        sums: partial,
        called: Called::default(),
        registers,
        carried,
        moving,
        spilled: 0,
        slots: 0,
    };
    // How large the frame is is known in the end.
    let enter = function.asm.jump();
    let entered = function.asm.bytes.len();
    function.times(&before, &bodies, turns, most);
    function.leave();
    let slots = i64::from(function.layout.spills) + i64::from(function.slots) * i64::from(VECTOR);
    let Some(frame) = i32::try_from(slots).ok().filter(|&frame| frame <= LARGEST) else {
        return Err("what it keeps before the rows, and what it has no registers for, would take too much of the stack");
    };
    function.asm.land_here(enter);
    function.enter(frame, entered);
    function.call_in_lanes(lanes);
    let end = function.asm.bytes.len();
    Ok(Made { bytes: function.asm.finish(), end, routines: function.called.routines, spilled: function.spilled })
}

/// Where the addresses of inputs and outputs are that are used, and the end of those that are in memory. Those that the rows use come first.
fn places(bodies: &[Body], before: &Body, call: &RowCall) -> (Layout, i32) {
    let mut bases = vec![None; call.shape.varying.len() + call.shape.reduce.len()];
    let (mut free, mut at) = (BASES.iter(), ADDRESSES);
    for body in bodies.iter().chain([before]) {
        let nodes = body.nodes.iter().filter(|node| node.is_leaf()).filter_map(|node| node.place());
        for place in nodes.chain(body.items.iter().filter_map(|item| item.place(&body.nodes))) {
            bases[place.place as usize].get_or_insert_with(|| match free.next() {
                Some(&r) => Ok(r),
                None => {
                    at += 8;
                    Err(at - 8)
                }
            });
        }
    }
    (Layout { bases, ..Layout::default() }, at)
}

impl Function<'_> {
    fn inputs(&self) -> usize {
        self.call.shape.varying.len()
    }

    fn whole(&mut self, what: Whole, reg: u8, at: i32) {
        self.asm.whole(what, reg, Rm::Mem(mem(RSP, at)));
    }

    /// Makes the frame, and goes on where the function starts.
    fn enter(&mut self, frame: i32, start: usize) {
        let asm = &mut self.asm;
        asm.push(RBP);
        asm.whole(Whole::Load, RBP, Rm::Reg(RSP));
        SAVED.iter().for_each(|&r| asm.push(r));
        asm.with_constant(Constant::Sub, Rm::Reg(RSP), frame);
        asm.with_constant(Constant::And, Rm::Reg(RSP), -VECTOR);
        // The stack's pages come one by one.
        let mut at = frame;
        while at > PAGE {
            at -= PAGE;
            asm.touch(mem(RSP, at));
        }
        let jump = asm.jump();
        asm.land(jump, start);
    }

    fn leave(&mut self) {
        let asm = &mut self.asm;
        asm.leave_vectors();
        asm.whole(Whole::Address, RSP, Rm::Mem(mem(RBP, -8 * SAVED.len() as i32)));
        SAVED.iter().rev().for_each(|&r| asm.pop(r));
        asm.pop(RBP);
        asm.ret();
    }

    /// All rows, as often as there are places for them.
    fn times(&mut self, before: &Body, bodies: &[Body; 3], turns: [Rows; 3], most: usize) {
        for (r, at) in [(RDI, INPUTS), (RSI, OUTPUTS), (RCX, ROWS), (8, COUNT), (9, STRIDES)] {
            self.whole(Whole::Store, r, at);
        }
        self.asm.put(mem(RSP, TIME), 0);
        let time = self.asm.bytes.len();
        self.load_bases();
        self.asm.whole = true;
        let mut select = self.select(before, self.registers, Partials::Memory(0));
        select.body(before);
        let counts = select.finish();
        self.count(&counts);
        self.start_sums();
        self.whole(Whole::Load, RCX, ROWS);
        let [first, second, last] = turns;
        let spare = (self.registers - self.carried).saturating_sub(most + 1);
        self.vectors(&bodies[0], first, true, spare);
        self.vectors(&bodies[1], second, false, 0);
        self.alone(&bodies[2], last, second.lanes);
        self.asm.whole = true;
        self.finish_sums();
        self.next_time(time);
    }

    fn select<'s>(&'s mut self, body: &'s Body, registers: usize, partials: Partials) -> Select<'s> {
        let registers = Registers::new(&mut self.asm, &self.layout, body, registers);
        Select::new(registers, self.calls, partials, &mut self.called)
    }

    fn count(&mut self, Counts { slots, spilled }: &Counts) {
        self.slots = self.slots.max(*slots);
        self.spilled += spilled;
    }

    /// The addresses of a time.
    fn load_bases(&mut self) {
        let inputs = self.inputs();
        for (table, range) in [(INPUTS, 0..inputs), (OUTPUTS, inputs..self.layout.bases.len())] {
            let first = range.start;
            self.whole(Whole::Load, RAX, table);
            for place in range {
                let from = Rm::Mem(mem(RAX, (place - first) as i32 * 8));
                match self.layout.bases[place] {
                    None => {}
                    Some(Ok(r)) => self.asm.whole(Whole::Load, r, from),
                    Some(Err(at)) => {
                        self.asm.whole(Whole::Load, RDX, from);
                        self.whole(Whole::Store, RDX, at);
                    }
                }
            }
        }
    }

    /// Partial sums start from −0.
    fn start_sums(&mut self) {
        let vectors = self.call.reduced().len() * VECTORS;
        if vectors == 0 {
            return;
        }
        let minus_zero = self.asm.constant(1 << (8 * self.asm.width.bytes() - 1));
        let first = if self.carried > 0 { 15 } else { 0 };
        self.asm.load(first, Rm::Mem(minus_zero));
        for k in 0..vectors {
            match self.carried {
                0 => self.asm.store(first, mem(RSP, self.sums + k as i32 * VECTOR)),
                _ => self.asm.load(15 - k as u8, Rm::Reg(first)),
            }
        }
    }

    /// Vectors of rows, as long as there are as many rows; or at most once.
    fn vectors(&mut self, body: &Body, rows: Rows, again: bool, spare: usize) {
        let step = rows.count() as i32;
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), step);
        let skip = self.asm.jump_if(LESS);
        let partials = if self.carried > 0 { Partials::Registers } else { Partials::Memory(self.sums) };
        let mut select = self.select(body, self.registers - self.carried, partials);
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

    /// The rows that are left, one by one: fewer than a vector has. Their partial sums are in memory.
    fn alone(&mut self, body: &Body, rows: Rows, vector: usize) {
        self.asm.with_constant(Constant::Compare, Rm::Reg(RCX), 0);
        let skip = self.asm.jump_if(EQUAL);
        let size = self.asm.width.bytes() as i32;
        self.carry(false);
        if !self.call.reduced().is_empty() {
            // Partial sums of the first vector of a turn, or of the second.
            self.whole(Whole::Load, RDX, ROWS);
            self.asm.with_constant(Constant::And, Rm::Reg(RDX), vector as i32);
            self.asm.double(RDX, size.ilog2() as u8);
            self.asm.whole(Whole::Add, RDX, Rm::Reg(RSP));
            self.asm.with_constant(Constant::Add, Rm::Reg(RDX), self.sums);
        }
        self.asm.whole = false;
        let mut select = self.select(body, self.registers, Partials::Row(SUM));
        let top = select.registers.asm.bytes.len();
        select.body(body);
        let counts = select.finish();
        self.count(&counts);
        self.move_on(rows.count() as i32);
        self.asm.with_constant(Constant::Add, Rm::Reg(RDX), size);
        self.asm.with_constant(Constant::Sub, Rm::Reg(RCX), 1);
        let more = self.asm.jump_if(NOT_EQUAL);
        self.asm.land(more, top);
        self.asm.whole = true;
        self.carry(true);
        self.asm.land_here(skip);
    }

    /// Partial sums that are in registers go to memory, or come back.
    fn carry(&mut self, back: bool) {
        for k in 0..self.carried {
            let (r, at) = (15 - k as u8, mem(RSP, self.sums + k as i32 * VECTOR));
            if back { self.asm.load(r, Rm::Mem(at)) } else { self.asm.store(r, at) }
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

    /// Adds the sums to what is in their places. Partial sums are added in halves.
    fn finish_sums(&mut self) {
        for (s, output) in self.call.reduced().into_iter().enumerate() {
            let (group, k) = self.call.places[output as usize];
            let asm = &mut self.asm;
            asm.whole = true;
            let (sum, other) = if self.carried > 0 { (15 - (s * VECTORS) as u8, 0) } else { (1, 0) };
            let second = if self.carried > 0 {
                Rm::Reg(sum - 1)
            } else {
                let first = self.sums + s as i32 * SUM;
                asm.load(sum, Rm::Mem(mem(RSP, first)));
                Rm::Mem(mem(RSP, first + VECTOR))
            };
            asm.bin(Bin::Add, sum, sum, second);
            asm.upper_half(Rm::Reg(other), sum);
            asm.whole = false;
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

    /// Goes on with the next time, if there is one, where the tables' addresses have moved on.
    fn next_time(&mut self, time: usize) {
        self.whole(Whole::Load, RAX, TIME);
        self.asm.with_constant(Constant::Add, Rm::Reg(RAX), 1);
        self.whole(Whole::Store, RAX, TIME);
        self.whole(Whole::Compare, RAX, COUNT);
        let done = self.asm.jump_if(GREATER_OR_EQUAL);
        for (r, at) in [(RDI, INPUTS), (RSI, OUTPUTS), (8, STRIDES)] {
            self.whole(Whole::Load, r, at);
        }
        self.move_tables(0);
        if self.call.in_turns {
            let n = self.layout.bases.len() as i32;
            self.asm.whole(Whole::Add, RAX, Rm::Mem(mem(8, 8 * (n + 1))));
            self.asm.whole(Whole::And, RAX, Rm::Mem(mem(8, 8 * n)));
            self.asm.with_constant(Constant::Compare, Rm::Reg(RAX), 0);
            let same = self.asm.jump_if(NOT_EQUAL);
            self.asm.land(same, time);
            self.move_tables(n + 2);
        }
        let again = self.asm.jump();
        self.asm.land(again, time);
        self.asm.land_here(done);
    }

    /// Adds strides to the addresses of the tables, from a number of them on.
    fn move_tables(&mut self, first: i32) {
        let inputs = self.inputs();
        for place in 0..self.layout.bases.len() {
            let (table, k) = if place < inputs { (RDI, place) } else { (RSI, place - inputs) };
            let at = Rm::Mem(mem(table, 8 * k as i32));
            self.asm.whole(Whole::Load, RDX, at);
            self.asm.whole(Whole::Add, RDX, Rm::Mem(mem(8, 8 * (first + place as i32))));
            self.asm.whole(Whole::Store, RDX, at);
        }
    }

    /// What calls the routine whose address is in `rax`, for those lanes that a mask has, and leaves all registers but that as they were. A
    /// second one is for the first lane alone.
    fn call_in_lanes(&mut self, lanes: usize) {
        self.called.rare(&mut self.asm, self.calls);
        for (calls, lanes) in [(std::mem::take(&mut self.called.in_lanes), lanes), (std::mem::take(&mut self.called.alone), 1)] {
            if calls.is_empty() {
                continue;
            }
            calls.into_iter().for_each(|call| self.asm.land_here(call));
            // The address of return, and as much again, so that the stack is aligned.
            let down = |at: i32| mem(RSP, at + 16);
            let asm = &mut self.asm;
            let size = asm.width.bytes() as i32;
            asm.with_constant(Constant::Sub, Rm::Reg(RSP), 8);
            asm.whole(Whole::Store, RAX, Rm::Mem(down(ROUTINE)));
            let whole = LOST.iter().zip(0..).map(|(&r, k)| (r, down(REGISTERS + 8 * k)));
            let vectors = (0..16).map(|r| (r, down(self.vectors + i32::from(r) * VECTOR)));
            whole.clone().for_each(|(r, at)| asm.whole(Whole::Store, r, Rm::Mem(at)));
            asm.whole = true;
            vectors.clone().for_each(|(r, at)| asm.store(r, at));
            asm.leave_vectors();
            for lane in 0..lanes as i32 {
                let at = |start: i32| down(start + lane * size);
                let (mask, x, y, result) = (at(self.calls.mask), at(self.calls.x), at(self.calls.y), at(self.calls.result));
                asm.test_bits(mask);
                let skip = asm.jump_if(EQUAL);
                asm.load_one(0, x);
                asm.load_one(1, y);
                asm.call(down(ROUTINE));
                asm.store_one(0, result);
                asm.land_here(skip);
            }
            vectors.for_each(|(r, at)| asm.load(r, Rm::Mem(at)));
            whole.for_each(|(r, at)| asm.whole(Whole::Load, r, Rm::Mem(at)));
            asm.with_constant(Constant::Add, Rm::Reg(RSP), 8);
            asm.ret();
        }
    }
}
