//! Array operations of the interpreter that reduce, or only move numbers.

use super::along::Along;
use super::array::Array;
use crate::base::sums::{BLOCK, Sum};
use crate::op::ArrayOp;
use crate::op::Scalar;

/// Sums over axes, of which the last ones are the run.
pub(super) fn sum<T: Scalar>(x: &Array<T>, axes: &[usize], run: usize, shape: Vec<usize>) -> Array<T> {
    let (outer, inner) = x.shape.split_at(x.shape.len() - run);
    let run: usize = inner.iter().product();
    let sums = x.data.chunks(run.max(1)).flat_map(|run| run.chunks(BLOCK)).map(|block| {
        let mut sum = Sum::new();
        block.iter().enumerate().for_each(|(k, &v)| sum.add(k, v));
        sum.total()
    });
    // Their last axis is that of a run's blocks.
    let sums = Array { shape: [outer, &[run.div_ceil(BLOCK)]].concat(), data: sums.collect() };
    let axes: Vec<usize> = axes.iter().copied().filter(|&axis| axis < outer.len()).chain([outer.len()]).collect();
    reduce(&sums, &axes, shape, |a, b| a + b, T::default())
}

/// Combines over axes, from the first element on in the order of the elements.
pub(crate) fn reduce<T: Copy>(
    x: &Array<T>,
    axes: &[usize],
    shape: Vec<usize>,
    combine: impl Fn(T, T) -> T,
    empty: T,
) -> Array<T> {
    let mut results: Vec<Option<T>> = vec![None; shape.iter().product()];
    for (at, &v) in x.data.iter().enumerate() {
        let (mut rest, mut to, mut stride) = (at, 0, 1);
        for k in (0..x.shape.len()).rev() {
            let index = rest % x.shape[k];
            rest /= x.shape[k];
            if !axes.contains(&k) {
                to += index * stride;
                stride *= x.shape[k];
            }
        }
        results[to] = Some(results[to].map_or(v, |sum| combine(sum, v)));
    }
    Array { data: results.into_iter().map(|v| v.unwrap_or(empty)).collect(), shape }
}

/// The operations that only move numbers.
pub(crate) fn moved<T: Copy>(op: &ArrayOp, operands: &[&Array<T>], shape: Vec<usize>, zero: T) -> Array<T> {
    let x = operands[0];
    let places: usize = shape.iter().product();
    // The index along every axis of the result, and where that is in a source of some strides.
    let indices = |mut at: usize| {
        let mut indices = vec![0; shape.len()];
        for k in (0..shape.len()).rev() {
            indices[k] = at % shape[k];
            at /= shape[k];
        }
        indices
    };
    let flat = |indices: &[usize], lengths: &[usize]| indices.iter().zip(lengths).fold(0, |at, (i, n)| at * n + i);
    let data = match op {
        ArrayOp::Reshape(_) => x.data.clone(),
        ArrayOp::Broadcast(_) => {
            let new = shape.len() - x.shape.len();
            let source = |at: usize| {
                let indices = indices(at);
                let own = indices[new..].iter().zip(&x.shape).map(|(&i, &n)| if n == 1 { 0 } else { i });
                flat(&own.collect::<Vec<_>>(), &x.shape)
            };
            (0..places).map(|at| x.data[source(at)]).collect()
        }
        ArrayOp::Permute(order) => {
            let source = |at: usize| {
                let mut own = vec![0; order.len()];
                for (&axis, i) in order.iter().zip(indices(at)) {
                    own[axis] = i;
                }
                flat(&own, &x.shape)
            };
            (0..places).map(|at| x.data[source(at)]).collect()
        }
        ArrayOp::Slice(cuts) => {
            let source = |at: usize| {
                let own: Vec<usize> = indices(at).iter().zip(cuts).map(|(&i, cut)| cut.at(i)).collect();
                flat(&own, &x.shape)
            };
            (0..places).map(|at| x.data[source(at)]).collect()
        }
        ArrayOp::Pad(_, cuts) => {
            let mut data = vec![zero; places];
            for (at, &v) in x.data.iter().enumerate() {
                let (mut rest, mut own) = (at, vec![0; x.shape.len()]);
                for k in (0..x.shape.len()).rev() {
                    own[k] = cuts[k].at(rest % x.shape[k]);
                    rest /= x.shape[k];
                }
                data[flat(&own, &shape)] = v;
            }
            data
        }
        ArrayOp::Concat(axis) => {
            let Along { outer, inner, .. } = Along::new(&shape, *axis);
            let mut data = Vec::with_capacity(places);
            for o in 0..outer {
                for x in operands {
                    let run = x.shape[*axis] * inner;
                    data.extend_from_slice(&x.data[o * run..(o + 1) * run]);
                }
            }
            data
        }
        _ => unreachable!("{op} does not only move numbers"),
    };
    Array { data, shape }
}
