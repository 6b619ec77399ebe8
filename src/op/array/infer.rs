//! What array operations do to shapes. In: the operands' shapes and kinds. Out: the result's, or what is wrong.

use super::operation::{ArrayOp, Cut, Cuts};
use crate::base::{Axis, Shape};
use crate::op::DType;

impl ArrayOp {
    /// The result's shape and kind, or what is wrong with the operands.
    pub(crate) fn infer(&self, operands: &[(Shape, DType)]) -> Result<(Shape, DType), String> {
        let (shape, dtype) = self.infer_any(operands)?;
        shape.check_size()?;
        Ok((shape, dtype))
    }

    /// The same for results of any size.
    fn infer_any(&self, operands: &[(Shape, DType)]) -> Result<(Shape, DType), String> {
        let arity = match self {
            ArrayOp::Iota(..) => 0..=0,
            ArrayOp::MatMul
            | ArrayOp::SlopeOf
            | ArrayOp::Gather { .. }
            | ArrayOp::ScatterAdd { .. }
            | ArrayOp::Recur { .. }
            | ArrayOp::Solve
            | ArrayOp::SolveOrNan
            | ArrayOp::SolveTriangular { .. } => 2..=2,
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
            ArrayOp::Sum(axes) | ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) | ArrayOp::Norm(axes) => {
                float()?;
                axes_of(axes)?;
                if axes.windows(2).any(|pair| pair[0] >= pair[1]) {
                    return Err(format!("the axes {axes:?} do not ascend"));
                }
                Ok((x.without(axes), dtype))
            }
            ArrayOp::Prod(axis) => {
                float()?;
                axes_of(&[*axis])?;
                Ok((x.without(&[*axis]), dtype))
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
            ArrayOp::Pad(to, cuts) => {
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
                        Axis::Fixed(n) => len = usize::saturating_add(len, n),
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
            ArrayOp::Gather { axis, batch } => {
                axes_of(&[*axis])?;
                let (index, kind) = operands[1];
                if kind != DType::Index {
                    return Err("the second operand must be indices".into());
                }
                let to = gathered(x, *axis, index, *batch);
                to.map(|to| (to, dtype)).ok_or_else(|| format!("the shapes {x} and {index} do not share {batch} leading axes"))
            }
            ArrayOp::ScatterAdd { to, axis, batch } => {
                float()?;
                let (index, kind) = operands[1];
                if kind != DType::Index || *axis >= to.rank() || gathered(*to, *axis, index, *batch) != Some(x) {
                    return Err(format!("slices {x} at indices {index} along axis {axis} of {to}"));
                }
                Ok((*to, dtype))
            }
            ArrayOp::CumSum { axis, .. } | ArrayOp::Shift { axis, .. } => {
                float()?;
                axes_of(&[*axis])?;
                Ok((x, dtype))
            }
            ArrayOp::Recur { axis, .. } => {
                float()?;
                axes_of(&[*axis])?;
                if operands[1] == operands[0] {
                    Ok((x, dtype))
                } else {
                    Err(format!("the shapes {x} and {} differ", operands[1].0))
                }
            }
            ArrayOp::SlopeOf => {
                float()?;
                if operands[1] == operands[0] {
                    Ok((x, dtype))
                } else {
                    Err(format!("the shapes {x} and {} differ", operands[1].0))
                }
            }
            ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } => {
                float()?;
                let ((y, other), r) = (operands[1], x.rank());
                let fits = is_square(x) && other == DType::Float && y.rank() == r && y.axes()[..r - 1] == x.axes()[..r - 1];
                if fits { Ok((y, dtype)) } else { Err(format!("the shapes {x} and {y} do not fit")) }
            }
            ArrayOp::Inverse | ArrayOp::Cholesky | ArrayOp::Det | ArrayOp::LogDet => {
                float()?;
                if !is_square(x) {
                    return Err(format!("the shape {x} is not that of a square matrix"));
                }
                let whole = matches!(self, ArrayOp::Inverse | ArrayOp::Cholesky);
                Ok((if whole { x } else { Shape::new(&x.axes()[..x.rank() - 2]) }, dtype))
            }
            ArrayOp::Iota(..) => Err("an operand".into()),
        }
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
                let steps = isize::try_from(len - 1).ok();
                let last = steps.and_then(|steps| step.checked_mul(steps)).and_then(|way| start.checked_add_signed(way));
                *step != 0 && start < n && last.is_some_and(|last| last < *n)
            }
        };
        if !inside {
            let why = match axis {
                Axis::Open(name) => format!(": the length of `{name}` is not known while tracing (`gather` reads at an index)"),
                Axis::Fixed(_) => String::new(),
            };
            return Err(format!("{} reaches outside of the shape {shape}{why}", Cuts(cuts)));
        }
    }
    Ok(())
}

/// The shape of what a gather reads; `None` where the leading axes are not the same.
fn gathered(x: Shape, axis: usize, index: Shape, batch: usize) -> Option<Shape> {
    let (before, after) = x.axes().split_at(axis);
    let shared = batch <= axis && index.axes().get(..batch)? == &x.axes()[..batch];
    shared.then(|| Shape::new([before, &index.axes()[batch..], &after[1..]].concat()))
}

/// Whether the last two axes are equal.
fn is_square(x: Shape) -> bool {
    matches!(x.axes(), [.., rows, columns] if rows == columns)
}
