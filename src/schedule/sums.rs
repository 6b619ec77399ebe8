//! Sums over one group of axes at a time, and short ones written out. In: a function. Out: the same, in which every sum is along neighbouring axes.

use crate::base::sums::{groups, halve, partials};
use crate::base::{Axis, Shape};
use crate::error::Caller;
use crate::graph::{Args, Builder, Function, Kind, NodeId};
use crate::op::{ArrayOp, Cut, DType, Op};
use rustc_hash::FxHashMap;

/// Up to this many summands are written out, if they have no more operations and no more operands than these, all together.
const SHORT: usize = 32;
const OPERATIONS: usize = 128;
const OPERANDS: usize = 64;

/// Splits sums over several groups of axes, the last group first. Few summands that are around other axes are written out: a loop over the elements
/// of the sum then adds them in registers. A product that is only summed is added with one rounding, if that is allowed.
pub(super) fn grouped(f: &Function, fuse: bool) -> Function {
    let is_sum = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Array(ArrayOp::Sum(_)));
    if !f.graph().ids().any(is_sum) {
        return f.clone();
    }
    let mut uses = vec![0; f.graph().len()];
    f.graph().ids().flat_map(|id| f.graph().operands(id)).chain(f.output_nodes()).for_each(|id| uses[id.index()] += 1);
    // Nodes of the new graph that nothing but one node needs.
    let mut single = FxHashMap::default();
    let written = f.rebuild(|graph, new, id, args| {
        let (node, at) = (graph.node(id), graph.node(id).location());
        let made = match node.kind() {
            Kind::Array(ArrayOp::Sum(summed)) => {
                let shape = new.graph().node(args[0]).shape();
                groups(shape, summed).into_iter().rev().fold(args[0], |x, group| {
                    let axes: Vec<usize> = group.filter(|k| summed.contains(k)).collect();
                    let parts = partials(f.width());
                    let short = Short::new(new, x, &axes, parts, &single).map(|short| short.written(new, parts, fuse, at));
                    short.unwrap_or_else(|| new.intern(Kind::Array(&ArrayOp::Sum(axes)), &[x], at))
                })
            }
            kind => new.intern(kind, args, at),
        };
        single.insert(made, uses[id.index()] == 1 && !single.contains_key(&made));
        made
    });
    written.pruned()
}

/// A sum of few summands.
struct Short<'s> {
    x: NodeId,
    shape: Shape,
    /// The shape of a summand: the same axes, of which those that are summed over have the length 1.
    each: Shape,
    axes: &'s [usize],
    /// How many there are.
    n: usize,
    single: &'s FxHashMap<NodeId, bool>,
}

impl<'s> Short<'s> {
    fn new(new: &Builder, x: NodeId, axes: &'s [usize], parts: usize, single: &'s FxHashMap<NodeId, bool>) -> Option<Short<'s>> {
        let shape = new.graph().node(x).shape();
        let is_around = shape.axes()[axes.last()? + 1..].iter().any(|axis| *axis != Axis::Fixed(1));
        let length = |k: &usize| if let Axis::Fixed(n) = shape.axes()[*k] { Some(n) } else { None };
        let n = axes.iter().map(length).product::<Option<usize>>()?;
        let each = axes.iter().fold(shape, |shape, &k| shape.with_axis(k, Axis::Fixed(1)));
        let short = Short { x, shape, each, axes, n, single };
        let (mut operations, mut operands) = (0, 0);
        if n == 1 {
            return Some(short);
        }
        if !is_around || !(2..=SHORT).contains(&n) || !short.count(new, x, &mut operations, &mut operands) {
            return None;
        }
        // What would be computed where it is added is stored instead: more than a few are not.
        let stored = operations == 0 && short.is_single(new, x);
        let is_little = n * operations <= OPERATIONS && n * operands <= OPERANDS && (n <= parts || !stored);
        is_little.then_some(short)
    }

    /// Whether a node is computed for nothing but this sum.
    fn is_single(&self, new: &Builder, id: NodeId) -> bool {
        matches!(new.graph().node(id).kind(), Kind::Apply(_)) && self.single.get(&id) == Some(&true)
    }

    /// Whether a node is computed anew for each summand.
    fn is_cheap(&self, new: &Builder, id: NodeId) -> bool {
        let node = new.graph().node(id);
        let cheap = matches!(node.kind(), Kind::Apply(Op::Add | Op::Sub | Op::Mul | Op::MulAdd | Op::Neg));
        cheap && node.shape() == self.shape && self.is_single(new, id)
    }

    /// Counts what each summand takes; whether it can be written out.
    fn count(&self, new: &Builder, id: NodeId, operations: &mut usize, operands: &mut usize) -> bool {
        let node = new.graph().node(id);
        if self.is_cheap(new, id) {
            *operations += 1;
            return new.graph().operands(id).all(|operand| self.count(new, operand, operations, operands));
        }
        *operands += usize::from(!node.kind().is_known());
        let is_repeated = matches!(node.kind(), Kind::Array(ArrayOp::Broadcast(_)));
        (node.kind().is_known() && id != self.x)
            || node.dtype() == DType::Float && node.shape() == self.shape && (!is_repeated || id != self.x)
    }

    /// The sum, in the order that is laid down.
    fn written(&self, new: &mut Builder, parts: usize, fuse: bool, at: Option<Caller>) -> NodeId {
        let is_product = self.is_cheap(new, self.x) && new.graph().node(self.x).kind() == Kind::Apply(Op::Mul);
        let factors: Option<Args> = (fuse && is_product).then(|| new.graph().operands(self.x).collect());
        let mut sums: Vec<Option<NodeId>> = vec![None; parts];
        for k in 0..self.n {
            let part = &mut sums[k % parts];
            *part = Some(match (*part, &factors) {
                (None, _) => self.summand(new, self.x, k, at),
                (Some(part), None) => {
                    let summand = self.summand(new, self.x, k, at);
                    new.intern(Kind::Apply(Op::Add), &[part, summand], at)
                }
                (Some(part), Some(factors)) => {
                    let mut args: Args = factors.iter().map(|&factor| self.summand(new, factor, k, at)).collect();
                    args.push(part);
                    new.intern(Kind::Apply(Op::MulAdd), &args, at)
                }
            });
        }
        let add = |a: Option<NodeId>, b: Option<NodeId>| match (a, b) {
            (Some(a), Some(b)) => Some(new.intern(Kind::Apply(Op::Add), &[a, b], at)),
            (one, other) => one.or(other),
        };
        let sum = halve(&mut sums, add).expect("there is a summand");
        new.intern(Kind::Array(&ArrayOp::Reshape(self.shape.without(self.axes))), &[sum], at)
    }

    /// A summand of what is added up, or of a value that it is computed of.
    fn summand(&self, new: &mut Builder, id: NodeId, k: usize, at: Option<Caller>) -> NodeId {
        let operands: Args = new.graph().operands(id).collect();
        match new.graph().node(id).kind() {
            known if known.is_known() => return id,
            Kind::Apply(op) if self.is_cheap(new, id) => {
                let args: Args = operands.into_iter().map(|operand| self.summand(new, operand, k, at)).collect();
                return new.intern(Kind::Apply(op), &args, at);
            }
            Kind::Array(ArrayOp::Broadcast(_)) => {}
            _ => return self.slice(new, id, k, at),
        }
        let source = self.slice(new, operands[0], k, at);
        if new.graph().node(source).shape() == self.each {
            return source;
        }
        new.intern(Kind::Array(&ArrayOp::Broadcast(self.each)), &[source], at)
    }

    /// A value of the shape, or one that becomes it when it is repeated, at the k-th index along the summed axes.
    fn slice(&self, new: &mut Builder, id: NodeId, mut k: usize, at: Option<Caller>) -> NodeId {
        let shape = new.graph().node(id).shape();
        let missing = self.shape.rank() - shape.rank();
        let mut cuts = vec![Cut::All; shape.rank()];
        for &axis in self.axes.iter().rev() {
            let Axis::Fixed(len) = self.shape.axes()[axis] else { unreachable!("the length is known") };
            if axis >= missing && shape.axes()[axis - missing] != Axis::Fixed(1) {
                cuts[axis - missing] = Cut::Range { start: k % len, step: 1, len: 1 };
            }
            k /= len;
        }
        match cuts.iter().all(|cut| *cut == Cut::All) || new.graph().node(id).kind().is_known() {
            true => id,
            false => new.intern(Kind::Array(&ArrayOp::Slice(cuts)), &[id], at),
        }
    }
}
