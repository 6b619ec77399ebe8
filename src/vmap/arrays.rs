//! What an axis in front makes of array operations.

use super::mapped::{Handle, Mapped, run, spread, with_axis};
use crate::base::{Axis, Shape};
use crate::op::{ArrayOp, Cut};

/// A product of matrices of which one is the same for all samples, as one product: the samples' rows below each other, or their
/// columns side by side. None where a length that this takes is not known.
fn shared_factor(x: Mapped, y: Mapped, axis: Axis, to: Shape) -> Option<Handle> {
    let (&[m, n], Axis::Fixed(samples)) = (to.axes(), axis) else { return None };
    let reshape = |axes: [Axis; 2], x: Handle| run(ArrayOp::Reshape(Shape::new(axes)), &[x]);
    let unfolded = |axes: [Axis; 3], x: Handle| run(ArrayOp::Reshape(Shape::new(axes)), &[x]);
    let swapped = |x: Handle| run(ArrayOp::Permute(vec![1, 0, 2]), &[x]);
    match (x.batched, y.batched, m, n) {
        (true, false, Axis::Fixed(rows), _) => {
            let rows = reshape([Axis::Fixed(samples * rows), x.shape.axes()[1]], x.value);
            Some(unfolded([axis, m, n], run(ArrayOp::MatMul, &[rows, y.value])))
        }
        (false, true, _, Axis::Fixed(columns)) => {
            let columns = reshape([y.shape.axes()[0], Axis::Fixed(samples * columns)], swapped(y.value));
            Some(swapped(unfolded([m, axis, n], run(ArrayOp::MatMul, &[x.value, columns]))))
        }
        _ => None,
    }
}

/// An array operation with the axis in front.
pub(super) fn array(op: &ArrayOp, operands: &[Mapped], axis: Axis, to: Shape) -> Handle {
    let with_axis = |shape: Shape| with_axis(axis, shape);
    let shift = |axes: &[usize]| axes.iter().map(|k| k + 1).collect::<Vec<_>>();
    let cuts = |cuts: &[Cut]| [&[Cut::All], cuts].concat();
    let x = operands[0];
    match op {
        ArrayOp::Broadcast(to) => {
            // Axes of length 1 between the new one and the old ones, so that these stay the last.
            let mut axes = vec![axis];
            axes.extend(std::iter::repeat_n(Axis::Fixed(1), to.rank() - x.shape.rank()));
            axes.extend(x.shape.axes());
            let aligned =
                if axes.len() == x.shape.rank() + 1 { x.value } else { run(ArrayOp::Reshape(Shape::new(&axes)), &[x.value]) };
            run(ArrayOp::Broadcast(with_axis(*to)), &[aligned])
        }
        ArrayOp::Reshape(to) => run(ArrayOp::Reshape(with_axis(*to)), &[x.value]),
        ArrayOp::Permute(order) => run(ArrayOp::Permute([&[0], &shift(order)[..]].concat()), &[x.value]),
        ArrayOp::Sum(axes) => run(ArrayOp::Sum(shift(axes)), &[x.value]),
        ArrayOp::MaxOf(axes) => run(ArrayOp::MaxOf(shift(axes)), &[x.value]),
        ArrayOp::MinOf(axes) => run(ArrayOp::MinOf(shift(axes)), &[x.value]),
        ArrayOp::Norm(axes) => run(ArrayOp::Norm(shift(axes)), &[x.value]),
        ArrayOp::ArgMax(k) => run(ArrayOp::ArgMax(k + 1), &[x.value]),
        ArrayOp::Slice(c) => run(ArrayOp::Slice(cuts(c)), &[x.value]),
        ArrayOp::Pad(shape, c) => run(ArrayOp::Pad(with_axis(*shape), cuts(c)), &[x.value]),
        ArrayOp::CumSum { axis: k, reverse } => run(ArrayOp::CumSum { axis: k + 1, reverse: *reverse }, &[x.value]),
        ArrayOp::Prod(k) => run(ArrayOp::Prod(k + 1), &[x.value]),
        ArrayOp::Shift { axis: k, reverse } => run(ArrayOp::Shift { axis: k + 1, reverse: *reverse }, &[x.value]),
        ArrayOp::Recur { axis: k, reverse } => {
            run(ArrayOp::Recur { axis: k + 1, reverse: *reverse }, &[spread(x, axis), spread(operands[1], axis)])
        }
        ArrayOp::SlopeOf => run(ArrayOp::SlopeOf, &[spread(x, axis), spread(operands[1], axis)]),
        ArrayOp::Inverse | ArrayOp::Det | ArrayOp::LogDet | ArrayOp::Cholesky => run(op.clone(), &[x.value]),
        ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } => solve(op, x, operands[1], axis),
        ArrayOp::Concat(k) => {
            let all: Vec<Handle> = operands.iter().map(|&x| spread(x, axis)).collect();
            run(ArrayOp::Concat(k + 1), &all)
        }
        ArrayOp::MatMul => match operands {
            // A row per sample and one matrix for all: one product of matrices.
            [x, y] if x.batched && !y.batched && x.shape.rank() == 2 && x.shape.axes()[0] == Axis::Fixed(1) => {
                let rows = run(ArrayOp::Reshape(Shape::new([axis, x.shape.axes()[1]])), &[x.value]);
                run(ArrayOp::Reshape(with_axis(to)), &[run(ArrayOp::MatMul, &[rows, y.value])])
            }
            [x, y] => {
                shared_factor(*x, *y, axis, to).unwrap_or_else(|| run(ArrayOp::MatMul, &[spread(*x, axis), spread(*y, axis)]))
            }
            _ => unreachable!("a product has two factors"),
        },
        ArrayOp::Gather { axis: k, batch: 0 } if !operands[1].batched => {
            run(ArrayOp::Gather { axis: k + 1, batch: 0 }, &[x.value, operands[1].value])
        }
        ArrayOp::Gather { axis: k, batch: 0 } if !x.batched => {
            // The axis comes out where the indices are, and goes to the front.
            let gathered = run(op.clone(), &[x.value, operands[1].value]);
            let order: Vec<usize> = std::iter::once(*k).chain((0..to.rank() + 1).filter(|axis| axis != k)).collect();
            if *k == 0 { gathered } else { run(ArrayOp::Permute(order), &[gathered]) }
        }
        ArrayOp::ScatterAdd { to, axis: k, batch: 0 } if !operands[1].batched => {
            run(ArrayOp::ScatterAdd { to: with_axis(*to), axis: k + 1, batch: 0 }, &[x.value, operands[1].value])
        }
        // The new axis is one more that array and indices share.
        ArrayOp::Gather { axis: k, batch } => {
            run(ArrayOp::Gather { axis: k + 1, batch: batch + 1 }, &[spread(x, axis), spread(operands[1], axis)])
        }
        ArrayOp::ScatterAdd { to, axis: k, batch } => {
            let op = ArrayOp::ScatterAdd { to: with_axis(*to), axis: k + 1, batch: batch + 1 };
            run(op, &[spread(x, axis), spread(operands[1], axis)])
        }
        ArrayOp::Iota(..) => unreachable!("it has no operand"),
    }
}

/// A solution for every sample: with one matrix for all, the right-hand sides stand side by side as columns where they can.
fn solve(op: &ArrayOp, a: Mapped, b: Mapped, axis: Axis) -> Handle {
    let columns = match (axis, b.shape.axes()) {
        (_, [_, Axis::Fixed(1)]) => Some(axis),
        (Axis::Fixed(samples), [_, Axis::Fixed(columns)]) => Some(Axis::Fixed(samples * columns)),
        _ => None,
    };
    let Some(columns) = columns.filter(|_| !a.batched) else {
        return run(op.clone(), &[spread(a, axis), spread(b, axis)]);
    };
    let [rows, own] = *b.shape.axes() else { unreachable!("it is a matrix") };
    let turned = run(ArrayOp::Permute(vec![1, 0, 2]), &[b.value]);
    let wide = run(ArrayOp::Reshape(Shape::new([rows, columns])), &[turned]);
    let solved = run(op.clone(), &[a.value, wide]);
    run(ArrayOp::Permute(vec![1, 0, 2]), &[run(ArrayOp::Reshape(Shape::new([rows, axis, own])), &[solved])])
}
