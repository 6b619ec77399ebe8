//! Array operations: what they do to shapes, and the linear maps of their edges.
//!
//! Elementwise operations are the scalar table's; this is what is left: moving, reducing, contracting. Each linear one states its
//! transpose once, in [`transpose`].

use super::{
    DType, EdgeMap, Real, Value, lit,
    shape::{Axis, Interner, Shape},
};
use std::{fmt, sync::LazyLock};

/// An operation on whole arrays. Axes are counted from 0 and ascend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArrayOp {
    /// The operand repeated along new leading axes and along axes of length 1.
    Broadcast(Shape),
    /// The same numbers in the same order, in another shape.
    Reshape(Shape),
    /// Axis k of the result is axis `perm[k]` of the operand.
    Permute(Vec<usize>),
    /// The sum over axes, which disappear; 0 over none.
    Sum(Vec<usize>),
    /// The largest value over axes, which disappear; −∞ over none. A tie shares the derivative evenly.
    MaxOf(Vec<usize>),
    /// The smallest value over axes, which disappear; ∞ over none. A tie shares the derivative evenly.
    MinOf(Vec<usize>),
    /// The index of the first largest value along an axis.
    ArgMax(usize),
    /// Some of the numbers along each axis.
    Slice(Vec<Cut>),
    /// Zeros of a shape, with the operand's numbers where [`ArrayOp::Slice`] would read them: the transpose of a slice.
    Place(Shape, Vec<Cut>),
    /// Operands one after the other along an axis.
    Concat(usize),
    /// The product of matrices, over equal leading axes: `[…,m,k]` with `[…,k,n]`.
    MatMul,
    /// Slices of the first operand along an axis, chosen by the second operand's indices, whose axes take the axis' place.
    Gather(usize),
    /// Zeros of a shape, with the first operand's slices added where the second operand's indices say: the transpose of a gather.
    ScatterAdd(Shape, usize),
    /// Partial sums along an axis, from its start or from its end.
    CumSum {
        /// The axis.
        axis: usize,
        /// Whether the sums start at the end.
        reverse: bool,
    },
    /// Each number's own index along an axis; no operand.
    Iota(Shape, usize),
}

/// Which numbers along an axis.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// All of them.
    All,
    /// `len` numbers from `start` on, `step` apart.
    Range {
        /// The first.
        start: usize,
        /// The distance, negative to go backward.
        step: isize,
        /// How many.
        len: usize,
    },
}

impl Cut {
    /// The index of the k-th number that is cut out.
    pub(crate) fn at(self, k: usize) -> usize {
        match self {
            Cut::All => k,
            Cut::Range { start, step, .. } => start.wrapping_add_signed(step * k as isize),
        }
    }

    fn len(self, axis: Axis) -> Axis {
        match self {
            Cut::All => axis,
            Cut::Range { len, .. } => Axis::Fixed(len),
        }
    }
}

impl ArrayOp {
    /// The name in text.
    pub fn name(&self) -> &'static str {
        match self {
            ArrayOp::Broadcast(_) => "broadcast",
            ArrayOp::Reshape(_) => "reshape",
            ArrayOp::Permute(_) => "permute",
            ArrayOp::Sum(_) => "sum",
            ArrayOp::MaxOf(_) => "max_of",
            ArrayOp::MinOf(_) => "min_of",
            ArrayOp::ArgMax(_) => "argmax",
            ArrayOp::Slice(_) => "slice",
            ArrayOp::Place(..) => "place",
            ArrayOp::Concat(_) => "concat",
            ArrayOp::MatMul => "matmul",
            ArrayOp::Gather(_) => "gather",
            ArrayOp::ScatterAdd(..) => "scatter_add",
            ArrayOp::CumSum { .. } => "cumsum",
            ArrayOp::Iota(..) => "iota",
        }
    }

    /// The operation, stored once per process.
    pub(crate) fn intern(self) -> &'static ArrayOp {
        static OPS: LazyLock<Interner<ArrayOp>> = LazyLock::new(Interner::default);
        OPS.get(&self, |op| Box::leak(Box::new(op.clone())))
    }

    /// The result's shape and kind, or what is wrong with the operands.
    pub(crate) fn infer(&self, operands: &[(Shape, DType)]) -> Result<(Shape, DType), String> {
        let arity = match self {
            ArrayOp::Iota(..) => 0..=0,
            ArrayOp::MatMul | ArrayOp::Gather(_) | ArrayOp::ScatterAdd(..) => 2..=2,
            ArrayOp::Concat(_) => 1..=usize::MAX,
            _ => 1..=1,
        };
        if !arity.contains(&operands.len()) {
            return Err(format!("{} operands", operands.len()));
        }
        let Some(&(x, dtype)) = operands.first() else {
            return match self {
                ArrayOp::Iota(shape, axis) if *axis < shape.rank() => Ok((*shape, DType::Float)),
                _ => Err("no such axis".into()),
            };
        };
        let float = || if dtype == DType::Float { Ok(()) } else { Err(format!("an operand that is {dtype:?}, not a number")) };
        let axes_of = |axes: &[usize]| match axes.iter().find(|&&axis| axis >= x.rank()) {
            Some(axis) => Err(format!("axis {axis} of the shape {x}")),
            None => Ok(()),
        };
        match self {
            ArrayOp::Broadcast(to) if x.broadcast(*to) == Some(*to) => Ok((*to, dtype)),
            ArrayOp::Broadcast(to) => Err(format!("the shape {x} does not broadcast to {to}")),
            ArrayOp::Reshape(to) if x.volume() == to.volume() => Ok((*to, dtype)),
            ArrayOp::Reshape(to) => Err(format!("the shapes {x} and {to} have different numbers of elements")),
            ArrayOp::Permute(perm) => {
                let mut sorted = perm.clone();
                sorted.sort_unstable();
                if sorted.iter().copied().ne(0..x.rank()) {
                    return Err(format!("{perm:?} is no order of the axes of {x}"));
                }
                let axes: Vec<Axis> = perm.iter().map(|&k| x.axes()[k]).collect();
                Ok((Shape::new(&axes), dtype))
            }
            ArrayOp::Sum(axes) | ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
                float()?;
                axes_of(axes)?;
                Ok((x.without(axes), dtype))
            }
            ArrayOp::ArgMax(axis) => {
                float()?;
                axes_of(&[*axis])?;
                match x.axes()[*axis] {
                    Axis::Fixed(0) => Err(format!("no largest value over the empty axis {axis} of {x}")),
                    _ => Ok((x.without(&[*axis]), DType::Index)),
                }
            }
            ArrayOp::Slice(cuts) => {
                check_cuts(cuts, x)?;
                let axes: Vec<Axis> = cuts.iter().zip(x.axes()).map(|(cut, &axis)| cut.len(axis)).collect();
                Ok((Shape::new(&axes), dtype))
            }
            ArrayOp::Place(to, cuts) => {
                float()?;
                check_cuts(cuts, *to)?;
                let axes: Vec<Axis> = cuts.iter().zip(to.axes()).map(|(cut, &axis)| cut.len(axis)).collect();
                if Shape::new(&axes) == x { Ok((*to, dtype)) } else { Err(format!("{x} is not what the cuts leave of {to}")) }
            }
            ArrayOp::Concat(axis) => {
                axes_of(&[*axis])?;
                let mut len = 0;
                for &(y, other) in operands {
                    if other != dtype {
                        return Err(format!("operands of kinds {dtype:?} and {other:?}"));
                    }
                    if y.rank() != x.rank() || y.without(&[*axis]) != x.without(&[*axis]) {
                        return Err(format!("the shapes {x} and {y} differ beside axis {axis}"));
                    }
                    match y.axes()[*axis] {
                        Axis::Fixed(n) => len += n,
                        Axis::Open(_) if operands.len() == 1 => return Ok((x, dtype)),
                        Axis::Open(name) => return Err(format!("the open axis {name} cannot be joined with others")),
                    }
                }
                Ok((x.with_axis(*axis, Axis::Fixed(len)), dtype))
            }
            ArrayOp::MatMul => {
                float()?;
                let (y, other) = operands[1];
                let (r, s) = (x.rank(), y.rank());
                let fits = other == DType::Float && r >= 2 && r == s && x.axes()[..r - 2] == y.axes()[..s - 2];
                if !fits || x.axes()[r - 1] != y.axes()[s - 2] {
                    return Err(format!("the shapes {x} and {y} do not fit"));
                }
                Ok((x.with_axis(r - 1, y.axes()[s - 1]), dtype))
            }
            ArrayOp::Gather(axis) => {
                axes_of(&[*axis])?;
                let (index, kind) = operands[1];
                if kind != DType::Index {
                    return Err("the second operand must be indices".into());
                }
                Ok((gathered(x, *axis, index), dtype))
            }
            ArrayOp::ScatterAdd(to, axis) => {
                float()?;
                let (index, kind) = operands[1];
                if kind != DType::Index || *axis >= to.rank() || gathered(*to, *axis, index) != x {
                    return Err(format!("slices {x} at indices {index} along axis {axis} of {to}"));
                }
                Ok((*to, dtype))
            }
            ArrayOp::CumSum { axis, .. } => {
                float()?;
                axes_of(&[*axis])?;
                Ok((x, dtype))
            }
            ArrayOp::Iota(..) => Err("an operand".into()),
        }
    }
}

/// The name and its attributes.
impl fmt::Display for ArrayOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            ArrayOp::Broadcast(shape) | ArrayOp::Reshape(shape) => write!(f, "{shape}"),
            ArrayOp::Permute(list) | ArrayOp::Sum(list) | ArrayOp::MaxOf(list) | ArrayOp::MinOf(list) => write!(f, "{list:?}"),
            ArrayOp::ArgMax(axis) | ArrayOp::Concat(axis) | ArrayOp::Gather(axis) => write!(f, "[{axis}]"),
            ArrayOp::Slice(cuts) => write!(f, "{}", Cuts(cuts)),
            ArrayOp::Place(shape, cuts) => write!(f, "{shape}{}", Cuts(cuts)),
            ArrayOp::MatMul => Ok(()),
            ArrayOp::ScatterAdd(shape, axis) | ArrayOp::Iota(shape, axis) => write!(f, "{shape}[{axis}]"),
            ArrayOp::CumSum { axis, reverse } => write!(f, "[{axis}{}]", if *reverse { ",reverse" } else { "" }),
        }
    }
}

struct Cuts<'a>(&'a [Cut]);

impl fmt::Display for Cuts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (k, cut) in self.0.iter().enumerate() {
            let comma = if k == 0 { "" } else { "," };
            match cut {
                Cut::All => write!(f, "{comma}:")?,
                Cut::Range { start, step, len } => write!(f, "{comma}{start}+{step}*{len}")?,
            }
        }
        f.write_str("]")
    }
}

fn check_cuts(cuts: &[Cut], shape: Shape) -> Result<(), String> {
    if cuts.len() != shape.rank() {
        return Err(format!("{} cuts for the shape {shape}", cuts.len()));
    }
    for (cut, axis) in cuts.iter().zip(shape.axes()) {
        let inside = match (cut, axis) {
            (Cut::All, _) => true,
            (Cut::Range { .. }, Axis::Open(_)) => false,
            (Cut::Range { len: 0, .. }, _) => true,
            (Cut::Range { start, step, len }, Axis::Fixed(n)) => {
                let last = *start as isize + step * (*len as isize - 1);
                *step != 0 && start < n && (0..*n as isize).contains(&last)
            }
        };
        if !inside {
            return Err(format!("{} reaches outside of the shape {shape}", Cuts(cuts)));
        }
    }
    Ok(())
}

fn gathered(x: Shape, axis: usize, index: Shape) -> Shape {
    let (before, after) = x.axes().split_at(axis);
    Shape::new(&[before, index.axes(), &after[1..]].concat())
}

/// One step of an array edge's linear map.
#[derive(Clone)]
pub(crate) enum Link<S: Real> {
    /// A linear operation of one operand, from one shape to another.
    Op { op: &'static ArrayOp, from: Shape, to: Shape },
    /// t ↦ A·t or Aᵀ·t
    Left { a: S, transposed: bool },
    /// t ↦ t·B or t·Bᵀ
    Right { b: S, transposed: bool },
    /// t ↦ t's slices at indices, from a shape
    Gather { index: S, axis: usize, from: Shape },
    /// t ↦ zeros of a shape with t's slices added at indices
    Scatter { index: S, axis: usize, to: Shape },
    /// An elementwise map.
    Each(EdgeMap<S>),
}

/// The linear map of an edge to an operand of an array operation: its links, one after the other.
pub(crate) type Chain<S> = Vec<Link<S>>;

impl<S: Real> Link<S> {
    /// Applies the map; `None` where nothing flows.
    #[track_caller]
    pub(crate) fn apply(&self, t: S) -> Option<S> {
        let run = |op: &'static ArrayOp, args: &[S]| {
            let args: Vec<_> = args.iter().map(|&x| Value::Num(x)).collect();
            S::array(op, &args).num()
        };
        let flip = |x: S, transposed: bool| if transposed { S::array_transpose(x) } else { x };
        Some(match *self {
            Link::Op { op, .. } => run(op, &[t]),
            Link::Left { a, transposed } => run(&ArrayOp::MatMul, &[flip(a, transposed), t]),
            Link::Right { b, transposed } => run(&ArrayOp::MatMul, &[t, flip(b, transposed)]),
            Link::Gather { index, axis, .. } => run(ArrayOp::Gather(axis).intern(), &[t, index]),
            Link::Scatter { index, axis, to } => run(ArrayOp::ScatterAdd(to, axis).intern(), &[t, index]),
            Link::Each(edge) => return edge.apply(t),
        })
    }

    /// The transposed map, as a chain.
    fn transpose(&self) -> Chain<S> {
        match *self {
            Link::Op { op, from, to } => transpose(op, from, to),
            Link::Left { a, transposed } => vec![Link::Left { a, transposed: !transposed }],
            Link::Right { b, transposed } => vec![Link::Right { b, transposed: !transposed }],
            Link::Gather { index, axis, from } => vec![Link::Scatter { index, axis, to: from }],
            Link::Scatter { index, axis, to } => vec![Link::Gather { index, axis, from: to }],
            Link::Each(edge) => vec![Link::Each(edge.transpose())],
        }
    }
}

/// The transpose of a chain: the transposed links in reverse.
pub(crate) fn transposed<S: Real>(chain: &[Link<S>]) -> Chain<S> {
    chain.iter().rev().flat_map(Link::transpose).collect()
}

/// The transpose of a linear operation of one operand.
fn transpose<S: Real>(op: &ArrayOp, from: Shape, to: Shape) -> Chain<S> {
    let single = |op: ArrayOp| vec![Link::Op { op: op.intern(), from: to, to: from }];
    match op {
        ArrayOp::Broadcast(_) => {
            let new = to.rank() - from.rank();
            let stretched = |k: &usize| *k < new || from.axes()[k - new] != to.axes()[*k];
            let axes: Vec<usize> = (0..to.rank()).filter(stretched).collect();
            let summed = to.without(&axes);
            let mut chain = vec![Link::Op { op: ArrayOp::Sum(axes).intern(), from: to, to: summed }];
            if summed != from {
                chain.push(Link::Op { op: ArrayOp::Reshape(from).intern(), from: summed, to: from });
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
                chain.push(Link::Op { op: ArrayOp::Reshape(kept).intern(), from: to, to: kept });
            }
            if kept != from {
                chain.push(Link::Op { op: ArrayOp::Broadcast(from).intern(), from: kept, to: from });
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
        ArrayOp::Slice(cuts) => single(ArrayOp::Place(from, cuts.clone())),
        ArrayOp::Place(_, cuts) => single(ArrayOp::Slice(cuts.clone())),
        ArrayOp::CumSum { axis, reverse } => single(ArrayOp::CumSum { axis: *axis, reverse: !reverse }),
        _ => unreachable!("{op} is not a linear operation of one operand"),
    }
}

impl ArrayOp {
    /// The chain of the edge to each operand, `None` where nothing flows; `shapes` are the operands', `z` is the result.
    #[track_caller]
    pub(crate) fn edges<S: Real>(
        &'static self,
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
            | ArrayOp::Place(..)
            | ArrayOp::CumSum { .. } => vec![Some(vec![Link::Op { op: self, from, to }])],
            ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) => {
                let sum: Link<S> = Link::Op { op: ArrayOp::Sum(axes.clone()).intern(), from, to };
                let mut spread = z.num();
                for link in sum.transpose() {
                    spread = link.apply(spread).expect("shapes are always mapped");
                }
                let attained = args[0].num().eq(spread);
                let ones = S::select(attained, lit(1.0), lit(0.0));
                let ties = sum.apply(ones).expect("shapes are always mapped");
                vec![Some(vec![Link::Each(EdgeMap::Where(attained)), sum, Link::Each(EdgeMap::Scale(ties.recip()))])]
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
                    Some(vec![Link::Op { op: ArrayOp::Place(to, cuts).intern(), from: shape, to }])
                });
                each.collect()
            }
            ArrayOp::Gather(axis) => vec![Some(vec![Link::Gather { index: args[1].num(), axis: *axis, from }]), None],
            ArrayOp::ScatterAdd(to, axis) => vec![Some(vec![Link::Scatter { index: args[1].num(), axis: *axis, to: *to }]), None],
            ArrayOp::ArgMax(_) => vec![None],
            ArrayOp::Iota(..) => vec![],
        }
    }
}
