//! How sets of columns flow through array operations.

use crate::base::sets::{Set, Sets, union, union_all};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::Array;
use crate::eval::along::{Along, Indices, outside};
use crate::eval::moves::moved;
use crate::op::ArrayOp;

/// The sets of the result, from those of the operands; `shapes` are the operands', `to` is the result's.
pub(super) fn flow(
    op: &ArrayOp,
    operands: Vec<Sets>,
    shapes: &[Vec<usize>],
    to: &[usize],
    index: Option<&Array>,
) -> Result<Sets> {
    if operands.iter().all(|sets| sets.is_empty()) {
        return Ok(Sets::new());
    }
    let len: usize = to.iter().product();
    let set = |operand: usize, at: usize| operands[operand].get(at).cloned().flatten();
    let sets: Sets = match op {
        ArrayOp::Reshape(_) => operands.into_iter().next().unwrap_or_default(),
        ArrayOp::Broadcast(_) | ArrayOp::Permute(_) | ArrayOp::Slice(_) | ArrayOp::Pad(..) | ArrayOp::Concat(_) => {
            // The operands' numbers one after the other.
            let mut all: Vec<Set> = Vec::new();
            let mut places = Vec::new();
            for (sets, shape) in operands.iter().zip(shapes) {
                let (first, n) = (all.len() as u32, shape.iter().product::<usize>());
                places.push(array(shape, (first..first + n as u32).collect()));
                all.extend((0..n).map(|k| sets.get(k).cloned().flatten()));
            }
            let from = moved(op, &places.iter().collect::<Vec<_>>(), to.to_vec(), u32::MAX);
            from.data().iter().map(|&k| all.get(k as usize).cloned().flatten()).collect()
        }
        ArrayOp::Sum(axes) | ArrayOp::MaxOf(axes) | ArrayOp::MinOf(axes) | ArrayOp::Norm(axes) => {
            reduce(&operands[0], &shapes[0], axes, len)
        }
        ArrayOp::Prod(axis) => reduce(&operands[0], &shapes[0], &[*axis], len),
        ArrayOp::ArgMax(_) | ArrayOp::Iota(..) => Sets::new(),
        ArrayOp::SlopeOf => operands.into_iter().nth(1).unwrap_or_default(),
        ArrayOp::MatMul => {
            let (x, y) = (&shapes[0], &shapes[1]);
            let (rows, inner, columns) = (x[x.len() - 2], x[x.len() - 1], y[y.len() - 1]);
            let batch = len.checked_div(rows * columns).unwrap_or(0);
            let mut all = Sets::with_capacity(len);
            for b in 0..batch {
                let row = |i: usize| union_all(range(&operands[0], (b * rows + i) * inner, inner, 1));
                let column = |j: usize| union_all(range(&operands[1], b * inner * columns + j, inner, columns));
                let right: Vec<Set> = (0..columns).map(column).collect();
                for left in (0..rows).map(row) {
                    all.extend(right.iter().map(|right| union(left.clone(), right.clone())));
                }
            }
            all
        }
        ArrayOp::Gather { axis, batch } => {
            let (index, along) = (index.expect("indices are known"), Along::new(&shapes[0], *axis));
            let from = gathered(op, index, &shapes[0], along, *batch, len)?;
            from.into_iter().map(|at| set(0, at as usize)).collect()
        }
        ArrayOp::ScatterAdd { axis, batch, .. } => {
            let (index, along) = (index.expect("indices are known"), Along::new(to, *axis));
            let n = shapes[0].iter().product();
            let mut parts: Vec<Vec<Set>> = vec![vec![]; len];
            let into = gathered(op, index, to, along, *batch, n)?;
            into.into_iter().enumerate().for_each(|(from, at)| parts[at as usize].push(set(0, from)));
            parts.iter().map(union_all).collect()
        }
        ArrayOp::CumSum { axis, reverse } => {
            recur(Along::new(to, *axis), *reverse, |at, before| union(before.and_then(|(_, sum)| sum), set(0, at)))
        }
        ArrayOp::Shift { axis, reverse } => {
            recur(Along::new(to, *axis), *reverse, |_, before| before.and_then(|(before, _)| set(0, before)))
        }
        // The first factor is not read.
        ArrayOp::Recur { axis, reverse } => recur(Along::new(to, *axis), *reverse, |at, before| match before {
            Some((_, before)) => union(union(before, set(0, at)), set(1, at)),
            None => set(1, at),
        }),
        ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } => {
            let n = to[to.len() - 2];
            let columns = to[to.len() - 1];
            let batch = len.checked_div(n * columns).unwrap_or(0);
            let mut all: Sets = smallvec::smallvec![None; len];
            for b in 0..batch {
                let whole = union_all(range(&operands[0], b * n * n, n * n, 1));
                for j in 0..columns {
                    let right = |i: usize| b * n * columns + i * columns + j;
                    let dense = union(whole.clone(), union_all(range(&operands[1], right(0), n, columns)));
                    let ArrayOp::SolveTriangular { lower } = op else {
                        (0..n).for_each(|i| all[right(i)] = dense.clone());
                        continue;
                    };
                    // A row depends on what its triangle reads, and on what was solved before it.
                    let mut before: Set = None;
                    for step in 0..n {
                        let (i, read) = if *lower { (step, 0..step + 1) } else { (n - 1 - step, n - 1 - step..n) };
                        let own = union_all(range(&operands[0], b * n * n + i * n + read.start, read.len(), 1));
                        before = union(union(before, own), set(1, right(i)));
                        all[right(i)] = before.clone();
                    }
                }
            }
            all
        }
        ArrayOp::Inverse | ArrayOp::Det | ArrayOp::LogDet | ArrayOp::Cholesky => {
            let n = shapes[0][shapes[0].len() - 1];
            let matrices = shapes[0][..shapes[0].len() - 2].iter().product();
            let each = len.checked_div(matrices).unwrap_or(0);
            let mut all = Sets::with_capacity(len);
            for b in 0..matrices {
                let whole = union_all(range(&operands[0], b * n * n, n * n, 1));
                all.extend((0..each).map(|at| match op {
                    ArrayOp::Cholesky if at % n > at / n => None,
                    _ => whole.clone(),
                }));
            }
            all
        }
    };
    Ok(if sets.iter().all(Option::is_none) { Sets::new() } else { sets })
}

fn array(shape: &[usize], data: Vec<u32>) -> Array<u32> {
    Array::new(shape, data).expect("a number for every place")
}

/// Some sets, a step apart.
fn range(sets: &Sets, first: usize, len: usize, step: usize) -> impl Iterator<Item = &Set> {
    // A value without sets has none of its numbers in the list.
    let len = if sets.is_empty() { 0 } else { len };
    (0..len).map(move |k| &sets[first + k * step])
}

/// What is combined over axes depends on all of it.
fn reduce(sets: &Sets, shape: &[usize], axes: &[usize], len: usize) -> Sets {
    let kept: Vec<usize> = shape.iter().enumerate().map(|(k, &n)| if axes.contains(&k) { 1 } else { n }).collect();
    let results = array(&kept, (0..len as u32).collect());
    let into = moved(&ArrayOp::Broadcast(crate::base::Shape::SCALAR), &[&results], shape.to_vec(), u32::MAX);
    let mut parts: Vec<Vec<&Set>> = vec![vec![]; len];
    into.data().iter().zip(sets).for_each(|(&at, set)| parts[at as usize].push(set));
    parts.into_iter().map(union_all).collect()
}

/// Where each number of a gather comes from, or, of a scatter, goes to: its place in an array of the shape that the indices are for.
fn gathered(op: &ArrayOp, index: &Array, shape: &[usize], along: Along, batch: usize, len: usize) -> Result<Vec<u32>> {
    let (ArrayOp::Gather { axis, .. } | ArrayOp::ScatterAdd { axis, .. }) = op else { unreachable!("it takes indices") };
    if let Some(bad) = outside(index.data(), along.len) {
        let message = format!("{}: the index {bad:?} is out of range for an axis of length {}", op.name(), along.len);
        return Err(Error::new(ErrorKind::Value, message));
    }
    let places: Vec<u32> = (0..shape.iter().product::<usize>() as u32).collect();
    let mut from = vec![0; len];
    Indices::new(shape, *axis, batch, index.shape()).gather(&places, index.data(), along, &mut from);
    Ok(from)
}

/// A run along an axis: each set from its place, and from the place and the set before.
fn recur(along: Along, reverse: bool, next: impl Fn(usize, Option<(usize, Set)>) -> Set) -> Sets {
    let mut all: Sets = smallvec::smallvec![None; along.outer * along.len * along.inner];
    along.steps(reverse, |before, to| {
        for i in 0..along.inner {
            all[to + i] = next(to + i, before.map(|before| (before + i, all[before + i].clone())));
        }
    });
    all
}
