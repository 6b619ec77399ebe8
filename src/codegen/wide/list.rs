//! What a loop's body computes, as a list. Equal entries are one, so that what kernels share is computed once.

pub(super) use super::encode::Bin;
use super::isa::Isa;
use crate::base::Width;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// The number of an entry.
pub(super) type V = u32;

/// What becomes of kernels.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Kernels {
    /// They are parts of the list.
    Inline,
    /// The same, of a vector with so many numbers: a routine is called for each.
    OfLanes(usize),
    /// Of one number, outside of loops: routines are called, ours or the platform's.
    Called { platform: bool },
}

/// The place of what a function has on its own stack.
pub(super) const LOCAL: u32 = u32::MAX;

/// An input's or output's address, and an offset in bytes.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct At {
    pub(super) place: u32,
    pub(super) offset: i32,
}

/// A vector of numbers, or of truth values: all bits of a lane, or none; or a mask of truth values, where there are such.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Node {
    /// These are in memory, and instructions read them there: a constant, what was made before the rows, numbers of neighbouring rows.
    Const(u64),
    Kept(u32),
    Column(At),
    /// A number alone, which is loaded whenever no register has it, and zeros.
    Number(At),
    /// A number of memory in every lane.
    Shared(At),
    /// A number of memory, and zeros; with more of them at the places from 1 to 3.
    One(At),
    PutOne(V, At, u8),
    /// As many numbers as 128 bits have, and zeros; with others as the next 128 bits; both of 128 bits as 256, both of 256 as 512.
    Part(At),
    PutPart(V, At),
    Join(V, V),
    JoinHalves(V, V),
    Bin(Bin, V, V),
    Sqrt(V),
    Round(V, u8),
    Left(V, u8),
    Right(V, u8),
    /// ±a·b ± c
    Fma {
        product: bool,
        addend: bool,
        args: [V; 3],
    },
    Compare(u8, V, V),
    /// Masks: a known one, one that was made before the rows, where both hold, where one of two does, where none does.
    Flag(bool),
    KeptMask(u32),
    Both(V, V),
    Either(V, V),
    Not(V),
    /// The second where the mask holds, 0 elsewhere.
    OrZero(V, V),
    /// The second where the first holds, the third elsewhere.
    Select(V, V, V),
    /// A routine of the number of the last one or two, lane by lane, by its number.
    Call(u32, V, V),
    /// The first; where the second holds, a routine of the third, or of the third and the first.
    Rare(u32, [V; 3]),
}

impl Node {
    /// Whether it is in memory from the start.
    pub(super) fn is_leaf(self) -> bool {
        matches!(self, Node::Const(_) | Node::Kept(_) | Node::KeptMask(_) | Node::Column(_) | Node::Number(_))
    }

    /// Whether it is a mask, where there are such.
    pub(super) fn is_mask(self) -> bool {
        matches!(self, Node::Compare(..) | Node::Flag(_) | Node::KeptMask(_) | Node::Both(..) | Node::Either(..) | Node::Not(_))
    }

    pub(super) fn operands(self) -> ([V; 3], usize) {
        match self {
            Node::Const(_) | Node::Kept(_) | Node::Column(_) | Node::Shared(_) | Node::One(_) | Node::Part(_) => ([0; 3], 0),
            Node::Flag(_) | Node::KeptMask(_) | Node::Number(_) => ([0; 3], 0),
            Node::PutOne(a, ..)
            | Node::PutPart(a, _)
            | Node::Not(a)
            | Node::Sqrt(a)
            | Node::Round(a, _)
            | Node::Left(a, _)
            | Node::Right(a, _) => ([a, 0, 0], 1),
            Node::Join(a, b) | Node::JoinHalves(a, b) | Node::Bin(_, a, b) | Node::Compare(_, a, b) | Node::Call(_, a, b) => {
                ([a, b, 0], 2)
            }
            Node::Both(a, b) | Node::Either(a, b) | Node::OrZero(a, b) => ([a, b, 0], 2),
            Node::Fma { args, .. } | Node::Rare(_, args) => (args, 3),
            Node::Select(m, a, b) => ([m, a, b], 3),
        }
    }

    pub(super) fn place(self) -> Option<At> {
        match self {
            Node::Column(at)
            | Node::Number(at)
            | Node::Shared(at)
            | Node::One(at)
            | Node::PutOne(_, at, _)
            | Node::Part(at)
            | Node::PutPart(_, at) => Some(at),
            _ => None,
        }
    }
}

/// What is done, in order.
#[derive(Copy, Clone, Debug)]
pub(super) enum Item {
    Make(V),
    Store(V, At),
    /// Every 128 bits go to a place of their own; how far apart these are.
    StoreParts(V, At, i32),
    /// Every number goes to a row of its own; how far apart these are.
    StoreLanes(V, At, i32),
    /// Adds to a vector of partial sums: a number, or a product.
    Add(u32, V, Option<V>),
    /// For the rows.
    Keep(u32, V),
    /// From here on a column is not in its place any more: what follows overwrites it.
    Hold(V),
    /// A routine over slices.
    Slices(Slices),
}

/// A call of a routine over slices that are on the function's stack: its number, where operands are and where results go, of a second kernel, too, if
/// there is one, and how many there are.
#[derive(Copy, Clone, Debug)]
pub(super) struct Slices {
    pub(super) routine: u32,
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) z: Option<i32>,
    pub(super) count: i32,
}

impl Item {
    pub(super) fn operands(self, nodes: &[Node]) -> ([V; 3], usize) {
        match self {
            Item::Make(v) => nodes[v as usize].operands(),
            Item::Store(v, _)
            | Item::StoreParts(v, ..)
            | Item::StoreLanes(v, ..)
            | Item::Keep(_, v)
            | Item::Hold(v)
            | Item::Add(_, v, None) => ([v, 0, 0], 1),
            Item::Add(_, v, Some(factor)) => ([v, factor, 0], 2),
            Item::Slices(_) => ([0; 3], 0),
        }
    }

    pub(super) fn place(self, nodes: &[Node]) -> Option<At> {
        match self {
            Item::Make(v) => nodes[v as usize].place(),
            Item::Store(_, at) | Item::StoreParts(_, at, _) | Item::StoreLanes(_, at, _) => Some(at),
            Item::Add(..) | Item::Keep(..) | Item::Hold(_) | Item::Slices(_) => None,
        }
    }
}

/// A list that grows.
pub(super) struct List {
    pub(super) isa: Isa,
    pub(super) width: Width,
    nodes: RefCell<Vec<Node>>,
    items: RefCell<Vec<Item>>,
    known: RefCell<FxHashMap<Node, V>>,
    /// How many entries are computed.
    made: Cell<usize>,
    pub(super) kernels: Cell<Kernels>,
}

/// What is computed and done.
pub(super) struct Body {
    pub(super) nodes: Vec<Node>,
    pub(super) items: Vec<Item>,
}

impl Body {
    /// Puts what is added to the same partial sum together, where it is added last, so that a sum in memory is loaded and stored once. What is added
    /// comes from memory again, if need be; so it stays where it is if something is stored in between.
    pub(super) fn add_together(&mut self) {
        let mut last: FxHashMap<u32, usize> = FxHashMap::default();
        let mut moved: FxHashMap<usize, Vec<Item>> = FxHashMap::default();
        let mut stays = vec![true; self.items.len()];
        let mut stored = usize::MAX;
        for (at, item) in self.items.iter().enumerate().rev() {
            match *item {
                Item::Add(part, v, factor) => {
                    let is_column = |v: V| matches!(self.nodes[v as usize], Node::Column(_));
                    let reads_column = is_column(v) || factor.is_some_and(is_column);
                    match last.get(&part) {
                        Some(&later) if !(reads_column && stored < later) => {
                            moved.entry(later).or_default().push(*item);
                            stays[at] = false;
                        }
                        _ => _ = last.insert(part, at),
                    }
                }
                Item::Store(..) | Item::StoreParts(..) | Item::StoreLanes(..) => stored = at,
                _ => {}
            }
        }
        let items = std::mem::take(&mut self.items);
        for (at, item) in items.into_iter().enumerate().filter(|&(at, _)| stays[at]) {
            self.items.extend(moved.remove(&at).unwrap_or_default().into_iter().rev());
            self.items.push(item);
        }
    }
}

impl List {
    pub(super) fn new(isa: Isa, width: Width) -> List {
        let (nodes, items, known) = (RefCell::default(), RefCell::default(), RefCell::default());
        List { isa, width, nodes, items, known, made: Cell::new(0), kernels: Cell::new(Kernels::Inline) }
    }

    pub(super) fn push(&self, node: Node) -> V {
        if let Some(&v) = self.known.borrow().get(&node) {
            return v;
        }
        let mut nodes = self.nodes.borrow_mut();
        let v = nodes.len() as V;
        nodes.push(node);
        self.known.borrow_mut().insert(node, v);
        if !node.is_leaf() {
            self.items.borrow_mut().push(Item::Make(v));
            self.made.set(self.made.get() + 1);
        }
        v
    }

    pub(super) fn done(&self, item: Item) {
        self.items.borrow_mut().push(item);
    }

    pub(super) fn made(&self) -> usize {
        self.made.get()
    }

    pub(super) fn node(&self, v: V) -> Node {
        self.nodes.borrow()[v as usize]
    }

    /// All bits of a lane.
    pub(super) fn ones(&self) -> u64 {
        match self.width {
            Width::F32 => u32::MAX.into(),
            Width::F64 => u64::MAX,
        }
    }

    /// The bit of the sign.
    pub(super) fn sign(&self) -> u64 {
        match self.width {
            Width::F32 => 1 << 31,
            Width::F64 => 1 << 63,
        }
    }

    pub(super) fn bits(&self, bits: u64) -> V {
        self.push(Node::Const(bits & self.ones()))
    }

    /// A truth value that is known.
    pub(super) fn flag(&self, holds: bool) -> V {
        if self.isa.has_masks() {
            return self.push(Node::Flag(holds));
        }
        self.bits(if holds { u64::MAX } else { 0 })
    }

    pub(super) fn bin(&self, op: Bin, a: V, b: V) -> V {
        let known = |v: V| match self.node(v) {
            Node::Const(bits) => Some(bits),
            _ => None,
        };
        let bits = match (op, known(a), known(b)) {
            (Bin::And, Some(x), Some(y)) => x & y,
            (Bin::AndNot, Some(x), Some(y)) => !x & y,
            (Bin::Or, Some(x), Some(y)) => x | y,
            (Bin::Xor, Some(x), Some(y)) => x ^ y,
            (Bin::WholeAdd, Some(x), Some(y)) => x.wrapping_add(y),
            (Bin::WholeSub, Some(x), Some(y)) => x.wrapping_sub(y),
            (Bin::And, Some(x), None) | (Bin::Or, Some(x), None) if x == self.neutral(op) => return b,
            (Bin::And, None, Some(y)) | (Bin::Or, None, Some(y)) if y == self.neutral(op) => return a,
            // What commutes has its constant second, so that equal ones are known.
            (_, Some(_), None) if op.commutes() => return self.push(Node::Bin(op, b, a)),
            _ => return self.push(Node::Bin(op, a, b)),
        };
        self.bits(bits)
    }

    /// The first numbers of some vectors as 128 bits: of as many as these have.
    pub(super) fn joined(&self, all: &[V]) -> V {
        match all {
            [a, b] => self.bin(Bin::Low, *a, *b),
            [a, b, c, d] => self.bin(Bin::LowPairs, self.bin(Bin::Low, *a, *b), self.bin(Bin::Low, *c, *d)),
            _ => unreachable!("128 bits have two numbers or four"),
        }
    }

    /// A number of the first 128 bits as the first one.
    pub(super) fn lane(&self, v: V, lane: usize) -> V {
        match (self.width, lane) {
            (_, 0) => v,
            (Width::F64, _) | (Width::F32, 2) => self.bin(Bin::High, v, v),
            (Width::F32, lane) => {
                let pair = self.bin(if lane == 1 { Bin::Low } else { Bin::High }, v, v);
                self.bin(Bin::HighPairs, pair, pair)
            }
        }
    }

    fn neutral(&self, op: Bin) -> u64 {
        if op == Bin::And { self.ones() } else { 0 }
    }

    /// What a number is the negative of.
    pub(super) fn negated(&self, v: V) -> Option<V> {
        match self.node(v) {
            Node::Bin(Bin::Xor, a, k) if self.node(k) == Node::Const(self.sign()) => Some(a),
            _ => None,
        }
    }

    /// The list without what nothing needs. `overwrites` says of the places of an input and of an output whether they may be the same.
    pub(super) fn finish(self, overwrites: impl Fn(u32, u32) -> bool) -> Body {
        let (nodes, mut items) = (self.nodes.into_inner(), self.items.into_inner());
        let mut needed = vec![false; nodes.len()];
        let mut kept = vec![true; items.len()];
        for (item, kept) in items.iter().zip(&mut kept).rev() {
            *kept = !matches!(item, Item::Make(v) if !needed[*v as usize]);
            if *kept {
                let (args, count) = item.operands(&nodes);
                args[..count].iter().for_each(|&v| needed[v as usize] = true);
            }
        }
        let mut kept = kept.into_iter();
        items.retain(|_| kept.next().expect("there is one for each"));
        let items = held(&nodes, items, overwrites);
        Body { nodes, items }
    }
}

/// The items, where columns that are read again after their place was overwritten are held before. (A step reads its operands before its results
/// are stored; but a negation, say, is part of the instruction that adds what is negated, and reads what it negates there.)
fn held(nodes: &[Node], items: Vec<Item>, overwrites: impl Fn(u32, u32) -> bool) -> Vec<Item> {
    let mut last: FxHashMap<V, (At, usize)> = FxHashMap::default();
    for (at, item) in items.iter().enumerate() {
        let (args, count) = item.operands(nodes);
        for &v in &args[..count] {
            if let Node::Column(place) = nodes[v as usize] {
                last.insert(v, (place, at));
            }
        }
    }
    let mut columns: Vec<(V, At, usize)> = last.into_iter().map(|(v, (place, last))| (v, place, last)).collect();
    columns.sort_unstable_by_key(|&(v, ..)| v);
    let mut all = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        if let Item::Store(_, to) = item {
            let again = columns.iter().filter(|(_, from, last)| *last > at && from.offset == to.offset);
            all.extend(again.filter(|(_, from, _)| overwrites(from.place, to.place)).map(|&(v, ..)| Item::Hold(v)));
        }
        all.push(item);
    }
    all
}
