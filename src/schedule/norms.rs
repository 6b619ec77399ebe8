//! Norms as loops: square roots of sums of squares. In: a function. Out: the same without norms.

use crate::base::squares::Window;
use crate::base::{Shape, Width};
use crate::error::{Caller, Result};
use crate::graph::{Builder, Control, Expr, Function, Kind, Nested, NodeId, Port, SharedControl, make_body};
use crate::op::{ArrayOp, DType, Op, select};
use std::panic::Location;

/// Elements that are gone through twice, at most: they stay in registers.
const FEW: usize = 16;

/// The function with each norm as the root of a sum of squares. Of many elements three sums are made by one loop: of the squares, and of those of the
/// elements moved up and down, for what is small and large. So the elements are gone through a single time. Of a few the first sum says how they are
/// moved before they are squared again: then no square of what is neither small nor large underflows, which is slow.
pub(super) fn unrooted(f: &Function) -> Function {
    rewritten(f, false)
}

/// The same of the body of a loop over numbers: there a norm of a few is one root of one sum, and whether that is good is a jump, which does not
/// wait for the sum.
pub(super) fn unrooted_with_branches(f: &Function) -> Function {
    rewritten(f, true)
}

fn rewritten(f: &Function, branches: bool) -> Function {
    let is_norm = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Array(ArrayOp::Norm(_)));
    if !f.graph().ids().any(is_norm) {
        return f.clone();
    }
    let (width, window) = (f.width(), Window::of(f.width()));
    f.rebuild(|graph, new, id, args| {
        let (node, at) = (graph.node(id), graph.node(id).location());
        match node.kind() {
            Kind::Array(ArrayOp::Norm(axes)) => {
                let mut roots = Roots { new, at, window };
                if branches && roots.is_one_of_few(args[0], axes) {
                    return branched(&mut roots, width, args[0], axes).expect("the bodies have the same inputs and results");
                }
                root(&mut roots, args[0], axes)
            }
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

    /// Whether there is one norm, of few elements.
    fn is_one_of_few(&self, x: NodeId, axes: &[usize]) -> bool {
        let shape = self.new.graph().node(x).shape();
        shape.rank() == axes.len() && shape.len().is_some_and(|len| len <= FEW)
    }

    /// A number in every place of an array.
    fn broadcast(&mut self, number: NodeId, like: NodeId) -> NodeId {
        let shape = self.new.graph().node(like).shape();
        self.new.intern(Kind::Array(&ArrayOp::Broadcast(shape)), &[number], self.at)
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
    let [least, most, one] = [least, most, 1.0].map(|v| roots.number(v));
    let (small, large) = (roots.apply(Op::Lt, &[plain, least]), roots.apply(Op::Gt, &[plain, most]));
    let either = |roots: &mut Roots, plain: NodeId, of_small: NodeId, of_large: NodeId| {
        let rest = roots.apply(Op::Select, &[small, of_small, plain]);
        roots.apply(Op::Select, &[large, of_large, rest])
    };
    let powers = |roots: &mut Roots, up: f64, down: f64| {
        let [up, down] = [up, down].map(|v| roots.number(v));
        either(roots, one, up, down)
    };
    let sum = if roots.is_one_of_few(x, axes) {
        let factor = powers(roots, up, down);
        let factor = roots.broadcast(factor, x);
        let moved = roots.apply(Op::Mul, &[x, factor]);
        roots.square(moved, axes)
    } else {
        let (of_small, of_large) = (roots.moved(x, axes, up), roots.moved(x, axes, down));
        either(roots, plain, of_small, of_large)
    };
    // One root, of the sum that is good, is moved back.
    let back = powers(roots, 1.0 / up, 1.0 / down);
    let root = roots.apply(Op::Sqrt, &[sum]);
    roots.apply(Op::Mul, &[root, back])
}

/// A norm of a few elements as a choice: of the root of the sum of their squares, or, where that is out of bounds, of what [`root`] makes.
fn branched(roots: &mut Roots, width: Width, x: NodeId, axes: &[usize]) -> Result<NodeId> {
    let Window { least, most, up, down } = roots.window;
    let at = roots.at.unwrap_or_else(Location::caller);
    let shape = roots.new.graph().node(x).shape();
    let types = [(Shape::SCALAR, DType::Float), (shape, DType::Float)];
    let fits = make_body(width, &types, at, |args| vec![args[0].sqrt()])?;
    let moved = make_body(width, &types, at, |args| {
        let (small, large) = (args[0].lt(least), args[0].gt(most));
        let power = |up: f64, down: f64| select(large, down, select(small, up, 1.0));
        let y: Expr = args[1] * power(up, down);
        vec![(y * y).sum(..).sqrt() * power(1.0 / up, 1.0 / down)]
    })?;
    let control = SharedControl::from(Control::Choice { bodies: [fits, moved] });
    let plain = roots.square(x, axes);
    let [least, most, one, zero] = [least, most, 1.0, 0.0].map(|v| roots.number(v));
    let (enough, not_too_much) = (roots.apply(Op::Ge, &[plain, least]), roots.apply(Op::Le, &[plain, most]));
    let holds = roots.apply(Op::And, &[enough, not_too_much]);
    let holds = roots.apply(Op::Select, &[holds, one, zero]);
    let result = Kind::Control(Nested { control: &control, port: Port::Final(0) });
    Ok(roots.new.intern(result, &[holds, plain, x], Some(at)))
}
