//! Columns of inputs and outputs whose rows lie one after the other in memory, as vectors: squares of neighbouring columns and rows are transposed.

use super::list::{At, Bin, Item, List, Node, V};
use crate::base::Width;
use crate::schedule::RowCall;
use rustc_hash::FxHashMap;

/// The rows of a turn.
#[derive(Copy, Clone)]
pub(super) struct Rows {
    /// How many a vector has.
    pub(super) lanes: usize,
    pub(super) vectors: usize,
    /// How many vectors the partial sums of a sum are.
    pub(super) vectors_of_partials: usize,
}

impl Rows {
    pub(super) fn count(self) -> usize {
        self.lanes * self.vectors
    }
}

pub(super) struct Columns<'l> {
    list: &'l List,
    call: &'l RowCall,
    rows: Rows,
    /// Bytes of a number.
    size: i32,
    /// Columns that are stored when their neighbours are there, by vector and output number.
    waiting: FxHashMap<(usize, u32), V>,
}

impl<'l> Columns<'l> {
    pub(super) fn new(list: &'l List, call: &'l RowCall, rows: Rows) -> Self {
        Columns { list, call, rows, size: list.width.bytes() as i32, waiting: FxHashMap::default() }
    }

    /// How many neighbouring columns make a square: as many numbers as 128 bits have.
    fn side(&self) -> usize {
        16 / self.list.width.bytes()
    }

    /// A vector of one or two halves of 256 bits, by the number of their first 128 bits.
    fn halves(&self, half: impl Fn(usize) -> V) -> V {
        let parts = self.rows.lanes / self.side();
        let first = half(0);
        if parts == 2 { first } else { self.list.push(Node::JoinHalves(first, half(2))) }
    }

    /// The column of an input slot; none if all rows share it.
    pub(super) fn load(&self, slot: u32, vector: usize) -> Option<V> {
        let (place, k) = self.call.slots[slot as usize];
        let len = self.call.input_stride(place as usize)?;
        let first = vector * self.rows.lanes;
        let at = |row: usize, k: usize| At { place, offset: ((first + row) * len + k) as i32 * self.size };
        let (k, side) = (k as usize, self.side());
        Some(match len {
            _ if self.rows.lanes == 1 => self.list.push(Node::One(at(0, k))),
            1 => self.list.push(Node::Column(at(0, 0))),
            // The last columns of a row are in a square with those before them.
            _ if len >= side => {
                let start = (k - k % side).min(len - side);
                self.square(|row| at(row, start))[k - start]
            }
            _ => {
                let part = |n: usize| {
                    let first = self.list.push(Node::One(at(n * side, k)));
                    (1..side).fold(first, |v, lane| self.list.push(Node::PutOne(v, at(n * side + lane, k), lane as u8)))
                };
                self.halves(|n| {
                    let first = part(n);
                    self.list.push(Node::Join(first, part(n + 1)))
                })
            }
        })
    }

    /// Columns of a square and of those below it.
    fn square(&self, at: impl Fn(usize) -> At) -> Vec<V> {
        let (list, side) = (self.list, self.side());
        let part = |n: usize, k: usize| at(n * side + k);
        let row = |k: usize| self.halves(|n| list.push(Node::PutPart(list.push(Node::Part(part(n, k))), part(n + 1, k))));
        let rows: Vec<V> = (0..side).map(row).collect();
        self.transposed(&rows)
    }

    /// The columns of the squares of all parts.
    fn transposed(&self, rows: &[V]) -> Vec<V> {
        let merged = |pairs: bool, a: V, b: V| {
            let [low, high] = if pairs { [Bin::LowPairs, Bin::HighPairs] } else { [Bin::Low, Bin::High] };
            [self.list.bin(low, a, b), self.list.bin(high, a, b)]
        };
        match self.list.width {
            Width::F64 => merged(false, rows[0], rows[1]).to_vec(),
            Width::F32 => {
                let [low, high] = merged(false, rows[0], rows[1]);
                let [low_below, high_below] = merged(false, rows[2], rows[3]);
                [merged(true, low, low_below), merged(true, high, high_below)].concat()
            }
        }
    }

    /// Stores the column of an output, with its neighbours as soon as they are there.
    pub(super) fn store(&mut self, output: u32, vector: usize, v: V) {
        let (group, k) = self.call.places[output as usize];
        let len = self.call.output_len(group as usize);
        let side = self.side() as u32;
        let start = k - k % side;
        if self.rows.lanes == 1 || len == 1 || (start + side) as usize > len {
            return self.store_alone(output, vector, v);
        }
        self.waiting.insert((vector, output), v);
        let square = (output - k + start..).take(side as usize);
        if square.clone().any(|other| !self.waiting.contains_key(&(vector, other))) {
            return;
        }
        let first = self.place(output - k + start, vector);
        let columns: Vec<V> = square.map(|k| self.waiting.remove(&(vector, k)).expect("all are there")).collect();
        let row_bytes = len as i32 * self.size;
        for (v, row) in self.transposed(&columns).into_iter().zip(0..) {
            let at = At { offset: first.offset + row * row_bytes, ..first };
            self.list.done(Item::StoreParts(v, at, side as i32 * row_bytes));
        }
    }

    fn store_alone(&self, output: u32, vector: usize, v: V) {
        let len = self.call.output_len(self.call.places[output as usize].0 as usize);
        let at = self.place(output, vector);
        self.list.done(match len {
            1 if self.rows.lanes > 1 => Item::Store(v, at),
            _ => Item::StoreLanes(v, at, len as i32 * self.size),
        });
    }

    fn place(&self, output: u32, vector: usize) -> At {
        let (group, k) = self.call.places[output as usize];
        let row = vector * self.rows.lanes * self.call.output_len(group as usize);
        At { place: self.call.shape.varying.len() as u32 + group, offset: (row + k as usize) as i32 * self.size }
    }

    /// Every output is an output of its own, so that at the end of the rows all have their neighbours.
    pub(super) fn finish(&self) {
        debug_assert!(self.waiting.is_empty(), "all columns of a square are outputs");
    }
}
