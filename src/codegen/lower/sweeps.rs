//! Sweeps over the turns of a loop. Records of turns are in memory that grows: in the stack at first, then in the thread's.

use super::flow::{Making, Place, SHORT, args, asked_for};
use super::turned::{Records, Turned};
use crate::kernels::{TAPE_HEAD, TAPE_INLINE};
use crate::schedule::flow::{Block, Most, SweepBlock};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types};

/// Offsets in a [`Tape`](crate::kernels): where its memory begins and ends, where it was made room for, bytes of a record.
const START: i32 = 0;
const END: i32 = 8;
const AT: i32 = 16;
const RECORD: i32 = 24;

impl Making<'_, '_, '_> {
    /// What each further sweep carries in the end.
    pub(super) fn back(
        &self,
        turned: Turned,
        of: &SweepBlock,
        operands: &[Place],
        sweeps: &[SweepBlock],
        last: bool,
    ) -> Vec<Value> {
        let (mut starts, shared) = operands.split_at(sweeps.iter().map(|sweep| sweep.carries).sum());
        let all: Vec<&SweepBlock> = std::iter::once(of).chain(sweeps).collect();
        let mut records = vec![turned.records];
        records.extend(sweeps.iter().map(|sweep| self.records(sweep)));
        let (mut results, mut count) = (vec![], turned.count);
        for k in 1..all.len() {
            let own;
            (own, starts) = starts.split_at(all[k].carries);
            let more;
            (more, count) = self.sweep(k, count, self.loaded(own), shared, &all, &records);
            results.extend(more);
        }
        records.into_iter().skip(usize::from(!last)).flatten().for_each(|records| self.give_back(records));
        results
    }

    /// An empty tape for the records of a sweep, if later ones read any of them.
    fn records(&self, sweep: &SweepBlock) -> Option<Records> {
        let bytes = sweep.kept.len() as i64 * i64::from(self.size());
        (bytes > 0).then(|| {
            let slot = self.with(|b| {
                let data = StackSlotData::new(StackSlotKind::ExplicitSlot, (TAPE_HEAD + TAPE_INLINE) as u32, 4);
                let slot = b.create_sized_stack_slot(data);
                let [start, end] = [TAPE_HEAD, TAPE_HEAD + TAPE_INLINE].map(|at| b.ins().stack_addr(types::I64, slot, at as i32));
                let record = b.ins().iconst(types::I64, bytes);
                for (v, at) in [(start, START), (end, END), (record, RECORD)] {
                    b.ins().stack_store(types::I64, v, slot, at);
                }
                slot
            });
            Records { slot, bytes }
        })
    }

    fn start(&self, records: Records) -> Value {
        self.with(|b| b.ins().stack_load(types::I64, types::I64, records.slot, START))
    }

    /// Where there is room for so many bytes from an address on, as the parameter of the block at hand; where there is none, `fails` ends the block.
    fn room(&self, records: Records, at: Value, bytes: Value, fails: impl FnOnce(&Self)) -> Value {
        let (fits, room) = self.new_block_of(&[types::I64]);
        let (grows, _) = self.new_block(0);
        let (failed, _) = self.new_block(0);
        self.with(|b| {
            b.set_cold_block(grows);
            b.set_cold_block(failed);
            let end = b.ins().stack_load(types::I64, types::I64, records.slot, END);
            let after = b.ins().iadd(at, bytes);
            let is_room = b.ins().icmp(IntCC::UnsignedLessThanOrEqual, after, end);
            b.ins().brif(is_room, fits, &args(&[at]), grows, &[]);
        });
        self.switch_to(grows);
        let tape = self.with(|b| b.ins().stack_addr(types::I64, records.slot, START));
        self.emitter.grow_records(tape, at, bytes);
        self.with(|b| {
            let moved = b.ins().stack_load(types::I64, types::I64, records.slot, AT);
            b.ins().brif(moved, fits, &args(&[moved]), failed, &[])
        });
        self.switch_to(failed);
        fails(self);
        self.switch_to(fits);
        room[0]
    }

    /// The loop: what it carries in the end, and its turns.
    pub(super) fn forward(
        &self,
        carried: Vec<Value>,
        shared: &[Place],
        (condition, sweep): (&Block, &SweepBlock),
        most: Option<Most>,
    ) -> (Vec<Value>, Turned) {
        let records = self.records(sweep);
        let shared = &self.outside(shared);
        let given = |carried: &[Value]| -> Vec<Place> {
            carried.iter().map(|&v| Place::Value(v)).chain(shared.iter().copied()).collect()
        };
        let n = carried.len();
        // What is carried, the number of turns, and where the next record goes.
        let types = [vec![self.emitter.lanes(); n], vec![types::I64; 1 + usize::from(records.is_some())]].concat();
        let is_short = condition.operations() <= SHORT && !condition.is_nested();
        let shared_steps = if is_short { condition.shared(&sweep.body) } else { vec![] };
        let (turn, inside) = self.new_block_of(&[&types[..], &vec![self.emitter.lanes(); asked_for(&shared_steps)]].concat());
        let (inside, known) = inside.split_at(types.len());
        let (end, last) = self.new_block_of(&types[..n + 1]);
        let none = self.with(|b| b.ins().iconst(types::I64, 0));
        let state = [carried, vec![none], records.map(|records| self.start(records)).into_iter().collect()].concat();
        let ask = |state: &[Value]| {
            let (holds, known) = self.asked(condition, given(&state[..n]), &shared_steps);
            self.with(|b| b.ins().brif(holds, turn, &args(&[state, &known].concat()), end, &args(&state[..n + 1])));
        };
        if is_short {
            ask(&state);
            self.switch_to(turn);
        } else {
            self.with(|b| b.ins().jump(turn, &args(&state)));
            self.switch_to(turn);
            let holds = self.holds(condition, given(&inside[..n]));
            let (go_on, _) = self.new_block(0);
            self.with(|b| b.ins().brif(holds, go_on, &[], end, &args(&inside[..n + 1])));
            self.switch_to(go_on);
        }
        self.counted(most, Some(inside[n]), |this| this.with(|b| _ = b.ins().jump(end, &args(&inside[..n + 1]))));
        let place = records.map(|records| {
            let bytes = self.with(|b| b.ins().iconst(types::I64, records.bytes));
            let fails = |this: &Self| this.with(|b| _ = b.ins().jump(end, &args(&inside[..n + 1])));
            self.room(records, inside[n + 1], bytes, fails)
        });
        let results = self.recorded(sweep, &inside[..n], place, |this| {
            this.block_behind(&sweep.body, given(&inside[..n]), &shared_steps, known)
        });
        let count = self.with(|b| b.ins().iadd_imm_s(inside[n], 1));
        let next = records.zip(place).map(|(records, place)| self.with(|b| b.ins().iadd_imm_s(place, records.bytes)));
        let state = [&results[..n], &[count], next.as_slice()].concat();
        if is_short {
            ask(&state);
        } else {
            self.with(|b| b.ins().jump(turn, &args(&state)));
        }
        self.switch_to(end);
        let (last, count) = last.split_at(n);
        (last.to_vec(), Turned { count: count[0], records })
    }

    /// A later sweep over so many turns: what it carries in the end, and the turns that are left for those behind it: none where records have
    /// outgrown their limit.
    fn sweep(
        &self,
        k: usize,
        count: Value,
        carried: Vec<Value>,
        shared: &[Place],
        sweeps: &[&SweepBlock],
        records: &[Option<Records>],
    ) -> (Vec<Value>, Value) {
        let (sweep, n) = (sweeps[k], carried.len());
        let shared = &self.outside_of(n, shared);
        let (end, last) = self.new_block_of(&[vec![self.emitter.lanes(); n], vec![types::I64]].concat());
        let zero = self.with(|b| b.ins().iconst(types::I64, 0));
        let own = records[k].map(|records| {
            let start = self.start(records);
            let bytes = self.with(|b| b.ins().imul_imm_s(count, records.bytes));
            let fails = |this: &Self| this.with(|b| _ = b.ins().jump(end, &args(&[&carried[..], &[zero]].concat())));
            (self.room(records, start, bytes, fails), records.bytes)
        });
        // Where each sweep's record of the first turn is, and how far it is to that of the next.
        let mut moving: Vec<(Value, i64)> = vec![];
        for (j, records) in records[..k].iter().enumerate() {
            let Some(records) = *records else { continue };
            let start = self.start(records);
            moving.push(match (k - j) % 2 {
                0 => (start, records.bytes),
                _ => self.with(|b| {
                    let before = b.ins().iadd_imm_s(count, -1);
                    let offset = b.ins().imul_imm_s(before, records.bytes);
                    (b.ins().iadd(start, offset), -records.bytes)
                }),
            });
        }
        moving.extend(own);
        let types = [vec![self.emitter.lanes(); n], vec![types::I64; moving.len() + 1]].concat();
        let (turn, inside) = self.new_block_of(&types);
        let starts: Vec<Value> = moving.iter().map(|(start, _)| *start).collect();
        self.with(|b| {
            let some = b.ins().icmp_imm_s(IntCC::NotEqual, count, 0);
            b.ins().brif(
                some,
                turn,
                &args(&[&carried[..], &[count], &starts].concat()),
                end,
                &args(&[&carried[..], &[count]].concat()),
            );
        });
        self.switch_to(turn);
        let (carries, left, at) = (&inside[..n], inside[n], &inside[n + 1..]);
        let nothing = Place::Value(self.emitter.constants(0.0));
        let mut given: Vec<Place> = vec![];
        let mut addresses = at.iter();
        for (earlier, records) in sweeps[..k].iter().zip(records) {
            let address = records.and_then(|_| addresses.next());
            let place = |entry: u32| match (address, earlier.kept.iter().position(|kept| *kept == entry)) {
                (Some(&address), Some(at)) => Place::Memory(address, at as i32 * self.size()),
                _ => nothing,
            };
            given.extend((0..earlier.body.results.len() as u32).map(place));
        }
        given.extend(carries.iter().map(|&v| Place::Value(v)));
        given.extend_from_slice(shared);
        let place = own.and_then(|_| at.last().copied());
        let results = self.recorded(sweep, carries, place, |this| this.block(&sweep.body, given));
        self.with(|b| {
            let left = b.ins().iadd_imm_s(left, -1);
            let at: Vec<Value> = at.iter().zip(&moving).map(|(&at, &(_, by))| b.ins().iadd_imm_s(at, by)).collect();
            let next = &results[..n];
            b.ins().brif(left, turn, &args(&[next, &[left], &at].concat()), end, &args(&[next, &[count]].concat()));
        });
        self.switch_to(end);
        let (last, count) = last.split_at(n);
        (last.to_vec(), count[0])
    }

    /// The results of a turn, what is kept of which goes into its record.
    fn recorded(
        &self,
        sweep: &SweepBlock,
        carried: &[Value],
        place: Option<Value>,
        turn: impl FnOnce(&Self) -> Vec<Value>,
    ) -> Vec<Value> {
        let store = |k: usize, v: Value| {
            if let Some(place) = place {
                self.put(v, place, k);
            }
        };
        let kept = |given: bool| {
            let entries = sweep.kept.iter().map(|entry| *entry as usize).enumerate();
            entries.filter(move |(_, entry)| (*entry < sweep.carries) == given)
        };
        kept(true).for_each(|(k, entry)| store(k, carried[entry]));
        let results = turn(self);
        kept(false).for_each(|(k, entry)| store(k, results[entry]));
        results
    }

    /// The thread gets the memory back, if the stack's did not do.
    fn give_back(&self, records: Records) {
        let (gives, _) = self.new_block(0);
        let (end, _) = self.new_block(0);
        let tape = self.with(|b| {
            b.set_cold_block(gives);
            let tape = b.ins().stack_addr(types::I64, records.slot, 0);
            let start = b.ins().stack_load(types::I64, types::I64, records.slot, START);
            let inline = b.ins().iadd_imm_s(tape, TAPE_HEAD as i64);
            let is_inline = b.ins().icmp(IntCC::Equal, start, inline);
            b.ins().brif(is_inline, end, &[], gives, &[]);
            tape
        });
        self.switch_to(gives);
        self.emitter.give_records_back(tape);
        self.with(|b| b.ins().jump(end, &[]));
        self.switch_to(end);
    }
}
