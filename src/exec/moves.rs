//! What is not a loop over elements: copies along strides, gathers, partial sums, extremes, matrix products.

use crate::eval::along::Along;
use crate::op::Scalar;
use crate::schedule::ir::Strided;
use crate::schedule::lengths::MAX_RANK;

/// Copies elements that lie side by side, some 2 kB at a time. What the platform's routine does for more, one instruction for all bytes, takes several
/// times as long where the two places are a little apart within their pages. A few elements are copied without a call of it, which takes longer than
/// they do.
#[inline]
pub(super) fn copy<T: Copy>(x: &[T], y: &mut [T]) {
    const PIECE: usize = 256;
    assert_eq!(x.len(), y.len(), "as many elements");
    match y.len() {
        0 => {}
        1 => y[0] = x[0],
        2..4 => ends::<T, 2>(x, y),
        4..8 => ends::<T, 4>(x, y),
        8..=16 => ends::<T, 8>(x, y),
        _ => y.chunks_mut(PIECE).zip(x.chunks(PIECE)).for_each(|(y, x)| y.copy_from_slice(x)),
    }
}

/// Copies N to 2N elements: the first N and the last N.
#[inline(always)]
fn ends<T: Copy, const N: usize>(x: &[T], y: &mut [T]) {
    const ENOUGH: &str = "N elements at least";
    let (&first, &last) = (x.first_chunk().expect(ENOUGH), x.last_chunk().expect(ENOUGH));
    *y.first_chunk_mut::<N>().expect(ENOUGH) = first;
    *y.last_chunk_mut::<N>().expect(ENOUGH) = last;
}

/// Reads elements of `x` in order into `y`.
pub(super) fn read<T: Copy>(x: &[T], from: &Strided, y: &mut [T]) {
    let (n, stride) = from.run();
    let mut rows = y.chunks_exact_mut(n.max(1));
    from.runs(|start| {
        let row = rows.next().expect("as many runs as rows");
        match stride {
            1 => copy(&x[start..start + n], row),
            _ => row.iter_mut().enumerate().for_each(|(k, y)| *y = x[start.wrapping_add_signed(stride * k as isize)]),
        }
    });
}

/// Writes `x`, in order, to elements of `y`.
pub(super) fn write<T: Copy>(x: &[T], y: &mut [T], to: &Strided) {
    let (n, stride) = to.run();
    let mut rows = x.chunks_exact(n.max(1));
    to.runs(|start| {
        let row = rows.next().expect("as many runs as rows");
        match stride {
            1 => copy(row, &mut y[start..start + n]),
            _ => row.iter().enumerate().for_each(|(k, x)| y[start.wrapping_add_signed(stride * k as isize)] = *x),
        }
    });
}

/// Of two elements the larger or smaller one, the first of equal ones. NaN is for the caller to see to.
#[inline(always)]
fn better<T: Scalar, const LARGEST: bool>(best: T, v: T) -> T {
    // One instruction, where a test for NaN would be a branch.
    let better = if LARGEST { v > best } else { v < best };
    if better { v } else { best }
}

/// The largest or smallest value along an axis; NaN if there is one.
pub(super) fn extreme<T: Scalar>(x: &[T], along: Along, largest: bool, y: &mut [T]) {
    if largest { extremes::<T, true>(x, along, y) } else { extremes::<T, false>(x, along, y) }
}

/// The lanes that a long row is taken in: whoever waits for one comparison after the other waits long.
const LANES: usize = 16;

fn extremes<T: Scalar, const LARGEST: bool>(x: &[T], along: Along, y: &mut [T]) {
    if x.is_empty() {
        return y.fill(crate::op::lit(if LARGEST { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    if along.inner == 1 && along.len >= 4 * LANES {
        return x.chunks_exact(along.len).zip(y).for_each(|(row, y)| *y = extreme_of::<T, LARGEST>(row));
    }
    for (x, y) in x.chunks_exact(along.len * along.inner).zip(y.chunks_exact_mut(along.inner)) {
        y.copy_from_slice(&x[..along.inner]);
        for row in x.chunks_exact(along.inner).skip(1) {
            y.iter_mut().zip(row).for_each(|(y, &v)| *y = better::<T, LARGEST>(*y, v));
        }
    }
    if has_nan(x) {
        let place = |k: usize| k / (along.len * along.inner) * along.inner + k % along.inner;
        x.iter().enumerate().filter(|&(_, &v)| is_nan(v)).for_each(|(k, &v)| y[place(k)] = v);
    }
}

fn is_nan<T: Scalar>(v: T) -> bool {
    crate::op::Real::ne(v, v)
}

fn has_nan<T: Scalar>(x: &[T]) -> bool {
    x.iter().fold(false, |any, &v| any | is_nan(v))
}

/// That of a long row.
fn extreme_of<T: Scalar, const LARGEST: bool>(row: &[T]) -> T {
    // NaN is looked for while a part is in the cache.
    const PART: usize = 128 * LANES;
    let fold = |row: &[T], first: T| row.iter().fold(first, |best, &v| better::<T, LARGEST>(best, v));
    let mut best = [row[0]; LANES];
    for part in row.chunks(PART) {
        let (chunks, rest) = part.as_chunks::<LANES>();
        for chunk in chunks {
            best.iter_mut().zip(chunk).for_each(|(best, &v)| *best = better::<T, LARGEST>(*best, v));
        }
        best[0] = fold(rest, best[0]);
        if has_nan(part) {
            return row.iter().copied().rfind(|&v| is_nan(v)).expect("there is one");
        }
    }
    let found = fold(&best, best[0]);
    // Of zeros of both signs the first counts.
    if found == T::default() { row.iter().copied().find(|&v| v == found).unwrap_or(found) } else { found }
}

/// The same over the axes whose stride in the result is 0, wherever they are.
pub(super) fn extreme_over<T: Scalar>(x: &[T], lengths: &[usize], to: &Strided, largest: bool, y: &mut [T]) {
    if x.is_empty() {
        return extreme(x, Along { outer: 0, len: 0, inner: 0 }, largest, y);
    }
    let mut index = [0usize; MAX_RANK];
    let mut at = 0isize;
    for &v in x {
        let first = index[..lengths.len()].iter().zip(&to.strides).all(|(&i, &stride)| stride != 0 || i == 0);
        let best = &mut y[at as usize];
        if first || crate::op::Real::ne(v, v) {
            *best = v;
        } else if !crate::op::Real::ne(*best, *best) {
            *best = if largest { better::<T, true>(*best, v) } else { better::<T, false>(*best, v) };
        }
        for k in (0..lengths.len()).rev() {
            index[k] += 1;
            at += to.strides[k];
            if index[k] < lengths[k] {
                break;
            }
            at -= to.strides[k] * lengths[k] as isize;
            index[k] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn copies_of_any_length_are_whole() {
        for len in (0..40).chain([255, 256, 257, 600]) {
            let x: Vec<usize> = (1..=len).collect();
            let mut y = vec![0; len + 2];
            copy(&x, &mut y[1..=len]);
            assert_eq!((&y[1..=len], y[0], y[len + 1]), (&x[..], 0, 0));
        }
    }
}
