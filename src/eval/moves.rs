//! Array operations of the interpreter that reduce, or only move numbers.

use super::along::Along;
use super::array::Array;
use crate::op::ArrayOp;
use std::ops::Range;

/// Sums over groups of axes, the last group first; `total` adds up summands in order.
pub(crate) fn sum<T: Copy>(x: &Array<T>, groups: &[Range<usize>], total: impl Fn(&mut dyn Iterator<Item = T>) -> T) -> Array<T> {
    let mut sums = x.clone();
    for group in groups.iter().rev() {
        let (before, rest) = sums.shape.split_at(group.start);
        let (along, after) = rest.split_at(group.len());
        let [outer, n, inner]: [usize; 3] = [before, along, after].map(|lengths| lengths.iter().product());
        let of = |o: usize, i: usize| total(&mut (0..n).map(|k| sums.data[(o * n + k) * inner + i]));
        let data = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| of(o, i)).collect();
        sums = Array { shape: [before, after].concat(), data };
    }
    sums
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
