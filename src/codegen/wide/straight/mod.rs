//! Straight-line code of a unit that is called once: a number is the first lane of a vector of 128 bits. Equal kernels that the program puts together are
//! lanes of one, or slices on the stack that a routine goes over; kernels alone are routines, as in Cranelift's code, so that the bits are the same.

mod record;

use super::encode::{Asm, Constant, RAX, RBX, RCX, RDI, RDX, RSI, RSP, Rm, Whole, mem};
use super::function::{LARGEST, Made, PAGE};
use super::isa::Isa;
use super::list::{Body, Item, LOCAL, Node};
use super::registers::{Layout, Left, Registers, Room};
use super::routines::{Called, Calls, LOST, Saved};
use super::select::{Partials, Select};
use crate::schedule::unit::Unit;

/// Its instructions are the shorter ones, and every processor with wide loops has them.
pub(super) const ISA: Isa = Isa::Avx2;
/// The length of 128 bits, as encodings say it, and their bytes.
const LENGTH: u8 = 0;
const BYTES: i32 = 16;

/// Registers that have addresses of inputs and outputs: those that routines leave as they were, and, where none are called, others. And the register
/// of the scratch memory's.
const ACROSS_CALLS: [u8; 4] = [RBX, 12, 13, 14];
const WITHOUT_CALLS: [u8; 5] = [RCX, 8, 9, 10, 11];
const SCRATCH_ACROSS_CALLS: u8 = 15;
const SCRATCH_WITHOUT_CALLS: u8 = RDX;

/// The straight-line code of a program, as `fn(inputs, outputs, scratch)`: addresses of all inputs and of all outputs, or of tables of their addresses.
/// A short one has values on the stack for want of registers, one that would be cut in scratch memory.
///
/// # Errors
/// If the frame would be too large.
pub(super) fn function(unit: &Unit) -> Result<Made, &'static str> {
    let program = &unit.program;
    let (body, slices) = record::body(ISA, program);
    let is_call = |item: &Item| match item {
        Item::Make(v) => matches!(body.nodes[*v as usize], Node::Call(..)),
        Item::Slices(_) => true,
        _ => false,
    };
    let is_rare = |item: &Item| matches!(item, Item::Make(v) if matches!(body.nodes[*v as usize], Node::Rare(..)));
    let (calls, rare) = (body.items.iter().any(is_call), body.items.iter().any(is_rare));
    let mut at = 0i32;
    let mut room = |bytes: usize| {
        let start = at;
        at = at.saturating_add(i32::try_from(bytes).unwrap_or(i32::MAX)).saturating_add(BYTES - 1) & -BYTES;
        start
    };
    let of_rare = |bytes: usize| if rare { bytes } else { 0 };
    let [x, y, mask, result] = [(); 4].map(|()| room(of_rare(BYTES as usize)));
    let saved = Saved {
        routine: room(of_rare(8)),
        whole: room(of_rare(8 * LOST.len())),
        vectors: room(of_rare(ISA.registers() * BYTES as usize)),
        masks: 0,
        length: LENGTH,
        lanes: BYTES as usize / program.width.bytes(),
    };
    let addresses = Addresses::new(&body, program.apart.then_some(program.layout.inputs.len()), (calls, unit.needs.cut));
    let tables = room(8 * addresses.in_memory());
    let bases = addresses.bases(tables);
    let rows = vec![None; bases.len()];
    let (local, end) = (room(slices), room(0));
    let (spill_base, spills) = if addresses.in_scratch { (addresses.scratch(), 0) } else { (RSP, end) };
    let layout = Layout { bases, rows, local, spill_base, spills, spill_bytes: BYTES, ..Layout::default() };

    let (mut asm, mut called) = (Asm::of_parts(ISA, program.width), Called::default());
    let calls = Calls { x, y, mask, result, directly: true };
    let all = Room { vectors: ISA.registers(), few_masks: false, left: Left::None };
    let mut select = Select::new(Registers::new(&mut asm, &layout, &body, all), calls, Partials::Registers, &mut called);
    select.body(&body);
    let counts = select.finish();
    let Some(spilled) = i32::try_from(counts.slots).ok().and_then(|slots| slots.checked_mul(BYTES)) else {
        return Err("what it has no registers for would take too much memory");
    };
    let (scratch, on_stack) = if addresses.in_scratch { (spilled as usize / 8, 0) } else { (0, spilled) };
    let Some(frame) = end.checked_add(on_stack).filter(|&frame| frame <= LARGEST) else {
        return Err("its slices and what it has no registers for would take too much of the stack");
    };
    // With the address of return, what is pushed and the frame are a multiple of 16 bytes.
    let pushed = addresses.saved();
    let frame = if frame == 0 && !addresses.calls { 0 } else { frame + 8 * (1 - pushed.len() as i32 % 2) };
    if frame > 0 {
        asm.with_constant(Constant::Add, Rm::Reg(RSP), frame);
    }
    pushed.iter().rev().for_each(|&r| asm.pop(r));
    asm.ret();
    called.finish(&mut asm, calls, saved);
    let start = asm.bytes.len();
    pushed.iter().for_each(|&r| asm.push(r));
    if frame > 0 {
        asm.with_constant(Constant::Sub, Rm::Reg(RSP), frame);
        // The stack's pages come one by one.
        (1..=frame / PAGE).for_each(|page| asm.touch(mem(RSP, frame - page * PAGE)));
    }
    addresses.load(&mut asm, &layout);
    let moved = asm.move_to_front(start);
    called.routines.iter_mut().for_each(|(at, _)| *at += moved);
    let end = asm.bytes.len();
    Ok(Made { bytes: asm.finish(), end, constant: BYTES as usize, routines: called.routines, spilled: counts.spilled, scratch })
}

/// Where addresses of inputs and outputs are.
struct Addresses {
    /// Whether routines are called, and whether there is scratch memory.
    calls: bool,
    in_scratch: bool,
    /// Where there are tables of addresses: how many of inputs there are.
    inputs: Option<usize>,
    /// By place: the number of its address among those that are used.
    numbers: Vec<Option<usize>>,
    registers: &'static [u8],
}

impl Addresses {
    fn new(body: &Body, inputs: Option<usize>, (calls, in_scratch): (bool, bool)) -> Addresses {
        let mut numbers: Vec<Option<usize>> = vec![];
        let mut count = 0;
        let leaves = body.nodes.iter().filter(|node| node.is_leaf()).filter_map(|node| node.place());
        for at in leaves.chain(body.items.iter().filter_map(|item| item.place(&body.nodes))).filter(|at| at.place != LOCAL) {
            let place = at.place as usize;
            numbers.resize(numbers.len().max(place + 1), None);
            if numbers[place].is_none() {
                numbers[place] = Some(count);
                count += 1;
            }
        }
        let registers = match (calls, inputs) {
            (true, _) => &ACROSS_CALLS[..],
            (false, Some(_)) => &WITHOUT_CALLS[..],
            (false, None) => &[],
        };
        Addresses { calls, in_scratch, inputs, numbers, registers }
    }

    fn used(&self) -> usize {
        self.numbers.iter().flatten().count()
    }

    /// How many there are no registers for.
    fn in_memory(&self) -> usize {
        if self.registers.is_empty() { 0 } else { self.used().saturating_sub(self.registers.len()) }
    }

    /// The register of the scratch memory's address.
    fn scratch(&self) -> u8 {
        if self.calls { SCRATCH_ACROSS_CALLS } else { SCRATCH_WITHOUT_CALLS }
    }

    /// The registers that are to be as they were after the call.
    fn saved(&self) -> Vec<u8> {
        let used = &self.registers[..self.used().min(self.registers.len())];
        let scratch: &[u8] = if self.in_scratch { &[SCRATCH_ACROSS_CALLS] } else { &[] };
        if self.calls { [used, scratch].concat() } else { vec![] }
    }

    /// By place; those without a register are in memory from some place on.
    fn bases(&self, memory: i32) -> Vec<Option<Result<u8, i32>>> {
        let base = |(place, number): (usize, &Option<usize>)| {
            let n = (*number)?;
            Some(match self.registers.get(n) {
                Some(&r) => Ok(r),
                // The arguments stay where they come.
                None if self.registers.is_empty() => Ok([RDI, RSI][place]),
                None => Err(memory + 8 * (n - self.registers.len()) as i32),
            })
        };
        self.numbers.iter().enumerate().map(base).collect()
    }

    /// Puts them there.
    fn load(&self, asm: &mut Asm, layout: &Layout) {
        if self.in_scratch && self.calls {
            asm.whole(Whole::Load, SCRATCH_ACROSS_CALLS, Rm::Reg(RDX));
        }
        for (place, base) in layout.bases.iter().enumerate() {
            let Some(base) = *base else { continue };
            let from = match self.inputs {
                Some(inputs) if place < inputs => Rm::Mem(mem(RDI, 8 * place as i32)),
                Some(inputs) => Rm::Mem(mem(RSI, 8 * (place - inputs) as i32)),
                None => Rm::Reg([RDI, RSI][place]),
            };
            match base {
                Ok(r) if from == Rm::Reg(r) => {}
                Ok(r) => asm.whole(Whole::Load, r, from),
                Err(at) => {
                    asm.whole(Whole::Load, RAX, from);
                    asm.whole(Whole::Store, RAX, Rm::Mem(mem(RSP, at)));
                }
            }
        }
    }
}
