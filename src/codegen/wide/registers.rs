//! Registers of straight-line code: where there are too few, what is needed last leaves first (L. Belady, 1966).

use super::encode::{Asm, Mem, RAX, RSP, Rm, Whole, mem};
use super::isa::Isa;
use super::list::{At, Body, Item, LOCAL, Node, V};

const NONE: u32 = u32::MAX;
const NOWHERE: u8 = u8::MAX;
/// What is in memory is read by the instruction itself, and not kept, if it is needed again only so much later.
const SOON: u32 = 32;
/// How many registers an instruction may want at once, and how many registers of masks.
pub(super) const FEWEST: usize = 5;
const FEWEST_MASKS: usize = 3;

/// The register of the mask of the rows that are left, where there are fewer than a vector has.
pub(super) const LEFT: u8 = 7;
/// Registers of masks for values. The first one cannot say what an instruction is for.
const MASKS: u32 = 0b1111_1110;

/// The kinds of registers.
const VECTORS: usize = 0;
const MASK: usize = 1;

/// Where things are in memory, as offsets from the stack pointer.
#[derive(Clone, Default)]
pub(super) struct Layout {
    /// The register that has an input's or output's address, or where the address is.
    pub(super) bases: Vec<Option<Result<u8, i32>>>,
    /// Of inputs and outputs of several columns: where the addresses of a turn's rows are, and how far apart rows are.
    pub(super) rows: Vec<Option<(i32, i32)>>,
    pub(super) kept: i32,
    /// Where a function has slices of its own.
    pub(super) local: i32,
    /// Where values are for want of registers: from an address on, that of the stack pointer or of other memory.
    pub(super) spill_base: u8,
    pub(super) spills: i32,
    /// Bytes of a value there.
    pub(super) spill_bytes: i32,
}

impl Layout {
    /// Bytes of a value that is kept for the rows: a number, where instructions take it for every lane.
    pub(super) fn kept_bytes(isa: Isa) -> i32 {
        match isa {
            Isa::Avx2 => isa.vector(),
            Isa::Avx512 => 8,
        }
    }
}

/// The rows of a turn, where they are fewer than 512 bits have.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Left {
    None,
    /// Any number: memory and sums are under the mask of the rows.
    Masked,
    /// As many as half of a vector has: sums are.
    Half,
}

/// The registers that values may have.
#[derive(Copy, Clone)]
pub(super) struct Room {
    /// The lowest so many of vectors.
    pub(super) vectors: usize,
    /// Whether there are as few of masks as an instruction may want.
    pub(super) few_masks: bool,
    pub(super) left: Left,
}

/// Which items use a value, for every value.
struct Uses {
    /// Where those of a value start; one more for their end.
    starts: Vec<u32>,
    items: Vec<u32>,
    /// The next one of each value.
    next: Vec<u32>,
}

fn each_use(body: &Body, mut f: impl FnMut(V, u32)) {
    for (item, at) in body.items.iter().zip(0..) {
        let (args, count) = item.operands(&body.nodes);
        (0..count).filter(|&k| !args[..k].contains(&args[k])).for_each(|k| f(args[k], at));
    }
}

impl Uses {
    fn new(body: &Body) -> Uses {
        let mut starts = vec![0; body.nodes.len() + 1];
        each_use(body, |v, _| starts[v as usize + 1] += 1);
        (1..starts.len()).for_each(|k| starts[k] += starts[k - 1]);
        let mut next: Vec<u32> = starts[..body.nodes.len()].to_vec();
        let mut items = vec![0; *starts.last().expect("there is an end") as usize];
        each_use(body, |v, at| {
            items[next[v as usize] as usize] = at;
            next[v as usize] += 1;
        });
        next.copy_from_slice(&starts[..body.nodes.len()]);
        Uses { starts, items, next }
    }

    fn count(&self, v: V) -> u32 {
        self.starts[v as usize + 1] - self.starts[v as usize]
    }

    /// The next use from an item on.
    fn from(&self, v: V, now: u32) -> u32 {
        let left = &self.items[self.next[v as usize] as usize..self.starts[v as usize + 1] as usize];
        left.iter().copied().find(|&at| at >= now).unwrap_or(NONE)
    }

    /// The item at hand is done. Whether there is no further use.
    fn pass(&mut self, v: V, now: u32) -> bool {
        let end = self.starts[v as usize + 1];
        let next = &mut self.next[v as usize];
        if *next < end && self.items[*next as usize] == now {
            *next += 1;
        }
        *next == end
    }
}

pub(super) struct Registers<'a> {
    pub(super) asm: &'a mut Asm,
    layout: &'a Layout,
    nodes: &'a [Node],
    uses: Uses,
    /// The item at hand.
    now: u32,
    /// Where a value is: in a register, in a slot of its own.
    reg: Vec<u8>,
    slot: Vec<u32>,
    /// By kind.
    who: [[V; 32]; 2],
    free: [u32; 2],
    /// Those that the instruction at hand uses.
    locked: [u32; 2],
    free_slots: Vec<u32>,
    /// Of values that are needed no more, which the instruction at hand may still read after another value was put in memory.
    left_slots: Vec<u32>,
    pub(super) slots: u32,
    /// Leaves that stay in registers.
    stays: Vec<bool>,
    /// Columns that are not in their place any more.
    held: Vec<bool>,
    left: Left,
    pub(super) spilled: usize,
}

impl<'a> Registers<'a> {
    pub(super) fn new(asm: &'a mut Asm, layout: &'a Layout, body: &'a Body, room: Room) -> Self {
        let Room { vectors, few_masks, left } = room;
        debug_assert!((FEWEST..=asm.isa.registers()).contains(&vectors), "an instruction has its operands in registers");
        let n = body.nodes.len();
        let masks = if few_masks { MASKS & ((2 << FEWEST_MASKS) - 1) } else { MASKS };
        Registers {
            asm,
            layout,
            nodes: &body.nodes,
            uses: Uses::new(body),
            now: 0,
            reg: vec![NOWHERE; n],
            slot: vec![NONE; n],
            who: [[NONE; 32]; 2],
            free: [u32::MAX >> (32 - vectors), masks & !(u32::from(left != Left::None) << LEFT)],
            locked: [0; 2],
            free_slots: vec![],
            left_slots: vec![],
            slots: 0,
            stays: vec![false; n],
            held: vec![false; n],
            left,
            spilled: 0,
        }
    }

    /// How many registers of vectors the values of a body need at most.
    pub(super) fn most(isa: Isa, body: &Body) -> usize {
        let uses = Uses::new(body);
        let is_vector = |v: V| !(isa.has_masks() && body.nodes[v as usize].is_mask());
        let mut is_live = vec![false; body.nodes.len()];
        let (mut live, mut most) = (0, 0);
        for (item, at) in body.items.iter().zip(0..) {
            let (args, count) = item.operands(&body.nodes);
            let made = if let Item::Make(v) = item { Some(*v) } else { None };
            let in_memory = usize::from(args[..count].iter().any(|&v| is_vector(v) && body.nodes[v as usize].is_leaf()));
            most = most.max(live + in_memory);
            for &v in &args[..count] {
                if is_live[v as usize] && uses.from(v, at + 1) == NONE {
                    is_live[v as usize] = false;
                    live -= 1;
                }
            }
            if let Some(v) = made {
                is_live[v as usize] = uses.count(v) > 0 && is_vector(v);
                live += usize::from(is_live[v as usize]);
                most = most.max(live + in_memory);
            }
        }
        most
    }

    /// Loads what is used most before the loop, into so many registers, which are never given to others.
    pub(super) fn hoist(&mut self, most: usize) {
        let is_known = |v: &V| matches!(self.nodes[*v as usize], Node::Const(_) | Node::Kept(_));
        let used = (0..self.nodes.len() as V).filter(is_known).filter(|&v| self.uses.count(v) > 0);
        let mut leaves: Vec<V> = used.collect();
        leaves.sort_by_key(|&v| std::cmp::Reverse(self.uses.count(v)));
        for &v in leaves.iter().take(most) {
            self.in_register(v);
            self.stays[v as usize] = true;
        }
        self.unlock();
    }

    /// Starts an item: its operands stay where they are until its end.
    pub(super) fn start(&mut self, at: u32, operands: &[V]) {
        self.now = at;
        for &v in operands.iter().filter(|&&v| self.reg[v as usize] != NOWHERE) {
            self.locked[self.kind(v)] |= 1 << self.reg[v as usize];
        }
    }

    pub(super) fn unlock(&mut self) {
        self.locked = [0; 2];
        self.free_slots.append(&mut self.left_slots);
    }

    fn kind(&self, v: V) -> usize {
        if self.asm.isa.has_masks() && self.nodes[v as usize].is_mask() { MASK } else { VECTORS }
    }

    pub(super) fn is_mask(&self, v: V) -> bool {
        self.kind(v) == MASK
    }

    pub(super) fn is_in(&self, v: V) -> bool {
        self.reg[v as usize] != NOWHERE
    }

    /// Whether a value's register may be overwritten by the item at hand.
    pub(super) fn dies(&self, v: V) -> bool {
        self.is_in(v) && !self.stays[v as usize] && self.uses.from(v, self.now + 1) == NONE
    }

    /// An address of an input or output.
    pub(super) fn place(&mut self, At { place, offset }: At) -> Mem {
        if place == LOCAL {
            return mem(RSP, self.layout.local + offset);
        }
        if let (Left::Masked, Some((table, bytes))) = (self.left, self.layout.rows[place as usize]) {
            // Every row has an address, also where there is no such row.
            self.asm.whole(Whole::Load, RAX, Rm::Mem(mem(RSP, table + 8 * (offset / bytes))));
            return mem(RAX, offset % bytes);
        }
        match self.layout.bases[place as usize].expect("the address of what is used is there") {
            Ok(base) => mem(base, offset),
            Err(at) => {
                self.asm.whole(Whole::Load, RAX, Rm::Mem(mem(RSP, at)));
                mem(RAX, offset)
            }
        }
    }

    /// The address of another row, so many bytes behind one that [`place`](Registers::place) gave.
    pub(super) fn row(&mut self, first: Mem, at: At, offset: i32) -> Mem {
        if self.is_masked() {
            return self.place(At { offset: at.offset + offset, ..at });
        }
        Mem { at: first.at + offset, ..first }
    }

    /// Where a value is kept for the rows.
    pub(super) fn kept(&self, k: u32) -> Mem {
        mem(RSP, self.layout.kept + k as i32 * Layout::kept_bytes(self.asm.isa))
    }

    /// Whether a value is in memory but for its slot.
    fn has_home(&self, v: V) -> bool {
        self.nodes[v as usize].is_leaf() && !self.held[v as usize]
    }

    /// What is in a column's place is overwritten.
    pub(super) fn hold(&mut self, v: V) {
        self.in_register(v);
        self.held[v as usize] = true;
    }

    /// Where a value is in memory.
    fn home(&mut self, v: V) -> Rm {
        match self.nodes[v as usize] {
            Node::Const(bits) => self.asm.constant(bits),
            Node::Column(at) if !self.held[v as usize] => Rm::Mem(self.place(at)),
            Node::Kept(k) if self.asm.isa == Isa::Avx512 => Rm::Each(self.kept(k)),
            Node::Kept(k) | Node::KeptMask(k) => Rm::Mem(self.kept(k)),
            _ => {
                let slot = self.slot[v as usize];
                assert_ne!(slot, NONE, "a value is in a register or in memory");
                Rm::Mem(self.slot(slot))
            }
        }
    }

    fn slot(&self, slot: u32) -> Mem {
        mem(self.layout.spill_base, self.layout.spills + slot as i32 * self.layout.spill_bytes)
    }

    /// Whether memory is under the mask of the rows.
    pub(super) fn is_masked(&self) -> bool {
        self.left == Left::Masked
    }

    /// Whether sums are.
    pub(super) fn sums_are_masked(&self) -> bool {
        self.left != Left::None
    }

    /// Whether a value is read from memory under the mask of the rows that are left.
    fn is_under(&self, v: V) -> bool {
        self.is_masked() && matches!(self.nodes[v as usize], Node::Column(_)) && !self.held[v as usize]
    }

    /// Loads a value from where it is in memory.
    fn load(&mut self, v: V, r: u8) {
        if let Node::Number(at) = self.nodes[v as usize] {
            let from = self.place(at);
            return self.asm.load_one(r, from);
        }
        let home = self.home(v);
        match self.kind(v) {
            MASK => self.asm.load_mask(r, home),
            _ if self.is_under(v) => self.asm.under_or_zero(LEFT).load(r, home),
            _ => self.asm.load(r, home),
        }
    }

    /// A register of vectors that is free, if need be made so.
    pub(super) fn take(&mut self) -> u8 {
        self.take_of(VECTORS)
    }

    /// A register of masks.
    pub(super) fn take_mask(&mut self) -> u8 {
        self.take_of(MASK)
    }

    fn take_of(&mut self, kind: usize) -> u8 {
        if self.free[kind] == 0 {
            let who = &self.who[kind];
            let last = (0..32u8)
                .filter(|&r| who[r as usize] != NONE && self.locked[kind] >> r & 1 == 0)
                .filter(|&r| !self.stays[who[r as usize] as usize])
                .max_by_key(|&r| self.uses.from(who[r as usize], self.now))
                .expect("an instruction has few operands");
            self.put_in_memory(who[last as usize], last);
        }
        let r = self.free[kind].trailing_zeros() as u8;
        self.free[kind] &= !(1 << r);
        self.locked[kind] |= 1 << r;
        r
    }

    /// A value leaves its register.
    fn put_in_memory(&mut self, v: V, r: u8) {
        let kind = self.kind(v);
        if !self.has_home(v) && self.slot[v as usize] == NONE {
            let slot = self.free_slots.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            self.slot[v as usize] = slot;
            let to = self.slot(slot);
            if kind == MASK {
                self.asm.store_mask(r, to)
            } else {
                self.asm.store(r, to)
            }
            self.spilled += 1;
        }
        self.reg[v as usize] = NOWHERE;
        self.give_back_of(kind, r);
    }

    /// All registers are given back, as a routine may overwrite them: what is needed after the item at hand goes to memory. They have what they had
    /// until something is put there.
    pub(super) fn leave(&mut self) {
        for r in 0..32 {
            match self.who[VECTORS][usize::from(r)] {
                NONE => {}
                v if self.uses.from(v, self.now + 1) == NONE => {
                    self.reg[v as usize] = NOWHERE;
                    self.give_back(r);
                }
                v => self.put_in_memory(v, r),
            }
        }
    }

    /// A register of vectors holds nothing any more.
    pub(super) fn give_back(&mut self, r: u8) {
        self.give_back_of(VECTORS, r);
    }

    fn give_back_of(&mut self, kind: usize, r: u8) {
        self.who[kind][r as usize] = NONE;
        self.free[kind] |= 1 << r;
    }

    /// A register of the item at hand holds a value from now on.
    pub(super) fn put(&mut self, v: V, r: u8) {
        let kind = self.kind(v);
        self.reg[v as usize] = r;
        self.who[kind][r as usize] = v;
        self.free[kind] &= !(1 << r);
        self.locked[kind] |= 1 << r;
        if self.uses.count(v) == 0 {
            self.drop(v);
        }
    }

    fn drop(&mut self, v: V) {
        let r = std::mem::replace(&mut self.reg[v as usize], NOWHERE);
        if r != NOWHERE {
            self.give_back_of(self.kind(v), r);
        }
        let slot = std::mem::replace(&mut self.slot[v as usize], NONE);
        if slot != NONE {
            self.left_slots.push(slot);
        }
    }

    pub(super) fn in_register(&mut self, v: V) -> u8 {
        let kind = self.kind(v);
        if !self.is_in(v) {
            let r = self.take_of(kind);
            self.load(v, r);
            self.reg[v as usize] = r;
            self.who[kind][r as usize] = v;
        }
        self.locked[kind] |= 1 << self.reg[v as usize];
        self.reg[v as usize]
    }

    /// A value in a register, or in memory where it had better be read from there.
    pub(super) fn operand(&mut self, v: V) -> Rm {
        let next = self.uses.from(v, self.now + 1);
        // An instruction would read a whole vector.
        let is_one = matches!(self.nodes[v as usize], Node::Number(_));
        if self.is_in(v) || is_one || self.is_under(v) || (next != NONE && next <= self.now + SOON) {
            return Rm::Reg(self.in_register(v));
        }
        self.home(v)
    }

    /// A copy of a value in a register that is nobody's.
    pub(super) fn copy(&mut self, v: V) -> u8 {
        let r = self.take();
        if self.is_in(v) {
            self.asm.load(r, Rm::Reg(self.reg[v as usize]))
        } else {
            self.load(v, r)
        }
        r
    }

    /// The item at hand has read its operands: those that are not needed any more leave their registers.
    pub(super) fn consume(&mut self, operands: &[V]) {
        for &v in operands {
            if self.uses.pass(v, self.now) && !self.stays[v as usize] {
                self.drop(v);
            }
        }
    }

    /// The same, where one of them was overwritten.
    pub(super) fn overwritten(&mut self, r: u8, operands: &[V]) -> u8 {
        self.consume(operands);
        self.free[VECTORS] &= !(1 << r);
        r
    }
}
