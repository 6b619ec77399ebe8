//! From units to a function of arrays: each class an elementwise operation on columns of operands, each long sum a scan over its terms.

use super::classes::{FEWEST, Unit};
use super::columns::{Piece, Place, pieces};
use super::flat::{Flat, Link, NONE, What};
use crate::base::{Axis, Shape};
use crate::graph::{
    Args, Builder, Control, Function, InputGroup, Kind, Nested, NodeId, OutputGroup, Port, SharedControl, States,
};
use crate::op::{ArrayOp, Cut, DType, Op};
use rustc_hash::FxHashMap;

/// Pieces that an operand's column is joined from, at most.
const MOST_PIECES: usize = 16;
/// Links that go round in a sum, at most.
const MOST_ROUND: usize = 16;
/// Pieces of an output: so many, and one more for so many elements.
const MOST_OF_OUTPUT: usize = 64;
const ELEMENTS_OF_PIECE: usize = 8;

/// What was found.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Operations on arrays.
    pub(crate) classes: usize,
    /// Long sums.
    pub(crate) sums: usize,
    /// Operations of the function that are in either.
    pub(crate) rolled: usize,
    /// Those that stay by themselves.
    pub(crate) straight: usize,
    /// Additions in scans, each of which waits for the one before.
    pub(crate) added: usize,
    /// Elements that are copied, as those of a column are not next to each other.
    pub(crate) copied: usize,
}

/// The rolled function while it is made.
pub(super) struct Build<'a> {
    f: &'a Function,
    flat: &'a Flat,
    new: Builder,
    /// The arrays that there are so far, and their lengths: nothing for what is known. A number by itself has the length 1.
    arrays: Vec<(NodeId, Option<usize>)>,
    /// The unit of an array, where it is a class.
    of_class: Vec<bool>,
    /// Where each node of the flat function is.
    places: Vec<Option<Place>>,
    /// Joined columns, which several operands may read.
    joined: FxHashMap<Vec<Place>, NodeId>,
    counts: Counts,
    /// As many operations may stay by themselves.
    most_single: usize,
}

impl<'a> Build<'a> {
    /// With the inputs: each group is an array.
    pub(super) fn new(f: &'a Function, flat: &'a Flat, most_single: usize) -> Build<'a> {
        let mut build = Build {
            f,
            flat,
            new: Builder::default(),
            arrays: vec![],
            of_class: vec![],
            places: vec![None; flat.len()],
            joined: FxHashMap::default(),
            counts: Counts::default(),
            most_single,
        };
        let groups = || f.inputs().iter().filter(|group| !group.is_empty());
        let of_group = |len: usize| if len == 1 { Shape::SCALAR } else { shape(len) };
        let inputs: Vec<NodeId> = groups().map(|group| build.new.input(of_group(group.len()), DType::Float)).collect();
        for (group, input) in groups().zip(inputs) {
            let node = build.shaped(input, shape(group.len()));
            let array = build.enter(node, Some(group.len()), false);
            for (index, slot) in (0..).zip(group.range()) {
                build.places[slot] = Some(Place { array, index });
            }
        }
        for k in (0..flat.len()).filter(|&k| flat.what[k] == What::Known) {
            let node = build.new.intern(f.graph().node(NodeId(k as u32)).kind(), &[], None);
            let array = build.enter(node, None, false);
            build.places[k] = Some(Place { array, index: 0 });
        }
        build
    }

    fn enter(&mut self, node: NodeId, len: Option<usize>, of_class: bool) -> u32 {
        self.arrays.push((node, len));
        self.of_class.push(of_class);
        self.arrays.len() as u32 - 1
    }

    /// The whole function. None where too much would stay by itself.
    pub(super) fn build(mut self, units: &[Unit]) -> Option<(Function, Counts)> {
        for unit in units {
            if unit.members.len() < FEWEST || !self.class(unit) {
                unit.members.iter().try_for_each(|&k| self.single(k as usize))?;
            }
        }
        let mut outputs = Vec::with_capacity(self.f.outputs().len());
        for group in self.f.outputs() {
            let places: Vec<Place> = group.nodes().iter().map(|id| self.place(id.0)).collect();
            let nodes = match places[..] {
                [] => vec![],
                [place] => vec![self.scalar(place)],
                _ => vec![self.column(&places, MOST_OF_OUTPUT + places.len() / ELEMENTS_OF_PIECE)?],
            };
            outputs.push(OutputGroup { nodes, ..group.clone() });
        }
        let input = |group: &InputGroup| match group.len() {
            0 | 1 => InputGroup::numbers(group.name(), group.len()),
            len => InputGroup::value(group.name(), shape(len), DType::Float),
        };
        let inputs = self.f.inputs().iter().map(|group| input(group).with_active(group.is_active())).collect();
        let rolled = Function::assemble(self.new.finish(), self.f.width(), inputs, outputs);
        Some((rolled.expect("the names are the function's own"), self.counts))
    }

    fn place(&self, k: u32) -> Place {
        self.places[k as usize].expect("operands come before their users")
    }

    fn intern(&mut self, op: ArrayOp, args: &[NodeId]) -> NodeId {
        self.new.intern(Kind::Array(&op), args, None)
    }

    /// A class as one operation, if each operand is a column of few pieces.
    fn class(&mut self, unit: &Unit) -> bool {
        let first = unit.members[0] as usize;
        let Some(op) = self.flat.op(first) else { return false };
        let members = self.ordered(unit, op);
        let mut columns: Vec<Vec<Place>> = vec![Vec::with_capacity(members.len()); op.arity()];
        for &k in &members {
            let mut own: [Place; 3] = [Place { array: NONE, index: 0 }; 3];
            own.iter_mut().zip(self.flat.operands(k as usize)).for_each(|(own, &x)| *own = self.place(x));
            if op.is_commutative() && !goes_on(&columns, own[0], own[1]) && goes_on(&columns, own[1], own[0]) {
                own.swap(0, 1);
            }
            columns.iter_mut().zip(own).for_each(|(column, place)| column.push(place));
        }
        let Some(found) = columns.iter().map(|column| self.found(column, MOST_PIECES)).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let args: Args = columns.iter().zip(found).map(|(column, pieces)| self.joined(column, pieces)).collect();
        let node = self.new.intern(Kind::Apply(op), &args, self.f.graph().node(NodeId(first as u32)).location());
        let array = self.enter(node, Some(members.len()), true);
        for (index, &k) in (0..).zip(&members) {
            self.places[k as usize] = Some(Place { array, index });
        }
        self.counts.classes += 1;
        self.counts.rolled += members.len();
        true
    }

    /// The members in the order in which an operand lies, where that is a class as long, or goes backward.
    fn ordered(&self, unit: &Unit, op: Op) -> Vec<u32> {
        let mut members = unit.members.clone();
        let mut backward = false;
        for p in 0..op.arity() {
            let at = |k: u32| self.place(self.flat.operands(k as usize)[p]);
            let array = at(members[0]).array;
            if !members.iter().all(|&k| at(k).array == array) {
                continue;
            }
            if self.of_class[array as usize] && self.arrays[array as usize].1 == Some(members.len()) {
                let mut sorted = vec![NONE; members.len()];
                members.iter().for_each(|&k| sorted[at(k).index as usize] = k);
                if !sorted.contains(&NONE) {
                    return sorted;
                }
            }
            backward |= members.windows(2).all(|pair| at(pair[1]).index < at(pair[0]).index);
        }
        if backward {
            members.reverse();
        }
        members
    }

    /// The pieces of a column; none of one number for all.
    fn found(&self, column: &[Place], most: usize) -> Option<Vec<Piece>> {
        if column.iter().all(|place| *place == column[0]) { Some(vec![]) } else { pieces(column, most) }
    }

    /// A column as an array, or as a number that is known.
    fn joined(&mut self, column: &[Place], pieces: Vec<Piece>) -> NodeId {
        if pieces.is_empty() {
            let number = self.number(column[0]);
            return match self.new.graph().node(number).kind().is_known() {
                true => number,
                false => self.intern(ArrayOp::Broadcast(shape(column.len())), &[number]),
            };
        }
        if let [piece] = &pieces[..]
            && piece.columns.len() == 1
        {
            return self.piece(piece);
        }
        if let Some(&node) = self.joined.get(column) {
            return node;
        }
        let parts: Vec<NodeId> = pieces.iter().map(|piece| self.piece(piece)).collect();
        self.counts.copied += column.len();
        let node = if parts.len() == 1 { parts[0] } else { self.intern(ArrayOp::Concat(0), &parts) };
        self.joined.insert(column.to_vec(), node);
        node
    }

    /// An array of some places. None if they are in too many pieces.
    fn column(&mut self, places: &[Place], most: usize) -> Option<NodeId> {
        let pieces = pieces(places, most)?;
        Some(self.joined(places, pieces))
    }

    /// The elements of a piece, one after the other.
    fn piece(&mut self, piece: &Piece) -> NodeId {
        let rows = piece.rows;
        if let [(place, step)] = piece.columns[..] {
            return self.along(place, step, rows);
        }
        let across = Shape::new([Axis::Fixed(rows), Axis::Fixed(1)]);
        let mut columns = Vec::with_capacity(piece.columns.len());
        for &(place, step) in &piece.columns {
            let column = self.along(place, step, rows);
            columns.push(self.intern(ArrayOp::Reshape(across), &[column]));
        }
        self.counts.copied += piece.len();
        let side_by_side = self.intern(ArrayOp::Concat(1), &columns);
        self.intern(ArrayOp::Reshape(shape(piece.len())), &[side_by_side])
    }

    /// So many elements from a place on.
    fn along(&mut self, place: Place, step: isize, rows: usize) -> NodeId {
        let (array, len) = self.arrays[place.array as usize];
        match len {
            Some(len) if rows > 1 && step != 0 => {
                if (place.index, step, rows) == (0, 1, len) {
                    return array;
                }
                self.counts.copied += if step == 1 { 0 } else { rows };
                self.intern(ArrayOp::Slice(vec![Cut::Range { start: place.index as usize, step, len: rows }]), &[array])
            }
            _ => {
                let number = self.number(place);
                match (rows, len) {
                    (1, Some(_)) => number,
                    (1, None) => self.intern(ArrayOp::Reshape(shape(1)), &[number]),
                    _ => self.intern(ArrayOp::Broadcast(shape(rows)), &[number]),
                }
            }
        }
    }

    /// The number at a place, as an array of length 1, or as what is known.
    fn number(&mut self, place: Place) -> NodeId {
        let (array, len) = self.arrays[place.array as usize];
        if len.is_none_or(|len| len == 1) {
            return array;
        }
        let cut = Cut::Range { start: place.index as usize, step: 1, len: 1 };
        self.intern(ArrayOp::Slice(vec![cut]), &[array])
    }

    /// The number at a place as one without axes.
    fn scalar(&mut self, place: Place) -> NodeId {
        let number = self.number(place);
        self.shaped(number, Shape::SCALAR)
    }

    /// One element in another shape, if it has not that one.
    fn shaped(&mut self, one: NodeId, to: Shape) -> NodeId {
        if self.new.graph().node(one).shape() == to { one } else { self.intern(ArrayOp::Reshape(to), &[one]) }
    }

    /// An operation by itself, or a sum. None where there are too many.
    fn single(&mut self, k: usize) -> Option<()> {
        let node = match self.flat.what[k] {
            What::Sum(sum) => {
                let sum = &self.flat.sums[sum as usize];
                let first = self.number(self.place(sum.first));
                self.sum(first, &sum.links)?
            }
            _ => {
                let op = self.flat.op(k).expect("what is no leaf is an operation or a sum");
                let args: Args = self.flat.operands(k).iter().map(|&x| self.number(self.place(x))).collect();
                self.by_itself(op, &args, k)?
            }
        };
        let node = self.shaped(node, shape(1));
        let array = self.enter(node, Some(1), false);
        self.places[k] = Some(Place { array, index: 0 });
        Some(())
    }

    fn by_itself(&mut self, op: Op, args: &[NodeId], k: usize) -> Option<NodeId> {
        self.counts.straight += 1;
        let at = self.f.graph().node(NodeId(k as u32)).location();
        (self.counts.straight <= self.most_single).then(|| self.new.intern(Kind::Apply(op), args, at))
    }

    /// A sum in its own order, from what is there so far. Links that go round in the same operations are a scan over their terms.
    fn sum(&mut self, mut so_far: NodeId, links: &[Link]) -> Option<NodeId> {
        let mut rest = links;
        while let Some(link) = rest.first() {
            let (width, rows) = rounds(rest);
            if rows < FEWEST {
                let terms: Args = link.terms().iter().map(|&x| self.number(self.place(x))).collect();
                self.counts.straight += 1;
                if self.counts.straight > self.most_single {
                    return None;
                }
                so_far = self.new.intern(Kind::Apply(link.op), &operands(link.op, so_far, &terms), None);
                rest = &rest[1..];
                continue;
            }
            let (now, later) = rest.split_at(width * rows);
            rest = later;
            let start = self.shaped(so_far, Shape::SCALAR);
            let mut xs: Args = Args::from_slice(&[start]);
            for (at, link) in now[..width].iter().enumerate() {
                for term in 0..link.terms().len() {
                    let places: Vec<Place> = now[at..].iter().step_by(width).map(|link| self.place(link.terms[term])).collect();
                    xs.push(self.column(&places, MOST_PIECES + places.len() / MOST_PIECES)?);
                }
            }
            let body = turn(&now[..width], self.f);
            let (carries, length) = (1, Axis::Fixed(rows));
            let scan = Control::Scan { body, carries, xs: xs.len() - 1, length, reverse: false, states: States::All };
            let control: SharedControl = scan.into();
            so_far = self.new.intern(Kind::Control(Nested { control: &control, port: Port::Final(0) }), &xs, None);
            so_far = self.shaped(so_far, shape(1));
            self.counts.rolled += now.len();
            self.counts.added += now.len();
        }
        self.counts.sums += 1;
        Some(so_far)
    }
}

/// Whether operands go on as those before did.
fn goes_on(columns: &[Vec<Place>], a: Place, b: Place) -> bool {
    let next = |column: &[Place], place: Place| match *column {
        [] => true,
        [last] => last.array == place.array,
        [.., before, last] => {
            last.array == place.array
                && before.array == place.array
                && place.index.wrapping_sub(last.index) == last.index.wrapping_sub(before.index)
        }
    };
    next(&columns[0], a) && next(&columns[1], b)
}

/// The number of links that go round in the same operations, and how often they do.
fn rounds(links: &[Link]) -> (usize, usize) {
    let of = |width: usize| {
        let again = links.iter().zip(&links[width..]).take_while(|(before, link)| before.op == link.op).count();
        (width, 1 + again / width)
    };
    let widths = (1..=MOST_ROUND.min(links.len())).map(of);
    widths.rev().max_by_key(|&(width, rows)| if rows < FEWEST { 0 } else { width * rows }).unwrap_or((1, 1))
}

/// The operands of a link.
fn operands(op: Op, so_far: NodeId, terms: &[NodeId]) -> Args {
    match (op, terms) {
        (Op::MulAdd, &[x, y]) => Args::from_slice(&[x, y, so_far]),
        (_, &[term, ..]) => Args::from_slice(&[so_far, term]),
        _ => unreachable!("a link has a term"),
    }
}

/// A turn of a sum: what there is so far, and the terms that come to it.
fn turn(links: &[Link], f: &Function) -> Function {
    let mut body = Builder::default();
    let mut input = || body.input(Shape::SCALAR, DType::Float);
    let first = input();
    let terms: Vec<Args> = links.iter().map(|link| link.terms().iter().map(|_| input()).collect()).collect();
    let fold = |so_far, (link, terms): (&Link, &Args)| body.intern(Kind::Apply(link.op), &operands(link.op, so_far, terms), None);
    let last = links.iter().zip(&terms).fold(first, fold);
    let count = 1 + terms.iter().map(|terms| terms.len()).sum::<usize>();
    let inputs = (0..count).map(|k| InputGroup::value(format!("a{k}"), Shape::SCALAR, DType::Float)).collect();
    let outputs = vec![OutputGroup::new("y0", vec![last])];
    Function::assemble(body.finish(), f.width(), inputs, outputs).expect("the names differ")
}

fn shape(len: usize) -> Shape {
    Shape::new([Axis::Fixed(len)])
}
