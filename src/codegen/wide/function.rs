//! The function around the lists: its frame, the loops over rows, the sums, and what calls routines lane by lane.

use super::columns::Rows;
use super::encode::{Asm, Constant, GREATER_OR_EQUAL, NOT_EQUAL, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, Rm, Whole, mem};
use super::isa::Isa;
use super::list::Body;
use super::pace::Pace;
use super::record::{Before, turn};
use super::registers::{FEWEST, Layout, Left, Registers, Room};
use super::routines::{Called, Calls, LOST, Saved};
use super::select::{Counts, Partials, Select};
use crate::base::sums::partials;
use crate::kernels::Routine;
use crate::schedule::RowCall;
use crate::schedule::unit::Unit;

/// Machine code, and where addresses of routines belong in it.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    /// Where constants follow the instructions.
    pub(super) end: usize,
    /// Bytes of a constant.
    pub(super) constant: usize,
    pub(super) routines: Vec<(usize, Routine)>,
    /// How often a value was put in memory for want of registers, in the loop.
    pub(super) spilled: usize,
    /// Words of scratch memory that it needs.
    pub(super) scratch: usize,
}

/// Registers that have addresses of inputs and outputs. `rax` is for those that are in memory, `rcx` counts the rows that are left, `rdx` is where
/// the partial sums of a row are.
const BASES: [u8; 11] = [RBX, RSI, RDI, 8, 9, 10, 11, 12, 13, 14, 15];
/// Registers that a function leaves as they were.
const SAVED: [u8; 5] = [RBX, 12, 13, 14, 15];
/// A turn has up to so many vectors of rows, of which one may compute where the other waits.
const VECTORS: usize = 2;
/// The most bytes of a frame.
pub(super) const LARGEST: i32 = 1 << 16;
pub(super) const PAGE: i32 = 4096;

/// Offsets from the stack pointer.
const INPUTS: i32 = 0;
pub(super) const OUTPUTS: i32 = 8;
pub(super) const ROWS: i32 = 16;
const COUNT: i32 = 24;
const STRIDES: i32 = 32;
const TIME: i32 = 40;
const ROUTINE: i32 = 48;
const REGISTERS: i32 = 56;
const ADDRESSES: i32 = REGISTERS + 8 * LOST.len() as i32;

pub(super) struct Function<'p> {
    pub(super) asm: Asm,
    pub(super) call: &'p RowCall,
    pub(super) layout: Layout,
    calls: Calls,
    saved: Saved,
    pub(super) sums: i32,
    called: Called,
    /// How many registers there are.
    pub(super) registers: usize,
    /// How many vectors of partial sums are in registers: all or none.
    pub(super) carried: usize,
    /// Places whose addresses move on from row to row, and by how many bytes.
    pub(super) moving: Vec<(usize, i32)>,
    /// Where outputs go of rows that there are not.
    pub(super) nowhere: i32,
    spilled: usize,
    slots: u32,
}

/// The lists of turns: of the loop, of one vector, and of fewer rows.
pub(super) struct Turns {
    pub(super) all: [(Rows, Body); 3],
    /// A single row, where those that are left are gone over in exact pieces.
    pub(super) single: Option<(Rows, Body)>,
    /// How many registers the first one needs.
    pub(super) most: usize,
}

/// The loop over the rows of a program, as `fn(inputs, outputs, scratch, rows, count, strides)`, the function that
/// [`row_loop`](crate::codegen::lower) emits; but its scratch memory is its frame. At most so many registers have values.
///
/// # Errors
/// If the frame would be too large.
pub(super) fn function(isa: Isa, unit: &Unit, call: &RowCall, registers: usize) -> Result<Made, &'static str> {
    let program = &unit.program;
    let (size, vector) = (program.width.bytes() as i32, isa.vector());
    let lanes = vector as usize / program.width.bytes();
    debug_assert_eq!(lanes * isa.partials(), partials(program.width), "so many vectors have all partial sums");
    let mut before = Before::new(isa, unit, call);
    let mut turns = turns(isa, &mut before, call, lanes, size);
    let (before, kept) = before.finish();

    let (sums, most) = (call.reduced().len(), turns.most);
    let vectors = sums * isa.partials();
    let carried = if vectors <= most_carried(isa) && most.max(FEWEST) + vectors <= registers { vectors } else { 0 };
    if isa == Isa::Avx512 && carried == 0 {
        turns.all[0].1.add_together();
        turns.most = Registers::most(isa, &turns.all[0].1);
    }
    let (mut layout, mut at) = places(&turns, &before, call);
    let mut room = |bytes: i32, each: i32| {
        at = (at + each - 1) & -each;
        let start = at;
        at = at.saturating_add(bytes);
        start
    };
    let [x, y, mask, result] = [(); 4].map(|()| room(vector, vector));
    let calls = Calls { x, y, mask, result, directly: false };
    let saved = Saved {
        routine: ROUTINE,
        whole: REGISTERS,
        vectors: room(isa.registers() as i32 * vector, vector),
        masks: room(if isa.has_masks() { 64 } else { 0 }, 8),
        length: isa.length(),
        lanes: 1,
    };
    layout.kept = room((kept as i32).saturating_mul(Layout::kept_bytes(isa)), Layout::kept_bytes(isa));
    let partial = room((vectors as i32).saturating_mul(vector), vector);
    let strides = call.strides.iter().enumerate();
    let moving = strides.filter(|&(place, &stride)| stride > 0 && layout.bases[place].is_some());
    let moving: Vec<(usize, i32)> = moving.map(|(place, &stride)| (place, stride as i32 * size)).collect();
    layout.rows = vec![None; layout.bases.len()];
    let mut nowhere = 0;
    if isa == Isa::Avx512 && turns.single.is_none() {
        for &(place, bytes) in moving.iter().filter(|(_, bytes)| *bytes > size) {
            layout.rows[place] = Some((room(8 * lanes as i32, 8), bytes));
        }
        let outputs = moving.iter().filter(|(place, bytes)| *place >= call.shape.varying.len() && *bytes > size);
        nowhere = room(outputs.map(|&(_, bytes)| bytes).max().unwrap_or(0), 16);
    }
    layout.spills = room(0, vector);
    (layout.spill_base, layout.spill_bytes) = (RSP, vector);

    let mut function = Function {
        asm: Asm::new(isa, program.width),
        call,
        layout,
        calls,
        saved,
        sums: partial,
        called: Called::default(),
        registers,
        carried,
        moving,
        nowhere,
        spilled: 0,
        slots: 0,
    };
    // How large the frame is is known in the end.
    let enter = function.asm.jump();
    let entered = function.asm.bytes.len();
    function.times(&before, &turns);
    function.leave();
    let slots = i64::from(function.layout.spills) + i64::from(function.slots) * i64::from(vector);
    let Some(frame) = i32::try_from(slots).ok().filter(|&frame| frame <= LARGEST) else {
        return Err("what it keeps before the rows, and what it has no registers for, would take too much of the stack");
    };
    function.asm.land_here(enter);
    function.enter(frame, entered);
    let Function { asm, called, calls, saved, .. } = &mut function;
    called.finish(asm, *calls, *saved);
    let end = function.asm.bytes.len();
    Ok(Made {
        constant: Asm::constant_bytes(isa, program.width),
        bytes: function.asm.finish(),
        end,
        routines: function.called.routines,
        spilled: function.spilled,
        scratch: 0,
    })
}

/// Up to this many vectors of partial sums are in registers, if there are as many that the rows do not need.
fn most_carried(isa: Isa) -> usize {
    match isa {
        Isa::Avx2 => 10,
        Isa::Avx512 => 24,
    }
}

fn turns(isa: Isa, before: &mut Before, call: &RowCall, lanes: usize, size: i32) -> Turns {
    let rows = |vectors: usize| Rows { lanes, vectors, vectors_of_partials: isa.partials() };
    let half = Rows { lanes: lanes / 2, ..rows(1) };
    let longest = call.strides.iter().max().map_or(0, |&stride| stride as i64 * i64::from(size));
    let can_be_addressed = longest * (VECTORS * lanes) as i64 <= i64::from(i32::MAX);
    let single = Rows { lanes: 1, vectors: 1, vectors_of_partials: 1 };
    let (first, one) = (rows(VECTORS), rows(1));
    let mut made = |rows: Rows| (rows, turn(before, rows));
    let (all, single) = match isa {
        Isa::Avx2 => ([made(first), made(one), made(single)], None),
        Isa::Avx512 => {
            let one = made(one);
            let pace = Pace::new(&one.1);
            let two = can_be_addressed && pace.wants_two();
            let first = made(if two { first } else { one.0 });
            ([first, one, made(half)], pace.is_light().then(|| made(single)))
        }
    };
    let most = Registers::most(isa, &all[0].1);
    Turns { all, single, most }
}

/// Where the addresses of inputs and outputs are that are used, and the end of those that are in memory. Those that the rows use come first.
fn places(turns: &Turns, before: &Body, call: &RowCall) -> (Layout, i32) {
    let mut bases = vec![None; call.shape.varying.len() + call.shape.reduce.len()];
    let (mut free, mut at) = (BASES.iter(), ADDRESSES);
    for body in turns.all.iter().chain(&turns.single).map(|(_, body)| body).chain([before]) {
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

    pub(super) fn whole(&mut self, what: Whole, reg: u8, at: i32) {
        self.asm.whole(what, reg, Rm::Mem(mem(RSP, at)));
    }

    /// Makes the frame, and goes on where the function starts.
    fn enter(&mut self, frame: i32, start: usize) {
        let asm = &mut self.asm;
        asm.push(RBP);
        asm.whole(Whole::Load, RBP, Rm::Reg(RSP));
        SAVED.iter().for_each(|&r| asm.push(r));
        asm.with_constant(Constant::Sub, Rm::Reg(RSP), frame);
        asm.with_constant(Constant::And, Rm::Reg(RSP), -asm.isa.vector());
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
    fn times(&mut self, before: &Body, turns: &Turns) {
        for (r, at) in [(RDI, INPUTS), (RSI, OUTPUTS), (RCX, ROWS), (8, COUNT), (9, STRIDES)] {
            self.whole(Whole::Store, r, at);
        }
        self.asm.put(Rm::Mem(mem(RSP, TIME)), 0);
        let time = self.asm.bytes.len();
        self.load_bases();
        self.whole_vectors();
        let room = self.room(self.registers, Left::None);
        let mut select = self.select(before, room, Partials::Memory(0));
        select.body(before);
        let counts = select.finish();
        self.count(&counts);
        self.start_sums();
        self.whole(Whole::Load, RCX, ROWS);
        self.rows(turns);
        self.finish_sums();
        self.next_time(time);
    }

    /// From here on instructions are on whole vectors.
    pub(super) fn whole_vectors(&mut self) {
        self.asm.set_length(self.asm.isa.length());
    }

    pub(super) fn room(&self, vectors: usize, left: Left) -> Room {
        // Where registers are short, all kinds are.
        Room { vectors, few_masks: self.registers < 16, left }
    }

    pub(super) fn select<'s>(&'s mut self, body: &'s Body, room: Room, partials: Partials) -> Select<'s> {
        let registers = Registers::new(&mut self.asm, &self.layout, body, room);
        Select::new(registers, self.calls, partials, &mut self.called)
    }

    pub(super) fn count(&mut self, Counts { slots, spilled }: &Counts) {
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
}
