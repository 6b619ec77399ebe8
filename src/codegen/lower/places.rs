//! Where the values of a program are in memory: inputs, outputs, and values that cross from one native function to another.

use super::{Frame, Lowering, bare};
use crate::op::DType;
use crate::schedule::StepKind;
use cranelift_codegen::ir::{ConstantData, InstBuilder, MemFlagsData, Type, Value, types};

/// For elements, which are aligned.
pub(super) fn flags() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// For vectors, which are as aligned as an element is.
pub(super) fn vector_flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

impl Lowering<'_, '_, '_> {
    /// Bytes of an element.
    pub(super) fn size(&self) -> i32 {
        self.program.width.bytes() as i32
    }

    /// The first row of the vectors of the copy at hand, counted from the loop's row.
    pub(super) fn first(&self) -> usize {
        self.copy * self.lanes
    }

    pub(super) fn load_scratch(&self, step: u32) -> Value {
        let offset = self.slot(step).expect("a value that crosses segments has a slot");
        let v = self.load(self.emitter.float(), self.scratch, offset);
        match self.program.steps[step as usize].dtype() {
            DType::Float | DType::Index => v,
            DType::Mask => self.emitter.number_to_mask(v),
        }
    }

    pub(super) fn load(&self, ty: Type, base: Value, offset: i32) -> Value {
        let flags = if ty.is_vector() { vector_flags() } else { flags() };
        self.with(|b| b.ins().load(ty, flags, base, offset))
    }

    pub(super) fn store_at(&self, v: Value, base: Value, offset: i32) {
        self.with(|b| {
            let flags = if b.func.dfg.value_type(v).is_vector() { vector_flags() } else { flags() };
            b.ins().store(flags, v, base, offset)
        });
    }

    pub(super) fn load_input(&mut self, step: u32, slot: u32) -> Value {
        let (size, float) = (self.size(), self.emitter.float());
        let (inputs, row, call) = match self.frame {
            Frame::Flat { .. } | Frame::Apart { .. } => {
                let (base, offset) = self.input_place(slot);
                return self.load(float, base, offset);
            }
            Frame::Rows { inputs, row, call, .. } => (inputs, row, call),
        };
        let (group, k) = call.slots[slot as usize];
        let stride = call.input_stride(group as usize);
        let base = self.base(false, group, inputs, stride.map(|len| (row, len)));
        let offset = (self.first() * stride.unwrap_or(0)) as i32 * size + k as i32 * size;
        match stride {
            _ if self.lanes == 1 => self.load(float, base, offset),
            None => self.emitter.spread(self.load(float, base, offset)),
            Some(1) => self.load(self.emitter.lanes(), base, offset),
            Some(len) => self.gather(step, base, offset, k as usize, len),
        }
    }

    /// Whether a step is an input whose elements, a vector of them, do not lie one after the other.
    pub(super) fn is_gathered(&self, step: u32) -> bool {
        let StepKind::Input(slot) = self.program.steps[step as usize].kind else { return false };
        let Frame::Rows { call, .. } = self.frame else { return false };
        self.lanes > 1 && call.input_stride(call.slots[slot as usize].0 as usize).is_some_and(|len| len > 1)
    }

    /// Where an input of straight-line code is.
    pub(super) fn input_place(&mut self, slot: u32) -> (Value, i32) {
        match self.frame {
            Frame::Flat { x, .. } => (x, slot as i32 * self.size()),
            Frame::Apart { inputs, places, .. } => {
                let (group, k) = places.slots[slot as usize];
                (self.base(false, group, inputs, None), k as i32 * self.size())
            }
            Frame::Rows { .. } => unreachable!("an input of rows has a place in each"),
        }
    }

    /// A column of rows that lie one after the other. Columns that are neighbours are loaded together, as squares that are
    /// transposed.
    fn gather(&mut self, step: u32, base: Value, offset: i32, column: usize, len: usize) -> Value {
        let (size, lanes) = (self.size(), self.lanes);
        let row = |lane: usize| (lane * len) as i32 * size;
        let at = column % lanes;
        if column - at + lanes > len {
            let numbers: Vec<Value> = (0..lanes).map(|lane| self.load(self.emitter.float(), base, offset + row(lane))).collect();
            return self.emitter.join(&numbers);
        }
        let offset = offset - at as i32 * size;
        let rows = (0..lanes).map(|lane| self.load(self.emitter.lanes(), base, offset + row(lane))).collect();
        let columns = self.transpose(rows);
        // The inputs of a group are numbered one after the other, as their columns are.
        let StepKind::Input(slot) = self.program.steps[step as usize].kind else { unreachable!("columns are inputs") };
        for (k, &v) in columns.iter().enumerate() {
            if let Some(&neighbour) = self.input_steps.get(&(slot - at as u32 + k as u32)) {
                self.copies[self.copy].loaded.insert(neighbour, (v, self.now));
            }
        }
        columns[at]
    }

    /// The columns of as many rows as a vector has lanes. Merging every row with the one that is half of all rows further
    /// shuffles the bits of an element's index by one; as often as there are bits in a lane's index, rows become columns.
    fn transpose(&self, mut rows: Vec<Value>) -> Vec<Value> {
        let half = rows.len() / 2;
        for _ in 0..rows.len().ilog2() {
            rows = (0..half).flat_map(|k| [false, true].map(|high| self.merge(rows[k], rows[half + k], high))).collect();
        }
        rows
    }

    /// The first (or last) lanes of two vectors, in turns.
    fn merge(&self, a: Value, b: Value, high: bool) -> Value {
        let size = self.size() as u8;
        let start = if high { 8 } else { 0 };
        let lanes = (0..8 / size).flat_map(|lane| [start + lane * size, 16 + start + lane * size]);
        let mask: Vec<u8> = lanes.flat_map(|byte| byte..byte + size).collect();
        let (a, b) = (self.emitter.as_type(types::I8X16, a), self.emitter.as_type(types::I8X16, b));
        let merged = self.with(|builder| {
            let mask = builder.func.dfg.immediates.push(ConstantData::from(mask));
            builder.ins().shuffle(a, b, mask)
        });
        self.emitter.as_type(self.emitter.lanes(), merged)
    }

    pub(super) fn store_output(&mut self, output: u32, v: Value) {
        let (base, offset, stride) = self.output_place(output);
        let first = (self.first() * stride.unwrap_or(0)) as i32 * self.size();
        let Some(len) = stride.filter(|&len| self.lanes > 1 && len > 1) else {
            return self.store_at(v, base, offset + first);
        };
        let (rows, offset) = match self.squares.get(&output) {
            None => (self.emitter.split(v).collect::<Vec<_>>(), offset),
            Some(None) => return,
            Some(&Some(start)) => {
                let columns = (start..).zip(&self.program.outputs[start as usize..]).take(self.lanes);
                let columns = columns.map(|(_, &step)| bare(self.value(step))).collect();
                (self.transpose(columns), self.output_place(start).1)
            }
        };
        let row = len as i32 * self.size();
        rows.into_iter().zip(0..).for_each(|(v, lane)| self.store_at(v, base, offset + first + lane * row));
    }

    /// An output's address at the row, with how far apart rows are if it has any.
    pub(super) fn output_place(&mut self, output: u32) -> (Value, i32, Option<usize>) {
        match self.frame {
            Frame::Flat { y, .. } => (y, output as i32 * self.size(), None),
            Frame::Apart { outputs, places, .. } => {
                let (group, k) = places.places[output as usize];
                (self.base(true, group, outputs, None), k as i32 * self.size(), None)
            }
            Frame::Rows { outputs, row, call, .. } => {
                let (group, k) = call.places[output as usize];
                let stride = call.output_stride(group as usize);
                (self.base(true, group, outputs, stride.map(|len| (row, len))), k as i32 * self.size(), stride)
            }
        }
    }

    /// The address of an input or output group, at the row if it has rows of some elements.
    fn base(&mut self, output: bool, group: u32, table: Value, row: Option<(Value, usize)>) -> Value {
        if let Some(&base) = self.bases.get(&(output, group)) {
            return base;
        }
        let start = match self.starts.get(&(output, group)) {
            Some(&start) => start,
            None => self.load(types::I64, table, group as i32 * 8),
        };
        let base = match row {
            None => start,
            Some((row, len)) => self.displaced(start, row, len * self.program.width.bytes()),
        };
        self.bases.insert((output, group), base);
        base
    }

    /// The address of the `index`-th of things of some bytes each.
    pub(super) fn displaced(&self, start: Value, index: Value, bytes: usize) -> Value {
        self.with(|b| {
            // A shift goes into the address of a load or store.
            let offset = if bytes.is_power_of_two() {
                b.ins().ishl_imm_u(index, bytes.ilog2() as i64)
            } else {
                b.ins().imul_imm_s(index, bytes as i64)
            };
            b.ins().iadd(start, offset)
        })
    }
}
