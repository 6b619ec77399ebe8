//! The linear maps of edges to operands of array operations: chains of links, each with its transpose.

use super::operation::{ArrayOp, Cut};
use crate::base::{Axis, Shape};
use crate::op::{EdgeMap, Real, Value, lit};

/// One step of an array edge's linear map.
#[derive(Clone)]
pub(crate) enum Link<S: Real> {
    /// A linear operation of one operand, from one shape to another.
    Op { op: ArrayOp, from: Shape, to: Shape },
    /// t ↦ A·t or Aᵀ·t
    Left { a: S, transposed: bool },
    /// t ↦ t·B or t·Bᵀ
    Right { b: S, transposed: bool },
    /// t ↦ A⁻¹·t or A⁻ᵀ·t, by [`ArrayOp::Solve`] or [`ArrayOp::SolveTriangular`]
    Solve { op: ArrayOp, a: S, transposed: bool },
    /// t ↦ (t + tᵀ)/2
    Symmetric,
    /// t ↦ y of the recurrence with factors a and terms t, or its transpose
    Recur { a: S, axis: usize, reverse: bool, transposed: bool },
    /// t ↦ t's slices at indices, from a shape
    Gather { index: S, axis: usize, batch: usize, from: Shape },
    /// t ↦ zeros of a shape with t's slices added at indices
    Scatter { index: S, axis: usize, batch: usize, to: Shape },
    /// An elementwise map.
    Each(EdgeMap<S>),
}

/// The linear map of an edge to an operand of an array operation: its links, one after the other.
pub(crate) type Chain<S> = Vec<Link<S>>;

impl<S: Real> Link<S> {
    /// Applies the map; `None` where nothing flows.
    #[track_caller]
    pub(crate) fn apply(&self, t: S) -> Option<S> {
        let flip = |x: S, transposed: bool| if transposed { S::array_transpose(x) } else { x };
        Some(match *self {
            Link::Op { ref op, .. } => run(op, &[t]),
            Link::Left { a, transposed } => run(&ArrayOp::MatMul, &[flip(a, transposed), t]),
            Link::Right { b, transposed } => run(&ArrayOp::MatMul, &[t, flip(b, transposed)]),
            Link::Solve { ref op, a, transposed } => {
                run(&if transposed { flipped(op) } else { op.clone() }, &[flip(a, transposed), t])
            }
            Link::Symmetric => (t + S::array_transpose(t)) * lit(0.5),
            // The transpose runs the other way, over the factors of the next places.
            Link::Recur { a, axis, reverse, transposed } => {
                let a = if transposed { run(&ArrayOp::Shift { axis, reverse: !reverse }, &[a]) } else { a };
                run(&ArrayOp::Recur { axis, reverse: reverse != transposed }, &[a, t])
            }
            Link::Gather { index, axis, batch, .. } => run(&ArrayOp::Gather { axis, batch }, &[t, index]),
            Link::Scatter { index, axis, batch, to } => run(&ArrayOp::ScatterAdd { to, axis, batch }, &[t, index]),
            Link::Each(edge) => return edge.apply(t),
        })
    }

    /// The transposed map, as a chain.
    fn transpose(&self) -> Chain<S> {
        match *self {
            Link::Op { ref op, from, to } => transpose(op, from, to),
            Link::Left { a, transposed } => vec![Link::Left { a, transposed: !transposed }],
            Link::Right { b, transposed } => vec![Link::Right { b, transposed: !transposed }],
            Link::Solve { ref op, a, transposed } => vec![Link::Solve { op: op.clone(), a, transposed: !transposed }],
            Link::Symmetric => vec![Link::Symmetric],
            Link::Recur { a, axis, reverse, transposed } => vec![Link::Recur { a, axis, reverse, transposed: !transposed }],
            Link::Gather { index, axis, batch, from } => vec![Link::Scatter { index, axis, batch, to: from }],
            Link::Scatter { index, axis, batch, to } => vec![Link::Gather { index, axis, batch, from: to }],
            Link::Each(edge) => vec![Link::Each(edge.transpose())],
        }
    }
}

#[track_caller]
pub(super) fn run<S: Real>(op: &ArrayOp, args: &[S]) -> S {
    let args: smallvec::SmallVec<[_; 2]> = args.iter().map(|&x| Value::Num(x)).collect();
    S::array(op, &args).num()
}

/// The operation that solves with the transposed matrix.
fn flipped(op: &ArrayOp) -> ArrayOp {
    match op {
        ArrayOp::SolveTriangular { lower } => ArrayOp::SolveTriangular { lower: !lower },
        _ => op.clone(),
    }
}

/// The transpose of a chain: the transposed links in reverse.
pub(crate) fn transposed<S: Real>(chain: &[Link<S>]) -> Chain<S> {
    chain.iter().rev().flat_map(Link::transpose).collect()
}

/// The transpose of a linear operation of one operand.
fn transpose<S: Real>(op: &ArrayOp, from: Shape, to: Shape) -> Chain<S> {
    let single = |op: ArrayOp| vec![Link::Op { op, from: to, to: from }];
    match op {
        ArrayOp::Broadcast(_) => {
            let new = to.rank() - from.rank();
            let stretched = |k: &usize| *k < new || from.axes()[k - new] != to.axes()[*k];
            let axes: Vec<usize> = (0..to.rank()).filter(stretched).collect();
            let summed = to.without(&axes);
            let mut chain = vec![Link::Op { op: ArrayOp::Sum(axes), from: to, to: summed }];
            if summed != from {
                chain.push(Link::Op { op: ArrayOp::Reshape(from), from: summed, to: from });
            }
            chain
        }
        ArrayOp::Sum(axes) => {
            let mut kept = from;
            for &k in axes {
                kept = kept.with_axis(k, Axis::Fixed(1));
            }
            let mut chain = Vec::new();
            if kept != to {
                chain.push(Link::Op { op: ArrayOp::Reshape(kept), from: to, to: kept });
            }
            if kept != from {
                chain.push(Link::Op { op: ArrayOp::Broadcast(from), from: kept, to: from });
            }
            chain
        }
        ArrayOp::Reshape(_) => single(ArrayOp::Reshape(from)),
        ArrayOp::Permute(perm) => {
            let mut inverse = vec![0; perm.len()];
            for (k, &p) in perm.iter().enumerate() {
                inverse[p] = k;
            }
            single(ArrayOp::Permute(inverse))
        }
        ArrayOp::Slice(cuts) => single(ArrayOp::Pad(from, cuts.clone())),
        ArrayOp::Pad(_, cuts) => single(ArrayOp::Slice(cuts.clone())),
        ArrayOp::CumSum { axis, reverse } => single(ArrayOp::CumSum { axis: *axis, reverse: !reverse }),
        ArrayOp::Shift { axis, reverse } => single(ArrayOp::Shift { axis: *axis, reverse: !reverse }),
        _ => unreachable!("{op} is not a linear operation of one operand"),
    }
}

impl ArrayOp {
    /// Where the last two axes of a shape are in the lower or upper triangle, the diagonal included.
    #[track_caller]
    pub(crate) fn triangle<S: Real>(shape: Shape, lower: bool) -> S::Mask {
        let index = |axis: usize| run::<S>(&ArrayOp::Iota(shape, axis), &[]);
        let (row, column) = (index(shape.rank() - 2), index(shape.rank() - 1));
        if lower { column.le(row) } else { column.ge(row) }
    }

    /// The chain of the edge to each operand, `None` where nothing flows; `shapes` are the operands', `z` is the result.
    #[track_caller]
    pub(crate) fn edges<S: Real>(
        &self,
        args: &[Value<S, S::Mask>],
        shapes: &[Shape],
        z: Value<S, S::Mask>,
        to: Shape,
    ) -> Vec<Option<Chain<S>>> {
        let from = shapes.first().copied().unwrap_or_default();
        match self {
            ArrayOp::Broadcast(_)
            | ArrayOp::Reshape(_)
            | ArrayOp::Permute(_)
            | ArrayOp::Sum(_)
            | ArrayOp::Slice(_)
            | ArrayOp::Pad(..)
            | ArrayOp::CumSum { .. }
            | ArrayOp::Shift { .. } => vec![Some(vec![Link::Op { op: self.clone(), from, to }])],
            ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
                let (sum, spread) = over(axes, z.num(), from, to);
                // A NaN is the largest and the smallest, if there is one.
                let attained = args[0].num().eq(spread) | args[0].num().ne(args[0].num());
                let ones = S::select(attained, lit(1.0), lit(0.0));
                let ties = sum.apply(ones).expect("shapes are always mapped");
                vec![Some(vec![Link::Each(EdgeMap::Where(attained)), sum, Link::Each(EdgeMap::Scale(ties.recip()))])]
            }
            ArrayOp::Norm(axes) => {
                let (sum, spread) = over(axes, z.num(), from, to);
                let slope = EdgeMap::ScaleWhere(spread.ne(lit(0.0)), args[0].num() / spread);
                vec![Some(vec![Link::Each(slope), sum])]
            }
            ArrayOp::MatMul => vec![
                Some(vec![Link::Right { b: args[1].num(), transposed: false }]),
                Some(vec![Link::Left { a: args[0].num(), transposed: false }]),
            ],
            ArrayOp::Concat(axis) => {
                let mut start = 0;
                let each = shapes.iter().map(|&shape| {
                    let mut cuts = vec![Cut::All; to.rank()];
                    if let Axis::Fixed(len) = shape.axes()[*axis] {
                        cuts[*axis] = Cut::Range { start, step: 1, len };
                        start += len;
                    }
                    Some(vec![Link::Op { op: ArrayOp::Pad(to, cuts), from: shape, to }])
                });
                each.collect()
            }
            ArrayOp::Gather { axis, batch } => {
                vec![Some(vec![Link::Gather { index: args[1].num(), axis: *axis, batch: *batch, from }]), None]
            }
            ArrayOp::ScatterAdd { to, axis, batch } => {
                vec![Some(vec![Link::Scatter { index: args[1].num(), axis: *axis, batch: *batch, to: *to }]), None]
            }
            ArrayOp::Prod(axis) => {
                let others = products_of_others(args[0].num(), *axis, from);
                let sum = Link::Op { op: ArrayOp::Sum(vec![*axis]), from, to };
                vec![Some(vec![Link::Each(EdgeMap::Scale(others)), sum])]
            }
            ArrayOp::Recur { axis, reverse } => {
                let a = args[0].num();
                let recur = Link::Recur { a, axis: *axis, reverse: *reverse, transposed: false };
                let before = run(&ArrayOp::Shift { axis: *axis, reverse: *reverse }, &[z.num()]);
                vec![Some(vec![Link::Each(EdgeMap::Scale(before)), recur.clone()]), Some(vec![recur])]
            }
            // A·X = B, hence dX = A⁻¹·(dB − dA·X).
            ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } => {
                let solve = Link::Solve { op: self.clone(), a: args[0].num(), transposed: false };
                let mut of_a = vec![Link::Right { b: z.num(), transposed: false }, Link::Each(EdgeMap::Flip), solve.clone()];
                if let ArrayOp::SolveTriangular { lower } = self {
                    of_a.insert(0, Link::Each(EdgeMap::Where(ArrayOp::triangle::<S>(from, *lower))));
                }
                vec![Some(of_a), Some(vec![solve])]
            }
            // d(A⁻¹) = −A⁻¹·dA·A⁻¹
            ArrayOp::Inverse => {
                let z = z.num();
                let (left, right) = (Link::Left { a: z, transposed: false }, Link::Right { b: z, transposed: false });
                vec![Some(vec![left, right, Link::Each(EdgeMap::Flip)])]
            }
            // d ln|det A| = Σᵢⱼ (A⁻ᵀ)ᵢⱼ·dAᵢⱼ (C. G. J. Jacobi), and d det A is det A times that.
            ArrayOp::Det | ArrayOp::LogDet => {
                let mut partial = S::array_transpose(run(&ArrayOp::Inverse, &[args[0].num()]));
                let axes = vec![to.rank(), to.rank() + 1];
                let sum: Link<S> = Link::Op { op: ArrayOp::Sum(axes), from, to };
                if let ArrayOp::Det = self {
                    let spread = sum.transpose().into_iter();
                    partial *= spread.fold(z.num(), |z, link| link.apply(z).expect("shapes are always mapped"));
                }
                vec![Some(vec![Link::Each(EdgeMap::Scale(partial)), sum])]
            }
            // dL = L·Φ(L⁻¹·dA·L⁻ᵀ), where Φ takes the lower triangle and half of the diagonal (I. Murray, 2016).
            ArrayOp::Cholesky => {
                let l = z.num();
                let solve = Link::Solve { op: ArrayOp::SolveTriangular { lower: true }, a: l, transposed: false };
                let mut order: Vec<usize> = (0..to.rank()).collect();
                order.swap(to.rank() - 1, to.rank() - 2);
                let turn = Link::Op { op: ArrayOp::Permute(order), from, to };
                let (lower, upper) = (ArrayOp::triangle::<S>(to, true), ArrayOp::triangle::<S>(to, false));
                let half = S::select(lower, S::select(upper, lit(0.5), lit(1.0)), lit(0.0));
                vec![Some(vec![
                    Link::Symmetric,
                    solve.clone(),
                    turn.clone(),
                    solve,
                    turn,
                    Link::Each(EdgeMap::Scale(half)),
                    Link::Left { a: l, transposed: false },
                ])]
            }
            ArrayOp::SlopeOf => vec![None, Some(vec![])],
            ArrayOp::ArgMax(_) => vec![None],
            ArrayOp::Iota(..) => vec![],
        }
    }
}

/// A value of the shape that a sum over axes gives, at every summand.
#[track_caller]
pub(crate) fn spread_over<S: Real>(axes: &[usize], z: S, from: Shape, to: Shape) -> S {
    over(axes, z, from, to).1
}

/// The sum over axes, and a value of its result's shape at every summand.
#[track_caller]
fn over<S: Real>(axes: &[usize], z: S, from: Shape, to: Shape) -> (Link<S>, S) {
    let sum: Link<S> = Link::Op { op: ArrayOp::Sum(axes.to_vec()), from, to };
    let spread = sum.transpose().into_iter().fold(z, |z, link| link.apply(z).expect("shapes are always mapped"));
    (sum, spread)
}

/// For each number the product of all others along an axis, without a division: those before it times those after it, each a
/// recurrence of factors that stand one place off and a 1 to start with.
#[track_caller]
fn products_of_others<S: Real>(x: S, axis: usize, shape: Shape) -> S {
    let ones: S = run(&ArrayOp::Broadcast(shape), &[lit(1.0)]);
    let on_one_side = |reverse: bool| {
        let shift = ArrayOp::Shift { axis, reverse };
        let start = ones - run(&shift, &[ones]);
        run(&ArrayOp::Recur { axis, reverse }, &[run(&shift, &[x]), start])
    };
    on_one_side(false) * on_one_side(true)
}
