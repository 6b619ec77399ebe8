//! Norms as loops: square roots of sums of squares. In: a function. Out: the same without norms.

use crate::base::squares::Window;
use crate::error::Caller;
use crate::graph::{Builder, Function, Kind, NodeId};
use crate::op::{ArrayOp, Op};

/// The function with each norm as the root of one of three sums, which a loop makes at once: of the squares, and of those of the elements moved up
/// and down, for what is small and large. So the elements are gone through a single time.
pub(super) fn unrooted(f: &Function) -> Function {
    let is_norm = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Array(ArrayOp::Norm(_)));
    if !f.graph().ids().any(is_norm) {
        return f.clone();
    }
    let window = Window::of(f.width());
    f.rebuild(|graph, new, id, args| {
        let (node, at) = (graph.node(id), graph.node(id).location());
        match node.kind() {
            Kind::Array(ArrayOp::Norm(axes)) => root(&mut Roots { new, at, window }, args[0], axes),
            kind => new.intern(kind, args, at),
        }
    })
}

struct Roots<'b> {
    new: &'b mut Builder,
    at: Option<Caller>,
    window: Window,
}

impl Roots<'_> {
    fn number(&mut self, v: f64) -> NodeId {
        self.new.intern(Kind::constant(v), &[], None)
    }

    fn apply(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        self.new.intern(Kind::Apply(op), args, self.at)
    }

    /// The sum of the squares of some elements.
    fn square(&mut self, y: NodeId, axes: &[usize]) -> NodeId {
        let square = self.apply(Op::Mul, &[y, y]);
        self.new.intern(Kind::Array(&ArrayOp::Sum(axes.to_vec())), &[square], self.at)
    }

    /// The sum of the squares of elements that are moved by a power of 2.
    fn moved(&mut self, x: NodeId, axes: &[usize], factor: f64) -> NodeId {
        let factor = self.number(factor);
        let y = self.apply(Op::Mul, &[x, factor]);
        self.square(y, axes)
    }
}

fn root(roots: &mut Roots, x: NodeId, axes: &[usize]) -> NodeId {
    let Window { least, most, up, down } = roots.window;
    let plain = roots.square(x, axes);
    let (of_small, of_large) = (roots.moved(x, axes, up), roots.moved(x, axes, down));
    let [least, most, one, small_back, large_back] = [least, most, 1.0, 1.0 / up, 1.0 / down].map(|v| roots.number(v));
    let (small, large) = (roots.apply(Op::Lt, &[plain, least]), roots.apply(Op::Gt, &[plain, most]));
    let mut either = |plain: NodeId, of_small: NodeId, of_large: NodeId| {
        let rest = roots.apply(Op::Select, &[small, of_small, plain]);
        roots.apply(Op::Select, &[large, of_large, rest])
    };
    // One root, of the sum that is good, is moved back.
    let (sum, back) = (either(plain, of_small, of_large), either(one, small_back, large_back));
    let root = roots.apply(Op::Sqrt, &[sum]);
    roots.apply(Op::Mul, &[root, back])
}
